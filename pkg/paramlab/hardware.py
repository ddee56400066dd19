"""Devices that compute: how much they hold, how fast they read and multiply, and who says so.

``data/hardware.toml`` holds a few; its figures are peaks. This machine can be measured instead
(:func:`measure_machine`).
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from functools import cache
from itertools import permutations
from typing import Any

_TOML = os.path.join(os.path.dirname(__file__), "data", "hardware.toml")
SIXTEEN_BITS = ("fp16", "bf16")


@dataclass(frozen=True)
class Pace:
    """What a machine usually does in this package, where a device says what it does at most."""

    vector_bytes_per_s: float  # of weights that come from memory to be multiplied with one vector
    flops_per_s: float  # of products of large matrices
    numbers_per_s: float  # computed one by one, as in a softmax
    call_seconds: float


@dataclass(frozen=True)
class Device:
    """What a device holds and does at most.

    Raises
    ------
    ValueError
        When a figure is not positive, or two of them contradict each other.
    """

    slug: str
    name: str
    memory_bytes: int
    bandwidth_bytes_per_s: float
    flops_per_s: Mapping[str, float]  # dense matrix products, by the precision of their numbers
    source: str
    read: date  # when the source was read, or the figures measured
    call_seconds: float = 0.0  # what a call takes before it computes anything; 0: not known
    note: str = ""
    reached_flops_per_s: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    reached_source: str = ""  # which trainings reached these rates, from the lowest to the highest
    pace: "Pace | None" = None  # known where it was measured

    def __post_init__(self) -> None:
        """Check the figures."""
        figures = {"memory": self.memory_bytes, "bandwidth": self.bandwidth_bytes_per_s}
        for name, figure in (figures | dict(self.flops_per_s)).items():
            if not figure > 0:
                raise ValueError(f"{self.slug}: {name} is {figure}; it must be above 0")
        if not self.flops_per_s:
            raise ValueError(f"{self.slug} lists no rate of matrix products")
        if self.call_seconds < 0:
            raise ValueError(f"{self.slug}: a call takes {self.call_seconds} s; less than nothing")
        for precision, (least, most) in self.reached_flops_per_s.items():
            peak = self.flops_per_s.get(precision, 0.0)
            if not 0 < least <= most <= peak:
                raise ValueError(
                    f"{self.slug}: {least:g} to {most:g} FLOP/s were reached with {precision}, "
                    f"and the peak is {peak:g}; they must be in order"
                )
        for (wide, slow), (narrow, fast) in permutations(self.flops_per_s.items(), 2):
            if _bits(wide) > _bits(narrow) and slow > fast:
                raise ValueError(
                    f"{self.slug}: its rate for {narrow} ({fast:g} FLOP/s) is below that for "
                    f"{wide} ({slow:g}), which has more bits"
                )

    def rate(self, precision: str | None = None) -> tuple[str, float]:
        """Return the precision in which products are computed, and the FLOPs per second.

        Without a precision it is one of 16 bits, or fp32 where the device lists none.
        """
        if precision is None:
            precision = next((p for p in SIXTEEN_BITS if p in self.flops_per_s), "fp32")
        if precision not in self.flops_per_s:
            raise ValueError(
                f"{self.name} lists no rate for {precision}, only for {', '.join(self.flops_per_s)}"
            )
        return precision, self.flops_per_s[precision]


def _bits(precision: str) -> int:
    return int(precision.lstrip("bfpint"))


@cache
def devices() -> tuple[Device, ...]:
    """Return all devices.

    Examples
    --------
    >>> devices()[0].slug
    'v100-sxm2-32gb'
    """
    import tomllib  # here: only those who ask for a device wait for it

    with open(_TOML, "rb") as file:
        return tuple(_device(slug, row) for slug, row in tomllib.load(file).items())


def _device(slug: str, row: Mapping[str, Any]) -> Device:
    rates = {precision: 1e12 * rate for precision, rate in row["tflops"].items()}
    bandwidth = 1e9 * row["bandwidth_gb_per_s"]
    memory = row["memory_gb"] * 10**9
    told = {key: row[key] for key in ("name", "source", "read", "note")}
    reached = {
        precision: (1e12 * least, 1e12 * most)
        for precision, (least, most) in row.get("reached_tflops", {}).items()
    }
    return Device(
        slug, memory_bytes=memory, bandwidth_bytes_per_s=bandwidth, flops_per_s=rates,
        reached_flops_per_s=reached, reached_source=row.get("reached_source", ""), **told,
    )  # fmt: skip


def device(slug: str) -> Device:
    """Return the device of that name.

    Raises
    ------
    LookupError
        When there is none; the message lists those that there are.

    Examples
    --------
    >>> device("H100-SXM-80GB").bandwidth_bytes_per_s
    3350000000000.0
    """
    known = {each.slug: each for each in devices()}
    if slug.lower() not in known:
        near = get_close_matches(slug.lower(), known, 1, 0.4)
        guess = f"did you mean {near[0]}? " if near else ""
        raise LookupError(f"no device is called {slug!r}; {guess}known are {', '.join(known)}")
    return known[slug.lower()]


def measure_machine(seconds: float = 2.0) -> Device:
    """Measure this machine through NumPy, in fp32: its highest rates, and its pace.

    Reading: a maximum and a product of 268 MB with themselves, more than caches hold. Products: two
    square matrices; and a vector with one matrix of a million numbers after the other, lengthwise
    and across. Single numbers and calls: a softmax, which is five calls, of half a million numbers
    and of 16. All take turns for so many seconds, in which nothing else should run. The highest
    rates are those of the best turn; the pace is that of the median one.
    """
    from statistics import median
    from time import perf_counter

    import numpy as np

    from paramlab.layers import softmax

    matrices = np.ones((64, 1024, 1024), np.float32)
    memory, square, vector = matrices.reshape(-1), matrices[0], np.ones((1, 1024), np.float32)
    turned = [m if i % 2 else m.T for i, m in enumerate(matrices)]
    work: dict[str, Callable[[], object]] = {
        "maximum": memory.max,
        "with itself": lambda: memory @ memory,
        "meeting": lambda: [vector @ matrix for matrix in turned],
        "multiplying": lambda: square @ square,
        "numbers": lambda: softmax(square[:512]),
        "calls": lambda: [softmax(vector[:, :16]) for _ in range(1000)],
    }
    times: dict[str, list[float]] = {name: [] for name in work}
    until = perf_counter() + seconds
    while len(times["calls"]) < 2 or perf_counter() < until:
        for name, action in work.items():
            start = perf_counter()
            action()
            times[name].append(perf_counter() - start)
    best, usual = ({name: f(row) for name, row in times.items()} for f in (min, median))
    pages = (
        os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    )
    flops, reading = 2 * 1024**3, min(best["maximum"], best["with itself"], best["meeting"])
    return Device(
        "here", "this machine", pages or memory.nbytes, memory.nbytes / reading,
        {"fp32": flops / best["multiplying"]}, "measured here, through NumPy", date.today(),
        call_seconds=best["calls"] / 5000,
        pace=Pace(
            memory.nbytes / usual["meeting"], flops / usual["multiplying"],
            5 * 512 * 1024 / usual["numbers"], usual["calls"] / 5000,
        ),
    )  # fmt: skip
