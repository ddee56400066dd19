"""Count a weight file by the types of its tensors, where their names say nothing here.

The header alone tells how many numbers there are and how they are stored. What is no parameter by
its name (frequencies, masks, routing biases), what belongs to packed weights (scales) and a head
that repeats the token table are listed apart.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from paramlab.errors import UnsupportedModel, shown
from paramlab.files.gguf_parts import count_parts
from paramlab.files.layout import Header, StoredArray, digest, first_bytes
from paramlab.files.packing import Packing
from paramlab.params import Count

# Constants that a program could compute, and numbers that no gradient trains.
_BUFFER = re.compile(
    r"(.*\.)?(rope_freqs|rope_factors_(long|short)|exp_probs_b)\.(weight|bias)|"  # GGUF
    r"(.*\.)?(inv_freq|masked_bias|position_ids|token_type_ids|running_mean|running_var|"
    r"e_score_correction_bias|expert_bias)",
    re.S,
)
_MASK = re.compile(r"(.*\.)?(attn|attention)\.bias", re.S)  # GPT-2, GPT-NeoX: (1, 1, T, T)
_OF_A_LAYER = re.compile(r"\.[0-9]+\.")
_FLOATS = ("F64", "F32", "F16", "BF16")
_TABLES_AND_HEADS = (
    ("token_embd.weight", "output.weight"), ("model.embed_tokens.weight", "lm_head.weight")
)  # fmt: skip
_COPYING = ("gpt2", "mpt", "bloom", "codeshell")  # llama.cpp wrote their shared table twice


@dataclass(frozen=True)
class Stored:
    """How many tensors of one type there are, what they stand for, and their bytes."""

    n_tensors: int = 0
    parameters: int = 0
    n_bytes: int = 0

    def plus(self, parameters: int, n_bytes: int) -> "Stored":
        """Return the sum with one more tensor."""
        return Stored(self.n_tensors + 1, self.parameters + parameters, self.n_bytes + n_bytes)


@dataclass(frozen=True)
class TensorCount:
    """The parameters of a file by type, and what is stored beside them."""

    by_type: dict[str, Stored]
    beside: dict[str, Stored]  # buffers, scales, tied: each where there are some
    parts: Count | None = None  # of a GGUF file, if all names of its tensors are known

    @property
    def total(self) -> int:
        """How many parameters there are; a table that is stored twice counts once."""
        return sum(stored.parameters for stored in self.by_type.values())

    @property
    def n_bytes(self) -> int:
        """The bytes of these."""
        return sum(stored.n_bytes for stored in self.by_type.values())


def count_tensors(header: Header, config_fields: dict[str, Any] | None = None) -> TensorCount:
    """Count the tensors of a header, whatever their names.

    Parameters
    ----------
    header
        Of all files of the model.
    config_fields
        Those of the config.json beside it, which tell how weights are packed.

    Raises
    ------
    UnsupportedModel
        When there are none, or what a tensor stands for is not told: naming it.
    """
    if header.kind == "GGUF":
        _refuse_other_gguf(header)
    by_type: dict[str, Stored] = {}
    beside: dict[str, Stored] = {}
    tensors = {tensor.name: tensor for tensor in header.tensors}
    gguf = header.kind == "GGUF"
    packing = Packing({} if gguf else config_fields or {}, tensors)
    copies = _copies(header.tensors)
    numbers = {}
    for tensor in header.tensors:
        kind, n, apart = _read(tensor, packing, copies, gguf)
        into = beside if apart else by_type
        into[kind] = into.get(kind, Stored()).plus(n, tensor.n_bytes)
        if not apart:
            numbers[tensor.name] = n
    found = TensorCount(by_type, beside, count_parts(header, numbers) if gguf else None)
    if not found.total:
        raise UnsupportedModel("it holds no weights")
    return found


def notes_on(header: Header) -> list[str]:
    """Say what of a header may be read in more than one way."""
    notes = []
    tensors = {tensor.name: tensor for tensor in header.tensors}
    for table, head in _TABLES_AND_HEADS:
        if table in tensors and head in tensors:
            a, b = tensors[table], tensors[head]
            if a.shape == b.shape and a.type_name != b.type_name:
                notes.append(f"{head} is stored in another type than {table}: counted as its own")
    n_blocks = header.metadata.get(
        f"{header.metadata.get('general.architecture')}.nextn_predict_layers"
    )
    if type(n_blocks) is int and n_blocks:
        notes.append(f"the last {n_blocks:,} blocks predict further tokens and are counted too")
    return notes


def _read(
    tensor: StoredArray, packing: Packing, copies: set[str], gguf: bool
) -> tuple[str, int, bool]:
    """Return the kind of a tensor, what it stands for, and whether that is no parameter."""
    n, kind = prod(tensor.shape), tensor.type_name
    if _BUFFER.fullmatch(tensor.name) or _is_mask(tensor):
        return "buffers", n, True
    if packing.is_beside(tensor) or (gguf and tensor.name.endswith((".scale", ".input_scale"))):
        return "scales", n, True
    if kind in ("BOOL", "I64") or (gguf and kind in ("I8", "I16", "I32")):
        return "buffers", n, True
    if bits := packing.bits(tensor):
        n, kind = tensor.n_bytes * 8 // bits, f"{bits}-bit ({packing.name})"
    elif not gguf and kind not in _FLOATS:
        raise UnsupportedModel(
            f"tensor {shown(tensor.name)} is stored as {kind}; what it stands for has to be told "
            "by the quantization_config of a config.json beside it, of a kind known here"
        )
    return ("tied", n, True) if tensor.name in copies else (kind, n, False)


def _is_mask(tensor: StoredArray) -> bool:
    shape = tensor.shape
    return len(shape) == 4 and shape[2] == shape[3] and bool(_MASK.fullmatch(tensor.name))


def _copies(tensors: Sequence[StoredArray]) -> set[str]:
    """Return the names of tensors that hold the numbers of another one once more."""
    tables = [t for t in tensors if len(t.shape) == 2 and not _OF_A_LAYER.search(t.name)]
    alike = [tables]  # a head tied to a table; each step reads more of what is still alike
    for key in (lambda t: (t.shape, t.type_name), lambda t: first_bytes(t, 4096), digest):
        alike = [group for groups in alike for group in _grouped(groups, key)]
    copies = {tensor.name for group in alike for tensor in group[1:]}
    size = {tensor.name: prod(tensor.shape) for tensor in tensors}
    for name, n in size.items():  # llama.cpp splits what expands DeepSeek's short vectors
        halves = (name.replace(".attn_kv_b.", f".attn_{part}_b.") for part in "kv")
        if ".attn_kv_b." in name and sum(size.get(half, 0) for half in halves) == n:
            copies.add(name)
    return copies


def _grouped(
    tensors: Iterable[StoredArray], key: Callable[[StoredArray], object]
) -> Iterator[list[StoredArray]]:
    """Yield the groups of two or more that have the same key."""
    groups: dict[object, list[StoredArray]] = {}
    for tensor in tensors:
        groups.setdefault(key(tensor), []).append(tensor)
    yield from (group for group in groups.values() if len(group) > 1)


def _refuse_other_gguf(header: Header) -> None:
    get = header.metadata.get
    if get("general.type", "model") not in ("model", "mmproj"):
        raise UnsupportedModel(
            f"it holds no model: its general.type is {shown(get('general.type'))}"
        )
    tensors = {tensor.name: tensor for tensor in header.tensors}
    table, head = tensors.get("token_embd.weight"), tensors.get("output.weight")
    types_differ = table and head and table.type_name != head.type_name
    if get("general.architecture") in _COPYING and types_differ:
        # Quantized, the two are hard to compare.
        raise UnsupportedModel(
            "its output.weight may repeat the token table; count the config.json it came from"
        )
