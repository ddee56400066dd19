"""Figures of chapter 13: whether a model uses the window it has."""

from matplotlib.figure import Figure

from paramlab import display, plots
from paramlab.statistics import interval_of_share


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
    heights = plots.apart({str(length): parts[-1] for length, parts in shares.items()}, 0.075)
    for i, (length, parts) in enumerate(hits.items()):
        x = [(part + 0.5) / len(parts) + 0.012 * (i - 1) for part in range(len(parts))]
        for place, n in zip(x, parts, strict=True):
            axes.plot([place] * 2, interval_of_share(n, n_asked), color=colors[i], linewidth=1.2)
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
        heights = plots.apart(ends, 0.085)
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
