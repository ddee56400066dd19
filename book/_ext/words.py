"""Every word that the site adds to the prose, ready for a second language.

Sphinx takes the prose of a page as messages by itself. The rest comes from two catalogs more. In
``sphinx`` are the words of templates (``{{ _('...') }}``), of these extensions (``_("...")``, and
tables of words in ``translated(...)``), and of scripts, where ``_("...")`` and ``_(`...`)`` stand
for a plain string: the string is put there when the site is built, so that a page carries no
catalog. In ``outputs`` are the words that executed cells wrote: tables, boxes, quizzes, labels in
drawings and alternative texts. These are translated after the execution, so that an edition in
another language runs nothing, and its numbers are the same. A number that a cell computed is no
part of a message: ``{1}`` stands in its place.

``make messages`` collects all of it; ``make edition`` builds the site in another language.
"""

import ast
import json
import re
from collections.abc import Callable, Iterator
from gettext import GNUTranslations
from html import escape, unescape
from pathlib import Path

from docutils import nodes
from paramlab.page import LINE, pieces
from sphinx import locale
from sphinx.application import Sphinx
from sphinx.builders.gettext import MessageCatalogBuilder, MsgOrigin
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

OUTPUTS = "outputs"
Say = Callable[[str], str]

# ------------------------------------------------------------------ words of the site itself


def _(message: str) -> str:
    """Return one of the site's own messages in the language of the site."""
    return locale.get_translator().gettext(message) if message else ""


def translated(words):
    """Return a table of words with all its texts in the language of the site.

    Examples
    --------
    >>> translated({"answer": "{n} layers", "heads": ("part", "share")})
    {'answer': '{n} layers', 'heads': ('part', 'share')}
    """
    if isinstance(words, dict):
        return {name: translated(inner) for name, inner in words.items()}
    if isinstance(words, tuple | list):
        return type(words)(map(translated, words))
    return _(words)


def messages_of(code: str) -> Iterator[tuple[int, str]]:
    r"""Yield line and text of each message in a module.

    Examples
    --------
    >>> list(messages_of('say(_("a"))\nW = {"k": "b", "l": ("c",)}\nW = translated(W)'))
    [(2, 'b'), (2, 'c'), (1, 'a')]
    """
    tables: dict[str, ast.expr] = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            tables.setdefault(node.targets[0].id, node.value)
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "translated"):
            argument = node.args[0]
            yield from _texts(tables.get(getattr(argument, "id", ""), argument))


def _texts(node: ast.expr) -> Iterator[tuple[int, str]]:
    parts = node.values if isinstance(node, ast.Dict) else getattr(node, "elts", None)
    if parts is not None:
        for part in parts:
            yield from _texts(part)
    elif isinstance(node, ast.Constant) and node.value:
        yield node.lineno, node.value


# ------------------------------------------------------------------ words of scripts

SAID = re.compile(r"""(?<![\w.$])_\(("(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)\)""")


def script_messages(script: str) -> Iterator[tuple[int, str]]:
    r"""Yield line and text of each message in a script.

    Examples
    --------
    >>> list(script_messages('say(_("Run"));\nsay(_(`${n} done`));'))
    [(1, 'Run'), (2, '${n} done')]
    """
    for match in SAID.finditer(script):
        yield script[: match.start()].count("\n") + 1, _spoken(match[1])


def _spoken(literal: str) -> str:
    return json.loads(literal) if literal.startswith('"') else literal[1:-1]


def resolved(script: str, say: Say = _) -> str:
    """Put strings in the place of the messages of a script.

    Examples
    --------
    >>> resolved('say(_("Run"), _(`${n} done`))', {"Run": "Los", "${n} done": "fertig: ${n}"}.get)
    'say("Los", `fertig: ${n}`)'
    """

    def literal(match: re.Match) -> str:
        message = _spoken(match[1])
        words = say(message)
        if words == message:
            return match[1]
        return json.dumps(words, ensure_ascii=False) if match[1][0] == '"' else f"`{words}`"

    return SAID.sub(literal, script)


def scripts(folder: Path) -> Iterator[Path]:
    """Yield the book's own scripts below its folder of static files."""
    for path in sorted(folder.rglob("*js")):
        if "pyodide" not in path.parts:
            yield path


def write_scripts(app: Sphinx, exception: Exception | None) -> None:
    """Resolve the messages in the scripts of the site."""
    if exception or app.builder.format != "html":
        return
    for path in scripts(Path(app.outdir, "_static")):
        text = path.read_text("utf-8")
        if (ready := resolved(text)) != text:
            path.write_text(ready, "utf-8")


# ------------------------------------------------------------------ words that cells have written

TAG = re.compile(r"(<[^>]*>)")
# Elements within a line of text; any other begins a new one.
INLINE = {"a", "em", "strong", "b", "i", "code", "sup", "sub", "span", "cite"}
QUIET = {"code", "script", "style", "math", "pre", "desc"}  # what is in them is no text
ATTRIBUTE = re.compile(r'\b(aria-label|alt|title|placeholder|data-label)="([^"]*)"')
NUMBER = re.compile(r"(?<![\w.,#])(?<!\w-)[-+−]?\d(?:[\d.,]*\d)?(?!\w|-\w|[.,]\d)")
WORD = re.compile(r"[^\W\d_]{2}")
EDGE = re.compile(r"^(?:[\s「」●◐△✕?·:]|</\w+>)+|\s+$")
RUN_IN = re.compile(r"<strong>[^<]*</strong>(?=\s)")
WRAP = re.compile(r"(<(?!code)(\w+)[^>]*>)((?:(?!</\2>).)*)(</\2>)", re.DOTALL)


def _is_edge(tag: str) -> bool:
    name = re.match(r"</?([\w-]+)", tag)
    if not name or name[1] not in INLINE:
        return True
    return name[1] == "span" and bool(re.search(r'class="label"|lang=|aria-hidden|data-cell', tag))


def fragment(html: str, say: Say, computed: bool = False) -> str:
    """Return a piece of HTML with each text and each attribute that is read as it is said.

    Parameters
    ----------
    html : str
        A piece of a page.
    say : callable
        Gives the words for a message.
    computed : bool
        Whether the numbers in it were computed, so that they are no part of a message.

    Examples
    --------
    >>> fragment('<td>12 layers</td><td><code>x</code></td>', str.upper, computed=True)
    '<td>12 LAYERS</td><td><code>x</code></td>'
    """
    done, line, spans, quiet = [], "", [], ""
    for token in TAG.split(html):
        if not token.startswith("<"):
            line += token
            continue
        token = ATTRIBUTE.sub(lambda m: f'{m[1]}="{_attribute(m[2], say, computed)}"', token)
        name = re.sub(r"\W.*", "", token.strip("</"), flags=re.DOTALL)
        edge = _is_edge(token)
        if name == "span":  # the end of a span is an edge if its beginning was one
            edge = spans.pop() if token.startswith("</") and spans else edge
            if not token.startswith("</"):
                spans.append(edge)
        if not edge:
            line += token
            continue
        done.append(line if quiet else _line(line, say, computed))
        done.append(token)
        line = ""
        opens = name in QUIET or 'lang="zh"' in token
        if opens and not quiet and not token.startswith("</"):
            quiet = name
        elif quiet == name and token.startswith("</"):
            quiet = ""
    return "".join([*done, _line(line, say, computed)])


def _attribute(value: str, say: Say, computed: bool) -> str:
    return escape(message(unescape(value), say, computed))


def _line(line: str, say: Say, computed: bool) -> str:
    """Say what is in a line, without the tags and the signs around it."""
    inner = EDGE.sub("", line)
    before = line[: line.index(inner)]
    after = line[len(before) + len(inner) :]
    if run_in := RUN_IN.match(inner):
        said_now = _line(run_in[0], say, computed) + _line(inner[run_in.end() :], say, computed)
    elif wrap := WRAP.fullmatch(inner):
        said_now = wrap[1] + _line(wrap[3], say, computed) + wrap[4]
    else:
        said_now = message(inner, say, computed)
    return before + said_now + after


def message(text: str, say: Say, computed: bool = False) -> str:
    """Return a text as it is said; of computed numbers, the places are said.

    Examples
    --------
    >>> message("12 of 96 layers", {"{1} of {2} layers": "von {2} Lagen {1}"}.get, computed=True)
    'von 96 Lagen 12'
    """
    text = text.replace("&#x27;", "'").replace("&quot;", '"')
    plain = re.sub(r"<code.*?</code>|<[^>]*>|&#?\w+;", "", text, flags=re.DOTALL)
    if not WORD.search(plain):
        return text
    numbers: list[str] = []

    def place(match: re.Match) -> str:
        numbers.append(match[0])
        return f"{{{len(numbers)}}}"

    key = text
    if computed:
        key = "".join(p if p.startswith("<") else NUMBER.sub(place, p) for p in TAG.split(text))
    words = say(key)
    return re.sub(r"\{(\d+)\}", lambda m: numbers[int(m[1]) - 1], words) if computed else words


LABEL = re.compile(r'(<g id="text_\d+">(?:\s*<g id="patch_\d+">.*?</g>)?)(.*?)(</g>)', re.DOTALL)
LINES = re.compile(r"(<text[^>]*>)(.*?)(</text>)", re.DOTALL)


def drawing(svg: str, say: Say) -> str:
    """Return a drawing with its labels as they are said; a label of several lines is one message.

    Raises
    ------
    ValueError
        When the words for a label have more lines than the label.
    """

    def label(match: re.Match) -> str:
        lines = [unescape(line[2]) for line in LINES.finditer(match[2])]
        if not lines or any("<" in line for line in lines):  # a formula
            return match[0]
        words = message("\n".join(lines), say, computed=True).split("\n")
        if len(words) > len(lines):
            raise ValueError(f"a label of {len(lines)} lines cannot hold {len(words)}: {words}")
        left = iter(words + [""] * (len(lines) - len(words)))
        inside = LINES.sub(lambda m: m[1] + escape(next(left), quote=False) + m[3], match[2])
        return match[1] + inside + match[3]

    return LABEL.sub(label, svg)


_collector: Say | None = None  # while messages are collected


def saying() -> Say | None:
    """Return what says the words of outputs; nothing where they stay as they are."""
    catalog = locale.get_translator(OUTPUTS)
    return _collector or (catalog.gettext if isinstance(catalog, GNUTranslations) else None)


def said(text: str, kind: Callable[..., str] = message, **options: object) -> str:
    """Return a text, a fragment or a drawing of the package in the language of the site."""
    say = saying()
    return kind(text, say, **options) if say and text else text


def catalog(app: Sphinx, domain: str) -> Say:
    """Load a catalog of the language of the site, and return what says its messages."""
    folders = [str(Path(app.srcdir, folder)) for folder in app.config.locale_dirs]
    return locale.init(folders, app.config.language, domain)[0].gettext


def load_outputs(app: Sphinx, env, docnames: list[str]) -> None:
    """Load the words of outputs, once Sphinx has compiled its catalogs."""
    catalog(app, OUTPUTS)


class Sources(SphinxTransform):
    """Name the source of every cell of a table, without which Sphinx takes no message from it."""

    default_priority = 5  # before Sphinx translates

    def apply(self, **kwargs: object) -> None:
        """Change one page."""
        for node in self.document.findall(nodes.paragraph):
            node.source = node.source or self.document["source"]


class SaidOutputs(SphinxPostTransform):
    """Say what cells wrote as HTML, and the description of the page, which Sphinx leaves out."""

    default_priority = 595  # after claim boxes are arranged, before mentions in them are linked
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Change one page, unless it stays in its own language."""
        for raw in self.document.findall(nodes.raw) if saying() else ():
            if "data-component" not in raw.astext():
                raw[:] = [nodes.Text(said(raw.astext(), fragment))]
        for meta in self.document.findall(nodes.meta) if saying() else ():
            meta["content"] = catalog(self.app, self.env.docname)(meta["content"])


# ------------------------------------------------------------------ messages for translators


class BookMessages(MessageCatalogBuilder):
    """Sphinx's builder of messages, which finds all words of this book."""

    def build(self, *arguments: object, **options: object) -> None:
        """Collect the words of templates, extensions and scripts, then those of the pages."""
        book = Path(self.srcdir, "book")
        for path in sorted((book / "_ext").glob("*.py")):
            self._add("sphinx", path, messages_of(path.read_text("utf-8")))
        for path in [*scripts(book / "_static"), *scripts(book / "_theme")]:
            self._add("sphinx", path, script_messages(path.read_text("utf-8")))
        captions = [part.caption for part in self.config.external_site_map.root.subtrees]
        settings = [self.config.project, *self.config.numfig_format.values(), *captions]
        self._add(
            "sphinx", Path(self.srcdir, "_config.yml"), ((0, text) for text in settings if text)
        )
        super().build(*arguments, **options)

    def _add(self, catalog: str, path: Path, found: Iterator[tuple[int, str]]) -> None:
        for line, text in found:
            self.catalogs[catalog].add(text, MsgOrigin(str(path), line))

    def prepare_writing(self, docnames: set[str]) -> None:
        """Learn the names of models, which are the same in any language."""
        import models

        self.names = {name for m in models.models(self.app) for name in (m.name, m.slug, m.family)}

    def write_doc(self, docname: str, doctree: nodes.document) -> None:
        """Collect the words of a page, and those that its cells wrote."""
        super().write_doc(docname, doctree)
        note = self._note(str(self.env.doc2path(docname)))
        for raw in doctree.findall(nodes.raw):
            if raw.get("format") == "html" and "data-component" not in raw.astext():
                fragment(raw.astext(), note)
        for block in doctree.findall(nodes.literal_block):
            for kind, content in pieces(block.astext()) if LINE.search(block.astext()) else ():
                if kind == "table":
                    fragment(content, note, computed=True)
        for image in doctree.findall(nodes.image):
            if image["uri"].endswith(".svg"):
                drawing(Path(self.srcdir, image["uri"]).read_text("utf-8"), note)
        for cell in doctree.findall(nodes.container):
            message(cell.get("cell_metadata", {}).get("name", "").replace("-", " "), note)

    def finish(self) -> None:
        """Collect the words of the pages of models, then write all."""
        global _collector
        import models  # which imports this module

        _collector = self._note(models.__file__)
        sizes = {model: models.size(model) for model in models.models(self.app)}
        for model in sizes:
            models.body(model, sizes, "")
        _collector = None
        super().finish()

    def _note(self, path: str) -> Say:
        def note(text: str) -> str:
            if text not in self.names:
                self.catalogs[OUTPUTS].add(text, MsgOrigin(path, 0))
            return text

        return note


def say_settings(app: Sphinx, config) -> None:
    """Put the title of the book and of its parts, and the names of figures, into its language."""
    for part in config.external_site_map.root.subtrees:
        part.caption = _(part.caption)
    config.project = _(config.project)
    config.numfig_format = translated(config.numfig_format)


def setup(app: Sphinx) -> dict:
    """Say everything in the language of the site."""
    app.add_builder(BookMessages, override=True)
    app.add_transform(Sources)
    app.add_post_transform(SaidOutputs)
    app.connect("config-inited", say_settings, priority=950)  # the contents are read
    app.connect("env-before-read-docs", load_outputs)
    app.connect("build-finished", write_scripts, priority=700)  # slides carry a script
    return {"parallel_read_safe": True, "parallel_write_safe": True}
