"""Every family of paramlab.families against the transformers library, and against nonsense.

The library's counts are stored: tests/oracles/families.py says how they were made.
"""

import json
import random
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paramlab import catalog
from paramlab.errors import UnsupportedModel
from paramlab.families import FAMILIES, HARMLESS, PER_LAYER
from paramlab.files.source import count_source
from paramlab.huggingface import config_from_hf, notes_on
from paramlab.params import count, shapes

ORACLES = Path(__file__).parent / "oracles"
sys.path.insert(0, str(ORACLES))
from published_configs import COUNTED, REFUSED  # noqa: E402

VERSIONS, *LINES = map(
    json.loads, (ORACLES / "families.jsonl").read_text(encoding="utf-8").splitlines()
)
WRITTEN = [(fields, counts) for fields, counts in LINES if isinstance(fields, dict)]
PUBLISHED = {name: counts for name, counts in LINES if isinstance(name, str)}
BY_KIND = {kind: [f for f, _ in WRITTEN if f["model_type"] == kind] for kind in FAMILIES}
kinds = pytest.mark.parametrize("kind", FAMILIES)


def names_read(kind: str) -> set[str]:
    """Return the fields of a config.json that the count of a family depends on."""
    return {name for at in FAMILIES[kind].fields.values() for name in at.names.split()}


def a_model(kind: str) -> dict:
    """Return a small model of a family that is counted."""
    for fields in reversed(BY_KIND[kind]):
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
OPEN = ("is not a multiple of n_kv_heads", "num_experts_per_tok is null")


@pytest.mark.parametrize("case", WRITTEN, ids=lambda case: case[0]["model_type"])
def test_counts_equal_those_of_the_transformers_library_to_the_digit(case):
    fields, counts = case
    try:
        assert split(fields) == counts
    except UnsupportedModel as error:
        assert any(reason in str(error) for reason in OPEN)


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
    assert len(BY_KIND[kind]) >= 7
    assert VERSIONS["transformers"].startswith("5.")


@pytest.mark.parametrize("name", COUNTED)
def test_published_files_are_counted(name):
    assert split(COUNTED[name]) == PUBLISHED[name]


@pytest.mark.parametrize("name", REFUSED)
def test_other_published_files_are_refused_by_name(name):
    fields, reason = REFUSED[name]
    with pytest.raises(UnsupportedModel, match=reason):
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
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_a_longer_vocabulary_costs_its_rows(kind, data):
    fields = data.draw(st.sampled_from(BY_KIND[kind]))
    more = data.draw(st.integers(1, 10**6))
    try:
        config = config_from_hf(fields)
    except UnsupportedModel:
        return
    longer = config_from_hf(fields | {"vocab_size": config.vocab_size + more})
    row = config.d_embedding * (2 - config.tied) + config.bias_head
    assert count(longer).total - count(config).total == more * row


@kinds
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_larger_size_never_means_fewer_parameters(kind, data):
    fields = data.draw(st.sampled_from(BY_KIND[kind]))
    sizes = sorted(name for name in names_read(kind) if type(fields.get(name)) is int)
    inverse = {"decoder_sparse_step", "interleave_moe_layer_step", "moe_layer_interval",
               "first_k_dense_replace", "moe_layer_start_index", "num_attention_heads", "n_head",
               "num_heads", "n_heads", "num_ln_in_parallel_attn", "num_layers"}  # fmt: skip
    name = data.draw(st.sampled_from(sorted(set(sizes) - inverse)))
    larger = fields | {
        name: fields[name] * data.draw(st.integers(1, 4)) + data.draw(st.integers(0, 9))
    }
    try:
        before, after = count(config_from_hf(fields)), count(config_from_hf(larger))
    except UnsupportedModel:  # sizes that no longer fit each other
        return
    assert after.total >= before.total


@kinds
def test_fields_that_are_known_to_change_nothing_change_nothing(kind):
    rng = random.Random(kind)
    fields = a_model(kind)
    before = count(config_from_hf(fields))
    theirs = (HARMLESS | set(FAMILIES[kind].harmless.split())) - names_read(kind) - {*PER_LAYER}
    checked = {"auto_map", "architectures", "model_type", "quantization_config", "rope_parameters"}
    for name in sorted(theirs - checked - {"rope_theta"}):
        value = rng.choice([True, 3, 0.5, "x", [1, 2], {"a": 1}])
        assert count(config_from_hf(fields | {name: value})) == before


@kinds
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_anything_in_any_field_is_counted_or_refused(kind, data):
    fields = data.draw(st.sampled_from(BY_KIND[kind]))
    value = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
        max_leaves=6,
    )
    family = FAMILIES[kind]
    names = sorted(
        names_read(kind) | HARMLESS | {*family.harmless.split(), *family.only, *PER_LAYER}
    )
    changes = data.draw(st.dictionaries(st.sampled_from(names), value, min_size=1, max_size=3))
    try:
        counted = count(config_from_hf(fields | changes))
    except UnsupportedModel as error:
        assert len(str(error)) > 10
    else:
        assert type(counted.total) is int and counted.total > 0


# Of these the library does not build its default, or the default runs no expert.
NO_DEFAULT = {"ministral", "hunyuan_v1_dense", "hunyuan_v1_moe", "deepseek_v2"}


@pytest.mark.parametrize("kind", sorted(FAMILIES.keys() - NO_DEFAULT))
def test_a_file_that_says_nothing_means_what_the_library_writes(kind):
    # All of it: not only the sizes, but also the eps of the norms and the speed of the rotation.
    assert config_from_hf({"model_type": kind}) == config_from_hf(BY_KIND[kind][0])


# ------------------------------------------------------------------ refusals

EVERY_NAME = sorted(set().union(*map(names_read, FAMILIES)))


@kinds
def test_fields_of_other_families_are_refused_by_name(kind):
    fields, known = a_model(kind), names_read(kind) | HARMLESS
    known |= {*FAMILIES[kind].harmless.split(), *FAMILIES[kind].only, *PER_LAYER}
    for name in [*EVERY_NAME, "something_new", "num_memory_slots", "ssm_state_size"]:
        if name not in known:
            with pytest.raises(UnsupportedModel, match=f"the field '{name}' is not known here"):
                config_from_hf(fields | {name: 7})
            config_from_hf(fields | {name: None})
            config_from_hf(fields | {name: False})


@kinds
def test_values_of_a_wrong_type_are_refused_by_name(kind):
    fields, family = a_model(kind), FAMILIES[kind]
    for ours, at in family.fields.items():
        name = at.names.split()[0]
        if at.default is None or ours.endswith("norm_eps"):
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
    for class_name in FAMILIES[kind].classes.split():
        config_from_hf(fields | {"architectures": [class_name]})


@kinds
def test_layers_that_hold_other_arrays_are_refused(kind):
    fields = a_model(kind)
    n_layers = config_from_hf(fields).n_layers
    for other in ("mamba", "linear_attention", "gated_delta_net", 7):
        if (kind, other) != ("minimax", "linear_attention"):
            with pytest.raises(UnsupportedModel, match=f"layer_types names {other!r}"):
                config_from_hf(fields | {"layer_types": [other] * n_layers})
    with pytest.raises(UnsupportedModel, match=f"{n_layers + 1} layers, but there are {n_layers}"):
        config_from_hf(fields | {"layer_types": ["full_attention"] * (n_layers + 1)})


CONTRADICTIONS = [
    ("gpt2", {"n_embd": 96, "hidden_size": 48}, "n_embd is 96 but hidden_size is 48"),
    ("bloom", {"hidden_size": 64, "n_embed": 32}, "hidden_size is 64 but n_embed is 32"),
    ("mixtral", {"num_local_experts": 8, "num_experts": 4}, "is 8 but num_experts is 4"),
    ("mixtral", {"num_experts_per_tok": 9}, "n_active 9 is not between 1 and n_experts 8"),
    ("llama", {"num_key_value_heads": 5}, "n_heads 32 is not a multiple of n_kv_heads 5"),
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
    ("llama", {"quantization_config": {"quant_method": "hqq"}}, "names 'hqq'"),
    ("llama", {"auto_map": {"AutoModelForCausalLM": "own.OwnLlama"}}, "code of its own"),
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


def test_lightning_layers_are_those_the_file_names():
    fields = {"model_type": "minimax", "num_hidden_layers": 4}
    assert config_from_hf(fields).lightning_layers == (1, 3)
    kinds = ["linear_attention", "full_attention", "full_attention", "linear_attention"]
    assert config_from_hf(fields | {"layer_types": kinds}).lightning_layers == (0, 3)


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
    quantized, predicts_more = notes_on(COUNTED["deepseek-ai/DeepSeek-V3"])
    assert quantized == "quantized (fp8): the weights are counted, not their scales"
    assert predicts_more.startswith("num_nextn_predict_layers is 1: modules that predict")
    assert notes_on(COUNTED["openai-community/gpt2"]) == []


def test_the_language_model_of_a_file_that_describes_several(tmp_path):
    fields, _ = REFUSED["google/gemma-3-4b-pt"]
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


def test_rows_of_the_table_are_complete():
    ours = Counter(name for family in FAMILIES.values() for name in family.style | family.fields)
    for needed in ("n_layers", "d_model", "n_heads", "vocab_size"):
        assert ours[needed] == len(FAMILIES)
    for kind, family in FAMILIES.items():
        assert not set(family.harmless.split()) & names_read(kind), kind
