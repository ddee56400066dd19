"""Sampling: probabilities that sum to 1, and cuts that leave out exactly what they say."""

import numpy as np
import pytest
from paramlab.layers import softmax
from paramlab.sampling import next_token_probabilities

LOGITS = np.random.default_rng(0).normal(0, 2, 50).astype(np.float32)
P = softmax(LOGITS.astype(np.float64))


@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0}, {"temperature": 0.1}, {"top_k": 7}, {"top_p": 0.7}]
)
def test_probabilities_sum_to_one(options):
    p = next_token_probabilities(LOGITS, **options)
    assert p.sum() == pytest.approx(1, abs=1e-12) and (p >= 0).all()
    assert p.argmax() == LOGITS.argmax()


def test_temperature_is_a_power():
    expected = P**2 / (P**2).sum()
    assert np.allclose(next_token_probabilities(LOGITS, temperature=0.5), expected)
    assert np.allclose(next_token_probabilities(LOGITS, temperature=1e9), 1 / 50)
    assert next_token_probabilities(1e6 * LOGITS, temperature=1e-3).max() == 1  # no overflow


@pytest.mark.parametrize("k", [1, 7, 50, 60])
def test_top_k_keeps_the_k_largest_in_proportion(k):
    p = next_token_probabilities(LOGITS, top_k=k)
    kept = np.sort(LOGITS)[-k:].min() <= LOGITS
    assert ((p > 0) == kept).all() and kept.sum() == min(k, 50)
    assert np.allclose(p[kept], P[kept] / P[kept].sum())


@pytest.mark.parametrize("top_p", [1e-9, 0.3, 0.9, 0.999])
def test_top_p_keeps_the_smallest_set_that_reaches_it(top_p):
    kept = next_token_probabilities(LOGITS, top_p=top_p) > 0
    assert P[kept].sum() >= top_p > P[kept].sum() - P[kept].min()
    assert P[kept].min() > P[~kept].max()


def test_top_p_counts_what_top_k_left():
    p = next_token_probabilities(np.log([0.4, 0.3, 0.2, 0.1]), top_k=2, top_p=0.55)
    assert p.tolist() == pytest.approx([1, 0, 0, 0])  # 0.4 of the 0.7 that is left is 0.57
