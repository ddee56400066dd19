"""Everything that is read can be translated, and a translation keeps the numbers.

A part of the book is built as an edition in Esperanto, in which every message is translated by
itself between marks. What is read outside of the marks has no message.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import edition
import pytest
import words
from checks import ROOT
from paramlab import catalog, hardware

PAGES = """format: jb-book
root: book/index
parts:
- caption: Numbers
  numbered: 1
  chapters:
  - file: book/parameters/03-from-prompt-to-next-token
  - file: book/parameters/04-one-model-ten-counts
- caption: Reference
  chapters:
  - file: book/reference/ledger
  - file: book/reference/models
  - file: book/reference/calculators
  - file: book/reference/bibliography
"""
TOOLS = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT / "tools")!r})
import edition, messages
folder, toc = Path(sys.argv[1]), sys.argv[2]
"""
COLLECT = """
messages.collect(folder / "gettext", external_toc_path=toc)
for name, found in edition.catalogs(folder / "gettext"):
    for message in found:
        message.string = "\\n".join(f"⟦{line}⟧" for line in message.id.split("\\n"))
    edition.write(folder / "locale/eo/LC_MESSAGES" / name.with_suffix(".po"), found)
"""
BUILD = """
edition.build("eo", folder / "html", folder / "locale", external_toc_path=toc)
"""
UNREAD = re.compile(  # code, what it printed as plain text, formulas, and quotes in Chinese
    r'<!--.*?-->|<(script|style|pre|code|math|desc)\b.*?</\1>|<span lang="zh">.*?</span>', re.DOTALL
)
READ = re.compile(r'\b(?:aria-label|alt|title|placeholder|data-label|content)="([^"]*)"')
TAG = re.compile(r"(<[^>]*>)")
WORD = re.compile(r"[^\W\d_]{2,}")
# Read outside of messages, and why
FIELDS = {  # of ModelConfig, their values and classes: as one types them
    word
    for model in catalog.published()
    if model.config
    for values in (model.config.to_flat().items(), vars(model.config).values())
    for value in values
    for word in WORD.findall(f"{value} {type(value).__name__}")
}
NAMES = {  # of models and devices
    word
    for one in (*catalog.published(), *hardware.devices())
    for name in (one.name, one.slug, getattr(one, "family", ""))
    for word in WORD.findall(name)
}
TOKENS = {"tea", "milk", "hot", "Paris", "the", "London", "Le", "New", "The"}  # of an English model
UNITS = {"fp", "bf", "int", "SVG", "PNG", "GB", "MB", "kB", "TB", "CC", "BY", "MIT"}
SPHINX = ("Link to this",)  # translated by Sphinx's own catalogs
KNOWN = FIELDS | NAMES | TOKENS | UNITS | {"True", "False", "None", "SmolLM", "GPT"}


def unsaid(page: str) -> Iterator[str]:
    """Yield what is read on a page and stands between no marks."""
    depth = 0
    for token in TAG.split(UNREAD.sub("", page)):
        is_tag = token.startswith("<")
        if is_tag and token.startswith("<meta") and 'name="description"' not in token:
            continue
        for text in READ.findall(token) if is_tag else [token]:
            level, outside = (0 if is_tag else depth), ""
            for piece in re.split("([⟦⟧])", unescape(text)):
                level += {"⟦": 1, "⟧": -1}.get(piece, 0)
                outside += piece if level <= 0 else ""
            depth = depth if is_tag else level
            if set(WORD.findall(outside)) - KNOWN and not outside.startswith(SPHINX):
                yield outside.strip()


# What looks like a sentence in a script: a capital word alone or at the beginning, or three words.
LITERAL = re.compile(
    r"_\((?:\"(?:[^\"\\\n]|\\.)*\"|`(?:[^`\\]|\\.)*`)\)|//[^\n]*"
    r"|\"((?:[^\"\\\n]|\\.)*)\"|`((?:[^`\\]|\\.)*)`"
)
SENTENCE = re.compile(r"(?:^|[\s>])[A-Z][a-z]+(?: |$)|[a-z]{2,} [a-z]{2,} [a-z]{2,}")
NOT_SHOWN = {"worker.mjs"}  # Python code, and words for the console
SILENT = {
    "Escape",
    "Enter",
    "Worker",
    "Python",
    "cannot be checked",
    "the real model",
}  # keys, names, ids


def literals(script: str) -> Iterator[str]:
    """Yield the strings of a script that look like words and are no message."""
    for match in LITERAL.finditer(script):
        text = match[1] or match[2] or ""
        plain = re.sub(r"\$\{[^}]*\}|<[^>]*>", " ", text)
        if (
            SENTENCE.search(plain)
            and text not in SILENT
            and not text.startswith(("and as", "abs all"))
        ):
            yield text


def test_no_script_has_words_of_its_own():
    assert list(literals('say("Try again"); say(_("Run")); a = `${n} of them are shown`')) == [
        "Try again", "${n} of them are shown",
    ]  # fmt: skip
    book = ROOT / "book"
    paths = [*words.scripts(book / "_static"), *words.scripts(book / "_theme")]
    found = {path.name: list(literals(path.read_text("utf-8"))) for path in paths}
    assert len(found) > 10
    assert {name: texts for name, texts in found.items() if texts and name not in NOT_SHOWN} == {}


def test_no_template_has_words_of_its_own():
    quiet = re.compile(
        r"\{[{%#].*?[}%#]\}|<meta (?!name=.description)[^>]*>|<(script|style)\b.*?</\1>", re.DOTALL
    )
    for path in (ROOT / "book" / "_theme").glob("*.html"):
        text = quiet.sub("", path.read_text("utf-8"))
        read = [*READ.findall(text), TAG.sub(" ", text)]
        assert not [words for part in read for words in WORD.findall(part)]


def test_the_scripts_of_the_site_hold_plain_strings(site):
    for path in words.scripts(site / "_static"):
        assert not list(words.script_messages(path.read_text("utf-8"))), path.name


def test_a_translation_keeps_numbers_and_places():
    assert edition.faults("175 billion in {n} of 96 layers", "96 层中的 {n} 层有 1,750 亿") == []
    assert edition.faults("85, 117 and 163 million", "8,500 万、1.17 亿和 1.63 亿") == []
    assert edition.faults("GPT-3 has 96 layers", "GPT-3 有 69 层") == ["other numbers: 96; 69"]
    assert edition.faults("${size} MB", "{size} MB") == ["other places: ${size}; {size}"]
    assert edition.faults("one line", "one\nline") == ["more lines"]


@pytest.fixture(scope="module")
def pseudo(tmp_path_factory) -> Path:
    """Build a part of the book with every message between marks."""
    folder = tmp_path_factory.mktemp("pseudo")
    toc = folder / "_toc.yml"
    toc.write_text(PAGES, "utf-8")
    for code in (COLLECT, BUILD):
        run = [sys.executable, "-c", TOOLS + code, str(folder), str(toc)]
        subprocess.run(run, check=True, capture_output=True, text=True)
    return folder / "html"


@pytest.mark.slow
def test_all_that_is_read_is_a_message(pseudo):
    pages = sorted(pseudo.rglob("*.html"))
    assert len(pages) > 100
    found = {f"{page.name}: {text}" for page in pages for text in unsaid(page.read_text("utf-8"))}
    assert not found


@pytest.mark.slow
def test_the_numbers_that_cells_computed_stay(pseudo, site):
    for name in ("parameters/04.html", "reference/models.html"):
        both = [(folder / name).read_text("utf-8") for folder in (site, pseudo)]
        cells = [re.findall(r'<td[^>]* class="text-right"[^>]*>([\d,.]+)<', page) for page in both]
        assert len(cells[0]) > 50 and cells[0] == cells[1]


@pytest.mark.slow
def test_what_scripts_say_is_a_message(pseudo, browser):
    page = browser.new_page()
    for name in (
        "parameters/03", "parameters/04", "reference/ledger", "reference/models",
        "reference/calculators", "models/gpt2-small", "search",
    ):  # fmt: skip
        page.goto((pseudo / f"{name}.html").as_uri())
        assert not set(unsaid(page.content())), name
    page.close()
