"""Who wrote alike: the answers of a class, compared by compare50.

Only functions and written answers are compared. What was handed out is taken away first, and so are
the numbers that a program marks: they differ by student. compare50 runs no code that it compares.
"""

import os
import shutil
import subprocess
from pathlib import Path

from paramlab.coursework import answers_of, is_untouched

from paramlab_course.course import Course, CourseError, write_text
from paramlab_course.grading import NotGradable, notebook_of, read_bytes
from paramlab_course.source import Function, Item, Source, Written, stub

INSTALL = (
    "compare50 is not installed; it needs an environment of its own: python3 -m venv ~/compare50, "
    "then ~/compare50/bin/pip install compare50, then add --compare50 ~/compare50/bin/compare50"
)


def similar(course: Course, source: Source, program: Path | None) -> tuple[Path, int]:
    """Compare what was collected; return the page of the report and how many were compared.

    Parameters
    ----------
    course, source
        Whose answers to what.
    program
        compare50, if it is not on the path.

    Raises
    ------
    CourseError
        When compare50 is not there or fails, or fewer than two students answered.
    """
    named = program.expanduser() if program else shutil.which("compare50")
    python = Path(named).absolute().with_name("python3") if named else None
    if not python or not python.exists():
        raise CourseError(INSTALL)
    folder = course.path("similar", source.name)
    shutil.rmtree(folder, ignore_errors=True)
    for item in source.items:
        if issubclass(item.spec, Function):
            write_text(folder / f"handed-out/{item.name}.py", _code(item, stub(item, {})))
    students = [student for student in course.students if _write(course, source, student, folder)]
    if len(students) < 2:
        raise CourseError("fewer than two students answered something that can be compared")
    command = [
        str(python), "-m", "compare50", *(f"answers/{student}" for student in students),
        "-d", "handed-out", "-o", "report",
    ]  # fmt: skip
    ran = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONHASHSEED": "50"}, capture_output=True,
        text=True,
    )  # fmt: skip
    page = folder / "report" / "index.html"
    if ran.returncode or not page.exists():
        last = (ran.stderr.strip() or ran.stdout.strip()).rpartition("\n")[2]
        raise CourseError(f"compare50 failed: {last}")
    return page, len(students)


def _write(course: Course, source: Source, student: str, folder: Path) -> bool:
    """Write the answers of a student as files; say whether there are any."""
    path = course.submissions(source.name).get(student)
    try:
        answers = answers_of(notebook_of(read_bytes(path))) if path else {}
    except NotGradable:
        return False
    written = False
    for item in source.items:
        answer = answers.get(item.name, "").strip()
        if issubclass(item.spec, Function) and answer:
            if not is_untouched(answer, stub(item, {})):
                write_text(folder / f"answers/{student}/{item.name}.py", _code(item, answer))
                written = True
        elif issubclass(item.spec, Written) and answer:
            write_text(folder / f"answers/{student}/{item.name}.txt", answer + "\n")
            written = True
    return written


def _code(item: Item, answer: str) -> str:
    check = f'check("{item.name}")'
    return "\n".join(line for line in answer.splitlines() if line.strip() != check).strip() + "\n"
