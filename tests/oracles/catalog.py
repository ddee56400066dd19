"""Count every published model a second time, with the transformers library: catalog_counts.csv.

Each architecture of the catalog is built on torch's meta device, which allocates no numbers, and
its distinct parameters are added up: from the columns of its row by a function for its family, or
by the library alone from its fields in data/configs.json. Nothing is downloaded. The two rows that
are not transformer stacks (U-Net and VAE of Stable Diffusion) were counted with the diffusers
library once and are carried over as they are.

``make oracle`` runs it, in an environment of its own: tests/oracles/requirements.txt.
"""

import csv
import json
from collections import Counter
from pathlib import Path

import torch
import transformers as tf
from paramlab import catalog
from paramlab.config import ModelConfig

COUNTS = Path(__file__).parent / "catalog_counts.csv"
CONFIGS = json.loads(
    (Path(catalog.__file__).parent / "data/configs.json").read_text(encoding="utf-8")
)
COLUMNS = (
    "slug", "total", "active", "bias", "norm", "token_embedding", "position", "head", "builder",
)  # fmt: skip


# ------------------------------------------------------------------ one function per architecture


def _gpt1(c: ModelConfig):
    return tf.OpenAIGPTConfig(
        n_layer=c.n_layers, n_embd=c.d_model, n_head=c.n_heads, n_positions=c.n_position_rows,
        vocab_size=c.vocab_size,
    )  # fmt: skip


def _gpt2(c: ModelConfig):
    return tf.GPT2Config(
        n_layer=c.n_layers, n_embd=c.d_model, n_head=c.n_heads, n_inner=c.d_ff,
        n_positions=c.n_position_rows, vocab_size=c.vocab_size,
    )  # fmt: skip


def _transformer_2017(c: ModelConfig):
    """Return the model itself, from torch's own layers; transformers has no class for it."""
    sizes = (c.d_model, c.n_heads, c.d_ff)
    return torch.nn.Sequential(
        torch.nn.Embedding(c.vocab_size, c.d_model),
        *[torch.nn.TransformerEncoderLayer(*sizes) for _ in range(c.n_encoder_layers)],
        *[torch.nn.TransformerDecoderLayer(*sizes) for _ in range(c.n_layers)],
    )


def _palm(c: ModelConfig):
    """Return the model itself, from torch's own layers; transformers has no class for it."""

    def block():
        heads = c.n_heads * c.d_head
        shapes = [(c.d_model, heads), (c.d_model, 2 * c.d_head), (heads, c.d_model)]
        shapes += [(c.d_model, c.d_ff), (c.d_model, c.d_ff), (c.d_ff, c.d_model)]
        return torch.nn.Sequential(
            torch.nn.LayerNorm(c.d_model, bias=False),
            *[torch.nn.Linear(*shape, bias=False) for shape in shapes],
        )

    return torch.nn.Sequential(
        torch.nn.Embedding(c.vocab_size, c.d_model),
        *[block() for _ in range(c.n_layers)],
        torch.nn.LayerNorm(c.d_model, bias=False),
    )


def _common(c: ModelConfig, **more):
    """Return the arguments that most configuration classes share."""
    return dict(
        num_hidden_layers=c.n_layers, hidden_size=c.d_model, num_attention_heads=c.n_heads,
        vocab_size=c.vocab_size, **more,
    )  # fmt: skip


def _bert(c: ModelConfig):
    return tf.BertModel(
        tf.BertConfig(
            **_common(c), intermediate_size=c.d_ff, max_position_embeddings=c.n_position_rows,
            type_vocab_size=c.n_segments,
        )
    )  # fmt: skip


def _clip_text(c: ModelConfig):
    return tf.CLIPTextModel(
        tf.CLIPTextConfig(
            **_common(c), intermediate_size=c.d_ff, max_position_embeddings=c.n_position_rows
        )
    )


def _t5(c: ModelConfig):
    return tf.T5ForConditionalGeneration(
        tf.T5Config(
            d_model=c.d_model, d_kv=c.d_head, num_heads=c.n_heads, d_ff=c.d_ff,
            num_layers=c.n_encoder_layers, num_decoder_layers=c.n_layers, vocab_size=c.vocab_size,
            relative_attention_num_buckets=c.n_position_rows,
        )
    )  # fmt: skip


def _gptj(c: ModelConfig):
    return tf.GPTJConfig(
        n_layer=c.n_layers, n_embd=c.d_model, n_head=c.n_heads, n_inner=c.d_ff,
        vocab_size=c.vocab_size, tie_word_embeddings=c.tied,
    )  # fmt: skip


def _neox(c: ModelConfig):
    return tf.GPTNeoXConfig(**_common(c), intermediate_size=c.d_ff, tie_word_embeddings=c.tied)


def _opt(c: ModelConfig):
    return tf.OPTConfig(
        **_common(c), ffn_dim=c.d_ff, word_embed_proj_dim=c.d_embedding,
        do_layer_norm_before=c.final_norm, max_position_embeddings=c.n_ctx,
        tie_word_embeddings=c.tied,
    )  # fmt: skip


def _bloom(c: ModelConfig):
    return tf.BloomConfig(
        n_layer=c.n_layers, hidden_size=c.d_model, n_head=c.n_heads, vocab_size=c.vocab_size
    )


def _falcon(c: ModelConfig):
    return tf.FalconConfig(
        **_common(c), num_kv_heads=c.n_kv_heads, ffn_hidden_size=c.d_ff, parallel_attn=True,
        new_decoder_architecture=c.block == "sequential", multi_query=c.block == "parallel",
        bias=c.bias_mlp,
    )  # fmt: skip


def _llama_like(config_class):
    def build(c: ModelConfig):
        return config_class(
            **_common(c), num_key_value_heads=c.n_kv_heads, head_dim=c.d_head,
            intermediate_size=c.d_ff, tie_word_embeddings=c.tied,
        )  # fmt: skip

    return build


def _phi(c: ModelConfig):
    if c.norm == "layernorm":  # Phi-2; the later ones are shaped like Llama
        return tf.PhiConfig(
            **_common(c), num_key_value_heads=c.n_kv_heads, intermediate_size=c.d_ff
        )
    return tf.Phi3Config(
        **_common(c, pad_token_id=0), num_key_value_heads=c.n_kv_heads, intermediate_size=c.d_ff
    )


def _mixtral(c: ModelConfig):
    return tf.MixtralConfig(
        **_common(c), num_key_value_heads=c.n_kv_heads, head_dim=c.d_head,
        intermediate_size=c.experts.d_ff, num_local_experts=c.experts.n_experts,
        num_experts_per_tok=c.experts.n_active,
    )  # fmt: skip


def _qwen3(c: ModelConfig):
    if c.experts is None:
        return _llama_like(tf.Qwen3Config)(c)
    return tf.Qwen3MoeConfig(
        **_common(c), num_key_value_heads=c.n_kv_heads, head_dim=c.d_head,
        moe_intermediate_size=c.experts.d_ff, num_experts=c.experts.n_experts,
        num_experts_per_tok=c.experts.n_active, mlp_only_layers=[], decoder_sparse_step=1,
        tie_word_embeddings=c.tied,
    )  # fmt: skip


def _qwen_moe(c: ModelConfig):
    return tf.Qwen2MoeConfig(
        **_common(c), num_key_value_heads=c.n_kv_heads, moe_intermediate_size=c.experts.d_ff,
        shared_expert_intermediate_size=c.experts.d_ff_shared, num_experts=c.experts.n_experts,
        num_experts_per_tok=c.experts.n_active, tie_word_embeddings=c.tied,
    )  # fmt: skip


def _deepseek(c: ModelConfig):
    third = c.experts.balancing_buffer
    n_shared, rest = divmod(c.experts.d_ff_shared, c.experts.d_ff)
    assert not rest
    return (tf.DeepseekV3Config if third else tf.DeepseekV2Config)(
        **_common(c), num_key_value_heads=c.n_heads, intermediate_size=c.d_ff,
        q_lora_rank=c.latent.d_query_latent or None, kv_lora_rank=c.latent.d_latent,
        qk_nope_head_dim=c.latent.d_nope, qk_rope_head_dim=c.latent.d_rope,
        v_head_dim=c.latent.d_value, n_routed_experts=c.experts.n_experts,
        num_experts_per_tok=c.experts.n_active, n_shared_experts=n_shared,
        moe_intermediate_size=c.experts.d_ff, first_k_dense_replace=len(c.experts.dense_layers),
        tie_word_embeddings=c.tied, n_group=1, topk_group=1,
        **{"num_mtp_layers": 0} if third else {},
    )  # fmt: skip


def _gpt_oss(c: ModelConfig):
    return tf.GptOssConfig(
        **_common(c), num_key_value_heads=c.n_kv_heads, head_dim=c.d_head,
        intermediate_size=c.experts.d_ff, num_local_experts=c.experts.n_experts,
        num_experts_per_tok=c.experts.n_active, tie_word_embeddings=c.tied,
    )  # fmt: skip


def _moe(c: ModelConfig, **more):
    """Return what configurations of experts share, under the name that most give it."""
    assert c.experts
    return dict(
        **_common(c), num_key_value_heads=c.n_kv_heads, num_experts_per_tok=c.experts.n_active,
        tie_word_embeddings=c.tied, **more,
    )  # fmt: skip


def _glm(c: ModelConfig):
    return tf.Glm4MoeConfig(
        **_moe(c), head_dim=c.d_head, intermediate_size=c.d_ff, attention_bias=c.bias_qkv,
        n_routed_experts=c.experts.n_experts, moe_intermediate_size=c.experts.d_ff,
        n_shared_experts=c.experts.d_ff_shared // c.experts.d_ff,
        first_k_dense_replace=len(c.experts.dense_layers), use_qk_norm=c.qk_norm == "head",
    )  # fmt: skip


def _minimax(c: ModelConfig):
    return tf.MiniMaxM2Config(
        **_moe(c), head_dim=c.d_head, intermediate_size=c.experts.d_ff,
        num_local_experts=c.experts.n_experts,
    )  # fmt: skip


def _llama4(c: ModelConfig):
    return tf.Llama4TextConfig(
        **_moe(c), head_dim=c.d_head, intermediate_size=c.experts.d_ff,
        intermediate_size_mlp=c.d_ff, num_local_experts=c.experts.n_experts,
        interleave_moe_layer_step=2 if c.experts.dense_layers else 1,
    )  # fmt: skip


def _ernie(c: ModelConfig):
    return tf.Ernie4_5_MoeConfig(
        **_common(c), num_key_value_heads=c.n_kv_heads, intermediate_size=c.d_ff,
        moe_num_experts=c.experts.n_experts, moe_k=c.experts.n_active,
        moe_intermediate_size=c.experts.d_ff, tie_word_embeddings=c.tied,
        moe_num_shared_experts=c.experts.d_ff_shared // c.experts.d_ff,
        moe_layer_start_index=len(c.experts.dense_layers), moe_layer_end_index=c.n_layers - 1,
    )  # fmt: skip


def _olmoe(c: ModelConfig):
    return tf.OlmoeConfig(
        **_moe(c), intermediate_size=c.experts.d_ff, num_experts=c.experts.n_experts
    )


_LLAMA = _llama_like(tf.LlamaConfig)
_QWEN2 = _llama_like(tf.Qwen2Config)
FAMILIES = {
    "GPT": _gpt1, "GPT-2": _gpt2, "GPT-3": _gpt2, "Transformer": _transformer_2017, "BERT": _bert,
    "T5": _t5, "GPT-J": _gptj, "GPT-NeoX": _neox, "Pythia": _neox, "OPT": _opt, "BLOOM": _bloom,
    "PaLM": _palm, "Falcon": _falcon, "LLaMA 1": _LLAMA, "Llama 2": _LLAMA, "Llama 3": _LLAMA,
    "Llama 3.1": _LLAMA, "Llama 3.2": _LLAMA, "TinyLlama": _LLAMA, "SmolLM2": _LLAMA,
    "Mistral": _llama_like(tf.MistralConfig), "Mixtral": _mixtral,
    "Gemma 1": _llama_like(tf.GemmaConfig), "Gemma 2": _llama_like(tf.Gemma2Config),
    "Gemma 3": _llama_like(tf.Gemma3TextConfig), "Qwen2": _QWEN2, "Qwen2.5": _QWEN2,
    "Qwen3": _qwen3, "Qwen1.5": _qwen_moe, "Phi": _phi, "DeepSeek": _deepseek,
    "gpt-oss": _gpt_oss, "GLM": _glm, "MiniMax": _minimax, "Llama 4": _llama4,
    "SmolLM3": _llama_like(tf.SmolLM3Config), "ERNIE 4.5": _ernie,
    "Seed-OSS": _llama_like(tf.SeedOssConfig), "OLMo 2": _llama_like(tf.Olmo2Config),
    "OLMoE": _olmoe, "Stable Diffusion 1.x": _clip_text,
}  # fmt: skip


# ------------------------------------------------------------------ counting


def build(model: catalog.Published) -> torch.nn.Module:
    """Build a model of the catalog without its numbers."""
    assert model.config
    with torch.device("meta"):
        if model.slug in CONFIGS:
            built = tf.AutoConfig.for_model(**CONFIGS[model.slug])
        else:
            built = FAMILIES[model.family](model.config)
        if isinstance(built, torch.nn.Module):
            return built
        return tf.AutoModelForCausalLM.from_config(built)


def count(model: torch.nn.Module) -> Counter[str]:
    """Add up the distinct parameters of a model, by what the library calls them."""
    counts: Counter[str] = Counter()
    seen = set()
    for module_name, module in model.named_modules():
        in_norm = "Norm" in type(module).__name__
        for name, parameter in module.named_parameters(recurse=False):
            if id(parameter) in seen:
                continue
            seen.add(id(parameter))
            n = parameter.numel()
            counts["total"] += n
            if in_norm:
                counts["norm"] += n
            elif name.endswith("bias"):
                counts["bias"] += n
            if isinstance(module, torch.nn.Embedding):
                positions = "pos" in module_name or "wpe" in module_name
                counts["position" if positions else "token_embedding"] += n
            if module_name.endswith(("lm_head", "embed_out")):
                counts["head"] += n
            path = f"{module_name}.{name}"
            if ".experts." in path:
                counts["experts"] += n
    return counts


def row(model: catalog.Published) -> dict[str, object]:
    """Return the line of a model."""
    assert model.config
    built = build(model)
    counts = count(built)
    cells: dict[str, object] = {column: counts[column] for column in COLUMNS}
    cells |= {"slug": model.slug, "active": "", "builder": type(built).__name__}
    if model.config.experts:
        n_experts, n_active = model.config.experts.n_experts, model.config.experts.n_active
        cells["active"] = counts["total"] - counts["experts"] // n_experts * (n_experts - n_active)
    return cells


def main() -> None:
    """Rewrite catalog_counts.csv."""
    with open(COUNTS, encoding="utf-8", newline="") as file:
        lines = csv.DictReader(line for line in file if not line.startswith("#"))
        quoted = {line["slug"]: line for line in lines}
    with open(COUNTS, "w", encoding="utf-8", newline="") as file:
        print(f"# torch {torch.__version__}, transformers {tf.__version__}", file=file)
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        for model in catalog.published():
            if model.config:
                table.writerow(row(model))
            elif model.quoted_params:
                table.writerow(quoted[model.slug])


if __name__ == "__main__":
    main()
