"""How long a chapter takes to read, computed from its words."""

from docutils import nodes
from sphinx.application import Sphinx

WORDS_PER_MINUTE = 200  # of plain prose; numbers are read more slowly than words
SKIPPED = (nodes.literal_block, nodes.raw, nodes.comment)


def minutes(document: nodes.document) -> int:
    """Minutes that the prose of a page takes; code, outputs and what is folded do not count.

    Parameters
    ----------
    document : docutils.nodes.document
        The page.
    """
    words = (len(text.split()) for text in document.findall(nodes.Text) if not _is_skipped(text))
    return max(1, round(sum(words) / WORDS_PER_MINUTE))


def _is_skipped(node: nodes.Node) -> bool:
    while node.parent is not None:
        node = node.parent
        folded = isinstance(node, nodes.Admonition) and "dropdown" in node["classes"]
        if folded or isinstance(node, SKIPPED):
            return True
    return False


def page_context(app: Sphinx, pagename: str, template: str, context: dict, doctree) -> None:
    """Give the template the reading time of a page."""
    context["minutes"] = minutes(doctree) if doctree is not None else 0


def setup(app: Sphinx) -> dict:
    """Compute the reading time of every page."""
    app.connect("html-page-context", page_context)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
