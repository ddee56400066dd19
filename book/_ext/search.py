"""A search over the sections of the book that needs no server and finds phrases in any script.

Sphinx's own index splits text at spaces, so that it finds a Chinese word only where it stands
alone. Here the text of every section is stored as it is, in a file for each page, and searched for
what was typed, in traditional characters or in simplified ones. An index of the words of each page
says which of these files a question needs, so that the search page itself stays small.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import models
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from words import _

# A record of the ledger is HTML, with an address, a heading and a text of its own.
RECORD = re.compile(
    r'<section class="record" id="(\w+)".*?<h3>(.*?)</h3>(.*?)</section>', re.DOTALL
)
WORD = re.compile(r"[^\W_]+")  # in search.js: [\p{L}\p{N}]+
CHINESE = re.compile("[\u3400-\u9fff]")
DIGITS = (
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # a place in the list of files
)
# The traditional characters of the book, and below each its simplified form.
TRADITIONAL = (
    "來個們億優儲內冪動務區參問嘗圍執塊學寬專對導屜層帶強徑從復徵態憶應採損擇據擬數斷於時會業極構樣機權歸決沒溫為無營獲現當發碼積節細組絡"
    "經維網線編緩練縮習與衝裝複規計訓記許詛詞詢試詳語說調講證識讀變貴資質較輸這連進運過選還銷鍵長開間閱關闡陣隨雙雜難響頂預頭題類顯體點"
)
SIMPLIFIED = (
    "来个们亿优储内幂动务区参问尝围执块学宽专对导屉层带强径从复征态忆应采损择据拟数断于时会业极构样机权归决没温为无营获现当发码积节细组络"
    "经维网线编缓练缩习与冲装复规计训记许诅词询试详语说调讲证识读变贵资质较输这连进运过选还销键长开间阅关阐阵随双杂难响顶预头题类显体点"
)
SIMPLER = str.maketrans(TRADITIONAL, SIMPLIFIED)
UNSEARCHED = (nodes.section, nodes.literal_block, nodes.raw, nodes.comment, nodes.math_block)


def sections(doctree: nodes.document) -> list[dict[str, str]]:
    """Title, anchor and text of every section of a page.

    Parameters
    ----------
    doctree : nodes.document
        A page as Sphinx has read it; code, its outputs and formulas are left out.

    Returns
    -------
    list of dict
        With keys ``title``, ``anchor`` and ``text``, in the order of the page.
    """
    found = [
        {
            "title": section[0].astext(),
            "anchor": section["ids"][0],
            "text": " ".join(" ".join(_texts(section)).split()),
        }
        for section in doctree.findall(nodes.section)
        if section.children and isinstance(section[0], nodes.title)
    ]
    records = (
        match for raw in doctree.findall(nodes.raw) for match in RECORD.finditer(raw.astext())
    )
    return found + [
        {"title": _words(title), "anchor": anchor, "text": _words(text)}
        for anchor, title, text in (record.groups() for record in records)
    ]


def _words(markup: str) -> str:
    return " ".join(unescape(re.sub("<[^>]*>", " ", markup)).split())


def _texts(node: nodes.Element) -> Iterator[str]:
    for child in node.children:
        if isinstance(child, (*UNSEARCHED, nodes.title)) and isinstance(node, nodes.section):
            continue
        if isinstance(child, nodes.TextElement) and not isinstance(child, UNSEARCHED):
            yield child.astext()
        elif isinstance(child, nodes.Element) and not isinstance(child, UNSEARCHED):
            yield from _texts(child)


def collect(app: Sphinx, doctree: nodes.document) -> None:
    """Keep a page's sections with the environment: an unchanged page is not read again."""
    stored = app.env.__dict__.setdefault("search_sections", {})
    stored[app.env.docname] = sections(doctree)


def forget(app: Sphinx, env, docname: str) -> None:
    """Drop the sections of a page that is gone or about to be read again."""
    env.__dict__.setdefault("search_sections", {}).pop(docname, None)


def words(text: str) -> set[str]:
    """Return the words of a text; of Chinese, which has no spaces, its characters, simplified.

    Examples
    --------
    >>> sorted(words("GPT-3 has 參數."))
    ['3', 'gpt', 'has', '参', '数']
    """
    found = set()
    for word in WORD.findall(text.lower().translate(SIMPLER)):
        found |= set(word) if CHINESE.search(word) else {word}
    return found


def stored(entries: list[dict[str, str]]) -> tuple[dict[str, str], dict[str, str]]:
    """Return what the search page loads at once, and what it loads when it is asked.

    Parameters
    ----------
    entries : list of dict
        Every section of the book: its ``page``, ``url``, ``title`` and ``text``.

    Returns
    -------
    index : dict
        Each word, with the digits of the files whose texts have it.
    files : dict
        JSON of the sections of each page, by the name of a file. The pages of one kind that are
        many and short, those of the models, share one.
    """
    parts: dict[str, list[dict[str, str]]] = {}
    for entry in entries:
        page = entry["url"].partition("#")[0].removesuffix(".html")
        name = "models" if page.startswith("models/") else page.replace("/", "-")
        parts.setdefault(name, []).append(entry)
    index: dict[str, str] = {}
    for digit, part in zip(DIGITS, parts.values(), strict=False):
        for word in words(" ".join(f"{entry['title']} {entry['text']}" for entry in part)):
            index[word] = index.get(word, "") + digit
    if len(parts) > len(DIGITS):
        raise ExtensionError(f"{len(parts)} files are more than the search has digits for")
    return dict(sorted(index.items())), {name: _json(part) for name, part in parts.items()}


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def search_page(app: Sphinx) -> Iterator[tuple[str, dict, str]]:
    """Write the index and the texts, then ask for the page that uses them."""
    entries = [
        {
            "page": app.env.titles[docname].astext(),
            "url": app.builder.get_target_uri(docname) + (f"#{part['anchor']}" if number else ""),
            "title": part["title"],
            "text": part["text"],
        }
        for docname, parts in sorted(getattr(app.env, "search_sections", {}).items())
        for number, part in enumerate(parts)
    ] + models.entries(app)
    index, files = stored(entries)
    static = Path(app.outdir, "_static")
    shutil.rmtree(static / "search", ignore_errors=True)
    (static / "search").mkdir(parents=True)
    named = []
    for name, content in files.items():
        (static / "search" / f"{name}.js").write_text(f"searchTexts.push(...{content});\n", "utf-8")
        named.append(f"{name}.js?v={hashlib.sha256(content.encode()).hexdigest()[:8]}")
    content = _json({
        "files": named, "digits": DIGITS, "words": index,
        "traditional": TRADITIONAL, "simplified": SIMPLIFIED,
    })  # fmt: skip
    (static / "search-index.js").write_text(f"globalThis.searchIndex = {content};\n", "utf-8")
    yield "search", {"title": _("Search")}, "search.html"


def search_scripts(app: Sphinx, pagename: str, template: str, context: dict, doctree) -> None:
    """Load the index on the search page only."""
    if pagename == "search":
        for name in ("search-index.js", "search.js"):
            app.add_js_file(name, defer="defer")


def setup(app: Sphinx) -> dict:
    """Collect while reading, write while finishing."""
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", forget)
    app.connect("html-collect-pages", search_page)
    app.connect("html-page-context", search_scripts)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
