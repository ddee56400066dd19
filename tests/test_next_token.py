"""What was recorded for the slider of the temperature is what the real model says now."""

import json
import sys
from pathlib import Path

import pytest

EXPERIMENTS = Path(__file__).parents[1] / "book" / "experiments"


@pytest.mark.slow
def test_the_recorded_logits_are_those_of_the_real_model(real, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(EXPERIMENTS), *sys.path])
    import next_token

    recorded = json.loads(next_token.OUTPUT.read_text("utf-8"))
    now = next_token.measured()
    for name in ("prompt", "tokens", "n_others"):
        assert recorded[name] == now[name]
    assert recorded["logits"] == pytest.approx(now["logits"], abs=2e-3)
    assert recorded["others"] == pytest.approx(now["others"], abs=1e-2)
