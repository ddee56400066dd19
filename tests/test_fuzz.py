"""A short run of the fuzzer (make fuzz runs longer), and that it finds what it looks for."""

import json
import random

import fuzz
import pytest


@pytest.mark.slow
def test_odd_and_damaged_files_are_counted_or_refused():
    found = fuzz.run(seed=1, seconds=3)
    for kind in ("config", "pair", ".gguf", ".safetensors", ".json"):
        assert any(how.startswith(kind) for how in found), found


def test_a_fault_is_named_with_its_seed_and_case(monkeypatch):
    def broken(fields):
        raise KeyError("quant_method")

    monkeypatch.setattr(fuzz, "config_from_hf", broken)
    with pytest.raises(AssertionError, match=r"seed 2, case 0 \(a_config\): KeyError"):
        fuzz.run(seed=2, seconds=1)


def test_it_draws_windows_of_0_and_odd_types():
    drawn = [fuzz.random_fields(random.Random(i)) for i in range(2000)]
    values = [json.dumps(d[name]) for d in drawn for name in fuzz.WINDOWS if name in d]
    assert {"0", '"4096"', "2.0", "null", "[]"} <= set(values)
