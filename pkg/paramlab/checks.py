"""Refusals: one sentence, with both values, for each argument that makes no sense."""

import math
from dataclasses import fields
from numbers import Integral
from typing import TYPE_CHECKING

from paramlab.config import ModelConfig
from paramlab.errors import UnsupportedModel
from paramlab.params import shapes

if TYPE_CHECKING:
    import numpy as np

    from paramlab.training import Plan

# ------------------------------------------------------------------ the arrays of a model


def check_arrays(found: dict[str, tuple[int, ...]], config: ModelConfig) -> None:
    """Insist that names and shapes are those of the architecture, tied arrays absent.

    Raises
    ------
    UnsupportedModel
        Naming the first array that is missing, unknown or of another shape.
    """
    expected = set()
    for array in shapes(config):  # one at a time: a false number of layers ends at the first gap
        if array.tied_to:
            continue
        if array.name not in found:
            raise UnsupportedModel(f"the array {array.name} {array.shape} is missing")
        if found[array.name] != array.shape:
            raise UnsupportedModel(
                f"the array {array.name} has the shape {found[array.name]}; "
                f"the architecture says {array.shape}"
            )
        expected.add(array.name)
    for name in found:
        if name not in expected:
            raise UnsupportedModel(f"the array {name} is not part of this architecture")


def check_numbers(arrays: dict[str, "np.ndarray"]) -> None:
    """Refuse arrays that hold NaN or infinity.

    Raises
    ------
    UnsupportedModel
        Naming the first.
    """
    import numpy as np

    for name, array in arrays.items():
        # The least and the largest number are NaN if any is; they need no memory, unlike isfinite.
        if array.size and not (np.isfinite(array.min()) and np.isfinite(array.max())):
            raise UnsupportedModel(f"the array {name} holds a number that is not finite")


# ------------------------------------------------------------------ queries, keys and values


def check_attention(q: "np.ndarray", k: "np.ndarray", v: "np.ndarray") -> tuple[int, int]:
    """Return how many queries (..., N, T, H) and keys (..., K, S, H) there are, if they fit."""
    import numpy as np  # here: counting works without

    for x in (q, k, v):  # a mean of whole numbers would be cut to one
        if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
            kind = getattr(x, "dtype", type(x).__name__)
            raise ValueError(f"attention takes arrays of floating-point numbers, not {kind}")
    if k.shape != v.shape:
        raise ValueError(f"keys {k.shape} and values {v.shape} must have the same shape")
    if q.ndim != k.ndim or q.ndim < 3 or q.shape[:-3] != k.shape[:-3] or q.shape[-1] != k.shape[-1]:
        raise ValueError(
            f"queries {q.shape} and keys {k.shape} must be (..., N, T, H) and (..., K, S, H)"
        )
    if not k.shape[-3] or q.shape[-3] % k.shape[-3]:
        raise ValueError(f"{q.shape[-3]} heads cannot share {k.shape[-3]} key-value heads evenly")
    if not 0 < q.shape[-2] <= k.shape[-2]:
        raise ValueError(f"{q.shape[-2]} queries need as many keys or more, not {k.shape[-2]}")
    return q.shape[-2], k.shape[-2]


def check_one_query_per_key(name: str, q: "np.ndarray", k: "np.ndarray", v: "np.ndarray") -> int:
    """Return how many tokens there are, if a variant can take them."""
    n_queries, n_keys = check_attention(q, k, v)
    if n_queries != n_keys:
        raise ValueError(f"{name} attention takes one query per key: {n_queries} is not {n_keys}")
    return n_queries


def check_buckets(q: "np.ndarray", k: "np.ndarray", n_buckets: int) -> None:
    """Refuse keys that are not the queries' own, and buckets that no bits can name."""
    if q.shape != k.shape:
        raise ValueError(f"hashed attention shares queries and keys: {q.shape} is not {k.shape}")
    check_positive(n_buckets=n_buckets)
    if n_buckets & (n_buckets - 1):
        raise ValueError(f"n_buckets is {n_buckets}; it must be a power of two")


def mask_for(mask: "np.ndarray", q: "np.ndarray", k: "np.ndarray") -> "np.ndarray":
    """Return a view of a mask with all its rows and columns, (T, S) or (N, T, S), if it fits."""
    import numpy as np

    if mask.dtype == bool:
        raise ValueError("a mask is added to the scores: 0 where a query may look, -inf elsewhere")
    scores = (*q.shape[-3:-1], k.shape[-2])
    try:
        return np.broadcast_to(mask, scores[1:] if mask.ndim == 2 else scores)
    except ValueError:
        raise ValueError(f"the mask {mask.shape} does not fit the scores {scores}") from None


def check_positive(**sizes: int) -> None:
    """Refuse sizes that are none, by their names."""
    for name, size in sizes.items():
        if not isinstance(size, Integral) or size < 1:
            raise ValueError(f"{name} is {size!r}; it must be a whole number of at least 1")


# ------------------------------------------------------------------ what is costed

FARTHEST = 10**12  # tokens; no text is longer


def check_decoder(config: ModelConfig) -> None:
    """Refuse an architecture whose costs are not described here."""
    if config.n_encoder_layers:
        raise ValueError(
            "an encoder-decoder reads two texts, and its cost depends on both lengths; "
            "only decoders are costed here"
        )
    if config.pooler or config.head_transform or config.n_segments:
        raise ValueError(
            "an encoder such as BERT reads in both directions and generates no token; "
            "only decoders are costed here"
        )
    if config.lightning_layers:
        raise ValueError(
            f"{len(config.lightning_layers)} of its {config.n_layers} layers have linear "
            "(lightning) attention, which keeps no keys and values; its cost is not known here"
        )


def check_lengths(least: int = 1, **lengths: int) -> None:
    """Refuse numbers of tokens or texts that are none, by their names."""
    for name, n in lengths.items():
        if type(n) is not int or not least <= n <= FARTHEST:
            raise ValueError(
                f"{name} is {n!r}; it must be a whole number from {least} to {FARTHEST}"
            )


def check_attention_kind(attention: str) -> None:
    """Refuse what is neither full nor causal nor a window of some tokens."""
    kind, _, width = str(attention).partition(":")
    if attention in ("full", "causal"):
        return
    if kind != "window" or not (width.isascii() and width.isdigit() and 0 < len(width) < 13):
        raise ValueError(f"attention is {attention!r}; it can be full, causal or window:TOKENS")
    if not int(width):
        raise ValueError("a window of 0 tokens sees nothing; it must be at least 1")


# ------------------------------------------------------------------ training

_POSITIVE = ("n_steps", "batch_size", "n_tokens", "learning_rate", "clip_norm")


def check_plan(plan: "Plan") -> None:
    """Refuse a plan with a number outside its range."""
    for entry in fields(plan):
        name, value, whole = entry.name, getattr(plan, entry.name), entry.type is int
        needed = ""
        if not isinstance(value, int if whole else int | float):
            needed = "an int" if whole else "a number"
        elif name in _POSITIVE and not value > 0:
            needed = "positive"
        elif name in ("beta1", "beta2") and not 0 <= value < 1:
            needed = "from 0 to below 1"
        elif name != "clip_norm" and not 0 <= value < math.inf:  # of which inf is no limit
            needed = "finite and not negative"
        if needed:
            raise ValueError(f"{name} is {value!r}; it must be {needed}")
    if plan.warmup_steps > plan.n_steps:
        raise ValueError(
            f"warmup_steps is {plan.warmup_steps}; it must be from 0 to n_steps {plan.n_steps}"
        )


def check_window(n_tokens: int, n_ctx: int) -> None:
    """Refuse texts that are longer than the window of a model."""
    if n_ctx < n_tokens:
        raise ValueError(f"texts of n_tokens {n_tokens} do not fit into the window of {n_ctx}")


def check_rows(tokens: "np.ndarray") -> None:
    """Refuse a batch that is no rows of tokens, each with one to predict."""
    if tokens.ndim != 2 or tokens.shape[1] < 2:
        raise ValueError(
            "a batch has the shape (B, T+1), a row of at least 2 tokens for each text; this one "
            f"has {tokens.shape}"
        )


def check_pieces(tokens: "np.ndarray", length: int) -> None:
    """Refuse data of which no piece of this length can be taken."""
    if tokens.ndim != 1 or len(tokens) < length:
        raise ValueError(
            f"training takes pieces of {length} tokens; the data have the shape {tokens.shape}"
        )


def check_finite(loss: float, norm: float, step: int, learning_rate: float) -> None:
    """Refuse a step whose loss, or whose gradients of this norm, are not finite."""
    if not math.isfinite(loss) or not math.isfinite(norm):
        raise FloatingPointError(
            f"at step {step + 1} the loss is {loss} and the norm of its gradient {norm}; "
            f"try a smaller learning rate than {learning_rate:g}"
        )
