"""One road from any weight file to its arrays: what is counted and what is loaded both follow it.

A file is opened without reading its numbers. Its arrays get the names and shapes that
:func:`paramlab.params.shapes` lists, and are compared with that list; so what is counted is what
would run, and what is not known here is refused by name.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paramlab.checks import check_arrays
from paramlab.config import ModelConfig
from paramlab.errors import UnknownArchitecture, UnsupportedModel, errors_about
from paramlab.files.architecture import config_from_arrays, config_from_gguf, n_layers_of
from paramlab.files.gguf import expanded, pairs_in_halves
from paramlab.files.layout import Header, PathLike, StoredArray, same_bytes
from paramlab.files.names import arrays_from_gguf, arrays_from_safetensors
from paramlab.files.parts import read_header
from paramlab.files.safetensors import as_float32, stored
from paramlab.files.store import FORMAT_KEY, stored_config
from paramlab.params import Array, shapes

if TYPE_CHECKING:
    import numpy as np

Read = Callable[[Array, StoredArray], "np.ndarray"]
_TOKEN_TABLES = ("model.embed_tokens.weight", "transformer.wte.weight", "wte.weight")


@dataclass(frozen=True)
class Weights:
    """A weight file whose arrays are those of an architecture known here; no number is read yet."""

    path: PathLike
    kind: str  # GGUF, Hugging Face or paramlab
    header: Header
    config: ModelConfig
    arrays: tuple[Array, ...]  # all of them, buffers too; weights map as the file stores them
    rows_are_outputs: bool  # a weight is stored (d_out, d_in)
    read: Read  # one array of the file as float32, in the file's own layout
    heads_known: bool = True  # else all keys are taken for one head

    @property
    def buffers(self) -> int:
        """How many numbers are stored beside the parameters."""
        return sum(array.size for array in self.arrays if array.role == "buffer")

    def numbers(self) -> Iterator[tuple[str, "np.ndarray"]]:
        """Yield name and numbers of each parameter, float32, in the layout of forward."""
        import numpy as np

        for array, tensor in zip(self.arrays, self.header.tensors, strict=True):
            if array.role == "buffer":
                continue
            values = self.read(array, tensor)
            if self.rows_are_outputs and array.role == "weight":
                values = values.T
            names = _names(array.name)
            for name, part in zip(names, np.split(values, len(names), axis=-1), strict=True):
                yield name, np.ascontiguousarray(part)


def open_weights(
    path: PathLike,
    config: Callable[[], ModelConfig] | None = None,
    header: Header | None = None,
) -> Weights:
    """Open a GGUF file (llama or gpt2), or a safetensors file of Hugging Face or of our own.

    One of several files, or the index of them, stands for them all.

    Parameters
    ----------
    path
        The file; what it is, its first bytes say.
    config
        Asked for the architecture of a file of Hugging Face, whose shapes do not tell how many
        heads there are. Without it, all keys are taken for one head, which changes no count.
    header
        What :func:`paramlab.files.parts.read_header` returned for that path, if it was called.

    Raises
    ------
    UnknownArchitecture
        When its tensors can be told apart only by their types and sizes: their names, or the
        architecture that a GGUF file names, are not known here.
    UnsupportedModel
        When the file is damaged, is of a kind not known here, or its arrays are not those of the
        architecture: naming the first that is missing, unknown, twice there, or of another shape.
    OSError
        When the file cannot be read.
    """
    header = header or read_header(path)
    if header.kind == "GGUF":
        return _open_gguf(path, header)
    if FORMAT_KEY in header.metadata:
        return _open_own(path, header)
    return _open_hugging_face(path, header, config)


def _open_gguf(path: PathLike, header: Header) -> Weights:
    with errors_about(path):
        header = _without_copied_head(header, "token_embd.weight", "output.weight")
        config = config_from_gguf(header)
        llama = header.metadata["general.architecture"] == "llama"
        n_heads = {"q": config.n_heads, "k": config.n_kv_heads} if llama else {}  # to reorder

        def read(array: Array, tensor: StoredArray) -> "np.ndarray":
            rows = expanded(tensor.path, tensor)
            *_, module, _ = array.name.split(".")
            return pairs_in_halves(rows, n_heads[module]) if module in n_heads else rows

        arrays = arrays_from_gguf(header)
        _check(arrays, config, rows_are_outputs=True)
    return Weights(path, "GGUF", header, config, arrays, True, read)


def _open_hugging_face(
    path: PathLike, header: Header, ask: Callable[[], ModelConfig] | None
) -> Weights:
    known = ask() if ask else None
    with errors_about(path):
        if known is None or known.tied:
            for table in _TOKEN_TABLES:
                header = _without_copied_head(header, table, "lm_head.weight")
        arrays = arrays_from_safetensors(header)
        if known is None and any(".q_norm." in array.name for array in arrays):
            raise UnknownArchitecture("its queries have a norm, and no config.json says for which")
        # GPT-2's files store weights as (d_in, d_out).
        others = ("model.", "embeddings.")
        rows_are_outputs = any(tensor.name.startswith(others) for tensor in header.tensors)
        config = known or config_from_arrays(arrays)
        _check(arrays, config, rows_are_outputs)
    return Weights(
        path, "Hugging Face", header, config, arrays, rows_are_outputs, _read, known is not None
    )


def _open_own(path: PathLike, header: Header) -> Weights:
    with errors_about(path):
        config = stored_config(header)
        found = {tensor.name: tensor.shape for tensor in header.tensors}
        check_arrays(found, config)
        listed = {array.name: array for array in shapes(config)}
        arrays = tuple(listed[name] for name in found)
    return Weights(path, "paramlab", header, config, arrays, False, _read)


def _read(array: Array, tensor: StoredArray) -> "np.ndarray":
    import numpy as np

    return as_float32(stored(np.memmap(tensor.path, np.uint8, mode="r"), tensor))


def _without_copied_head(header: Header, table: str, head: str) -> Header:
    """Drop a head that is the token table once more: some programs store a shared table twice."""
    tensors = {tensor.name: tensor for tensor in header.tensors}
    if table in tensors and head in tensors and same_bytes(tensors[table], tensors[head]):
        del tensors[head]
        return header._replace(tensors=tuple(tensors.values()))
    return header


def _check(arrays: Collection[Array], config: ModelConfig, rows_are_outputs: bool) -> None:
    """Insist that the arrays of a file, in the layout of forward, are those of the architecture."""
    found: dict[str, tuple[int, ...]] = {}
    for array in arrays:
        shape = array.shape[::-1] if rows_are_outputs and array.role == "weight" else array.shape
        names = _names(array.name)
        if len(names) > 1 and shape and shape[-1] % len(names) == 0:
            shape = (*shape[:-1], shape[-1] // len(names))
        for name in names:
            if name in found:
                raise UnsupportedModel(f"{name} is there twice")
            found[name] = shape
    buffers = {array.name for array in arrays if array.role == "buffer"}
    found = {name: shape for name, shape in found.items() if name not in buffers}
    if (n_found := n_layers_of(found)) != config.n_layers:
        raise UnsupportedModel(
            f"it holds {n_found} layers, but its configuration describes {config.n_layers}"
        )
    check_arrays(found, config)


def _names(name: str) -> tuple[str, ...]:
    """Return what an array is called here; GPT-2 joins queries, keys and values in one."""
    if ".attention.qkv." not in name:
        return (name,)
    return tuple(name.replace(".qkv.", f".{part}.") for part in "qkv")


def own_name(header: Header) -> str:
    """Return what a GGUF file calls its model, if that can be printed."""
    name: Any = header.metadata.get("general.name")
    return name if isinstance(name, str) and name.isprintable() and len(name) <= 100 else ""
