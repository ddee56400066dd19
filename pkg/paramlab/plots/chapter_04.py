"""Figures of chapter 4: one model counted in ten ways, and models cut into their parts."""

from math import sqrt
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from paramlab import display, plots
from paramlab.config import ModelConfig
from paramlab.conventions import printed_counts, total
from paramlab.params import count


def three_counts(config: ModelConfig) -> tuple[Figure, dict[str, int]]:
    """Draw a model as a column, the token table at both its ends, and what three counts span.

    Returns the three counts: the matrices alone, every array once, and the table twice.
    """
    not_matrices = ["token table", "position table", "norm gains", "all biases"]
    matrices, once = total(config, not_matrices), total(config)
    twice = total(config, tied_twice=True)
    table = twice - once
    rest = once - matrices - table
    figure, axes = plots.canvas(3.3)
    parts = [
        (0, table, plots.EMBEDDING, "token table"),
        (table, rest, plots.REST, ""),
        (table + rest, matrices, plots.WEIGHT, f"matrices\nof {config.n_layers} blocks"),
    ]
    for bottom, height, color, label in parts:
        axes.add_patch(Rectangle((0, bottom), 1, height, facecolor=color, linewidth=0))
        axes.text(0.5, bottom + height / 2, label, ha="center", va="center", color=plots.GROUND)
    again = Rectangle((0, once), 1, table, fill=False, edgecolor=plots.EMBEDDING)
    axes.add_patch(again).set(linewidth=1.5, linestyle=(0, (3, 2)))
    axes.text(0.5, once + table / 2, "the same,\nused again", ha="center", va="center")
    axes.text(-0.05, table + rest / 2, "all the rest", ha="right", va="center", fontsize=10)
    axes.text(-0.05, 0, "in: token\nto numbers", ha="right", va="bottom", fontsize=10)
    axes.text(-0.05, twice, "out: numbers\nto scores", ha="right", va="top", fontsize=10)
    data = {}
    for i, (low, high) in enumerate([(table + rest, once), (0, once), (0, twice)]):
        x, n = 1.12 + 0.58 * i, high - low
        axes.plot([x - 0.05, x, x, x - 0.05], [low, low, high, high], color=plots.INK, linewidth=1)
        axes.text(x + 0.04, (low + high) / 2, f"{n / 1e6:.1f}\nmillion", va="center", fontsize=10)
        data[f"{n / 1e6:.1f} million"] = n
    axes.set(xlim=(-0.72, 2.85), ylim=(-0.02 * twice, 1.02 * twice))
    return figure, data


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
        axes.axvline(total(config), color=plots.INK, linewidth=1)
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
    exact, twice = total(config), total(config, tied_twice=True)
    untied = total(config, ["query, key and value biases"], tied_twice=True)
    matrices = total(config, ["token table", "position table", "norm gains", "all biases"])
    tables = total(config, ["position table", "norm gains", "all biases"])
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
    exact = total(config)
    tables = total(config, ["position table", "norm gains", "all biases"])
    gains = total(config, ["position table", "all biases"])
    biases = total(config, ["position table"])
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
        n = total(config, [switch])
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
