"""Figures of chapter 1: the models to scale, a parameter among its neighbors, a shuffled model."""

from collections.abc import Sequence
from math import log, sqrt

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from paramlab import display, plots


def zoom(
    shape: tuple[int, int], row: int, numbers: Sequence[float], label: str
) -> tuple[Figure, str]:
    """Draw a table of numbers, one of its rows enlarged, and one number of that row.

    Parameters
    ----------
    shape
        Rows and columns of the table.
    row
        Which row is enlarged.
    numbers
        The first numbers of that row.
    label
        Whose row it is.

    Returns
    -------
    tuple
        The figure, and the number as it is written in it.
    """
    figure, axes = plots.canvas(2.9)
    top = 2.0
    _grid(axes, (0, 0), (0.62, top), n_lines=24)
    y = top * (1 - row / shape[0])
    axes.plot([0, 0.62], [y, y], color=plots.ALARM, linewidth=2)
    axes.text(0.31, -0.06, f"{shape[0]:,} rows\nof {shape[1]}", ha="center", va="top")
    cell, left, middle = 0.5, 1.05, 1.25
    for corner in (middle, middle + 0.36):
        axes.plot([0.62, left], [y, corner], color=plots.MUTED, linewidth=0.8)
    for i, value in enumerate(numbers):
        x = left + cell * i
        box = Rectangle((x, middle), cell, 0.36, fill=False, edgecolor=plots.EMBEDDING)
        axes.add_patch(box).set_linewidth(1)
        place = (x + cell / 2, middle + 0.18)
        axes.text(*place, _signed(value, 3), ha="center", va="center", fontsize=10)
    right = left + cell * len(numbers)
    axes.text(right + 0.05, middle + 0.18, "...", va="center")
    axes.text(left, middle + 0.44, f"the row of {label}")
    for edge, corner in ((left, left + 0.2), (left + cell, left + 1.5)):
        axes.plot([edge, corner], [middle, 0.62], color=plots.MUTED, linewidth=0.8)
    big = Rectangle((left + 0.2, 0), 1.3, 0.62, facecolor=plots.EMBEDDING, linewidth=0)
    axes.add_patch(big)
    one = _signed(numbers[0], 4)
    large = axes.text(left + 0.85, 0.31, one, ha="center", va="center", fontsize=20)
    large.set_color(plots.GROUND)
    axes.text(left + 1.6, 0.31, "one parameter", va="center")
    axes.set(xlim=(-0.02, right + 0.2), ylim=(-0.45, top + 0.02))
    return figure, one


def _signed(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def _grid(axes: Axes, corner: tuple[float, float], size: tuple[float, float], n_lines: int) -> None:
    face = Rectangle(corner, *size, facecolor=(plots.EMBEDDING, 0.25), edgecolor=plots.EMBEDDING)
    axes.add_patch(face)
    for i in range(1, n_lines):
        y = corner[1] + size[1] * i / n_lines
        axes.plot([corner[0], corner[0] + size[0]], [y, y], color=plots.EMBEDDING, linewidth=0.3)


def values(edges: Sequence[float], shares: Sequence[float]) -> tuple[Figure, float]:
    """Draw how often numbers lie between two neighbors of ``edges``; returns the largest share."""
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 2.1), layout="constrained")
    axes.stairs(shares, edges, fill=True, color=plots.WEIGHT)
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, None), yticks=[])
    axes.set_xlabel("value of a parameter")
    axes.spines["left"].set_visible(False)
    return figure, max(shares)


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
