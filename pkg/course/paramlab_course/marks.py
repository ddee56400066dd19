"""What people mark: a sheet with the written answers, and results with the marks put in."""

import csv
from dataclasses import replace
from pathlib import Path

from paramlab_course.course import Course, CourseError, read_rows, write_text
from paramlab_course.grading import Mark, Result

COLUMNS = ("student", "question", "points", "of", "comment", "answer")


def sheet(course: Course, assignment: str) -> Path:
    """Return where the marks of an assignment stand."""
    return course.folder / "marks" / f"{course.path('', assignment).name}.csv"


def read_marks(course: Course, assignment: str) -> dict[tuple[str, str, str], tuple[float, str]]:
    """Return points and comment by student, question and answer, of the rows that have points.

    Raises
    ------
    CourseError
        When points are no number in their range.
    """
    path, found = sheet(course, assignment), {}
    for number, row in enumerate(_rows(path), 2):
        points = row["points"].strip()
        if not points:
            continue
        try:
            value, most = (float(text.replace(",", ".")) for text in (points, row["of"]))
        except ValueError:
            raise CourseError(f"{path}, line {number}: {points!r} is no number") from None
        if not 0 <= value <= most:
            raise CourseError(f"{path}, line {number}: {points} is not between 0 and {most:g}")
        found[_place(row["student"], row["question"], row["answer"])] = (
            value,
            row["comment"].lstrip("'"),
        )
    return found


def _place(student: str, question: str, answer: str) -> tuple[str, str, str]:
    """Return what a mark belongs to: a text, however a spreadsheet spaces it, not a later one."""
    return student, question, "".join(answer.lstrip("'").split())


def _rows(path: Path) -> list[dict[str, str]]:
    return read_rows(path, COLUMNS) if path.is_file() else []


def results(course: Course, assignment: str) -> dict[str, Result]:
    """Return all results with the marks put in, by student, in the order of the roster."""
    marks = read_marks(course, assignment)
    found = {}
    for student in course.students:
        path = course.path("graded", assignment, f"{student}.json")
        if path.is_file():
            found[student] = _marked(Result.from_json(path.read_text(encoding="utf-8")), marks)
    return found


def _marked(result: Result, marks: dict[tuple[str, str, str], tuple[float, str]]) -> Result:
    questions: dict[str, Mark] = {}
    for name, mark in result.questions.items():
        questions[name] = mark
        place = _place(result.student, name, mark.text)
        if mark.state == "to mark" and place in marks:
            points, comment = marks[place]
            questions[name] = replace(mark, state="marked", points=points, message=comment)
    return replace(result, questions=questions)


def write_sheet(course: Course, assignment: str) -> tuple[Path, int]:
    """Write the sheet: a row for each written answer, with what was marked before of this text.

    Returns where it is and how many rows wait for points.
    """
    path = sheet(course, assignment)
    before = {_place(row["student"], row["question"], row["answer"]): row for row in _rows(path)}
    rows, n_open = [], 0
    for student in course.students:
        graded = course.path("graded", assignment, f"{student}.json")
        if not graded.is_file():
            continue
        result = Result.from_json(graded.read_text(encoding="utf-8"))
        for name, mark in result.questions.items():
            if mark.state == "to mark":
                row = before.get(_place(student, name, mark.text), {})
                points, comment = row.get("points", ""), row.get("comment", "")
                n_open += not points
                rows.append((student, name, points, f"{mark.of:g}", comment, mark.text))
    write_text(path, as_csv([COLUMNS, *rows]))
    return path, n_open


def as_csv(rows: list[tuple[str, ...]]) -> str:
    r"""Return rows as CSV whose cells no spreadsheet takes for formulas.

    Examples
    --------
    >>> as_csv([("a", "=1+1"), ("b", "-3.5")])
    "a,'=1+1\r\nb,-3.5\r\n"
    """
    import io

    text = io.StringIO()
    csv.writer(text).writerows([[_harmless(cell) for cell in row] for row in rows])
    return text.getvalue()


def _harmless(cell: str) -> str:
    try:
        float(cell)
    except ValueError:
        return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
    return cell
