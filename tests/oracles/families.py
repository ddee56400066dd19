"""Build models of every family with the transformers library and count them: families.jsonl.

For each ``model_type`` that paramlab knows: the library's default, and small models with random
sizes and switches, some with fields left out, set to null, or written as older files have them.
Each is written as the library writes a config.json, read back by the library, built on torch's
meta device, which allocates no numbers, and its distinct parameters are added up. What the library
itself refuses is left out. The files of published/ are counted too. Nothing is downloaded.

    .venv-oracle/bin/python tests/oracles/families.py           rewrites families.jsonl
    .venv-oracle/bin/python tests/oracles/families.py N SEED    compares N other models a family
    .venv-oracle/bin/python tests/oracles/families.py audit     sets every field said to be harmless

With ``--only MODEL_TYPE`` each does so for one family and leaves the rest of the file as it is.
"""

import argparse
import dataclasses
import json
import random
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
import transformers as tf
from paramlab.errors import UnsupportedModel
from paramlab.files.families import everywhere, family, model_types
from paramlab.files.hugging_face import config_from_hf
from paramlab.params import count as our_count
from published import COUNTED

STORED = Path(__file__).with_name("families.jsonl")
KINDS = tuple(kind for kind in model_types() if not family(kind).remote)
N_RANDOM, SEED = 7, 20250801

# ------------------------------------------------------------------ small models by chance

HEADS = ("num_attention_heads", "n_head", "num_heads", "n_heads", "encoder_attention_heads",
         "decoder_attention_heads", "attention_heads")  # fmt: skip
WIDTHS = ("hidden_size", "n_embd", "d_model", "dim")
LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
SIZES = {  # the range of every other size that changes a count; all are drawn independently
    "intermediate_size": (3, 60), "intermediate_size_mlp": (3, 60), "n_inner": (3, 60),
    "ffn_dim": (3, 60), "ffn_hidden_size": (3, 60), "d_ff": (3, 60), "d_inner": (3, 60),
    "encoder_ffn_dim": (3, 60), "decoder_ffn_dim": (3, 60), "hidden_dim": (3, 60),
    "embedding_size": (3, 30), "intra_bottleneck_size": (12, 12), "num_hidden_groups": (1, 3),
    "inner_group_num": (1, 3), "num_feedforward_networks": (1, 4), "projection_dim": (0, 9),
    "max_source_positions": (8, 40), "max_target_positions": (8, 40), "num_mel_bins": (4, 20),
    "encoder_layers": (1, 5), "decoder_layers": (1, 5), "max_relative_positions": (-1, 30),
    "moe_intermediate_size": (3, 40), "shared_expert_intermediate_size": (3, 40),
    "shared_intermediate_size": (0, 20), "vocab_size": (20, 300),
    "max_position_embeddings": (8, 90), "n_positions": (8, 90),
    "kv_lora_rank": (2, 20), "q_lora_rank": (2, 20), "qk_nope_head_dim": (2, 10),
    "v_head_dim": (2, 12), "type_vocab_size": (1, 4), "word_embed_proj_dim": (4, 30),
    "d_kv": (2, 12), "relative_attention_num_buckets": (4, 40), "num_decoder_layers": (1, 5),
    "n_shared_experts": (1, 3), "moe_num_shared_experts": (0, 3),
    "first_k_dense_replace": (0, 4), "moe_layer_start_index": (0, 3),
    "moe_layer_interval": (1, 3), "decoder_sparse_step": (1, 3),
    "global_head_dim": (2, 8), "num_global_key_value_heads": (1, 1),
    "num_kv_shared_layers": (0, 1), "hidden_size_per_layer_input": (0, 6),
    "vocab_size_per_layer_input": (9, 40), "altup_num_inputs": (2, 4), "laurel_rank": (2, 9),
    "top_k_experts": (1, 2), "num_dense_layers": (0, 3), "num_shared_experts": (0, 3),
    "index_n_heads": (1, 4), "index_head_dim": (8, 20), "interleave_moe_layer_step": (1, 3),
    "num_ln_in_parallel_attn": (1, 2), "dff": (3, 60), "emb_dim": (24, 24), "n_langs": (1, 3),
    "max_encoder_position_embeddings": (8, 90), "max_decoder_position_embeddings": (8, 90),
    "task_type_vocab_size": (1, 4), "max_2d_position_embeddings": (8, 40), "o_groups": (2, 2),
    "o_lora_rank": (2, 9), "hc_mult": (2, 4), "share_expert_dim": (3, 40),
    "num_sliding_attention_heads": (2, 6),
}  # fmt: skip
STATE_SIZES = {  # the same for layers with a state
    "linear_num_value_heads": (1, 6), "linear_value_head_dim": (2, 9),
    "linear_conv_kernel_dim": (1, 5), "linear_num_key_heads": (1, 6), "linear_key_head_dim": (2, 9),
    "conv_kernel": (1, 5), "state_size": (2, 20), "mamba_d_state": (2, 20),
    "ssm_state_size": (2, 20), "mamba_d_conv": (1, 5), "n_groups": (1, 4), "mamba_n_groups": (1, 4),
    "time_step_rank": (1, 9), "mamba_dt_rank": (1, 9), "mamba_num_heads": (1, 6),
    "mamba_head_dim": (1, 9), "moe_latent_size": (2, 20),
    "moe_shared_expert_intermediate_size": (3, 40), "conv_L_cache": (1, 5), "conv1d_width": (1, 5),
    "block_multiple_of": (1, 16), "num_dense_layers": (0, 4), "attention_hidden_size": (4, 40),
    "context_length": (8, 90), "attention_window_size": (2, 90), "expert_layer_period": (2, 4),
    "expert_layer_offset": (0, 1), "attn_layer_period": (2, 4), "attn_layer_offset": (0, 1),
}  # fmt: skip
STATE_SWITCHES = (
    "use_conv_bias", "mamba_conv_bias", "mamba_proj_bias", "mamba_rms_norm", "projectors_bias",
    "conv_bias", "block_auto_adjust_ff_dim", "use_expert_bias",
)  # fmt: skip
EXPERTS = (
    "num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts",
)  # fmt: skip
ACTIVE = ("num_experts_per_tok", "moe_k", "moe_topk")
SWITCHES = (
    "tie_word_embeddings", "attention_bias", "attention_out_bias", "mlp_bias", "use_bias", "bias",
    "qkv_bias", "use_qkv_bias", "enable_bias", "lm_head_bias", "use_qk_norm", "qk_layernorm",
    "multi_query", "parallel_attn", "new_decoder_architecture", "alibi", "use_parallel_residual",
    "attention_k_eq_v", "enable_moe_block", "use_double_wide_mlp", "norm_bias", "classifier_bias",
    "decoder_bias", "relative_attention", "position_biased_input",
    "use_task_id", "use_lang_emb", "emb_layer_norm_before", "pre_norm", "gelu_activation",
    "do_layer_norm_before", "_remove_final_layer_norm", "layer_norm_elementwise_affine",
)  # fmt: skip
MAY_BE_LEFT_OUT = (
    *SIZES,
    *STATE_SIZES,
    *SWITCHES,
    *STATE_SWITCHES,
    "num_key_value_heads",
    "num_kv_heads",
    "vocab_size",
)
MAY_BE_NULL = ("num_key_value_heads", "num_kv_heads", "q_lora_rank", "n_inner", "ffn_hidden_size",
               "word_embed_proj_dim", "num_decoder_layers", "head_dim", "mlp_only_layers",
               "moe_layers", "moe_latent_size", "mamba_d_ssm", "layer_types", "lru_width",
               "attention_hidden_size", "linear_key_head_dim", "block_types", "full_attn_idxs",
               "attn_layer_indices", "embedding_size", "pooler_hidden_size")  # fmt: skip


def random_fields(kind: str, rng: random.Random) -> dict[str, Any]:
    """Draw the fields of a small model of a family."""
    names = {field.name for field in dataclasses.fields(tf.CONFIG_MAPPING[kind])}
    n_heads, n_layers, d_head = rng.choice((2, 4, 6)), rng.randint(1, 6), 2 * rng.randint(1, 6)
    drawn: dict[str, Any] = {name: rng.randint(*span) for name, span in SIZES.items()}
    drawn |= dict.fromkeys(HEADS, n_heads) | dict.fromkeys(LAYERS, n_layers)
    drawn |= dict.fromkeys(WIDTHS, n_heads * d_head) | dict.fromkeys(EXPERTS, rng.randint(2, 7))
    drawn |= dict.fromkeys(ACTIVE, rng.randint(1, 2))
    drawn |= {name: rng.random() < 0.5 for name in SWITCHES}
    n_kv_heads = rng.choice([k for k in range(1, n_heads + 1) if n_heads % k == 0])
    drawn |= {"num_key_value_heads": n_kv_heads, "num_kv_heads": n_kv_heads}
    drawn |= {"qk_rope_head_dim": 2 * rng.randint(1, 4), "n_group": 1, "topk_group": 1}
    drawn |= {"moe_layer_end_index": rng.choice((-1, rng.randint(0, n_layers)))}
    chosen = sorted(rng.sample(range(n_layers), rng.randint(0, n_layers)))
    drawn |= {"mlp_only_layers": chosen, "moe_layers": rng.choice((chosen, None))}
    drawn |= {"attention_types": [[["global"], n_layers]], "rotary_dim": 2}
    drawn |= {"n_ctx": drawn["n_positions"], "pad_token_id": 0}
    drawn |= {"feed_forward_proj": rng.choice(("relu", "gated-gelu", "gated-silu"))}
    drawn |= _states(kind, rng, n_heads, d_head, n_layers)
    if kind in ("deepseek_v4", "mimo_v2_flash", "step3p5"):
        drawn |= {"layer_types": rng.choices([*family(kind).kinds], k=n_layers)}
    only = family(kind).only
    fields = {
        name: value for name, value in drawn.items()
        if name in names and value in only.get(name, (value,))
    }  # fmt: skip
    if {"masked_head", "t5"} & {*family(kind).finish}:  # which reuse the table, whatever is said
        fields.pop("tie_word_embeddings", None)
    classes = [name for name in family(kind).by_class if hasattr(tf, name)]
    if classes and rng.random() < 0.3:
        fields["architectures"] = [rng.choice(classes)]
        if rng.random() < 0.5:
            fields["id2label"] = {str(i): "x" for i in range(rng.randint(1, 4))}
    width = family(kind).reads.get("d_head")  # None: always D / N
    free = width is not None and width.names[0] == "head_dim"
    if free and (rng.random() < 0.5 or "hunyuan" in kind):
        fields["head_dim"] = 2 * rng.randint(1, 8)
    for name in sorted(fields):
        if name in MAY_BE_LEFT_OUT and rng.random() < 0.04:
            del fields[name]
        elif name in MAY_BE_NULL and rng.random() < 0.1:
            fields[name] = None
    return {"model_type": kind} | fields


def _states(
    kind: str, rng: random.Random, n_heads: int, d_head: int, n_layers: int
) -> dict[str, Any]:
    """Draw the widths of layers with a state, and which layers these are."""
    if not family(kind).style.get("state.kind"):
        return {}
    drawn: dict[str, Any] = {name: rng.randint(*span) for name, span in STATE_SIZES.items()}
    drawn |= {name: rng.random() < 0.5 for name in STATE_SWITCHES}
    expand, own = rng.randint(1, 3), rng.choice((n_heads, 2 * n_heads))
    modern = [name for name in family(kind).kinds if name not in ("mamba", "attention", *"ME*-")]
    kinds = rng.choices(modern or ["full_attention"], k=n_layers)
    named = sorted(rng.sample(range(n_layers), rng.randint(0, n_layers)))
    by_head = kind == "falcon_h1"
    if kind in ("nemotron_h", "kimi_linear"):  # the library never ties them
        drawn |= {"tie_word_embeddings": False}
    if kind == "mamba2":
        drawn |= {"num_heads": n_heads, "head_dim": expand * d_head}
    return drawn | {
        "expand": expand, "mamba_expand": expand, "mamba_d_ssm": own * rng.randint(1, 5),
        "mamba_n_heads": own if by_head else n_heads,
        "mamba_d_head": "auto" if rng.random() < 0.5 or by_head else expand * d_head,
        "layer_types": kinds, "layers_block_type": kinds, "full_attn_idxs": named,
        "attn_layer_indices": named, "lru_width": own * rng.randint(1, 9),
        "block_types": rng.choices(("recurrent", "attention"), k=rng.randint(1, 4)),
        "block_ffn_dim_multiplier": rng.choice((0.5, 1.0, 1.3)),
        "position_embedding_type": rng.choice(("rope", None)),
        "time_step_rank": rng.choice(("auto", rng.randint(1, 9))),
        "mamba_dt_rank": rng.choice(("auto", rng.randint(1, 9))),
    }  # fmt: skip


# ------------------------------------------------------------------ counting


def read(fields: dict[str, Any]) -> tf.PretrainedConfig:
    """Read fields as the library reads a config.json."""
    return tf.CONFIG_MAPPING[fields["model_type"]].from_dict(json.loads(json.dumps(fields)))


def build(config: tf.PretrainedConfig) -> torch.nn.Module:
    """Build the language model of a configuration without its numbers."""
    known = [name for name in family(config.model_type).classes if hasattr(tf, name)]
    if not known:
        return _inside_a_whole(config)
    named = getattr(tf, (config.architectures or known)[0], getattr(tf, known[0]))
    with torch.device("meta"):
        return named(config)


def _inside_a_whole(config: tf.PretrainedConfig) -> torch.nn.Module:
    """Build a language model that the library has beside other models only, and take it out."""
    kind = {"step3p5": "step3p7"}[config.model_type]
    text = json.loads(config.to_json_string(use_diff=False))
    with torch.device("meta"):
        whole = tf.AutoModelForImageTextToText.from_config(
            tf.CONFIG_MAPPING[kind](
                text_config=text, tie_word_embeddings=text["tie_word_embeddings"]
            )
        )
    for name, _ in [*whole.model.named_children()]:
        if name != "language_model":
            delattr(whole.model, name)
    return whole


POSITIONS = ("position", "pos_embedding")


def count(model: torch.nn.Module) -> dict[str, int]:
    """Add up the distinct parameters of a model, by what the library calls them."""
    counts = dict.fromkeys(("total", "bias", "norm", "embedding", "position", "buffers"), 0)
    seen = set()
    tables_first = sorted(
        model.named_modules(), key=lambda named: not isinstance(named[1], torch.nn.Embedding)
    )
    for path, module in tables_first:
        for name, parameter in module.named_parameters(recurse=False):
            if id(parameter) in seen:
                continue
            seen.add(id(parameter))
            counts["total"] += parameter.numel()
            if "Norm" in type(module).__name__.replace("PreLayerNorm", ""):
                counts["norm"] += parameter.numel()
            elif name.endswith("bias"):
                counts["bias"] += parameter.numel()
            elif any(part in (path if name == "embedding" else name) for part in POSITIONS):
                counts["position"] += parameter.numel()
            elif isinstance(module, torch.nn.Embedding):
                position = any(part in path for part in ("pos", "wpe", "relative"))
                counts["position" if position else "embedding"] += parameter.numel()
        for name, buffer in module.named_buffers(recurse=False):
            if name in ("e_score_correction_bias", "expert_bias"):  # others hold masks and angles
                counts["buffers"] += buffer.numel()
    return counts


# ------------------------------------------------------------------ writing and comparing


def cases(kind: str, n: int, seed: int) -> Iterator[tuple[dict[str, Any], dict[str, int]]]:
    """Yield fields and counts: the default as written in full, then random models."""
    rng = random.Random(f"{kind} {seed}")
    for i in range(-1, 20 * n):
        fields = random_fields(kind, rng) if i >= 0 else {"model_type": kind}
        try:
            config = read(fields)
            if i < 0 or rng.random() < 0.15:
                fields = json.loads(config.to_json_string(use_diff=False))
            elif rng.random() < 0.5:
                fields = json.loads(config.to_json_string(use_diff=True))
            counts = count(build(read(fields)))
        except Exception:  # sizes that the library refuses to build
            continue
        yield fields, counts
        n -= i >= 0
        if not n:
            return


def compare(kinds: Iterable[str], n: int, seed: int) -> int:
    """Compare n other models of each family with our counts and print where they differ."""
    wrong = refused = total = 0
    for kind in kinds:
        built = list(cases(kind, n, seed))
        if len(built) == n:
            print(f"{kind}: its default is not built: list it in NO_DEFAULT of test_families.py")
        for name in sorted(family(kind).by_class):
            if not hasattr(tf, name):
                print(f"{kind}: the library has no {name}: name the family in not_in of its class")
        for fields, counts in built:
            total += 1
            try:
                ours = our_count(config_from_hf(fields))
            except UnsupportedModel as error:
                refused += 1
                print(f"{kind}: refused: {error}")
                continue
            mine = {
                "total": ours.total, "bias": ours.bias, "norm": ours.norm,
                "embedding": ours.by_role["embedding"], "position": ours.by_role["position"],
                "buffers": ours.buffers,
            }  # fmt: skip
            if mine != counts:
                wrong += 1
                print(f"{kind}: WRONG\n  ours   {mine}\n  theirs {counts}\n  {json.dumps(fields)}")
    print(f"{total} models: {total - wrong - refused} exact, {refused} refused, {wrong} wrong")
    return wrong


def audit(kinds: Iterable[str]) -> int:
    """Set every field that the table calls harmless, and print those that change a count."""
    wrong = tried = 0
    values = (True, False, 3, 0.5, "x", [1], {"a": 1})
    read_here = {"model_type", "architectures", "quantization_config", "quantization",
                 "dtype", "torch_dtype"}  # fmt: skip
    for kind in kinds:
        *_, (fields, counts) = cases(kind, 1, SEED)
        row = family(kind)
        names = {field.name for field in dataclasses.fields(tf.CONFIG_MAPPING[kind])}
        ended = {name for name in names if name.endswith(everywhere().harmless_endings)}
        harmless = everywhere().harmless | row.harmless | ended
        for name in sorted(harmless - row.names_read - read_here):
            for value in values:
                tried += 1
                try:
                    changed = count(build(read(fields | {name: value})))
                except Exception:  # a value that the library refuses
                    continue
                if changed != counts:
                    wrong += 1
                    print(f"{kind}: {name} = {value!r} gives {changed}, not {counts}")
    print(f"{tried} settings of fields said to be harmless: {wrong} change a count")
    return wrong


def rows(kind: str) -> Iterator[list[Any]]:
    """Yield what is stored of one family: written models, then published ones, with counts."""
    for fields, counts in cases(kind, N_RANDOM, SEED):
        yield [fields, counts]
    for name, fields in COUNTED.items():
        if fields["model_type"] == kind:
            yield [name, count(build(read(fields)))]


def store(path: Path, kinds: Iterable[str], rows: Callable[[str], Iterable[list[Any]]]) -> None:
    """Write the rows of these families to a file, and keep those of the others as they are."""
    kept = path.read_text(encoding="utf-8").splitlines()
    versions = json.dumps({"torch": torch.__version__, "transformers": tf.__version__})
    if kinds != KINDS and versions != kept[0]:
        raise SystemExit(f"the other families were counted by {kept[0]}, this is {versions}")
    stored: dict[str, list[str]] = {}
    for line in kept[1:]:
        first = json.loads(line)[0]
        kind = (COUNTED[first] if isinstance(first, str) else first)["model_type"]
        stored.setdefault(kind, []).append(line)
    for kind in kinds:
        stored[kind] = [json.dumps(row, separators=(",", ":")) for row in rows(kind)]
    lines = [versions, *(line for kind in KINDS for line in stored.get(kind, []))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def arguments(*more: str) -> argparse.Namespace:
    """Read the command line: ``--only``, and what else this script knows."""
    parser = argparse.ArgumentParser(description="see the first lines of this file")
    parser.add_argument("--only", choices=KINDS, metavar="MODEL_TYPE")
    for name in more:
        parser.add_argument(name, nargs="?")
    options = parser.parse_args()
    options.kinds = (options.only,) if options.only else KINDS
    return options


def main() -> int:
    """Rewrite families.jsonl, compare other models, or audit the harmless fields."""
    warnings.simplefilter("ignore")
    tf.logging.set_verbosity_error()
    options = arguments("n", "seed")
    if options.n == "audit":
        return audit(options.kinds)
    if options.n:
        return compare(options.kinds, int(options.n), int(options.seed or SEED))
    store(STORED, options.kinds, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
