"""What differs between two architectures, and how many parameters each difference causes."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import combinations
from typing import Any

from paramlab.config import ModelConfig
from paramlab.params import count

LARGEST_GROUP = 3  # fields tried together before the whole rest is changed at once


@dataclass(frozen=True)
class Step:
    """Fields changed together: their values before and after, and what that adds to the total."""

    names: tuple[str, ...]
    before: tuple[Any, ...]
    after: tuple[Any, ...]
    parameters: int


def compare(a: ModelConfig, b: ModelConfig) -> list[Step]:
    """Turn one architecture into another, a field at a time, and count after each step.

    Fields are changed in the order in which ModelConfig lists them, those of its parts last; the
    share of a field depends on that order, their sum does not. A field that leads to no possible
    model by itself (more key-value heads than heads) is changed together with the first others
    that make it one.

    Returns
    -------
    list of Step
        None, if the two are equal. The steps add up to the difference of the totals exactly.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=2, d_model=4, n_heads=2, d_ff=8, vocab_size=10, n_ctx=6)
    >>> for step in compare(tiny, replace(tiny, n_layers=3, tied=False)):
    ...     print(*step.names, *step.before, *step.after, step.parameters)
    n_layers 2 3 172
    tied True False 40
    """
    steps, total, pending = [], count(a).total, _differing(a, b)
    while pending:
        group, changed = _first_possible(a, b, pending)
        after = count(changed).total
        before_values = tuple(_get(a, name) for name in group)
        after_values = tuple(_get(b, name) for name in group)
        steps.append(Step(group, before_values, after_values, after - total))
        a, total, pending = changed, after, [name for name in pending if name not in group]
    return steps


def _differing(a: ModelConfig, b: ModelConfig) -> list[str]:
    """Name the fields that differ; those of a part, such as experts.d_ff, if both have the part."""
    names = []
    for field in fields(a):
        ours, theirs = getattr(a, field.name), getattr(b, field.name)
        if is_dataclass(ours) and is_dataclass(theirs):
            inner = (part.name for part in fields(ours))
            names += [
                f"{field.name}.{name}"
                for name in inner
                if getattr(ours, name) != getattr(theirs, name)
            ]
        elif ours != theirs:
            names.append(field.name)
    return names


def _first_possible(
    a: ModelConfig, b: ModelConfig, pending: Sequence[str]
) -> tuple[tuple[str, ...], ModelConfig]:
    """Find the fewest fields, the first of them foremost, that lead to a possible model."""
    first, *others = pending
    for n_others in range(min(LARGEST_GROUP, len(pending))):
        for more in combinations(others, n_others):
            try:
                return (first, *more), _changed(a, b, (first, *more))
            except ValueError:
                continue
    return tuple(pending), b


def _changed(a: ModelConfig, b: ModelConfig, names: Sequence[str]) -> ModelConfig:
    """Return ``a`` with these fields as in ``b``."""
    changes: dict[str, Any] = {}
    for name in names:
        part, _, field = name.rpartition(".")
        if part:
            changes[part] = replace(changes.get(part, getattr(a, part)), **{field: _get(b, name)})
        else:
            changes[name] = getattr(b, name)
    return replace(a, **changes)


def _get(config: ModelConfig, name: str) -> Any:
    value: Any = config
    for attribute in name.split("."):
        value = getattr(value, attribute)
    return value
