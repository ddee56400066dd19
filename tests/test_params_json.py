"""Meta's and Mistral's own params.json give the published counts."""

import json

import pytest
from paramlab import catalog, count
from paramlab.errors import UnsupportedModel
from paramlab.files.source import count_source

# As Meta and Mistral published them (the vocabulary of Llama 1 and 2, there -1, written out).
LLAMA_7B = {"dim": 4096, "multiple_of": 256, "n_heads": 32, "n_layers": 32, "norm_eps": 1e-06,
            "vocab_size": 32000}  # fmt: skip
LLAMA2_70B = {"dim": 8192, "multiple_of": 4096, "ffn_dim_multiplier": 1.3, "n_heads": 64,
              "n_kv_heads": 8, "n_layers": 80, "norm_eps": 1e-05, "vocab_size": 32000}  # fmt: skip
LLAMA31_8B = {"dim": 4096, "ffn_dim_multiplier": 1.3, "multiple_of": 1024, "n_heads": 32,
              "n_kv_heads": 8, "n_layers": 32, "norm_eps": 1e-05, "rope_theta": 500000.0,
              "use_scaled_rope": True, "vocab_size": 128256}  # fmt: skip
MISTRAL_7B = {"dim": 4096, "n_layers": 32, "head_dim": 128, "hidden_dim": 14336, "n_heads": 32,
              "n_kv_heads": 8, "norm_eps": 1e-05, "sliding_window": 4096,
              "vocab_size": 32000}  # fmt: skip
MIXTRAL = {**MISTRAL_7B, "moe": {"num_experts_per_tok": 2, "num_experts": 8}}
del MIXTRAL["sliding_window"]


def counted(tmp_path, fields):
    path = tmp_path / "params.json"
    path.write_text(json.dumps(fields))
    return count_source(str(path))


@pytest.mark.parametrize(
    ("fields", "slug"),
    [
        (LLAMA_7B, "llama-7b"), (LLAMA2_70B, "llama2-70b"), (LLAMA31_8B, "llama3.1-8b"),
        (MISTRAL_7B, "mistral-7b-v0.1"), (MIXTRAL, "mixtral-8x7b"),
    ],
)  # fmt: skip
def test_the_counts_are_those_of_the_catalog(tmp_path, fields, slug):
    found, right = counted(tmp_path, fields), count(catalog.find(slug).config)
    assert (found.count.total, found.count.active) == (right.total, right.active)
    assert found.notes[0].startswith("a params.json: its MLP is ")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            LLAMA_7B | {"vocab_size": -1},
            "vocab_size is -1 or missing: .* leaves it to the tokenizer",
        ),
        (LLAMA31_8B | {"dim": 2048}, "does not say whether the output head is the token table"),
        (LLAMA_7B | {"lora_rank": 8}, "the field 'lora_rank' of a params.json is not known"),
        (LLAMA_7B | {"multiple_of": "256"}, "must be positive numbers"),
        (LLAMA_7B | {"ffn_dim_multiplier": True}, "must be positive numbers"),
        (LLAMA_7B | {"vocab_size": "x"}, "vocab_size is 'x'"),
        ({k: v for k, v in LLAMA_7B.items() if k != "multiple_of"}, "must be positive numbers"),
        (MISTRAL_7B | {"moe": {"num_experts": 8}}, "it must hold num_experts and num_experts_per"),
    ],
)
def test_what_is_open_or_unknown_is_refused(tmp_path, fields, said):
    with pytest.raises(UnsupportedModel, match=said):
        counted(tmp_path, fields)
