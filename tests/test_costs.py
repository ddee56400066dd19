"""Costs: formulas against enumeration, against NumPy's own work, and against published figures."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramlab import catalog, count
from paramlab.attention import KVCache, causal_mask
from paramlab.config import LatentAttention, Lookback, ModelConfig, StateLayers
from paramlab.costs import (
    BITS,
    SCORES,
    STATE,
    attended_pairs,
    cache_bytes_read,
    crossover_tokens,
    decode_operations,
    forward_operations,
    kv_cache_bytes,
    state_bytes,
    weight_bytes,
    weight_bytes_read,
)
from paramlab.files.hugging_face import config_from_hf
from paramlab.files.source import count_source
from paramlab.layers import softmax
from paramlab.measured import measure
from paramlab.pairs import lookbacks
from paramlab.params import shapes, stacks
from paramlab.reports import cost, cost_as_text
from paramlab.state_layers import layer_kinds
from paramlab.training_costs import step_operations
from paramlab.transformer import forward
from random_models import STYLES, random_params

GIB = 2**30
ORACLES = Path(__file__).parent / "oracles"
MODELS = [model for model in catalog.published() if model.config]
DECODERS = [m for m in MODELS if m.kind == "decoder" and not m.config.further]
every_decoder = pytest.mark.parametrize("model", DECODERS, ids=[model.slug for model in DECODERS])
every_style = pytest.mark.parametrize("style", STYLES)
lengths = st.integers(1, 60)


def config(slug: str) -> ModelConfig:
    return catalog.find(slug).config


def visible(window: int, n: int) -> np.ndarray:
    """Return which of n keys each of n queries may see: (n, n)."""
    distance = np.arange(n)[:, None] - np.arange(n)
    return (distance >= 0) & (distance < (window or n))


# ------------------------------------------------------------------ pairs of queries and keys


@given(lengths, lengths, st.integers(0, 70))
def test_pairs_are_those_of_the_mask(n_before, n_tokens, window):
    n = n_before + n_tokens
    assert attended_pairs(n_tokens, n_before, window) == visible(window, n)[n_before:].sum()
    seen = np.isfinite(causal_mask(n_tokens, n, window))
    assert attended_pairs(n_tokens, n_before, window) == seen.sum()


@given(lengths, st.integers(0, 60), st.integers(0, 9), st.integers(1, 7))
def test_a_query_meets_the_entries_that_are_complete(n_tokens, n_before, most, n_joined):
    complete = [n // n_joined for n in range(n_before + 1, n_before + n_tokens + 1)]
    seen = sum(min(n, most or n) for n in complete)
    assert attended_pairs(n_tokens, n_before, most, n_joined) == seen


@given(lengths, lengths)
def test_a_window_of_the_whole_text_is_no_window(n, more):
    assert attended_pairs(n, window=n + more - 1) == attended_pairs(n)


# ------------------------------------------------------------------ what NumPy really performs


@every_style
@pytest.mark.parametrize("last_only", [False, True])
def test_numpy_performs_the_multiply_adds_of_the_formula(style, last_only):
    c = STYLES[style]
    for n in (1, 2, 13, c.n_ctx):
        tokens = np.arange(n) % c.vocab_size
        expected = forward_operations(c, n, attention="full", last_only=last_only)
        measured = measure(forward, random_params(c), c, tokens, last_only=last_only)
        assert measured.multiply_adds == expected.multiply_adds


@every_style
def test_with_a_cache_too(style):
    c, params, cache = STYLES[style], random_params(STYLES[style]), KVCache(STYLES[style], 20)
    for n in (7, 1, 1, 11):
        expected = forward_operations(c, n, cache.n_tokens, "full").multiply_adds
        assert measure(forward, params, c, np.arange(n), cache=cache).multiply_adds == expected


def test_a_batch_takes_as_many_times_as_it_has_texts():
    c, params = STYLES["llama"], random_params(STYLES["llama"])
    one = measure(forward, params, c, np.arange(9))
    three = measure(forward, params, c, np.arange(27).reshape(3, 9))
    assert three.multiply_adds == 3 * one.multiply_adds
    alone, batch = cost(c, 9), cost(c, 9, batch=3)
    assert batch.prefill.flops == 3 * alone.prefill.flops
    assert batch.decode.flops == 3 * alone.decode.flops
    assert batch.kv_cache_bytes == 3 * alone.kv_cache_bytes


def test_a_cost_is_what_its_parts_say():
    c = config("mixtral-8x7b")
    found = cost(c, 5000, "window:100", "int8", batch=3)
    assert found.decode.flops == 3 * decode_operations(c, 5000, "window:100").flops
    assert found.weight_bytes == weight_bytes(c, "int8")
    assert found.weight_bytes_read == weight_bytes_read(c, 3, "int8")
    assert found.kv_cache_bytes == 3 * kv_cache_bytes(c, 5000, "int8", "window:100")
    assert found.kv_cache_bytes_per_token == kv_cache_bytes(c, 1, "int8")
    assert found.crossover_tokens == crossover_tokens(c, "window:100")


def test_a_sink_is_no_matrix():
    c = config("gpt-oss-20b")
    assert c.attention_sinks
    assert forward_operations(c, 9) == forward_operations(replace(c, attention_sinks=False), 9)


def test_measuring_leaves_the_result_alone():
    c, params, results = STYLES["llama"], random_params(STYLES["llama"]), []
    measure(lambda p: results.append(forward(p, c, np.arange(9))), params)
    assert np.array_equal(np.asarray(results[0]), forward(params, c, np.arange(9)))


def test_products_of_activations_batches_and_vectors_are_seen():
    p = {"a": np.ones((3, 4)), "b": [np.ones((5, 4, 2))]}
    assert measure(lambda p: p["a"] @ p["b"][0], p).multiply_adds == 5 * 3 * 4 * 2
    assert measure(lambda p: np.concatenate((p["a"], p["a"])) @ np.ones(4), p).multiply_adds == 24
    assert measure(lambda p: np.matmul(p["a"].T, p["a"], out=np.zeros((4, 4))), p) == measure(
        lambda p: p["a"].T @ p["a"], p
    )
    assert measure(lambda p: p["a"] * 2 + p["a"], p).multiply_adds == 0
    assert measure(lambda p: p["a"].sum(), p).elementwise == 12


@pytest.mark.parametrize(
    "product",
    [
        lambda a: np.dot(a, a.T),
        lambda a: a.dot(a.T),
        lambda a: np.einsum("ij,kj->ik", a, a),
        lambda a: np.tensordot(a, a, 2),
    ],
)
def test_a_product_that_would_go_unseen_is_refused(product):
    with pytest.raises(TypeError, match="cannot be counted; write the product with @"):
        measure(lambda p: product(p["a"]), {"a": np.ones((2, 3))})


# ------------------------------------------------------------------ operations, by closed forms


@pytest.mark.parametrize("slug", ["gpt2-small", "gpt3-175b", "opt-66b", "pythia-1b", "llama-7b"])
@pytest.mark.parametrize("n", [1, 2048, 32768])
def test_a_plain_decoder_takes_2n_and_a_square(slug, n):
    """F(n) = 2 M n + 4 L D n^2 for the full square, M the weights in matrices."""
    c = config(slug)
    in_matrices = count(c).by_role["weight"] + c.tied * c.vocab_size * c.d_model
    square = 4 * c.n_layers * c.d_model * n**2
    assert forward_operations(c, n, attention="full").flops == 2 * in_matrices * n + square
    causal = 2 * in_matrices * n + 4 * c.n_layers * c.d_model * n * (n + 1) // 2
    assert forward_operations(c, n).flops == causal


def test_kaplan_per_token():
    """Kaplan et al., arXiv 2001.08361, equation 2.2: 2N + 2 L T D per token, N without tables."""
    c, n = config("gpt2-xl"), 1024
    without_tables = 12 * c.n_layers * c.d_model**2
    ops = forward_operations(c, n)
    per_token = (ops.flops - 2 * ops.by_part["output head"]) / n
    kaplan = 2 * without_tables + 2 * c.n_layers * n * c.d_model
    assert per_token == pytest.approx(kaplan, rel=1e-3)


# Computed beforehand with another program: full and causal ratio of 32,768 to 2,048 tokens, share
# of the scores at both (full), a decode step at 32,768 against 2,048, length where scores equal
# the rest (full).
TABLE = {
    "gpt2-small": (72.2, 47.8, 23.4, 83.0, 4.51, 6_702),
    "gpt2-xl": (56.4, 38.1, 16.8, 76.4, 3.52, 10_124),
    "llama2-7b": (34.0, 25.4, 7.5, 56.5, 2.13, 25_204),
    "llama3.1-8b": (32.0, 24.3, 6.7, 53.4, 2.00, 28_628),
    "llama2-70b": (25.0, 20.6, 3.8, 38.5, 1.56, 52_424),
    "gpt3-175b": (22.5, 19.3, 2.7, 30.7, 1.40, 73_990),
    "llama3.1-405b": (20.9, 18.5, 2.1, 25.1, 1.31, 97_789),
}


@pytest.mark.parametrize("slug", TABLE)
def test_sixteen_times_the_tokens(slug):
    c, (full, causal, short_share, long_share, step, crossing) = config(slug), TABLE[slug]

    def share(n):
        ops = forward_operations(c, n, attention="full")
        return 100 * ops.scores / ops.multiply_adds

    for attention, ratio in (("full", full), ("causal", causal)):
        short, long = (forward_operations(c, n, attention=attention) for n in (2048, 32768))
        assert long.flops / short.flops == pytest.approx(ratio, abs=0.06)
        assert 16 < long.flops / short.flops < 256
    assert share(2048) == pytest.approx(short_share, abs=0.06)
    assert share(32768) == pytest.approx(long_share, abs=0.06)
    steps = decode_operations(c, 32768).flops / decode_operations(c, 2048).flops
    assert steps == pytest.approx(step, abs=0.006)
    assert abs(crossover_tokens(c, "full") - crossing) <= 1


def test_scores_alone_take_256_times():
    short, long = (
        forward_operations(config("gpt2-xl"), n, attention="full") for n in (2048, 2**15)
    )
    assert long.scores == 256 * short.scores


@given(lengths, lengths, st.sampled_from(["causal", "window:9", "window:100"]))
def test_reading_in_two_parts_takes_as_much_as_at_once(n, more, attention):
    c = STYLES["gemma3"]
    first = forward_operations(c, n, attention=attention)
    second = forward_operations(c, more, n, attention)
    whole = forward_operations(c, n + more, attention=attention)
    assert first.multiply_adds + second.multiply_adds == whole.multiply_adds
    step = decode_operations(c, n + 1, attention).multiply_adds
    assert first.multiply_adds + step == (
        forward_operations(c, n + 1, attention=attention).multiply_adds
    )


@every_decoder
def test_options_order_as_they_should(model):
    c = model.config
    for n in (1, 100, 5000):
        full, causal, narrow, wide = (
            forward_operations(c, n, attention=a).scores
            for a in ("full", "causal", "window:64", f"window:{n}")
        )
        assert narrow <= wide == causal <= full
        if n == 1:
            assert narrow == full
    last = forward_operations(c, 100, last_only=True).by_part["output head"]
    assert 100 * last == forward_operations(c, 100).by_part["output head"]


@every_decoder
def test_every_matrix_of_what_is_active_is_multiplied_once_per_token(model):
    c, counted = model.config, count(model.config)
    step = decode_operations(c, 1)
    active = counted.active_without_input_table
    by_matrices = step.multiply_adds - step.scores - step.by_part.get(STATE, 0)
    others = active - by_matrices  # norms, biases, positions, sinks, decays
    beside_weights = sum(n for role, n in counted.by_role.items() if role != "weight")
    tables = counted.by_role["embedding"]
    arrays = [(stack.n, array) for stack in stacks(c) for array in stack.arrays]
    no_matrix = sum(
        n * a.size
        for n, a in arrays
        if a.role == "weight" and (len(a.shape) == 1 or a.name.endswith(".decay"))
    )
    assert 0 <= others <= beside_weights - tables + no_matrix


def test_crossover_is_the_first_length_and_windows_can_prevent_it():
    for slug in ("gpt2-small", "deepseek-v2", "gemma2-9b"):
        c = config(slug)
        first = crossover_tokens(c)
        for n, more in ((first, True), (first - 1, False)):
            ops = forward_operations(c, n)
            assert (ops.scores > ops.multiply_adds - ops.scores) == more
    assert crossover_tokens(config("mistral-7b-v0.1")) is None
    wide = replace(config("gpt2-small"), d_ff=10**8)  # meets it after millions of tokens
    first = crossover_tokens(wide)
    assert 10**6 < first < 10**12
    for n, more in ((first, True), (first - 1, False)):
        ops = forward_operations(wide, n)
        assert (ops.scores > ops.multiply_adds - ops.scores) == more
    assert crossover_tokens(config("gpt2-xl")) / crossover_tokens(config("gpt2-xl"), "full") == (
        pytest.approx(2, rel=1e-3)
    )


# ------------------------------------------------------------------ latent attention


def test_latent_attention_both_ways():
    """Expanded keys and values give what the short vectors give, each at the cost of its formula.

    arXiv 2405.04434, section 2.1: a key is rebuilt from the short vector, or the query is brought
    to it. The part with positions is left unrotated here, which costs nothing in matrix products.
    """
    latent = LatentAttention(d_latent=6, d_nope=4, d_rope=2, d_value=5, d_query_latent=7)
    c = ModelConfig(
        n_layers=1, d_model=12, n_heads=3, d_ff=8, vocab_size=11, n_ctx=9, d_head=6,
        latent=latent, positions="rope", norm="rmsnorm", bias_qkv=False, bias_o=False,
        bias_mlp=False, gated_mlp=True,
    )  # fmt: skip
    m, n, heads, p = latent, 9, 3, random_params(c)["blocks"][0]["attention"]
    x = np.random.default_rng(0).normal(size=(n, 12))
    results = {}

    def by_head(a):
        return a.reshape(len(a), heads, -1).swapaxes(0, 1)

    def attend(p, x, expanded):
        queries = by_head(x @ p["q_down"]["weight"] @ p["q_up"]["weight"])
        q, q_rope = queries[..., : m.d_nope], queries[..., m.d_nope :]
        short = x @ p["kv_down"]["weight"]
        latents, k_rope = short[:, : m.d_latent], short[:, m.d_latent :]
        up = p["kv_up"]["weight"].reshape(m.d_latent, heads, m.d_nope + m.d_value).swapaxes(0, 1)
        to_keys, to_values = up[..., : m.d_nope], up[..., m.d_nope :]
        if expanded:
            k, v = latents @ to_keys, latents @ to_values
            k = np.concatenate((k, np.broadcast_to(k_rope, (heads, *k_rope.shape))), axis=-1)
            weights = softmax(queries @ k.swapaxes(-1, -2))
            mixed = weights @ v
        else:
            q = np.concatenate((q @ to_keys.swapaxes(-1, -2), q_rope), axis=-1)
            weights = softmax(q @ short.T)
            mixed = weights @ latents @ to_values
        results[expanded] = mixed.swapaxes(0, 1).reshape(n, -1) @ p["o"]["weight"]

    found = [measure(attend, p, x, expanded).multiply_adds for expanded in (True, False)]
    assert np.abs(np.asarray(results[True] - results[False])).max() < 1e-12
    parts = forward_operations(c, n, attention="full").by_part
    assert found[0] == parts["projections"] + parts[SCORES]
    step = forward_operations(c, 1, n - 1, "full").by_part
    assert found[1] == n * (step["projections"] + step[SCORES])


# ------------------------------------------------------------------ bytes

# Bytes per token at 16 bits, GiB at 32,768 and at 131,072 tokens, computed beforehand.
CACHES = {
    "gpt3-175b": (4_718_592, 144, 576),
    "llama2-7b": (524_288, 16, 64),
    "llama2-70b": (327_680, 10, 40),
    "llama3.1-8b": (131_072, 4, 16),
    "llama3.1-405b": (516_096, 15.75, 63),
    "falcon-7b": (8_192, 0.25, 1),
    "gpt2-small": (36_864, 1.125, 4.5),
    "deepseek-v2": (69_120, 2.109, 8.438),
    "deepseek-v3": (70_272, 2.145, 8.578),
}


@pytest.mark.parametrize("slug", CACHES)
def test_caches(slug):
    c, (per_token, at_32k, at_128k) = config(slug), CACHES[slug]
    assert kv_cache_bytes(c, 1) == per_token
    assert kv_cache_bytes(c, 2**15) / GIB == pytest.approx(at_32k, abs=1e-3)
    assert kv_cache_bytes(c, 2**17) / GIB == pytest.approx(at_128k, abs=1e-3)


def test_a_cache_that_is_allocated_has_the_bytes_of_the_formula():
    for c in STYLES.values():
        bytes_kept = KVCache(c, 17).n_bytes
        assert bytes_kept == kv_cache_bytes(c, 17, "fp32", "full")


def test_windows_bound_the_cache():
    """Gemma 3 27B, arXiv 2503.19786, section 2: five local layers to a global one."""
    c = config("gemma3-27b-text")
    per_layer = 2 * 16 * 128 * 2
    assert kv_cache_bytes(c, 2**17) == per_layer * (10 * 2**17 + 52 * 1024)
    assert kv_cache_bytes(c, 2**17, attention="full") == per_layer * 62 * 2**17
    mistral = config("mistral-7b-v0.1")
    assert kv_cache_bytes(mistral, 4096) == kv_cache_bytes(mistral, 2**20)
    assert kv_cache_bytes(mistral, 2**15) * 8 == kv_cache_bytes(mistral, 2**15, attention="full")


@pytest.mark.parametrize("slug", ["mistral-7b-v0.1", "gemma3-1b"])
def test_of_two_windows_the_narrower_bounds_the_cache(slug):
    c = config(slug)
    everywhere = replace(c, window=0, local_layers=())
    narrow = kv_cache_bytes(c, 5000, attention="window:100")
    assert narrow == kv_cache_bytes(everywhere, 5000, attention="window:100")
    assert forward_operations(c, 5000, attention="window:100") == (
        forward_operations(everywhere, 5000, attention="window:100")
    )


def test_half_a_byte_is_rounded_up():
    c = ModelConfig(n_layers=1, d_model=1, n_heads=1, d_ff=1, vocab_size=2, n_ctx=1)
    assert count(c).total % 2 == 1
    assert 2 * weight_bytes(c, "int4") == count(c).total + 1


def test_deepseek_v2_saves_93_percent_of_its_predecessor():
    """The README's figure against DeepSeek-67B (95 layers, 8 key-value heads of 128, fp16).

    It includes 6-bit numbers in the cache (arXiv 2405.04434, section 3.2.3).
    """
    before = 95 * 2 * 8 * 128 * 16
    after = kv_cache_bytes(config("deepseek-v2"), 1, "fp16") * 8 * 6 / 16
    assert 1 - after / before == pytest.approx(0.933, abs=5e-4)


@every_decoder
def test_bytes_follow_the_precision(model):
    c = model.config
    numbers = count(c).total
    for precision, bits in BITS.items():
        assert weight_bytes(c, precision) == -(-numbers * bits // 8)
        assert weight_bytes_read(c, 1, precision) <= weight_bytes(c, precision)
        cached = kv_cache_bytes(c, 10, precision)
        assert cached == kv_cache_bytes(c, 10, "fp32") * max(16, bits) // 32
    many = weight_bytes_read(c, 10**4)
    assert weight_bytes_read(c, 1) <= weight_bytes_read(c, 2) <= many


def test_a_step_reads_the_experts_it_chose_and_a_row_of_the_table():
    c = config("mixtral-8x7b")
    counted, expert = count(c), 3 * 4096 * 14336 * 32
    read = counted.total - 6 * expert - 32000 * 4096 + 4096
    assert weight_bytes_read(c) == 2 * read
    assert weight_bytes_read(c, 4) == 2 * (read + 6 * expert + 3 * 4096)
    assert weight_bytes_read(c, 5) == 2 * (read + 6 * expert + 4 * 4096)  # there are no more
    tied = config("gemma-2b")
    assert weight_bytes_read(tied) == weight_bytes(tied)


# ------------------------------------------------------------------ the catalog, and its windows


@pytest.mark.parametrize("model", MODELS, ids=[model.slug for model in MODELS])
def test_every_model_is_costed_or_refused_with_a_reason(model):
    if model.kind in ("encoder", "encoder-decoder"):
        with pytest.raises(ValueError, match=f"^an {model.kind} .*only decoders are costed here$"):
            cost(model.config, 2048)
        return
    if model.config.further and not model.config.lookbacks:
        with pytest.raises(ValueError, match=r"^it has arrays whose cost is not known here \("):
            cost(model.config, 2048)
        return
    joins = any(each.n_joined > 1 for each in model.config.lookbacks)
    still_open = cost(model.config, 1).kv_cache_bytes if joins else 0  # not yet joined to an entry
    for n in (1, 2048, 10**6):
        found = cost(model.config, n)
        assert found.prefill.multiply_adds >= n * model.config.n_layers
        assert found.kv_cache_bytes <= n * found.kv_cache_bytes_per_token + still_open


def test_windows_of_the_catalog_are_those_of_the_published_files():
    from oracles.published import COUNTED

    names = {
        "mistralai/Mistral-7B-v0.1": "mistral-7b-v0.1",
        "mistralai/Mixtral-8x7B-v0.1": "mixtral-8x7b",
        "Qwen/Qwen1.5-MoE-A2.7B": "qwen1.5-moe-a2.7b",
        "Qwen/Qwen2.5-7B": "qwen2.5-7b",
        "Qwen/Qwen3-32B": "qwen3-32b",
        "google/gemma-2b": "gemma-2b",
        "google/gemma-2-9b": "gemma2-9b",
        "google/gemma-3-1b-pt": "gemma3-1b",
        "google/gemma-3-4b-pt, its text_config": "gemma3-4b-text",
        "microsoft/phi-4": "phi4",
        "openai/gpt-oss-20b": "gpt-oss-20b",
    }
    for name, slug in names.items():
        ours, theirs = config(slug), config_from_hf(COUNTED[name])
        assert (ours.window, ours.local_layers) == (theirs.window, theirs.local_layers), slug


WINDOWS = ORACLES / "windows.jsonl"
LINES = list(map(json.loads, WINDOWS.read_text(encoding="utf-8").splitlines()))[1:]


@pytest.mark.parametrize("case", LINES, ids=lambda case: case[0]["model_type"])
def test_layers_look_back_as_far_as_those_of_the_transformers_library(case):
    """tests/oracles/windows.py counts what each layer sees of 24 tokens."""
    fields, seen = case
    c = config_from_hf(fields)
    local = range(c.n_layers) if c.window and not c.local_layers else c.local_layers
    assert [min(24, c.window) if i in local else 24 for i in range(c.n_layers)] == seen
    assert kv_cache_bytes(c, 24) == 4 * c.n_kv_heads * c.d_head * sum(seen)


def test_many_of_those_have_windows():
    assert len({fields["model_type"] for fields, seen in LINES if min(seen) < 24}) >= 18


# ------------------------------------------------------------------ layers that look back otherwise

REACHES = ORACLES / "lookbacks.jsonl"
DRAWN = list(map(json.loads, REACHES.read_text(encoding="utf-8").splitlines()))[1:]


@pytest.mark.parametrize("case", DRAWN, ids=lambda case: case[0]["model_type"])
def test_layers_of_several_kinds_multiply_and_keep_what_those_of_the_library_do(case):
    """tests/oracles/lookbacks.py asks torch's counter, and the library's cache.

    A local layer of the library drops a token early: after a pass it keeps one less than its
    window. Where DeepSeek-V4 has one vector for key and value, local layers of the library keep it
    twice; and its indexer adds up its heads number by number, which the counter does not see.
    """
    fields, lengths = case
    c = config_from_hf(fields)
    sparse = fields.get("compress_ratios", []).count(4)
    for n, found in ((int(n), found) for n, found in lengths.items()):
        unseen = 2 * n * (n // 4) * sparse * fields.get("index_n_heads", 0)
        assert forward_operations(c, n, attention="full").flops == found["flops"] + unseen
        dropped = sum(e.n_layers * e.kept for e in c.lookbacks if e.window and n >= e.window)
        twice = fields.get("compress_ratios", []).count(0) * c.d_head * min(n, c.window - 1)
        assert kv_cache_bytes(c, n) == 2 * (found["kept"] + dropped - twice)


def test_a_cost_asks_which_layer_is_which_a_few_times_only():
    """Layers are sorted one by one, and a false file may claim 100,000 of them."""
    c = replace(config("mixtral-8x7b"), n_layers=10**5, mixer_only_layers=(1, 5))
    layer_kinds.cache_clear()
    cost(c, 4096)
    assert layer_kinds.cache_info().misses <= 2


@every_decoder
def test_a_config_that_spells_out_how_it_looks_back_costs_the_same(model):
    c = model.config
    for attention in ("causal", "full", "window:100"):
        same = cost(replace(c, lookbacks=lookbacks(c)), 5000, attention)
        assert replace(same, assumptions=()) == replace(cost(c, 5000, attention), assumptions=())


def test_a_cost_says_which_layers_look_back_how_far():
    def said(kind: str) -> str:
        return "\n".join(cost(config_from_hf({"model_type": kind}), 5000).assumptions)

    assert "28 of 35 layers look back on at most 512 tokens" in said("gemma3n_text")
    assert "15 of 35 layers use the keys and values of earlier ones" in said("gemma3n_text")
    assert "61 of 61 layers look back on 2,048 tokens that an indexer" in said("deepseek_v32")
    assert "20 of 43 layers look back on 512 entries of 4 tokens that" in said("deepseek_v4")
    assert "23 of 43 layers look back on entries of 128 tokens" in said("deepseek_v4")
    assert "layers look back on entries of 4 tokens" not in said("deepseek_v4")  # its indexer does
    assert "43 of 43 layers look back on at most 128 tokens one by one" in said("deepseek_v4")
    assert "36 of 48 layers look back on at most 8,192 tokens" in said("llama4_text")


def test_what_a_token_adds_while_windows_fill_is_called_so():
    def said(n: int) -> str:
        counted = count_source("gemma3-27b-text")
        return cost_as_text(counted, cost(counted.config, n))

    assert "\n  per token at first " in said(1025)
    assert "\n  per token  " in said(1024)


def test_a_step_reads_of_the_keys_among_which_an_indexer_chooses_the_chosen():
    c = catalog.find("glm5").config
    for n in (1, 2048, 2049, 100_000):
        read, chosen = cache_bytes_read(c, n), 2 * 78 * 576 * min(n, 2048)
        assert read == chosen + 2 * 78 * 128 * n
        assert (read == kv_cache_bytes(c, n)) == (n <= 2048)
    for name in ("gpt2-small", "gemma3-27b-text", "deepseek-v3", "gemma4-e2b", "qwen3.5-9b"):
        c = catalog.find(name).config
        assert cache_bytes_read(c, 5000) == kv_cache_bytes(c, 5000)  # all of it


def test_what_an_indexer_needs_in_training_is_not_guessed():
    with pytest.raises(ValueError, match="^an indexer that chooses tokens is trained for itself"):
        step_operations(config_from_hf({"model_type": "deepseek_v32"}), 64)


def test_entries_farther_than_the_window_of_an_option_are_not_met():
    joined = Lookback(1, per_pair=5, kept=3, n_joined=8)
    c = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9,
                    lookbacks=(joined,))  # fmt: skip
    assert forward_operations(c, 32, attention="window:7").scores == 0
    assert forward_operations(c, 32, attention="window:8").scores == 5 * 25
    assert kv_cache_bytes(c, 32, attention="window:16") == 2 * 2 * 3


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"context_tokens": 0}, "context is 0; it must be a whole number from 1"),
        ({"context_tokens": 2.5}, "context is 2.5"),
        ({"context_tokens": 10**15}, "context is 1000000000000000"),
        ({"batch": 0}, "batch is 0"),
        ({"batch": True}, "batch is True"),
        ({"precision": "fp8"}, "precision is 'fp8'; it can be fp32, fp16, bf16, int8, int4"),
        ({"attention": "windows:3"}, "attention is 'windows:3'; it can be full, causal or"),
        ({"attention": "window:"}, "attention is 'window:'"),
        ({"attention": "window:-3"}, "attention is 'window:-3'"),
        ({"attention": "window:٣"}, "attention is 'window:٣'"),
        ({"attention": "window:0"}, "a window of 0 tokens sees nothing"),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(arguments, reason):
    with pytest.raises(ValueError, match=f"^{reason}"):
        cost(config("gpt2-small"), **{"context_tokens": 100} | arguments)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: weight_bytes_read(config("gpt2-small"), 0), "batch is 0"),
        (lambda: attended_pairs(-1), "n_tokens is -1"),
        (lambda: attended_pairs(5, -9), "n_before is -9"),
        (lambda: attended_pairs(5, window=2.5), "window is 2.5"),
    ],
)
def test_counts_of_what_cannot_be_counted_are_refused(call, reason):
    with pytest.raises(ValueError, match=f"^{reason}; it must be a whole number"):
        call()


# ------------------------------------------------------------------ what is said beside the numbers


def said(slug: str, n: int = 1000, **options) -> str:
    return "\n".join(cost(config(slug), n, **options).assumptions)


def test_assumptions_name_what_the_numbers_rest_on():
    assert "is 1,024 tokens; this text would need 768 more param" in said("gpt2-small", 1025)
    assert "its window is" not in said("gpt2-small", 1024)
    assert said("llama-7b", 4096).endswith("unstretched, its window is 2,048 tokens")
    short = "10 of 16 layers keep the last 2 inputs of a convolution, and no more"
    assert short in said("lfm2-350m") and STATE not in cost(config("lfm2-350m"), 9).decode.by_part
    assert "29 of 34 layers look back on at most 1,024 tokens" in said("gemma3-4b-text")
    assert "layers look back" not in said("gemma3-4b-text", attention="full")
    assert "2 of 8 experts per token; a step of 3 texts reads 6 at most" in (
        said("mixtral-8x7b", batch=3)
    )
    assert "the cache keeps 16 bits" in said("llama-7b", precision="int4")
    assert "latent attention" in said("deepseek-v3")


# ------------------------------------------------------------------ layers with a state

LINEAR = StateLayers("lightning", (0, 2), n_heads=3, d_value=4, n_key_heads=3, d_key=5)


def test_a_state_costs_the_same_at_any_length_and_keys_and_values_only_where_there_are_some():
    llama = config("llama-7b")
    hybrid = replace(llama, state=LINEAR)
    assert kv_cache_bytes(hybrid, 1000) * 32 == kv_cache_bytes(llama, 1000) * 30
    assert state_bytes(hybrid) == 2 * (3 * 4 * 5) * 2 and state_bytes(llama) == 0
    for n in (1, 7, 1000):
        ops, plain = decode_operations(hybrid, n), decode_operations(llama, n)
        assert ops.by_part[STATE] == 2 * 2 * (3 * 4 * 5)  # two layers, to write and to read
        assert ops.scores * 32 == plain.scores * 30
    assert forward_operations(hybrid, 9).by_part[STATE] == 9 * ops.by_part[STATE]


@pytest.mark.parametrize("kind", ["delta", "kimi_delta"])
def test_a_delta_rule_reads_before_it_writes(kind):
    llama, linear = config("llama-7b"), replace(LINEAR, kind=kind, d_conv=2)
    delta = decode_operations(replace(llama, state=linear), 5).by_part
    assert delta[STATE] == 3 * 2 * (3 * 4 * 5)


def test_a_model_without_attention_takes_the_same_work_for_each_token():
    mamba = config_from_hf({"model_type": "mamba"})
    c = cost(mamba, 10**6)
    assert c.kv_cache_bytes == 0 and c.crossover_tokens is None
    assert c.decode == decode_operations(mamba, 1)
    # 32 layers of 1,536 features, each with a state of 16 numbers and 3 inputs kept; 2 bytes each
    assert c.state_bytes == 32 * 1536 * (16 + 3) * 2
    table = {a.name: a for a in shapes(mamba)}
    products = sum(table[f"blocks.0.state.{name}.weight"].size for name in
                   ("in", "conv", "steps_and_keys", "steps", "out"))  # fmt: skip
    assert c.decode.by_part["state layers"] == 32 * products


# The states that the transformers library keeps (tests/oracles/states.py), in numbers of one text.
STATES = [json.loads(line) for line in (ORACLES / "states.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize(("fields", "numbers"), STATES, ids=lambda each: str(each)[:40])
def test_states_are_as_large_as_those_that_the_library_keeps(fields, numbers):
    assert state_bytes(config_from_hf(fields)) == 2 * numbers
