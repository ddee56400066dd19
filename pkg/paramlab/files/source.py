"""Count whatever a reader names: a published model, a configuration or a weight file.

What is not known here is refused by name; nothing is guessed. Readers of files are imported where
there is a file: a name of the catalog needs none.
"""

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from paramlab import catalog
from paramlab.config import ModelConfig
from paramlab.errors import UnknownArchitecture, UnsupportedModel, errors_about, printable
from paramlab.params import Count, count

if TYPE_CHECKING:
    from paramlab.files.layout import Header
    from paramlab.files.tensors import TensorCount


@dataclass(frozen=True)
class Counted:
    """A count, what it is of, and what it rests on: weights, config or inferred."""

    name: str
    config: ModelConfig
    count: Count
    basis: str
    notes: tuple[str, ...] = ()
    kind: str = "decoder"  # of a published model; files hold decoders, or say what else
    heads_known: bool = True  # else all keys are taken for one head, which changes no count


@dataclass(frozen=True)
class CountedTensors:
    """A count of a weight file whose architecture is not known here: its tensors by type."""

    name: str
    count: "TensorCount"
    unknown: str  # why nothing but a count is known
    basis: str = "weights"
    notes: tuple[str, ...] = ()


def count_source(source: str) -> Counted:
    """Count a catalog name, a ``config.json``, a weight file or a folder with such files.

    ``config.json#text_config`` is the language model alone of a file that describes several. One
    of several weight files, or their index, stands for them all.

    Raises
    ------
    UnsupportedModel
        When the file is damaged or holds something that is not known here.
    LookupError
        When no model of the catalog has that name, or its architecture is unknown.
    OSError
        When the file cannot be read.
    """
    counted = count_any(source)
    if isinstance(counted, CountedTensors):
        raise UnsupportedModel(counted.unknown)
    return counted


def count_any(source: str) -> Counted | CountedTensors:
    """Count as :func:`count_source`, and by type what a file holds whose names say nothing here.

    Name and notes can be printed: what could steer a terminal is escaped.
    """
    found = _count_any(source)
    return replace(found, name=printable(found.name), notes=tuple(map(printable, found.notes)))


def _count_any(source: str) -> Counted | CountedTensors:
    from paramlab.files.config_json import PARTS
    from paramlab.files.parts import INDEX, PICKLES, refuse_pickle

    path, _, part = source.rpartition("#")
    if part in PARTS:
        return _count_config(path, part)
    suffix = os.path.splitext(source)[1].lower()
    if suffix in (".gguf", ".safetensors") or source.endswith(INDEX):
        return _count_weights(source)
    if suffix == ".json":
        return _count_config(source)
    try:
        return _count_published(catalog.find(source))
    except LookupError:
        if os.path.isdir(source):
            return _count_folder(source)
        if os.path.exists(source):
            if suffix in PICKLES:
                refuse_pickle(source)
            raise UnsupportedModel(
                f"{source}: it is not a .json, .gguf or .safetensors file"
            ) from None
        if "#" in source:
            raise UnsupportedModel(
                f"{source}: of a file that describes several models, a part that can be counted is "
                f"#{', #'.join(PARTS)}"
            ) from None
        raise


def _count_published(model: catalog.Published) -> Counted:
    published = f"published: {model.published_total or 'no total'}"
    if model.config and model.basis:
        notes = filter(None, (published, f"source: {model.source}", model.note))
        counted = count(model.config)
        return Counted(model.name, model.config, counted, model.basis, tuple(notes), model.kind)
    if model.quoted_params:
        raise LookupError(
            f"{model.name} is not a transformer stack, so paramlab does not count it; "
            f"the diffusers library counts {model.quoted_params:,} ({model.source})"
        )
    raise LookupError(
        f"{model.name} has no public configuration to count; {published} ({model.source})"
    )


def _count_config(path: str, part: str = "") -> Counted:
    from paramlab.files.config_json import config_and_notes

    config, notes = config_and_notes(path, part)
    name = f"{path}#{part}" if part else path
    return Counted(name, config, count(config), "config", tuple(notes))


def _count_folder(folder: str) -> Counted | CountedTensors:
    from paramlab.files.parts import weights_in

    found = weights_in(folder)
    if not found:
        raise UnsupportedModel(f"{folder}: it holds no .safetensors or .gguf file or config.json")
    name = os.path.basename(os.path.abspath(folder))
    if os.path.basename(found) == "config.json":
        counted = _count_config(found)
        return replace(
            counted, name=name, notes=("it holds no .safetensors or .gguf file", *counted.notes)
        )
    return replace(_count_weights(found, compare=True), name=name)


def _count_weights(path: str, compare: bool = False) -> Counted | CountedTensors:
    """Count weights: by what their tensors are for, or, where their names do not say it, by type.

    What is in several files, and what is not known by its names, is compared with the config.json
    beside it.
    """
    from paramlab.files.beside import config_beside
    from paramlab.files.parts import read_header
    from paramlab.files.weights import open_weights, own_name

    header = read_header(path)
    compare = compare or len({tensor.path for tensor in header.tensors}) > 1
    name = own_name(header) or os.path.basename(path)
    try:
        weights = open_weights(path, header=header)
    except UnknownArchitecture as error:
        return _count_unknown(path, name, header, str(error))
    except UnsupportedModel as error:
        other = header.kind == "safetensors" and _is_of_another_family(config_beside(path).fields)
        if not other:
            raise
        return _count_unknown(path, name, header, str(error))
    with errors_about(path):
        gpt2 = weights.kind == "GGUF" and header.metadata["general.architecture"] == "gpt2"
        if gpt2 and not weights.config.tied:
            # llama.cpp writes GPT-2's shared table twice; quantized, the two are hard to compare.
            raise UnsupportedModel(
                "its output.weight may repeat the token table; count the config.json it came from"
            )
    total = replace(count(weights.config), buffers=weights.buffers)
    counted = Counted(name, weights.config, total, "weights", heads_known=weights.heads_known)
    if not compare:
        return counted
    beside = config_beside(path)
    counted = replace(counted, notes=(beside.compared(total.total),))
    if beside.config and beside.agrees(total.total) and not counted.heads_known:
        return replace(counted, config=beside.config, heads_known=True)
    return counted


def _is_of_another_family(fields: dict[str, Any]) -> bool:
    """Say whether a config.json is of none that open_weights tells by their arrays alone."""
    return fields.get("model_type") not in (None, "llama", "gpt2", "bert")


def _count_unknown(
    path: str, name: str, header: "Header", unknown: str
) -> Counted | CountedTensors:
    """Count tensors; if the config.json beside them describes as many parameters, by its parts."""
    from paramlab.files.beside import config_beside
    from paramlab.files.tensors import count_tensors, notes_on

    beside = config_beside(path)
    with errors_about(path):
        found = count_tensors(header, beside.fields)
    notes = tuple(notes_on(header))
    if beside.fields or header.kind != "GGUF":  # which needs none
        notes += (beside.compared(found.total),)
    if beside.config and beside.agrees(found.total):
        stored = found.beside.get("buffers")
        parts = replace(count(beside.config), buffers=stored.parameters if stored else 0)
        by_type = (f"{kind} {each.parameters:,}" for kind, each in found.by_type.items())
        as_stored = f"{found.n_bytes:,} bytes of weights: {', '.join(by_type)}"
        notes = (*notes, "the parts are those of the config.json", as_stored)
        return Counted(name, beside.config, parts, "weights", notes)
    if header.kind == "GGUF":
        architecture = repr(header.metadata["general.architecture"])
        notes = (f"architecture: {architecture[:100]}", *notes)
    if not found.parts:
        notes = ("split by type: a split by part needs names that are known here", *notes)
    return CountedTensors(name, found, unknown, notes=notes)
