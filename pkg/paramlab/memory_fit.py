"""Does it fit: the weights at their own bits, the caches of all texts, and what else needs memory.

Bits per weight include the grids of quantized weights (:mod:`paramlab.quantize`), so that "4 bit"
is 4.5 or more. What a program needs beside weights and caches differs between programs; it is an
input here, and never zero in practice.
"""

from dataclasses import dataclass

from paramlab.checks import check_decoder, check_lengths, check_rounded, check_within
from paramlab.config import ModelConfig
from paramlab.costs import kv_cache_bytes, state_bytes
from paramlab.params import stacks
from paramlab.quantize import SCALE_BITS

UNROUNDED_BITS = 16  # of norms, biases and whatever else is not rounded


@dataclass(frozen=True)
class Fit:
    """What a model needs, in bytes, and what there is.

    Examples
    --------
    >>> fit = Fit(weight_bytes=13, cache_bytes=2, overhead_bytes=1, memory_bytes=12)
    >>> fit.needed_bytes, fit.fits, fit.spare_bytes
    (16, False, -4)
    """

    weight_bytes: int
    cache_bytes: int
    overhead_bytes: int
    memory_bytes: int

    @property
    def needed_bytes(self) -> int:
        """Weights, caches and the rest."""
        return self.weight_bytes + self.cache_bytes + self.overhead_bytes

    @property
    def spare_bytes(self) -> int:
        """What is left; below zero: what is missing."""
        return self.memory_bytes - self.needed_bytes

    @property
    def fits(self) -> bool:
        """Whether nothing is missing."""
        return self.spare_bytes >= 0


def bits_per_weight(bits: int, group: int = 32, symmetric: bool = True) -> float:
    """Return what a weight takes with its share of the grid: a step, and perhaps a minimum.

    Examples
    --------
    >>> bits_per_weight(8), bits_per_weight(4), bits_per_weight(4, symmetric=False)
    (8.5, 4.5, 5.0)
    """
    return bits + (1 if symmetric else 2) * SCALE_BITS / group


def rounded_weight_bytes(config: ModelConfig, bits: float = 16, only: str = "") -> int:
    """Return the bytes of all parameters, with so many bits for each number of a matrix or table.

    Parameters
    ----------
    config
        The architecture.
    bits
        Per weight, grids included: 4.5 for Q4_0. Norms, biases and positions take 16.
    only
        Round this part alone, such as ``"experts"``, and leave the others in 16 bits.

    References
    ----------
    The experts of gpt-oss take 4.25 bits, the rest 16: arXiv 2508.10925.

    Examples
    --------
    106 numbers, of which 74 stand in matrices and in the token table:

    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> rounded_weight_bytes(tiny), rounded_weight_bytes(tiny, 4.0)
    (212, 125)
    """
    check_rounded(bits, only, {array.part for stack in stacks(config) for array in stack.arrays})
    total = 0.0
    for stack in stacks(config):
        for array in stack.arrays:
            if array.role == "buffer" or array.tied_to:
                continue
            is_table = array.role in ("weight", "embedding") and len(array.shape) > 1
            rounded = is_table and only in ("", array.part)
            total += stack.n * array.size * (bits if rounded else UNROUNDED_BITS)
    return -int(-total // 8)


def fit(
    config: ModelConfig,
    memory_bytes: int,
    context_tokens: int,
    bits: float = 16,
    only: str = "",
    n_texts: int = 1,
    overhead_bytes: int = 0,
) -> Fit:
    """Compare what a model needs with what there is.

    Parameters
    ----------
    config, bits, only
        As for :func:`rounded_weight_bytes`.
    memory_bytes
        What may be used; a device of :mod:`paramlab.hardware` has its ``memory_bytes``.
    context_tokens
        Tokens of each text, prompt and answer together, at most the model's window; their cache
        takes 16 bits a number.
    n_texts
        Texts at a time, each with a cache of its own.
    overhead_bytes
        What the program itself takes: an assumption.

    Examples
    --------
    Llama 2 7B on 16 GB, with its whole window and 1 GB for the program: not in 16 bits.

    >>> from paramlab import catalog
    >>> llama = catalog.find("llama2-7b").config
    >>> [fit(llama, 16 * 10**9, 4096, bits, overhead_bytes=10**9).fits for bits in (16, 8.5)]
    [False, True]
    """
    check_decoder(config)
    check_lengths(memory_bytes=memory_bytes, n_texts=n_texts)
    check_within(context_tokens, config.n_ctx)
    check_lengths(least=0, overhead_bytes=overhead_bytes)
    cache = n_texts * (kv_cache_bytes(config, context_tokens) + state_bytes(config))
    return Fit(rounded_weight_bytes(config, bits, only), cache, overhead_bytes, memory_bytes)


def longest_context(
    config: ModelConfig,
    memory_bytes: int,
    bits: float = 16,
    only: str = "",
    n_texts: int = 1,
    overhead_bytes: int = 0,
) -> int:
    """Return the most tokens of each text for which a model fits, at most its window; 0: none.

    Examples
    --------
    >>> from paramlab import catalog
    >>> llama = catalog.find("llama2-7b").config
    >>> [longest_context(llama, 16 * 10**9, bits, overhead_bytes=10**9) for bits in (16, 8.5)]
    [2905, 4096]
    """

    def fits(n: int) -> bool:
        return fit(config, memory_bytes, n, bits, only, n_texts, overhead_bytes).fits

    if fits(config.n_ctx):
        return config.n_ctx
    if not fits(1):
        return 0
    short, long = 1, config.n_ctx
    while long - short > 1:  # it fits at short, and not at long
        middle = (short + long) // 2
        short, long = (middle, long) if fits(middle) else (short, middle)
    return short
