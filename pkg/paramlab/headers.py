"""Read the headers of weight files, GGUF and safetensors: names, shapes and types, no weights.

These files come from strangers. Every number in them is checked against the file before it is
used, so a damaged or lying header costs one clear error, not memory.
"""

import json
import mmap
import struct
from math import prod
from pathlib import Path
from typing import Any, NamedTuple


class UnsupportedModel(ValueError):
    """The file is damaged, or holds something that this package does not know how to count."""


class Tensor(NamedTuple):
    """One tensor of a file: its name there, shape (rows first), type, and where its bytes lie."""

    name: str
    shape: tuple[int, ...]
    type_name: str
    offset: int  # in the file
    n_bytes: int


class Header(NamedTuple):
    """What a weight file says before its weights."""

    metadata: dict[str, Any]
    tensors: tuple[Tensor, ...]


# ------------------------------------------------------------------ GGUF

# Type number to (name, numbers in a block, bytes of a block), from ggml.h.
GGML_TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8),
    28: ("F64", 1, 8), 30: ("BF16", 1, 2), 39: ("MXFP4", 32, 17),
}  # fmt: skip
# Type number to struct code, for single values and for arrays of them.
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LARGEST_METADATA = 2**21  # array elements in all; the largest vocabularies need about half


def read_gguf(path: str | Path) -> Header:
    """Read the header of a GGUF file (version 2 or 3).

    Raises
    ------
    UnsupportedModel
        When the file is not GGUF, is truncated, or contradicts itself.
    """
    with _mapped(path) as data:
        reader = _GGUF(data)
        try:
            return reader.header()
        except (struct.error, UnicodeDecodeError, IndexError):
            raise UnsupportedModel(f"{path}: damaged or cut off near byte {reader.at:,}") from None
        except UnsupportedModel as error:
            raise UnsupportedModel(f"{path}: {error}") from None


class _GGUF:
    """A cursor over the bytes of a GGUF file."""

    def __init__(self, data):
        self.data, self.at, self.elements = data, 0, 0

    def header(self) -> Header:
        if self.data[:4] != b"GGUF":
            raise UnsupportedModel("not a GGUF file: it does not begin with the letters GGUF")
        self.at = 4
        version = self.number("I")
        if version not in (2, 3):
            raise UnsupportedModel(f"GGUF version {version} is not known here; versions 2 and 3 are")
        n_tensors, n_values = self.number("Q"), self.number("Q")
        metadata: dict[str, Any] = {}
        for _ in range(self.plausible(n_values, 13, "metadata entries")):
            key = self.string()
            metadata[key] = self.value(self.number("I"))
        listed = [self.tensor() for _ in range(self.plausible(n_tensors, 32, "tensors"))]
        alignment = metadata.get("general.alignment", 32)
        if type(alignment) is not int or alignment < 1:
            raise UnsupportedModel(f"general.alignment is {alignment!r}; it must be a positive number")
        start = -(-self.at // alignment) * alignment
        tensors = tuple(t._replace(offset=start + t.offset) for t in listed)
        _check_tensors(tensors, len(self.data))
        return Header(metadata, tensors)

    def number(self, code: str):
        (value,) = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize("<" + code)
        return value

    def string(self) -> str:
        n = self.plausible(self.number("Q"), 1, "characters")
        self.at += n
        return self.data[self.at - n : self.at].decode()

    def value(self, kind: int):
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            return self.array()
        if kind not in _NUMBERS:
            raise UnsupportedModel(f"metadata type {kind} is not known here")
        return self.number(_NUMBERS[kind])

    def array(self):
        kind, n = self.number("I"), self.number("Q")
        self.elements += n
        if self.elements > _LARGEST_METADATA:
            raise UnsupportedModel(f"its metadata lists {self.elements:,} values, more than any vocabulary needs")
        if kind == _STRING:
            return [self.string() for _ in range(self.plausible(n, 8, "strings"))]
        if kind not in _NUMBERS:
            raise UnsupportedModel(f"an array of metadata type {kind} is not known here")
        code = "B" if _NUMBERS[kind] == "?" else _NUMBERS[kind]
        n_bytes = n * struct.calcsize("<" + code)
        self.plausible(n_bytes, 1, "bytes")
        self.at += n_bytes
        return list(struct.unpack_from(f"<{n}{code}", self.data, self.at - n_bytes))

    def tensor(self) -> Tensor:
        name = self.string()
        n_dims = self.number("I")
        if not 1 <= n_dims <= 4:
            raise UnsupportedModel(f"tensor {name!r} has {n_dims} dimensions; GGUF allows 1 to 4")
        # GGUF lists the fastest dimension first; NumPy lists it last.
        shape = tuple(self.number("Q") for _ in range(n_dims))[::-1]
        kind, offset = self.number("I"), self.number("Q")
        if kind not in GGML_TYPES:
            raise UnsupportedModel(f"tensor {name!r} has the storage type {kind}, which is not known here")
        type_name, per_block, block_bytes = GGML_TYPES[kind]
        if not all(shape) or shape[-1] % per_block:
            raise UnsupportedModel(f"tensor {name!r} has rows of {shape[-1]} numbers; {type_name} stores {per_block} at a time")
        return Tensor(name, shape, type_name, offset, prod(shape) // per_block * block_bytes)

    def plausible(self, n: int, least_bytes: int, what: str) -> int:
        """Return ``n`` if that many items of at least so many bytes can still follow."""
        if n * least_bytes > len(self.data) - self.at:
            raise UnsupportedModel(f"it announces {n:,} {what} where only {len(self.data) - self.at:,} bytes are left")
        return n


def _check_tensors(tensors: tuple[Tensor, ...], file_bytes: int) -> None:
    end = 0
    for tensor in sorted(tensors, key=lambda t: t.offset):
        if tensor.offset < end:
            raise UnsupportedModel(f"tensor {tensor.name!r} overlaps the one before it")
        end = tensor.offset + tensor.n_bytes
        if end > file_bytes:
            raise UnsupportedModel(
                f"tensor {tensor.name!r} ends at byte {end:,}, but the file has {file_bytes:,}: it is cut off or damaged"
            )
    if len({t.name for t in tensors}) < len(tensors):
        raise UnsupportedModel("two tensors have the same name")


# ------------------------------------------------------------------ safetensors

_SAFETENSORS_BYTES = {
    "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2,
    "U16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip
LARGEST_JSON_BYTES = 10_000_000


def read_safetensors(path: str | Path) -> Header:
    """Read the header of a safetensors file.

    Raises
    ------
    UnsupportedModel
        When the header is not valid, or does not describe exactly the bytes of the file.
    """
    try:
        with open(path, "rb") as file:
            file_bytes = file.seek(0, 2)
            file.seek(0)
            n = int.from_bytes(file.read(8), "little")
            if file_bytes < 8 or n > min(file_bytes - 8, LARGEST_JSON_BYTES):
                raise UnsupportedModel(f"not a safetensors file: its header of {n:,} bytes does not fit")
            header = read_json(file.read(n))
        metadata = header.pop("__metadata__", {})
        tensors = tuple(_safetensor(name, entry, 8 + n) for name, entry in header.items())
        _check_tensors(tensors, file_bytes)
        if sum(t.n_bytes for t in tensors) != file_bytes - 8 - n:
            raise UnsupportedModel("its tensors do not fill the file: it is cut off, too long or damaged")
        return Header(metadata if isinstance(metadata, dict) else {}, tensors)
    except UnsupportedModel as error:
        raise UnsupportedModel(f"{path}: {error}") from None


def _safetensor(name: str, entry: Any, start: int) -> Tensor:
    try:
        type_name, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        n_bytes = prod(shape) * _SAFETENSORS_BYTES[type_name]
        whole = all(type(n) is int and n >= 0 for n in (*shape, begin, end))
    except (TypeError, KeyError, ValueError):
        raise UnsupportedModel(f"its entry for tensor {name!r} is damaged or of an unknown type") from None
    if not whole or end - begin != n_bytes:
        raise UnsupportedModel(f"tensor {name!r} of shape {list(shape)} does not fill its bytes {begin} to {end}")
    return Tensor(name, shape, type_name, start + begin, n_bytes)


# ------------------------------------------------------------------ JSON and bytes


def read_json(data: bytes) -> dict[str, Any]:
    """Parse a JSON object; a key that occurs twice is an error, not a choice."""
    if len(data) > LARGEST_JSON_BYTES:
        raise UnsupportedModel("it is larger than any configuration")
    try:
        parsed = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        if isinstance(error, UnsupportedModel):
            raise
        raise UnsupportedModel("it is not valid JSON") from None
    if not isinstance(parsed, dict):
        raise UnsupportedModel("it holds no JSON object")
    return parsed


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise UnsupportedModel(f"the key {twice!r} occurs twice")
    return result


def _mapped(path: str | Path) -> mmap.mmap:
    with open(path, "rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:
            raise UnsupportedModel(f"{path}: it is empty") from None
