"""Figures of chapter 12: what a longer context costs."""

from collections.abc import Sequence
from math import exp, log
from typing import Any

from matplotlib.figure import Figure

from paramlab import display, plots


def growing_square(lengths: Sequence[int]) -> tuple[Figure, dict[int, tuple[int, int]]]:
    """Draw every pair of tokens as a little box, for texts of several lengths.

    Filled are the pairs in which a token looks at itself or at an earlier one. Returns for each
    length all pairs, and the filled ones.
    """
    figure, axes = plots.canvas(2.75)
    left, pairs = 0.0, {}
    for n in lengths:
        for row in range(n):
            for column in range(n):
                seen = column <= row
                box = (left + column, -row - 1)
                axes.add_patch(
                    plots.plt.Rectangle(
                        box, 0.84, 0.84, facecolor=plots.ACTIVITY if seen else "none",
                        edgecolor=plots.ACTIVITY if seen else plots.GRID, linewidth=0.7,
                    )
                )  # fmt: skip
        middle = left + n / 2
        axes.text(middle, 0.5, f"{n} tokens", ha="center", va="bottom")
        axes.text(middle, -n - 0.4, f"{n * n} pairs", ha="center", va="top", color=plots.ACTIVITY)
        pairs[n] = n * n, n * (n + 1) // 2
        left += n + 3.2
    axes.set(xlim=(-0.6, left - 2.6), ylim=(-max(lengths) - 2.2, 2), aspect="equal")
    return figure, pairs


def share_of_pairs(
    lengths: Sequence[int], shares: dict[str, list[float]], marked: dict[int, str]
) -> tuple[Figure, dict[str, float]]:
    """Draw which share of a model's work the pairs of tokens take, by the length of the text.

    Parameters
    ----------
    lengths
        Tokens, ascending.
    shares
        For each model, the share at each length.
    marked
        Lengths to mark, with what to call them.

    Returns
    -------
    tuple
        The figure, and for each model the share at the greatest length.
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.3), layout="constrained")
    heights = plots.apart({name: values[-1] for name, values in shares.items()}, 0.08)
    for (name, values), (color, line) in zip(shares.items(), plots.SERIES, strict=False):
        axes.plot(lengths, values, color=color, linewidth=2, linestyle=line)
        axes.text(lengths[-1] * 1.15, heights[name], name, color=color, va="center")
    for n, name in marked.items():
        axes.axvline(n, color=plots.GRID, linewidth=1, zorder=0)
        axes.text(n, 1.03, name, ha="center", color=plots.MUTED)
    axes.set_xscale("log", base=2)
    axes.set(xlim=(lengths[0], lengths[-1] * 12), ylim=(0, 1.0), xlabel="tokens (log scale)")
    axes.set_ylabel("share of the work")
    axes.set_yticks([0, 0.5, 1], ["0%", "50%", "100%"])
    axes.set_xticks(
        [lengths[0], lengths[-1]], [display.number(n) for n in (lengths[0], lengths[-1])]
    )
    axes.minorticks_off()
    return figure, {name: values[-1] for name, values in shares.items()}


def growth_of_work(
    growth: dict[str, float], more_text: float
) -> tuple[Figure, dict[str, tuple[float, float]]]:
    """Draw how many times the work grows, as bars, of which a part is simply more text.

    Returns for each bar the factor, and what is left of it for each token.
    """
    figure, axes = plots.plt.subplots(
        figsize=(plots.WIDTH_INCHES, 0.42 * len(growth) + 0.9), layout="constrained"
    )
    names, factors = list(growth), list(growth.values())
    axes.barh(names, factors, color=plots.ACTIVITY, height=0.6)
    axes.barh(names, [more_text] * len(names), color=plots.REST, height=0.6)
    for row, factor in enumerate(factors):
        inside = factor > 0.8 * max(factors)
        axes.text(
            factor + (-4 if inside else 4), row, f"{display.rounded(factor, 3)} times",
            va="center", ha="right" if inside else "left",
            color=plots.GROUND if inside else plots.INK,
        )  # fmt: skip
    axes.text(
        more_text, -0.55, f"gray: {display.rounded(more_text, 2)} times, the longer text itself",
        color=plots.REST, va="bottom",
    )  # fmt: skip
    axes.set_ylim(len(names) - 0.5, -1.1)
    axes.set_xlabel("work at 32,768 tokens / work at 2,048 tokens")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure, {name: (factor, factor / more_text) for name, factor in growth.items()}


def cache_by_design(gib: dict[str, float], line: tuple[str, float]) -> tuple[Figure, list[float]]:
    """Draw the cache of one model under several designs as bars, with a line to compare.

    Returns the length of each bar.
    """
    figure, axes = plots.plt.subplots(
        figsize=(plots.WIDTH_INCHES, 0.42 * len(gib) + 1.1), layout="constrained"
    )
    sizes, (label, at) = list(gib.values()), line
    width = 1.2 * max(*sizes, at)
    axes.barh(list(gib), sizes, color=plots.ACTIVITY, height=0.6)
    for row, size in enumerate(sizes):
        axes.text(size + width / 100, row, f"{display.rounded(size, 3)} GiB", va="center")
    axes.axvline(at, color=plots.WEIGHT, linewidth=1, linestyle=(0, (4, 3)))
    named = f"{label}: {display.rounded(at, 3)} GiB"
    axes.text(at - width / 100, -0.6, named, color=plots.WEIGHT, ha="right", va="bottom")
    axes.set_ylim(len(gib) - 0.5, -1.2)
    axes.set_xlim(0, width)
    axes.set_xlabel("cache of 32,768 tokens (GiB)")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure, sizes


_VARIANTS = dict(
    zip(("naive", "tiled", "window", "strided", "hashed", "linear"), plots.SERIES, strict=True)
)


def measured_growth(
    lengths: Sequence[int], record: dict[str, dict[str, Any]]
) -> tuple[Figure, dict[str, dict[str, float]]]:
    """Draw processor time and extra memory of ways to compute attention by the length of the text.

    ``record`` is what ``book/experiments/attention_scaling.py`` measures. Returns, for each
    quantity, how many times as much the longest text takes as the shortest.
    """
    figure, panels = plots.plt.subplots(
        2, 1, figsize=(plots.WIDTH_INCHES, 5.6), layout="constrained", sharex=True
    )
    titles = {
        "seconds": "processor time (s, log scale)",
        "extra_bytes": "extra memory (MiB, log scale)",
    }
    drawn: dict[str, dict[str, float]] = {}
    for axes, (kind, title) in zip(panels, titles.items(), strict=True):
        scale = 2**20 if kind == "extra_bytes" else 1
        ends = {}
        for name, (color, line) in _VARIANTS.items():
            values = [value / scale for value in record[name][kind]]
            axes.plot(lengths, values, "o", linestyle=line, color=color, linewidth=2, markersize=4)
            ends[name] = log(values[-1])
        drawn[kind] = {name: record[name][kind][-1] / record[name][kind][0] for name in ends}
        axes.set_yscale("log")
        bottom, top = axes.get_ylim()
        for name, y in plots.apart(ends, least=0.075 * log(top / bottom)).items():
            axes.text(lengths[-1] * 1.1, exp(y), name, color=_VARIANTS[name][0], va="center")
        axes.set_title(title, loc="left")
        axes.grid(axis="y")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        axes.minorticks_off()
    panels[1].set_xscale("log", base=2)
    panels[1].set_xticks(lengths, [display.number(n) for n in lengths])
    panels[1].set_xlim(lengths[0] * 0.85, lengths[-1] * 2.4)
    panels[1].set_xlabel("tokens (log scale)")
    return figure, drawn
