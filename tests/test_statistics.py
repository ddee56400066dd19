"""Intervals: against their definitions, and against how often they hold the truth."""

from math import isclose, sqrt

import numpy as np
import pytest
from paramlab.statistics import interval_of_mean, interval_of_share


@pytest.mark.parametrize(("hits", "n"), [(1, 7), (50, 100), (223, 224)])
def test_the_ends_of_an_interval_are_the_shares_that_the_count_just_fits(hits, n):
    for p in interval_of_share(hits, n):  # 1.96 standard deviations of a share p away
        assert isclose(abs(hits / n - p), 1.959964 * sqrt(p * (1 - p) / n), rel_tol=1e-9)


@pytest.mark.parametrize(("hits", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_an_impossible_count_is_refused(hits, n):
    with pytest.raises(ValueError, match=f"{hits} hits in {n}"):
        interval_of_share(hits, n)


# Quantiles of Student's t, 97.5%, as printed in tables.
@pytest.mark.parametrize(("n", "t"), [(4, 3.182), (7, 2.447), (13, 2.179), (100, 1.984)])
def test_an_interval_of_a_mean_is_as_wide_as_the_printed_tables_say(n, t):
    values = [*range(n)]
    low, high = interval_of_mean(values)
    assert isclose((low + high) / 2, np.mean(values))
    assert isclose((high - low) / 2, t * np.std(values, ddof=1) / sqrt(n), rel_tol=0.008)


def test_nineteen_of_twenty_intervals_hold_the_mean():
    draws = np.random.default_rng(0).normal(5, 2, size=(2000, 7)).tolist()
    held = [low <= 5 <= high for low, high in map(interval_of_mean, draws)]
    assert 0.935 < np.mean(held) < 0.965


def test_too_few_values_have_no_interval():
    with pytest.raises(ValueError, match="at least 4 values; there are 3"):
        interval_of_mean([1.0, 2.0, 3.0])
