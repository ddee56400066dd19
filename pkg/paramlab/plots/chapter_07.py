"""Figures of chapter 7: what a parameter costs."""

from collections.abc import Sequence
from math import log10

from matplotlib.figure import Figure

from paramlab import display, plots
from paramlab.prices import Range
from paramlab.training_costs import StepMemory

MB = 1e6


def step_parts(memory: StepMemory) -> dict[str, float]:
    """Return the megabytes of a training step in the order of the figure; they add up to the peak.

    What stays are the weights and the moments; the gradients are in what the way back adds, as far
    as they exist at its worst moment.
    """
    kept = dict(memory.activation_bytes)
    parts = {
        "stays": memory.state_bytes,
        "MLP": kept.pop("MLP"),
        "attention": kept.pop("scores and mixing"),
        "norms": kept.pop("norms"),
        "rest": sum(kept.values()),
    }
    parts["back"] = memory.peak_bytes - sum(parts.values())
    return {name: n / MB for name, n in parts.items()}


def step_to_scale(memories: dict[str, StepMemory]) -> tuple[Figure, dict[str, dict[str, float]]]:
    """Draw the memory of two training steps as bars to one scale, the weights alone first.

    The last bar, the longer one, is labeled part by part. Returns the megabytes of each
    bar by part.
    """
    figure, axes = plots.canvas(2.8)
    colors = {
        "stays": plots.WEIGHT, "MLP": plots.ACTIVITY, "attention": plots.MUTED,
        "norms": plots.NORM, "rest": plots.REST, "back": plots.ALARM,
    }  # fmt: skip
    drawn = {name: step_parts(memory) for name, memory in memories.items()}
    weights = next(iter(memories.values())).weight_bytes / MB
    full = max(sum(parts.values()) for parts in drawn.values())
    axes.barh(0, weights, color=plots.WEIGHT, height=0.55)
    axes.text(weights + 0.015 * full, 0, f"the weights: {weights:.2f} MB", va="center")
    for row, (name, parts) in zip((1, 2.35), drawn.items(), strict=True):
        left, total = 0.0, sum(parts.values())
        for part, size in parts.items():
            axes.barh(row, size, left=left, color=colors[part], height=0.55)
            if total == full:
                middle = (0, "left") if part == "stays" else (left + size / 2, "center")
                axes.text(
                    middle[0], row + 0.42, f"{part}\n{size:.0f}", ha=middle[1], va="top",
                    color=colors[part],
                )  # fmt: skip
            left += size
        told = f"a step on {name}: {display.rounded(total, 3)} MB"
        inside = total < 0.5 * full
        axes.text(
            total + 0.015 * full if inside else 0, row if inside else row - 0.42, told,
            va="center" if inside else "bottom",
        )  # fmt: skip
    axes.set(xlim=(0, full * 1.02), ylim=(3.6, -0.5))
    return figure, drawn


def ratio_to_six_n(
    lengths: Sequence[int], ratios: dict[str, list[float]], twelve_d: dict[str, tuple[int, float]]
) -> tuple[Figure, dict[str, float]]:
    """Draw exact operations per token / 6 N by the length of the text.

    Parameters
    ----------
    lengths
        Tokens, ascending.
    ratios
        For each model, the ratio at each length.
    twelve_d
        For each model, 12 times its width in tokens, and the ratio there.

    Returns
    -------
    tuple
        The figure, and for each model the ratio at the greatest length.
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.4), layout="constrained")
    colors = (plots.REST, plots.MUTED, plots.INK)
    ends = {name: log10(values[-1]) for name, values in ratios.items()}
    heights = plots.apart(ends, 0.1)
    for (name, values), color in zip(ratios.items(), colors, strict=True):
        axes.plot(lengths, values, color=color, linewidth=2)
        axes.text(lengths[-1] * 1.15, 10 ** heights[name], name, color=color, va="center")
        axes.plot(*twelve_d[name], "o", color=color, markersize=7)
    first = next(iter(twelve_d.values()))
    axes.annotate(
        "dots: texts of 12 D tokens", first, (lengths[0] * 1.2, 3.4), color=plots.MUTED,
        arrowprops={"arrowstyle": "-", "color": plots.MUTED},
    )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set(xlim=(lengths[0], lengths[-1] * 24), ylim=(0.9, 24), xlabel="tokens (log scale)")
    axes.set_ylabel("operations per token / 6 N (log scale)")
    axes.set_yticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
    axes.set_xticks([2**7, 2**11, 2**15, 2**18], ["128", "2,048", "32k", "256k"])
    axes.grid(axis="y")
    axes.minorticks_off()
    return figure, {name: values[-1] for name, values in ratios.items()}


def bills(ranges: dict[str, Range], computed: Sequence[str]) -> tuple[Figure, dict[str, Range]]:
    """Draw what trainings cost as ranges in millions of dollars; returns these.

    ``computed`` names the ranges that are bills of this book; the others were published.
    """
    figure, axes = plots.plt.subplots(
        figsize=(plots.WIDTH_INCHES, 0.62 * len(ranges) + 0.9), layout="constrained"
    )
    millions = {name: (low / 1e6, high / 1e6) for name, (low, high) in ranges.items()}
    for row, (name, (low, high)) in enumerate(millions.items()):
        color = plots.WEIGHT if name in computed else plots.REST
        axes.plot([low, high], [row, row], color=color, linewidth=9, solid_capstyle="butt")
        if low == high:
            axes.plot([low], [row], "D", color=color, markersize=8)
        span = [display.rounded(end, 2) for end in dict.fromkeys((low, high))]
        axes.text(0.12, row - 0.32, f"{name}: {' to '.join(span)}", color=color, va="bottom")
    axes.set_xscale("log")
    axes.set(xlim=(0.1, 60), ylim=(len(millions) - 0.5, -0.9))
    axes.set_xlabel("million dollars (log scale)")
    axes.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.minorticks_off()
    return figure, millions
