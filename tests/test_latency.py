"""Latency: limit cases that can be worked out by hand, and properties of every roof."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramlab import catalog, hardware
from paramlab.attention import KVCache
from paramlab.config import ModelConfig
from paramlab.costs import (
    BITS,
    decode_operations,
    forward_operations,
    kv_cache_bytes,
    weight_bytes,
    weight_bytes_read,
)
from paramlab.hardware import Device, Pace, measure_machine
from paramlab.latency import Roof, crossover_batch, forecast, latency, single_numbers
from paramlab.measured import measure
from paramlab.training import initialize
from paramlab.transformer import forward

A100 = hardware.device("a100-sxm-40gb")
H100 = hardware.device("h100-sxm-80gb")
LLAMA = catalog.find("llama3.1-8b").config
DENSE = ModelConfig(
    n_layers=2, d_model=64, n_heads=4, d_ff=256, vocab_size=100, n_ctx=512, positions="rope"
)


def test_one_text_is_written_no_sooner_than_the_weights_are_read():
    found = latency(LLAMA, H100, 1)
    cache = 131_072  # 2 x 32 layers x 8 heads x 128 numbers x 2 bytes
    assert found.decode.read_bytes == weight_bytes_read(LLAMA) + cache
    assert found.decode.seconds == found.decode.read_bytes / 3.35e12
    assert found.decode.bound == "memory"
    assert found.user_tokens_per_s == found.machine_tokens_per_s == 1 / found.decode.seconds


def test_the_cache_of_each_text_is_read():
    short, long = (latency(LLAMA, H100, n, batch=3).decode.read_bytes for n in (1000, 3000))
    assert long - short == 3 * 2000 * 131_072


def test_many_texts_are_bound_by_computing():
    found = latency(DENSE, A100, 1, batch=10**6)
    assert found.decode.bound == "computing"
    assert found.decode.seconds == 10**6 * decode_operations(DENSE, 1).flops / 312e12


def test_a_long_prompt_is_bound_by_computing():
    found = latency(LLAMA, H100, 8192)
    assert found.prefill.bound == "computing" and found.decode.bound == "memory"
    assert found.prefill.seconds == forward_operations(LLAMA, 8192, last_only=True).flops / 989.5e12


def test_one_user_and_the_whole_machine_are_two_numbers():
    found = latency(LLAMA, H100, 1000, batch=32)
    assert found.machine_tokens_per_s == pytest.approx(32 * found.user_tokens_per_s)


@pytest.mark.parametrize("slug", ["llama3.1-8b", "gpt2-small", "llama2-70b", "gemma-2b"])
@pytest.mark.parametrize("context", [1, 30, 100, 1000])
def test_the_crossover_is_the_first_batch_that_computing_binds(slug, context):
    c = catalog.find(slug).config
    first = crossover_batch(c, H100, context)
    if first is None:
        assert latency(c, H100, context, 10**7).decode.bound == "memory"
        return
    bounds = [latency(c, H100, context, batch).decode.bound for batch in (first - 1, first)]
    assert bounds == ["memory", "computing"]


def test_without_a_cache_to_speak_of_the_crossover_is_rate_over_bandwidth():
    wide = replace(DENSE, n_layers=1, d_model=2**13, d_embedding=2**13)
    ratio = 312e12 / 1555e9  # 2 bytes and 2 FLOPs for each weight
    wide = replace(wide, d_ff=2**17)
    assert crossover_batch(wide, A100, 1) == pytest.approx(ratio, abs=2)


def test_with_a_long_cache_no_batch_is_bound_by_computing():
    """Each text brings more bytes than operations: f < c in the closed form."""
    assert crossover_batch(catalog.find("llama2-7b").config, H100, 4096) is None
    far = latency(catalog.find("llama2-7b").config, H100, 4096, batch=10**6)
    assert far.decode.bound == "memory"


@given(st.integers(1, 512), st.integers(1, 300), st.sampled_from(sorted(BITS)))
def test_properties(context, batch, precision):
    found = latency(DENSE, A100, context, batch, precision)
    for roof in (found.prefill, found.decode):
        assert roof.seconds == max(roof.reading_seconds, roof.multiplying_seconds)
        assert roof.read_bytes <= found.needed_bytes
    assert found.prefill.flops >= found.decode.flops
    cache = batch * kv_cache_bytes(DENSE, context, precision)
    assert found.needed_bytes == weight_bytes(DENSE, precision) + cache
    more = latency(DENSE, A100, context, batch + 1, precision)
    assert more.user_tokens_per_s <= found.user_tokens_per_s
    assert more.machine_tokens_per_s >= found.machine_tokens_per_s * (1 - 1e-12)


def test_fewer_bits_are_read_and_the_products_keep_sixteen():
    full, quarter = (latency(LLAMA, H100, 1, precision=p) for p in ("fp16", "int4"))
    assert quarter.compute_precision == "fp16"
    assert quarter.decode.flops == full.decode.flops
    assert quarter.decode.seconds / full.decode.seconds == pytest.approx(0.25, abs=1e-3)
    whole = latency(LLAMA, H100, 1, precision="int8", compute_precision="int8")
    assert whole.decode.flops_per_s == 1979e12


def test_a_batch_reads_nearly_all_experts():
    c = catalog.find("mixtral-8x7b").config
    one, four = (latency(c, H100, 1, batch).decode.read_bytes for batch in (1, 4))
    assert one < 0.3 * weight_bytes(c) and four > 0.99 * weight_bytes(c)


def test_calls_can_take_longest():
    roof = Roof(1, 1, 1e9, 1e9, calling_seconds=1.0)
    assert roof.bound == "calls" and roof.seconds == pytest.approx(1)
    slow = replace(A100, call_seconds=1e-3)  # 6 matrices in each of 2 layers, the head, 2 x 2
    assert latency(DENSE, slow, 1).decode.calling_seconds == pytest.approx(17e-3)


def test_this_machine_is_measured():
    found = measure_machine(0.3)
    assert found.slug == "here" and found.read == date.today()
    assert 1e8 < found.bandwidth_bytes_per_s < 1e13
    assert 1e8 < found.flops_per_s["fp32"] < 1e15
    assert 1e-8 < found.call_seconds < 1e-2
    assert latency(DENSE, found, 9, precision="fp32").decode.seconds > 0
    pace = found.pace  # the median turn is not faster than the best
    assert pace.vector_bytes_per_s <= found.bandwidth_bytes_per_s
    assert pace.flops_per_s <= found.flops_per_s["fp32"] and pace.call_seconds >= found.call_seconds


# ------------------------------------------------------------------ the forecast

GB_AND_GFLOP = replace(A100, pace=Pace(1e9, 1e9, 1e9, 1e-6))  # easy rates


def test_a_forecast_adds_up_what_can_be_worked_out_by_hand():
    one = forecast(DENSE, GB_AND_GFLOP)
    assert one.fetching == weight_bytes_read(DENSE, 1, "fp32") / 1e9
    assert one.multiplying == one.cache == 0
    assert one.calling == pytest.approx(2 * 40e-6)
    far = forecast(DENSE, GB_AND_GFLOP, 1, 300)
    assert far.cache == kv_cache_bytes(DENSE, 300, "fp32") / 1e9
    assert far.fetching == one.fetching and far.seconds > one.seconds
    whole, last = (forward_operations(DENSE, n, last_only=True).flops for n in (100, 1))
    assert forecast(DENSE, GB_AND_GFLOP, 100).multiplying == (whole - last) / 1e9


def test_a_faster_machine_is_forecast_to_be_faster():
    twice = replace(GB_AND_GFLOP, pace=Pace(2e9, 2e9, 2e9, 5e-7))
    for n, before in ((1, 0), (1, 200), (200, 0)):
        slow, fast = (forecast(DENSE, m, n, before).seconds for m in (GB_AND_GFLOP, twice))
        assert slow == pytest.approx(2 * fast)


@pytest.mark.parametrize(
    "style", [{}, {"positions": "rope", "n_kv_heads": 2, "gated_mlp": True, "activation": "silu"}]
)
@pytest.mark.parametrize(("n", "before"), [(1, 100), (64, 0)])
def test_single_numbers_are_near_what_numpy_performs(style, n, before):
    config = ModelConfig(
        n_layers=3, d_model=64, n_heads=4, d_ff=192, vocab_size=50, n_ctx=512, **style
    )
    params, text = initialize(config, seed=0), [7] * 512

    def performed(params):
        cache = KVCache(config, 512, np.float64)
        if before:
            forward(params, config, text[:before], cache=cache)
        return forward(params, config, text[:n], last_only=True, cache=cache)

    whole = measure(performed, params).elementwise
    if before:
        whole -= measure(lambda p: forward(p, config, text[:before]), params).elementwise
    assert single_numbers(config, n, before) == pytest.approx(whole, rel=0.3)


def test_a_device_that_was_not_measured_has_no_forecast():
    with pytest.raises(ValueError, match="A100 SXM 40 GB was not measured"):
        forecast(DENSE, A100)
    with pytest.raises(ValueError, match="a context of 513 tokens is beyond the window of 512"):
        forecast(DENSE, GB_AND_GFLOP, 1, 512)


def test_what_does_not_fit_is_said():
    found = latency(catalog.find("gpt3-175b").config, H100, 2048)
    assert not found.fits and latency(DENSE, A100, 10).fits


# ------------------------------------------------------------------ the command line


def test_the_command_says_what_the_functions_say(cost):
    options = ("llama3.1-8b", "--device", "h100-sxm-80gb", "--context", 8192, "--batch", 4)
    status, out, err = cost(*options, "--json")
    told, found = json.loads(out), latency(LLAMA, H100, 8192, 4)
    assert (status, err) == (0, "")
    assert told["decode"]["seconds"] == found.decode.seconds
    assert told["prefill"]["bound"] == "computing"
    assert told["user_tokens_per_s"] * 4 == pytest.approx(told["machine_tokens_per_s"])
    status, out, _ = cost(*options)
    assert status == 0 and "one user: at most" in out and "the whole machine: at most" in out


def test_this_machine_gets_a_forecast_and_a_listed_one_none(cost, monkeypatch):
    monkeypatch.setattr(hardware, "measure_machine", lambda: GB_AND_GFLOP)
    names = ("forecast_prefill_seconds", "forecast_decode_seconds")
    short = ("gpt2-small", "--context", 64, "--device")
    status, out, _ = cost(*short, "h100-sxm-80gb", "--json")
    assert status == 0 and [json.loads(out)[name] for name in names] == [None, None]
    status, out, _ = cost(*short, "here", "--precision", "fp32", "--json")
    reading, writing = (json.loads(out)[name] for name in names)
    assert status == 0 and 0 < writing < reading


def test_a_device_without_fp16_takes_its_own_sixteen_bits(cost):
    status, out, _ = cost("gpt2-small", "--device", "tpu-v5e", "--json")
    assert status == 0 and json.loads(out)["compute_precision"] == "bf16"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("gpt2-small", "--device", "abacus"), "no device is called 'abacus'; known are v100"),
        (("gpt2-small", "--device", "tpu-v5e", "--batch", "0"), "batch is 0"),
        (
            ("gpt2-small", "--device", "tpu-v5e", "--context", "1025"),
            "a context of 1,025 tokens is beyond the window of 1,024",
        ),
        (("gpt2-small", "--device", "tpu-v5e", "--context", "0"), "context is 0"),
        (("gpt2-small", "--device", "tpu-v5e", "--precision", "fp16"), "lists no rate for fp16"),
        (("gpt2-small", "--device", "tpu-v5e", "--precision", "int3"), "precision is 'int3'"),
        (("gpt-4", "--device", "tpu-v5e"), "GPT-4 has no public configuration"),
        (("gpt2-small", "--device", "tpu-v5e", "--utilization", "0.5"), "give --train too"),
    ],
)
def test_bad_input_is_one_sentence(cost, arguments, reason):
    status, out, err = cost(*arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("paramlab cost: ") and reason in err


def test_figures_that_contradict_each_other_are_refused_when_they_are_read():
    with pytest.raises(ValueError, match="a call takes -1 s"):
        Device("d", "d", 1, 1.0, {"fp32": 1.0}, "", date(2026, 1, 1), call_seconds=-1)
