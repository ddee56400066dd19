"""Every family of families.toml against the transformers library, and against nonsense.

The library's counts are stored: tests/oracles/families.py says how they were made.
"""

import ast
import copy
import dataclasses
import inspect
import json
import random
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.published import COUNTED, IN_THE_WEIGHTS, REFUSED
from paramlab import catalog
from paramlab.cli import main
from paramlab.config import Experts, LatentAttention, Lookback, ModelConfig, StateLayers
from paramlab.errors import UnsupportedModel
from paramlab.files import arrays, families, finish
from paramlab.files.families import Row, Window, everywhere, family, model_types, resolve
from paramlab.files.hugging_face import config_from_hf, notes_on
from paramlab.files.source import count_source
from paramlab.params import count, shapes
from paramlab.state_layers import layer_kinds

ORACLES = Path(__file__).parent / "oracles"
TABLE = tomllib.loads((Path(catalog.__file__).parent / "data/families.toml").read_text("utf-8"))
FAMILIES = {kind: family(kind) for kind in model_types()}
HARMLESS, PER_LAYER = everywhere().harmless, everywhere().per_layer
VERSIONS, *LINES = map(
    json.loads, (ORACLES / "families.jsonl").read_text(encoding="utf-8").splitlines()
)
WHOLES = [json.loads(line) for line in (ORACLES / "wholes.jsonl").read_text("utf-8").splitlines()]
WRITTEN = [(fields, counts) for fields, counts in LINES if isinstance(fields, dict)]
PUBLISHED = {name: counts for name, counts in (*LINES, *WHOLES) if isinstance(name, str)}
WHOLES = [(fields, counts) for fields, counts in WHOLES if isinstance(fields, dict)]
# Families with code of their own: what their published weights hold, or a closed form.
REMOTE = [json.loads(line) for line in (ORACLES / "remote.jsonl").read_text("utf-8").splitlines()]
KNOWN = [fields for fields, _ in WRITTEN] + [each["fields"] for each in REMOTE]
BY_KIND = {kind: [f for f in KNOWN if f["model_type"] == kind] for kind in FAMILIES}
kinds = pytest.mark.parametrize("kind", FAMILIES)


def names_read(kind: str) -> set[str]:
    """Return the fields of a config.json that the count of a family depends on."""
    return set(FAMILIES[kind].names_read)


def a_model(kind: str) -> dict:
    """Return a small model of a family that is counted."""
    for fields in reversed(BY_KIND[kind]):
        if fields.get("architectures"):
            continue
        try:
            config_from_hf(fields)
        except UnsupportedModel:
            continue
        return fields
    raise AssertionError(f"no stored model of {kind} is counted")


def split(fields: dict) -> dict[str, int]:
    """Count as the oracle does."""
    counted = count(config_from_hf(fields))
    return {
        "total": counted.total, "bias": counted.bias, "norm": counted.norm,
        "embedding": counted.by_role["embedding"], "position": counted.by_role["position"],
        "buffers": counted.buffers,
    }  # fmt: skip


# ------------------------------------------------------------------ the library's own counts

# The library builds these, but what they mean is open; see the messages.
OPEN = ("is not a multiple of num_key_value_heads", "num_experts_per_tok is null")


@pytest.mark.parametrize("kind", sorted({fields["model_type"] for fields, _ in WRITTEN}))
def test_counts_equal_those_of_the_transformers_library_to_the_digit(kind):
    for fields, counts in WRITTEN:
        if fields["model_type"] == kind:
            try:
                assert split(fields) == counts, fields
            except UnsupportedModel as error:
                assert any(reason in str(error) for reason in OPEN), fields


def test_hardly_any_model_that_the_library_builds_is_refused():
    refused = 0
    for fields, _ in WRITTEN:
        try:
            config_from_hf(fields)
        except UnsupportedModel:
            refused += 1
    assert refused <= 0.03 * len(WRITTEN)


@kinds
def test_every_family_has_an_oracle(kind):
    assert len(BY_KIND[kind]) >= (1 if FAMILIES[kind].remote else 7)
    assert VERSIONS["transformers"].startswith("5.")


@pytest.mark.parametrize("case", REMOTE, ids=lambda case: case["fields"]["model_type"])
def test_families_with_code_of_their_own_count_as_their_weights(case):
    fields = case["fields"]
    assert count(config_from_hf(fields)).total == case["total"], case["source"]
    for at in FAMILIES[fields["model_type"]].reads.values():
        if at.names[0] in ("hidden_size", "vocab_size", "num_hidden_layers", "intermediate_size"):
            silent = {name: value for name, value in fields.items() if name not in at.names}
            with pytest.raises(UnsupportedModel, match="this family has no default for it"):
                config_from_hf(silent)


@pytest.mark.parametrize("name", COUNTED)
def test_published_files_are_counted(name):
    assert split(COUNTED[name]) == PUBLISHED[name]


@pytest.mark.parametrize("name", IN_THE_WEIGHTS)
def test_what_the_library_builds_otherwise_is_counted_as_it_is_published(name):
    fields, total = IN_THE_WEIGHTS[name]
    assert count(config_from_hf(fields)).total == total


@pytest.mark.parametrize("name", REFUSED)
def test_other_published_files_are_refused_by_name(name):
    fields, reason = REFUSED[name]
    with pytest.raises(UnsupportedModel, match=re.escape(reason)):
        config_from_hf(fields)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("openai-community/openai-gpt", "gpt1"),
        ("openai-community/gpt2", "gpt2-small"),
        ("EleutherAI/gpt-j-6b", "gpt-j-6b"),
        ("EleutherAI/pythia-70m", "pythia-70m"),
        ("facebook/opt-350m", "opt-350m"),
        ("bigscience/bloom", "bloom-176b"),
        ("tiiuae/falcon-7b", "falcon-7b"),
        ("meta-llama/Llama-2-7b-hf", "llama2-7b"),
        ("mistralai/Mistral-7B-v0.1", "mistral-7b-v0.1"),
        ("mistralai/Mixtral-8x7B-v0.1", "mixtral-8x7b"),
        ("Qwen/Qwen1.5-MoE-A2.7B", "qwen1.5-moe-a2.7b"),
        ("Qwen/Qwen2.5-7B", "qwen2.5-7b"),
        ("Qwen/Qwen3-32B", "qwen3-32b"),
        ("Qwen/Qwen3-30B-A3B", "qwen3-30b-a3b"),
        ("google/gemma-2b", "gemma-2b"),
        ("google/gemma-2-9b", "gemma2-9b"),
        ("google/gemma-3-1b-pt", "gemma3-1b"),
        ("google/gemma-3-4b-pt, its text_config", "gemma3-4b-text"),
        ("microsoft/phi-4", "phi4"),
        ("deepseek-ai/DeepSeek-V2-Lite", "deepseek-v2-lite"),
        ("deepseek-ai/DeepSeek-V3", "deepseek-v3"),
        ("openai/gpt-oss-20b", "gpt-oss-20b"),
        ("google-t5/t5-small", "t5-small"),
    ],
)
def test_a_published_file_is_the_architecture_of_the_catalog(name, slug):
    assert list(shapes(config_from_hf(COUNTED[name]))) == list(shapes(catalog.find(slug).config))


# ------------------------------------------------------------------ what holds in every family


@kinds
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_a_longer_vocabulary_costs_its_rows(kind, data):
    fields = data.draw(st.sampled_from(BY_KIND[kind]))
    more, name = data.draw(st.integers(1, 10**6)), FAMILIES[kind].reads["vocab_size"].names[0]
    try:
        config = config_from_hf(fields)
    except UnsupportedModel:
        return
    one, longer = (config_from_hf(fields | {name: config.vocab_size + n}) for n in (1, more))
    row = count(one).total - count(config).total
    assert count(longer).total - count(config).total == more * row
    if not config.further:
        n_tables = 1 + (config.output_head and not config.tied)
        assert row == config.d_embedding * n_tables + (config.output_head and config.bias_head)


@kinds
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_larger_size_never_means_fewer_parameters(kind, data):
    fields = data.draw(st.sampled_from(BY_KIND[kind]))
    sizes = sorted(name for name in names_read(kind) if type(fields.get(name)) is int)
    inverse = {"decoder_sparse_step", "interleave_moe_layer_step", "moe_layer_interval",
               "first_k_dense_replace", "moe_layer_start_index", "num_attention_heads", "n_head",
               "num_heads", "n_heads", "decoder_attention_heads", "position_buckets",
               "index_topk_freq", "num_kv_shared_layers", "num_dense_layers",
               "index_skip_topk_offset", "num_ln_in_parallel_attn",
               "moe_layer_end_index",  # -1 is the last layer
               "num_layers", "full_attention_interval", "attn_layer_period",
               "attn_layer_offset", "expert_layer_period", "expert_layer_offset",
               "block_multiple_of"}  # fmt: skip
    name = data.draw(st.sampled_from(sorted(set(sizes) - inverse)))
    larger = fields | {
        name: fields[name] * data.draw(st.integers(1, 4)) + data.draw(st.integers(0, 9))
    }
    try:
        before, after = count(config_from_hf(fields)), count(config_from_hf(larger))
    except UnsupportedModel:  # sizes that no longer fit each other
        return
    assert after.total >= before.total


# These change no count, but costs: they are read, so their types are checked.
OF_WINDOWS = {
    "attention_chunk_size", "attention_window_size",
    "sliding_window", "sliding_window_pattern", "use_sliding_window", "max_window_layers",
    "global_attn_every_n_layers",
    "window_size", "attention_types", "no_rope_layer_interval", "no_rope_layers",
}  # fmt: skip


@kinds
def test_fields_that_are_known_to_change_nothing_change_nothing(kind):
    rng = random.Random(kind)
    fields = a_model(kind)
    before = count(config_from_hf(fields))
    row = FAMILIES[kind]
    theirs = (HARMLESS | row.harmless) - row.names_read - {*PER_LAYER, *row.only}
    checked = {"auto_map", "architectures", "model_type", "quantization_config", "rope_parameters"}
    checked.add("quantization")
    for name in sorted(theirs - checked - {"rope_theta"}):
        value = rng.choice([True, 3, 0.5, "x", [1, 2], {"a": 1}])
        try:
            assert count(config_from_hf(fields | {name: value})) == before
        except UnsupportedModel:
            assert name in OF_WINDOWS


def test_the_numbers_of_tokens_change_nothing_whatever_the_token_is():
    fields = {"model_type": "llama"}
    assert config_from_hf(fields | {"image_break_token_id": 12}) == config_from_hf(fields)
    with pytest.raises(UnsupportedModel, match="'image_break_tokens' is not known here"):
        config_from_hf(fields | {"image_break_tokens": 12})


@kinds
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_anything_in_any_field_is_counted_or_refused(kind, data):
    fields = data.draw(st.sampled_from(BY_KIND[kind]))
    value = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
        max_leaves=6,
    )
    row = FAMILIES[kind]
    names = sorted(names_read(kind) | HARMLESS | {*row.harmless, *row.only, *PER_LAYER})
    changes = data.draw(st.dictionaries(st.sampled_from(names), value, min_size=1, max_size=3))
    try:
        counted = count(config_from_hf(fields | changes))
    except UnsupportedModel as error:
        assert len(str(error)) > 10
    else:
        assert type(counted.total) is int and counted.total > 0


# Of these the library does not build its default, or the default runs no expert.
NO_DEFAULT = {
    "ministral", "hunyuan_v1_dense", "hunyuan_v1_moe", "nemotron", "deepseek_v2", "mamba2",
    "falcon_h1", "bamba", "granitemoehybrid", "nemotron_h", "lfm2_moe", "dots1", "esm",
}  # fmt: skip


@pytest.mark.parametrize(
    "kind", sorted(kind for kind in FAMILIES.keys() - NO_DEFAULT if not FAMILIES[kind].remote)
)
def test_a_file_that_says_nothing_means_what_the_library_writes(kind):
    # All of it: not only the sizes, but also the eps of the norms and the speed of the rotation.
    assert config_from_hf({"model_type": kind}) == config_from_hf(BY_KIND[kind][0])


# ------------------------------------------------------------------ refusals

EVERY_NAME = sorted(set().union(*map(names_read, FAMILIES)))


@kinds
def test_fields_of_other_families_are_refused_by_name(kind):
    fields, known = a_model(kind), names_read(kind) | HARMLESS
    known |= {*FAMILIES[kind].harmless, *FAMILIES[kind].only, *PER_LAYER}
    for name in [*EVERY_NAME, "something_new", "num_memory_slots", "ssm_state_size"]:
        if name not in known:
            with pytest.raises(UnsupportedModel, match=f"the field '{name}' is not known here"):
                config_from_hf(fields | {name: 7})
            config_from_hf(fields | {name: None})
            config_from_hf(fields | {name: False})


@kinds
def test_values_of_a_wrong_type_are_refused_by_name(kind):
    fields, row = a_model(kind), FAMILIES[kind]
    for at in (*row.reads.values(), *(switch.at for switch in row.switches)):
        name = at.names[0]
        if at.default is None or type(at.default) is float:
            continue
        wrong = {bool: [1, "true", []], int: ["7", 7.0, True, -3, [7]], str: [7, True, []]}
        for value in wrong.get(type(at.default), ["7", 7, {}]):
            with pytest.raises(UnsupportedModel, match=f"{name}|the activation"):
                config_from_hf(fields | {name: value})


@kinds
def test_values_beside_those_that_are_known_are_refused(kind):
    fields = a_model(kind)
    for name, allowed in FAMILIES[kind].only.items():
        with pytest.raises(UnsupportedModel, match=f"{name} is 'else'; only {allowed[0]!r}"):
            config_from_hf(fields | {name: "else"})
        assert split(fields | {name: allowed[-1]}) == split(fields)


@kinds
def test_other_models_of_the_family_are_refused(kind):
    fields = a_model(kind)
    for class_name in ("SomethingForSequenceClassification", "SomethingModel", kind):
        with pytest.raises(UnsupportedModel, match=class_name):
            config_from_hf(fields | {"architectures": [class_name]})
    fields.pop("tie_word_embeddings", None)  # a masked head reuses the table, whatever is drawn
    for class_name in FAMILIES[kind].classes:
        config_from_hf(fields | {"architectures": [class_name]})


@kinds
def test_layers_that_hold_other_arrays_are_refused(kind):
    fields = dict(a_model(kind))
    n_layers = config_from_hf(fields).n_layers
    for other in ("mamba", "linear_attention", "gated_delta_net", 7):
        if other not in FAMILIES[kind].kinds:
            with pytest.raises(UnsupportedModel, match=f"layer_types names {other!r}"):
                config_from_hf(fields | {"layer_types": [other] * n_layers})
    known = next(iter(FAMILIES[kind].kinds), "full_attention")
    for name in FAMILIES[kind].kinds_in:
        fields.pop(name, None)
    longer = fields | {"layer_types": [known] * (n_layers + 1)}
    if kind == "nemotron_h":  # which needs not say how many there are
        longer["num_hidden_layers"] = n_layers
    with pytest.raises(UnsupportedModel, match=f"{n_layers + 1} layers, but there are {n_layers}"):
        config_from_hf(longer)


def test_layers_that_predict_further_tokens_may_stand_in_the_list():
    kinds = ["full_attention", "sliding_attention"]
    sizes = {"model_type": "step3p5", "num_hidden_layers": 2, "hidden_size": 8, "head_dim": 2}
    main = sizes | {"layer_types": kinds, "num_sliding_attention_heads": 96}
    padded = main | {"layer_types": [*kinds, kinds[1]], "num_nextn_predict_layers": 1}
    assert config_from_hf(padded) == config_from_hf(main) != config_from_hf(sizes)
    assert config_from_hf(padded | {"rope_theta": [5e6, 1e4, 1e4]}).rope_theta == 5e6
    with pytest.raises(UnsupportedModel, match="3 layers, but there are 2"):
        config_from_hf(padded | {"num_nextn_predict_layers": 0})


CONTRADICTIONS = [
    ("gpt2", {"n_embd": 96, "hidden_size": 48}, "n_embd is 96 but hidden_size is 48"),
    ("bloom", {"hidden_size": 64, "n_embed": 32}, "hidden_size is 64 but n_embed is 32"),
    ("mixtral", {"num_local_experts": 8, "num_experts": 4}, "is 8 but num_experts is 4"),
    ("mamba", {"d_model": 64}, "d_model is 64 but hidden_size is 768"),
    ("deepseek_v4", {"compress_ratios": [0, 4]}, r"compress_ratios is \[0, 4\]; it must be a list"),
    ("deepseek_v4", {"compress_rates": 4}, "compress_rates is not an object"),
    ("mimo_v2_flash", {"hybrid_layer_pattern": [2] * 48}, "must be a list of 0 and 1"),
    ("mimo_v2_flash", {"swa_head_dim": 64}, "swa_head_dim is 64 but head_dim is 192"),
    ("step3p5", {"moe_layers_enum": "3,x"}, r"moe_layers_enum is \[3, 'x'\]; it must be a list"),
    ("step3p5", {"attention_other_setting": {"head_dim": 64}}, "is 64 but head_dim is 128"),
    ("esm", {"vocab_size": 33, "position_embedding_type": "x"}, "only 'absolute' or 'rotary'"),
    ("mamba", {"time_step_rank": "half"}, "the rank of the steps is 'half'"),
    ("mamba2", {"num_heads": 100}, "100 heads of 64 are not as wide as their layer, 8192"),
    ("jamba", {"layer_types": ["mamba"] * 32}, "layer_types names 'mamba'"),
    ("bamba", {"attn_layer_indices": [1.5]}, r"the layers with attention are \[1.5\]"),
    ("lfm2_moe", {}, "it lists no kinds of layer"),
    (
        "lfm2",
        {"block_ff_dim": 64, "intermediate_size": 12288},
        "intermediate_size is 12288 but block_ff_dim is 64",
    ),
    ("lfm2", {"block_ffn_dim_multiplier": "2"}, "block_ffn_dim_multiplier is '2'"),
    ("recurrent_gemma", {"block_types": ["x"]}, r"block_types is \['x'\]"),
    ("recurrent_gemma", {"lru_width": 64}, "lru_width 64 is not a multiple of 10 heads"),
    ("nemotron_h", {"attention_head_dim": 64}, "attention_head_dim is 64 but head_dim is 128"),
    ("granitemoehybrid", {"position_embedding_type": "alibi"}, "position_embedding_type is 'ali"),
    ("olmo_hybrid", {"layer_types": ["full_attention"] * 32}, "no layer is linear_attention"),
    (
        "mixtral",
        {"num_experts_per_tok": 9},
        r"num_experts_per_tok 9 is not .* num_local_experts \(by default\) 8",
    ),
    (
        "llama",
        {"num_key_value_heads": 5},
        r"num_attention_heads \(by default\) 32 is not .* num_key_value_heads 5",
    ),
    ("deepseek_v3", {"qk_head_dim": 100}, r"qk_head_dim is 100 but .* is 192"),
    ("deepseek_v3", {"head_dim": 128}, "head_dim is 128 but qk_rope_head_dim is 64"),
    ("t5", {"feed_forward_proj": "relu", "is_gated_act": True}, "is_gated_act is True but"),
    ("hunyuan_v1_moe", {"moe_intermediate_size": [3, 3]}, "is 3 but intermediate_size is 11008"),
    ("hunyuan_v1_moe", {"moe_topk": [1, 2]}, r"n_active is \[1, 2\]"),
    ("gemma2", {"hidden_act": "silu", "hidden_activation": "gelu"}, "is 'silu' but"),
    ("mpt", {"attn_config": {"alibi": False}}, "attn_config.alibi is False; only True"),
    ("mpt", {"attn_config": {"kv_n_heads": 4}}, "attn_config.kv_n_heads is not known here"),
    ("mpt", {"no_bias": False}, "no_bias is False; only True"),
    ("minimax_m2", {"attn_type_list": [0] * 62}, "attn_type_list names 0"),
    ("bert", {"architectures": ["BertForMaskedLM"], "tie_word_embeddings": False}, "only True"),
    ("llama", {"tie_word_embeddings": None}, "tie_word_embeddings is null"),
    ("llama", {"num_hidden_layers": 10**8}, "n_layers is 100000000; it must be at most"),
    ("llama", {"quantization_config": {"quant_method": "a new one"}}, "names 'a new one'"),
    ("llama", {"auto_map": {"AutoModelForCausalLM": "own.OwnLlama"}}, "code of its own"),
    ("t5", {"dense_act_fn": "prelu"}, "dense_act_fn is 'prelu'; only 'gelu'"),
    ("minimax", {"layer_types": []}, "names 0 layers, but there are 32"),
    # Windows: the library refuses all of these, or its model sees nothing.
    *(("mistral", {"sliding_window": odd}, "sliding_window is") for odd in ("9", 9.0, True, [1])),
    ("mistral", {"sliding_window": 0}, "sliding_window is 0, a window that sees nothing"),
    ("mistral", {"sliding_window": -5}, "sliding_window is -5; it must be"),
    *(("qwen2", {"use_sliding_window": odd}, "true or false") for odd in ("true", 1)),
    *(
        ("qwen2", {"use_sliding_window": True, "max_window_layers": odd}, "max_window_layers is")
        for odd in ("2", 2.0, None, -1)
    ),
    ("gemma3_text", {"sliding_window_pattern": "LLG"}, "sliding_window_pattern is 'LLG'"),
    ("gemma3_text", {"sliding_window_pattern": 0}, "whole number of at least 1"),
    ("smollm3", {"use_sliding_window": True, "no_rope_layers": [1]}, "is no list of 36 layers"),
    ("gpt_neo", {"attention_types": [[["global", "local"], 2]]}, "names 4 layers, but there are"),
    ("gpt_neo", {"attention_types": [[["local"], 10**9]]}, "names more layers, but"),
    ("gpt_neo", {"attention_types": "x"}, "it must be a list of pairs"),
    ("gpt_neo", {"attention_types": [[["globl", "locl"], 12]]}, "attention_types is 'globl'"),
]


@pytest.mark.parametrize(("kind", "change", "reason"), CONTRADICTIONS)
def test_contradictions_are_refused_with_both_values(kind, change, reason):
    with pytest.raises(UnsupportedModel, match=reason):
        config_from_hf({"model_type": kind} | change)


# ------------------------------------------------------------------ single families


def test_null_and_missing_differ_where_the_library_says_so():
    def key_heads(**fields):
        return config_from_hf(
            {"model_type": "mistral", "num_attention_heads": 16} | fields
        ).n_kv_heads

    assert (key_heads(), key_heads(num_key_value_heads=None)) == (8, 16)
    compressed = {"model_type": "deepseek_v3"}
    assert config_from_hf(compressed).latent.d_query_latent == 1536
    assert config_from_hf(compressed | {"q_lora_rank": None}).latent.d_query_latent == 0


def test_a_window_of_all_layers_is_one_of_all_layers():
    fields = {"model_type": "qwen2", "use_sliding_window": True}
    some, every = (config_from_hf(fields | {"max_window_layers": n}) for n in (28, 0))
    assert (some.window, some.local_layers) == (4096, (28, 29, 30, 31))
    assert (every.window, every.local_layers) == (4096, ())


def test_many_layers_take_little_time():
    fields = {"model_type": "gpt_neo", "num_layers": 10**5}
    fields["attention_types"] = [[["global", "local"], 5 * 10**4]]
    assert len(config_from_hf(fields).local_layers) == 5 * 10**4


def test_layers_with_a_state_are_those_the_file_names():
    def state(kind, **fields):
        found = config_from_hf({"model_type": kind, "num_hidden_layers": 4} | fields).state
        return found and found.layers

    assert state("minimax") == (1, 3)
    kinds = ["linear_attention", "full_attention", "full_attention", "linear_attention"]
    assert state("minimax", layer_types=kinds) == (0, 3)
    assert state("qwen3_next") == (0, 1, 2) and state("qwen3_5_text") == (0, 1, 2)
    assert state("qwen3_next", full_attention_interval=2) == (0, 2)
    assert state("qwen3_next", layer_types=["full_attention"] * 4) is None
    assert state("granitemoehybrid", layers_block_type=["mamba"] * 3 + ["attention"]) == (0, 1, 2)
    assert state("granitemoehybrid", layer_types=["mamba"] * 4) == ()  # all
    assert state("lfm2", full_attn_idxs=[1, 3]) == (0, 2) and state("lfm2") is None
    assert state("jamba", attn_layer_period=3, attn_layer_offset=1) == (0, 2, 3)
    assert state("olmo_hybrid", num_hidden_layers=3) == (0, 1)
    assert state("recurrent_gemma", block_types=["attention", "recurrent"]) == (1, 3)


def test_a_nemotron_says_by_letters_or_words_what_its_layers_are():
    def layers(**fields):
        config = config_from_hf({"model_type": "nemotron_h"} | fields)
        kinds = layer_kinds(config).items()
        return {
            "".join(name[0] for name, has in kind._asdict().items() if has): [*layers]
            for kind, layers in kinds
        }

    words = ["mamba", "moe", "attention", "mlp", "mamba"]
    found = {"s": [0, 4], "me": [1], "a": [2], "m": [3]}
    assert layers(hybrid_override_pattern="ME*-M") == layers(layers_block_type=words) == found
    assert layers(hybrid_override_pattern="M-") == {"s": [0], "m": [1]}  # no experts
    assert layers() == {"s": [0], "me": [1], "a": [2], "m": [3]}
    with pytest.raises(UnsupportedModel, match="describe different layers"):
        layers(hybrid_override_pattern="M-", layers_block_type=["mamba", "moe"])
    with pytest.raises(UnsupportedModel, match="names 'x', which is not known"):
        layers(hybrid_override_pattern="Mx")
    with pytest.raises(UnsupportedModel, match="5 layers, but there are 6"):
        layers(hybrid_override_pattern="ME*-M", num_hidden_layers=6)
    with pytest.raises(UnsupportedModel, match="it lists no kinds of layer"):
        layers(num_hidden_layers=6)


def test_layers_without_experts_are_those_the_file_names():
    def dense(kind, **fields):
        fields = {"model_type": kind, "num_hidden_layers": 6} | fields
        return config_from_hf(fields).experts.dense_layers

    assert dense("deepseek_v3", first_k_dense_replace=2) == (0, 1)
    assert dense("qwen3_moe", mlp_only_layers=[4], decoder_sparse_step=2) == (0, 2, 4)
    assert dense("llama4_text", interleave_moe_layer_step=3) == (0, 1, 3, 4)
    assert dense("llama4_text", moe_layers=[0, 5]) == (1, 2, 3, 4)
    assert dense("ernie4_5_moe") == (0,)
    assert dense("ernie4_5_moe", moe_layer_end_index=3, moe_layer_interval=2) == (0, 2, 4, 5)


def test_what_stands_beside_the_counted_parameters_is_said():
    quantized, predicts_more, stretched = notes_on(COUNTED["deepseek-ai/DeepSeek-V3"])
    assert "window of 4,096 tokens to 163,840" in stretched
    assert quantized == (
        "quantized (fp8): the weights are counted, not their scales; costs are at the --precision "
        "that is asked for, fp16 if none is"
    )
    assert predicts_more.startswith("num_nextn_predict_layers is 1: modules that predict")
    assert notes_on(COUNTED["openai-community/gpt2"]) == []


def test_the_language_model_of_a_file_that_describes_several(tmp_path):
    fields = copy.deepcopy(COUNTED["google/gemma-3-4b-pt"]) | {"vision_config": 7}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(fields))
    with pytest.raises(UnsupportedModel, match="can be counted as FILE#text_config"):
        count_source(str(path))
    counted = count_source(f"{path}#text_config")
    assert counted.count == count(catalog.find("gemma3-4b-text").config)
    assert counted.name == f"{path}#text_config"
    path.write_text(json.dumps(fields | {"tie_word_embeddings": False}))
    untied = count_source(f"{path}#text_config").count
    assert untied.total - counted.count.total == 262_208 * 2560
    fields["text_config"]["tie_word_embeddings"] = True
    path.write_text(json.dumps(fields | {"tie_word_embeddings": False}))
    with pytest.raises(UnsupportedModel, match="is False but in text_config it is True"):
        count_source(f"{path}#text_config")
    path.write_text('{"model_type": "gpt2"}')
    with pytest.raises(UnsupportedModel, match="it holds no text_config"):
        count_source(f"{path}#text_config")


# Parameters of the library's Qwen3VLTextModel and Qwen3VLMoeTextModel (transformers 5.23), which
# have no output head; the language model of the file has one of vocabulary times width.
VL_TEXTS = {
    "qwen3_vl_text": ("qwen3-8b", 7_568_405_504),
    "qwen3_vl_moe_text": ("qwen3-235b-a22b", 234_471_304_704),
}


@pytest.mark.parametrize("kind", VL_TEXTS)
def test_the_language_model_of_a_qwen_that_sees_is_that_of_one_that_does_not(kind, tmp_path):
    slug, headless = VL_TEXTS[kind]
    config = catalog.find(slug).config
    sizes = {
        "hidden_size": config.d_model, "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads, "num_key_value_heads": config.n_kv_heads,
        "head_dim": config.d_head, "intermediate_size": config.d_ff, "vocab_size": 151936,
    }  # fmt: skip
    if config.experts:
        del sizes["intermediate_size"]
        sizes |= {"num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 1536}
    path = tmp_path / "config.json"
    path.write_text(
        json.dumps({"model_type": "other", "text_config": {"model_type": kind} | sizes})
    )
    counted = count_source(f"{path}#text_config").count
    assert counted.total == count(config).total == headless + 151936 * config.d_model


@pytest.mark.parametrize(
    ("kind", "vocab_size", "total"),
    # RobertaForMaskedLM and XLMRobertaForMaskedLM of transformers 5.23, built on the meta device
    [("roberta", 50265, 124_697_433), ("xlm-roberta", 250002, 278_295_186)],
)
def test_a_roberta_with_its_masked_head(kind, vocab_size, total):
    name = {"roberta": "Roberta", "xlm-roberta": "XLMRoberta"}[kind]
    fields = {
        "model_type": kind, "architectures": [f"{name}ForMaskedLM"], "vocab_size": vocab_size,
        "max_position_embeddings": 514, "type_vocab_size": 1,
    }  # fmt: skip
    assert count(config_from_hf(fields)).total == total


# ------------------------------------------------------------------ models that see or hear


@pytest.mark.parametrize("case", WHOLES, ids=lambda case: case[0]["model_type"])
def test_models_that_see_or_hear_count_as_in_the_transformers_library(case):
    fields, counts = case
    try:
        assert split(fields) == counts
    except UnsupportedModel as error:  # which of the two the library takes differs by family
        assert "tie_word_embeddings" in str(error) or any(why in str(error) for why in OPEN)


def test_most_models_that_see_or_hear_are_counted():
    assert {fields["model_type"] for fields, _ in WHOLES} == {*families.wholes()}
    refused = 0
    for fields, _ in WHOLES:
        try:
            config_from_hf(fields)
        except UnsupportedModel:
            refused += 1
    assert refused <= 0.2 * len(WHOLES)


def a_whole(kind: str) -> dict:
    """Return a small model of several parts that is counted."""
    for fields, _ in reversed(WHOLES):
        if fields["model_type"] == kind:
            try:
                config_from_hf(fields)
            except UnsupportedModel:
                continue
            return fields
    raise AssertionError(f"no stored model of {kind} is counted")


@pytest.mark.parametrize("kind", families.wholes())
def test_the_language_model_of_a_whole_and_the_others_are_the_whole(kind):
    fields = a_whole(kind)
    config = config_from_hf(fields)
    at, *others = FAMILIES_OF_SEVERAL[kind].whole
    beside = {"vision encoder", "audio encoder", "projector"}
    own = tuple(stack for stack in config.further if stack.arrays[0].part not in beside)
    counted, language = count(config), count(dataclasses.replace(config, further=own))
    assert language.total + sum(counted.by_part.get(part, 0) for part in beside) == counted.total
    assert counted.active == language.active
    for name in [at, *others]:
        with pytest.raises(UnsupportedModel, match="not an object|holds no"):
            config_from_hf(fields | {name: [1]})
        with pytest.raises(UnsupportedModel, match="'num_adapters' is not known here"):
            config_from_hf(fields | {name: (fields.get(name) or {}) | {"num_adapters": 3}})
    with pytest.raises(UnsupportedModel, match="'num_adapters' is not known here"):
        config_from_hf(fields | {"num_adapters": 3})
    for name in others:
        with pytest.raises(UnsupportedModel, match=f"the model_type of {name}, 'other', is not"):
            config_from_hf(fields | {name: {"model_type": "other"}})
        with pytest.raises(UnsupportedModel, match="the activation 'prelu'"):
            config_from_hf(fields | {name: (fields.get(name) or {}) | {"hidden_act": "prelu"}})


FAMILIES_OF_SEVERAL = {kind: family(kind) for kind in families.wholes()}


def test_what_a_whole_says_twice_has_to_agree():
    text = {"model_type": "llama", "num_hidden_layers": 2}
    fields = {"model_type": "llava", "text_config": text, "vocab_size": 32000}
    assert config_from_hf(fields).vocab_size == 32000
    with pytest.raises(UnsupportedModel, match="vocab_size is 9 but inside it is 32000"):
        config_from_hf(fields | {"vocab_size": 9})
    with pytest.raises(UnsupportedModel, match="tie_word_embeddings is not there"):
        config_from_hf({"model_type": "mistral3", "text_config": {"model_type": "mistral"}})


def test_the_writer_of_a_reader_and_a_writer_says_itself_if_its_head_is_tied():
    fields = {"model_type": "vision-encoder-decoder", "tie_word_embeddings": False}
    fields["encoder"] = {"model_type": "vit"}
    tied = config_from_hf(fields | {"decoder": {"model_type": "gpt2"}})
    own = config_from_hf(fields | {"decoder": {"model_type": "gpt2", "tie_word_embeddings": False}})
    assert count(own).total - count(tied).total == 50257 * 768
    with pytest.raises(UnsupportedModel, match="depths is .2, 2.; it must be a list of 4 numbers"):
        fields["decoder"] = {"model_type": "gpt2"}
        config_from_hf(fields | {"encoder": {"model_type": "donut-swin", "depths": [2, 2]}})


# What the library builds of a file that says nothing but its model_type (transformers 5.23).
@pytest.mark.parametrize("kind", families.wholes())
def test_a_whole_that_says_nothing_is_that_of_the_library_or_refused(kind):
    written = next(case for case in WHOLES if case[0]["model_type"] == kind)
    try:
        silent = count(config_from_hf({"model_type": kind})).total
    except UnsupportedModel as error:
        assert "is not there" in str(error) or "no default for it" in str(error)
    else:
        assert silent == written[1]["total"]


def test_a_projector_that_reads_several_layers_is_refused():
    with pytest.raises(UnsupportedModel, match="vision_feature_layer names more than one layer"):
        config_from_hf({"model_type": "llava", "vision_feature_layer": [-2, -5]})


def test_a_part_may_mean_other_defaults_by_a_name_that_it_shares():
    text = {"model_type": "llama", "hidden_size": 64}
    inside = config_from_hf({"model_type": "voxtral", "text_config": text})
    assert (inside.n_layers, config_from_hf(text).n_layers) == (30, 32)
    # Qwen3ASRForConditionalGeneration of transformers 5.23, where a file says nothing
    assert count(config_from_hf({"model_type": "qwen3_asr"})).total == 2_039_626_880


def test_a_file_of_before_the_parts_had_places_of_their_own():
    sizes = {"hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}
    flat = {"model_type": "qwen2_vl", "vision_config": {"depth": 2}} | sizes
    assert config_from_hf(flat) == config_from_hf(
        {"model_type": "qwen2_vl", "vision_config": {"depth": 2}, "text_config": sizes}
    )


@pytest.mark.parametrize("name", ["text_config", "llm_config", "language_config", "thinker_config"])
def test_a_language_model_is_found_where_makers_put_it(name, tmp_path):
    text = {"model_type": "qwen2", "num_hidden_layers": 2}
    if name == "thinker_config":
        text = {"model_type": "a_thinker", "text_config": text}
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "own", name: text}))
    with pytest.raises(UnsupportedModel, match=f"can be counted as FILE#{name}"):
        count_source(str(path))
    assert count_source(f"{path}#{name}").config.n_layers == 2
    if name != "thinker_config":
        path.write_text(json.dumps({"model_type": "own", name: text | {"num_adapters": 3}}))
        with pytest.raises(UnsupportedModel, match=f"nor can its {name} be counted: the f"):
            count_source(str(path))
    text["model_type"], text["text_config"] = "unknown", {"model_type": "unknown"}
    path.write_text(json.dumps({"model_type": "own", name: text}))
    with pytest.raises(UnsupportedModel, match=f"nor is that of its {name}, 'unknown'"):
        count_source(str(path))


def test_kimi_k2_has_the_arrays_of_deepseek_v3():
    config = catalog.find("kimi-k2").config
    fields = {
        "model_type": "kimi_k2", "architectures": ["DeepseekV3ForCausalLM"],
        "num_attention_heads": 64, "n_routed_experts": 384, "first_k_dense_replace": 1,
        "vocab_size": 163840, "num_key_value_heads": 64,
    }  # fmt: skip
    assert count(config_from_hf(fields)).total == count(config).total


@pytest.mark.parametrize(
    "also",
    [
        {"rope_theta": 1e9},  # Devstral and other Mistral models of 2025
        {"quantization": {"bits": 4, "group_size": 64}},  # as the library MLX writes it
        {"quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4"}},
        {"architectures": ["LLaMAForCausalLM"]},  # the spelling of 2023
        {"context_window_size": 2048, "prefill_chunk_size": 2048, "attention_sink_size": 4},
        {"license": "x", "author": "x", "created_date": "x", "internal_version": "7b"},
    ],
    ids=lambda also: next(iter(also)),
)
def test_what_real_files_say_beside_the_sizes_changes_no_count(also):
    plain = {"model_type": "llama", "num_hidden_layers": 2}
    assert count(config_from_hf(plain | also)).total == count(config_from_hf(plain)).total


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"quantization": "Q4"}, "quantization_config names no quant_method"),
        ({"rope_theta": -1.0}, "rope_theta is -1.0; it must be a positive number"),
        ({"model_type": "x", "text_config": {"model_type": "y"}}, "nor is that of its text_config"),
    ],
)
def test_what_they_may_not_say_is_refused_in_the_words_of_the_file(fields, message):
    with pytest.raises(UnsupportedModel, match=message):
        config_from_hf({"model_type": "llama"} | fields)


def test_a_file_without_a_model_type_is_no_configuration_of_a_model():
    with pytest.raises(UnsupportedModel, match="it names no model_type, so"):
        config_from_hf({"dim": 4096, "n_layers": 32})


def test_the_command_line_lists_every_family_with_its_classes_and_what_it_is_like(capsys):
    assert main(["families", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["model_type"] for each in listed] == list(FAMILIES)
    gptj = next(each for each in listed if each["model_type"] == "gptj")
    assert (gptj["classes"], gptj["like"]) == (["GPTJForCausalLM"], ["codegen", "gpt2"])
    assert main(["families"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(FAMILIES)
    assert "gptj GPTJForCausalLM codegen, gpt2" in [" ".join(line.split()) for line in lines]


# ------------------------------------------------------------------ the table itself

TEXTS = {"class", "like", "on", "finish", "harmless", "cycle", "kinds_in", "kinds_by", "note",
         "arrays", "lookbacks", "between_streams"}  # fmt: skip
TABLES = {"whole", "style", "sizes", "reads", "defaults", "experts", "latent", "state", "switches",
          "only", "window", "kinds", "by_class"}  # fmt: skip
OURS = {field.name for field in dataclasses.fields(ModelConfig)} - {"experts", "latent", "state"}
OURS |= {f"state.{field.name}" for field in dataclasses.fields(StateLayers)}
OURS |= {f"experts.{field.name}" for field in dataclasses.fields(Experts)}
OURS |= {f"latent.{field.name}" for field in dataclasses.fields(LatentAttention)}


def faults(rows: dict[str, Row]) -> list[str]:
    """Say what is wrong with a table of families."""
    rows = {name: row for name, row in rows.items() if name not in ("everywhere", "aliases")}
    found = []
    for name, row in rows.items():
        for key, value in row.items():
            of = {
                **dict.fromkeys(TEXTS, str),
                **dict.fromkeys(TABLES, dict),
                "flat": bool,
                "remote": bool,
            }
            if not isinstance(value, of.get(key, ())):
                found.append(f"{name}: {key} = {value!r} is no part of a row")
        found += [
            f"{name}: window has no {key}"
            for key in row.get("window", {})
            if key not in Window._fields
        ]
        line = [name]
        while (like := rows.get(line[-1], {}).get("like")) and like not in line:
            line.append(like)
        if like or line[-1] not in rows:
            found.append(f"{name}: like {like or line[-1]!r} leads nowhere")
    parts = {kind for row in rows.values() for kinds in row.get("whole", {}).values()
             for kind in families.kinds_of_a_part(kinds).values()}  # fmt: skip
    found += [
        f"{kind} is a part, but no row"
        for kind in parts - rows.keys() - {"*", "-"}
        if kind not in families.aliases()
    ]
    return found or [
        each for name in rows if "class" in rows[name] or name in parts
        for each in _faults(name, rows)
    ]  # fmt: skip


def _faults(name: str, rows: dict[str, Row]) -> list[str]:
    """Say what is wrong with a row, once it is sure that it is one."""
    row, own = resolve(name, rows.__getitem__), rows[name]
    sets = {*row.style, *row.reads, *(ours for names in row.kinds.values() for ours in names)}
    sets |= {ours for switch in row.switches for ours in {**switch.on, **switch.off}}
    sets |= {ours for values in row.by_class.values() for ours in values} - {"arrays", "not_in"}
    helps = {ours for ours in sets if ours.rpartition(".")[2].startswith("_")}
    wrong = {f"ModelConfig has no {ours}" for ours in sets - helps - OURS}
    wrong |= {f"{ours} is not read" for ours in _named(own) if ours not in row.reads}
    wrong |= {f"{ours} has no default" for ours, at in row.reads.items()
              if at.default is None and ours not in helps}  # fmt: skip
    needed = ("n_layers", "d_model", "n_heads", "vocab_size")
    if any(not ours.startswith("_") for ours in row.reads):  # those of a language model
        wrong |= {f"{ours} is missing" for ours in needed
                  if ours not in row.reads and ours not in row.style}  # fmt: skip
    wrong |= {f"finish has no {function}" for function in (*row.finish, row.kinds_by)
              if function and not _takes(function, ["values"])}  # fmt: skip
    if row.window and row.window.rule and not _takes(row.window.rule, ["fields", "n_layers"]):
        wrong.add(f"finish has no {row.window.rule}")
    switches = {switch.at.names[0] for switch in row.switches}
    wrong |= {f"{switch} is no switch" for switch in own.get("on", "").split()
              if switch not in switches}  # fmt: skip
    wrong |= {f"{field} is harmless in every family" for field in row.harmless & HARMLESS}
    wrong |= {f"{field} is read" for field in row.names_read & {*row.harmless, *row.only}}
    lists = [row.arrays, *(values.get("arrays", "") for values in row.by_class.values())]
    known = {ours.partition(".")[0].lstrip("_") for ours in (*sets, *OURS)} | SET_BY_FINISH
    known |= row.whole.keys()
    wrong |= {fault for text in lists for fault in _faults_of_arrays(text, known)}
    wrong |= {*_faults_of_lookbacks(row.lookbacks, known | BY_REACH)}
    wrong |= {*_names_not_set("between_streams", row.between_streams, known)}
    texts = [*own.get("switches", {}), *own.get("sizes", {}), *_leaves(own.get("reads", {}))]
    wrong |= {f"{text!r} does not say where it stands" for text in texts
              if not re.fullmatch(r"([\w.]+( [\w.]+)*( \| (null|0))*)?", text)}  # fmt: skip
    return [f"{name}: {each}" for each in sorted(wrong)]


# Helps that a function of finish gives to the lines of arrays, and what all of them may use.
SET_BY_FINISH = {
    name
    for module in finish.RULES.maps
    for name in re.findall(r'"_(\w+)"', Path(module["__file__"]).read_text("utf-8"))
}
SET_BY_FINISH |= {"n_labels", "len"}
BY_REACH = {"n_local", "n_local_own", "n_global", "n_global_own"}  # what lookbacks may use, too


def _faults_of_arrays(text: str, known: set[str]) -> Iterator[str]:
    """Say which lines are no arrays, or made of names that nothing sets."""
    for line in filter(None, map(str.strip, text.splitlines())):
        _, colon, rest = line.partition(": ")
        line, _, condition = line.partition(" if ")
        kind, _, *sizes = line.split()
        if not colon and kind not in arrays.KINDS:
            yield f"arrays: {line!r} is none"
        for each in [rest.rpartition(" x ")[0]] if colon else [*sizes, condition]:
            yield from _names_not_set("arrays", each, known)


def _faults_of_lookbacks(text: str, known: set[str]) -> Iterator[str]:
    """Say which lines set what Lookback has not, or are made of names that nothing sets."""
    for line in filter(None, map(str.strip, text.splitlines())):
        n_layers, _, *values = line.split()
        yield from _names_not_set("lookbacks", n_layers, known)
        for name, value in (each.split("=") for each in values):
            if name not in {field.name for field in dataclasses.fields(Lookback)}:
                yield f"lookbacks: Lookback has no {name}"
            yield from _names_not_set("lookbacks", value, known)


def _names_not_set(where: str, expression: str, known: set[str]) -> Iterator[str]:
    names = {node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)}
    yield from (f"{where}: nothing sets {name}" for name in sorted(names - known))


def _named(own: Row) -> set[str]:
    named = set(own.get("defaults", {}))
    return named | {
        f"{part}.{ours}" for part in ("experts", "latent", "state") for ours in own.get(part, {})
    }


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in _leaves(each)]
    return [value]


def _takes(name: str, parameters: list[str]) -> bool:
    function = finish.RULES.get(name)
    return (
        inspect.isfunction(function) and list(inspect.signature(function).parameters) == parameters
    )


def test_the_table_is_sound():
    assert faults(TABLE) == []


def test_an_alias_stands_for_a_row_and_is_none():
    for alias, row in families.aliases().items():
        assert row in model_types() and alias not in model_types()
        assert family(row).note == "" or alias not in TABLE


def test_a_row_read_alone_is_that_of_the_whole_file():
    assert {name: families.row(name) for name in TABLE} == TABLE
    known = tuple(name for name in TABLE if "class" in TABLE[name])
    assert tuple(name for name in known if "whole" not in TABLE[name]) == model_types()
    assert tuple(name for name in known if "whole" in TABLE[name]) == families.wholes()


DAMAGES = [
    ({"clas": "A"}, "clas = 'A' is no part of a row"),
    ({"harmless": ["a"]}, "harmless = ['a'] is no part of a row"),
    ({"like": "no row"}, "like 'no row' leads nowhere"),
    ({"like": "test"}, "like 'test' leads nowhere"),
    ({"style": {"n_layer": 1}}, "ModelConfig has no n_layer"),
    ({"style": {"experts": {"n": 1}}}, "ModelConfig has no experts.n"),
    ({"reads": {"n_gates": "num_gates"}, "defaults": {"n_gates": 1}}, "ModelConfig has no n_gates"),
    ({"reads": {"n_segments": "type_vocab_size"}}, "n_segments has no default"),
    ({"reads": {"n_layers": ""}}, "n_layers is missing"),
    ({"reads": {"n_ctx": "n_ctx | nul"}}, "'n_ctx | nul' does not say where it stands"),
    ({"defaults": {"n_segments": 2}}, "n_segments is not read"),
    ({"experts": {"n_active": 2}}, "experts.n_active is not read"),
    ({"switches": {"bias": "bias_qvk"}}, "ModelConfig has no bias_qvk"),
    ({"switches": {"bias | 1": "bias_qkv"}}, "'bias | 1' does not say where it stands"),
    ({"on": "bias"}, "bias is no switch"),
    ({"finish": "four_time"}, "finish has no four_time"),
    ({"finish": "local_in_gpt_neo"}, "finish has no local_in_gpt_neo"),
    ({"window": {"default": 0, "rule": "four_times"}}, "finish has no four_times"),
    ({"window": {"default": 0, "fall": "x"}}, "window has no fall"),
    ({"kinds": {"mamba": "mamba_layers"}}, "ModelConfig has no mamba_layers"),
    (
        {"arrays": "indexer: 2 x blocks.{i}\nmatrx q d_model 4"},
        "arrays: 'matrx q d_model 4' is none",
    ),
    ({"arrays": "indexer: indexer\nmatrix q d_modl 4"}, "arrays: nothing sets d_modl"),
    ({"arrays": "indexer: depth x i.{i}\nmatrix q 4 4"}, "arrays: nothing sets depth"),
    ({"lookbacks": "n_layers x reach=3"}, "lookbacks: Lookback has no reach"),
    ({"lookbacks": "n_far x kept=n_farther"}, "lookbacks: nothing sets n_farther"),
    ({"between_streams": "2*d_modl"}, "between_streams: nothing sets d_modl"),
    ({"sizes": {"depth | none": 1}}, "'depth | none' does not say where it stands"),
    ({"kinds_by": "four_time"}, "finish has no four_time"),
    ({"state": {"d_conv": 2}}, "state.d_conv is not read"),
    ({"harmless": "rope_theta"}, "rope_theta is harmless in every family"),
    ({"harmless": "hidden_size"}, "hidden_size is read"),
    ({"only": {"hidden_size": 8}}, "hidden_size is read"),
]


@pytest.mark.parametrize(("damage", "fault"), DAMAGES)
def test_a_damaged_row_is_found(damage, fault):
    rows = copy.deepcopy(TABLE) | {"test": {"class": "A", "like": "llama"}}
    assert faults(rows) == []
    rows["test"] |= damage
    assert f"test: {fault}" in faults(rows)


# LlavaConfig of transformers 5.23 on the meta device: a silent file means CLIP's large model, a
# silent field within what it says of the pictures the small one's.
@pytest.mark.parametrize(
    ("pictures", "total"),
    [
        (None, 303_672_256),
        ({}, 87_604_416),
        (
            {
                "hidden_size": 64,
                "intermediate_size": 96,
                "num_hidden_layers": 1,
                "num_attention_heads": 4,
            },
            332_832,
        ),  # fmt: skip
    ],
)
def test_a_silent_part_and_a_silent_field_have_defaults_of_their_own(pictures, total):
    text = dict(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, vocab_size=100,
        model_type="llama", num_attention_heads=4,
    )  # fmt: skip
    fields = {"model_type": "llava", "text_config": text, "vision_config": pictures}
    assert count(config_from_hf(fields)).total == total


def test_a_first_layer_with_experts_beyond_the_last_is_no_list_of_that_length():
    fields = {"model_type": "kimi_linear", "num_hidden_layers": 8, "first_k_dense_replace": 10**15}
    dense = count(config_from_hf(fields | {"first_k_dense_replace": 8}))
    assert count(config_from_hf(fields)).total == dense.total
    assert not dense.by_part.get("experts")
