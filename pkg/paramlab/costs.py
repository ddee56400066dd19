"""What a forward pass costs: operations, bytes of weights read, bytes of what is kept of a text.

An operation is a multiply-add, counted for matrix products alone: a product of (T, d_in) and
(d_in, d_out) takes T * d_in * d_out of them, and two FLOPs each. They come from the same list of
arrays as the parameter count (:func:`paramlab.params.stacks`), to which attention adds its two
products of activations: scores (queries by keys) and mixing (weights by values). A layer with a
state writes to it and reads from it in place of these.
:func:`paramlab.measured.measure` counts what NumPy really performs.
"""

from collections import Counter
from dataclasses import dataclass

from paramlab.config import ModelConfig
from paramlab.limits import FARTHEST, check_decoder, check_lengths
from paramlab.pairs import attended_pairs as attended_pairs  # for who asks for costs
from paramlab.pairs import multiply_adds_looking_back, numbers_kept, window_of
from paramlab.params import Array, count, stacks
from paramlab.state_layers import state_multiply_adds, state_numbers

SCORES = "scores and mixing"
STATE = "writing and reading states"
BITS = {"fp32": 32, "fp16": 16, "bf16": 16, "int8": 8, "int4": 4}
CACHE_BITS_AT_LEAST = 16  # quantized weights are usually run with a 16-bit cache


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
    check_lengths(n_tokens=n_tokens)
    check_lengths(least=0, n_before=n_before)
    parts: Counter[str] = Counter()
    if config.between_streams:
        parts["streams"] = n_tokens * config.between_streams
    for stack in stacks(config):
        for array in stack.arrays:
            if array.role != "weight" or len(array.shape) == 1 or array.name.endswith(".decay"):
                continue  # a sink is no matrix; decays multiply number by number
            n = 1 if last_only and array.name.startswith("head.") else n_tokens
            name = "projections" if array.part == "attention" else array.part
            parts[name] += n * stack.n * _numbers_used(config, array)
    names = list(parts)
    for before, name in (("projections", SCORES), ("state layers", STATE)):
        if before in parts:  # in the order of the pass
            names.insert(names.index(before) + 1, name)
    parts[SCORES] = multiply_adds_looking_back(config, n_tokens, n_before, window_of(attention))
    parts[STATE] = n_tokens * state_multiply_adds(config)
    return Operations({name: parts[name] for name in names if name != STATE or parts[name]})


def _numbers_used(config: ModelConfig, array: Array, n_tokens: int = 1) -> int:
    """Return how many numbers of an array, of experts those chosen, some tokens use at most."""
    if array.part != "experts" or not (e := config.experts):
        return array.size
    return array.size // e.n_experts * min(e.n_experts, n_tokens * e.n_active)


def decode_operations(config: ModelConfig, position: int, attention: str = "causal") -> Operations:
    """Count the multiply-adds of one more token, the last of a context of ``position`` tokens.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> decode_operations(tiny, 3).by_part
    {'projections': 16, 'scores and mixing': 12, 'MLP': 32, 'output head': 10}
    """
    check_lengths(position=position)
    return forward_operations(config, 1, position - 1, attention)


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


# ------------------------------------------------------------------ bytes


def weight_bytes(config: ModelConfig, precision: str = "fp16") -> int:
    """Return the bytes of all parameters, tied ones once; scales of quantized ones left out.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> count(tiny).total, weight_bytes(tiny), weight_bytes(tiny, "int4")
    (106, 212, 53)
    """
    return _bytes(count(config).total, precision)


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
    check_lengths(batch=batch)
    arrays = ((stack.n, array) for stack in stacks(config) for array in stack.arrays)
    return _bytes(sum(n * numbers_read(config, a, batch) for n, a in arrays), precision)


def numbers_read(config: ModelConfig, array: Array, batch: int) -> int:
    """Return how many numbers of an array one decode step of a batch needs at most."""
    if array.role == "buffer" or array.tied_to:
        return 0
    if is_looked_up(config, array):
        return batch * array.shape[-1]
    return _numbers_used(config, array, batch)


def is_looked_up(config: ModelConfig, array: Array) -> bool:
    """Say whether a token takes one row of an array, which multiplies nothing."""
    if array.role == "embedding":
        return array.part != "token table" or not config.tied
    return array.role == "position" and config.positions == "learned"


def kv_cache_bytes(
    config: ModelConfig, n_tokens: int, precision: str = "fp16", attention: str = "causal"
) -> int:
    """Return the bytes of the keys and values of one text of n tokens.

    A layer of attention keeps 2 K H numbers per token; with latent attention one vector; a local
    layer keeps the tokens of its window only. With ``attention="full"`` all keep all tokens.

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
    check_lengths(n_tokens=n_tokens)
    kept = numbers_kept(config, n_tokens, window_of(attention))
    return _bytes(kept, precision, CACHE_BITS_AT_LEAST)


def cache_bytes_read(
    config: ModelConfig, n_tokens: int, precision: str = "fp16", attention: str = "causal"
) -> int:
    """Return the bytes of the cache that a step of writing must read, after n tokens of a text.

    All of them, but where an indexer chooses: there its own keys, and of the others the chosen.

    Examples
    --------
    DeepSeek-V3.2, 61 layers: keys of 128 for all, vectors of 576 for 2,048 tokens.

    >>> from paramlab import catalog
    >>> cache_bytes_read(catalog.find("deepseek-v3.2").config, 4096)
    207880192
    """
    read = numbers_kept(config, n_tokens, window_of(attention), read=True)
    return _bytes(read, precision, CACHE_BITS_AT_LEAST)


def state_bytes(config: ModelConfig, precision: str = "fp16") -> int:
    """Return the bytes that layers with a state keep of one text, however long: no keys, no values.

    They take at least 16 bits a number, as the cache does; many programs hold states in 32 bits.

    Examples
    --------
    2 of 3 layers keep 2 x 4 x 4 numbers each:

    >>> from paramlab.config import StateLayers
    >>> lightning = StateLayers("lightning", (0, 1), n_heads=2, d_value=4, n_key_heads=2, d_key=4)
    >>> tiny = ModelConfig(n_layers=3, d_model=8, n_heads=2, d_ff=8, vocab_size=9, n_ctx=9,
    ...                    state=lightning)
    >>> state_bytes(tiny), kv_cache_bytes(tiny, 5)
    (128, 160)
    """
    return _bytes(state_numbers(config), precision, CACHE_BITS_AT_LEAST)


def _bytes(numbers: int, precision: str, least_bits: int = 0) -> int:
    if precision not in BITS:
        raise ValueError(f"precision is {precision!r}; it can be {', '.join(BITS)}")
    return -(-numbers * max(BITS[precision], least_bits) // 8)  # rounded up
