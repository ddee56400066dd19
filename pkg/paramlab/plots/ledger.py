"""The figure of the ledger: every claim a tile, under its verdict."""

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from paramlab import plots
from paramlab.claims import IN_WORDS, SHAPES, VERDICTS, by_verdict

PER_LINE = 10
COLORS = dict(
    zip(VERDICTS, (plots.EMBEDDING, plots.WEIGHT, plots.BIAS, plots.ALARM, plots.REST), strict=True)
)


def verdicts() -> tuple[Figure, dict[str, int]]:
    """Draw the claims as tiles, sorted by verdict; returns how many have each."""
    n_lines = sum(1.05 + -(-len(by_verdict(v)) // PER_LINE) for v in VERDICTS)
    figure, axes = plots.canvas(0.36 * n_lines)
    y, counts = 0.0, {}
    for verdict in VERDICTS:
        claims = by_verdict(verdict)
        counts[verdict] = len(claims)
        name = f"{SHAPES[verdict]}  {IN_WORDS[verdict]}"
        axes.text(0, y + 0.62, f"{name}: {len(claims)}", va="center")
        y += 1.05
        for i, claim in enumerate(claims):
            x, line = i % PER_LINE, y + i // PER_LINE
            tile = Rectangle((x, line), 0.92, 0.86, facecolor=COLORS[verdict], linewidth=0)
            axes.add_patch(tile)
            center = (x + 0.46, line + 0.45)
            axes.text(*center, claim.id, ha="center", va="center", color=plots.GROUND, fontsize=10)
        y += -(-len(claims) // PER_LINE)
    axes.set(xlim=(0, PER_LINE), ylim=(y, 0))
    return figure, counts
