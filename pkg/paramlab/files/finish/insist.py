"""Refuse a field of a config.json whose value would mean another model, in one sentence."""

from typing import Any

from paramlab.errors import UnsupportedModel, shown

Values = dict[str, Any]  # what was read, by our names; a name with an underscore is a help


def whole(fields: dict[str, Any], name: str, default: int, least: int = 0) -> int:
    """Return a whole number that is not below the least, or refuse it."""
    value = fields.get(name, default)
    if type(value) is not int or value < least:
        raise UnsupportedModel(
            f"{name} is {shown(value)}; it must be a whole number of at least {least}"
        )
    return value


def is_list_of_layers(value: Any) -> bool:
    """Say whether a value names layers by their index."""
    return isinstance(value, list) and all(type(i) is int for i in value)


def one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    """Refuse a field whose other values would mean another model."""
    if value not in allowed or type(value) is not type(allowed[0]):
        known = " or ".join(map(repr, allowed))
        raise UnsupportedModel(f"{name} is {shown(value)}; only {known} is known here")


def agree(name: str, value: Any, other: str, expected: Any) -> None:
    """Refuse two fields that contradict each other."""
    if value != expected:
        raise UnsupportedModel(f"{name} is {shown(value)} but {other} is {shown(expected)}")


def check_kinds(name: str, kinds: Any, known: tuple[str, ...], n_layers: int) -> None:
    """Refuse what is no list of known kinds, one for each layer."""
    if not isinstance(kinds, list) or any(kind not in known for kind in kinds):
        raise UnsupportedModel(
            f"{name} is {shown(kinds)}; it must be a list of {' and '.join(known)}"
        )
    if len(kinds) != n_layers:
        raise UnsupportedModel(f"{name} names {len(kinds)} layers, but there are {n_layers}")


def zeros_and_ones(name: str, pattern: Any, names: list[str], n_layers: int) -> list[str]:
    """Read a list of 0 and 1, one for each layer."""
    if not is_list_of_layers(pattern) or not {0, 1} >= {*pattern} or len(pattern) != n_layers:
        raise UnsupportedModel(
            f"{name} is {shown(pattern)}; it must be a list of 0 and 1, for each layer"
        )
    return [names[each] for each in pattern]


def inner_object(values: Values, ours: str, theirs: str) -> dict[str, Any]:
    """Return an object within the file, empty where it is silent."""
    inner = values[ours] or {}
    if not isinstance(inner, dict):
        raise UnsupportedModel(f"{theirs} is not an object")
    return inner
