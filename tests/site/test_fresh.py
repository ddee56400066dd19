"""A build computes again what has changed, and only that: tried on a book of two pages."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checks import ROOT

TOC = """format: jb-book
root: book/index
parts:
- caption: Numbers
  numbered: 1
  chapters:
  - file: book/numbers/01-first
"""
FRONT = (
    "---\nmyst:\n  html_meta:\n    description: A book of two pages.\n---\n\n# Front\n\nWords.\n"
)
PACKAGE = "NUMBER = 42\n"
REAL_MODEL = "def model_path(name):\n    return 'no-model.gguf'\n"
CODE = """import os, paramlab
with open(os.environ["RUNS"], "a") as file:
    file.write("x")
print("the number is", paramlab.NUMBER)"""
# jsonschema does without this library, whose import takes longer than all the rest of a build
NO_ADDRESS_GRAMMAR = "raise ImportError\n"


class Book:
    """A small book with its own package, which counts how often its notebook runs."""

    def __init__(self, folder: Path):
        self.folder, self.runs_file = folder, folder / "runs"
        self.site = folder / "_build" / "html"
        self.page = self.site / "numbers" / "01.html"
        shutil.copy(ROOT / "_config.yml", folder)
        for name in ("_ext", "_static", "_theme"):
            shutil.copytree(ROOT / "book" / name, folder / "book" / name)
        self.write("_toc.yml", TOC)
        self.write("book/index.md", FRONT)
        self.write("lib/rfc3987_syntax.py", NO_ADDRESS_GRAMMAR)
        self.write("lib/paramlab/__init__.py", PACKAGE)
        self.write("lib/paramlab/files/real_model.py", REAL_MODEL)
        for name in (
            "page.py",
            "display.py",
            "colors.py",
        ):  # of the package, what the extensions import
            shutil.copy(ROOT / "pkg" / "paramlab" / name, folder / "lib" / "paramlab")
        self.write_notebook(CODE)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def write_notebook(self, code: str) -> None:
        heading = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# A number"}
        cell = {"cell_type": "code", "id": "b", "metadata": {}, "source": code}
        cells = [heading, cell | {"execution_count": None, "outputs": []}]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        self.write("book/numbers/01-first.ipynb", json.dumps(notebook))

    def build(self) -> str:
        """Build as a person would; return what went wrong, or nothing."""
        program = Path(sys.executable).with_name("jupyter-book")
        done = subprocess.run(
            [program, "build", ".", "-W", "--keep-going"],
            cwd=self.folder,
            env=os.environ
            | {"PYTHONPATH": str(self.folder / "lib"), "RUNS": str(self.runs_file), "LIVE": "no"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        return (done.stderr or "failed") if done.returncode else ""

    @property
    def runs(self) -> int:
        return len(self.runs_file.read_text())


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """Build a book in a folder that holds foreign pages and the leftovers of another build."""
    book = Book(tmp_path_factory.mktemp("book"))
    book.write("elsewhere/note.md", "# A note\n")
    book.write("book/assignments/graded.md", "# Graded\n")
    book.write("_build/html/numbers/02.html", "left over")
    book.write("_build/html/_static/old.js", "left over")
    assert book.build() == ""
    return book


@pytest.mark.slow
def test_nothing_foreign_or_left_over_is_published(book: Book):
    found = {path.relative_to(book.site).as_posix() for path in book.site.rglob("*.html")}
    assert found == {"404.html", "index.html", "numbers/01.html", "search.html"}
    assert not (book.site / "_static" / "old.js").exists()


@pytest.mark.slow
def test_numbers_are_computed_again_when_and_only_when_something_changed(book: Book):
    assert book.runs == 1 and "the number is 42" in book.page.read_text()

    written = book.page.stat().st_mtime_ns
    assert book.build() == ""
    assert book.runs == 1 and book.page.stat().st_mtime_ns == written

    book.write("lib/paramlab/__init__.py", PACKAGE.replace("42", "43"))
    assert book.build() == ""
    assert book.runs == 2 and "the number is 43" in book.page.read_text()

    book.write("book/_static/book.css", ":root { --fig-ink: #000000; }")
    written = book.page.stat().st_mtime_ns
    assert book.build() == ""
    assert book.runs == 2 and book.page.stat().st_mtime_ns > written


@pytest.mark.slow
def test_a_fault_fails_every_build_until_it_is_gone(tmp_path: Path):
    book = Book(tmp_path)
    book.write("book/index.md", FRONT + "\n[nowhere](missing.md)\n")
    assert "missing.md" in book.build()
    assert "missing.md" in book.build()
    book.write_notebook("assert 1 == 2")
    assert "AssertionError" in book.build()
