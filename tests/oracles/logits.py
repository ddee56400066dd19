"""Ask transformers for the logits of small random models of every style, and store them.

``make oracle`` runs it, in an environment of its own: tests/oracles/requirements.txt.

It writes logits.json beside itself. The weights are not stored: they are drawn from a seed by
NumPy (tests/random_models.py), here and in the test alike, and copied into the library's model
under the library's names. Every array must find its place, and every place must be filled.
"""

import json
import re
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
import transformers as tf
from paramlab.files.hugging_face import config_from_hf
from paramlab.tree import flatten

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from random_models import random_params  # noqa: E402 - the tests are not a package

OUTPUT = HERE / "logits.json"
SEED, N_TOKENS, N_TEXTS = 20261122, 14, 2

# ------------------------------------------------------------------ the models

SIZES = {
    "vocab_size": 37, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32,
}  # fmt: skip
GEMMA = {"head_dim": 8, "hidden_activation": "gelu_pytorch_tanh"}
# Gemma 3 turns local and global layers at different speeds, and scales its queries by a number of
# its own; forward has one speed and the root of the head's width.
ONE_SPEED = {"rope_type": "default", "rope_theta": 10000.0}
CONFIGS = {
    "gpt2": {
        "model_type": "gpt2", "vocab_size": 37, "n_embd": 24, "n_layer": 3, "n_head": 4,
        "n_positions": 32, "layer_norm_epsilon": 1e-3,
    },
    "llama": {"model_type": "llama", **SIZES, "rms_norm_eps": 1e-3, "tie_word_embeddings": False},
    "llama with biases": {
        "model_type": "llama", **SIZES, "attention_bias": True, "mlp_bias": True, "head_dim": 10,
    },
    "qwen2": {"model_type": "qwen2", **SIZES, "tie_word_embeddings": True},
    "qwen3": {"model_type": "qwen3", **SIZES, "head_dim": 8, "tie_word_embeddings": True},
    "gemma": {"model_type": "gemma", **SIZES, **GEMMA},
    "gemma3": {
        "model_type": "gemma3_text", **SIZES, **GEMMA, "sliding_window": 4,
        "query_pre_attn_scalar": 8, "layer_types":
        ["sliding_attention", "full_attention", "sliding_attention"],
        "rope_parameters": {"sliding_attention": ONE_SPEED, "full_attention": ONE_SPEED},
    },
    "mistral": {"model_type": "mistral", **SIZES, "head_dim": 6, "sliding_window": 5},
    "mixtral": {
        "model_type": "mixtral", **SIZES, "num_local_experts": 5, "num_experts_per_tok": 2,
        "sliding_window": None,
    },
    "bloom": {
        "model_type": "bloom", "vocab_size": 37, "hidden_size": 24, "n_layer": 3, "n_head": 6,
    },
    "falcon": {  # one norm for both halves; its own gelu is the exact one
        "model_type": "falcon", "vocab_size": 37, "hidden_size": 24, "num_hidden_layers": 3,
        "num_attention_heads": 4, "activation": "relu", "max_position_embeddings": 32,
    },
    "position interpolation": {
        "model_type": "llama", **SIZES,
        "rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0},
    },
}  # fmt: skip
# What forward has to know and config_from_hf does not read: fields of ModelConfig.
ALSO = {"position interpolation": {"position_scale": 1 / 4}}

# ------------------------------------------------------------------ our names to theirs

LLAMA = {
    "embedding.tokens": "model.embed_tokens.weight",
    "blocks": "model.layers",
    "attention_norm": "input_layernorm",
    "attention_post_norm": "post_attention_layernorm",
    "mlp_norm": "post_attention_layernorm",
    "mlp_post_norm": "post_feedforward_layernorm",
    **{f"attention.{x}": f"self_attn.{x}_proj" for x in "qkvo"},
    **{f"attention.{x}_norm": f"self_attn.{x}_norm" for x in "qk"},
    **{f"mlp.{x}": f"mlp.{x}_proj" for x in ("gate", "up", "down")},
    "final_norm": "model.norm",
    "head": "lm_head",
    "mlp.router": "mlp.gate",
    "gain": "weight",
}
GPT2 = {
    "embedding.tokens": "transformer.wte.weight",
    "embedding.positions": "transformer.wpe.weight",
    "blocks": "transformer.h",
    "attention_norm": "ln_1",
    "attention.qkv": "attn.c_attn",
    "attention.o": "attn.c_proj",
    "mlp_norm": "ln_2",
    "mlp.up": "mlp.c_fc",
    "mlp.down": "mlp.c_proj",
    "final_norm": "transformer.ln_f",
    "gain": "weight",
}
BLOOM = {
    "embedding.tokens": "transformer.word_embeddings.weight",
    "embedding.norm": "transformer.word_embeddings_layernorm",
    "blocks": "transformer.h",
    "attention_norm": "input_layernorm",
    "attention.qkv": "self_attention.query_key_value",
    "attention.o": "self_attention.dense",
    "mlp_norm": "post_attention_layernorm",
    "mlp.up": "mlp.dense_h_to_4h",
    "mlp.down": "mlp.dense_4h_to_h",
    "final_norm": "transformer.ln_f",
    "gain": "weight",
}
NAMES = {"gpt2": GPT2, "bloom": BLOOM, "falcon": BLOOM | {"norm": "input_layernorm"}}


def translated(name: str, model_type: str) -> str:
    """Return the library's name of an array."""
    names = NAMES.get(model_type, LLAMA)
    if model_type.startswith("gemma3"):  # its four norms have names of their own
        names = names | {"mlp_norm": "pre_feedforward_layernorm"}
    parts = sorted(names, key=len, reverse=True)
    pattern = r"(?<![^.])(" + "|".join(map(re.escape, parts)) + r")(?![^.])"
    return re.sub(pattern, lambda match: names[match[0]], name)


def state(arrays: dict[str, np.ndarray], model_type: str, n_heads: int) -> dict[str, torch.Tensor]:
    """Arrange our arrays as the library's model holds them."""
    arrays = dict(arrays)
    for name in [name for name in arrays if ".attention.q." in name]:
        if model_type in NAMES:  # one map for queries, keys and values
            q, k, v = (arrays.pop(name.replace(".q.", f".{x}.")) for x in "qkv")
            if model_type == "bloom":  # head by head: its query, its key, its value
                heads = [x.reshape(*x.shape[:-1], n_heads, -1) for x in (q, k, v)]
                joined = np.stack(heads, axis=-2).reshape(*q.shape[:-1], -1)
            else:
                joined = np.concatenate((q, k, v), axis=-1)
            arrays[name.replace(".q.", ".qkv.")] = joined
    for name in [name for name in arrays if ".experts.gate." in name]:
        gate, up = arrays.pop(name), arrays.pop(name.replace("gate", "up"))
        down = arrays.pop(name.replace("gate", "down"))
        stem = name.partition(".gate.")[0]
        arrays[stem + ".gate_up_proj"] = np.concatenate((gate, up), axis=-1).swapaxes(1, 2)
        arrays[stem + ".down_proj"] = down.swapaxes(1, 2)
    result = {}
    for name, array in arrays.items():
        # GPT-2's file format keeps (d_in, d_out), as here; all others keep one row per output.
        turned = name.endswith(".weight") and array.ndim == 2 and model_type != "gpt2"
        tensor = torch.from_numpy((array.T if turned else array).copy())
        result[translated(name, model_type)] = tensor
    return result


# ------------------------------------------------------------------ the logits


def logits_of(fields: dict[str, object], tokens: np.ndarray) -> np.ndarray:
    """Build the library's model with our numbers and run it: (B, T) tokens to (B, T, V)."""
    options = dict(fields)
    kind = options.pop("model_type")
    theirs = tf.AutoConfig.for_model(kind, **options)
    model = tf.AutoModelForCausalLM.from_config(
        theirs, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    ours = config_from_hf(fields)
    loaded = state(flatten(random_params(ours, SEED)), kind, ours.n_heads)
    absent = model.load_state_dict(loaded, strict=False)
    tied = ["lm_head.weight"] if ours.tied else []
    assert absent.missing_keys == tied and not absent.unexpected_keys, (kind, absent)
    with torch.no_grad():
        return model(torch.from_numpy(tokens), use_cache=False).logits.numpy()


def main() -> None:
    """Compute everything and write it."""
    tokens = np.random.default_rng(SEED).integers(0, 37, (N_TEXTS, N_TOKENS))
    styles = {}
    for name, fields in CONFIGS.items():
        logits = logits_of(fields, tokens)
        rounded = [[[float(f"{x:.7g}") for x in row] for row in text] for text in logits.tolist()]
        styles[name] = {"config": fields, "also": ALSO.get(name, {}), "logits": rounded}
        print(f"{name:22} logits of size {np.abs(logits).mean():.3f}")
    head = {
        "versions": {library: version(library) for library in ("torch", "transformers")},
        "seed": SEED, "tokens": tokens.tolist(),
    }  # fmt: skip
    lines = [f"{json.dumps(name)}: {json.dumps(style)}" for name, style in styles.items()]
    first = json.dumps(head)[1:-1]
    OUTPUT.write_text(f'{{{first}, "styles": {{\n' + ",\n".join(lines) + "\n}}\n")


if __name__ == "__main__":
    main()
