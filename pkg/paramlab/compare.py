"""What tells two architectures apart, and how many parameters each difference causes."""

from collections.abc import Callable
from typing import Any, NamedTuple

from paramlab.config import ModelConfig
from paramlab.params import count

# Fields that ModelConfig derives from others where they are 0 (d_head: if it is whole).
DERIVED: dict[str, Callable[[ModelConfig], float]] = {
    "n_kv_heads": lambda c: c.n_heads,
    "d_head": lambda c: c.d_model / max(c.n_heads, 1),
    "d_embedding": lambda c: c.d_model,
    "n_position_rows": lambda c: c.n_ctx,
}


class Step(NamedTuple):
    """One change on the way from A to B: the fields changed, their values, what it adds."""

    fields: tuple[str, ...]
    before: tuple[object, ...]
    after: tuple[object, ...]
    parameters: int  # negative where the change removes some
    following: dict[str, tuple[int, int]] = {}  # fields that follow: their values before and after


def compare(a: ModelConfig, b: ModelConfig) -> list[Step]:
    """Change A into B, one field at a time in the order of ModelConfig, counting at each step.

    The steps sum exactly to the difference of the two counts. What one field causes depends on
    those changed before it: a vocabulary costs more in a wider model. Where a change alone would
    make no possible model, it is made together with another. Where the blocks of one are arrays of
    its own (``own_blocks``), fields do not make them, and a step is a part of the count instead.

    Examples
    --------
    >>> gpt2 = ModelConfig(n_layers=12, d_model=768, n_heads=12, d_ff=3072,
    ...                    vocab_size=50257, n_ctx=1024)
    >>> from dataclasses import replace
    >>> longer = replace(gpt2, n_ctx=2048, n_position_rows=2048)
    >>> [(step.fields, step.parameters) for step in compare(gpt2, longer)]
    [(('n_ctx',), 786432)]
    """
    if a.own_blocks or b.own_blocks:
        return _parts(a, b)
    values_a, values_b = _values(a, b), _values(b, a)
    for name, derived in DERIVED.items():  # let it follow, where it follows in both and changes
        follows = values_a[name] in (0, derived(a)) and values_b[name] in (0, derived(b))
        if follows and values_a[name] != values_b[name]:
            values_a[name] = values_b[name] = 0
    steps: list[Step] = []
    current, total = values_a, count(a).total
    left = [name for name in values_b if values_a[name] != values_b[name]]
    while left:
        names, changed = _next_change(current, values_b, left)
        before = tuple(current[field] for field in names)
        after = tuple(values_b[field] for field in names)
        n, following = count(changed).total, _following(ModelConfig.from_flat(current), changed)
        following = {name: both for name, both in following.items() if name not in names}
        steps.append(Step(names, before, after, n - total, following))
        current, total = current | dict(zip(names, after, strict=True)), n
        left = [name for name in left if name not in names]
    return steps


def _parts(a: ModelConfig, b: ModelConfig) -> list[Step]:
    """Return the parts of the count that are not as large in both."""
    before, after = count(a).by_part, count(b).by_part
    sizes = {name: (before.get(name, 0), after.get(name, 0)) for name in before | after}
    return [Step((name,), (n,), (m,), m - n) for name, (n, m) in sizes.items() if n != m]


def _following(before: ModelConfig, after: ModelConfig) -> dict[str, tuple[int, int]]:
    """Return the derived fields that are not what they were."""
    both = {name: (getattr(before, name), getattr(after, name)) for name in DERIVED}
    return {name: (a, b) for name, (a, b) in both.items() if a != b}


def _next_change(
    current: dict[str, Any], target: dict[str, Any], left: list[str]
) -> tuple[tuple[str, ...], ModelConfig]:
    """Return the first field that can change, with another or others if need be, and the result."""
    first, *others = left
    together = [(first,), *((first, other) for other in others)]
    together += [tuple(left[:n]) for n in range(3, len(left) + 1)]
    for names in together:
        changed = current | {field: target[field] for field in names}
        try:
            return names, ModelConfig.from_flat(changed)
        except ValueError:  # not a possible model
            continue
    raise AssertionError("changing all fields gives b, which is possible")


def _values(config: ModelConfig, other: ModelConfig) -> dict[str, Any]:
    """Return the fields by name; a part that only one of the two has stays whole."""
    values: dict[str, Any] = {}
    for name, value in config.to_flat().items():
        part = name.partition(".")[0]
        if getattr(other, part) is None:
            name, value = part, getattr(config, part)
        values[name] = value
    return values
