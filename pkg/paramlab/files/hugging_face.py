"""Read the architecture that a Hugging Face ``config.json`` describes, as transformers reads it.

What each family's fields mean stands in ``data/families.toml``; what is not there is refused.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from paramlab.config import ModelConfig
from paramlab.errors import UnsupportedModel, shown
from paramlab.files.arrays import listed_arrays, listed_lookbacks, size
from paramlab.files.config_json import PARTS
from paramlab.files.families import (
    REFUSED,
    At,
    Family,
    Window,
    aliases,
    everywhere,
    family,
    kinds_of_a_part,
    model_types,
    texts,
    wholes,
)
from paramlab.files.finish import RULES
from paramlab.files.finish.insist import is_list_of_layers, one_of, whole
from paramlab.files.seems import code_of_its_own, in_the_words_of, nearest, what_it_seems
from paramlab.files.unsaid import defaults_note, stretched_window_note
from paramlab.sizes import check_n_layers

Fields = dict[str, Any]
_NO_FIELDS = ("arrays", "not_in")  # what by_class holds beside fields of ModelConfig
_TIED = "tie_word_embeddings"
_ACTIVATIONS = {"hidden_act", "hidden_activation", "activation_function", "projector_hidden_act"}
_OF_THE_WHOLE = {"architectures", "auto_map", "model_type", _TIED}


def config_from_hf(fields: Fields) -> ModelConfig:
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
    >>> config_from_hf({"model_type": "?"})
    Traceback (most recent call last):
        ...
    paramlab.errors.UnsupportedModel: the model type '?' is not known here; see paramlab families
    """
    row = _family(fields)
    if not row.whole:
        return _language_model(fields, row)
    try:
        return _whole(fields, row)
    except UnsupportedModel as error:
        hint = _hint_at_a_part(fields)
        raise UnsupportedModel(f"{error}{hint if 'FILE#' in hint else ''}") from None


def _language_model(fields: Fields, row: Family) -> ModelConfig:
    """Return the architecture of a model of language alone."""
    values = _values(fields, row)
    with _refusals(fields, row):
        check_n_layers("n_layers", values["n_layers"])
        fields = _without_further_layers(fields, values["n_layers"], values.get("_n_further"))
        _sort_layers(fields, row, values)
        for name in row.finish:
            RULES[name](values)
        if "activation" in values:
            values["activation"] = _activation(values["activation"])
        values |= _window(fields, row.window, values["n_layers"])
        config = ModelConfig.from_flat(
            {name: value for name, value in values.items() if not _is_help(name)}
        )
        config = _with_further(fields, row, values, config)
    _refuse_the_rest(fields, row, config.n_layers)
    return config


def _without_further_layers(fields: Fields, n_layers: int, more: int | None) -> Fields:
    """Cut the list of layers where the main model ends: what predicts further tokens follows."""
    kinds = fields.get("layer_types")
    if more and isinstance(kinds, list) and len(kinds) == n_layers + more:
        return fields | {"layer_types": kinds[:n_layers]}
    return fields


def _with_further(
    fields: Fields, row: Family, values: dict[str, Any], config: ModelConfig
) -> ModelConfig:
    """Add the arrays that the row lists, those of the class, and how its layers look back."""
    text = row.arrays + values.get("_arrays", "")
    if not text:
        return config
    sizes = vars(config) | _layers_by_reach(config, values) | _helps(values)
    if "n_labels" in text:
        sizes["n_labels"] = _n_labels(fields, values.get("_n_labels", 2))
    return replace(
        config,
        further=listed_arrays(text, sizes),
        lookbacks=listed_lookbacks(row.lookbacks, sizes),
        between_streams=size(row.between_streams, sizes),
    )


def _layers_by_reach(config: ModelConfig, values: dict[str, Any]) -> dict[str, int]:
    """Count the layers with a window, the others, and those of each that keep keys of their own."""
    n_own = values.get("_n_own", config.n_layers)
    local = config.local_layers or range(config.n_layers if config.window else 0)
    n_local, n_local_own = len(local), sum(i < n_own for i in local)
    return {
        "n_local": n_local, "n_local_own": n_local_own,
        "n_global": config.n_layers - n_local, "n_global_own": n_own - n_local_own,
    }  # fmt: skip


def _helps(values: dict[str, Any]) -> dict[str, Any]:
    return {name[1:]: value for name, value in values.items() if name[0] == "_"}


def _whole(fields: Fields, row: Family) -> ModelConfig:
    """Return the language model of several that are one, with the arrays of the others beside."""
    (at, kinds), *others = row.whole.items()
    for name, known in row.whole.items():
        if known.startswith("+ ") and not fields.get(name):
            raise UnsupportedModel(f"it holds no {name}, and this family has no default for it")
    own = row.names_read | row.harmless | row.only.keys() | row.whole.keys() | _OF_THE_WHOLE
    rest = _without(fields, set(own))
    is_flat = row.flat and fields.get(at) is None  # as older files are
    text = _language_part(fields | {at: rest if is_flat else fields.get(at) or {}}, row, at)
    if "tied" in row.style:
        text.setdefault(_TIED, row.style["tied"])
    elif _TIED not in text and _TIED not in row.harmless:
        raise UnsupportedModel(f"{_TIED} is not there, and what that means is open in this family")
    if _TIED in row.only:
        one_of(_TIED, text[_TIED], row.only[_TIED])
    text.pop("architectures", None)
    text_row = _part_row(text, at, kinds)
    language = _language_model(text, text_row)
    repeated = set(rest) if is_flat else _check_repeated(rest, text, text_row)
    _refuse_the_rest_of_a_part(_without(fields, repeated.union(row.whole)), row)
    own_values = _values(fields, row)
    for function in row.finish:
        RULES[function](own_values)
    sizes = vars(language) | _helps(own_values)
    further = list(language.further)
    with _refusals(fields, row):
        for name, kinds in others:
            part = fields.get(name) or {}
            if not part and kinds.startswith("- "):
                continue
            if not isinstance(part, dict):
                raise UnsupportedModel(f"{name} is not an object")
            silent = fields.get(name) is None
            part_row = _part_row(part, name, kinds, fields["model_type"], silent)
            values = _values(part, part_row)
            for function in part_row.finish:
                RULES[function](values)
            _refuse_the_rest_of_a_part(part, part_row)
            sizes[name] = SimpleNamespace(**_helps(values))
            further += listed_arrays(part_row.arrays, sizes | _helps(values))
        further += listed_arrays(row.arrays, sizes)
    return replace(language, further=tuple(further))


def _refuse_the_rest_of_a_part(fields: Fields, row: Family) -> None:
    """Refuse what is not known of a part that is no language model."""
    for name in fields.keys() & _ACTIVATIONS:
        if fields[name] is not None:
            _activation(fields[name])
    _refuse_the_rest(_without(fields, {_TIED} | _ACTIVATIONS), row, 0)


def _without(fields: Fields, names: set[str]) -> Fields:
    return {name: value for name, value in fields.items() if name not in names}


def _check_repeated(rest: Fields, text: Fields, row: Family) -> set[str]:
    """Insist that what a file says of its language model a second time is the same."""
    repeated = set()
    for at in (*row.reads.values(), *(switch.at for switch in row.switches)):
        for name in rest.keys() & at.names:
            if rest[name] != (inside := _read(text, at)):
                raise UnsupportedModel(
                    f"{name} is {shown(rest[name])} but inside it is {shown(inside)}"
                )
            repeated.add(name)
    return repeated


def _language_part(fields: Fields, row: Family, at: str) -> Fields:
    """Return the part that is the language model; above it, being tied may mean something else."""
    return part_of(_without(fields, {_TIED} & row.harmless), at)


def part_of(fields: Fields, name: str) -> Fields:
    """Return the description of one model of several; whether its head is tied may stand above."""
    part = fields.get(name)
    if not isinstance(part, dict):
        raise UnsupportedModel(f"it holds no {name}")
    above = {_TIED: fields[_TIED]} if _TIED in fields else {}
    if above and part.get(_TIED, above[_TIED]) != above[_TIED]:
        raise UnsupportedModel(
            f"{_TIED} is {shown(above[_TIED])} but in {name} it is {shown(part[_TIED])}"
        )
    inner = next((each for each in PARTS if isinstance(part.get(each), dict)), "")
    return part_of(above | part, inner) if inner else above | part


def _part_row(part: Fields, at: str, kinds: str, whole: str = "", silent: bool = False) -> Family:
    """Return the row of a part: one of these kinds, the first if it names none."""
    rows = kinds_of_a_part(kinds)
    first = "" if silent and "" in rows else next(filter(None, rows))
    named = part.get("model_type", first)
    if named == whole:  # in older files a part has the name of the whole
        named = first
    row = rows.get(named) or aliases().get(named, named)
    if row not in (*rows.values(), *(model_types() if "*" in rows else ())):
        raise UnsupportedModel(f"the model_type of {at}, {shown(named)}, is not known here")
    return family(row)


def _n_labels(fields: Fields, default: int) -> int:
    """Return how many labels a head scores: as many as are named, or as the library takes."""
    named, n = fields.get("id2label"), fields.get("num_labels")
    if isinstance(named, dict) and len(named) != (n or len(named)):
        raise UnsupportedModel(f"num_labels is {shown(n)} but id2label names {len(named)}")
    n_labels = len(named) if isinstance(named, dict) else default if n is None else n
    if type(n_labels) is not int or n_labels < 1:
        raise UnsupportedModel(
            f"num_labels is {shown(n_labels)}; it must be a positive whole number"
        )
    return n_labels


def notes_on(fields: Fields) -> list[str]:
    """Say what a ``config.json`` describes beside the parameters that are counted."""
    notes = []
    if method := _quantization(fields):
        notes.append(
            f"quantized ({method}): the weights are counted, not their scales; costs are at the "
            "--precision that is asked for, fp16 if none is"
        )
    for name in ("num_nextn_predict_layers", "num_mtp_modules"):
        if fields.get(name):
            notes.append(
                f"{name} is {shown(fields[name])}: modules that predict further tokens are no part "
                "of the main model and are not counted"
            )
    row = _family(fields)
    if row.note:
        notes.append(row.note)
    if "model_type" not in fields:
        notes.append(f"it names no model_type; read as {_known_type(fields)}, by its architectures")
    if row.whole:
        (at, kinds), *_ = row.whole.items()
        inner = _language_part(fields, row, at) if isinstance(fields.get(at), dict) else {}
        fields, row = inner or fields, _part_row(inner, at, kinds)
    return [*notes, *stretched_window_note(fields, row), *defaults_note(fields, row)]


@contextmanager
def _refusals(fields: Fields, row: Family) -> Iterator[None]:
    """Let what ModelConfig refuses be said in the words of the file."""
    try:
        yield
    except UnsupportedModel:
        raise
    except ValueError as error:
        raise UnsupportedModel(in_the_words_of(fields, row, str(error))) from None


def _family(fields: Fields) -> Family:
    """Return the row of a config.json, once it is sure that it describes this language model."""
    if "peft_type" in fields:
        raise UnsupportedModel(
            f"it describes an adapter ({shown(fields['peft_type'])}), not a model"
        )
    kind = _known_type(fields)
    if not kind:
        raise UnsupportedModel(_what_is_not_known(fields))
    row, named = family(kind), fields.get("architectures")
    known = dict.fromkeys((*row.classes, *row.by_class))
    if named not in (None, [], *([name] for name in known)):
        raise UnsupportedModel(
            f"architectures is {shown(named)}; only {' or '.join(known)} is counted"
        )
    return row


def _known_type(fields: Fields) -> str:
    """Return the row for a file's ``model_type``, or nothing."""
    if "model_type" not in fields:
        return _type_of_classes(fields.get("architectures"))
    kind = fields["model_type"]
    if not isinstance(kind, str):
        return ""
    name = aliases().get(kind, kind)
    return name if name in model_types() or name in wholes() or name in texts() else ""


def _type_of_classes(classes: Any) -> str:
    """Return the one row that has such a class, for a file that names no ``model_type``."""
    if not isinstance(classes, list) or len(classes) != 1:
        return ""
    rows = [kind for kind in model_types() if classes[0] in family(kind).classes]
    return rows[0] if len(rows) == 1 else ""


def _what_is_not_known(fields: Fields) -> str:
    if "model_type" not in fields:
        return f"it names no model_type{what_it_seems(fields)}"
    kind, hint = fields["model_type"], _hint_at_a_part(fields)
    if isinstance(kind, str) and not hint:
        hint = nearest(kind, (*model_types(), *aliases()))
    return f"the model type {shown(kind)} is not known here{hint}"


def _hint_at_a_part(fields: Fields) -> str:
    """Say whether the language model of a file that describes several can be counted."""
    name = next((each for each in PARTS if isinstance(fields.get(each), dict)), "")
    if not name:
        return ""
    try:
        config_from_hf(part_of(fields, name))
    except UnsupportedModel as error:
        kind = fields[name].get("model_type")
        if _known_type({"model_type": kind}):
            return f"; nor can its {name} be counted: {error}"
        return f"; nor is that of its {name}, {shown(kind)}"
    return f"; its language model alone can be counted as FILE#{name}"


def _values(fields: Fields, row: Family) -> dict[str, Any]:
    """Read every value of ours that the row names."""
    if row.remote:
        _check_all_is_there(fields, row)
    values = dict(row.style)
    for ours, at in row.reads.items():
        values[ours] = _read(fields, at, ours)
    for switch in row.switches:
        values |= switch.on if _read(fields, switch.at) else switch.off
    for name in fields.get("architectures") or []:
        its_own = row.by_class.get(name, {})
        values |= {f"_{key}" if key in _NO_FIELDS else key: its_own[key] for key in its_own}
    return values | {"rope_theta": _rope_theta(fields, values)}


def _check_all_is_there(fields: Fields, row: Family) -> None:
    """Insist on the sizes for which no library has a default."""
    for ours in ("n_layers", "d_model", "n_heads", "d_ff", "vocab_size"):
        if ours in row.reads and not any(name in fields for name in row.reads[ours].names):
            name = row.reads[ours].names[0]
            raise UnsupportedModel(f"{name} is not there, and this family has no default for it")


def _is_help(name: str) -> bool:
    return name.rpartition(".")[2].startswith("_")


def _read(fields: Fields, at: At, ours: str = "") -> Any:
    """Read one value; where it has several names, all that are set must agree."""
    found = {name: fields[name] for name in at.names if name in fields}
    given = {name: value for name, value in found.items() if value is not None}
    if not given:
        if found and at.null is REFUSED:
            raise UnsupportedModel(f"{next(iter(found))} is null, which is not known here")
        return at.null if found else at.default
    (first, value), *others = given.items()
    for name, other in others:
        if other != value and (ours != "activation" or _activation(other) != _activation(value)):
            raise UnsupportedModel(f"{first} is {shown(value)} but {name} is {shown(other)}")
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
        raise UnsupportedModel(f"{name} is {shown(value)}; it must be {expected}")


def _activation(name: Any) -> str:
    if not isinstance(name, str) or name not in everywhere().activations:
        raise UnsupportedModel(
            f"the activation {shown(name)} is not known here and may hold parameters"
        )
    return everywhere().activations[name]


def _rope_theta(fields: Fields, values: dict[str, Any]) -> Any:
    """Return the base of the rotary frequencies, which later versions write one level deeper."""
    rope = fields.get("rope_parameters") or {}
    if not isinstance(rope, dict):
        raise UnsupportedModel("rope_parameters is not an object")
    if isinstance(rope.get("full_attention"), dict):
        rope = rope["full_attention"]
    theta = fields.get("rope_theta")
    return rope.get("rope_theta", values.get("rope_theta", 10000.0)) if theta is None else theta


def _sort_layers(fields: Fields, row: Family, values: dict[str, Any]) -> None:
    """Say which layers are of the kinds that hold other arrays, and how many there are."""
    if not row.kinds:
        return
    listed = {name: fields[name] for name in row.kinds_in if fields.get(name)}
    if not listed:
        n_layers = values["n_layers"]
        cycle = row.cycle * (n_layers // len(row.cycle) + 1) if row.cycle else ()
        listed[""] = RULES[row.kinds_by](values) if row.kinds_by else cycle[:n_layers]
    for name, kinds in listed.items():
        if not isinstance(kinds, list | tuple | str):
            raise UnsupportedModel(f"{name} is {shown(kinds)}; it must be a list of layers")
    first, *others = listed
    values["n_layers"] = n_layers = values["n_layers"] or len(listed[first])
    for name, kinds in listed.items():
        if name:
            _check_layers(name, kinds, row, n_layers)
    layers = _by_list(listed[first], row)
    for name in others:
        if _by_list(listed[name], row) != layers:
            raise UnsupportedModel(f"{first} and {name} describe different layers")
    values |= layers
    if layers.get("state.layers") == ():  # none: a model of attention alone
        for name in [name for name in values if name.startswith("state.")]:
            del values[name]
    elif len(layers.get("state.layers", ())) == n_layers:
        values["state.layers"] = ()  # all


def _by_list(kinds: Sequence[str], row: Family) -> dict[str, tuple[int, ...]]:
    """Return the layers of each list of ours, by their kinds: a list, or a text of letters."""
    ours = sorted({name for names in row.kinds.values() for name in names})
    return {
        name: tuple(i for i, kind in enumerate(kinds) if name in row.kinds[kind]) for name in ours
    }


def _window(fields: Fields, window: Window | None, n_layers: int) -> dict[str, Any]:
    """Return the window of the local layers, and which layers those are if not all."""
    if window is None:
        return {}
    used = not window.switched or _read(fields, At(("use_sliding_window",), False, null=False))
    width = fields.get(window.name, window.default)  # null: all tokens
    if width is not None and type(width) is not int:
        raise UnsupportedModel(f"{window.name} is {shown(width)}; it must be a whole number")
    kinds = fields.get("layer_types") if window.listed else None
    if isinstance(kinds, list):
        chunked = window.name == "attention_chunk_size"
        kind_with = "chunked_attention" if chunked else "sliding_attention"
        local = tuple(i for i, kind in enumerate(kinds[:n_layers]) if kind == kind_with)
    else:
        local = _local_layers(fields, window, n_layers)
    if not used or not width or not local:
        if used and local and width == 0 and window.name in fields:
            raise UnsupportedModel(f"{window.name} is 0, a window that sees nothing; none is null")
        return {}
    whole(fields, window.name, window.default)
    return {"window": width, "local_layers": local if len(local) < n_layers else ()}


def _local_layers(fields: Fields, window: Window, n_layers: int) -> tuple[int, ...]:
    """Return the layers that meet every condition of the row; without any, all do."""
    words = window.cycle.split()
    every = [whole(fields, *each, 1) for each in window.all_but_every.items()]
    first = max((whole(fields, *each) for each in window.from_layer.items()), default=0)
    end = min((whole(fields, *each) for each in window.before_layer.items()), default=n_layers)
    by_rule = RULES[window.rule](fields, n_layers) if window.rule else range(n_layers)
    return tuple(
        i
        for i in range(first, min(end, n_layers))
        if words[i % len(words)] == "local" and all((i + 1) % n for n in every) and i in by_rule
    )


def _refuse_the_rest(fields: Fields, row: Family, n_layers: int) -> None:
    """Refuse every field that is set and not known to change nothing."""
    known = everywhere().harmless | row.harmless | row.names_read
    for name, value in fields.items():
        if name in row.only:
            one_of(name, value, row.only[name])
        elif name in everywhere().per_layer or name in row.kinds_in:
            _check_layers(name, value, row, n_layers)
        elif (
            name not in known
            and not name.endswith(everywhere().harmless_endings)
            and value not in (None, False, 0, "", [], {})
        ):
            raise UnsupportedModel(
                f"the field {shown(name)} is not known here and may change the count"
            )
    _quantization(fields)
    _check_own_code(fields.get("auto_map"), row.classes)


def _check_layers(name: str, kinds: Any, row: Family, n_layers: int) -> None:
    if kinds is None or (kinds == [] and name != "layer_types"):
        return
    own = row.kinds if name in row.kinds_in else {}
    allowed = tuple(own) or everywhere().per_layer[name]
    if not isinstance(kinds, list) and not (own and isinstance(kinds, str)):
        raise UnsupportedModel(f"{name} is {shown(kinds)}; it must be a list")
    for kind in kinds:
        if kind not in allowed:
            raise UnsupportedModel(f"{name} names {shown(kind)}, which is not known in this family")
    if len(kinds) != n_layers:
        raise UnsupportedModel(f"{name} names {len(kinds)} layers, but there are {n_layers}")


def _quantization(fields: Fields) -> str:
    """Return how the weights are packed, if they are; refuse a way that is not known."""
    packed = fields.get("quantization_config") or fields.get("quantization")
    if not packed:
        return ""
    known = packed if isinstance(packed, dict) else {}
    method = known.get("quant_method")
    if "quant_method" not in known and {"bits", "group_size"} <= known.keys():
        method = "mlx"  # the only library that names none
    if method not in everywhere().quantization:
        named = f"names {shown(method)}" if method else "names no quant_method"
        raise UnsupportedModel(f"quantization_config {named}, which is not known here")
    return str(method)


def _check_own_code(auto_map: Any, classes: tuple[str, ...]) -> None:
    """Accept a file that brings its own code only if its language model is that of the family."""
    if not auto_map:
        return
    tasks = auto_map if isinstance(auto_map, dict) else {"AutoModel": auto_map}
    models = {task: path for task, path in tasks.items() if task.startswith("AutoModel")}
    named = [path for task, path in models.items() if task in everywhere().language_models]
    if models and not (named and all(str(path).split(".")[-1] in classes for path in named)):
        tasks = {task: path for task, path in models.items() if path in named} or models
        raise UnsupportedModel(code_of_its_own(tasks, classes))
