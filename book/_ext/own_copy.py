"""The chapters and their package in one file, ``_static/chapters.zip``, for a reader's computer."""

from pathlib import Path

from addresses import BookBuilder
from slides import zipped
from sphinx.application import Sphinx

PARTS = (
    "LICENSE*", "constraints.txt", "book/*/*.ipynb", "book/experiments/**/*",
    "pkg/README.md", "pkg/pyproject.toml", "pkg/paramlab/**/*",
)  # fmt: skip
SKIPPED = {"__pycache__", ".ipynb_checkpoints"}


def contents(root: Path) -> dict[str, bytes]:
    """Return the files of the archive by name, all in one folder."""
    paths = (path for pattern in PARTS for path in sorted(root.glob(pattern)))
    return {
        f"what-175-billion-means/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in paths
        if path.is_file() and not SKIPPED & set(path.parts)
    }


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write the archive, where it is not the same already."""
    if exception or not isinstance(app.builder, BookBuilder):
        return
    archive, target = zipped(contents(Path(app.srcdir))), Path(app.outdir, "_static/chapters.zip")
    if not target.exists() or target.read_bytes() != archive:
        target.write_bytes(archive)


def setup(app: Sphinx) -> dict:
    """Write it when all pages are written."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
