"""Write config.json files as transformers writes them, and count their models: configs/.

``make oracle`` runs it, in an environment of its own: tests/oracles/requirements.txt.
"""

import csv
import json
from pathlib import Path

import torch
import transformers as tf

FOLDER = Path(__file__).parent / "configs"

# As files on the hub look: written by older versions, with fields that have gone since.
PUBLISHED = {
    "gpt2-2019": {
        "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"],
        "attn_pdrop": 0.1, "bos_token_id": 50256, "embd_pdrop": 0.1, "eos_token_id": 50256,
        "initializer_range": 0.02, "layer_norm_epsilon": 1e-05, "model_type": "gpt2",
        "n_ctx": 1024, "n_embd": 1024, "n_head": 16, "n_layer": 24, "n_positions": 1024,
        "n_special": 0, "predict_special_tokens": True, "resid_pdrop": 0.1,
        "summary_activation": None, "summary_first_dropout": 0.1, "summary_proj_to_labels": True,
        "summary_type": "cls_index", "summary_use_proj": True,
        "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
        "vocab_size": 50257,
    },
    "gpt2-hardly-anything": {"model_type": "gpt2", "n_embd": 96, "n_head": 4},
    "gpt2-other-names": {
        "model_type": "gpt2", "hidden_size": 64, "num_attention_heads": 2,
        "num_hidden_layers": 3, "max_position_embeddings": 32, "vocab_size": 100,
    },
    "llama-hardly-anything": {"model_type": "llama", "hidden_size": 256},
    "llama3.1-8b": {
        "architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
        "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009], "hidden_act": "silu",
        "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 14336,
        "max_position_embeddings": 131072, "mlp_bias": False, "model_type": "llama",
        "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
        "pretraining_tp": 1, "rms_norm_eps": 1e-05,
        "rope_scaling": {
            "factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192, "rope_type": "llama3",
        },
        "rope_theta": 500000.0, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
        "transformers_version": "4.43.0.dev0", "use_cache": True, "vocab_size": 128256,
    },
    "smollm2-135m": {
        "architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
        "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 576,
        "initializer_range": 0.041666666666666664, "intermediate_size": 1536,
        "is_llama_config": True, "max_position_embeddings": 8192, "mlp_bias": False,
        "model_type": "llama", "num_attention_heads": 9, "num_hidden_layers": 30,
        "num_key_value_heads": 3, "pad_token_id": 2, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
        "rope_interleaved": False, "rope_scaling": None, "rope_theta": 100000,
        "tie_word_embeddings": True, "torch_dtype": "bfloat16",
        "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16", "fp16": "float16"}},
        "transformers_version": "4.42.3", "use_cache": True, "vocab_size": 49152,
    },
}  # fmt: skip

# As the installed version writes them.
WRITTEN = {
    "gpt2-small": tf.GPT2Config(),
    "gpt2-untied": tf.GPT2Config(
        n_embd=48, n_head=3, n_layer=2, n_inner=100, vocab_size=77, n_positions=20,
        tie_word_embeddings=False,
    ),
    "llama-7b": tf.LlamaConfig(),
    "llama-grouped-queries": tf.LlamaConfig(
        hidden_size=128, num_attention_heads=8, num_key_value_heads=2, num_hidden_layers=3,
        intermediate_size=352, vocab_size=320,
    ),
    "llama-biases": tf.LlamaConfig(
        hidden_size=64, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=2,
        intermediate_size=96, vocab_size=128, attention_bias=True, mlp_bias=True,
    ),
    "llama-wide-heads-tied": tf.LlamaConfig(
        hidden_size=64, num_attention_heads=4, num_key_value_heads=1, head_dim=40,
        num_hidden_layers=2, intermediate_size=96, vocab_size=128, tie_word_embeddings=True,
    ),
}  # fmt: skip


def count(config: tf.PretrainedConfig) -> int:
    """Add up the distinct parameters of the model, built without its numbers."""
    with torch.device("meta"):
        model = tf.AutoModelForCausalLM.from_config(config)
    return sum(parameter.numel() for parameter in model.parameters())


def main() -> None:
    """Rewrite the folder."""
    FOLDER.mkdir(exist_ok=True)
    rows = []
    for name, fields in PUBLISHED.items():
        config_class = {"gpt2": tf.GPT2Config, "llama": tf.LlamaConfig}[fields["model_type"]]
        rows.append((name, fields, count(config_class.from_dict(dict(fields)))))
    for name, config in WRITTEN.items():
        rows.append((name, config.to_dict(), count(config)))
    for name, fields, _ in rows:
        (FOLDER / f"{name}.json").write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
    with open(FOLDER / "counts.csv", "w", encoding="utf-8", newline="") as file:
        print(f"# torch {torch.__version__}, transformers {tf.__version__}", file=file)
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("config", "total"))
        table.writerows((name, total) for name, _, total in rows)


if __name__ == "__main__":
    main()
