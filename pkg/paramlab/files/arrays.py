"""Read the arrays that a row of ``data/families.toml`` lists line by line.

A heading says of what part they are, how often they occur and how their names begin; each line
below names one matrix, map, norm or table, and its sizes:

    vision encoder: depth x vision.blocks.{i}
    layernorm norm hidden_size
    linear qkv hidden_size 3*hidden_size
    bias proj hidden_size if use_bias

Sizes are expressions without spaces, of the names that the row reads and of the fields of
ModelConfig. A line holds if what follows ``if`` is true.
"""

from functools import cache
from types import CodeType
from typing import Any

from paramlab.config import Lookback
from paramlab.errors import shown
from paramlab.params import Array, Stack
from paramlab.sizes import LARGEST_SIZE, check_n_layers

# What a word stands for: the end of the name, the role, and which of the sizes are the shape.
KINDS = {
    "matrix": ((".weight", "weight", slice(None)),),
    "linear": ((".weight", "weight", slice(None)), (".bias", "bias", slice(-1, None))),
    "layernorm": ((".gain", "norm gain", slice(None)), (".bias", "norm bias", slice(None))),
    "gain": ((".gain", "norm gain", slice(None)),),
    "bias": ((".bias", "bias", slice(None)),),
    "vector": (("", "weight", slice(None)),),
    "table": (("", "embedding", slice(None)),),
    "positions": (("", "position", slice(None)),),
    "buffer": (("", "buffer", slice(None)),),
}


def listed_arrays(text: str, sizes: dict[str, Any]) -> tuple[Stack, ...]:
    r"""Return the arrays that lines describe, under each heading one stack.

    Raises
    ------
    ValueError
        When a size is not a whole number that a model can have.

    Examples
    --------
    >>> for stack in listed_arrays("gate: 2 x blocks.{i}\n linear gate D 2*D", {"D": 3}):
    ...     print(stack.n, *((array.name, array.shape) for array in stack.arrays))
    2 ('blocks.{i}.gate.weight', (3, 6)) ('blocks.{i}.gate.bias', (6,))
    """
    stacks: list[Stack] = []
    part = prefix = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        head, colon, rest = line.partition(": ")
        if colon:
            times, _, prefix = rest.rpartition(" x ")
            part, n = head, size(times or "1", sizes)
            check_n_layers(times, n)
            stacks.append(Stack((), range(n)))
            continue
        if not stacks[-1].n:
            continue
        line, _, condition = line.partition(" if ")
        if condition and not _value(condition, sizes):
            continue
        kind, name, *dims = line.split()
        shape = tuple(size(each, sizes) for each in dims)
        arrays = (
            Array(f"{prefix}.{name}{end}", shape[axes], role, part)
            for end, role, axes in KINDS[kind]
        )
        stacks[-1] = stacks[-1]._replace(arrays=(*stacks[-1].arrays, *arrays))
    return tuple(stack for stack in stacks if stack.arrays and stack.n)


def listed_lookbacks(text: str, sizes: dict[str, Any]) -> tuple[Lookback, ...]:
    """Return what lines say of layers of attention: how many, and the fields of Lookback.

    Examples
    --------
    >>> listed_lookbacks("2 x kept=4*D window=W", {"D": 3, "W": 0})[0].kept
    12
    """
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        n_layers, _, *named = line.split()
        values = dict(each.split("=") for each in named)
        if n := size(n_layers, sizes):
            found.append(Lookback(n, **{name: size(of, sizes) for name, of in values.items()}))
    return tuple(found)


def size(text: str, sizes: dict[str, Any]) -> int:
    """Return what an expression of sizes comes to, if a model can have it."""
    value = _value(text, sizes)
    if not isinstance(value, int) or not 0 <= value <= LARGEST_SIZE:
        raise ValueError(
            f"{text} is {shown(value)}; it must be a whole number up to {LARGEST_SIZE}"
        )
    return int(value)


def _value(text: str, sizes: dict[str, Any]) -> Any:
    """Evaluate an expression of the table; what a file says enters as values alone."""
    try:
        return eval(_compiled(text), {"__builtins__": {}, "len": len}, sizes)
    except (TypeError, IndexError):
        raise ValueError(f"{text} is no size: a field it is made of is of another type") from None


@cache
def _compiled(text: str) -> CodeType:
    return compile(text, "families.toml", "eval")
