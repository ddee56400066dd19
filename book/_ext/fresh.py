"""Never a stale number: pages are computed again when what they depend on has changed.

The execution cache knows a notebook by the code of its cells, not by the package, the model file
and the data behind them. This extension keeps one fingerprint of those next to the cache, and one
of the site's own machinery in the build environment. When the first changes, the cache is dropped
and every page is read again, so that every notebook runs again; when only the second changes, every
page is read again from the cache. When neither changes, nothing is executed, read or written.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from live_cells import supplied
from sphinx.application import ENV_PICKLE_FILENAME, Sphinx
from sphinx.util import logging

LIBRARIES = ("numpy", "matplotlib", "gguf", "safetensors", "regex", "ipykernel")
SKIPPED = {"__pycache__", ".ipynb_checkpoints"}
BIBLIOGRAPHY = "book/reference/bibliography"  # reads all pages; never from the cache
logger = logging.getLogger(__name__)


def fingerprint(folders: list[Path], facts: list[str]) -> str:
    """Hash the names and contents of all files in some folders, and some facts.

    Parameters
    ----------
    folders : list of Path
        Folders, read with their subfolders; one that does not exist counts as empty.
    facts : list of str
        Whatever else should change the result.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256("\n".join(facts).encode())
    for folder in folders:
        for path in sorted(_files(folder)):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"\n{path.relative_to(folder).as_posix()} {content}".encode())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".pyc" and not SKIPPED & set(path.parts):
            yield path


def _package() -> Path:
    spec = importlib.util.find_spec("paramlab")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the book's package is not installed: pip install -e pkg")
    return Path(spec.submodule_search_locations[0])


def _model(name: str) -> str:
    """Identify a model file by place, size and time; hashing 100 MB every time would be slow."""
    from paramlab.files import real_model

    try:
        path = Path(real_model.model_path(name))
        facts = path.stat()
    except (OSError, ValueError) as reason:  # no model: the book builds and says so
        return f"no model: {type(reason).__name__} {os.environ.get('PARAMLAB_MODEL', '')}"
    return f"{path} {facts.st_size} {facts.st_mtime_ns}"


def computed_from(app: Sphinx) -> str:
    """Fingerprint of everything that a number in an executed notebook can depend on."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    models = [_model(name) for name in ("smollm2-135m", "all-minilm-l6-v2")]
    facts = [platform.python_version(), platform.machine(), *models, *versions]
    return fingerprint([_package(), Path(app.srcdir, "book", "experiments")], facts)


def written_by(app: Sphinx) -> str:
    """Fingerprint of what turns executed notebooks into pages."""
    book = Path(app.srcdir, "book")
    works = [path.read_text(encoding="utf-8") for path in book.glob("references.bib")]
    return fingerprint(
        [book / "_ext", book / "_static", book / "_theme"], [*works, str(supplied(app))]
    )


def outdated_pages(app: Sphinx, env, added: set, changed: set, removed: set) -> list[str]:
    """Name every page when a fingerprint differs from that of the last build, else that of works.

    The bibliography says which pages cite a paper, so it is read whenever another page is.
    """
    numbers, machinery = computed_from(app), written_by(app)
    cache = Path(env.mystnb_config.execution_cache_path)
    stamp = cache / "computed-from"
    if not stamp.exists() or stamp.read_text() != numbers:
        if cache.exists():
            logger.info("package, model or libraries changed: every notebook runs again")
            shutil.rmtree(cache)
        cache.mkdir(parents=True)
        stamp.write_text(numbers)
    # The environment is stored only after a complete reading: a build that broke off repeats it.
    unchanged = getattr(env, "book_fingerprints", None) == (numbers, machinery)
    env.book_fingerprints = (numbers, machinery)
    if not unchanged:
        return sorted(env.found_docs)
    return [BIBLIOGRAPHY] if BIBLIOGRAPHY in env.found_docs and added | changed | removed else []


def forget_troubled_build(app: Sphinx, exception: Exception | None) -> None:
    """Make the next build read everything again, so that no warning is seen only once."""
    if exception or app._warncount:
        Path(app.doctreedir, ENV_PICKLE_FILENAME).unlink(missing_ok=True)


def setup(app: Sphinx) -> dict:
    """Compare the fingerprints whenever Sphinx asks which pages are out of date."""
    app.connect("env-get-outdated", outdated_pages)
    app.connect("build-finished", forget_troubled_build)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
