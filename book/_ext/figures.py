"""Figures at home on a light and on a dark page.

A notebook draws its figures as SVG in the colors of ``paramlab``'s palette. Here each drawing
becomes part of the page: its palette colors turn into the style sheet's ``--fig-`` variables, its
text takes the page's font, and its alternative text becomes its accessible name.
"""

import re
from pathlib import Path

from docutils import nodes
from paramlab.page import KINDS, inline
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

DEFINITION = re.compile(r"--fig-([a-z]+):\s*(#[0-9a-f]{6})\b")
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
