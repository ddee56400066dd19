"""Figures of chapter 1: the models to scale, a parameter among its neighbors, a shuffled model."""

from math import log, sqrt

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from paramlab import display, plots


def squares(counts: dict[str, int]) -> tuple[Figure, dict[str, float]]:
    """Draw counts as squares of that area, on one scale, smallest first.

    Returns the side of each square, in units of the largest.
    """
    largest = max(counts.values())
    sides = {name: sqrt(n / largest) for name, n in counts.items()}
    figure, axes = plots.canvas(2.6)
    x, gap = 0.0, 0.2
    for name, side in sorted(sides.items(), key=lambda item: item[1]):
        axes.add_patch(Rectangle((x, 0), side, side, facecolor=plots.WEIGHT, linewidth=0))
        label = f"{name}\n{display.in_words(counts[name])}"
        if side > 0.5:
            axes.text(x + 0.05, side - 0.05, label, va="top", color=plots.GROUND)
        else:
            axes.text(x, side + 0.03, label)
        x += max(side, 0.33) + gap
    axes.set_xlim(0, x - gap)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    return figure, sides


def losses(measured: dict[str, float], vocab_size: int) -> tuple[Figure, dict[str, float]]:
    """Draw the loss of models on one text as bars, with the loss of a blind guess as a line."""
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 2.2), layout="constrained")
    chance = log(vocab_size)
    names = list(measured)
    colors = [plots.WEIGHT, plots.ALARM]
    axes.barh(names, list(measured.values()), color=colors, height=0.55)
    for row, value in enumerate(measured.values()):
        axes.text(value + 0.3, row, display.rounded(value, 3), va="center")
    axes.axvline(chance, color=plots.MUTED, linewidth=1, linestyle=(0, (4, 3)))
    blind = f"blind guess: {display.rounded(chance, 3)}"
    axes.text(chance + 0.3, -0.72, blind, color=plots.MUTED, va="center")
    axes.set_ylim(1.5, -1.1)
    axes.set_xlim(0, max(measured.values()) * 1.12)
    axes.set_xlabel("loss on one text (nats per token)")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure, {**measured, "blind guess": chance}
