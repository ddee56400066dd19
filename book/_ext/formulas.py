"""Formulas as MathML, written while the site is built: no script, no font, nothing to load.

The converter is a small Python package with two weaknesses, which are mended here: it spells
upright words letter by letter, and it does not know ``aligned``. What it still gets wrong is
reported.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

UPRIGHT = re.compile(r"\\(?:mathrm|operatorname)\{([^{}]*)\}")
ALIGNED = re.compile(r"\\(begin|end)\{(?:aligned|align\*?|split)\}")
logger = logging.getLogger(__name__)


def mathml(latex: str, display: str = "inline") -> str:
    r"""Translate a formula.

    Parameters
    ----------
    latex : str
        A formula in LaTeX.
    display : str
        ``inline`` or ``block``.

    Returns
    -------
    str
        A ``math`` element.

    Raises
    ------
    ValueError
        When part of the formula is not understood.
    """
    from latex2mathml.converter import convert  # loaded only for pages with formulas

    latex = UPRIGHT.sub(r"\\text{\1}", latex)
    latex = ALIGNED.sub(
        lambda m: r"\begin{array}{rl}" if m[1] == "begin" else r"\end{array}", latex
    )
    try:
        element = convert(latex, display=display)
    except Exception as reason:  # the converter raises a dozen classes of its own
        raise ValueError(f"{type(reason).__name__} in the formula {latex}") from reason
    unknown = re.search(r"<m[io]>(&|\\\w+)</m[io]>", element)
    if unknown:
        raise ValueError(f"{unknown[1]} is not understood in the formula {latex}")
    return element


def _write(self: HTML5Translator, node: nodes.Element, display: str) -> None:
    try:
        self.body.append(mathml(node.astext(), display))
    except ValueError as reason:
        logger.warning("%s", reason, location=node)


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    _write(self, node, "inline")
    raise nodes.SkipNode


def visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula that stands alone; a long one scrolls in its own box."""
    self.body.append(self.starttag(node, "div", CLASS="math block"))
    _write(self, node, "block")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    """Offer the renderer under the name that the configuration asks for."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
