import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paramlab import catalog
from paramlab.config import Experts, LatentAttention, ModelConfig, StateLayers
from paramlab.params import ROLES, Array, count, shapes, stacks, tally
from paramlab.sizes import STATE_SIZES
from paramlab.state_layers import n_layers_with

ORACLE = Path(__file__).parent / "oracles" / "catalog_counts.csv"
GPT3 = dict(n_layers=96, d_model=12288, n_heads=96, d_ff=49152, vocab_size=50257, n_ctx=2048)
LLAMA = dict(
    positions="rope", norm="rmsnorm", activation="silu", gated_mlp=True, tied=False,
    bias_qkv=False, bias_o=False, bias_mlp=False,
)  # fmt: skip
TINY = dict(n_layers=2, d_model=8, n_heads=2, d_ff=16, vocab_size=11, n_ctx=5)


# ------------------------------------------------------------------ random architectures

often = settings(max_examples=60, deadline=None)
sizes = st.integers(1, 40)
few = st.integers(1, 4)


def indices(n_layers: int):
    """Any choice of layers, such as (0, 2)."""
    return st.sets(st.integers(0, n_layers - 1)).map(lambda layers: tuple(sorted(layers)))


@st.composite
def experts(draw, n_layers: int) -> Experts:
    n_experts = draw(few)
    return Experts(
        n_experts=n_experts, n_active=draw(st.integers(1, n_experts)), d_ff=draw(sizes),
        d_ff_shared=draw(st.integers(0, 20)), d_latent=draw(st.integers(0, 20)),
        shared_gate=draw(st.booleans()),
        dense_layers=draw(indices(n_layers)), bias=draw(st.booleans()),
        router_bias=draw(st.booleans()), balancing_buffer=draw(st.booleans()),
    )  # fmt: skip


@st.composite
def states(draw, n_layers: int) -> StateLayers:
    kind = draw(st.sampled_from(sorted(STATE_SIZES)))
    return StateLayers(
        kind, draw(indices(n_layers)), bias=draw(st.booleans()), bias_conv=draw(st.booleans()),
        bias_out=draw(st.booleans()), inner_norms=draw(st.booleans()),
        beside_attention=draw(st.booleans()), **{name: draw(few) for name in STATE_SIZES[kind]},
    )  # fmt: skip


@st.composite
def configs(draw) -> ModelConfig:
    n_layers, n_kv_heads = draw(few), draw(few)
    latent = draw(
        st.none() | st.builds(LatentAttention, sizes, sizes, sizes, sizes, sizes | st.just(0))
    )
    biases, only = st.booleans(), draw(indices(n_layers))
    return ModelConfig(
        n_layers=n_layers, d_model=draw(sizes), n_heads=n_kv_heads * draw(few), d_ff=draw(sizes),
        vocab_size=draw(sizes), n_ctx=draw(sizes), n_kv_heads=n_kv_heads, d_head=draw(sizes),
        positions=draw(st.sampled_from(["learned", "sinusoidal", "rope", "alibi", "relative"])),
        n_position_rows=draw(sizes), tied=draw(st.booleans()),
        norm=draw(st.sampled_from(["layernorm", "layernorm_gain", "rmsnorm", "bare"])),
        block=draw(st.sampled_from(["sequential", "parallel", "sandwich", "post_norm"])),
        final_norm=draw(st.booleans()), embedding_norm=draw(st.booleans()),
        qk_norm="none" if latent else draw(st.sampled_from(["none", "head", "head_bias", "full"])),
        gated_mlp=draw(st.booleans()), bias_qkv=draw(biases), bias_o=draw(biases),
        bias_mlp=draw(st.booleans()), bias_head=draw(st.booleans()), d_embedding=draw(sizes),
        n_segments=draw(st.integers(0, 3)), pooler=draw(st.booleans()),
        head_transform=draw(st.booleans()),
        gated_attention=False if latent else draw(st.booleans()),
        mixer_only_layers=tuple(i for i in only if i % 2), state=draw(st.none() | states(n_layers)),
        mlp_only_layers=tuple(i for i in only if not i % 2),
        attention_sinks=False if latent else draw(st.booleans()),
        n_encoder_layers=draw(st.integers(0, 3)), latent=latent,
        experts=draw(st.none() | experts(n_layers)),
    )  # fmt: skip


# ------------------------------------------------------------------ the same count, as algebra


def closed_form(c: ModelConfig) -> int:
    """Return the total by a formula in the letters of the book, written apart from the package."""
    L, D, N, K, H, F = c.n_layers, c.d_model, c.n_heads, c.n_kv_heads, c.d_head, c.d_ff
    V, E = c.vocab_size, c.d_embedding
    norm = {"layernorm": 2, "bare": 0}.get(c.norm, 1)
    maps = 3 if c.gated_mlp else 2

    def mlp(width: int, bias: bool = c.bias_mlp, D: int = D) -> int:
        return maps * D * width + bias * ((maps - 1) * width + D)

    gains = {"none": 0, "head": 2 * H, "head_bias": 4 * H, "full": (N + K) * H}[c.qk_norm]
    ordinary = 2 * D * (N + K) * H + c.bias_qkv * (N + 2 * K) * H + c.bias_o * D
    ordinary += gains + c.attention_sinks * N + c.gated_attention * (D + c.bias_qkv) * N * H
    attention = ordinary
    if c.latent:
        m = c.latent
        width, short = N * (m.d_nope + m.d_rope), m.d_query_latent
        queries = short * (D + width + norm + c.bias_qkv) if short else D * width
        keys = (D + c.bias_qkv) * (m.d_latent + m.d_rope)
        keys += m.d_latent * (norm + N * (m.d_nope + m.d_value))
        attention = queries + keys + N * m.d_value * D + c.bias_o * D
    norm *= D
    sandwich = 2 if c.block == "sandwich" else 1
    total = 0
    for i in range(L):
        has_mlp, has_mixer = i not in c.mixer_only_layers, i not in c.mlp_only_layers
        has_state = has_mixer and c.state is not None and i in (c.state.layers or range(L))
        if has_mixer:
            total += norm * sandwich + has_state * state_form(c.state, D)
            total += attention * (not has_state or c.state.beside_attention)
        if c.n_encoder_layers:
            total += ordinary + norm  # the decoder also reads the encoder
        total += norm * sandwich * has_mlp * (c.block != "parallel" or not has_mixer)
        e = c.experts
        if has_mlp and e and i not in e.dense_layers:
            inside = e.d_latent or D
            total += (D + e.router_bias) * e.n_experts + D * e.shared_gate
            total += e.n_experts * mlp(e.d_ff, e.bias, inside)
            total += mlp(e.d_ff_shared) if e.d_ff_shared else 0
            if e.d_latent:
                total += 2 * D * e.d_latent + c.bias_mlp * (D + e.d_latent)
        else:
            total += has_mlp * mlp(F)
    if c.n_encoder_layers:
        norms = norm * {"parallel": 1, "sandwich": 4}.get(c.block, 2)
        total += c.n_encoder_layers * (attention + norms + mlp(F)) + c.final_norm * norm
    tables = {"learned": D, "relative": N * (1 + (c.n_encoder_layers > 0))}.get(c.positions, 0)
    total += c.n_position_rows * tables + c.n_segments * D
    total += (c.final_norm + c.embedding_norm) * norm + c.pooler * (D * D + D)
    total += c.head_transform * (D * D + D + norm)
    return total + V * E * (2 - c.tied) + c.bias_head * V + (2 * E * D if E != D else 0)


def state_form(s: StateLayers | None, D: int) -> int:
    """Return the parameters of a layer with a state, from the papers' descriptions."""
    if s is None:
        return 0
    W, GS, C = s.n_heads * s.d_value, s.n_key_heads * s.d_key, s.d_conv
    N, R, S, both = s.n_heads, s.d_rank, s.d_key, W + 2 * s.n_key_heads * s.d_key
    mamba = 3 * D * W + W * (C + 2 * R + 3 * S + 2) + s.inner_norms * (R + 2 * S)
    return {
        "conv": 4 * D * D + C * D + s.bias * 3 * D + s.bias_conv * D + s.bias_out * D,
        "delta": D * (both + 2 * W + 2 * N) + C * both + 2 * N + s.d_value + s.bias_conv * both,
        "kimi_delta": D * (both + W + N + S + s.d_value) + GS * (S + 1) + W * s.d_value
        + (C + s.bias_conv) * both + N + s.d_value,
        "lightning": D * (2 * GS + 3 * W) + W,
        "mamba": mamba + s.bias * 2 * W + s.bias_conv * W + s.bias_out * D,
        "mamba2": D * (both + 2 * W + N) + (C + s.bias_conv) * both + 3 * N + s.inner_norms * W
        + s.bias * (both + W + N) + s.bias_out * D,
        "rglru": 3 * D * W + W * (C + 2 * s.d_value + 3 + s.bias_conv + 2 * s.bias)
        + s.bias_out * D,
        "rwkv": 4 * D * W + 2 * W + D * D + 5 * D,
    }[s.kind]  # fmt: skip


@often
@given(configs())
def test_enumeration_multiplication_and_closed_form_agree(config):
    enumerated = sum(
        array.size for array in shapes(config) if not array.tied_to and array.role != "buffer"
    )
    assert count(config).total == enumerated == closed_form(config)


@often
@given(configs())
def test_roles_and_parts_each_add_up_to_the_total(config):
    counted = count(config)
    assert sum(counted.by_role.values()) == sum(counted.by_part.values()) == counted.total
    assert set(counted.by_role) == set(ROLES) - {"buffer"}
    assert all(n > 0 for n in counted.by_part.values())


@often
@given(configs())
def test_names_are_unique_and_roles_are_known(config):
    arrays = list(shapes(config))
    assert len({array.name for array in arrays}) == len(arrays)
    assert {array.role for array in arrays} <= set(ROLES)
    assert all(array.size > 0 for array in arrays)
    assert {array.tied_to for array in arrays} <= {None, *(array.name for array in arrays)}


@often
@given(configs())
def test_tying_saves_exactly_the_second_table(config):
    tied, untied = count(replace(config, tied=True)), count(replace(config, tied=False))
    assert untied.total - tied.total == config.vocab_size * config.d_embedding == tied.tied
    assert untied.tied == 0


@often
@given(configs())
def test_a_token_never_uses_more_than_everything(config):
    counted = count(config)
    assert 0 < counted.active_without_input_table <= counted.active <= counted.total
    saved = counted.active - counted.active_without_input_table
    assert saved == (0 if config.tied else config.vocab_size * config.d_embedding)
    chooses = config.experts and config.experts.n_active < config.experts.n_experts
    assert (counted.active < counted.total) == bool(chooses and n_layers_with(config, "experts"))


@often
@given(configs(), st.data())
def test_active_is_the_count_of_the_model_that_keeps_only_the_chosen_experts(config, data):
    e = data.draw(experts(config.n_layers))
    sparse = count(replace(config, experts=e))
    kept = count(replace(config, experts=replace(e, n_experts=e.n_active)))
    n_sparse = n_layers_with(replace(config, experts=e), "experts")
    routes = n_sparse * (config.d_model + e.router_bias) * (e.n_experts - e.n_active)
    assert sparse.active == kept.total + routes  # all routes are weighed


@often
@given(configs(), sizes)
def test_context_costs_parameters_only_with_learned_positions(config, more):
    rows = 32 if config.positions == "relative" else 0
    config = replace(config, n_position_rows=rows)
    longer = replace(config, n_ctx=config.n_ctx + more, n_position_rows=rows)
    cost = more * config.d_model if config.positions == "learned" else 0
    assert count(longer).total - count(config).total == cost


@often
@given(configs())
def test_counts_are_python_integers(config):
    counted = count(config)
    numbers = [counted.total, counted.active, counted.active_without_input_table, counted.tied]
    numbers += [counted.buffers, counted.bias, counted.norm]
    numbers += [*counted.by_role.values(), *counted.by_part.values()]
    assert all(type(n) is int for n in numbers)


@often
@given(configs())
def test_stacks_spelled_out_are_the_shapes(config):
    spelled = Counter((array.shape, array.role) for array in shapes(config))
    multiplied: Counter = Counter()
    for stack in stacks(config):
        for array in stack.arrays:
            multiplied[array.shape, array.role] += stack.n
    assert spelled == multiplied


# ------------------------------------------------------------------ published numbers


def test_gpt3_part_by_part():
    """Table D.1 of arXiv 2005.14165 says 174,600M. The parts are the textbook formulas."""
    counted = count(ModelConfig(**GPT3))
    L, D = 96, 12288
    assert counted.total == 12 * L * D**2 + 13 * L * D + 2 * D + 50257 * D + 2048 * D
    assert counted.total == 174_604_259_328
    assert counted.by_role == {
        "weight": 8 * L * D**2 + 4 * L * D**2,
        "bias": 9 * L * D,
        "norm gain": 2 * L * D + D,
        "norm bias": 2 * L * D + D,
        "embedding": 617_558_016,
        "position": 25_165_824,
    }
    assert counted.by_role["weight"] == 115_964_116_992 + 57_982_058_496
    assert counted.bias + counted.by_role["norm bias"] == 12_988_416
    assert counted.tied == 617_558_016


@pytest.mark.parametrize(
    ("n_layers", "d_model", "n_heads", "printed_millions"),
    [(12, 768, 12, 125), (24, 1024, 16, 356), (24, 1536, 16, 760), (32, 2560, 32, 2_650),
     (32, 4096, 32, 6_660), (40, 5120, 40, 12_850), (96, 12288, 96, 174_600)],
)  # fmt: skip
def test_gpt3_family_rounds_to_its_paper(n_layers, d_model, n_heads, printed_millions):
    """Table D.1 of arXiv 2005.14165, to the digits printed there."""
    config = ModelConfig(n_layers, d_model, n_heads, 4 * d_model, 50257, 2048)
    step = 10 if printed_millions > 1000 else 1
    assert round(count(config).total / 1e6 / step) * step == printed_millions


@pytest.mark.parametrize(
    ("slug", "total"),
    [
        ("gpt2-small", 124_439_808),
        ("gpt2-xl", 1_557_611_200),
        ("llama2-7b", 6_738_415_616),
        ("llama3.1-405b", 405_853_388_800),
        ("mixtral-8x7b", 46_702_792_704),
        ("deepseek-v3", 671_026_404_352),
        ("bloom-176b", 176_247_271_424),  # the model card, to the digit
        ("smollm2-135m", 134_515_008),
    ],
)
def test_well_known_totals(slug, total):
    assert count(catalog.find(slug).config).total == total


def test_balancing_numbers_are_buffers_not_parameters():
    deepseek = count(catalog.find("deepseek-v3").config)
    assert deepseek.buffers == 58 * 256 == 14_848
    assert deepseek.total + deepseek.buffers == 671_026_419_200


def test_eight_times_seven_is_not_fifty_six():
    mixtral = count(catalog.find("mixtral-8x7b").config)
    one_expert = 3 * 4096 * 14336 * 32
    assert mixtral.by_part["experts"] == 8 * one_expert
    assert mixtral.total - mixtral.active == 6 * one_expert
    assert round(mixtral.active / 1e9, 1) == 12.9  # as announced


def test_gpt2_to_a_longer_context_and_llama_to_a_longer_context():
    gpt2 = catalog.find("gpt2-small").config
    grown = count(replace(gpt2, n_ctx=32768, n_position_rows=0)).total - count(gpt2).total
    assert grown == 31_744 * 768
    assert count(catalog.find("llama3-8b").config) == count(catalog.find("llama3.1-8b").config)


def test_grouped_queries_save_what_the_formula_says():
    llama70 = catalog.find("llama2-70b").config
    full = replace(llama70, n_kv_heads=64)
    assert count(full).total - count(llama70).total == 2 * 80 * 8192 * (64 - 8) * 128


# ------------------------------------------------------------------ the library's own count


def oracle_rows():
    with open(ORACLE, encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        return {row["slug"]: row for row in csv.DictReader(lines)}


ENUMERATED = [model for model in catalog.published() if model.config]


def test_the_oracle_covers_every_row_that_has_a_count():
    quoted = {model.slug for model in catalog.published() if model.quoted_params}
    assert quoted == {"sd1.5-unet", "sd1.5-vae"}
    assert oracle_rows().keys() == {model.slug for model in ENUMERATED} | quoted


@pytest.mark.parametrize("model", ENUMERATED, ids=lambda model: model.slug)
def test_counts_equal_those_of_the_transformers_library(model):
    """Equal in every column but for three differences of definition, stated here.

    The library has one class for tables, so it counts BERT's segments and T5's distances with the
    tokens; and it counts the bias of a head with the head.
    """
    row = {name: int(text) for name, text in oracle_rows()[model.slug].items() if text.isdigit()}
    config, counted = model.config, count(model.config)
    positions, tables = counted.by_role["position"], counted.by_role["embedding"]
    if config.positions == "relative":
        positions, tables = 0, tables + positions
    assert counted.total == row["total"]
    assert counted.active == row.get("active", row["total"])
    assert counted.bias == row["bias"]
    assert counted.norm == row["norm"]
    assert tables == row["token_embedding"]
    assert positions == row["position"]
    assert counted.by_part.get("output head", 0) == row["head"]


@pytest.mark.parametrize("model", [m for m in catalog.published() if m.quoted_params])
def test_quoted_counts_are_those_of_the_diffusers_library(model):
    assert model.quoted_params == int(oracle_rows()[model.slug]["total"])


# ------------------------------------------------------------------ refusals and single arrays


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(n_layers=0), "n_layers is 0"),
        (dict(d_model=-8), "d_model is -8"),
        (dict(d_model=8.0), "d_model is 8.0"),
        (dict(n_heads=True), "n_heads is True"),
        (dict(n_heads=0), "n_heads is 0"),
        (dict(n_heads=3), "d_model 8 is not divisible by n_heads 3"),
        (dict(n_kv_heads=3), "n_heads 2 is not a multiple of n_kv_heads 3"),
        (dict(vocab_size=10**9 + 1), "vocab_size is 1000000001"),
        (dict(vocab_size="9" * 9999), "vocab_size is '999"),
        (dict(n_ctx=0), "n_position_rows is 0"),
        (dict(d_ff=0), "d_ff is 0"),
        (dict(tied="false"), "tied is 'false'"),
        (dict(gated_mlp=1), "gated_mlp is 1"),
        (dict(norm="batchnorm"), "norm is 'batchnorm'; it can be layernorm, "),
        (dict(positions=["rope"]), "positions is"),
        (dict(block="spiral"), "block is 'spiral'; it can be sequential, parallel, sandwich"),
        (dict(n_layers=100_001), "n_layers is 100001; it must be at most 100000"),
        (dict(n_encoder_layers=10**6), "n_encoder_layers is 1000000"),
        (dict(norm_eps=float("nan")), "norm_eps is nan"),
        (dict(rope_theta="10000"), "rope_theta is '10000'"),
        (dict(experts=Experts(4, 5, 16)), "n_active 5"),
        (dict(experts=Experts(4, 0, 16)), "n_active 0"),
        (dict(experts=Experts(4, 2, 16, dense_layers=(0, 3))), "dense_layers names layer 3 of"),
        (dict(state=StateLayers("conv", (2,), d_conv=3)), "state.layers names layer 2 of n_layers"),
        (dict(state=StateLayers("conv")), "state.d_conv is 0; in layers of conv it must be at lea"),
        (dict(state=StateLayers("conv", n_heads=1, d_conv=3)), "n_heads is 1; in .* it must be 0"),
        (dict(mixer_only_layers=(2,)), "mixer_only_layers names layer 2 of n_layers 2"),
        (dict(mixer_only_layers=(1, 0)), r"mixer_only_layers is \(1, 0\); it must be a tuple of"),
        (dict(mlp_only_layers=[1]), r"mlp_only_layers is \[1\]; it must be a tuple"),
        (dict(mixer_only_layers=(1,), mlp_only_layers=(0, 1)), "layer 1 is in mixer_only_layers a"),
        (dict(n_heads=0), "n_heads is 0"),
        (dict(latent=LatentAttention(4, 2, 2, 4), qk_norm="head"), "latent attention has neither"),
        (dict(latent=LatentAttention(4, 2, 2, 4), gated_attention=True), "latent attention has no"),
    ],
)
def test_impossible_sizes_are_refused_with_their_values(change, message):
    with pytest.raises(ValueError, match=message) as error:
        ModelConfig(**(TINY | change))
    assert len(str(error.value)) < 200


def test_parts_of_a_config_are_checked_too():
    with pytest.raises(ValueError, match="n_experts is 2.5"):
        Experts(2.5, 1, 16)
    with pytest.raises(ValueError, match="d_latent is -1"):
        LatentAttention(-1, 2, 2, 4)


@given(configs())
def test_flat_values_make_the_same_config_again(config):
    flat = config.to_flat()
    assert ModelConfig.from_flat(flat) == config
    assert ("experts.n_active" in flat) == (config.experts is not None)


def test_sizes_left_out_follow_from_the_others():
    tiny = ModelConfig(**TINY)
    assert (tiny.n_kv_heads, tiny.d_head, tiny.d_embedding, tiny.n_position_rows) == (2, 4, 8, 5)


def test_names_and_shapes_of_a_llama_block():
    config = ModelConfig(
        n_layers=1, d_model=8, n_heads=4, n_kv_heads=2, d_ff=6, vocab_size=9, n_ctx=3, **LLAMA
    )
    assert [(array.name, array.shape) for array in shapes(config)] == [
        ("embedding.tokens", (9, 8)),
        ("blocks.0.attention_norm.gain", (8,)),
        ("blocks.0.attention.q.weight", (8, 8)),
        ("blocks.0.attention.k.weight", (8, 4)),
        ("blocks.0.attention.v.weight", (8, 4)),
        ("blocks.0.attention.o.weight", (8, 8)),
        ("blocks.0.mlp_norm.gain", (8,)),
        ("blocks.0.mlp.gate.weight", (8, 6)),
        ("blocks.0.mlp.up.weight", (8, 6)),
        ("blocks.0.mlp.down.weight", (6, 8)),
        ("final_norm.gain", (8,)),
        ("head.weight", (8, 9)),
    ]


def test_layers_after_the_dense_ones_keep_their_numbers():
    config = ModelConfig(**TINY | dict(n_layers=3), experts=Experts(4, 2, 6, dense_layers=(0,)))
    names = {array.name for array in shapes(config)}
    assert {"blocks.0.mlp.up.weight", "blocks.1.mlp.experts.up.weight"} <= names
    assert {"blocks.2.mlp.router.weight"} <= names
    assert not {"blocks.0.mlp.router.weight", "blocks.3.mlp.router.weight"} & names


def test_arrays_come_layer_by_layer_whatever_the_layers_are_made_of():
    config = ModelConfig(**TINY | dict(n_layers=5), experts=Experts(4, 2, 6, dense_layers=(1, 3)))
    blocks = [array.name.split(".")[1] for array in shapes(config) if "blocks" in array.name]
    assert blocks == sorted(blocks) and set(blocks) == set("01234")
    assert [stack.n for stack in stacks(config)] == [1, 3, 2, 1]
    assert [list(stack.layers) for stack in stacks(config)] == [[0], [0, 2, 4], [1, 3], [0]]


def test_tally_adds_what_it_is_given():
    arrays = [(3, Array("a", (2, 5), "weight", "MLP")), (1, Array("b", (7,), "bias", "MLP"))]
    assert tally(arrays).total == 3 * 10 + 7
