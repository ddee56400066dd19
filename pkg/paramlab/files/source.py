"""Count whatever a reader names: a published model, a configuration or a weight file.

What is not known here is refused by name; nothing is guessed. Readers of files are imported where
there is a file: a name of the catalog needs none.
"""

import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from paramlab import catalog
from paramlab.config import ModelConfig
from paramlab.errors import UnsupportedModel, errors_about
from paramlab.params import Count, count

if TYPE_CHECKING:
    from paramlab.files.weights import Weights


@dataclass(frozen=True)
class Counted:
    """A count, what it is of, and what it rests on: weights, config or inferred."""

    name: str
    config: ModelConfig
    count: Count
    basis: str
    notes: tuple[str, ...] = ()
    kind: str = "decoder"  # of a published model; files hold decoders, or say what else


def count_source(source: str) -> Counted:
    """Count a catalog name, a ``config.json``, a ``.gguf`` or a ``.safetensors`` file.

    ``config.json#text_config`` is the language model alone of a file that describes several.

    Raises
    ------
    UnsupportedModel
        When the file is damaged or holds something that is not known here.
    LookupError
        When no model of the catalog has that name, or its architecture is unknown.
    OSError
        When the file cannot be read.
    """
    readers = {".json": _count_config, ".gguf": _count_gguf, ".safetensors": _count_safetensors}
    if source.endswith("#text_config"):
        return _count_config(source.removesuffix("#text_config"), "text_config")
    suffix = os.path.splitext(source)[1].lower()
    if suffix in readers:
        return readers[suffix](source)
    try:
        return _count_published(catalog.find(source))
    except LookupError:
        if os.path.isfile(source):
            raise UnsupportedModel(
                f"{source}: it is not a .json, .gguf or .safetensors file"
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


def _count_gguf(path: str) -> Counted:
    from paramlab.files.weights import open_weights, own_name

    weights = open_weights(path)
    with errors_about(path):
        if weights.header.metadata["general.architecture"] == "gpt2" and not weights.config.tied:
            # llama.cpp writes GPT-2's shared table twice; quantized, the two are hard to compare.
            raise UnsupportedModel(
                "its output.weight may repeat the token table; count the config.json it came from"
            )
    return _counted(own_name(weights.header) or os.path.basename(path), weights)


def _count_safetensors(path: str) -> Counted:
    from paramlab.files.weights import open_weights

    with errors_about(path):
        if re.search(r"-[0-9]+-of-[0-9]+\.safetensors$", path, re.IGNORECASE):
            raise UnsupportedModel("it is one part of several; count the config.json beside it")
    return _counted(os.path.basename(path), open_weights(path))


def _counted(name: str, weights: "Weights") -> Counted:
    total = replace(count(weights.config), buffers=weights.buffers)
    return Counted(name, weights.config, total, "weights")
