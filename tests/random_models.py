"""Small models of every style with random numbers, for the tests and tests/oracles/logits.py."""

import numpy as np
from paramlab.config import Experts, ModelConfig
from paramlab.params import shapes
from paramlab.tree import nest

SIZES = {"n_layers": 2, "d_model": 32, "n_heads": 4, "d_ff": 48, "vocab_size": 61, "n_ctx": 20}
UNBIASED = {"bias_qkv": False, "bias_o": False, "bias_mlp": False}
LLAMA = UNBIASED | {
    "positions": "rope", "norm": "rmsnorm", "activation": "silu", "gated_mlp": True,
    "n_kv_heads": 2,
}  # fmt: skip
STYLES = {
    name: ModelConfig(**SIZES | fields)
    for name, fields in {
        "gpt2": {},
        "llama": LLAMA,
        "qwen2": LLAMA | {"bias_qkv": True, "tied": False},
        "qwen3": LLAMA | {"qk_norm": "head", "d_head": 12},
        "gemma": LLAMA | {"activation": "gelu", "embedding_scale": True},
        "gemma3": LLAMA
        | {"block": "sandwich", "qk_norm": "head", "window": 4}
        | {"local_layers": (0,)},
        "mistral": LLAMA | {"window": 5},
        "mixtral": LLAMA | {"experts": Experts(n_experts=4, n_active=2, d_ff=24)},
        "one dense layer": LLAMA
        | {"experts": Experts(n_experts=3, n_active=2, d_ff=24, dense_layers=(0,), bias=True)},
        "bloom": {"positions": "alibi", "embedding_norm": True},
        "mpt": UNBIASED | {"positions": "alibi", "norm": "layernorm_gain", "n_heads": 2},
        "alibi in a window": {"positions": "alibi", "window": 6},
        "parallel": {"positions": "rope", "block": "parallel", "bias_head": True, "tied": False},
        "gpt1": {"block": "post_norm", "final_norm": False, "activation": "gelu_exact"},
        "sinusoidal": {"positions": "sinusoidal", "activation": "relu", "embedding_scale": True},
        "no positions": {"positions": "none", "norm": "bare", "activation": "relu2"},
    }.items()
}


def random_params(config: ModelConfig, seed: int = 0, dtype: type = np.float32) -> dict:
    """Return every array of a model, drawn at random."""
    rng = np.random.default_rng(seed)
    arrays = (array for array in shapes(config) if not array.tied_to)
    return nest({a.name: rng.normal(0, 0.3, a.shape).astype(dtype) for a in arrays})
