"""The recorded runs of chapter 8: what was foretold came first, and follows from the record."""

import json
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from paramlab import scaling

EXPERIMENTS = Path(__file__).parents[1] / "book" / "experiments"
sys.path.insert(0, str(EXPERIMENTS))

import scaling_runs  # noqa: E402

RECORD = json.loads(scaling_runs.RUNS.read_text("utf-8"))
FORETOLD = json.loads(scaling_runs.PREDICTION.read_text("utf-8"))


def runs(**fields):
    return [run for run in RECORD["runs"] if all(run.get(k) == v for k, v in fields.items())]


def test_every_planned_run_of_the_grid_is_recorded_once():
    for width in scaling_runs.WIDTHS:
        for n_tokens in scaling_runs.AMOUNTS:
            for seed in scaling_runs.SEEDS:
                where = {"stage": "grid", "width": width, "n_tokens": n_tokens, "seed": seed}
                assert len(runs(**where)) == 1, where


def test_the_prediction_was_written_before_a_held_out_size_was_run():
    held_out = runs(stage="held-out")
    assert held_out
    assert {run["width"] for run in held_out} <= set(scaling_runs.HELD_OUT_WIDTHS)
    assert FORETOLD["written"] <= min(run["date"] for run in held_out)


def test_the_gates_follow_from_the_record():
    assert scaling_runs.gates(RECORD) == FORETOLD["gates"]


@pytest.mark.parametrize("said", [p for p in FORETOLD["predictions"] if p["form"] in scaling.FORMS])
def test_the_predictions_follow_from_the_record(said):
    widths = FORETOLD["gates"]["fitted"]
    n = [scaling.counted(scaling_runs.config_of(w), said["counting"]) for w in widths]
    last = scaling_runs.AMOUNTS[-1]
    losses = [[r["loss"] for r in runs(stage="grid", width=w, n_tokens=last)] for w in widths]
    form = scaling.FORMS[said["form"]]
    value, low, high = scaling.foretold(form, n, np.array(losses), said["n"])
    assert (value, low, high) == pytest.approx((said["loss"], said["low"], said["high"]), abs=2e-4)


def test_the_books_own_trainer_ends_within_the_spread_of_the_seeds():
    (own,) = runs(stage="numpy")
    theirs = runs(stage="grid", width=own["width"], n_tokens=own["n_tokens"])
    same = next(run for run in theirs if run["seed"] == own["seed"])
    spread = np.ptp([run["loss"] for run in theirs])
    assert abs(own["loss"] - same["loss"]) <= spread


def test_other_rates_are_half_and_twice_that_of_the_same_seed():
    checked = runs(stage="other-rates")
    n_seeds = sum(map(len, scaling_runs.CHECKED_SEEDS.values()))
    assert len(checked) == n_seeds * len(scaling_runs.OTHER_RATES)
    for run in checked:
        where = {k: run[k] for k in ("width", "seed", "n_tokens")}
        (same,) = runs(stage="grid", **where) + runs(stage="held-out", **where)
        factor = run["rate"] / same["rate"]
        assert min(abs(factor - other) for other in scaling_runs.OTHER_RATES) < 1e-3
        assert run["loss"] > same["loss"]


def test_the_rate_rises_stays_and_falls_to_nearly_nothing():
    rates = [scaling_runs.relative_rate(step, 1000) for step in range(1000)]
    assert max(rates) == 1 == rates[500]
    assert rates[0] == pytest.approx(1 / scaling_runs.WARMUP)
    assert rates[-1] == pytest.approx(1 / 200)
    assert all(later <= earlier for earlier, later in pairwise(rates[500:]))


def test_a_run_starts_from_deviations_that_suit_its_width():
    table = scaling_runs.first_params(scaling_runs.config_of(64), 0)["embedding"]["tokens"]
    assert table.std() == pytest.approx(0.5 / 8, rel=0.02)
