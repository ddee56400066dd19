"""Weight files of every kind: parts, folders, packed weights, names that are not known here."""

import json
import re
import struct
import time

import gguf
import numpy as np
import pytest
import weight_files as files
from gguf.constants import GGMLQuantizationType
from paramlab.cli import main
from paramlab.errors import UnsupportedModel
from paramlab.files.source import Counted, CountedTensors, count_any, count_source
from paramlab.params import count
from safetensors.numpy import save_file

N_LLAMA = files.n_numbers(files.LLAMA_HF)
LLAMA_CONFIG = {
    "model_type": "llama", "num_hidden_layers": files.L, "hidden_size": files.D,
    "num_attention_heads": files.N, "num_key_value_heads": files.K,
    "intermediate_size": files.F, "vocab_size": files.V, "max_position_embeddings": files.T,
    "tie_word_embeddings": False,
}  # fmt: skip
# Names of no family that is known by its names; 2 x 4 x 6 + 6 numbers.
OTHER = {f"backbone.layers.{i}.mixer.in.weight": (4, 6) for i in range(2)} | {"backbone.n": (6,)}


def write_config(folder, **fields):
    (folder / "config.json").write_text(json.dumps(fields))


def write_shards(folder, arrays, n=3, index=True, stem="model", metadata=None):
    """Write arrays into n files, in turn, and perhaps their index; return the first file."""
    paths = [folder / f"{stem}-{i:05}-of-{n:05}.safetensors" for i in range(1, n + 1)]
    names = sorted(arrays)
    for i, path in enumerate(paths):
        save_file({name: arrays[name] for name in names[i::n]}, path, metadata={"format": "pt"})
    if index:
        weight_map = {name: paths[i % n].name for i, name in enumerate(names)}
        text = json.dumps({"metadata": metadata or {}, "weight_map": weight_map})
        (folder / f"{stem}.safetensors.index.json").write_text(text)
    return paths[0]


def write_split_gguf(folder, kind, arrays, n=3, **sizes):
    """Write arrays into the n parts of a split file as llama.cpp does; return them."""
    names, paths = list(arrays), []
    for i in range(n):
        path = folder / f"tiny-{i + 1:05}-of-{n:05}.gguf"
        writer = gguf.GGUFWriter(path, kind)
        if i == 0:
            writer.add_name("tiny")
            for key, value in sizes.items():
                writer.add_uint32(f"{kind}.{key}", value)
        writer.add_uint16("split.no", i)
        writer.add_uint16("split.count", n)
        writer.add_int32("split.tensors.count", len(arrays))
        for name in names[i::n]:
            writer.add_tensor(name, arrays[name])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        paths.append(path)
    return paths


# ------------------------------------------------------------------ GGUF of any architecture


def write_gguf(path, kind, arrays, types=None, **metadata):
    """Write a GGUF file of any architecture; some tensors in other types."""
    writer = gguf.GGUFWriter(path, kind)
    for key, value in metadata.items():
        key = key.replace("__", ".")
        (writer.add_uint32 if isinstance(value, int) else writer.add_string)(key, value)
    for name, array in arrays.items():
        kind_of = (types or {}).get(name)
        if kind_of is None:
            writer.add_tensor(name, array)
        else:
            packed = gguf.quants.quantize(array, kind_of)
            writer.add_tensor(name, packed, raw_dtype=kind_of)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_gguf_file_of_any_architecture_is_counted_by_type(tmp_path):
    shapes = {"token_embd.weight": (5, 64), "blk.0.ssm_in.weight": (3, 64), "blk.0.ssm_a": (7,)}
    types = {
        "token_embd.weight": GGMLQuantizationType.Q8_0,
        "blk.0.ssm_in.weight": GGMLQuantizationType.Q4_0,
    }
    path = write_gguf(tmp_path / "a.gguf", "mamba", files.random_arrays(shapes), types)
    found = count_any(str(path))
    assert isinstance(found, CountedTensors) and found.count.total == files.n_numbers(shapes)
    by_type = {name: (s.parameters, s.n_bytes) for name, s in found.count.by_type.items()}
    # A block of 32 takes 34 bytes in Q8_0 and 18 in Q4_0.
    assert by_type == {"Q8_0": (320, 340), "Q4_0": (192, 108), "F32": (7, 28)}
    reader = gguf.GGUFReader(path)
    assert found.count.total == sum(int(t.n_elements) for t in reader.tensors)
    assert found.count.n_bytes == sum(int(t.n_bytes) for t in reader.tensors)


def test_what_is_no_parameter_by_its_name_is_listed_apart(tmp_path):
    shapes = {
        "token_embd.weight": (5, 8), "rope_freqs.weight": (4,),
        "rope_factors_long.weight": (3,), "rope_factors_short.weight": (3,),
        "blk.1.exp_probs_b.bias": (2,), "blk.0.attn_q.scale": (1,),
    }  # fmt: skip
    arrays = files.random_arrays(shapes) | {"blk.0.tid2eid.weight": np.ones((2, 3), np.int32)}
    found = count_any(str(write_gguf(tmp_path / "a.gguf", "deepseek2", arrays))).count
    assert found.total == 40
    assert {kind: s.parameters for kind, s in found.beside.items()} == {"buffers": 18, "scales": 1}


def test_a_head_stored_again_is_counted_once_and_halves_of_a_map_too(tmp_path):
    arrays = files.random_arrays(
        {"token_embd.weight": (5, 8), "blk.0.attn_kv_b.weight": (7, 4),
         "blk.0.attn_k_b.weight": (2, 4, 2), "blk.0.attn_v_b.weight": (2, 3, 2)}
    )  # fmt: skip
    arrays["output.weight"] = arrays["token_embd.weight"]
    found = count_any(str(write_gguf(tmp_path / "a.gguf", "deepseek2", arrays))).count
    assert (found.total, found.beside["tied"].parameters) == (40 + 28, 40 + 28)
    arrays["output.weight"] = arrays["token_embd.weight"] + 1
    untied = count_any(str(write_gguf(tmp_path / "b.gguf", "deepseek2", arrays))).count
    assert untied.total == 40 + 28 + 40


def test_a_head_in_another_type_is_its_own_or_refused_where_it_used_to_be_a_copy(tmp_path):
    arrays = files.random_arrays({"token_embd.weight": (5, 32)})
    arrays["output.weight"] = arrays["token_embd.weight"]
    types = {"output.weight": GGMLQuantizationType.Q8_0}
    found = count_any(str(write_gguf(tmp_path / "a.gguf", "qwen2", arrays, types)))
    assert found.count.total == 320 and any("another type" in note for note in found.notes)
    path = write_gguf(tmp_path / "b.gguf", "mpt", arrays, types)
    with pytest.raises(UnsupportedModel, match="may repeat the token table"):
        count_any(str(path))


def test_a_mixture_in_a_llama_file_is_counted_by_type(tmp_path):
    experts = {"blk.0.ffn_gate_inp.weight": (2, files.D)}
    arrays = files.random_arrays(files.LLAMA_GGUF | experts)
    path = files.write_gguf(tmp_path / "a.gguf", "llama", arrays, expert_count=2)
    assert count_any(str(path)).count.total == files.n_numbers(files.LLAMA_GGUF | experts)
    with pytest.raises(UnsupportedModel, match="a mixture of experts"):
        count_source(str(path))


@pytest.mark.parametrize(
    ("metadata", "arrays", "reason"),
    [
        ({"general__type": "adapter"}, {"a": (2, 2)}, "it holds no model: .* 'adapter'"),
        ({}, {}, "it holds no weights"),
        ({}, {"rope_freqs.weight": (4,)}, "it holds no weights"),
    ],
)
def test_a_gguf_file_that_holds_no_model_is_refused(tmp_path, metadata, arrays, reason):
    path = write_gguf(tmp_path / "a.gguf", "qwen2", files.random_arrays(arrays), **metadata)
    with pytest.raises(UnsupportedModel, match=reason):
        count_any(str(path))


def test_blocks_that_predict_further_tokens_are_named(tmp_path):
    metadata = {"glm4moe__nextn_predict_layers": 1}
    arrays = files.random_arrays({"token_embd.weight": (5, 8)})
    found = count_any(str(write_gguf(tmp_path / "a.gguf", "glm4moe", arrays, **metadata)))
    assert "the last 1 blocks predict further tokens and are counted too" in found.notes


# ------------------------------------------------------------------ several files


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_the_parts_of_a_split_file_are_added_up_from_any_of_them(tmp_path, kind):
    arrays = files.random_arrays(files.LLAMA_GGUF)
    sizes = {
        "block_count": files.L, "context_length": files.T, "embedding_length": files.D,
        "feed_forward_length": files.F, "attention.head_count": files.N,
        "attention.head_count_kv": files.K,
    }  # fmt: skip
    paths = write_split_gguf(tmp_path, kind, arrays, **sizes)
    for path in (*paths, tmp_path):
        found = count_any(str(path))
        assert found.count.total == files.n_numbers(files.LLAMA_GGUF)
        assert isinstance(found, Counted if kind == "llama" else CountedTensors)
    paths[1].unlink()
    with pytest.raises(UnsupportedModel, match="'tiny-00002-of-00003.gguf', one of the 3 files"):
        count_any(str(paths[0]))


def test_parts_that_list_other_tensors_are_refused(tmp_path):
    arrays = files.random_arrays(files.LLAMA_GGUF)
    paths = write_split_gguf(tmp_path, "qwen2", arrays, n=2)
    write_split_gguf(tmp_path, "qwen2", {"x": np.ones(3, np.float32)}, n=3)[0].rename(paths[1])
    with pytest.raises(UnsupportedModel, match="its 2 parts hold .* but list"):
        count_any(str(paths[0]))


@pytest.mark.parametrize("index", [True, False])
def test_shards_are_added_up_from_any_name_of_the_model(tmp_path, index):
    first = write_shards(tmp_path, files.random_arrays(files.LLAMA_HF), index=index)
    named = [first, tmp_path, *tmp_path.glob("*.index.json")]
    for path in named:
        alone = count_any(str(path))
        assert alone.count.total == N_LLAMA and not alone.heads_known
        assert alone.notes == ("no config.json lies beside it to compare with",)
    write_config(tmp_path, **LLAMA_CONFIG)
    for path in named:
        compared = count_any(str(path))
        assert compared.count == alone.count and compared.config.n_heads == files.N
        assert compared.notes == ("the config.json beside it describes as many parameters",)


def test_a_config_that_describes_another_number_is_said(tmp_path):
    first = write_shards(tmp_path, files.random_arrays(files.LLAMA_HF))
    write_config(tmp_path, **LLAMA_CONFIG | {"vocab_size": files.V + 1})
    found = count_any(str(first))
    n = N_LLAMA + 2 * files.D
    assert found.count.total == N_LLAMA and not found.heads_known
    assert found.notes == (
        f"the config.json beside it describes {n:,}: the weights are {2 * files.D} fewer",
    )
    write_config(tmp_path, model_type="no-such")
    (note,) = count_any(str(first)).notes
    assert "not counted here: the model type 'no-such' is not known here" in note


@pytest.mark.parametrize("index", [True, False])
def test_a_missing_shard_is_named(tmp_path, index):
    first = write_shards(tmp_path, files.random_arrays(files.LLAMA_HF), index=index)
    (tmp_path / "model-00003-of-00003.safetensors").unlink()
    with pytest.raises(UnsupportedModel, match="'model-00003-of-00003.safetensors', one of the 3"):
        count_any(str(first))


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"total_size": 6_000}, "; the index alone tells 6,000 bytes, 3,000 numbers of 16 bits"),
        ({"total_size": "6000"}, "is missing beside it"),
        ({"total_size": -1}, "is missing beside it"),
    ],
)
def test_an_index_without_its_files_tells_the_size_that_it_holds(tmp_path, metadata, told):
    first = write_shards(tmp_path, files.random_arrays(files.LLAMA_HF), metadata=metadata)
    first.unlink()
    with pytest.raises(UnsupportedModel, match=re.escape(told) + "$"):
        count_any(str(tmp_path / "model.safetensors.index.json"))


BAD_INDEX = {
    "of nothing": ({"weight_map": {}}, "no weight_map"),
    "a list": ({"weight_map": ["a"]}, "no weight_map"),
    "a number": ({"weight_map": {"a": 1}}, "it names 1, which is no file beside it"),
    "above": ({"weight_map": {"a": "../x.safetensors"}}, "no file beside it"),
    "elsewhere": ({"weight_map": {"a": "/etc/x.safetensors"}}, "no file beside it"),
    "of pickles": ({"weight_map": {"a": "pytorch_model-1.bin"}}, "can run code when it is opened"),
    "of others": ({"weight_map": {"a": "x.txt"}}, "which is no .safetensors file"),
    "more": ({"weight_map": {"a": "m.safetensors", "b": "m.safetensors"}}, "no file holds .* 'b'"),
    "fewer": ({"weight_map": {"b": "m.safetensors"}}, "does not name tensor 'a'"),
}


@pytest.mark.parametrize("case", BAD_INDEX)
def test_an_index_that_is_none_or_says_something_else_is_refused(tmp_path, case):
    fields, reason = BAD_INDEX[case]
    save_file({"a": np.ones(3, np.float32)}, tmp_path / "m.safetensors")
    path = tmp_path / "m.safetensors.index.json"
    path.write_text(json.dumps(fields))
    with pytest.raises(UnsupportedModel, match=reason):
        count_any(str(path))


def test_a_tensor_in_two_files_is_refused(tmp_path):
    for name in ("x-1-of-2.safetensors", "x-2-of-2.safetensors"):
        save_file({"a": np.ones(3, np.float32)}, tmp_path / name)
    with pytest.raises(UnsupportedModel, match="two of its files hold tensor 'a'"):
        count_any(str(tmp_path / "x-1-of-2.safetensors"))


@pytest.mark.parametrize("name", ["x-0-of-2.safetensors", "x-3-of-2.gguf"])
def test_a_part_that_cannot_be_is_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(UnsupportedModel, match="there is no part"):
        count_any(str(tmp_path / name))


# ------------------------------------------------------------------ folders, and pickles


def test_a_folder_without_weights_counts_its_config(tmp_path):
    write_config(tmp_path, **LLAMA_CONFIG)
    (tmp_path / "pytorch_model.bin").touch()
    found = count_source(str(tmp_path))
    assert (found.count.total, found.basis, found.name) == (N_LLAMA, "config", tmp_path.name)
    assert found.notes[0] == "it holds no .safetensors or .gguf file"


def test_a_folder_with_nothing_or_several_models_is_refused(tmp_path):
    with pytest.raises(UnsupportedModel, match="it holds no .safetensors"):
        count_any(str(tmp_path))
    for name in "ab":
        save_file({"w": np.ones(3, np.float32)}, tmp_path / f"{name}.safetensors")
    with pytest.raises(UnsupportedModel, match="such as 'a.safetensors' and 'b.safetensors'"):
        count_any(str(tmp_path))
    save_file({"w": np.ones(3, np.float32)}, tmp_path / "model.safetensors")
    assert count_any(str(tmp_path)).count.total == 3


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".PTH", ".ckpt"])
def test_a_pickle_is_never_opened(tmp_path, suffix):
    path = tmp_path / f"pytorch_model{suffix}"
    path.write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(UnsupportedModel, match="can run code when it is opened.* config.json"):
        count_any(str(path))


# ------------------------------------------------------------------ safetensors of other families


def test_tensors_with_unknown_names_are_counted_by_type(tmp_path):
    arrays = files.random_arrays(OTHER)
    arrays["backbone.n"] = arrays["backbone.n"].astype(np.float16)
    save_file(arrays, tmp_path / "a.safetensors")
    found = count_any(str(tmp_path / "a.safetensors"))
    by_type = {name: (s.parameters, s.n_bytes) for name, s in found.count.by_type.items()}
    assert by_type == {"F32": (48, 192), "F16": (6, 12)}
    with pytest.raises(UnsupportedModel, match="is not part of an architecture known here"):
        count_source(str(tmp_path / "a.safetensors"))


def test_a_config_of_as_many_parameters_lends_its_parts(tmp_path):
    renamed = {f"renamed.{name}": a for name, a in files.random_arrays(files.LLAMA_HF).items()}
    save_file(renamed, tmp_path / "model.safetensors")
    write_config(tmp_path, **LLAMA_CONFIG)
    found = count_source(str(tmp_path))
    assert found.count == count(found.config) and found.count.total == N_LLAMA
    assert found.basis == "weights" and found.config.n_heads == files.N
    write_config(tmp_path, **LLAMA_CONFIG | {"vocab_size": files.V + 1})
    found = count_any(str(tmp_path))
    assert isinstance(found, CountedTensors) and found.count.total == N_LLAMA


def test_a_family_with_names_like_those_of_llama_is_told_by_its_config(tmp_path):
    norms = {
        f"model.layers.{i}.self_attn.{part}_norm.weight": (files.D // files.N,)
        for i in range(files.L)
        for part in "qk"
    }
    save_file(files.random_arrays(files.LLAMA_HF | norms), tmp_path / "model.safetensors")
    n = N_LLAMA + files.L * 2 * files.D // files.N
    alone = count_any(str(tmp_path))
    assert isinstance(alone, CountedTensors) and alone.count.total == n
    write_config(tmp_path, **LLAMA_CONFIG | {"model_type": "qwen3", "head_dim": 4})
    found = count_source(str(tmp_path))
    assert found.count.total == n and found.config.qk_norm == "head"


def test_a_family_without_an_array_of_llama_is_told_by_its_config(tmp_path):
    shapes = {k: v for k, v in files.LLAMA_HF.items() if "post_attention" not in k}
    del shapes["lm_head.weight"]  # the one norm of a block stands before both
    save_file(files.random_arrays(shapes), tmp_path / "model.safetensors")
    with pytest.raises(UnsupportedModel, match="mlp_norm"):
        count_any(str(tmp_path))
    fields = LLAMA_CONFIG | {"model_type": "cohere", "tie_word_embeddings": True}
    write_config(tmp_path, **fields)
    assert count_source(str(tmp_path)).count.total == files.n_numbers(shapes)
    write_config(tmp_path, **fields | {"vocab_size": 2 * files.V})
    found = count_any(str(tmp_path))
    assert found.count.total == files.n_numbers(shapes)
    assert found.notes[-1].endswith(f"the weights are {files.V * files.D:,} fewer")


def test_buffers_masks_and_copied_tables_of_other_families_are_no_parameters(tmp_path):
    arrays = files.random_arrays(
        {"gpt_neox.embed_in.weight": (5, 4), "gpt_neox.layers.0.attention.bias": (1, 1, 3, 3),
         "gpt_neox.layers.0.attention.rotary_emb.inv_freq": (2,),
         "gpt_neox.layers.0.attention.dense.bias": (4,)}
    )  # fmt: skip
    arrays["embed_out.weight"] = arrays["gpt_neox.embed_in.weight"]
    arrays["gpt_neox.layers.0.same.weight"] = arrays["gpt_neox.embed_in.weight"]  # not outside
    arrays["position_ids"] = np.arange(3)
    save_file(arrays, tmp_path / "a.safetensors")
    found = count_any(str(tmp_path / "a.safetensors")).count
    assert found.total == 20 + 4 + 20
    beside = {kind: s.parameters for kind, s in found.beside.items()}
    assert beside == {"buffers": 9 + 2 + 3, "tied": 20}


def write_packed(folder, arrays, **quantization):
    save_file(arrays, folder / "model.safetensors")
    write_config(folder, model_type="no-such", quantization_config=quantization)
    return count_any(str(folder / "model.safetensors")).count


def zeros(kind, **shapes):
    return {name.replace("__", "."): np.zeros(shape, kind) for name, shape in shapes.items()}


GROUPS = {"group_0": {"weights": {"num_bits": 4, "group_size": 32}}}
# Each is a map from 64 to 16, and 16 numbers that are not packed.
PACKINGS = {
    "gptq": (
        zeros(np.int32, x__qweight=(8, 16), x__qzeros=(2, 2), x__g_idx=64)
        | zeros(np.float16, x__scales=(2, 16)),
        {"quant_method": "gptq", "bits": 4, "group_size": 32},
    ),
    "gptq, 3 bits": (
        zeros(np.int32, x__qweight=(6, 16)) | zeros(np.float16, x__scales=(2, 16)),
        {"quant_method": "gptq", "bits": 3, "group_size": 32},
    ),
    "awq": (
        zeros(np.int32, x__qweight=(64, 2), x__qzeros=(2, 2))
        | zeros(np.float16, x__scales=(2, 16)),
        {"quant_method": "awq", "bits": 4, "group_size": 32},
    ),
    "mxfp4": (
        zeros(np.uint8, x_blocks=(16, 2, 16), x_scales=(16, 2)),
        {"quant_method": "mxfp4"},
    ),
    "mlx": (
        zeros(np.uint32, x__weight=(16, 8))
        | zeros(np.float16, x__scales=(16, 2), x__biases=(16, 2)),
        {"bits": 4, "group_size": 32},
    ),
    "mlx, its own bits": (
        zeros(np.uint32, x__weight=(16, 16))
        | zeros(np.float16, x__scales=(16, 1), x__biases=(16, 1)),
        {"bits": 4, "group_size": 32, "x": {"bits": 8, "group_size": 64}},
    ),
    "bitsandbytes": (
        {"x.weight.quant_state.bitsandbytes__nf4": np.zeros(70, np.uint8)}
        | zeros(np.uint8, x__weight=(512, 1))
        | zeros(np.float32, x__weight__absmax=16, x__weight__quant_map=16),
        {"quant_method": "bitsandbytes", "load_in_4bit": True},
    ),
    "bitsandbytes, 8 bits": (
        zeros(np.int8, x__weight=(16, 64)) | zeros(np.float32, x__SCB=16)
        | zeros(np.uint8, x__weight_format=()),
        {"quant_method": "bitsandbytes", "load_in_8bit": True},
    ),
    "modelopt": (
        zeros(np.uint8, x__weight=(16, 32), x__weight_scale=(16, 4))
        | zeros(np.float32, x__weight_scale_2=(), x__input_scale=()),
        {"quant_method": "modelopt", "quant_algo": "NVFP4"},
    ),
    "compressed-tensors": (
        zeros(np.int32, x__weight_packed=(16, 8)) | zeros(np.int64, x__weight_shape=2)
        | zeros(np.float16, x__weight_scale=(16, 2)),
        {"quant_method": "compressed-tensors", "config_groups": GROUPS},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PACKINGS)
def test_packed_weights_count_as_the_weights_they_stand_for(tmp_path, case):
    arrays, quantization = PACKINGS[case]
    found = write_packed(tmp_path, arrays | zeros(np.float16, norm=16), **quantization)
    assert found.total == 64 * 16 + 16
    n_beside = sum(array.size for name, array in arrays.items() if name not in
                   ("x.qweight", "x_blocks", "x.weight", "x.weight_packed"))  # fmt: skip
    assert {kind: s.parameters for kind, s in found.beside.items()} == {"scales": n_beside}


def test_weights_of_8_bits_in_floating_point_count_one_each(tmp_path):
    path = tmp_path / "model.safetensors"
    entries = {
        "x.weight": {"dtype": "F8_E4M3", "shape": [4, 8], "data_offsets": [0, 32]},
        "x.weight_scale_inv": {"dtype": "F32", "shape": [1, 1], "data_offsets": [32, 36]},
    }
    header = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(36))
    with pytest.raises(UnsupportedModel, match="'x.weight' is stored as F8_E4M3; what it stands"):
        count_any(str(path))
    write_config(tmp_path, model_type="x", quantization_config={"quant_method": "fp8"})
    found = count_any(str(path)).count
    assert (found.total, found.beside["scales"].parameters) == (32, 1)


@pytest.mark.parametrize(
    "quantization",
    [
        {}, {"quant_method": "no-such"}, {"quant_method": ["gptq"]}, {"quant_method": "gptq"},
        {"quant_method": "gptq", "bits": "4"}, {"quant_method": "gptq", "bits": 0},
        {"quant_method": "gptq", "bits": 8, "group_size": 32},  # the scales say 4
        {"quant_method": "gptq", "bits": 2, "group_size": 32},
        {"quant_method": "gptq", "bits": 4, "dynamic": {"x": {"bits": 8}}},
    ],
    ids=str,
)  # fmt: skip
def test_a_packing_that_is_not_told_or_contradicts_the_scales_is_refused(tmp_path, quantization):
    with pytest.raises(UnsupportedModel, match=r"'x\.\w+' (is stored as I32|is packed|would)"):
        write_packed(tmp_path, PACKINGS["gptq"][0], **quantization)


# ------------------------------------------------------------------ how it is told


def test_json_keeps_its_names_and_text_says_bits(tmp_path, capsys):
    shapes = {"backbone.weight": (5, 64), "rope_freqs.weight": (4,)}
    types = {"backbone.weight": GGMLQuantizationType.Q4_0}
    path = write_gguf(tmp_path / "a.gguf", "gemma3", files.random_arrays(shapes), types)
    assert main(["count", "--json", "gpt2-small", str(path)]) == 0
    known, found = json.loads(capsys.readouterr().out)
    assert known.keys() <= found.keys()
    assert (found["total"], found["components"], found["buffers"]) == (320, {"Q4_0": 320}, 4)
    assert found["active"] is None and found["weight"] is None and found["basis"] == "weights"
    assert main(["count", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].split() == ["Q4_0", "1", "320", "100.0%", "180", "4.500"]
    assert "architecture: 'gemma3'" in lines
    assert main(["count", "--by", "role", str(path)]) == 2
    assert "cannot be split by role" in capsys.readouterr().err
    assert main(["cost", str(path)]) == 2
    assert "architecture 'gemma3' is not known here" in capsys.readouterr().err


def test_nothing_of_a_file_reaches_the_terminal_unescaped(tmp_path, capsys):
    evil = "\x1b[2J\u202e"
    write_gguf(tmp_path / "a.gguf", evil, files.random_arrays({"w": (3,)}), general__name=evil)
    save_file({evil: np.ones(3, np.int32)}, tmp_path / "b.safetensors")
    index = {"weight_map": {evil: f"{evil}.safetensors"}}
    (tmp_path / "c.safetensors.index.json").write_text(json.dumps(index))
    write_config(tmp_path, model_type=evil, quantization_config={"quant_method": evil})
    for path in sorted(tmp_path.iterdir()):
        main(["count", str(path)])
        told = "".join(capsys.readouterr())
        assert told and told.replace("\n", "").isprintable(), path.name


def test_a_header_of_a_thousand_tensors_is_counted_at_once(tmp_path):
    arrays = {f"t.{i}.weight": np.full((4, 4), i, np.float32) for i in range(700)}
    arrays |= {f"table_{i}": np.full((4, 4), i, np.float32) for i in range(300)}
    save_file(arrays, tmp_path / "a.safetensors")
    write_gguf(tmp_path / "a.gguf", "x", arrays)
    for name in ("a.safetensors", "a.gguf"):
        start = time.perf_counter()
        assert count_any(str(tmp_path / name)).count.total == 16_000
        assert time.perf_counter() - start < 1  # 0.03 s on an idle machine


@pytest.mark.slow
def test_changed_or_cut_files_are_counted_or_refused_in_one_sentence(tmp_path, capsys):
    arrays = files.random_arrays({"token_embd.weight": (5, 8), "blk.0.x.weight": (3, 8)})
    packed = PACKINGS["gptq"]
    save_file(packed[0], tmp_path / "b.safetensors")
    write_config(tmp_path, model_type="x", quantization_config=packed[1])
    write_shards(tmp_path, arrays, n=2, stem="c")
    originals = [
        write_gguf(tmp_path / "a.gguf", "qwen3", arrays), tmp_path / "b.safetensors",
        tmp_path / "c.safetensors.index.json", tmp_path / "config.json",
    ]  # fmt: skip
    random = np.random.default_rng(7)
    statuses = set()
    for path in originals:
        data = path.read_bytes()
        for _ in range(60):
            changed = bytearray(data)
            if random.random() < 0.2:
                del changed[random.integers(len(data)) :]
            for at in random.integers(0, len(changed) or 1, 2 if changed else 0):
                changed[at] = random.integers(256)
            path.write_bytes(changed)
            asked = path if path.name != "config.json" else tmp_path / "b.safetensors"
            status = main(["count", str(asked)])
            out, err = capsys.readouterr()
            statuses.add(status)
            assert (status, bool(out), err.count("\n")) in ((0, True, 0), (2, False, 1))
        path.write_bytes(data)
    assert statuses == {0, 2}
