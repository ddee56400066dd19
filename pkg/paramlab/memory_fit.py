"""Does it fit: the weights at their own bits, the caches of all texts, and what else needs memory.

Bits per weight include the grids of quantized weights (:mod:`paramlab.quantize`), so that "4 bit"
is 4.5 or more. What a program needs beside weights and caches differs between programs; it is an
input here, and never zero in practice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paramlab.config import ModelConfig
from paramlab.costs import (
    cache_bytes_read,
    decode_operations,
    kv_cache_bytes,
    numbers_read,
    state_bytes,
)
from paramlab.latency import Roof
from paramlab.limits import check_decoder, check_lengths, check_rounded, check_within
from paramlab.params import Array, stacks
from paramlab.quantize import SCALE_BITS

if TYPE_CHECKING:
    from paramlab.hardware import Device

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
    return _rounded_bytes(config, bits, only, lambda array: array.size)


def rounded_bytes_read(
    config: ModelConfig, bits: float = 16, only: str = "", batch: int = 1
) -> int:
    """Return the bytes of weights that one step of writing needs at most, rounded like these.

    As :func:`paramlab.costs.weight_bytes_read`, and never more than all there are.

    Examples
    --------
    A position table of 9 rows, of which one is read:

    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> rounded_weight_bytes(tiny, 4.0) - rounded_bytes_read(tiny, 4.0)
    32
    """
    check_lengths(batch=batch)
    read = _rounded_bytes(config, bits, only, lambda array: numbers_read(config, array, batch))
    return min(read, rounded_weight_bytes(config, bits, only))


def _rounded_bytes(
    config: ModelConfig, bits: float, only: str, numbers: Callable[[Array], int]
) -> int:
    check_rounded(bits, only, {array.part for stack in stacks(config) for array in stack.arrays})
    total = 0.0
    for stack in stacks(config):
        for array in stack.arrays:
            if array.role == "buffer" or array.tied_to:
                continue
            rounded = is_rounded(array) and only in ("", array.part)
            total += stack.n * numbers(array) * (bits if rounded else UNROUNDED_BITS)
    return -int(-total // 8)


def is_rounded(array: Array) -> bool:
    """Say whether an array is a matrix or a table of vectors, which rounding is made for."""
    return array.role in ("weight", "embedding") and len(array.shape) > 1


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


def least_seconds_per_token(
    config: ModelConfig,
    device: "Device",
    context_tokens: int,
    bits: float = 16,
    only: str = "",
    n_texts: int = 1,
) -> float:
    """Return the least time of a step that writes one more token of each text, the last of these.

    The roof of :func:`paramlab.latency.latency`, with weights of any bits: products in 16 bits, or
    in fp32 where a device lists no others.

    Examples
    --------
    Fewer bits, so many times fewer bytes to read:

    >>> from paramlab import catalog, hardware
    >>> llama, card = catalog.find("llama2-7b").config, hardware.device("rtx-4090")
    >>> [round(1 / least_seconds_per_token(llama, card, 1, bits)) for bits in (16, 4.5)]
    [76, 271]
    """
    check_within(context_tokens, config.n_ctx)
    cache = n_texts * (cache_bytes_read(config, context_tokens) + state_bytes(config))
    read = rounded_bytes_read(config, bits, only, n_texts) + cache
    flops = n_texts * decode_operations(config, context_tokens).flops
    return Roof(read, flops, device.bandwidth_bytes_per_s, device.rate()[1]).seconds
