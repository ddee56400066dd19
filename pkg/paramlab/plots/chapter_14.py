"""Figures of chapter 14: what fewer bits cost, and what fits."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paramlab import display, plots
from paramlab.quantize import quantize


def grids(weights: np.ndarray, bits: int, group: int) -> tuple[Figure, dict[str, float]]:
    """Draw the weights of a matrix on the grid that they share, and one group on its own grid.

    Returns the step of each grid.
    """
    figure, panels = plots.plt.subplots(
        2, 1, figsize=(plots.WIDTH_INCHES, 3.6), layout="constrained"
    )
    some = weights[:group, :1]
    steps = {}
    for axes, part, name in zip(
        panels, (weights, some), ("the whole matrix", f"a group of {group}"), strict=True
    ):
        small = quantize(part, bits, "tensor")
        step = float(small.steps[0, 0])
        points = step * np.arange(-(2 ** (bits - 1)), 2 ** (bits - 1))
        _weights_over_grid(axes, part.ravel(), points)
        axes.set_title(f"{name}: {part.size:,} weights, {2**bits} points", loc="left")
        steps[name] = abs(step)
    panels[1].set_xlabel("value of a weight (below: the points that 4 bits can name)")
    return figure, steps


def _weights_over_grid(axes: Axes, weights: np.ndarray, points: np.ndarray) -> None:
    reach = 1.06 * max(abs(points).max(), abs(weights).max())
    axes.vlines(points, -0.42, -0.12, color=plots.ALARM, linewidth=2)
    if weights.size > 100:
        frequency, edges = np.histogram(weights, bins=160, range=(-reach, reach))
        axes.stairs(frequency / frequency.max(), edges, color=plots.WEIGHT, fill=True)
        far = weights[abs(weights).argmax()]
        arrow = {"arrowstyle": "->", "color": plots.WEIGHT}
        side = "right" if far > 0 else "left"
        axes.annotate(
            f"one weight of {far:.2f}", (far, 0.02), (far, 0.45),
            color=plots.WEIGHT, ha=side, arrowprops=arrow,
        )  # fmt: skip
    else:
        axes.vlines(weights, 0, 0.6, color=plots.WEIGHT, linewidth=1.4)
    axes.axhline(0, color=plots.GRID, linewidth=1, zorder=0)
    axes.set(xlim=(-reach, reach), ylim=(-0.5, 1.05), yticks=[])
    axes.spines["left"].set_visible(False)


def memory(
    needs: Mapping[str, tuple[float, float, float]], limit: tuple[str, float]
) -> tuple[Figure, dict[str, bool]]:
    """Draw what models need, in GB of weights, cache and the rest, against what there is.

    Returns for each model whether it fits.
    """
    figure, axes = plots.plt.subplots(
        figsize=(plots.WIDTH_INCHES, 0.44 * len(needs) + 1.2), layout="constrained"
    )
    label, at = limit
    kinds = (("weights", plots.WEIGHT), ("cache", plots.ACTIVITY), ("program", plots.REST))
    width = 1.08 * max(sum(parts) for parts in needs.values())
    for row, parts in enumerate(needs.values()):
        left = 0.0
        for (_, color), part in zip(kinds, parts, strict=True):
            axes.barh(row, part, left=left, color=color, height=0.6)
            left += part
        total = display.rounded(left, 3) + " GB"
        axes.text(width / 90, row, total, va="center", color=plots.GROUND)
        if left > at:
            axes.text(left + width / 90, row, "no", va="center", color=plots.ALARM)
    down = [-0.5, len(needs) - 0.45]
    axes.plot([at, at], down, color=plots.ALARM, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.text(at, -0.62, label, color=plots.ALARM, ha="center", va="bottom")
    for i, (name, color) in enumerate(kinds):
        axes.text(width * (0.0, 0.37, 0.64)[i], len(needs) - 0.4, name, color=color, va="top")
    axes.set_yticks(range(len(needs)), list(needs))
    axes.set(xlim=(0, width), ylim=(len(needs) + 0.1, -1.2), xlabel="memory (GB)")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure, {name: sum(parts) <= at for name, parts in needs.items()}


GROUPINGS = {
    "tensor": ("each matrix", plots.REST),
    "channel": ("each output", plots.MUTED),
    "32": ("each 32 weights", plots.INK),
}


def added_loss(
    schemes: Mapping[str, Mapping[str, Any]], blind: float
) -> tuple[Figure, dict[str, list[float]]]:
    """Draw what rounding adds to the loss, by the bits that a weight takes with its grid.

    ``schemes`` is what ``book/experiments/quantized.py`` records of symmetric rounding; ``blind``
    is what a guess that takes all tokens for equally likely would add. Returns the losses drawn.
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.5), layout="constrained")
    drawn: dict[str, list[float]] = {}
    for group, (label, color) in GROUPINGS.items():
        found = [each for name, each in schemes.items() if name.startswith(f"symmetric, {group},")]
        found.sort(key=lambda each: each["bits_per_weight"])
        bits = [each["bits_per_weight"] for each in found]
        losses = [max(each["added_loss"][0], FLOOR) for each in found]
        halves = [each["added_loss"][1] for each in found]
        low = [y - max(y - half, FLOOR) for y, half in zip(losses, halves, strict=True)]
        axes.errorbar(bits, losses, yerr=[low, halves], color=color, marker="o", capsize=2)
        drawn[group] = [each["added_loss"][0] for each in found]
        axes.text(bits[-1] + 0.35, losses[-1], label, color=color, va="center")
    axes.axhline(blind, color=plots.MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.text(12.5, blind * 1.4, "all tokens equally likely", color=plots.MUTED, ha="right")
    axes.text(8.35, 0.25, "one grid for", color=plots.MUTED, va="center")
    axes.set_yscale("log")
    ticks = [0.001, 0.01, 0.1, 1, 10]
    axes.set_yticks(ticks, ["under 0.001", *map(str, ticks[1:])])
    axes.minorticks_off()
    axes.set(xlim=(1.8, 12.5), ylim=(FLOOR / 1.5, 60), xticks=[2, 3, 4, 8])
    axes.set_xlabel("bits per weight, grids included")
    axes.set_ylabel("added loss (nats, log scale)")
    return figure, drawn


FLOOR = 0.001  # where a logarithmic axis has to end
