"""Figures of chapter 6: a floor where one looks back, the sizes of drawers, units, a fact."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle

from paramlab import display, plots
from paramlab.config import ModelConfig
from paramlab.statistics import mean_and_half


def house(words: Sequence[str], said: Sequence[str], key: int) -> tuple[Figure, dict[str, int]]:
    """Draw a model as a house with a floor for each block and a column for each word.

    Parameters
    ----------
    words
        The words of the prompt, a column each.
    said
        For every block, from below: what the model says when in that block its last word may not
        look at column ``key``.

    Returns
    -------
    tuple
        The figure, and how often each word is said.
    """
    figure, axes = plots.canvas(4.3)
    usual = max(set(said), key=said.count)
    last, n = len(words) - 1, len(said)
    for column, word in enumerate(words):
        axes.text(column, -0.8, word, ha="center", va="top")
        for floor in range(n):
            corner = (column - 0.3, floor + 0.12)
            window = Rectangle(corner, 0.6, 0.76, facecolor=(plots.ACTIVITY, 0.22), linewidth=0)
            axes.add_patch(window)
    axes.text(last + 0.85, n + 0.4, "then it says", color=plots.MUTED, va="bottom")
    for floor, word in enumerate(said):
        other = word != usual
        color = plots.ALARM if other else plots.REST
        sign = Rectangle((last + 0.85, floor + 0.12), 0.16, 0.76, facecolor=color, linewidth=0)
        axes.add_patch(sign)
        if other:
            style: dict[str, Any] = {"arrowstyle": "->", "color": plots.ALARM, "linewidth": 1.6}
            style |= {"connectionstyle": "arc3,rad=0.25", "shrinkA": 0, "shrinkB": 0}
            head, tail = (key + 0.32, floor + 0.7), (last - 0.32, floor + 0.7)
            axes.annotate("", head, tail, arrowprops=style)
            axes.text(last + 1.1, floor + 0.5, f"“{word}”", color=plots.ALARM, va="center")
    below = min(floor for floor, word in enumerate(said) if word != usual) / 2
    axes.text(last + 1.1, below, f"“{usual}”", color=plots.REST, va="center")
    for floor in sorted({0, *(f for f, word in enumerate(said) if word != usual), n - 1}):
        axes.text(-0.45, floor + 0.5, f"block {floor}", color=plots.MUTED, ha="right", va="center")
    axes.set(xlim=(-1.45, last + 2.1), ylim=(-3, n + 1.6))
    return figure, {word: list(said).count(word) for word in dict.fromkeys(said)}


def sizes(config: ModelConfig) -> tuple[Figure, dict[str, int]]:
    """Draw a model, one of its blocks and one of its units, each to its own scale, in numbers.

    Returns how many numbers stand in the token table, a block, a head, a unit.
    """
    width, n_layers = config.d_model, config.n_layers
    head = 2 * width * config.d_head * (config.n_heads + config.n_kv_heads) // config.n_heads
    numbers = {"table": config.vocab_size * width, "head": head, "unit": 3 * width}
    mlp = numbers["unit"] * config.d_ff
    numbers["block"] = head * config.n_heads + mlp
    figure, panels = plots.plt.subplots(
        1, 3, figsize=(plots.WIDTH_INCHES, 2.5), layout="constrained"
    )
    model, block, unit = panels
    table = numbers["table"] / (numbers["table"] + n_layers * numbers["block"])
    _cells(model, (0, 0, 1, 1 - table), (6, n_layers // 6), plots.WEIGHT)
    _cells(model, (0, 1 - table, 1, table), (1, 1), plots.EMBEDDING)
    heads = head * config.n_heads / numbers["block"]
    _cells(block, (0, 0, 1, 1 - heads), (48, config.d_ff // 48), plots.WEIGHT)
    _cells(block, (0, 1 - heads, 1, heads), (config.n_heads, 1), plots.ACTIVITY)
    _cells(unit, (0, 0, 1, 1), (48, numbers["unit"] // 48), plots.WEIGHT)
    titles = (
        f"the model:\n{n_layers} blocks and\nthe token table",
        f"one block:\n{config.n_heads} heads and\n{display.number(config.d_ff)} units",
        f"one unit:\n{display.number(numbers['unit'])}\nnumbers",
    )
    for axes, title in zip(panels, titles, strict=True):
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.set_title(title, fontsize=11)
        axes.set_axis_off()
    for left, right, rows, share in (
        (model, block, n_layers // 6, 1 - table),
        (block, unit, config.d_ff // 48, 1 - heads),
    ):
        for tail, head in ((0, 0), (share / rows, 1)):  # from the dark cell to what is inside it
            ends = (1, tail), (0, head), "data", "data"
            style: dict[str, Any] = {"color": plots.MUTED, "linewidth": 0.7}
            figure.add_artist(ConnectionPatch(*ends, axesA=left, axesB=right, **style))
    return figure, numbers


def _cells(
    axes: Axes, box: tuple[float, float, float, float], grid: tuple[int, int], color: str
) -> None:
    """Fill a box with equal cells of which the last of the first row is dark."""
    x, y, width, height = box
    columns, rows = grid
    axes.add_patch(Rectangle((x, y), width, height, facecolor=(color, 0.25), linewidth=0))
    lines: dict[str, Any] = {"color": plots.GROUND, "linewidth": 0.5 if columns > 10 else 1}
    axes.vlines(x + width * np.arange(1, columns) / columns, y, y + height, **lines)
    axes.hlines(y + height * np.arange(1, rows) / rows, x, x + width, **lines)
    if columns * rows > 1:
        corner = (x + width * (columns - 1) / columns, y)
        axes.add_patch(Rectangle(corner, width / columns, height / rows, facecolor=color))


def added_loss(rows: dict[str, tuple[float, float]]) -> tuple[Figure, dict]:
    """Draw what several ways of shutting units add to the loss: a mean and half an interval."""
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 2.3), layout="constrained")
    colors = (plots.INK, plots.MUTED, plots.MUTED, plots.REST)
    for row, ((mean, half), color) in enumerate(zip(rows.values(), colors, strict=True)):
        axes.barh(row, mean, color=color, height=0.55)
        axes.plot([mean - half, mean + half], [row, row], color=plots.INK, linewidth=2)
        label = display.rounded(mean, 2 if mean < 1 else 3)
        axes.text(mean + half + 0.1, row, f"+{label}", va="center")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel="added loss (nats per token)")
    axes.set_xlim(0, 1.15 * max(mean + half for mean, half in rows.values()))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure, rows


SERIES = {  # marker, color, filled
    "typical, mean, own": ("o", plots.INK, True),
    "typical, mean, others": ("o", plots.INK, False),
    "equally loud, mean, own": ("D", plots.MUTED, True),
    "random, mean, own": ("s", plots.REST, False),
}


def subjects(
    names: Sequence[str], changes: dict[str, np.ndarray], shown: str
) -> tuple[Figure, dict[str, np.ndarray]]:
    """Draw, for every subject, how the loss changes when units are silenced.

    Parameters
    ----------
    names
        The subjects.
    changes
        For each of ``SERIES``, a number for every subject.
    shown
        The subject to mark.
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 6.4), layout="constrained")
    order = np.argsort(-changes["typical, mean, own"])
    axes.axvline(0, color=plots.GRID, linewidth=1, zorder=0)
    for row, i in enumerate(order):
        ends = [changes[name][i] for name in SERIES]
        axes.plot([min(ends), max(ends)], [row, row], color=plots.GRID, linewidth=1, zorder=0)
        for name, (marker, color, filled) in SERIES.items():
            face = color if filled else plots.GROUND
            axes.plot(changes[name][i], row, marker, color=color, markerfacecolor=face, ms=6)
    bottom = len(names) + 0.6
    for row, (name, (marker, color, filled)) in enumerate(SERIES.items(), 1):
        middle, half = mean_and_half(list(changes[name]))
        face = color if filled else plots.GROUND
        axes.plot([middle - half, middle + half], [bottom + row] * 2, color=color, linewidth=2)
        axes.plot(middle, bottom + row, marker, color=color, markerfacecolor=face, ms=7)
    axes.axhline(bottom, color=plots.MUTED, linewidth=0.8)
    places = [*range(len(names)), *(bottom + row for row in range(1, len(SERIES) + 1))]
    labels = [names[i] for i in order]
    axes.set_yticks(places, [*labels, *("mean: " + name.replace(", mean", "") for name in SERIES)])
    axes.get_yticklabels()[labels.index(shown)].set_fontweight("bold")
    axes.set_ylim(bottom + len(SERIES) + 0.7, -0.8)
    axes.set_xlabel("change of the loss at the part (nats)")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure, changes


def fetched(
    right: Sequence[int], swapped: dict[str, Sequence[int]], n: int
) -> tuple[Figure, dict[str, Sequence[int]]]:
    """Draw where a fact is fetched: a bar for each block, and whose column decides from there.

    Parameters
    ----------
    right
        For every block, how many of ``n`` answers stay right when the last word may not look at
        the country there.
    swapped
        For "the country" and "the last word", how many of ``n`` answers become another country's
        when that column is taken from its prompt at the entry of each block.
    """
    figure, (above, below) = plots.plt.subplots(
        2, 1, figsize=(plots.WIDTH_INCHES, 4.3), layout="constrained", sharex=True
    )
    blocks = range(len(right))
    lowest = int(np.argmin(right))
    colors = [plots.ALARM if i == lowest else plots.REST for i in blocks]
    above.bar(blocks, right, color=colors, width=0.8)
    note = f"block {lowest}: {right[lowest]} of {n}"
    above.text(lowest, 1.06 * n, note, color=plots.ALARM, va="bottom", ha="center")
    above.set_title("right answers, no look at the country in one block", loc="left", fontsize=10.5)
    for (name, counts), color in zip(swapped.items(), (plots.REST, plots.INK), strict=True):
        below.plot(blocks, counts, "o-", color=color, markersize=3.5)
        first = name == "the country"
        place = (0, 0.8 * n) if first else (len(right) - 8.5, 0.4 * n)
        side = "left" if first else "right"
        below.text(*place, f"swap {name}", color=color, ha=side, va="top")
    below.set_title("answers of the other country", loc="left", fontsize=10.5)
    below.set(xlabel="block, from the entrance", xlim=(-0.7, len(right) - 0.3))
    for axes, top in ((above, 1.3), (below, 1.08)):
        axes.set_ylim(0, top * n)
        axes.set_yticks([0, n // 2, n])
    return figure, {"right": right, **swapped}
