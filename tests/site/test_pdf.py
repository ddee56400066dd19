"""The whole book as a PDF: tagged, with every chapter in its outline, and no page empty."""

import doctest
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pdf
import pytest
from checks import parse

PAGE = re.compile(rb"/Type /Page\n.*?/Contents (\d+) 0 R", re.S)


def test_the_examples_hold():
    assert doctest.testmod(pdf).attempted and not doctest.testmod(pdf).failed


def test_names_and_links_of_a_page_are_those_of_the_whole(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/01.html").write_text(
        '<p>x</p><article><h1 id="t">T</h1><details name="try" open class="y"><a class="z" '
        'href="#t">1</a><a href="02.html#u">2</a><a href="../b.html">3</a><a href="https://c.d">4</a>'
        '<img src="../_static/e.svg" alt=""></details></article>'
    )
    assert pdf.article(tmp_path, "a/01", {"a/01", "a/02"}) == (
        '<article id="a-01"><h1 id="a-01--t">T</h1><details class="y" open><a class="z" '
        'href="#a-01--t">1</a><a href="#a-02--u">2</a><a >3</a><a href="https://c.d">4</a>'
        '<img src="../html/_static/e.svg" alt=""></details></article>'
    )
    assert 'href="https://x.y/b.html"' in pdf.article(tmp_path, "a/01", set(), "https://x.y/")


@pytest.mark.slow
def test_the_book_is_printed_whole(site: Path, program: str, tmp_path: Path):
    target = tmp_path / "book.pdf"
    # a process of its own: a browser of another test may be running in this one
    subprocess.run([sys.executable, pdf.__file__, str(target)], check=True)
    content = target.read_bytes()
    assert b"/MarkInfo <</Type /MarkInfo\n/Marked true" in content and b"/Outlines" in content
    found = re.findall(rb"/Title (?:\((.*?)\)|<FEFF(\w*)>) *\n", content)
    outline = {
        letters(
            bytes.fromhex(code.decode()).decode("utf-16-be") if code else text.decode("latin-1")
        )
        for text, code in found
    }
    for page in sorted(site.glob("*/[0-9][0-9].html")):
        assert letters(parse(page).h1.get_text()) in outline
    streams = [stream(content, int(number)) for number in PAGE.findall(content)]
    assert len(streams) > 200
    # a page has its number; an empty one has nothing else
    assert [i for i, text in enumerate(streams, 1) if text.count(b"Tj") < 3] == []


def letters(title: str) -> str:
    """Return a title without its spaces; where a line ends, Chromium leaves one out."""
    return re.sub(r"\s", "", title)


def stream(content: bytes, number: int) -> bytes:
    """Return the drawing instructions of a page."""
    start = content.index(b"\n%d 0 obj\n" % number)
    start = content.index(b"stream\n", start) + len(b"stream\n")
    return zlib.decompress(content[start : content.index(b"endstream", start)])
