"""Figures of chapter 11: brain or working memory."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import cos, log, pi, sin
from typing import Any

from matplotlib.figure import Figure

from paramlab import display, plots
from paramlab.catalog import Published
from paramlab.params import count


def loss_by_place(
    record: dict[str, Any], vocab_size: int
) -> tuple[Figure, dict[str, tuple[float, float]]]:
    """Draw the loss at every place of random tokens, repeated or followed by others.

    ``record`` is what ``book/experiments/in_context.py`` measures. Returns, for each kind, the mean
    loss of the first and of the second half.
    """
    n = record["n_tokens"]
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.1), layout="constrained")
    places = range(1, 2 * n)  # of the predicted token, counted from 0
    repeated, others = record["repeated"], record["others"]
    axes.fill_between(
        places, repeated["tenth"], repeated["nine tenths"], color=plots.ACTIVITY, alpha=0.15, lw=0
    )
    axes.plot(places, others["by place"], color=plots.REST, linewidth=2)
    axes.plot(places, repeated["by place"], color=plots.ACTIVITY, linewidth=2)
    axes.axvline(n, color=plots.MUTED, linewidth=1, linestyle=(0, (4, 3)))
    top = max(repeated["nine tenths"]) + 3
    axes.text(n / 2, top - 0.4, "fifty random tokens", ha="center", va="top")
    axes.text(1.5 * n, top - 0.4, "once again", ha="center", va="top", color=plots.ACTIVITY)
    blind = log(vocab_size)
    axes.plot([0, n - 1], [blind, blind], color=plots.MUTED, linewidth=1, linestyle=(0, (1, 2)))
    guess = f"a blind guess: {display.rounded(blind, 3)}"
    axes.text(1, blind - 0.4, guess, color=plots.MUTED, va="top")
    axes.text(
        1.62 * n, others["by place"][n + n // 2] - 0.9, "fifty others", color=plots.REST, va="top"
    )
    axes.set(xlim=(0, 2 * n), ylim=(0, top), xlabel="place in the text (tokens)")
    axes.set_ylabel("loss (nats)")
    means = {
        kind: tuple(
            sum(record[kind][half]) / len(record[kind][half])
            for half in ("first half", "second half")
        )
        for kind in ("repeated", "others")
    }
    return figure, means


def cities_named(rows: dict[str, dict[str, int]]) -> tuple[Figure, dict[str, list[int]]]:
    """Draw which city a model names after each beginning, as parts of a bar.

    ``rows`` says for each beginning how often the model named the city told, the capital, and
    anything else. Returns these numbers.
    """
    figure, axes = plots.plt.subplots(
        figsize=(plots.WIDTH_INCHES, 0.72 * len(rows) + 0.9), layout="constrained"
    )
    colors = (plots.ACTIVITY, plots.WEIGHT, plots.GRID)
    inks = (plots.GROUND, plots.GROUND, plots.INK)
    for row, (beginning, counts) in enumerate(rows.items()):
        left = 0
        for n, color, ink in zip(counts.values(), colors, inks, strict=True):
            axes.barh(row, n, left=left, color=color, height=0.46)
            if n > 1:
                axes.text(left + n / 2, row, f"{n}", color=ink, ha="center", va="center")
            left += n
        axes.text(0, row - 0.31, beginning, va="bottom", fontsize=10)
    names = zip((0.0, 0.36, 0.66), list(rows.values())[0], colors, strict=True)
    for x, kind, color in names:
        ink = plots.MUTED if color == plots.GRID else color
        axes.text(x, 1.02, kind, color=ink, weight="bold", transform=axes.transAxes)
    axes.set(ylim=(len(rows) - 0.6, -0.85), xlim=(0, left), yticks=[], xlabel="countries")
    axes.spines["left"].set_visible(False)
    return figure, {beginning: list(counts.values()) for beginning, counts in rows.items()}


def clock_hands(
    n_places: int, turns: tuple[float, float]
) -> tuple[Figure, list[tuple[tuple[float, float], ...]]]:
    """Draw a clock for each place, with a fast and a slow hand.

    ``turns`` says how far the two hands go round from one place to the next. Returns for each place
    the tip of each hand: how far to the right and how far up, which are sine and cosine.
    """
    figure, axes = plots.canvas(1.75)
    tips = []
    for place in range(n_places):
        x = 2.4 * place
        axes.add_patch(plots.plt.Circle((x, 0), 1, fill=False, color=plots.MUTED, linewidth=1))
        ends = []
        for speed, color, width in zip(turns, (plots.REST, plots.INK), (1.8, 3.2), strict=True):
            angle = 2 * pi * speed * place
            right, up = sin(angle), cos(angle)
            length = 0.92 if color == plots.REST else 0.66
            axes.plot([x, x + length * right], [0, length * up], color=color, linewidth=width)
            ends.append((right, up))
        axes.text(x, -1.18, f"place {place}" if place == 0 else f"{place}", ha="center", va="top")
        tips.append(tuple(ends))
    axes.text(-1, 1.75, "fast hand", color=plots.MUTED, va="top", weight="bold")
    axes.text(2.7, 1.75, "slow hand", color=plots.INK, va="top", weight="bold")
    axes.set(xlim=(-1.1, 2.4 * (n_places - 1) + 1.1), ylim=(-1.75, 1.8), aspect="equal")
    return figure, tips


def steps_between(
    start: tuple[str, int], steps: Sequence[tuple[str, int]], end: tuple[str, int]
) -> tuple[Figure, list[tuple[str, int, int]]]:
    """Draw how one model becomes another, one change at a time, as bars from count to count.

    ``start`` and ``end`` are a name and a count, a step is a label and what it adds. Returns where
    each bar begins and ends.
    """
    bars, at = [(start[0], 0, start[1])], start[1]
    for label, added in steps:
        bars.append((label, at, at + added))
        at += added
    bars.append((end[0], 0, end[1]))
    figure, axes = plots.plt.subplots(
        figsize=(plots.WIDTH_INCHES, 0.62 * len(bars) + 0.5), layout="constrained"
    )
    largest = max(max(bar[1:]) for bar in bars)
    for row, (label, left, right) in enumerate(bars):
        whole = row in (0, len(bars) - 1)
        color = plots.WEIGHT if whole else plots.ALARM if right < left else plots.MUTED
        axes.barh(row, right - left, left=left, color=color, height=0.42)
        sign = "" if whole else "+" if right >= left else "\N{MINUS SIGN}"
        size = display.in_words(right if whole else abs(right - left), 3)
        beside = 0.0 if whole else left + 0.008 * largest
        axes.text(beside, row - 0.29, f"{label}: {sign}{size}")
        if row:
            before = [bars[row - 1][2]] * 2
            axes.plot(before, [row - 0.79, row + 0.21], color=plots.MUTED, linewidth=0.8)
    axes.set(ylim=(len(bars) - 0.6, -0.75), xlim=(0, largest * 1.02), yticks=[])
    axes.set_xlabel("parameters (billions)")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x / 1e9:g}")
    axes.spines["left"].set_visible(False)
    return figure, bars


_PERIODS = (
    ("until 2022", 0, 2022, plots.REST, "x"),
    ("2023", 2023, 2023, plots.REST, "s"),
    ("2024", 2024, 2024, plots.MUTED, "o"),
    ("2025–26", 2025, 9999, plots.INK, "D"),
)
_SIGNS = {"x": "×", "s": "■", "o": "●", "D": "◆"}


def context_against_size(
    models: Iterable[Published],
) -> tuple[Figure, dict[str, list[tuple[int, int]]]]:
    """Draw the context length of models against their number of parameters, marked by year.

    A line joins the models of one family and year. Returns, for each period, the pairs (parameters,
    context).
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.6), layout="constrained")
    groups: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for model in models:
        if model.config:
            pair = count(model.config).total, model.config.n_ctx
            groups[model.family, model.year].append(pair)
    drawn: dict[str, list[tuple[int, int]]] = {name: [] for name, *_ in _PERIODS}
    for (_, year), pairs in groups.items():
        at, (name, *_, color, marker) = next(
            (i, period) for i, period in enumerate(_PERIODS) if period[1] <= year <= period[2]
        )
        drawn[name] += pairs
        apart = 2 ** (0.14 * (at - 1.5))  # so that equal windows of different years stay visible
        sizes, windows = [n for n, _ in sorted(pairs)], [t * apart for _, t in sorted(pairs)]
        axes.plot(sizes, windows, color=color, linewidth=1, alpha=0.6)
        axes.plot(sizes, windows, marker, color=color, markersize=4.5)
    for i, (name, *_, color, marker) in enumerate(_PERIODS):
        x = (-0.05, 0.32, 0.53, 0.74)[i]
        label = f"{_SIGNS[marker]} {name}"
        axes.text(x, 1.03, label, color=color, fontsize=10, transform=axes.transAxes)
    axes.set_xscale("log")
    axes.set_yscale("log", base=2)
    axes.set(xlabel="parameters (log scale)", ylabel="context in tokens (log scale)")
    ticks = [512 * 4**i for i in range(8)]
    axes.set_yticks(ticks, [display.number(t) for t in ticks])
    axes.set_xticks(
        [10**8, 10**9, 10**10, 10**11, 10**12], ["0.1 B", "1 B", "10 B", "100 B", "1 T"]
    )
    axes.minorticks_off()
    return figure, drawn
