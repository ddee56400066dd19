"""What weight files have in common: named arrays of bytes, one after another, behind a header.

These files come from strangers. Every number in them is checked against the file before it is
used, so a damaged or lying header costs one clear error, not memory.
"""

import os
from collections.abc import Iterable
from typing import IO, Any, NamedTuple

from paramlab.errors import UnsupportedModel, shown

PathLike = str | os.PathLike[str]


class StoredArray(NamedTuple):
    """One array of a file: its name there, shape (rows first), type, and where its bytes lie."""

    name: str
    shape: tuple[int, ...]
    type_name: str
    offset: int  # in the file
    n_bytes: int
    path: PathLike = ""  # of the file


class Header(NamedTuple):
    """What a weight file says before its weights."""

    metadata: dict[str, Any]
    tensors: tuple[StoredArray, ...]  # the files' own word for arrays
    kind: str  # GGUF or safetensors


def check_packing(
    tensors: Iterable[StoredArray], start: int, file_bytes: int, alignment: int
) -> None:
    """Insist that the tensors follow one another from ``start`` to the end of the file.

    So a shape that is wrong cannot pass: its tensor would overlap the next one or leave a gap.
    """
    end = start
    names = set()
    for tensor in sorted(tensors, key=lambda t: (t.offset, t.n_bytes)):
        if tensor.name in names:
            raise UnsupportedModel(f"two tensors have the name {shown(tensor.name)}")
        names.add(tensor.name)
        if tensor.offset != end:
            raise UnsupportedModel(
                f"tensor {shown(tensor.name)} lies at byte {tensor.offset:,}, where {end:,} was "
                "expected"
            )
        end = tensor.offset + tensor.n_bytes
        if end > file_bytes:
            raise UnsupportedModel(
                f"tensor {shown(tensor.name)} ends at byte {end:,}, but the file has "
                f"{file_bytes:,}: "
                "it is cut off or damaged"
            )
        end = padded(end, alignment)
    if file_bytes > end:
        raise UnsupportedModel(f"no tensor owns its bytes from {end:,} to {file_bytes:,}")


def padded(n: int, alignment: int) -> int:
    """Round up to a multiple of the alignment."""
    return -(-n // alignment) * alignment


# ------------------------------------------------------------------ JSON and bytes

LARGEST_JSON_BYTES = 4_000_000
LARGEST_CONFIG_BYTES = 1_000_000  # of 478 published configurations the largest has 88,567
# What a file of these sizes may hold, so that the objects built of it stay below 200 MB.
_MOST_BRACKETS, _MOST_COMMAS = 250_000, 500_000


def read_json(data: bytes, most_bytes: int = LARGEST_JSON_BYTES) -> dict[str, Any]:
    """Parse a JSON object; a key that occurs twice is an error, not a choice.

    Raises
    ------
    UnsupportedModel
        When it is anything else, or larger than any configuration.
    """
    import json  # here, because counting a catalog entry should not wait for it

    if len(data) > most_bytes:
        raise UnsupportedModel(
            f"it is larger than any configuration or index ({most_bytes:,} bytes)"
        )
    if data.count(b"[") + data.count(b"{") > _MOST_BRACKETS or data.count(b",") > _MOST_COMMAS:
        raise UnsupportedModel("it lists more than any configuration or index does")
    try:
        parsed = json.loads(data, object_pairs_hook=_unique)
    except UnsupportedModel:
        raise
    except RecursionError:
        raise UnsupportedModel("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise UnsupportedModel("it is not valid JSON: its bytes are no text") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise UnsupportedModel(f"it is not valid JSON ({where})") from None
    except ValueError:  # more digits than Python reads
        raise UnsupportedModel("it holds a number of thousands of digits") from None
    if not isinstance(parsed, dict):
        raise UnsupportedModel("it holds no JSON object")
    return parsed


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise UnsupportedModel(f"the key {shown(name)} occurs twice")
        result[name] = value
    return result


def open_file(path: PathLike) -> IO[bytes]:
    """Open a file for reading; not a pipe or a device, which could keep the reader waiting."""
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise UnsupportedModel("it is not a regular file")
    return open(path, "rb")


def same_bytes(a: StoredArray, b: StoredArray) -> bool:
    """Whether two tensors hold the same bytes, type and shape; of large ones, samples are read."""
    if (a.shape, a.type_name, a.n_bytes) != (b.shape, b.type_name, b.n_bytes):
        return False
    with open_file(a.path) as first, open_file(b.path) as second:
        return all(
            _read_at(first, a.offset + at, min(_CHUNK, a.n_bytes - at))
            == _read_at(second, b.offset + at, min(_CHUNK, b.n_bytes - at))
            for at in _places(a.n_bytes)
        )


def _places(n_bytes: int) -> range:
    """Return where to read: everywhere, or at 512 places or more, evenly spaced, of over 1 GiB."""
    return range(0, n_bytes, max(1, n_bytes // (2**29)) * _CHUNK)


def first_bytes(tensor: StoredArray, n: int) -> bytes:
    """Return the first ``n`` bytes of a tensor, or all if it has fewer."""
    with open_file(tensor.path) as file:
        return _read_at(file, tensor.offset, min(n, tensor.n_bytes))


def digest(tensor: StoredArray) -> bytes:
    """Return a hash of all bytes of a tensor; of large ones, of samples."""
    from hashlib import blake2b

    found = blake2b()
    with open_file(tensor.path) as file:
        for at in _places(tensor.n_bytes):
            found.update(_read_at(file, tensor.offset + at, min(_CHUNK, tensor.n_bytes - at)))
    return found.digest()


def _read_at(file: IO[bytes], offset: int, n_bytes: int) -> bytes:
    file.seek(offset)
    return file.read(n_bytes)


_CHUNK = 2**20
