"""The command line: paramlab-course new | release | collect | grade | feedback | export | prove.

Every error that a user can cause is one line (a missing sandbox: a few) and exit status 2.
"""

import argparse
import re
import sys
from pathlib import Path

from paramlab.coursework import stem

from paramlab_course import release, teaching
from paramlab_course.batch import Bar, grade_all, waiting
from paramlab_course.box import Limits, NoSandbox, check_sandbox
from paramlab_course.collecting import collect
from paramlab_course.course import Course, CourseError, create, found_in, write_text
from paramlab_course.example import example
from paramlab_course.export import FORMATS, exported
from paramlab_course.feedback import page
from paramlab_course.for_nbgrader import from_nbgrader, to_nbgrader
from paramlab_course.grading import Result
from paramlab_course.marks import results, write_sheet
from paramlab_course.proof import problems
from paramlab_course.report import report
from paramlab_course.similar import similar
from paramlab_course.source import Seed, Source, read

EXIT_BAD_INPUT = 2
SOURCES = Path(__file__).resolve().parents[3] / "book/assignments"  # in a checkout


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        return status
    except (CourseError, LookupError, NoSandbox, OSError, ValueError) as error:
        print(f"paramlab-course {options.command}: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="paramlab-course", description="Run a course.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    command = commands.add_parser("new", help="make the private folder of a course")
    command.add_argument("folder", type=Path)
    command.add_argument("--title", default="What 175 Billion Means")
    command.add_argument("--sources", type=Path, default=SOURCES, help="of the assignments")
    command.set_defaults(run=_new)

    command = commands.add_parser("release", help="make the notebooks of the students")
    _add_assignment(command)
    command.set_defaults(run=_release)

    command = commands.add_parser("collect", help="take in what was handed in")
    _add_assignment(command)
    command.add_argument("place", type=Path, help="a folder, or the zip file of Canvas or Moodle")
    command.set_defaults(run=_collect)

    command = commands.add_parser("grade", help="grade what was collected and is not graded yet")
    _add_assignment(command)
    command.add_argument(
        "--workers", type=_positive, default=0, help="at a time (one for each core)"
    )
    command.add_argument("--shard", default="0/1", metavar="I/N", help="each N-th, from the I-th")
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    _add_trust(command)
    command.set_defaults(run=_grade)

    command = commands.add_parser("mark", help="write the sheet for marking written answers")
    _add_assignment(command)
    command.set_defaults(run=_mark)

    command = commands.add_parser("feedback", help="write a page for each student")
    _add_assignment(command)
    command.set_defaults(run=_feedback)

    command = commands.add_parser("export", help="write the grades for other systems")
    _add_assignment(command)
    command.add_argument("--to", choices=FORMATS, default="csv", help="csv (default)")
    command.set_defaults(run=_export)

    command = commands.add_parser("report", help="say what the class found hard")
    _add_assignment(command)
    command.set_defaults(run=_report)

    command = commands.add_parser("similar", help="show whose answers are alike, by compare50")
    _add_assignment(command)
    command.add_argument("--compare50", type=Path, metavar="PROGRAM", help="if not on the path")
    command.set_defaults(run=_similar)

    command = commands.add_parser("nbgrader", help="write a course of nbgrader, or read its marks")
    _add_assignment(command)
    command.add_argument("folder", type=Path, help="of nbgrader's course")
    command.add_argument("--read", action="store_true", help="take over what was marked there")
    command.set_defaults(run=_nbgrader)

    command = commands.add_parser("example", help="make a course with invented students")
    command.add_argument("folder", type=Path)
    command.add_argument("--students", type=_positive, default=30, help="how many (30)")
    command.set_defaults(run=_example)

    command = commands.add_parser("demo", help="make the demonstration notebooks of the package")
    command.add_argument("folder", type=Path)
    command.set_defaults(run=_demo)

    command = commands.add_parser("quiz", help="print the quiz of a chapter for another system")
    command.add_argument("chapter", type=int)
    command.add_argument("--to", choices=teaching.FORMATS, required=True)
    command.set_defaults(run=_quiz)

    command = commands.add_parser("pages", help="make the lists of the teaching pages again")
    command.add_argument("folder", type=Path)
    command.set_defaults(run=_pages)

    command = commands.add_parser("prove", help="try what must hold of an assignment's source")
    command.add_argument("assignment", help="its name, or the path of its source")
    command.add_argument(
        "--students", type=_positive, default=200, help="whose values are tried (200)"
    )
    _add_trust(command)
    command.set_defaults(run=_prove)
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


def _add_assignment(command: argparse.ArgumentParser) -> None:
    command.add_argument("assignment", help="1, for example")
    command.add_argument(
        "--course", type=Path, default=Path(), metavar="FOLDER", help="of the course (here)"
    )


def _add_trust(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--i-trust-this-code", action="store_true", help="run it without a sandbox, as yourself"
    )


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _limits(options: argparse.Namespace) -> Limits:
    if not options.i_trust_this_code:
        check_sandbox()
    return Limits(trusted=options.i_trust_this_code)


def _new(options: argparse.Namespace) -> int:
    course = create(options.folder, options.title, options.sources)
    print(f"{course.folder}: write your students into roster.csv, then: paramlab-course release 1")
    return 0


def _release(options: argparse.Namespace) -> int:
    course = Course(options.course)
    source = course.source(options.assignment)
    each = course.settings["copies"] == "each"
    students = list(course.students) if each else [""]
    if not students:
        raise CourseError(f"there are no students in {course.folder / 'roster.csv'}")
    for student in students:
        made = release.notebook(source, course.given(student))
        name = f"{student}/{stem(source.name)}.ipynb" if each else f"{stem(source.name)}.ipynb"
        release.write(made, course.path("released", source.name, name))
    print(f"{course.path('released', source.name)}: {_counted(len(students), 'notebook')}")
    return 0


def _collect(options: argparse.Namespace) -> int:
    course = Course(options.course)
    source = course.source(options.assignment)
    collected = collect(course, source.name, options.place)
    for note in collected.notes:  # names of files may hold what a terminal obeys
        print("- " + "".join(c if c.isprintable() else "?" for c in note))
    missing = sorted(course.students.keys() - course.submissions(source.name).keys())
    print(
        f"{_counted(len(collected.students), 'file')} ({collected.unchanged} as before), "
        f"{len(course.submissions(source.name))} of {len(course.students)} students"
        + (f"; nothing yet from {', '.join(missing)}" if missing else "")
    )
    return 0


def _grade(options: argparse.Namespace) -> int:
    course, limits = Course(options.course), _limits(options)
    source = course.source(options.assignment)
    if not course.submissions(source.name):
        raise CourseError(
            f"nothing is collected yet; first: paramlab-course collect {source.name} PLACE"
        )
    match = re.fullmatch(r"(\d+)/(\d+)", options.shard)
    if not match or int(match[1]) >= int(match[2]):
        raise CourseError(f"--shard is {options.shard!r}; it must be like 0/2 or 1/2")
    progress = (lambda done, of: None) if options.quiet else Bar()
    shard = (int(match[1]), int(match[2]))
    counts = grade_all(course, source.name, limits, options.workers, shard, progress)
    print(
        f"{counts['graded']} graded, {counts['kept']} as before, {counts['again']} to hand in again"
    )
    if counts["failed"]:
        print(f"{counts['failed']} found no box to run in; run it again, with fewer --workers")
    return 1 if counts["failed"] else 0


def _mark(options: argparse.Namespace) -> int:
    course = Course(options.course)
    source = course.source(options.assignment)
    _graded(course, source)
    path, n_open = write_sheet(course, source.name)
    print(f"{path}: {_counted(n_open, 'answer')} without points")
    return 0


def _graded(course: Course, source: Source) -> dict[str, Result]:
    """Return all results; none, or one of something older, is an error."""
    found = results(course, source.name)
    late = waiting(course, source.name)
    if late or not found:
        which = f"{', '.join(late[:3])}{', ...' if late[3:] else ''}: " if found else "nothing is "
        raise CourseError(
            f"{which}{'not graded as it is now' if found else 'graded yet'}; "
            f"first: paramlab-course grade {source.name}"
        )
    return found


def _feedback(options: argparse.Namespace) -> int:
    course = Course(options.course)
    source = course.source(options.assignment)
    found = _graded(course, source)
    for student, result in found.items():
        text = page(source, result, course.settings["feedback"])
        write_text(course.path("feedback", source.name, f"{student}.html"), text)
    print(f"{course.path('feedback', source.name)}: {_counted(len(found), 'page')}")
    return 0


def _export(options: argparse.Namespace) -> int:
    course = Course(options.course)
    source = course.source(options.assignment)
    files = exported(options.to, source, _graded(course, source), course.students)
    for name, text in files.items():
        write_text(course.path("exports", source.name, name), text)
    print(f"{course.path('exports', source.name)}: {_counted(len(files), 'file')}")
    return 0


def _report(options: argparse.Namespace) -> int:
    course = Course(options.course)
    source = course.source(options.assignment)
    print(report(source, _graded(course, source)))
    return 0


def _similar(options: argparse.Namespace) -> int:
    course = Course(options.course)
    page, n = similar(course, course.source(options.assignment), options.compare50)
    print(f"{page}: {_counted(n, 'student')} compared; likeness is a reason to ask, and no proof")
    return 0


def _nbgrader(options: argparse.Namespace) -> int:
    course = Course(options.course)
    source = course.source(options.assignment)
    _graded(course, source)
    if options.read:
        n = from_nbgrader(course, source.name, options.folder)
        print(f"{_counted(n, 'answer')} marked in nbgrader")
    else:
        n = to_nbgrader(course, source.name, options.folder)
        print(f"{options.folder}: {_counted(n, 'submission')}")
    return 0


def _example(options: argparse.Namespace) -> int:
    course = example(options.folder, SOURCES, options.students)
    students = _counted(len(course.students), "student")
    print(
        f"{course.folder}: {students}, and in submissions/ what they hand in. "
        f"Now: paramlab-course collect 1 {course.folder}/submissions --course {course.folder}"
    )
    return 0


def _demo(options: argparse.Namespace) -> int:
    for path in sorted(SOURCES.glob("*.py")):
        source = read(path)
        made = release.notebook(source, Seed("demonstration"))
        release.write(made, options.folder / f"{stem(source.name)}.ipynb")
        print(options.folder / f"{stem(source.name)}.ipynb")
    return 0


def _prove(options: argparse.Namespace) -> int:
    limits = _limits(options)
    named = Path(options.assignment)
    source = read(named) if named.suffix == ".py" else found_in(SOURCES, options.assignment)
    found = problems(source, options.students, limits)
    for problem in found:
        print(f"- {problem}")
    print(f"{source.title} {len(source.items)} questions, {len(found)} problems")
    return 1 if found else 0


def _quiz(options: argparse.Namespace) -> int:
    print(teaching.quiz_for(options.to, options.chapter), end="")
    return 0


def _pages(options: argparse.Namespace) -> int:
    for path in teaching.fill(options.folder, map(read, sorted(SOURCES.glob("assignment_*.py")))):
        print(path)
    return 0
