"""Safetensors files: the header, and the numbers when asked for."""

import os
from math import prod
from typing import TYPE_CHECKING, Any

from paramlab.errors import UnsupportedModel, errors_about, shown
from paramlab.files.layout import (
    LARGEST_JSON_BYTES,
    Header,
    PathLike,
    StoredArray,
    check_packing,
    open_file,
    read_json,
)

if TYPE_CHECKING:
    import numpy as np

_SAFETENSORS_BYTES = {
    "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2,
    "U16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "I8": 1, "U8": 1, "BOOL": 1,
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
            raise UnsupportedModel(
                "not a safetensors file: its first bytes do not tell the length of a header in it"
            )
        entries = read_json(file.read(n))
        metadata = entries.pop("__metadata__", {})
        if not isinstance(metadata, dict):
            raise UnsupportedModel("its __metadata__ is not a JSON object")
        tensors = tuple(
            _safetensor(name, entry, 8 + n)._replace(path=path) for name, entry in entries.items()
        )
        check_packing(tensors, 8 + n, file_bytes, alignment=1)
        return Header(metadata, tensors, "safetensors")


def _safetensor(name: str, entry: Any, start: int) -> StoredArray:
    try:
        type_name, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        number_bytes = _SAFETENSORS_BYTES[type_name]
        whole = all(type(n) is int and 0 <= n < 2**63 for n in (*shape, begin, end))
    except (TypeError, KeyError, ValueError):
        raise UnsupportedModel(
            f"the entry of tensor {shown(name)} is damaged or not known here"
        ) from None
    if not isinstance(shape, list) or len(shape) > _MOST_DIMENSIONS or not whole:
        raise UnsupportedModel(f"tensor {shown(name)} has a shape or offsets that are not sizes")
    n_bytes = prod(shape) * number_bytes
    if end - begin != n_bytes:
        raise UnsupportedModel(
            f"tensor {shown(name)} of shape {shape} needs {n_bytes:,} bytes, not {begin:,} to "
            f"{end:,}"
        )
    return StoredArray(name, tuple(shape), type_name, start + begin, n_bytes)


# ------------------------------------------------------------------ the numbers

_NUMPY_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def stored(raw: "np.ndarray", tensor: StoredArray) -> "np.ndarray":
    """Return a tensor of a safetensors file as it is stored, a view of the file's bytes."""
    import numpy as np

    if tensor.type_name not in _NUMPY_TYPES:
        raise UnsupportedModel(
            f"tensor {shown(tensor.name)} is stored as {tensor.type_name}, which is no type of "
            "weights"
        )
    return np.ndarray(tensor.shape, _NUMPY_TYPES[tensor.type_name], raw, tensor.offset)


def as_float32(array: "np.ndarray") -> "np.ndarray":
    """Copy stored numbers as float32. NumPy has no bfloat16: it is the upper half of a float32."""
    import numpy as np

    if array.dtype == np.uint16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return np.array(array, np.float32)
