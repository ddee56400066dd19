"""The second model, all-MiniLM-L6-v2: equal to the transformers library, from text to vector."""

import json
from pathlib import Path

import numpy as np
import pytest
from paramlab import count, generate, load_model, transformer
from paramlab.errors import ModelFileError, UnsupportedModel
from paramlab.files.real_model import SECOND_MODEL
from paramlab.files.source import count_source
from paramlab.files.store import save_model
from paramlab.tree import Model
from paramlab.wordpiece import WordPiece

ORACLE = json.loads((Path(__file__).parent / "oracles" / "second_model.json").read_text())


@pytest.fixture(scope="module")
def second(second_path: Path) -> Model:
    """Return the second model."""
    return load_model(SECOND_MODEL)


@pytest.mark.parametrize("expected", ORACLE["texts"], ids=lambda text: text["text"][:20])
def test_text_to_features_as_the_transformers_library_computes_them(second, expected):
    tokens = second.tokenizer.encode(expected["text"])[: second.config.n_ctx]
    assert tokens == expected["tokens"]
    found = transformer.features(second.params, second.config, tokens)
    for name, row in {"first": found[0], "last": found[-1], "mean": found.mean(axis=0)}.items():
        assert np.abs(row - expected[name]).max() < 1e-5, name


def test_its_parameters(second, second_path):
    n = count(second.config)
    assert (n.total, n.bias, n.by_role["norm bias"]) == (22_713_216, 21_120, 4_992)
    counted = count_source(str(second_path)).count
    assert (counted.total, counted.buffers) == (n.total, 512)
    assert count_source(str(second_path.with_name("config.json"))).count.total == n.total


def test_a_folder_that_holds_it_loads(second, second_path):
    again = load_model(second_path.parent)
    assert again.config == second.config and isinstance(again.tokenizer, WordPiece)
    assert (again.params["blocks"][5]["mlp"]["up"]["bias"]
            == second.params["blocks"][5]["mlp"]["up"]["bias"]).all()  # fmt: skip


def test_a_place_beyond_its_table_is_refused(second):
    with pytest.raises(ValueError, match="513 tokens do not fit into this model's window of 512"):
        transformer.features(second.params, second.config, [101] * 513)


def test_it_continues_no_text_and_is_not_saved_with_its_tokenizer(second, tmp_path):
    with pytest.raises(ValueError, match="reads texts as a whole; it continues none"):
        generate("The capital", second)
    with pytest.raises(UnsupportedModel, match="of the type WordPiece cannot be saved"):
        save_model(tmp_path / "a.safetensors", second)
    save_model(tmp_path / "a.safetensors", second._replace(tokenizer=None))
    assert load_model(tmp_path / "a.safetensors").config == second.config


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (None, "the model all-minilm-l6-v2 is not at .*; fetch it with: paramlab fetch"),
        ("elsewhere", "PARAMLAB_SECOND_MODEL names .*elsewhere, where there is no file"),
    ],
)
def test_where_it_is_not_the_message_says_how_to_get_it(monkeypatch, tmp_path, named, message):
    monkeypatch.delenv("PARAMLAB_SECOND_MODEL", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    if named:
        monkeypatch.setenv("PARAMLAB_SECOND_MODEL", str(tmp_path / named))
    with pytest.raises(ModelFileError, match=message):
        load_model(SECOND_MODEL)


def test_another_form_of_gelu_is_refused(second_path, tmp_path):
    fields = json.loads(second_path.with_name("config.json").read_text())
    (tmp_path / "model.safetensors").symlink_to(second_path)
    (tmp_path / "config.json").write_text(json.dumps(fields | {"hidden_act": "gelu_new"}))
    with pytest.raises(UnsupportedModel, match="hidden_act is 'gelu_new', which does not run here"):
        load_model(tmp_path)
