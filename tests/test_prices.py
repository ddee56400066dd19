"""Money and electricity: bills against what others computed, and figures that make no sense."""

import json
from datetime import date
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramlab import catalog, prices
from paramlab.cli import main
from paramlab.hardware import Device, device, devices
from paramlab.prices import Figure, bill, figures, figures_of, parse_range, range_of, rates_of

V100 = device("v100-sxm2-32gb")
HOURS_OF_A_YEAR = 24 * 365.25

positive = st.floats(0.01, 1e6)


def test_the_bill_of_gpt3_is_that_of_others_from_their_assumptions():
    """Table 4 of arXiv 2104.10350: 10,000 V100 for 14.8 days, 1,287 MWh; 405 years in Figure 3."""
    rates = rates_of(V100, "fp16")
    found = bill(3.14e23, rates, watts=(330, 330), overhead=(1.10, 1.10))
    assert found.device_hours[0] == found.device_hours[1]
    assert found.device_hours[0] / HOURS_OF_A_YEAR == pytest.approx(405, rel=2e-3)
    assert found.device_hours[0] == pytest.approx(10_000 * 14.8 * 24, rel=2e-3)
    assert found.kilowatt_hours[0] == pytest.approx(1_287_000, rel=2e-3)


def test_years_on_one_device_span_what_the_sources_say():
    assert range_of("gpt3-175b", "device-years") == (288, 405)
    at_28 = bill(3.14e23, (28e12, 28e12)).device_hours[0] / HOURS_OF_A_YEAR
    assert at_28 == pytest.approx(355, rel=5e-3)


@given(positive, positive, positive, positive, positive)
def test_a_bill_is_in_proportion_to_each_assumption_but_the_rate(flops, rate, price, watts, times):
    one = bill(flops, (rate, 2 * rate), (price, 3 * price), (watts, 5 * watts), (1, 2))
    for end, rates in ((0, 2 * rate), (1, rate)):  # the low end is the fast one
        assert one.device_hours[end] == pytest.approx(flops / rates / 3600)
    assert one.dollars[1] == pytest.approx(6 * one.dollars[0])
    assert one.kilowatt_hours[1] == pytest.approx(20 * one.kilowatt_hours[0])
    more = bill(times * flops, (rate, 2 * rate), (price, 3 * price), (watts, 5 * watts), (1, 2))
    assert more.dollars == pytest.approx([times * end for end in one.dollars])
    assert more.kilowatt_hours == pytest.approx([times * end for end in one.kilowatt_hours])


def test_what_is_not_known_has_no_bill():
    found = bill(3600, (1, 1))
    assert (found.device_hours, found.dollars, found.kilowatt_hours) == ((1, 1), None, None)


def test_figures_are_dated_have_sources_and_are_about_something():
    known = {d.slug for d in devices()} | {m.slug for m in catalog.published()}
    for each in figures():
        assert each.about in known | {"data center", "household"}
        assert each.source and isinstance(each.read, date) and each.year <= each.read.year
        assert type(each.estimate) is type(each.second_hand) is bool
        assert each.second_hand or not each.source.startswith("notes")
    assert all(range_of(f.about, "rent") for f in figures() if f.quantity == "rent")
    assert sum(bool(figures_of(d.slug, "rent")) for d in devices()) >= 4


def test_rates_are_those_given_else_those_reached_else_the_peak():
    peak = V100.rate("fp16")[1]
    assert rates_of(V100, "fp16", 0.25) == (peak / 4, peak / 4)
    assert rates_of(V100, "fp16") == (24.6e12, 24.6e12)
    assert rates_of(V100, "fp32") == (15.7e12, 15.7e12)
    for each in devices():
        assert all(0 < low <= high < 0.6 * each.flops_per_s[precision]
                   for precision, (low, high) in each.reached_flops_per_s.items())  # fmt: skip


# ------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("reached", "reason"),
    [
        ({"fp16": (1.0, 9.0)}, "d: 1 to 9 FLOP/s were reached with fp16, and the peak is 8"),
        ({"fp16": (3.0, 2.0)}, "d: 3 to 2 FLOP/s .* must be in order"),
        ({"fp16": (0.0, 2.0)}, "d: 0 to 2 FLOP/s"),
        ({"bf16": (1.0, 2.0)}, "bf16, and the peak is 0"),
    ],
)
def test_a_rate_above_the_peak_is_refused(reached, reason):
    with pytest.raises(ValueError, match=reason):
        Device(
            "d", "a device", 1, 1.0, {"fp16": 8.0}, "a test", date(2026, 1, 1),
            reached_flops_per_s=reached,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("memory", "bandwidth", "reason"),
    [(1, 0.0, "bandwidth is 0.0"), (0, 1.0, "memory is 0"), (1, nan, "bandwidth is nan")],
)
def test_a_device_that_holds_or_reads_nothing_is_refused(memory, bandwidth, reason):
    with pytest.raises(ValueError, match=f"d: {reason}; it must be above 0"):
        Device("d", "a device", memory, bandwidth, {"fp16": 8.0}, "a test", date(2026, 1, 1))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"flops_per_s": (0, 1)}, "the rate is 0 to 1; it must be above 0"),
        ({"flops_per_s": (2, 1)}, "the lower end first"),
        ({"flops_per_s": (1, inf)}, "the rate is 1 to inf"),
        ({"dollars_per_hour": (-1, 1)}, "the price of an hour is -1 to 1"),
        ({"watts": (nan, 1)}, "the power is nan to 1"),
        ({"overhead": (0.9, 1)}, "the overhead is 0.9 to 1; it must be 1 or above"),
    ],
)
def test_ranges_that_are_none_are_refused(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        bill(1, **{"flops_per_s": (1, 1)} | arguments)


def test_a_figure_that_is_no_range_and_a_quantity_that_nobody_gives_are_refused():
    with pytest.raises(ValueError, match="x: the rent is 2 to 1"):
        Figure("x", "d", "rent", "$", 2, 1, 2026, True, True, "s", date(2026, 1, 1))
    with pytest.raises(LookupError, match="no power of tpu-v5e is known, only of v100-sxm2-32gb"):
        range_of("tpu-v5e", "power")
    with pytest.raises(LookupError, match="no weight of abacus is known, only of nothing"):
        range_of("abacus", "weight")


# ------------------------------------------------------------------ the command line


@pytest.fixture
def cost(capsys):
    def call(*arguments):
        status = main(["cost", "gpt3-175b", "--train", *map(str, arguments)])
        return status, *capsys.readouterr()

    return call


def test_the_command_prints_hours_money_and_electricity_with_their_basis(cost):
    options = ("--device", "v100-sxm2-32gb", "--tokens", 3 * 10**11)
    status, out, err = cost(*options)
    assert (status, err) == (0, "")
    for name in ("device-hours", "money", "electricity"):
        assert f"{name}, estimate: " in out
    for figure in (*figures_of("v100-sxm2-32gb", "rent"), *figures_of("data center", "overhead")):
        assert f"{figure.year}" in out and figure.source in out
    assert "measured by OpenAI" in out
    told = json.loads(cost(*options, "--json")[1])
    ranges = (range_of(*of) for of in (
        ("v100-sxm2-32gb", "rent"), ("v100-sxm2-32gb", "power"), ("data center", "overhead")
    ))  # fmt: skip
    expected = bill(told["flops"], rates_of(V100, "fp16"), *ranges)
    assert told["bill"]["dollars"] == pytest.approx(expected.dollars)
    assert told["bill"]["kilowatt_hours"] == pytest.approx(expected.kilowatt_hours)


def test_every_assumption_is_an_argument(cost):
    status, out, _ = cost(
        "--device", "tpu-v5e", "--tokens", 10**9, "--utilization", 0.5, "--price", "2:3",
        "--watts", 200, "--overhead", 1.1, "--json",
    )  # fmt: skip
    told = json.loads(out)
    expected = bill(told["flops"], (98.5e12,) * 2, (2, 3), (200, 200), (1.1, 1.1))
    assert status == 0 and told["bill"]["dollars"] == pytest.approx(expected.dollars)
    assert told["bill"]["kilowatt_hours"] == pytest.approx(expected.kilowatt_hours)
    assert parse_range("--price", "google-v5e-2026", "rent") == (1.2, 1.2)


def test_what_nobody_lists_is_said_and_not_guessed(cost):
    status, out, _ = cost("--device", "tpu-v5e")
    assert status == 0 and "electricity" not in out
    assert "no power of Google TPU v5e is listed, so none is assumed" in out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--price", "cheap"), "--price is 'cheap'; it can be a number, a range such as 1.5:3, or"),
        (("--price", "0"), "--price is 0 to 0; it must be above 0"),
        (("--watts", "9:1"), "--watts is 9 to 1; it must be above 0, the lower end first"),
        (("--overhead", "0.5"), "the overhead is 0.5 to 0.5; it must be 1 or above"),
        (("--price", "nan"), "--price is nan to nan"),
    ],
)
def test_bad_prices_are_one_sentence(cost, arguments, reason):
    status, out, err = cost("--device", "v100-sxm2-32gb", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("paramlab cost: ") and reason in err


def test_a_price_without_a_device_is_refused(cost):
    status, out, err = cost("--price", "2")
    assert (status, out) == (2, "") and "--price matters to the time on a device" in err


def test_every_figure_is_listed_once():
    assert len({f.slug for f in prices.figures()}) == len(prices.figures())
