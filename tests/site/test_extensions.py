"""The Sphinx extensions of the book, without a build."""

import doctest
import io
import json
import os
import re
from pathlib import Path
from types import SimpleNamespace

import addresses
import boxes
import cells
import formulas
import fresh
import markup
import matplotlib.pyplot as plt
import mentions
import models
import numpy as np
import publishing
import pytest
import reading
import resvg_py
import search
from bs4 import BeautifulSoup
from checks import ROOT
from docutils import nodes
from docutils.utils import new_document
from paramlab import catalog, claims, display, html, page
from paramlab.colors import DARK, LIGHT
from sphinx.errors import ExtensionError
from sphinx.highlighting import PygmentsBridge

SPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
STYLES = (ROOT / "book" / "_static" / "book.css").read_text("utf-8")
DRAWING = """<?xml version="1.0"?><!DOCTYPE svg>
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="72pt" height="36pt" viewBox="0 0 72 36">
 <metadata><date>2026</date></metadata><defs><style type="text/css">*{stroke: red}</style></defs>
 <g id="patch_1"><path style="fill: #1D49AF; stroke: #123456" clip-path="url(#p1)"/></g>
 <text style="font: 10px 'DejaVu Sans', sans-serif; fill: #22252c">words</text>
 <defs><clipPath id="p1"><rect/></clipPath></defs><use xlink:href="#p1"/>
</svg>"""


@pytest.mark.parametrize("module", [addresses, cells, markup, mentions, models, publishing, search])
def test_examples_in_the_docstrings_hold(module):
    result = doctest.testmod(module)
    assert result.attempted > 0 and result.failed == 0


def test_a_drawing_takes_the_colors_the_font_and_the_words_of_the_page():
    markup, strangers = page.inline(DRAWING, 'So "much"', "a-")
    assert 'role="img"' in markup and 'aria-label="So &quot;much&quot;"' in markup
    assert "fill: var(--fig-weight)" in markup and "fill: var(--fig-ink)" in markup
    assert "DejaVu" not in markup and "font-size: 10px" in markup
    assert strangers == ["#123456"]
    assert not re.search("metadata|<style|DOCTYPE|72pt", markup)


def test_long_curves_are_written_with_fewer_digits():
    line = "M 0.123456 0.987654 " + " ".join(f"L {x}.123456 {x / 2 + 1}" for x in range(100))
    short, _ = page.inline(DRAWING.replace("<rect/>", '<path d="M 1.23456 0"/>'), "w", "a-")
    long, _ = page.inline(DRAWING.replace("<rect/>", f'<path d="{line}"/>'), "w", "a-")
    placed = '<use x="-1.23456" width="12" y="2.5"/>\n  <rect/>'
    assert (
        placed.replace("456", "").replace("\n  ", "")
        in page.inline(DRAWING.replace("<rect/>", placed), "w", "a-")[0]
    )
    assert 'd="M 1.23 0"' in short and 'd="M0.1 1l 0 0 1 .5 1 .5' in long


def test_a_drawing_of_fewer_elements_looks_the_same():
    def drawn(markup: str) -> np.ndarray:
        inside = markup[markup.index(">", markup.index("<svg")) + 1 :]
        inside = re.sub(r"var\(--fig-(\w+)\)", lambda name: LIGHT[name[1]], inside)
        style = "<style>* { stroke-linejoin: round; stroke-linecap: butt; }</style>"
        svg = f'<svg {SPACES} width="432" height="288" viewBox="0 0 216 144">{style}{inside}'
        return plt.imread(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg))))

    figure, axes = plt.subplots(figsize=(3, 2))
    axes.set(xticks=[], yticks=[], facecolor="none")
    x, y = np.random.default_rng(0).uniform(size=(2, 60))
    axes.plot(x, y, "o", color="#123456", alpha=0.4, markersize=9)
    axes.scatter(x, y + 1, marker="s", color="#654321", edgecolor="#123456")
    axes.fill_between(x[:9], y[:9], color="#123456", alpha=0.3)
    file = io.StringIO()
    figure.savefig(file, format="svg")
    plt.close(figure)
    before = file.getvalue()
    after, _ = page.inline(before, "marks", "a-")
    assert len(after) < 0.7 * len(before) and after.count("<use") == before.count("<use")
    difference = np.abs(drawn(after) - drawn(before))
    assert drawn(before).std() > 0.1 and difference.mean() < 0.002
    faint = 2 * '<use x="1.0" style="opacity: 0.5"/>'  # together they would be one faint mark
    assert faint in page.inline(DRAWING.replace("<rect/>", faint), "marks", "a-")[0]


def test_code_marks_what_the_style_sheet_colors_and_nothing_else(monkeypatch):
    rules = re.findall(r"^([.\w, ]+) \{ color: var\(--(?:code-\w+|muted)\)[^}]*\}$", STYLES, re.M)
    named = {name.strip().removeprefix(".") for rule in rules for name in rule.split(",")}
    assert {name for name in named if len(name) < 3} == markup.COLORED
    monkeypatch.setattr(PygmentsBridge, "html_formatter", markup.ColoredCode)
    code = PygmentsBridge("html").highlight_block("total = f(1)  # one", "python")
    assert 'total = f(<span class="mi">1</span>)  <span class="c1"># one</span>' in code


def test_a_printed_table_becomes_the_same_table_of_the_page(monkeypatch):
    rows, head = [("a b", 1200, "3 of 8"), ("c", 7, ""), ("", 10, "1 of 8")], ("", "n", "met")
    plain = display.table(rows, head)
    monkeypatch.setenv(display.FOR_THE_SITE, "1")
    kinds, parts = zip(
        *page.pieces(f"before\n{display.table(rows, head)}\nafter\n{display.table(rows)}"),
        strict=True,
    )
    assert kinds == ("text", "table", "text", "table") and parts[0] == "before"
    found = [
        [cell.get_text() for cell in row.find_all(["th", "td"])]
        for row in BeautifulSoup(parts[1], "html.parser").find_all("tr")
    ]
    assert found == [line for line in [list(head), *map(texts, rows)]]
    assert '<th scope="col" class="text-right">n</th>' in parts[1]
    marks = {display.HEAD_MARK: "", display.ROW_MARK: "", display.CELL_MARK: "  "}
    unmarked = display.table(rows, head).translate(str.maketrans(marks))
    assert [line.rstrip() for line in unmarked.splitlines()] == plain.splitlines()


def test_a_wide_table_names_its_numbers_and_fills_the_lines_of_a_phone(monkeypatch):
    monkeypatch.setenv(display.FOR_THE_SITE, "1")
    head = ("width", *(f"{n} letters long" for n in range(5)))
    (_, wide), (_, words) = (
        page.pieces(display.table([(first, *"12345")], head))[0] for first in (16, "10 units, long")
    )
    assert 'style="--across: 2"' in wide  # of five labels of 14 letters two fill a line
    assert '<th scope="row" class="text-right" data-label="width">16</th>' in wide
    assert '<th scope="row">10 units, long</th>' in words
    two_lines = page.pieces(display.table([("a", *6 * ["1234567890"])], tuple("abcdefg")))[0][1]
    assert 'style="--across: 3"' in two_lines


def texts(row: tuple) -> list[str]:
    return [f"{cell:,}" if isinstance(cell, int) else cell for cell in row]


PAGES_OF_MODELS = {model: models.size(model) for model in catalog.published()}


def test_every_model_has_a_page_with_its_count_its_license_and_its_source():
    for model, n in PAGES_OF_MODELS.items():
        body = BeautifulSoup(models.body(model, PAGES_OF_MODELS, ""), "html.parser")
        words = " ".join(body.get_text(" ").split())
        assert body.h1.get_text() == model.name
        assert models.lead(model) in words and (not n or f"{n:,}" in models.lead(model))
        assert (body.svg is not None) == (model.config is not None), model.slug
        assert (model.license or models.WORDS["license unknown"]) in words, model.slug
        assert not re.search(r"\bNone\b|[{}`]", words), model.slug


def test_the_page_of_a_model_says_what_a_context_takes():
    model = catalog.find("llama-3.1-8b")
    calculators = "../reference/calculators.html"
    body = BeautifulSoup(models.body(model, PAGES_OF_MODELS, calculators), "html.parser")
    rows = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in body.find_all("tr")]
    kept = 32_768 * 2 * 32 * 8 * 128 * 2  # keys and values, 32 layers, 8 heads of 128, 2 bytes
    weights = 8_030_261_248 * 2
    told = [display.in_bytes(n) for n in (kept, kept + weights, kept + weights // 4)]
    assert ["32,768", *told] in rows
    assert body.find("a", href=f"{calculators}#model=llama3.1-8b&context=32768")


LABELS = set("What it says gets right Where stops A better Claim sentence".split())


def test_a_claim_box_is_read_quote_verdict_better_sentence_reasons_sources():
    for claim in claims.load():
        before = html.claim_box(claim)
        after = boxes.BOX.sub(boxes.card, before)
        assert 'class="verdict"' in after, claim.id
        words = [
            BeautifulSoup(text, "html.parser").get_text(" ").split() for text in (before, after)
        ]
        lost = set(words[0]) - set(words[1]) - LABELS
        assert not {word.strip(":,") for word in lost} - {claim.id, ""}, (claim.id, lost)
        order = [
            after.index(f'class="{name}"') for name in ("verdict", "said", "better", "sources")
        ]
        assert order == sorted(order)
    assert set(boxes.SHAPES) >= {claim.judged for claim in claims.load()}
    for verdict, shape in claims.SHAPES.items():
        assert boxes.SHAPES[verdict.replace("holds if", "holds, with a condition")] == shape


def test_the_figure_of_a_cell_comes_first_and_the_rest_is_folded():
    cell = nodes.container(nb_element="cell_code", cell_metadata={"name": "two-bars"})
    code = nodes.container("", nodes.literal_block("", "a\nb"), nb_element="cell_code_source")
    output = nodes.container(nb_element="cell_code_output")
    output += [nodes.literal_block("", "3"), nodes.figure("", nodes.image(uri="a.svg"))]
    cell += [code, output]
    cells.arrange(cell)
    first, fold = cell.children
    assert [type(part) for part in first] == [nodes.figure]
    assert fold["prompt_show"] == "Data and code: two bars, 2 lines" and not fold["is_open"]
    assert [part["nb_element"] for part in fold] == ["cell_code_output", "cell_code_source"]


def test_names_do_not_break_after_their_hyphen():
    whole = re.findall(r'<span class="nobr">(.*?)</span>', markup.unbroken(
        "GPT-3, Llama-3.1-8B; SmolLM2-135M-Instruct. Qwen3-Next, gpt-oss-20b: a key-value cache, "
        "2026-11-27"
    ))  # fmt: skip
    assert whole == [
        "GPT-3", "Llama-3.1-8B", "SmolLM2-135M-Instruct", "Qwen3-Next", "gpt-oss-20b", "2026-11-27"
    ]  # fmt: skip


def test_a_number_stays_with_its_word_and_a_sign_with_what_it_joins():
    said = "chapter 4, claim A8, arXiv 2005.14165: 15 − 2 = 13, 0.9 ± 0.1; “ Paris”, arXiv "
    tied = said.replace("chapter ", "chapter_").replace("claim ", "claim_")
    tied = (
        tied.replace("arXiv ", "arXiv_")
        .replace(" − ", "_−_")
        .replace(" ± ", "_±_")
        .replace("“ ", "“_")
    )
    assert markup.unbroken(said).replace("\N{NO-BREAK SPACE}", "_") == tied


def test_identifiers_are_kept_where_used_and_differ_between_drawings():
    markup, _ = page.inline(DRAWING, "words", "a-", {})
    assert re.findall(r'id="([^"]+)"', markup) == ["a-p1"]
    assert "url(#a-p1)" in markup and 'xlink:href="#a-p1"' in markup


def test_the_reading_time_counts_prose_and_neither_code_nor_what_is_folded():
    page = new_document("page")
    for n_words, box in ((1000, nodes.literal_block()), (900, nodes.admonition())):
        text = "word " * n_words
        box += (
            nodes.Text(text) if isinstance(box, nodes.literal_block) else nodes.paragraph("", text)
        )
        page += box
    page[1]["classes"].append("dropdown")
    page += nodes.paragraph("", "", nodes.Text("word " * 3 * reading.WORDS_PER_MINUTE))
    assert reading.minutes(page) == 3
    page[1]["classes"].clear()
    assert reading.minutes(page) > 3


def test_only_what_is_named_as_a_chapter_or_a_claim_is_linked():
    text = "Chapters 3, 5 and 12; claims A8 and B9, claim 3, chapter A8, A14, 8 chapters"
    named = [name for _, name in mentions.targets(text) if name]
    assert named == ["3", "5", "12", "A8", "B9"]
    assert "".join(piece for piece, _ in mentions.targets(text)) == text


def test_papers_and_exercises_of_the_page_are_linked():
    page = mentions.Mentions.__new__(mentions.Mentions)
    page.exercises = {"exercise-2"}
    text = (
        "arXiv 2005.14165, 2104.09864v4; exercise 2, exercise 3, exercise 2.1, 1.12345; 1406.2572"
    )
    linked = page._link_outward(text)
    assert "".join(node.astext() for node in linked) == text
    found = [node["refuri"] for node in linked if isinstance(node, nodes.reference)]
    paper = "https://arxiv.org/abs/"
    assert found == [
        f"{paper}2005.14165", f"{paper}2104.09864v4", "#exercise-2", f"{paper}1406.2572"
    ]  # fmt: skip


def test_html_of_the_package_is_linked_outside_code_and_links():
    page = mentions.Mentions.__new__(mentions.Mentions)
    page.address = lambda named, cell="": f"{named}#{cell}"
    html = '<p>chapter 3</p><code>chapter 4</code><a href="x">claim A1</a>'
    assert page.linked_html(html) == html.replace(
        "<p>chapter 3", '<p><a href="3#">chapter 3</a>', 1
    )
    span = page.linked_html('<span data-cell="bytes">chapter 1</span> chapter 2')
    assert '<a href="1#bytes">chapter 1</a>' in span and '<a href="2#">chapter 2</a>' in span


def test_the_search_knows_each_record_of_the_ledger():
    page = new_document("page")
    html = '<section class="record" id="a1"><h3>A1 is</h3><dl><dd>參數 &amp; x</dd></dl></section>'
    page += nodes.raw("", html, format="html")
    assert search.sections(page) == [{"title": "A1 is", "anchor": "a1", "text": "參數 & x"}]


def luminance(code: str) -> float:
    parts = [int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_color_of_a_figure_can_be_read_as_text(theme: int):
    grounds = re.findall(r"--ground: (#\w{6})", STYLES)
    colors = (LIGHT, DARK)[theme]
    assert len(colors) == 12
    weak = {name: round(contrast(code, grounds[theme]), 2) for name, code in colors.items()}
    for name in ("ground", "grid", "rest"):  # not for text; the rest still has to be seen
        weak.pop(name)
    assert min(weak.values()) >= 4.5, weak
    assert contrast(colors["rest"], grounds[theme]) >= 3


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_and_code_can_be_read_on_both_grounds(theme: int):
    def color(name: str) -> str:
        return re.findall(rf" --{name}: (#\w{{6}})", STYLES)[theme]

    texts = ("ink", "muted", "accent", "code-name", "code-text", "code-number", "code-word")
    for ground in ("ground", "raised"):
        weak = {name: round(contrast(color(name), color(ground)), 2) for name in texts}
        assert min(weak.values()) >= 4.5, (ground, weak)


def test_the_package_draws_in_these_colors_only():
    plots = pytest.importorskip("paramlab.plots")
    used = {v for v in vars(plots).values() if isinstance(v, str) and page.HEX.fullmatch(v)}
    assert used and used <= set(LIGHT.values())


def test_formulas_keep_words_whole_and_align_lines():
    assert "<mtext>softmax</mtext>" in formulas.mathml(r"\mathrm{softmax}(x)")
    aligned = formulas.mathml(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", "block")
    assert aligned.count("<mtr>") == 2 and "&</" not in aligned


@pytest.mark.parametrize("latex", [r"\frac", r"a & b", r"\notacommand{x}"])
def test_a_formula_that_is_not_understood_is_refused(latex: str):
    with pytest.raises(ValueError):
        formulas.mathml(latex)


def test_a_fingerprint_sees_names_contents_and_facts(tmp_path: Path):
    (tmp_path / "a.py").write_text("1")
    first = fresh.fingerprint([tmp_path], ["numpy 2"])
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("x")
    assert fresh.fingerprint([tmp_path], ["numpy 2"]) == first
    seen = {first, fresh.fingerprint([tmp_path], ["numpy 3"])}
    (tmp_path / "a.py").write_text("2")
    seen.add(fresh.fingerprint([tmp_path], ["numpy 2"]))
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    seen.add(fresh.fingerprint([tmp_path], ["numpy 2"]))
    assert len(seen) == 4


def test_the_model_file_is_known_by_place_size_and_time(tmp_path: Path, monkeypatch):
    pytest.importorskip("paramlab.files.load")
    model = tmp_path / "model.gguf"
    monkeypatch.setenv("PARAMLAB_MODEL", str(model))
    seen = {fresh._model("smollm2-135m")}
    model.write_text("weights")
    seen.add(fresh._model("smollm2-135m"))
    os.utime(model, (0, 0))
    seen.add(fresh._model("smollm2-135m"))
    assert len(seen) == 3


def test_two_chapters_with_one_address_are_refused():
    names = {"book/numbers/01-first", "book/numbers/01-second"}
    with pytest.raises(ExtensionError, match="share the address numbers/01"):
        addresses.check_addresses(None, SimpleNamespace(found_docs=names))


def test_a_setting_that_is_no_address_is_refused():
    with pytest.raises(ExtensionError, match="REPOSITORY_URL is 'owner/name'"):
        publishing.checked_address("REPOSITORY_URL", "owner/name")
    assert publishing.checked_address("SITE_URL", "") == ""


def test_only_relative_addresses_of_the_page_for_wrong_addresses_change():
    markup = '<a href="a.html#b"><a href="#b"><img src="./c"><a href="https://d.e"><a href="/f">'
    assert publishing.RELATIVE.sub(r'\1="/x/', markup) == (
        '<a href="/x/a.html#b"><a href="#b"><img src="/x/c"><a href="https://d.e"><a href="/f">'
    )


def test_a_term_of_the_glossary_is_found_in_either_script():
    glossary = (ROOT / "book/reference/glossary.md").read_text("utf-8")
    pairs = re.findall(r"^\*\*.*\*\* (\S+) / (\S+)$", glossary, re.MULTILINE)
    assert len(pairs) > 50
    for traditional, simplified in pairs:
        assert traditional.translate(search.SIMPLER) == simplified


def test_the_index_names_every_file_that_has_a_word():
    entries = [
        {"page": "A", "url": "a/1.html#x", "title": "Drawers", "text": "里面有抽屉吗"},
        {"page": "B", "url": "b.html", "title": "A drawer", "text": "holds 175"},
        {"page": "M", "url": "models/m.html", "title": "M", "text": "175"},
        {"page": "N", "url": "models/n.html", "title": "N", "text": "175"},
    ]
    index, files = search.stored(entries)
    assert list(files) == ["a-1", "b", "models"]
    assert (index["屉"], index["drawer"], index["175"]) == ("0", "1", "12")
    assert [entry["page"] for entry in json.loads(files["models"])] == ["M", "N"]
