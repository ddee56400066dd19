"""The depths of a chapter, and how long each takes to read, computed from its words.

The idea ends in a box of class ``way``. The evidence follows, in a fold that is open on a wide page
and closed on a phone. Then come the verdict and the exercises.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.html5 import HTML5Translator
from words import _

WORDS_PER_MINUTE = 200  # of plain prose; numbers are read more slowly than words
SKIPPED = (nodes.literal_block, nodes.raw, nodes.comment)
VERDICT = "a-better-sentence"  # the anchor of the section with which the verdict begins
TAKE_AWAY = "take-away"
FOLD_ON_PHONES = 'document.currentScript.parentNode.open = matchMedia("(width > 54rem)").matches'


class Evidence(nodes.General, nodes.Element):
    """The sections between a chapter's idea and its verdict."""


def minutes(*parts: nodes.Element) -> int:
    """Minutes that the prose of a page takes; code, outputs and what is folded do not count.

    Parameters
    ----------
    *parts : docutils.nodes.Element
        The page, or parts of it.
    """
    texts = (text for part in parts for text in part.findall(nodes.Text))
    words = sum(len(text.split()) for text in texts if not _is_skipped(text))
    return max(1, round(words / WORDS_PER_MINUTE))


class Depths(SphinxPostTransform):
    """Make the depths of a chapter visible, and offer the next chapter where one may stop."""

    default_priority = 580
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Change one page, if it is a chapter with an idea and a verdict."""
        whole = next(self.document.findall(nodes.section), nodes.section())
        sections = [part for part in whole if isinstance(part, nodes.section)]
        ends = [i for i, part in enumerate(sections) if any(map(_is_way, part.findall()))]
        verdicts = [i for i, part in enumerate(sections) if VERDICT in part["ids"]]
        if not ends or not verdicts:
            return
        evidence = Evidence()
        evidence.extend(sections[ends[0] + 1 : verdicts[0]])
        evidence["minutes"] = minutes(evidence)
        for part in evidence:
            whole.remove(part)
        whole.insert(whole.index(sections[verdicts[0]]), evidence)
        for part in sections[verdicts[0] :]:
            if TAKE_AWAY in part["ids"]:
                part.extend(self._onward())

    def _onward(self) -> list[nodes.Node]:
        following = self.env.collect_relations().get(self.env.docname, [None] * 3)[2]
        if not following:
            return []
        uri = self.app.builder.get_relative_uri(self.env.docname, following)
        title = self.env.titles[following].astext()
        link = nodes.reference("", title, refuri=uri, internal=True)
        return [nodes.paragraph("", _("Next:"), nodes.Text(" "), link, classes=["onward"])]


def _is_way(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Admonition) and "way" in node["classes"]


def visit_evidence(self: HTML5Translator, node: Evidence) -> None:
    """Open the fold; a phone closes it before it has laid out what is in it."""
    words = _("The evidence, {minutes} minutes").format(minutes=node["minutes"])
    self.body.append(
        f'<details class="evidence" id="evidence" open><summary>{words}</summary>\n'
        f"<script>{FOLD_ON_PHONES}</script>\n"
    )


def depart_evidence(self: HTML5Translator, node: Evidence) -> None:
    """Close the fold."""
    self.body.append("</details>\n")


def depths(document: nodes.document) -> list[dict[str, object]]:
    """Name, anchor and minutes of each depth of a chapter; nothing on other pages."""
    folds = list(document.findall(Evidence))
    if not folds:
        return []
    whole = folds[0].parent
    place = whole.index(folds[0])
    before, after = whole.children[:place], whole.children[place + 1 :]
    idea = next(part for part in before if isinstance(part, nodes.section))
    verdict = [part for part in after if isinstance(part, nodes.section) and not _is_practice(part)]
    return [
        {"name": _("idea"), "anchor": idea["ids"][0], "minutes": minutes(*before)},
        {"name": _("evidence"), "anchor": "evidence", "minutes": folds[0]["minutes"]},
        {"name": _("verdict"), "anchor": verdict[0]["ids"][0], "minutes": minutes(*verdict)},
    ]


def _is_practice(section: nodes.section) -> bool:
    return not {VERDICT, TAKE_AWAY} & set(section["ids"])


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
    context["depths"] = depths(doctree) if doctree is not None else []


def setup(app: Sphinx) -> dict:
    """Compute the reading time of every page."""
    app.add_node(Evidence, html=(visit_evidence, depart_evidence))
    app.add_post_transform(Depths)
    app.connect("html-page-context", page_context)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
