"""Figures of chapter 8: what more parameters bring."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from paramlab import display, plots
from paramlab.scaling import Law, local_exponent

STEPS = 10
Points = Mapping[float, Sequence[float]]  # for each N, a loss for each seed


def stairs(laws: Sequence[Law], largest: Sequence[float], n_tokens: float) -> tuple[Figure, dict]:
    """Draw ten equal steps of parameters as a flight of stairs for each law, to one scale.

    Parameters
    ----------
    laws
        What says how high a stair is.
    largest
        For each law the parameters at the end of its flight, counted as it counts.
    n_tokens
        The text, the same for all.

    Returns
    -------
    tuple
        The figure, and for each law by how many nats each of the steps after the first lowers
        the loss.
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.2), layout="constrained")
    heights = {}
    for law, end, color in zip(laws, largest, (plots.REST, plots.INK), strict=True):
        losses = [law.loss(end * step / STEPS, n_tokens) for step in range(1, STEPS + 1)]
        falls = [before - after for before, after in zip(losses, losses[1:], strict=False)]
        level = [losses[0] - loss for loss in losses]  # how far down
        x = np.arange(1, STEPS + 1)
        edges = np.append(x, STEPS + 1)
        axes.stairs([-y for y in level], edges, baseline=None, color=color, linewidth=2)
        axes.text(STEPS + 1.15, -level[-1], law.name.split(",")[0], color=color, va="center")
        heights[law.name] = falls
    axes.set(xlim=(0.8, STEPS + 4), ylim=(-0.25, 0.02), ylabel="loss, from the first step (nats)")
    axes.set_xticks([1.5, 5.5, 10.5], ["17.5", "87.5", "175"])
    axes.set_xlabel("billion parameters, in ten equal steps")
    axes.set_yticks([0, -0.1, -0.2], ["0", "−0.1", "−0.2"])
    return figure, heights


def sweep(
    runs: Mapping[int, Points],
    failed: set[float],
    curves: Mapping[str, Callable[[float], float]],
    stars: Points,
) -> tuple[Figure, dict[str, float]]:
    """Draw loss against parameters for several amounts of text, and what was foretold.

    Parameters
    ----------
    runs
        For each amount of text, in tokens, the losses of the seeds of each size.
    failed
        Sizes that did not pass the gates, drawn hollow.
    curves
        What foretells the largest size, by name.
    stars
        The measured losses of the held-out sizes.

    Returns
    -------
    tuple
        The figure, and what each curve says at the largest size.
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.9), layout="constrained")
    colors = (plots.REST, plots.MUTED, plots.INK)
    for (n_tokens, sizes), color in zip(sorted(runs.items()), colors, strict=True):
        for n, losses in sizes.items():
            face = "none" if n in failed else color
            axes.scatter([n] * len(losses), losses, s=22, color=color, facecolor=face, zorder=3)
        passed = [n for n in sizes if n not in failed]
        left = n_tokens == max(runs)  # right of its last point is the place of the stars
        at = min(passed) * 0.85 if left else max(passed) * 1.2
        height = float(np.mean(sizes[min(passed) if left else max(passed)]))
        axes.text(
            at, height, f"{display.number(n_tokens)} tokens",
            color=color, ha="right" if left else "left", va="center",
        )  # fmt: skip
    at = max(stars)
    fitted = [n for n in max(runs.items())[1] if n not in failed]
    line = np.geomspace(min(fitted), at)
    for curve, style in zip(curves.values(), ("-", "--", ":"), strict=True):
        axes.plot(line, [curve(n) for n in line], color=plots.INK, linestyle=style, linewidth=1.2)
    for size, losses in stars.items():
        axes.scatter([size] * len(losses), losses, marker="*", s=90, color=plots.ALARM, zorder=4)
    axes.text(at, max(stars[at]) + 0.06, "held out", color=plots.ALARM, ha="center")
    axes.set(xscale="log", xlabel="parameters without the token table (log scale)")
    axes.set_xlim(4e3, 1.8e6)
    axes.set_xticks([1e4, 1e5, 1e6], ["10,000", "100,000", "1 million"])
    axes.minorticks_off()
    axes.set_ylabel("loss on held-out files (nats per token)")
    return figure, {name: curve(at) for name, curve in curves.items()}


def gains(
    sizes: Sequence[float], losses: Sequence[float], failed: set[float]
) -> tuple[Figure, list[tuple[float, float]]]:
    """Draw how much a parameter brings between neighboring sizes, in nats for each million.

    Returns the steps: the geometric middle of two sizes, and the gain per parameter there.
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.2), layout="constrained")
    steps = []
    pairs = list(zip(sizes, losses, strict=True))
    for (n, loss), (next_n, next_loss) in zip(pairs, pairs[1:], strict=False):
        middle = float(np.sqrt(n * next_n))
        steps.append((middle, (loss - next_loss) / (next_n - n)))
        face = "none" if {n, next_n} & failed else plots.INK
        axes.scatter(middle, 1e6 * steps[-1][1], color=plots.INK, facecolor=face, zorder=3)
    start = steps[0][0], 1e6 * steps[0][1]
    line = np.geomspace(start[0], steps[-1][0])
    axes.plot(line, start[1] * start[0] / line, color=plots.REST, linestyle="--", linewidth=1.2)
    axes.text(
        0.98, 0.95, "dashed: each doubling\nbrings the same, slope −1",
        color=plots.REST, ha="right", va="top", transform=axes.transAxes,
    )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="parameters without the token table (log scale)")
    axes.set_xticks([3e4, 1e5, 3e5, 1e6], ["30,000", "100,000", "300,000", "1 million"])
    axes.minorticks_off()
    axes.set_ylabel("nats per million added (log scale)")
    return figure, steps


def two_rulers(alpha: float, marked: Mapping[str, float]) -> tuple[Figure, dict[str, float]]:
    """Draw the exponent that one law shows at each size, if tables are not counted.

    Returns it at the marked sizes.
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.0), layout="constrained")
    n = np.geomspace(1e4, 1e12)
    axes.plot(n, [local_exponent(alpha, x) for x in n], color=plots.INK, linewidth=2)
    axes.axhline(alpha, color=plots.REST, linewidth=1.5)
    axes.text(1.2e4, alpha + 0.008, "all parameters counted", color=plots.MUTED)
    axes.text(2e7, 0.2, "tables left out", color=plots.INK)
    found = {name: local_exponent(alpha, size) for name, size in marked.items()}
    for name, size in marked.items():
        axes.scatter(size, found[name], color=plots.INK, zorder=3)
        axes.text(size * 1.5, found[name] - 0.012, name, va="top")
    axes.set(xscale="log", ylim=(0, 0.4), ylabel="exponent near this size")
    axes.set_xlabel("parameters without tables (log scale)")
    return figure, found
