"""Figures of the chapters on what a parameter is."""

from math import log, sqrt
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from paramlab import display, plots
from paramlab.config import ModelConfig
from paramlab.conventions import counted, printed_counts
from paramlab.params import count

# Where the label of a dot stands: arguments of Axes.annotate, in points.
_BESIDE: dict[str, dict[str, Any]] = {
    "right": {"xytext": (7, 0), "ha": "left", "va": "center"},
    "left": {"xytext": (-7, 0), "ha": "right", "va": "center"},
    "above": {"xytext": (0, 6), "ha": "center", "va": "bottom"},
    "below": {"xytext": (0, -6), "ha": "center", "va": "top"},
}


def squares(counts: dict[str, int]) -> tuple[Figure, dict[str, float]]:
    """Draw counts as squares of that area, on one scale, smallest first.

    Returns the side of each square, in units of the largest.
    """
    largest = max(counts.values())
    sides = {name: sqrt(n / largest) for name, n in counts.items()}
    figure, axes = plots.canvas(2.6)
    x, gap = 0.0, 0.2
    for name, side in sorted(sides.items(), key=lambda item: item[1]):
        axes.add_patch(Rectangle((x, 0), side, side, facecolor=plots.WEIGHT, linewidth=0))
        label = f"{name}\n{display.in_words(counts[name])}"
        if side > 0.5:
            axes.text(x + 0.05, side - 0.05, label, va="top", color=plots.GROUND)
        else:
            axes.text(x, side + 0.03, label)
        x += max(side, 0.33) + gap
    axes.set_xlim(0, x - gap)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    return figure, sides


def losses(measured: dict[str, float], vocab_size: int) -> tuple[Figure, dict[str, float]]:
    """Draw the loss of models on one text as bars, with the loss of a blind guess as a line."""
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 2.2), layout="constrained")
    chance = log(vocab_size)
    names = list(measured)
    colors = [plots.WEIGHT, plots.ALARM]
    axes.barh(names, list(measured.values()), color=colors, height=0.55)
    for row, value in enumerate(measured.values()):
        axes.text(value + 0.3, row, display.rounded(value, 3), va="center")
    axes.axvline(chance, color=plots.MUTED, linewidth=1, linestyle=(0, (4, 3)))
    blind = f"blind guess: {display.rounded(chance, 3)}"
    axes.text(chance + 0.3, -0.72, blind, color=plots.MUTED, va="center")
    axes.set_ylim(1.5, -1.1)
    axes.set_xlim(0, max(measured.values()) * 1.12)
    axes.set_xlabel("loss on one text (nats per token)")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure, {**measured, "blind guess": chance}


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
        For the models to name a text and its side: right, left, above or below.
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


def _share_dot(axes, x, share, label):
    axes.plot(x, share, "o", color=plots.BIAS, markersize=5, alpha=1 if label else 0.5)
    if label:
        text, side = label
        axes.annotate(text, (x, share), textcoords="offset points", **_BESIDE[side])


def _style_share_axes(upper, lower):
    ticks = {0.1: "1 in 1,000", 0.01: "1 in 10,000", 0.001: "1 in 100,000"}
    upper.set_yscale("log")
    upper.set_ylim(0.0006, 0.26)
    upper.set_yticks(list(ticks), [f"{share:g}%\n{text}" for share, text in ticks.items()])
    upper.minorticks_off()
    upper.set_title("biases among the parameters (log scale)", loc="left")
    upper.grid(axis="y")
    upper.spines["bottom"].set_visible(False)
    upper.tick_params(axis="x", length=0)
    lower.set_ylim(-1, 6)
    lower.set_yticks([2.5], ["none at all"])
    lower.set_xlim(2016.4, 2026.0)
    lower.set_xticks(range(2017, 2026, 2))
    for axes in (upper, lower):
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)


class Bar(NamedTuple):
    """One step of a waterfall: what is added, or, if not filled, what a count leaves out."""

    label: str
    start: int
    end: int
    color: str
    filled: bool = True
    side: str = "left"  # where the label stands: left of the bar, inside it, or right of it


def ten_counts(config: ModelConfig) -> tuple[Figure, dict[str, int]]:
    """Draw the ten counts of GPT-2 small as a waterfall, and its crowded end once more.

    Returns the figure, and where each bar ends, seen from the exact count if it is not filled.
    """
    panels = (_large_steps(config), _small_steps(config))
    figure, both = plots.plt.subplots(
        2, 1, figsize=(plots.WIDTH_INCHES, 5.2), layout="constrained", height_ratios=[6, 8]
    )
    small = panels[1]
    limits = [(0, panels[0][-2].end * 1.01), (small[0].start - 50_000, small[2].end + 25_000)]
    widths = [high - low for low, high in limits]
    for axes, bars, (low, high) in zip(both, panels, limits, strict=True):
        axes.axvline(counted(config), color=plots.INK, linewidth=1)
        for row, bar in enumerate(bars):
            _draw_bar(axes, row, bar, pad=(high - low) / 80)
        axes.set(xlim=(low, high), ylim=(len(bars) - 0.4, -0.6), yticks=[])
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(lambda x, _: f"{x / 1e6:g}")
    both[0].set_xlabel("million parameters")
    factor = display.rounded(widths[0] / widths[1], 2)
    both[1].set_xlabel(f"million parameters, enlarged {factor} times")
    ends = {bar.label: bar.end if bar.filled else bar.start for bars in panels for bar in bars}
    return figure, ends


def _large_steps(config: ModelConfig) -> list[Bar]:
    exact, twice = counted(config), counted(config, tied_twice=True)
    untied = counted(config, ["query, key and value biases"], tied_twice=True)
    matrices = counted(config, ["token table", "position table", "norm gains", "all biases"])
    tables = counted(config, ["position table", "norm gains", "all biases"])
    smaller = next(p.count(config) for p in printed_counts() if p.vocab_size)
    again = f"{untied / 1e6:.2f}M and {twice / 1e6:.2f}M: table twice"
    return [
        Bar(f"{matrices / 1e6:.0f}M: matrices", 0, matrices, plots.WEIGHT, side="inside"),
        Bar("+ token table", matrices, tables, plots.EMBEDDING),
        Bar(f"+ the rest = {exact:,}", tables, exact, plots.REST),
        Bar(again, exact, twice, plots.EMBEDDING, False),
        Bar(f"{smaller / 1e6:.0f}M: smaller vocabulary", smaller, exact, plots.EMBEDDING, False),
    ]


def _small_steps(config: ModelConfig) -> list[Bar]:
    exact = counted(config)
    tables = counted(config, ["position table", "norm gains", "all biases"])
    gains = counted(config, ["position table", "all biases"])
    biases = counted(config, ["position table"])
    bars = [
        Bar(f"{gains / 1e6:.3f}M: + norm gains", tables, gains, plots.NORM, side="right"),
        Bar(f"{biases / 1e6:.3f}M: + all biases", gains, biases, plots.BIAS, side="right"),
        Bar("+ position table", biases, exact, plots.POSITION, side="inside"),
    ]
    for switch, label in {
        "all biases": "no biases",
        "MLP biases": "8 small numbers, not 13",
        "query, key and value biases": "no q, k, v biases",
        "final norm": "no final norm",
    }.items():
        n = counted(config, [switch])
        color = plots.NORM if switch == "final norm" else plots.BIAS
        bars.append(Bar(f"{n / 1e6:.3f}M: {label}", n, exact, color, filled=False))
    return bars


def _draw_bar(axes: Axes, row: int, bar: Bar, pad: float) -> None:
    patch = Rectangle((bar.start, row - 0.36), bar.end - bar.start, 0.72, linewidth=1.2)
    patch.set(facecolor=bar.color if bar.filled else "none", edgecolor=bar.color)
    axes.add_patch(patch)
    x, side, color = {
        "left": (bar.start - pad, "right", plots.INK),
        "inside": (bar.start + pad, "left", plots.GROUND if bar.filled else plots.INK),
        "right": (bar.end + pad, "left", plots.INK),
    }[bar.side]
    axes.text(x, row, bar.label, ha=side, va="center", color=color)


BANDS = ("tables", "rest", "attention", "MLP", "experts")  # from below


def nested_squares(models: dict[str, ModelConfig]) -> tuple[Figure, dict[str, dict[str, int]]]:
    """Draw models as squares cut into their parts: all of one size, then all to one scale.

    The area of a band is its share of the parameters. A band of experts is cut again, into as many
    cells as there are experts; those that one token uses are filled.

    Returns the figure, and for each model the numbers of parameters of its bands.
    """
    parts = {name: _bands(config) for name, config in models.items()}
    totals = {name: sum(bands.values()) for name, bands in parts.items()}
    sides = {name: sqrt(n / max(totals.values())) for name, n in totals.items()}
    figure, axes = plots.canvas(3.7)
    gap, right = 0.14, 0.0
    width = sum(max(side, 0.3) for side in sides.values()) + gap * (len(models) - 1)
    same = (width - gap * (len(models) - 1)) / len(models)
    for i, (name, config) in enumerate(models.items()):
        left = i * (same + gap)
        _draw_bands(axes, (left, 1.3), same, parts[name], config)
        axes.text(left, 1.33 + same, name.replace(" ", "\n", 1), va="bottom", fontsize=10)
        _draw_bands(axes, (right, 0), sides[name], parts[name], config)
        size = display.in_words(totals[name]).replace(" ", "\n")
        axes.text(right, sides[name] + 0.02, size, va="bottom", fontsize=10)
        right += max(sides[name], 0.3) + gap
    axes.set(xlim=(-0.01, width + 0.01), ylim=(-0.01, 1.62 + same), aspect="equal")
    return figure, parts


def _bands(config: ModelConfig) -> dict[str, int]:
    """Gather the parts of a model into the few that a square can show."""
    bands = dict.fromkeys(BANDS, 0)
    for part, n in count(config).by_part.items():
        if part in ("token table", "position table", "output head"):
            bands["tables"] += n
        elif part == "shared expert":
            bands["MLP"] += n
        else:
            bands[part if part in bands else "rest"] += n
    return bands


def _draw_bands(
    axes: Axes,
    corner: tuple[float, float],
    side: float,
    bands: dict[str, int],
    config: ModelConfig,
) -> None:
    """Cut one square into bands; those that are high enough get their names."""
    x, y = corner
    for name, n in bands.items():
        height = side * n / sum(bands.values())
        if name == "experts" and config.experts:
            e, color = config.experts, plots.INK
            _draw_cells(axes, (x, y), (side, height), e.n_experts, e.n_active)
        else:
            face = {"tables": plots.EMBEDDING, "rest": plots.REST}.get(name, plots.WEIGHT)
            color = plots.GROUND
            line = 0.6 if side > 0.1 else 0  # around a speck, a line would be larger than it
            patch = Rectangle((x, y), side, height, facecolor=face, linewidth=line)
            axes.add_patch(patch).set_edgecolor(plots.GROUND)
        if y > 1 and height > 0.08:  # only in the upper row
            middle = y + height * (0.75 if name == "experts" else 0.5)
            place = (x + side / 2, middle)
            axes.text(*place, name, ha="center", va="center", fontsize=10, color=color)
        y += height


def _draw_cells(
    axes: Axes, corner: tuple[float, float], size: tuple[float, float], n: int, n_filled: int
) -> None:
    """Cut a rectangle into n equal cells and fill some of them."""
    n_columns = next(c for c in range(1, n + 1) if c * c >= n and n % c == 0)
    width, height = size[0] / n_columns, size[1] * n_columns / n
    for i in range(n):
        row, column = divmod(i, n_columns)
        place = (corner[0] + column * width, corner[1] + row * height)
        patch = Rectangle(place, width, height, facecolor=plots.WEIGHT, linewidth=0.4)
        patch.set(edgecolor=plots.GROUND, alpha=1 if i < n_filled else 0.3)
        axes.add_patch(patch)
