"""The book as an EPUB: whole, well-formed, closed in itself, and clean to epubcheck."""

import doctest
import os
import re
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import epub
import pages
import pytest

XHTML, SVG = "{http://www.w3.org/1999/xhtml}", "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}href"


@pytest.fixture(scope="module")
def files(site: Path) -> dict[str, str | bytes]:
    """Return the files of the EPUB."""
    return epub.book(site)


@pytest.fixture(scope="module")
def texts(files: dict[str, str | bytes]) -> dict[str, ElementTree.Element]:
    """Return its pages, read as XML."""
    return {
        name: ElementTree.fromstring(text) for name, text in files.items() if name.endswith("xhtml")
    }


def test_the_examples_hold():
    for module in (epub, pages):
        assert doctest.testmod(module).attempted and not doctest.testmod(module).failed


def test_a_page_loses_its_folds_its_forms_and_what_leads_out(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/01.html").write_text(
        '<p>x</p><article><h1 id="t">T<a class="headerlink" href="#t">#</a></h1>'
        '<details name="try" open class="d" id="d"><summary>S</summary>'
        "<pre><span></span>1 <b>&lt;</b></pre>"
        '</details><svg class="figure narrow" viewBox="0 0 9 8" style="max-width: 9rem">'
        '<text style="font-size: 10px; fill: var(--fig-ink)">1</text></svg>'
        '<svg class="figure wide"></svg>'
        '<reader-guess data-component><form><fieldset><legend>L</legend><label><input type="radio"'
        ' name="g" required> yes</label></fieldset><label>Percent <input type="number"></label>'
        "<button>Keep</button><p><span hidden>See <a href='#t'>the answer</a>.</span></p></form>"
        "</reader-guess><a-b data-component><form><label>Model <select><option>1</option><option "
        'selected>2</option></select></label><label><input type="checkbox"> no</label><label>'
        '<input type="checkbox" checked> tied</label><input type="number" value="3">'
        '<input type="number" value="0"></form><script>1</script></a-b>'
        '<a href="02.html#u">2</a><a href="02.html#n=1&amp;m=2">3</a><a href="../b.html">4</a>'
        "<table><thead><tr><th>h</th><th>n</th></tr></thead><tbody>"
        "<tr><th rowspan=2>x</th><td>1</td>"
        "</tr><tr><td>y</td></tr></tbody></table></article>"
    )
    assert str(epub.chapter(tmp_path, "a/01", {"a/01", "a/02"})) == (
        '<article><h1 id="t">T</h1><div class="d" id="d"><p class="fold">S</p>'
        '<pre>1 <b>&lt;</b></pre></div><svg class="figure narrow" viewBox="0 0 9 8" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
        '<rect fill="#ffffff" height="8" width="9"></rect>'
        '<text fill="#22252c" style="font-size: 8.6px; fill: #22252c">1</text></svg>'
        '<div><div class="settings"><div><p>L</p><p>○ yes</p></div><p>Percent: …</p></div>'
        '<a href="a-01.xhtml#t">the answer</a></div>'
        '<div><div class="settings"><p>Model: 2</p><p>✓ tied</p>3, 0</div></div>'
        '<a href="a-02.xhtml#u">2</a><a href="a-02.xhtml">3</a>4'
        '<table class="wide"><thead><tr><th>h</th><th>n</th></tr></thead><tbody><tr>'
        '<th rowspan="2">x</th><td data-label="n">1</td></tr><tr><td>y</td></tr></tbody></table>'
        "</article>"
    )


def test_the_same_site_gives_the_same_file(files: dict[str, str | bytes], tmp_path: Path):
    for name in ("one", "two"):
        epub.write(files, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one").stat().st_size < 2e6
    first = zipfile.ZipFile(tmp_path / "one").infolist()[0]
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)


def test_every_page_and_figure_is_there_in_its_order(
    site: Path, texts: dict[str, ElementTree.Element]
):
    order = [page for _, names in pages.contents() for page in names]
    assert list(texts)[2:] == [epub.file_of(page) for page in order]
    listed = [link.get("href") for link in texts["contents.xhtml"].iter(f"{XHTML}a")]
    assert [link for link in listed if "#" not in link] == list(texts)[2:]
    for page in order:
        figures = set(re.findall(r'<figure [^>]*id="([^"]*)"', pages.article(site, page)))
        text = texts[epub.file_of(page)]
        assert {figure.get("id") for figure in text.iter(f"{XHTML}figure")} == figures
        assert all(
            figure.find(f".//{SVG}svg") is not None for figure in text.iter(f"{XHTML}figure")
        )


def test_it_is_closed_in_itself(files: dict[str, str | bytes], texts):
    names = {f"{file}#{e.get('id')}" for file, text in texts.items() for e in text.iter()}
    names |= {name.removesuffix("#") for name in (f"{file}#" for file in files)}
    wrong = []
    for file, text in texts.items():
        for element in text.iter():
            kind = element.tag.rpartition("}")[2]
            if kind in ("script", "form", "input", "iframe", "details"):
                wrong.append(f"{file}: <{kind}>")
            link = element.get("src") or element.get(XLINK) or element.get("href") or file
            whole = file + link if link.startswith("#") else link
            if whole not in names and not (kind == "a" and re.match("https?:|mailto:", link)):
                wrong.append(f"{file}: {link}")
        for used in re.findall(r"url\(#([^)]*)\)", str(files[file])):
            if f"{file}#{used}" not in names:
                wrong.append(f"{file}: url(#{used})")
    assert wrong == []
    assert not re.search(r"var\(|url\(|@import", str(files["book.css"]))


def test_epubcheck_finds_no_fault(files: dict[str, str | bytes], tmp_path: Path):
    program = os.environ.get("EPUBCHECK", "/usr/share/java/epubcheck.jar")
    if not Path(program).exists():
        pytest.skip(f"no epubcheck at {program}; EPUBCHECK can name another")
    epub.write(files, tmp_path / "book.epub")
    java = ["java", "-XX:TieredStopAtLevel=1"]  # a third of the time
    command = [*java, "-jar", program, "--failonwarnings", str(tmp_path / "book.epub")]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
