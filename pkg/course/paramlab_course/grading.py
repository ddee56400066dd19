"""One submission, one result: read it as data, run it in the box, judge outside."""

import hashlib
import json
import os
import stat
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from paramlab.coursework import MOST_BYTES, answers_of, is_untouched
from paramlab.sealed import fits, odd

from paramlab_course.box import (
    CELL_SECONDS,
    BoxError,
    BoxFailed,
    BoxTimeout,
    Limits,
    Session,
    opened,
    search_path,
)
from paramlab_course.source import (
    Case,
    Choice,
    Function,
    Item,
    Judged,
    Seed,
    Source,
    Written,
    release_of,
    stub,
)

ENGINE = 2  # counts changes after which everything is graded again
MOST_CELLS = 500
AGAIN = "not gradable, hand in again"


class NotGradable(ValueError):
    """The file cannot be read as a submission."""


@dataclass
class Mark:
    """What became of one question."""

    state: str  # right, partly, wrong, not attempted, again, to mark
    points: float | None  # None: not known yet
    of: float
    message: str = ""
    name: str = ""  # of the wrong answer
    right: int = 0  # cases
    cases: int = 0
    failed: list[list[Any]] = field(default_factory=list)  # arguments of public cases that failed
    text: str = ""  # of a written answer


@dataclass
class Result:
    """What became of one submission."""

    assignment: str
    student: str
    key: str  # of all that the result depends on
    state: str  # graded, or AGAIN
    reason: str = ""
    made_for: str = ""  # if it is not this student's copy of the assignment: whose, as it says
    questions: dict[str, Mark] = field(default_factory=dict)

    @property
    def points(self) -> float | None:
        """Return the sum, or None while something is not known."""
        marks = [mark.points for mark in self.questions.values()]
        if self.state != "graded" or None in marks:
            return None
        return round(sum(mark for mark in marks if mark is not None), 2)

    def as_json(self) -> str:
        """Return the result as text; the same submission gives the same text."""
        content = {**asdict(self), "points": self.points}
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Result":
        """Undo :meth:`as_json`."""
        content = json.loads(text)
        content.pop("points")
        questions = {name: Mark(**mark) for name, mark in content.pop("questions").items()}
        return cls(**content, questions=questions)


def read_bytes(path: Path) -> bytes:
    """Return what is in a submitted file, but follow no link and wait for no pipe.

    Raises
    ------
    NotGradable
        When it is not an ordinary file, or too large.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise NotGradable(f"the file cannot be opened ({error.strerror})") from None
    with os.fdopen(number, "rb") as file:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode):
            raise NotGradable("it is not an ordinary file")
        if about.st_size > MOST_BYTES:
            raise NotGradable(f"it is larger than {MOST_BYTES / 1e6:.0f} MB")
        return file.read(MOST_BYTES + 1)


def notebook_of(content: bytes) -> dict[str, Any]:
    """Return the notebook in a submission, with its cells as plain texts.

    Raises
    ------
    NotGradable
        When it is none.
    """
    try:
        notebook = json.loads(content)
        cells = [
            {
                "cell_type": str(cell["cell_type"]),
                "id": str(cell.get("id")),
                "source": _text(cell["source"]),
            }  # fmt: skip
            for cell in notebook["cells"]
        ]
        marks = notebook.get("metadata", {}).get("paramlab", {})
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise NotGradable("it is not a notebook") from None
    if len(cells) > MOST_CELLS:
        raise NotGradable(f"it has more than {MOST_CELLS} cells")
    return {"cells": cells, "marks": marks if type(marks) is dict else {}}


def _text(source: Any) -> str:
    return _writable(source if type(source) is str else "".join(source))


def _told(said: Any) -> str:
    """Return what a submission says of itself, short enough for a line and fit for a file."""
    return _writable(str(said)[:200])


def _writable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # half of a surrogate pair fits in no file


class Runner:
    """The code of one submission, run again without the cell that ended it, where one did."""

    def __init__(self, cells: list[str], limits: Limits) -> None:
        self._limits, self._cells = limits, cells
        self._deadline = time.monotonic() + limits.seconds
        self._skip: dict[int, str] = {}
        self._stack = ExitStack()
        self._session: Session | None = None

    def __enter__(self) -> "Runner":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def ask(self, name: str, arguments: list[Any] | None, seconds: float) -> dict[str, Any]:
        """Return ``value``, or ``problem`` and whether the question ``ends`` with it."""
        session = self._started()
        if session is None:
            return {"problem": "the time for one submission was used up", "ends": True}
        try:
            answer = session.call(name, arguments, seconds)
        except BoxError as error:
            self._close()
            slow = isinstance(error, BoxTimeout)
            return {"problem": _TOO_LONG if slow else str(error), "ends": True}
        if answer.get("slow"):
            return {"problem": _TOO_LONG, "ends": True}
        if "value" in answer:
            return {"value": answer["value"]}
        return {"problem": f"it ends in {_told(answer.get('error'))}", "ends": False}

    def problem_of(self, number: int) -> dict[str, Any]:
        """Return what went wrong in a cell; empty if nothing did."""
        if number in self._skip:
            return {"error": self._skip[number]}
        session = self._started()
        return session.problems.get(number, {}) if session else {}

    def _started(self) -> Session | None:
        while self._session is None and time.monotonic() < self._deadline:
            session = self._stack.enter_context(opened(self._limits, self._deadline))
            order = {
                "cells": self._cells, "skip": list(self._skip), "seconds": CELL_SECONDS,
                "path": search_path(self._limits), "limits": self._limits.order(),
            }  # fmt: skip
            try:
                session.start(order)
                self._session = session
            except BoxError as error:
                self._close()
                if session.running < 0:
                    raise BoxFailed(f"the box did not start: {error}") from None
                slow = isinstance(error, BoxTimeout)
                self._skip[session.running] = "it did not end" if slow else str(error)
        return self._session

    def _close(self) -> None:
        self._session = None
        self._stack.close()


_TOO_LONG = "it takes too long; is there a loop that does not end?"


def grade(
    source: Source, content: bytes, student: str, given: Seed, hidden: Seed, limits: Limits
) -> Result:
    """Grade what a student handed in.

    Parameters
    ----------
    source
        The assignment.
    content
        The submitted file.
    student
        Whose it is, by the course's own list.
    given, hidden
        What makes the student's values, and the hidden cases.
    limits
        Of the box.
    """
    result = Result(source.name, student, key_of(source, content, given, hidden), "graded")
    try:
        notebook = notebook_of(content)
        sources = answers_of(notebook)
    except NotGradable as error:
        result.state, result.reason = AGAIN, str(error)
        return result
    if notebook["marks"].get("release") != release_of(source.name, given):
        result.made_for = _told(notebook["marks"].get("student") or "somebody else")
    cells = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    with Runner(cells, limits) as runner:
        for item in source.items:
            result.questions[item.name] = _mark(
                item, sources.get(item.name), cells, runner, given, hidden
            )
    again = [name for name, mark in result.questions.items() if mark.state == "again"]
    if again:
        result.state, result.reason = AGAIN, f"{', '.join(again)}: the code has a syntax error"
    return result


def key_of(source: Source, content: bytes, given: Seed, hidden: Seed) -> str:
    """Return a fingerprint of all that a result depends on."""
    parts = (source.path.read_bytes(), content, f"{ENGINE} {given} {hidden}".encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _mark(
    item: Item, written: str | None, cells: list[str], runner: Runner, given: Seed, hidden: Seed
) -> Mark:
    spec = item.spec
    if issubclass(spec, Written):
        text = (written or "").strip()
        if not text:
            return Mark("not attempted", 0, spec.points)
        return Mark("to mark", None, spec.points, text=text)
    if written is not None and is_untouched(written, stub(item, item.given(given))):
        return Mark("not attempted", 0, spec.points)
    where = len(cells) - 1 - cells[::-1].index(written) if written in cells else -1
    problem = runner.problem_of(where)
    if "syntax" in problem:
        message = f"{AGAIN}: {_told(problem['syntax'])}"
        return Mark("again", None, spec.points, message)
    cases = [Case([], public=False)] if issubclass(spec, Choice) else item.cases(given, hidden)
    results, said = _results(item, cases, runner)
    said = said or (f"its cell: {_told(problem.get('error', _TOO_LONG))}" if problem else "")
    return judge(item, cases, results, said)


def _results(item: Item, cases: list[Case], runner: Runner) -> tuple[list[Any], str]:
    """Return the result of each case, None where there is none, and the first problem."""
    results: list[Any] = [None] * len(cases)
    seconds = item.spec.seconds if issubclass(item.spec, Judged) else 1.0
    said = ""
    for i, case in enumerate(cases):
        arguments = case.arguments if issubclass(item.spec, Function) else None
        answer = runner.ask(item.name, arguments, seconds)
        if "value" in answer:
            results[i] = answer["value"]
            continue
        where = f"{_call(item, case)}: " if case.public and arguments is not None else ""
        said = said or where + answer["problem"]
        if answer["ends"]:
            break
    return results, said


def _call(item: Item, case: Case) -> str:
    return f"{item.name}({', '.join(map(repr, case.arguments))})"


def judge(item: Item, cases: list[Case], results: list[Any], said: str = "") -> Mark:
    """Compare results with those of the solution, and name the error where it has a name.

    A question earns the share of its cases that are right, and nothing below half of them.
    """
    spec = item.spec
    if all(result is None for result in results) and not said:
        return Mark("not attempted", 0, spec.points)
    if issubclass(spec, Choice):
        return _judge_choice(item, results[0])
    assert issubclass(spec, Judged)
    wanted = [item.result(item.function("solution"), case) for case in cases]
    good = [
        result is not None and fits(result, right, spec.tolerance)
        for result, right in zip(results, wanted, strict=True)
    ]
    n_right, n = sum(good), len(cases)
    if n_right == n:
        return Mark("right", spec.points, spec.points, right=n, cases=n)
    points = round(spec.points * n_right / n, 2) if 2 * n_right >= n else 0
    name, message = _named(item, cases, results)
    if not message and not said:
        first = next(i for i, ok in enumerate(good) if not ok)
        strange = odd(results[first], item.keys(wanted[first]))
        message = f"{strange}{spec.hint}" if strange else ""
    failed = [
        case.arguments for case, ok in zip(cases, good, strict=True) if case.public and not ok
    ]
    return Mark(
        "partly" if points else "wrong", points, spec.points, message or said or spec.hint, name,
        n_right, n, failed if issubclass(spec, Function) else [],
    )  # fmt: skip


def _judge_choice(item: Item, chosen: Any) -> Mark:
    spec = item.spec
    assert issubclass(spec, Choice)
    if chosen == spec.answer:
        return Mark("right", spec.points, spec.points, right=1, cases=1)
    named = type(chosen) is str and chosen in spec.wrong
    message = spec.wrong[chosen] if named else f"the answer can be {', '.join(spec.options)}"
    return Mark("wrong", 0, spec.points, message, chosen if named else "", 0, 1)


def _named(item: Item, cases: list[Case], results: list[Any]) -> tuple[str, str]:
    """Return name and message of the wrong answer that gives just these results."""
    tolerance = item.spec.tolerance if issubclass(item.spec, Judged) else 0.0
    for name, (function, message) in item.wrongs().items():
        theirs = [item.result(function, case) for case in cases]
        if any(one is not None for one in theirs) and all(
            fits(result, one, tolerance) for result, one in zip(results, theirs, strict=True)
        ):
            return name, message
    return "", ""
