"""The layers: definitions checked against plain loops, limit cases, and what must never happen."""

import math

import numpy as np
import pytest
from paramlab import layers

RNG = np.random.default_rng(0)


def test_linear_is_a_sum_of_products_plus_bias():
    weight, bias, x = RNG.normal(size=(3, 2)), RNG.normal(size=2), RNG.normal(size=(4, 3))
    y = layers.linear({"weight": weight, "bias": bias}, x)
    for t in range(4):
        for j in range(2):
            assert y[t, j] == pytest.approx(sum(x[t, i] * weight[i, j] for i in range(3)) + bias[j])
    assert np.allclose(layers.linear({"weight": weight}, x), y - bias)


def test_embedding_equals_one_hot_times_table():
    table = RNG.normal(size=(5, 3))
    tokens = np.array([[4, 0], [1, 1]])
    assert np.allclose(layers.embedding(table, tokens), np.eye(5)[tokens] @ table)


def test_rms_norm_ignores_the_scale_of_its_input_but_not_its_mean():
    x, p = RNG.normal(size=(4, 8)), {"gain": RNG.normal(size=8)}
    y = layers.rms_norm(p, x, eps=0)
    assert np.allclose(layers.rms_norm(p, 1000 * x, eps=0), y)
    assert not np.allclose(layers.rms_norm(p, x + 1, eps=0), y)
    assert np.allclose(((y / p["gain"]) ** 2).mean(-1), 1)


def test_layer_norm_ignores_scale_and_mean_of_its_input():
    x, p = RNG.normal(size=(4, 8)), {"gain": np.ones(8), "bias": np.zeros(8)}
    y = layers.layer_norm(p, x, eps=0)
    assert np.allclose(layers.layer_norm(p, 1000 * x + 7, eps=0), y)
    assert np.allclose(y.mean(-1), 0) and np.allclose(y.var(-1), 1)


@pytest.mark.parametrize("norm", [layers.rms_norm, layers.layer_norm])
def test_norms_of_zeros_are_finite(norm):
    p = {"gain": np.ones(4), "bias": np.zeros(4)}
    assert not norm(p, np.zeros((1, 4))).any()


@pytest.mark.parametrize("norm", [layers.rms_norm, layers.layer_norm])
def test_eps_is_added_under_the_root_and_the_bias_at_the_end(norm):
    x = np.array([1.0, -1.0])  # mean 0 and mean square 1: both norms divide by the root of 1 + eps
    p = {"gain": np.array([2.0, 4.0]), "bias": np.array([10.0, 20.0])}
    assert np.allclose(norm(p, x, eps=3), [11.0, 18.0])


def test_softmax_sums_to_one_and_keeps_the_odds():
    x = RNG.normal(size=(3, 5, 7))
    y = layers.softmax(x)
    assert np.allclose(y.sum(-1), 1) and (y > 0).all()
    assert np.allclose(np.log(y[..., 0] / y[..., 1]), x[..., 0] - x[..., 1])


def test_softmax_of_huge_and_of_blocked_scores():
    x = np.array([10000.0, 10000.0, -np.inf], np.float32)
    assert layers.softmax(x).tolist() == [0.5, 0.5, 0.0]
    rows = np.array([[5000.0, 5000.0], [-5000.0, -5000.0]])  # each row by itself
    assert layers.softmax(rows).tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_silu_is_x_times_its_sigmoid():
    x = np.linspace(-20, 20, 101)
    assert np.allclose(layers.silu(x), x / (1 + np.exp(-x)), rtol=1e-12, atol=1e-12)


def test_gelu_is_near_the_exact_normal_weight():
    x = np.linspace(-4, 4, 81)
    exact = [v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x]
    assert np.abs(layers.gelu(x) - exact).max() < 5e-4


def random_mlp(*parts, experts=()):
    sizes = {"gate": (4, 6), "up": (4, 6), "down": (6, 4)}
    return {part: {"weight": RNG.normal(size=(*experts, *sizes[part]))} for part in parts}


def test_a_gate_multiplies_what_it_lets_through():
    p, x = random_mlp("gate", "up", "down"), RNG.normal(size=(3, 4))
    gate, up = x @ p["gate"]["weight"], x @ p["up"]["weight"]
    expected = (gate / (1 + np.exp(-gate)) * up) @ p["down"]["weight"]
    assert np.allclose(layers.mlp(p, x, layers.silu), expected)
    shut = {**p, "gate": {"weight": np.zeros((4, 6))}}  # silu(0) = 0: nothing passes
    assert not layers.mlp(shut, x, layers.silu).any()


@pytest.mark.parametrize(("name", "activation"), layers.ACTIVATIONS.items())
def test_an_mlp_without_a_gate_is_map_activation_map(name, activation):
    p, x = random_mlp("up", "down"), RNG.normal(size=(3, 4))
    expected = activation(x @ p["up"]["weight"]) @ p["down"]["weight"]
    assert np.allclose(layers.mlp(p, x, activation), expected)
    assert activation(np.zeros(1)) == 0 and activation(np.array([3.0])) > 2


def test_relu_and_its_square():
    x = np.array([-2.0, 0.0, 3.0])
    assert layers.relu(x).tolist() == [0, 0, 3] and layers.relu2(x).tolist() == [0, 0, 9]


@pytest.mark.parametrize("n_active", [1, 2, 5])
@pytest.mark.parametrize("activation", [layers.silu, layers.gelu])
def test_a_mixture_is_a_weighted_mean_of_the_chosen_experts(n_active, activation):
    p = {
        "router": {"weight": RNG.normal(size=(4, 5))},
        "experts": random_mlp("gate", "up", "down", experts=(5,)),
    }
    x = RNG.normal(size=(2, 7, 4))
    y = layers.mixture_of_experts(p, x, n_active, activation)
    for where in np.ndindex(2, 7):
        scores = np.exp(x[where] @ p["router"]["weight"])
        chosen = sorted(range(5), key=lambda e: -scores[e])[:n_active]
        outputs = [
            layers.mlp({k: {"weight": a["weight"][e]} for k, a in p["experts"].items()}, x[where],
                       activation)
            for e in chosen
        ]  # fmt: skip
        assert np.allclose(y[where], np.average(outputs, axis=0, weights=scores[chosen]))


def test_only_the_chosen_experts_compute():
    experts = random_mlp("up", "down", experts=(3,))
    for array in experts.values():
        array["weight"][1] = np.nan  # the router never chooses it
    p = {"router": {"weight": np.array([[1.0, -1.0, 1.0]] * 4)}, "experts": experts}
    x = np.abs(RNG.normal(size=(5, 4)))
    assert np.isfinite(layers.mixture_of_experts(p, x, n_active=2)).all()


@pytest.mark.parametrize("norm", [layers.rms_norm, layers.layer_norm])
def test_a_norm_without_gain(norm):
    x, gain = RNG.normal(size=(4, 8)), RNG.normal(size=8)
    y = norm({"gain": gain}, x)
    assert np.allclose(norm({}, x), y / gain)


def test_cross_entropy_is_minus_log_probability():
    logits, targets = RNG.normal(size=(6, 9)), np.array([0, 8, 3, 3, 1, 2])
    expected = -np.log(layers.softmax(logits)[np.arange(6), targets])
    assert np.allclose(layers.cross_entropy(logits, targets), expected)
    assert layers.cross_entropy(np.zeros((1, 9)), np.array([4])) == pytest.approx(math.log(9))
    certain = np.array([[0.0, 100000.0]], np.float32)
    assert layers.cross_entropy(certain, np.array([1])) == 0
    assert layers.cross_entropy(certain, np.array([0])) == 100000


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "function",
    [layers.softmax, *layers.ACTIVATIONS.values(), lambda x: layers.rms_norm({"gain": x}, x)],
)
def test_float32_in_float32_out_without_warnings_and_the_input_unharmed(function):
    x = np.linspace(-1000, 1000, 32, dtype=np.float32)
    before = x.copy()
    y = function(x)
    assert y.dtype == np.float32 and np.isfinite(y).all()
    assert (x == before).all()


def test_the_exact_gelu_is_the_one_with_the_error_function():
    x = np.linspace(-12, 12, 4001)
    exact = np.array([value / 2 * math.erfc(-value / math.sqrt(2)) for value in x])
    assert np.abs(layers.ACTIVATIONS["gelu_exact"](x) - exact).max() < 3e-7
    assert np.abs(layers.gelu(x) - exact).max() > 1e-4
