"""How far a number from a sample can be from the truth: intervals of a share and of a mean."""

from collections.abc import Sequence
from math import sqrt
from statistics import mean, stdev

Z = 1.959964  # a normal variable lies within this many standard deviations 19 times in 20


def interval_of_share(hits: int, n: int) -> tuple[float, float]:
    """Return the 95% interval of a share of which ``hits`` in ``n`` tries were seen.

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference" (1927).

    Examples
    --------
    >>> [round(end, 3) for end in interval_of_share(50, 100)]
    [0.404, 0.596]
    >>> [round(end, 3) for end in interval_of_share(0, 100)]  # not seen is not impossible
    [0.0, 0.037]
    """
    if not 0 <= hits <= n or not n:
        raise ValueError(f"{hits} hits in {n} tries are not possible")
    center = (hits + Z**2 / 2) / (n + Z**2)
    half = Z / (n + Z**2) * sqrt(hits * (n - hits) / n + Z**2 / 4)
    return max(0.0, center - half), min(1.0, center + half)


def interval_of_mean(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95% interval of the mean of which a few values were seen.

    Give one value for each thing that was drawn anew: for each text, not for each question asked
    about it, since questions about one text tend to be answered alike.

    Raises
    ------
    ValueError
        When there are fewer than 4 values: that few say next to nothing.

    References
    ----------
    Student, "The probable error of a mean" (1908); quantiles by the expansion in Abramowitz and
    Stegun, 26.7.5, which is off by less than 1% here.

    Examples
    --------
    >>> [round(end, 1) for end in interval_of_mean([9.0, 10.0, 10.0, 11.0])]
    [8.7, 11.3]
    """
    n = len(values)
    if n < 4:
        raise ValueError(f"an interval needs at least 4 values; there are {n}")
    f = n - 1
    t = Z + (Z**3 + Z) / (4 * f) + (5 * Z**5 + 16 * Z**3 + 3 * Z) / (96 * f**2)
    t += (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / (384 * f**3)
    half = t * stdev(values) / sqrt(n)
    return mean(values) - half, mean(values) + half


def plus_minus(values: Sequence[float], form: str = "+z.2f") -> str:
    """Return the mean of some values and half of its 95% interval, as text.

    Examples
    --------
    >>> plus_minus([9.0, 10.0, 10.0, 11.0], ".1f")
    '10.0 ± 1.3'
    >>> plus_minus([-0.001] * 4)
    '+0.00 ± 0.00'
    """
    middle, half = mean_and_half(values)
    return f"{middle:{form}} ± {half:{form.lstrip('+')}}"


def mean_and_half(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean of some values and half of its 95% interval, by :func:`interval_of_mean`.

    Examples
    --------
    >>> [round(n, 1) for n in mean_and_half([9.0, 10.0, 10.0, 11.0])]
    [10.0, 1.3]
    """
    low, high = interval_of_mean(values)
    return (low + high) / 2, (high - low) / 2
