"""Ask the transformers library what layers that look back in several ways multiply and keep.

``make oracle`` runs it, in an environment of its own: tests/oracles/requirements.txt.

It writes lookbacks.jsonl beside itself: small random configurations, with the FLOPs that
``torch.utils.flop_counter`` sees in a pass without a cache, and the numbers that the library's
cache holds after the same tokens, read in two passes.
"""

import json
import random
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache

OUTPUT = Path(__file__).with_suffix(".jsonl")
KINDS = ("gemma3n_text", "gemma4_text", "deepseek_v32", "glm_moe_dsa", "deepseek_v4")
LENGTHS = (3, 16, 37)
OF_EACH = 4


def random_fields(kind: str, rng: random.Random) -> dict:
    """Draw the fields of a small model."""
    n_layers = rng.randint(6, 9)
    fields = {
        "model_type": kind, "num_hidden_layers": n_layers, "hidden_size": 8 * rng.randint(2, 4),
        "vocab_size": 64, "num_attention_heads": 4, "max_position_embeddings": 64,
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip
    if kind.startswith("gemma"):
        kinds = ["sliding_attention", "full_attention"] * n_layers
        fields |= {
            "num_key_value_heads": rng.choice((1, 2)), "head_dim": 8 * rng.randint(1, 2),
            "intermediate_size": 24, "sliding_window": rng.choice((5, 12)),
            "hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": 64,
            "num_kv_shared_layers": rng.choice((0, n_layers - 3)),
            "layer_types": kinds[: n_layers - 1] + ["full_attention"],
        }  # fmt: skip
        if kind == "gemma3n_text":
            fields |= {"laurel_rank": 6, "altup_num_inputs": rng.randint(2, 4),
                       "activation_sparsity_pattern": [0.0] * n_layers}  # fmt: skip
        else:
            fields |= {"global_head_dim": 24, "attention_k_eq_v": rng.random() < 0.5,
                       "use_double_wide_mlp": rng.random() < 0.5}  # fmt: skip
            if rng.random() < 0.5:
                fields |= {"enable_moe_block": True, "num_experts": 6, "top_k_experts": 2,
                           "moe_intermediate_size": 12}  # fmt: skip
        return fields
    fields |= {"q_lora_rank": 16, "index_n_heads": rng.randint(2, 4), "index_head_dim": 16,
               "index_topk": rng.choice((2, 10)), "n_routed_experts": 8, "num_experts_per_tok": 2,
               "moe_intermediate_size": 12, "n_shared_experts": 1}  # fmt: skip
    if kind == "deepseek_v4":
        ratios = [rng.choice((0, 4, 128)) for _ in range(n_layers)]
        return fields | {
            "head_dim": 16, "qk_rope_head_dim": 8, "o_groups": 2, "o_lora_rank": 8, "hc_mult": 3,
            "compress_ratios": ratios, "compress_rate_hca": rng.choice((8, 16)),
            "sliding_window": rng.choice((5, 12)),
        }  # fmt: skip
    fields |= {"kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 12,
               "intermediate_size": 24, "num_key_value_heads": 4, "n_group": 1, "topk_group": 1,
               "first_k_dense_replace": 1}  # fmt: skip
    if kind == "glm_moe_dsa":
        fields["index_topk_freq"] = rng.randint(1, 3)
    return fields


def numbers_in(cache: DynamicCache) -> int:
    """Add up the numbers that a cache holds; a tensor that is there under two names once."""
    tensors = {}
    for layer in cache.layers:
        for value in vars(layer).values():
            for each in value.values() if isinstance(value, dict) else [value]:
                if isinstance(each, torch.Tensor) and each.is_floating_point():
                    tensors[id(each)] = each
    return sum(tensor.numel() for tensor in tensors.values())


def measured(fields: dict, n_tokens: int) -> dict[str, int]:
    """Return what a model of these fields multiplies, and what its cache holds."""
    settings = {name: value for name, value in fields.items() if name != "model_type"}
    config = AutoConfig.for_model(fields["model_type"], **settings)
    config._attn_implementation = "eager"
    config._experts_implementation = "eager"
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    tokens = torch.arange(n_tokens)[None] % 60 + 3
    with torch.no_grad():
        with FlopCounterMode(display=False) as counter:
            model(tokens, use_cache=False)
        cache = DynamicCache(config=config)
        for piece in (tokens[:, : n_tokens // 2], tokens[:, n_tokens // 2 :]):
            model(piece, past_key_values=cache, use_cache=True)
    return {"flops": counter.get_total_flops(), "kept": numbers_in(cache)}


def main() -> None:
    """Draw, measure and write."""
    rng = random.Random(1)
    lines = [{"versions": {name: version(name) for name in ("torch", "transformers")}}]
    for kind in KINDS:
        for _ in range(OF_EACH):
            fields = random_fields(kind, rng)
            lines.append([fields, {n: measured(fields, n) for n in LENGTHS}])
    OUTPUT.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    print(f"wrote {OUTPUT}: {len(lines) - 1} models", file=sys.stderr)


if __name__ == "__main__":
    main()
