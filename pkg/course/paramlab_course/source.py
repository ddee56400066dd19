"""How an assignment is written: one Python file, a class for each question.

An example, and what each kind needs, stands in ``book/assignments/README.md``. A question's
functions are called as they stand in the class, without ``self``.
"""

import ast
import hashlib
import hmac
import importlib.util
import inspect
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from paramlab.sealed import fits, plain

N_DRAWN = 6  # random hidden cases of a function
MOST_DRAWS = 200  # tries to find so many different ones
Values = dict[str, Any]


class Question:
    """What all kinds of questions have."""

    points: float
    minutes: float
    chapter: int
    objective: str
    feedback = ""  # "points", "message" or "cases"; empty: as the course has it


class Judged(Question):
    """A question that a program marks by calling a function."""

    hint: str
    tolerance = 0.0
    seconds = 1.0  # for one call
    solution: Callable[..., Any]


class Number(Judged):
    """A number, from values of each student's own (``given``)."""


class Function(Judged):
    """A function that is called with ``public``, ``edge`` and drawn arguments."""

    public: list[tuple[Any, ...]]
    edge: list[tuple[Any, ...]]


class Choice(Question):
    """One of ``options``; ``wrong`` says what is wrong with each of the others."""

    options: dict[str, str]
    answer: str
    wrong: dict[str, str]


class Written(Question):
    """A text that a person marks, with a rubric and model answers at three levels."""

    words: tuple[int, int]
    rubric: list[tuple[float, str]]
    anchors: dict[str, str]


@dataclass(frozen=True)
class Case:
    """One call: its arguments, and whether the student's notebook tries it too."""

    arguments: list[Any]
    public: bool


@dataclass(frozen=True)
class Seed:
    """What makes the values of one student: the secret of the course and the student's id."""

    secret: str
    student: str = ""

    def rng(self, *place: str) -> random.Random:
        """Return the source of random numbers for one place of one assignment."""
        text = "\n".join((self.student, *place)).encode()
        return random.Random(hmac.new(self.secret.encode(), text, hashlib.sha256).digest())


@dataclass(frozen=True)
class Item:
    """A question with its place: what every other module works with."""

    assignment: str
    name: str
    spec: type[Question]

    @property
    def title(self) -> str:
        """Return the first line of its text."""
        return inspect.cleandoc(self.spec.__doc__ or "").partition("\n")[0]

    @property
    def prompt(self) -> str:
        """Return the text after the title, as markdown."""
        return inspect.cleandoc(self.spec.__doc__ or "").partition("\n")[2].strip()

    @property
    def judged(self) -> bool:
        """Say whether a function decides."""
        return issubclass(self.spec, Judged)

    @property
    def parameters(self) -> list[str]:
        """Return the names of the arguments."""
        return list(inspect.signature(self.function("solution")).parameters)

    def function(self, name: str) -> Callable[..., Any]:
        """Return one of its functions."""
        found = inspect.getattr_static(self.spec, name)
        return found.__func__ if isinstance(found, staticmethod) else found

    def rights(self) -> dict[str, Callable[..., Any]]:
        """Return the solution and the other right ways."""
        names = [name for name in vars(self.spec) if name.startswith("alternate")]
        return {name: self.function(name) for name in ("solution", *names)}

    def wrongs(self) -> dict[str, tuple[Callable[..., Any], str]]:
        """Return the named wrong answers of a judged question: function and message."""
        namespace = vars(self.spec).get("wrong", object) if self.judged else object
        return {
            name: (value, " ".join((inspect.getdoc(value) or "").split()))
            for name, value in vars(namespace).items()
            if inspect.isfunction(value)
        }

    def given(self, seed: Seed) -> Values:
        """Return the values that a student's notebook shows."""
        if not issubclass(self.spec, Number):
            return {}
        return self.function("given")(seed.rng(self.assignment, self.name, "given"))

    def cases(self, given: Seed, hidden: Seed) -> list[Case]:
        """Return all calls that decide; for a number the one with the values given."""
        if issubclass(self.spec, Number):
            return [Case(list(self.given(given).values()), public=True)]
        assert issubclass(self.spec, Function)
        cases = [Case(plain(arguments), public=True) for arguments in self.spec.public]
        hidden_ones = [plain(arguments) for arguments in self.spec.edge]
        rng = hidden.rng(self.assignment, self.name, "hidden")
        if hasattr(self.spec, "draw"):
            drawn: list[Any] = []
            for _ in range(MOST_DRAWS):
                one = plain(self.function("draw")(rng))
                if one not in drawn and one not in hidden_ones:
                    drawn.append(one)
                if len(drawn) == N_DRAWN:
                    break
            hidden_ones += drawn
        return cases + [Case(arguments, public=False) for arguments in hidden_ones]

    def keys(self, right: Any) -> list[str] | None:
        """Return the keys of a right result, if it is a dict and the text of the question has them.

        They may be told; others would be a part of the answer.
        """
        if type(right) is not dict or not all(f'"{key}"' in self.prompt for key in right):
            return None
        return sorted(right)

    def result(self, function: Callable[..., Any], case: Case) -> Any:
        """Return what a function of the source gives, as a plain value; None where it fails."""
        try:
            return plain(function(*plain(case.arguments)))
        except Exception:
            return None


@dataclass(frozen=True)
class Source:
    """An assignment as it is written."""

    name: str
    title: str
    introduction: str
    points: float
    minutes: float
    chapters: tuple[int, ...]
    items: list[Item]
    path: Path

    def item(self, name: str) -> Item:
        """Return one question."""
        return next(item for item in self.items if item.name == name)


def read(path: Path) -> Source:
    """Read an assignment. The file is run: it is the instructor's own.

    Raises
    ------
    FileNotFoundError
        When there is none.
    ValueError
        When the file cannot be run, or lacks what an assignment has.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no assignment {path}")
    try:
        module = _run(path)
    except Exception as error:
        said = str(error).partition("\n")[0]
        raise ValueError(f"{path} cannot be run: {type(error).__name__}: {said}") from error
    if missing := [name for name in ("points", "minutes", "chapters") if not hasattr(module, name)]:
        raise ValueError(f"{path} lacks {', '.join(missing)}")
    name = path.stem.removeprefix("assignment_")
    questions = [
        Item(name, key, value)
        for key, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Question)
        and value.__module__ == module.__name__
    ]
    title, _, introduction = inspect.cleandoc(module.__doc__ or "").partition("\n")
    return Source(
        name, title, introduction.strip(), module.points, module.minutes, tuple(module.chapters),
        questions, path,
    )  # fmt: skip


def _run(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"assignment_source_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def code_of(item: Item, function: Callable[..., Any], name: str = "") -> str:
    """Return a function of a source as a student would have written it, named like the question."""
    path = Path(inspect.getsourcefile(function) or "")
    first = function.__code__.co_firstlineno
    for node in ast.walk(_tree(path, path.stat().st_mtime_ns)):
        if isinstance(node, ast.FunctionDef) and node.lineno == first:
            return _as_answer(node, name or item.name)
    raise LookupError(f"{item.name}: {function.__name__} is not in {path}")


_TREES: dict[tuple[Path, int], ast.Module] = {}


def _tree(path: Path, changed: int) -> ast.Module:
    if (path, changed) not in _TREES:
        _TREES[path, changed] = ast.parse(path.read_text(encoding="utf-8"))
    return _TREES[path, changed]


def _as_answer(node: ast.FunctionDef, name: str) -> str:
    copy = ast.FunctionDef(
        name=name, args=node.args, body=_without_docstring(node.body), decorator_list=[],
        returns=None, type_comment=None,
    )  # fmt: skip
    if "type_params" in ast.FunctionDef._fields:  # Python 3.12
        copy.type_params = []  # type: ignore[attr-defined]
    return ast.unparse(ast.fix_missing_locations(copy)) + "\n"


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    says = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return (body[1:] or [ast.Pass()]) if says else body


def release_of(assignment: str, seed: Seed) -> str:
    """Return what marks the copies of an assignment that have these values."""
    text = f"{seed.secret}\n{assignment}\n{seed.student}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def stub(item: Item, given: Values) -> str:
    """Return the code that a student finds in the answer's cell."""
    if issubclass(item.spec, Function):
        return f"def {item.name}({', '.join(item.parameters)}):\n    return None  # your code\n"
    if issubclass(item.spec, Choice):
        return f"{item.name} = None  # one of: {', '.join(map(repr, item.spec.options))}\n"
    lines = [f"{name} = {value!r}\n" for name, value in given.items()]
    return "".join(lines) + f"{item.name} = None  # a number, or an expression\n"


def agree(item: Item, a: list[Any], b: list[Any]) -> bool:
    """Say whether two lists of results count as the same."""
    tolerance = item.spec.tolerance if issubclass(item.spec, Judged) else 0.0
    return all(fits(x, y, tolerance) for x, y in zip(a, b, strict=True))
