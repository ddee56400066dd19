import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
import weight_files as files
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from paramlab.errors import UnsupportedModel
from paramlab.files.gguf import GGML_TYPES, read_gguf
from paramlab.files.layout import read_json, same_bytes
from paramlab.files.safetensors import read_safetensors
from paramlab.files.source import count_source
from safetensors import safe_open

on_files = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


def tiny(shapes):
    """Return the arrays of a model small enough to damage it at every byte."""
    smaller = {files.V: 5, files.D: 4, files.D // 2: 2, files.F: 6, files.T: 3, 3 * files.D: 12}
    return files.random_arrays(
        {
            name: tuple(smaller.get(n, n) for n in shape)
            for name, shape in shapes.items()
            if not re.search(r"(blk|layers|h)\.1\.", name)
        }
    )


SIZES = {
    "block_count": 1, "context_length": 3, "embedding_length": 4, "feed_forward_length": 6,
    "attention.head_count": 2,
}  # fmt: skip
KINDS = ("llama.gguf", "gpt2.gguf", "llama.safetensors", "gpt2.safetensors")


@pytest.fixture(scope="module")
def valid(folder):
    """Return the bytes of one tiny valid file of each kind, and the number of its parameters."""
    paths = {
        "llama.gguf": files.write_gguf(
            folder / "llama.gguf", "llama", tiny(files.LLAMA_GGUF),
            **SIZES, **{"attention.head_count_kv": 1},
        ),
        "gpt2.gguf": files.write_gguf(folder / "gpt2.gguf", "gpt2", tiny(files.GPT2_GGUF), **SIZES),
        "llama.safetensors": files.write_safetensors(
            folder / "llama.safetensors", tiny(files.LLAMA_HF)
        ),
        "gpt2.safetensors": files.write_safetensors(
            folder / "gpt2.safetensors", tiny(files.GPT2_HF)
        ),
    }  # fmt: skip
    return {
        kind: (path.read_bytes(), count_source(str(path)).count) for kind, path in paths.items()
    }


def outcome(path: Path):
    """Return the count of a damaged file, or None if it was refused; nothing else may happen."""
    try:
        return count_source(str(path)).count
    except UnsupportedModel as error:
        assert str(error).startswith(f"{path}: ")
        return None


def outcome_of(folder: Path, kind: str, data: bytes):
    path = folder / f"damaged.{kind}"
    path.write_bytes(data)
    return outcome(path)


# ------------------------------------------------------------------ what other readers read


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_gguf_headers_read_as_the_gguf_library_reads_them(tmp_path, kind):
    arrays = files.random_arrays(getattr(files, f"{kind.upper()}_GGUF"))
    path = files.write_gguf(tmp_path / "a.gguf", kind, arrays)
    header, reader = read_gguf(path), gguf.GGUFReader(path)
    assert [(t.name, t.shape[::-1], t.type_name, t.offset, t.n_bytes) for t in header.tensors] == [
        (t.name, tuple(map(int, t.shape)), t.tensor_type.name, t.data_offset, t.n_bytes)
        for t in reader.tensors
    ]
    own = {"GGUF.version", "GGUF.tensor_count", "GGUF.kv_count"}  # the library's, not the file's
    theirs = {key: field.contents() for key, field in reader.fields.items() if key not in own}
    assert header.metadata == theirs


def test_safetensors_headers_read_as_the_safetensors_library_reads_them(tmp_path):
    arrays = files.random_arrays(files.LLAMA_HF)
    path = files.write_safetensors(tmp_path / "a.safetensors", arrays)
    header = read_safetensors(path)
    with safe_open(path, "np") as theirs:
        assert {t.name: t.shape for t in header.tensors} == {
            name: tuple(theirs.get_slice(name).get_shape()) for name in theirs.keys()
        }
        assert header.metadata == theirs.metadata()
    data = path.read_bytes()
    for tensor in header.tensors:
        assert data[tensor.offset :][: tensor.n_bytes] == arrays[tensor.name].tobytes()


def test_every_kind_of_metadata_reads_as_it_was_written(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "a.gguf", "llama")
    written = {
        "uint8": 255, "int8": -128, "uint16": 65535, "int16": -32768, "uint32": 2**32 - 1,
        "int32": -(2**31), "uint64": 2**64 - 1, "int64": -(2**63), "float32": 0.5,
        "float64": 1e300, "bool": True, "string": "光",
    }  # fmt: skip
    for kind, value in written.items():
        getattr(writer, f"add_{kind}")(f"a.{kind}", value)
    arrays = {
        "texts": ["", "ä", "<s>"],
        "numbers": [1, 2, 3],
        "reals": [0.5, 1.5],
        "truths": [True],
    }
    for name, values in arrays.items():
        writer.add_array(f"a.{name}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    metadata = read_gguf(tmp_path / "a.gguf").metadata
    assert metadata == {
        "general.architecture": "llama",
        **{f"a.{name}": value for name, value in (written | arrays).items()},
    }


def test_storage_types_are_those_of_the_gguf_library():
    for number, (name, per_block, block_bytes) in GGML_TYPES.items():
        kind = GGMLQuantizationType(number)
        assert (kind.name, *GGML_QUANT_SIZES[kind]) == (name, per_block, block_bytes)


def test_quantized_tensors_take_the_bytes_of_their_blocks(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "a.gguf", "llama")
    data = gguf.quants.quantize(np.ones((3, 64), np.float32), GGMLQuantizationType.Q4_0)
    writer.add_tensor("token_embd.weight", data, raw_dtype=GGMLQuantizationType.Q4_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (tensor,) = read_gguf(tmp_path / "a.gguf").tensors
    assert (tensor.shape, tensor.type_name, tensor.n_bytes) == ((3, 64), "Q4_0", 3 * 2 * 18)


def test_same_bytes_compares_type_shape_and_bytes(tmp_path):
    one = np.arange(6, dtype=np.float32)
    arrays = {"a": one, "b": one.copy(), "c": one.reshape(2, 3), "d": one + 1}
    path = files.write_safetensors(tmp_path / "a.safetensors", arrays)
    tensors = {t.name: t for t in read_safetensors(path).tensors}
    equal = [name for name in "abcd" if same_bytes(tensors["a"], tensors[name])]
    assert equal == ["a", "b"]


# ------------------------------------------------------------------ damage


def worthwhile(kind: str, data: bytes) -> list[int]:
    """Return every byte of the header, and some of the weights, which all mean the same."""
    marker = b"output_norm." if kind.endswith("gguf") else b"}}"
    end = data.rindex(marker) + 64
    return [*range(end), *range(end, len(data), 64)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_off_anywhere_is_refused(folder, valid, kind):
    data, counted = valid[kind]
    padding = len(data) - len(data.rstrip(b"\0")) if kind.endswith("gguf") else 0
    path = folder / f"cut.{kind}"
    path.write_bytes(data)
    for n in reversed(worthwhile(kind, data)):
        os.truncate(path, n)
        found = outcome(path)
        # Only the padding after the last tensor of a GGUF file may be missing.
        assert found is None or (len(data) - n <= padding and found == counted), n


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_byte_is_refused_or_changes_no_number(folder, valid, kind):
    data, counted = valid[kind]
    random = np.random.default_rng(0)
    path = folder / f"changed.{kind}"
    path.write_bytes(data)
    with open(path, "r+b", buffering=0) as file:
        for at in worthwhile(kind, data):
            file.seek(at)
            file.write(bytes([data[at] ^ 1 << random.integers(8)]))
            assert outcome(path) in (None, counted), at
            file.seek(at)
            file.write(data[at : at + 1])


@pytest.mark.parametrize("kind", KINDS)
@on_files
@given(data=st.data())
def test_several_kinds_of_damage_at_once(folder, valid, kind, data):
    damaged, counted = bytearray(valid[kind][0]), valid[kind][1]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        match data.draw(st.sampled_from(["set", "insert", "delete", "size", "copy"])):
            case "set":
                damaged[at] = data.draw(st.integers(0, 255))
            case "insert":
                damaged[at:at] = data.draw(st.binary(min_size=1, max_size=9))
            case "delete":
                del damaged[at : at + data.draw(st.integers(1, 9))]
            case "size":
                n = data.draw(st.sampled_from([0, 1, 2**31, 2**32, 2**62, 2**63, 2**64 - 1]))
                damaged[at : at + 8] = struct.pack("<Q", n)
            case "copy":
                n = data.draw(st.integers(1, 60))
                damaged[at : at + n] = damaged[at // 2 : at // 2 + n]
        damaged = damaged or bytearray(1)
    assert outcome_of(folder, kind, bytes(damaged)) in (None, counted)


@pytest.mark.parametrize("kind", ["x.gguf", "x.safetensors", "x.json"])
@on_files
@given(st.binary(max_size=200), st.sampled_from([b"", b"GGUF", b"GGUF\3\0\0\0", b"{", b"\2"]))
@example(b"", b"")
def test_bytes_that_are_no_model_are_refused(folder, kind, noise, start):
    assert outcome_of(folder, kind, start + noise) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


@on_files
@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "__metadata__"]),
        json_values
        | st.fixed_dictionaries(
            {
                "dtype": st.sampled_from(["F32", "BF16", "I8", "F33", 7, None, []]),
                "shape": json_values | st.lists(st.integers(-1, 4) | st.just(2**62), max_size=3),
                "data_offsets": json_values | st.tuples(st.integers(-1, 9), st.integers(-1, 99)),
            }
        ),
    )
)
def test_any_json_header_of_safetensors_is_read_or_refused(folder, header):
    text = json.dumps(header).encode()
    path = folder / "any.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(8))
    try:
        tensors = read_safetensors(path).tensors
    except UnsupportedModel:
        return
    assert sum(tensor.n_bytes for tensor in tensors) == 8


# ------------------------------------------------------------------ lies, one by one


def gguf_bytes(n_tensors=0, n_entries=0, body=b"", version=3, order="<"):
    return b"GGUF" + struct.pack(order + "IQQ", version, n_tensors, n_entries) + body


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def entry(key: bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def listed(name: bytes, shape, kind=0, offset=0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def one_entry(key: bytes, kind: int, value: bytes) -> bytes:
    return gguf_bytes(n_entries=1, body=entry(key, kind, value))


def one_tensor(*shape: int, n_bytes: int = 64, **options: int) -> bytes:
    return gguf_bytes(n_tensors=1, body=listed(b"a", shape, **options) + bytes(n_bytes))


def array_of(kind: int, n: int, body: bytes = b"") -> bytes:
    return one_entry(b"a", 9, struct.pack("<IQ", kind, n) + body)


# Each with the reason for which it must be refused.
GGUF_LIES = {
    "empty": (b"", "it is empty"),
    "other letters": (b"GGML" + bytes(60), "does not begin with the letters GGUF"),
    "only letters": (b"GGUF", "damaged or cut off near byte 4"),
    "version 1": (gguf_bytes(version=1), "version 1 is not known"),
    "version 4": (gguf_bytes(version=4), "version 4 is not known"),
    "big-endian": (gguf_bytes(order=">"), "version 50331648 is not known"),
    "many tensors": (gguf_bytes(n_tensors=2**64 - 1), "announces 18,446,744,073,709,551,615"),
    "many entries": (gguf_bytes(n_entries=2**15, body=bytes(100)), "announces 32,768 metadata"),
    "more than any": (gguf_bytes(n_entries=2**15 + 1, body=bytes(2**20)), "announces 32,769"),
    "long key": (gguf_bytes(0, 1, struct.pack("<Q", 2**63) + bytes(50)), "does not fit"),
    "unknown type": (one_entry(b"a", 13, bytes(8)), "metadata type 13 is not known"),
    "array in array": (array_of(9, 1), "array of metadata type 9 is not known"),
    "long array": (array_of(10, 2**61), "more than any vocabulary"),
    "longer array than any": (array_of(0, 2**20 + 1, bytes(2**20 + 1)), "more than any vocabulary"),
    "array past the end": (array_of(4, 99), "damaged or cut off"),
    "texts past the end": (array_of(8, 99), "damaged or cut off"),
    "same key twice": (gguf_bytes(n_entries=2, body=2 * entry(b"a", 0, b"\1")), "'a' occurs twice"),
    "not UTF-8": (one_entry(b"\xff\xfe", 0, b"\1"), "damaged or cut off"),
    "no dimensions": (one_tensor(), "has 0 dimensions"),
    "five dimensions": (one_tensor(1, 1, 1, 1, 1), "has 5 dimensions"),
    "zero": (one_tensor(4, 0), "has shape"),
    "overflow": (one_tensor(2**62, 2**62, 4), "ends at byte"),
    "four numbers and 2**62 times 4": (one_tensor(2**62 + 1, 4), "ends at byte"),
    "unknown storage": (one_tensor(4, kind=99), "storage type 99"),
    "part of a block": (one_tensor(33, kind=2), "stores 32 at a time"),
    "offset past the end": (one_tensor(4, offset=2**63), "was expected"),
    "overlap": (
        gguf_bytes(n_tensors=2, body=listed(b"a", (8,)) + listed(b"b", (8,)) + bytes(128)),
        "'b' lies at byte 96, where 128 was expected",
    ),
    "gap": (one_tensor(8, offset=32, n_bytes=96), "lies at byte 96, where 64 was expected"),
    "too long": (one_tensor(8, n_bytes=96), "no tensor owns"),
    "same name twice": (
        gguf_bytes(2, body=listed(b"a", (8,)) + listed(b"a", (8,), offset=32) + bytes(80)),
        "two tensors have the name 'a'",
    ),
    "alignment 0": (one_entry(b"general.alignment", 4, bytes(4)), "alignment must be positive"),
    "alignment true": (one_entry(b"general.alignment", 7, b"\1"), "alignment must be positive"),
}  # fmt: skip


@pytest.mark.parametrize("lie", GGUF_LIES)
def test_lying_gguf_headers_are_refused(tmp_path, lie):
    data, reason = GGUF_LIES[lie]
    path = tmp_path / "lie.gguf"
    path.write_bytes(data)
    with pytest.raises(UnsupportedModel, match=re.escape(str(path)) + ": .*" + re.escape(reason)):
        read_gguf(path)


def tensor_entry(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


NO_SIZES, DAMAGED = "shape or offsets that are not sizes", "damaged or not known here"
# Header, bytes of weights, and the reason for which it must be refused.
SAFETENSORS_LIES = {
    "not an object": ([1, 2], 0, "no JSON object"),
    "entry is a number": ({"a": 4}, 0, DAMAGED),
    "entry is a list": ({"a": [1]}, 0, DAMAGED),
    "field missing": ({"a": {"dtype": "F32", "shape": [2]}}, 8, DAMAGED),
    "unknown type": ({"a": tensor_entry([2], 0, 8, "F31")}, 8, DAMAGED),
    "type is a list": ({"a": tensor_entry([2], 0, 8, ["F32"])}, 8, DAMAGED),
    "shape is a text": ({"a": tensor_entry("", 0, 4)}, 4, NO_SIZES),
    "shape is an object": ({"a": tensor_entry({}, 0, 4)}, 4, NO_SIZES),
    "shape is true": ({"a": tensor_entry([True], 0, 4)}, 4, NO_SIZES),
    "shape is a fraction": ({"a": tensor_entry([2.0], 0, 8)}, 8, NO_SIZES),
    "shape is negative": ({"a": tensor_entry([-1, -2], 0, 8)}, 8, NO_SIZES),
    "shape is not a number": ({"a": tensor_entry([float("nan")], 0, 4)}, 4, NO_SIZES),
    "shape overflows": ({"a": tensor_entry([2**62, 4], 0, 0)}, 0, "needs 73,786,976"),
    "too many dimensions": ({"a": tensor_entry([1] * 9, 0, 4)}, 4, NO_SIZES),
    "offsets reversed": ({"a": tensor_entry([2], 8, 0)}, 8, "needs 8 bytes, not 8 to 0"),
    "three offsets": (
        {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 8]}}, 8, DAMAGED,
    ),
    "offsets past the end": ({"a": tensor_entry([2], 0, 8)}, 4, "cut off or damaged"),
    "file too long": ({"a": tensor_entry([2], 0, 8)}, 12, "no tensor owns"),
    "gap": ({"a": tensor_entry([1], 0, 4), "b": tensor_entry([1], 8, 12)}, 12, "was expected"),
    "overlap": ({"a": tensor_entry([2], 0, 8), "b": tensor_entry([2], 4, 12)}, 12, "was expected"),
    "metadata is a list": ({"__metadata__": [1]}, 0, "__metadata__ is not"),
}  # fmt: skip


@pytest.mark.parametrize("lie", SAFETENSORS_LIES)
def test_lying_safetensors_headers_are_refused(tmp_path, lie):
    header, n_bytes, reason = SAFETENSORS_LIES[lie]
    written = json.dumps(header).encode()
    path = tmp_path / "lie.safetensors"
    path.write_bytes(struct.pack("<Q", len(written)) + written + bytes(n_bytes))
    with pytest.raises(UnsupportedModel, match=re.escape(str(path)) + ": .*" + re.escape(reason)):
        read_safetensors(path)


@pytest.mark.parametrize("n", [0, 7, 2**32, 2**64 - 1])
def test_a_safetensors_header_of_a_length_that_does_not_fit_is_refused(tmp_path, n):
    path = tmp_path / "lie.safetensors"
    path.write_bytes(struct.pack("<Q", n) + b"{}"[: n and 2])
    with pytest.raises(UnsupportedModel):
        read_safetensors(path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"a": 1,}', "not valid JSON"),
        (b'{"a": 01}', "not valid JSON"),
        (b"\xff\xfe{}", "not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (b"9" * 5000, "a number of thousands of digits"),
        (b'{"a":[' + b'{"":1},' * 300_000 + b"1]}", "lists more than any"),
        (b'{"a":[' + b"1," * 600_000 + b"1]}", "lists more than any"),
        (b"[]", "no JSON object"),
        (b"NaN", "no JSON object"),
        (b'{"a": 1, "a": 1}', "'a' occurs twice"),
        (b'{"b": {"a": 1, "c": 2, "a": 3}}', "'a' occurs twice"),
        (b" " * 4_000_001, "larger than any configuration"),
    ],
)
def test_json_that_is_not_one_object_is_refused(data, reason):
    with pytest.raises(UnsupportedModel, match=reason):
        read_json(data)


def test_json_nested_a_hundred_levels_is_only_json():
    assert read_json(b'{"a":' * 100 + b"1" + b"}" * 100)["a"]["a"]["a"]


# ------------------------------------------------------------------ what is not a file


@pytest.mark.parametrize("suffix", [".gguf", ".safetensors", ".json"])
def test_missing_files_folders_and_forbidden_files_are_os_errors(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    with pytest.raises(FileNotFoundError):
        count_source(str(path))
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        count_source(str(path))
    forbidden = tmp_path / f"forbidden{suffix}"
    forbidden.write_bytes(b"{}")
    forbidden.chmod(0)
    if os.access(forbidden, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(PermissionError):
        count_source(str(forbidden))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("suffix", [".gguf", ".safetensors", ".json"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path, suffix):
    path = tmp_path / f"pipe{suffix}"
    os.mkfifo(path)
    with pytest.raises(UnsupportedModel, match="not a regular file"):
        count_source(str(path))


# ------------------------------------------------------------------ one second and 200 MB


def many_texts():
    body = struct.pack("<IQ", 8, 2**20) + 2**20 * (text("🌱abcd".encode()))
    return gguf_bytes(n_entries=1, body=entry(b"a", 9, body))


def many_numbers():
    body = struct.pack("<IQ", 12, 2**20) + 2**20 * struct.pack("<d", 0.1)
    return gguf_bytes(n_entries=1, body=entry(b"a", 9, body))


def many_tensors():
    names = b"".join(listed(b"%d" % i, (8,), offset=32 * i) for i in range(2**15))
    return gguf_bytes(n_tensors=2**15, body=names + bytes(31) + bytes(32 * 2**15))


def safetensors_bytes(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header


HOSTILE = {
    "million-texts.gguf": many_texts,
    "million-numbers.gguf": many_numbers,
    "many-tensors.gguf": many_tensors,
    "long-text.gguf": lambda: gguf_bytes(1, 1, text("🌱".encode() + b"a" * 2**25)),
    "nested.gguf": lambda: gguf_bytes(
        n_entries=1, body=text(b"a") + struct.pack("<I", 9) + 10**5 * struct.pack("<IQ", 9, 1)
    ),
    "nested.json": lambda: b'{"a":' * 500_000,
    "brackets.json": lambda: b'{"a":[' + b"[]," * 1_300_000 + b"[]]}",
    "objects.json": lambda: b'{"a":[' + b"{}," * 1_300_000 + b"{}]}",
    "layers.json": lambda: b'{"model_type": "llama", "num_hidden_layers": 1000000000}',
    "dimensions.safetensors": lambda: safetensors_bytes(
        b'{"a":{"dtype":"F32","data_offsets":[0,1],"shape":[' + b"99," * 1_300_000 + b"9]}}"
    ),
    "digits.safetensors": lambda: safetensors_bytes(
        b'{"a":{"dtype":"F32","data_offsets":[0,1],"shape":[' + (b"9" * 4000 + b",") * 900 + b"9]}}"
    ),
}


# The peak of a child includes its parent's at the moment of the fork: so a small parent measures.
MEASURE = """
import json, resource, subprocess, sys
command = [sys.executable, "-m", "paramlab", "count", sys.argv[1]]
run = subprocess.run(command, capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
seconds, peak_bytes = used.ru_utime + used.ru_stime, used.ru_maxrss
peak_bytes *= 1 if sys.platform == "darwin" else 1024
print(json.dumps([run.returncode, run.stdout, run.stderr, seconds, peak_bytes]))
"""


def measured(path: Path):
    """Count a file in its own process; return its result, seconds of work and peak of bytes."""
    command = [sys.executable, "-c", MEASURE, path]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="the peak of a process is not known here")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_cost_less_than_a_second_and_200_megabytes(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(HOSTILE[name]())
    status, out, err, seconds, peak_bytes = measured(path)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert seconds < 1
    assert peak_bytes < 200e6


def test_a_block_count_that_lies_is_refused_before_anything_is_enumerated(tmp_path):
    arrays = files.random_arrays(files.LLAMA_GGUF)
    path = files.write_gguf(tmp_path / "a.gguf", "llama", arrays, block_count=10**5)
    with pytest.raises(UnsupportedModel, match="holds 2 layers, but .* describes 10"):
        count_source(str(path))
