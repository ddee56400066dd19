"""Attention: equal to plain loops, causal, and the same however its keys arrive."""

import numpy as np
import pytest
from paramlab.attention import KVCache, attention, causal_mask, merge_heads, split_heads
from paramlab.config import ModelConfig
from paramlab.in_place import attention_in_place

RNG = np.random.default_rng(0)


def naive(q, k, v):
    """Causal multi-head attention, one head and one query at a time."""
    n_heads, n_queries, d_head = q.shape
    n_before = k.shape[1] - n_queries
    mixed = np.zeros_like(q)
    for n in range(n_heads):
        for t in range(n_queries):
            seen = n_before + t + 1
            weights = np.array([np.exp(q[n, t] @ k[n, s] / d_head**0.5) for s in range(seen)])
            mixed[n, t] = sum(w * v[n, s] for s, w in enumerate(weights / weights.sum()))
    return mixed


@pytest.mark.parametrize(("n_queries", "n_keys"), [(1, 1), (7, 7), (3, 7), (1, 7)])
def test_one_key_head_per_query_head_is_multi_head_attention(n_queries, n_keys):
    q, k, v = (RNG.normal(size=(4, n, 6)) for n in (n_queries, n_keys, n_keys))
    mixed = attention(q, k, v, causal_mask(n_queries, n_keys))
    assert np.abs(mixed - naive(q, k, v)).max() < 1e-12


@pytest.mark.parametrize("n_kv_heads", [1, 2, 3])
def test_grouped_heads_equal_multi_head_with_repeated_keys(n_kv_heads):
    q, (k, v) = RNG.normal(size=(6, 5, 4)), RNG.normal(size=(2, n_kv_heads, 5, 4))
    repeated = (np.repeat(x, 6 // n_kv_heads, axis=0) for x in (k, v))
    assert np.abs(attention(q, k, v, causal_mask(5, 5)) - naive(q, *repeated)).max() < 1e-12


def test_a_later_token_changes_nothing_before_it():
    q, k, v = RNG.normal(size=(3, 2, 6, 4))
    before = attention(q, k, v, causal_mask(6, 6))
    k[:, 4], v[:, 4] = 100, 100
    after = attention(q, k, v, causal_mask(6, 6))
    assert (after[:, :4] == before[:, :4]).all()
    assert not np.allclose(after[:, 4:], before[:, 4:])


def test_equal_keys_give_the_mean_of_the_values_so_far():
    v = np.arange(5.0).reshape(1, 5, 1)
    mixed = attention(np.ones((1, 5, 1)), np.ones((1, 5, 1)), v, causal_mask(5, 5))
    assert np.allclose(mixed[0, :, 0], [0, 0.5, 1, 1.5, 2])


@pytest.mark.parametrize("window", [1, 3, 7, 99])
@pytest.mark.parametrize(("n_queries", "n_keys"), [(1, 1), (7, 7), (3, 7), (1, 7)])
def test_a_window_shows_the_last_tokens_only(n_queries, n_keys, window):
    mask = causal_mask(n_queries, n_keys, window)
    for t, s in np.ndindex(n_queries, n_keys):
        back = n_keys - n_queries + t - s  # tokens from the query back to the key
        assert mask[t, s] == (0 if 0 <= back < window else -np.inf)


def test_each_head_may_have_a_mask_of_its_own():
    q, (k, v) = RNG.normal(size=(4, 5, 3)), RNG.normal(size=(2, 2, 5, 3))
    masks = causal_mask(5, 5) + RNG.normal(size=(4, 5, 5))
    mixed = attention(q, k, v, masks)
    for n in range(4):
        shared = slice(n // 2, n // 2 + 1)
        alone = attention(q[n : n + 1], k[shared], v[shared], masks[n])
        assert np.allclose(mixed[n], alone[0])


def test_the_weights_are_seen_and_make_the_mixture():
    q, (k, v) = RNG.normal(size=(2, 4, 5, 3)), RNG.normal(size=(2, 2, 2, 5, 3))
    seen = []
    mixed = attention(q, k, v, causal_mask(5, 5), watch=seen.append)
    (weights,) = seen
    assert weights.shape == (2, 4, 5, 5)
    assert np.allclose(weights.sum(axis=-1), 1) and not np.triu(weights, 1).any()
    assert np.allclose(weights @ np.repeat(v, 2, axis=1), mixed)


@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("n_kv_heads", [1, 2, 6])
def test_few_arrays_give_the_mixtures_and_the_weights_of_the_definition(n_kv_heads, batch):
    q = RNG.normal(size=(*batch, 6, 5, 4))
    k, v = RNG.normal(size=(2, *batch, n_kv_heads, 7, 4))
    arguments = q, k, v, causal_mask(5, 7, window=3) + RNG.normal(size=(6, 1, 7))
    before, seen, expected = [x.copy() for x in arguments], [], []
    mixed = attention_in_place(*arguments, seen.append)
    assert np.abs(mixed - attention(*arguments, expected.append)).max() < 1e-12
    assert np.abs(seen[0] - expected[0]).max() < 1e-12
    assert (attention_in_place(*arguments) == mixed).all()
    assert not attention_in_place(*arguments, lambda weights: weights.fill(0)).any()  # as there
    for x, y in zip(arguments, before, strict=True):  # what was given is not written into
        assert (x == y).all()


def test_a_mask_of_zeros_looks_both_ways():
    q, k, v = RNG.normal(size=(3, 1, 4, 2))
    mixed = attention(q, k, v, np.zeros((4, 4)))
    order = np.array([2, 0, 3, 1])  # without a mask the order of the keys does not matter
    assert np.allclose(mixed, attention(q, k[:, order], v[:, order], np.zeros((4, 4))))
    assert np.allclose(mixed[:, -1], attention(q, k, v, causal_mask(4, 4))[:, -1])


def test_a_batch_is_its_texts_one_by_one():
    q, (k, v) = RNG.normal(size=(3, 4, 5, 2)), RNG.normal(size=(2, 3, 2, 5, 2))
    mask = causal_mask(5, 5)
    together = attention(q, k, v, mask)
    for b in range(3):
        assert np.allclose(together[b], attention(q[b], k[b], v[b], mask))


def test_float32_stays_float32():
    q, k, v = RNG.normal(size=(3, 1, 4, 2)).astype(np.float32)
    assert attention(q, k, v, causal_mask(4, 4)).dtype == np.float32


def test_heads_split_and_merge():
    x = RNG.normal(size=(2, 5, 12))
    heads = split_heads(x, 3)
    assert heads.shape == (2, 3, 5, 4)
    assert (heads[1, 2, 4] == x[1, 4, 8:12]).all()
    assert (merge_heads(heads) == x).all()


def test_cache_returns_everything_stored_so_far():
    config = ModelConfig(2, 8, 4, 8, 9, 9, n_kv_heads=2, positions="rope")
    cache = KVCache(config, capacity_tokens=5)
    k, v = RNG.normal(size=(2, 2, 5, 2)).astype(np.float32)
    for start, end in ((0, 3), (3, 4), (4, 5)):
        for layer in range(2):
            keys, values = cache.extend(layer, k[:, start:end] + layer, v[:, start:end] + layer)
            assert (keys == k[:, :end] + layer).all() and (values == v[:, :end] + layer).all()
        cache.n_tokens = end
