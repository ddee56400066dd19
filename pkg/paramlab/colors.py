"""The colors of every figure, by what they mean: a code for light pages and one for dark ones."""

LIGHT = {
    "ground": "#ffffff",
    "ink": "#22252c",  # text and outlines
    "muted": "#5c6370",  # axes, notes
    "grid": "#d9d6ce",
    "rest": "#7a808a",  # what a figure is not about
    "weight": "#1d49af",
    "bias": "#ab4e05",
    "embedding": "#307d54",
    "norm": "#8d5ac1",
    "position": "#463d01",
    "activity": "#084e61",  # what is computed anew for each input
    "alarm": "#960b3c",  # damage, error, limit
}
DARK = {
    "ground": "#16181c",
    "ink": "#e4e1d9",
    "muted": "#a5aab3",
    "grid": "#363a41",
    "rest": "#868c96",
    "weight": "#93aef8",
    "bias": "#ffb98a",
    "embedding": "#0da66c",
    "norm": "#b179d5",
    "position": "#aa7e05",
    "activity": "#95d4ee",
    "alarm": "#ff688d",
}
