"""The transformer: equal to the transformers library, the same with and without a cache."""

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from paramlab import transformer
from paramlab.attention import KVCache
from paramlab.checkpoints import Model, flatten, load_model, model_path, nest
from paramlab.config import ModelConfig
from paramlab.layers import softmax
from paramlab.params import shapes
from paramlab.tokenizer import Tokenizer
from paramlab.transformer import forward, generate, loss

ORACLE = json.loads((Path(__file__).parent / "oracles" / "real_model.json").read_text())
TOLERANCE = 1e-4  # between two implementations in float32; logits reach 20

SMALL = ModelConfig(
    n_layers=2, d_model=32, n_heads=4, n_kv_heads=2, d_ff=48, vocab_size=61, n_ctx=20,
    positions="rope", norm="rmsnorm", activation="silu", gated_mlp=True,
    bias_qkv=False, bias_o=False, bias_mlp=False,
)  # fmt: skip


def random_params(config: ModelConfig) -> dict:
    """Return every array of a model, drawn at random."""
    rng = np.random.default_rng(0)
    arrays = (array for array in shapes(config) if not array.tied_to)
    return nest({a.name: rng.normal(0, 0.3, a.shape).astype(np.float32) for a in arrays})


PARAMS = random_params(SMALL)
TOKENS = np.random.default_rng(1).integers(0, SMALL.vocab_size, SMALL.n_ctx)


@pytest.fixture(scope="module")
def real() -> Model:
    """Return the real model."""
    if not model_path().is_file():
        reason = f"the real model is not at {model_path()}; fetch it with: paramlab fetch"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return load_model()


# ------------------------------------------------------------------ the real model


@pytest.mark.parametrize("case", ORACLE["logits"], ids=lambda case: f"{len(case['tokens'])} tokens")
def test_real_logits_equal_those_of_transformers(real, case):
    logits = forward(real.params, real.config, case["tokens"])
    for stored in case["positions"]:
        row = logits[stored["position"]]
        assert np.abs(row[stored["ids"]] - stored["logits"]).max() < TOLERANCE
        top = np.argsort(-row)[:20]
        assert set(top) <= set(stored["ids"]) and top[0] == stored["ids"][0]


def test_real_loss_equals_that_of_transformers(real):
    assert loss(real.params, real.config, ORACLE["loss"]["tokens"]) == pytest.approx(
        ORACLE["loss"]["nats"], abs=1e-5
    )


def test_the_capital_of_france(real):
    assert "".join(generate("The capital of France is", real, n_tokens=2)) == " Paris."


# ------------------------------------------------------------------ forward


def test_reading_with_a_cache_changes_nothing():
    whole = forward(PARAMS, SMALL, TOKENS)
    for sizes in ([20], [1] * 20, [7, 1, 1, 11], [19, 1]):
        cache = KVCache(SMALL, len(TOKENS))
        parts = np.split(TOKENS, np.cumsum(sizes)[:-1])
        logits = np.concatenate([forward(PARAMS, SMALL, part, cache=cache) for part in parts])
        assert np.abs(logits - whole).max() < 1e-5
        assert cache.n_tokens == len(TOKENS)


@pytest.mark.parametrize("changed", [0, 7, 19])
def test_a_token_changes_logits_from_its_own_position_on(changed):
    other = TOKENS.copy()
    other[changed] = (other[changed] + 1) % SMALL.vocab_size
    before, after = forward(PARAMS, SMALL, TOKENS), forward(PARAMS, SMALL, other)
    assert np.abs(after - before)[:changed].max(initial=0) < 1e-6
    assert (np.abs(after - before)[changed:].max(axis=-1) > 1e-3).all()


def test_the_order_of_tokens_matters():
    swapped = TOKENS.copy()
    swapped[[2, 9]] = swapped[[9, 2]]
    assert np.abs(forward(PARAMS, SMALL, swapped) - forward(PARAMS, SMALL, TOKENS))[-1].max() > 1e-3


def test_shapes_and_types():
    assert forward(PARAMS, SMALL, TOKENS).shape == (20, 61)
    last = forward(PARAMS, SMALL, TOKENS.tolist(), last_only=True)
    assert last.shape == (61,) and last.dtype == np.float32
    assert np.allclose(last, forward(PARAMS, SMALL, TOKENS)[-1], atol=1e-5)


def test_a_batch_is_its_texts_one_by_one():
    batch = np.stack((TOKENS, TOKENS[::-1]))
    logits = forward(PARAMS, SMALL, batch)
    assert logits.shape == (2, 20, 61)
    for text, expected in zip(batch, logits, strict=True):
        assert np.allclose(forward(PARAMS, SMALL, text), expected, atol=1e-5)
    assert forward(PARAMS, SMALL, batch, last_only=True).shape == (2, 61)


def test_an_untied_head_is_used():
    untied = replace(SMALL, tied=False)
    copy = {**PARAMS, "head": {"weight": PARAMS["embedding"]["tokens"].T}}
    assert np.allclose(forward(copy, untied, TOKENS), forward(PARAMS, SMALL, TOKENS), atol=1e-5)
    copy["head"] = {"weight": np.zeros((32, 61), np.float32)}
    assert not forward(copy, untied, TOKENS).any()


def test_biases_are_used():
    biased = replace(SMALL, bias_qkv=True, bias_o=True, bias_mlp=True)
    params = random_params(biased)
    before = forward(params, biased, TOKENS)
    for name, array in flatten(params).items():
        if name.startswith("blocks.0") and name.endswith("bias"):
            array += 0.5
            # Even a key bias matters here: RoPE turns it, so it does not cancel in the softmax.
            assert np.abs(forward(params, biased, TOKENS) - before).max() > 1e-4, name
            array -= 0.5


def test_the_speed_of_the_rotation_is_used():
    changed = forward(PARAMS, replace(SMALL, rope_theta=100.0), TOKENS)
    assert np.abs(changed - forward(PARAMS, SMALL, TOKENS)).max() > 1e-3


def test_a_huge_eps_silences_every_norm():
    # The norms divide by sqrt(1e8), so the blocks add nothing to the embedding.
    logits = forward(PARAMS, replace(SMALL, norm_eps=1e8), TOKENS)
    table, gain = PARAMS["embedding"]["tokens"], PARAMS["final_norm"]["gain"]
    assert np.allclose(1e4 * logits, (table[TOKENS] * gain) @ table.T, atol=1e-4)


def test_forward_changes_no_parameter():
    before = {name: array.tobytes() for name, array in flatten(PARAMS).items()}
    forward(PARAMS, SMALL, TOKENS)
    loss(PARAMS, SMALL, TOKENS)
    list(generate(TOKENS[:3], Model(PARAMS, SMALL, None), 4))
    assert {name: array.tobytes() for name, array in flatten(PARAMS).items()} == before


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([], "there are no tokens"),
        ([0, 61], "token id 61 is not in the vocabulary: ids go from 0 to 60"),
        ([-1], "token id -1 is not"),
        ([0] * 21, "21 tokens do not fit into this model's window of 20"),
        ([0.5], "token ids are a list of whole numbers, not float64"),
        (7, "token ids are a list of whole numbers, not int64"),
        ("text", "token ids are a list of whole numbers"),
        ([2**70], "token ids are a list of whole numbers"),
    ],
)
def test_bad_tokens_are_refused(tokens, message):
    with pytest.raises(ValueError, match=message):
        forward(PARAMS, SMALL, tokens)


def test_a_full_window_or_cache_is_refused():
    cache = KVCache(SMALL, 4)
    forward(PARAMS, SMALL, TOKENS[:3], cache=cache)
    with pytest.raises(ValueError, match="5 tokens do not fit into a cache made for 4"):
        forward(PARAMS, SMALL, TOKENS[:2], cache=cache)
    with pytest.raises(ValueError, match="21 tokens do not fit into this model's window of 20"):
        forward(PARAMS, SMALL, TOKENS[:18], cache=cache)
    with pytest.raises(ValueError, match="a cache holds one text"):
        forward(PARAMS, SMALL, [[1], [2]], cache=cache)


@pytest.mark.parametrize(
    "change",
    [
        {"positions": "alibi"}, {"norm": "layernorm"}, {"activation": "gelu"}, {"gated_mlp": False},
        {"qk_norm": "head"}, {"norms_per_layer": 4}, {"n_segments": 2}, {"d_embedding": 16},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_other_architectures_are_refused_by_name(change):
    with pytest.raises(
        ValueError, match=f"only Llama-style models run here: {next(iter(change))} is"
    ):
        forward(PARAMS, replace(SMALL, **change), TOKENS)


# ------------------------------------------------------------------ generate


def test_generation_takes_the_most_probable_token_each_time():
    text = TOKENS[:5].tolist()
    for token in generate(text[:], Model(PARAMS, SMALL, None), n_tokens=8):
        assert token == forward(PARAMS, SMALL, text)[-1].argmax()
        text.append(token)
    assert len(text) == 13


def test_a_prompt_read_in_pieces_generates_the_same(monkeypatch):
    model = Model(PARAMS, SMALL, None)
    whole = list(generate(TOKENS[:11], model, 6))
    monkeypatch.setattr(transformer, "CHUNK_TOKENS", 4)
    assert list(generate(TOKENS[:11], model, 6)) == whole


@pytest.mark.parametrize(
    ("n_prompt", "n_tokens", "expected"), [(3, 0, 0), (3, 5, 5), (18, 9, 3), (20, 9, 1)]
)
def test_generation_ends_with_the_window(n_prompt, n_tokens, expected):
    tokens = list(generate(TOKENS[:n_prompt], Model(PARAMS, SMALL, None), n_tokens))
    assert len(tokens) == expected


def test_text_goes_in_and_comes_out():
    letters = [chr(ord("A") + i) for i in range(SMALL.vocab_size - 5)]
    tokenizer = Tokenizer(letters, [], "smollm")
    prompt = [0, 7, 4, 11]
    expected = list(generate(prompt, Model(PARAMS, SMALL, None), 6))
    text = tokenizer.decode(prompt)
    assert list(generate(text, Model(PARAMS, SMALL, tokenizer), 6)) == [
        letters[i] for i in expected
    ]
    end = expected.index(expected[3])
    tokenizer.end_tokens = frozenset({expected[3]})
    assert len(list(generate(text, Model(PARAMS, SMALL, tokenizer), 6))) == end


@pytest.mark.parametrize(
    ("prompt", "n_tokens", "message"),
    [
        ("text", 1, "no tokenizer, so its prompt must be token ids"),
        ([1], -1, "n_tokens is -1; it cannot be negative"),
        ([], 1, "there are no tokens"),
        ([61], 1, "token id 61 is not in the vocabulary"),
        ([0] * 21, 1, "21 tokens do not fit into this model's window of 20"),
    ],
)
def test_bad_prompts_are_refused_at_once(prompt, n_tokens, message):
    with pytest.raises(ValueError, match=message):
        generate(prompt, Model(PARAMS, SMALL, None), n_tokens)


def test_an_empty_text_is_refused():
    with pytest.raises(ValueError, match="there are no tokens"):
        generate("", Model(PARAMS, SMALL, Tokenizer(["a"], [], "smollm")))


# ------------------------------------------------------------------ loss


def test_loss_is_the_mean_negative_log_probability():
    probabilities = softmax(forward(PARAMS, SMALL, TOKENS).astype(np.float64))
    expected = -np.log([probabilities[t, TOKENS[t + 1]] for t in range(19)]).mean()
    assert loss(PARAMS, SMALL, TOKENS) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("n_chunk", [1, 4, 19])
def test_loss_in_chunks_equals_loss_at_once(monkeypatch, n_chunk):
    whole = loss(PARAMS, SMALL, TOKENS)
    monkeypatch.setattr(transformer, "CHUNK_TOKENS", n_chunk)
    assert loss(PARAMS, SMALL, TOKENS) == pytest.approx(whole, abs=1e-6)


def test_a_model_of_zeros_finds_all_tokens_equally_likely():
    zeros = nest({name: 0 * array for name, array in flatten(PARAMS).items()})
    assert loss(zeros, SMALL, TOKENS) == pytest.approx(math.log(61), abs=1e-6)


def test_loss_needs_a_token_to_predict_and_one_more_than_the_window_fits():
    assert loss(PARAMS, SMALL, np.append(TOKENS, 5)) > 0  # the last is only predicted
    with pytest.raises(ValueError, match="at least 2 tokens, one to predict the other; got 1"):
        loss(PARAMS, SMALL, [3])
    with pytest.raises(ValueError, match="do not fit into this model's window"):
        loss(PARAMS, SMALL, [3] * 22)
    with pytest.raises(ValueError, match="token id 61 is not"):
        loss(PARAMS, SMALL, [3, 61])
