"""What a cell prints with ``paramlab.display.table`` becomes a table of the page.

In a notebook and in a terminal such a table is aligned text, which is what the tests compare. While
the site runs the chapters, marks stand between its cells; they are read here.
"""

import os

from docutils import nodes
from markup import in_chinese
from paramlab.display import FOR_THE_SITE
from paramlab.page import LINE, pieces
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from words import fragment, said


class PrintedTables(SphinxPostTransform):
    """Replace printed tables in the outputs of code cells."""

    default_priority = 650
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Cut every output that has marks."""
        for block in list(self.document.findall(nodes.literal_block)):
            if not LINE.search(block.astext()):
                continue
            parts: list[nodes.Node] = []
            for kind, content in pieces(block.astext()):
                if kind == "table":
                    content = in_chinese(said(content, fragment, computed=True))
                    markup = f'<div class="scroll">{content}</div>'
                    parts.append(nodes.raw("", markup, format="html"))
                else:
                    parts.append(nodes.literal_block(content, content, **block.attributes))
            block.parent.replace(block, parts)


def setup(app: Sphinx) -> dict:
    """Ask the package for marks, and use them."""
    os.environ[FOR_THE_SITE] = "1"
    app.add_post_transform(PrintedTables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
