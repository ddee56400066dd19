"""What public calculators print comes out of the conventions that we say they follow."""

from dataclasses import replace

import pytest
from paramlab import calculators, catalog
from paramlab.calculators import exact_flops_per_token, not_multiplied
from paramlab.config import ModelConfig
from paramlab.params import count
from random_models import STYLES

GPT3 = catalog.find("gpt3-175b").config
GPT2 = catalog.find("gpt2-small").config
GIB = 2**30

# EleutherAI/cookbook at 827ee3b (15 March 2026), run unchanged: calc_transformer_flops.py with
# -l 96 -hs 12288 -v 50257, then with -ca, then -l 12 -hs 768 -s 1024 -v 50257 -ca; 300e9 tokens.
ELEUTHER_FLOPS = [(GPT3, 2048, True, 429.44e21), (GPT3, 2048, False, 322.17e21)]
ELEUTHER_FLOPS += [(GPT2, 1024, False, 210.02e18)]
# calc_transformer_mem.py of the same commit, with the sizes of GPT-3: GiB.
ELEUTHER_GIB = {
    "parameters": 326.37, "gradients": 652.73, "optimizer": 1958.19, "activations": 256.50
}  # fmt: skip
# The data of the figure memusage_activations of the Ultra-Scale Playbook, in GiB: Llama 3.1 8B,
# for texts of 1,024, 4,096 and 16,384 tokens: parameters, optimizer, activations.
PLAYBOOK = {
    1024: (25.979034423828125, 51.95806884765625, 9.25390625),
    4096: (26.025909423828125, 52.05181884765625, 97.015625),
    16384: (26.213409423828125, 52.42681884765625, 1348.0625),
}


@pytest.mark.parametrize(("config", "n_tokens", "recomputed", "printed"), ELEUTHER_FLOPS)
def test_eleuthers_operations(config, n_tokens, recomputed, printed):
    found = 300e9 * calculators.eleuther(config, n_tokens, recomputed)
    assert found == pytest.approx(printed, rel=2.5e-5)


def test_eleuthers_bytes():
    found = calculators.eleuther_bytes(GPT3, 2048)
    assert {name: round(n / GIB, 2) for name, n in found.items()} == ELEUTHER_GIB


@pytest.mark.parametrize("n_tokens", PLAYBOOK)
def test_the_playbooks_bars_to_the_last_digit(n_tokens):
    found = calculators.playbook_bytes(catalog.find("llama3.1-8b").config, n_tokens)
    bars = (found[name] / GIB for name in ("parameters", "optimizer", "activations"))
    assert tuple(bars) == PLAYBOOK[n_tokens]


def test_the_playbooks_formula_is_gpt2s():
    assert calculators.playbook_parameters(GPT2, GPT2.n_ctx) == count(GPT2).total
    llama = catalog.find("llama3.1-8b").config  # its rotations have no rows
    assert calculators.playbook_parameters(llama, 1024) != count(llama).total


@pytest.mark.parametrize("slug", ["gpt2-small", "gpt3-175b", "llama3-8b", "llama3.2-1b"])
def test_torchtitans_two_forms_are_exact_but_for_what_is_not_multiplied(slug):
    c = catalog.find(slug).config
    exact = exact_flops_per_token(c, 1024, "full")
    assert calculators.torchtitan(c, 1024) == exact + 6 * not_multiplied(c)
    other = replace(c, tied=not c.tied)  # the other form of the same model: the same products
    assert exact_flops_per_token(other, 1024, "full") == exact
    assert calculators.torchtitan(other, 1024) == calculators.torchtitan(c, 1024)


@pytest.mark.parametrize("style", STYLES)
def test_tables_are_all_between_the_two_of_six_n(style):
    c = STYLES[style]
    parts = count(c).by_part
    tables = sum(n for name, n in parts.items() if "table" in name or name == "output head")
    found = calculators.six_n(c, 9) - calculators.six_n_without_tables(c, 9)
    assert found == 6 * tables


def test_gpt3_by_every_convention():
    ratios = calculators.against_exact(GPT3, 2048)
    assert ratios == pytest.approx(
        {"6 N": 0.9866, "6 N, no tables": 0.9829, "torchtitan": 1.0139, "EleutherAI": 1.3480},
        abs=1e-4,
    )


def test_zero_is_sixteen_bytes_and_activations_are_those_of_the_paper():
    assert sum(calculators.zero_bytes(GPT3, 2048).values()) == 16 * count(GPT3).total
    with_dropout = ModelConfig(
        n_layers=1, d_model=12288, n_heads=96, d_ff=49152, vocab_size=9, n_ctx=2048
    )
    per_layer = 2048 * 12288 * (34 + 5 * 96 * 2048 / 12288)  # s b h (34 + 5 a s / h)
    assert calculators.activation_bytes(with_dropout, 2048) == per_layer
