"""Refusals: one sentence, with both values, for each argument that makes no sense."""

import numpy as np

# ------------------------------------------------------------------ queries, keys and values


def check_attention(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> tuple[int, int]:
    """Return how many queries (..., N, T, H) and keys (..., K, S, H) there are, if they fit."""
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


def check_one_query_per_key(name: str, q: np.ndarray, k: np.ndarray, v: np.ndarray) -> int:
    """Return how many tokens there are, if a variant can take them."""
    n_queries, n_keys = check_attention(q, k, v)
    if n_queries != n_keys:
        raise ValueError(f"{name} attention takes one query per key: {n_queries} is not {n_keys}")
    return n_queries


def check_buckets(q: np.ndarray, k: np.ndarray, n_buckets: int) -> None:
    """Refuse keys that are not the queries' own, and buckets that no bits can name."""
    if q.shape != k.shape:
        raise ValueError(f"hashed attention shares queries and keys: {q.shape} is not {k.shape}")
    check_positive(n_buckets=n_buckets)
    if n_buckets & (n_buckets - 1):
        raise ValueError(f"n_buckets is {n_buckets}; it must be a power of two")


def mask_for(mask: np.ndarray, q: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return a view of a mask with all its rows and columns, (T, S) or (N, T, S), if it fits."""
    if mask.dtype == bool:
        raise ValueError("a mask is added to the scores: 0 where a query may look, -inf elsewhere")
    scores = (*q.shape[-3:-1], k.shape[-2])
    try:
        return np.broadcast_to(mask, scores[1:] if mask.ndim == 2 else scores)
    except ValueError:
        raise ValueError(f"the mask {mask.shape} does not fit the scores {scores}") from None


def check_positive(**sizes: int) -> None:
    """Refuse sizes that are none, by their names."""
    for name, size in sizes.items():
        if not isinstance(size, int | np.integer) or size < 1:
            raise ValueError(f"{name} is {size!r}; it must be a whole number of at least 1")
