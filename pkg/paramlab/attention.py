"""Attention, defined once: every token takes a weighted mean of what the tokens it sees offer.

Letters: T queries, S keys, N query heads, K key-value heads, H the width of a head.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike

from paramlab.config import ModelConfig
from paramlab.in_place import attention_in_place
from paramlab.layers import softmax

QUERIES_AT_ONCE = 64  # how many queries blocked() scores in one product


def attention(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray,
    watch: Callable[[np.ndarray], object] | None = None,
) -> np.ndarray:
    """Mix the values, for each query, in proportion to how well their keys match it.

    Parameters
    ----------
    q
        Queries (..., N, T, H).
    k, v
        Keys and values (..., K, S, H). Each of the K is shared by N/K query heads: N = K is
        multi-head, K = 1 multi-query and anything between grouped-query attention.
    mask
        Added to the scores, (T, S) or one for each head (N, T, S): 0 where a query may look, -inf
        where it may not, and whatever else is to change a score.
    watch
        Called with the weights (..., N, T, S) of the mixtures; those of a query sum to 1.

    Returns
    -------
    np.ndarray
        One mixture for each query, (..., N, T, H).

    References
    ----------
    Vaswani et al., arXiv 1706.03762, equation 1; groups: Ainslie et al., arXiv 2305.13245,
    section 2.2.

    Examples
    --------
    The second token's query matches the keys with scores 0 and ln 3: weights 1/4 and 3/4.

    >>> q = np.array([[[1.0], [1.0]]])
    >>> k = np.array([[[0.0], [np.log(3)]]])
    >>> v = np.array([[[40.0], [80.0]]])
    >>> attention(q, k, v, causal_mask(2, 2)).round(6).tolist()
    [[[40.0], [70.0]]]
    """
    *batch, n_heads, n_queries, d_head = q.shape
    n_kv_heads, n_keys = k.shape[-3:-1]
    n_sharing = n_heads // n_kv_heads  # heads with the same keys and values
    # q (..., K, N/K, T, H) against k (..., K, 1, S, H): each key meets all queries that share it.
    q = (q / math.sqrt(d_head)).reshape(*batch, n_kv_heads, n_sharing, n_queries, d_head)
    k = k.reshape(*batch, n_kv_heads, 1, n_keys, d_head)
    scores = q @ k.swapaxes(-1, -2)  # (..., K, N/K, T, S)
    weights = softmax(scores.reshape(*batch, n_heads, n_queries, n_keys) + mask)
    if watch:
        watch(weights)
    # The queries of heads that share their values, one below the other: one product for them.
    together = weights.reshape(*batch, n_kv_heads, n_sharing * n_queries, n_keys)
    return (together @ v).reshape(*batch, n_heads, n_queries, d_head)


def blocked(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray,
    watch: Callable[[np.ndarray], object] | None = None,
) -> np.ndarray:
    """Attend as :func:`attention` does, for some queries at a time; later keys must be masked.

    No key after the last of these queries is needed, which spares half of the products of a long
    text, and the scores of a few queries stay in the processor's cache.
    """
    n_queries, n_keys = mask.shape[-2:]
    at_once = attention_in_place if isinstance(q, np.ndarray) else attention
    if n_queries <= QUERIES_AT_ONCE:
        return at_once(q, k, v, mask, watch)
    mixed: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    for start in range(0, n_queries, QUERIES_AT_ONCE):
        some = slice(start, start + QUERIES_AT_ONCE)  # of the queries
        seen = slice(n_keys - n_queries + some.stop)  # the keys up to the last of them
        pieces = q[..., some, :], k[..., seen, :], v[..., seen, :], mask[..., some, seen]
        mixed.append(at_once(*pieces, weights.append if watch else None))
    if watch:
        wide = [np.pad(w, [(0, 0)] * (w.ndim - 1) + [(0, n_keys - w.shape[-1])]) for w in weights]
        watch(np.concatenate(wide, axis=-2))
    return np.concatenate(mixed, axis=-2)


def causal_mask(n_queries: int, n_keys: int, window: int = 0) -> np.ndarray:
    """Let each query see its own token and those before it: (T, S) of 0 and -inf.

    The queries are the last T of the S tokens. With a window each sees only so many tokens, its
    own included.

    Examples
    --------
    >>> causal_mask(2, 3).tolist()
    [[0.0, 0.0, -inf], [0.0, 0.0, 0.0]]
    >>> causal_mask(2, 3, window=2).tolist()
    [[0.0, 0.0, -inf], [-inf, 0.0, 0.0]]
    """
    hidden = np.full((n_queries, n_keys), -np.inf, np.float32)
    n_before = n_keys - n_queries
    mask = np.triu(hidden, k=n_before + 1)
    return mask + np.tril(hidden, k=n_before - window) if window else mask


def split_heads(x: np.ndarray, n_heads: int) -> np.ndarray:
    """Cut the features of each token into heads: (..., T, N*H) to (..., N, T, H)."""
    *batch, n_tokens, width = x.shape
    return x.reshape(*batch, n_tokens, n_heads, width // n_heads).swapaxes(-2, -3)


def merge_heads(x: np.ndarray) -> np.ndarray:
    """Lay the heads of each token side by side again: (..., N, T, H) to (..., T, N*H)."""
    *batch, n_heads, n_tokens, d_head = x.shape
    return x.swapaxes(-2, -3).reshape(*batch, n_tokens, n_heads * d_head)


class KVCache:
    """The keys and values of the tokens read so far, so that no token is computed twice.

    Parameters
    ----------
    config
        The model; each of its L layers keeps K heads of H numbers per token, twice.
    capacity_tokens
        How many tokens there is room for.
    dtype
        The type of the model's numbers.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=3, d_model=8, n_heads=4, d_ff=8, vocab_size=9, n_ctx=9,
    ...                    n_kv_heads=2, positions="rope")
    >>> KVCache(tiny, capacity_tokens=5).n_bytes  # 2 x 3 layers x 2 heads x 5 tokens x 2 x 4 bytes
    480
    """

    def __init__(
        self, config: ModelConfig, capacity_tokens: int, dtype: DTypeLike = np.float32
    ) -> None:
        shape = (config.n_layers, config.n_kv_heads, capacity_tokens, config.d_head)
        self.keys = np.empty(shape, dtype)  # (L, K, capacity, H)
        self.values = np.empty(shape, dtype)
        self.capacity_tokens = capacity_tokens
        self.n_tokens = 0  # how many are filled; advanced when all layers have stored theirs

    @property
    def n_bytes(self) -> int:
        """The memory it takes."""
        return self.keys.nbytes + self.values.nbytes

    def extend(self, layer: int, k: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Store the keys and values (K, T, H) of new tokens; return all there are (K, S, H)."""
        end = self.n_tokens + k.shape[-2]
        self.keys[layer, :, self.n_tokens : end] = k
        self.values[layer, :, self.n_tokens : end] = v
        return self.keys[layer, :, :end], self.values[layer, :, :end]
