"""GGUF files: the header, and the numbers when asked for."""

import os
import struct
from math import prod
from typing import TYPE_CHECKING, Any

from paramlab.errors import UnsupportedModel, errors_about, shown
from paramlab.files.layout import (
    Header,
    PathLike,
    StoredArray,
    check_packing,
    open_file,
    padded,
)

if TYPE_CHECKING:
    import numpy as np

# Type number to (name, numbers in a block, bytes of a block), from ggml-common.h.
GGML_TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210), 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8),
    28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
}  # fmt: skip
# Type number to struct code, for single values and for arrays of them.
_NUMBERS = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9
_SIZE = struct.Struct("<Q")
# More than any published file needs, and little enough for 200 MB and a second.
_USUAL_HEADER_BYTES, _LARGEST_HEADER_BYTES = (
    2**22,
    2**25,
)  # the vocabulary of Gemma 3 takes about 10 MB
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
    with errors_about(path), open_file(path) as file:
        n_bytes = file.seek(0, os.SEEK_END)
        for most in (_USUAL_HEADER_BYTES, _LARGEST_HEADER_BYTES):
            file.seek(0)
            reader = _GGUF(file.read(most), n_bytes, path)
            try:
                return reader.header()
            except (struct.error, UnicodeDecodeError):
                wrong = f"damaged or cut off near byte {reader.at:,}"
            except UnsupportedModel as error:
                wrong = str(error)
            if n_bytes <= most:
                break
        raise UnsupportedModel(wrong)


class _GGUF:
    """A cursor over the bytes of a GGUF file."""

    def __init__(self, data: bytes, file_bytes: int, path: PathLike):
        self.data, self.path, self.at, self.n_values = data, path, 0, 0
        self.end, self.file_bytes = len(data), file_bytes

    def header(self) -> Header:
        if not self.data:
            raise UnsupportedModel("it is empty")
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
        start = padded(self.at, alignment)
        tensors = tuple(t._replace(offset=start + t.offset, path=self.path) for t in listed)
        check_packing(tensors, start, self.file_bytes, alignment)
        return Header(metadata, tensors, "GGUF")

    def metadata(self, n_entries: int) -> dict[str, Any]:
        metadata: dict[str, Any] = {}
        for _ in range(self.plausible(n_entries, 13, "metadata entries")):
            key = self.string()
            if key in metadata:
                raise UnsupportedModel(f"the metadata key {shown(key)} occurs twice")
            metadata[key] = self.value(self.number("I"))
        return metadata

    def number(self, code: str) -> Any:
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

    def value(self, kind: int) -> Any:
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

    def tensor(self) -> StoredArray:
        name = self.string()
        n_dims = self.number("I")
        if not 1 <= n_dims <= 4:
            raise UnsupportedModel(
                f"tensor {shown(name)} has {n_dims} dimensions; GGUF allows 1 to 4"
            )
        # GGUF lists the fastest dimension first; NumPy lists it last.
        shape = tuple(self.number("Q") for _ in range(n_dims))[::-1]
        kind, offset = self.number("I"), self.number("Q")
        if kind not in GGML_TYPES:
            raise UnsupportedModel(f"tensor {shown(name)} has storage type {kind}, not known here")
        type_name, per_block, block_bytes = GGML_TYPES[kind]
        if not all(shape) or shape[-1] % per_block:
            raise UnsupportedModel(
                f"tensor {shown(name)} has shape {shape}; {type_name} stores {per_block} at a time"
            )
        return StoredArray(name, shape, type_name, offset, prod(shape) // per_block * block_bytes)

    def plausible(self, n: int, least_bytes: int, what: str) -> int:
        """Return ``n`` if that many items of at least so many bytes can still follow."""
        left = self.end - self.at
        if n > _MOST_ENTRIES or n * least_bytes > left:
            raise UnsupportedModel(
                f"it announces {n:,} {what}; only {left:,} bytes are left for them"
            )
        return n


# ------------------------------------------------------------------ the numbers

_ROWS_AT_ONCE = 4096


def expanded(path: PathLike, tensor: StoredArray) -> "np.ndarray":
    """Read one tensor of a GGUF file as float32: (d_out, d_in), or (D,)."""
    import numpy as np
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize

    kind = GGMLQuantizationType[tensor.type_name]
    numbers = np.empty(tensor.shape, np.float32)
    rows = numbers.reshape(-1, tensor.shape[-1])
    row_bytes = tensor.n_bytes // len(rows)
    # In pieces: beside the whole token table there is no room for a second one.
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        piece = rows[start : start + _ROWS_AT_ONCE]
        offset = tensor.offset + start * row_bytes
        raw = np.fromfile(path, np.uint8, len(piece) * row_bytes, offset=offset)
        try:
            with np.errstate(all="ignore"):  # what is not finite is refused by its name
                piece[:] = dequantize(raw.reshape(len(piece), -1), kind)
        except NotImplementedError:
            raise UnsupportedModel(
                f"tensor {shown(tensor.name)} is stored as {tensor.type_name}, which cannot be "
                "expanded here"
            ) from None
    return numbers


def pairs_in_halves(rows: "np.ndarray", n_heads: int) -> "np.ndarray":
    """Reorder the rows of a query or key map (N*H, ...) for :func:`paramlab.positions.rotate`.

    RoPE turns pairs of rows. llama.cpp pairs neighbors, 2i with 2i + 1, so its converter moved row
    i + H/2 of each head next to row i. Here the pair is (i, i + H/2) again, as it was in training:
    first the even rows of a head, then the odd ones.
    """
    heads = rows.reshape(n_heads, len(rows) // n_heads // 2, 2, -1)  # (N, H/2, 2, D)
    return heads.swapaxes(1, 2).reshape(rows.shape)
