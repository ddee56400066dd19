"""Figures of chapter 10: where the seconds of an answer go."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from paramlab import display, plots
from paramlab.hardware import Device
from paramlab.latency import Roof


def one_token(bars: Mapping[str, Mapping[str, float]]) -> tuple[Figure, dict[str, float]]:
    """Draw where the milliseconds of one token go, to scale: one bar for each model.

    Parameters
    ----------
    bars
        For each bar its parts, in milliseconds, from left to right.

    Returns
    -------
    tuple
        The figure, and the length of each bar.
    """
    figure, axes = plots.canvas(0.3 + 1.35 * len(bars))
    colors = (plots.WEIGHT, plots.EMBEDDING, plots.REST)
    longest = max(sum(parts.values()) for parts in bars.values())
    for row, (name, parts) in enumerate(bars.items()):
        left, top = 0.0, -row * 1.35
        axes.text(0, top + 0.62, name, va="center")
        for (part, ms), color in zip(parts.items(), colors, strict=False):
            axes.barh(top + 0.2, ms, left=left, color=color, height=0.4)
            middle, label = left + ms / 2, f"{part}\n{display.rounded(ms, 2)} ms"
            axes.text(middle, top - 0.06, label, ha="center", va="top", color=color)
            left += ms
    axes.set(xlim=(-0.02 * longest, 1.06 * longest), ylim=(-1.35 * len(bars) + 0.8, 0.9))
    return figure, {name: sum(parts.values()) for name, parts in bars.items()}


def time_and_entropy(
    entropies: Sequence[float], ms: Sequence[float], slope: Sequence[float]
) -> tuple[Figure, float]:
    """Draw how long a step took against how uncertain the model was about the next token.

    ``slope`` is the slope and its interval. Returns how far apart the ends of its line are (ms).
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 2.9), layout="constrained")
    axes.plot(entropies, ms, "o", color=plots.ACTIVITY, markersize=3.5, alpha=0.6)
    ends = [min(entropies), max(entropies)]
    middle, center = sorted(ms)[len(ms) // 2], sum(entropies) / len(entropies)
    axes.plot(ends, [middle + slope[0] * (x - center) for x in ends], color=plots.ALARM)
    axes.set_ylim(0, 1.15 * max(ms))
    axes.set_xlabel("entropy of the next token (nats): easy left, hard right")
    axes.set_ylabel("milliseconds of a step")
    return figure, slope[0] * (ends[1] - ends[0])


def roofline(
    machine: Device, dots: Mapping[str, tuple[Roof, float]]
) -> tuple[Figure, dict[str, float]]:
    """Draw the roof of a machine, and what was reached under it.

    Parameters
    ----------
    machine
        Its bandwidth and its rate in fp32 make the roof.
    dots
        For each run its least time and the seconds measured.

    Returns
    -------
    tuple
        The figure, and the share of the roof that each run reached.
    """
    figure, axes = plots.plt.subplots(figsize=(plots.WIDTH_INCHES, 3.3), layout="constrained")
    rate, bandwidth = machine.rate("fp32")[1], machine.bandwidth_bytes_per_s
    knee = rate / bandwidth
    x = [knee / 100, knee, knee * 300]
    axes.plot(x, [min(rate, bandwidth * n) / 1e9 for n in x], color=plots.INK, linewidth=2)
    axes.text(
        knee / 90, bandwidth * knee / 5 / 1e9, "as fast\nas memory\nreads",
        color=plots.INK, ha="left", va="bottom",
    )  # fmt: skip
    axes.text(knee * 280, rate / 1e9 * 1.15, "as fast as it multiplies", ha="right",
              color=plots.INK, va="bottom")  # fmt: skip
    reached = {}
    for name, (roof, seconds) in dots.items():
        at, y = roof.flops / roof.read_bytes, roof.flops / seconds / 1e9
        axes.plot(at, y, "o", color=plots.ALARM)
        axes.text(at * 1.25, y * 0.8, name, color=plots.ALARM, ha="left", va="top")
        reached[name] = y * 1e9 / min(rate, bandwidth * at)
    axes.set(xscale="log", yscale="log", ylim=(rate / 1e9 / 200, rate / 1e9 * 3))
    axes.set_xlabel("operations for each byte fetched (log scale)")
    axes.set_ylabel("billion operations per second\n(log scale)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
    return figure, reached
