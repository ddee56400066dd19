"""How far queries look back: on all tokens so far, on a window, on some that are chosen."""

from paramlab.config import Lookback, ModelConfig
from paramlab.limits import check_attention_kind, check_lengths
from paramlab.state_layers import n_layers_with


def attended_pairs(n_tokens: int, n_before: int = 0, window: int = 0, n_joined: int = 1) -> int:
    """Count the pairs of a query and a key that it may see, in one head of one layer.

    Each query sees its own token and those before it, ``window`` tokens at most (0: all). Where
    tokens are joined, it sees the entries that are complete.

    Examples
    --------
    >>> attended_pairs(4), attended_pairs(4, window=2), attended_pairs(1, n_before=3)
    (10, 7, 4)
    >>> attended_pairs(5, n_joined=2), attended_pairs(5, window=1, n_joined=2)  # 0 + 1 + 1 + 2 + 2
    (6, 4)
    """
    check_lengths(least=0, n_tokens=n_tokens, n_before=n_before, window=window)

    def seen_by_the_first(n: int) -> int:
        short = min(n, window * n_joined - 1) if window else n  # queries that see all so far
        whole, rest = divmod(short, n_joined)
        all_so_far = n_joined * (whole * (whole - 1) // 2) + whole * (rest + 1)
        return all_so_far + (n - short) * window

    return seen_by_the_first(n_before + n_tokens) - seen_by_the_first(n_before)


def lookbacks(config: ModelConfig) -> tuple[Lookback, ...]:
    """Return how the layers of attention look back, those that are alike together.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=3, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9,
    ...                    window=4, local_layers=(0, 2))
    >>> [(each.n_layers, each.window, each.per_pair, each.kept) for each in lookbacks(tiny)]
    [(2, 4, 4, 4), (1, 0, 4, 4)]
    """
    c, m = config, config.latent
    if c.lookbacks:
        return c.lookbacks
    per_pair, cached, kept = 2 * c.n_heads * c.d_head, 0, 2 * c.n_kv_heads * c.d_head
    if m:  # later queries are brought to the width of the short vectors instead
        per_pair, kept = c.n_heads * (m.d_nope + m.d_rope + m.d_value), m.d_latent + m.d_rope
        cached = c.n_heads * (kept + m.d_latent)
    n_layers = n_layers_with(c, "attention")
    n_local = (len(c.local_layers) or n_layers) if c.window else 0
    kinds = ((n_local, c.window), (n_layers - n_local, 0))
    return tuple(Lookback(n, per_pair, cached, width, kept=kept) for n, width in kinds if n)


def multiply_adds_looking_back(
    config: ModelConfig, n_tokens: int, n_before: int, limit: int | None
) -> int:
    """Add up what queries and keys take in all layers.

    Where ``limit`` is None, also the pairs that a mask then hides; else no layer looks back on more
    tokens than that (0: all).

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=3, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> [multiply_adds_looking_back(tiny, 4, 0, limit) for limit in (None, 0, 2)]
    [192, 120, 84]
    """
    total = 0
    for each in lookbacks(config):
        if limit is None:
            pairs = n_tokens * ((n_before + n_tokens) // each.n_joined)
        elif 0 < limit < each.n_joined:  # no entry is so near
            pairs = 0
        else:
            widths = (each.window, each.n_chosen, limit // each.n_joined)
            narrow = min(filter(None, widths), default=0)
            pairs = attended_pairs(n_tokens, n_before, narrow, each.n_joined)
        cached = each.per_cached_pair if n_before else 0
        total += each.n_layers * pairs * (cached or each.per_pair)
    return total


def numbers_kept(config: ModelConfig, n_tokens: int, limit: int | None, read: bool = False) -> int:
    """Add up the numbers that all layers keep of a text, to look back on; limits as above.

    Where ``read``, those that a step of writing must read: of entries that are chosen, the chosen.

    Examples
    --------
    Two numbers for each of 7 // 3 entries, and five of the token that is left; one entry is chosen:

    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9,
    ...                    lookbacks=(Lookback(1, n_chosen=1, kept=2, n_joined=3, kept_open=5),))
    >>> numbers_kept(tiny, 7, 0), numbers_kept(tiny, 7, 0, read=True)
    (9, 2)
    """
    total = 0
    for each in lookbacks(config):
        narrow = None if limit is None else min(filter(None, (each.window, limit)), default=0)
        entries, left = divmod(min(n_tokens, narrow or n_tokens), each.n_joined)
        kept = entries * each.kept + left * each.kept_open + (each.kept_last if entries else 0)
        if read:
            kept = min(entries, each.n_chosen or entries) * each.kept
        total += each.n_layers * kept
    return total


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
