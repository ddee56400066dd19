"""Which pairs of a query and a key a pass multiplies: all, those so far, those in a window."""

from paramlab.config import ModelConfig
from paramlab.limits import check_attention_kind, check_lengths
from paramlab.state_layers import n_layers_with


def attended_pairs(n_tokens: int, n_before: int = 0, window: int = 0) -> int:
    """Count the pairs of a query and a key that it may see, in one head of one layer.

    Each query sees its own token and those before it, ``window`` tokens at most (0: all).

    Examples
    --------
    >>> attended_pairs(4), attended_pairs(4, window=2), attended_pairs(1, n_before=3)
    (10, 7, 4)
    """
    check_lengths(least=0, n_tokens=n_tokens, n_before=n_before, window=window)

    def seen_by_the_first(n: int) -> int:
        short = min(n, window) if window else n  # queries that see all tokens so far
        return short * (short + 1) // 2 + (n - short) * window

    return seen_by_the_first(n_before + n_tokens) - seen_by_the_first(n_before)


def all_pairs(config: ModelConfig, n_tokens: int, n_before: int, limit: int | None) -> int:
    """Add up the pairs of a query and a key, in one head of every layer with attention.

    Where ``limit`` is None, also those that the mask then hides; else no layer looks back on more
    tokens than that (0: all).

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=3, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> all_pairs(tiny, 4, 0, None), all_pairs(tiny, 4, 0, 0), all_pairs(tiny, 4, 0, 2)
    (48, 30, 21)
    """
    if limit is None:
        return n_layers_with(config, "attention") * n_tokens * (n_before + n_tokens)
    wide = windows(config, limit)
    return sum(n * attended_pairs(n_tokens, n_before, window) for window, n in wide)


def windows(config: ModelConfig, limit: int | None) -> list[tuple[int, int]]:
    """Return each window (0: none) and how many layers of attention have it.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=3, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9,
    ...                    window=4, local_layers=(0, 2))
    >>> windows(tiny, 0)
    [(4, 2), (0, 1)]
    """
    n_layers = n_layers_with(config, "attention")
    if limit is None or not (config.window or limit):
        return [(0, n_layers)]
    n_local = (len(config.local_layers) or n_layers) if config.window else 0
    narrow = min(filter(None, (config.window, limit)))
    return [(narrow, n_local), (limit, n_layers - n_local)]


def window_of(attention: str) -> int | None:
    """Return the window that an attention option imposes: None for full, 0 for causal.

    Examples
    --------
    >>> window_of("full"), window_of("causal"), window_of("window:4096")
    (None, 0, 4096)
    """
    if attention in ("full", "causal"):
        return None if attention == "full" else 0
    check_attention_kind(attention)
    return int(attention.removeprefix("window:"))
