"""Load a model that can run: its numbers, its architecture and its tokenizer.

Counting follows the same road from a file (:func:`paramlab.files.weights.open_weights`); here the
numbers are read too, and what :func:`paramlab.transformer.forward` would not compute is refused.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from paramlab.checks import check_arrays, check_numbers
from paramlab.config import ModelConfig
from paramlab.errors import ModelFileError, UnsupportedModel, errors_about, shown
from paramlab.files.architecture import refuse_changed_positions
from paramlab.files.config_json import read_config_json
from paramlab.files.layout import Header, read_json
from paramlab.files.real_model import (
    REAL_MODEL,
    SECOND_MODEL,
    cache_folder,
    check_present,
    check_whole,
)
from paramlab.files.safetensors import as_float32, read_safetensors
from paramlab.files.store import save_joined, stored_config, verified
from paramlab.files.vocabulary import (
    tokenizer_from_gguf,
    tokenizer_from_hugging_face,
    tokenizer_from_json,
    wordpiece_from_hugging_face,
)
from paramlab.files.weights import Weights, open_weights
from paramlab.joined import join, room, separate
from paramlab.params import shapes
from paramlab.tokenizer import Tokenizer
from paramlab.tree import Model, nest
from paramlab.wordpiece import WordPiece


def load_model(name_or_path: str | Path = REAL_MODEL) -> Model:
    """Load a model: ``params, config, tokenizer = load_model()``.

    The arrays are ordinary ones: writing into them changes no file.

    Parameters
    ----------
    name_or_path
        "smollm2-135m" for the real model of this book, "all-minilm-l6-v2" for the second one, which
        makes sentences comparable, or the path of

        - a GGUF file (llama or gpt2),
        - a safetensors file that :func:`save_model` wrote,
        - a safetensors file of Hugging Face (GPT-2, Llama, Mistral, Qwen 2 or 3, BERT), with its
          config.json beside it and perhaps its tokenizer.json; or the folder that holds them.

        One of several files, or their index, stands for them all.

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
    they came from is told by its path, size and time of change; before it is expanded, its SHA-256
    is compared. Without room, or the right to
    write, the file is expanded every time.
    """
    if str(name_or_path) == REAL_MODEL:
        return _load_real_model(check_present(REAL_MODEL))
    path = Path(name_or_path)
    if str(name_or_path) == SECOND_MODEL:
        path = check_present(SECOND_MODEL)
        check_whole(SECOND_MODEL)
    if path.is_dir():
        index = path / "model.safetensors.index.json"
        path = index if index.is_file() else path / "model.safetensors"
    if not path.is_file():
        raise ModelFileError(
            f"there is no file {path}; give the path of a .gguf or .safetensors file, or "
            f"{REAL_MODEL!r} or {SECOND_MODEL!r}"
        )
    return _load_file(path)


def _load_file(path: Path) -> Model:
    weights = open_weights(path, lambda: _runnable_config(path))
    if weights.kind == "paramlab":
        return _load_own(path, weights.header, weights.config)
    with errors_about(path):
        _refuse_learned_buffers(weights)
        if weights.kind == "GGUF":
            refuse_changed_positions(weights.header, weights.config.d_head)
        flat = room(weights.config)  # filled one by one, so that little is in memory twice
        for name, numbers in weights.numbers():
            check_numbers({name: numbers})
            flat[name][...] = numbers
        params = _in_order(flat, weights.config)
        if weights.kind == "GGUF":
            tokenizer = tokenizer_from_gguf(weights.header.metadata)
            return Model(params, weights.config, tokenizer)
    return Model(params, weights.config, _tokenizer_beside(path))


# Masks, frequencies and places that some files carry along; forward computes them.
_COMPUTED = (".causal_mask", ".mask_value", ".rope", ".position_ids")


def _refuse_learned_buffers(weights: Weights) -> None:
    for array in weights.arrays:
        if array.role == "buffer" and not array.name.endswith(_COMPUTED):
            raise UnsupportedModel(f"the array {array.name} is not part of this architecture")


def _load_own(path: Path, header: Header, config: ModelConfig, mapped: bool = False) -> Model:
    """Read what :mod:`paramlab.files.store` wrote; mapped numbers are read when they are used."""
    with errors_about(path):
        flat = verified(path, header)
        if not mapped:
            flat = {name: as_float32(array) for name, array in flat.items()}
        text = header.metadata.get("tokenizer")
        tokenizer = tokenizer_from_json(text) if text else None
        return Model(_in_order(flat, config), config, tokenizer)


def _in_order(flat: dict[str, Any], config: ModelConfig) -> dict[str, Any]:
    """Nest arrays in the order of the forward pass; what reads the same input lies side by side."""
    flat = separate(join(flat), config)
    check_arrays({name: array.shape for name, array in flat.items()}, config)
    return nest({array.name: flat[array.name] for array in shapes(config) if not array.tied_to})


# ------------------------------------------------------------------ what runs here

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
    "bert": {"hidden_act": ("gelu",), "is_decoder": (False,), "add_cross_attention": (False,)},
}  # fmt: skip


def _runnable_config(path: Path) -> ModelConfig:
    """Read the config.json beside a weight file; refuse what forward would not compute."""
    beside = path.with_name("config.json")
    if not beside.is_file():
        raise ModelFileError(f"{path} needs its config.json beside it, where there is none")
    config = read_config_json(beside)
    fields = read_json(beside.read_bytes())
    with errors_about(beside):
        kind = fields.get("model_type")
        if kind not in _RUNS:
            raise UnsupportedModel(f"{shown(kind)} is not read here; {', '.join(_RUNS)} are")
        for name, allowed in (_RUNS_IN_ANY | _RUNS[kind]).items():
            value = fields.get(name)
            if value is not None and value not in allowed:
                raise UnsupportedModel(f"{name} is {shown(value)}, which does not run here")
        for name in ("rope_scaling", "rope_parameters"):
            _refuse_other_rotation(name, fields.get(name) or {})
    if kind == "bert":  # no count depends on which form of GELU it is
        return replace(config, activation="gelu_exact")
    return config


def _refuse_other_rotation(name: str, rope: Any) -> None:
    """Refuse a rotation that is stretched, in part, or not the same in all layers."""
    named = rope.get("rope_type", rope.get("type")) if isinstance(rope, dict) else rope
    scaling = named or "default"
    if scaling != "default":
        raise UnsupportedModel(f"{name} is of the type {shown(scaling)}, which does not run here")
    for part, value in rope.items():
        if isinstance(value, dict):
            raise UnsupportedModel(f"{name} has a rotation for {part}, which does not run here")
    if (share := rope.get("partial_rotary_factor")) not in (None, 1.0):
        raise UnsupportedModel(
            f"partial_rotary_factor in {name} is {shown(share)}, which does not run here"
        )


def _tokenizer_beside(path: Path) -> Tokenizer | WordPiece | None:
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
        known = tokenizer_from_hugging_face(fields, end_tokens)
        return known or wordpiece_from_hugging_face(fields)


# ------------------------------------------------------------------ the real model, ready for use

_READY_NAME = "smollm2-135m-ready.safetensors"
_READY_VERSION = 2  # to be raised whenever the same file would be read into other numbers


def _load_real_model(path: Path) -> Model:
    """Map the ready arrays; where there are none, or wrong ones, make them.

    The file replaces an older one as a whole, so that processes that load at the same time do not
    disturb each other: each keeps what it has mapped.
    """
    facts = path.stat()
    source = json.dumps([str(path.resolve()), facts.st_size, facts.st_mtime_ns, _READY_VERSION])
    ready = cache_folder() / _READY_NAME
    try:
        header = read_safetensors(ready)
        if header.metadata.get("source") == source:
            return _load_own(ready, header, stored_config(header), mapped=True)
    except (OSError, UnsupportedModel):
        pass  # not there, or damaged: it is made again
    check_whole(REAL_MODEL)
    model = _load_file(path)
    try:
        ready.parent.mkdir(parents=True, exist_ok=True)
        save_joined(ready, model, source=source)
    except OSError:
        pass  # a full disk or a folder that cannot be written: it works without
    return model
