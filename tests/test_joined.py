"""Weights side by side: the same numbers, in the same memory, multiplied at once."""

import numpy as np
import pytest
from paramlab.joined import MANY_TOKENS, join, products, room, separate, side_by_side
from paramlab.transformer import forward
from paramlab.tree import flatten, nest
from random_models import STYLES, random_params

TOKENS = np.random.default_rng(1).integers(0, 61, 20)
every_style = pytest.mark.parametrize("style", STYLES)
WHOLE = np.random.default_rng(0).normal(size=(4, 9))
A, B, C = np.split(WHOLE, [4, 6], axis=1)


@every_style
def test_one_product_for_what_reads_the_same_gives_the_same(style):
    config = STYLES[style]
    apart = flatten(random_params(config, dtype=np.float64))
    together = separate(join(apart), config)
    assert together.keys() == apart.keys()
    assert all((together[name] == array).all() for name, array in apart.items())
    queries, keys, values = (together[f"blocks.0.attention.{x}.weight"] for x in "qkv")
    assert side_by_side([queries, keys, values]) is queries.base
    logits = forward(nest(together), config, TOKENS)
    assert np.abs(logits - forward(nest(apart), config, TOKENS)).max() < 1e-12


@every_style
def test_what_is_filled_side_by_side_is_joined_without_a_copy(style):
    config = STYLES[style]
    flat = room(config)
    expected = flatten(random_params(config))
    assert {n: a.shape for n, a in flat.items()} == {n: a.shape for n, a in expected.items()}
    joined = join(flat)
    for name, array in separate(joined, config).items():
        assert np.shares_memory(array, flat[name])
    assert "blocks.0.attention.qkv.weight" in joined


def test_a_weight_and_its_columns_of_the_whole_are_one():
    config = STYLES["llama"]
    params = nest(separate(join(flatten(random_params(config))), config))
    before = forward(params, config, TOKENS)
    params["blocks"][0]["mlp"]["up"]["weight"] *= 2  # in place
    other = flatten(random_params(config))
    other["blocks.0.mlp.up.weight"] *= 2
    after = forward(params, config, TOKENS)
    assert np.allclose(after, forward(nest(other), config, TOKENS), atol=1e-5)
    params["blocks"][0]["mlp"]["up"]["weight"] = params["blocks"][0]["mlp"]["up"]["weight"] / 2
    assert np.allclose(forward(params, config, TOKENS), before, atol=1e-5)  # an array elsewhere
    assert not np.allclose(after, before, atol=1e-5)


def test_columns_in_their_order_are_side_by_side():
    assert side_by_side([A, B, C]) is WHOLE
    assert side_by_side([WHOLE[:, :3], WHOLE[:, 3:]]) is WHOLE


@pytest.mark.parametrize(
    "arrays",
    [
        [B, A, C], [A, B], [B, C], [A, C], [A, A, B, C], [A, B, C.copy()], [A[:2], B[:2], C[:2]],
        [A, B, WHOLE[:, 5:]], [A.T, B.T, C.T], [A[0], B[0], C[0]], [WHOLE], [A.tolist()],
        [WHOLE[::-1, :4], WHOLE[::-1, 4:]], [WHOLE[:, ::2], WHOLE[:, 1::2]],
    ],
)  # fmt: skip
def test_anything_else_is_not(arrays):
    assert side_by_side(arrays) is None


@pytest.mark.parametrize("weights", [[A, B, C], [A, C]])
@pytest.mark.parametrize("shape", [(4,), (1, 4), (5, 4), (2, 3, 4)])
def test_products_are_those_of_each_weight(weights, shape):
    x = np.random.default_rng(2).normal(size=shape)
    for product, weight in zip(products(x, weights), weights, strict=True):
        assert np.allclose(product, x @ weight)


def test_the_results_for_many_tokens_lie_by_themselves():
    one, many = (products(np.ones((n, 4)), [A, B, C]) for n in (1, MANY_TOKENS))
    assert one[0].base is one[1].base is not None
    assert all(product.base is None for product in many)
    assert all(np.allclose(x, y) for x, y in zip(one, many, strict=True))


def test_tensors_are_multiplied_one_by_one():
    from paramlab.autograd import value_and_grad

    def total(weights):
        return sum((y * y).sum() for y in products(np.ones((1, 4)), weights))

    _, gradients = value_and_grad(total)([A, B, C])
    for gradient, weight in zip(gradients, (A, B, C), strict=True):
        assert np.allclose(gradient, np.broadcast_to(2 * weight.sum(axis=0), weight.shape))
