"""Figures of chapter 6: a model under the knife."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from paramlab import display, plots


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
