"""What tells two architectures apart, and how many parameters each difference causes."""

from dataclasses import fields, is_dataclass, replace
from typing import Any, NamedTuple

from paramlab.config import ModelConfig
from paramlab.params import count

# Fields that ModelConfig derives from others where they are 0.
DERIVED = {
    "n_kv_heads": lambda c: c.n_heads,
    "d_head": lambda c: c.d_model // c.n_heads,
    "d_embedding": lambda c: c.d_model,
    "n_position_rows": lambda c: c.n_ctx,
}


class Step(NamedTuple):
    """One change on the way from A to B: the fields changed, their values, what it adds."""

    fields: tuple[str, ...]
    before: tuple[object, ...]
    after: tuple[object, ...]
    parameters: int  # negative where the change removes some


def compare(a: ModelConfig, b: ModelConfig) -> list[Step]:
    """Change A into B, one field at a time in the order of ModelConfig, counting at each step.

    The steps sum exactly to the difference of the two counts. What one field causes depends on
    those changed before it: a vocabulary costs more in a wider model. Where a change alone would
    make no possible model, it is made together with the next.

    Examples
    --------
    >>> gpt2 = ModelConfig(n_layers=12, d_model=768, n_heads=12, d_ff=3072,
    ...                    vocab_size=50257, n_ctx=1024)
    >>> longer = replace(gpt2, n_ctx=2048, n_position_rows=2048)
    >>> [(step.fields, step.parameters) for step in compare(gpt2, longer)]
    [(('n_ctx',), 786432)]
    """
    values_a, values_b = _values(a, b), _values(b, a)
    for name, derived in DERIVED.items():  # let it follow, where it follows in both
        if values_a[name] in (0, derived(a)) and values_b[name] in (0, derived(b)):
            values_a[name] = values_b[name] = 0
    steps: list[Step] = []
    current, total, pending = values_a, count(a).total, []
    for name in (name for name in values_b if values_a[name] != values_b[name]):
        pending.append(name)
        changed = current | {field: values_b[field] for field in pending}
        try:
            following = count(_config(a, b, changed)).total
        except ValueError:
            continue
        before = tuple(current[field] for field in pending)
        after = tuple(values_b[field] for field in pending)
        steps.append(Step(tuple(pending), before, after, following - total))
        current, total, pending = changed, following, []
    return steps


def _values(config: ModelConfig, other: ModelConfig) -> dict[str, Any]:
    """Return the fields by name; those of a part that both have as ``experts.n_active``."""
    values: dict[str, Any] = {}
    for field in fields(config):
        part, other_part = getattr(config, field.name), getattr(other, field.name)
        if is_dataclass(part) and is_dataclass(other_part):
            for inner in fields(part):
                values[f"{field.name}.{inner.name}"] = getattr(part, inner.name)
        else:
            values[field.name] = part
    return values


def _config(a: ModelConfig, b: ModelConfig, values: dict[str, Any]) -> ModelConfig:
    whole = {name: value for name, value in values.items() if "." not in name}
    for part in ("latent", "experts"):
        if part not in whole:
            inner = {n.partition(".")[2]: v for n, v in values.items() if n.startswith(part + ".")}
            whole[part] = replace(getattr(b, part), **inner)
    return replace(a, **whole)
