"""The task of looking up notes, and the stored models that learned it."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from paramlab import load_model

EXPERIMENTS = Path(__file__).parents[1] / "book" / "experiments"


def script(name):
    """Import a script of book/experiments, which is no package."""
    spec = importlib.util.spec_from_file_location(name, EXPERIMENTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


retrieval = script("retrieval")
RECORD = json.loads((EXPERIMENTS / "data/retrieval.json").read_text(encoding="utf-8"))


def answer(tokens, t):
    """Look back from a question to the latest note on its box; -1 if there is none."""
    box = tokens[t] - retrieval.QUESTION
    for token in reversed(tokens[:t]):
        if token < retrieval.QUESTION and token // retrieval.N_THINGS == box:
            return token
    return -1


def test_the_right_answer_is_the_latest_note_on_the_box():
    tokens, answers = retrieval.texts(np.random.default_rng(1), 20, 48)
    for text, known in zip(tokens, answers, strict=True):
        asks = text >= retrieval.QUESTION
        assert asks[-1]
        assert (known[~asks] == -1).all()
        assert all(known[t] == answer(text, t) for t in np.flatnonzero(asks))


def test_a_box_that_is_to_be_found_was_noted_once_and_there():
    place = np.arange(40) % 31
    tokens, answers = retrieval.texts(np.random.default_rng(2), 40, 32, place)
    assert (retrieval.notes_of_the_box_asked(tokens) == 1).all()
    assert (answers[:, -1] == tokens[np.arange(40), place]).all()


def test_fewer_boxes_hold_more_notes_each():
    tokens, answers = retrieval.texts(np.random.default_rng(3), 40, 64, n_boxes=4)
    notes = tokens[tokens < retrieval.QUESTION]
    assert set(notes // retrieval.N_THINGS) == set(range(4))
    assert all(known[-1] == answer(text, 63) for text, known in zip(tokens, answers, strict=True))


def test_every_position_scheme_ran_with_every_seed_and_was_asked_as_often():
    runs = {(run["scheme"], run["seed"]) for run in RECORD["runs"]}
    assert runs == {(scheme, seed) for scheme in retrieval.SCHEMES for seed in retrieval.SEEDS}
    assert RECORD["texts_per_point"] == retrieval.N_TEXTS
    for run in RECORD["runs"]:
        for found in (*run["as trained"].values(), *run["interpolated"].values()):
            assert max(found["find"]) <= retrieval.N_TEXTS / 8 >= min(found["find"]) >= 0
            assert 0 <= found["latest"] <= retrieval.N_TEXTS


@pytest.mark.parametrize("scheme", retrieval.SCHEMES)
def test_a_stored_model_answers_as_recorded_on_the_length_of_its_training(scheme):
    params, config, _ = load_model(EXPERIMENTS / "models" / f"retrieval-{scheme}.safetensors")
    assert (config.positions, config.n_ctx) == (scheme, RECORD["trained_tokens"])
    place = np.arange(128) % 63
    batch = retrieval.texts(np.random.default_rng(3), 128, 64, place)
    recorded = RECORD["runs"][retrieval.SCHEMES.index(scheme)]["as trained"]["64"]["find"]
    share = retrieval.right(params, config, *batch).mean()
    assert abs(share - sum(recorded) / retrieval.N_TEXTS) < 0.05


@pytest.mark.parametrize("interpolated", [False, True])
def test_only_a_learned_table_grows_with_the_window(interpolated):
    for scheme in retrieval.SCHEMES:
        params, config, _ = load_model(EXPERIMENTS / "models" / f"retrieval-{scheme}.safetensors")
        wide, wide_config = retrieval.widened(params, config, 256, interpolated)
        grown = {
            name for name in wide["embedding"]
            if wide["embedding"][name].shape != params["embedding"][name].shape
        }  # fmt: skip
        assert grown == ({"positions"} if scheme == "learned" else set())
        assert wide_config.n_ctx == 256
