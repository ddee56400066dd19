"""Read the headers of weight files, GGUF and safetensors: names, shapes and types, no weights.

These files come from strangers. Every number in them is checked against the file before it is
used, so a damaged or lying header costs one clear error, not memory.
"""

import mmap
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import prod
from typing import IO, Any, NamedTuple

PathLike = str | os.PathLike[str]


class UnsupportedModel(ValueError):
    """The file is damaged, or holds something that this package does not know how to count."""


@contextmanager
def errors_about(path: PathLike) -> Iterator[None]:
    """Begin the message of every :class:`UnsupportedModel` with the file it is about."""
    try:
        yield
    except UnsupportedModel as error:
        raise UnsupportedModel(f"{os.fspath(path)}: {error}") from None


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

# Type number to (name, numbers in a block, bytes of a block), from ggml-common.h.
GGML_TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210), 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}  # fmt: skip
# Type number to struct code, for single values and for arrays of them.
_NUMBERS = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9
_SIZE = struct.Struct("<Q")
# More than any published file needs, and little enough for 200 MB and a second.
_LARGEST_HEADER_BYTES = 2**25  # the vocabulary of Gemma 3 takes about 10 MB
_MOST_ENTRIES = 2**15  # metadata keys, or tensors
_MOST_VALUES = 2**20  # in arrays, together; the vocabulary of gpt-oss has 850,000


def read_gguf(path: PathLike) -> Header:
    """Read the header of a GGUF file (version 2 or 3).

    Raises
    ------
    UnsupportedModel
        When the file is not GGUF, is cut off, or contradicts itself.
    OSError
        When the file cannot be read.
    """
    with errors_about(path), open_file(path) as file, _mapped(file) as data:
        reader = _GGUF(data)
        try:
            return reader.header()
        except (struct.error, UnicodeDecodeError):
            raise UnsupportedModel(f"damaged or cut off near byte {reader.at:,}") from None


class _GGUF:
    """A cursor over the bytes of a GGUF file."""

    def __init__(self, data):
        self.data, self.at, self.n_values = data, 0, 0
        self.end = min(len(data), _LARGEST_HEADER_BYTES)

    def header(self) -> Header:
        if self.data[:4] != b"GGUF":
            raise UnsupportedModel("not a GGUF file: it does not begin with the letters GGUF")
        self.at = 4
        version = self.number("I")
        if version not in (2, 3):
            raise UnsupportedModel(f"GGUF version {version} is not known here; 2 and 3 are")
        n_tensors, n_entries = self.number("Q"), self.number("Q")
        metadata = self.metadata(n_entries)
        listed = [self.tensor() for _ in range(self.plausible(n_tensors, 32, "tensors"))]
        alignment = metadata.get("general.alignment", 32)
        if type(alignment) is not int or alignment < 1:
            raise UnsupportedModel("general.alignment must be positive")
        start = _padded(self.at, alignment)
        tensors = tuple(t._replace(offset=start + t.offset) for t in listed)
        _check_packing(tensors, start, len(self.data), alignment)
        return Header(metadata, tensors)

    def metadata(self, n_entries: int) -> dict[str, Any]:
        metadata: dict[str, Any] = {}
        for _ in range(self.plausible(n_entries, 13, "metadata entries")):
            key = self.string()
            if key in metadata:
                raise UnsupportedModel(f"the metadata key {key!r} occurs twice")
            metadata[key] = self.value(self.number("I"))
        return metadata

    def number(self, code: str):
        (value,) = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize("<" + code)
        return value

    def string(self) -> str:
        (text,) = self.strings(1)
        return text

    def strings(self, n: int) -> list[str]:
        # A vocabulary has some 100,000 of them, so this loop does as little as possible.
        data, at, end, size = self.data, self.at, self.end, _SIZE.unpack_from
        found = []
        for _ in range(n):
            (n_bytes,) = size(data, at)
            first, at = at + 8, at + 8 + n_bytes
            if at > end:
                raise UnsupportedModel(
                    f"a text of {n_bytes:,} bytes does not fit at byte {first:,}"
                )
            found.append(data[first:at].decode())
        self.at = at
        return found

    def value(self, kind: int):
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            return self.array()
        if kind not in _NUMBERS:
            raise UnsupportedModel(f"metadata type {kind} is not known here")
        return self.number(_NUMBERS[kind])

    def array(self) -> list:
        kind, n = self.number("I"), self.number("Q")
        self.n_values += n
        if self.n_values > _MOST_VALUES:
            raise UnsupportedModel(f"it lists {n:,} values, more than any vocabulary needs")
        if kind == _STRING:
            return self.strings(n)
        if kind not in _NUMBERS:
            raise UnsupportedModel(f"an array of metadata type {kind} is not known here")
        values = struct.unpack_from(f"<{n}{_NUMBERS[kind]}", self.data, self.at)
        self.at += n * struct.calcsize(_NUMBERS[kind])
        return list(values)

    def tensor(self) -> Tensor:
        name = self.string()
        n_dims = self.number("I")
        if not 1 <= n_dims <= 4:
            raise UnsupportedModel(f"tensor {name!r} has {n_dims} dimensions; GGUF allows 1 to 4")
        # GGUF lists the fastest dimension first; NumPy lists it last.
        shape = tuple(self.number("Q") for _ in range(n_dims))[::-1]
        kind, offset = self.number("I"), self.number("Q")
        if kind not in GGML_TYPES:
            raise UnsupportedModel(f"tensor {name!r} has storage type {kind}, not known here")
        type_name, per_block, block_bytes = GGML_TYPES[kind]
        if not all(shape) or shape[-1] % per_block:
            raise UnsupportedModel(
                f"tensor {name!r} has shape {shape}; {type_name} stores {per_block} at a time"
            )
        return Tensor(name, shape, type_name, offset, prod(shape) // per_block * block_bytes)

    def plausible(self, n: int, least_bytes: int, what: str) -> int:
        """Return ``n`` if that many items of at least so many bytes can still follow."""
        left = self.end - self.at
        if n > _MOST_ENTRIES or n * least_bytes > left:
            raise UnsupportedModel(
                f"it announces {n:,} {what}; only {left:,} bytes are left for them"
            )
        return n


def _check_packing(tensors: Iterable[Tensor], start: int, file_bytes: int, alignment: int) -> None:
    """Insist that the tensors follow one another from ``start`` to the end of the file.

    So a shape that is wrong cannot pass: its tensor would overlap the next one or leave a gap.
    """
    end = start
    names = set()
    for tensor in sorted(tensors, key=lambda t: (t.offset, t.n_bytes)):
        if tensor.name in names:
            raise UnsupportedModel(f"two tensors have the name {tensor.name!r}")
        names.add(tensor.name)
        if tensor.offset != end:
            raise UnsupportedModel(
                f"tensor {tensor.name!r} lies at byte {tensor.offset:,}, where {end:,} was expected"
            )
        end = tensor.offset + tensor.n_bytes
        if end > file_bytes:
            raise UnsupportedModel(
                f"tensor {tensor.name!r} ends at byte {end:,}, but the file has {file_bytes:,}: "
                "it is cut off or damaged"
            )
        end = _padded(end, alignment)
    if file_bytes > end:
        raise UnsupportedModel(f"no tensor owns its bytes from {end:,} to {file_bytes:,}")


def _padded(n: int, alignment: int) -> int:
    return -(-n // alignment) * alignment


# ------------------------------------------------------------------ safetensors

_SAFETENSORS_BYTES = {
    "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2,
    "U16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip
_MOST_DIMENSIONS = 8


def read_safetensors(path: PathLike) -> Header:
    """Read the header of a safetensors file.

    Raises
    ------
    UnsupportedModel
        When the header is not valid, or does not describe exactly the bytes of the file.
    OSError
        When the file cannot be read.
    """
    with errors_about(path), open_file(path) as file:
        file_bytes = file.seek(0, os.SEEK_END)
        file.seek(0)
        n = int.from_bytes(file.read(8), "little")
        if file_bytes < 8 or n > min(file_bytes - 8, LARGEST_JSON_BYTES):
            raise UnsupportedModel(f"not a safetensors file: a header of {n:,} bytes does not fit")
        entries = read_json(file.read(n))
        metadata = entries.pop("__metadata__", {})
        if not isinstance(metadata, dict):
            raise UnsupportedModel("its __metadata__ is not a JSON object")
        tensors = tuple(_safetensor(name, entry, 8 + n) for name, entry in entries.items())
        _check_packing(tensors, 8 + n, file_bytes, alignment=1)
        return Header(metadata, tensors)


def _safetensor(name: str, entry: Any, start: int) -> Tensor:
    try:
        type_name, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        number_bytes = _SAFETENSORS_BYTES[type_name]
        whole = all(type(n) is int and 0 <= n < 2**63 for n in (*shape, begin, end))
    except (TypeError, KeyError, ValueError):
        raise UnsupportedModel(
            f"the entry of tensor {name!r} is damaged or not known here"
        ) from None
    if not isinstance(shape, list) or len(shape) > _MOST_DIMENSIONS or not whole:
        raise UnsupportedModel(f"tensor {name!r} has a shape or offsets that are not sizes")
    n_bytes = prod(shape) * number_bytes
    if end - begin != n_bytes:
        raise UnsupportedModel(
            f"tensor {name!r} of shape {shape} needs {n_bytes:,} bytes, not {begin:,} to {end:,}"
        )
    return Tensor(name, tuple(shape), type_name, start + begin, n_bytes)


# ------------------------------------------------------------------ JSON and bytes

LARGEST_JSON_BYTES = 4_000_000


def read_json(data: bytes) -> dict[str, Any]:
    """Parse a JSON object; a key that occurs twice is an error, not a choice.

    Raises
    ------
    UnsupportedModel
        When it is anything else, or larger than any configuration.
    """
    import json  # here, because counting a catalog entry should not wait for it

    if len(data) > LARGEST_JSON_BYTES:
        raise UnsupportedModel(
            f"it is larger than any configuration ({LARGEST_JSON_BYTES:,} bytes)"
        )
    try:
        parsed = json.loads(data, object_pairs_hook=_unique)
    except UnsupportedModel:
        raise
    except (ValueError, RecursionError):
        raise UnsupportedModel("it is not valid JSON") from None
    if not isinstance(parsed, dict):
        raise UnsupportedModel("it holds no JSON object")
    return parsed


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise UnsupportedModel(f"the key {name!r} occurs twice")
        result[name] = value
    return result


def open_file(path: PathLike) -> IO[bytes]:
    """Open a file for reading; not a pipe or a device, which could keep the reader waiting."""
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise UnsupportedModel("it is not a regular file")
    return open(path, "rb")


def _mapped(file: IO[bytes]) -> mmap.mmap:
    try:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:
        raise UnsupportedModel("it is empty") from None


def same_bytes(path: PathLike, a: Tensor, b: Tensor) -> bool:
    """Whether two tensors of a file hold the same bytes, type and shape."""
    if (a.shape, a.type_name, a.n_bytes) != (b.shape, b.type_name, b.n_bytes):
        return False
    with open_file(path) as file:
        return all(
            _read_at(file, a.offset + at, min(_CHUNK, a.n_bytes - at))
            == _read_at(file, b.offset + at, min(_CHUNK, b.n_bytes - at))
            for at in range(0, a.n_bytes, _CHUNK)
        )


def _read_at(file: IO[bytes], offset: int, n_bytes: int) -> bytes:
    file.seek(offset)
    return file.read(n_bytes)


_CHUNK = 2**20
