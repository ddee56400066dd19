"""What fits into memory: against published file sizes, and as an equation that must balance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramlab import catalog
from paramlab.config import ModelConfig
from paramlab.costs import kv_cache_bytes, weight_bytes
from paramlab.hardware import device
from paramlab.latency import latency
from paramlab.memory_fit import (
    bits_per_weight,
    fit,
    least_seconds_per_token,
    longest_context,
    rounded_bytes_read,
    rounded_weight_bytes,
)
from paramlab.params import count
from paramlab.quantize import rounded_blocks
from paramlab.training import initialize
from paramlab.tree import flatten

GIB = 2**30


def config_of(slug):
    return catalog.find(slug).config


@pytest.mark.parametrize(
    ("slug", "bits", "only", "gib"),
    [
        # README of llama.cpp, commit 2d5db48 of 19 May 2023, rounded there to 0.1
        ("llama-7b", 4.5, "", 3.5),
        ("llama-7b", 5.0, "", 3.9),
        ("llama-7b", 8.5, "", 6.7),
        ("llama-13b", 4.5, "", 6.8),
        ("llama-13b", 5.0, "", 7.6),
        # the same file, commit ffe88a3 of 27 September 2023
        ("llama2-70b", 16, "", 128.5),
        ("llama2-70b", 4.5, "", 36.20),
        # the files of openai/gpt-oss-20b and -120b, 13.8 and 65.2 GB (second-hand)
        ("gpt-oss-20b", 4.25, "experts", 13.8e9 / GIB),
        ("gpt-oss-120b", 4.25, "experts", 65.2e9 / GIB),
    ],
)
def test_weights_take_what_published_files_take(slug, bits, only, gib):
    assert rounded_weight_bytes(config_of(slug), bits, only) / GIB == pytest.approx(gib, rel=0.012)


def test_at_16_bits_it_is_two_bytes_for_each_parameter():
    for model in catalog.published():
        if model.config is not None:
            assert rounded_weight_bytes(model.config) == 2 * count(model.config).total
            assert rounded_weight_bytes(model.config) == weight_bytes(model.config)


def test_the_bytes_of_a_rounded_model_are_those_counted_from_its_arrays():
    """Blocks by the codes themselves; what is outside them is not rounded there."""
    config = ModelConfig(n_layers=2, d_model=64, n_heads=4, d_ff=96, vocab_size=50, n_ctx=9)
    params = initialize(config, seed=0)
    _, n_bytes = rounded_blocks(params, 4)
    arrays = flatten(params)
    n = sum(a.size for name, a in arrays.items() if name.startswith("blocks") and a.ndim == 2)
    assert n_bytes == n * bits_per_weight(4) / 8
    tables = arrays["embedding.tokens"].size
    vectors = count(config).total - n - tables
    assert rounded_weight_bytes(config, 4.5) == (n + tables) * 4.5 / 8 + 2 * vectors


slugs = st.sampled_from(["llama2-7b", "llama3.1-8b", "gemma3-4b-text", "gpt-oss-20b", "qwen3-4b"])
bits = st.sampled_from([2.5, 4.5, 8.5, 16.0])


@given(slugs, bits, st.integers(10**9, 10**11), st.integers(1, 9), st.integers(0, 10**9))
def test_the_longest_context_fits_and_one_token_more_does_not(slug, bits, memory, n_texts, rest):
    config = config_of(slug)
    options = {"bits": bits, "n_texts": n_texts, "overhead_bytes": rest}
    n = longest_context(config, memory, **options)
    assert n == 0 or fit(config, memory, n, **options).fits
    assert n == config.n_ctx or not fit(config, memory, n + 1, **options).fits


@given(slugs, bits, st.integers(1, 4096), st.integers(1, 9), st.integers(0, 10**9))
def test_the_parts_add_up_and_memory_of_that_size_just_suffices(slug, bits, n, n_texts, rest):
    config = config_of(slug)
    found = fit(config, 1, n, bits, n_texts=n_texts, overhead_bytes=rest)
    cache = n_texts * kv_cache_bytes(config, n)
    assert found.needed_bytes == rounded_weight_bytes(config, bits) + cache + rest
    assert found.spare_bytes == 1 - found.needed_bytes and not found.fits
    just = fit(config, found.needed_bytes, n, bits, n_texts=n_texts, overhead_bytes=rest)
    assert just.fits and just.spare_bytes == 0


def test_a_card_of_24_gb_holds_13b_in_8_bits_with_its_window_and_not_in_16():
    """26.0 GB of weights are too much; 13.8 GB and 3.4 GB of cache are not."""
    memory, llama = device("rtx-4090").memory_bytes, config_of("llama2-13b")
    assert longest_context(llama, memory) == 0
    found = fit(llama, memory, 4096, 8.5)
    assert (round(found.weight_bytes / 1e9, 1), round(found.cache_bytes / 1e9, 1)) == (13.8, 3.4)
    assert longest_context(llama, memory, 8.5) == 4096


@given(slugs, st.integers(1, 4096), st.integers(1, 99))
def test_at_16_bits_a_step_takes_at_least_what_the_roof_says(slug, n, n_texts):
    config, card = config_of(slug), device("a100-sxm-80gb")
    roof = latency(config, card, n, n_texts).decode
    assert least_seconds_per_token(config, card, n, n_texts=n_texts) == roof.seconds


@given(slugs, bits, st.integers(1, 200))
def test_a_step_reads_more_for_more_texts_and_never_more_than_all(slug, bits, n_texts):
    config = config_of(slug)
    fewer, more = (rounded_bytes_read(config, bits, batch=n) for n in (n_texts, n_texts + 1))
    assert fewer <= more <= rounded_weight_bytes(config, bits)


# ------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"bits": 0}, "bits is 0; it must be a number above 0 and at most 32"),
        ({"bits": "4"}, "bits is '4'"),
        ({"only": "experts"}, "the model has no 'experts'; its parts are MLP, attention"),
        ({"n_texts": 0}, "n_texts is 0"),
        ({"overhead_bytes": -1}, "overhead_bytes is -1"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        fit(config_of("llama2-7b"), 10**10, 100, **arguments)


def test_a_text_longer_than_the_window_is_refused():
    with pytest.raises(ValueError, match="4096|4,096"):
        fit(config_of("llama2-7b"), 10**12, 4097)


def test_a_model_whose_cache_is_not_described_is_refused():
    with pytest.raises(ValueError, match="encoder"):
        fit(config_of("t5-small"), 10**10, 100)
