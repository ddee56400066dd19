"""The recorded additions of chapter 10: what is said of them follows from each answer."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from paramlab import ModelConfig, generate
from paramlab.training import initialize
from paramlab.tree import Model

EXPERIMENTS = Path(__file__).parents[1] / "book" / "experiments"
sys.path.insert(0, str(EXPERIMENTS))

import reasoning_first  # noqa: E402

RECORD = json.loads(reasoning_first.DATA.read_text("utf-8"))
QUESTIONS = [tuple(numbers) for numbers in RECORD["questions"]]


def test_counts_and_differences_follow_from_the_answers():
    assert len(set(QUESTIONS)) == len(QUESTIONS) == reasoning_first.N_TEST
    right = reasoning_first.n_right(RECORD["ways"], QUESTIONS)
    assert right == RECORD["right"]
    for name, (mean, low, high) in RECORD["differences"].items():
        first, second = (right[f"shown, {way}"] for way in name.split(" - "))
        assert mean == pytest.approx((first - second) / len(QUESTIONS), abs=1e-5)
        assert low <= mean <= high
    again = reasoning_first.differences(RECORD["ways"], QUESTIONS)
    assert reasoning_first.short(again) == RECORD["differences"]


def test_what_is_tested_was_best_in_the_pilot():
    gains = {
        (kind, flavor): right[f"{flavor}, steps"] - right[f"{flavor}, direct"]
        for kind, right in RECORD["pilot"].items()
        for flavor in reasoning_first.FLAVORS
    }
    assert max(gains, key=gains.get) == (RECORD["kind"], "shown")


def test_filler_has_as_many_tokens_as_the_steps_of_the_same_question():
    n_before = {name: way["tokens_before"] for name, way in RECORD["ways"].items()}
    assert n_before["shown, steps"] == n_before["shown, filler"]
    assert not any(n_before["shown, direct"])


@pytest.mark.parametrize("numbers", [(7, 8, 5), (47, 85), (347, 205), (9, 9, 9, 9)])
def test_the_steps_of_an_example_are_true_and_end_in_the_sum(numbers):
    steps = reasoning_first.worked(numbers).rstrip(".").split(". ")
    for step in steps:
        left, total = step.split(" = ")
        assert sum(map(int, left.split(" + "))) == int(total)
    assert int(total) == sum(numbers)


def test_texts_side_by_side_go_on_as_each_does_alone():
    config = ModelConfig(
        n_layers=2, d_model=16, n_heads=2, n_kv_heads=1, d_ff=32, vocab_size=40, n_ctx=64,
        positions="rope", norm="rmsnorm", gated_mlp=True, activation="silu", bias_qkv=False,
        bias_o=False, bias_mlp=False,
    )  # fmt: skip
    params = initialize(config, 0)
    params["embedding"]["tokens"] *= 40  # so that texts go different ways
    model = Model(params, config, None)
    starts = np.random.default_rng(0).integers(40, size=(3, 5)).tolist()
    nothing = np.empty((2, 1, 1, 0, 8), np.float32)
    texts = reasoning_first.Texts(model, nothing, nothing).picked([0] * 3, 0)
    texts.read(starts)
    alone = [list(generate(start, model, n_tokens=12)) for start in starts]
    assert texts.write(12, set()) == alone
    assert len({tuple(row) for row in alone}) == 3
    # Cut back to their starts and read again, some of them go on as before.
    some = texts.picked([2, 0], 4)
    some.read([[starts[2][4]], [starts[0][4]]])
    stop = alone[2][3]
    kept = some.write(12, {stop})
    assert kept == [row[: row.index(stop)] if stop in row else row for row in (alone[2], alone[0])]
