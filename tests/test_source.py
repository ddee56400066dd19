import csv
import json
from pathlib import Path

import numpy as np
import pytest
import weight_files as files
from hypothesis import given, settings
from hypothesis import strategies as st
from paramlab import catalog
from paramlab.errors import UnsupportedModel
from paramlab.files.architecture import config_from_gguf
from paramlab.files.config_json import read_config_json
from paramlab.files.gguf import read_gguf
from paramlab.files.hugging_face import config_from_hf
from paramlab.files.names import arrays_from_gguf, arrays_from_safetensors
from paramlab.files.safetensors import read_safetensors
from paramlab.files.source import count_source
from paramlab.params import count, shapes

CONFIGS = Path(__file__).parent / "oracles" / "configs"


def counted_by_transformers() -> dict[str, int]:
    with open(CONFIGS / "counts.csv", encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        return {row["config"]: int(row["total"]) for row in csv.DictReader(lines)}


def fields(name: str) -> dict:
    return json.loads((CONFIGS / f"{name}.json").read_text(encoding="utf-8"))


GPT2, LLAMA = fields("gpt2-small"), fields("llama-grouped-queries")


# ------------------------------------------------------------------ config.json


@pytest.mark.parametrize("name", counted_by_transformers())
def test_a_config_counts_as_the_transformers_library_counts_its_model(name):
    path = CONFIGS / f"{name}.json"
    counted = count_source(str(path))
    assert counted.count.total == counted_by_transformers()[name]
    assert (counted.name, counted.basis) == (str(path), "config")


def test_every_stored_config_has_a_count():
    assert {path.stem for path in CONFIGS.glob("*.json")} == counted_by_transformers().keys()


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("gpt2-small", "gpt2-small"),
        ("gpt2-2019", "gpt2-medium"),
        ("llama-7b", "llama-7b"),
        ("llama3.1-8b", "llama3.1-8b"),
        ("smollm2-135m", "smollm2-135m"),
    ],
)
def test_a_config_is_the_architecture_of_the_catalog(name, slug):
    ours, published = read_config_json(CONFIGS / f"{name}.json"), catalog.find(slug).config
    assert list(shapes(ours)) == list(shapes(published))
    assert ours.n_ctx == published.n_ctx


def test_what_the_forward_pass_needs_is_read_too():
    config = config_from_hf(fields("llama3.1-8b"))
    assert (config.norm_eps, config.rope_theta, config.activation) == (1e-5, 500_000.0, "silu")
    assert config_from_hf(LLAMA | {"rope_parameters": {"rope_theta": 7.0}}).rope_theta == 7.0


def test_reading_a_config_does_not_change_it():
    given_fields = dict(fields("gpt2-other-names"))
    config_from_hf(given_fields)
    assert given_fields == fields("gpt2-other-names")


HARMLESS = {
    "torch_dtype": "float16", "dtype": "bfloat16", "use_cache": False, "return_dict": True,
    "_name_or_path": "somewhere/else", "id2label": {"0": "A"}, "label2id": {"A": 0},
    "task_specific_params": {"text-generation": {"max_length": 50}}, "gradient_checkpointing": True,
    "transformers_version": "4.9.0", "temperature": 0.7, "max_length": 20, "pad_token_id": 0,
    "_attn_implementation_autoset": True, "unsloth_version": "2024.9", "output_past": True,
    "tokenizer_class": "GPT2Tokenizer", "attention_dropout": 0.1, "initializer_range": 0.01,
    "eos_token_id": [1, 2], "pruned_heads": {}, "add_cross_attention": False,
    "is_encoder_decoder": False, "quantization_config": None, "something_new": None,
    "cross_attention_hidden_size": None, "tie_encoder_decoder": False, "num_labels": 0,
}  # fmt: skip


@pytest.mark.parametrize("base", [GPT2, LLAMA], ids=["gpt2", "llama"])
@pytest.mark.parametrize("field", HARMLESS)
def test_fields_of_real_files_that_add_no_parameter_are_accepted(base, field):
    assert count(config_from_hf(base | {field: HARMLESS[field]})) == count(config_from_hf(base))


@pytest.mark.parametrize("base", [GPT2, LLAMA], ids=["gpt2", "llama"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"add_cross_attention": True}, "'add_cross_attention' is not known here"),
        ({"is_encoder_decoder": True}, "'is_encoder_decoder' is not known here"),
        ({"pruned_heads": {"0": [1]}}, "'pruned_heads' is not known here"),
        ({"num_local_experts": 8}, "'num_local_experts' is not known here"),
        ({"quantization_config": {"bits": 4}}, "quantization_config .*not known here"),
        ({"auto_map": {"AutoModel": "x.y"}}, "auto_map .*not known here"),
        ({"something_new": float("nan")}, "'something_new' is not known here"),
        ({"model_type": "no-such"}, "model type 'no-such' is not known here"),
        ({"model_type": "GPT2"}, "model type 'GPT2' is not known here"),
        ({"model_type": None}, "model type None is not known here"),
        ({"model_type": ["llama"]}, r"model type \['llama'\] is not known here"),
        ({"architectures": ["GPT2DoubleHeadsModel"]}, "GPT2DoubleHeadsModel"),
        ({"architectures": ["LlamaForQuestionAnswering"]}, "LlamaForQuestionAnswering"),
        ({"architectures": "GPT2LMHeadModel"}, "architectures is 'GPT2LMHeadModel'"),
        ({"vocab_size": 100.0}, "vocab_size is 100.0"),
        ({"vocab_size": "100"}, "vocab_size is '100'"),
        ({"vocab_size": True}, "vocab_size is True"),
        ({"vocab_size": 0}, "vocab_size is 0"),
        ({"vocab_size": -1}, "vocab_size is -1"),
        ({"vocab_size": float("nan")}, "vocab_size is nan"),
        ({"vocab_size": 10**12}, "vocab_size is 1000000000000"),
        ({"vocab_size": [100]}, r"vocab_size is \[100\]"),
        ({"tie_word_embeddings": "false"}, "tie_word_embeddings is 'false'"),
        ({"tie_word_embeddings": 0}, "tie_word_embeddings is 0"),
    ],
)
def test_what_might_change_the_count_is_refused_by_name(base, change, reason):
    with pytest.raises(UnsupportedModel, match=reason):
        config_from_hf(base | change)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"n_head": 7}, "n_embd 768 is not divisible by n_head 7"),
        ({"n_ctx": 512}, "n_positions is 1024 but n_ctx is 512"),
        ({"hidden_size": 1024}, "n_embd is 768 but hidden_size is 1024"),
        ({"num_hidden_layers": 13}, "n_layer is 12 but num_hidden_layers is 13"),
        ({"max_position_embeddings": 1}, "n_positions is 1024 but max_position_embeddings is 1"),
        ({"n_inner": 0}, "n_inner is 0"),
        ({"n_embd": "768"}, "n_embd is '768'"),
        ({"activation_function": "prelu"}, "activation 'prelu' is not known here"),
        ({"intermediate_size": 5}, "'intermediate_size' is not known here"),
        ({"layer_norm_epsilon": "small"}, "layer_norm_epsilon is 'small'"),
    ],
)
def test_contradictions_in_a_gpt2_config_are_refused(change, reason):
    with pytest.raises(UnsupportedModel, match=reason):
        config_from_hf(GPT2 | change)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"num_key_value_heads": 3},
            "num_attention_heads 8 is not a multiple of num_key_value_heads 3",
        ),
        ({"num_key_value_heads": 0}, "num_key_value_heads is 0"),
        ({"num_attention_heads": 6, "head_dim": None}, "is not a multiple|is not divisible"),
        ({"head_dim": 0}, "head_dim is 0"),
        ({"head_dim": 16.5}, "head_dim is 16.5"),
        ({"attention_bias": "no"}, "attention_bias is 'no'"),
        ({"mlp_bias": 1}, "mlp_bias is 1"),
        ({"hidden_act": "xielu"}, "activation 'xielu' is not known here"),
        ({"rope_parameters": "default"}, "rope_parameters is not an object"),
        ({"rope_theta": "10000"}, "rope_theta is '10000'"),
        ({"n_layer": 3}, "'n_layer' is not known here"),
    ],
)
def test_contradictions_in_a_llama_config_are_refused(change, reason):
    with pytest.raises(UnsupportedModel, match=reason):
        config_from_hf(LLAMA | change)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([GPT2, LLAMA]), st.data())
def test_any_value_in_any_field_is_counted_or_refused(base, data):
    names = st.sampled_from(sorted(GPT2.keys() | LLAMA.keys() | HARMLESS.keys()))
    changes = data.draw(st.dictionaries(names, anything, min_size=1, max_size=3))
    try:
        config = config_from_hf(base | changes)
    except UnsupportedModel:
        return
    assert type(count(config).total) is int and count(config).total > 0


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([GPT2, LLAMA]), st.sets(st.sampled_from(sorted(GPT2.keys() | LLAMA.keys()))))
def test_missing_fields_take_the_defaults(base, dropped):
    kept = {name: value for name, value in base.items() if name not in dropped - {"model_type"}}
    try:
        config = config_from_hf(kept)
    except UnsupportedModel as error:  # a default that does not fit the rest
        assert "not a multiple" in str(error) or "not divisible" in str(error)
    else:
        assert dropped or config == config_from_hf(base)


def test_the_file_is_named_in_the_message(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"model_type": "no-such"}')
    with pytest.raises(
        UnsupportedModel, match="config.json: the model type 'no-such' is not known"
    ):
        count_source(str(path))


# ------------------------------------------------------------------ weight files


def write(folder: Path, kind: str, arrays, **metadata) -> str:
    """Write a tiny file of a kind such as "llama gguf" and return its path."""
    family, suffix = kind.split()
    if suffix == "gguf":
        return str(files.write_gguf(folder / "tiny.gguf", family, arrays, **metadata))
    return str(files.write_safetensors(folder / "tiny.safetensors", arrays))


SHAPES = {
    "llama gguf": files.LLAMA_GGUF,
    "gpt2 gguf": files.GPT2_GGUF,
    "llama safetensors": files.LLAMA_HF,
    "gpt2 safetensors": files.GPT2_HF,
}
kinds = pytest.mark.parametrize("kind", SHAPES)
TABLE_AND_HEAD = {
    "llama gguf": ("token_embd.weight", "output.weight"),
    "gpt2 gguf": ("token_embd.weight", "output.weight"),
    "llama safetensors": ("model.embed_tokens.weight", "lm_head.weight"),
    "gpt2 safetensors": ("wte.weight", "lm_head.weight"),
}


@kinds
def test_a_weight_file_holds_as_many_parameters_as_numbers(tmp_path, kind):
    counted = count_source(write(tmp_path, kind, files.random_arrays(SHAPES[kind])))
    assert counted.count.total + counted.count.buffers == files.n_numbers(SHAPES[kind])
    masks = files.L * files.T**2 if kind == "gpt2 safetensors" else 0
    assert counted.count.buffers == masks
    assert counted.basis == "weights"
    assert counted.name == ("tiny" if "gguf" in kind else "tiny.safetensors")


def test_both_formats_give_the_same_count(tmp_path):
    by_kind = {
        kind: count_source(write(tmp_path, kind, files.random_arrays(SHAPES[kind]))).count
        for kind in SHAPES
    }
    assert by_kind["llama gguf"] == by_kind["llama safetensors"]
    assert by_kind["gpt2 gguf"].by_role == by_kind["gpt2 safetensors"].by_role


@kinds
def test_a_head_that_is_missing_or_copied_is_the_token_table(tmp_path, kind):
    table, head = TABLE_AND_HEAD[kind]
    arrays = files.random_arrays(SHAPES[kind])
    arrays.pop(head, None)
    tied = count_source(write(tmp_path, kind, arrays)).count
    copied = count_source(write(tmp_path, kind, {**arrays, head: arrays[table]})).count
    assert tied == copied
    assert tied.tied == files.V * files.D
    assert tied.active_without_input_table == tied.total  # the table is multiplied by, as the head


def test_a_head_of_gpt2_stored_in_another_type_is_refused_in_gguf(tmp_path):
    arrays = files.random_arrays(files.GPT2_GGUF)
    arrays["output.weight"] = arrays["token_embd.weight"].astype(np.float16)
    with pytest.raises(UnsupportedModel, match="may repeat the token table"):
        count_source(write(tmp_path, "gpt2 gguf", arrays))


BIASED = {
    "queries, keys, values": (("attn_q.", "attn_k.", "attn_v.", "q_proj", "k_proj", "v_proj"), 32),
    "output": (("attn_output", "o_proj"), 16),
    "MLP": (("ffn_gate", "ffn_up", "ffn_down", "gate_proj", "up_proj", "down_proj"), 24 + 24 + 16),
}


@pytest.mark.parametrize("kind", ["llama gguf", "llama safetensors"])
@pytest.mark.parametrize("where", BIASED)
def test_biases_of_linear_maps_are_counted_as_biases(tmp_path, kind, where):
    maps, n = BIASED[where]
    arrays = files.random_arrays(SHAPES[kind])
    plain = count_source(write(tmp_path, kind, arrays)).count
    for name in list(arrays):
        if any(part in name for part in maps):
            arrays[name.replace(".weight", ".bias")] = arrays[name][:, 0].copy()
    biased = count_source(write(tmp_path, kind, arrays)).count
    assert biased.bias == biased.total - plain.total == files.L * n


@pytest.mark.parametrize(
    ("kind", "name", "width"),
    [
        ("llama gguf", "blk.0.attn_norm.bias", files.D),  # a LayerNorm is not Llama's norm
        ("llama gguf", "blk.1.attn_q.bias", files.D),  # in one layer only
        ("llama gguf", "blk.2.attn_norm.weight", files.D),  # a third layer, begun
        ("llama safetensors", "model.norm.bias", files.D),
        ("llama safetensors", "model.layers.1.mlp.up_proj.bias", files.F),
        ("llama safetensors", "lm_head.bias", files.V),
        ("gpt2 gguf", "blk.0.attn_q.bias", files.D),  # beside the fused one
        ("gpt2 gguf", "output.bias", files.V),
        ("gpt2 safetensors", "lm_head.bias", files.V),
    ],
)
def test_a_known_tensor_where_the_architecture_has_none_is_refused(tmp_path, kind, name, width):
    arrays = files.random_arrays(SHAPES[kind] | {name: (width,)})
    with pytest.raises(
        UnsupportedModel, match="is not part of this architecture|holds 3 layers|there twice"
    ):
        count_source(write(tmp_path, kind, arrays))


@kinds
def test_a_file_without_one_of_its_tensors_is_refused(tmp_path, kind):
    arrays = files.random_arrays(SHAPES[kind])
    _, head = TABLE_AND_HEAD[kind]
    masks = {f"h.{i}.attn.bias" for i in range(files.L)}  # no parameters
    for name in arrays.keys() - {head} - masks:
        with pytest.raises(UnsupportedModel):
            count_source(write(tmp_path, kind, {k: v for k, v in arrays.items() if k != name}))


# Nothing else in these files says how many words or positions there are.
ONLY_PLACE = {
    "gpt2 gguf": ["token_embd.weight"],
    "gpt2 safetensors": ["wte.weight", "wpe.weight", *(f"h.{i}.attn.bias" for i in range(files.L))],
}


@kinds
def test_a_file_with_a_tensor_of_another_shape_is_refused(tmp_path, kind):
    arrays = files.random_arrays(SHAPES[kind])
    for name in arrays.keys() - set(ONLY_PLACE.get(kind, [])):
        longer = np.concatenate([arrays[name], arrays[name]])
        with pytest.raises(UnsupportedModel):
            count_source(write(tmp_path, kind, arrays | {name: longer}))


@pytest.mark.parametrize("kind", ONLY_PLACE)
def test_more_words_or_positions_are_another_model(tmp_path, kind):
    arrays = files.random_arrays(SHAPES[kind])
    for name in ONLY_PLACE[kind]:
        longer = arrays | {name: np.concatenate([arrays[name], arrays[name]])}
        counted = count_source(write(tmp_path, kind, longer)).count
        assert counted.total + counted.buffers == files.n_numbers(SHAPES[kind]) + arrays[name].size


@kinds
def test_a_tensor_that_is_not_known_is_refused_by_name(tmp_path, kind):
    arrays = files.random_arrays(SHAPES[kind])
    arrays["blk.0.ssm_a.weight"] = arrays[TABLE_AND_HEAD[kind][0]]
    with pytest.raises(UnsupportedModel, match="'blk.0.ssm_a.weight' is not part of"):
        count_source(write(tmp_path, kind, arrays))


@pytest.mark.parametrize(
    "change",
    [
        {"block_count": 3}, {"block_count": None}, {"embedding_length": 8},
        {"feed_forward_length": 25}, {"feed_forward_length": None},
        {"attention.head_count": None}, {"attention.head_count": 3},
        {"attention.head_count_kv": 4}, {"attention.head_count_kv": 3},
        {"attention.key_length": 8}, {"expert_count": 8}, {"context_length": None},
    ],
    ids=str,
)  # fmt: skip
def test_metadata_that_contradict_the_tensors_are_refused(tmp_path, change):
    path = write(tmp_path, "llama gguf", files.random_arrays(files.LLAMA_GGUF), **change)
    with pytest.raises(UnsupportedModel):
        count_source(path)


def test_an_unknown_gguf_architecture_is_refused_by_name(tmp_path):
    arrays = files.random_arrays(files.LLAMA_GGUF)
    path = files.write_gguf(tmp_path / "a.gguf", "mamba", arrays)
    with pytest.raises(UnsupportedModel, match="architecture 'mamba' is not known here"):
        count_source(str(path))


def test_frequencies_of_rope_are_buffers(tmp_path):
    arrays = files.random_arrays(files.LLAMA_GGUF | {"rope_freqs.weight": (2,)})
    counted = count_source(write(tmp_path, "llama gguf", arrays)).count
    assert (counted.total, counted.buffers) == (files.n_numbers(files.LLAMA_GGUF), 2)


def test_the_prefix_of_gpt2_files_may_be_there_or_not_but_not_both(tmp_path):
    arrays = files.random_arrays(files.GPT2_HF)
    prefixed = {f"transformer.{name}": array for name, array in arrays.items()}
    path = str(files.write_safetensors(tmp_path / "a.safetensors", prefixed))
    assert (
        count_source(path).count.total
        == count_source(write(tmp_path, "gpt2 safetensors", arrays)).count.total
    )
    path = str(files.write_safetensors(tmp_path / "b.safetensors", prefixed | arrays))
    with pytest.raises(UnsupportedModel, match="is there twice"):
        count_source(path)


@pytest.mark.parametrize("kind", ["llama gguf", "llama safetensors"])
def test_tensors_get_the_names_of_the_enumerator(tmp_path, kind):
    path = write(tmp_path, kind, files.random_arrays(SHAPES[kind]))
    gguf = path.endswith("gguf")
    header = read_gguf(path) if gguf else read_safetensors(path)
    arrays = (arrays_from_gguf if gguf else arrays_from_safetensors)(header)
    assert [tensor.shape for tensor in header.tensors] == [array.shape for array in arrays]
    config = config_from_gguf(
        read_gguf(write(tmp_path, "llama gguf", files.random_arrays(files.LLAMA_GGUF)))
    )
    ours = {a.name: (sorted(a.shape), a.role, a.part) for a in shapes(config)}
    assert ours == {a.name: (sorted(a.shape), a.role, a.part) for a in arrays}


def test_a_name_inside_a_file_that_cannot_be_printed_gives_way_to_the_file_name(tmp_path):
    arrays = files.random_arrays(files.LLAMA_GGUF)
    path = files.write_gguf(tmp_path / "a.gguf", "llama", arrays)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"tiny", b"\x1b[2J"))
    assert count_source(str(path)).name == "a.gguf"


def test_the_real_model_has_134_515_008_parameters(real_path):
    counted = count_source(str(real_path))
    assert (counted.count.total, counted.basis) == (134_515_008, "weights")
    assert counted.count == count(catalog.find("smollm2-135m").config)


# ------------------------------------------------------------------ names


def test_a_published_model_comes_with_its_basis_and_source():
    counted = count_source("gpt3-175b")
    assert (counted.name, counted.basis) == ("GPT-3 175B", "inferred")
    assert counted.count.total == 174_604_259_328
    assert "source: 2005.14165 Table 2.1 (nominal) and Table D.1 (params in M)" in counted.notes


@pytest.mark.parametrize(
    "model", [m for m in catalog.published() if not m.config], ids=lambda m: m.slug
)
def test_what_has_no_configuration_is_not_counted(model):
    with pytest.raises(LookupError) as error:
        count_source(model.slug)
    assert model.name in str(error.value) and model.source in str(error.value)
    assert model.published_total in str(error.value) or model.quoted_params


def test_a_file_of_another_kind_is_refused_but_does_not_hide_a_catalog_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("hello")
    Path("gpt2-small").write_text("hello")
    with pytest.raises(UnsupportedModel, match="notes.txt: it is not a .json, .gguf or"):
        count_source("notes.txt")
    assert count_source("gpt2-small").count.total == 124_439_808
