"""What a forward pass costs: operations, bytes of weights read, bytes of the key-value cache.

An operation is a multiply-add, counted for matrix products alone: a product of (T, d_in) and
(d_in, d_out) takes T * d_in * d_out of them, and two FLOPs each. They come from the same list of
arrays as the parameter count (:func:`paramlab.params.stacks`), to which attention adds its two
products of activations: scores (queries by keys) and mixing (weights by values).
:func:`paramlab.measured.counted_run` counts what NumPy really performs.
"""

from collections import Counter
from dataclasses import dataclass

from paramlab.config import ModelConfig
from paramlab.params import count, stacks

SCORES = "scores and mixing"
BITS = {"fp32": 32, "fp16": 16, "bf16": 16, "int8": 8, "int4": 4}
CACHE_BITS_AT_LEAST = 16  # quantized weights are usually run with a 16-bit cache
FARTHEST = 10**12  # tokens; where a search for a crossover gives up


@dataclass(frozen=True)
class Operations:
    """The multiply-adds of a forward pass, by component.

    Examples
    --------
    >>> ops = Operations({"MLP": 30, "scores and mixing": 10})
    >>> ops.multiply_adds, ops.flops, ops.scores
    (40, 80, 10)
    """

    by_part: dict[str, int]

    @property
    def multiply_adds(self) -> int:
        """All of them."""
        return sum(self.by_part.values())

    @property
    def flops(self) -> int:
        """Two for each multiply-add: a multiplication and an addition."""
        return 2 * self.multiply_adds

    @property
    def scores(self) -> int:
        """The multiply-adds of attention that multiply no weight: queries, keys and values."""
        return self.by_part.get(SCORES, 0)


@dataclass(frozen=True)
class Cost:
    """What a model costs at a context length; bytes for the whole batch."""

    context_tokens: int
    attention: str
    precision: str
    batch: int
    prefill: Operations  # reading the whole context at once
    decode: Operations  # one more token, as the last of the context
    weight_bytes: int
    weight_bytes_read: int  # by one decode step
    kv_cache_bytes: int  # of the whole context
    kv_cache_bytes_per_token: int  # of one text, while no window is full
    crossover_tokens: int | None
    assumptions: tuple[str, ...]


def cost(
    config: ModelConfig,
    context_tokens: int,
    attention: str = "causal",
    precision: str = "fp16",
    batch: int = 1,
) -> Cost:
    """Return everything below for one context length, with the assumptions in words.

    Parameters
    ----------
    config
        The architecture of a decoder.
    context_tokens
        How many tokens the model has read when a decode step ends.
    attention
        As for :func:`forward_operations`.
    precision
        Of the weights: fp32, fp16, bf16, int8 or int4. The cache takes as many bits, but at
        least 16.
    batch
        How many texts are read at the same time.

    Raises
    ------
    ValueError
        When an argument is out of range, or the model is not a decoder with softmax attention.

    Examples
    --------
    >>> llama = ModelConfig(n_layers=32, d_model=4096, n_heads=32, d_ff=11008, vocab_size=32000,
    ...                     n_ctx=4096, positions="rope", norm="rmsnorm", gated_mlp=True,
    ...                     bias_qkv=False, bias_o=False, bias_mlp=False, tied=False)
    >>> at_4k = cost(llama, 4096)
    >>> at_4k.kv_cache_bytes == 2 * 2**30, at_4k.kv_cache_bytes_per_token
    (True, 524288)
    """
    check_length("context", context_tokens)
    check_length("batch", batch)
    prefill = forward_operations(config, context_tokens, attention=attention)
    decode = decode_operations(config, context_tokens, attention)
    return Cost(
        context_tokens,
        attention,
        precision,
        batch,
        _times(prefill, batch),
        _times(decode, batch),
        weight_bytes(config, precision),
        weight_bytes_read(config, batch, precision),
        batch * kv_cache_bytes(config, context_tokens, precision, attention),
        kv_cache_bytes(config, 1, precision, attention),
        crossover_tokens(config, attention),
        tuple(_assumptions(config, context_tokens, attention, precision, batch)),
    )


# ------------------------------------------------------------------ operations


def forward_operations(
    config: ModelConfig,
    n_tokens: int,
    n_before: int = 0,
    attention: str = "causal",
    last_only: bool = False,
) -> Operations:
    """Count the multiply-adds of reading n tokens after others that are in the cache.

    Parameters
    ----------
    config
        The architecture of a decoder.
    n_tokens
        T, the tokens read in this pass.
    n_before
        The tokens before them, whose keys and values are kept.
    attention
        ``causal``: each query with the keys it may see, its own included; in a local layer those
        in the window. ``full``: each query with every key, also those that the mask then hides,
        as a plain implementation computes it. ``window:N``: as causal, and no layer looks back on
        more than N tokens.
    last_only
        Compute the logits after the last token only.

    Raises
    ------
    ValueError
        When an argument is out of range, or the model is not a decoder with softmax attention.

    References
    ----------
    Kaplan et al., arXiv 2001.08361, section 2.1 and Table 1: 2N + 2 L T D FLOPs per token, which
    is ``causal`` on average. Multi-head latent attention keeps one short vector per token;
    :func:`decode_operations` reads it directly (arXiv 2405.04434, section 2.1.2).

    Examples
    --------
    One layer, 2 wide, one head, 3 tokens: four 2 x 2 matrices, an MLP of 2 x 8 and 8 x 2, a head
    of 2 x 5, and 1 + 2 + 3 pairs of a query and a key, which take 2 + 2 each.

    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> forward_operations(tiny, 3).by_part
    {'projections': 48, 'scores and mixing': 24, 'MLP': 96, 'output head': 30}
    >>> forward_operations(tiny, 3, attention="full").scores
    36
    """
    check_decoder(config)
    check_length("n_tokens", n_tokens)
    check_length("n_before", n_before, least=0)
    limit = window_of(attention)
    parts: Counter[str] = Counter()
    for stack in stacks(config):
        for array in stack.arrays:
            if array.role != "weight" or len(array.shape) < 2:  # an attention sink is no matrix
                continue
            part = "projections" if array.part == "attention" else array.part
            n = 1 if last_only and array.name.startswith("head.") else n_tokens
            parts[part] += n * stack.n * _used(config, array)
            if array.name.endswith("attention.o.weight"):  # after the products before it
                pairs = _layer_pairs(config, stack.layers, n_tokens, n_before, limit)
                parts[SCORES] += pairs * _multiply_adds_per_pair(config, cached=n_before > 0)
    return Operations(dict(parts))


def decode_operations(config: ModelConfig, position: int, attention: str = "causal") -> Operations:
    """Count the multiply-adds of one more token, the last of a context of ``position`` tokens.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> decode_operations(tiny, 3).by_part
    {'projections': 16, 'scores and mixing': 12, 'MLP': 32, 'output head': 10}
    """
    check_length("position", position)
    return forward_operations(config, 1, position - 1, attention)


def attended_pairs(n_tokens: int, n_before: int = 0, window: int = 0) -> int:
    """Count the pairs of a query and a key that it may see, in one head of one layer.

    Each query sees its own token and those before it, ``window`` tokens at most (0: all).

    Examples
    --------
    >>> attended_pairs(4), attended_pairs(4, window=2), attended_pairs(1, n_before=3)
    (10, 7, 4)
    """
    check_length("n_tokens", n_tokens, least=0)
    check_length("n_before", n_before, least=0)
    check_length("window", window, least=0)

    def seen_by_the_first(n: int) -> int:
        short = min(n, window) if window else n  # queries that see all tokens so far
        return short * (short + 1) // 2 + (n - short) * window

    return seen_by_the_first(n_before + n_tokens) - seen_by_the_first(n_before)


def crossover_tokens(config: ModelConfig, attention: str = "causal") -> int | None:
    """Return the shortest text for which scores and mixing take more than all the rest.

    None where windows keep them below it forever. In a standard model it is near 12 D tokens
    (causal) or 6 D (full): a bigger model meets it later.

    Examples
    --------
    The rest is 58 per token; n tokens take 4 (n + 1) / 2 each for scores and mixing.

    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> crossover_tokens(tiny), crossover_tokens(tiny, "window:14")
    (29, None)
    """

    def crossed(n: int) -> bool:
        ops = forward_operations(config, n, attention=attention)
        return 2 * ops.scores > ops.multiply_adds

    far = 1
    while not crossed(far):
        far *= 2
        if far > FARTHEST:
            return None
    near = far // 2
    while far - near > 1:  # not crossed at near, crossed at far
        middle = (near + far) // 2
        near, far = (near, middle) if crossed(middle) else (middle, far)
    return far


def check_decoder(config: ModelConfig) -> None:
    """Refuse an architecture whose costs are not described here."""
    if config.n_encoder_layers:
        raise ValueError(
            "an encoder-decoder reads two texts, and its cost depends on both lengths; "
            "only decoders are costed here"
        )
    if config.pooler or config.head_transform or config.n_segments:
        raise ValueError(
            "an encoder such as BERT reads in both directions and generates no token; "
            "only decoders are costed here"
        )
    if config.lightning_layers:
        raise ValueError(
            f"{len(config.lightning_layers)} of its {config.n_layers} layers have linear "
            "(lightning) attention, which keeps no keys and values; its cost is not known here"
        )


def window_of(attention: str) -> int | None:
    """Return the window that an attention option imposes: None for full, 0 for causal.

    Examples
    --------
    >>> window_of("full"), window_of("causal"), window_of("window:4096")
    (None, 0, 4096)
    """
    if attention in ("full", "causal"):
        return None if attention == "full" else 0
    kind, _, width = str(attention).partition(":")
    if kind != "window" or not (width.isascii() and width.isdigit() and 0 < len(width) < 13):
        raise ValueError(f"attention is {attention!r}; it can be full, causal or window:TOKENS")
    if not int(width):
        raise ValueError("a window of 0 tokens sees nothing; it must be at least 1")
    return int(width)


def check_length(name: str, n: int, least: int = 1) -> None:
    """Refuse a number of tokens or texts that is none."""
    if type(n) is not int or not least <= n <= FARTHEST:
        raise ValueError(f"{name} is {n!r}; it must be a whole number from {least} to {FARTHEST}")


def _used(config, array) -> int:
    """Return how many weights of a matrix one token is multiplied with."""
    if array.part != "experts":
        return array.size
    return array.size // config.experts.n_experts * config.experts.n_active


def _multiply_adds_per_pair(config, cached: bool) -> int:
    """Return the multiply-adds of one query and one key in all heads of a layer."""
    m = config.latent
    if m is None:
        width = 2 * config.d_head
    elif cached:  # queries are brought to the width of the short vectors instead
        width = (m.d_latent + m.d_rope) + m.d_latent
    else:
        width = (m.d_nope + m.d_rope) + m.d_value
    return config.n_heads * width


def _layer_pairs(config, layers, n_tokens, n_before, limit) -> int:
    """Add up the pairs of a query and a key over these layers."""
    if limit is None:
        return len(layers) * n_tokens * (n_before + n_tokens)
    return sum(
        n * attended_pairs(n_tokens, n_before, window)
        for window, n in _windows(config, layers, limit)
    )


def _windows(config, layers, limit: int | None) -> list[tuple[int, int]]:
    """Return each window (0: none) and how many of the layers have it."""
    if limit is None or not (config.window or limit):
        return [(0, len(layers))]
    local = len(set(config.local_layers).intersection(layers))
    if config.window and not config.local_layers:
        local = len(layers)
    narrow = min(filter(None, (config.window, limit)))
    return [(narrow, local), (limit, len(layers) - local)]


def _times(operations: Operations, batch: int) -> Operations:
    return Operations({part: batch * n for part, n in operations.by_part.items()})


# ------------------------------------------------------------------ bytes


def weight_bytes(config: ModelConfig, precision: str = "fp16") -> int:
    """Return the bytes of all parameters, tied ones once; scales of quantized ones left out.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> count(tiny).total, weight_bytes(tiny), weight_bytes(tiny, "int4")
    (106, 212, 53)
    """
    return _bytes(count(config).total, bits_of(precision))


def weight_bytes_read(config: ModelConfig, batch: int = 1, precision: str = "fp16") -> int:
    """Return the bytes of weights that one decode step of a batch needs at most.

    Every matrix is read once for the whole batch; of an input table that is not the head too, and
    of a position table, one row for each text. Of the experts those chosen: each text may choose
    others, so with a batch it is an upper bound.

    Examples
    --------
    A position table of 9 rows, of which one is read:

    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> weight_bytes(tiny) - weight_bytes_read(tiny)
    32
    """
    check_length("batch", batch)
    e, numbers = config.experts, 0
    for stack in stacks(config):
        for array in stack.arrays:
            read = array.size
            if array.role == "buffer" or array.tied_to:
                read = 0
            elif array.part == "experts" and e:
                read = array.size // e.n_experts * min(e.n_experts, batch * e.n_active)
            elif array.name == "embedding.positions":
                read = batch * config.d_model
            elif array.name == "embedding.tokens" and not config.tied:
                read = batch * config.d_embedding
            numbers += stack.n * read
    return _bytes(numbers, bits_of(precision))


def kv_cache_bytes(
    config: ModelConfig, n_tokens: int, precision: str = "fp16", attention: str = "causal"
) -> int:
    """Return the bytes of the keys and values of one text of n tokens.

    A layer keeps 2 K H numbers per token; with latent attention one vector; a local layer keeps
    the tokens of its window only. With ``attention="full"`` every layer keeps all tokens.

    References
    ----------
    Grouped queries: arXiv 2305.13245; latent attention: arXiv 2405.04434, section 2.1.

    Examples
    --------
    2 numbers for each of 3 layers, 2 heads, 5 tokens and 2 features:

    >>> tiny = ModelConfig(n_layers=3, d_model=8, n_heads=4, d_ff=8, vocab_size=9, n_ctx=9,
    ...                    n_kv_heads=2, positions="rope")
    >>> kv_cache_bytes(tiny, 5, "fp32"), kv_cache_bytes(tiny, 5, "fp32", "window:1")
    (480, 96)
    """
    check_decoder(config)
    check_length("n_tokens", n_tokens)
    latent, windows = config.latent, _windows(config, range(config.n_layers), window_of(attention))
    per_token = latent.d_latent + latent.d_rope if latent else 2 * config.n_kv_heads * config.d_head
    kept = sum(n * min(n_tokens, window or n_tokens) for window, n in windows)
    return _bytes(kept * per_token, cache_bits_of(precision))


def bits_of(precision: str) -> int:
    """Return the bits of one number in a precision."""
    if precision not in BITS:
        raise ValueError(f"precision is {precision!r}; it can be {', '.join(BITS)}")
    return BITS[precision]


def cache_bits_of(precision: str) -> int:
    """Return the bits of one cached number when the weights have this precision: at least 16."""
    return max(CACHE_BITS_AT_LEAST, bits_of(precision))


def _bytes(numbers: int, bits: int) -> int:
    return -(-numbers * bits // 8)  # rounded up


# ------------------------------------------------------------------ in words


def _assumptions(c, n, attention, precision, batch):
    """Yield what the numbers of a cost rest on, a sentence each."""
    yield "1 multiply-add is 2 FLOPs; norms, softmax, activations and rotations are not counted"
    yield {
        "full": "attention full: each query meets every key, also those that the mask hides",
        "causal": "attention causal: each query meets only the keys that it may see",
    }.get(attention, f"attention {attention}: no layer looks back on more tokens, its own included")
    if c.window and attention != "full":
        n_local = len(c.local_layers) or c.n_layers
        yield f"{n_local} of {c.n_layers} layers look back on {c.window:,} tokens of their own"
    if c.latent:
        yield "latent attention: a pass expands keys and values, a next token reads the short ones"
    if e := c.experts:
        chosen = f"{e.n_active} of {e.n_experts} experts per token"
        at_most = min(e.n_experts, batch * e.n_active)
        yield chosen + (f"; a step of {batch} texts reads {at_most} at most" if batch > 1 else "")
    yield "the pass computes logits at every position"
    if cache_bits_of(precision) != bits_of(precision):
        yield f"the cache keeps {cache_bits_of(precision)} bits per number"
    if c.n_ctx and n > c.n_ctx:
        rows = f", and would need {(n - c.n_ctx) * c.d_model:,} more parameters"
        learned = rows if c.positions == "learned" else ""
        yield f"the model was made for {c.n_ctx:,} tokens{learned}"
