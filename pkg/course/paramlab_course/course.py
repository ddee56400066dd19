"""The folder of a course: its secret, its students, its assignments, and all that is made of them.

It is private. What a public repository shows are demonstration assignments; a real course works in
such a folder of its own, which ``paramlab-course new`` creates.
"""

import csv
import io
import json
import os
import secrets
import shutil
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from paramlab.coursework import stem

from paramlab_course.source import Seed, Source, read

LEVELS = ("points", "message", "cases")
SETTINGS = """\
# The settings of this course. This folder is private: whoever knows the secret knows the cases.
title = {title}
secret = {secret}
copies = "each"        # each: every student has values of their own; one: the same for all
feedback = "message"   # points; message: and what is wrong; cases: and which public cases fail
"""


class CourseError(ValueError):
    """Something in the folder of the course is missing or wrong; says what to do."""


@dataclass(frozen=True)
class Student:
    """One row of the roster."""

    id: str
    name: str = ""
    email: str = ""
    lms: str = ""  # the id that a learning management system uses


@dataclass(frozen=True)
class Course:
    """A folder and what it holds."""

    folder: Path

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Return what ``course.toml`` says."""
        path = self.folder / "course.toml"
        if not path.is_file():
            raise CourseError(
                f"{self.folder.absolute()} is no course; go into the folder of one, or name it "
                "with --course; paramlab-course new FOLDER makes one"
            )
        try:
            settings = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise CourseError(f"{path}: {error}") from None
        if len(str(settings.get("secret", ""))) < 16:
            raise CourseError(f"{path}: the secret is missing or shorter than 16 characters")
        if settings.setdefault("copies", "each") not in ("each", "one"):
            raise CourseError(f"{path}: copies is {settings['copies']!r}; it can be each or one")
        if settings.setdefault("feedback", "message") not in LEVELS:
            raise CourseError(
                f"{path}: feedback is {settings['feedback']!r}; it can be {', '.join(LEVELS)}"
            )
        return settings

    @cached_property
    def students(self) -> dict[str, Student]:
        """Return the roster by id."""
        path = self.folder / "roster.csv"
        if not path.is_file():
            raise CourseError(f"there is no {path}; its first line is id,name,email,lms")
        found: dict[str, Student] = {}
        for row in read_rows(path, ("id",)):
            student = Student(
                **{key: row.get(key, "").strip() for key in ("id", "name", "email", "lms")}
            )
            if not _is_id(student.id) or student.id in found:
                raise CourseError(f"{path}: the id {student.id!r} is not usable, or stands twice")
            found[student.id] = student
        return found

    def source(self, name: str) -> Source:
        """Return an assignment of this course."""
        assert self.settings  # it is a course
        return found_in(self.folder / "assignments", name)

    @property
    def secret(self) -> str:
        """Return the secret."""
        return str(self.settings["secret"])

    def given(self, student: str) -> Seed:
        """Return what makes the values that a student sees."""
        return Seed(self.secret, student if self.settings["copies"] == "each" else "")

    def hidden(self, student: str) -> Seed:
        """Return what makes a student's hidden cases."""
        return Seed(self.secret, student)

    def path(self, what: str, assignment: str, name: str = "") -> Path:
        """Return the place of something, such as ``path("graded", "1", "doe.json")``."""
        folder = self.folder / what / stem(assignment)
        return folder / name if name else folder

    def submissions(self, assignment: str) -> dict[str, Path]:
        """Return the collected files by student id, in the order of the roster."""
        folder = self.path("submitted", assignment)
        found = {student: folder / f"{student}.ipynb" for student in self.students}
        return {student: path for student, path in found.items() if os.path.lexists(path)}


def read_rows(path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    """Return the rows of a CSV file as a spreadsheet saves it, also with semicolons.

    Raises
    ------
    CourseError
        When it is not in UTF-8, or lacks one of the columns.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise CourseError(f"{path} is not in UTF-8; save it as CSV in UTF-8") from None
    head = text.partition("\n")[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="")
    if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
        raise CourseError(f"{path}: its first line lacks {', '.join(missing)}")
    return [{key: value or "" for key, value in row.items() if key} for row in reader]


def found_in(folder: Path, name: str) -> Source:
    """Return the assignment of that name in a folder of sources.

    Raises
    ------
    CourseError
        When there is none; names those that are there.
    """
    for named in (f"assignment_{name}.py", f"{name}.py"):
        if (folder / named).is_file():
            return read(folder / named)
    there = sorted(path.stem.removeprefix("assignment_") for path in folder.glob("*.py"))
    raise CourseError(f"there is no assignment {name!r} in {folder}; there are {', '.join(there)}")


def _is_id(text: str) -> bool:
    return 0 < len(text) <= 64 and all(c.isalnum() or c in "._@+-" for c in text) and text[0] != "."


def create(folder: Path, title: str, sources: Path) -> Course:
    """Make the folder of a course with a fresh secret and the assignments in ``sources``.

    Raises
    ------
    CourseError
        When there is something in that folder already, or no source of an assignment to copy.
    """
    if not any(sources.glob("*.py")):
        raise CourseError(
            f"there are no assignments in {sources}; name their folder with --sources"
        )
    if folder.exists() and any(folder.iterdir()):
        raise CourseError(f"{folder} is not empty")
    (folder / "assignments").mkdir(parents=True)
    folder.chmod(0o700)
    settings = SETTINGS.format(
        title=json.dumps(title), secret=json.dumps(secrets.token_urlsafe(32))
    )
    (folder / "course.toml").write_text(settings, encoding="utf-8")
    (folder / "course.toml").chmod(0o600)
    (folder / "roster.csv").write_text("id,name,email,lms\n", encoding="utf-8")
    for path in sorted(sources.glob("*.py")):
        shutil.copy(path, folder / "assignments")
    return Course(folder)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
