"""Sampling: cuts that leave out exactly what they say; text that is what forward says it is."""

import io
import math
import re
import sys
import time
from itertools import count

import numpy as np
import pytest
from paramlab import sampling
from paramlab.cli import main
from paramlab.layers import softmax
from paramlab.sampling import generate, next_token_probabilities
from paramlab.tokenizer import Tokenizer
from paramlab.transformer import forward
from paramlab.tree import Model, flatten, nest
from random_models import STYLES, random_params

LOGITS = np.random.default_rng(0).normal(0, 2, 50).astype(np.float32)
P = softmax(LOGITS.astype(np.float64))

SMALL = STYLES["llama"]
PARAMS = random_params(SMALL)
TOKENS = np.random.default_rng(1).integers(0, SMALL.vocab_size, SMALL.n_ctx)
every_style = pytest.mark.parametrize("style", STYLES)

# ------------------------------------------------------------------ the next token


@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0}, {"temperature": 0.1}, {"top_k": 7}, {"top_p": 0.7}]
)
def test_probabilities_sum_to_one(options):
    p = next_token_probabilities(LOGITS, **options)
    assert p.sum() == pytest.approx(1, abs=1e-12) and (p >= 0).all()
    assert p.argmax() == LOGITS.argmax()


def test_temperature_is_a_power():
    expected = P**2 / (P**2).sum()
    assert np.allclose(next_token_probabilities(LOGITS, temperature=0.5), expected)
    assert np.allclose(next_token_probabilities(LOGITS, temperature=1e9), 1 / 50)
    assert next_token_probabilities(1e6 * LOGITS, temperature=1e-3).max() == 1  # no overflow


@pytest.mark.parametrize("k", [1, 7, 50, 60])
def test_top_k_keeps_the_k_largest_in_proportion(k):
    p = next_token_probabilities(LOGITS, top_k=k)
    kept = np.sort(LOGITS)[-k:].min() <= LOGITS
    assert ((p > 0) == kept).all() and kept.sum() == min(k, 50)
    assert np.allclose(p[kept], P[kept] / P[kept].sum())


@pytest.mark.parametrize("top_p", [1e-9, 0.3, 0.9, 0.999])
def test_top_p_keeps_the_smallest_set_that_reaches_it(top_p):
    kept = next_token_probabilities(LOGITS, top_p=top_p) > 0
    assert P[kept].sum() >= top_p > P[kept].sum() - P[kept].min()
    assert P[kept].min() > P[~kept].max()


def test_a_set_that_reaches_top_p_exactly_is_enough():
    assert sorted(next_token_probabilities([0.0, 0.0], top_p=0.5)) == [0, 1]


def test_top_p_counts_what_top_k_left():
    p = next_token_probabilities(np.log([0.4, 0.3, 0.2, 0.1]), top_k=2, top_p=0.55)
    assert p.tolist() == pytest.approx([1, 0, 0, 0])  # 0.4 of the 0.7 that is left is 0.57


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 0])
def test_at_a_tiny_temperature_the_largest_takes_all(temperature):
    assert next_token_probabilities([1.0, 3.0, 2.0], temperature).tolist() == [0, 1, 0]


@pytest.mark.parametrize("options", [{}, {"temperature": 0.5}, {"top_k": 2}, {"top_p": 0.9}])
def test_a_token_with_minus_infinity_is_never_drawn(options):
    hidden = next_token_probabilities([2.0, -math.inf, 1.0], **options)
    assert hidden[1] == 0
    assert np.allclose(hidden[[0, 2]], next_token_probabilities([2.0, 1.0], **options))


@pytest.mark.parametrize("options", [{}, {"temperature": 0}, {"top_k": 1}])
@pytest.mark.parametrize(
    ("logits", "message"),
    [
        ([], r"one number per token, not \(0,\)"),
        ([[1, 2], [3, 4]], r"one number per token, not \(2, 2\)"),
        ([math.nan, 1], "the largest logit is nan, so no token can be drawn"),
        ([math.inf, 1], "the largest logit is inf"),
        ([-math.inf] * 2, "the largest logit is -inf"),
    ],
)
def test_logits_that_choose_no_token_are_refused(logits, options, message):
    with pytest.raises(ValueError, match=message):
        next_token_probabilities(logits, **options)


# ------------------------------------------------------------------ token after token


def test_the_capital_of_france(real):
    assert "".join(generate("The capital of France is", real, n_tokens=2)) == " Paris."


@every_style
def test_every_style_generates_what_it_reads_as_most_probable(style):
    config, params = STYLES[style], random_params(STYLES[style], dtype=np.float64)
    text = TOKENS[:5].tolist()
    for token in generate(text[:], Model(params, config, None), n_tokens=20):
        assert token == forward(params, config, text, last_only=True).argmax()
        text.append(token)
    assert len(text) == 21  # the window, and one more that needs no place in it


def test_generation_computes_in_the_type_of_the_model(monkeypatch):
    params, text, seen = random_params(SMALL, dtype=np.float64), TOKENS[:5].tolist(), []

    def kept(*arguments, **options):
        seen.append(forward(*arguments, **options))
        return seen[-1]

    monkeypatch.setattr(sampling, "forward", kept)
    text += generate(text, Model(params, SMALL, None), n_tokens=6)
    for n, logits in enumerate(seen, start=5):
        assert np.abs(logits - forward(params, SMALL, text[:n], last_only=True)).max() < 1e-12


def test_a_prompt_read_in_pieces_generates_the_same(monkeypatch):
    model = Model(PARAMS, SMALL, None)
    whole = list(generate(TOKENS[:11], model, 6))
    monkeypatch.setattr(sampling, "CHUNK_TOKENS", 4)
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
        ([1], 1.5, "n_tokens is 1.5; it must be a whole number, 0 or above"),
        ([[1, 2], [3]], 1, "the texts of a batch must have equally many tokens"),
        ([1], -1, "n_tokens is -1; it must be a whole number, 0 or above"),
        ([], 1, "there are no tokens"),
        ([61], 1, "token id 61 is not in the vocabulary"),
        ([[1, 2], [3, 4]], 1, r"a prompt is one text; these tokens have the shape \(2, 2\)"),
        ([0] * 21, 1, "21 tokens do not fit into this model's window of 20"),
    ],
)
def test_bad_prompts_are_refused_at_once(prompt, n_tokens, message):
    with pytest.raises(ValueError, match=message):
        generate(prompt, Model(PARAMS, SMALL, None), n_tokens)


def test_generating_changes_no_parameter():
    before = {name: array.tobytes() for name, array in flatten(PARAMS).items()}
    list(generate(TOKENS[:3], Model(PARAMS, SMALL, None), 20))
    assert {name: array.tobytes() for name, array in flatten(PARAMS).items()} == before


def test_wrong_arrays_are_refused_at_once():
    arrays = flatten(PARAMS) | {"blocks.1.mlp.up.weight": np.zeros((48, 32))}
    message = r"blocks.1.mlp.up.weight has the shape \(48, 32\)"
    with pytest.raises(ValueError, match=message):
        generate([1], Model(nest(arrays), SMALL, None))


def test_numbers_that_are_not_finite_are_traced_to_their_array():
    arrays = {name: array.copy() for name, array in flatten(PARAMS).items()}
    arrays["blocks.1.mlp.up.weight"][3, 4] = np.nan
    message = "the array blocks.1.mlp.up.weight holds a number that is not finite"
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        next(generate([1], Model(nest(arrays), SMALL, None)))


def test_what_is_no_model_is_refused():
    with pytest.raises(ValueError, match="model is 'smollm2-135m'; give what load_model returns"):
        generate("Hello", "smollm2-135m")


def test_an_empty_text_is_refused():
    with pytest.raises(ValueError, match="there are no tokens"):
        generate("", Model(PARAMS, SMALL, Tokenizer(["a"], [], "smollm")))


# ------------------------------------------------------------------ drawing at random


def test_a_seed_repeats_and_temperature_zero_is_its_limit():
    model = Model(PARAMS, SMALL, None)
    drawn = [list(generate([1, 2], model, 12, temperature=1.0, seed=seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    greedy = list(generate([1, 2], model, 12))
    for options in ({"temperature": 1e-6}, {"temperature": 3.0, "top_k": 1}, {"top_p": 1e-9}):
        assert list(generate([1, 2], model, 12, **{"temperature": 1.0, **options})) == greedy


def test_the_next_token_is_drawn_as_often_as_its_probability_says():
    model, options = Model(PARAMS, SMALL, None), {"temperature": 0.8, "top_k": 20, "top_p": 0.9}
    logits, n = forward(PARAMS, SMALL, [1, 2], last_only=True), 1000
    expected = n * next_token_probabilities(logits, **options)
    rng = np.random.default_rng(0)
    drawn = [next(generate([1, 2], model, 1, seed=rng, **options)) for _ in range(n)]
    counts = np.bincount(drawn, minlength=SMALL.vocab_size)
    possible = expected > 0
    assert 2 < possible.sum() < 20 and not counts[~possible].any()
    chi_squared = ((counts - expected)[possible] ** 2 / expected[possible]).sum()
    freedom = possible.sum() - 1  # the mean of chi squared; its variance is twice that
    assert chi_squared < freedom + 5 * math.sqrt(2 * freedom)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1}, "temperature is -1; it must be 0 or a positive number"),
        ({"temperature": "1"}, "temperature is '1'; it must be 0 or a positive number"),
        ({"temperature": 1, "top_k": math.nan}, "top_k is nan; it must be a whole number"),
        ({"temperature": 1, "top_p": None}, "top_p is None; it must be above 0"),
        ({"seed": -1}, "seed is -1; it must be a whole number, 0 or above"),
        ({"seed": 1.5}, "seed is 1.5; it must be a whole number, 0 or above"),
        ({"temperature": math.nan}, "temperature is nan"),
        ({"temperature": math.inf}, "temperature is inf"),
        ({"temperature": 1, "top_k": -2}, "top_k is -2; it must be a whole number"),
        ({"temperature": 1, "top_k": 2.5}, "top_k is 2.5; it must be a whole number"),
        ({"temperature": 1, "top_p": 0}, "top_p is 0; it must be above 0 and at most 1"),
        ({"temperature": 1, "top_p": 1.1}, "top_p is 1.1; it must be above 0 and at most 1"),
        ({"top_k": 5}, "top_k 5 and top_p 1.0 limit what is drawn at random"),
        ({"top_p": 0.5}, "give a temperature above 0"),
    ],
)
def test_bad_options_are_refused_at_once(options, message):
    with pytest.raises(ValueError, match=message):
        generate([1], Model(PARAMS, SMALL, None), **options)


# ------------------------------------------------------------------ the command


@pytest.fixture
def command(monkeypatch, capsys):
    """Run ``paramlab generate`` with a small model: status, standard output, standard error."""
    letters = [chr(ord("A") + i) for i in range(SMALL.vocab_size - 5)]
    model = Model(PARAMS, SMALL, Tokenizer(letters, [], "smollm"))
    monkeypatch.setattr("paramlab.files.load.load_model", lambda: model)
    return lambda *options: (main(["generate", *options]), *capsys.readouterr())


def test_the_command_writes_on_and_says_how_fast(command):
    status, out, err = command("ABC", "--tokens", "6")
    assert status == 0 and re.fullmatch(r"ABC.{6}\n", out)
    assert re.fullmatch(r"[0-9.]+ tokens per second after the first\n", err)
    assert command("ABC", "--tokens", "1")[2] == ""  # one token has no rate
    drawn = ("ABC", "--tokens", "9", "--temperature", "2", "--top-k", "50", "--top-p", "0.99")
    first, again, other = (command(*drawn, "--seed", seed)[1] for seed in ("1", "1", "2"))
    assert first == again != other


def test_the_rate_leaves_the_first_token_out(command, monkeypatch):
    monkeypatch.setattr(time, "perf_counter", count(step=2).__next__)  # two seconds for each
    assert command("ABC", "--tokens", "6")[2] == "0.5 tokens per second after the first\n"


def test_each_piece_is_shown_as_it_comes(monkeypatch):
    shown, before = io.BytesIO(), []

    def pieces(prompt, model, **options):
        for piece in "xyz":
            before.append(shown.getvalue())
            yield piece

    monkeypatch.setattr("paramlab.files.load.load_model", lambda: None)
    monkeypatch.setattr(sampling, "generate", pieces)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="utf-8"))
    assert main(["generate", "A"]) == 0
    assert before == [b"A", b"Ax", b"Axy"]


@pytest.mark.parametrize(
    "options",
    [("", ), ("A", "--tokens", "0"), ("A", "--top-k", "3"), ("A", "--temperature", "-1"),
     ("A", "--temperature", "1", "--top-p", "2"), ("A", "--seed", "-1"), ("ABCD" * 6,),
     ("A\udcff",)],
)  # fmt: skip
def test_the_command_refuses_in_one_line(command, options):
    status, out, err = command(*options)
    assert (status, out) == (2, "") and err.count("\n") == 1 and len(err.split()) > 5
