"""Autograd: equal to finite differences for every rule, and to torch for whole models."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from paramlab import autograd
from paramlab.autograd import RULES, Tensor, value_and_grad
from paramlab.layers import ACTIVATIONS, cross_entropy, layer_norm, rms_norm, softmax
from paramlab.training import next_token_loss
from paramlab.tree import flatten
from random_models import STYLES, random_params

ORACLE = json.loads((Path(__file__).parent / "oracles" / "gradients.json").read_text())
RNG = np.random.default_rng(0)
# Away from 0 and from one another, so that no kink lies between two nearby points.
A, B = RNG.permutation(np.linspace(0.3, 2.2, 24)).reshape(2, 3, 4)
ROW, COLUMN = np.array([0.55, 1.15, 1.75, 0.95]), np.array([[0.61], [1.21], [1.81]])
TEXTS = RNG.normal(size=(2, 3, 4))  # (B, T, D)
MATRIX = RNG.normal(size=(4, 5))

CASES = {
    "add": (lambda a, b: a + b, A, B),
    "add a row": (lambda a, b: a + b, A, ROW),
    "add a column": (lambda a, b: a + b, COLUMN, A),
    "add a number": (lambda a, b: 3 + a + b, A, np.array(2.0)),
    "subtract": (lambda a, b: a - b, A, ROW),
    "multiply": (lambda a, b: a * b, A, B),
    "multiply by a column": (lambda a, b: a * b, A, COLUMN),
    "divide": (lambda a, b: a / b, A, B),
    "divide a number": (lambda a: 2 / a, A),
    "divide by a row": (lambda a, b: a / b, A, ROW),
    "power": (lambda a: a**3 + a**0.5 + a**-2, A),
    "negative": (lambda a: -a, A),
    "square": (np.square, A),
    "sqrt": (np.sqrt, A),
    "exp": (np.exp, A),
    "log": (np.log, A),
    "tanh": (np.tanh, A),
    "sin": (np.sin, A),
    "cos": (np.cos, A),
    "maximum": (np.maximum, A, B),
    "maximum with a number": (lambda a: np.maximum(a, 1.01), A),
    "minimum": (np.minimum, A, ROW),
    "where": (lambda a, b: np.where(A > B, a, b), A, B),
    "where by numbers": (lambda a, b: np.where([2, 0, 1, 0], a, b) + np.where(True, a, b), A, B),
    "matrix times matrix": (lambda a, b: a @ b, A, MATRIX),
    "texts times matrix": (lambda a, b: a @ b, TEXTS, MATRIX),
    "texts times texts": (lambda a, b: a @ b.swapaxes(-1, -2), TEXTS, TEXTS + 0.1),
    "matrix times texts": (lambda a, b: a @ b, RNG.normal(size=(3, 3)), TEXTS),
    "matrix times vector": (lambda a, b: a @ b, A, ROW),
    "texts times vector": (lambda a, b: a @ b, TEXTS, ROW),
    "vector times matrix": (lambda a, b: a @ b, ROW, MATRIX),
    "vector times vector": (lambda a, b: a @ b, ROW, A[0]),
    "sum": (lambda a: a.sum(), A),
    "sum of rows": (lambda a: a.sum(axis=0), A),
    "sum, axes kept": (lambda a: a / a.sum(axis=-1, keepdims=True), A),
    "sum of two axes": (lambda a: a.sum(axis=(0, 2)), TEXTS),
    "mean": (lambda a: a.mean(), A),
    "mean of columns": (lambda a: a.mean(-1), A),
    "max": (lambda a: a.max(), A),
    "max of columns": (lambda a: a - a.max(axis=1, keepdims=True), A),
    "max of rows": (lambda a: a.max(axis=0), A),
    "reshape": (lambda a: a.reshape(2, -1) * a.reshape((2, 6)), A),
    "swapaxes": (lambda a: a.swapaxes(0, 2), TEXTS),
    "transpose": (lambda a: a.T, TEXTS),
    "transpose by axes": (lambda a: np.transpose(a, (1, 2, 0)), TEXTS),
    "transpose by axes from the end": (lambda a: np.transpose(a, (-1, 0, -2)), TEXTS),
    "getitem slice": (lambda a: a[..., 1:], TEXTS),
    "getitem new axis": (lambda a: a[:, None] * a[..., None, :], A),
    "getitem backwards": (lambda a: a[::-2, 0], A),
    "getitem rows, some twice": (lambda a: a[np.array([[2, 0], [2, 2]])], A),
    "getitem places, some twice": (lambda a: a[[0, 0, 1], [1, 1, 3]], A),
    "take_along_axis": (
        lambda a: np.take_along_axis(a, np.array([[3, 0, 3], [1, 1, 1], [0, 2, 1]]), axis=-1), A,
    ),
    "concatenate": (lambda a, b: np.concatenate((a, b, a), axis=-1), A, B),
    "concatenate rows": (lambda a, b: np.concatenate([a, b[:1]]), A, B),
    "softmax": (softmax, A),
    "layer norm": (lambda x, g, b: layer_norm({"gain": g, "bias": b}, x), TEXTS, ROW, A[0]),
    "rms norm": (lambda x, g: rms_norm({"gain": g}, x), TEXTS, ROW),
    "cross entropy": (lambda a: cross_entropy(a, np.array([1, 1, 3])), A),
    **{name: (activation, TEXTS) for name, activation in ACTIVATIONS.items()},
}  # fmt: skip


def differences(function, arrays, h=1e-5):
    """Return the gradients that nudging every number up and down gives."""
    gradients = []
    for array in arrays:
        gradient = np.empty_like(array)
        for place in np.ndindex(array.shape):
            before = array[place]
            array[place] = before + h
            above = function(*arrays)
            array[place] = before - h
            below = function(*arrays)
            array[place] = before
            gradient[place] = (above - below) / (2 * h)
        gradients.append(gradient)
    return gradients


@pytest.mark.parametrize("name", CASES)
def test_each_rule_agrees_with_finite_differences(name):
    operation, *arrays = CASES[name]
    arrays = [np.array(array) for array in arrays]
    weights = RNG.normal(size=np.shape(operation(*arrays)))  # so that no two results count alike

    def number(*arguments):
        return (operation(*arguments) * weights).sum()

    value, gradients = value_and_grad(lambda tensors: number(*tensors))(arrays)
    assert value == pytest.approx(number(*arrays), abs=1e-12)
    for gradient, expected in zip(gradients, differences(number, arrays), strict=True):
        assert np.abs(gradient - expected).max() < 1e-6


def test_every_rule_has_a_case(monkeypatch):
    used = set()
    keep = autograd.Tensor.__init__
    monkeypatch.setattr(
        autograd.Tensor, "__init__", lambda *args: used.add((args + (None,))[2]) or keep(*args)
    )
    for operation, *arrays in CASES.values():
        operation(*map(Tensor, arrays))
    assert RULES.keys() <= used


# ------------------------------------------------------------------ whole models


@pytest.mark.parametrize("style", STYLES)
def test_the_gradient_of_every_style_agrees_with_finite_differences(style):
    config, params = STYLES[style], random_params(STYLES[style], dtype=np.float64)
    flat = flatten(params)
    tokens = np.random.default_rng(1).integers(0, config.vocab_size, (2, 9))
    value, gradients = value_and_grad(next_token_loss)(params, config, tokens)
    assert value == pytest.approx(next_token_loss(params, config, tokens), abs=1e-12)
    for name, gradient in flatten(gradients).items():  # each array is nudged in a direction at once
        direction = np.random.default_rng(2).normal(size=gradient.shape)
        direction /= np.linalg.norm(direction)
        start = flat[name].copy()
        losses = []
        for h in (1e-5, -1e-5):
            flat[name][...] = start + h * direction
            losses.append(next_token_loss(params, config, tokens))
        flat[name][...] = start
        assert (gradient * direction).sum() == pytest.approx(
            (losses[0] - losses[1]) / 2e-5, abs=1e-6
        )


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("style", ORACLE["models"])
def test_gradients_equal_those_of_torch(style, dtype, tolerance):
    stored = ORACLE["models"][style]
    params = random_params(STYLES[style], dtype=dtype)
    loss, gradients = value_and_grad(next_token_loss)(
        params, STYLES[style], np.array(stored["tokens"])
    )
    assert loss == pytest.approx(stored["loss"], abs=tolerance)
    flat = flatten(gradients)
    assert flat.keys() == stored["gradients"].keys()
    for name, (length, product) in stored["gradients"].items():
        gradient = flat[name].ravel()
        assert np.linalg.norm(gradient) == pytest.approx(length, abs=tolerance)
        numbers = np.cos(np.arange(1, gradient.size + 1))
        assert gradient @ numbers == pytest.approx(product, abs=5 * tolerance)


def test_adding_a_number_to_all_keys_changes_nothing():
    """A bias of the keys adds the same to all scores of a query, so no gradient reaches it."""
    config, params = STYLES["gpt2"], random_params(STYLES["gpt2"], dtype=np.float64)
    tokens = np.random.default_rng(1).integers(0, config.vocab_size, (2, 9))
    _, gradients = value_and_grad(next_token_loss)(params, config, tokens)
    attention = gradients["blocks"][0]["attention"]
    assert np.abs(attention["k"]["bias"]).max() < 1e-15 < np.abs(attention["q"]["bias"]).max()


# ------------------------------------------------------------------ the machinery


def test_all_uses_of_a_number_add_up():
    value, gradient = value_and_grad(lambda x: x * x * x + 5 * x)(np.array(2.0))
    assert (value, gradient) == (18.0, 17.0)  # 3 x^2 + 5


def test_a_long_chain_needs_no_recursion():
    def chain(x):
        for _ in range(10 * sys.getrecursionlimit()):
            x = x + 1
        return x

    assert value_and_grad(chain)(np.array(0.0)) == (10 * sys.getrecursionlimit(), 1.0)


def test_uses_that_double_at_each_step_are_walked_once():
    def doubling(x):
        for _ in range(60):
            x = x + x
        return x

    assert value_and_grad(doubling)(np.array(1.0))[1] == 2.0**60


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_have_the_type_and_shape_of_the_parameters(dtype):
    params = random_params(STYLES["mixtral"], dtype=dtype)
    _, gradients = value_and_grad(next_token_loss)(params, STYLES["mixtral"], np.zeros((2, 9), int))
    for name, gradient in flatten(gradients).items():
        assert (gradient.dtype, gradient.shape) == (dtype, flatten(params)[name].shape)


def test_constants_of_another_type_do_not_change_that_of_the_gradient():
    constant = np.array([1.5, 2.5])  # float64
    value, gradient = value_and_grad(lambda x: (x * constant).sum())(np.ones(2, np.float32))
    assert (value, gradient.dtype, gradient.tolist()) == (4.0, np.float32, [1.5, 2.5])


def test_gradients_are_nested_like_the_parameters_and_share_no_memory():
    params = {"unused": np.ones(2), "list": [np.ones(3), {"x": np.ones(3)}]}
    _, gradients = value_and_grad(lambda p: (p["list"][0] + p["list"][1]["x"]).sum())(params)
    gradients["list"][0] *= 7
    assert gradients["unused"].tolist() == [0, 0]
    assert gradients["list"][1]["x"].tolist() == [1, 1, 1]


def test_equal_maxima_share_and_relu_is_flat_at_zero():
    assert value_and_grad(lambda x: x.max())(np.array([2.0, 2.0, 1.0]))[1].tolist() == [0.5, 0.5, 0]
    assert value_and_grad(lambda x: np.maximum(x, 0))(np.array(0.0))[1] == 0
    for either in (np.maximum, np.minimum):  # of a number and itself: the number, once
        assert value_and_grad(lambda x, either=either: either(x, x))(np.array(3.0))[1] == 1


def test_comparisons_give_plain_arrays():
    x = Tensor(np.array([1.0, 3.0]))
    for plain in (x > 2, np.argsort(-x), np.isfinite(x), x == x):
        assert isinstance(plain, np.ndarray)


def write_item(x):
    x[0] = 1.0
    return x.sum()


def add_in_place(x):
    x += 1
    return x.sum()


def write_into_array(x):
    zeros = np.zeros(2)
    zeros += x
    return zeros.sum()


def put_into_array(x):
    zeros = np.zeros(2)
    zeros[:] = x
    return zeros.sum()


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda x: x, ValueError, "only one number has a gradient; the result has shape (2,)"),
        (lambda x: 3.0, ValueError, "the result 3.0 depends on no parameter"),
        (lambda x: np.cbrt(x).sum(), TypeError, "autograd has no rule for cbrt"),
        (lambda x: np.cumsum(x).sum(), TypeError, "autograd has no rule for cumsum"),
        (lambda x: np.add.reduce(x), TypeError, "autograd has no rule for reduce"),
        (lambda x: (2.0**x).sum(), TypeError, "autograd has no rule for argument 2 of power"),
        (lambda x: np.add(x, 1, dtype="f4").sum(), TypeError, "autograd knows no {'dtype': 'f4'}"),
        (write_item, TypeError, "a Tensor cannot be written into"),
        (add_in_place, TypeError, "a Tensor cannot be written into"),
        (write_into_array, TypeError, "a Tensor cannot be written into"),
        (put_into_array, TypeError, "its array is .value"),
    ],
)
def test_what_cannot_be_differentiated_is_refused(function, error, message):
    with pytest.raises(error) as raised:
        value_and_grad(function)(np.array([1.0, 2.0]))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_whole_numbers_are_no_parameters():
    with pytest.raises(ValueError, match="floating-point numbers; this one is array"):
        value_and_grad(lambda p: p["x"].sum())({"x": np.array([1, 2])})


def test_the_module_reads_in_one_sitting():
    assert len(Path(autograd.__file__).read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("name", ["gelu", "gelu_exact", "silu"])
def test_a_smooth_activation_has_the_slope_one_half_at_zero(name):
    _, slope = value_and_grad(lambda x: ACTIVATIONS[name](x).sum())(np.zeros(1))
    assert slope == pytest.approx(0.5)
