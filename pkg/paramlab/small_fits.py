"""Two models small enough to be fitted a hundred times, to ask what width does.

A *student* of ReLU units learns from examples what a *teacher* of ReLU units computes, by gradient
steps from a random start (Safran and Shamir, arXiv 1712.08968). A linear fit on *random features*
is computed in one go, so no search can fail; what is left is whether it holds for new examples
(Belkin et al., arXiv 1812.11118).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# ------------------------------------------------------------------ teacher and student


@dataclass(frozen=True)
class Lesson:
    """Examples of what a teacher computes, and others that the student does not see."""

    inputs: np.ndarray  # (n, d)
    answers: np.ndarray  # (n,)
    fresh_inputs: np.ndarray
    fresh_answers: np.ndarray


@dataclass(frozen=True)
class Student:
    """A fitted student y = relu(x @ weights) @ outputs, with its losses.

    Losses are mean squared errors divided by the variance of the answers: 1 is what the best
    constant scores, 0 is perfect.
    """

    weights: np.ndarray  # (d, width)
    outputs: np.ndarray  # (width,)
    loss: float
    fresh_loss: float


def relu_network(inputs: np.ndarray, weights: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return relu(x @ weights) @ outputs for every row x of the inputs.

    Examples
    --------
    >>> relu_network(np.array([[1.0, -2.0]]), np.eye(2), np.array([3.0, 5.0])).tolist()
    [3.0]
    """
    return np.maximum(inputs @ weights, 0) @ outputs


def draw_teacher(seed: int, n_units: int = 10) -> np.ndarray:
    """Return the weights of a teacher (d, units): as many inputs as units, orthogonal, length 1.

    All its outputs have the weight 1.

    Examples
    --------
    >>> teacher = draw_teacher(seed=0, n_units=3)
    >>> np.allclose(teacher.T @ teacher, np.eye(3))
    True
    """
    rng = np.random.default_rng([seed, 0])
    return np.linalg.qr(rng.normal(size=(n_units, n_units)))[0]


def draw_lesson(seed: int, n_units: int = 10, n: int = 500, n_fresh: int = 1_000) -> Lesson:
    """Return normal inputs, and what the teacher of that seed answers, without noise."""
    teacher, rng = draw_teacher(seed, n_units), np.random.default_rng([seed, 1])
    inputs = rng.normal(size=(n + n_fresh, n_units))
    answers = relu_network(inputs, teacher, np.ones(n_units))
    return Lesson(inputs[:n], answers[:n], inputs[n:], answers[n:])


def fit_student(
    lesson: Lesson,
    width: int,
    learning_rate: float = 0.1,
    n_steps: int = 2_000,
    seed: int | Sequence[int] = 0,
    start_scale: float = 1.0,
) -> Student:
    """Fit a student by Adam on all examples at once, from random weights.

    The learning rate falls along half a cosine to 0, so that the last steps settle.

    Parameters
    ----------
    lesson
        The examples.
    width
        Units of the student; it has width (d + 1) parameters.
    learning_rate, n_steps
        The first learning rate, and how many steps are taken.
    seed
        Of the start.
    start_scale
        A factor on all weights of the start.

    References
    ----------
    Adam: Kingma and Ba, arXiv 1412.6980, algorithm 1.

    Examples
    --------
    >>> student = fit_student(draw_lesson(0, n_units=2), width=6, n_steps=1_000)
    >>> student.weights.shape, student.loss < 1e-4
    ((2, 6), True)
    """
    x, y = lesson.inputs, lesson.answers
    n, d = x.shape
    rng = np.random.default_rng(seed)
    scale = np.sqrt([d] * d + [width])[:, None]
    p = start_scale * rng.normal(size=(d + 1, width)) / scale
    first, second, slopes = np.zeros_like(p), np.zeros_like(p), np.empty_like(p)
    for step in range(n_steps):
        sums = x @ p[:d]  # (n, width)
        active = (sums > 0).astype(float)
        rest = (sums * active) @ p[d] - y  # (n,)
        error = rest * (2 / n)
        slopes[d] = error @ (sums * active)
        slopes[:d] = ((x * error[:, None]).T @ active) * p[d]
        first += 0.1 * (slopes - first)
        second += 0.01 * (slopes * slopes - second)
        rate = learning_rate * (1 + np.cos(np.pi * step / n_steps)) / 2
        unbiased = first / (1 - 0.9 ** (step + 1))
        p -= rate * unbiased / (np.sqrt(second / (1 - 0.99 ** (step + 1))) + 1e-8)
    weights, outputs = p[:d], p[d]
    variance = y.var()
    loss = ((relu_network(x, weights, outputs) - y) ** 2).mean() / variance
    fresh = relu_network(lesson.fresh_inputs, weights, outputs) - lesson.fresh_answers
    return Student(weights, outputs, float(loss), float((fresh**2).mean() / variance))


# ------------------------------------------------------------------ random features


def random_features(inputs: np.ndarray, n_features: int, seed: int | Sequence[int]) -> np.ndarray:
    """Return relu(x @ w) for random w (d, features), as many as wished: (n, features).

    Scaled so that the features of an input have a length that does not depend on their number.

    Examples
    --------
    >>> random_features(np.ones((2, 3)), 5, seed=0).shape
    (2, 5)
    """
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(inputs.shape[1], n_features))
    return np.maximum(inputs @ weights, 0) * np.sqrt(2 / (inputs.shape[1] * n_features))


def ridge_fit(features: np.ndarray, answers: np.ndarray, penalty: float = 0.0) -> np.ndarray:
    """Return the weights that make squared error + penalty x squared length least.

    Without a penalty, and if many weights fit equally well, the shortest of them.

    Parameters
    ----------
    features
        (n, p); there may be more features than examples.
    answers
        (n,)
    penalty
        Above or equal to 0.

    References
    ----------
    Hoerl and Kennard, "Ridge regression" (1970).

    Examples
    --------
    One equation, two unknowns: w1 + w2 = 2.

    >>> ridge_fit(np.ones((1, 2)), np.array([2.0])).round(6).tolist()
    [1.0, 1.0]
    >>> ridge_fit(np.ones((1, 2)), np.array([2.0]), penalty=2.0).round(6).tolist()
    [0.5, 0.5]
    """
    return _solve(np.linalg.svd(features, full_matrices=False), answers, penalty)


def _solve(parts: tuple[np.ndarray, ...], answers: np.ndarray, penalty: float) -> np.ndarray:
    u, s, v = parts
    kept = s > s[0] * 1e-12  # the rest is 0 but for rounding
    return v[kept].T @ (s[kept] / (s[kept] ** 2 + penalty) * (u[:, kept].T @ answers))


def tuned_ridge_fit(
    features: np.ndarray, answers: np.ndarray, penalties: Sequence[float], n_folds: int = 5
) -> tuple[np.ndarray, float]:
    """Return the weights for the best of some penalties, and which it is.

    Best is what errs least on examples left out: a fifth of them at a time, of those given here,
    so nothing of what the fit will be tested on is used.

    Examples
    --------
    >>> x, y = np.eye(5), np.arange(5.0)
    >>> tuned_ridge_fit(x, y, [1.0, 100.0])[1]  # each number can only be guessed to be 0
    1.0
    """
    folds = np.arange(len(answers)) % n_folds
    errors = np.zeros(len(penalties))
    for fold in range(n_folds):
        left_out = folds == fold
        parts = np.linalg.svd(features[~left_out], full_matrices=False)
        for i, penalty in enumerate(penalties):
            weights = _solve(parts, answers[~left_out], penalty)
            errors[i] += ((features[left_out] @ weights - answers[left_out]) ** 2).sum()
    best = penalties[int(errors.argmin())]
    return ridge_fit(features, answers, best), best
