"""Figures of chapter 3: from a prompt to the next token, floor by floor, and what is on a floor."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from paramlab import display, plots


def path_to_next_token(
    tokens: Sequence[str], probabilities: dict[str, float], n_layers: int
) -> tuple[Figure, dict[str, float]]:
    """Draw a column for each token, what flows between columns, and the next-token probabilities.

    ``probabilities`` are those of the most probable next tokens, highest first; they are returned.
    """
    figure, (left, right) = plots.plt.subplots(
        1, 2, figsize=(plots.WIDTH_INCHES, 3.4), layout="constrained", width_ratios=[3.2, 1.8]
    )
    width, top = 0.3, 4.0
    for i, token in enumerate(tokens):
        corner = (i - width / 2, 0)
        left.add_patch(Rectangle(corner, width, top, facecolor=(plots.ACTIVITY, 0.25)))
        left.text(i, -0.12, token, ha="center", va="top", rotation=40, rotation_mode="anchor")
    for height in (0.5, 1.7, 2.9):
        _flow(left, len(tokens), height, width)
    last = len(tokens) - 1
    _arrow(left, (last, top), (last + 0.5, top + 0.3), bend=-0.4)
    left.set(xlim=(-0.5, last + 0.55), ylim=(-1.1, top + 0.35))
    left.set_title(f"{n_layers} blocks, upward", loc="left", color=plots.MUTED)
    names = list(probabilities)
    right.barh(names, list(probabilities.values()), color=plots.ACTIVITY, height=0.6)
    for row, p in enumerate(probabilities.values()):
        right.text(p + 0.03, row, display.percent(p, 1), va="center")
    right.set(xlim=(0, 1.3), ylim=(len(names) - 0.4, -0.6), xticks=[])
    right.set_title("what comes next?", loc="left", color=plots.MUTED)
    right.tick_params(axis="y", length=0)
    for side in ("left", "bottom"):
        right.spines[side].set_visible(False)
    left.set_axis_off()
    return figure, dict(probabilities)


def _flow(axes: Axes, n_tokens: int, height: float, width: float) -> None:
    """Draw arrows from each column to all later ones, those that reach the last one darker."""
    for end in range(1, n_tokens):
        last = end == n_tokens - 1
        for start in range(end):
            tail, head = (start + width / 2, height), (end - width / 2, height + 0.4)
            _arrow(axes, tail, head, -0.12 * (end - start), 1.0 if last else 0.35)


def _arrow(
    axes: Axes,
    tail: tuple[float, float],
    head: tuple[float, float],
    bend: float = 0.0,
    alpha: float = 1.0,
    linewidth: float = 0.9,
) -> None:
    style = {"arrowstyle": "->", "color": (plots.ACTIVITY, alpha), "linewidth": linewidth}
    style |= {"connectionstyle": f"arc3,rad={bend}", "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", head, tail, arrowprops=style)


def climb(
    places: Sequence[int], chances: Sequence[float], intact: float
) -> tuple[Figure, dict[str, list[float]]]:
    """Draw how one token climbs from block to block, and what each block's look back is worth.

    Parameters
    ----------
    places
        The place of the token among all, read after 0, 1, ... blocks.
    chances
        Its probability when one block, the first, the second, ..., may not look back.
    intact
        Its probability when all may.
    """
    figure, (left, right) = plots.plt.subplots(
        1, 2, figsize=(plots.WIDTH_INCHES, 4.2), layout="constrained", sharey=True
    )
    floors = range(len(places))
    left.step(places, floors, where="post", color=plots.ACTIVITY, linewidth=1)
    left.plot(places, floors, "o", color=plots.ACTIVITY, markersize=4)
    left.set(xscale="log", xlabel="place of Paris (log scale)", ylabel="floor")
    left.set_xlim(max(places) * 1.6, 0.7)
    left.set_xticks([1000, 100, 10, 1], ["1,000", "100", "10", "1"])
    left.minorticks_off()
    rows = list(floors)[1:]
    least = min(range(len(chances)), key=chances.__getitem__)
    colors = [plots.ALARM if i == least else plots.REST for i in range(len(chances))]
    right.barh(rows, chances, color=colors, height=0.7)
    right.axvline(intact, color=plots.MUTED, linewidth=1, linestyle=(0, (4, 3)))
    lowest = display.percent(chances[least], 1, digits=2)
    right.text(chances[least] + 0.03, least + 1, lowest, va="center", color=plots.ALARM)
    right.set(xlim=(0, 1), xlabel="chance of Paris,\nFrance hidden on this floor")
    right.set_xticks([0, 0.5, 1], ["0", "50%", "100%"])
    left.set_ylim(-0.8, len(places) - 0.2)
    return figure, {"places": list(places), "chances": list(chances)}


def head(
    tokens: Sequence[str], query: str, keys: Sequence[str], shares: Sequence[float], mixed: str
) -> tuple[Figure, list[float]]:
    """Draw one head: the last token's query meets the keys, and the shares mix the values.

    ``keys`` and ``query`` are how the vectors are written; a value is ten times its key.
    """
    figure, axes = plots.canvas(3.7)
    n, last = len(tokens), len(tokens) - 1
    _box(axes, (last, 3.5), f"{tokens[-1]} asks\n{query}", plots.ACTIVITY)
    for i, (token, key, share) in enumerate(zip(tokens, keys, shares, strict=True)):
        _box(axes, (i, 2.35), f"{token} is\n{key}", plots.WEIGHT)
        _arrow(axes, (last - 0.1 * (last - i), 3.22), (i, 2.65))
        tall = 0.75 * share
        bar = Rectangle((i - 0.12, 1.2), 0.24, tall, facecolor=plots.ACTIVITY, linewidth=0)
        axes.add_patch(bar)
        text = display.percent(share, 1)
        axes.text(i + 0.17, 1.2 + tall / 2, text, ha="left", va="center")
        _arrow(axes, (i, 1.12), (last / 2 + 0.35 * (i - last / 2), 0.4), linewidth=0.6 + 6 * share)
    _box(axes, (last / 2, 0.1), f"the mixture\n{mixed}", plots.EMBEDDING, 1.5)
    for y, text in ((3.5, "query"), (2.35, "keys"), (1.5, "shares"), (0.1, "values")):
        axes.text(-1.1, y, text, ha="left", va="center", color=plots.MUTED)
    axes.set(xlim=(-1.15, n - 0.45), ylim=(-0.25, 3.85))
    return figure, list(shares)


def block(n_heads: int, n_units: int, d_model: int) -> tuple[Figure, list[str]]:
    """Draw one block as a column with two detours, whose results are added; returns the labels."""
    figure, axes = plots.canvas(3.6)
    axes.plot([0, 0], [-0.2, 4.2], color=plots.INK, linewidth=2.5)
    axes.text(0.08, -0.2, f"a column: {d_model} numbers", va="center")
    labels = [f"attention\n{n_heads} heads", f"MLP\n{n_units:,} units"]
    for bottom, label in zip((0.2, 2.3), labels, strict=True):
        right = 1.5
        _arrow(axes, (0, bottom + 0.1), (right - 0.36, bottom + 0.1))
        _box(axes, (right, bottom + 0.1), "norm", plots.NORM, 0.7)
        _arrow(axes, (right, bottom + 0.35), (right, bottom + 0.62))
        _box(axes, (right, bottom + 0.95), label, plots.WEIGHT, 1.1)
        back = bottom + 1.6
        axes.plot([right, right], [bottom + 1.28, back], color=plots.ACTIVITY, linewidth=0.9)
        _arrow(axes, (right, back), (0.12, back))
        axes.plot(0, back, "o", color=plots.GROUND, markeredgecolor=plots.INK, markersize=15)
        axes.text(0, back - 0.01, "+", ha="center", va="center")
    _arrow(axes, (2.75, 1.15), (2.1, 1.15))
    axes.text(2.8, 1.15, "the columns\nto the left", va="center")
    axes.text(0.08, 4.15, "to the next block", va="center")
    axes.set(xlim=(-0.4, 3.75), ylim=(-0.4, 4.3))
    return figure, labels


def _box(
    axes: Axes, middle: tuple[float, float], text: str, color: str, width: float = 0.84
) -> None:
    """Write a text in a filled box around a point."""
    height = 0.6 if "\n" in text else 0.36
    corner = (middle[0] - width / 2, middle[1] - height / 2)
    axes.add_patch(Rectangle(corner, width, height, facecolor=color, linewidth=0))
    axes.text(*middle, text, ha="center", va="center", color=plots.GROUND)


def attention_patterns(
    patterns: Sequence[np.ndarray], texts: Sequence[Sequence[str]]
) -> tuple[Figure, list[dict[int, float]]]:
    """Draw the patterns (T, T) of one head on texts of T tokens, the darker the stronger.

    Returns, for each text, the place at which its last token looks most, and how strongly.
    """
    figure, panels = plots.plt.subplots(
        1, len(patterns), figsize=(plots.WIDTH_INCHES, 2.65), layout="constrained"
    )
    strongest = []
    for axes, pattern, words in zip(panels, patterns, texts, strict=True):
        _draw_pattern(axes, pattern, words)
        place = int(pattern[-1].argmax())
        strongest.append({place: float(pattern[-1, place])})
        share = display.percent(pattern[-1, place], 1, digits=2)
        axes.text(place + 0.5, len(words) - 1.5, share, ha="center", va="center")
    panels[0].text(len(texts[0]), 0, "each row:\nwhere one\ntoken looks", ha="right", va="top")
    return figure, strongest


def _draw_pattern(axes: Axes, pattern: np.ndarray, words: Sequence[str]) -> None:
    n = len(words)
    for (row, column), share in np.ndenumerate(pattern):
        if column <= row:
            cell = Rectangle((column, row), 1, 1, edgecolor=plots.GRID, linewidth=0.5)
            cell.set_facecolor((plots.ACTIVITY, float(share)))
            axes.add_patch(cell)
    last_row = Rectangle((0, n - 1), n, 1, fill=False, edgecolor=plots.INK, linewidth=1.2)
    axes.add_patch(last_row).set_clip_on(False)
    axes.set(xlim=(0, n), ylim=(n, 0), aspect="equal")
    axes.set_xticks(np.arange(n) + 0.5, words, rotation=90)
    axes.set_yticks(np.arange(n) + 0.5, words)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
