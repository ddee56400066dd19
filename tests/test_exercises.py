"""Exercises accept what is right by any route and answer slips with a hint, never the number."""

import re

import numpy as np
import pytest
from paramlab import catalog, check
from paramlab.exercises import EXERCISES
from paramlab.params import count

names = pytest.mark.parametrize("name", EXERCISES)


@names
def test_the_right_number_is_right_in_every_type(name):
    right = EXERCISES[name].right()
    for answer in (right, float(right), np.int64(right), np.float64(right)):
        assert check(name, answer) == "right"


@names
def test_every_slip_gets_its_own_hint(name):
    exercise = EXERCISES[name]
    values = [slip() for slip, _ in exercise.slips]
    assert exercise.right() not in values and len(set(values)) == len(values)
    for value, (_, said) in zip(values, exercise.slips, strict=True):
        assert check(name, value) == f"not yet: {said}"


@names
def test_no_hint_gives_the_number_away(name):
    exercise = EXERCISES[name]
    right = str(exercise.right())
    for hint in (exercise.hint, *(said for _, said in exercise.slips)):
        assert right not in re.sub(r"[,_]", "", hint)


@names
@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (None, "no answer yet"),
        ("34", "text"),
        ([34], "a list"),
        ({34: 1}, "a dict"),
        (True, "a bool"),
        (-1, "not yet"),
        (float("nan"), "not yet"),
        (np.ones(3), "ndarray"),
    ],
)
def test_whatever_is_handed_in_gets_a_sentence(name, answer, hint):
    assert hint in check(name, answer)


def test_a_whole_count_and_a_rounded_number_are_told_apart():
    gpt3 = count(catalog.find("gpt3-175b").config)
    assert "whole count" in check("4.2", gpt3)
    assert check("4.2", gpt3.total + gpt3.tied) == "right"
    assert "rounded" in check("4.2", 175.2e9)


def test_an_unknown_exercise_is_refused():
    with pytest.raises(LookupError, match="9.9"):
        check("9.9", 1)
