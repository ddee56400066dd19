"""Comparing two architectures: the steps add up, and each is what its field causes."""

from dataclasses import replace
from itertools import pairwise

import pytest
from paramlab import catalog, count
from paramlab.compare import compare
from paramlab.reports import cost, costs_of

KNOWN = [model for model in catalog.published() if model.config]


def config(name):
    return catalog.find(name).config


@pytest.mark.parametrize(("a", "b"), [(a.slug, b.slug) for a, b in pairwise(KNOWN)])
def test_the_steps_add_up_to_the_difference(a, b):
    a, b = config(a), config(b)
    added = sum(step.parameters for step in compare(a, b))
    assert added == count(b).total - count(a).total


def test_llama_becomes_mixtral_by_its_mlp_its_heads_and_its_experts():
    steps = {
        step.fields: step.parameters for step in compare(config("llama-7b"), config("mixtral-8x7b"))
    }
    layers, width = 32, 4096
    assert steps[("d_ff",)] == layers * 3 * width * (14336 - 11008)
    assert steps[("n_kv_heads",)] == -layers * 2 * width * (32 - 8) * 128
    assert steps[("experts",)] == layers * (7 * 3 * width * 14336 + width * 8)
    assert steps[("n_ctx",)] == 0


def test_models_with_blocks_of_their_own_are_compared_part_by_part():
    a, b = config("gemma-3n-e4b"), config("gemma-3n-e2b")
    steps = {step.fields[0]: step for step in compare(a, b)}
    assert steps["MLP"].parameters == 3 * 2048 * (30 * 8192 - 35 * 16384)
    assert set(steps) < set(count(a).by_part) and "token table" not in steps
    assert all(step.after[0] - step.before[0] == step.parameters for step in steps.values())


def test_a_model_does_not_differ_from_itself():
    assert compare(config("deepseek-v3"), config("deepseek-v3")) == []


def test_a_longer_context_costs_rows_only_where_positions_are_learned():
    gpt2, llama = config("gpt2-small"), config("llama-7b")
    longer = replace(gpt2, n_ctx=32768, n_position_rows=32768)
    assert [step.parameters for step in compare(gpt2, longer)] == [(32768 - 1024) * 768]
    assert [step.parameters for step in compare(llama, replace(llama, n_ctx=32768))] == [0]


def test_the_costs_are_those_of_their_names():
    found, c = costs_of(config("llama-7b"), 3000), cost(config("llama-7b"), 3000)
    assert found.pop("prefill_flops") == c.prefill.flops
    assert found.pop("decode_flops") == c.decode.flops
    assert found == {name: getattr(c, name) for name in found} and len(found) == 4
    assert costs_of(config("bert-base"), 3000).startswith("an encoder such as BERT")


def test_a_head_width_that_the_width_of_the_model_does_not_give_is_a_field_of_its_own():
    llama = config("llama-7b")
    wider = replace(llama, d_model=4100, d_embedding=0)  # 4100 / 32 is not whole
    assert wider.d_head == 4100 // 32
    assert [step.fields for step in compare(llama, wider)] == [("d_model",)]


def test_fields_that_make_no_model_alone_change_together():
    gpt2 = config("gpt2-small")
    other = replace(gpt2, n_heads=5, d_model=640, d_head=0, n_kv_heads=0, d_embedding=0)
    (step,) = compare(gpt2, other)
    assert set(step.fields) == {"d_model", "n_heads"}
    assert step.parameters == count(other).total - count(gpt2).total


def test_the_fields_of_two_mixtures_are_compared_one_by_one():
    steps = compare(config("gpt-oss-20b"), config("gpt-oss-120b"))
    causes = [step.fields for step in steps if step.parameters]
    assert causes == [("n_layers",), ("experts.n_experts",)]
