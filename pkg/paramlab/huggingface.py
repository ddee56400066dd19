"""Read the architecture that a Hugging Face ``config.json`` describes, as transformers reads it.

What each family's fields mean stands in :mod:`paramlab.families`; what is not there is refused.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from paramlab.config import ModelConfig
from paramlab.errors import UnsupportedModel
from paramlab.families import (
    ACTIVATIONS,
    FAMILIES,
    HARMLESS,
    LANGUAGE_MODELS,
    PER_LAYER,
    QUANTIZED,
    REFUSED,
    At,
    Family,
    is_list_of_layers,
    number,
    one_of,
)
from paramlab.sizes import check_n_layers


def config_from_hf(fields: dict[str, Any]) -> ModelConfig:
    """Return the architecture that the fields of a ``config.json`` describe.

    Missing fields take the defaults of the transformers library.

    Raises
    ------
    UnsupportedModel
        When the family or a field that is set is not known here, or when they contradict each
        other.

    Examples
    --------
    >>> config_from_hf({"model_type": "gpt2"}).n_layers  # the library's default: GPT-2 small
    12
    >>> config_from_hf({"model_type": "mamba"})
    Traceback (most recent call last):
        ...
    paramlab.errors.UnsupportedModel: the model type 'mamba' is not known here
    """
    family = _family(fields)
    values = family.style | {name: _read(fields, at, name) for name, at in family.fields.items()}
    values |= {"_classes": fields.get("architectures"), "rope_theta": _rope_theta(fields, values)}
    with _refusals():
        check_n_layers("n_layers", values["n_layers"])
        family.finish(values)
        if "activation" in values:
            values["activation"] = _activation(values["activation"])
        values |= _window(fields, family, values["n_layers"])
        ours = {name: value for name, value in values.items() if not name.startswith("_")}
        config = ModelConfig.from_flat(ours)
    _refuse_the_rest(fields, family, config)
    return config


def notes_on(fields: dict[str, Any]) -> list[str]:
    """Say what a ``config.json`` describes beside the parameters that are counted."""
    notes = []
    if isinstance(quantization := fields.get("quantization_config"), dict):
        notes.append(
            f"quantized ({quantization['quant_method']}): the weights are counted, not their scales"
        )
    for name in ("num_nextn_predict_layers", "num_mtp_modules"):
        if fields.get(name):
            notes.append(
                f"{name} is {fields[name]}: modules that predict further tokens are no part of "
                "the main model and are not counted"
            )
    if fields.get("model_type") == "llama4_text":
        notes.append(
            "some layers look back within chunks only; paramlab cost takes them as looking back on "
            "everything, which is too much"
        )
    return notes


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise UnsupportedModel(str(error)) from None


def _family(fields: dict[str, Any]) -> Family:
    """Return the row of a config.json, once it is sure that it describes this language model."""
    if "peft_type" in fields:
        raise UnsupportedModel(f"it describes an adapter ({fields['peft_type']!r}), not a model")
    kind = fields.get("model_type")
    family = FAMILIES.get(kind) if isinstance(kind, str) else None
    if family is None:
        composite = isinstance(fields.get("text_config"), dict)
        hint = "; its language model alone can be counted as FILE#text_config" if composite else ""
        raise UnsupportedModel(f"the model type {kind!r} is not known here{hint}")
    classes, named = family.classes.split(), fields.get("architectures")
    if named not in (None, [], *([name] for name in classes)):
        raise UnsupportedModel(
            f"architectures is {named!r}; only {' or '.join(classes)} is counted"
        )
    return family


def _read(fields: dict[str, Any], at: At, ours: str) -> Any:
    """Read one value; where it has several names, all that are set must agree."""
    found = {name: fields[name] for name in at.names.split() if name in fields}
    given = {name: value for name, value in found.items() if value is not None}
    if not given:
        if found and at.null is REFUSED:
            raise UnsupportedModel(f"{next(iter(found))} is null, which is not known here")
        return at.null if found else at.default
    (first, value), *others = given.items()
    for name, other in others:
        if other != value and (ours != "activation" or _activation(other) != _activation(value)):
            raise UnsupportedModel(f"{first} is {value!r} but {name} is {other!r}")
    _check_type(first, value, at)
    return value


def _check_type(name: str, value: Any, at: At) -> None:
    """Refuse a value that is of another type than the default of its field."""
    kind, expected = type(at.default), ""
    least = min(at.default, 0) if at.zero else 1
    if kind is int and (type(value) is not int or value < least):
        expected = "a positive whole number"
    elif kind is bool and type(value) is not bool:
        expected = "true or false"
    elif kind is str and not isinstance(value, str):
        expected = "a text"
    elif kind is tuple and not is_list_of_layers(value):
        expected = "a list of layers"
    if expected:
        raise UnsupportedModel(f"{name} is {value!r}; it must be {expected}")


def _activation(name: Any) -> str:
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise UnsupportedModel(f"the activation {name!r} is not known here and may hold parameters")
    return ACTIVATIONS[name]


def _rope_theta(fields: dict[str, Any], values: dict[str, Any]) -> Any:
    """Return the base of the rotary frequencies, which later versions write one level deeper."""
    rope = fields.get("rope_parameters") or {}
    if not isinstance(rope, dict):
        raise UnsupportedModel("rope_parameters is not an object")
    if isinstance(rope.get("full_attention"), dict):
        rope = rope["full_attention"]
    theta = fields.get("rope_theta")
    return rope.get("rope_theta", values.get("rope_theta", 10000.0)) if theta is None else theta


def _window(fields: dict[str, Any], family: Family, n_layers: int) -> dict[str, Any]:
    """Return the window of the local layers, and which layers those are if not all."""
    windows = family.windows
    if windows is None or (windows.switched and fields.get("use_sliding_window") is not True):
        return {}
    window = number(fields.get(windows.name), 0 if windows.name in fields else windows.default)
    local = tuple(i for i in range(n_layers) if windows.is_local(fields, i))
    kinds = fields.get("layer_types")
    if windows.listed and kinds and isinstance(kinds, list):
        local = tuple(i for i, kind in enumerate(kinds[:n_layers]) if kind == "sliding_attention")
    if not window or not local:
        return {}
    return {"window": window, "local_layers": local if len(local) < n_layers else ()}


@cache
def _known_fields(model_type: str) -> frozenset[str]:
    family = FAMILIES[model_type]
    read = (at.names.split() for at in family.fields.values())
    return HARMLESS.union(family.harmless.split(), *read)


def _refuse_the_rest(fields: dict[str, Any], family: Family, config: ModelConfig) -> None:
    """Refuse every field that is set and not known to change nothing."""
    known = _known_fields(fields["model_type"])
    for name, value in fields.items():
        if name in family.only:
            one_of(name, value, family.only[name])
        elif name in PER_LAYER:
            _check_layers(name, value, config)
        elif name not in known and value not in (None, False, 0, "", [], {}):
            raise UnsupportedModel(f"the field {name!r} is not known here and may change the count")
    _check_quantization(fields.get("quantization_config"))
    _check_own_code(fields.get("auto_map"), family.classes.split())


def _check_layers(name: str, kinds: Any, config: ModelConfig) -> None:
    if not kinds:
        return
    allowed = PER_LAYER[name] + (("linear_attention",) if config.lightning_layers else ())
    if not isinstance(kinds, list):
        raise UnsupportedModel(f"{name} is {kinds!r}; it must be a list")
    for kind in kinds:
        if kind not in allowed:
            raise UnsupportedModel(f"{name} names {kind!r}, which is not known in this family")
    if len(kinds) != config.n_layers:
        raise UnsupportedModel(f"{name} names {len(kinds)} layers, but there are {config.n_layers}")


def _check_quantization(quantization: Any) -> None:
    method = quantization.get("quant_method") if isinstance(quantization, dict) else quantization
    if quantization and method not in QUANTIZED:
        raise UnsupportedModel(f"quantization_config names {method!r}, which is not known here")


def _check_own_code(auto_map: Any, classes: list[str]) -> None:
    """Accept a file that brings its own code only if its language model is that of the family."""
    if not auto_map:
        return
    tasks = auto_map if isinstance(auto_map, dict) else {"AutoModel": auto_map}
    models = {task: path for task, path in tasks.items() if task.startswith("AutoModel")}
    named = [path for task, path in models.items() if task in LANGUAGE_MODELS]
    if models and not (named and all(str(path).split(".")[-1] in classes for path in named)):
        raise UnsupportedModel(f"auto_map names code of its own, {models!r}, not known here")
