"""Figures of chapter 9: a trap and the way round it, what students found, peaks, and step sizes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paramlab import plots

Curve = tuple[Sequence[float], Sequence[float], Sequence[float]]  # lower, middle, upper


def trapped_height(x: np.ndarray, y: np.ndarray | float = 0.0) -> np.ndarray:
    """Return the height of a landscape with a trap at x = -1 and its lowest point near x = 1.

    Along y = 0 a barrier separates them; with growing y the barrier is lower, and then gone.
    """
    barrier = 1.1 * np.exp(-(x**2) / 0.18 - np.asarray(y) ** 2 / 0.3)
    bowl = 0.25 * (x**2 - 1) ** 2 - 0.45 * x
    return bowl + barrier + 0.2 * (np.asarray(y) - 1) ** 2


def valley() -> tuple[Figure, dict[str, bool]]:
    """Draw a walker stuck with one number to change, and the way round with a second one.

    Returns whether a walk that only goes down reaches the far side in each of the two.
    """
    figure, (left, right) = plots.plt.subplots(
        1, 2, figsize=(plots.WIDTH_INCHES, 2.9), layout="constrained"
    )
    x = np.linspace(-1.75, 1.75, 300)
    left.plot(x, trapped_height(x), color=plots.REST, linewidth=2)
    walks = {"one number": _walk(-1.55, None), "two numbers": _walk(-1.55, 0.05)}
    path = walks["one number"]
    left.plot(path[:, 0], trapped_height(path[:, 0]), color=plots.ALARM, linewidth=3)
    left.plot(path[-1, 0], trapped_height(path[-1:, 0]), "o", color=plots.ALARM, markersize=9)
    bottom = trapped_height(path[-1:, 0])[0]
    left.text(path[-1, 0], bottom - 0.15, "stuck", color=plots.ALARM, ha="center", va="top")
    left.set(title="one number", xlabel="the number", ylabel="loss", ylim=(-0.45, 2))
    across, along = np.meshgrid(x, np.linspace(-0.4, 1.9, 200))
    levels = np.linspace(-0.4, 2, 17)
    right.contour(
        across, along, trapped_height(across, along), levels, colors=plots.REST, linewidths=0.8
    )
    path = walks["two numbers"]
    right.plot(path[:, 0], path[:, 1], color=plots.INK, linewidth=3)
    right.plot(path[-1, 0], path[-1, 1], "o", color=plots.INK, markersize=9)
    right.text(path[-1, 0], path[-1, 1] + 0.2, "out", color=plots.INK, ha="center")
    right.set(title="a second number", xlabel="the number", ylabel="another number")
    for axes in (left, right):
        axes.set(xticks=[], yticks=[])
    return figure, {name: bool(path[-1, 0] > 0.5) for name, path in walks.items()}


def _walk(x: float, y: float | None) -> np.ndarray:
    """Walk downhill in small steps; without y, along y = 0."""
    place, stops, h = np.array([x, y or 0.0]), [], 1e-4
    for _ in range(6_000):
        stops.append(place.copy())
        slopes = [
            (trapped_height(*(place + h * one)) - trapped_height(*(place - h * one))) / (2 * h)
            for one in np.eye(2)
        ]
        place = place - 0.01 * np.array([slopes[0], 0.0 if y is None else slopes[1]])
    return np.array(stops)


def final_losses(
    losses: Mapping[int, Sequence[float]], threshold: float
) -> tuple[Figure, dict[int, int]]:
    """Draw the final loss of every student, by width; return how many lie below the threshold."""
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.6), layout="constrained")
    found, rng = {}, np.random.default_rng(0)
    for place, (width, values) in enumerate(losses.items()):
        shown = np.maximum(values, 1e-16)
        good = shown < threshold
        spread = place + rng.uniform(-0.28, 0.28, len(shown))
        for chosen, color in ((good, plots.INK), (~good, plots.ALARM)):
            axes.plot(spread[chosen], shown[chosen], "o", color=color, markersize=4, alpha=0.6)
        found[width] = int(good.sum())
        share = f"{found[width]}/{len(shown)}"
        axes.text(place, 30, share, ha="center", va="bottom", color=plots.INK)
    axes.axhline(threshold, color=plots.MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.set(yscale="log", ylim=(3e-17, 5_000), xlabel="units of the student (teacher: 10)")
    axes.set_ylabel("loss in the end (log scale)")
    axes.set_yticks(
        [1, 1e-4, 1e-8, 1e-12, 1e-16], ["1", "$10^{-4}$", "$10^{-8}$", "$10^{-12}$", "0"]
    )
    axes.set_xticks(range(len(losses)), [str(width) for width in losses])
    axes.minorticks_off()
    return figure, found


def peaks(
    sizes: Sequence[int], curves: Mapping[str, Mapping[str, Curve]], n_examples: int
) -> tuple[Figure, dict[str, dict[str, int]]]:
    """Draw errors on fresh examples by the number of parameters, a panel for each kind of data.

    Returns where each curve is highest.
    """
    figure, panels = plots.plt.subplots(
        len(curves), 1, figsize=(plots.WIDTH_INCHES, 4.8), sharex=True, layout="constrained"
    )
    colors, highest = (plots.ALARM, plots.INK), {}
    for axes, (title, drawn) in zip(panels, curves.items(), strict=True):
        highest[title] = {
            name: sizes[int(np.argmax(middle))] for name, (_, middle, _) in drawn.items()
        }
        (_, free, _), (_, tuned, _) = drawn.values()
        for curve, color in zip(drawn.values(), colors, strict=True):
            _band(axes, sizes, curve, color)
        at = sizes.index(n_examples)
        sides = ((1.15, "left", free[at] * 0.5), (0.87, "right", tuned[at] * 0.4))
        for name, color, (aside, end, height) in zip(drawn, colors, sides, strict=True):
            axes.text(n_examples * aside, height, name, color=color, ha=end, va="center")
        axes.axvline(n_examples, color=plots.GRID, linewidth=1, zorder=0)
        axes.set(
            xscale="log", yscale="log", title=title, ylabel="error", xlim=(sizes[0], sizes[-1])
        )
        axes.minorticks_off()
    panels[-1].set_xlabel("parameters (log scale)")
    marked = [n for n in (10, 30, 100, 300, 1_000) if sizes[0] <= n <= sizes[-1]]
    panels[-1].set_xticks(marked, [f"{n:,}" for n in marked])
    return figure, highest


def _band(axes: Axes, sizes: Sequence[float], curve: Curve, color: str) -> None:
    lower, middle, upper = curve
    axes.fill_between(sizes, lower, upper, color=color, alpha=0.2, linewidth=0)
    axes.plot(sizes, middle, color=color, linewidth=2)


def seen_and_unseen(
    steps: Sequence[int], curves: Mapping[str, Mapping[str, np.ndarray]]
) -> tuple[Figure, dict[str, dict[str, float]]]:
    """Draw losses over the steps, a panel for each text; return the last of each curve.

    ``curves`` gives for each text, and each name ending in "seen" or "unseen", an array
    (seeds, steps).
    """
    figure, panels = plots.plt.subplots(
        1, len(curves), figsize=(plots.WIDTH_INCHES, 3.8), sharey=True, layout="constrained"
    )
    last: dict[str, dict[str, float]] = {}
    for axes, (title, drawn) in zip(panels, curves.items(), strict=True):
        for name, values in drawn.items():
            color = plots.WEIGHT if name.startswith("64") else plots.MUTED
            style = "-" if name.endswith("unseen") else (0, (2, 2))
            axes.plot(steps, values.mean(axis=0), color=color, linewidth=2, linestyle=style)
            last.setdefault(title, {})[name] = float(values[:, -1].mean())
            if axes is panels[0] and style == "-":
                above = name.startswith("64")
                height = last[title][name] + (0.1 if above else -0.05)
                place = {"ha": "right", "va": "bottom" if above else "top"}
                axes.text(steps[-1], height, name.partition(",")[0], color=color, **place)
        axes.set(title=title, xlabel="training step")
    panels[0].set_ylim(bottom=min(min(drawn.values()) for drawn in last.values()) - 0.25)
    panels[0].set_ylabel("loss (nats per character)")
    for axes in panels:
        axes.set_xticks([100, 200, 300])
    return figure, last


def usable_steps(
    sizes: Sequence[float], losses: Mapping[int, np.ndarray]
) -> tuple[Figure, dict[int, float]]:
    """Draw the loss by step size, a curve for each width (sizes, seeds); return the best sizes."""
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.5), layout="constrained")
    best = {}
    ends = plots.apart({str(w): float(values[0].mean()) for w, values in losses.items()}, 0.07)
    for (width, values), (color, line) in zip(losses.items(), plots.SERIES, strict=False):
        middle = values.mean(axis=1)
        axes.plot(sizes, middle, color=color, linewidth=2, linestyle=line)
        axes.plot(np.repeat(sizes, values.shape[1]), values.ravel(), ".", color=color, markersize=5)
        lowest = int(middle.argmin())
        best[width] = sizes[lowest]
        axes.plot(sizes[lowest], middle[lowest], "o", color=color, markersize=9)
        label = f"width {width}"
        axes.text(sizes[0] * 0.88, ends[str(width)], label, color=color, ha="right", va="center")
    axes.set(xscale="log", xlim=(sizes[0] / 6, sizes[-1] * 1.3), xlabel="step size (log scale)")
    axes.set_ylabel("loss on unseen text (nats)")
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.minorticks_off()
    return figure, best
