"""Each printed count of GPT-2 small follows from its convention; switches only take away."""

import pytest
from paramlab import catalog, conventions
from paramlab.conventions import SWITCHES, PrintedCount, printed_counts, total
from paramlab.params import count

GPT2 = catalog.find("gpt2-small").config
CONFIGS = [pytest.param(m.config, id=m.slug) for m in catalog.published() if m.config]
PRINTED = [pytest.param(printed, id=printed.name) for printed in printed_counts()]


@pytest.mark.parametrize("config", CONFIGS)
def test_nothing_left_out_is_the_exact_count(config):
    assert total(config) == count(config).total
    assert total(config, tied_twice=True) == count(config).total + count(config).tied


@pytest.mark.parametrize("printed", PRINTED)
def test_a_printed_count_follows_from_its_convention(printed):
    assert printed.agrees(printed.count(GPT2))


@pytest.mark.parametrize("printed", PRINTED)
def test_no_other_convention_of_the_list_gives_a_printed_count(printed):
    others = [other for other in printed_counts() if other != printed]
    assert not any(printed.agrees(other.count(GPT2)) for other in others)


def test_the_counts_are_sorted_and_none_is_the_exact_one():
    counts = [printed.count(GPT2) for printed in printed_counts()]
    assert len(counts) == 10
    assert counts == sorted(set(counts))
    assert count(GPT2).total not in counts


@pytest.mark.parametrize("name", SWITCHES)
def test_each_switch_takes_something_away_and_only_once(name):
    assert total(GPT2, [name]) < total(GPT2)
    assert total(GPT2, [name, name]) == total(GPT2, [name])


def test_switches_of_separate_arrays_add_up():
    parts = ["token table", "position table", "norm gains", "all biases"]
    without = [total(GPT2) - total(GPT2, [name]) for name in parts]
    assert without == [38_597_376, 786_432, 19_200, 102_144]
    assert total(GPT2, parts) == total(GPT2) - sum(without) == 12 * 12 * 768**2


def test_an_unknown_switch_is_refused():
    with pytest.raises(ValueError, match="no switch is called 'heads'; there are token table"):
        total(GPT2, ["heads"])


# Without "norm gains": 19,200 of 85 million, too coarsely printed to tell.
TELLING = {n for printed in printed_counts() for n in printed.left_out} - {"norm gains"}


@pytest.mark.parametrize("name", sorted(TELLING))
def test_a_switch_that_does_nothing_is_noticed(monkeypatch, name):
    monkeypatch.setitem(conventions.SWITCHES, name, lambda array: False)
    assert not all(printed.agrees(printed.count(GPT2)) for printed in printed_counts())


@pytest.mark.parametrize("printed", [124_390_000, 85_000_000, 7])
def test_a_rounded_count_agrees_to_half_a_unit_of_its_last_digit(printed):
    rounded = PrintedCount("a page", printed, "rounded", (), False, 0, "", "")
    half = 10 ** (len(str(printed)) - len(str(printed).rstrip("0"))) // 2
    for sign in (1, -1):
        assert rounded.agrees(printed + sign * half)
        assert not rounded.agrees(printed + sign * (half + 1))
