"""How a transformer knows the order of its tokens, which attention alone does not see.

Four ways. A learned table and a sinusoidal one give each position a vector, which is added to the
token's. RoPE turns queries and keys by an angle that grows with the position, and ALiBi lowers the
score of a key the farther away it is: both see only distances. Of these only the learned table is
made of parameters, so only there does a longer context need more of them. (T5's table of distances
is counted in paramlab.params, but not computed here; its rows do not grow with the context.)

To read a text longer than those of the training, positions can be squeezed together (position
interpolation): for sinusoidal tables, RoPE and ALiBi by ``position_scale`` of the config, and for a
learned table by :func:`stretched`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from paramlab.checks import check_even, check_n_heads, check_table


class Rotation(NamedTuple):
    """The cosine and sine of every angle, each (T, H/2)."""

    cos: np.ndarray
    sin: np.ndarray


def rope(
    positions: np.ndarray,
    d_head: int,
    theta: float = 10000.0,
    scale: float = 1.0,
    dtype: DTypeLike = np.float32,
) -> Rotation:
    """Return the angles by which RoPE turns the queries and keys at some positions.

    A head of width H is H/2 pairs of numbers. Pair i turns by ``position * theta ** (-2 * i / H)``
    radians: the first pair by 1 radian per token, later ones ever more slowly. The dot product of
    a turned query and a turned key depends on the difference of their angles, so on the distance
    of the two tokens, and no parameter is needed.

    Parameters
    ----------
    positions
        Numbers (T,), counted from 0.
    d_head
        H, the width of one head; even.
    theta
        The base of the geometric series of speeds.
    scale
        Positions are multiplied by it. A model trained on T tokens reads 4 T of them at positions
        it knows with 1/4: position interpolation.
    dtype
        The type of the numbers to turn.

    Raises
    ------
    ValueError
        When d_head is odd.

    References
    ----------
    Su et al., arXiv 2104.09864, equation 15; interpolation: Chen et al., arXiv 2306.15595,
    section 2.3.

    Examples
    --------
    >>> cos, sin = rope(np.array([0, 1]), d_head=4, theta=100.0)
    >>> np.round(np.arctan2(sin, cos) * 1000).tolist()  # pair 0: 1 radian a step, pair 1: 0.1
    [[0.0, 0.0], [1000.0, 100.0]]
    """
    check_even("RoPE turns pairs of numbers", d_head=d_head)
    angles = _angles(positions, scale, d_head, theta)
    return Rotation(np.cos(angles).astype(dtype), np.sin(angles).astype(dtype))


def rotate(x: np.ndarray, rotation: Rotation) -> np.ndarray:
    """Turn the pairs of each head: (..., T, H) to (..., T, H).

    Pair i consists of numbers i and i + H/2: the two halves of a head (the convention of Hugging
    Face checkpoints). The paper and llama.cpp pair the neighbors 2i and 2i + 1 instead, which is
    the same map once the columns of the query and key weights are reordered.

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


def sinusoidal(
    positions: np.ndarray, d_model: int, scale: float = 1.0, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """Return a vector for each position, made of waves: (T,) positions to (T, D).

    Features 2i and 2i + 1 are the sine and cosine of the angle of RoPE's pair i, for a head as
    wide as the model. Nothing is learned, and there is a row for every position.

    Parameters
    ----------
    positions, scale, dtype
        As for :func:`rope`.
    d_model
        D, the width of the model; even.

    Raises
    ------
    ValueError
        When d_model is odd.

    References
    ----------
    Vaswani et al., arXiv 1706.03762, section 3.5.

    Examples
    --------
    >>> sinusoidal(np.array([0, 1]), d_model=4, dtype=np.float64).round(4).tolist()
    [[0.0, 1.0, 0.0, 1.0], [0.8415, 0.5403, 0.01, 1.0]]
    """
    check_even("sines and cosines come in pairs", d_model=d_model)
    angles = _angles(positions, scale, d_model, 10000.0)
    waves = np.stack((np.sin(angles), np.cos(angles)), axis=-1)  # (T, D/2, 2)
    return waves.reshape(len(positions), d_model).astype(dtype)


def _angles(positions: np.ndarray, scale: float, width: int, theta: float) -> np.ndarray:
    """Return scaled position times speed for each pair: (T, width/2)."""
    speeds = theta ** -(np.arange(0, width, 2) / width)
    scaled = np.asarray(positions) * scale
    return scaled[:, None] * speeds  # in float64: far positions need the digits


def alibi_slopes(n_heads: int) -> np.ndarray:
    """Return how much each head's scores fall per token of distance: (N,).

    For 8 heads 1/2, 1/4, ... 1/256. If N is not a power of two, the series of the next smaller
    power comes first, then every other slope of the next larger one.

    Raises
    ------
    ValueError
        When there is no head.

    References
    ----------
    Press, Smith and Lewis, arXiv 2108.12409, section 3; other N: their published code.

    Examples
    --------
    >>> (1 / alibi_slopes(8)).tolist()
    [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]
    """
    check_n_heads(n_heads)
    power = 1 << (n_heads.bit_length() - 1)  # the largest power of two that is not above N
    slopes = 2.0 ** (-8 / power * np.arange(1, power + 1))
    between = 2.0 ** (-4 / power * np.arange(1, 2 * power + 1, 2))
    return np.concatenate((slopes, between[: n_heads - power]))


def alibi(
    n_queries: int, n_keys: int, n_heads: int, scale: float = 1.0, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """Return what ALiBi adds to the scores: minus slope times distance, (N, T, S).

    The queries are the last T of the S tokens. No parameter is needed.

    Examples
    --------
    >>> alibi(n_queries=1, n_keys=3, n_heads=8)[:2].tolist()  # heads with the slopes 1/2 and 1/4
    [[[-1.0, -0.5, 0.0]], [[-0.5, -0.25, 0.0]]]
    """
    queries = np.arange(n_keys - n_queries, n_keys)
    steps_back = np.arange(n_keys) - queries[:, None]  # (T, S), 0 and below where a query may look
    return (scale * alibi_slopes(n_heads)[:, None, None] * steps_back).astype(dtype)


def stretched(table: np.ndarray, n_rows: int) -> np.ndarray:
    """Interpolate a learned table (T, D) to another number of positions (n_rows, D).

    The first and the last row stay; each row between is a mean of its two neighbors in the old
    table, weighted by nearness. The config of the model then needs ``n_ctx`` and
    ``n_position_rows`` of the new length.

    Raises
    ------
    ValueError
        When the table is not one of floating-point numbers, or there is no place for both its ends.

    Examples
    --------
    >>> stretched(np.array([[0.0], [10.0], [40.0]]), 5).tolist()
    [[0.0], [5.0], [10.0], [25.0], [40.0]]
    """
    check_table(table, n_rows)
    places = np.linspace(0, len(table) - 1, n_rows)
    before = places.astype(int)
    after = np.minimum(before + 1, len(table) - 1)
    share = (places - before)[:, None].astype(table.dtype)  # of the row after
    return table[before] * (1 - share) + table[after] * share
