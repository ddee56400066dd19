"""What a cell prints with ``paramlab.display.table`` becomes a table of the page.

In a notebook and in a terminal such a table is aligned text, which is what the tests compare. While
the site runs the chapters, marks stand between its cells; they are read here.
"""

import os
import re
from html import escape
from itertools import groupby

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

SWITCH = "PARAMLAB_FOR_THE_SITE"  # the same names as in paramlab.display; a test compares them
HEAD_MARK, ROW_MARK, CELL_MARK = "\ue000", "\ue001", "\ue002"
LINE = re.compile(f"[{HEAD_MARK}{ROW_MARK}]")
LETTERS_ON_A_PHONE = 44  # a wider table shows a row there as its head and, below, labeled cells
FIGURE = re.compile(r"[<>≈~±+\-−]?\s?[$€]?\d")


def pieces(text: str) -> list[tuple[str, str]]:
    r"""Cut what was printed into texts and tables, the latter as HTML.

    Examples
    --------
    >>> pieces("two rows:\n\ue001a\ue002  1")[0]
    ('text', 'two rows:')
    >>> print(pieces("\ue001a\ue002  1\n\ue001bb\ue002 20")[0][1])
    <table class="printed">
    <tbody>
    <tr><th scope="row">a</th><td class="text-right">1</td></tr>
    <tr><th scope="row">bb</th><td class="text-right">20</td></tr>
    </tbody>
    </table>
    """
    found = []
    for is_table, group in groupby(text.splitlines(), key=lambda line: bool(LINE.search(line))):
        lines = list(group)
        if not is_table:
            if words := "\n".join(lines).strip("\n"):
                found.append(("text", words))
            continue
        widths = [line.count(CELL_MARK) for line in lines]
        starts = [
            i
            for i, line in enumerate(lines)
            if i == 0 or HEAD_MARK in line or widths[i] != widths[i - 1]
        ]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            found.append(("table", table(lines[start:end])))
    return found


def table(lines: list[str]) -> str:
    """HTML of one table: figures to the right, text to the left, the first column as row heads."""
    rows = [[cell.strip() for cell in LINE.split(line)[1].split(CELL_MARK)] for line in lines]
    wide = max(len(line) + line.count(CELL_MARK) for line in lines) > LETTERS_ON_A_PHONE
    head = rows.pop(0) if HEAD_MARK in lines[0] else []
    columns = zip(*(rows or [head]), strict=True)
    right = [all(FIGURE.match(cell) for cell in column if cell) for column in columns]
    labels = head if wide and head else [""] * len(right)

    def line(cells: list[str], first: str, other: str) -> str:
        heads = [first] + [other] * (len(cells) - 1)
        named = labels if first == "row" else [""] * len(cells)
        return f"<tr>{''.join(map(_cell, cells, right, heads, named))}</tr>"

    top = f"<thead>{line(head, 'col', 'col')}</thead>\n" if head else ""
    body = "\n".join(line(row, "row", "") for row in rows)
    kind = "printed wide" if wide else "printed"
    return f'<table class="{kind}">\n{top}<tbody>\n{body}\n</tbody>\n</table>'


def _cell(text: str, right: bool, heads: str, label: str) -> str:
    element = f'th scope="{heads}"' if heads and text else "td"  # an empty corner heads nothing
    side = ' class="text-right"' if right else ""
    if label and element == "td":
        side += f' data-label="{escape(label)}"'
    return f"<{element}{side}>{escape(text, quote=False)}</{element.split()[0]}>"


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
                    markup = f'<div class="scroll">{content}</div>'
                    parts.append(nodes.raw("", markup, format="html"))
                else:
                    parts.append(nodes.literal_block(content, content, **block.attributes))
            block.parent.replace(block, parts)


def setup(app: Sphinx) -> dict:
    """Ask the package for marks, and use them."""
    os.environ[SWITCH] = "1"
    app.add_post_transform(PrintedTables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
