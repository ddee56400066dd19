"""Laws of scaling: closed forms against differences and searches, fits against known constants."""

import re
from math import inf, log

import numpy as np
import pytest
from paramlab import catalog, scaling
from paramlab.scaling import (
    BESIROGLU,
    FORMS,
    HOFFMANN,
    HOFFMANN_UNROUNDED,
    KAPLAN,
    KAPLAN_JOINT,
    LAWS,
    TOTAL,
    WITHOUT_TABLES,
    Law,
    fitted_law,
    foretold,
    local_exponent,
    with_tables,
)

GPT3_TOKENS = 300e9
names = [law.name for law in LAWS]
with_text = pytest.mark.parametrize("law", [law for law in LAWS if law.b], ids=lambda law: law.name)


@pytest.fixture(scope="module")
def gpt3():
    return catalog.find("gpt3-175b").config


@pytest.mark.parametrize("law", LAWS, ids=names)
@pytest.mark.parametrize(("n", "d"), [(1e6, 1e8), (1.5e9, 4e10), (175e9, 3e11), (1e9, inf)])
def test_the_gain_per_parameter_is_the_derivative(law, n, d):
    h = 1e-4 * n
    difference = (law.loss(n - h, d) - law.loss(n + h, d)) / (2 * h)
    assert law.gain_per_parameter(n, d) == pytest.approx(difference, rel=1e-6)


@pytest.mark.parametrize("law", LAWS, ids=names)
@pytest.mark.parametrize(("n", "d"), [(1e6, 1e8), (175e9, 3e11), (1e9, inf)])
def test_the_slope_is_that_of_the_gain_in_logarithms(law, n, d):
    h = 1e-4
    gains = [law.gain_per_parameter(n * np.exp(sign * h), d) for sign in (-1, 1)]
    assert law.slope(n, d) == pytest.approx(log(gains[1] / gains[0]) / (2 * h), rel=1e-5)


@with_text
def test_the_gain_per_token_is_the_derivative(law):
    n, d = 1e9, 1e10
    h = 1e-4 * d
    difference = (law.loss(n, d - h) - law.loss(n, d + h)) / (2 * h)
    assert law.gain_per_token(n, d) == pytest.approx(difference, rel=1e-6)


@with_text
@pytest.mark.parametrize("flops", [1e18, 3.14e23])
def test_no_split_on_a_grid_is_better_than_the_optimum(law, flops):
    n, d = law.optimum(flops)
    assert 6 * n * d == pytest.approx(flops)
    grid = n * np.geomspace(0.01, 100, 4001)
    losses = [law.loss(each, flops / 6 / each) for each in grid]
    assert grid[np.argmin(losses)] == pytest.approx(n, rel=0.002)


def test_a_law_without_text_splits_nothing():
    with pytest.raises(ValueError, match="says nothing about the amount of text"):
        KAPLAN.optimum(1e20)


def test_with_text_without_end_the_joint_law_of_kaplan_is_a_power_law_in_n():
    for n in (1e6, 1e9):
        assert KAPLAN_JOINT.loss(n) == pytest.approx((6.4e13 / n) ** 0.076)
        assert KAPLAN_JOINT.loss(inf, n) == pytest.approx((1.8e13 / n) ** 0.103)


def test_each_law_counts_gpt3_in_its_own_way(gpt3):
    total, bare = 174_604_259_328, 173_961_535_488  # 96 x (12 x 12,288 squared + 13 x 12,288)
    assert [law.n_of(gpt3) for law in LAWS] == [bare, bare, total, total, total]
    with pytest.raises(ValueError, match="counted total or without tables, not 'active'"):
        scaling.counted(gpt3, "active")


# What each law says at GPT-3's size and text, computed once with a calculator from its constants:
# percent of the loss that twice N saves, and twice D; nats that N without end saves, and D.
AT_GPT3 = {
    KAPLAN_JOINT: (2.61, 2.49, 0.137, 0.095),
    HOFFMANN: (0.64, 2.21, 0.061, 0.251),
    HOFFMANN_UNROUNDED: (0.66, 2.00, 0.063, 0.221),
    BESIROGLU: (0.63, 1.47, 0.059, 0.132),
}


@pytest.mark.parametrize("law", AT_GPT3, ids=lambda law: law.name)
def test_what_the_laws_say_of_gpt3(law, gpt3):
    n, d = law.n_of(gpt3), GPT3_TOKENS
    now, percents, nats = law.loss(n, d), AT_GPT3[law][:2], AT_GPT3[law][2:]
    doubled = [100 * (1 - law.loss(*to) / now) for to in ((2 * n, d), (n, 2 * d))]
    assert doubled == pytest.approx(percents, abs=0.005)
    assert [now - law.loss(inf, d), now - law.loss(n)] == pytest.approx(nats, abs=0.0005)


def test_kaplans_law_saves_5_percent_for_each_doubling_at_any_size():
    for n in (1e6, 1e12):
        assert KAPLAN.loss(2 * n) / KAPLAN.loss(n) == pytest.approx(2**-0.076)


def test_the_two_counts_meet_in_large_models_and_part_in_small_ones():
    assert with_tables(1e15) / 1e15 == pytest.approx(1, abs=1e-5)
    assert local_exponent(0.347, 1e15) == pytest.approx(0.347, abs=1e-5)
    assert local_exponent(0.347, 1e-3) == pytest.approx(0.347 / 3, abs=1e-4)
    n, h = 1e6, 1e-5
    term = [with_tables(n * np.exp(sign * h)) ** -0.347 for sign in (-1, 1)]
    assert local_exponent(0.347, n) == pytest.approx(log(term[0] / term[1]) / (2 * h), rel=1e-5)


SIZES = np.array([1e4, 3e4, 1e5, 3e5, 1e6])
TRUE = {
    "power law": lambda n: 20 * n**-0.12,
    "power law with a floor": lambda n: 1.5 + 30 * n**-0.3,
    "straight in log N": lambda n: 5 - 0.2 * log(n),
}


@pytest.mark.parametrize("name", FORMS)
def test_each_form_foretells_what_was_made_by_it(name):
    losses = np.array([TRUE[name](n) for n in SIZES])
    assert FORMS[name](SIZES, losses)(1e8) == pytest.approx(TRUE[name](1e8), rel=0.01)


def test_the_interval_meets_the_truth_about_19_times_in_20():
    rng, hits, spread = np.random.default_rng(1), 0, 0.02
    for trial in range(120):
        true = np.array([TRUE["power law"](n) for n in [*SIZES, 4e6]])
        seen = true[:, None] + spread * rng.normal(size=(6, 3))
        _, low, high = foretold(
            FORMS["power law"], SIZES, seen[:-1], 4e6, n_resamples=120, seed=trial
        )
        hits += low <= seen[-1].mean() <= high
    assert 106 <= hits <= 119


def test_seeds_that_agree_leave_no_doubt():
    losses = np.repeat([[TRUE["power law"](n)] for n in SIZES], 3, axis=1)
    assert foretold(FORMS["power law"], SIZES, losses, 4e6, n_resamples=20) == pytest.approx(
        [TRUE["power law"](4e6)] * 3
    )


def test_a_fit_finds_the_constants_of_its_law():
    law = Law("true", "here", WITHOUT_TABLES, floor=1.7, a=400, alpha=0.4, b=900, beta=0.35)
    n, d = (axis.ravel() for axis in np.meshgrid(SIZES, [2e5, 5e5, 1e6]))
    found = fitted_law(n, d, [law.loss(*each) for each in zip(n, d, strict=True)], WITHOUT_TABLES)
    assert found.counting == WITHOUT_TABLES
    for constant in ("floor", "a", "alpha", "b", "beta"):
        assert getattr(found, constant) == pytest.approx(getattr(law, constant), rel=0.03)
    assert found.loss(1e8, 1e8) == pytest.approx(law.loss(1e8, 1e8), rel=0.01)


def test_a_law_says_how_it_counts():
    assert {law.counting for law in LAWS} == {TOTAL, WITHOUT_TABLES}
    assert all(re.search(r"\d{4}\.\d{5}", law.source) for law in LAWS)
