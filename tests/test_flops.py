"""Our FLOPs against those that torch's counter sees (tests/oracles/flops.py)."""

import json
from pathlib import Path

import pytest
from paramlab import catalog
from paramlab.costs import SCORES, forward_operations
from paramlab.training_costs import step_operations
from random_models import STYLES

STORED = json.loads((Path(__file__).parent / "oracles" / "flops.json").read_text())
SMALL, REAL = STORED["small"], STORED["real"]
BATCH, REAL_BATCH, REAL_TOKENS = 3, 2, 1024

small = pytest.mark.parametrize("style", SMALL)
real = pytest.mark.parametrize("slug", REAL)


def forward(c, batch, n_tokens):
    return {name: 2 * batch * n for name, n in forward_operations(
        c, n_tokens, attention="full").by_part.items()}  # fmt: skip


@small
def test_small_models_exactly_there_and_back(style):
    c, told = STYLES[style], SMALL[style]["plain"]
    assert told["forward"] == sum(forward(c, BATCH, c.n_ctx).values())
    both = step_operations(c, c.n_ctx, BATCH, "full").flops
    assert told["forward"] + told["backward"] == both


@real
def test_real_models_exactly_there_and_back(slug):
    c, told = catalog.find(slug).config, REAL[slug]
    assert told["forward"] == sum(forward(c, REAL_BATCH, REAL_TOKENS).values())
    both = step_operations(c, REAL_TOKENS, REAL_BATCH, "full").flops
    assert told["forward"] + told["backward"] == both


@small
def test_the_control_frozen_matrices_cost_one_product_on_the_way_back(style):
    """The token table alone is trained: a second product for itself as the head, and no other."""
    c, told = STYLES[style], SMALL[style]["frozen"]
    there = forward(c, BATCH, c.n_ctx)
    scores = there[SCORES]  # both of its arguments are activations, which are never frozen
    head = there["output head"] if c.tied else 0
    assert told["backward"] == told["forward"] + scores + head


@small
def test_on_a_cpu_the_counter_does_not_see_torchs_own_attention(style):
    c, told = STYLES[style], SMALL[style]
    scores = forward(c, BATCH, c.n_ctx)[SCORES]
    for way, times in (("forward", 1), ("backward", 2)):
        assert told["plain"][way] - told["fused on a CPU"][way] == times * scores


@real
def test_on_a_gpu_it_counts_all_pairs_and_a_score_that_is_computed_again(slug):
    """Forward the full square, as ours; back five products, where two times two are needed."""
    c, told = catalog.find(slug).config, REAL[slug]["kernel"]
    scores = forward(c, REAL_BATCH, REAL_TOKENS)[SCORES]
    assert told == {"forward": scores, "backward": 5 * scores // 2}
