"""How a count of tensors by type is told: as text and as JSON."""

from typing import TYPE_CHECKING

from paramlab import display
from paramlab.reports import BASIS, active_as_text, count_as_json, split_as_table

if TYPE_CHECKING:
    from paramlab.files.source import CountedTensors

_BESIDE = {
    "tied": "stored once more, counted once",
    "buffers": "buffers, not counted",
    "scales": "scales of packed weights, not counted",
}


def _check_split(counted: "CountedTensors", by: str) -> None:
    if by == "layer" or (by != "component" and not counted.count.parts):
        raise ValueError(f"{counted.unknown}: it cannot be split by {by}, only by type")


def tensors_as_text(counted: "CountedTensors", by: str) -> str:
    """Return a count as a table of types, and what it rests on.

    Raises
    ------
    ValueError
        When it is to be split by what only known names tell.
    """
    _check_split(counted, by)
    found = counted.count
    rows: list[tuple[object, ...]] = [
        (
            kind, each.n_tensors, each.parameters, display.percent(each.parameters, found.total, 4),
            each.n_bytes, _bits(each.n_bytes, each.parameters),
        )
        for kind, each in found.by_type.items()
    ]  # fmt: skip
    n_tensors = sum(each.n_tensors for each in found.by_type.values())
    bits = _bits(found.n_bytes, found.total)
    rows.append(("total", n_tensors, found.total, "100%", found.n_bytes, bits))
    table = display.table(rows, ("type", "tensors", "parameters", "share", "bytes", "bits each"))
    lines = [counted.name, "", table, ""]
    if found.parts:
        lines[1:2] = ["", split_as_table(found.parts, by), ""]
        lines += active_as_text(found.parts)
        if found.parts.tied and "tied" not in found.beside:
            lines.append(f"tied, counted once: {found.parts.tied:,}")
    for kind, text in _BESIDE.items():
        if each := found.beside.get(kind):
            lines.append(f"{text}: {each.parameters:,} ({each.n_bytes:,} bytes)")
    lines.append(f"basis: {counted.basis} ({BASIS[counted.basis]})")
    return "\n".join((*lines, *counted.notes))


def _bits(n_bytes: int, parameters: int) -> str:
    return display.rounded(8 * n_bytes / parameters) if parameters else ""


def tensors_as_json(counted: "CountedTensors", by: str = "component") -> dict[str, object]:
    """Return a count under the names of every count; null is what only known names would tell.

    Raises
    ------
    ValueError
        As :func:`tensors_as_text`.
    """
    _check_split(counted, by)
    found = counted.count
    beside = {kind: each.parameters for kind, each in found.beside.items()}
    by_type = {kind: each.parameters for kind, each in found.by_type.items()}
    unknown = ("active", "active_without_input_table", "weight", "bias", "norm", "embedding")
    known = count_as_json(counted.name, found.parts, counted.basis) if found.parts else {}
    if found.parts and by == "role":
        known["roles"] = found.parts.by_role
    return {
        "name": counted.name,
        "total": found.total,
        **dict.fromkeys((*unknown, "position")),
        "basis": counted.basis,
        "components": by_type,
        **known,
        "tied": found.parts.tied if found.parts else beside.get("tied", 0),
        "buffers": beside.get("buffers", 0),
        "scales": beside.get("scales", 0),
        "bytes": found.n_bytes,
        "parameters_by_type": by_type,
        "bytes_by_type": {kind: each.n_bytes for kind, each in found.by_type.items()},
        "notes": [*counted.notes],
    }
