"""Attention that spends fewer operations than the definition, and computes something else.

A window, a stride and buckets leave pairs of tokens out; linear attention replaces the softmax by a
product of features. :data:`VARIANTS` lists them beside the exact ways of :mod:`paramlab.tiled`. All
take the queries, keys and values of :func:`paramlab.attention.attention`, and are causal. A model
with fewer key-value heads than heads (K < N) may use any; what that saves, the cache, is counted in
:mod:`paramlab.costs`. Operations are multiply-adds of one head, for T = S = n tokens.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from paramlab.attention import attention, causal_mask
from paramlab.checks import check_attention, check_buckets, check_one_query_per_key, check_positive
from paramlab.layers import softmax
from paramlab.tiled import BLOCK, group_heads, naive, slices, tiled_fast

WINDOW = 256
LINEAR_BLOCK = 64
CHUNK = 128  # hashed attention: a chunk looks at itself and the one before


def sliding_window(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, window: int = WINDOW, block: int = BLOCK
) -> np.ndarray:
    """Let each token look back on ``window`` tokens only, its own included.

    Equal to the definition as long as n <= window; beyond, another function, whose layers pass
    information on by one window each. Operations 2 n (window + block) H, linear in n. Extra memory:
    block x (window + block) scores for each head, for ``block`` queries are worked on at once. Only
    ``window`` tokens need to stay in the cache.

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
    n_queries, n_keys = check_attention(q, k, v)
    check_positive(window=window, block=block)
    mixed, before = np.empty_like(q), n_keys - n_queries
    for rows in slices(n_queries, block):
        keys = slice(max(0, before + rows.start - window + 1), before + rows.stop)
        mask = causal_mask(rows.stop - rows.start, keys.stop - keys.start, window)
        mixed[..., rows, :] = attention(q[..., rows, :], k[..., keys, :], v[..., keys, :], mask)
    return mixed


def strided(q: np.ndarray, k: np.ndarray, v: np.ndarray, stride: int = 0) -> np.ndarray:
    """Let each token look at the last ``stride`` tokens, and at every stride-th before them.

    Approximate: the paper's two patterns in one softmax. Equal to the definition for stride >= n
    and for stride 1. Operations about 2 n (2 stride + n / (2 stride)) H: with the default (0), the
    root of n rounded up, proportional to n to the power 1.5. Extra memory: stride x (2 stride +
    n / stride) scores for each head. The cache must keep all n tokens: each is some later token's
    stride-th.

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
    n_tokens = check_one_query_per_key("strided", q, k, v)
    stride = stride or _default_stride(n_tokens)
    check_positive(stride=stride)
    grouped_q, k, v = group_heads(q, k, v)
    mixed = np.empty_like(grouped_q)
    for rows in slices(n_tokens, stride):
        near = slice(max(0, rows.start - stride + 1), rows.stop)
        scaled = grouped_q[..., rows, :] / math.sqrt(q.shape[-1])  # (..., T, H)
        i, j = np.arange(rows.start, rows.stop)[:, None], np.arange(near.start, near.stop)
        near_scores = scaled @ k[..., near, :].swapaxes(-1, -2)
        near_scores += _hide((j > i) | (j <= i - stride))
        far_k, far_v = (_columns(x, rows.start, stride, scaled.shape[-2]) for x in (k, v))
        far_scores = (far_k @ scaled[..., None])[..., 0]  # (..., T, start / stride)
        weights = softmax(np.concatenate((near_scores, far_scores), axis=-1))
        near_weights, far_weights = np.split(weights, [near_scores.shape[-1]], axis=-1)
        far_mixed = (far_weights[..., None, :] @ far_v)[..., 0, :]
        mixed[..., rows, :] = near_weights @ v[..., near, :] + far_mixed
    return mixed.reshape(q.shape)


def _default_stride(n_tokens: int) -> int:
    return math.isqrt(n_tokens - 1) + 1


def _columns(x: np.ndarray, stop: int, stride: int, n_rows: int) -> np.ndarray:
    """Return what lies at whole strides before each of n_rows: (..., n_rows, stop/stride, H)."""
    *batch, _, width = x.shape
    lines = x[..., :stop, :].reshape(*batch, stop // stride, stride, width)
    return lines.swapaxes(-2, -3)[..., :n_rows, :, :]  # a column for each row


def linear_attention(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, block: int = LINEAR_BLOCK
) -> np.ndarray:
    """Replace exp(q · k) by a product of features, which sums over the past once for all queries.

    Approximate: another function than softmax attention, for which a model must be trained. With
    the feature map f(x) = elu(x) + 1, the weight of a key is f(q) · f(k), so the sum over past
    keys is f(q) times one H x (H + 1) state. ``block=1`` is the recurrent form, which a decoder
    uses; ``block >= n`` is the parallel form, with n² weights; between, blocks look at themselves
    in parallel and at their past through the state. Operations about n (2 H + 2 block) (H + 1),
    linear in n; extra memory: features and the state. The cache is the state, whatever n.

    References
    ----------
    Katharopoulos et al., arXiv 2006.16236, equations 7 (features) and 16 to 20 (recurrent form).

    Examples
    --------
    The features of 0 and ln(1/2) are 1 and 1/2: weights 2/3 and 1/3.

    >>> k, v = np.array([[[0.0], [np.log(0.5)]]]), np.array([[[30.0], [60.0]]])
    >>> linear_attention(np.zeros((1, 2, 1)), k, v).round(6).tolist()
    [[[30.0], [40.0]]]
    """
    n_queries, n_keys = check_attention(q, k, v)
    check_positive(block=block)
    grouped_q, k, v = group_heads(q, k, v)
    v = np.concatenate((v, np.ones_like(v[..., :1])), axis=-1)  # the ones add up the weights
    before = n_keys - n_queries
    state = _features(k[..., :before, :]).swapaxes(-1, -2) @ v[..., :before, :]  # (..., H, H + 1)
    mixed = np.empty_like(grouped_q)
    for rows in slices(n_queries, block):
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
    ``k = shared_keys(q)``. Each bit of a bucket's number says on which side of a random plane a
    query lies. The tokens are sorted by bucket and cut into chunks of 2 n / n_buckets; a query sees
    those of its bucket, up to its own, in its chunk and the one before. With chunks of a fixed size
    c (n_buckets = 2 n / c; by default, 0, at most 128 tokens): operations n H log2(n_buckets) for
    the hash and at most 4 n c H for the chunks, besides the sorting, so O(n log n). Extra memory:
    the sorted copies, and c x 2 c scores for each head. Equal to the definition for one bucket. The
    paper also hashes several times and keeps tokens from looking at themselves; this does neither.

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
    n_tokens = check_one_query_per_key("hashed", q, k, v)
    n_buckets = n_buckets or _default_buckets(n_tokens)
    check_buckets(q, k, n_buckets)
    n_bits = n_buckets.bit_length() - 1
    planes = np.random.default_rng(seed).normal(size=(q.shape[-1], n_bits)).astype(q.dtype)
    buckets = ((q @ planes > 0) << np.arange(n_bits)).sum(axis=-1)  # (..., N, T)
    order = np.argsort(buckets, axis=-1, kind="stable")  # by bucket, then by position
    buckets = np.take_along_axis(buckets, order, axis=-1)
    q, k, v = (np.take_along_axis(x, order[..., None], axis=-2) for x in (q, k, v))
    mixed, chunk = np.empty_like(q), -(-2 * n_tokens // n_buckets)  # rounded up
    for rows in slices(n_tokens, chunk):
        keys = slice(max(0, rows.start - chunk), rows.stop)
        other_bucket = buckets[..., rows, None] != buckets[..., None, keys]
        later = order[..., rows, None] < order[..., None, keys]
        mask = _hide(other_bucket | later)  # (..., N, T, S)
        mixed[..., rows, :] = attention(q[..., rows, :], k[..., keys, :], v[..., keys, :], mask)
    result = np.empty_like(mixed)  # in the order of the text again
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


def _hide(hidden: np.ndarray) -> np.ndarray:
    return np.where(hidden, np.float32(-np.inf), np.float32(0))


# ------------------------------------------------------------------ what each of them costs


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


def _two_products(n: int, d_head: int, block: int, seen: Callable[[slice], int]) -> int:
    """Count scores and mixing where a block of queries sees so many keys."""
    return 2 * d_head * sum((rows.stop - rows.start) * seen(rows) for rows in slices(n, block))


def _naive_adds(n: int, d_head: int) -> int:
    return 2 * n * n * d_head


def _strided_adds(n: int, d_head: int) -> int:
    stride = _default_stride(n)
    near = _two_products(n, d_head, stride, lambda rows: _reach(rows, stride - 1))
    return near + _two_products(n, d_head, stride, lambda rows: rows.start // stride)


def _reach(rows: slice, n_before: int) -> int:  # a block with so many tokens before its first
    return rows.stop - max(0, rows.start - n_before)


def _linear_adds(n: int, d_head: int) -> int:
    within = sum((rows.stop - rows.start) ** 2 for rows in slices(n, LINEAR_BLOCK))
    return 2 * n * d_head * (d_head + 1) + within * (2 * d_head + 1)  # state and blocks


def _hashed_adds(n: int, d_head: int) -> int:
    bits = _default_buckets(n).bit_length() - 1
    chunk = -(-2 * n // 2**bits)
    chunks = _two_products(n, d_head, chunk, lambda rows: _reach(rows, chunk))
    return n * d_head * bits + chunks


def _all_cached(n: int, d_head: int) -> int:
    return 2 * n * d_head


VARIANTS = (
    Variant("naive", naive, True, "n²", _naive_adds, lambda n: n * n, _all_cached),
    Variant(
        "tiled", tiled_fast, True, "n²",
        lambda n, d_head: _two_products(n, d_head, BLOCK, lambda rows: rows.stop),
        lambda n: min(n, BLOCK) * min(n, 2 * BLOCK), _all_cached,
    ),
    Variant(
        "window", sliding_window, False, "n",
        lambda n, d_head: _two_products(n, d_head, BLOCK, lambda rows: _reach(rows, WINDOW - 1)),
        lambda n: min(n, BLOCK) * min(n, BLOCK + WINDOW - 1),
        lambda n, d_head: 2 * min(n, WINDOW) * d_head,
    ),
    Variant(
        "strided", strided, False, "n√n", _strided_adds,
        lambda n: (stride := _default_stride(n)) * (2 * stride + n // stride), _all_cached,
    ),
    Variant(
        "linear", linear_attention, False, "n", _linear_adds, lambda n: min(n, LINEAR_BLOCK) ** 2,
        lambda n, d_head: d_head * (d_head + 1),
    ),
    Variant(
        "hashed", hashed, False, "n log n", _hashed_adds,
        lambda n: min(n, CHUNK) * min(n, 2 * CHUNK), _all_cached,
    ),
)  # fmt: skip
