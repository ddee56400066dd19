"""The sums of this package as coefficients, so that a page can compute them anew for a reader.

The calculators of the site run no Python. What they add up and multiply is made here, from the
functions that the chapters call; a test compares every model's results.
"""

from dataclasses import dataclass

from paramlab.checks import check_decoder
from paramlab.config import ModelConfig
from paramlab.costs import SCORES, forward_operations, kv_cache_bytes, state_bytes
from paramlab.memory_fit import is_rounded
from paramlab.pairs import all_pairs, windows
from paramlab.params import stacks


@dataclass(frozen=True)
class CostCoefficients:
    """What the memory and the operations of a decoder follow from, in whole numbers.

    ``numbers`` are those in matrices, in vectors, in matrices of experts and in vectors of experts.
    ``rows`` are tables of which a step reads one row for each text: kind (0 matrix, 1 vector),
    numbers in all, numbers in a row. ``windows`` are pairs of a window (0: none) and the number of
    layers of attention that have it.
    """

    n_ctx: int
    numbers: tuple[int, int, int, int]
    rows: tuple[tuple[int, int, int], ...]
    n_experts: int
    n_active: int
    windows: tuple[tuple[int, int], ...]
    cache_numbers: int  # of one token in one layer
    state_numbers: int  # of one text
    by_part: dict[str, int]  # multiply-adds of a token, but for scores and mixing
    head: int  # of these, those of the output head
    per_pair: int  # multiply-adds of a query and a key, in all heads of a layer
    per_cached_pair: int  # the same, when others are in the cache


def cost_coefficients(config: ModelConfig) -> CostCoefficients:
    """Return the coefficients of a decoder.

    Raises
    ------
    ValueError
        When the architecture is not costed here.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> found = cost_coefficients(tiny)
    >>> found.numbers, found.rows, found.windows, found.cache_numbers
    ((58, 48, 0, 0), ((1, 18, 2),), ((0, 1),), 4)
    >>> found.by_part, found.per_pair
    ({'projections': 16, 'MLP': 32, 'output head': 10}, 4)
    """
    check_decoder(config)
    numbers, rows = [0, 0, 0, 0], []
    for stack in stacks(config):
        for array in stack.arrays:
            if array.role == "buffer" or array.tied_to:
                continue
            kind = 0 if is_rounded(array) else 1
            numbers[kind + 2 * (array.part == "experts")] += stack.n * array.size
            looked_up = array.part == "token table" and not config.tied
            if looked_up or (array.role == "position" and config.positions == "learned"):
                rows.append((kind, array.size, array.shape[-1]))
    wide = tuple((window, n) for window, n in windows(config, 0) if n)
    n_kept = sum(n for _, n in wide)
    one, both, last = (
        forward_operations(config, n, last_only=last)
        for n, last in ((1, False), (2, False), (2, True))
    )
    after = forward_operations(config, 1, 1)
    return CostCoefficients(
        n_ctx=config.n_ctx,
        numbers=(numbers[0], numbers[1], numbers[2], numbers[3]),
        rows=tuple(rows),
        n_experts=config.experts.n_experts if config.experts else 1,
        n_active=config.experts.n_active if config.experts else 1,
        windows=wide,
        cache_numbers=kv_cache_bytes(config, 1) // 2 // max(n_kept, 1),
        state_numbers=state_bytes(config) // 2,
        by_part={name: n for name, n in one.by_part.items() if name != SCORES},
        head=both.multiply_adds - last.multiply_adds,
        per_pair=one.scores // max(all_pairs(config, 1, 0, 0), 1),
        per_cached_pair=after.scores // max(all_pairs(config, 1, 1, 0), 1),
    )
