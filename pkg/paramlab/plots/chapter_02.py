"""Figures of chapter 2: what a bias does to a line and to a unit, and how few biases there are."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from paramlab import plots

# Where the label of a dot stands: arguments of Axes.annotate, in points.
_BESIDE: dict[str, dict[str, Any]] = {
    "left": {"xytext": (-7, 0), "ha": "right", "va": "center"},
    "above": {"xytext": (0, 6), "ha": "center", "va": "bottom"},
    "below": {"xytext": (0, -6), "ha": "center", "va": "top"},
    "below left": {"xytext": (4, -6), "ha": "right", "va": "top"},
}


def lines_with_and_without_bias(
    points: list[tuple[float, float]], with_bias: tuple[float, float], slope_without: float
) -> tuple[Figure, dict[str, list[float]]]:
    """Draw points, the best line with a bias, and the best line that must pass through 0.

    ``with_bias`` is slope and bias. Returns the errors (line minus point) that each line makes.
    """
    slope, bias = with_bias
    errors = {
        "with": [slope * x + bias - y for x, y in points],
        "without": [slope_without * x - y for x, y in points],
    }
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.1), layout="constrained")
    right = max(x for x, _ in points) + 0.5
    axes.plot([0, right], [bias, bias + slope * right], color=plots.BIAS, linewidth=2)
    axes.plot([0, right], [0, slope_without * right], color=plots.WEIGHT, linewidth=2)
    for (x, y), error in zip(points, errors["without"], strict=True):
        axes.plot([x, x], [y, y + error], color=plots.ALARM, linewidth=2, linestyle=(0, (2, 2)))
        sign = f"{error:+g}".replace("-", "\N{MINUS SIGN}")
        axes.text(x + 0.03, y + 0.35 * error, sign, color=plots.ALARM, va="center")
        axes.plot(x, y, "o", color=plots.INK, markersize=7, clip_on=False)
    axes.text(0.5, bias + slope * 0.5 + 0.8, "with a bias", color=plots.BIAS, ha="right")
    axes.text(0.55, slope_without * 0.2, "without: starts at 0", color=plots.WEIGHT)
    axes.set(xlabel="kilometers", ylabel="fare", xlim=(0, right), ylim=(0, None))
    axes.set_xticks([x for x, _ in points])
    return figure, errors


def unit_and_layer(
    inputs: tuple[float, float], weights: tuple[float, float], bias: float
) -> tuple[Figure, float]:
    """Draw one unit with its numbers, and beside it a layer of three inputs and two units.

    Returns what the unit's sum is.
    """
    total = bias + sum(x * w for x, w in zip(inputs, weights, strict=True))
    figure, axes = plots.canvas(2.3)
    for y, value, weight in zip((1.1, 0.1), inputs, weights, strict=True):
        axes.plot([0.16, 1.1], [y, 0.6], color=plots.WEIGHT, linewidth=1.6)
        axes.text(0, y, f"{value:g}", ha="center", va="center")
        label = f"·{_signed(weight)}" if weight >= 0 else f"·({_signed(weight)})"
        side = 0.16 if y > 0.6 else -0.2
        axes.text(0.66, (y + 0.6) / 2 + side, label, color=plots.WEIGHT, ha="center", va="center")
    axes.annotate(
        f"+{bias:g}", (1.26, 0.76), (1.26, 1.25), ha="center", color=plots.BIAS,
        arrowprops={"arrowstyle": "-", "color": plots.BIAS, "linewidth": 1.6},
    )  # fmt: skip
    _unit(axes, (1.26, 0.6), _signed(total))
    axes.plot([1.42, 1.85], [0.6, 0.6], color=plots.ACTIVITY, linewidth=1.6)
    axes.text(1.95, 0.6, _signed(max(0, total)), ha="left", va="center")
    axes.text(1.26, 0.3, "sum", ha="center", va="center", fontsize=10)
    axes.text(1.6, 0.72, "relu", ha="center", va="center", fontsize=10, color=plots.ACTIVITY)
    for x, name in ((0.95, "a unit"), (3.55, "a layer")):
        axes.text(x, 1.62, name, ha="center", color=plots.MUTED)
    for unit_y in (0.95, 0.25):
        for input_y in (1.2, 0.6, 0.0):
            axes.plot([2.96, 3.64], [input_y, unit_y], color=plots.WEIGHT, linewidth=1)
            axes.plot(2.9, input_y, "o", color=plots.REST, markersize=5)
        above = [unit_y + 0.16, unit_y + 0.34]
        axes.plot([3.8, 3.8], above, color=plots.BIAS, linewidth=1.6)
        _unit(axes, (3.8, unit_y), "")
        axes.plot([3.96, 4.3], [unit_y, unit_y], color=plots.ACTIVITY, linewidth=1.6)
    axes.set(xlim=(-0.15, 4.35), ylim=(-0.15, 1.8), aspect="equal")
    return figure, total


def _signed(value: float) -> str:
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def _unit(axes: Axes, center: tuple[float, float], label: str) -> None:
    circle = Circle(center, 0.16, facecolor=plots.GROUND, edgecolor=plots.INK, linewidth=1.2)
    axes.add_patch(circle).set_zorder(3)
    axes.text(*center, label, ha="center", va="center", zorder=4)


def sum_of_hinges(
    weights: list[float], thresholds: list[float], right: float
) -> tuple[Figure, dict[str, list[float]]]:
    """Draw a sum of ReLU units from 0 to ``right``: as they are, and with their biases at 0.

    Unit i is relu(x - thresholds[i]): its bias is minus its threshold. weights[i] multiplies it.
    Returns the heights at 0, at the thresholds and at ``right``, in this order.
    """
    x = [0.0, *sorted(thresholds), right]

    def heights(switches: list[float]) -> list[float]:
        units = list(zip(weights, switches, strict=True))
        return [sum(w * max(0.0, v - s) for w, s in units) for v in x]

    data = {"with": heights(thresholds), "without": heights([0.0] * len(thresholds))}
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 2.4), layout="constrained")
    axes.plot(x, data["without"], color=plots.WEIGHT, linewidth=2)
    axes.plot(x, data["with"], color=plots.BIAS, linewidth=2)
    for v, height in list(zip(x, data["with"], strict=True))[1:-1]:
        axes.plot(v, height, "o", color=plots.BIAS, markersize=7)
        side = _BESIDE["above" if height > 0 else "below"]
        axes.annotate(f"on at {v:g}", (v, height), textcoords="offset points", **side)
    axes.text(right, 0.18, "the same without biases", color=plots.WEIGHT, ha="right")
    axes.set(xlabel="input", ylabel="output", xlim=(0, right))
    axes.set_ylim(-0.4, max(data["with"]) + 0.3)
    axes.set_yticks([0, max(data["with"])])
    return figure, data


def bias_shares(
    shares: dict[str, tuple[int, float]], labels: dict[str, tuple[str, str]], none: dict[float, str]
) -> tuple[Figure, dict[str, int]]:
    """Draw each model's share of biases over its year; below, in a strip, those without any.

    Parameters
    ----------
    shares
        For each model its year and its share of biases in percent.
    labels
        For the models to name a text and its side: left, above, below or below left.
    none
        The texts in the strip, by the year at which they start.

    Returns
    -------
    tuple
        The figure, and how many models have biases and how many have none.
    """
    figure, (upper, lower) = plots.plt.subplots(
        2, 1, figsize=(plots.WIDTH_INCHES, 4.7), layout="constrained", sharex=True,
        height_ratios=[3.2, 1],
    )  # fmt: skip
    columns: dict[tuple[int, bool], list[str]] = {}
    for name, (year, share) in sorted(shares.items(), key=lambda item: item[1]):
        columns.setdefault((year, share > 0), []).append(name)
    for (year, has_some), names in columns.items():
        for rank, name in enumerate(names):
            if has_some:  # side by side in fives, so that equal shares do not hide each other
                x = year + 0.14 * (rank % 5 - (min(len(names), 5) - 1) / 2)
                _share_dot(upper, x, shares[name][1], labels.get(name))
            else:
                x = year + 0.2 * (rank % 4 - 1.5)
                lower.plot(x, rank // 4, "o", color=plots.WEIGHT, markersize=5)
    for start, text in none.items():
        lower.text(start, 3.2, text, color=plots.WEIGHT, va="center")
    _style_share_axes(upper, lower)
    n_none = sum(share == 0 for _, share in shares.values())
    return figure, {"with biases": len(shares) - n_none, "without": n_none}


def _share_dot(axes: Axes, x: float, share: float, label: tuple[str, str] | None) -> None:
    axes.plot(x, share, "o", color=plots.BIAS, markersize=5, alpha=1 if label else 0.5)
    if label:
        text, side = label
        axes.annotate(text, (x, share), textcoords="offset points", **_BESIDE[side])


def _style_share_axes(upper: Axes, lower: Axes) -> None:
    ticks = {0.1: "1 in 1,000", 0.01: "1 in 10,000", 0.001: "1 in 100,000"}
    upper.set_yscale("log")
    upper.set_ylim(0.00025, 0.26)
    upper.set_yticks(list(ticks), [f"{share:g}%\n{text}" for share, text in ticks.items()])
    upper.minorticks_off()
    upper.set_title("biases among the parameters (log scale)", loc="left")
    upper.grid(axis="y")
    upper.spines["bottom"].set_visible(False)
    upper.tick_params(axis="x", length=0)
    lower.set_ylim(-1, 7)
    lower.set_yticks([3], ["none at all"])
    lower.set_xlim(2016.4, 2026.6)
    lower.set_xticks(range(2017, 2026, 2))
    for axes in (upper, lower):
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)


# The rows of twins_found: what is set to zero, by the color of its dot.
_ZEROED = {
    plots.BIAS: {
        "key": "key", "value": "value", "attention output": "attention output",
        "MLP down": "MLP, narrow layer", "query": "query", "MLP up": "MLP, wide layer",
        "all linear": "all of these",
    },
    plots.NORM: {"norms": "in norms"},
    plots.ALARM: {"all": "all biases"},
    plots.REST: {
        "as many weights (all linear)": "random weights",
        "weights, same squares (all linear)": "random weights",
    },
}  # fmt: skip


def twins_found(
    found: dict[str, dict[str, float]], numbers: dict[str, int]
) -> tuple[Figure, dict[str, float]]:
    """Draw what share of sentences finds its twin when biases, or weights, are set to zero.

    Parameters
    ----------
    found
        For "whole" and for each kind of number that is set to zero a share with its interval: mean,
        low and high.
    numbers
        How many numbers each kind has.

    Returns
    -------
    tuple
        The figure, and the shares drawn.
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 4.3), layout="constrained")
    whole = 100 * found["whole"]["mean"]
    axes.axvline(whole, color=plots.MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.text(whole, -1.0, "whole model", color=plots.MUTED, ha="right", va="center")
    drawn: dict[str, float] = {}
    labels: dict[float, str] = {}
    row = 0.0
    for color, kinds in _ZEROED.items():
        for kind, label in kinds.items():
            labels[row] = f"{label}: {numbers[kind]:,}"
            drawn[kind] = _share_with_interval(axes, row, found[kind], color)
            row += 1
        row += 0.5
    axes.set_yticks(list(labels), list(labels.values()))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set(xlim=(0, 100), ylim=(row - 0.6, -1.5), xlabel="sentences that find their twin (%)")
    return figure, drawn


def _share_with_interval(axes: Axes, row: float, found: dict[str, float], color: str) -> float:
    share, low, high = (100 * found[end] for end in ("mean", "low", "high"))
    axes.plot([low, high], [row, row], color=color, linewidth=2.5, solid_capstyle="butt")
    axes.plot(share, row, "o", color=color, markersize=7)
    x, side = (low - 2.5, "right") if low > 20 else (high + 2.5, "left")
    axes.text(x, row, f"{share:.0f}%", color=color, ha=side, va="center")
    return share
