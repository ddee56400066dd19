"""Grades for other systems: plain CSV, Canvas, Moodle, and Gradescope's results.json.

An answer that nobody has marked yet, and a file that must be handed in again, give an empty cell:
never a zero.
"""

import json
from typing import Any

from paramlab_course.course import Student
from paramlab_course.grading import Result
from paramlab_course.marks import as_csv
from paramlab_course.source import Source

FORMATS = ("csv", "canvas", "moodle", "gradescope")


def exported(
    kind: str, source: Source, results: dict[str, Result], students: dict[str, Student]
) -> dict[str, str]:
    """Return the files of a format: name and content."""
    if kind == "gradescope":
        return {
            f"{student}/results.json": json.dumps(gradescope(source, result), indent=1) + "\n"
            for student, result in results.items()
        }
    rows = {"csv": _plain, "canvas": _canvas, "moodle": _moodle}[kind](source, results, students)
    return {f"{'grades' if kind == 'csv' else kind}.csv": as_csv(rows)}


def _points(result: Result | None) -> str:
    return "" if result is None or result.points is None else f"{result.points:g}"


def _plain(
    source: Source, results: dict[str, Result], students: dict[str, Student]
) -> list[tuple[str, ...]]:
    names = [item.name for item in source.items]
    rows: list[tuple[str, ...]] = [("student", "state", "points", "of", *names)]
    for student in students:
        result = results.get(student)
        marks = result.questions if result else {}
        each = [
            "" if name not in marks or marks[name].points is None else f"{marks[name].points:g}"
            for name in names
        ]
        state = result.state if result else "nothing handed in"
        rows.append((student, state, _points(result), f"{source.points:g}", *each))
    return rows


def _canvas(
    source: Source, results: dict[str, Result], students: dict[str, Student]
) -> list[tuple[str, ...]]:
    head = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section", source.title)
    possible = ("    Points Possible", "", "", "", "", f"{source.points:g}")
    rows = [
        (one.name, one.lms, one.id, one.email, "", _points(results.get(one.id)))
        for one in students.values()
    ]
    return [head, possible, *rows]


def _moodle(
    source: Source, results: dict[str, Result], students: dict[str, Student]
) -> list[tuple[str, ...]]:
    head = ("ID number", "Email address", source.title)
    return [
        head,
        *((one.id, one.email, _points(results.get(one.id))) for one in students.values()),
    ]


def gradescope(source: Source, result: Result) -> dict[str, Any]:
    """Return what Gradescope reads as ``results.json``."""
    tests = []
    for name, mark in result.questions.items():
        test = {
            "name": f"{name}. {source.item(name).title}",
            "max_score": mark.of,
            "output": mark.message or mark.state,
            "visibility": "visible",
        }
        if mark.points is not None:
            test |= {
                "score": mark.points,
                "status": "passed" if mark.state == "right" else "failed",
            }
        tests.append(test)
    known = sum(mark.points or 0 for mark in result.questions.values())
    said = result.reason if result.state != "graded" else ""
    return {
        "score": round(known, 2),
        "output": f"{result.state}: {said}" if said else "",
        "tests": tests,
    }
