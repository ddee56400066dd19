"""How long an answer takes: the roofline, from bytes and operations to seconds.

A pass must fetch the weights from memory, and it must multiply. A device does both at once, so the
slower of the two decides: a *roof* over what any program can reach, and no forecast. Reading a
prompt (prefill) multiplies each weight by many tokens, and writing (decode) by one for each text
of the batch, so the two usually meet different roofs. :mod:`paramlab.hardware` lists devices and
measures this machine, for which :func:`forecast` says what this package should take.
"""

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from paramlab.attention import QUERIES_AT_ONCE
from paramlab.config import ModelConfig
from paramlab.costs import (
    BITS,
    attended_pairs,
    cache_bytes_read,
    decode_operations,
    forward_operations,
    kv_cache_bytes,
    state_bytes,
    weight_bytes,
    weight_bytes_read,
)
from paramlab.limits import check_lengths, check_measured, check_within
from paramlab.pairs import lookbacks
from paramlab.params import stacks
from paramlab.state_layers import n_layers_with

if TYPE_CHECKING:
    from paramlab.hardware import Device

CALLS_PER_LAYER = 40  # of NumPy, in this package


@dataclass(frozen=True)
class Roof:
    """The least time of one pass: the slower of reading and multiplying, and what calls take.

    Examples
    --------
    >>> roof = Roof(read_bytes=600, flops=100, bytes_per_s=100.0, flops_per_s=50.0)
    >>> roof.reading_seconds, roof.multiplying_seconds, roof.seconds, roof.bound
    (6.0, 2.0, 6.0, 'memory')
    """

    read_bytes: int  # from memory: weights and cache
    flops: int
    bytes_per_s: float
    flops_per_s: float
    calling_seconds: float = 0.0

    @property
    def reading_seconds(self) -> float:
        """Bytes / bandwidth."""
        return self.read_bytes / self.bytes_per_s

    @property
    def multiplying_seconds(self) -> float:
        """FLOPs / rate."""
        return self.flops / self.flops_per_s

    @property
    def seconds(self) -> float:
        """The slower of the two, and the calls."""
        return max(self.reading_seconds, self.multiplying_seconds) + self.calling_seconds

    @property
    def bound(self) -> str:
        """What binds: memory, computing or, where they take longer than both, calls."""
        slower = max(self.reading_seconds, self.multiplying_seconds)
        if self.calling_seconds > slower:
            return "calls"
        return "memory" if self.reading_seconds >= self.multiplying_seconds else "computing"


@dataclass(frozen=True)
class Latency:
    """The least times of a batch on one device."""

    context_tokens: int
    batch: int
    attention: str
    precision: str  # of the weights
    compute_precision: str  # of the products
    prefill: Roof  # of all texts of the batch; logits after the last token only
    decode: Roof  # one more token for each text
    needed_bytes: int  # weights and cache
    memory_bytes: int

    @property
    def user_tokens_per_s(self) -> float:
        """What one reader of one text sees, at most."""
        return 1 / self.decode.seconds

    @property
    def machine_tokens_per_s(self) -> float:
        """What the device writes for all texts of the batch together, at most."""
        return self.batch / self.decode.seconds

    @property
    def fits(self) -> bool:
        """Whether weights and cache fit into the memory of the device."""
        return self.needed_bytes <= self.memory_bytes


def latency(
    config: ModelConfig,
    device: "Device",
    context_tokens: int,
    batch: int = 1,
    precision: str = "fp16",
    attention: str = "causal",
    compute_precision: str | None = None,
) -> Latency:
    """Return the least time to read a context and to write one more token.

    Parameters
    ----------
    config
        The architecture of a decoder.
    device
        From :func:`paramlab.hardware.device` or :func:`paramlab.hardware.measure_machine`. What
        moves between devices is not modeled, so it is one.
    context_tokens
        How many tokens are read, and how many there are when a step of writing ends.
    batch
        Texts at a time; each has a cache of its own, and all share the weights.
    precision
        Of the weights, as for :func:`paramlab.costs.weight_bytes`.
    attention
        As for :func:`paramlab.costs.forward_operations`.
    compute_precision
        Of the products. None: fp32 for fp32 weights, else 16 bits, to which smaller weights are
        expanded when they are used.

    References
    ----------
    Williams, Waterman and Patterson, "Roofline" (2009), doi 10.1145/1498765.1498785.
    """
    check_lengths(context=context_tokens, batch=batch)
    check_within(context_tokens, config.n_ctx)
    if compute_precision is None and BITS.get(precision, 0) >= 16:
        compute_precision = precision
    compute_precision, rate = device.rate(compute_precision)
    calls = device.call_seconds * _products(config)
    kept, looked_at = (
        batch * (of(config, context_tokens, precision, attention) + state_bytes(config, precision))
        for of in (kv_cache_bytes, cache_bytes_read)
    )

    def roof(flops: int, tokens: int, cache: int) -> Roof:
        weights = weight_bytes_read(config, tokens, precision)
        read = min(weights, weight_bytes(config, precision)) + cache  # each array once
        return Roof(read, batch * flops, device.bandwidth_bytes_per_s, rate, calls)

    prefill = forward_operations(config, context_tokens, attention=attention, last_only=True)
    decode = decode_operations(config, context_tokens, attention)
    return Latency(
        context_tokens, batch, attention, precision, compute_precision,
        roof(prefill.flops, batch * context_tokens, kept), roof(decode.flops, batch, looked_at),
        weight_bytes(config, precision) + kept, device.memory_bytes,
    )  # fmt: skip


def _products(config: ModelConfig) -> int:
    """Count the matrix products of a pass: one for each matrix of weights, two more in a layer."""
    arrays = ((stack.n, a) for stack in stacks(config) for a in stack.arrays)
    mixers = sum(each.n_layers for each in lookbacks(config) if each.per_pair)
    mixers += n_layers_with(config, "state")
    return 2 * mixers + sum(n for n, a in arrays if a.role == "weight")


def crossover_batch(
    config: ModelConfig,
    device: "Device",
    context_tokens: int,
    precision: str = "fp16",
    attention: str = "causal",
) -> int | None:
    """Return the batch from which computing binds a step of writing; None where none does.

    Weights are read once for the batch, in ``w`` seconds; each text adds ``f`` seconds of
    computing and ``c`` of reading its cache. So w + B c = B f, and B = w / (f - c). Experts are
    taken as all read, as a batch of some size does.

    Examples
    --------
    With hardly a cache, 2 bytes and 2 FLOPs for each weight: near rate / bandwidth.

    >>> from paramlab import catalog, hardware
    >>> llama, h100 = catalog.find("llama3.1-8b").config, hardware.device("h100-sxm-80gb")
    >>> crossover_batch(llama, h100, 1), round(h100.rate()[1] / h100.bandwidth_bytes_per_s)
    (297, 295)
    """
    e = config.experts
    many = -(-e.n_experts // e.n_active) if e else 1
    options = (precision, attention)
    one, two = (latency(config, device, context_tokens, many + i, *options) for i in (0, 1))
    each = two.decode.reading_seconds - one.decode.reading_seconds
    fixed = one.decode.reading_seconds - many * each
    gained = one.decode.multiplying_seconds / many - each
    return ceil(fixed / gained) if gained > 0 else None


@dataclass(frozen=True)
class Forecast:
    """Where the seconds of a pass are expected to go, in this package on a machine measured.

    Examples
    --------
    >>> Forecast(0.5, 0.25, 0.125, 0.0, 0.125).seconds
    1.0
    """

    fetching: float  # weights from memory, each to meet one vector
    multiplying: float  # them with the other tokens, and queries with keys
    single_numbers: float  # norms, softmax, activations
    cache: float  # keys and values from memory
    calling: float  # before a call of NumPy computes anything

    @property
    def seconds(self) -> float:
        """All of them: one core does one after the other, unlike the device of a roof."""
        return sum((self.fetching, self.multiplying, self.single_numbers, self.cache, self.calling))


def forecast(
    config: ModelConfig, machine: "Device", n_tokens: int = 1, n_before: int = 0
) -> Forecast:
    """Return how long reading n tokens after others should take, from constants measured apart.

    One text, fp32, logits after the last token. Made for one token (writing) and for 64 or more
    (reading); in between it is too low: a product of few rows is slower than one of many.

    Parameters
    ----------
    config
        A model that this package runs.
    machine
        From :func:`paramlab.hardware.measure_machine`; its arrays have nothing to do with a model.

    Raises
    ------
    ValueError
        When the device was not measured, or the tokens do not fit into the window.
    """
    pace = check_measured(machine)
    check_lengths(n_tokens=n_tokens)
    check_lengths(least=0, n_before=n_before)
    check_within(n_before + n_tokens, config.n_ctx)
    flops, one = (
        forward_operations(config, n, n_before, last_only=True).flops for n in (n_tokens, 1)
    )
    cache = kv_cache_bytes(config, n_before, "fp32") if n_before else 0
    return Forecast(
        weight_bytes_read(config, n_tokens, "fp32") / pace.vector_bytes_per_s,
        (flops - one) / pace.flops_per_s,
        single_numbers(config, n_tokens, n_before) / pace.numbers_per_s,
        cache / pace.vector_bytes_per_s,
        CALLS_PER_LAYER * config.n_layers * pace.call_seconds,
    )


def single_numbers(config: ModelConfig, n_tokens: int, n_before: int = 0) -> int:
    """Estimate how many numbers a pass computes one by one; :mod:`paramlab.measured` counts them.

    Per token and layer: 10 for each of the D features in two norms and two sums, 5 for each unit (9
    with GELU), 3 for each number that is turned, 1 for each of a query, and 6 for each score (those
    masked in a block of queries too).
    """
    heads, widths = config.n_heads, config.n_heads * config.d_head
    turned = 3 * (heads + config.n_kv_heads) * config.d_head if config.positions == "rope" else 0
    per_unit = 9 if config.activation == "gelu" else 5
    each = 10 * config.d_model + per_unit * config.d_ff + turned + widths
    masked = n_tokens * min(n_tokens, QUERIES_AT_ONCE) // 2
    scores = 6 * heads * (attended_pairs(n_tokens, n_before, config.window) + masked)
    return config.n_layers * (n_tokens * each + scores)
