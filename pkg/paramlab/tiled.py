"""Exact attention without the square in memory: the softmax is carried from tile to tile.

:func:`naive` follows the definition and holds n² scores. :func:`tiled` is the idea of
FlashAttention, a loop of a dozen lines. :func:`tiled_fast` does the same sums for speed: in tiles
of a few queries and keys, which the processor's cache can hold, without those that causality hides,
and in several threads.

All take the queries, keys and values of :func:`paramlab.attention.attention` and return its
mixtures. The T queries belong to the last T of the S tokens, as in ``causal_mask``. Operations are
multiply-adds of one head, for T = S = n tokens.
"""

import math
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache

import numpy as np

from paramlab.attention import attention, causal_mask
from paramlab.checks import check_attention, check_positive, mask_for

BLOCK = 256  # tokens that are worked on at once: their scores stay in the processor's cache


def naive(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, causal: bool = True, mask: np.ndarray | None = None
) -> np.ndarray:
    """Follow the definition: all scores at once, then softmax, then the mixtures.

    Exact. Operations 2 n² H, of which the mask throws away half. Extra memory: a few arrays of
    n² scores for each head.

    Parameters
    ----------
    q
        Queries (..., N, T, H).
    k, v
        Keys and values (..., K, S, H).
    causal
        Whether a query sees only its own token and those before.
    mask
        Added to the scores, (T, S) or (N, T, S), as in :func:`paramlab.attention.attention`; it
        may have a single row or column.

    References
    ----------
    Vaswani et al., arXiv 1706.03762, equation 1.

    Examples
    --------
    Equal keys: every token gets the mean of the values so far.

    >>> v = np.array([[[10.0], [30.0]]])
    >>> naive(np.ones((1, 2, 1)), np.ones((1, 2, 1)), v).tolist()
    [[[10.0], [20.0]]]
    """
    n_queries, n_keys = check_attention(q, k, v)
    added = np.zeros((1, 1), np.float32) if mask is None else mask_for(mask, q, k)
    if causal:
        added = added + causal_mask(n_queries, n_keys)
    return attention(q, k, v, added)


def tiled(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    causal: bool = True,
    mask: np.ndarray | None = None,
    block: int = BLOCK,
) -> np.ndarray:
    """Show the queries ``block`` keys at a time, so that the n x n scores never exist at once.

    Exact: the same sums in another order. For each query it keeps the largest score so far and two
    sums, of exp(score - largest) and of that times the value. A larger score makes the old sums
    shrink by exp(old - new). Operations 2 n² H; extra memory: a few tiles of n x block scores.

    Parameters
    ----------
    q, k, v, causal, mask
        As for :func:`naive`.
    block
        Keys of a tile.

    References
    ----------
    Milakov and Gimelshein, arXiv 1805.02867, algorithm 3; with the values: Dao et al.
    (FlashAttention), arXiv 2205.14135, section 3.1 and theorem 1.

    Examples
    --------
    >>> q, k, v = np.random.default_rng(0).normal(size=(3, 2, 5, 4))
    >>> bool(np.abs(tiled(q, k, v, block=2) - naive(q, k, v)).max() < 1e-15)
    True
    """
    grouped, k, v, mask = _prepared(q, k, v, mask, block)
    tokens = np.arange(k.shape[-2])
    own = tokens[-q.shape[-2] :, None]  # (T, 1): each query's own token
    largest = np.full((q.shape[-2], 1), np.finfo(q.dtype).min, q.dtype)  # -inf - -inf is no number
    total, mixed = np.zeros_like(largest), np.zeros_like(grouped)
    for tile in slices(len(tokens), block):
        scores = grouped @ k[..., tile, :].swapaxes(-1, -2) / math.sqrt(q.shape[-1])
        if causal:
            scores[..., tokens[tile] > own] = -np.inf
        if mask is not None:
            scores += mask[..., tile]
        new = np.maximum(largest, scores.max(axis=-1, keepdims=True))
        weights, shrink = np.exp(scores - new), np.exp(largest - new)
        total = total * shrink + weights.sum(axis=-1, keepdims=True)
        mixed = mixed * shrink + weights @ v[..., tile, :]
        largest = new
    return (mixed / total).reshape(q.shape)


def tiled_fast(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    causal: bool = True,
    mask: np.ndarray | None = None,
    block: int = BLOCK,
    n_threads: int = 1,
) -> np.ndarray:
    """Compute :func:`tiled` in tiles of ``block`` queries and twice as many keys, for speed.

    With causality, keys after the last query of a tile are skipped, which leaves n (n + block) H
    operations. Extra memory: a tile of block x 2 block scores for each head and thread.

    Parameters
    ----------
    q, k, v, causal, mask
        As for :func:`naive`.
    block
        Queries of a tile; it has twice as many keys.
    n_threads
        How many rows of tiles are worked on at the same time. More than one is faster where
        matrix products keep to one thread (environment variable ``OPENBLAS_NUM_THREADS=1``).

    References
    ----------
    This order of the loops, and tiles left out: Dao (FlashAttention-2), arXiv 2307.08691,
    sections 3.1 and 3.2.
    """
    check_positive(n_threads=n_threads)
    if sys.platform == "emscripten":  # a browser, which gives Python one thread
        n_threads = 1
    grouped, k, v, mask = _prepared(q, k, v, mask, block)
    n_queries, n_keys = q.shape[-2], k.shape[-2]
    mixed = np.empty_like(grouped)  # (..., K, N/K, T, H)
    rows_left = reversed(list(slices(n_queries, block)))  # the longest first: all end together

    def fill() -> None:
        shape = (*grouped.shape[:-2], min(block, n_queries), min(2 * block, n_keys))
        tile = np.empty(shape, q.dtype)  # a thread's one array of scores
        for rows in rows_left:  # whoever is free takes the next
            scaled = grouped[..., rows, :] / math.sqrt(q.shape[-1])
            own = n_keys - n_queries + rows.start if causal else n_keys  # the first query's own key
            row_mask = None if mask is None else mask[..., rows, :]
            _row_of_tiles(scaled, k, v, own, row_mask, tile, mixed[..., rows, :])

    helping = [_helpers(n_threads - 1).submit(fill) for _ in range(n_threads - 1)]
    fill()
    for each in helping:
        each.result()
    return mixed.reshape(q.shape)


@cache
def _helpers(n_threads: int) -> ThreadPoolExecutor:
    """Return threads that outlive the call: to start them takes longer than a short text."""
    return ThreadPoolExecutor(n_threads)


if hasattr(os, "register_at_fork"):  # a copy of this process has none of its threads
    os.register_at_fork(after_in_child=_helpers.cache_clear)


def _row_of_tiles(
    rows: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    own: int,
    mask: np.ndarray | None,
    tile: np.ndarray,
    mixed: np.ndarray,
) -> None:
    """Let a block of queries, of which the first owns key ``own``, see a tile of keys at a time.

    The scores are written into ``tile``, the mixtures into ``mixed``.
    """
    n_rows, end, width = rows.shape[-2], min(own + rows.shape[-2], k.shape[-2]), tile.shape[-1]
    largest = np.full((*rows.shape[:-1], 1), np.finfo(rows.dtype).min, rows.dtype)
    total = np.zeros_like(largest)
    mixed[...] = 0
    for stop in range(end, 0, -width):  # the last keys first: what is hidden lies in one tile
        start = max(0, stop - width)
        keys = k[..., start:stop, :].swapaxes(-1, -2)
        scores = np.matmul(rows, keys, out=tile[..., :n_rows, : stop - start])
        if own < stop == end:
            scores[..., own - start :] += _triangle(n_rows)
        if mask is not None:
            scores += mask[..., start:stop]
        new = np.maximum(largest, scores.max(axis=-1, keepdims=True))
        shrink = np.exp(largest - new)
        scores -= new
        weights = np.exp(scores, out=scores)  # in place, like all passes over T x S numbers
        total *= shrink
        total += weights.sum(axis=-1, keepdims=True)
        mixed *= shrink
        mixed += weights @ v[..., start:stop, :]
        largest = new
    mixed /= total


def group_heads(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, ...]:
    """Set the heads that share keys side by side: (..., K, N/K, T, H), twice (..., K, 1, S, H)."""
    *batch, n_heads, n_queries, d_head = q.shape
    n_kv_heads = k.shape[-3]
    q = q.reshape(*batch, n_kv_heads, n_heads // n_kv_heads, n_queries, d_head)
    return q, k[..., None, :, :], v[..., None, :, :]


def _prepared(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None, block: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Check the arguments; return them with their heads grouped: no n x n numbers."""
    check_attention(q, k, v)
    check_positive(block=block)
    grouped, keys, values = group_heads(q, k, v)
    if mask is not None:
        mask = mask_for(mask, q, k)
        if mask.ndim > 2:
            mask = mask.reshape(*grouped.shape[-4:-2], *mask.shape[-2:])  # (K, N/K, T, S)
    return grouped, keys, values, mask


def slices(n_tokens: int, block: int) -> Iterator[slice]:
    """Cut tokens into blocks.

    Examples
    --------
    >>> list(slices(5, 3))
    [slice(0, 3, None), slice(3, 5, None)]
    """
    for start in range(0, n_tokens, block):
        yield slice(start, min(start + block, n_tokens))


@lru_cache(maxsize=2)
def _triangle(n_tokens: int) -> np.ndarray:
    return causal_mask(n_tokens, n_tokens)
