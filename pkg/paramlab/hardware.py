"""Devices that compute: how much they hold, how fast they read and multiply, and who says so.

``data/hardware.toml`` holds a few; its figures are peaks. This machine can be measured instead
(:func:`paramlab.latency.measure_machine`).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from functools import cache
from itertools import permutations
from typing import Any

_TOML = os.path.join(os.path.dirname(__file__), "data", "hardware.toml")
SIXTEEN_BITS = ("fp16", "bf16")


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
