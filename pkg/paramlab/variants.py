"""Attention for long contexts: ways to spend fewer bytes, or fewer operations, than the definition.

Every function here takes the queries, keys and values of :func:`paramlab.attention.attention` and
returns its mixtures, of the same shape. Three properties have to be told apart: whether the result
is *exact*, how many *operations* it takes, and how much *extra memory* it needs besides its inputs
and its result. Tiled attention is exact and saves memory only; a window, a stride, linear features
and buckets save operations and compute something else.

All are causal. The T queries belong to the last T of the S tokens, as in ``causal_mask``. A model
with fewer key-value heads than heads (K < N) may use any of them; what that saves, the cache, is
counted in :mod:`paramlab.costs`. Operations are multiply-adds of one head, for T = S = n tokens.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from paramlab.attention import attention, causal_mask
from paramlab.layers import softmax

BLOCK = 256  # tokens that are worked on at once: their scores stay in the processor's cache
WINDOW = 256
LINEAR_BLOCK = 64
CHUNK = 128  # hashed attention: a chunk looks at itself and the one before


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
    n_queries, n_keys = check_shapes(q, k, v)
    if mask is None:
        total = np.zeros((n_queries, n_keys), np.float32)
    else:
        total = _for_all_pairs(mask, q.shape[-3], n_queries, n_keys)
    if causal:
        total = total + causal_mask(n_queries, n_keys)
    return attention(q, k, v, total)


class Running(NamedTuple):
    """A softmax that is not finished: what the keys seen so far add up to, for each query."""

    largest: np.ndarray  # (..., T, 1), the largest score
    total: np.ndarray  # (..., T, 1), the sum of exp(score - largest)
    mixed: np.ndarray  # (..., T, H), the sum of exp(score - largest) times value


def look_further(seen: Running, scores: np.ndarray, v: np.ndarray) -> Running:
    """Take more keys into account: the step of the online softmax.

    If a new score is the largest, the old sums, measured from the old largest score, shrink by
    ``exp(old - new)``. After the last key, ``mixed / total`` is softmax(all scores) @ (all v).

    Parameters
    ----------
    seen
        The sums over the keys before.
    scores
        Scores (..., T, S) of the new keys; overwritten.
    v
        Their values (..., S, H).

    References
    ----------
    Milakov and Gimelshein, arXiv 1805.02867, algorithm 3; with the values: Dao et al.,
    arXiv 2205.14135, section 3.1.

    Examples
    --------
    >>> seen = Running(np.array([[0.0]]), np.array([[1.0]]), np.array([[40.0]]))
    >>> seen = look_further(seen, np.log([[3.0]]), np.array([[80.0]]))  # weights 1/4 and 3/4
    >>> (seen.mixed / seen.total).round(6).tolist()
    [[70.0]]
    """
    largest = np.maximum(seen.largest, scores.max(axis=-1, keepdims=True))
    scores -= largest
    weights = np.exp(scores, out=scores)  # in place: these are the only passes over T x S numbers
    shrink = np.exp(seen.largest - largest)
    total = seen.total * shrink + weights.sum(axis=-1, keepdims=True)
    return Running(largest, total, seen.mixed * shrink + weights @ v)


def tiled(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    causal: bool = True,
    mask: np.ndarray | None = None,
    block: int = BLOCK,
    n_threads: int = 1,
) -> np.ndarray:
    """Compute exact attention tile by tile, so that the n x n scores never exist at once.

    Exact: the same sums in another order. Operations: 2 n² H without causality, as many as the
    definition; with it, keys after the last query of a tile are skipped, which leaves
    n (n + block) H. Extra memory: a tile of block x 2 block scores for each head and thread.

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
    Dao et al. (FlashAttention), arXiv 2205.14135, algorithm 1 and theorem 1; this order of the
    loops, and tiles left out: Dao, arXiv 2307.08691, sections 3.1 and 3.2.

    Examples
    --------
    >>> q, k, v = np.random.default_rng(0).normal(size=(3, 2, 5, 4))
    >>> bool(np.abs(tiled(q, k, v, block=2) - naive(q, k, v)).max() < 1e-15)
    True
    """
    n_queries, n_keys = check_shapes(q, k, v)
    _check_positive("block", block)
    _check_positive("n_threads", n_threads)
    grouped_q, k, v = _group(q, k, v)
    mixed = np.empty_like(grouped_q)  # (..., K, N/K, T, H)
    if mask is not None:  # views: no n x n numbers
        mask = _for_all_pairs(mask, q.shape[-3], n_queries, n_keys)
        if mask.ndim > 2:
            mask = mask.reshape(*grouped_q.shape[-4:-2], n_queries, n_keys)  # (K, N/K, T, S)

    def fill_row(start: int) -> None:
        stop = min(start + block, n_queries)
        rows = grouped_q[..., start:stop, :] / math.sqrt(q.shape[-1])
        own = n_keys - n_queries + start if causal else n_keys  # the first query's own key
        row_mask = None if mask is None else mask[..., start:stop, :]
        mixed[..., start:stop, :] = _row_of_tiles(rows, k, v, own, row_mask, 2 * block)

    with ThreadPoolExecutor(n_threads) as pool:  # the longest rows first, so that all end together
        list(pool.map(fill_row, reversed(range(0, n_queries, block))))
    return mixed.reshape(q.shape)


def _row_of_tiles(
    rows: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    own: int,
    mask: np.ndarray | None,
    width: int,
) -> np.ndarray:
    """Let a block of queries, of which the first owns key ``own``, see ``width`` keys at a time."""
    # The lowest finite number stands for "nothing seen": -inf - (-inf) would not be a number.
    nothing = np.full((*rows.shape[:-1], 1), np.finfo(rows.dtype).min, rows.dtype)
    seen = Running(nothing, np.zeros_like(nothing), np.zeros_like(rows))
    n_rows, end = rows.shape[-2], min(own + rows.shape[-2], k.shape[-2])
    tile = np.empty((*rows.shape[:-1], width), rows.dtype)
    for stop in range(end, 0, -width):  # the last keys first: what is hidden lies in one tile
        start = max(0, stop - width)
        keys = k[..., start:stop, :].swapaxes(-1, -2)
        scores = np.matmul(rows, keys, out=tile[..., : stop - start])
        if own < stop == end:
            scores[..., own - start :] += _triangle(n_rows)
        if mask is not None:
            scores += mask[..., start:stop]
        seen = look_further(seen, scores, v[..., start:stop, :])
    return seen.mixed / seen.total


@lru_cache(maxsize=2)
def _triangle(n_tokens: int) -> np.ndarray:
    return causal_mask(n_tokens, n_tokens)


def sliding_window(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, window: int = WINDOW, block: int = BLOCK
) -> np.ndarray:
    """Let each token look back on ``window`` tokens only, its own included.

    Equal to the definition as long as n <= window; beyond, another function, whose layers pass
    information on by one window each. Operations 2 n (window + block) H, linear in n. Extra memory:
    block x (window + block) scores for each head. Only ``window`` tokens need to stay in the cache.

    Parameters
    ----------
    q, k, v
        As for :func:`naive`.
    window
        Tokens that a query sees.
    block
        Queries that are worked on at once.

    References
    ----------
    Beltagy et al. (Longformer), arXiv 2004.05150, section 3.1; causal: Jiang et al. (Mistral 7B),
    arXiv 2310.06825, section 2.

    Examples
    --------
    Equal keys and a window of 2: the mean of the last two values.

    >>> v = np.array([[[10.0], [30.0], [90.0]]])
    >>> sliding_window(np.ones((1, 3, 1)), np.ones((1, 3, 1)), v, window=2).tolist()
    [[[10.0], [20.0], [60.0]]]
    """
    n_queries, n_keys = check_shapes(q, k, v)
    _check_positive("window", window)
    _check_positive("block", block)
    mixed = np.empty_like(q)
    before = n_keys - n_queries
    for start in range(0, n_queries, block):
        stop = min(start + block, n_queries)
        rows = slice(start, stop)
        keys = slice(max(0, before + start - window + 1), before + stop)
        mask = causal_mask(stop - start, keys.stop - keys.start, window)
        mixed[..., rows, :] = attention(q[..., rows, :], k[..., keys, :], v[..., keys, :], mask)
    return mixed


def strided(q: np.ndarray, k: np.ndarray, v: np.ndarray, stride: int = 0) -> np.ndarray:
    """Let each token look at the last ``stride`` tokens, and at every stride-th before them.

    Approximate: the paper's two patterns in one softmax. Equal to the definition for stride >= n
    and for stride 1. Operations about 2 n (2 stride + n / (2 stride)) H: with the default, the root
    of n, proportional to n to the power 1.5. Extra memory: stride x (2 stride + n / stride) scores
    for each head. The cache must keep all n tokens: each is some later token's stride-th.

    Parameters
    ----------
    q, k, v
        As for :func:`naive`, with as many queries as keys.
    stride
        How far apart the distant keys are; 0: the root of n, rounded up.

    Raises
    ------
    ValueError
        When there are more keys than queries.

    References
    ----------
    Child et al. (Sparse Transformer), arXiv 1904.10509, section 4.3; one head for both patterns:
    section 5.1, equation 7.

    Examples
    --------
    Equal keys, stride 2: the fifth token sees tokens 5 and 4, then 3 and 1.

    >>> v = np.array([[[1.0], [20.0], [300.0], [4000.0], [50000.0]]])
    >>> strided(np.ones((1, 5, 1)), np.ones((1, 5, 1)), v, stride=2)[0, -1].tolist()
    [13575.25]
    """
    n_tokens = _check_same_length("strided", q, k, v)
    stride = stride or _default_stride(n_tokens)
    _check_positive("stride", stride)
    grouped_q, k, v = _group(q, k, v)
    mixed = np.empty_like(grouped_q)
    for start in range(0, n_tokens, stride):
        rows = slice(start, min(start + stride, n_tokens))
        near = slice(max(0, start - stride + 1), rows.stop)
        scaled = grouped_q[..., rows, :] / math.sqrt(q.shape[-1])  # (..., T, H)
        i, j = np.arange(rows.start, rows.stop)[:, None], np.arange(near.start, near.stop)
        near_scores = scaled @ k[..., near, :].swapaxes(-1, -2)
        near_scores += _hide((j > i) | (j <= i - stride))
        far_k, far_v = (_columns(x, start, stride, scaled.shape[-2]) for x in (k, v))
        far_scores = (far_k @ scaled[..., None])[..., 0]  # (..., T, start / stride)
        weights = softmax(np.concatenate((near_scores, far_scores), axis=-1))
        near_weights, far_weights = np.split(weights, [near_scores.shape[-1]], axis=-1)
        far_mixed = (far_weights[..., None, :] @ far_v)[..., 0, :]
        mixed[..., rows, :] = near_weights @ v[..., near, :] + far_mixed
    return mixed.reshape(q.shape)


def _default_stride(n_tokens: int) -> int:
    return math.isqrt(n_tokens - 1) + 1


def _columns(x: np.ndarray, stop: int, stride: int, n_rows: int) -> np.ndarray:
    """Lay the tokens before ``stop`` out in lines of ``stride`` and return the first columns.

    The column of a query holds the keys at whole strides before it: (..., n_rows, stop/stride, H).
    """
    *batch, _, width = x.shape
    lines = x[..., :stop, :].reshape(*batch, stop // stride, stride, width)
    return lines.swapaxes(-2, -3)[..., :n_rows, :, :]


def linear(q: np.ndarray, k: np.ndarray, v: np.ndarray, block: int = LINEAR_BLOCK) -> np.ndarray:
    """Replace exp(q · k) by a product of features, which sums over the past once for all queries.

    Approximate: another function than softmax attention, for which a model must be trained. With
    the feature map f(x) = elu(x) + 1, the weight of a key is f(q) · f(k), so the sum over past
    keys is f(q) times one H x (H + 1) state. ``block=1`` is the recurrent form, which a decoder
    uses; ``block >= n`` is the parallel form, with n² weights; between, blocks look at themselves
    in parallel and at their past through the state. Operations about n (2 H + 2 block) (H + 1),
    linear in n; extra memory: features and the state. The cache is the state, whatever n.

    Parameters
    ----------
    q, k, v
        As for :func:`naive`.
    block
        Tokens between two updates of the state.

    References
    ----------
    Katharopoulos et al., arXiv 2006.16236, equations 7 (features) and 16 to 20 (recurrent form).

    Examples
    --------
    The features of 0 and ln(1/2) are 1 and 1/2: weights 2/3 and 1/3.

    >>> k, v = np.array([[[0.0], [np.log(0.5)]]]), np.array([[[30.0], [60.0]]])
    >>> linear(np.zeros((1, 2, 1)), k, v).round(6).tolist()
    [[[30.0], [40.0]]]
    """
    n_queries, n_keys = check_shapes(q, k, v)
    _check_positive("block", block)
    grouped_q, k, v = _group(q, k, v)
    v = np.concatenate((v, np.ones_like(v[..., :1])), axis=-1)  # the ones add up the weights
    before = n_keys - n_queries
    state = _features(k[..., :before, :]).swapaxes(-1, -2) @ v[..., :before, :]  # (..., H, H + 1)
    mixed = np.empty_like(grouped_q)
    for start in range(0, n_queries, block):
        rows = slice(start, min(start + block, n_queries))
        keys = slice(before + rows.start, before + rows.stop)
        new_q, new_k = _features(grouped_q[..., rows, :]), _features(k[..., keys, :])
        new_k, new_v = new_k.swapaxes(-1, -2), v[..., keys, :]
        sums = new_q @ state + np.tril(new_q @ new_k) @ new_v  # (..., T, H + 1)
        mixed[..., rows, :] = sums[..., :-1] / sums[..., -1:]
        state = state + new_k @ new_v
    return mixed.reshape(q.shape)


def _features(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.exp(np.minimum(x, 0))  # elu(x) + 1: positive everywhere


def hashed(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, n_buckets: int = 0, seed: int = 0
) -> np.ndarray:
    """Put similar tokens into the same bucket, and let each look only into its own (Reformer).

    Approximate. Tokens are hashed by their queries, so queries and keys must be tied: pass
    ``k = shared_keys(q)``. The tokens are sorted by bucket and cut into chunks of 2 n / n_buckets;
    a query sees the tokens of its bucket, up to its own, in its chunk and the one before. With
    chunks of a fixed size c (n_buckets = 2 n / c): operations n H log2(n_buckets) for the hash and
    at most 4 n c H for the chunks, besides the sorting, so O(n log n). Extra memory: the sorted
    copies, and c x 2 c scores for each head. Equal to the definition for one bucket. The paper also
    hashes several times and keeps tokens from looking at themselves; this does neither.

    Parameters
    ----------
    q, k, v
        As for :func:`naive`, with as many queries as keys and as many key-value heads as heads.
    n_buckets
        A power of two; each bit is the side of a random plane on which the query lies. 0: as many
        as give chunks of at most 128 tokens.
    seed
        Draws the planes.

    Raises
    ------
    ValueError
        When the shapes of queries and keys differ, or n_buckets is not a power of two.

    References
    ----------
    Kitaev et al. (Reformer), arXiv 2001.04451, section 2.

    Examples
    --------
    Two opposite directions, two buckets: tokens 1 and 3 see each other and not token 2.

    >>> q = np.array([[[5.0], [-5.0], [5.0]]])
    >>> v = np.array([[[10.0], [77.0], [30.0]]])
    >>> hashed(q, shared_keys(q), v, n_buckets=2).round(6).tolist()
    [[[10.0], [77.0], [20.0]]]
    """
    n_tokens = _check_same_length("hashed", q, k, v)
    if q.shape != k.shape:
        raise ValueError(f"hashed attention shares queries and keys: {q.shape} is not {k.shape}")
    n_buckets = n_buckets or _default_buckets(n_tokens)
    _check_positive("n_buckets", n_buckets)
    if n_buckets & (n_buckets - 1):
        raise ValueError(f"n_buckets is {n_buckets}; it must be a power of two")
    n_bits = n_buckets.bit_length() - 1
    planes = np.random.default_rng(seed).normal(size=(q.shape[-1], n_bits)).astype(q.dtype)
    buckets = ((q @ planes > 0) << np.arange(n_bits)).sum(axis=-1)  # (..., N, T)
    order = np.argsort(buckets, axis=-1, kind="stable")  # by bucket, then by position
    buckets = np.take_along_axis(buckets, order, axis=-1)
    q, k, v = (np.take_along_axis(x, order[..., None], axis=-2) for x in (q, k, v))
    mixed, chunk = np.empty_like(q), -(-2 * n_tokens // n_buckets)
    for start in range(0, n_tokens, chunk):
        rows, keys = slice(start, start + chunk), slice(max(0, start - chunk), start + chunk)
        other_bucket = buckets[..., rows, None] != buckets[..., None, keys]
        later = order[..., rows, None] < order[..., None, keys]
        mask = _hide(other_bucket | later)  # (..., N, T, S)
        mixed[..., rows, :] = attention(q[..., rows, :], k[..., keys, :], v[..., keys, :], mask)
    result = np.empty_like(mixed)
    np.put_along_axis(result, order[..., None], mixed, axis=-2)
    return result


def _default_buckets(n_tokens: int) -> int:
    return 1 << max(0, math.ceil(2 * n_tokens / CHUNK) - 1).bit_length()


def shared_keys(q: np.ndarray) -> np.ndarray:
    """Return the keys of shared-query attention: each query at length 1 (Reformer, section 2).

    Examples
    --------
    >>> shared_keys(np.array([[3.0, 4.0]])).tolist()
    [[0.6, 0.8]]
    """
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def check_shapes(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> tuple[int, int]:
    """Return T and S, or say what does not fit.

    Raises
    ------
    ValueError
        When the numbers are not floating-point, keys and values differ in shape, the heads cannot
        be shared evenly, the widths differ, or there are more queries than keys.
    """
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


def _check_same_length(name: str, q: np.ndarray, k: np.ndarray, v: np.ndarray) -> int:
    n_queries, n_keys = check_shapes(q, k, v)
    if n_queries != n_keys:
        raise ValueError(f"{name} attention takes one query per key: {n_queries} is not {n_keys}")
    return n_queries


def _for_all_pairs(mask: np.ndarray, n_heads: int, n_queries: int, n_keys: int) -> np.ndarray:
    """Return a view of a mask with all its rows and columns, (T, S) or (N, T, S)."""
    if mask.dtype == bool:
        raise ValueError("a mask is added to the scores: 0 where a query may look, -inf elsewhere")
    scores = (n_heads, n_queries, n_keys)
    try:
        return np.broadcast_to(mask, scores[1:] if mask.ndim == 2 else scores)
    except ValueError:
        raise ValueError(f"the mask {mask.shape} does not fit the scores {scores}") from None


def _check_positive(name: str, size: int) -> None:
    if not isinstance(size, int | np.integer) or size < 1:
        raise ValueError(f"{name} is {size!r}; it must be a whole number of at least 1")


def _group(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, ...]:
    """Set the heads that share keys side by side: (..., K, N/K, T, H), twice (..., K, 1, S, H)."""
    *batch, n_heads, n_queries, d_head = q.shape
    n_kv_heads = k.shape[-3]
    q = q.reshape(*batch, n_kv_heads, n_heads // n_kv_heads, n_queries, d_head)
    return q, k[..., None, :, :], v[..., None, :, :]


def _hide(hidden: np.ndarray) -> np.ndarray:
    """Return a mask that is -inf where a key is hidden, and 0 elsewhere."""
    return np.where(hidden, np.float32(-np.inf), np.float32(0))


@dataclass(frozen=True)
class Variant:
    """What a way to compute attention is and costs, for one causal head and n tokens of width H."""

    name: str
    function: Callable[..., np.ndarray]
    exact: bool  # the result of the definition, for whatever weights
    order: str  # of the operations, as n grows and the sizes of blocks and windows stay
    multiply_adds: Callable[[int, int], int]  # of (n, H), by the function with its default sizes
    scores_at_once: Callable[[int], int]  # of n: numbers in the largest array of scores
    cached: Callable[[int, int], int]  # of (n, H): numbers that the next token needs


def _naive_adds(n: int, d_head: int) -> int:
    return 2 * n * n * d_head


def _tiled_adds(n: int, d_head: int) -> int:
    return 2 * d_head * sum((min(s + BLOCK, n) - s) * min(s + BLOCK, n) for s in range(0, n, BLOCK))


def _window_adds(n: int, d_head: int) -> int:
    pairs = 0
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        pairs += (stop - start) * (stop - max(0, start - WINDOW + 1))
    return 2 * d_head * pairs


def _strided_adds(n: int, d_head: int) -> int:
    stride, pairs = _default_stride(n), 0
    for start in range(0, n, stride):
        stop = min(start + stride, n)
        pairs += (stop - start) * (stop - max(0, start - stride + 1) + start // stride)
    return 2 * d_head * pairs


def _linear_adds(n: int, d_head: int) -> int:
    adds = 0
    for start in range(0, n, LINEAR_BLOCK):
        rows = min(LINEAR_BLOCK, n - start)
        adds += 2 * rows * d_head * (d_head + 1)  # reading the state, and writing it
        adds += rows * rows * (d_head + d_head + 1)  # the block with itself
    return adds


def _hashed_adds(n: int, d_head: int) -> int:
    n_buckets = _default_buckets(n)
    chunk, pairs = -(-2 * n // n_buckets), 0
    for start in range(0, n, chunk):
        stop = min(start + chunk, n)
        pairs += (stop - start) * (stop - max(0, start - chunk))
    return n * d_head * (n_buckets.bit_length() - 1) + 2 * d_head * pairs


def _all_keys_and_values(n: int, d_head: int) -> int:
    return 2 * n * d_head


VARIANTS = (
    Variant("naive", naive, True, "n²", _naive_adds, lambda n: n * n, _all_keys_and_values),
    Variant(
        "tiled", tiled, True, "n²", _tiled_adds, lambda n: min(n, BLOCK) * min(n, 2 * BLOCK),
        _all_keys_and_values,
    ),
    Variant(
        "window", sliding_window, False, "n", _window_adds,
        lambda n: min(n, BLOCK) * min(n, BLOCK + WINDOW - 1),
        lambda n, d_head: 2 * min(n, WINDOW) * d_head,
    ),
    Variant(
        "strided", strided, False, "n√n", _strided_adds,
        lambda n: _default_stride(n) * (2 * _default_stride(n) + n // _default_stride(n)),
        _all_keys_and_values,
    ),
    Variant(
        "linear", linear, False, "n", _linear_adds, lambda n: min(n, LINEAR_BLOCK) ** 2,
        lambda n, d_head: d_head * (d_head + 1),
    ),
    Variant(
        "hashed", hashed, False, "n log n", _hashed_adds,
        lambda n: min(n, CHUNK) * min(n, 2 * CHUNK), _all_keys_and_values,
    ),
)  # fmt: skip
