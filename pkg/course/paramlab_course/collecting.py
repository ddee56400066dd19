"""From what a learning management system gives, or a folder, to one file for each student."""

import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from paramlab.coursework import MOST_BYTES, stem

from paramlab_course.course import Course, CourseError, Student
from paramlab_course.grading import NotGradable, read_bytes

LONGEST_NAME = 1000  # of a file in a zip, with its folders
DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, RuntimeError, EOFError)


@dataclass
class Collected:
    """Whose files were taken, and what needs a look."""

    students: list[str] = field(default_factory=list)
    unchanged: int = 0
    notes: list[str] = field(default_factory=list)


def collect(course: Course, assignment: str, place: Path) -> Collected:
    """Copy submissions into the course.

    Parameters
    ----------
    course
        The course.
    assignment
        Its name; the files of others are left where they are.
    place
        A folder or a zip file: as Canvas or Moodle give it, or with ``ID.ipynb``, ``ID/...ipynb``
        or ``assignment-1-ID.ipynb``. The later of two files of one student counts.

    Raises
    ------
    CourseError
        When there is no student yet, or no notebook in that place.
    """
    if not course.students:
        raise CourseError(f"there are no students in {course.folder / 'roster.csv'}")
    collected = Collected()
    found: dict[str, tuple[float, str, bytes]] = {}
    for name, changed, content in _files(place, collected):
        student = owner(name, list(course.students.values()), assignment)
        if student is None:
            collected.notes.append(f"{name}: whose is it? No id of the roster is in its name")
            continue
        if student in found:
            collected.notes.append(f"{name}: a second file of {student}; the later one counts")
        if student not in found or changed >= found[student][0]:
            found[student] = (changed, name, content)
    if not found and not collected.notes:
        raise CourseError(f"there is no notebook (.ipynb) in {place}")
    folder = course.path("submitted", assignment)
    folder.mkdir(parents=True, exist_ok=True)
    for student, (_, _, content) in sorted(found.items()):
        target = folder / f"{student}.ipynb"
        if target.is_file() and not target.is_symlink() and target.read_bytes() == content:
            collected.unchanged += 1
        else:
            temporary = folder / f".{student}.new"
            temporary.write_bytes(content)
            temporary.replace(target)
        collected.students.append(student)
    return collected


def owner(name: str, students: list[Student], assignment: str) -> str | None:
    """Return the id of the student whose file this is, or None.

    What the learning management system wrote (a folder, its own id between underscores) goes before
    what a student can choose: the name of the file, and folders inside their own.

    Examples
    --------
    >>> class_ = [Student("doe", lms="10231"), Student("roe", "Richard Roe")]
    >>> owner("doejane_LATE_10231_998_assignment-1-roe.ipynb", class_, "1")
    'doe'
    >>> owner("Richard Roe_77_assignsubmission_file_/work.ipynb", class_, "1")
    'roe'
    >>> owner("assignment-1-roe.ipynb", class_, "1"), owner("roe/a.ipynb", class_, "1")
    ('roe', 'roe')
    >>> owner("roe/doe/doejane_10231_998_assignment-1-doe.ipynb", class_, "1")
    'roe'
    """
    path = PurePosixPath(name)
    ids = {student.id for student in students}
    by_lms = {student.lms: student.id for student in students if student.lms}
    if moodle := re.match(r"(.+)_\w+_assignsubmission_", path.parts[0]):
        of_that_name = [student.id for student in students if student.name == moodle[1]]
        return of_that_name[0] if len(of_that_name) == 1 else None
    if folders := [folder for folder in path.parts[:-1] if folder in ids]:
        return folders[0]  # those inside it are the student's own
    canvas = re.match(r"[^_]+_(?:LATE_)?(\w+?)_\d+_", path.name)
    if canvas and canvas[1] in by_lms:
        return by_lms[canvas[1]]
    end = re.sub(rf"^.*{re.escape(stem(assignment))}-", "", path.stem)
    return next((word for word in (end, path.stem) if word in ids), None)


def _files(place: Path, collected: Collected) -> Iterator[tuple[str, float, bytes]]:
    """Yield name, time and content of each notebook; links are not followed."""
    if place.is_dir():
        for folder, folders, files in os.walk(place):
            folders.sort()
            for name in sorted(files):
                path = Path(folder, name)
                if name.endswith(".ipynb") and ".ipynb_checkpoints" not in path.parts:
                    shown = str(path.relative_to(place).as_posix())
                    try:
                        yield shown, path.lstat().st_mtime, read_bytes(path)
                    except NotGradable as error:
                        collected.notes.append(f"{shown}: {error}")
    elif zipfile.is_zipfile(place):
        with zipfile.ZipFile(place) as archive:
            for info in archive.infolist():
                if info.filename.endswith(".ipynb"):
                    if info.file_size > MOST_BYTES or len(info.filename) > LONGEST_NAME:
                        collected.notes.append(
                            f"{info.filename[:99]}: it, or its name, is too long"
                        )
                        continue
                    try:
                        with archive.open(info) as file:
                            content = file.read(MOST_BYTES + 1)
                    except DAMAGED as error:
                        collected.notes.append(f"{info.filename}: it cannot be unpacked ({error})")
                        continue
                    yield info.filename, float("".join(f"{n:02}" for n in info.date_time)), content
    else:
        raise CourseError(f"{place} is neither a folder nor a zip file")
