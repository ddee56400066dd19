"""Refusals of numbers about a model: what is costed, planned, fitted and rounded."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import fields
from numbers import Integral, Real
from typing import TYPE_CHECKING

from paramlab.config import ModelConfig
from paramlab.params import NO_TOKENS

if TYPE_CHECKING:
    import numpy as np

    from paramlab.hardware import Device, Pace
    from paramlab.training import Plan

# ------------------------------------------------------------------ what is costed

FARTHEST = 10**12  # tokens; no text is longer
MOST_TRAINING = 10**15  # tokens; no training reads more


# The further arrays of which a token meets each matrix once, and one row of each table.
COSTED = ("score head", "embedding projection")
COSTED_BLOCKS = (  # of models that say how their layers look back
    "attention", "MLP", "experts", "router", "shared expert", "norms", "indexer", "compression",
    "low-rank branch", "streams", "table per layer", "input per layer",
)  # fmt: skip


def check_decoder(config: ModelConfig) -> None:
    """Refuse an architecture whose costs are not described here."""
    if config.n_encoder_layers:
        raise ValueError(
            "an encoder-decoder reads two texts, and its cost depends on both lengths; "
            "only decoders are costed here"
        )
    if config.pooler or config.head_transform or config.n_segments or not config.causal:
        raise ValueError(
            "an encoder such as BERT reads in both directions and generates no token; "
            "only decoders are costed here"
        )
    parts = {array.part for stack in config.further for array in stack.arrays} - {*COSTED}
    if config.lookbacks:
        parts -= {*COSTED_BLOCKS}
    if parts:
        seen = parts & {*NO_TOKENS}
        alone = "; the language model alone is costed: FILE#text_config" if seen else ""
        raise ValueError(
            f"it has arrays whose cost is not known here ({', '.join(sorted(parts))}){alone}"
        )


def check_trained(config: ModelConfig) -> None:
    """Refuse an architecture whose training takes other passes than one there and one back."""
    if any(each.n_chosen for each in config.lookbacks):
        raise ValueError(
            "an indexer that chooses tokens is trained for itself, in stages; that is not costed "
            "here"
        )


def check_lengths(least: int = 1, most: int = FARTHEST, **lengths: int) -> None:
    """Refuse numbers of tokens or texts that are none, by their names."""
    for name, n in lengths.items():
        if type(n) is not int or not least <= n <= most:
            raise ValueError(f"{name} is {n!r}; it must be a whole number from {least} to {most}")


def check_within(n_tokens: int, n_ctx: int) -> None:
    """Refuse a text that is longer than the window of a model, where that is known."""
    if n_ctx and n_tokens > n_ctx:
        raise ValueError(f"a context of {n_tokens:,} tokens is beyond the window of {n_ctx:,}")


def check_measured(machine: "Device") -> "Pace":
    """Return the pace of a machine; refuse a device of which the peaks alone are known."""
    if machine.pace is None:
        raise ValueError(f"{machine.name} was not measured: it has least times and no forecast")
    return machine.pace


def check_share(**shares: float) -> None:
    """Refuse what is no share of a whole, by its name."""
    for name, share in shares.items():
        if not (isinstance(share, Real) and 0 < share <= 1):
            raise ValueError(f"{name} is {share!r}; it must be above 0 and at most 1")


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


def check_finite(loss: float, norm: float, step: int, learning_rate: float) -> None:
    """Refuse a step whose loss, or whose gradients of this norm, are not finite."""
    if not math.isfinite(loss) or not math.isfinite(norm):
        raise FloatingPointError(
            f"at step {step + 1} the loss is {loss} and the norm of its gradient {norm}; "
            f"try a smaller learning rate than {learning_rate:g}"
        )


# ------------------------------------------------------------------ laws, and fewer bits


def check_speaks_of_text(name: str, b: float) -> None:
    """Refuse to split work between parameters and text by a law that holds no text."""
    if not b:
        raise ValueError(f"the law {name!r} says nothing about the amount of text")


def check_counting(counting: str, known: Sequence[str]) -> None:
    """Refuse a way to count parameters that has no name here."""
    if counting not in known:
        raise ValueError(f"parameters are counted {' or '.join(known)}, not {counting!r}")


def check_grid(weights: "np.ndarray", bits: int, group: int | str) -> int:
    """Return how many weights share a grid, if the matrix can be rounded so."""
    import numpy as np

    if weights.ndim != 2 or not weights.size or weights.dtype.kind != "f":
        raise ValueError(f"a matrix of numbers is rounded, not {weights.dtype} {weights.shape}")
    if not np.isfinite(weights).all():
        raise ValueError("the matrix holds a number that is not finite, and no grid reaches it")
    if not isinstance(bits, Integral) or not 2 <= bits <= 8:
        raise ValueError(f"bits is {bits!r}; it must be a whole number from 2 to 8")
    d_in = weights.shape[0]
    size = {"channel": d_in, "tensor": weights.size}.get(group, group)
    if not isinstance(size, Integral) or size < 1 or (size != weights.size and d_in % size):
        raise ValueError(
            f"the group is {group!r}; it must be 'tensor', 'channel' or a divisor of {d_in}, "
            "the number of inputs"
        )
    return int(size)


def check_rounded(bits: float, only: str, parts: Iterable[str]) -> None:
    """Refuse bits that no weight takes, and a part that the model has not."""
    if isinstance(bits, bool) or not isinstance(bits, Real) or not 0 < bits <= 32:
        raise ValueError(f"bits is {bits!r}; it must be a number above 0 and at most 32")
    if only and only not in parts:
        raise ValueError(f"the model has no {only!r}; its parts are {', '.join(sorted(parts))}")
