"""What operations cost in hours, money and electricity, from dated figures of others.

Every figure is a range, with its year and its source (``data/prices.toml``), and so is every bill:
its low end takes what is cheapest of each assumption, its high end what is dearest. It is for the
operations alone. Trials, failures, staff, storage and answering are not in it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from math import inf
from typing import Any

from paramlab.hardware import Device

Range = tuple[float, float]  # from, to

_TOML = os.path.join(os.path.dirname(__file__), "data", "prices.toml")


@dataclass(frozen=True)
class Figure:
    """One published figure: a range, of what and of when, who says so, and how well they know.

    Raises
    ------
    ValueError
        When the range is none of positive numbers.
    """

    slug: str
    about: str  # a device, a model, or what else
    quantity: str
    unit: str
    low: float
    high: float
    year: int
    estimate: bool  # nobody measured or billed it
    second_hand: bool  # read in somebody's quotation
    source: str
    read: date
    note: str = ""

    def __post_init__(self) -> None:
        """Check the range."""
        _check_range(f"{self.slug}: the {self.quantity}", (self.low, self.high))

    @property
    def span(self) -> str:
        """The range with its unit."""
        ends = dict.fromkeys((self.low, self.high))
        return f"{' to '.join(f'{end:,}' for end in ends)} {self.unit}"

    @property
    def standing(self) -> str:
        """How well it is known, in words."""
        how = "estimate" if self.estimate else "reported"
        return how + ", second-hand" * self.second_hand


@dataclass(frozen=True)
class Bill:
    """What a number of operations costs on a device; None is what nothing is known of."""

    device_hours: Range
    dollars: Range | None
    kilowatt_hours: Range | None


@cache
def figures() -> tuple[Figure, ...]:
    """Return all figures.

    Examples
    --------
    >>> figures()[0].slug
    'azure-v100-2020'
    """
    import tomllib  # here: only those who ask for a price wait for it

    with open(_TOML, "rb") as file:
        rows: Mapping[str, Mapping[str, Any]] = tomllib.load(file)
    return tuple(Figure(slug, **row) for slug, row in rows.items())


def figures_of(about: str, quantity: str) -> tuple[Figure, ...]:
    """Return the figures of one quantity of a device, a model or something else.

    Examples
    --------
    >>> [(f.year, f.low) for f in figures_of("gpt3-175b", "device-years")]
    [(2021, 288), (2020, 355), (2021, 405)]
    """
    return tuple(f for f in figures() if (f.about, f.quantity) == (about, quantity))


def range_of(about: str, quantity: str) -> Range:
    """Return the range that spans all figures of one quantity.

    Raises
    ------
    LookupError
        When there is none; the message says of what there are some.

    Examples
    --------
    >>> range_of("v100-sxm2-32gb", "power")
    (330, 330)
    """
    found = figures_of(about, quantity)
    if not found:
        known = ", ".join(dict.fromkeys(f.about for f in figures() if f.quantity == quantity))
        raise LookupError(f"no {quantity} of {about} is known, only of {known or 'nothing'}")
    return min(f.low for f in found), max(f.high for f in found)


def rates_of(device: Device, precision: str, utilization: float | None = None) -> Range:
    """Return the FLOPs per second to expect: those asked for, else those reached, else the peak.

    Examples
    --------
    >>> from paramlab.hardware import device
    >>> rates_of(device("v100-sxm2-32gb"), "fp16"), rates_of(device("tpu-v5e"), "bf16", 0.5)
    ((24600000000000.0, 24600000000000.0), (98500000000000.0, 98500000000000.0))
    """
    peak = device.rate(precision)[1]
    if utilization is not None:
        return utilization * peak, utilization * peak
    return device.reached_flops_per_s.get(precision, (peak, peak))


def bill(
    flops: float,
    flops_per_s: Range,
    dollars_per_hour: Range | None = None,
    watts: Range | None = None,
    overhead: Range = (1.0, 1.0),
) -> Bill:
    """Return what operations cost: hours = FLOPs / rate, and dollars and kWh of these hours.

    Parameters
    ----------
    flops
        Of the whole training.
    flops_per_s
        What one device reaches, the lowest and the highest.
    dollars_per_hour
        For one device, rented.
    watts
        One device draws, with its share of the server.
    overhead
        What the building adds for cooling and transformers: power drawn / power of the devices.

    Raises
    ------
    ValueError
        When a range is not one of positive numbers from low to high, or the overhead is below 1.

    Examples
    --------
    3,600 operations at 1 to 2 a second are half an hour to an hour:

    >>> bill(3600, (1, 2), dollars_per_hour=(2, 3), watts=(1000, 1000), overhead=(1, 1.5))
    Bill(device_hours=(0.5, 1.0), dollars=(1.0, 3.0), kilowatt_hours=(0.5, 1.5))
    """
    _check_range("the rate", flops_per_s)
    _check_range("the overhead", overhead, least=1.0)
    hours = flops / flops_per_s[1] / 3600, flops / flops_per_s[0] / 3600
    dollars = kilowatt_hours = None
    if dollars_per_hour:
        _check_range("the price of an hour", dollars_per_hour)
        dollars = _times(hours, dollars_per_hour)
    if watts:
        _check_range("the power", watts)
        low, high = _times(_times(hours, watts), overhead)
        kilowatt_hours = low / 1000, high / 1000
    return Bill(hours, dollars, kilowatt_hours)


def listed_bill(flops: float, device: Device, precision: str) -> Bill:
    """Return the bill at the rates, prices, power and overhead that are listed.

    Raises
    ------
    LookupError
        When a price or the power of the device is not.

    Examples
    --------
    >>> from paramlab.hardware import device
    >>> found = listed_bill(3.14e23, device("v100-sxm2-32gb"), "fp16")
    >>> [round(end / 1e6, 1) for end in found.dollars]  # millions
    [4.8, 10.8]
    """
    rent, power = (range_of(device.slug, quantity) for quantity in ("rent", "power"))
    overhead = range_of("data center", "overhead")
    return bill(flops, rates_of(device, precision), rent, power, overhead)


def _times(a: Range, b: Range) -> Range:
    return a[0] * b[0], a[1] * b[1]


def _check_range(name: str, pair: Range, least: float = 0.0) -> None:
    low, high = pair
    if not (0 < low <= high < inf and low >= least):
        above = f"{least:g} or above" if least else "above 0"
        raise ValueError(f"{name} is {low:g} to {high:g}; it must be {above}, the lower end first")


def parse_range(name: str, text: str, quantity: str) -> Range:
    """Return a number, two that a colon joins, or the slug of a figure, as a range.

    Raises
    ------
    ValueError
        When the text is none of them, naming the figures of this quantity.

    Examples
    --------
    >>> parse_range("price", "1.5:3", "rent"), parse_range("price", "aws-v100-2022", "rent")
    ((1.5, 3.0), (3.06, 3.06))
    """
    listed = {f.slug: (f.low, f.high) for f in figures() if f.quantity == quantity}
    if text in listed:
        return listed[text]
    low, _, high = text.partition(":")
    try:
        pair = float(low), float(high or low)
    except ValueError:
        known = ", ".join(listed)
        raise ValueError(
            f"{name} is {text!r}; it can be a number, a range such as 1.5:3, or one of {known}"
        ) from None
    _check_range(name, pair)
    return pair
