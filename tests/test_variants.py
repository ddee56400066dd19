"""Attention variants: the exact ones equal the definition, the others where they must."""

import json
import math
import os
import statistics
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paramlab import tiled as tiling
from paramlab import variants
from paramlab.attention import attention, causal_mask
from paramlab.measured import measure
from paramlab.tiled import naive, tiled, tiled_fast
from paramlab.variants import (
    VARIANTS,
    hashed,
    linear_attention,
    shared_keys,
    sliding_window,
    strided,
)

RECORDED = Path(__file__).parents[1] / "book/experiments/data/attention_scaling.json"
RNG = np.random.default_rng(0)
BY_NAME = {variant.name: variant for variant in VARIANTS}


def inputs(n_queries, n_keys=None, heads=(2, 2), d_head=4, dtype=np.float64, batch=(), rng=RNG):
    n_keys = n_keys or n_queries
    shapes = [(*batch, heads[0], n_queries, d_head), *[(*batch, heads[1], n_keys, d_head)] * 2]
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def hide(hidden):
    return np.where(hidden, -np.inf, 0.0)


def difference(a, b):
    assert a.shape == b.shape and a.dtype == b.dtype
    return np.abs(a - b).max()


# ------------------------------------------------------------------ exact


def test_naive_is_the_definition():
    q, k, v = inputs(3, 5)
    assert (naive(q, k, v) == attention(q, k, v, causal_mask(3, 5))).all()
    assert (naive(q, k, v, causal=False) == attention(q, k, v, np.zeros((3, 5)))).all()


both = pytest.mark.parametrize("way", [tiled, tiled_fast])


@settings(deadline=None)
@given(
    n_queries=st.integers(1, 40),
    n_before=st.integers(0, 20),
    groups=st.sampled_from([(1, 1), (4, 4), (6, 2), (3, 1)]),
    batch=st.sampled_from([(), (2,), (2, 1)]),
    block=st.integers(1, 50),
    causal=st.booleans(),
    precision=st.sampled_from([(np.float32, 1e-5), (np.float64, 1e-12)]),
    seed=st.integers(0, 99),
)
def test_tiled_equals_naive(n_queries, n_before, groups, batch, block, causal, precision, seed):
    dtype, tolerance = precision
    rng = np.random.default_rng(seed)
    n_keys = n_queries + n_before
    q, k, v = inputs(n_queries, n_keys, groups, dtype=dtype, batch=batch, rng=rng)
    expected = naive(q, k, v, causal)
    assert difference(tiled(q, k, v, causal, block=block), expected) < tolerance
    for n_threads in (1, 2):
        fast = tiled_fast(q, k, v, causal, block=block, n_threads=n_threads)
        assert difference(fast, expected) < tolerance


@settings(deadline=None)
@given(n=st.integers(1, 30), block=st.integers(1, 35), seed=st.integers(0, 99))
@pytest.mark.parametrize("shape", ["pairs", "heads", "keys", "one head"])
def test_tiled_equals_naive_under_any_mask(n, block, seed, shape):
    rng = np.random.default_rng(seed)
    q, k, v = inputs(n, heads=(6, 2), rng=rng)
    shapes = {"pairs": (n, n), "heads": (6, n, n), "keys": (1, n), "one head": (1, n, n)}
    hidden = shapes[shape]
    mask = hide(rng.random(hidden) < 0.5) + rng.normal(size=hidden)
    mask[..., 0] = 0  # every query sees the first key
    for causal in (True, False):
        full = np.broadcast_to(mask, (6, n, n)) + (causal_mask(n, n) if causal else 0)
        expected = attention(q, k, v, full)
        for way in (tiled, tiled_fast):
            assert difference(way(q, k, v, causal, mask, block), expected) < 1e-12


@both
def test_tiled_survives_a_first_tile_that_is_hidden(way):
    q, k, v = inputs(6)
    mask = hide(np.arange(6) < 4)[None]
    expected = naive(q, k, v, False, np.broadcast_to(mask, (6, 6)))
    assert difference(way(q, k, v, False, mask, block=2), expected) < 1e-12


@both
@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0])
def test_tiled_survives_scores_of_any_size(way, size):
    q, k, v = inputs(50, d_head=8)
    q *= size  # scores far beyond the largest exponent: the running maximum must hold them
    k *= size
    assert difference(way(q, k, v, block=16), naive(q, k, v)) < 1e-12


@both
def test_one_tile_and_tiles_of_one_are_the_same_function(way):
    q, k, v = inputs(9)
    assert difference(way(q, k, v, block=100), way(q, k, v, block=1)) < 1e-14


def test_several_callers_may_share_the_helping_threads():
    q, k, v = inputs(90, dtype=np.float32)
    expected = naive(q, k, v)
    with ThreadPoolExecutor(4) as callers:
        results = callers.map(lambda _: tiled_fast(q, k, v, block=8, n_threads=2), range(40))
        assert all(difference(result, expected) < 1e-5 for result in results)


FORKED = """
import os
import numpy as np
from paramlab.tiled import tiled_fast
q = np.ones((1, 300, 4))
tiled_fast(q, q, q, block=8, n_threads=2)
child = os.fork()
tiled_fast(q, q, q, block=8, n_threads=2)
if not child:
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system copies no process")
def test_a_copy_of_the_process_starts_threads_of_its_own():
    command = [sys.executable, "-W", "ignore", "-c", FORKED]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "0", run.stderr


def test_tiled_needs_memory_for_tiles_not_for_all_scores():
    def peak_bytes(function, n):
        q, k, v = inputs(n, heads=(1, 1), d_head=8, dtype=np.float32)
        tracemalloc.start()
        function(q, k, v)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak - q.nbytes  # the result

    for way, limit in ((tiled, 4_000_000), (tiled_fast, 500_000)):
        small, large = (peak_bytes(lambda *a, way=way: way(*a, block=64), n) for n in (512, 2048))
        assert large < 5 * small and large < limit
    assert peak_bytes(naive, 2048) > 4 * 2048 * 2048


# ------------------------------------------------------------------ approximate


@settings(deadline=None)
@given(
    n_queries=st.integers(1, 30),
    n_before=st.integers(0, 9),
    window=st.integers(1, 40),
    block=st.integers(1, 40),
    groups=st.sampled_from([(1, 1), (4, 2)]),
)
def test_a_window_is_the_definition_with_a_band(n_queries, n_before, window, block, groups):
    n_keys = n_queries + n_before
    q, k, v = inputs(n_queries, n_keys, groups)
    i, j = np.arange(n_before, n_keys)[:, None], np.arange(n_keys)
    expected = attention(q, k, v, hide((j > i) | (j <= i - window)))
    assert difference(sliding_window(q, k, v, window, block), expected) < 1e-12


@pytest.mark.parametrize("n", [1, 5, 8])
def test_a_window_as_wide_as_the_text_is_exact(n):
    q, k, v = inputs(n)
    assert difference(sliding_window(q, k, v, window=n), naive(q, k, v)) < 1e-15
    if n > 1:
        assert difference(sliding_window(q, k, v, window=n - 1), naive(q, k, v)) > 1e-3


@settings(deadline=None)
@given(n=st.integers(1, 40), stride=st.integers(0, 45), groups=st.sampled_from([(1, 1), (4, 2)]))
def test_strided_is_the_definition_with_the_two_patterns(n, stride, groups):
    q, k, v = inputs(n, heads=groups)
    width = stride or int(np.ceil(n**0.5))
    i, j = np.arange(n)[:, None], np.arange(n)
    seen = (j <= i) & ((i - j <= width) | ((i - j) % width == 0))  # as the paper writes them
    assert difference(strided(q, k, v, stride), attention(q, k, v, hide(~seen))) < 1e-12


@pytest.mark.parametrize("stride", [1, 12, 99])
def test_a_stride_of_one_or_of_the_whole_text_is_exact(stride):
    q, k, v = inputs(12)
    assert difference(strided(q, k, v, stride), naive(q, k, v)) < 1e-12


def parallel_linear(q, k, v):
    """Return the n x n form of linear attention, straight from its definition."""
    f_q, f_k = (np.where(x > 0, x + 1, np.exp(x)) for x in (q, k))
    weights = np.tril(f_q @ f_k.swapaxes(-1, -2))
    return weights @ v / weights.sum(axis=-1, keepdims=True)


@settings(deadline=None)
@given(n=st.integers(1, 40), block=st.integers(1, 45), dtype=st.sampled_from(["f4", "f8"]))
def test_linear_recurrent_blocked_and_parallel_forms_agree(n, block, dtype):
    q, k, v = inputs(n, dtype=dtype)
    tolerance = 1e-5 if dtype == "f4" else 1e-12
    recurrent = linear_attention(q, k, v, block=1)
    assert difference(linear_attention(q, k, v, block), recurrent) < tolerance
    assert difference(parallel_linear(q, k, v), recurrent) < tolerance


def test_linear_goes_on_from_earlier_tokens():
    q, k, v = inputs(9, heads=(4, 2))
    last = linear_attention(q[:, 6:], k, v, block=2)
    assert difference(last, linear_attention(q, k, v)[:, 6:]) < 1e-12


def test_linear_is_not_softmax_attention():
    q, k, v = inputs(9)
    assert difference(linear_attention(q, k, v), naive(q, k, v)) > 0.01


@pytest.mark.parametrize("n", [1, 2, 13])
def test_one_bucket_is_exact(n):
    q, _, v = inputs(n, batch=(2,))
    k = shared_keys(q)
    assert difference(hashed(q, k, v, n_buckets=1), naive(q, k, v)) < 1e-12


@pytest.mark.parametrize("n_buckets", [2, 4, 8])
@pytest.mark.parametrize("shift", [0, 1], ids=["even", "one bucket is full"])
def test_hashed_sees_its_bucket_as_far_as_two_chunks_reach(n_buckets, shift):
    q, _, v = inputs(30, heads=(3, 3))
    q += shift * np.array([-1.0, 1.0, 1.0, -1.0])
    k = shared_keys(q)
    bits = n_buckets.bit_length() - 1
    planes = np.random.default_rng(7).normal(size=(4, bits))
    for head in range(3):
        codes = [tuple(row) for row in q[head] @ planes > 0]
        ranks = sorted(range(30), key=lambda t: (codes[t][::-1], t))  # by bucket, then position
        chunk_of = {t: rank // -(-60 // n_buckets) for rank, t in enumerate(ranks)}
        seen = [
            [
                codes[i] == codes[j] and j <= i and chunk_of[i] - chunk_of[j] in (0, 1)
                for j in range(30)
            ]
            for i in range(30)
        ]
        one = [x[head : head + 1] for x in (q, k, v)]
        expected = attention(*one, hide(~np.array(seen)))
        assert difference(hashed(q, k, v, n_buckets, seed=7)[head : head + 1], expected) < 1e-12


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
@pytest.mark.parametrize("n", [1, 2, 63, 300])
def test_all_are_causal_and_keep_shape_and_precision(variant, n):
    q, _, v = inputs(n, dtype=np.float32)
    before = variant.function(q, shared_keys(q), v)
    assert before.shape == q.shape and before.dtype == np.float32 and np.isfinite(before).all()
    v[..., -1, :] += 1
    after = variant.function(q, shared_keys(q), v)
    assert (after[..., :-1, :] == before[..., :-1, :]).all()
    assert (after[..., -1, :] > before[..., -1, :]).all()


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_all_return_means_of_the_values(variant):
    q, _, v = inputs(300)
    ones = variant.function(q, shared_keys(q), np.ones_like(v))
    assert np.allclose(ones, 1, rtol=1e-12)


# ------------------------------------------------------------------ what they cost


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
@pytest.mark.parametrize("n", [1, 64, 256, 300, 777])
def test_formula_equals_the_products_that_numpy_performs(variant, n):
    def run(p):
        return variant.function(p["q"], p["k"], p["v"])

    q, _, v = inputs(n, heads=(1, 1), d_head=4)
    counted = measure(run, {"q": q, "k": shared_keys(q), "v": v})
    assert counted.multiply_adds == variant.multiply_adds(n, 4)


@both
def test_without_causality_tiles_take_as_many_operations_as_the_definition(way):
    q, k, v = inputs(70, heads=(1, 1))
    params = {"q": q, "k": k, "v": v}
    one, other = (
        measure(lambda p, f=f: f(p["q"], p["k"], p["v"], causal=False), params).multiply_adds
        for f in (naive, lambda *args, **options: way(*args, block=16, **options))
    )
    assert one == other == 2 * 70 * 70 * 4


@pytest.mark.parametrize(
    ("name", "exponent"),
    [("naive", 2), ("tiled", 2), ("window", 1), ("strided", 1.5), ("linear", 1)],
)
def test_operations_grow_as_the_table_says(name, exponent):
    adds = BY_NAME[name].multiply_adds
    assert abs(np.log2(adds(2**19, 64) / adds(2**17, 64)) / 2 - exponent) < 0.02


def test_hashed_operations_grow_as_n_log_n():
    adds = BY_NAME["hashed"].multiply_adds
    doubled = [adds(2 * n, 64) - 2 * adds(n, 64) for n in (2**16, 2**17, 2**18)]
    # a n + b n log n: what doubling leaves over twice the old is 2 b n, plus an edge of fixed size
    assert doubled[1] / doubled[0] == pytest.approx(2, rel=0.1)
    assert doubled[2] / doubled[1] == pytest.approx(2, rel=0.1)
    assert min(doubled) > 0


def test_only_naive_holds_n_squared_scores():
    growth = {v.name: v.scores_at_once(2**16) / v.scores_at_once(2**14) for v in VARIANTS}
    assert growth.pop("naive") == 16
    assert growth.pop("strided") == pytest.approx(4)
    assert set(growth.values()) == {1}


@pytest.mark.parametrize("name", ["naive", "tiled", "window", "strided", "hashed"])
def test_the_largest_array_of_scores_is_as_large_as_the_table_says(monkeypatch, name):
    sizes = []

    def watch(function, size, module=variants):
        original = getattr(module, function)

        def watched(*arguments, **options):
            sizes.append(size(*arguments))
            return original(*arguments, **options)

        monkeypatch.setattr(module, function, watched)

    for module in (variants, tiling):
        watch("attention", lambda q, k, v, mask: q.shape[-2] * k.shape[-2], module)
    monkeypatch.setattr(tiling, "np", SimpleNamespace(**vars(np)))
    watch("exp", np.size, tiling.np)
    watch("softmax", np.size)
    q, _, v = inputs(1024, heads=(1, 1))
    BY_NAME[name].function(q, shared_keys(q), v)
    bound = BY_NAME[name].scores_at_once(1024)
    assert max(sizes) == bound if name != "strided" else 0.95 * bound < max(sizes) <= bound


def test_the_cache_of_a_window_and_of_a_state_stops_growing():
    cached = {v.name: v.cached(10**6, 64) / v.cached(10**5, 64) for v in VARIANTS}
    assert {name for name, growth in cached.items() if growth == 1} == {"window", "linear"}
    assert {name for name, growth in cached.items() if growth == 10} == set(cached) - {
        "window",
        "linear",
    }


def test_exact_in_the_table_means_equal_to_naive_and_the_others_differ():
    q, _, v = inputs(600)
    k = shared_keys(q)
    for variant in VARIANTS:
        gap = difference(variant.function(q, k, v), naive(q, k, v))
        assert (gap < 1e-12) if variant.exact else (gap > 1e-3), variant.name


# ------------------------------------------------------------------ the recorded run


@pytest.mark.parametrize(
    ("name", "kind", "exponent", "margin"),
    [
        ("naive", "extra_bytes", 2, 0.1),
        ("tiled", "extra_bytes", 0, 1.1),
        ("tiled", "multiply_adds", 2, 0.1),
        ("window", "multiply_adds", 1, 0.1),
        ("window", "seconds", 1, 0.1),
    ],
)
def test_recorded_costs_grow_as_they_should(name, kind, exponent, margin):
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    record = recorded["variants"][name]
    fitted = recorded["about"]["lengths_fitted"]
    values = record[kind][-len(fitted) :]
    fit = statistics.linear_regression(
        [math.log(n) for n in fitted], [math.log(value) for value in values]
    )
    assert record["exponents"][kind][0] == pytest.approx(fit.slope)
    assert abs(fit.slope - exponent) < margin


def test_recorded_multiply_adds_are_those_of_the_table():
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    for v in VARIANTS:
        expected = [v.multiply_adds(n, recorded["about"]["d_head"]) for n in recorded["lengths"]]
        assert recorded["variants"][v.name]["multiply_adds"] == expected


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda q, k, v: (q, k, v[..., :-1]), "must have the same shape"),
        (lambda q, k, v: (q[0], k[0], v[0]), r"must be \(..., N, T, H\)"),
        (lambda q, k, v: (q[..., :-1], k, v), r"must be \(..., N, T, H\)"),
        (lambda q, k, v: (q, k[None], v[None]), r"must be \(..., N, T, H\)"),
        (lambda q, k, v: (q[:3], k, v), "3 heads cannot share 2"),
        (lambda q, k, v: (q, k[:, :5], v[:, :5]), "6 queries need as many keys or more, not 5"),
        (lambda q, k, v: (q[:, :0], k, v), "0 queries"),
        (lambda q, k, v: (q, k[:0], v[:0]), "4 heads cannot share 0"),
        (lambda q, k, v: (q.astype(int), k, v), "floating-point numbers, not int64"),
        (lambda q, k, v: (q, k, v.tolist()), "floating-point numbers, not list"),
    ],
)
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_shapes_that_do_not_fit_are_refused(variant, change, message):
    q, k, v = inputs(6, heads=(4, 2))
    with pytest.raises(ValueError, match=message):
        variant.function(*change(q, k, v))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda q, k, v: tiled(q, k, v, block=0), "block is 0"),
        (lambda q, k, v: tiled_fast(q, k, v, block=0), "block is 0"),
        (lambda q, k, v: sliding_window(q, k, v, window=0), "window is 0"),
        (lambda q, k, v: sliding_window(q, k, v, block=-1), "block is -1"),
        (lambda q, k, v: strided(q, k, v, stride=-2), "stride is -2"),
        (lambda q, k, v: linear_attention(q, k, v, block=0), "block is 0"),
        (lambda q, k, v: sliding_window(q, k, v, window=2.5), "window is 2.5; .* whole number"),
        (lambda q, k, v: tiled_fast(q, k, v, n_threads=math.nan), "n_threads is nan"),
        (lambda q, k, v: hashed(q, k, v, n_buckets=2.0), "n_buckets is 2.0"),
        (lambda q, k, v: hashed(q, k, v, n_buckets=3), "n_buckets is 3"),
        (lambda q, k, v: hashed(q, k, v, n_buckets=-4), "n_buckets is -4"),
        (lambda q, k, v: hashed(q, k[:1], v[:1]), "shares queries and keys"),
        (lambda q, k, v: strided(q[:, :3], k, v), "one query per key: 3 is not 6"),
        (lambda q, k, v: hashed(q[:, :3], k, v), "one query per key: 3 is not 6"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(*inputs(6))


@pytest.mark.parametrize("function", [naive, tiled, tiled_fast])
@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones((6, 6), bool), "a mask is added to the scores: 0 where a query may look"),
        (np.zeros((4, 6)), r"the mask \(4, 6\) does not fit the scores \(2, 6, 6\)"),
        (np.zeros((3, 6, 6)), r"the mask \(3, 6, 6\) does not fit the scores \(2, 6, 6\)"),
        (np.zeros((1, 2, 6, 6)), r"the mask \(1, 2, 6, 6\) does not fit"),
    ],
)
def test_masks_that_do_not_fit_are_refused(function, mask, message):
    with pytest.raises(ValueError, match=message):
        function(*inputs(6), mask=mask)
