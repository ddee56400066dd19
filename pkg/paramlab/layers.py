"""The layers of a transformer: pure functions of their parameters and an input.

Parameters are plain data: a dict of arrays, such as ``{"weight": ..., "bias": ...}``. The last axis
of an input holds the D features of one token; any axes may stand before it. A result has the type
of its input: float32 stays float32, and a tensor that records gradients (paramlab.autograd) stays
one.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from paramlab import joined
from paramlab.exact import gelu_exact

Params = dict[str, Any]  # arrays by name, nested where a layer has parts


def embedding(table: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Look up the row of each token in a table (V, D): (..., T) token ids to (..., T, D).

    Examples
    --------
    >>> table = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])
    >>> embedding(table, np.array([2, 1])).tolist()
    [[3.0, 4.0], [1.0, 2.0]]
    """
    return table[tokens]


def linear(p: Params, x: np.ndarray) -> np.ndarray:
    """Multiply by a weight matrix and add the bias, if there is one: (..., d_in) to (..., d_out).

    Examples
    --------
    >>> doubled_plus_five = {"weight": np.array([[2.0]]), "bias": np.array([5.0])}
    >>> linear(doubled_plus_five, np.array([10.0])).tolist()
    [25.0]
    """
    y = x @ p["weight"]
    return y + p["bias"] if "bias" in p else y


def linears(maps: Sequence[Params], x: np.ndarray) -> list[np.ndarray]:
    """Apply several linear maps to the same input; one product does for all if it can.

    It can where their weights lie side by side in memory, as those of a loaded model do.
    """
    products = joined.products(x, [p["weight"] for p in maps])
    return [y + p["bias"] if "bias" in p else y for p, y in zip(maps, products, strict=True)]


def rms_norm(p: Params, x: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    """Divide each token's features by their root mean square, then scale them by a learned gain.

    References
    ----------
    Zhang and Sennrich, arXiv 1910.07467, equation 4.

    Examples
    --------
    >>> rms_norm({"gain": np.array([1.0, 10.0])}, np.array([1.0, 7.0]), eps=0).tolist()
    [0.2, 14.0]
    """
    mean_square = _mean(x * x)
    return _scaled(p, x / np.sqrt(mean_square + eps))


def layer_norm(p: Params, x: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    """Give each token's features mean 0 and variance 1, then a learned gain and bias, if any.

    References
    ----------
    Ba, Kiros and Hinton, arXiv 1607.06450, section 3.

    Examples
    --------
    >>> p = {"gain": np.array([1.0, 10.0]), "bias": np.array([0.0, 3.0])}
    >>> layer_norm(p, np.array([4.0, 8.0]), eps=0).tolist()
    [-1.0, 13.0]
    """
    centered = x - _mean(x)
    variance = _mean(centered * centered)
    return _scaled(p, centered / np.sqrt(variance + eps))


def _mean(x: np.ndarray) -> np.ndarray:
    """Return the mean of each token's features; for one token sooner than ``x.mean`` does."""
    return x.sum(axis=-1, keepdims=True) / x.shape[-1]


def _scaled(p: Params, x: np.ndarray) -> np.ndarray:
    """Apply the gain and the bias of a norm, as far as it has them."""
    if "gain" in p:
        x = x * p["gain"]
    return x + p["bias"] if "bias" in p else x


def softmax(x: np.ndarray) -> np.ndarray:
    """Turn scores into probabilities along the last axis: none negative, their sum 1.

    Examples
    --------
    >>> softmax(np.log([1.0, 3.0])).round(6).tolist()
    [0.25, 0.75]
    """
    # Subtracting the largest score changes no probability, and keeps exp from overflowing.
    exp = np.exp(x - x.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


def silu(x: np.ndarray) -> np.ndarray:
    """Multiply each number by its own sigmoid: x / (1 + exp(-x)).

    References
    ----------
    Elfwing, Uchibe and Doya, arXiv 1702.03118.

    Examples
    --------
    >>> silu(np.array([-100.0, 0.0, 100.0])).tolist()
    [0.0, 0.0, 100.0]
    """
    # sigmoid(x) = (1 + tanh(x / 2)) / 2, which never overflows, as exp(-x) would for x = -100.
    half = x / 2
    return half + half * np.tanh(half)


def gelu(x: np.ndarray) -> np.ndarray:
    """Weight each number by the chance that a normal variable is below it (the tanh form of GPT-2).

    References
    ----------
    Hendrycks and Gimpel, arXiv 1606.08415, section 2.

    Examples
    --------
    >>> gelu(np.array([-100.0, 0.0, 1.0, 100.0])).round(4).tolist()
    [0.0, 0.0, 0.8412, 100.0]
    """
    half = x / 2
    return half + half * np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))


def relu(x: np.ndarray) -> np.ndarray:
    """Replace what is negative by 0."""
    return np.maximum(x, 0)


def relu2(x: np.ndarray) -> np.ndarray:
    """Square what is positive and replace the rest by 0.

    References
    ----------
    So et al. (Primer), arXiv 2109.08668.
    """
    positive = relu(x)
    return positive * positive


Activation = Callable[[np.ndarray], np.ndarray]
ACTIVATIONS: dict[str, Activation] = {f.__name__: f for f in (gelu, gelu_exact, relu, relu2, silu)}


def mlp(p: Params, x: np.ndarray, activation: Activation = gelu) -> np.ndarray:
    """Widen to F features, apply the activation, and narrow again: (..., D) to (..., D).

    Examples
    --------
    >>> p = {"up": {"weight": np.array([[5.0, -5.0]])},
    ...      "down": {"weight": np.array([[3.0], [4.0]])}}
    >>> mlp(p, np.array([2.0]), relu).tolist()  # 3 * relu(10) + 4 * relu(-10)
    [30.0]
    """
    return linear(p["down"], hidden_units(p, x, activation))


def hidden_units(p: Params, x: np.ndarray, activation: Activation = gelu) -> np.ndarray:
    """Return the F numbers between the matrices of an MLP: (..., D) to (..., F).

    With a gate they are activation(gate) * up: SwiGLU if the activation is silu, GeGLU if gelu.

    References
    ----------
    Vaswani et al., arXiv 1706.03762, equation 2; gates: Shazeer, arXiv 2002.05202, equation 6.

    Examples
    --------
    >>> p = {"gate": {"weight": np.array([[50.0]])}, "up": {"weight": np.array([[3.0]])}}
    >>> hidden_units(p, np.array([2.0]), silu).tolist()  # silu(2 * 50) * (2 * 3)
    [600.0]
    """
    if "gate" in p:
        gate, up = linears((p["gate"], p["up"]), x)
        return activation(gate) * up
    return activation(linear(p["up"], x))


def mixture_of_experts(
    p: Params, x: np.ndarray, n_active: int, activation: Activation = silu
) -> np.ndarray:
    """Send each token to the MLPs that a router scores highest, and mix what they return.

    Only the chosen ones compute. The weights of the mixture are the softmax of the chosen scores,
    which is the softmax of all scores, kept for the chosen and divided by their sum.

    Parameters
    ----------
    p
        A ``router`` (D, E), and ``experts``: an MLP whose arrays have a leading expert axis.
    x
        Features (..., D).
    n_active
        How many of the E experts compute for each token.

    References
    ----------
    Jiang et al. (Mixtral), arXiv 2401.04088, section 2.1.

    Examples
    --------
    Scores 0, ln 1 and ln 3 choose experts 1 and 2, with the weights 1/4 and 3/4.

    >>> p = {"router": {"weight": np.log([[1e-9, 1.0, 3.0]])},
    ...      "experts": {"up": {"weight": np.array([[[5.0]], [[20.0]], [[40.0]]])},
    ...                  "down": {"weight": np.ones((3, 1, 1))}}}
    >>> mixture_of_experts(p, np.array([[1.0]]), n_active=2, activation=relu).round(6).tolist()
    [[35.0]]
    """
    tokens = x.reshape(-1, x.shape[-1])  # (T, D)
    scores = linear(p["router"], tokens)  # (T, E)
    chosen = np.argsort(-scores, axis=-1)[:, :n_active]
    weights = softmax(np.take_along_axis(scores, chosen, axis=-1))  # (T, n_active)
    made = _by_experts(p["experts"], tokens, chosen, activation)  # (T, n_active, D)
    return (weights[..., None] * made).sum(axis=-2).reshape(x.shape)


def _by_experts(
    experts: Params, tokens: np.ndarray, chosen: np.ndarray, activation: Activation
) -> np.ndarray:
    """Return what each expert makes of the tokens that chose it: (T, D) to (T, n_active, D).

    The pairs of a token and an expert are sorted by expert, so that each reads its tokens at once.
    """
    order = np.argsort(chosen, axis=None, kind="stable")
    some, starts = np.unique(chosen.reshape(-1)[order], return_index=True)
    results = [
        mlp(_expert(experts, int(expert)), tokens[pairs // chosen.shape[-1]], activation)
        for expert, pairs in zip(some, np.split(order, starts[1:]), strict=True)
    ]
    # Sorting the order itself gives the places from which each pair gets its result back.
    returned = np.concatenate(results)[np.argsort(order)]  # (T * n_active, D)
    return returned.reshape(*chosen.shape, -1)


def _expert(experts: Params, i: int) -> Params:
    """Take one MLP out of arrays that hold all of them."""
    return {
        part: {name: array[i] for name, array in arrays.items()} for part, arrays in experts.items()
    }


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return minus the log of the probability that each target was given, in nats: (T, V) to (T,).

    Examples
    --------
    >>> logits = np.log([[1.0, 3.0], [1.0, 3.0]])
    >>> cross_entropy(logits, np.array([0, 1])).round(4).tolist()  # ln 4 and ln 4/3
    [1.3863, 0.2877]
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    chosen = np.take_along_axis(shifted, targets[..., None], axis=-1)[..., 0]
    return np.log(np.exp(shifted).sum(axis=-1)) - chosen
