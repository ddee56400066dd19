"""Fewer bits for each weight: a grid, the nearest point of it, and the bytes of both.

A group of weights shares a grid of 2^bits points. A *symmetric* grid goes through zero and is known
by its step; an *asymmetric* one starts at the smallest weight and is known by that and the step.
Both are kept in 16 bits, so a group costs more than its codes, and a small one relatively more.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from paramlab.limits import check_grid
from paramlab.tree import flatten, nest

SCALE_BITS = 16


@dataclass(frozen=True)
class Quantized:
    """Codes of some weights, and the grids that they refer to, one for each row of codes."""

    codes: np.ndarray  # (groups, weights of a group), whole numbers
    steps: np.ndarray  # (groups, 1), float16
    minima: np.ndarray | None  # (groups, 1), float16; None: the grid goes through zero
    bits: int
    shape: tuple[int, int]  # of the matrix: inputs, outputs

    @property
    def n_bytes(self) -> int:
        """Codes, steps and minima."""
        grids = self.steps.size + (0 if self.minima is None else self.minima.size)
        return -(-(self.codes.size * self.bits + grids * SCALE_BITS) // 8)

    def expanded(self) -> np.ndarray:
        """Return the weights (inputs, outputs) that the codes stand for, in float32."""
        values = self.steps.astype(np.float32) * self.codes.astype(np.float32)
        if self.minima is not None:
            values += self.minima.astype(np.float32)
        d_in, d_out = self.shape
        return np.ascontiguousarray(values.reshape(d_out, d_in).T)


def quantize(
    weights: np.ndarray, bits: int, group: int | str = 32, symmetric: bool = True
) -> Quantized:
    """Round a matrix to a few bits for each weight.

    Parameters
    ----------
    weights
        A matrix (inputs, outputs).
    bits
        2 to 8.
    group
        What shares a grid: so many weights of one output, a whole ``"channel"`` (all weights of
        one output), or the whole ``"tensor"``.
    symmetric
        Whether the grid goes through zero. With 8 bits its codes are -127 to 127 (Q8_0 of the gguf
        library, for groups of 32). With fewer, where each code counts, the weight farthest from
        zero gets the code -2^(bits-1), so that the step may be negative (Q4_0). An asymmetric
        grid of 4 bits is Q4_1. The three give the library's codes and steps, bit for bit.

    Raises
    ------
    ValueError
        When the bits, the group or the array make no sense.

    Examples
    --------
    >>> weights = np.array([[0.0], [1.0], [2.0], [-4.0]])  # of one output
    >>> small = quantize(weights, bits=2, group="channel")
    >>> small.codes, small.steps, small.n_bytes
    (array([[ 0,  1,  1, -2]]), array([[2.]], dtype=float16), 3)
    >>> small.expanded().T
    array([[ 0.,  2.,  2., -4.]], dtype=float32)
    """
    size = check_grid(weights, bits, group)
    rows = weights.astype(np.float32).T.reshape(-1, size)
    least, most = np.zeros((1, 1), np.float32), 2**bits - 1
    if not symmetric:
        least = rows.min(axis=1, keepdims=True)
        steps = (rows.max(axis=1, keepdims=True) - least) / np.float32(most)
    elif bits == 8:
        steps = abs(rows).max(axis=1, keepdims=True) / np.float32(127)
    else:
        farthest = abs(rows).argmax(axis=1, keepdims=True)
        steps = np.take_along_axis(rows, farthest, axis=1) / np.float32(-(2 ** (bits - 1)))
    with np.errstate(divide="ignore"):  # a group of equal weights has no steps to take
        inverse = np.where(steps == 0, np.float32(0), np.float32(1) / steps)
    scaled = (rows - least) * inverse
    if symmetric and bits == 8:  # half a step away from zero is rounded away from it
        whole = np.floor(abs(scaled))
        codes = np.sign(scaled) * (whole + np.floor(2 * (abs(scaled) - whole)))
    else:
        shift = 2 ** (bits - 1) if symmetric else 0
        codes = np.trunc(scaled + np.float32(shift + 0.5)).clip(0, most) - shift
    minima = None if symmetric else least.astype(np.float16)
    shape = (weights.shape[0], weights.shape[1])
    return Quantized(codes.astype(int), steps.astype(np.float16), minima, bits, shape)


def rounded_blocks(
    params: dict[str, Any], bits: int, group: int | str = 32, symmetric: bool = True
) -> tuple[dict[str, Any], int]:
    """Round the matrices of all blocks; return the model that is left, and their bytes.

    Tables, output head, norms and biases stay as they are and are not counted in the bytes.
    """
    flat, n_bytes = flatten(params), 0
    for name, array in flat.items():
        if name.startswith("blocks.") and name.endswith("weight") and array.ndim == 2:
            small = quantize(array, bits, group, symmetric)
            flat[name], n_bytes = small.expanded(), n_bytes + small.n_bytes
    return nest(flat), n_bytes
