"""The layers of a transformer: pure functions of their parameters and an input.

Parameters are plain data: a dict of arrays, such as ``{"weight": ..., "bias": ...}``. The last axis
of an input holds the D features of one token; any axes may stand before it.
"""

import math
from typing import Any

import numpy as np

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
    mean_square = (x * x).mean(axis=-1, keepdims=True)
    return x / np.sqrt(mean_square + eps) * p["gain"]


def layer_norm(p: Params, x: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    """Give each token's features mean 0 and variance 1, then a learned gain and bias.

    References
    ----------
    Ba, Kiros and Hinton, arXiv 1607.06450, section 3.

    Examples
    --------
    >>> p = {"gain": np.array([1.0, 10.0]), "bias": np.array([0.0, 3.0])}
    >>> layer_norm(p, np.array([4.0, 8.0]), eps=0).tolist()
    [-1.0, 13.0]
    """
    centered = x - x.mean(axis=-1, keepdims=True)
    variance = (centered * centered).mean(axis=-1, keepdims=True)
    return centered / np.sqrt(variance + eps) * p["gain"] + p["bias"]


def softmax(x: np.ndarray) -> np.ndarray:
    """Turn scores into probabilities along the last axis: positive numbers that sum to 1.

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
    Elfwing, Uchibe and Doya, arXiv 1702.03118, equation 10.

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


def gated_mlp(p: Params, x: np.ndarray) -> np.ndarray:
    """Widen to F features, let one half of them gate the other, and narrow again (SwiGLU).

    References
    ----------
    Shazeer, arXiv 2002.05202, equation 6.

    Examples
    --------
    >>> numbers = {"gate": 50.0, "up": 2.0, "down": 3.0}
    >>> p = {name: {"weight": np.array([[number]])} for name, number in numbers.items()}
    >>> gated_mlp(p, np.array([2.0])).tolist()  # silu(2 * 50) * (2 * 2) * 3
    [1200.0]
    """
    return linear(p["down"], silu(linear(p["gate"], x)) * linear(p["up"], x))  # F wide inside


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
