"""In a web page some libraries are not there: what stands in for them gives the same."""

import re
import sys
import unicodedata

import numpy as np
import pytest
import regex
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st
from paramlab import letters, tiled, training, wordpiece
from paramlab.config import ModelConfig
from paramlab.files import store, xxh3
from paramlab.tokenizer import WORDS, Tokenizer

RARE = [
    pytest.param(each, marks=pytest.mark.slow) for each in (wordpiece._WORDS, wordpiece._DROPPED)
]
TINY = ModelConfig(n_layers=1, d_model=4, n_heads=1, d_ff=4, vocab_size=3, n_ctx=8)


def known(text: str) -> str:
    """Leave out what Python's tables do not know yet; the library may."""
    return "".join(c for c in text if unicodedata.category(c) != "Cn")


@pytest.mark.parametrize("pattern", [*WORDS.values(), *RARE])
@settings(max_examples=30)
@given(text=st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from(" \n\t\x1c'sx1²中é."))))
def test_a_text_is_cut_as_the_regex_library_cuts_it(pattern, text):
    text = known(text)
    assert re.findall(letters.spelled(pattern), text) == regex.findall(pattern, text)


@pytest.mark.slow
@pytest.mark.parametrize("category", "LNPC")
def test_a_class_has_the_members_that_the_regex_library_has(category):
    every = known("".join(chr(code) for code in range(0x30000)))
    pattern = rf"\p{{{category}}}"
    assert re.findall(letters.spelled(pattern), every) == regex.findall(pattern, every)


def test_a_tokenizer_works_without_the_library(monkeypatch):
    tokens = Tokenizer(["a", "b", "ab", "Ġ"], ["a b"], pre="smollm").encode("ab aab")
    monkeypatch.setitem(sys.modules, "regex", None)
    letters.compiled.cache_clear()
    assert Tokenizer(["a", "b", "ab", "Ġ"], ["a b"], pre="smollm").encode("ab aab") == tokens
    letters.compiled.cache_clear()


@settings(max_examples=30)
@given(st.binary(min_size=xxh3.SHORTEST, max_size=300), st.integers(1, 12))
def test_the_hash_is_that_of_the_xxhash_library(some, times):
    assert xxh3.hexadecimal(some * times) == xxhash.xxh3_128_hexdigest(some * times)


@pytest.mark.parametrize("n_bytes", [256, 1023, 1024, 1025, 1088, 1089, 2048, 2049])
def test_the_hash_is_right_where_stripes_and_blocks_end(n_bytes):
    some = np.random.default_rng(n_bytes).bytes(n_bytes)
    assert xxh3.hexadecimal(some) == xxhash.xxh3_128_hexdigest(some)


def test_a_stored_model_is_verified_without_the_library(monkeypatch):
    arrays = {"a": np.arange(100.0), "b": np.ones((2, 3), np.float32)}
    with_library = store.checksum(arrays, {"made": "here"})
    monkeypatch.setitem(sys.modules, "xxhash", None)
    assert store.checksum(arrays, {"made": "here"}) == with_library


def test_a_run_without_the_library_shows_a_line_and_gives_the_same_losses(monkeypatch, capsys):
    plan = training.Plan(n_steps=3, batch_size=2, n_tokens=4, warmup_steps=0)
    rows = np.arange(40) % 3
    losses = training.train(training.start(TINY, plan), rows, progress=False).losses
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert training.train(training.start(TINY, plan), rows, progress=True).losses == losses
    said = capsys.readouterr().err
    assert said.startswith("\rtraining: step ") and said.endswith(f", loss {losses[-1]:.3f}\n")


def test_attention_in_tiles_asks_a_browser_for_no_second_thread(monkeypatch):
    q, k, v = np.random.default_rng(0).standard_normal((3, 2, 40, 4), np.float32)
    mixed = tiled.tiled_fast(q, k, v, block=8, n_threads=2)
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setattr(tiled, "_helpers", None)
    np.testing.assert_array_equal(tiled.tiled_fast(q, k, v, block=8, n_threads=2), mixed)
