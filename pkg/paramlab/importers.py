"""Read an architecture from files, and count what they hold.

What is not known here is refused by name; nothing is guessed.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from paramlab import catalog
from paramlab.config import ModelConfig
from paramlab.headers import (
    LARGEST_JSON_BYTES,
    Header,
    PathLike,
    UnsupportedModel,
    errors_about,
    open_file,
    read_gguf,
    read_json,
    read_safetensors,
    same_bytes,
)
from paramlab.names import arrays_from_gguf, arrays_from_safetensors
from paramlab.params import Array, Count, count, shapes

# ------------------------------------------------------------------ configurations


def _architecture(metadata: dict[str, Any]) -> str:
    architecture = metadata.get("general.architecture")
    if architecture not in ("llama", "gpt2"):
        raise UnsupportedModel(
            f"the GGUF architecture {architecture!r} is not known here; llama and gpt2 are"
        )
    return architecture


def config_from_gguf(header: Header) -> ModelConfig:
    """Return the architecture that a GGUF header describes (llama and gpt2).

    Raises
    ------
    UnsupportedModel
        When the metadata lack a size, or describe something that is not known here.
    """
    kind = _architecture(header.metadata)
    tensors = {t.name: t for t in header.tensors}
    if "token_embd.weight" not in tensors:
        raise UnsupportedModel("it holds no token table (token_embd.weight)")

    def get(key: str, default: Any = None) -> Any:
        value = header.metadata.get(f"{kind}.{key}", default)
        if value is None:
            raise UnsupportedModel(f"the metadata lack {kind}.{key}")
        return value

    n_heads = get("attention.head_count")
    if get("expert_count", 0):
        raise UnsupportedModel("a mixture of experts in a GGUF file is not known here")
    norm = "rms_epsilon" if kind == "llama" else "epsilon"
    style = {} if kind == "gpt2" else {
        **_LLAMA,
        "bias_qkv": "blk.0.attn_q.bias" in tensors,
        "bias_o": "blk.0.attn_output.bias" in tensors,
        "bias_mlp": "blk.0.ffn_up.bias" in tensors,
    }  # fmt: skip
    return _checked(
        n_layers=get("block_count"),
        d_model=get("embedding_length"),
        n_heads=n_heads,
        d_ff=get("feed_forward_length"),
        vocab_size=tensors["token_embd.weight"].shape[0],
        n_ctx=get("context_length"),
        n_kv_heads=get("attention.head_count_kv", n_heads),
        d_head=get("attention.key_length", 0),
        tied="output.weight" not in tensors,
        norm_eps=get(f"attention.layer_norm_{norm}", 1e-5),
        rope_theta=get("rope.freq_base", 10000.0),
        **style,
    )


_LLAMA: dict[str, Any] = dict(positions="rope", norm="rmsnorm", activation="silu", gated_mlp=True)


def read_config_json(path: PathLike) -> ModelConfig:
    """Read a Hugging Face ``config.json`` of one of the families in :mod:`paramlab.families`.

    Missing fields take the defaults of the transformers library. A field that is not known there
    and is set to something is refused, because it might change the count.

    Raises
    ------
    UnsupportedModel
        When the file is not such a config, contradicts itself, or is of another family.
    OSError
        When the file cannot be read.
    """
    return _config_and_notes(path)[0]


def _config_and_notes(path: PathLike, part: str = "") -> tuple[ModelConfig, list[str]]:
    from paramlab.huggingface import config_from_hf, notes_on  # here: they read a long table

    with errors_about(path), open_file(path) as file:
        fields = read_json(file.read(LARGEST_JSON_BYTES + 1))
        if part:
            fields = _part(fields, part)
        return config_from_hf(fields), notes_on(fields)


def _part(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the description of one model of several; whether its head is tied may stand above."""
    part, tied = fields.get(name), "tie_word_embeddings"
    if not isinstance(part, dict):
        raise UnsupportedModel(f"it holds no {name}")
    above = {tied: fields[tied]} if tied in fields else {}
    if above and part.get(tied, above[tied]) != above[tied]:
        raise UnsupportedModel(f"{tied} is {above[tied]!r} but in {name} it is {part[tied]!r}")
    return above | part


def _checked(**sizes: Any) -> ModelConfig:
    try:
        return ModelConfig(**sizes)
    except ValueError as error:
        raise UnsupportedModel(str(error)) from None


# ------------------------------------------------------------------ anything that can be counted


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


def _count_published(model: catalog.Model) -> Counted:
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
    config, notes = _config_and_notes(path, part)
    name = f"{path}#{part}" if part else path
    return Counted(name, config, count(config), "config", tuple(notes))


def _count_gguf(path: str) -> Counted:
    header = read_gguf(path)
    with errors_about(path):
        header = without_copied_head(path, header, "token_embd.weight", "output.weight")
        config = config_from_gguf(header)
        if header.metadata["general.architecture"] == "gpt2" and not config.tied:
            # llama.cpp writes GPT-2's shared table twice; quantized, the two are hard to compare.
            raise UnsupportedModel(
                "its output.weight may repeat the token table; count the config.json it came from"
            )
        counted = count_arrays(arrays_from_gguf(header), config)
    return Counted(_own_name(header) or os.path.basename(path), config, counted, "weights")


def _own_name(header: Header) -> str:
    name = header.metadata.get("general.name")
    return name if isinstance(name, str) and name.isprintable() and len(name) <= 100 else ""


def _count_safetensors(path: str) -> Counted:
    header = read_safetensors(path)
    with errors_about(path):
        if re.search(r"-[0-9]+-of-[0-9]+\.safetensors$", path, re.IGNORECASE):
            raise UnsupportedModel("it is one part of several; count the config.json beside it")
        for table in ("model.embed_tokens.weight", "transformer.wte.weight", "wte.weight"):
            header = without_copied_head(path, header, table, "lm_head.weight")
        arrays = arrays_from_safetensors(header)
        config = _config_with(arrays)
        counted = count_arrays(arrays, config)
    return Counted(os.path.basename(path), config, counted, "weights")


def without_copied_head(path: PathLike, header: Header, table: str, head: str) -> Header:
    """Drop a head that is the token table once more: some programs store a shared table twice."""
    tensors = {tensor.name: tensor for tensor in header.tensors}
    if table in tensors and head in tensors and same_bytes(path, tensors[table], tensors[head]):
        del tensors[head]
        return header._replace(tensors=tuple(tensors.values()))
    return header


def count_arrays(arrays: Iterable[Array], config: ModelConfig) -> Count:
    """Count the arrays of a file, and insist that they are exactly those of the architecture.

    Arrays are compared by name and by the numbers in their shape; files differ in the order of a
    weight's two dimensions.

    Raises
    ------
    UnsupportedModel
        Naming the first array that is missing, unknown, twice there, or of another shape.
    """
    found: dict[str, Array] = {}
    for array in arrays:
        if array.name in found:
            raise UnsupportedModel(f"{array.name} is there twice")
        found[array.name] = array
    buffers = {name: array for name, array in found.items() if array.role == "buffer"}
    learned = {name: sorted(found[name].shape) for name in found.keys() - buffers.keys()}
    if _n_layers(learned) != config.n_layers:
        raise UnsupportedModel(
            f"it holds {_n_layers(learned)} layers, but its metadata describe {config.n_layers}"
        )
    fused = any(name.endswith(".attention.qkv.weight") for name in learned)
    expected = {
        array.name: sorted(array.shape)
        for array in (_fused(shapes(config)) if fused else shapes(config))
        if not array.tied_to and array.role != "buffer"
    }
    for name in sorted(expected.keys() | learned.keys()):
        if name not in learned:
            raise UnsupportedModel(f"{name} is missing, so it is not a whole model of a known kind")
        if name not in expected:
            raise UnsupportedModel(f"{name} does not belong to the architecture that it describes")
        if learned[name] != expected[name]:
            raise UnsupportedModel(
                f"{name} has the sizes {learned[name]}; the rest asks for {expected[name]}"
            )
    return replace(count(config), buffers=sum(array.size for array in buffers.values()))


def _n_layers(names: Iterable[str]) -> int:
    return len({name.split(".")[1] for name in names if name.startswith("blocks.")})


def _fused(arrays: Iterable[Array]) -> Iterator[Array]:
    """Join queries, keys and values to the one array that GPT-2 files hold."""
    for array in arrays:
        module, _, kind = array.name.rpartition(".")
        if module.endswith(".attention.q"):
            *rows, width = array.shape
            yield array._replace(name=f"{module}kv.{kind}", shape=(*rows, 3 * width))
        elif not module.endswith((".attention.k", ".attention.v")):
            yield array


def _config_with(arrays: Iterable[Array]) -> ModelConfig:
    """Return an architecture that has these arrays.

    Shapes do not tell how the queries split into heads, and no count depends on it: here all keys
    are one head.
    """
    shape = {array.name: array.shape for array in arrays}
    if "embedding.tokens" not in shape or len(shape["embedding.tokens"]) != 2:
        raise UnsupportedModel("it holds no token table; count the config.json beside it")
    vocab_size, d_model = shape["embedding.tokens"]

    def width(name: str) -> int:
        return prod(shape.get(name, ())) // max(d_model, 1)

    sizes: dict[str, Any] = dict(
        n_layers=_n_layers(shape),
        d_model=d_model,
        d_ff=width("blocks.0.mlp.up.weight"),
        vocab_size=vocab_size,
        tied="head.weight" not in shape,
    )
    if "embedding.positions" in shape:  # GPT-2
        return _checked(n_heads=1, n_ctx=width("embedding.positions"), **sizes)
    queries, keys = width("blocks.0.attention.q.weight"), width("blocks.0.attention.k.weight")
    return _checked(
        **_LLAMA,
        **sizes,
        n_heads=queries // max(keys, 1),
        n_kv_heads=1,
        d_head=keys,
        n_ctx=0,
        bias_qkv="blocks.0.attention.q.bias" in shape,
        bias_o="blocks.0.attention.o.bias" in shape,
        bias_mlp="blocks.0.mlp.up.bias" in shape,
    )
