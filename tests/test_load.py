"""Weight files: what is written comes back, and what is damaged is refused."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import exp
from pathlib import Path

import gguf
import numpy as np
import pytest
import weight_files as files
from paramlab.checks import check_arrays
from paramlab.config import Experts, ModelConfig
from paramlab.corpus import Characters
from paramlab.errors import ModelFileError, UnsupportedModel
from paramlab.files import load
from paramlab.files.load import load_model
from paramlab.files.real_model import model_path
from paramlab.files.store import checksum, read_arrays, save_arrays, save_model
from paramlab.files.vocabulary import tokenizer_as_json
from paramlab.joined import side_by_side
from paramlab.params import shapes
from paramlab.texts import passage
from paramlab.tokenizer import Tokenizer, train_bpe
from paramlab.transformer import forward, loss
from paramlab.tree import Model, flatten, nest
from random_models import random_params
from safetensors.numpy import load_file, save_file

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
    code = "import sys, paramlab.tree as c; c.flatten(c.nest({'a.0': 1}))"
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
    ours = flatten(random_params(config))
    theirs = {}
    for name, array in ours.items():
        rows = array.T if name.endswith(".weight") else array
        if ".q." in name:
            rows = as_llama_cpp(rows, config.n_heads)
        if ".k." in name:
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
    if rest.endswith(".bias"):
        return f"blk.{i}.{parts[rest.replace('.bias', '.weight')]}.bias"
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
        whole = loaded[name].base if loaded[name].base is not None else loaded[name]
        assert whole.flags.c_contiguous and loaded[name].flags.writeable
    assert tokenizer is None
    assert loaded_config.tied is tied and loaded_config.n_kv_heads == 2


def test_biases_of_queries_and_keys_are_reordered_like_their_weights(tmp_path):
    ours = write_gguf(tmp_path / "tiny.gguf", replace(TINY, bias_qkv=True))
    loaded = flatten(load_model(tmp_path / "tiny.gguf").params)
    for name in ("q", "k", "v"):
        bias = f"blocks.1.attention.{name}.bias"
        assert np.array_equal(loaded[bias], ours[bias])


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


def test_a_file_that_is_none_or_cut_off_is_refused(tmp_path):
    path = tmp_path / "tiny.gguf"
    path.write_text("not a model")
    with pytest.raises(UnsupportedModel, match="tiny.gguf: not a GGUF file"):
        load_model(path)
    write_gguf(path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UnsupportedModel, match="tiny.gguf"):
        load_model(path)


def test_a_missing_file_says_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(
        ModelFileError, match=r"no file .*missing.gguf; give the path of a .gguf or .safetensors"
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


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rope.scaling.type", "linear"),
        ("rope.scale_linear", 2.0),
        ("rope.dimension_count", 2),
        ("attention.value_length", 8),
        ("attention.sliding_window", 4),
    ],
)
def test_positions_that_forward_does_not_compute_are_refused(tmp_path, key, value):
    arrays = files.random_arrays(files.LLAMA_GGUF)
    load_model(files.write_gguf(tmp_path / "a.gguf", "llama", arrays))
    path = files.write_gguf(tmp_path / "b.gguf", "llama", arrays, **{key: value})
    with pytest.raises(UnsupportedModel, match=f"b.gguf: llama.{key} is {value!r}, which"):
        load_model(path)


# ------------------------------------------------------------------ models of transformers

ORACLES = Path(__file__).parent / "oracles"
COMPUTED = json.loads((ORACLES / "checkpoints.json").read_text())
TEXT = "The lighthouse keeper counted 12 ships.<|end|>"
both = pytest.mark.parametrize("name", ["gpt2", "llama"])


def assert_equals_transformers(model: Model, name: str) -> None:
    """Insist on the logits that transformers computed."""
    logits = forward(model.params, model.config, COMPUTED[name]["tokens"])
    assert np.abs(logits[:, ::9] - COMPUTED[name]["every_ninth_logit"]).max() < 1e-5


@pytest.mark.parametrize("name", COMPUTED.keys() - {"versions"})
def test_a_checkpoint_of_hugging_face_computes_what_it_computes_there(name):
    model = load_model(ORACLES / "checkpoints" / name)
    assert_equals_transformers(model, name)
    assert all(array.dtype == np.float32 for array in flatten(model.params).values())


@both
def test_a_tokenizer_json_beside_the_weights_is_read(name):
    model = load_model(ORACLES / "checkpoints" / name)
    assert model.tokenizer.encode(TEXT) == COMPUTED[name]["tokens"]
    assert model.tokenizer.decode(COMPUTED[name]["tokens"]) == TEXT
    assert model.tokenizer.end_tokens == {0}


def test_a_gpt2_in_a_gguf_file_computes_the_same(tmp_path):
    stored = load_file(ORACLES / "checkpoints" / "gpt2" / "model.safetensors")
    ours = {"wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm"}
    parts = {
        "ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output",
        "ln_2": "ffn_norm", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
    }  # fmt: skip
    arrays = {}
    for name, array in stored.items():
        module, kind = name.removeprefix("transformer.").rsplit(".", 1)
        if module.startswith("h."):
            _, i, part = module.split(".", 2)
            ours[module] = f"blk.{i}.{parts[part]}"
        turned = module.startswith("h.") and array.ndim == 2  # llama.cpp: a row for each output
        arrays[f"{ours[module]}.{kind}"] = np.ascontiguousarray(array.T if turned else array)
    sizes = {"context_length": 40, "feed_forward_length": 64, "attention.head_count": 2}
    arrays["output.weight"] = arrays["token_embd.weight"]  # as its converter does
    model = load_model(files.write_gguf(tmp_path / "a.gguf", "gpt2", arrays, **sizes))
    assert_equals_transformers(model, "gpt2")
    assert model.config.tied


@pytest.fixture
def folder(tmp_path, name) -> Path:
    """Return a copy of a folder of Hugging Face that may be spoilt."""
    return Path(shutil.copytree(ORACLES / "checkpoints" / name, tmp_path / name))


def rewrite(folder: Path, change) -> None:
    """Change the arrays of a folder."""
    arrays = load_file(folder / "model.safetensors") if folder.name == "gpt2" else {}
    save_file(change(arrays), folder / "model.safetensors")


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("gpt2", {"activation_function": "relu"}, "activation_function is 'relu', which does not"),
        ("gpt2", {"scale_attn_weights": False}, "scale_attn_weights is False, which does not"),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "inverse_layer_idx is True, which"),
        ("llama", {"hidden_act": "gelu"}, "hidden_act is 'gelu', which does not run here"),
        ("llama", {"partial_rotary_factor": 0.5}, "partial_rotary_factor is 0.5, which does not"),
        ("llama", {"rope_scaling": {"type": "dynamic"}}, "rope_scaling is of the type 'dynamic'"),
        (
            "llama",
            {"rope_parameters": {"rope_type": "linear", "factor": 2.0}},
            "rope_parameters is of the type 'linear', which does not run here",
        ),
        (
            "llama",
            {"rope_scaling": {"rope_type": "llama3", "factor": 8.0}},
            "rope_scaling is of the type 'llama3'",
        ),
        ("qwen2", {"rope_parameters": {"rope_type": "yarn"}}, "is of the type 'yarn', which"),
        (
            "qwen3",
            {"rope_parameters": {"full_attention": {}, "sliding_attention": {"rope_theta": 1e4}}},
            "rope_parameters has a rotation for full_attention, which does not run here",
        ),
        (
            "mistral",
            {"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}},
            "partial_rotary_factor in rope_parameters is 0.5, which does not run here",
        ),
        ("qwen3", {"rope_local_base_freq": 10000.0}, "rope_local_base_freq is 10000.0, which"),
        ("llama", {"attn_logit_softcapping": 50.0}, "attn_logit_softcapping is 50.0, which does"),
        ("mistral", {"final_logit_softcapping": 30.0}, "final_logit_softcapping is 30.0, which"),
        ("qwen3", {"norm_topk_prob": False}, "norm_topk_prob is False, which does not run here"),
        (
            "llama",
            {"model_type": "granite", "architectures": None},
            "'granite' is not read here; gpt2, llama, mistral, qwen2, qwen3, bert are",
        ),
    ],
)
def test_a_config_that_forward_does_not_compute_is_refused(folder, changes, message):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UnsupportedModel, match=f"config.json: .*{message}"):
        load_model(folder)


@pytest.mark.parametrize("name", ["gpt2"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("transformer.wpe.weight"), "embedding.positions .* is missing"),
        (
            lambda a: {**a, "transformer.h.2.ln_1.weight": a["transformer.ln_f.bias"]},
            "not part|holds 3 layers",
        ),
        (
            lambda a: {**a, "wte.weight": a["transformer.wte.weight"]},
            "is there twice",
        ),
        (lambda a: {**a, "transformer.ln_f.bias": np.ones(9, np.float32)}, r"the shape \(9,\)"),
        (
            lambda a: {**a, "transformer.ln_f.bias": np.full(16, np.nan, np.float32)},
            "final_norm.bias holds a number that is not finite",
        ),
        (
            lambda a: {**a, "transformer.ln_f.bias": np.ones(16, np.int8)},
            "ln_f.bias' is stored as I8, which is no type of weights",
        ),
        (lambda a: {**a, "lm_head.weight": a["transformer.wte.weight"] + 1}, "head.weight is not"),
        (
            lambda a: {**a, "transformer.h.0.attn.c_attn.bias": np.ones(49, np.float32)},
            r"attention.q.bias has the shape \(49,\); the architecture says \(16,\)",
        ),
        (lambda a: {**a, "transformer.ln_f.bias": np.array(1, np.float32)}, r"the shape \(\)"),
    ],
)
def test_arrays_that_are_wrong_are_refused(folder, change, message):
    rewrite(folder, change)
    with pytest.raises(UnsupportedModel, match=message):
        load_model(folder)


@both
@pytest.mark.parametrize("end", ["x", {}, [0, None]])
def test_an_end_token_that_is_none_is_refused(folder, end):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token_id": end}))
    with pytest.raises(UnsupportedModel, match="tokenizer.json: the end token .* is no token id"):
        load_model(folder)


@pytest.mark.parametrize("name", ["gpt2"])
def test_a_head_that_repeats_the_token_table_is_tied(folder):
    rewrite(folder, lambda a: {**a, "lm_head.weight": a["transformer.wte.weight"]})
    assert_equals_transformers(load_model(folder), "gpt2")


@both
def test_what_lies_beside_the_weights(folder, name):
    (folder / "tokenizer.json").unlink()
    assert load_model(folder / "model.safetensors").tokenizer is None
    for damaged in ("{", "[" * 10**5):
        (folder / "tokenizer.json").write_text(damaged)
        with pytest.raises(UnsupportedModel, match="tokenizer.json: it is not valid JSON"):
            load_model(folder)
    (folder / "config.json").unlink()
    with pytest.raises(ModelFileError, match="needs its config.json beside it"):
        load_model(folder)


@pytest.mark.parametrize("name", ["gpt2"])
def test_weights_in_several_files_are_loaded_from_any_of_them(folder, name):
    whole, arrays = load_model(folder), load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    parts = [folder / f"model-0000{i + 1}-of-00002.safetensors" for i in range(2)]
    for i, part in enumerate(parts):
        save_file({key: arrays[key] for key in sorted(arrays)[i::2]}, part)
    weight_map = {key: parts[i % 2].name for i, key in enumerate(sorted(arrays))}
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    for path in (folder, index, parts[1]):
        params, config, _ = load_model(path)
        assert config == whole.config
        found = flatten(params)
        for key, array in flatten(whole.params).items():
            np.testing.assert_array_equal(found[key], array)


# ------------------------------------------------------------------ our own layout


def random_model(config=TINY, tokenizer=None, seed=0) -> Model:
    """Return a model of random numbers."""
    return Model(random_params(config, seed), config, tokenizer)


def assert_same(a: Model, b: Model, tolerance: float = 0) -> None:
    """Insist on the same arrays in the same order, and the same architecture."""
    ours, theirs = flatten(a.params), flatten(b.params)
    assert list(ours) == list(theirs)
    for name, array in ours.items():
        assert theirs[name].dtype == np.float32 and theirs[name].flags.writeable
        assert np.abs(array - theirs[name]).max() <= tolerance
    assert a.config == b.config


CONFIGS = [
    TINY,
    replace(TINY, tied=False, window=5, local_layers=(1,)),
    ModelConfig(n_layers=1, d_model=6, n_heads=2, d_ff=7, vocab_size=5, n_ctx=3),
    replace(TINY, experts=Experts(n_experts=4, n_active=2, d_ff=8)),
]


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 0), ("float16", 2e-3)])
def test_what_was_saved_is_loaded(tmp_path, config, dtype, tolerance):
    path = tmp_path / "model.safetensors"
    model = random_model(config)
    save_model(path, model, dtype)
    assert_same(model, load_model(path), tolerance)
    assert load_model(path).tokenizer is None
    assert os.listdir(tmp_path) == [path.name]


def test_notes_are_kept_and_replace_nothing(tmp_path):
    path, notes = tmp_path / "model.safetensors", {"license": "CC BY 4.0", "config": "{}"}
    save_model(path, random_model(), **notes)
    assert read_arrays(path)[1]["license"] == "CC BY 4.0"
    assert load_model(path).config == TINY


def test_the_tokenizer_is_saved_too(tmp_path):
    tokenizer = train_bpe(passage(), 300)
    special = Tokenizer([*tokenizer.vocabulary, "<|灯|>"], tokenizer.ranks, "gpt-2", {300}, {300})
    save_model(tmp_path / "a.safetensors", random_model(tokenizer=special))
    loaded = load_model(tmp_path / "a.safetensors").tokenizer
    assert loaded.encode("The keeper<|灯|>!") == special.encode("The keeper<|灯|>!")
    assert tokenizer_as_json(loaded) == tokenizer_as_json(special)


def test_a_model_that_is_not_one_is_not_saved(tmp_path):
    path = tmp_path / "a.safetensors"
    save_model(path, random_model())
    before = path.read_bytes()
    wrong = flatten(random_model().params)
    wrong["final_norm.gain"] = np.full(32, 1e6, np.float32)
    with pytest.raises(UnsupportedModel, match="final_norm.gain holds a number that is not finite"):
        save_model(path, Model(nest(wrong), TINY, None), "float16")
    del wrong["final_norm.gain"]
    with pytest.raises(UnsupportedModel, match="final_norm.gain .* is missing"):
        save_model(path, Model(nest(wrong), TINY, None))
    with pytest.raises(ValueError, match="dtype is 'int8'; it can be float32 or float16"):
        save_model(path, random_model(), "int8")
    with pytest.raises(UnsupportedModel, match="tokenizer of the type Characters cannot be saved"):
        save_model(path, random_model(tokenizer=Characters("abc")))
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]


def test_an_interruption_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    save_model(path, random_model())
    before = path.read_bytes()

    def interrupted(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_model(path, random_model(seed=1))
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(sys.platform == "win32", reason="rights are of another kind there")
def test_everybody_may_read_what_was_saved(tmp_path):
    save_model(tmp_path / "a.safetensors", random_model())
    assert (tmp_path / "a.safetensors").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("place", ["folder", "nowhere/a.safetensors"])
def test_a_place_that_cannot_be_written_is_named(tmp_path, place):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=f"{place} cannot be written: "):
        save_model(tmp_path / place, random_model())
    assert os.listdir(tmp_path) == ["folder"]


def test_arrays_are_saved_in_the_order_of_their_rows(tmp_path):
    rows = np.arange(6.0).reshape(2, 3)
    save_arrays(tmp_path / "a", {"columns first": np.asfortranarray(rows), "turned": rows.T}, {})
    arrays, _ = read_arrays(tmp_path / "a")
    assert (arrays["columns first"] == rows).all() and (arrays["turned"] == rows.T).all()


def damage(path: Path, at: int) -> None:
    """Flip one bit."""
    with open(path, "r+b") as file:
        file.seek(at, os.SEEK_SET if at >= 0 else os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def test_damage_is_noticed(tmp_path):
    path = tmp_path / "a.safetensors"
    save_model(path, random_model())
    whole = path.read_bytes()
    for at in (-1, -5000, -20_000):
        damage(path, at)
        with pytest.raises(
            UnsupportedModel, match="its content is not what was saved: it is damaged"
        ):
            load_model(path)
        path.write_bytes(whole)
    path.write_bytes(whole[:-10])
    with pytest.raises(UnsupportedModel, match="a.safetensors: .*cut off or damaged"):
        load_model(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"paramlab": "1"}, "its layout has the version '1'; '3' is known here"),
        ({"config": "{}"}, "its config lacks a size"),
        ({"config": "[]"}, r"its config is \[\]; it must be an object"),
        ({"config": "[" * 10**5}, "its config is not valid JSON"),
        ({"config": '{"flavor.sweet": 1}'}, "its config holds unknown fields: .*flavor"),
        (
            {"config": json.dumps(TINY.to_flat() | {"n_heads": 5})},
            "its config is not .*n_heads 5",
        ),
        ({"config": json.dumps(TINY.to_flat() | {"d_ff": 65})}, "the architecture says"),
        ({"config": json.dumps(TINY.to_flat() | {"flavor": 1})}, "unknown fields: .*flavor"),
        ({"tokenizer": "{}"}, "its tokenizer is not one"),
        ({"tokenizer": "no"}, "its tokenizer is not one"),
        ({"checksum": "0"}, "it is damaged"),
    ],
)
def test_metadata_that_are_wrong_are_refused(tmp_path, change, message):
    path = tmp_path / "a.safetensors"
    model = random_model()
    flat = flatten(model.params)
    right = {"paramlab": "3", "config": json.dumps(TINY.to_flat())}
    save_file(flat, path, right | {"checksum": checksum(flat, right)})
    assert_same(model, load_model(path))
    wrong = right | change
    save_file(flat, path, {"checksum": checksum(flat, wrong)} | wrong)
    with pytest.raises(UnsupportedModel, match=f"a.safetensors: .*{message}"):
        load_model(path)


def test_a_checksum_sees_every_change():
    numbers = np.random.default_rng(0).normal(size=50_000).astype(np.float32)
    first, second, rest = np.split(numbers, (2**13, 2**14))
    cancelling = numbers.copy()
    cancelling.view(np.uint32)[:2] += np.array([1, -1]).astype(np.uint32)
    found = [
        checksum({"a": numbers}, {"b": "c"}),
        checksum({"a": np.concatenate((second, first, rest))}, {"b": "c"}),
        checksum({"a": cancelling}, {"b": "c"}),
        checksum({"a": numbers.reshape(5, -1)}, {"b": "c"}),
        checksum({"a": numbers.view(np.int32)}, {"b": "c"}),
        checksum({"a": numbers[:-1]}, {"b": "c"}),
        checksum({"a": first, "aa": second}, {"b": "c"}),
        checksum({"b": numbers}, {"b": "c"}),
        checksum({"a": numbers}, {"b": "d"}),
        checksum({"a": numbers}, {"bc": ""}),
        checksum({"a": numbers}, {}),
    ]
    assert len(set(found)) == len(found)
    assert found[0] == checksum({"a": numbers}, {"b": "c"})


@pytest.mark.parametrize("name", ["config", "license", "tokenizer"])
def test_a_changed_text_is_noticed(tmp_path, name):
    """A config that is valid, but not the one that was saved, would run and give nonsense."""
    path = tmp_path / "a.safetensors"
    save_model(path, random_model(), license="MIT")
    arrays, texts = read_arrays(path)
    other = {"config": json.dumps(TINY.to_flat() | {"n_ctx": 8}), "license": "BSD"}
    save_file(arrays, path, texts | {name: other.get(name, "{}")})
    with pytest.raises(UnsupportedModel, match="its content is not what was saved: it is damaged"):
        load_model(path)


# ------------------------------------------------------------------ ready arrays


@pytest.fixture
def ready(tmp_path, monkeypatch) -> Path:
    """Let the real model be a tiny one, and the cache an empty folder; return the ready file."""
    write_gguf(tmp_path / "tiny.gguf")
    monkeypatch.setenv("PARAMLAB_MODEL", str(tmp_path / "tiny.gguf"))
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME" if sys.platform != "win32" else "LOCALAPPDATA", str(folder))
    return folder / "paramlab" / "smollm2-135m-ready.safetensors"


def refuse(path):
    """Stand in for reading the source where it must not be read."""
    raise AssertionError("the source was read")


def test_the_second_load_maps_what_the_first_stored(ready, monkeypatch):
    first = load_model()
    assert os.listdir(ready.parent) == [ready.name]
    monkeypatch.setattr(load, "_load_file", refuse)
    assert_same(first, load_model())


def test_what_reads_the_same_input_lies_side_by_side_when_first_loaded_and_when_mapped(ready):
    for model in (load_model(), load_model()):
        for block in model.params["blocks"]:
            weights = {**block["attention"], **block["mlp"]}
            for names in (("q", "k", "v"), ("gate", "up")):
                assert side_by_side([weights[name]["weight"] for name in names]) is not None


def test_a_ready_file_of_other_widths_is_made_again(ready, monkeypatch):
    first = load_model()
    arrays, metadata = read_arrays(ready)
    wider = {n: np.repeat(a, 2, axis=1) if ".qkv." in n else a for n, a in arrays.items()}
    save_arrays(ready, wider, metadata)
    assert_same(first, load_model())


def test_writing_into_mapped_arrays_changes_no_file(ready):
    first, stored = load_model(), ready.read_bytes()
    mapped = load_model()
    for array in flatten(mapped.params).values():
        array[...] = 7
    assert ready.read_bytes() == stored
    assert_same(first, load_model())
    assert (mapped.params["final_norm"]["gain"] == 7).all()


@pytest.mark.parametrize("spoil", ["bit", "cut", "empty", "words", "other layout"])
def test_a_ready_file_that_is_damaged_is_made_again(ready, spoil, monkeypatch):
    first, whole = load_model(), ready.read_bytes()
    if spoil == "bit":
        damage(ready, -1234)
    elif spoil == "other layout":
        save_model(ready, random_model(), source="another file")
    else:
        ready.write_bytes({"cut": whole[:-1], "empty": b"", "words": b"not a model"}[spoil])
    assert_same(first, load_model())
    monkeypatch.setattr(load, "_load_file", refuse)
    assert_same(first, load_model())


def test_a_source_that_was_replaced_is_read_again(ready):
    first = load_model()
    source = Path(os.environ["PARAMLAB_MODEL"])
    damage(source, -3)
    os.utime(source, ns=(0, 0))
    assert not np.array_equal(
        flatten(load_model().params)["final_norm.gain"], flatten(first.params)["final_norm.gain"]
    )


def test_a_cache_that_cannot_be_written_is_done_without(ready):
    ready.parent.parent.write_text("a file where the folder should be")
    assert_same(load_model(), load_model())


def test_a_disk_that_is_full_is_done_without(ready, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    load_model()
    assert os.listdir(ready.parent) == []


def test_two_first_loads_at_once_do_not_disturb_each_other(ready):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(load_model, ["smollm2-135m"] * 2)
    assert_same(first, second)
    assert_same(first, load_model())
    assert os.listdir(ready.parent) == [ready.name]


# ------------------------------------------------------------------ the real model


def test_the_real_file_has_its_134515008_numbers(real):
    params, config, tokenizer = real
    assert sum(array.size for array in flatten(params).values()) == 134_515_008
    assert (config.n_layers, config.d_model, config.n_heads, config.n_kv_heads) == (30, 576, 9, 3)
    assert config.tied and "head" not in params
    assert tokenizer.encode("The capital of France is") == [504, 3575, 282, 4649, 314]
    assert [tokenizer.decode([i]) for i in tokenizer.end_tokens] == ["<|im_end|>"]


@pytest.mark.slow
def test_ready_arrays_are_those_of_the_file(real):
    # If this fails, reading changed: raise _READY_VERSION.
    assert_same(load._load_file(model_path()), real)


@pytest.mark.slow
def test_the_perplexity_of_the_passage_equals_that_of_torch(real):
    oracle = json.loads((ORACLES / "real_model.json").read_text())["passage"]
    tokens = real.tokenizer.encode(passage())
    assert len(tokens) == oracle["n_tokens"]
    assert exp(loss(real.params, real.config, tokens)) == pytest.approx(
        oracle["perplexity"], abs=1e-3
    )
