"""Code cells as a reader meets them: the figure first, then a fold with its data and its code.

Every piece of code folds, and the fold says what the code does: the cell's name and its length.
Which folds are open at first is the author's choice (``hide-input``); a switch in the bar and the
width of the screen may change it (``book/_static/book.js``).
"""

from docutils import nodes
from myst_nb.core import render
from myst_nb.sphinx_ import HideCodeCellNode
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from words import _, said


def summary(what: str, name: str, n_lines: int) -> str:
    """Return the words on a fold.

    Examples
    --------
    >>> summary("Code", "count by hand", 5), summary("Code", "run", 1)
    ('Code: count by hand, 5 lines', 'Code: run, 1 line')
    """
    words = f"{what}: {name}" if name else what
    if not n_lines:
        return words
    return (_("{what}, 1 line") if n_lines == 1 else _("{what}, {n} lines")).format(
        what=words, n=n_lines
    )


class Cells(SphinxPostTransform):
    """Arrange every code cell of a page."""

    default_priority = 205  # after myst-nb has chosen an output and folded what is tagged
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Change one page."""
        for cell in list(self.document.findall(nodes.container)):
            if cell.get("nb_element") == "cell_code":
                arrange(cell)


def arrange(cell: nodes.container) -> None:
    """Put the figure of a cell first and fold the rest."""
    code = _one(cell, "cell_code_source")
    output = _one(cell, "cell_code_output")
    name = cell.get("cell_metadata", {}).get("name", "")
    words = said(name.replace("-", " "))
    n_lines = len(code.astext().strip().splitlines()) if code else 0
    figures = [part for part in (output or ()) if any(part.findall(nodes.image))]
    folded = cell.get("hide_mode") in ("all", "input", "input+output") or name.startswith("claim")
    if not figures:
        if code:
            wrap = _fold(summary(_("Code"), words, n_lines), is_open=not folded)
            inside = [code, output] if cell.get("hide_mode") == "all" and output else [code]
            wrap.extend(inside)
            cell.children = []
            cell.extend([wrap, *([output] if output and output not in inside else [])])
        return
    rest = [part for part in output if part not in figures]
    what = _("Data and code") if rest and code else _("Data") if rest else _("Code")
    wrap = _fold(summary(what, words, n_lines), is_open=False)
    if rest:
        data = nodes.container(classes=["cell_output"], nb_element="cell_code_output")
        data.extend(rest)
        wrap += data
    if code:
        wrap += code
    output.children = []
    output.extend(figures)
    cell.children = []
    cell.extend([output, *([wrap] if wrap.children else [])])


def _one(cell: nodes.container, element: str) -> nodes.Element | None:
    found = (node for node in cell.findall(nodes.container) if node.get("nb_element") == element)
    return next(found, None)


def _fold(words: str, is_open: bool) -> HideCodeCellNode:
    return HideCodeCellNode(prompt_show=words, prompt_hide=words, is_open=is_open)


def joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    r"""Join what a cell printed in pieces, as it was printed.

    myst-nb ends every piece with a new line, and so breaks a line that came in two pieces.

    Examples
    --------
    >>> from nbformat.v4 import new_output
    >>> joined([new_output("stream", text="n:"), new_output("stream", text=" 92\n")])[0].text
    'n: 92\n'
    """
    found: list[NotebookNode] = []
    streams: dict[str, NotebookNode] = {}
    for output in outputs:
        name = output.get("name", "")
        if output.output_type != "stream" or name not in streams:
            found.append(output)
            if output.output_type == "stream":
                streams[name] = output
        else:
            streams[name]["text"] += output["text"]
    return found


def setup(app: Sphinx) -> dict:
    """Arrange the cells of every HTML page."""
    render.coalesce_streams = joined
    app.add_post_transform(Cells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
