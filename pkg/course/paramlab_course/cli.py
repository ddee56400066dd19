"""The command line: paramlab-course new | release | collect | grade | feedback | export | prove.

Every error that a user can cause is one line (a missing sandbox: a few) and exit status 2.
"""

import argparse
import sys
from pathlib import Path

from paramlab.coursework import stem

from paramlab_course import release
from paramlab_course.box import Limits, NoSandbox, check_sandbox
from paramlab_course.course import Course, CourseError, create
from paramlab_course.proof import problems
from paramlab_course.source import Seed, read

EXIT_BAD_INPUT = 2
SOURCES = Path(__file__).resolve().parents[3] / "book/assignments"  # in a checkout


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        return status
    except (CourseError, NoSandbox, OSError, ValueError) as error:
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

    command = commands.add_parser("demo", help="make the demonstration notebooks of the package")
    command.add_argument("folder", type=Path)
    command.set_defaults(run=_demo)

    command = commands.add_parser("prove", help="try what must hold of an assignment's source")
    command.add_argument("assignment", help="its name, or the path of its source")
    command.add_argument("--students", type=int, default=200, help="whose values are tried (200)")
    _add_trust(command)
    command.set_defaults(run=_prove)
    return parser


def _add_assignment(command: argparse.ArgumentParser) -> None:
    command.add_argument("assignment", help="1, for example")
    command.add_argument(
        "--course", type=Path, default=Path(), metavar="FOLDER", help="of the course (here)"
    )


def _add_trust(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--i-trust-this-code", action="store_true", help="run it without a sandbox, as yourself"
    )


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
        made = release.notebook(source, course.given(student), course.secret)
        name = f"{student}/{stem(source.name)}.ipynb" if each else f"{stem(source.name)}.ipynb"
        release.write(made, course.path("released", source.name, name))
    print(f"{course.path('released', source.name)}: {len(students)} notebooks")
    return 0


def _demo(options: argparse.Namespace) -> int:
    for path in sorted(SOURCES.glob("*.py")):
        source = read(path)
        made = release.notebook(source, Seed("demonstration"), "demonstration")
        release.write(made, options.folder / f"{stem(source.name)}.ipynb")
        print(options.folder / f"{stem(source.name)}.ipynb")
    return 0


def _prove(options: argparse.Namespace) -> int:
    limits = _limits(options)
    named = Path(options.assignment)
    source = (
        read(named) if named.suffix == ".py" else Course(SOURCES.parent).source(options.assignment)
    )
    found = problems(source, options.students, limits)
    for problem in found:
        print(f"- {problem}")
    print(f"{source.title} {len(source.items)} questions, {len(found)} problems")
    return 1 if found else 0
