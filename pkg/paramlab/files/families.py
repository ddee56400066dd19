"""Families of models, by ``model_type``: the rows of ``data/families.toml`` and what they inherit.

What a row may say stands at the top of that file.
"""

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

_TOML = os.path.join(os.path.dirname(__file__), os.pardir, "data", "families.toml")
_EVERYWHERE = "everywhere"  # a table that is no family: what holds in all of them
_ALIASES = "aliases"  # another: names that stand for a row
REFUSED = object()
_CAUSAL = ("ForCausalLM", "LMHeadModel")
_ENDINGS = (*_CAUSAL, "ForConditionalGeneration", "ForMaskedLM", "MTModel", "Model")

Row = dict[str, Any]  # a table of the file, as it stands there


class At(NamedTuple):
    """Where a value stands in a config.json: its name there, the library's other names for it."""

    names: tuple[str, ...]  # all that are set must agree
    default: Any  # when none is there; its type says what is read; None: anything
    null: Any = REFUSED  # what null stands for
    zero: bool = False  # whether 0 is a size too


class Switch(NamedTuple):
    """What a true or false of a config.json decides: values of ours for either."""

    at: At
    on: dict[str, Any]
    off: dict[str, Any]


class Window(NamedTuple):
    """Which layers look back on a window of tokens only, and how wide it is."""

    default: int  # tokens, if the file says nothing; 0: all
    name: str = "sliding_window"
    listed: bool = False  # layer_types names the local layers, if it is there
    switched: bool = False  # there is no window unless use_sliding_window is true
    cycle: str = "local"
    all_but_every: dict[str, int] = {}
    from_layer: dict[str, int] = {}
    before_layer: dict[str, int] = {}
    rule: str = ""


class Family(NamedTuple):
    """One ``model_type``, with what it inherits."""

    classes: tuple[str, ...]
    like: tuple[str, ...]  # the rows that it is like, the nearest first
    style: dict[str, Any]
    reads: dict[str, At]
    switches: tuple[Switch, ...]
    finish: tuple[str, ...]
    harmless: frozenset[str]
    only: dict[str, tuple[Any, ...]]
    window: Window | None
    kinds: dict[str, tuple[str, ...]]  # a kind of layer: the lists of ours that it is in
    kinds_in: tuple[str, ...]  # the fields that may list the kinds
    kinds_by: str
    cycle: tuple[str, ...]
    by_class: dict[str, dict[str, Any]]  # other classes than those of the row, too
    arrays: str
    lookbacks: str
    between_streams: str
    whole: dict[str, str]
    flat: bool
    remote: bool
    note: str

    @property
    def names_read(self) -> frozenset[str]:
        """The fields of a config.json that this family reads."""
        places = (*self.reads.values(), *(switch.at for switch in self.switches))
        return frozenset(name for at in places for name in at.names)


class Everywhere(NamedTuple):
    """What holds in every family."""

    harmless: frozenset[str]
    harmless_endings: tuple[str, ...]
    quantization: tuple[str, ...]
    language_models: tuple[str, ...]
    activations: dict[str, str]  # by the library's names
    per_layer: dict[str, tuple[Any, ...]]
    by_class: dict[str, dict[str, Any]]


@cache
def _texts() -> dict[str, str]:
    """Cut the file at the headings of its rows: the text of each, its tables included."""
    with open(_TOML, encoding="utf-8") as file:
        _, *pieces = re.split(r"^\[([\w-]+)\]$", file.read(), flags=re.MULTILINE)
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


@cache
def row(name: str) -> Row:
    """Return a row as it stands; to read the whole file takes longer than all else in a count."""
    found: Row = tomllib.loads(f"[{name}]{_texts()[name]}")[name]
    return found


@cache
def model_types() -> tuple[str, ...]:
    """Return every ``model_type`` of a language model that is known.

    Examples
    --------
    >>> {"gpt2", "llama"} < set(model_types()), "usual" in model_types()
    (True, False)
    """
    return tuple(
        name for name, text in _texts().items() if "\nclass = " in text and name not in wholes()
    )


@cache
def wholes() -> tuple[str, ...]:
    """Return every ``model_type`` of a language model with others beside it."""
    return tuple(name for name, text in _texts().items() if "\nwhole = " in text)


@cache
def texts() -> tuple[str, ...]:
    """Return the rows that only a language model inside such a whole is of."""
    first = (next(iter(row(name)["whole"].values())) for name in wholes())
    rows = (next(iter(kinds_of_a_part(kinds).values())) for kinds in first)
    return tuple(dict.fromkeys(each for each in rows if each in _texts()))


def kinds_of_a_part(text: str) -> dict[str, str]:
    """Return which values of ``model_type`` a part may have, and the row of each.

    Examples
    --------
    >>> kinds_of_a_part("- llama=voxtral_text *")
    {'llama': 'voxtral_text', '*': '*'}
    """
    named = (kind.partition("=") for kind in text.removeprefix("- ").removeprefix("+ ").split())
    return {kind: row or kind for kind, _, row in named}


@cache
def aliases() -> dict[str, str]:
    """Return other values of ``model_type``, and the row that each stands for."""
    return dict(row(_ALIASES))


@cache
def everywhere() -> Everywhere:
    """Return what holds in every family."""
    all_of_them = row(_EVERYWHERE)
    activations = all_of_them["activations"]
    return Everywhere(
        harmless=frozenset(all_of_them["harmless"].split()),
        harmless_endings=tuple(all_of_them["harmless_endings"].split()),
        quantization=tuple(all_of_them["quantization"].split()),
        language_models=tuple(all_of_them["language_models"].split()),
        activations={name: ours for ours, theirs in activations.items() for name in theirs.split()},
        per_layer={name: tuple(known) for name, known in all_of_them["per_layer"].items()},
        by_class=all_of_them["by_class"],
    )


@cache
def family(model_type: str) -> Family:
    """Return the row of a ``model_type`` that is known.

    Examples
    --------
    >>> family("gptj").like, family("gptj").reads["n_layers"].names
    (('codegen', 'gpt2'), ('n_layer', 'num_hidden_layers'))
    """
    return resolve(model_type, row)


def resolve(name: str, row: Callable[[str], Row]) -> Family:
    """Return the row of a name with what it inherits; ``row`` gives each as it stands."""
    line = list(_lineage(name, row))
    oldest_first = [row(each) for each in reversed(line)]

    def merged(key: str) -> dict[str, Any]:
        return _merged(each.get(key, {}) for each in oldest_first)

    def nearest(key: str, default: Any = "") -> Any:
        return next((row(each)[key] for each in line if key in row(each)), default)

    defaults = _merged({**each.get("defaults", {}), **_parts(each)} for each in oldest_first)
    on = nearest("on").split()
    window = nearest("window", {})
    classes = tuple(row(name).get("class", "").split())
    return Family(
        classes=classes,
        like=tuple(line[1:]),
        style=merged("style"),
        reads={
            ours: _at(theirs, defaults.get(ours))
            for ours, theirs in merged("reads").items()
            if theirs
        }
        | {
            "_" + (at := _at(theirs, default)).names[0]: at
            for theirs, default in _union(oldest_first, "sizes")
        },
        switches=tuple(_switch(name, does, on) for name, does in _union(oldest_first, "switches")),
        finish=tuple(nearest("finish").split()),
        harmless=frozenset(
            word for each in oldest_first for word in each.get("harmless", "").split()
        ),
        only={
            name: tuple(known) if isinstance(known, list) else (known,)
            for name, known in _union(oldest_first, "only")
        },
        window=Window(**window) if window else None,
        kinds={kind: tuple(ours.split()) for kind, ours in _union(oldest_first, "kinds")},
        kinds_in=tuple(nearest("kinds_in", "layer_types").split()),
        kinds_by=nearest("kinds_by"),
        cycle=tuple(nearest("cycle").split()),
        by_class=_by_class(classes, dict(_union(oldest_first, "by_class")), name),
        arrays=nearest("arrays"),
        lookbacks=nearest("lookbacks"),
        between_streams=nearest("between_streams", "0"),
        whole=dict(row(name).get("whole", {})),
        flat=row(name).get("flat", False),
        remote=row(name).get("remote", False),
        note=nearest("note"),
    )


def _by_class(
    classes: tuple[str, ...], own: dict[str, dict[str, Any]], name: str
) -> dict[str, dict[str, Any]]:
    """Return what holds for each class; in names, an asterisk is the stem of those of the row."""
    ending = re.search(f"({'|'.join(_ENDINGS)})$", classes[0]) if classes else None
    stem = classes[0][: ending.start()] if ending else ""
    if classes and classes[0].endswith(_CAUSAL):
        shared = everywhere().by_class
        own = {each: shared.get(each, {}) | own.get(each, {}) for each in shared | own}
    return {
        each.replace("*", stem): values
        for each, values in own.items()
        if (stem or "*" not in each) and name not in values.get("not_in", "").split()
    }


def _lineage(name: str, row: Callable[[str], Row]) -> Iterator[str]:
    """Yield a row, the one that it is like, the one that that is like, and so on."""
    while name:
        yield name
        name = row(name).get("like", "")


def _parts(row: Row) -> dict[str, Any]:
    return {part: row[part] for part in ("experts", "latent", "state") if part in row}


def _merged(tables: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Merge tables; what stands in a table of theirs gets its name before a dot."""
    merged: dict[str, Any] = {}
    for each in tables:
        for name, value in each.items():
            if isinstance(value, dict):
                merged |= {f"{name}.{inner}": one for inner, one in value.items()}
            else:
                merged[name] = value
    return merged


def _union(rows: Iterable[Row], key: str) -> Iterable[tuple[str, Any]]:
    union: dict[str, Any] = {}
    for row in rows:
        union |= row.get(key, {})
    return union.items()


def _at(text: str, default: Any) -> At:
    """Read ``names | null | 0``."""
    names, *also = (part.strip() for part in text.split("|"))
    if isinstance(default, list):
        default = tuple(default)
    empty = None if default is None else type(default)()
    null = empty if "null" in also else REFUSED
    return At(tuple(names.split()), default, null, "0" in also)


def _switch(text: str, does: str | dict[str, Any], on: list[str]) -> Switch:
    at = _at(text, False)
    at = at._replace(default=at.names[0] in on)
    if isinstance(does, dict):
        return Switch(at, does, {})
    ours = does.split()
    return Switch(at, dict.fromkeys(ours, True), dict.fromkeys(ours, False))
