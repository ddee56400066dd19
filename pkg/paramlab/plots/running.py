"""Figures of chapters 3, 5 and 6: a model at work, in training, and opened."""

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


def under_the_knife(
    removed: dict[str, dict[float, float]],
    spread: dict[float, Sequence[float]],
    levels: dict[str, float],
) -> tuple[Figure, dict[str, dict[float, float]]]:
    """Draw the loss of a model over the share of its weights that is set to zero.

    Parameters
    ----------
    removed
        For "largest", "at random" and "smallest" the loss at each share, from 0 to 1.
    spread
        The losses of all random draws at each share.
    levels
        Losses to compare with, by name; each is a line.
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.6), layout="constrained")
    labels = {
        "largest": ("the largest first", plots.BIAS, 0.03, "below"),
        "at random": ("at random", plots.ALARM, 0.03, "above"),
        "smallest": ("the smallest first", plots.WEIGHT, 0.03, "below"),
    }
    for name, losses in removed.items():
        text, color, share, side = labels[name]
        percents = [100 * share for share in losses]
        axes.plot(percents, list(losses.values()), "o-", color=color, markersize=5)
        height = losses[share] + (1.3 if side == "above" else -1.3)
        align = "center" if side == "below" else "right"
        axes.text(100 * share, height, text, color=color, ha=align, va="center")
    for share, draws in spread.items():
        axes.plot([100 * share] * len(draws), draws, "_", color=plots.ALARM, alpha=0.6)
    for name, loss in levels.items():
        axes.axhline(loss, color=plots.MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        axes.text(0.09, loss - 0.2, name, color=plots.MUTED, va="top")
    axes.set_xscale("log")
    ticks = [100 * share for share in spread]
    axes.set_xticks(ticks, [f"{tick:g}%" for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel="block weights set to zero (log scale)", ylabel="loss (nats per token)")
    axes.set_ylim(0, None)
    return figure, removed


def recall_under_damage(
    shared: dict[int, dict[float, float]], owned: dict[int, dict[float, float]]
) -> tuple[Figure, dict[str, dict[int, dict[float, float]]]]:
    """Draw how many answers two memories still give over the share of destroyed numbers.

    Both arguments map the number of stored pairs to the recall at each share: ``shared`` for the
    memory in which all pairs share all numbers, ``owned`` for the one in which each pair owns its
    part of them. A thin line shows one drawer for each answer, without spares.
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.4), layout="constrained")
    colors = (plots.WEIGHT, plots.NORM, plots.BIAS)
    for color, pairs in zip(colors, shared, strict=True):
        for recall, style in ((shared[pairs], "o-"), (owned[pairs], "s:")):
            x, y = [100 * share for share in recall], [100 * share for share in recall.values()]
            axes.plot(x, y, style, color=color, markersize=4.5, clip_on=False)
        # The label ends above the place from which the shared memory falls.
        end = max(share for share, right in shared[pairs].items() if right > 0.95)
        axes.text(100 * end + 2, 107, f"{pairs:,} pairs", color=color, ha="right", va="center")
    axes.plot([0, 100], [100, 0], color=plots.REST, linewidth=1)
    axes.text(3, 58, "one drawer\nfor each answer", color=plots.REST, va="top")
    for height, style, name in ((21, "o-", "shared by all"), (11, "s:", "a part for each pair")):
        axes.plot([4, 12], [height, height], style, color=plots.INK, markersize=4.5)
        axes.text(15, height, name, va="center")
    axes.set(xlabel="numbers destroyed (%)", ylabel="answers still right (%)")
    axes.set(xlim=(0, 100), ylim=(0, 111))
    axes.set_yticks(range(0, 101, 20))
    return figure, {"shared": shared, "owned": owned}


def overlaps(
    rows: dict[str, tuple[float, float, float]], chance: float
) -> tuple[Figure, dict[str, tuple[float, float, float]]]:
    """Draw shares with their intervals (value, low, high) as bars; chance is a line."""
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 2.6), layout="constrained")
    for row, (value, low, high) in enumerate(rows.values()):
        axes.barh(row, value, color=plots.ACTIVITY, height=0.55)
        axes.plot([low, high], [row, row], color=plots.INK, linewidth=2)
        axes.text(high + 0.015, row, display.percent(value, 1, 3), va="center")
    axes.axvline(chance, color=plots.MUTED, linewidth=1, linestyle=(0, (4, 3)))
    by_chance = f"by chance: {display.percent(chance, 1)}"
    axes.text(chance + 0.01, -0.62, by_chance, color=plots.MUTED, va="center")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set(xlim=(0, 0.65), ylim=(len(rows) - 0.6, -0.9), xticks=[])
    axes.tick_params(axis="y", length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    return figure, dict(rows)


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


def weight_paths(paths: np.ndarray) -> tuple[Figure, np.ndarray]:
    """Draw how weights move in training: ``paths`` (steps, weights) holds their values."""
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.2), layout="constrained")
    axes.axhline(0, color=plots.GRID, linewidth=1)
    steps = np.arange(0, len(paths), max(1, len(paths) // 150))  # more would fill the file only
    axes.plot(steps, paths[steps], color=plots.WEIGHT, linewidth=0.8, alpha=0.6)
    axes.set(xlabel="training step", ylabel="value of the weight", xlim=(0, len(paths) - 1))
    return figure, paths
