"""What was recorded about trained biases follows from each pair; folding them changes nothing."""

import importlib.util
import json
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from paramlab import load_model
from paramlab.files.real_model import SECOND_MODEL
from paramlab.tree import Model, flatten

EXPERIMENTS = Path(__file__).parents[1] / "book" / "experiments"


@pytest.fixture(scope="module")
def biases():
    """Import the script, which is no package, and what stands beside it."""
    spec = importlib.util.spec_from_file_location("biases", EXPERIMENTS / "biases.py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(EXPERIMENTS))
    spec.loader.exec_module(module)
    sys.path.remove(str(EXPERIMENTS))
    return module


@pytest.fixture(scope="module")
def second(second_path: Path) -> Model:
    """Return the second model."""
    return load_model(SECOND_MODEL)


RECORD = json.loads((EXPERIMENTS / "data/biases.json").read_text(encoding="utf-8"))
TOPICS = tomllib.loads((EXPERIMENTS / "data/paraphrases.toml").read_text(encoding="utf-8"))
PAIRS = [pair for topic in TOPICS.values() for pair in topic]
SENTENCES = [sentence for pair in PAIRS for sentence in pair]


def test_the_pairs_are_pairs_of_different_sentences():
    assert len(PAIRS) == RECORD["n_pairs"] == 220
    assert all(len(pair) == 2 for pair in PAIRS)
    assert len({sentence.casefold() for sentence in SENTENCES}) == 440


def test_the_summary_follows_from_the_record(biases):
    again = json.loads(json.dumps(biases.short(biases.summary(RECORD))))
    assert all(RECORD[name] == again[name] for name in again)


@pytest.mark.slow
def test_the_record_agrees_with_a_run_now(biases, second):
    first, other = zip(*PAIRS, strict=True)
    now = biases.scores(biases.vectors(flatten(second.params), second, first + other))
    assert now["hits"] == RECORD["whole"]["hits"]
    assert now["others"] == pytest.approx(RECORD["whole"]["others"], abs=1e-4)


def test_folded_biases_change_no_vector(biases, second):
    arrays = flatten(second.params)
    folded = biases.folded(arrays, second.config.n_layers)
    gone = [name for name in arrays if biases.is_any_bias(name) and not folded[name].any()]
    assert sum(arrays[name].size for name in gone) == RECORD["unchanged"]["folded away"] == 9216
    before, after = (biases.vectors(a, second, SENTENCES[:8]) for a in (arrays, folded))
    assert np.abs(after - before).max() < 1e-6
    folded["blocks.0.attention.o.bias"] = arrays["blocks.0.attention.o.bias"]  # as if forgotten
    assert np.abs(biases.vectors(folded, second, SENTENCES[:8]) - before).max() > 1e-3


def test_the_controls_take_as_many_weights_or_as_much(biases):
    rng = np.random.default_rng(0)
    arrays = {
        "blocks.0.mlp.up.weight": rng.normal(size=(30, 40)).astype(np.float32),
        "blocks.0.mlp.up.bias": np.ones(40, np.float32),
        "embedding.tokens": np.ones((5, 5), np.float32),
    }
    drawn, n, squares = biases.without_random_weights(arrays, np.random.default_rng(1), n=70)
    gone = drawn["blocks.0.mlp.up.weight"] == 0
    assert n == gone.sum() == 70
    assert squares == pytest.approx((arrays["blocks.0.mlp.up.weight"][gone] ** 2).sum(), rel=1e-5)
    _, n, squares = biases.without_random_weights(arrays, np.random.default_rng(1), squares=50.0)
    assert 50 <= squares < 50 + 16 and 30 < n < 80
    assert all(drawn[name] is arrays[name] for name in arrays if not name.endswith("up.weight"))
    change = biases.as_large(np.array([3.0, 4.0, 0.0]), np.random.default_rng(1))
    assert (change**2).sum() == pytest.approx(25)
