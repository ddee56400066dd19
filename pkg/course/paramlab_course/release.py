"""From the source of an assignment to the notebook of a student, which holds no answer."""

import json
from pathlib import Path
from typing import Any

from paramlab.coursework import EMPTY_TEXT, packed
from paramlab.sealed import canonical, fingerprint, lock, phases

from paramlab_course.source import (
    Choice,
    Function,
    Item,
    Judged,
    Number,
    Seed,
    Source,
    Written,
    release_of,
    stub,
)

HOW_TO = """\
**How it works.**
Run the folded cell below first: it makes `check`.
Write your answer where it says so, and run the cell: `check` tries it on a few public cases at
once, and gives a hint if it fails.
The grade also tries cases that are not in this file, so a right check is necessary and not
sufficient.
Keep the names `q1`, `q2`, and so on: the grading looks for them. No question needs another one.
Answers are numbers, texts, lists, and dicts.
If a cell does not end, press ■ (interrupt); nothing is lost.
At the end, save and run the last cell: it makes the one file to hand in."""
DONE = """\
## Hand in

Save this notebook, then run the cell: it says what is in the file that it makes."""
STUDENT = """\
student = ""  # your student id, between the quotation marks"""


def notebook(source: Source, seed: Seed) -> dict[str, Any]:
    """Return the notebook of one student, or of all (``seed.student`` empty)."""
    content = contents(source, seed)
    cells = [_markdown("title", f"# {source.title}\n\n{source.introduction}\n\n{HOW_TO}")]
    opening = (
        "from paramlab.coursework import Assignment\n\n"
        f'assignment = Assignment("{packed(content)}")\n'
        "check, hand_in = assignment.check, assignment.hand_in"
    )
    cells.append(_code("opening", opening, {"jupyter": {"source_hidden": True}}))
    if not seed.student:
        cells.append(_code("student", STUDENT))
    for item in source.items:
        cells += _question(item, seed)
    cells += [_markdown("done", DONE), _code("hand-in", "hand_in()")]
    marks = {key: content[key] for key in ("assignment", "release", "student")}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells, "metadata": {"kernelspec": kernel, "paramlab": marks},
        "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip


def write(made: dict[str, Any], path: Path) -> None:
    """Write a notebook in the form that Jupyter writes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")


def contents(source: Source, seed: Seed) -> dict[str, Any]:
    """Return what the first cell opens: public cases, fingerprints, locked hints."""
    release = release_of(source.name, seed)
    questions = {item.name: _sealed(item, seed, f"{release} {item.name}") for item in source.items}
    return {
        "assignment": source.name, "release": release, "student": seed.student,
        "questions": questions,
    }  # fmt: skip


def _sealed(item: Item, seed: Seed, salt: str) -> dict[str, Any]:
    spec = item.spec
    if issubclass(spec, Written):
        return {"kind": "written", "words": list(spec.words)}
    if issubclass(spec, Choice):
        return {"kind": "choice", "options": list(spec.options), "stub": stub(item, {})}
    assert issubclass(spec, Judged)
    cases = [case for case in item.cases(seed, seed) if case.public]
    rights = [item.result(item.function("solution"), case) for case in cases]
    steps = [phases(right, spec.tolerance) for right in rights]
    texts = [canonical(*pair, spec.tolerance) for pair in zip(rights, steps, strict=True)]
    hints = []
    for function, message in item.wrongs().values():
        results = [item.result(function, case) for case in cases]
        wrong = [canonical(*pair, spec.tolerance) for pair in zip(results, steps, strict=True)]
        if wrong != texts:
            hints.append(lock(message, fingerprint("\n\n".join(wrong), salt)))
    return {
        "kind": "number" if issubclass(spec, Number) else "function",
        "cases": [] if issubclass(spec, Number) else [case.arguments for case in cases],
        "kinds": [type(right).__name__ for right in rights],
        **({"keys": keys} if (keys := item.keys(rights[0])) else {}),
        "phases": steps,
        "tolerance": spec.tolerance,
        "seals": [fingerprint(text, f"{salt} {i}").hex()[:24] for i, text in enumerate(texts)],
        "hints": sorted(hints),
        "hint": spec.hint,
        "stub": stub(item, item.given(seed)),
    }


def _question(item: Item, seed: Seed) -> list[dict[str, Any]]:
    spec, name = item.spec, item.name
    points = f"{spec.points:g} point{'' if spec.points == 1 else 's'}"
    text = f"## {name}. {item.title} ({points}, about {spec.minutes:g} minutes)\n\n{item.prompt}"
    if issubclass(spec, Choice):
        text += "\n\n" + "\n".join(f"- **{key}**: {said}" for key, said in spec.options.items())
    if issubclass(spec, Written):
        low, high = spec.words
        answer = f"**Answer to {name}** ({low} to {high} words)\n\n{EMPTY_TEXT}"
        return [_markdown(f"{name}-text", text), _markdown(name, answer)]
    code = stub(item, item.given(seed)) + ("\n\n" if issubclass(spec, Function) else "")
    return [_markdown(f"{name}-text", text), _code(name, f'{code}check("{name}")')]


def _markdown(name: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": _lines(text)}


def _code(name: str, text: str, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "cell_type": "code", "execution_count": None, "id": name, "metadata": metadata or {},
        "outputs": [], "source": _lines(text),
    }  # fmt: skip


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
