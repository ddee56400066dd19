"""What must hold of every assignment, tried: what an author and the tests run.

The solution earns all points and so does each other right way; a notebook without answers earns
none; every named wrong answer loses points and gets its own message; small errors in a solution are
noticed; the values of any student make sense.
"""

import inspect
import math
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from paramlab.sealed import NotPlain, is_number, leaves, plain

from paramlab_course import release
from paramlab_course.box import Limits
from paramlab_course.course import LEVELS
from paramlab_course.grading import Result, grade, judge
from paramlab_course.mutants import mutants
from paramlab_course.source import (
    Case,
    Choice,
    Function,
    Item,
    Judged,
    Number,
    Seed,
    Source,
    Written,
    agree,
    code_of,
)

SECRET = "a secret for trials"
LEAST_NOTICED = 0.95  # of the mutants
LEAST_QUESTIONS, LEAST_WRONG = 10, 30  # judged; of an assignment with such questions
LEAST_HIDDEN = 4  # cases of a function
_COMPARED = 25  # students on whose cases a mutant and its solution are compared


def answered(source: Source, made: dict[str, Any], answers: dict[str, str]) -> dict[str, Any]:
    """Return a student's notebook with these cells in the place of its own."""
    cells = []
    for cell in made["cells"]:
        if cell["id"] in answers:
            cell = {**cell, "source": answers[cell["id"]]}
        cells.append(cell)
    return {**made, "cells": cells}


def answer(item: Item, function: Callable[..., Any], given: Seed) -> str:
    """Return the code of a cell that answers as a function of the source does."""
    if issubclass(item.spec, Number):
        (case,) = item.cases(given, given)
        return f"{item.name} = {item.result(function, case)!r}\n"
    return code_of(item, function)


def text(item: Item, said: str) -> str:
    """Return the cell of a written answer."""
    return f"**Answer to {item.name}**\n\n{said}"


def solved(source: Source, given: Seed, way: int = 0) -> dict[str, str]:
    """Return a right answer to every judged question, in its first, second, ... way."""
    cells = {}
    for item in source.items:
        if item.judged:
            ways = list(item.rights().values())
            cells[item.name] = answer(item, ways[min(way, len(ways) - 1)], given)
        elif issubclass(item.spec, Choice):
            cells[item.name] = f"{item.name} = {item.spec.answer!r}\n"
        elif issubclass(item.spec, Written):
            cells[item.name] = text(item, item.spec.anchors["full"])
    return cells


def named_wrongs(item: Item, given: Seed) -> dict[str, tuple[str, str]]:
    """Return for each named wrong answer the cell that gives it, and the message it must get."""
    if issubclass(item.spec, Choice):
        return {
            key: (f"{item.name} = {key!r}\n", message) for key, message in item.spec.wrong.items()
        }
    return {
        name: (answer(item, function, given), message)
        for name, (function, message) in item.wrongs().items()
    }


def handed_in(source: Source, student: str, answers: dict[str, str], limits: Limits) -> Result:
    """Grade a notebook with these answers."""
    import json

    seed = Seed(SECRET, student)
    made = answered(source, release.notebook(source, seed), answers)
    return grade(source, json.dumps(made).encode(), student, seed, seed, limits)


def problems(
    source: Source,
    n_students: int = 200,
    limits: Limits | None = None,
    with_mutants: bool = True,
) -> list[str]:
    """Return a sentence for each thing that does not hold."""
    limits = limits or Limits()
    found = list(_of_form(source))
    if found:
        return found  # what follows would only fail in a less clear way
    found += _of_values(source, n_students)
    found += _of_grading(source, limits)
    if with_mutants:
        found += _of_mutants(source)
    return found


def _of_form(source: Source) -> Iterator[str]:
    names = [item.name for item in source.items]
    if names != [f"q{i}" for i in range(1, len(names) + 1)]:
        yield f"the questions are {', '.join(names)}; they must be q1, q2, ... in order"
    for what in ("points", "minutes"):
        total = sum(getattr(item.spec, what, 0) for item in source.items)
        if total != getattr(source, what):
            yield f"the {what} of the questions add up to {total:g}, not {getattr(source, what):g}"
    for item in source.items:
        yield from (f"{item.name}: {said}" for said in _of_question(item, source))
    n_judged = sum(not issubclass(item.spec, Written) for item in source.items)
    n_wrong = sum(len(vars_of_wrong(item)) for item in source.items)
    if n_judged and (n_judged < LEAST_QUESTIONS or n_wrong < LEAST_WRONG):
        yield (
            f"{n_judged} judged questions with {n_wrong} named wrong answers; at least "
            f"{LEAST_QUESTIONS} with {LEAST_WRONG} are wanted"
        )


def vars_of_wrong(item: Item) -> list[str]:
    """Return the names of the wrong answers of any kind of question."""
    if issubclass(item.spec, Choice):
        return list(item.spec.wrong)
    return list(item.wrongs())


def _of_question(item: Item, source: Source) -> Iterator[str]:
    spec = item.spec
    for what in ("points", "minutes", "chapter", "objective", *(("hint",) if item.judged else ())):
        if not hasattr(spec, what):
            yield f"it has no {what}"
    if not item.title or not item.prompt:
        yield "its docstring needs a title, an empty line, and the prompt"
    if getattr(spec, "chapter", None) not in source.chapters:
        yield f"its chapter is none of {source.chapters}"
    if spec.feedback not in ("", *LEVELS):
        yield f"its feedback is {spec.feedback!r}; it can be {', '.join(LEVELS)}"
    if issubclass(spec, Choice):
        if spec.answer not in spec.options or {spec.answer, *spec.wrong} != set(spec.options):
            yield "the answer and the wrong answers together must be the options"
        messages = list(spec.wrong.values())
    elif issubclass(spec, Written):
        messages = []
        if sum(points for points, _ in spec.rubric) != spec.points:
            yield "the points of the rubric do not add up to its points"
        if set(spec.anchors) != {"full", "half", "none"}:
            yield "it needs anchors named full, half, and none"
    else:
        yield from _of_functions(item)
        messages = [message for _, message in item.wrongs().values()]
    if not all(messages) or len(set(messages)) < len(messages):
        yield "each wrong answer needs a message of its own"


def _of_functions(item: Item) -> Iterator[str]:
    spec = item.spec
    if len(item.rights()) < 2:
        yield "it needs an alternate, a right answer written differently"
    for name, function in {
        **item.rights(),
        **{k: f for k, (f, _) in item.wrongs().items()},
    }.items():
        if list(inspect.signature(function).parameters) != item.parameters:
            yield f"{name} has other parameters than solution"
    if issubclass(spec, Function):
        n_hidden = sum(not case.public for case in item.cases(Seed(SECRET), Seed(SECRET)))
        if not 2 <= len(spec.public) <= 4 or n_hidden < LEAST_HIDDEN:
            yield f"it needs 2 to 4 public and at least {LEAST_HIDDEN} hidden cases"
        if not spec.edge:
            yield "it needs edge cases"
    elif list(item.given(Seed(SECRET))) != item.parameters:
        yield "given must return the arguments of solution, in their order"


def _of_values(source: Source, n_students: int) -> Iterator[str]:
    """Yield what is wrong with the values of some of so many students."""
    for item in source.items:
        if not item.judged:
            continue
        said: set[str] = set()
        distinct = set()
        for number in range(n_students):
            seed = Seed(SECRET, f"student-{number}")
            cases = item.cases(seed, seed)
            distinct.add(repr(cases))
            said |= {problem for problem in _of_cases(item, cases) if problem not in said}
        yield from (f"{item.name}: {problem}" for problem in sorted(said))
        if len(distinct) < 0.5 * n_students and (
            issubclass(item.spec, Number) or hasattr(item.spec, "draw")
        ):
            yield f"{item.name}: only {len(distinct)} different variants for {n_students} students"


def _of_cases(item: Item, cases: list[Case]) -> Iterator[str]:
    for case in cases:
        try:
            right = plain(item.function("solution")(*plain(case.arguments)))
        except NotPlain as error:
            yield f"the solution gives {error}"
            return
        except Exception as error:
            yield f"the solution fails for {case.arguments}: {type(error).__name__}: {error}"
            return
        if right is None or any(is_number(x) and not math.isfinite(x) for x in leaves(right)):
            yield f"the solution gives {right} for {case.arguments}"
            return
    functions = item.rights()
    functions |= {f"wrong.{name}": function for name, (function, _) in item.wrongs().items()}
    results = {
        name: [item.result(function, case) for case in cases]
        for name, function in functions.items()
    }
    right_results = results["solution"]
    seen: dict[str, list[Any]] = {}
    for name, values in results.items():
        if not name.startswith("wrong."):
            if not agree(item, values, right_results):
                yield f"{name} and solution differ for some student"
            continue
        if agree(item, values, right_results):
            yield f"{name} is right for some student"
        for other, others in seen.items():
            if agree(item, values, others):
                yield f"{name} and {other} cannot be told apart for some student"
        seen[name] = values


def _of_grading(source: Source, limits: Limits) -> Iterator[str]:
    """Yield what goes wrong when submissions are graded in the box."""
    student = "trial"
    seed = Seed(SECRET, student)
    empty = handed_in(source, student, {}, limits)
    for name, mark in empty.questions.items():
        if mark.points != 0 or mark.state != "not attempted":
            yield f"{name}: without an answer it is '{mark.state}' with {mark.points} points"
    n_ways = max((len(item.rights()) for item in source.items if item.judged), default=1)
    for way in range(n_ways):
        result = handed_in(source, student, solved(source, seed, way), limits)
        for name, mark in result.questions.items():
            if mark.state not in ("right", "to mark"):
                yield f"{name}: right answer {way + 1} is '{mark.state}': {mark.message}"
    wrongs = {item.name: named_wrongs(item, seed) for item in source.items}
    for i in range(max(map(len, wrongs.values()), default=0)):
        chosen = {name: list(each.items())[i] for name, each in wrongs.items() if i < len(each)}
        cells = {name: code for name, (_, (code, _)) in chosen.items()}
        result = handed_in(source, student, {**solved(source, seed), **cells}, limits)
        for name, (wrong, (_, message)) in chosen.items():
            mark = result.questions[name]
            if mark.points is None or mark.points >= mark.of:
                yield f"{name}: the wrong answer {wrong} loses no points"
            if mark.message != message:
                yield f"{name}: the wrong answer {wrong} gets another message: {mark.message}"


def _of_mutants(source: Source) -> Iterator[str]:
    n_all, survivors = 0, []
    for item in source.items:
        if item.judged:
            noticed, missed = tried_mutants(item)
            n_all += noticed + len(missed)
            survivors += [f"{item.name}, {change}" for change in missed]
    if n_all and len(survivors) > (1 - LEAST_NOTICED) * n_all:
        yield (
            f"{len(survivors)} of {n_all} small errors in the solutions lose no points: "
            + "; ".join(survivors)
        )


def tried_mutants(item: Item) -> tuple[int, list[str]]:
    """Return how many mutants lose points, and those that do not.

    One that agrees with the solution on the cases of many students is no error, and left out.
    """
    assert issubclass(item.spec, Judged)
    seeds = [Seed(SECRET, f"mutant-{i}") for i in range(_COMPARED)]
    many = [item.cases(seed, seed) for seed in seeds]
    noticed, missed = 0, []
    for change, code in mutants(code_of(item, item.function("solution"))):
        names: dict[str, Any] = {}
        try:
            exec(compile(code, "mutant", "exec"), names)
            with _alarm(1.0):
                losses = (_loses(item, names[item.name], cases) for cases in many)
                loses = next(losses)
                differs = loses or any(losses)
        except _Endless:
            loses = differs = True
        if loses:
            noticed += 1
        elif differs:
            missed.append(change)
    return noticed, missed


def _loses(item: Item, function: Callable[..., Any], cases: list[Case]) -> bool:
    results = [item.result(function, case) for case in cases]
    return judge(item, cases, results).points != item.spec.points


class _Endless(BaseException):
    pass


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise _Endless

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
