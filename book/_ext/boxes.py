"""Claim boxes in reading order: what is said, the better sentence, why, and the sources last.

``paramlab.html`` writes a box as a list, which JupyterLab shows as it is. Here it becomes a card.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from words import _, translated

BOX = re.compile(
    r'<div class="admonition claim">\s*<p class="admonition-title">Claim (\w+): ([^<]*)</p>\s*'
    r"<dl>(.*?)</dl>\s*</div>",
    re.DOTALL,
)
PART = re.compile(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", re.DOTALL)
QUOTE = re.compile(r'「(<span lang="zh">.*?</span>)」 ?(.*)', re.DOTALL)
SHAPES = {  # a verdict must not be told by color alone
    "holds": "●",
    "holds, with a condition": "◐",
    "misleading": "△",
    "false": "✕",
    "cannot be checked": "?",
    "a question": "?",
}
JUDGED = translated({
    "holds": "holds",
    "holds, with a condition": "holds, with a condition",
    "misleading": "misleading",
    "false": "false",
    "cannot be checked": "cannot be checked",
    "a question": "a question",
})  # fmt: skip


def card(match: re.Match) -> str:
    """Arrange one box anew."""
    name, judged, body = match.groups()
    claim = _("Claim {name}").format(name=name)
    parts = dict(PART.findall(body))
    quote, said = QUOTE.fullmatch(parts["What it says"]).groups()
    shape = SHAPES[judged]
    better, right = parts["A better sentence"], parts["What it gets right"]
    return (
        f'<div class="admonition claim" data-verdict="{judged}">\n'
        f'<p class="admonition-title"><span>{claim}</span> <span class="verdict">'
        f'<span aria-hidden="true">{shape}</span> {JUDGED[judged]}</span></p>\n'
        f'<p class="said"><span class="quoted">「{quote}」</span> {said}</p>\n'
        f'<p class="better"><span class="label">{_("Better:")}</span> {better}</p>\n'
        f'<p><span class="label">{_("Right:")}</span> {right}</p>\n'
        f'<p><span class="label">{_("Where it stops:")}</span> {parts["Where it stops"]}</p>\n'
        f'<details class="sources"><summary>{_("Sources")}</summary>'
        f"<p>{parts['Sources']}</p></details>\n"
        "</div>"
    )


class Boxes(SphinxPostTransform):
    """Arrange every claim box of a page."""

    default_priority = 590  # before mentions are linked
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Change one page."""
        for raw in self.document.findall(nodes.raw):
            if '"admonition claim"' in raw.astext():
                raw[:] = [nodes.Text(BOX.sub(card, raw.astext()))]


def setup(app: Sphinx) -> dict:
    """Arrange the boxes of every HTML page."""
    app.add_post_transform(Boxes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
