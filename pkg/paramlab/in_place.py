"""Attention with few arrays: the sums of :func:`paramlab.attention.attention`, for speed."""

import math
from collections.abc import Callable

import numpy as np


def attention_in_place(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray,
    watch: Callable[[np.ndarray], object] | None = None,
) -> np.ndarray:
    """Attend as :func:`paramlab.attention.attention` does, in one array of scores.

    The queries of heads that share their keys meet them in one product, and all that follows is
    written over its result.
    """
    *batch, n_heads, n_queries, d_head = q.shape
    n_kv_heads, n_keys = k.shape[-3:-1]
    together = (*batch, n_kv_heads, n_heads // n_kv_heads * n_queries)
    q = (q / math.sqrt(d_head)).reshape(*together, d_head)
    products = q @ k.swapaxes(-1, -2)
    scores = products.reshape(*batch, n_heads, n_queries, n_keys)  # a view
    scores += mask
    scores -= scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores, out=scores)
    weights /= weights.sum(axis=-1, keepdims=True)
    if watch:
        watch(weights)
    return (products @ v).reshape(*batch, n_heads, n_queries, d_head)
