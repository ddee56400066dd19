"""Figures of chapter 3: the way from a prompt to the next token."""

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
    """Draw arrows from each column to all later ones."""
    for start in range(n_tokens - 1):
        for end in range(start + 1, n_tokens):
            tail, head = (start + width / 2, height), (end - width / 2, height + 0.4)
            _arrow(axes, tail, head, bend=-0.12 * (end - start))


def _arrow(axes: Axes, tail: tuple[float, float], head: tuple[float, float], bend: float) -> None:
    style = {"arrowstyle": "->", "color": plots.ACTIVITY, "linewidth": 0.9}
    style |= {"connectionstyle": f"arc3,rad={bend}", "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", head, tail, arrowprops=style)


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
