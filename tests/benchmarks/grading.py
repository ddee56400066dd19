"""Seconds of a check, seconds and memory to grade a submission, and seconds for a thousand.

Gradebook and pages for a thousand may take 720 s; of nbgrader, which is slow and may not be
installed, a tenth of that is measured.
"""

import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from harness import Figure

sys.path.insert(0, str(Path(__file__).parents[2] / "pkg/course"))  # it need not be installed
sys.path.insert(0, str(Path(__file__).parents[1]))

from attacks import ATTACKS
from paramlab_course import batch, release
from paramlab_course.box import Limits, NoSandbox, check_sandbox, opened, search_path
from paramlab_course.cli import SOURCES, main
from paramlab_course.collecting import collect
from paramlab_course.course import Course
from paramlab_course.example import example
from paramlab_course.export import exported
from paramlab_course.grading import grade
from paramlab_course.marks import results
from paramlab_course.proof import answered, solved
from paramlab_course.source import Seed, read

N = 1000
N_SINGLE = 30
N_NBGRADER = 100


def measure() -> Iterator[Figure]:
    """Yield the figures of this module."""
    yield Figure("check", slowest_check(), "s", goal=0.05)
    try:
        check_sandbox()
    except NoSandbox as error:
        print(f"grading was not measured: {error}")
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        course = example(folder / "course", SOURCES, N)
        collect(course, "1", course.folder / "submissions")
        yield from single(course)
        begun = time.perf_counter()
        batch.grade_all(course, "1", Limits())
        source, found = course.source("1"), results(course, "1")
        files = exported("csv", source, found, course.students)
        assert len(files["grades.csv"].splitlines()) == N + 1
        assert json.loads(next(course.path("graded", "1").iterdir()).read_text("utf-8"))
        yield Figure("grade_thousand", time.perf_counter() - begun, "s", goal=180)
        begun = time.perf_counter()
        silently("feedback", "1", "--course", str(course.folder))
        yield Figure("feedback_thousand", time.perf_counter() - begun, "s", goal=720)
        program = Path(sys.executable).with_name("nbgrader")
        if program.exists():
            yield Figure("nbgrader_hundred", nbgrader(program, folder), "s", goal=72)
        else:
            print("nbgrader_hundred was not measured: nbgrader is not installed")


def single(course: Course) -> Iterator[Figure]:
    """Yield seconds and memory of one honest submission, and seconds of the slowest attack."""
    source = course.source("1")
    submissions = list(course.submissions("1").items())[:N_SINGLE]

    def seconds(content: bytes, student: str) -> float:
        begun = time.perf_counter()
        seeds = course.given(student), course.hidden(student)
        grade(source, content, student, *seeds, Limits())
        return time.perf_counter() - begun

    times = [seconds(path.read_bytes(), student) for student, path in submissions]
    yield Figure("grade_submission", statistics.median(times), "s", goal=0.15)
    student, path = submissions[-1]
    notebook = json.loads(path.read_bytes())
    cells = ["".join(cell["source"]) for cell in notebook["cells"]]
    yield Figure("grade_submission_peak", peak_megabytes(cells), "MB", goal=128)
    loop = {"cell_type": "code", "source": ATTACKS["a loop that catches everything"] + "q7()"}
    notebook["cells"] += [loop] * 20  # each uses up the time of a cell
    worst = seconds(json.dumps(notebook).encode(), student)
    yield Figure("grade_worst", worst, "s", goal=20)


def silently(*arguments: str) -> None:
    """Run a command of ``paramlab-course``, without what it prints."""
    with redirect_stdout(io.StringIO()):
        assert main(list(arguments)) == 0


def nbgrader(program: Path, folder: Path) -> float:
    """Return the seconds until nbgrader has the scores and has made the pages of some students."""
    course = example(folder / "small", SOURCES, N_NBGRADER)
    collect(course, "1", course.folder / "submissions")
    batch.grade_all(course, "1", Limits())
    path = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    begun = time.perf_counter()
    silently("nbgrader", "1", str(folder / "there"), "--course", str(course.folder))
    subprocess.run(
        [program, "generate_feedback", "assignment-1"], cwd=folder / "there", check=True,
        capture_output=True, env={**os.environ, "PATH": path},
    )  # fmt: skip
    return time.perf_counter() - begun


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
