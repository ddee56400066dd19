"""A model drawn to one scale: the area of every band is the number of parameters in it.

The picture is made from the list of arrays in :mod:`paramlab.params`. Layers that are alike lie
side by side, a column each, so that a band of attention shows that array of every layer at once.
Of experts, those that one token passes through are filled. What is used a second time is dashed and
has no area. Arrays too thin to be seen, such as norms, are drawn as lines of one width.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from math import sqrt
from random import Random
from typing import NamedTuple

from paramlab.colors import DARK, LIGHT
from paramlab.config import ModelConfig
from paramlab.display import in_words
from paramlab.params import NO_TOKENS, Array, Count, Stack, count, stacks

WIDTH, HEIGHT = 354.0, 400.0  # of the whole, and of what is to scale: pixels on a phone
BANDS_WIDTH, LABELS_LEFT = 174.0, 189.0
LINE, GAP, TITLE = 15.5, 1.2, 27.0  # of a label, between bands, of a title over them
LONGEST_LABEL, LONGEST_NAME = 17, 33  # letters; the number of a longer label stands below it
LEAST_HEIGHT = 28.0  # of attention, or of an MLP, that is cut into its matrices
MOST_BANDS, MOST_CELLS = 40, 900  # beyond, bands of one name, and the chosen experts, are joined

USED = ("muted", "rest", "ground", "weight", "bias", "embedding", "norm", "position")
CUT = ("attention", "MLP")  # parts that are drawn matrix by matrix

# Every word that the drawing says.
WORDS = {
    "parameters": "{n} parameters",
    "active": "{n} of them for each token",
    "blocks": "{n} blocks × {each}",
    "block": "1 block",
    "encoder": "{n} encoder blocks × {each}",
    "decoder": "{n} decoder blocks × {each}",
    "experts": "{n} expert blocks × {each}",
    "state layers": "{n} state blocks × {each}",
    "attention": "{n} attention × {each}",
    "MLP": "{n} dense blocks × {each}",
    "layers": "{n} layers × {each}",
    "chosen": "{k} of {n} for a token",
    "again": "the token table again",
    "scale": "= {n} parameters",
    "scale of one": "= 1 parameter",
    "about": "{name}, drawn to scale: {n} parameters.",
    "part": "{part}: {n}",
    "biases": "biases",
    "norms": "norms",
    "cross": "cross-attention",
}


class Band(NamedTuple):
    """Arrays of one name, in all the layers that have them."""

    label: str
    numbers: int  # parameters
    color: str
    n_cells: int = 1  # experts in a layer
    n_filled: int = 1  # of them, for a token
    is_tied: bool = False  # used before, and counted there


@dataclass(frozen=True)
class Region:
    """Bands that the same layers have."""

    title: str
    n_layers: int
    bands: tuple[Band, ...]


def regions(config: ModelConfig) -> list[Region]:
    """Return the bands of a model from its input to its output.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=3, d_model=4, n_heads=2, d_ff=8, vocab_size=10, n_ctx=6)
    >>> for region in regions(tiny):
    ...     print(region.title or "-", [(band.label, band.numbers) for band in region.bands][:3])
    - [('token table', 40), ('position table', 24)]
    3 blocks × 172 [('norms', 24), ('attention q', 48), ('biases', 12)]
    - [('norms', 8), ('output head', 40)]
    """
    found: list[Region] = []
    least = count(config).total * LEAST_HEIGHT / HEIGHT
    for stack in stacks(config):
        bands = tuple(_joined(list(_bands(stack, config)), least))
        if not bands:
            continue
        title = _title(stack, bands, config)
        if found and not title and not found[-1].title:
            bands = (*found.pop().bands, *bands)
        found.append(Region(title, stack.n, bands))
    return found


def _bands(stack: Stack, config: ModelConfig) -> Iterator[Band]:
    e = config.experts
    for array in stack.arrays:
        if array.role == "buffer":
            continue
        label, color = _label(array)
        cells = (e.n_experts, e.n_active) if e and array.part == "experts" else (1, 1)
        if array.part in NO_TOKENS:
            cells = (1, 0)
        yield Band(label, stack.n * array.size, color, *cells, is_tied=bool(array.tied_to))


def _joined(bands: Sequence[Band], least: float) -> Sequence[Band]:
    """Join neighbors of one name; if they are thin or many, all of one name."""
    sizes: Counter[str] = Counter()
    for band in bands:
        sizes[_group(band)] += band.numbers
    thin = {group for group in (*CUT, WORDS["cross"]) if 0 < sizes[group] < least}
    bands = [b._replace(label=_group(b)) if _group(b) in thin else b for b in bands]
    joined = [_sum(list(same)) for _, same in groupby(bands, key=_kind)]
    if thin or len(joined) > MOST_BANDS:
        kinds = dict.fromkeys(map(_kind, joined))
        joined = [_sum([band for band in joined if _kind(band) == kind]) for kind in kinds]
    return joined


def _group(band: Band) -> str:
    """Return what a matrix is part of: attention, of "attention q"."""
    return band.label.partition(" ")[0] if band.color == "weight" else ""


def _kind(band: Band) -> Band:
    return band._replace(numbers=0)


def _sum(bands: Sequence[Band]) -> Band:
    return bands[0]._replace(numbers=sum(band.numbers for band in bands))


def _label(array: Array) -> tuple[str, str]:
    """Return what an array is called in the drawing, and its color."""
    if array.part in NO_TOKENS:
        return array.part, "weight"
    if array.role == "bias":
        return WORDS["biases"], "bias"
    if array.role.startswith("norm"):
        return WORDS["norms"], "norm"
    if array.role != "weight":
        return array.part, array.role
    if array.part == "output head":
        return array.part, "embedding"
    if array.part not in CUT:
        return array.part, "weight"
    *above, which = array.name.removesuffix(".weight").split(".")
    part = WORDS["cross"] if "cross_attention" in above else array.part
    return f"{part} {which.replace('_', ' ')}", "weight"


def _title(stack: Stack, bands: Sequence[Band], config: ModelConfig) -> str:
    """Return what stands over layers that repeat; nothing over tables and heads."""
    side = stack.arrays[0].name.split(".")[0]
    if side not in ("encoder", "blocks") and stack.n == 1:
        return ""
    kinds = sum(other.arrays[0].name.startswith("blocks") for other in stacks(config))
    parts = {array.part for array in stack.arrays}
    kind = "layers" if stack in config.further else "blocks"
    if stack not in config.further and config.n_encoder_layers:
        kind = "encoder" if side == "encoder" else "decoder"
    elif kind == "blocks" and kinds > 1 + len(config.further):
        mixed = ("experts",) if config.experts else ("state layers", "attention")
        kind = next((part for part in (*mixed, "MLP") if part in parts), "blocks")
    if stack.n == 1:
        return WORDS["block"] if kind != "layers" else ""
    each = sum(band.numbers for band in bands if not band.is_tied) // stack.n
    return WORDS[kind].format(n=stack.n, each=_short(each))


def _short(n: int) -> str:
    """Return a count in three digits and a letter.

    Examples
    --------
    >>> _short(525_336_576), _short(4_096), _short(999_999), _short(172)
    ('525 M', '4.10 k', '1.00 M', '172')
    """
    if n < 1000:
        return str(n)
    digits, unit = in_words(n, 3).split(" ")
    return f"{digits} {dict(thousand='k', million='M', billion='B', trillion='T')[unit]}"


# ------------------------------------------------------------------ the drawing


class _Pen:
    """Collects marks from top to bottom, and the labels that stand beside them."""

    def __init__(self, total: int, height: float, top: float) -> None:
        self.per_pixel = total / height  # parameters in a line of pixels across the bands
        self.y = top
        self.marks: list[str] = []
        self.labels: list[tuple[float, str, str, str]] = []  # where, name, number, color

    def region(self, region: Region) -> None:
        if region.title:
            self.y += TITLE
            self.marks.append(_text(0, self.y - 10, region.title, is_muted=True))
        else:
            self.y += 5
        top = self.y
        sizes: Counter[str] = Counter()
        for band in region.bands:
            sizes[band.label] += band.numbers
        group = ""
        for band in region.bands:
            if band.label in sizes:
                name = band.label.removeprefix(f"{group} ")
                group = _group(band) or group
                self._label(band, name, sizes.pop(band.label))
            self._band(band, region.n_layers)
        if region.n_layers > 1:
            self.marks.append(_columns(top, self.y - GAP - top, region.n_layers))

    def _label(self, band: Band, name: str, number: int) -> None:
        middle = self.y + band.numbers / self.per_pixel / 2
        shown = "" if band.is_tied else _short(number)
        fits = len(name) <= LONGEST_LABEL
        self.labels.append((middle, name, shown if fits else "", band.color))
        if not fits:
            self.labels.append((middle, "", shown, ""))
        below = WORDS["again"] if band.is_tied else ""
        if band.n_cells > 1:
            below = WORDS["chosen"].format(k=band.n_filled, n=band.n_cells)
        if below:
            self.labels.append((middle, below, "", ""))

    def _band(self, band: Band, n_layers: int) -> None:
        height, color = band.numbers / self.per_pixel, LIGHT[band.color]
        if band.is_tied:
            self.marks.append(
                f'<rect x=".5" y="{_n(self.y + 0.5)}" width="{_n(BANDS_WIDTH - 1)}" '
                f'height="{_n(max(height - 1, 1))}" fill="none" stroke="{color}" '
                'stroke-dasharray="4 3"/>'
            )
            self.y += height + GAP
            return
        title = WORDS["part"].format(part=band.label, n=f"{band.numbers:,}")
        pale = ' fill-opacity=".3"' if band.n_filled < band.n_cells else ""
        thin = f' stroke="{color}"' if height < 1 else ""
        self.marks.append(
            f'<rect y="{_n(self.y)}" width="{_n(BANDS_WIDTH)}" height="{height:.4g}" '
            f'fill="{color}"{pale}{thin}><title>{escape(title)}</title></rect>'
        )
        if band.n_cells > 1 and not thin:
            self.marks.append(_chosen(self.y, height, n_layers, band.n_cells, band.n_filled))
            self.marks.append(_rows(self.y, height, band.n_cells))
        self.y += max(height, 1) + GAP

    def beside(self) -> str:
        """Return the labels, moved apart where they would touch, each with a line to its band."""
        places: list[float] = []
        for middle, *_ in self.labels:
            places.append(max(middle, places[-1] + LINE if places else 0))
        low = self.y
        for i in reversed(range(len(places))):
            low = places[i] = min(places[i], low)
            low -= LINE
        words, lines = [], []
        for (middle, name, number, color), place in zip(self.labels, places, strict=True):
            if name:
                words.append(_text(LABELS_LEFT, place + 4.5, name, is_muted=not color))
            if number:
                words.append(_text(WIDTH, place + 4.5, number, ' class="n"'))
            if color:
                lines.append(
                    f'<path stroke="{LIGHT[color]}" d="M{_n(BANDS_WIDTH)} {_n(middle)}h3'
                    f'L{_n(LABELS_LEFT - 5)} {_n(place)}h2"/>'
                )
        return f'<g fill="none">{"".join(lines)}</g>{"".join(words)}'


def _text(x: float, y: float, words: str, more: str = "", is_muted: bool = False) -> str:
    color = f' fill="{LIGHT["muted"]}"' if is_muted else ""
    return f'<text{more} x="{_n(x)}" y="{_n(y)}"{color}>{escape(words)}</text>'


def _n(x: float) -> str:
    return f"{x:.2f}".rstrip("0").rstrip(".")


def _columns(top: float, height: float, n: int) -> str:
    """Draw the lines between n layers side by side: one line as thick as they are high, dashed."""
    width = BANDS_WIDTH / n
    line = min(1.2, width / 5)
    return (
        f'<path fill="none" stroke="{LIGHT["rest"]}" '
        f'd="M.5 {_n(top - 2)}v-2.5H{_n(width - line - 0.5)}v2.5"/>'
        f'<path stroke="{LIGHT["ground"]}" stroke-width="{_n(height)}" '
        f'stroke-dasharray="{line:.4g} {width - line:.6g}" '
        f'd="M{width - line / 2:.6g} {_n(top + height / 2)}H{_n(BANDS_WIDTH - line)}"/>'
    )


def _rows(top: float, height: float, n: int) -> str:
    """Draw the lines between n experts one below the other."""
    row = height / n
    line = min(0.8, row / 4)
    return (
        f'<path stroke="{LIGHT["ground"]}" stroke-width="{_n(BANDS_WIDTH)}" '
        f'stroke-dasharray="{line:.4g} {row - line:.6g}" '
        f'd="M{_n(BANDS_WIDTH / 2)} {top + row - line / 2:.6g}V{_n(top + height - line)}"/>'
    )


def _chosen(top: float, height: float, n_layers: int, n: int, n_filled: int) -> str:
    """Fill some experts of every layer, in cells: which ones differs from token to token."""
    random, steps = Random(n), []
    for layer in range(n_layers):
        steps.append(f"M{layer}.5 0")
        if n_layers * n_filled > MOST_CELLS:
            steps.append(f"v{n_filled}")
            continue
        at = 0
        for cell in sorted(random.sample(range(n), n_filled)):
            steps.append(f"m0 {cell - at}v1" if cell > at else "v1")
            at = cell + 1
    scale = f"{BANDS_WIDTH / n_layers:.6g} {height / n:.6g}"
    return (
        f'<path stroke="{LIGHT["weight"]}" stroke-width="1" '
        f'transform="translate(0 {_n(top)})scale({scale})" d="{"".join(steps)}"/>'
    )


def _style() -> str:
    """Return the colors of the page around the drawing, or its own where it stands alone.

    Programs that do not know variables keep the colors of the attributes.
    """
    rules = [
        "{font:13px var(--sans,system-ui,sans-serif);max-width:28rem;stroke-width:.9}",
        " .name{font:19px var(--serif,Charter,Georgia,serif)}",
        " .n{text-anchor:end;font-variant-numeric:tabular-nums}",
    ]
    for name in USED:
        for kind in ("fill", "stroke"):
            rules.append(f" [{kind}='{LIGHT[name]}']{{{kind}:var(--fig-{name},{LIGHT[name]})}}")
    dark = ";".join(f"--fig-{name}:{DARK[name]}" for name in (*USED, "ink"))
    return (
        "".join(f".architecture{rule}" for rule in rules)
        + f"svg:root{{fill:var(--fig-ink,{LIGHT['ink']});"
        + f"background:var(--fig-ground,{LIGHT['ground']})}}"
        + f"@media(prefers-color-scheme:dark){{svg:root{{{dark}}}}}"
    )


def _scale(total: int, height: float) -> tuple[int, float]:
    """Return a round number of parameters, and the side of a square of its area."""
    area = BANDS_WIDTH * height / total
    round_numbers = (k * 10**e for e in range(16) for k in (1, 2, 5))
    unit = max((n for n in round_numbers if n * area <= 20**2), default=1)
    return unit, sqrt(unit * area)


def architecture_svg(name: str, config: ModelConfig, heading: bool = True) -> str:
    """Draw a model: an SVG file of a few kilobytes, for a page or to stand alone.

    Parameters
    ----------
    name
        What stands over it.
    config
        The architecture. All that :func:`paramlab.params.count` counts is drawn.
    heading
        Whether name and number stand in the drawing; a page may have them above it.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=3, d_model=4, n_heads=2, d_ff=8, vocab_size=10, n_ctx=6)
    >>> svg = architecture_svg("Tiny", tiny)
    >>> svg[:4], "Tiny, drawn to scale: 588 parameters." in svg
    ('<svg', True)
    """
    counted, parts = count(config), regions(config)
    lines = _heading(name, counted) if heading else []
    pen = _Pen(counted.total, _height(parts), 16 + 18 * len(lines) if lines else 4)
    for region in parts:
        pen.region(region)
    beside = pen.beside()
    unit, side = _scale(counted.total, _height(parts))
    worth = WORDS["scale" if unit > 1 else "scale of one"]
    bottom = pen.y + 14 + max(0, side - 20)
    scale = (
        f'<rect y="{_n(bottom + 20 - side)}" width="{_n(side)}" height="{_n(side)}" '
        f'fill="{LIGHT["weight"]}"/>'
        + _text(side + 7, bottom + 17, worth.format(n=in_words(unit, 1)), is_muted=True)
    )
    about = WORDS["about"].format(name=name, n=f"{counted.total:,}")
    listed = (
        WORDS["part"].format(part=band.label, n=f"{band.numbers:,}")
        for region in parts
        for band in region.bands
        if not band.is_tied
    )
    svg = (
        f'<svg class="figure architecture" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-label="{escape(about)}" viewBox="0 0 {_n(WIDTH)} {_n(bottom + 24)}" '
        f'fill="{LIGHT["ink"]}"><desc>{escape("; ".join(listed))}</desc>'
        f"<style>{_style()}</style>{''.join(lines)}{''.join(pen.marks)}{beside}{scale}</svg>\n"
    )
    return svg.encode("ascii", "xmlcharrefreplace").decode()  # the same in every encoding


def _heading(name: str, counted: Count) -> list[str]:
    words = [WORDS["parameters"].format(n=in_words(counted.total))]
    if counted.active < counted.total:
        words.append(WORDS["active"].format(n=in_words(counted.active)))
    short = name if len(name) <= LONGEST_NAME else "…" + name[1 - LONGEST_NAME :]
    lines = (_text(0, 44 + 18 * i, line) for i, line in enumerate(words))
    return [_text(0, 22, short, ' class="name"'), *lines]


def _height(parts: Sequence[Region]) -> float:
    """Return the height of the bands: more where their labels would not find room beside them."""
    names = {(i, band.label) for i, region in enumerate(parts) for band in region.bands}
    bands = [band for region in parts for band in region.bands]
    n_lines = len(names) + sum(band.n_cells > 1 or band.is_tied for band in bands)
    n_lines += sum(len(label) > LONGEST_LABEL for _, label in names)
    return max(HEIGHT, n_lines * LINE)
