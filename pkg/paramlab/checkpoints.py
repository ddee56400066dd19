"""Models from weight files, and back: GGUF, Hugging Face's safetensors, and a layout of our own.

Our own layout is a safetensors file whose arrays have the names and shapes of
:func:`paramlab.params.shapes`; its metadata hold the architecture, the tokenizer if there is one,
and a checksum of the numbers.

NumPy and the readers are imported where weights are read: nesting names needs neither.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from paramlab.config import ModelConfig
from paramlab.headers import (
    Header,
    Tensor,
    UnsupportedModel,
    errors_about,
    open_file,
    read_gguf,
    read_json,
    read_safetensors,
)
from paramlab.importers import config_from_gguf, read_config_json, without_copied_head
from paramlab.names import arrays_from_gguf, arrays_from_safetensors
from paramlab.params import Array, shapes
from paramlab.real_model import REAL_MODEL, ModelFileError, cache_folder, model_path
from paramlab.tokenizer import Tokenizer

if TYPE_CHECKING:
    import numpy as np


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


# ------------------------------------------------------------------ reading weights


def load_model(name_or_path: str | Path = REAL_MODEL) -> Model:
    """Load a model: ``params, config, tokenizer = load_model()``.

    The arrays are ordinary ones: writing into them changes no file.

    Parameters
    ----------
    name_or_path
        "smollm2-135m" for the real model of this book, or the path of

        - a GGUF file (llama or gpt2),
        - a safetensors file that :func:`save_model` wrote,
        - a safetensors file of Hugging Face (GPT-2, Llama, Mistral, Qwen 2 or 3), with its
          config.json beside it and perhaps its tokenizer.json; or the folder that holds them.

    Returns
    -------
    Model
        The parameters (nested float32 arrays; a weight maps (d_in, d_out)), the architecture, and
        the tokenizer: None if there is none, or if a tokenizer.json is of a kind not known here.

    Raises
    ------
    ModelFileError
        When there is no such file.
    UnsupportedModel
        When the file is damaged, holds NaN, or describes what does not run here.

    Notes
    -----
    Expanding the 4-bit file of the real model takes about two seconds. The first time, its arrays
    are therefore stored ready for use in the user's cache (538 MB); later they are mapped from
    there. Each time all of them are verified with a checksum; that the 4-bit file is still the one
    they came from is told by its path, size and time of change. Without room, or the right to
    write, the file is expanded every time.
    """
    if str(name_or_path) == REAL_MODEL:
        return _load_real_model(model_path())
    path = Path(name_or_path)
    if path.is_dir():
        path /= "model.safetensors"
    if not path.is_file():
        raise ModelFileError(_missing(path))
    return _load_file(path)


def _missing(path: Path) -> str:
    if path.with_name("model.safetensors.index.json").is_file():
        return f"the weights in {path.parent} are spread over several files, which is not read here"
    return (
        f"there is no file {path}; give the path of a .gguf or .safetensors file, or {REAL_MODEL!r}"
    )


def _load_file(path: Path) -> Model:
    with open_file(path) as file:
        is_gguf = file.read(4) == b"GGUF"
    if is_gguf or path.suffix == ".gguf":  # one that is no GGUF file is refused as such
        return _load_gguf(path)
    header = read_safetensors(path)
    load = _load_own if _FORMAT_KEY in header.metadata else _load_hugging_face
    return load(path, header)


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


def check_numbers(arrays: dict[str, "np.ndarray"]) -> None:
    """Refuse arrays that hold NaN or infinity.

    Raises
    ------
    UnsupportedModel
        Naming the first.
    """
    import numpy as np

    for name, array in arrays.items():
        # The least and the largest number are NaN if any is; they need no memory, unlike isfinite.
        if array.size and not (np.isfinite(array.min()) and np.isfinite(array.max())):
            raise UnsupportedModel(f"the array {name} holds a number that is not finite")


# ------------------------------------------------------------------ layouts of others


def _load_gguf(path: Path) -> Model:
    header = read_gguf(path)
    with errors_about(path):
        header = without_copied_head(path, header, "token_embd.weight", "output.weight")
        config = config_from_gguf(header)
        _refuse_changed_positions(header, config.d_head)
        llama = header.metadata["general.architecture"] == "llama"
        n_heads = {"q": config.n_heads, "k": config.n_kv_heads} if llama else {}  # to reorder

        def read(array: Array, tensor: Tensor) -> "np.ndarray":
            rows = _expanded(path, tensor)
            *_, module, _ = array.name.split(".")
            return _pairs_in_halves(rows, n_heads[module]) if module in n_heads else rows

        arrays = zip(arrays_from_gguf(header), header.tensors, strict=True)
        params = _params(arrays, config, read, rows_are_outputs=True)
        return Model(params, config, Tokenizer.from_gguf(header.metadata))


def _refuse_changed_positions(header: Header, d_head: int) -> None:
    """Refuse positions that are stretched, turned in part, or out of sight: not computed here."""
    get = header.metadata.get
    plain_values = {
        "rope.scaling.type": "none", "rope.scale_linear": 1.0, "attention.sliding_window": None,
    }  # fmt: skip
    for key, plain in plain_values.items():
        value = get(f"llama.{key}", plain)
        if value != plain:
            raise UnsupportedModel(f"llama.{key} is {value!r}, which does not run here")
    for key in ("rope.dimension_count", "attention.value_length"):
        value = get(f"llama.{key}", d_head)
        if value != d_head:
            raise UnsupportedModel(
                f"llama.{key} is {value!r}, which runs here only if it is the head width {d_head}"
            )


def _expanded(path: Path, tensor: Tensor) -> "np.ndarray":
    """Read one tensor of a GGUF file as float32: (d_out, d_in), or (D,)."""
    import numpy as np
    from gguf import GGMLQuantizationType
    from gguf.quants import dequantize

    kind = GGMLQuantizationType[tensor.type_name]
    expanded = np.empty(tensor.shape, np.float32)
    rows = expanded.reshape(-1, tensor.shape[-1])
    row_bytes = tensor.n_bytes // len(rows)
    # In pieces: beside the whole token table there is no room for a second one.
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        piece = rows[start : start + _ROWS_AT_ONCE]
        offset = tensor.offset + start * row_bytes
        raw = np.fromfile(path, np.uint8, len(piece) * row_bytes, offset=offset)
        try:
            piece[:] = dequantize(raw.reshape(len(piece), -1), kind)
        except NotImplementedError:
            raise UnsupportedModel(
                f"tensor {tensor.name!r} is stored as {tensor.type_name}, which cannot be "
                "expanded here"
            ) from None
    return expanded


_ROWS_AT_ONCE = 4096


def _pairs_in_halves(rows: "np.ndarray", n_heads: int) -> "np.ndarray":
    """Reorder the rows of a query or key map (N*H, ...) for :func:`paramlab.positions.rotate`.

    RoPE turns pairs of rows. llama.cpp pairs neighbors, 2i with 2i + 1, so its converter moved row
    i + H/2 of each head next to row i. Here the pair is (i, i + H/2) again, as it was in training:
    first the even rows of a head, then the odd ones.
    """
    heads = rows.reshape(n_heads, len(rows) // n_heads // 2, 2, -1)  # (N, H/2, 2, D)
    return heads.swapaxes(1, 2).reshape(rows.shape)


def _load_hugging_face(path: Path, header: Header) -> Model:
    import numpy as np

    config = _runnable_config(path)
    with errors_about(path):
        for table in ("model.embed_tokens.weight", "transformer.wte.weight", "wte.weight"):
            if config.tied:
                header = without_copied_head(path, header, table, "lm_head.weight")
        raw = np.memmap(path, np.uint8, mode="r")
        arrays = zip(arrays_from_safetensors(header), header.tensors, strict=True)
        # GPT-2's files store weights as (d_in, d_out).
        rows_are_outputs = any(tensor.name.startswith("model.") for tensor in header.tensors)
        params = _params(
            arrays, config, lambda _, t: _as_float32(_stored(raw, t)), rows_are_outputs
        )
    return Model(params, config, _tokenizer_beside(path))


# What of a config.json changes the forward pass, though no count; the values that run here, null
# aside: of any model, then by model type.
_RUNS_IN_ANY: dict[str, tuple[Any, ...]] = {
    "partial_rotary_factor": (1.0,), "rope_local_base_freq": (), "norm_topk_prob": (True,),
    "attn_logit_softcapping": (), "final_logit_softcapping": (),
}  # fmt: skip
_LIKE_LLAMA: dict[str, tuple[Any, ...]] = {"hidden_act": ("silu", "swish")}
_RUNS: dict[str, dict[str, tuple[Any, ...]]] = {
    "gpt2": {
        "activation_function": ("gelu_new", "gelu_pytorch_tanh"), "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
    },
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3"), _LIKE_LLAMA),
}  # fmt: skip


def _runnable_config(path: Path) -> ModelConfig:
    """Read the config.json beside a weight file; refuse what forward would not compute."""
    beside = path.with_name("config.json")
    if not beside.is_file():
        raise ModelFileError(f"{path} needs its config.json beside it, where there is none")
    config = read_config_json(beside)
    fields = read_json(beside.read_bytes())
    with errors_about(beside):
        kind = fields["model_type"]
        if kind not in _RUNS:
            raise UnsupportedModel(f"{kind!r} is not read here; {', '.join(_RUNS)} are")
        for name, allowed in (_RUNS_IN_ANY | _RUNS[kind]).items():
            value = fields.get(name)
            if value is not None and value not in allowed:
                raise UnsupportedModel(f"{name} is {value!r}, which does not run here")
        for name in ("rope_scaling", "rope_parameters"):
            _refuse_other_rotation(name, fields.get(name) or {})
    return config


def _refuse_other_rotation(name: str, rope: Any) -> None:
    """Refuse a rotation that is stretched, in part, or not the same in all layers."""
    named = rope.get("rope_type", rope.get("type")) if isinstance(rope, dict) else rope
    scaling = named or "default"
    if scaling != "default":
        raise UnsupportedModel(f"{name} is of the type {scaling!r}, which does not run here")
    for part, value in rope.items():
        if isinstance(value, dict):
            raise UnsupportedModel(f"{name} has a rotation for {part}, which does not run here")
    if (share := rope.get("partial_rotary_factor")) not in (None, 1.0):
        raise UnsupportedModel(
            f"partial_rotary_factor in {name} is {share!r}, which does not run here"
        )


def _tokenizer_beside(path: Path) -> Tokenizer | None:
    beside = path.with_name("tokenizer.json")
    if not beside.is_file():
        return None
    end = read_json(path.with_name("config.json").read_bytes()).get("eos_token_id")
    end_tokens = end if isinstance(end, list) else [] if end is None else [end]
    with errors_about(beside):
        try:
            fields = json.loads(beside.read_bytes())
        except (ValueError, RecursionError):
            raise UnsupportedModel("it is not valid JSON") from None
        return Tokenizer.from_hugging_face(fields, end_tokens)


def _params(
    arrays: Iterable[tuple[Array, Tensor]],
    config: ModelConfig,
    read: Callable[[Array, Tensor], "np.ndarray"],
    rows_are_outputs: bool,
) -> dict[str, Any]:
    """Check the arrays of a file, then read them one by one into the layout of forward."""
    import numpy as np

    wanted = [(array, tensor) for array, tensor in arrays if not array.name.endswith(_COMPUTED)]
    found: dict[str, tuple[int, ...]] = {}
    for array, _ in wanted:
        turned = rows_are_outputs and array.role == "weight"
        names = _names(array.name)
        shape = array.shape[::-1] if turned else array.shape
        if len(names) > 1 and shape and shape[-1] % len(names) == 0:
            shape = (*shape[:-1], shape[-1] // len(names))
        for name in names:
            if name in found:
                raise UnsupportedModel(f"{name} is there twice")
            found[name] = shape
    check_arrays(found, config)
    flat = {}
    for array, tensor in wanted:
        values = read(array, tensor)
        check_numbers({array.name: values})
        if rows_are_outputs and array.role == "weight":
            values = values.T
        names = _names(array.name)
        for name, part in zip(names, np.split(values, len(names), axis=-1), strict=True):
            flat[name] = np.ascontiguousarray(part)
    return _in_order(flat, config)


def _in_order(flat: dict[str, "np.ndarray"], config: ModelConfig) -> dict[str, Any]:
    """Nest arrays in the order of the forward pass, whatever their order in the file was."""
    return nest({array.name: flat[array.name] for array in shapes(config) if not array.tied_to})


# Masks and frequencies that some files carry along; forward computes them.
_COMPUTED = (".causal_mask", ".mask_value", ".rope")


def _names(name: str) -> tuple[str, ...]:
    """Return what an array is called here; GPT-2 joins queries, keys and values in one."""
    if ".attention.qkv." not in name:
        return (name,)
    return tuple(name.replace(".qkv.", f".{part}.") for part in "qkv")


# ------------------------------------------------------------------ our own layout

# The key in the metadata by which such a file is known; its value is the version of the layout.
_FORMAT_KEY, _FORMAT = "paramlab", "2"


def save_model(path: str | Path, model: Model, dtype: str = "float32", **notes: str) -> None:
    """Write a model as a safetensors file that :func:`load_model` reads.

    The file gets its name only when it is complete: an interruption leaves what was there before.

    Parameters
    ----------
    path
        Where to; what is there is replaced.
    model
        Arrays, architecture and tokenizer (or None).
    dtype
        "float32", or "float16" for half the size and 3 to 4 significant digits.
    notes
        Texts to keep in the metadata of the file, such as ``license="CC BY 4.0"``.

    Raises
    ------
    UnsupportedModel
        When the arrays are not those of the architecture, or do not fit into the type.
    OSError
        When the file cannot be written.
    """
    import numpy as np

    if dtype not in ("float32", "float16"):
        raise ValueError(f"dtype is {dtype!r}; it can be float32 or float16")
    flat = flatten(model.params)
    check_arrays({name: np.shape(array) for name, array in flat.items()}, model.config)
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused by name
        flat = {name: np.asarray(array, dtype) for name, array in flat.items()}
    check_numbers(flat)
    metadata = {**notes, _FORMAT_KEY: _FORMAT, "config": json.dumps(model.config.to_flat())}
    if model.tokenizer is not None:
        if not isinstance(model.tokenizer, Tokenizer):
            raise UnsupportedModel(
                f"a tokenizer of the type {type(model.tokenizer).__name__} cannot be saved; "
                "save the model with the tokenizer None"
            )
        metadata["tokenizer"] = model.tokenizer.to_json()
    save_arrays(path, flat, metadata)


def save_arrays(
    path: str | Path, arrays: dict[str, "np.ndarray"], metadata: dict[str, str]
) -> None:
    """Write arrays and texts as a safetensors file, with a checksum of the numbers.

    The file gets its name only when it is complete: an interruption leaves what was there before.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    path = Path(path)
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix="save-") as folder:
            complete = Path(folder, path.name)
            save_file(arrays, complete, metadata | {"checksum": checksum(arrays)})
            complete.chmod(0o644)  # the library gives the right to read to the owner alone
            os.replace(complete, path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OSError(f"{path} cannot be written: {reason}") from None


def read_arrays(path: str | Path) -> tuple[dict[str, "np.ndarray"], dict[str, str]]:
    """Return the arrays and the texts of a file that :func:`save_arrays` wrote.

    The arrays are mapped: what is written into them goes to memory, not to the file.

    Raises
    ------
    UnsupportedModel
        When the file is damaged.
    """
    header = read_safetensors(path)
    with errors_about(path):
        return _verified(path, header), header.metadata


def _verified(path: str | Path, header: Header) -> dict[str, "np.ndarray"]:
    import numpy as np

    raw = np.asarray(np.memmap(path, np.uint8, mode="c"))  # "c": copy on write
    stored = {tensor.name: _stored(raw, tensor) for tensor in header.tensors}
    if checksum(stored) != header.metadata.get("checksum"):
        raise UnsupportedModel("its numbers are not those that were saved: it is damaged")
    return stored


def checksum(arrays: dict[str, "np.ndarray"]) -> str:
    """Return a fingerprint of arrays that is fast to compute: 538 MB take 0.03 seconds.

    The numbers are added up, as whole numbers of 64 bits, in pieces of 32 KiB; the fingerprint is
    the SHA-256 of the sums. So any one change is seen, and pieces that are missing, empty or
    exchanged; not seen are changes within one piece that cancel, which only intent makes likely.

    Examples
    --------
    >>> import numpy as np
    >>> numbers = np.arange(10_000, dtype=np.float32)
    >>> before = checksum({"numbers": numbers})
    >>> numbers[1234] += 1
    >>> checksum({"numbers": numbers}) == before
    False
    """
    import numpy as np

    digest = hashlib.sha256()
    for name in sorted(arrays):
        data = arrays[name].reshape(-1).view(np.uint8)
        whole = len(data) // _PIECE_BYTES * _PIECE_BYTES
        pieces = data[:whole].view(np.uint64).reshape(-1, _PIECE_BYTES // 8)
        digest.update(pieces.sum(axis=1).data)
        digest.update(data[whole:].data)
    return digest.hexdigest()


_PIECE_BYTES = 2**15


def _load_own(path: Path, header: Header, mapped: bool = False) -> Model:
    """Read what :func:`save_model` wrote; ``mapped`` arrays stay in the file until used."""
    get = header.metadata.get
    with errors_about(path):
        if get(_FORMAT_KEY) != _FORMAT:
            raise UnsupportedModel(
                f"its layout has the version {get(_FORMAT_KEY)!r}; {_FORMAT!r} is known here"
            )
        config = _config_from_json(get("config"))
        check_arrays({tensor.name: tensor.shape for tensor in header.tensors}, config)
        stored = _verified(path, header)
        stored_tokenizer = get("tokenizer")
        tokenizer = Tokenizer.from_json(stored_tokenizer) if stored_tokenizer else None
    flat = stored if mapped else {name: _as_float32(array) for name, array in stored.items()}
    return Model(_in_order(flat, config), config, tokenizer)


def _config_from_json(text: Any) -> ModelConfig:
    try:
        fields = json.loads(text).items()
        return ModelConfig.from_flat(
            {name: tuple(value) if isinstance(value, list) else value for name, value in fields}
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UnsupportedModel(f"its config is not one ({error})") from None


_NUMPY_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def _stored(raw: "np.ndarray", tensor: Tensor) -> "np.ndarray":
    """Return a tensor of a safetensors file as it is stored, a view of the file's bytes."""
    if tensor.type_name not in _NUMPY_TYPES:
        raise UnsupportedModel(
            f"tensor {tensor.name!r} is stored as {tensor.type_name}, which is no type of weights"
        )
    data = raw[tensor.offset : tensor.offset + tensor.n_bytes]
    return data.view(_NUMPY_TYPES[tensor.type_name]).reshape(tensor.shape)


def _as_float32(stored: "np.ndarray") -> "np.ndarray":
    """Copy stored numbers as float32. NumPy has no bfloat16: it is the upper half of a float32."""
    import numpy as np

    if stored.dtype == np.uint16:
        return (stored.astype(np.uint32) << 16).view(np.float32)
    return np.array(stored, np.float32)


# ------------------------------------------------------------------ the real model, ready for use

_READY_NAME = "smollm2-135m-ready.safetensors"
_READY_VERSION = 1  # to be raised whenever the same file would be read into other numbers


def _load_real_model(path: Path) -> Model:
    """Map the ready arrays; where there are none, or wrong ones, make them.

    The file replaces an older one as a whole, so that processes that load at the same time do not
    disturb each other: each keeps what it has mapped.
    """
    if not path.is_file():
        wrong = "PARAMLAB_MODEL names {}, where there is no file; correct it or unset it"
        absent = "the real model is not at {} yet; fetch it with: paramlab fetch"
        raise ModelFileError((wrong if os.environ.get("PARAMLAB_MODEL") else absent).format(path))
    facts = path.stat()
    source = json.dumps([str(path.resolve()), facts.st_size, facts.st_mtime_ns, _READY_VERSION])
    ready = cache_folder() / _READY_NAME
    try:
        header = read_safetensors(ready)
        if header.metadata.get("source") == source:
            return _load_own(ready, header, mapped=True)
    except (OSError, UnsupportedModel):
        pass  # not there, or damaged: it is made again
    model = _load_file(path)
    try:
        ready.parent.mkdir(parents=True, exist_ok=True)
        save_model(ready, model, source=source)
    except OSError:
        pass  # a full disk or a folder that cannot be written: it works without
    return model
