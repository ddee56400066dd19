"""The transformer: equal to the transformers library, the same with and without a cache."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from paramlab import transformer
from paramlab.attention import KVCache, attention
from paramlab.config import LatentAttention, StateLayers
from paramlab.files.hugging_face import config_from_hf
from paramlab.layers import layer_norm, softmax
from paramlab.measured import measure
from paramlab.transformer import features, forward, loss
from paramlab.tree import flatten, nest
from random_models import STYLES, random_params

ORACLE = json.loads((Path(__file__).parent / "oracles" / "real_model.json").read_text())
SMALL_ORACLE = json.loads((Path(__file__).parent / "oracles" / "logits.json").read_text())
TOLERANCE = 1e-4  # between two implementations in float32; logits reach 20

SMALL = STYLES["llama"]
PARAMS = random_params(SMALL)
TOKENS = np.random.default_rng(1).integers(0, SMALL.vocab_size, SMALL.n_ctx)
every_style = pytest.mark.parametrize("style", STYLES)


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


# ------------------------------------------------------------------ every style


@pytest.mark.parametrize("style", SMALL_ORACLE["styles"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_equal_those_of_transformers(style, dtype):
    stored = SMALL_ORACLE["styles"][style]
    config = replace(config_from_hf(stored["config"]), **stored["also"])
    arrays = flatten(random_params(config, seed=SMALL_ORACLE["seed"], dtype=dtype))
    if style.startswith("gemma"):  # its files store every gain as its distance from 1
        arrays = {name: a + 1 if name.endswith(".gain") else a for name, a in arrays.items()}
    logits = forward(nest(arrays), config, SMALL_ORACLE["tokens"])
    assert np.abs(logits - stored["logits"]).max() < 1e-5


# ------------------------------------------------------------------ forward


@every_style
@pytest.mark.parametrize("sizes", [[20], [1] * 20, [7, 1, 1, 11], [19, 1]], ids=len)
def test_reading_with_a_cache_changes_nothing(style, sizes):
    config, params = STYLES[style], random_params(STYLES[style], dtype=np.float64)
    cache = KVCache(config, len(TOKENS), np.float64)
    parts = np.split(TOKENS, np.cumsum(sizes)[:-1])
    logits = np.concatenate([forward(params, config, part, cache=cache) for part in parts])
    assert np.abs(logits - forward(params, config, TOKENS)).max() < 1e-12
    assert cache.n_tokens == len(TOKENS)


@every_style
@pytest.mark.parametrize("changed", [0, 7, 19])
def test_a_token_changes_logits_from_its_own_position_on(style, changed):
    config, params = STYLES[style], random_params(STYLES[style], dtype=np.float64)
    other = TOKENS.copy()
    other[changed] = (other[changed] + 1) % config.vocab_size
    change = np.abs(forward(params, config, other) - forward(params, config, TOKENS)).max(axis=-1)
    reach = 1 + config.n_layers * (config.window - 1 if config.window else len(TOKENS))
    if config.local_layers:
        reach = len(TOKENS)
    reached = slice(changed, changed + reach)
    assert change[:changed].max(initial=0) < 1e-12
    assert (change[reached] > 1e-6).all()
    assert change[reached.stop :].max(initial=0) < 1e-12  # two windows of 5 reach 8 tokens back


@every_style
def test_the_order_of_tokens_matters(style):
    config, params = STYLES[style], random_params(STYLES[style])
    swapped = TOKENS.copy()
    swapped[[13, 17]] = swapped[[17, 13]]
    change = np.abs(forward(params, config, swapped) - forward(params, config, TOKENS))[-1].max()
    # Without positions a second layer still knows: it sees what the first could see.
    assert change > 1e-3


def test_without_positions_one_layer_reads_a_bag_of_words():
    config = replace(STYLES["no positions"], n_layers=1)
    params = random_params(config, dtype=np.float64)
    shuffled = np.append(np.random.default_rng(2).permutation(TOKENS[:-1]), TOKENS[-1])
    before, after = (forward(params, config, t, last_only=True) for t in (TOKENS, shuffled))
    assert np.abs(after - before).max() < 1e-12


@every_style
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_computes_in_the_type_of_its_numbers(style, dtype):
    config, seen = STYLES[style], {}
    params = random_params(config, dtype=dtype)
    logits = forward(params, config, TOKENS, watch=seen.__setitem__)
    assert {array.dtype for array in (logits, *seen.values())} == {np.dtype(dtype)}
    exact = forward(random_params(config, dtype=np.float64), config, TOKENS)
    assert np.abs(logits - exact).max() < {np.float32: 1e-4, np.float64: 1e-12}[dtype]


@every_style
def test_a_batch_of_every_style_is_its_texts_one_by_one(style):
    config, params = STYLES[style], random_params(STYLES[style])
    batch = np.stack((TOKENS, TOKENS[::-1], (TOKENS + 7) % config.vocab_size))
    logits = forward(params, config, batch)
    assert logits.shape == (3, 20, config.vocab_size)
    for text, expected in zip(batch, logits, strict=True):
        assert np.allclose(forward(params, config, text), expected, atol=1e-5)
    assert np.allclose(forward(params, config, batch, last_only=True), logits[:, -1], atol=1e-5)


@every_style
def test_every_array_matters(style):
    config, params = STYLES[style], random_params(STYLES[style], dtype=np.float64)
    before = forward(params, config, TOKENS)
    # A key bias adds the same to all scores of a query, which the softmax ignores; a rotation or
    # a norm of the keys comes between, and then it matters.
    idle = "k.bias" if config.positions != "rope" else "none"
    for name, array in flatten(params).items():
        kept = array.copy()
        array += 0.1 * np.random.default_rng(3).normal(size=array.shape)
        changed = np.abs(forward(params, config, TOKENS) - before).max()
        array[...] = kept
        assert changed < 1e-12 if name.endswith(idle) else changed > 1e-4, name


@pytest.mark.parametrize("style", ["llama", "bloom"])
def test_a_window_as_wide_as_the_text_hides_nothing(style):
    config, params = STYLES[style], random_params(STYLES[style])
    logits = forward(params, config, TOKENS)
    for same in ({"window": 20}, {"window": 99, "local_layers": (1,)}):
        assert (forward(params, replace(config, **same), TOKENS) == logits).all()


def test_equal_experts_are_one_mlp():
    dense, sparse = STYLES["llama"], replace(STYLES["mixtral"], d_ff=48)
    sparse = replace(sparse, experts=replace(sparse.experts, d_ff=48))
    params, routed = random_params(dense), random_params(sparse)
    for block, other in zip(params["blocks"], routed["blocks"], strict=True):
        for part, arrays in block["mlp"].items():
            other["mlp"]["experts"][part] = {"weight": np.stack([arrays["weight"]] * 4)}
        block["mlp"], router = other["mlp"], other["mlp"].pop("router")
        block["mlp"]["router"] = router
    alone = forward(random_params(dense), dense, TOKENS)
    assert np.abs(forward(params, sparse, TOKENS) - alone).max() < 1e-4


@pytest.mark.parametrize("style", ["llama", "sinusoidal", "bloom"])
def test_scaled_positions_lie_between_those_of_the_training(style):
    # Every second position, squeezed by 1/2, is a position of the unscaled model.
    config = STYLES[style]
    params = random_params(config)
    seen: dict[str, np.ndarray] = {}
    half = replace(config, position_scale=0.5, n_ctx=40)
    forward(params, half, np.repeat(TOKENS, 2), watch=seen.__setitem__)
    squeezed = seen["embedding"][::2]
    weights = seen["blocks.0.attention.weights"][:, ::2, ::2]
    forward(params, config, TOKENS, watch=seen.__setitem__)
    assert np.allclose(squeezed, seen["embedding"], atol=1e-6)
    # Of the keys at whole positions, the shares are those of the unscaled model.
    shares = weights / weights.sum(axis=-1, keepdims=True)
    assert np.allclose(shares, seen["blocks.0.attention.weights"], atol=1e-5)


# ------------------------------------------------------------------ watching


@every_style
def test_what_is_watched_adds_up(style):
    config, seen = STYLES[style], {}
    params = random_params(config, dtype=np.float64)
    logits = forward(params, config, TOKENS, watch=seen.__setitem__)
    x = seen["embedding"]
    for i in range(config.n_layers):
        assert np.allclose(seen[f"blocks.{i}.input"], x)
        weights = seen[f"blocks.{i}.attention.weights"]
        assert weights.shape == (config.n_heads, 20, 20)
        assert np.allclose(weights.sum(axis=-1), 1) and np.allclose(np.triu(weights, 1), 0)
        if not config.experts:
            assert seen[f"blocks.{i}.mlp.hidden"].shape == (20, config.d_ff)
        read, made = seen[f"blocks.{i}.attention.output"], seen[f"blocks.{i}.mlp.output"]
        if config.block == "post_norm":  # a norm of each sum, instead of one before each half
            p = params["blocks"][i]
            read = layer_norm(p["attention_norm"], x + read) - x
            made = layer_norm(p["mlp_norm"], x + read + made) - x - read
        x = x + read + made
    assert np.allclose(features(params, config, TOKENS), seen.get("final_norm", x))
    assert (forward(params, config, TOKENS) == logits).all()


@every_style
def test_watching_changes_nothing(monkeypatch, style):
    config, once, in_blocks = STYLES[style], {}, {}
    params = random_params(config)
    forward(params, config, TOKENS, watch=once.__setitem__, attend=attention)
    monkeypatch.setattr("paramlab.attention.QUERIES_AT_ONCE", 3)
    watched = forward(params, config, TOKENS, watch=in_blocks.__setitem__)
    assert (watched == forward(params, config, TOKENS)).all()
    assert once.keys() == in_blocks.keys()
    for name, array in once.items():  # the weights too are whole, and those that were used
        assert np.allclose(in_blocks[name], array, atol=1e-4), name


def test_another_attention_takes_its_place():
    def first_key_only(q, k, v, mask):
        return np.zeros_like(q) + np.repeat(v[:, :1], len(q) // len(v), axis=0)

    other = random_params(SMALL)
    for block in other["blocks"]:  # what only the weights of attention depend on
        block["attention"]["q"]["weight"] = 0 * block["attention"]["q"]["weight"]
    seen = forward(PARAMS, SMALL, TOKENS, attend=first_key_only)
    assert np.abs(seen - forward(PARAMS, SMALL, TOKENS)).max() > 1e-3
    assert np.allclose(seen, forward(other, SMALL, TOKENS, attend=first_key_only))
    assert loss(PARAMS, SMALL, TOKENS, first_key_only) != loss(PARAMS, SMALL, TOKENS)


def test_a_window_hides_what_lies_behind_it():
    for style, local in (("mistral", (0, 1)), ("gemma3", (0,))):
        config, seen = STYLES[style], {}
        forward(random_params(config), config, TOKENS, watch=seen.__setitem__)
        for i in range(2):
            n_seen = (seen[f"blocks.{i}.attention.weights"] > 0).sum(axis=-1)
            expected = np.arange(1, 21).clip(max=config.window if i in local else 20)
            assert (n_seen == expected).all()


def test_shapes_and_types():
    assert forward(PARAMS, SMALL, TOKENS).shape == (20, 61)
    last = forward(PARAMS, SMALL, TOKENS.tolist(), last_only=True)
    assert last.shape == (61,) and last.dtype == np.float32
    assert np.allclose(last, forward(PARAMS, SMALL, TOKENS)[-1], atol=1e-5)


def test_an_untied_head_is_used():
    untied = replace(SMALL, tied=False)
    copy = {**PARAMS, "head": {"weight": PARAMS["embedding"]["tokens"].T}}
    assert np.allclose(forward(copy, untied, TOKENS), forward(PARAMS, SMALL, TOKENS), atol=1e-5)
    copy["head"] = {"weight": np.zeros((32, 61), np.float32)}
    assert not forward(copy, untied, TOKENS).any()


def test_a_tied_head_may_have_a_bias():
    bias = np.arange(61, dtype=np.float32)
    biased = forward(PARAMS | {"head": {"bias": bias}}, replace(SMALL, bias_head=True), TOKENS)
    assert np.allclose(biased, forward(PARAMS, SMALL, TOKENS) + bias, atol=1e-5)


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
        ([[1, 2], [3]], "the texts of a batch must have equally many tokens"),
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


@pytest.mark.parametrize("change", [{"n_layers": 3}, {"n_kv_heads": 4}, {"d_head": 6}])
def test_a_cache_of_another_model_is_refused(change):
    with pytest.raises(ValueError, match=r"another model: it .* model needs \(2, 2, 9, 8"):
        forward(PARAMS, SMALL, TOKENS[:3], cache=KVCache(replace(SMALL, **change), 9))


@pytest.mark.parametrize(
    "change",
    [
        {"positions": "relative", "n_position_rows": 8}, {"qk_norm": "full"},
        {"d_embedding": 16}, {"final_norm": False}, {"window": 4, "causal": False},
        {"attention_sinks": True}, {"n_encoder_layers": 1},
        {"state": StateLayers("conv", d_conv=3)},
        {"latent": LatentAttention(8, 8, 4, 8)},
        {"n_position_rows": 22, "positions": "learned"},  # OPT, whose first two rows are not used
        {"position_scale": 0.5, "positions": "learned", "n_position_rows": 20},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_other_architectures_are_refused_by_name(change):
    with pytest.raises(ValueError, match=f"a model with {next(iter(change))} .* does not run here"):
        forward(PARAMS, replace(SMALL, **change), TOKENS)


@pytest.mark.parametrize("change", [{"d_ff_shared": 24}, {"balancing_buffer": True}])
def test_other_experts_are_refused_by_name(change):
    config = STYLES["mixtral"]
    config = replace(config, experts=replace(config.experts, **change))
    with pytest.raises(ValueError, match=f"a model with {next(iter(change))} .* does not run here"):
        forward(random_params(config), config, TOKENS)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("blocks.1.mlp.up.weight", None, r"blocks.1.mlp.up.weight \(32, 48\) is missing"),
        ("blocks.1.mlp.up.weight", np.zeros((48, 32)), r"has the shape \(48, 32\)"),
        ("blocks.1.mlp.up.bias", np.zeros(48), "blocks.1.mlp.up.bias is not part"),
        ("head.weight", np.zeros((32, 61)), "head.weight is not part"),
        ("final_norm.gain", np.zeros(31), r"final_norm.gain has the shape \(31,\)"),
    ],
)
def test_wrong_arrays_are_refused_by_name(name, array, message):
    arrays = flatten(PARAMS) | {name: array}
    params = nest({name: array for name, array in arrays.items() if array is not None})
    for read in (
        lambda: forward(params, SMALL, TOKENS),
        lambda: loss(params, SMALL, TOKENS),
    ):
        with pytest.raises(ValueError, match=message):
            read()


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_traced_to_their_array(wrong):
    arrays = {name: array.copy() for name, array in flatten(PARAMS).items()}
    arrays["blocks.1.mlp.up.weight"][3, 4] = wrong
    params = nest(arrays)
    message = "the array blocks.1.mlp.up.weight holds a number that is not finite"
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        loss(params, SMALL, TOKENS)


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


@every_style
def test_attention_in_blocks_equals_attention_at_once(monkeypatch, style):
    config = STYLES[style]
    params, tokens = random_params(config), np.arange(config.n_ctx) % config.vocab_size
    whole = forward(params, config, tokens, attend=attention)
    monkeypatch.setattr("paramlab.attention.QUERIES_AT_ONCE", 3)
    cache = KVCache(config, config.n_ctx)
    cut = [forward(params, config, part, cache=cache) for part in np.split(tokens, [5])]
    assert np.abs(np.concatenate(cut) - whole).max() < 1e-5
    assert np.abs(forward(params, config, tokens) - whole).max() < 1e-5


def test_attention_in_blocks_multiplies_by_no_later_key(monkeypatch):
    def multiply_adds(block):
        monkeypatch.setattr("paramlab.attention.QUERIES_AT_ONCE", block)
        return measure(forward, PARAMS, SMALL, TOKENS).multiply_adds

    per_pair = SMALL.n_layers * SMALL.n_heads * 2 * SMALL.d_head
    hidden = 5 * 15 + 5 * 10 + 5 * 5  # keys after each block of 5 queries, of 20
    assert multiply_adds(20) - multiply_adds(5) == per_pair * hidden


def test_a_model_of_zeros_finds_all_tokens_equally_likely():
    zeros = nest({name: 0 * array for name, array in flatten(PARAMS).items()})
    assert loss(zeros, SMALL, TOKENS) == pytest.approx(math.log(61), abs=1e-6)


def test_loss_needs_a_token_to_predict_and_one_more_than_the_window_fits():
    assert loss(PARAMS, SMALL, np.append(TOKENS, 5)) > 0  # the last is only predicted
    with pytest.raises(ValueError, match=r"one text of at least 2 tokens, .* shape \(1,\)"):
        loss(PARAMS, SMALL, [3])
    with pytest.raises(ValueError, match=r"one text .* these tokens have the shape \(2, 5\)"):
        loss(PARAMS, SMALL, np.zeros((2, 5), int))
    with pytest.raises(ValueError, match="do not fit into this model's window"):
        loss(PARAMS, SMALL, [3] * 22)
    with pytest.raises(ValueError, match="token id 61 is not"):
        loss(PARAMS, SMALL, [3, 61])


# ------------------------------------------------------------------ encoders

BERT = replace(
    STYLES["gpt1"], causal=False, embedding_norm=True, n_segments=2, pooler=True, tied=True
)
ENCODER = random_params(BERT, dtype=np.float64)


def test_in_an_encoder_every_token_sees_every_token():
    seen = {}
    whole = features(ENCODER, BERT, TOKENS, watch=seen.__setitem__)
    assert (seen["blocks.0.attention.weights"] > 0).all() and "final_norm" not in seen
    changed = np.append(TOKENS[:-1], (TOKENS[-1] + 1) % BERT.vocab_size)
    assert np.abs(features(ENCODER, BERT, changed) - whole)[0].max() > 1e-3


def test_without_positions_an_encoder_does_not_see_the_order():
    config = replace(BERT, positions="none", n_position_rows=0)
    params = random_params(config, dtype=np.float64)
    order = np.random.default_rng(2).permutation(len(TOKENS))
    whole = features(params, config, TOKENS)
    assert np.allclose(features(params, config, TOKENS[order]), whole[order], rtol=0, atol=1e-12)


def test_one_text_is_of_the_first_segment_and_needs_no_pooler():
    whole = features(ENCODER, BERT, TOKENS)
    for name, array in flatten(ENCODER).items():
        other = array.copy()
        other.flat[-1] += 1  # of the segments, the last row
        idle = name.startswith(("embedding.segments", "pooler")) or name.endswith("k.bias")
        changed = features(nest(flatten(ENCODER) | {name: other}), BERT, TOKENS)
        used = name != "embedding.tokens" or BERT.vocab_size - 1 in TOKENS
        assert np.allclose(changed, whole, rtol=0, atol=1e-12) == (idle or not used), name
    first = ENCODER["embedding"]["segments"].copy()
    first[0] += np.arange(BERT.d_model)
    changed = nest(flatten(ENCODER) | {"embedding.segments": first})
    assert np.abs(features(changed, BERT, TOKENS) - whole).max() > 1e-3


def test_a_batch_of_an_encoder_is_its_texts_one_by_one():
    batch = np.stack((TOKENS, TOKENS[::-1]))
    for text, expected in zip(batch, features(ENCODER, BERT, batch), strict=True):
        assert np.allclose(features(ENCODER, BERT, text), expected, rtol=0, atol=1e-12)


def test_an_encoder_predicts_no_next_token_and_keeps_nothing():
    with pytest.raises(ValueError, match="predicts no next token; ask for its features"):
        forward(ENCODER, BERT, TOKENS)
    both_ways = replace(STYLES["gpt1"], causal=False)
    for read in (
        lambda: forward(random_params(both_ways), both_ways, TOKENS, cache=KVCache(both_ways, 20)),
        lambda: loss(random_params(both_ways), both_ways, TOKENS),
    ):
        with pytest.raises(ValueError, match="nothing can be kept: give no cache"):
            read()
