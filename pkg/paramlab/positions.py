"""How a transformer knows the order of its tokens: rotary positions (RoPE).

Attention compares a query with a key by their dot product, which says nothing of where the two
stand. RoPE turns both by an angle that grows with the position. The dot product then depends on
the difference of the two angles, so on the distance of the two tokens, and no parameter is needed.
"""

from typing import NamedTuple

import numpy as np


class Rotation(NamedTuple):
    """The cosine and sine of every angle, each (T, H/2)."""

    cos: np.ndarray
    sin: np.ndarray


def rope(positions: np.ndarray, d_head: int, theta: float = 10000.0) -> Rotation:
    """Return the angles by which RoPE turns the queries and keys at some positions.

    A head of width H is H/2 pairs of numbers. Pair i turns by ``position * theta ** (-2 * i / H)``
    radians: the first pair by 1 radian per token, later ones ever more slowly.

    Parameters
    ----------
    positions
        Whole numbers (T,), counted from 0.
    d_head
        H, the width of one head; even.
    theta
        The base of the geometric series of speeds.

    References
    ----------
    Su et al., arXiv 2104.09864, equation 15.

    Examples
    --------
    >>> cos, sin = rope(np.array([0, 1]), d_head=4, theta=100.0)
    >>> np.round(np.arctan2(sin, cos) * 1000).tolist()  # pair 0: 1 radian a step, pair 1: 0.1
    [[0.0, 0.0], [1000.0, 100.0]]
    """
    if d_head % 2:
        raise ValueError(f"RoPE turns pairs of numbers, so d_head must be even; it is {d_head}")
    speeds = theta ** -(np.arange(0, d_head, 2) / d_head)  # (H/2,)
    angles = positions[:, None] * speeds  # (T, H/2), in float64: far positions need the digits
    return Rotation(np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32))


def rotate(x: np.ndarray, rotation: Rotation) -> np.ndarray:
    """Turn the pairs of each head: (..., T, H) to (..., T, H).

    Pair i consists of numbers i and i + H/2: the two halves of a head (the convention of Hugging
    Face checkpoints). The paper and llama.cpp pair the neighbors 2i and 2i + 1 instead, which is
    the same map once the rows of the query and key weights are reordered.

    Examples
    --------
    >>> quarter = Rotation(cos=np.array([[0.0]]), sin=np.array([[1.0]]))
    >>> rotate(np.array([[3.0, 4.0]]), quarter).tolist()
    [[-4.0, 3.0]]
    """
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]  # (..., T, H/2) each
    cos, sin = rotation
    return np.concatenate((a * cos - b * sin, b * cos + a * sin), axis=-1)
