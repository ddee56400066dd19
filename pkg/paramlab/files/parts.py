"""The files that one model is stored in, and the header that they have together."""

import os
import re
from typing import Any

from paramlab.errors import UnsupportedModel, errors_about, shown
from paramlab.files.gguf import read_gguf
from paramlab.files.layout import Header, PathLike, open_file, read_json
from paramlab.files.safetensors import read_safetensors

INDEX = ".index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_ONE_OF_SEVERAL = re.compile(
    r"(.+)-([0-9]{1,5})-of-([0-9]{1,5})(\.gguf|\.safetensors)", re.I | re.S
)
_LARGEST_INDEX_BYTES = 2**25  # that of DeepSeek-V3 takes 9 MB


def read_header(path: PathLike) -> Header:
    """Read the header of a weight file; if it is one of several, or their index, of them all.

    Each of the tensors says in which file it lies. The metadata are those of the first file.

    Raises
    ------
    UnsupportedModel
        When a file is damaged, one of several is missing, or they contradict each other.
    OSError
        When a file cannot be read.
    """
    path = os.fspath(path)
    if path.endswith(INDEX):
        return _indexed(path)
    if not (numbered := _ONE_OF_SEVERAL.fullmatch(path)):
        return _read(path)
    base, _, _, suffix = numbered.groups()
    if os.path.isfile(index := f"{base}{suffix}{INDEX}"):
        return _indexed(index)
    with errors_about(path):
        return _numbered(*numbered.groups())


def refuse_pickle(path: PathLike) -> None:
    """Refuse a file whose format is a program: to open it is to run it."""
    with open_file(path):
        raise UnsupportedModel(
            f"{os.fspath(path)}: a PyTorch file (pickle) can run code when it is opened, so it is "
            "not opened here; count the config.json it came with, or a .safetensors copy of it"
        )


def weights_in(folder: str) -> str:
    """Return the weights in a folder, or their index; or its config.json; or nothing."""
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    files = [name for name in names if name.lower().endswith((".safetensors", ".gguf"))]
    first = [name for name in files if not _is_later_part(name)]
    found = [name for name in names if name.endswith(".safetensors" + INDEX)] or first or files
    usual = [name for name in found if name.removesuffix(INDEX) == "model.safetensors"]
    if len(found) > 1 and not usual:
        raise UnsupportedModel(
            f"{folder}: it holds several models, such as {found[0]!r} and {found[1]!r}; name one"
        )
    found = usual or found or [name for name in names if name == "config.json"]
    return os.path.join(folder, found[0]) if found else ""


def _is_later_part(name: str) -> bool:
    numbered = _ONE_OF_SEVERAL.fullmatch(name)
    return numbered is not None and int(numbered[2]) > 1


def _read(path: str) -> Header:
    with open_file(path) as file:
        is_gguf = file.read(4) == b"GGUF"
    # One that is none is refused as such.
    return read_gguf(path) if is_gguf or path.lower().endswith(".gguf") else read_safetensors(path)


def _numbered(base: str, number: str, of: str, suffix: str) -> Header:
    """Read all files from -00001-of-N to -N-of-N."""
    n = int(of)
    if not 1 <= int(number) <= n:
        raise UnsupportedModel(f"there is no part {int(number):,} of {n:,}")
    paths = [f"{base}-{i:0{len(number)}}-of-{of}{suffix}" for i in range(1, n + 1)]
    _check_present(paths)
    header = _together([_read(path) for path in paths])
    listed = header.metadata.get("split.tensors.count", len(header.tensors))
    if listed != len(header.tensors):
        raise UnsupportedModel(
            f"its {n:,} parts hold {len(header.tensors):,} tensors, but list {shown(listed)}"
        )
    return header


def _indexed(path: str) -> Header:
    """Read all files that an index names, and compare what they hold with what it says."""
    with errors_about(path):
        with open_file(path) as file:
            fields = read_json(file.read(_LARGEST_INDEX_BYTES + 1), _LARGEST_INDEX_BYTES)
        place = _weight_map(fields)
        names = sorted(set(place.values()))
        paths = [os.path.join(os.path.dirname(path), name) for name in names]
        _check_present(paths, _size_told(fields))
        header = _together([read_safetensors(each) for each in paths])
        for tensor in header.tensors:
            if place.pop(tensor.name, None) != os.path.basename(tensor.path):
                raise UnsupportedModel(
                    f"it does not name tensor {shown(tensor.name)} where that lies"
                )
        if place:
            raise UnsupportedModel(f"no file holds tensor {shown(min(place))}, which it names")
        return header


def _weight_map(fields: dict[str, Any]) -> dict[str, str]:
    """Return which tensor lies in which file; a file beside the index and nowhere else."""
    place = fields.get("weight_map")
    if not isinstance(place, dict) or not place:
        raise UnsupportedModel("it holds no weight_map, so it is no index of weights")
    for name in place.values():
        if not isinstance(name, str) or name != re.sub(r"[/\\\x00]", "", name):
            raise UnsupportedModel(f"it names {shown(name)}, which is no file beside it")
        if name.lower().endswith(PICKLES):
            raise UnsupportedModel(
                f"it names {shown(name)}, a PyTorch file (pickle), which can run code when it is "
                "opened; count the config.json beside it"
            )
        if not name.lower().endswith(".safetensors"):
            raise UnsupportedModel(f"it names {shown(name)}, which is no .safetensors file")
    return place


def _size_told(fields: dict[str, Any]) -> str:
    """Say what an index alone tells of the size of a model, as the end of a sentence."""
    metadata = fields.get("metadata")
    n = metadata.get("total_size") if isinstance(metadata, dict) else None
    if type(n) is not int or not 0 < n < 2**63:
        return ""
    return f"; the index alone tells {n:,} bytes, {n // 2:,} numbers of 16 bits"


def _check_present(paths: list[str], told: str = "") -> None:
    for path in paths:
        if not os.path.exists(path):
            raise UnsupportedModel(
                f"{os.path.basename(path)!r}, one of the {len(paths):,} files of this model, is "
                f"missing beside it{told}"
            )


def _together(headers: list[Header]) -> Header:
    tensors = tuple(tensor for header in headers for tensor in header.tensors)
    names = set()
    for tensor in tensors:
        if tensor.name in names:
            raise UnsupportedModel(f"two of its files hold tensor {shown(tensor.name)}")
        names.add(tensor.name)
    return headers[0]._replace(tensors=tensors)
