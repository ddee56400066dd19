"""The tiny models of the book: each is what its record says, and all are small."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from paramlab.files.load import load_model
from paramlab.texts import passage
from paramlab.transformer import forward, loss

EXPERIMENTS = Path(__file__).parents[1] / "book" / "experiments"
sys.path.insert(0, str(EXPERIMENTS))

from loss_by_position import slowed  # noqa: E402
from tiny_models import MODELS, SCHEMES, TRAINED_LENGTH, documentation, losses_of  # noqa: E402

names = pytest.mark.parametrize("name", MODELS)
BY_POSITION = json.loads((EXPERIMENTS / "data" / "loss_by_position.json").read_text())


def stored(name: str):
    """Return a model and its record."""
    record = json.loads((EXPERIMENTS / "data" / f"{name}.json").read_text(encoding="utf-8"))
    return load_model(EXPERIMENTS / "models" / f"{name}.safetensors"), record


def test_all_models_together_are_at_most_six_megabytes():
    sizes = [path.stat().st_size for path in (EXPERIMENTS / "models").iterdir()]
    assert len(sizes) >= len(MODELS) and sum(sizes) <= 6_000_000


@names
def test_a_model_is_the_one_that_its_record_describes(name):
    model, record = stored(name)
    assert model.config == MODELS[name]
    tokens = model.tokenizer.encode(passage())[: TRAINED_LENGTH + 1]
    assert loss(model.params, model.config, tokens) == pytest.approx(
        record["passage_loss"], abs=1e-3
    )


@names
def test_a_model_does_better_than_counting_pairs(name):
    _, record = stored(name)
    assert record["held_out_loss"] < record["bigram_entropy"] < record["unigram_entropy"]
    assert len(record["losses"]) * 10 == record["plan"]["n_steps"]
    assert record["losses"][-1] < record["bigram_entropy"]


@pytest.mark.slow
@names
def test_the_held_out_loss_is_the_recorded_one(name):
    model, record = stored(name)
    if hashlib.sha256(documentation().text.encode()).hexdigest() != record["text_sha256"]:
        pytest.skip(f"this Python has another documentation than {record['versions']['python']}")
    assert losses_of(model)["held_out_loss"] == pytest.approx(record["held_out_loss"], abs=1e-3)


# ------------------------------------------------------------------ loss by position


def mean(variant: str, first: int, end: int) -> float:
    """Return the mean loss over positions."""
    bins = zip(BY_POSITION["first_positions"], BY_POSITION["losses"][variant]["bins"], strict=False)
    inside = [value for position, (value, _) in bins if first <= position < end]
    return sum(inside) / len(inside)


def test_every_scheme_was_measured_in_every_way():
    beyond = {f"{scheme}{way}" for scheme in SCHEMES for way in ("", ", cut", ", squeezed")}
    of_rope = {"rope, base", "rope, by parts"}
    assert BY_POSITION["losses"].keys() == (beyond | of_rope) - {"none, squeezed"}
    n_bins = BY_POSITION["n_tokens"] // BY_POSITION["bin_tokens"]
    for variant, measured in BY_POSITION["losses"].items():
        bins = n_bins // 4 if variant == "learned" else n_bins
        assert len(measured["bins"]) == bins
        assert len(measured["within"]) == BY_POSITION["n_texts"]


@pytest.mark.parametrize("scheme", set(SCHEMES) - {"learned"})
def test_inside_the_trained_length_reading_on_changes_nothing(scheme):
    # The first 128 positions see the same tokens, cut or not.
    assert mean(scheme, 0, TRAINED_LENGTH) == pytest.approx(
        mean(f"{scheme}, cut", 0, TRAINED_LENGTH), abs=1e-3
    )


def test_a_difference_to_the_text_cut_up_is_paired_and_nothing_within_the_trained_length():
    for variant, measured in BY_POSITION["losses"].items():
        if "beyond" not in measured:
            continue
        cut = BY_POSITION["losses"][f"{variant.split(',')[0]}, cut"]
        by_text = [a - b for a, b in zip(measured["beyond"], cut["beyond"], strict=True)]
        by_bin = [value for value, _ in measured["minus cut"]]
        assert sum(by_text) / len(by_text) == pytest.approx(sum(by_bin[4:]) / 12, abs=1e-3)
        if "," not in variant:  # read on as it is: the first 128 positions see the same tokens
            assert by_bin[:4] == pytest.approx([0] * 4, abs=1e-3)


def test_a_model_trained_further_is_compared_with_its_own_reading_of_cut_text():
    further = BY_POSITION["trained further"]["losses"]
    for variant in ("rope", "rope, squeezed", "rope, by parts"):
        measured, own = further[variant], further[f"{variant}, own cut"]
        assert measured["within"] == own["within"]  # the first piece is the same text
        by_text = [a - b for a, b in zip(measured["beyond"], own["beyond"], strict=True)]
        by_bin = [value for value, _ in measured["minus own cut"]]
        assert by_bin[:4] == pytest.approx([0] * 4, abs=1e-3)
        assert sum(by_text) / len(by_text) == pytest.approx(sum(by_bin[4:]) / 12, abs=1e-3)
        gains = [a - b for a, b in zip(measured["first"], own["first"], strict=True)]
        assert sum(gains) / len(gains) == pytest.approx(sum(by_bin[4::4]) / 3, abs=1e-3)


def test_the_rule_by_parts_keeps_the_fast_pairs_and_divides_the_slow_ones():
    speeds = np.array([10.0, 1.0, 0.1, 0.01])  # radians a token
    kept, between, divided = slowed(speeds, 128, 4.0)[[0, 2, 3]]
    assert (kept, divided) == (10.0, pytest.approx(0.01 / 4))
    assert 0.1 / 4 < between < 0.1  # two turns in 128 tokens: between one and four


@pytest.mark.parametrize("scheme", ["rope", "alibi"])
def test_what_sees_distances_uses_the_context(scheme):
    variant = f"{scheme}, cut"
    begins = [mean(variant, first, first + 32) for first in range(0, 512, TRAINED_LENGTH)]
    ends = [mean(variant, first + 32, first + 128) for first in range(0, 512, TRAINED_LENGTH)]
    assert all(later < first for first, later in zip(begins, ends, strict=True))


def test_without_positions_the_order_is_known_from_the_mask_alone():
    model, _ = stored("tiny-none")
    first, second = forward(model.params, model.config, [[5, 7, 9], [7, 5, 9]])[:, -1]
    assert abs(first - second).max() > 1e-3
