"""No answer of the graded work is on the site or in its search index."""

from pathlib import Path

from canaries import leaks

TEXTS = {".html", ".js", ".json", ".txt", ".xml", ".svg", ".md", ".ipynb", ".py"}


def test_the_site_and_its_search_have_no_answer(site):
    paths = [path for path in Path(site).rglob("*") if path.suffix in TEXTS]
    assert any("search" in path.name for path in paths)
    assert [leak for path in paths for leak in leaks(path.name, path.read_bytes())] == []
