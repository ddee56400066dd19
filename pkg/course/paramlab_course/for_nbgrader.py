"""To nbgrader and back: its gradebook, its pages for marking by hand, its feedback.

nbgrader runs nothing here. It gets the scores and messages that the box gave, and a notebook of
each student to show; what people mark there comes back into the sheet of marks. Its pages take
texts for markdown with HTML in it, and who marks is logged in there, so no text of a student
reaches them as such.
"""

import json
import os
import sys
import warnings
from html import escape
from pathlib import Path
from typing import Any

from paramlab.coursework import answers_of, stem

from paramlab_course.course import Course, CourseError, write_text
from paramlab_course.grading import NotGradable, Result, notebook_of, read_bytes
from paramlab_course.marks import COLUMNS, as_csv, results, sheet
from paramlab_course.source import Source, Written

CONFIG = """\
c = get_config()
c.CourseDirectory.course_id = "paramlab"
"""


def to_nbgrader(course: Course, assignment: str, folder: Path) -> int:
    """Write a course of nbgrader, or bring it up to date; return how many submissions it has.

    Then ``nbgrader formgrader`` and ``nbgrader generate_feedback`` work in that folder.

    Raises
    ------
    CourseError
        When nbgrader is not installed.
    """
    source = course.source(assignment)
    name = stem(source.name)
    found = results(course, source.name)
    with _gradebook(folder, create=True) as book:
        book.update_or_create_assignment(name)
        book.update_or_create_notebook(name, name)
        for item in source.items:
            kind = "markdown" if issubclass(item.spec, Written) else "code"
            cell = {"cell_type": kind}
            book.update_or_create_grade_cell(
                item.name, name, name, max_score=item.spec.points, **cell
            )
            book.update_or_create_solution_cell(item.name, name, name)
            book.update_or_create_source_cell(
                item.name, name, name, source="", locked=False, **cell
            )
        for student in course.students.values():
            first, _, last = student.name.rpartition(" ")
            book.update_or_create_student(
                student.id, first_name=first, last_name=last, email=student.email,
                lms_user_id=student.lms,
            )  # fmt: skip
        for student_id, result in found.items():
            book.update_or_create_submission(name, student_id)
            _write_scores(book, name, result)
            made = _notebook(source, course, student_id)
            path = folder / "autograded" / student_id / name / f"{name}.ipynb"
            write_text(path, json.dumps(made, indent=1, ensure_ascii=False) + "\n")
            write_text(path.with_name("timestamp.txt"), "")
    return len(found)


def from_nbgrader(course: Course, assignment: str, folder: Path) -> int:
    """Take over what was marked by hand in nbgrader; return how many answers that is.

    Raises
    ------
    CourseError
        When there is no gradebook, or nbgrader is not installed.
    """
    name = stem(assignment)
    rows, n_marked = [], 0
    with _gradebook(folder, create=False) as book:
        for student, result in results(course, assignment).items():
            for question, mark in result.questions.items():
                if mark.state not in ("to mark", "marked"):
                    continue
                grade = book.find_grade(question, name, name, student)
                comment = book.find_comment(question, name, name, student).manual_comment or ""
                known = grade.manual_score is not None and not grade.needs_manual_grade
                points = f"{grade.manual_score:g}" if known else ""
                n_marked += known
                rows.append((student, question, points, f"{mark.of:g}", comment, mark.text))
    write_text(sheet(course, assignment), as_csv([COLUMNS, *rows]))
    return n_marked


def _gradebook(folder: Path, create: bool) -> Any:
    path = folder.resolve() / "gradebook.db"
    if not create and not path.is_file():
        raise CourseError(f"there is no {path}; first: paramlab-course nbgrader")
    try:
        from nbgrader.api import Gradebook
    except ModuleNotFoundError:
        raise CourseError(
            "nbgrader is not installed; it comes with: pip install -r requirements-instructor.txt"
        ) from None
    warnings.filterwarnings("ignore", module="nbgrader")  # of SQLAlchemy, about what it does there
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "nbgrader_config.py").exists():
        write_text(folder / "nbgrader_config.py", CONFIG)
    commands = str(Path(sys.executable).parent)  # nbgrader calls alembic by name
    if commands not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join((commands, os.environ.get("PATH", "")))
    return Gradebook(f"sqlite:///{path}")


def _write_scores(book: Any, name: str, result: Result) -> None:
    for question, mark in result.questions.items():
        grade = book.find_grade(question, name, name, result.student)
        comment = book.find_comment(question, name, name, result.student)
        by_hand = mark.state in ("to mark", "marked")
        grade.auto_score = None if by_hand else mark.points
        if mark.state == "marked":
            grade.manual_score = mark.points
        grade.needs_manual_grade = mark.points is None and grade.manual_score is None
        comment.auto_comment = (
            None if by_hand else escape(f"{mark.state}. {mark.message}".strip(" .") + ".", False)
        )
        if mark.state == "marked":
            comment.manual_comment = mark.message
    book.db.commit()


def _notebook(source: Source, course: Course, student: str) -> dict[str, Any]:
    """Return a notebook to show, made anew from the texts of the submission and nothing else."""
    try:
        path = course.submissions(source.name)[student]
        answers = answers_of(notebook_of(read_bytes(path)))
    except (NotGradable, KeyError):
        answers = {}
    cells = []
    for item in source.items:
        cells.append(_cell("markdown", f"## {item.name}. {item.title}\n\n{item.prompt}", {}))
        written = issubclass(item.spec, Written)
        marks = {
            "grade": True, "grade_id": item.name, "locked": False, "points": item.spec.points,
            "schema_version": 3, "solution": True, "task": False,
        }  # fmt: skip
        answer = answers.get(item.name, "")
        if written:
            answer = f'<pre style="white-space: pre-wrap">{escape(answer)}</pre>'
        cells.append(_cell("markdown" if written else "code", answer, {"nbgrader": marks}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return {
        "cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip


def _cell(kind: str, text: str, metadata: dict[str, Any]) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "metadata": metadata, "source": text}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})
