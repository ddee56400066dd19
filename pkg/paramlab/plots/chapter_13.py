"""Figures of chapter 13: whether a model uses the window it has."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from paramlab import display, plots
from paramlab.statistics import interval_of_mean


def recall_by_place(
    found: dict[int, np.ndarray], notes_per_part: int
) -> tuple[Figure, dict[int, list[float]]]:
    """Draw how often a note is found again, by its place in texts of several lengths.

    Parameters
    ----------
    found
        For each length in tokens, for each text, the notes found in each of several equal parts,
        from its beginning to its end: (texts, parts).
    notes_per_part
        How many notes were asked for in each part of a text.

    Returns
    -------
    tuple
        The figure, and for each length the shares found. The bars are intervals over the texts.
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.1), layout="constrained")
    shares = {n: np.asarray(hits) / notes_per_part for n, hits in found.items()}
    means = {n: share.mean(axis=0).tolist() for n, share in shares.items()}
    colors = (plots.REST, plots.MUTED, plots.INK)
    heights = plots.apart({str(n): parts[-1] for n, parts in means.items()}, 0.075)
    for i, (n, parts) in enumerate(means.items()):
        x = [(part + 0.5) / len(parts) + 0.012 * (i - 1) for part in range(len(parts))]
        for place, values in zip(x, shares[n].T.tolist(), strict=True):
            low, high = interval_of_mean(values)
            axes.plot([place] * 2, [max(0, low), min(1, high)], color=colors[i], linewidth=1.2)
        axes.plot(x, parts, "o-", color=colors[i], linewidth=2, markersize=5)
        name = display.number(n) + (" tokens" if i == 0 else "")
        beside = axes.text(0.93, heights[str(n)], name, color=colors[i], va="center")
        beside.set_bbox({"facecolor": plots.GROUND, "edgecolor": "none", "pad": 0.5})
    axes.set(xlim=(0, 1.22), ylim=(0, 1), xlabel="place of the note in the text")
    axes.set_ylabel("found again")
    axes.set_xticks([0, 0.5, 1], ["beginning", "middle", "end"])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    axes.grid(axis="y")
    return figure, means


SCHEME_COLORS = {
    "learned": plots.INK,
    "sinusoidal": plots.REST,
    "rope": plots.INK,
    "alibi": plots.MUTED,
}


def beyond_the_trained_length(
    shares: dict[str, dict[int, float]], names: dict[str, str], guess: float
) -> tuple[Figure, dict[str, dict[int, float]]]:
    """Draw the right answers of each position scheme by the length of the text.

    Parameters
    ----------
    shares
        For each scheme, the share of right answers by length; the first length is that of the
        training.
    names
        What to call the schemes.
    guess
        The share that is right by guessing.

    Returns
    -------
    tuple
        The figure, and ``shares``.
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 2.9), layout="constrained")
    ends = {scheme: list(by_length.values())[-1] for scheme, by_length in shares.items()}
    heights = plots.apart(ends, 0.09)
    lengths = list(next(iter(shares.values())))
    for scheme, by_length in shares.items():
        color = SCHEME_COLORS[scheme]
        axes.plot(lengths, list(by_length.values()), "o-", color=color, markersize=4.5)
        axes.text(lengths[-1] * 1.05, heights[scheme], names[scheme], color=color, va="center")
    axes.axhline(guess, color=plots.MUTED, dashes=(4, 3), linewidth=1)
    axes.text(lengths[0], guess + 0.02, "guessing", color=plots.MUTED, va="bottom")
    axes.set_xscale("log", base=2)
    axes.set_xlim(lengths[0] * 0.93, lengths[-1] * 1.75)
    axes.set_xticks(lengths, [f"{n}\n(trained)" if n == lengths[0] else str(n) for n in lengths])
    axes.minorticks_off()
    axes.set(ylim=(0, 1.05), ylabel="notes found", xlabel="tokens (log scale)")
    axes.set_yticks([0, 0.5, 1], ["0%", "50%", "100%"])
    return figure, shares


_WAY_COLORS = (plots.ALARM, plots.NORM, plots.BIAS, plots.WEIGHT, plots.REST)


def loss_beyond(
    bins: dict[str, list[float]], bin_tokens: int, trained: int
) -> tuple[Figure, dict[str, float]]:
    """Draw the loss by position of one model that reads a long text in several ways.

    Parameters
    ----------
    bins
        For each way, the mean loss in each bin of positions.
    bin_tokens
        How many positions a bin has.
    trained
        The length of the texts that the model was trained on.

    Returns
    -------
    tuple
        The figure, and for each way the loss of the last bin.
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.4), layout="constrained")
    last = {way: losses[-1] for way, losses in bins.items()}
    low, high = min(map(min, bins.values())), max(map(max, bins.values()))
    heights = plots.apart(last, 0.065 * (high - low))
    for (way, losses), color in zip(bins.items(), _WAY_COLORS, strict=True):
        x = [bin_tokens * (i + 0.5) for i in range(len(losses))]
        axes.plot(x, losses, color=color, linewidth=2)
        axes.text(x[-1] * 1.03, heights[way], way, color=color, va="center")
    axes.axvline(trained, color=plots.MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.text(trained * 1.04, high + 0.05, "longer than in training", color=plots.MUTED)
    axes.set(xlim=(0, 1.36 * x[-1]), ylim=(low - 0.1, high + 0.25))
    axes.set(xlabel="position (tokens)", ylabel="loss (nats)")
    axes.set_xticks([trained * i for i in range(5)])
    return figure, last


EFFECTIVE = 85.6  # RULER's threshold: the score of Llama 2 7B at 4K


def siblings(
    pairs: Sequence[tuple[dict[str, str], dict[str, str]]],
) -> tuple[Figure, dict[str, tuple[float, ...]]]:
    """Draw how two models of one family do as the text grows, a panel for each pair.

    Parameters
    ----------
    pairs
        The larger and the smaller model: rows of ``book/experiments/data/ruler.csv``.

    Returns
    -------
    tuple
        The figure, and for each pair its scores at the longest texts.
    """
    lengths = ("4K", "8K", "16K", "32K", "64K", "128K")
    figure, panels = plots.plt.subplots(
        len(pairs), 1, figsize=(plots.WIDTH_INCHES, 1.15 * len(pairs) + 0.5), layout="constrained",
        sharex=True, sharey=True,
    )  # fmt: skip
    last = {}
    for axes, (larger, smaller) in zip(panels, pairs, strict=True):
        ends = {}
        for model, color in ((larger, plots.WEIGHT), (smaller, plots.BIAS)):
            scores = [float(model[n]) for n in lengths]
            axes.plot(range(6), scores, "o-", color=color, markersize=3.5, linewidth=2)
            ends[model["billions"] + "B"] = scores[-1]
        last[larger["family"]] = tuple(ends.values())
        for name, height in plots.apart(ends, 14).items():
            color = plots.WEIGHT if name == larger["billions"] + "B" else plots.BIAS
            axes.text(5.15, height, name, color=color, va="center")
        axes.axhline(EFFECTIVE, color=plots.MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.set_title(larger["family"], loc="left", fontsize=11, pad=2)
        axes.set(ylim=(40, 103), yticks=[50, 75, 100], xlim=(-0.2, 5.9))
    panels[-1].set_xticks(range(6), lengths)
    panels[-1].set_xlabel("length of the text (K: 1,024 tokens)")
    panels[0].text(0, EFFECTIVE - 3, f"threshold {EFFECTIVE:g}", color=plots.MUTED, va="top")
    return figure, last


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
        axes.vlines(english, row - 0.26, row + 0.3, color=plots.INK, linewidth=3)
        axes.text(0, row - 0.3, name, va="bottom", fontsize=10)
        beside = axes.text(max(english, chinese) + largest / 60, row, f"{chinese}", va="center")
        beside.set_bbox({"facecolor": plots.GROUND, "edgecolor": "none", "pad": 1})
    english, last = list(tokens.values())[-1][0], len(tokens) - 1
    axes.text(english, last + 0.42, f"English: {english}", color=plots.INK, va="top", ha="center")
    axes.axvline(characters, color=plots.MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    axes.text(characters + 3, last + 0.42, f"{characters} characters", color=plots.MUTED, va="top")
    axes.set(ylim=(last + 0.95, -0.75), xlim=(0, largest * 1.12), yticks=[])
    axes.set_xlabel("tokens of the Chinese text (bars)")
    axes.spines["left"].set_visible(False)
    return figure, {name: chinese / english for name, (english, chinese) in tokens.items()}
