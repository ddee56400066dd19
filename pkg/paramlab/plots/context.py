"""Figures of the chapters on parameters and context."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import exp, log, sqrt
from typing import Any

from matplotlib.figure import Figure

from paramlab import display, plots
from paramlab.catalog import Model
from paramlab.params import count

# ------------------------------------------------------------------ chapter 11


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
        color = plots.WEIGHT if whole else plots.ALARM if right < left else plots.BIAS
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
    ("until 2022", 0, 2022, plots.REST),
    ("2023", 2023, 2023, plots.EMBEDDING),
    ("2024", 2024, 2024, plots.WEIGHT),
    ("2025", 2025, 9999, plots.BIAS),
)


def context_against_size(
    models: Iterable[Model],
) -> tuple[Figure, dict[str, list[tuple[int, int]]]]:
    """Draw the context length of models against their number of parameters, colored by year.

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
        at, (name, *_, color) = next(
            (i, period) for i, period in enumerate(_PERIODS) if period[1] <= year <= period[2]
        )
        drawn[name] += pairs
        apart = 2 ** (0.14 * (at - 1.5))  # so that equal windows of different years stay visible
        sizes, windows = [n for n, _ in sorted(pairs)], [t * apart for _, t in sorted(pairs)]
        axes.plot(sizes, windows, color=color, linewidth=1, alpha=0.6)
        axes.plot(sizes, windows, "o", color=color, markersize=4.5)
    for i, (name, *_, color) in enumerate(_PERIODS):
        x = (0.02, 0.34, 0.54, 0.74)[i]
        axes.text(x, 1.03, name, color=color, weight="bold", transform=axes.transAxes)
    axes.set_xscale("log")
    axes.set_yscale("log", base=2)
    axes.set(xlabel="parameters (log scale)", ylabel="context in tokens (log scale)")
    ticks = [512 * 4**i for i in range(5)]
    axes.set_yticks(ticks, [display.number(t) for t in ticks])
    axes.set_xticks([10**8, 10**9, 10**10, 10**11], ["0.1 B", "1 B", "10 B", "100 B"])
    axes.minorticks_off()
    return figure, drawn


# ------------------------------------------------------------------ chapter 12


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


_VARIANT_COLORS = {
    "naive": plots.ALARM,
    "tiled": plots.WEIGHT,
    "strided": plots.BIAS,
    "hashed": plots.NORM,
    "window": plots.EMBEDDING,
    "linear": plots.POSITION,
}


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
        for name, color in _VARIANT_COLORS.items():
            values = [value / scale for value in record[name][kind]]
            axes.plot(lengths, values, "o-", color=color, linewidth=2, markersize=4)
            ends[name] = log(values[-1])
        drawn[kind] = {name: record[name][kind][-1] / record[name][kind][0] for name in ends}
        axes.set_yscale("log")
        bottom, top = axes.get_ylim()
        for name, y in _apart(ends, least=0.075 * log(top / bottom)).items():  # a line's height
            axes.text(lengths[-1] * 1.1, exp(y), name, color=_VARIANT_COLORS[name], va="center")
        axes.set_title(title, loc="left")
        axes.grid(axis="y")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        axes.minorticks_off()
    panels[1].set_xscale("log", base=2)
    panels[1].set_xticks(lengths, [display.number(n) for n in lengths])
    panels[1].set_xlim(lengths[0] * 0.85, lengths[-1] * 2.4)
    panels[1].set_xlabel("tokens (log scale)")
    return figure, drawn


def _apart(heights: dict[str, float], least: float) -> dict[str, float]:
    """Move labels down until each is at least ``least`` below the one above."""
    placed: dict[str, float] = {}
    above = float("inf")
    for name, height in sorted(heights.items(), key=lambda item: -item[1]):
        above = placed[name] = min(height, above - least)
    return placed


# ------------------------------------------------------------------ chapter 13


def interval(hits: int, n: int) -> tuple[float, float]:
    """Return the 95% interval of a share of which ``hits`` in ``n`` tries were seen.

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference" (1927).

    Examples
    --------
    >>> [round(end, 3) for end in interval(50, 100)]
    [0.404, 0.596]
    >>> [round(end, 3) for end in interval(0, 100)]  # not seen is not impossible
    [0.0, 0.037]
    """
    if not 0 <= hits <= n or not n:
        raise ValueError(f"{hits} hits in {n} tries are not possible")
    z = 1.959964  # a normal variable lies within this many standard deviations 19 times in 20
    center = (hits + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * sqrt(hits * (n - hits) / n + z * z / 4)
    return max(0.0, center - half), min(1.0, center + half)


def recall_by_place(
    hits: dict[int, list[int]], n_asked: int
) -> tuple[Figure, dict[int, list[float]]]:
    """Draw how often a note is found again, by its place in texts of several lengths.

    Parameters
    ----------
    hits
        For each length in tokens, the notes found in each of several equal parts of the text,
        from its beginning to its end.
    n_asked
        How many notes were asked for in each part.

    Returns
    -------
    tuple
        The figure, and for each length the shares found.
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.1), layout="constrained")
    shares = {length: [n / n_asked for n in parts] for length, parts in hits.items()}
    colors = (plots.REST, plots.EMBEDDING, plots.ACTIVITY)
    heights = _apart({str(length): parts[-1] for length, parts in shares.items()}, 0.075)
    for i, (length, parts) in enumerate(hits.items()):
        x = [(part + 0.5) / len(parts) + 0.012 * (i - 1) for part in range(len(parts))]
        for place, n in zip(x, parts, strict=True):
            axes.plot([place] * 2, interval(n, n_asked), color=colors[i], linewidth=1.2)
        axes.plot(x, shares[length], "o-", color=colors[i], linewidth=2, markersize=5)
        name = display.number(length) + (" tokens" if i == 0 else "")
        beside = axes.text(0.93, heights[str(length)], name, color=colors[i], va="center")
        beside.set_bbox({"facecolor": plots.GROUND, "edgecolor": "none", "pad": 0.5})
    axes.set(xlim=(0, 1.22), ylim=(0, 1), xlabel="place of the note in the text")
    axes.set_ylabel("found again")
    axes.set_xticks([0, 0.5, 1], ["beginning", "middle", "end"])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    axes.grid(axis="y")
    return figure, shares


SCHEME_COLORS = {
    "learned": plots.EMBEDDING,
    "sinusoidal": plots.NORM,
    "rope": plots.ACTIVITY,
    "alibi": plots.BIAS,
}


def beyond_the_trained_length(
    shares: dict[str, dict[str, dict[int, float]]],
    names: dict[str, str],
    blind: dict[str, dict[int, float]],
) -> tuple[Figure, dict[str, dict[str, dict[int, float]]]]:
    """Draw, for each task a panel, the right answers of each position scheme by the length.

    Parameters
    ----------
    shares
        For each task, for each scheme, the share of right answers by length; the first length is
        that of the training.
    names
        What to call the schemes.
    blind
        For each task, by length, the share that is right without knowing any position.

    Returns
    -------
    tuple
        The figure, and ``shares``.
    """
    figure, panels = plots.plt.subplots(
        1, len(shares), figsize=(plots.WIDTH_INCHES, 3.2), layout="constrained", sharey=True
    )
    for axes, (task, by_scheme) in zip(panels, shares.items(), strict=True):
        ends = {scheme: list(by_length.values())[-1] for scheme, by_length in by_scheme.items()}
        heights = _apart(ends, 0.085)
        for scheme, by_length in by_scheme.items():
            color, lengths = SCHEME_COLORS[scheme], list(by_length)
            axes.plot(lengths, list(by_length.values()), "o-", color=color, markersize=4.5)
            x, y = lengths[-1] * 1.12, heights[scheme]
            axes.text(x, y, names[scheme], color=color, va="center", fontsize=10)
        axes.plot(*zip(*blind[task].items(), strict=True), color=plots.MUTED, dashes=(4, 3), lw=1)
        axes.set_xscale("log", base=2)
        axes.set_xlim(lengths[0] * 0.85, lengths[-1] * 3.4)
        axes.set_xticks(lengths, [str(n) for n in lengths])
        axes.minorticks_off()
        axes.set_title(task, loc="left")
        axes.set_xlabel("tokens (log scale)")
    panels[0].set(ylim=(0, 1.05), ylabel="right answers")
    panels[0].set_yticks([0, 0.5, 1], ["0%", "50%", "100%"])
    return figure, shares


def tokens_for_one_text(
    tokens: dict[str, tuple[int, int]], characters: int
) -> tuple[Figure, dict[str, float]]:
    """Draw how many tokens one text takes in English and in Chinese, by tokenizer.

    Parameters
    ----------
    tokens
        For each tokenizer the tokens of the English and of the Chinese text.
    characters
        How many characters the Chinese text has.

    Returns
    -------
    tuple
        The figure, and for each tokenizer the ratio of Chinese to English.
    """
    figure, axes = plots.plt.subplots(
        figsize=(plots.WIDTH_INCHES, 0.55 * len(tokens) + 1.1), layout="constrained"
    )
    largest = max(max(pair) for pair in tokens.values())
    for row, (name, (english, chinese)) in enumerate(tokens.items()):
        axes.barh(row, chinese, color=plots.ACTIVITY, height=0.42)
        axes.vlines(english, row - 0.26, row + 0.3, color=plots.BIAS, linewidth=3)
        axes.text(0, row - 0.3, name, va="bottom", fontsize=10)
        beside = axes.text(max(english, chinese) + largest / 60, row, f"{chinese}", va="center")
        beside.set_bbox({"facecolor": plots.GROUND, "edgecolor": "none", "pad": 1})
    english, last = list(tokens.values())[-1][0], len(tokens) - 1
    axes.text(english, last + 0.42, f"English: {english}", color=plots.BIAS, va="top", ha="center")
    axes.axvline(characters, color=plots.MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    axes.text(characters + 3, last + 0.42, f"{characters} characters", color=plots.MUTED, va="top")
    axes.set(ylim=(last + 0.95, -0.75), xlim=(0, largest * 1.12), yticks=[])
    axes.set_xlabel("tokens of the Chinese text (bars)")
    axes.spines["left"].set_visible(False)
    return figure, {name: chinese / english for name, (english, chinese) in tokens.items()}
