"""What is said beside a number, and in place of one: in the words of the file, nothing silent."""

import json
import re
from dataclasses import replace
from pathlib import Path

import paramlab
import pytest
from paramlab import catalog
from paramlab.cli import main
from paramlab.compare import compare
from paramlab.errors import UnsupportedModel
from paramlab.files.hugging_face import config_from_hf, notes_on
from paramlab.reports import comparison_as_json, comparison_as_text


def refused(fields: dict) -> str:
    with pytest.raises(UnsupportedModel) as caught:
        config_from_hf(fields)
    return str(caught.value)


# ------------------------------------------------------------------ what the numbers rest on


def test_every_size_that_was_not_in_the_file_is_named():
    qwen = {"model_type": "qwen3", "num_hidden_layers": 36}
    (note,) = notes_on(qwen)
    assert note == (
        "8 sizes are not in the file but the library's defaults: hidden_size 4096, "
        "num_attention_heads 32, num_key_value_heads 32, head_dim 128, intermediate_size 22016, "
        "vocab_size 151936, max_position_embeddings 32768"
    ).replace("8 sizes", "7 sizes")
    preset = {"model_type": "deepseek_v2", "hidden_size": 2048}
    assert "q_lora_rank 1536" in notes_on(preset)[0]  # the file of the hub has null here
    assert "q_lora_rank" not in notes_on(preset | {"q_lora_rank": None})[0]
    bert = dict(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        vocab_size=9, max_position_embeddings=9,
    )  # fmt: skip
    assert notes_on({"model_type": "bert"} | bert) == [
        "1 size is not in the file but the library's default: type_vocab_size 2"
    ]
    assert notes_on({"model_type": "bert", "type_vocab_size": 2} | bert) == []


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        # The three that public questions are about, and what their makers state.
        ("qwen2", {"max_position_embeddings": 32768, "rope_scaling": {
            "type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}},
         "rope_scaling (yarn, factor 4) stretches an original window of 32,768 tokens to 131,072"),
        ("llama", {"max_position_embeddings": 131072, "rope_scaling": {
            "rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192}},
         "(llama3, factor 8) stretches an original window of 8,192 tokens to 131,072"),
        ("deepseek_v3", {"max_position_embeddings": 163840, "rope_scaling": {
            "type": "yarn", "factor": 40, "original_max_position_embeddings": 4096}},
         "stretches an original window of 4,096 tokens to 163,840"),
        ("phi3", {"max_position_embeddings": 131072, "original_max_position_embeddings": 4096,
                  "rope_scaling": {"type": "longrope", "short_factor": [1], "long_factor": [1]}},
         "(longrope) stretches an original window of 4,096 tokens to 131,072"),
        ("llama", {"rope_scaling": {"type": "dynamic", "factor": 2.0}},
         "stretches an original window of 2,048 tokens to 4,096"),
        ("llama", {"rope_scaling": {"type": "dynamic", "factor": 1.0, "alpha": 1000.0}},
         "(dynamic, factor 1) changes rotations; 2,048 is its window as the file gives it"),
        ("llama", {"rope_scaling": {"type": "linear", "factor": 4.0}},
         "(linear, factor 4) divides positions; 2,048 is its window as the file gives it"),
        ("llama", {"rope_scaling": {"type": "yarn", "original_max_position_embeddings": "\x1b"}},
         "its sizes are 2048 and '\\x1b'"),
    ],
)  # fmt: skip
def test_a_stretched_window_is_told(kind, fields, said):
    assert any(said in note for note in notes_on({"model_type": kind} | fields))


@pytest.mark.parametrize("rope", [None, {}, [], "yarn", {"rope_type": "default"}, {"type": 3}])
def test_a_window_that_is_not_stretched_is_passed_over(rope):
    notes = notes_on({"model_type": "llama", "rope_scaling": rope})
    assert not [note for note in notes if "rope_scaling" in note]


def test_a_family_without_a_window_of_its_own_is_passed_over():
    assert notes_on({"model_type": "t5", "rope_scaling": {"type": "yarn", "factor": 2}}) != []


@pytest.mark.parametrize("kinds", [0.5, 3, True, {"a": 1}])
def test_kinds_of_layer_that_are_no_list_are_refused(kinds):
    fields = {"model_type": "nemotron_h", "hybrid_override_pattern": kinds}
    assert "hybrid_override_pattern is" in refused(fields)


def test_a_head_width_that_stays_does_not_follow():
    """From 405B to 8B all heads are 128 wide, so fewer heads are fewer parameters."""
    large, small = (catalog.find(name) for name in ("llama3.1-405b", "llama3.1-8b"))
    steps = {step.fields: step for step in compare(large.config, small.config)}
    assert steps[("n_heads",)].parameters < 0
    assert "d_head" not in steps[("d_model",)].following


def test_a_head_width_that_follows_stands_below_the_field_that_moved_it():
    gpt2 = catalog.find("gpt2-small").config
    wide = replace(gpt2, d_model=1200, d_head=0, d_embedding=0)
    (step,) = compare(gpt2, wide)
    assert step.following == {"d_head": (64, 100), "d_embedding": (768, 1200)}
    a = paramlab.count_source("gpt2-small")
    b = replace(a, name="wide", config=wide, count=paramlab.count(wide))
    text = comparison_as_text(a, b, [step], 1024)
    assert re.search(r"\nd_model +768 -> 1200 .*\n  so d_head +64 -> 100\n", text)
    assert comparison_as_json(a, b, [step], 1024)["steps"][0]["following"] == [
        "d_head", "d_embedding",
    ]  # fmt: skip


# ------------------------------------------------------------------ what is said in place of one


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"weight_map": {}, "metadata": {}}, "it is the index of weight files"),
        ({"tokenizer_class": "LlamaTokenizer"}, "a tokenizer_config.json; count the config.json"),
        ({"added_tokens": [], "model": {}}, "it is a tokenizer.json"),
        ({"image_processor_type": "x"}, "a preprocessor_config.json"),
        ({"producer": {"name": "modelopt"}, "quantization": {}}, "hf_quant_config.json"),
        ({"bits": 4, "group_size": 128}, "a quantize_config.json"),
        ({"bos_token_id": 1, "eos_token_id": 2, "transformers_version": "4.44.0"},
         "a generation_config.json"),
        ({"bos_token": "<s>"}, "a special_tokens_map.json"),
        ({"hidden_size": 8, "type_vocab_size": 2, "attention_probs_dropout_prob": 0.1},
         'a BERT of 2018: write "model_type": "bert" into it'),
        ({"hidden_size": 8}, 'write the kind of model into it, as "model_type"'),
        ({"a": 1}, "it names no model_type, so it is not the config.json of a model"),
        ({"peft_type": "LORA"}, "it describes an adapter ('LORA')"),
        ({"model_type": "qwen4"}, "'qwen4' is not known here; the nearest are qwen"),
        ({"model_type": "?"}, "'?' is not known here; see paramlab families"),
        ({"model_type": ["x"] * 10**6}, "['x', 'x', 'x', 'x', 'x', 'x', ...] is not known here"),
        ({"model_type": "llama", "auto_map": {
            "AutoConfig": "own.C", "AutoModel": "own.M", "AutoModelForCausalLM": "own.OwnLlama"}},
         "auto_map names code of its own for 'AutoModelForCausalLM', 'own.OwnLlama', not known"),
        ({"model_type": "gpt2", "n_head": 20},
         "n_embd (by default) 768 is not divisible by n_head 20"),
        ({"model_type": "llama", "hidden_size": 2 * 10**9}, "hidden_size is 2000000000; it must"),
    ],
)  # fmt: skip
def test_the_message_is_in_the_words_of_the_file(fields, said):
    assert said in refused(fields)


def test_a_file_without_a_model_type_is_read_by_its_class():
    fields = {"architectures": ["GPT2LMHeadModel"], "n_layer": 3}
    assert config_from_hf(fields) == config_from_hf({"model_type": "gpt2", "n_layer": 3})
    assert notes_on(fields)[0] == "it names no model_type; read as gpt2, by its architectures"
    for classes in (["NoSuchModel"], [], "GPT2LMHeadModel", [["x"]], [{}]):
        assert "it names no model_type" in refused({"architectures": classes})


@pytest.mark.parametrize("name", ["gpt3-175b", Path("config.json")])
def test_a_caller_in_python_is_told_what_counts_a_name(name):
    with pytest.raises(TypeError, match="count_source.* counts a name or a file"):
        paramlab.count(name)


def test_what_a_count_rests_on_is_in_its_json_too(tmp_path, capsys):
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    assert main(["count", str(tmp_path / "config.json"), "--json"]) == 0
    (note,) = json.loads(capsys.readouterr().out)["notes"]
    assert note.startswith("5 sizes are not in the file")
