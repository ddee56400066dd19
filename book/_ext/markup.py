"""The HTML that the book writes in its own way: folding boxes, scrolling tables, sized pictures."""

import html
import re
from pathlib import Path

from docutils import nodes
from docutils.utils.smartquotes import educate_tokens
from mentions import OWN
from pygments.formatters import HtmlFormatter
from sphinx.application import Sphinx
from sphinx.highlighting import PygmentsBridge
from sphinx.util.images import get_image_size
from sphinx.writers.html5 import HTML5Translator

OWN_ASSETS = {"book.css", "book.js", "search.js", "search-index.js", "sortable.js", "live.js"}
SORTABLE = re.compile(r'class="[^"]*\bsortable\b')
# The kinds of words in code that book.css colors; a mark on any other would be for nothing
COLORED = frozenset("c c1 sd k kn kc ow s s1 s2 sa si se mi mf nf nc fm nb".split())
SHARE = re.compile(r"(?:under )?([\d.]+)%")  # in a table of class bars, drawn as a bar
# A word with a hyphen and a digit, or a date: GPT-3, SmolLM2-135M-Instruct, 2026-11-27
NAME = re.compile(r"\b(?=[\w.-]*\d)[A-Za-z]\w*(?:\.\d+)*(?:-\w+(?:\.\d+)*)+|\b\d{4}-\d\d-\d\d\b")
LONG_WORD = re.compile(r'<span class="pre">(?=[^<]{27})')  # of code; wider than a phone's column
# A word and its number, a sign and what it joins
TIED = re.compile(
    r"\b(?:[Cc]hapter|[Cc]laim|[Ff]igure|[Tt]able)\s(?=[AB]?\d)|\barXiv\s(?=\d|$)"
    r"|(?<=[\w)])\s[+−×±]\s(?=[\w(])|(?<=“)\s"
)
RAISED = re.compile("[¹²³]*[⁰⁴-⁹]+[¹²³]*")  # the book's face has three raised digits alone
# Code, tags, and what a script will write anew, which must not break elsewhere before
UNTOUCHED = re.compile(r"(<code>.*?</code>|<\w+ data-value=[^>]*>[^<]*|<[^>]*>)")
# What stands in brackets, or else ideographs and what joins them
CHINESE = re.compile(r"(?<=「)[^」]*[㐀-鿿][^」]*(?=」)|[㐀-鿿]+(?:[，、 /]+[㐀-鿿]+)*")


def _table_of(node: nodes.Element) -> nodes.Element:
    while node.parent is not None and not isinstance(node, nodes.table):
        node = node.parent
    return node


def unbroken(text: str) -> str:
    r"""Keep a name such as GPT-3, or a word and its number, on one line; raised digits in one face.

    Examples
    --------
    >>> unbroken("of GPT-3 size, in chapter 3")
    'of <span class="nobr">GPT-3</span> size, in chapter\xa03'
    >>> unbroken("10¹⁸")
    '10<span class="raised">¹⁸</span>'
    """
    tied = TIED.sub(lambda match: re.sub(r"\s", "\N{NO-BREAK SPACE}", match[0]), text)
    named = NAME.sub(r'<span class="nobr">\g<0></span>', tied)
    return RAISED.sub(r'<span class="raised">\g<0></span>', named)


def curled(markup: str) -> str:
    """Turn the straight quotes of text into the curly ones that the rest of the book has.

    Examples
    --------
    >>> curled('<p id="a">&quot;7B&quot; in <code>"7B"</code></p>')
    '<p id="a">“7B” in <code>"7B"</code></p>'
    """
    plain = markup.replace("&quot;", '"').replace("&#x27;", "'")
    tokens = (("tag" if p.startswith("<") else "plain", p) for p in UNTOUCHED.split(plain))
    return "".join(educate_tokens(tokens, attr="q", language="en"))


def in_chinese(text: str) -> str:
    r"""Say of Chinese words that they are Chinese, for voices and for the choice of a face.

    Examples
    --------
    >>> in_chinese("the title 「GPT-3的参数」, or 参数 / 參數")
    'the title 「<span lang="zh">GPT-3的参数</span>」, or <span lang="zh">参数 / 參數</span>'
    """
    return CHINESE.sub(r'<span lang="zh">\g<0></span>', text)


class BookTranslator(HTML5Translator):
    """Sphinx's translator, without scripts where HTML has an element for it."""

    def visit_admonition(self, node: nodes.Element, name: str = "") -> None:
        """Open a box; one of class ``dropdown`` folds without a script."""
        super().visit_admonition(node, name)
        if "dropdown" in node["classes"]:
            # of several things to try, one is open at a time
            group = ' name="try"' if "try" in node["classes"] else ""
            self.body[-1] = self.body[-1].replace("<div", f"<details{group}", 1)

    def depart_admonition(self, node: nodes.Element | None = None) -> None:
        """Close the box."""
        folded = node is not None and "dropdown" in node["classes"]
        self.body.append("</details>\n" if folded else "</div>\n")

    def visit_title(self, node: nodes.title) -> None:
        """Open a heading, or the visible line of a folded box."""
        if isinstance(node.parent, nodes.Admonition) and "dropdown" in node.parent["classes"]:
            self.body.append(self.starttag(node, "summary", "", CLASS="admonition-title"))
            self.context.append("</summary>\n")
        else:
            super().visit_title(node)

    def add_permalink_ref(self, node: nodes.Element, title: str) -> None:
        """Name the link of a figure by its number.

        That of a heading is for the mouse alone: the contents of the page lead there as well, and a
        title of a page needs none.
        """
        if isinstance(node, nodes.section) and isinstance(node.parent, nodes.document):
            return
        super().add_permalink_ref(node, title)
        name = 'tabindex="-1" aria-hidden="true"'
        if isinstance(node, nodes.figure):
            number = ".".join(map(str, self.builder.fignumbers["figure"][node["ids"][0]]))
            name = f'aria-label="{self.config.numfig_format["figure"] % number}"'
        self.body[-1] = self.body[-1].replace(f'title="{title}"', name)

    def visit_Text(self, node: nodes.Text) -> None:
        """Write a text, Chinese marked, with names unbroken and the longest words of code not."""
        start = len(self.body)
        super().visit_Text(node)
        if isinstance(node.parent, nodes.literal):
            self.body[start:] = [LONG_WORD.sub("<span>", piece) for piece in self.body[start:]]
        elif not isinstance(node.parent, (nodes.literal_block, nodes.math)):
            self.body[-1] = in_chinese(unbroken(self.body[-1]))
            if isinstance(node.parent, nodes.reference):  # owner/name, an address
                self.body[-1] = re.sub(r"(?<=\w)/(?=\w)", "/<wbr>", self.body[-1])

    def visit_raw(self, node: nodes.raw) -> None:
        """Write the package's own HTML: Chinese marked, names unbroken, quotes curly."""
        if OWN.search(node.astext()):
            pieces = UNTOUCHED.split(curled(node.astext()))
            for i in range(0, len(pieces), 2):  # each text stands between two tags
                if 'lang="zh"' not in pieces[i - 1]:
                    pieces[i] = in_chinese(unbroken(pieces[i]))
            node[:] = [nodes.Text("".join(pieces))]
        super().visit_raw(node)

    def visit_table(self, node: nodes.table) -> None:
        """Put a table in a box of its own that scrolls when the screen is narrow."""
        self.body.append('<div class="scroll">')
        super().visit_table(node)

    def depart_table(self, node: nodes.table) -> None:
        """Close the table and its box."""
        super().depart_table(node)
        self.body.append("</div>\n")

    def visit_entry(self, node: nodes.entry) -> None:
        """Open a cell; the empty corner of a table heads nothing."""
        super().visit_entry(node)
        if not node.astext() and self.body[-1].startswith("<th"):
            self.body[-1] = self.body[-1].replace("<th", "<td", 1)
            self.context[-1] = "</td>\n"
        elif self.body[-1].startswith("<th"):
            scope = "col" if isinstance(node.parent.parent, nodes.thead) else "row"
            self.body[-1] = self.body[-1].replace("<th", f'<th scope="{scope}"', 1)
        if (share := SHARE.fullmatch(node.astext())) and "bars" in _table_of(node)["classes"]:
            style = f' style="--share: {share[1]}%"'
            self.body[-1] = self.body[-1].replace("<td", f"<td{style}", 1)

    def visit_image(self, node: nodes.image) -> None:
        """Give a picture its size, so that the page does not jump when it arrives."""
        size = get_image_size(str(Path(self.builder.srcdir, node["uri"])))
        super().visit_image(node)
        if size and "width" not in node:
            attributes = f'width="{size[0]}" height="{size[1]}" loading="lazy" '
            self.body[-1] = self.body[-1].replace("<img ", f"<img {attributes}", 1)


def visit_hidden_code(self: HTML5Translator, node: nodes.Element) -> None:
    """Open folded code; the words on the fold are its accessible name."""
    is_open = " open" if node.get("is_open") else ""
    words = html.escape(node["prompt_show"])
    self.body.append(f'<details class="hidden-code"{is_open}><summary>{words}</summary>\n')


def depart_hidden_code(self: HTML5Translator, node: nodes.Element) -> None:
    """Close folded code."""
    self.body.append("</details>\n")


class ColoredCode(HtmlFormatter):
    """Code as HTML, in which only what has a color of its own is marked."""

    def _get_css_classes(self, ttype: object) -> str:
        name = super()._get_css_classes(ttype)
        return name if name in COLORED else ""


def part_of(app: Sphinx, pagename: str) -> str:
    """Name of the numbered part that a page belongs to, or nothing.

    Parameters
    ----------
    app : Sphinx
        With the table of contents of ``_toc.yml``.
    pagename : str
        Path of the page's source, without suffix.
    """
    parts = (tree for tree in app.config.external_site_map.root.subtrees if tree.numbered)
    return next((part.caption for part in parts if pagename in part.items), "")


def is_own(asset: Path) -> bool:
    """Say whether a style sheet or a script is one of the book's."""
    return asset.name in OWN_ASSETS or asset.parent.name == "components"


def page_context(app: Sphinx, pagename: str, template: str, context: dict, doctree) -> None:
    """Give the templates what they show around the text, and only the book's own assets."""
    if SORTABLE.search(context.get("body", "")):
        app.add_js_file("sortable.js", defer="defer")
    for key in ("css_files", "script_files"):
        context[key] = [item for item in context[key] if is_own(Path(str(item.filename)))]
    context["part"] = part_of(app, pagename)
    source = str(app.env.doc2path(pagename, base=False)) if pagename in app.env.found_docs else ""
    context["source_notebook"] = source if source.endswith(".ipynb") else ""


def setup(app: Sphinx) -> dict:
    """Use this translator and these nodes for HTML pages."""
    from myst_nb.sphinx_ import HideCodeCellNode

    app.set_translator("html", BookTranslator, override=True)
    PygmentsBridge.html_formatter = ColoredCode
    app.add_node(HideCodeCellNode, override=True, html=(visit_hidden_code, depart_hidden_code))
    # Jupyter Book always sets this option of an extension that the book does not load
    app.add_config_value("comments_config", {}, "env")
    app.connect("html-page-context", page_context, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
