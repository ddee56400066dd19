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
from words import drawing, said

logger = logging.getLogger(__name__)


class InlineFigures(SphinxPostTransform):
    """Replace references to SVG files by the drawings themselves."""

    default_priority = 700
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Inline each drawing; complain about a missing alternative text and foreign colors."""
        for number, image in enumerate(list(self.document.findall(nodes.image)), start=1):
            if not image.get("alt", "").strip():
                logger.warning("a picture has no alternative text", location=image)
            if not image["uri"].endswith(".svg"):
                continue
            source = Path(self.app.srcdir, image["uri"]).read_text("utf-8")
            source = said(source, drawing)
            drawings = re.findall(r"<svg.*?</svg>", source, flags=re.S)
            markup = ""
            for kind, svg in zip(KINDS[len(drawings)], drawings, strict=True):
                prefix = f"figure-{number}-{kind[7:]}"
                inlined, strangers = inline(svg, image.get("alt", ""), prefix, kind)
                markup += inlined
                if strangers:
                    logger.warning(
                        "colors outside the palette: %s", ", ".join(strangers), location=image
                    )
            image.replace_self(nodes.raw("", markup, format="html"))


def setup(app: Sphinx) -> dict:
    """Inline the figures of every HTML page."""
    app.add_post_transform(InlineFigures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
