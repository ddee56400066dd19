"""The sizes that a config may hold: what no model can have is refused, rather than counted."""

from itertools import pairwise
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paramlab.config import ModelConfig, StateLayers

CHOICES = {
    "positions": ("learned", "sinusoidal", "rope", "alibi", "relative", "none"),
    "norm": ("layernorm", "layernorm_gain", "rmsnorm", "bare"),
    "block": ("sequential", "parallel", "sandwich", "post_norm"),
    "qk_norm": ("none", "head", "head_bias", "full"),
    "activation": ("gelu", "gelu_exact", "relu", "relu2", "silu"),
    "kind": ("conv", "delta", "kimi_delta", "lightning", "mamba", "mamba2", "rglru", "rwkv"),
}
LARGEST_SIZE = 10**9  # no published model has a dimension near this; a config that does is damaged
MOST_LAYERS = 10**5  # for the same reason; some counts take a step for each layer


def check_config(config: object) -> None:
    """Refuse a name where an architecture is counted, and say what counts a name."""
    if isinstance(config, str | PathLike):
        raise TypeError(
            f"count takes a ModelConfig; paramlab.count_source({_short(config)}) counts a name "
            "or a file"
        )


def check_fields(record: object) -> None:
    """Check every field of a record by itself: a string "false" is not False."""
    for name, kind in type(record).__annotations__.items():
        value = getattr(record, name)
        whole = isinstance(value, int) and type(value) is not bool
        if kind is int and not (whole and 0 <= value <= LARGEST_SIZE):
            raise ValueError(
                f"{name} is {_short(value)}; it must be a whole number from 0 to {LARGEST_SIZE}"
            )
        if kind is bool and type(value) is not bool:
            raise ValueError(f"{name} is {_short(value)}; it must be True or False")
        if kind is float and not (type(value) in (int, float) and 0 < value < float("inf")):
            raise ValueError(f"{name} is {_short(value)}; it must be a positive number")
        if name.endswith("layers") and kind is not int and not _is_ascending(value):
            raise ValueError(f"{name} is {_short(value)}; it must be a tuple of ascending indices")
        if kind is str and value not in CHOICES[name]:
            choices = ", ".join(CHOICES[name])
            raise ValueError(f"{name} is {_short(value)}; it can be {choices}")


def check_heads(config: "ModelConfig") -> None:
    """Insist that the width of a head can be told."""
    if not config.n_heads and config.state and not config.state.layers:
        return  # it has no attention
    if not config.n_heads:
        raise ValueError("n_heads is 0; it must be at least 1")
    if not config.d_head and config.d_model % config.n_heads:
        raise ValueError(
            f"d_model {config.d_model} is not divisible by n_heads {config.n_heads}; give d_head"
        )


def check_sizes(config: "ModelConfig") -> None:
    """Insist that the fields of a config fit together."""
    c, e, s = config, config.experts, config.state
    needed = ["n_layers", "d_model", "vocab_size"]
    if (e is None and s is None) or (e and e.dense_layers):
        needed.append("d_ff")
    if c.positions in ("learned", "relative"):
        needed.append("n_position_rows")
    for name in needed:
        if not getattr(c, name):
            raise ValueError(f"{name} is 0; it must be at least 1")
    for name in ("n_layers", "n_encoder_layers"):
        check_n_layers(name, getattr(c, name))
    if c.n_heads and c.n_heads % c.n_kv_heads:
        raise ValueError(f"n_heads {c.n_heads} is not a multiple of n_kv_heads {c.n_kv_heads}")
    if c.latent and (c.qk_norm != "none" or c.attention_sinks):
        raise ValueError("latent attention has neither query and key norms nor sinks")
    if c.latent and c.gated_attention:
        raise ValueError("latent attention has no gate")
    if e and not 0 < e.n_active <= e.n_experts:
        raise ValueError(f"n_active {e.n_active} is not between 1 and n_experts {e.n_experts}")
    if c.local_layers and not c.window:
        raise ValueError("local_layers are given without a window")
    names = ("local_layers", "mixer_only_layers", "mlp_only_layers")
    chosen = {name: getattr(c, name) for name in names}
    if both := set(c.mixer_only_layers) & set(c.mlp_only_layers):
        raise ValueError(f"layer {min(both)} is in mixer_only_layers and in mlp_only_layers")
    if e:
        chosen["dense_layers"] = e.dense_layers
    if s:
        check_state(s)
        chosen["state.layers"] = s.layers
    for name, layers in chosen.items():
        if layers and layers[-1] >= c.n_layers:
            raise ValueError(f"{name} names layer {layers[-1]} of n_layers {c.n_layers}")


# What each kind of state layer takes for its sizes; the others stay at 0.
STATE_SIZES = {
    "conv": ("d_conv",),
    "delta": ("n_heads", "d_value", "n_key_heads", "d_key", "d_conv"),
    "kimi_delta": ("n_heads", "d_value", "n_key_heads", "d_key", "d_conv"),
    "lightning": ("n_heads", "d_value", "n_key_heads", "d_key"),
    "mamba": ("n_heads", "d_value", "n_key_heads", "d_key", "d_conv", "d_rank"),
    "mamba2": ("n_heads", "d_value", "n_key_heads", "d_key", "d_conv"),
    "rglru": ("n_heads", "d_value", "d_conv"),
    "rwkv": ("n_heads", "d_value"),
}


def check_state(state: "StateLayers") -> None:
    """Insist that a kind of state layer has the sizes that it needs, and no others."""
    for name in ("n_heads", "d_value", "n_key_heads", "d_key", "d_conv", "d_rank"):
        size, needed = getattr(state, name), name in STATE_SIZES[state.kind]
        if bool(size) != needed:
            least = f"in layers of {state.kind} it must be {'at least 1' if needed else '0'}"
            raise ValueError(f"state.{name} is {size}; {least}")


def check_n_layers(name: str, n_layers: int) -> None:
    """Refuse a number of layers that no model has, before anything walks through them."""
    if n_layers > MOST_LAYERS:
        raise ValueError(f"{name} is {n_layers}; it must be at most {MOST_LAYERS}")


def _is_ascending(layers: object) -> bool:
    return (
        type(layers) is tuple
        and all(type(i) is int and i >= 0 for i in layers)
        and all(i < j for i, j in pairwise(layers))
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
