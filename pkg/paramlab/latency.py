"""How long an answer takes: the roofline, from bytes and operations to seconds.

A pass must fetch the weights from memory, and it must multiply. A device does both at once, so the
slower of the two decides: a *roof* over what any program can reach, and no forecast. Reading a
prompt (prefill) multiplies each weight by many tokens, and writing (decode) by one for each text
of the batch, so the two usually meet different roofs. Devices stand in :mod:`paramlab.hardware`;
:func:`measure_machine` measures this one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from paramlab.checks import check_lengths, check_within
from paramlab.config import ModelConfig
from paramlab.costs import (
    BITS,
    decode_operations,
    forward_operations,
    kv_cache_bytes,
    weight_bytes,
    weight_bytes_read,
)
from paramlab.params import stacks

if TYPE_CHECKING:
    from paramlab.hardware import Device

BEST_OF = 7  # runs of a measurement; the fastest was disturbed least


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
        The architecture of a decoder with softmax attention.
    device
        From :func:`paramlab.hardware.device` or :func:`measure_machine`. What moves between devices
        is not modeled, so it is one.
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
    cache = batch * kv_cache_bytes(config, context_tokens, precision, attention)

    def roof(flops: int, tokens: int) -> Roof:
        weights = weight_bytes_read(config, tokens, precision)
        read = min(weights, weight_bytes(config, precision)) + cache  # each array once
        return Roof(read, batch * flops, device.bandwidth_bytes_per_s, rate, calls)

    prefill = forward_operations(config, context_tokens, attention=attention, last_only=True)
    decode = decode_operations(config, context_tokens, attention)
    return Latency(
        context_tokens, batch, attention, precision, compute_precision,
        roof(prefill.flops, batch * context_tokens), roof(decode.flops, batch),
        weight_bytes(config, precision) + cache, device.memory_bytes,
    )  # fmt: skip


def _products(config: ModelConfig) -> int:
    """Count the matrix products of a pass: one for each matrix of weights, two more in a layer."""
    arrays = ((stack.n, a) for stack in stacks(config) for a in stack.arrays)
    return 2 * config.n_layers + sum(n for n, a in arrays if a.role == "weight")


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


def measure_machine(seconds: float = 2.0) -> "Device":
    """Measure this machine through NumPy: reading, products in fp32, and an empty call.

    The best of several runs each; about so many seconds in all. Nothing else should run meanwhile.
    """
    import os
    from datetime import date
    from time import perf_counter

    import numpy as np

    from paramlab.hardware import Device

    def best(work: Callable[[], object]) -> float:
        times: list[float] = []
        until = perf_counter() + seconds / 3
        while len(times) < 2 or (len(times) < BEST_OF and perf_counter() < until):
            start = perf_counter()
            work()
            times.append(perf_counter() - start)
        return min(times)

    memory = np.ones(2**26, np.float32)  # 268 MB: more than caches hold
    square, one = np.ones((1024, 1024), np.float32), np.ones((1, 1), np.float32)
    calls = 10_000
    bandwidth = memory.nbytes / best(memory.max)
    rate = 2 * 1024**3 / best(lambda: square @ square)
    call = best(lambda: [one @ one for _ in range(calls)]) / calls
    pages = (
        os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    )
    return Device(
        "here", "this machine", pages or memory.nbytes, bandwidth, {"fp32": rate},
        "measured here, through NumPy", date.today(), call_seconds=call,
    )  # fmt: skip
