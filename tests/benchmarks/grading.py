"""Seconds of a check, seconds and memory to grade a submission, and seconds for a thousand."""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import Figure

sys.path.insert(0, str(Path(__file__).parents[2] / "pkg/course"))  # it need not be installed

from paramlab_course import batch, release
from paramlab_course.box import Limits, NoSandbox, check_sandbox, opened, search_path
from paramlab_course.cli import SOURCES
from paramlab_course.collecting import collect
from paramlab_course.example import example
from paramlab_course.export import exported
from paramlab_course.grading import grade
from paramlab_course.marks import results
from paramlab_course.proof import answered, solved
from paramlab_course.source import Seed, read

N = 1000
N_SINGLE = 30


def measure() -> Iterator[Figure]:
    """Yield the figures of this module."""
    yield Figure("check", slowest_check(), "s", goal=0.05)
    try:
        check_sandbox()
    except NoSandbox as error:
        print(f"grading was not measured: {error}")
        return
    with tempfile.TemporaryDirectory() as folder:
        course = example(Path(folder, "course"), SOURCES, N)
        source = course.source("1")
        collect(course, "1", course.folder / "submissions")
        times = []
        for student, path in list(course.submissions("1").items())[:N_SINGLE]:
            content, seed = path.read_bytes(), course.given(student)
            begun = time.perf_counter()
            grade(source, content, student, seed, course.hidden(student), Limits())
            times.append(time.perf_counter() - begun)
        yield Figure("grade_submission", statistics.median(times), "s", goal=0.15)
        cells = ["".join(cell["source"]) for cell in json.loads(content)["cells"]]
        yield Figure("grade_submission_peak", peak_megabytes(cells), "MB", goal=128)
        begun = time.perf_counter()
        batch.grade_all(course, "1", Limits())
        files = exported("csv", source, results(course, "1"), course.students)
        assert len(files["grades.csv"].splitlines()) == N + 1
        assert json.loads(next(course.path("graded", "1").iterdir()).read_text("utf-8"))
        yield Figure("grade_thousand", time.perf_counter() - begun, "s", goal=180)


def slowest_check() -> float:
    """Return the median seconds of the slowest check in the student's notebook of assignment 1."""
    source, demo = read(SOURCES / "assignment_1.py"), Seed("demonstration")
    notebook = answered(source, release.notebook(source, demo), solved(source, demo))
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            code = "".join(cell["source"])
            exec(code.replace("Assignment(", "Assignment(names=globals(), packed="), names)
    medians = []
    for item in source.items:
        times = []
        for _ in range(5):
            begun = time.perf_counter()
            names["check"](item.name)
            times.append(time.perf_counter() - begun)
        medians.append(statistics.median(times))
    return max(medians)


def peak_megabytes(cells: list[str]) -> float:
    """Return the most memory of all processes of a box in which these cells ran."""
    limits = Limits()
    with opened(limits, time.monotonic() + limits.seconds) as session:
        order = {"cells": cells, "skip": [], "seconds": 2.0}
        session.start({**order, "path": search_path(limits), "limits": limits.order()})
        session.call("q1", None, 1.0)
        return sum(map(_peak_kilobytes, _family(session.process.pid))) / 1000


def _family(process: int) -> Iterator[int]:
    yield process
    children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8")
    for child in children.split():
        yield from _family(int(child))


def _peak_kilobytes(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
