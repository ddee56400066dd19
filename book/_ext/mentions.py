"""Where the text says "chapter 3", "claim A8", "exercise 2" or an arXiv number, a link goes there.

So do claim boxes.

A notebook says it in plain words, which JupyterLab shows as they are. Code cells that have a name
get an address, ``#cell-NAME``, to which the ledger points.
"""

import re

from addresses import NUMBERED
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from words import _

LEDGER = "book/reference/ledger"
CALCULATORS = "book/reference/calculators"
ASKED = {  # what a calculator is asked for the number of a claim, as the end of its address
    "a33": "context=4096&amp;model=llama2-7b",
    "b2": "tied_twice=1&amp;without_position_table=1&amp;without_norm_gains=1"
    "&amp;without_all_biases=1&amp;model=gpt3-175b",
    "b6": "context=131072&amp;model=llama3.1-8b",
    "b9": "compared=2048&amp;context=32768&amp;model=gpt3-175b",
}
ITEM = r"(?:[AB]\d{1,2}|\d{1,2})\b"
ARXIV = re.compile(r"(?<![\d./])(\d{4}\.\d{5}|(?:0[7-9]|1[0-4])\d\d\.\d{4})(v\d+)?\b(?!\.\d)")
EXERCISE = re.compile(r"\b[Ee]xercise (\d)\b(?!\.\d)")
MENTION = re.compile(rf"\b([Cc]hapter|[Cc]laim)s?\s{ITEM}(?:(?:,| and| or| to|, and)\s{ITEM})*")
CLOSED = (nodes.reference, nodes.title, nodes.literal, nodes.literal_block, nodes.raw, nodes.math)
OWN = re.compile(r'class="(?:admonition claim|record|corrections|quiz)"')  # by paramlab
TAG = re.compile(r"(<[^>]*>)")
CELL = re.compile(r'<span data-cell="([^"]*)">')
SHOWN = re.compile(r'id="(\w+)" data-verdict(?:(?!</section>).)*?data-cell=.*?(?=</dd>)', re.DOTALL)


def targets(text: str) -> list[tuple[str, str]]:
    """Cut a text into pieces, each with the chapter or claim that it names, or nothing.

    Examples
    --------
    >>> targets("see chapters 3 and 12.")
    [('see chapters ', ''), ('3', '3'), (' and ', ''), ('12', '12'), ('.', '')]
    >>> targets("Claim A8: holds")
    [('Claim A8', 'A8'), (': holds', '')]
    """
    pieces, end = [], 0
    for mention in MENTION.finditer(text):
        items = list(re.finditer(ITEM, mention[0]))
        wants_letter = mention[1].lower() == "claim"
        if any(item[0][0].isalpha() != wants_letter for item in items):
            continue
        for item in items:
            alone = len(items) == 1  # then the word belongs to the link
            start = mention.start() + (0 if alone else item.start())
            pieces += [(text[end:start], ""), (text[start : mention.start() + item.end()], item[0])]
            end = mention.start() + item.end()
    return [piece for piece in (*pieces, (text[end:], "")) if piece[0]]


class Mentions(SphinxPostTransform):
    """Make mentions links, in the text and in claim boxes, and give named cells an address."""

    default_priority = 600
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Change one page."""
        found = self.env.found_docs
        numbered = ((NUMBERED.fullmatch(name), name) for name in found)
        self.chapters = {str(int(m["number"])): name for m, name in numbered if m}
        for cell in self.document.findall(nodes.container):
            name = cell.get("cell_metadata", {}).get("name")
            if name and cell.get("nb_element") == "cell_code":
                cell["ids"].append(f"cell-{name}")
        self.exercises = self._name_exercises()
        for text in list(self.document.findall(nodes.Text)):
            if not _within(text, CLOSED):
                self._link_text(text)
        for raw in self.document.findall(nodes.raw):
            if OWN.search(raw.astext()):
                raw[:] = [nodes.Text(self.linked_html(raw.astext()))]

    def address(self, named: str, cell: str = "") -> str:
        """Relative address of a chapter, a cell in it, or a claim; empty on the chapter itself."""
        here = self.env.docname
        is_claim = named[:1] in ("A", "B")
        page = LEDGER if is_claim else self.chapters.get(named, here)
        anchor = f"#{named.lower()}" if is_claim else f"#cell-{cell}" if cell else ""
        if page == here:
            return anchor if is_claim else ""
        known = page in self.env.found_docs
        return self.app.builder.get_relative_uri(here, page) + anchor if known else ""

    def _link_text(self, text: nodes.Text) -> None:
        linked: list[nodes.Node] = []
        for piece, named in targets(text.astext()):
            uri = named and self.address(named)
            if uri:
                linked.append(nodes.reference("", piece, refuri=uri, internal=True))
            else:
                linked += self._link_outward(piece)
        if any(isinstance(node, nodes.reference) for node in linked):
            text.parent.replace(text, linked)

    def _link_outward(self, piece: str) -> list[nodes.Node]:
        """Link arXiv numbers, and exercises of this page."""
        linked: list[nodes.Node] = []
        end = 0
        found = [*ARXIV.finditer(piece), *EXERCISE.finditer(piece)]
        for match in sorted(found, key=lambda match: match.start()):
            is_paper = match.re is ARXIV
            if not is_paper and f"exercise-{match[1]}" not in self.exercises:
                continue
            uri = f"https://arxiv.org/abs/{match[0]}" if is_paper else f"#exercise-{match[1]}"
            linked.append(nodes.Text(piece[end : match.start()]))
            linked.append(nodes.reference("", match[0], refuri=uri, internal=not is_paper))
            end = match.end()
        return [*linked, nodes.Text(piece[end:])]

    def _name_exercises(self) -> set[str]:
        """Give every exercise of the page an address: a paragraph that begins with **2. ...**."""
        names = set()
        for section in self.document.findall(nodes.section):
            if "exercises" not in section["ids"]:
                continue
            for paragraph in section.findall(nodes.paragraph):
                first = paragraph.children[0] if paragraph.children else None
                if isinstance(first, nodes.strong) and (m := re.match(r"(\d)\. ", first.astext())):
                    paragraph["ids"].append(f"exercise-{m[1]}")
                    names.add(f"exercise-{m[1]}")
        return names

    def linked_html(self, html: str) -> str:
        """HTML with its mentions linked, except in code, headings and links."""
        html = SHOWN.sub(self._with_calculator, html)
        pieces, closed, cell = [], 0, ""
        for token in TAG.split(html):
            if token.startswith("<"):
                closed += bool(re.match("<(a|code|h3)\\b", token)) - bool(
                    re.match("</(a|code|h3)>", token)
                )
                cell = m[1] if (m := CELL.match(token)) else cell if token != "</span>" else ""
                pieces.append(token)
                continue
            for piece, named in targets(token):
                uri = named and not closed and self.address(named, cell)
                pieces.append(f'<a href="{uri}">{piece}</a>' if uri else piece)
        return "".join(pieces)

    def _with_calculator(self, shown: re.Match) -> str:
        """Where a claim is shown, with a link to the calculator that answers it."""
        if shown[1] not in ASKED or CALCULATORS not in self.env.found_docs:
            return shown[0]
        uri = self.app.builder.get_relative_uri(self.env.docname, CALCULATORS)
        return f'{shown[0]}, <a href="{uri}#{ASKED[shown[1]]}">{_("calculator")}</a>'


def _within(node: nodes.Node, kinds: tuple[type, ...]) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds):
            return True
    return False


def setup(app: Sphinx) -> dict:
    """Link every HTML page."""
    app.add_post_transform(Mentions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
