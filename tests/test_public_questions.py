"""Counts and caches that people asked about in public, each with its right number.

The issues are named by repository and number; the right numbers were computed by hand there.
"""

import numpy as np
import pytest
import weight_files as files
from paramlab import catalog, count
from paramlab.costs import kv_cache_bytes
from paramlab.files.hugging_face import config_from_hf, notes_on
from paramlab.files.source import count_any, count_source


def llama(**sizes):
    return {"model_type": "llama", **sizes}


def stories(dim, n_layers, n_heads, width):
    return llama(
        hidden_size=dim, num_hidden_layers=n_layers, num_attention_heads=n_heads,
        intermediate_size=width, vocab_size=32000, tie_word_embeddings=True,
    )  # fmt: skip


LLAMA_8B = llama(
    hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8,
    intermediate_size=14336, vocab_size=128256,
)  # fmt: skip
LLAMA_13B = llama(
    hidden_size=5120, num_hidden_layers=40, num_attention_heads=40, intermediate_size=13824
)
KIMI_K2 = dict(
    model_type="kimi_k2", num_attention_heads=64, n_routed_experts=384, first_k_dense_replace=1,
    num_key_value_heads=64, vocab_size=163840,
)  # fmt: skip
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128}
PACKED = {"quant_method": "compressed-tensors", "config_groups": {}}


@pytest.mark.parametrize(
    ("issue", "fields", "right"),
    [
        ("karpathy/llama2.c#378", stories(288, 6, 6, 768), 15_191_712),
        ("karpathy/llama2.c#378", stories(512, 8, 8, 1376), 41_689_600),
        ("karpathy/llama2.c#378", stories(768, 12, 12, 2048), 109_529_856),
        ("huggingface.js PR 1770", LLAMA_8B | {"quantization_config": PACKED}, 8_030_261_248),
        ("transformers#25978", LLAMA_13B | {"quantization_config": GPTQ}, 13_015_864_320),
        ("huggingface.js PR 2003", KIMI_K2, 1_026_408_209_408),
        ("google-research/bert#656", {"model_type": "bert"}, 109_482_240),
        ("many", {"model_type": "gpt2", "n_positions": 32768}, 148_819_200),
    ],
)
def test_counts(issue, fields, right):
    assert count(config_from_hf(fields)).total == right


@pytest.mark.parametrize(
    ("issue", "slug", "total", "active"),
    [
        ("vllm-fit#27", "mixtral-8x7b", 46_702_792_704, None),
        ("mistralai/platform-docs PR 44", "mixtral-8x22b", 140_630_071_296, 39_161_468_928),
        ("DeepSeek-V3 PR 549", "deepseek-v3", 671_026_404_352, None),
    ],
)
def test_mixtures_by_name(issue, slug, total, active):
    found = count_source(slug).count
    assert found.total == total and active in (None, found.active)


@pytest.mark.parametrize(
    ("issue", "slug", "n_tokens", "right"),
    [
        ("unsloth PR 4757", "gemma3-27b-text", 131_072, 11_173_625_856),
        ("unsloth PR 4757", "qwen3-0.6b", 40_960, 4_697_620_480),
        ("mlxcel PR 172", "gemma3-1b", 32_768, 145_752_064),
        ("LMCache PR 694", "deepseek-v3", 1, 70_272),
        ("LMCache#688", "qwen3-4b", 1, 147_456),
        ("vllm-fit#2", "llama-7b", 1, 524_288),
        ("ray llm-numbers#25", "llama-13b", 1, 819_200),
    ],
)
def test_caches(issue, slug, n_tokens, right):
    assert kv_cache_bytes(catalog.find(slug).config, n_tokens) == right


def test_why_a_model_of_131072_tokens_says_32768():
    """vllm#16757, Yi#2565, llama.cpp PR 10698."""
    yarn = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}
    fields = {"model_type": "qwen2", "max_position_embeddings": 32768}
    stretched = fields | {"rope_scaling": yarn}
    assert count(config_from_hf(stretched)) == count(config_from_hf(fields))
    assert "32,768 tokens to 131,072; no parameter is added" in notes_on(stretched)[0]


def test_no_weight_takes_more_bits_than_its_type(tmp_path):
    """KolosalAI#2: bfloat16 cannot take 16.44 bits a parameter."""
    shapes = {f"other.{name}": shape for name, shape in files.LLAMA_HF.items()}
    arrays = {name: a.astype(np.float16) for name, a in files.random_arrays(shapes).items()}
    found = count_any(str(files.write_safetensors(tmp_path / "a.safetensors", arrays))).count
    assert 8 * found.n_bytes == 16 * found.total == 16 * files.n_numbers(shapes)
