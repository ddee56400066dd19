"""Coursework: a copy to work in, a check that answers at once, and one file to hand in.

``paramlab course start 1`` copies an assignment. In the copy, ``check("q3")`` tries an answer on
the public cases, and ``hand_in()`` writes the one file to hand in. Both work offline.
"""

import base64
import json
import os
import re
import signal
import sys
import threading
import time
import zlib
from _thread import interrupt_main
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from paramlab.sealed import NotPlain, canonical, fingerprint, is_number, odd, plain, unlock

MOST_BYTES = 5_000_000  # of a file to hand in
SECONDS = 5.0  # for one check; longer than any right answer takes
KINDS = {
    "int": "a whole number", "float": "a number", "str": "a text", "bool": "True or False",
    "list": "a list", "dict": "a dict", "NoneType": "None",
}  # fmt: skip
SYNTAX = "it has a syntax error"
SHAPE = "the result has more or fewer parts than the right one. "
EMPTY_TEXT = "*Write here.*"


class Verdict(str):
    """A text that a notebook shows as it is, without quotation marks."""

    def __repr__(self) -> str:
        return str(self)


class TooSlow(Exception):
    """An answer took longer than the limit."""


class Assignment:
    """What the first cell of a student's notebook opens.

    Parameters
    ----------
    packed
        Public cases, fingerprints of results and locked hints; see :mod:`paramlab.sealed`.
    names
        Where the answers are; by default the variables of the notebook.
    """

    def __init__(self, packed: str, names: Mapping[str, Any] | None = None) -> None:
        self._content = unpacked(packed)
        self._names = names
        self._said: dict[str, str] = {}

    def check(self, name: str) -> Verdict:
        """Try the answer to a question on its public cases; a hint, never the answer."""
        questions = self._content["questions"]
        if not isinstance(name, str) or name not in questions:
            return Verdict(
                f"there is no question {name!r}; there are {', '.join(questions)}; "
                'write check("q1"), with quotation marks'
            )
        question = questions[name]
        answer = self._variables().get(name)
        try:
            with _limited(SECONDS):
                said = _KINDS_OF_CHECKS[question["kind"]](name, question, answer, self._salt(name))
        except TooSlow:
            said = f"stopped after {SECONDS:.0f} seconds; is there a loop that does not end?"
        except KeyboardInterrupt:
            said = "stopped; nothing is lost"
        self._said[name] = said
        return Verdict(f"{name}: {said}")

    def hand_in(self, path: str | os.PathLike[str] | None = None) -> Verdict:
        """Write the one file to hand in, beside the notebook, and say what is in it.

        Parameters
        ----------
        path
            The notebook, if it is not found by itself.
        """
        student = self._content["student"] or str(self._variables().get("student") or "").strip()
        if not re.fullmatch(r"[\w.@+-]{1,64}", student):
            return Verdict(
                "no file yet: write your student id between the quotation marks of student = "
                '"" and run that cell; letters, digits and . @ + - _ can stand in it'
            )
        try:
            notebook = self._notebook(path)
            content = json.loads(notebook.read_text(encoding="utf-8"))
            sources = answers_of(content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            return Verdict(f"no file yet: {error}")
        ran = self._ran()
        saved = {_normal("".join(cell["source"])) for cell in content["cells"]}
        if unsaved := [name for name, text in ran.items() if text not in saved]:
            return Verdict(
                f"no file yet: what you ran last for {', '.join(unsaved)} is not in the saved "
                "notebook; save it (Ctrl+S) and run this cell again"
            )
        states = {
            name: self._state(name, sources.get(name, ""), ran.get(name))
            for name in self._content["questions"]
        }
        if not any(answered for answered, _ in states.values()):
            return Verdict("no file yet: nothing is answered")
        made = notebook.with_name(f"{self._stem()}-{student}.ipynb")
        return self._write(made, content, student, states)

    def _write(
        self, made: Path, content: Any, student: str, states: dict[str, tuple[bool, str]]
    ) -> Verdict:
        for cell in content["cells"]:
            if cell["cell_type"] == "code":
                cell["outputs"], cell["execution_count"] = [], None
        content["metadata"]["paramlab"] = {
            **{key: self._content[key] for key in ("assignment", "release")},
            "student": student, "handed_in": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }  # fmt: skip
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        if len(text.encode()) > MOST_BYTES:
            most = f"{MOST_BYTES / 1e6:.0f} MB"
            return Verdict(f"no file yet: it would be larger than {most}; take pictures out of it")
        made.write_text(text, encoding="utf-8")
        n_answered = sum(answered for answered, _ in states.values())
        lines = [
            f"{made.name} is the file to hand in ({len(text.encode()) / 1000:.0f} kB, "
            f"in {made.parent}).",
            f"It holds the answers of {student} to assignment {self._content['assignment']}: "
            f"{n_answered} of {len(states)} questions.",
            *(f"  {name}: {state}" for name, (_, state) in states.items()),
        ]
        return Verdict("\n".join(lines))

    def _state(self, name: str, source: str, ran: str | None) -> tuple[bool, str]:
        """Say whether a question is answered in the saved notebook, and what of it is known."""
        question = self._content["questions"][name]
        if question["kind"] == "written":
            n_words = len(source.split())
            low, high = question["words"]
            return n_words > 0, f"{n_words} words ({low} to {high} are asked for)"
        if has_syntax_error(source):
            return True, f"{SYNTAX}, so it cannot be graded"
        if is_untouched(source, question["stub"]):
            return False, "not attempted"
        if ran is not None and ran != _normal(source):
            return True, "not checked since its cell was changed"
        return True, self._said.get(name) or "not checked in this session"

    def _ran(self) -> dict[str, str]:
        """Return the text of the cell that was run last for each question."""
        ran = {}
        for text in _history():
            for name in self._content["questions"]:
                if re.search(rf"^(def {name}\(|{name}\s*=[^=])", text, re.MULTILINE):
                    ran[name] = _normal(text)
        return ran

    def _notebook(self, path: str | os.PathLike[str] | None) -> Path:
        named = (
            path
            or self._variables().get("__vsc_ipynb_file__")
            or os.environ.get("JPY_SESSION_NAME")
        )
        if named and Path(named).is_file():
            return Path(named).resolve()
        if path:
            raise FileNotFoundError(f"there is no notebook {path}")
        found = [each for each in sorted(Path().glob("*.ipynb")) if self._is_mine(each)]
        if len(found) == 1:
            return found[0].resolve()
        problem = (
            f"{len(found)} notebooks here could be this one."
            if found
            else "where is this notebook?"
        )
        raise FileNotFoundError(f'{problem} Name it: hand_in("my-notebook.ipynb")')

    def _is_mine(self, path: Path) -> bool:
        try:
            marks = json.loads(path.read_text(encoding="utf-8"))["metadata"]["paramlab"]
            return marks["release"] == self._content["release"] and "handed_in" not in marks
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _stem(self) -> str:
        return stem(self._content["assignment"])

    def _salt(self, name: str) -> str:
        return f"{self._content['release']} {name}"

    def _variables(self) -> Mapping[str, Any]:
        return vars(sys.modules["__main__"]) if self._names is None else self._names


def stem(assignment: str) -> str:
    """Return how the files of an assignment begin.

    Examples
    --------
    >>> stem("1"), stem("capstone")
    ('assignment-1', 'capstone')
    """
    return f"assignment-{assignment}" if assignment.isdigit() else assignment


def packed(content: dict[str, Any]) -> str:
    """Return the content of an assignment as one word for the first cell; undo: `unpacked`."""
    text = json.dumps(content, separators=(",", ":"))
    return base64.b85encode(zlib.compress(text.encode(), 9)).decode()


def unpacked(word: str) -> dict[str, Any]:
    """Return what :func:`packed` packed.

    Raises
    ------
    ValueError
        When the word was changed.

    Examples
    --------
    >>> unpacked(packed({"assignment": "1"}))
    {'assignment': '1'}
    """
    try:
        content: dict[str, Any] = json.loads(zlib.decompress(base64.b85decode(word)))
    except (ValueError, zlib.error):
        raise ValueError(
            "the first cell was changed; take it again from a fresh copy of the assignment"
        ) from None
    return content


def _check_value(name: str, question: dict[str, Any], answer: Any, salt: str) -> str:
    if answer is None:
        return f"not attempted: put your answer after {name} ="
    if callable(answer):
        return "a value is asked for, and this is a function; call it"
    results = [answer]
    if problem := _of_another_kind(question["kinds"][0], results[0]):
        return problem
    wrong, hint = _judged(question, results, salt)
    return f"not yet: {hint}" if wrong else "right"


def _check_function(name: str, question: dict[str, Any], answer: Any, salt: str) -> str:
    if not callable(answer):
        return f"a function is asked for; keep the line that begins with def {name}"
    results: list[Any] = []
    for arguments in question["cases"]:
        called = f"{name}({', '.join(map(repr, arguments))})"
        try:
            results.append(answer(*plain(arguments)))
        except (Exception, SystemExit) as error:
            return f"{called} ends in {type(error).__name__}: {str(error)[:200]}".rstrip(": ")
    if all(result is None for result in results):
        return "not attempted: the function returns None; a result is given back with return"
    for arguments, kind, result in zip(question["cases"], question["kinds"], results, strict=True):
        if problem := _of_another_kind(kind, result):
            return f"{name}({', '.join(map(repr, arguments))}): {problem}"
    wrong, hint = _judged(question, results, salt)
    n = len(results)
    if not wrong:
        return f"right on the {n} public cases; other cases count too"
    arguments = ", ".join(map(repr, question["cases"][wrong[0]]))
    return f"{n - len(wrong)} of {n} public cases are right, {name}({arguments}) is not: {hint}"


def _check_choice(name: str, question: dict[str, Any], answer: Any, salt: str) -> str:
    options = ", ".join(map(repr, question["options"]))
    if answer is None:
        return f"not attempted: it can be {options}"
    if not isinstance(answer, str) or answer not in question["options"]:
        return f"the answer can be {options}"
    return f"you chose {answer!r}; whether it is right, the grading says"


def _check_written(name: str, question: dict[str, Any], answer: Any, salt: str) -> str:
    return "a person reads this one; hand_in() counts its words"


_KINDS_OF_CHECKS: dict[str, Callable[[str, dict[str, Any], Any, str], str]] = {
    "number": _check_value,
    "function": _check_function,
    "choice": _check_choice,
    "written": _check_written,
}


def _of_another_kind(kind: str, result: Any) -> str:
    """Say what is wrong with the type of a result; empty if nothing is."""
    wanted = KINDS[kind]
    try:
        value = plain(result)
    except NotPlain as error:
        return f"{wanted} is asked for, and this is {error}"
    found = type(value).__name__
    if found == kind or (is_number(value) and kind in ("int", "float")):
        return ""
    comma = "; is there a comma too many?" if type(result) is tuple and len(result) == 1 else ""
    return f"{wanted} is asked for, and this is {KINDS[found]}{comma}"


def _judged(question: dict[str, Any], results: list[Any], salt: str) -> tuple[list[int], str]:
    """Return which cases are wrong, and the hint; nothing and no hint if all are right."""
    tolerance = question["tolerance"]
    texts = [
        canonical(plain(result), steps, tolerance)
        for result, steps in zip(results, question["phases"], strict=True)
    ]
    wrong = [
        i
        for i, (text, seal) in enumerate(zip(texts, question["seals"], strict=True))
        if fingerprint(text, f"{salt} {i}").hex()[:24] != seal
    ]
    if not wrong:
        return [], ""
    key = fingerprint("\n\n".join(texts), salt)
    opened = (unlock(hint, key) for hint in question["hints"])
    shape = SHAPE if any(text.startswith("of another form") for text in texts) else ""
    shape = odd(plain(results[wrong[0]]), question.get("keys")) or shape
    return wrong, next(filter(None, opened), shape + question["hint"])


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise :class:`TooSlow` in the main thread after so many seconds, on every system."""
    lock, state = threading.Lock(), {"done": False, "fired": False}

    def fire() -> None:
        with lock:
            if not state["done"]:
                state["fired"] = True
                interrupt_main()

    timer = threading.Timer(seconds, fire)
    timer.daemon = True
    in_main = threading.current_thread() is threading.main_thread()
    before = None
    if in_main:  # a program started in the background ignores the interrupt, and would not stop
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        timer.start()
    try:
        yield
        with lock:
            state["done"] = True
        if state["fired"]:
            time.sleep(0.05)  # the interrupt is on its way
    except KeyboardInterrupt:
        if state["fired"]:
            raise TooSlow from None
        raise
    finally:
        state["done"] = True
        timer.cancel()
        if in_main:
            signal.signal(signal.SIGINT, before or signal.SIG_DFL)


def answers_of(notebook: Any) -> dict[str, str]:
    """Return the source of each answer of a notebook: code of a cell, or text after its marker.

    The last cell that defines the name counts. A text whose marker was written over is told by
    the id of its cell.

    Examples
    --------
    >>> answers_of({"cells": [{"cell_type": "code", "source": ["q1 = 3"]}]})
    {'q1': 'q1 = 3'}
    """
    found = {}
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            for match in re.finditer(r"^(?:def )?(q\d+)(?=\(|\s*=[^=])", source, re.MULTILINE):
                found[match[1]] = source
        elif marker := re.match(r"\*\*Answer to (q\d+)\*\*[^\n]*", source):
            found[marker[1]] = source[marker.end() :].replace(EMPTY_TEXT, "").strip()
        elif re.fullmatch(r"q\d+", str(cell.get("id"))):  # its marker was written over
            found.setdefault(cell["id"], source.replace(EMPTY_TEXT, "").strip())
    return found


def has_syntax_error(source: str) -> bool:
    """Say whether code of a cell cannot be read as Python, lines for IPython left out."""
    code = re.sub(r"^(\s*)[%!?].*$", r"\1pass", source, flags=re.MULTILINE)
    try:
        compile(code, "<answer>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    return False


def _normal(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


def is_untouched(source: str, stub: str) -> bool:
    """Say whether the cell of an answer still holds what it held at the beginning."""
    return _normal(stub) in _normal(source)


def _history() -> list[str]:
    """Return what was run in this notebook, as it was typed."""
    shell = vars(sys.modules["__main__"]).get("get_ipython")
    return list(shell().history_manager.input_hist_raw) if callable(shell) else []


def available() -> dict[str, Any]:
    """Return the assignments that come with the package, by name."""
    folder = files("paramlab") / "data" / "assignments"
    names = {
        each.name.removesuffix(".ipynb").removeprefix("assignment-"): each
        for each in (folder.iterdir() if folder.is_dir() else ())
        if each.name.endswith(".ipynb")
    }
    return dict(sorted(names.items()))


def title(file: Any) -> str:
    """Return the heading of a notebook."""
    first = json.loads(file.read_text(encoding="utf-8"))["cells"][0]["source"]
    return str(first[0]).removeprefix("# ").strip()


def start_assignment(name: str, folder: str | os.PathLike[str] | None = None) -> Path:
    """Copy an assignment into a folder, by default one in your home; never overwrite.

    Returns where the copy is.

    Raises
    ------
    LookupError
        When there is no such assignment.
    ValueError
        When the copy is there already.
    """
    known = available()
    if name not in known:
        raise LookupError(f"there is no assignment {name!r}; there are {', '.join(known)}")
    target = (Path(folder) if folder else Path.home() / "paramlab-coursework") / known[name].name
    if target.exists():
        raise ValueError(
            f"{target} is there already, with what you wrote; open it, or name another folder "
            "with --to"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(known[name].read_bytes())
    return target
