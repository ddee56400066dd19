"""No answer of the graded work is on the site or in its search index."""

import zipfile
from pathlib import Path

from canaries import leaks

NO_TEXTS = {".png", ".woff2", ".zip"}  # what is in the archive of figures lies beside it, too


def test_the_site_and_its_search_have_no_answer(site):
    paths = [path for path in Path(site).rglob("*") if path.is_file()]
    paths = [path for path in paths if path.suffix not in NO_TEXTS]
    assert {"search-index.js", "slides.html", "part-1.html"} <= {path.name for path in paths}
    assert [leak for path in paths for leak in leaks(path.name, path.read_bytes())] == []
    with zipfile.ZipFile(Path(site, "_static", "chapters.zip")) as copy:
        assert "what-175-billion-means/pkg/paramlab/__init__.py" in copy.namelist()
        assert [leak for name in copy.namelist() for leak in leaks(name, copy.read(name))] == []
