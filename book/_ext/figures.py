"""Figures at home on a light and on a dark page.

A notebook draws its figures as SVG in the colors of ``paramlab``'s palette. Here each drawing
becomes part of the page: its palette colors turn into the style sheet's ``--fig-`` variables, its
text takes the page's font, and its alternative text becomes its accessible name.
"""

import html
import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

DEFINITION = re.compile(r"--fig-([a-z]+):\s*(#[0-9a-f]{6})\b")
HEX = re.compile(r"#[0-9a-f]{6}\b")
PIXELS_PER_POINT = 1.24  # the text of 11 points is 13.6 pixels high
# paramlab.plots draws for the site twice in one file: for a phone, and for a wide page
KINDS = {1: ["figure"], 2: ["figure narrow", "figure wide"]}
LONG_PATH = 1000  # letters
logger = logging.getLogger(__name__)


def palette(stylesheet: str) -> dict[str, str]:
    """Colors that a figure may use, by their hexadecimal code on a light page.

    Parameters
    ----------
    stylesheet : str
        Text of the style sheet; the first definition of each variable is the light one.

    Examples
    --------
    >>> palette(":root { --fig-ink: #22252b; } .dark { --fig-ink: #e7e4dd; }")
    {'#22252b': 'ink'}
    """
    names: dict[str, str] = {}
    for name, code in DEFINITION.findall(stylesheet):
        names.setdefault(name, code)
    return {code: name for name, code in names.items()}


def inline(
    svg: str, alt: str, prefix: str, colors: dict[str, str], kind: str = "figure"
) -> tuple[str, list[str]]:
    """Make one drawing part of a page.

    Parameters
    ----------
    svg : str
        The drawing as Matplotlib writes it.
    alt : str
        What it shows, in words.
    prefix : str
        Put before every identifier, so that two drawings on a page do not clash.
    colors : dict of str to str
        Names of the allowed colors, by code.
    kind : str
        The class of the drawing in the style sheet.

    Returns
    -------
    markup : str
        An ``svg`` element for an HTML page.
    strangers : list of str
        Colors outside the palette.
    """
    drawing = svg[svg.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", drawing, flags=re.S)
    # Matplotlib's style element would restyle every stroke of the page; book.css has it for figures
    drawing = re.sub(r"<style.*?</style>", "", drawing, flags=re.S)
    drawing = re.sub(r" d=\"([^\"]*)\"", _short_path, drawing)
    drawing = _own_identifiers(drawing, prefix)
    drawing = re.sub(r"font-family: [^;\"]*;?|font: ([\d.]+px) [^;\"]*", _page_font, drawing)
    drawing = _page_colors(drawing, colors)
    strangers = sorted(set(HEX.findall(re.sub(r"(?:xlink:)?href=\"[^\"]*\"", "", drawing))))
    return _opening_tag(drawing, alt, kind), strangers


def _short_path(match: re.Match) -> str:
    """Write a path with digits for a tenth of a pixel, and a long polygon step by step.

    More digits double the size of a curve, and steps are shorter than places.
    """
    places = 1 if len(match[1]) > LONG_PATH else 2
    path = re.sub(r"\d+\.\d+", lambda m: f"{float(m[0]):.{places}f}", match[1])
    parts = path.split()
    if len(match[1]) <= LONG_PATH or set(re.findall("[A-Za-z]", path)) - {"M", "L"}:
        return f' d="{" ".join(parts)}"'
    written, at = [], (0, 0)
    for command, x, y in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        place = round(10 * float(x)), round(10 * float(y))
        if command == "M":
            written.append(f"M{place[0] / 10:g} {place[1] / 10:g}l")
        else:
            dx, dy = (f"{(new - old) / 10:g}" for new, old in zip(place, at, strict=True))
            written.append(f"{dx} {dy}".replace("0.", "."))
        at = place
    return f' d="{" ".join(written).removesuffix("l")}"'


def _own_identifiers(drawing: str, prefix: str) -> str:
    used = set(re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", drawing))
    wanted = {first or second for first, second in used}

    def rename(match: re.Match) -> str:
        return f' id="{prefix}{match[1]}"' if match[1] in wanted else ""

    drawing = re.sub(r" id=\"([^\"]+)\"", rename, drawing)
    return re.sub(r"(url\(#|href=\"#)", rf"\g<1>{prefix}", drawing)


def _page_font(match: re.Match) -> str:
    return f"font-size: {match[1]}" if match[1] else ""


def _page_colors(drawing: str, colors: dict[str, str]) -> str:
    def name(match: re.Match) -> str:
        code = match[0].lower()
        return f"var(--fig-{colors[code]})" if code in colors else code

    return re.sub(r"#[0-9a-fA-F]{6}\b", name, drawing)


def _opening_tag(drawing: str, alt: str, kind: str) -> str:
    opening = drawing[: drawing.index(">") + 1]
    box = re.search(r"viewBox=\"[\d.]+ [\d.]+ ([\d.]+) [\d.]+\"", opening)
    if not box:
        raise ValueError("a figure's svg element has no viewBox")
    width = float(box[1]) * PIXELS_PER_POINT / 16
    new = (
        f'<svg class="{kind}" role="img" aria-label="{html.escape(alt)}" {box[0]} '
        f'style="max-width: {width:.2f}rem">'
    )
    return new + drawing[len(opening) :].strip()


class InlineFigures(SphinxPostTransform):
    """Replace references to SVG files by the drawings themselves."""

    default_priority = 700
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Inline each drawing; complain about a missing alternative text and foreign colors."""
        stylesheet = Path(self.app.srcdir, "book", "_static", "book.css")
        colors = palette(stylesheet.read_text("utf-8"))
        for number, image in enumerate(list(self.document.findall(nodes.image)), start=1):
            if not image.get("alt", "").strip():
                logger.warning("a picture has no alternative text", location=image)
            if not image["uri"].endswith(".svg"):
                continue
            source = Path(self.app.srcdir, image["uri"]).read_text("utf-8")
            drawings = re.findall(r"<svg.*?</svg>", source, flags=re.S)
            markup = ""
            for kind, svg in zip(KINDS[len(drawings)], drawings, strict=True):
                prefix = f"figure-{number}-{kind[7:]}"
                drawing, strangers = inline(svg, image.get("alt", ""), prefix, colors, kind)
                markup += drawing
                if strangers:
                    logger.warning(
                        "colors outside the palette: %s", ", ".join(strangers), location=image
                    )
            image.replace_self(nodes.raw("", markup, format="html"))


def setup(app: Sphinx) -> dict:
    """Inline the figures of every HTML page."""
    app.add_post_transform(InlineFigures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
