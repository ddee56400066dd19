"""What chapter 6 does to the model is what it says: each kind of meddling, on a small model."""

import json
import sys
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from paramlab import forward
from paramlab.tree import Model, flatten, nest
from random_models import STYLES, random_params

EXPERIMENTS = Path(__file__).parents[1] / "book" / "experiments"
sys.path.insert(0, str(EXPERIMENTS))
import drawers  # noqa: E402

RECORD = json.loads((EXPERIMENTS / "data/drawers.json").read_text(encoding="utf-8"))
MATERIAL = tomllib.loads((EXPERIMENTS / "data/drawers-texts.toml").read_text(encoding="utf-8"))
CONFIG = STYLES["llama"]
MODEL = Model(random_params(CONFIG), CONFIG, None)
TOKENS = np.array([3, 1, 4, 1, 5, 9, 2, 6])


def logits(watch=None, model=MODEL, tokens=TOKENS):
    return forward(model.params, model.config, tokens, watch=watch)


def test_a_forbidden_look_is_what_a_mask_does():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4, 6, 6))
    before = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    scores[[1, 3], 5, 2] = -np.inf
    masked = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    drawers.forbid_look([7], key=2, query=5, heads=[1, 3])("blocks.7.attention.weights", before)
    np.testing.assert_allclose(before, masked, rtol=1e-12)


@pytest.mark.parametrize("name", ["blocks.1.attention.weights", "blocks.0.attention.output"])
def test_other_blocks_and_other_results_are_left_alone(name):
    array = np.ones((2, 3, 3))
    drawers.forbid_look([0], key=0, query=2)(name, array)
    assert (array == 1).all()


def test_without_any_look_back_a_token_answers_as_if_it_came_alone():
    def forbid_all(name, array):
        for key in range(len(TOKENS) - 1):
            drawers.forbid_look(range(CONFIG.n_layers), key=key, query=-1)(name, array)

    alone = logits(tokens=TOKENS[-1:])[-1]
    np.testing.assert_allclose(logits(forbid_all)[-1], alone, rtol=1e-4, atol=1e-4)
    assert np.abs(logits()[-1] - alone).max() > 0.1


def test_a_forbidden_look_counts_in_a_long_text_too():
    model = MODEL._replace(config=replace(CONFIG, n_ctx=100))
    text = np.arange(90) % CONFIG.vocab_size  # longer than what is attended in one product
    blind = drawers.forbid_look(range(CONFIG.n_layers), key=80, query=slice(81, None))
    [before], [after] = (drawers.losses(model, [text], watch) for watch in (None, blind))
    assert abs(after - before) > 1e-5


def test_shutting_all_units_is_a_model_without_their_rows():
    shut = drawers._keeping(lambda size, block: np.zeros(size.shape, bool))
    arrays = {
        name: np.zeros_like(a) if "mlp.down" in name else a
        for name, a in flatten(MODEL.params).items()
    }

    def first_too(name, hidden):
        shut(name, hidden)
        if name.endswith("mlp.hidden"):
            hidden[0] = 0

    expected = logits(model=MODEL._replace(params=nest(arrays)))
    np.testing.assert_allclose(logits(first_too), expected, rtol=1e-5, atol=1e-5)
    everything = drawers._keeping(lambda size, block: np.ones(size.shape, bool))
    np.testing.assert_array_equal(logits(everything), logits())


def test_what_a_weight_writes_is_taken_out_as_if_it_were_zero(monkeypatch):
    monkeypatch.setattr(drawers, "BLOCK", 1)
    monkeypatch.setattr(drawers, "UNIT", 5)
    monkeypatch.setattr(drawers, "FEATURE", 7)
    weight = MODEL.params["blocks"][1]["mlp"]["down"]["weight"][5, 7]
    cut = drawers.without_weight(MODEL, "blocks.1.mlp.down.weight", (5, 7))
    everywhere = logits(drawers._written(weight, slice(None)))
    np.testing.assert_allclose(everywhere, logits(model=cut), rtol=1e-4, atol=1e-5)
    at_first = logits(drawers._written(weight, slice(0, 1)))
    assert np.abs(at_first[1:] - logits()[1:]).max() < np.abs(at_first[0] - logits()[0]).max()


def test_silenced_units_take_the_given_values_but_for_the_first_token():
    seen = {}
    mask = np.zeros((CONFIG.n_layers, CONFIG.d_ff), bool)
    mask[1, [2, 9]] = True
    values = np.arange(mask.size, dtype=float).reshape(mask.shape)
    silence = drawers.silencing(mask, values)

    def watch(name, array):
        silence(name, array)
        seen[name] = array.copy()

    logits(watch, tokens=np.stack([TOKENS, TOKENS[::-1]]))
    hidden = seen["blocks.1.mlp.hidden"]  # (B, T, F)
    assert (hidden[:, 1:, [2, 9]] == values[1, [2, 9]]).all()
    assert not np.isin(hidden[:, 0, [2, 9]], values).any()


def test_controls_are_of_the_same_blocks_and_never_the_units_themselves():
    rng = np.random.default_rng(0)
    scores, loudness = rng.normal(size=(2, 3, 40))
    units = np.argsort(scores, axis=None)[-12:]
    blocks = Counter((units // 40).tolist())
    for control in (
        drawers.as_many(units, scores.shape, rng),
        drawers.equally_loud(units, loudness, scores),
    ):
        assert Counter((control // 40).tolist()) == blocks
        assert len(set(control.tolist()) - set(units.tolist())) == len(units)


def test_of_two_units_the_one_of_like_loudness_is_the_control():
    scores = np.array([[9.0, -1.0, -2.0, 8.0]])
    loudness = np.array([[5.0, 1.0, 4.5, 5.0]])
    assert drawers.equally_loud(np.array([0]), loudness, scores).tolist() == [2]


def test_no_word_belongs_to_two_subjects_and_no_frame_names_one():
    owners = {}
    for subject, pairs in MATERIAL["subjects"].items():
        assert len(pairs) == 8
        for word in " ".join(pairs).replace("/", " ").split():
            assert owners.setdefault(word.rstrip("s"), subject) == subject, word
    frames = {word.strip(".,:?").rstrip("s") for f in MATERIAL["frames"] for word in f.split()}
    assert not frames & set(owners) - {"of"}


def test_the_record_is_of_this_material():
    units, facts = RECORD["units"], RECORD["facts"]
    assert units["subjects"] == list(MATERIAL["subjects"])
    assert units["n_prompts"] == 2 * sum(map(len, MATERIAL["subjects"].values()))
    assert len(RECORD["constant"]["intact"]) == len(MATERIAL["texts"]) + 1
    assert facts["n_chosen_on"] + facts["n_judged_on"] == len(facts["known"])
    assert set(facts["left without the block"]) <= set(facts["known"])
