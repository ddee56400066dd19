"""Figures of chapter 5: a weight on its way down, a loss curve, the paths of fifty weights."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from paramlab import plots


def downhill(
    weights: Sequence[float], losses: Sequence[float], best: float
) -> tuple[Figure, list[tuple[float, float]]]:
    """Draw a weight that walks down the parabola of its loss to ``best``; return its stops."""
    stops = list(zip(weights, losses, strict=True))
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.2), layout="constrained")
    scale = losses[0] / (weights[0] - best) ** 2
    w = np.linspace(weights[0] - 0.3, 2 * best - weights[0] - 1, 200)
    axes.plot(w, scale * (w - best) ** 2, color=plots.REST, linewidth=1.5)
    for tail, head in zip(stops, stops[1:], strict=False):
        arrow = {"arrowstyle": "->", "color": plots.WEIGHT, "linewidth": 1.2}
        axes.annotate("", head, tail, arrowprops=arrow | {"shrinkA": 5, "shrinkB": 5})
    axes.plot(weights, losses, "o", color=plots.WEIGHT, markersize=8)
    for label, place in zip(("start", "step 1", "step 2"), stops, strict=False):
        axes.annotate(label, place, xytext=(9, 3), textcoords="offset points", va="bottom")
    axes.set(xlabel="the weight w (letters per word)", ylabel="loss (squared error)")
    axes.set_ylim(-3, 1.12 * scale * (w[0] - best) ** 2)
    return figure, stops


def loss_curve(
    losses: Sequence[float], marks: dict[str, float]
) -> tuple[Figure, dict[str, list[float]]]:
    """Draw the loss of each training step, its mean over 25 steps, and marks as level lines."""
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.2), layout="constrained")
    steps = np.arange(1, len(losses) + 1)
    axes.plot(steps, losses, color=plots.ACTIVITY, linewidth=0.5, alpha=0.4)
    n = 25
    smooth = np.convolve(losses, np.ones(n) / n, mode="valid")
    axes.plot(steps[n // 2 : len(steps) - n // 2], smooth, color=plots.ACTIVITY, linewidth=2)
    for label, level in marks.items():
        axes.axhline(level, color=plots.MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.text(len(losses), level + 0.05, label, color=plots.MUTED, ha="right", va="bottom")
    axes.set(xlabel="training step", ylabel="loss (nats per character)")
    axes.set(xlim=(0, len(losses)), ylim=(0, max(marks.values()) * 1.12))
    return figure, {"losses": list(losses), "smooth": smooth.tolist()}


def weight_paths(paths: np.ndarray, one: int) -> tuple[Figure, np.ndarray]:
    """Draw how weights move in training: ``paths`` (steps, weights), the path of ``one`` in color.

    Returns the path of that one.
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.2), layout="constrained")
    axes.axhline(0, color=plots.GRID, linewidth=1)
    steps = np.arange(0, len(paths), max(1, len(paths) // 100))  # more would fill the file only
    axes.plot(steps, paths[steps], color=plots.REST, linewidth=0.7, alpha=0.5)
    last = len(paths) - 1
    axes.plot(steps, paths[steps, one], color=plots.WEIGHT, linewidth=2)
    axes.plot([0, last], paths[[0, last], one], "o", color=plots.WEIGHT, clip_on=False)
    end = paths[last, one]
    axes.annotate(
        "one weight", (last * 0.98, end), (0, 8), textcoords="offset points", color=plots.WEIGHT,
        ha="right",
    )  # fmt: skip
    axes.set(xlabel="training step", ylabel="value of the weight", xlim=(0, last))
    return figure, paths[:, one]
