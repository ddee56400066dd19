"""What runs inside the box: the cells of one submission, then the calls that it is asked for.

It knows no case in advance and no expected value. Everything that it says is judged outside, so
code that takes it over can only answer, and a wrong answer earns nothing. Only the standard library
is used, and ``paramlab.sealed`` to make results plain.
"""

import json
import os
import re
import resource
import signal
import sys
import types
from collections.abc import Callable

LONGEST_REPLY = 1_000_000  # characters


class TimeUp(BaseException):
    """A cell or call took longer than its limit; students' ``except Exception`` lets it pass."""


def time_up(number: int, frame: object) -> None:
    """Handle the alarm."""
    raise TimeUp


def confine(limits: dict) -> None:
    """Give up root and set the limits; none of this can be taken back."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(limits["uid"])
        os.setuid(limits["uid"])
    for name, most in limits["rlimits"].items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))


def private_pipes() -> tuple:
    """Keep the pipes to the outside; students' input and output go nowhere."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    return requests, replies


def silent_coursework() -> None:
    """Replace what the notebook's own cells use: here nothing is checked or handed in."""

    class Assignment:
        def __init__(self, packed: str) -> None:
            pass

        def check(self, name: str) -> str:
            return ""

        def hand_in(self, path: object = None) -> str:
            return ""

    module = types.ModuleType("paramlab.coursework")
    module.Assignment = Assignment  # type: ignore[attr-defined]
    sys.modules["paramlab.coursework"] = module


def python_of(cell: str) -> str:
    """Return the code of a cell without what only IPython reads."""
    if cell.lstrip().startswith("%%"):
        return ""
    return re.sub(r"^(\s*)[%!?].*$", r"\1pass", cell, flags=re.MULTILINE)


def limited(seconds: float, function: Callable, *arguments: object) -> tuple:
    """Return (value, None) or (None, problem)."""
    signal.signal(signal.SIGALRM, time_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return function(*arguments), None
    except TimeUp:
        return None, {"slow": True}
    except BaseException as error:
        return None, {"error": described(error)}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def described(error: BaseException) -> str:
    """Return type and message of an error of the student's code."""
    try:
        return f"{type(error).__name__}: {error}"[:200]
    except BaseException:
        return type(error).__name__[:200]


def call(names: dict, request: dict) -> object:
    """Return the plain result of one request."""
    from paramlab.sealed import plain

    value = names.get(request["name"])
    if "arguments" in request and value is not None:
        if not callable(value):
            raise TypeError(f"{request['name']} is not a function")
        value = value(*request["arguments"])
    return plain(value)


def main() -> None:
    """Run the cells, then answer requests until the pipe closes."""
    requests, replies = private_pipes()

    def reply(message: dict) -> None:
        try:
            text = json.dumps(message)
        except BaseException as error:
            text = json.dumps({"id": message.get("id"), "error": described(error)})
        if len(text) > LONGEST_REPLY:
            text = json.dumps({"id": message.get("id"), "error": "the result is too large"})
        replies.write(text.encode() + b"\n")
        replies.flush()

    order = json.loads(requests.readline())
    sys.path[:] = order["path"] + sys.path
    import paramlab.sealed  # noqa: F401  now, before anything can stand in its place

    silent_coursework()
    confine(order["limits"])
    main_module = types.ModuleType("__main__")
    sys.modules["__main__"] = main_module
    names = main_module.__dict__
    for number, cell in enumerate(order["cells"]):
        if number in order["skip"]:
            continue
        reply({"running": number})
        try:
            code = compile(python_of(cell), f"cell {number}", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reply({"cell": number, "syntax": described(error)})
            continue
        _, problem = limited(order["seconds"], exec, code, names)
        if problem:
            reply({"cell": number, **problem})
    reply({"ready": True})
    while line := requests.readline():
        request = json.loads(line)
        value, problem = limited(request["seconds"], call, names, request)
        reply({"id": request["id"], **(problem or {"value": value})})


if __name__ == "__main__":
    main()
