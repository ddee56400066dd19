"""Every figure of the book, a module per chapter. Each function returns (figure, plotted data).

The colors are looked up by meaning; the site maps each of them to a light and a dark variant.
"""

import os
import sys
from io import StringIO
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paramlab.colors import LIGHT
from paramlab.display import FOR_THE_SITE

INK = LIGHT["ink"]
MUTED = LIGHT["muted"]
GRID = LIGHT["grid"]
GROUND = LIGHT["ground"]
REST = LIGHT["rest"]
WEIGHT = LIGHT["weight"]
BIAS = LIGHT["bias"]
EMBEDDING = LIGHT["embedding"]
NORM = LIGHT["norm"]
POSITION = LIGHT["position"]
ACTIVITY = LIGHT["activity"]
ALARM = LIGHT["alarm"]

# Things that are no parts of a model, such as years or methods, are told apart without a hue.
Line = str | tuple[float, tuple[float, ...]]
SERIES: tuple[tuple[str, Line], ...] = (
    (INK, "-"), (MUTED, "-"), (REST, "-"), (INK, (0, (5, 2))), (MUTED, (0, (1.5, 1.5))),
    (REST, (0, (5, 1.5, 1, 1.5))),
)  # fmt: skip

WIDTH_INCHES = 5.0
# The site draws every figure twice, so that its text has one size: for a phone and for a wide page.
NARROW, WIDE = 0.81, 1.33  # of the width


def setup() -> None:
    """Draw figures as the book does: vector, quiet axes, text that stays text."""
    mpl.rcParams.update({
        "figure.figsize": (WIDTH_INCHES, 3.0),
        "figure.facecolor": GROUND,
        "axes.facecolor": "none",
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 11,
        "axes.prop_cycle": cycler(color=[WEIGHT, BIAS, EMBEDDING, NORM, POSITION, ACTIVITY]),
        "font.size": 11,
        "grid.color": GRID,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "svg.fonttype": "none",
        "svg.hashsalt": "paramlab",  # the same figure is the same file
    })  # fmt: skip
    if shell := _notebook():
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg")
        if os.environ.get(FOR_THE_SITE):
            formatter = shell.display_formatter.formatters["image/svg+xml"]
            formatter.for_type(Figure, in_two_widths)


def _notebook() -> Any:
    """Return the shell in which the cells of a notebook run, or nothing outside of one."""
    ask = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return ask() if ask else None


def in_two_widths(figure: Figure) -> str:
    """Return a figure as two drawings, one after the other: the narrow one and the wide one."""
    width, height = figure.get_size_inches()
    drawings = []
    for factor in (NARROW, WIDE):
        figure.set_size_inches(width * factor, height)
        figure.savefig(drawing := StringIO(), format="svg", bbox_inches="tight")
        drawings.append(drawing.getvalue())
    figure.set_size_inches(width, height)
    return "\n".join(drawings)


def canvas(height_inches: float, width_inches: float = WIDTH_INCHES) -> tuple[Figure, Axes]:
    """Return a figure and one axes without frame, for drawings that are not charts."""
    figure, axes = plt.subplots(figsize=(width_inches, height_inches), layout="constrained")
    axes.set_axis_off()
    return figure, axes


def apart(heights: dict[str, float], least: float) -> dict[str, float]:
    """Move labels down until each is at least ``least`` below the one above."""
    placed: dict[str, float] = {}
    above = float("inf")
    for name, height in sorted(heights.items(), key=lambda item: -item[1]):
        above = placed[name] = min(height, above - least)
    return placed
