"""What a ``config.json`` leaves unsaid, or says in passing: defaults, and stretched windows."""

from typing import Any

from paramlab.errors import shown
from paramlab.files.families import Family

Fields = dict[str, Any]


def defaults_note(fields: Fields, row: Family) -> list[str]:
    """Name every size that was not in the file but is the library's default, in a sentence."""
    silent = {
        at.names[0]: at.default
        for at in row.reads.values()
        if type(at.default) is int and at.default and not fields.keys() & set(at.names)
    }
    if not silent:
        return []
    named = ", ".join(f"{name} {value}" for name, value in silent.items())
    if len(silent) == 1:
        return [f"1 size is not in the file but the library's default: {named}"]
    return [f"{len(silent)} sizes are not in the file but the library's defaults: {named}"]


def stretched_window_note(fields: Fields, row: Family) -> list[str]:
    """Say how far ``rope_scaling`` stretches the window that a file calls original, if it does."""
    for name in ("rope_scaling", "rope_parameters"):
        rope = fields.get(name)
        kinds = [rope, *rope.values()] if isinstance(rope, dict) else []
        for each in kinds:
            if isinstance(each, dict) and (said := _stretched(each, fields, row)):
                return [f"{name} {said}"]
    return []


def _stretched(rope: Fields, fields: Fields, row: Family) -> str:
    kind, factor = rope.get("rope_type", rope.get("type")), rope.get("factor")
    at = row.reads.get("n_ctx")
    if not at or kind not in ("linear", "dynamic", "yarn", "longrope", "su", "llama3"):
        return ""
    window = next((fields[each] for each in at.names if each in fields), at.default)
    name = "original_max_position_embeddings"
    original = rope.get(name) or fields.get(name)
    how = f"({kind}" + (f", factor {factor:g})" if _is_number(factor) else ")")
    if not _is_size(window) or not (original is None or _is_size(original)):
        return f"{how} stretches the window; its sizes are {shown(window)} and {shown(original)}"
    if original is None and kind == "linear":
        return f"{how} divides positions; {window:,} is its window as the file gives it"
    start = original or window
    reached = start * (factor if _is_number(factor) else 1)
    if original and window > original:
        reached = window
    if reached == start:
        return f"{how} changes rotations; {window:,} is its window as the file gives it"
    return (
        f"{how} stretches an original window of {start:,} tokens to {int(reached):,}; no parameter "
        "is added"
    )


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < 10**6


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 < value < 10**9
