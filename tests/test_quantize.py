"""Rounded weights: equal to the gguf library's, within half a step, and counted to the byte."""

import json

import numpy as np
import pytest
from gguf import quants
from gguf.constants import GGMLQuantizationType
from hypothesis import given, settings
from hypothesis import strategies as st
from paramlab.files.load import load_model
from paramlab.files.recorded import recorded_file
from paramlab.quantize import Quantized, quantize, rounded_blocks
from paramlab.statistics import mean_and_half
from paramlab.texts import passage
from paramlab.transformer import forward, loss
from paramlab.tree import flatten

FORMATS = {"Q8_0": (8, True), "Q4_0": (4, True), "Q4_1": (4, False)}


def stored(small: Quantized) -> np.ndarray:
    """Pack groups of 32 as the library does: step, perhaps minimum, codes, two of 4 bits a byte."""
    grids = [small.steps] if small.minima is None else [small.steps, small.minima]
    codes = small.codes
    if small.bits == 4:
        codes = codes + (8 if small.minima is None else 0)
        codes = codes[:, :16] | codes[:, 16:] << 4
    return np.hstack([*(g.view(np.uint8) for g in grids), codes.astype(np.int16).astype(np.uint8)])


def assert_same_bytes(weights: np.ndarray, name: str) -> None:
    bits, symmetric = FORMATS[name]
    kind = GGMLQuantizationType[name]
    library = quants.quantize(np.ascontiguousarray(weights.T), kind)
    small = quantize(weights, bits, 32, symmetric)
    assert np.array_equal(library.ravel(), stored(small).ravel())
    assert library.nbytes == small.n_bytes
    assert np.array_equal(quants.dequantize(library, kind), small.expanded().T)


@pytest.mark.parametrize("name", FORMATS)
@given(st.integers(0, 2**32), st.floats(-6, 2), st.sampled_from((32, 64, 160)))
@settings(max_examples=60)
def test_random_arrays_become_the_bytes_of_the_gguf_library(name, seed, exponent, d_in):
    rng = np.random.default_rng(seed)
    weights = rng.normal(scale=10**exponent, size=(d_in, 7)).astype(np.float32)
    weights[rng.random(weights.shape) < 0.1] = 0
    weights[:, 0] = 0  # a group without steps
    weights[:, 1] = np.float32(10**exponent)  # a group of equal weights
    weights[:, 2] = (
        np.round(weights[:, 2] / 10**exponent * 2) / 2 * np.float32(10**exponent)
    )  # ties
    assert_same_bytes(weights, name)


@pytest.mark.parametrize("name", FORMATS)
def test_trained_arrays_become_the_bytes_of_the_gguf_library(name):
    params = load_model(recorded_file("models/tiny-gpt2.safetensors")).params
    matrices = [a for a in flatten(params).values() if a.ndim == 2 and a.shape[0] % 32 == 0]
    assert len(matrices) == 6  # those with 320 inputs; 80 are no multiple of 32
    for weights in matrices:
        assert_same_bytes(weights, name)


def test_an_array_of_the_real_model_becomes_the_bytes_of_the_gguf_library(real):
    for name in FORMATS:
        assert_same_bytes(real.params["blocks"][11]["mlp"]["down"]["weight"], name)


def test_the_real_model_is_on_the_grid_of_its_file_and_on_no_other(real):
    weights = real.params["blocks"][0]["mlp"]["up"]["weight"]
    assert np.array_equal(quantize(weights, 4, 32, symmetric=False).expanded(), weights)
    assert not np.array_equal(quantize(weights, 4, 32).expanded(), weights)
    moved = quantize(np.roll(weights, 16, axis=0), 4, 32, symmetric=False).expanded()
    assert not np.array_equal(np.roll(moved, -16, axis=0), weights)


# ------------------------------------------------------------------ properties

matrices = st.integers(0, 2**32).map(
    lambda seed: np.random.default_rng(seed).normal(size=(24, 5)).astype(np.float32)
)
groups = st.sampled_from((4, 8, 24, "channel", "tensor"))


@given(matrices, st.integers(2, 8), groups, st.booleans())
def test_codes_have_their_bits_and_errors_are_at_most_a_step(weights, bits, group, symmetric):
    """Half a step, but for the end of a symmetric grid that has a point less on one side."""
    small = quantize(weights, bits, group, symmetric)
    assert len(np.unique(small.codes)) <= 2**bits
    assert np.ptp(small.codes) <= 2**bits - 1
    size = small.codes.shape[1]
    error = abs(small.expanded() - weights).T.reshape(-1, size)
    half = 0.5 if bits == 8 or not symmetric else 1.0
    # steps and minima are kept in 16 bits, which moves a point by at most 2^-11 of its distance
    slack = 2.0**-11 * 2 * abs(weights).max()
    assert np.all(error <= half * abs(small.steps.astype(np.float32)) + slack)


@given(matrices, st.integers(2, 8), st.booleans())
def test_a_channel_and_a_tensor_are_groups_of_their_size(weights, bits, symmetric):
    one = quantize(weights, bits, "channel", symmetric)
    assert np.array_equal(one.codes, quantize(weights, bits, 24, symmetric).codes)
    first = quantize(weights[:, :1], bits, "tensor", symmetric)
    assert np.array_equal(first.codes, one.codes[:1])
    assert len(quantize(weights, bits, "tensor", symmetric).steps) == 1


@given(matrices, st.integers(2, 7))
def test_the_number_farthest_from_zero_is_nearly_kept(weights, bits):
    """With fewer than 8 bits, the grid of a channel ends at it."""
    expanded = quantize(weights, bits, "channel").expanded()
    at = abs(weights).argmax(axis=0)
    farthest, kept = weights[at, range(5)], expanded[at, range(5)]
    assert kept == pytest.approx(farthest, rel=2**-10)


@given(matrices, st.integers(2, 8))
def test_what_is_added_to_all_weights_costs_an_asymmetric_grid_nothing(weights, bits):
    there = quantize(weights, bits, "channel", symmetric=False).codes
    moved = quantize(np.float32(4) + weights, bits, "channel", symmetric=False).codes
    assert abs(there - moved).max() <= 1  # a tie may fall to the other side
    assert np.mean(there != moved) < 0.1


@pytest.mark.parametrize(
    ("group", "symmetric", "extra_bits"),
    [(32, True, 0.5), (32, False, 1.0), (16, True, 1.0), (64, False, 0.5), ("channel", True, 0.25)],
)
@pytest.mark.parametrize("bits", range(2, 9))
def test_bytes_are_those_of_codes_and_grids(bits, group, symmetric, extra_bits):
    weights = np.ones((64, 8), np.float32)
    n_bytes = quantize(weights, bits, group, symmetric).n_bytes
    assert n_bytes == 64 * 8 * (bits + extra_bits) / 8


def test_only_matrices_of_blocks_are_rounded_and_counted():
    model = load_model(recorded_file("models/tiny-gpt2.safetensors"))
    before = flatten(model.params)
    params, n_bytes = rounded_blocks(model.params, 8, 16)
    after = flatten(params)
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    matrices = {n for n in before if n.startswith("blocks.") and n.endswith("weight")}
    assert changed == matrices
    assert n_bytes == sum(before[name].size for name in matrices) * 9 / 8
    head = {"head": {"weight": np.ones((32, 2), np.float32) / 3}}
    same, n_bytes = rounded_blocks(head, 2)
    assert np.array_equal(same["head"]["weight"], head["head"]["weight"]) and n_bytes == 0
    logits = [forward(p, model.config, [1, 2, 3], last_only=True) for p in (model.params, params)]
    assert 0 < abs(logits[0] - logits[1]).max() < 0.5


# ------------------------------------------------------------------ the recorded run

RECORD = json.loads(recorded_file("data/quantized.json").read_text("utf-8"))
SCHEMES = RECORD["predictions"]["schemes"]


def test_what_was_recorded_follows_from_each_text():
    before = RECORD["predictions"]["as distributed"]["loss"]
    assert len(before) == len(RECORD["n_predicted_tokens"]) == 16
    for scheme in SCHEMES.values():
        added = [a - b for a, b in zip(scheme["loss"], before, strict=True)]
        assert scheme["added_loss"] == pytest.approx(mean_and_half(added), abs=2e-3)
    outputs, groups = (SCHEMES[f"symmetric, {g}, 4 bit"]["loss"] for g in ("channel", "32"))
    declared = mean_and_half([a - b for a, b in zip(outputs, groups, strict=True)])
    assert RECORD["predictions"]["declared"] == pytest.approx(declared, abs=2e-3)


def test_recorded_bytes_are_those_of_codes_and_grids(real):
    arrays = flatten(real.params)
    blocks = [a for n, a in arrays.items() if n.startswith("blocks") and n.endswith("weight")]
    n = sum(a.size for a in blocks)
    outputs = sum(a.shape[1] for a in blocks)
    for bits in (8, 4, 3, 2):
        assert SCHEMES[f"symmetric, 32, {bits} bit"]["bytes"] == n * (bits + 0.5) / 8
        assert SCHEMES[f"asymmetric, 32, {bits} bit"]["bytes"] == n * (bits + 1) / 8
        assert SCHEMES[f"symmetric, channel, {bits} bit"]["bytes"] == n * bits / 8 + 2 * outputs
        assert SCHEMES[f"symmetric, tensor, {bits} bit"]["bytes"] == n * bits / 8 + 2 * len(blocks)


def test_recorded_products_read_the_bytes_that_they_keep_and_take_longer_than_fetching():
    record = json.loads(recorded_file("data/packed_speed.json").read_text("utf-8"))
    n, ways = record["n_weights"], record["ways"]
    bits = {"NumPy, 32": 32, "NumPy, 8": 8.5, "NumPy, 4": 4.5, "torch, 32": 32, "torch, 16": 16}
    bits |= {"torch, 8": 8, "torch, 4": 5, "torch, 4, float32": 6}
    assert ways.keys() == bits.keys()
    for name, way in ways.items():
        assert way["bytes"] == n * bits[name] / 8, name
        assert way["least_ms"] == pytest.approx(
            1000 * way["bytes"] / record["bandwidth_bytes_per_s"], rel=1e-3
        )
        assert way["least_ms"] < way["median_ms"], name
        whole = ways[name.split(",")[0] + ", 32"]["median_ms"]
        assert way["median_ms"] / whole == pytest.approx(way["ratio"][0], rel=0.02), name
    # Both libraries multiplied by the same weights.
    assert ways["NumPy, 4"]["error"] == pytest.approx(ways["torch, 4, float32"]["error"], rel=1e-3)


def test_the_grid_of_the_file_costs_nothing_and_noise_is_as_large_as_the_rounding():
    assert SCHEMES["asymmetric, 32, 4 bit"]["added_loss"] == [0, 0]
    for bits in (8, 4, 3, 2):
        error = SCHEMES[f"symmetric, 32, {bits} bit"]["relative_error"]
        noise = SCHEMES[f"noise as symmetric, 32, {bits} bit"]["relative_error"]
        assert noise == pytest.approx(error, rel=1e-3)


@pytest.mark.slow
def test_a_recorded_loss_can_be_measured_again(real):
    text = real.tokenizer.encode(passage())
    for scheme, group in (("symmetric, 32, 4 bit", 32), ("symmetric, channel, 8 bit", "channel")):
        params, n_bytes = rounded_blocks(real.params, int(scheme[-5]), group)
        assert loss(params, real.config, text) == pytest.approx(
            SCHEMES[scheme]["loss"][0], abs=1e-3
        )
        assert n_bytes == SCHEMES[scheme]["bytes"]


# ------------------------------------------------------------------ refused

MATRIX = np.ones((64, 2), np.float32)


@pytest.mark.parametrize(
    ("weights", "bits", "group", "reason"),
    [
        (MATRIX, 1, 32, "bits is 1; it must be a whole number from 2 to 8"),
        (MATRIX, 4.5, 32, r"bits is 4\.5"),
        (MATRIX, 4, 48, "the group is 48; it must be .* a divisor of 64"),
        (MATRIX, 4, 0, "the group is 0"),
        (MATRIX, 4, "row", "the group is 'row'"),
        (MATRIX[0], 4, 2, r"a matrix of numbers is rounded, not float32 \(2,\)"),
        (MATRIX.astype(int), 4, 32, "not int64"),
        (MATRIX * np.float32("nan"), 4, 32, "a number that is not finite"),
    ],
)
def test_what_has_no_grid_is_refused(weights, bits, group, reason):
    with pytest.raises(ValueError, match=reason):
        quantize(weights, bits, group)
