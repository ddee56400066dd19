"""The built site as files: complete, self-contained, readable by machines."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from checks import CHECKS, ROOT

PAGE = "reference/notation.html"


@pytest.mark.parametrize("name", CHECKS)
def test_the_site_has_no_fault(name: str, site: Path):
    assert CHECKS[name](site) == []


def replaced(old: str, new: str, file: str = PAGE) -> Callable[[Path], None]:
    def plant(site: Path) -> None:
        text = (site / file).read_text("utf-8")
        assert old in text
        (site / file).write_text(text.replace(old, new, 1), "utf-8")

    return plant


def added(text: str) -> Callable[[Path], None]:
    return replaced("</article>", f"{text}</article>")


def written(file: str, content: str = "<!DOCTYPE html>") -> Callable[[Path], None]:
    def plant(site: Path) -> None:
        (site / file).parent.mkdir(exist_ok=True)
        (site / file).write_text(content, "utf-8")

    return plant


def described_twice(site: Path) -> None:
    text = (site / PAGE).read_text("utf-8")
    description = re.search(r'content="([^"]*)" name="description"', text)[1]
    other = (site / "index.html").read_text("utf-8")
    (site / "index.html").write_text(
        re.sub(
            r'content="[^"]*" name="description"',
            f'content="{description}" name="description"',
            other,
        ),
        "utf-8",
    )


FAULTS = [
    ("foreign_resources", added('<script src="https://cdn.example.org/a.js"></script>')),
    ("foreign_resources", added('<img src="//cdn.example.org/a.png" alt="A picture from afar">')),
    ("foreign_resources", added("<style>p{background:url(https://example.org/a.png)}</style>")),
    ("foreign_resources", added('<script type="module">import "https://a.org/b.mjs"</script>')),
    ("foreign_resources", replaced(":root", '@import "//a.org/b.css"; :root', "_static/book.css")),
    ("foreign_resources", replaced("const", 'fetch("https://a.org/b"); const', "_static/book.js")),
    ("broken_links", added('<a href="../nowhere.html">x</a>')),
    ("broken_links", added('<a href="../index.html#nowhere">x</a>')),
    ("broken_links", added('<a href="../../../pyproject.toml">x</a>')),
    ("broken_links", added('<img src="../_images/missing.png" alt="Not there">')),
    ("broken_links", replaced('href="/', 'href="', "404.html")),
    ("broken_links", replaced('search.html"', 'nowhere.html"', "404.html")),
    ("stored_addresses", lambda site: (site / PAGE).unlink()),
    ("stored_addresses", replaced('id="a1"', 'id="a01"', "reference/ledger.html")),
    ("headings", added("<h1>Again</h1>")),
    ("headings", added("<h6>Deep</h6>")),
    ("duplicate_ids", added('<p id="main">x</p>')),
    ("alternative_texts", added('<img src="../_static/favicon.svg" width="1" height="1">')),
    ("alternative_texts", added('<img src="a.png" alt="d41d8cd9.png" width="1" height="1">')),
    ("alternative_texts", added('<img src="a.png" alt="A picture without a size">')),
    ("alternative_texts", added("<svg></svg>")),
    ("languages", added("<p>参数</p>")),
    ("front_page", written("index.html", '<meta http-equiv="Refresh" content="0; url=a.html">')),
    ("published_files", written("parameters/99.html")),
    ("published_files", written("_sources/index.txt", "")),
    ("published_files", written("parameters/99.ipynb", "{}")),
    ("published_files", lambda site: (site / PAGE).unlink()),
    ("published_files", lambda site: (site / "parameters/01.ipynb").unlink()),
    ("descriptions", replaced('name="description"', 'name="other"')),
    ("descriptions", described_twice),
    ("sizes", added(f"<p>{os.urandom(250_000).hex()}</p>")),
    ("cards", replaced('property="og:image"', 'property="og:other"')),
    ("cards", lambda site: (site / "_cards" / "reference-notation.png").unlink()),
    ("cards", lambda site: shutil.copy(site / "_static" / "book.css", site / "_cards/index.png")),
    ("private_paths", added(f"<code>{ROOT}/pkg</code>")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "plant"), FAULTS)
def test_each_check_finds_a_planted_fault(name: str, plant: Callable, site: Path, tmp_path: Path):
    copy = tmp_path / "html"
    shutil.copytree(site, copy)
    plant(copy)
    assert CHECKS[name](copy) != []


def test_every_check_was_seen_to_fail():
    assert {name for name, _ in FAULTS} == set(CHECKS)


def test_the_page_on_reading_knows_how_long_chapters_take(site: Path):
    """What it says is what each chapter's page computes, give or take two minutes."""
    said = dict(
        re.findall(
            r"^\| chapter (\d+): [^|]*\| (\d+) \|",
            (ROOT / "book/reference/reading.md").read_text("utf-8"),
            re.MULTILINE,
        )
    )
    chapters = {path.stem.lstrip("0"): path for path in site.glob("*/[0-9][0-9].html")}
    assert said.keys() == chapters.keys()
    for chapter, page in chapters.items():
        found = re.search(r"(\d+) minutes to read", page.read_text("utf-8"))
        assert found is not None
        assert abs(int(found[1]) - int(said[chapter])) <= 2, f"chapter {chapter}: {found[1]}"
