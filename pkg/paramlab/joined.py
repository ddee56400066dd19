"""Weights that read the same input, side by side in memory, so that one product does for all.

Queries, keys and values read the same vector, and so do gate and up. Their products one by one are
too small to keep a processor busy. Nothing is stored twice: each weight stays an array of its own,
a view of its columns of the whole.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from paramlab.config import ModelConfig
from paramlab.params import shapes

# Which maps of a layer read the same input, and what they are called together.
_TOGETHER = (("attention", "qkv", ("q", "k", "v")), ("mlp", "gate_up", ("gate", "up")))


MANY_TOKENS = 64  # their products one by one are large enough, and each result lies by itself


def products(x: np.ndarray, weights: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return ``x @ weight`` for each weight: views of one product, if that is sooner."""
    many = x.ndim > 1 and x.shape[-2] >= MANY_TOKENS
    whole = None if many else side_by_side(weights)
    if whole is None:
        return [x @ weight for weight in weights]
    product, end, parts = x @ whole, 0, []
    for weight in weights:
        start, end = end, end + weight.shape[1]
        parts.append(product[..., start:end])
    return parts


def side_by_side(arrays: Sequence[np.ndarray]) -> np.ndarray | None:
    """Return the array whose columns these are, in this order; None if there is none.

    Examples
    --------
    >>> whole = np.arange(6.0).reshape(2, 3).copy()
    >>> side_by_side([whole[:, :1], whole[:, 1:]]) is whole
    True
    >>> side_by_side([whole[:, 1:], whole[:, :1]]) is None  # in another order
    True
    """
    whole = getattr(arrays[0], "base", None)
    if type(whole) is not np.ndarray or whole.ndim != 2:
        return None
    rows, strides, column = len(whole), whole.strides, 0
    start = whole.__array_interface__["data"][0]
    for array in arrays:
        if array.base is not whole or array.strides != strides or len(array) != rows:
            return None
        if array.__array_interface__["data"][0] != start + column * strides[1]:
            return None
        column += array.shape[1]
    return whole if column == whole.shape[1] else None


def join(flat: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Lay weights that read the same input side by side, under one name.

    Those that lie so already are not copied.

    Examples
    --------
    >>> parts = {f"blocks.0.attention.{part}.weight": np.full((2, 1), i)
    ...          for i, part in enumerate("qkv")}
    >>> {name: whole.tolist() for name, whole in join(parts).items()}
    {'blocks.0.attention.qkv.weight': [[0, 1, 2], [0, 1, 2]]}
    """
    joined = dict(flat)
    for whole, names in _wholes(flat).items():
        parts = [joined.pop(name) for name in names]
        found = side_by_side(parts)
        joined[whole] = np.concatenate(parts, axis=1) if found is None else found
    return joined


def room(config: ModelConfig) -> dict[str, np.ndarray]:
    """Return arrays to be filled, of float32: what reads the same input lies side by side."""
    sizes = {array.name: array.shape for array in shapes(config) if not array.tied_to}
    for whole, names in _wholes(sizes).items():
        parts = [sizes.pop(name) for name in names]
        sizes[whole] = (parts[0][0], sum(d_out for _, d_out in parts))
    return separate({name: np.empty(size, np.float32) for name, size in sizes.items()}, config)


def separate(joined: Mapping[str, np.ndarray], config: ModelConfig) -> dict[str, np.ndarray]:
    """Undo :func:`join` without moving a number: the weights are views, side by side."""
    flat = dict(joined)
    widths = {a.name: a.shape[-1] for a in shapes(config)}
    for whole, names in _wholes(widths).items():
        if whole in flat:
            ends = np.cumsum([widths[name] for name in names])
            flat |= zip(names, np.split(flat.pop(whole), ends[:-1], axis=1), strict=True)
    return flat


def _wholes(names: Collection[str]) -> dict[str, list[str]]:
    """Return which of the weights belong together, by their name together."""
    wholes = {}
    for name in names:
        for layer, together, (first, *others) in _TOGETHER:
            stem = name.removesuffix(f"{first}.weight")
            if stem != name and stem.endswith(f".{layer}."):
                parts = [name, *(f"{stem}{other}.weight" for other in others)]
                if all(part in names for part in parts):
                    wholes[f"{stem}{together}.weight"] = parts
    return wholes
