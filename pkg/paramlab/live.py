"""Run the cells of a chapter without Jupyter: in its page, for ``book/_static/live/worker.mjs``.

A cell runs statement by statement. One that needs what a page does not have, such as the real
model, is left out, and so is whatever reads a name that it would have bound; the others run. A cell
of which something was left out keeps the output that the book has.
"""

import ast
import builtins
import json
import linecache
import re
import symtable
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from pprint import pformat
from time import monotonic
from types import ModuleType
from typing import Any

from paramlab.errors import ModelNotFetched
from paramlab.files.real_model import cache_folder
from paramlab.page import KINDS, inline, pieces

SECONDS_BETWEEN_LOOKS = 0.2  # at what a running cell has printed
MOST_LETTERS = 200_000  # that a cell may print
LOADED, UNKNOWN, FAILED = "loaded", "unknown", "failed"
REAL = "the real model"


class Kernel:
    r"""What the cells of one page share: their names, and which names were left out.

    Parameters
    ----------
    load
        Called with the name of a module that is not there; tries to make it importable and returns
        ``LOADED``, ``UNKNOWN`` or ``FAILED``.
    show
        Called now and then with what the running cell has printed so far.

    Examples
    --------
    >>> import asyncio
    >>> async def load(module):
    ...     return UNKNOWN
    >>> kernel = Kernel(load, print)
    >>> asyncio.run(kernel.run("x = 3; print(x); x + 1", "sum"))
    '{"status": "done", "outputs": [["text", "3\\n4"]], "reason": ""}'
    >>> asyncio.run(kernel.run("import torch; y = 5", "import"))
    '{"status": "local", "outputs": [], "reason": "the package torch"}'
    """

    def __init__(
        self, load: Callable[[str], Awaitable[str]], show: Callable[[str], object]
    ) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__", "display": self.display}
        self.left_out: dict[str, str] = {}  # for each name, what its statement needs
        self.outputs: list[tuple[str, str]] = []
        self._load, self._show = load, show
        self._n_letters, self._looked = 0, 0.0
        stand_in_for_ipython(self.display)

    async def run(self, source: str, name: str) -> str:
        """Run a cell and return what came of it, as JSON.

        Returns
        -------
        str
            An object. ``status`` is ``done``, ``failed`` (the cell raised an error), ``local``
            (something was left out, since it needs the ``reason``) or ``unreachable`` (a package
            could not be loaded). ``outputs`` are pairs of a kind (``text``, ``html``, ``figure``,
            ``error``) and a content.
        """
        self.outputs, self._n_letters, self._looked = [], 0, monotonic()
        file = f"<cell {name}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        status, reason = "done", ""
        try:
            statements = ast.parse(source, file).body
            for statement in statements:
                shows = statement is statements[-1] and not source.rstrip().endswith(";")
                reason = await self._statement(statement, file, shows) or reason
            self._draw(name)
            status = "local" if reason else "done"
        except _Unreachable as error:
            status, reason = "unreachable", str(error)
        except BaseException as error:  # a cell may also exit
            status = "failed"
            self.outputs.append(("error", told(error, file)))
        finally:
            if pyplot := sys.modules.get("matplotlib.pyplot"):
                pyplot.close("all")
        outputs = [part for kind, content in self.outputs for part in _parts(kind, content)]
        return json.dumps({"status": status, "outputs": outputs, "reason": reason})

    async def _statement(self, statement: ast.stmt, file: str, shows: bool) -> str:
        """Run a statement, or leave it out; return what it would need."""
        reads, binds = names_of(statement)
        reason = next((self.left_out[name] for name in reads if name in self.left_out), "")
        before, tried = list(self.outputs), set()
        while not reason:
            printed = _Printed(self._print)
            try:
                with redirect_stdout(printed), redirect_stderr(printed):
                    self._execute(statement, file, shows)
                for name in binds:
                    self.left_out.pop(name, None)
                return ""
            except ModelNotFetched:
                reason = REAL
            except FileNotFoundError as error:
                if not Path(error.filename or "").is_relative_to(cache_folder()):
                    raise
                reason = REAL
            except ModuleNotFoundError as error:
                module = (error.name or "").partition(".")[0]
                answer = UNKNOWN if module in tried else await self._load(module)
                if answer == FAILED:
                    raise _Unreachable(module) from None
                if answer == UNKNOWN:
                    reason = f"the package {module}"
                tried.add(module)
                self.outputs = list(before)
        self.left_out |= dict.fromkeys(binds | changed_by(statement, self.names), reason)
        return reason

    def _execute(self, statement: ast.stmt, file: str, shows: bool) -> None:
        if shows and isinstance(statement, ast.Expr):
            value = eval(compile(ast.Expression(statement.value), file, "eval"), self.names)
            if value is not None:
                self.display(value)
        else:
            exec(compile(ast.Module([statement], []), file, "exec"), self.names)

    def display(self, *values: object) -> None:
        """Show values as a notebook does: as HTML if they have it, else as text."""
        for value in values:
            if hasattr(value, "_repr_html_"):
                self.outputs.append(("html", value._repr_html_()))
            elif isinstance(value, list | tuple | dict | set):
                self._print(pformat(value, width=79, sort_dicts=False) + "\n")
            else:
                self._print(repr(value) + "\n")

    def _print(self, text: str) -> None:
        room = MOST_LETTERS - self._n_letters
        self._n_letters += len(text)
        if len(text) > room:
            text = f"{text[:room]}\n(The rest is left out.)\n" if room >= 0 else ""
        so_far = ""
        if self.outputs and self.outputs[-1][0] == "text":
            so_far = self.outputs.pop()[1]
        self.outputs.append(("text", so_far + text))
        if monotonic() - self._looked > SECONDS_BETWEEN_LOOKS:
            self._looked = monotonic()
            self._show(so_far + text)

    def _draw(self, name: str) -> None:
        """Take the figures that the cell has left open, as a notebook does."""
        pyplot = sys.modules.get("matplotlib.pyplot")
        if not pyplot or not pyplot.get_fignums():
            return
        from paramlab import plots  # loads what only figures need

        for number in pyplot.get_fignums():
            both = re.findall(r"<svg.*?</svg>", plots.in_two_widths(pyplot.figure(number)), re.S)
            for kind, svg in zip(KINDS[2], both, strict=True):
                prefix = f"live-{name}-{number}-{kind[7:]}-"
                markup, _ = inline(svg, f"Figure of the cell {name}", prefix, kind)
                self.outputs.append(("figure", markup))


class _Unreachable(Exception):
    """A package is on the page's list and could not be loaded."""


class _Printed(StringIO):
    """Standard output or error of a cell."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write = write

    def write(self, text: str) -> int:
        self._write(text)
        return len(text)


def _parts(kind: str, content: str) -> list[tuple[str, str]]:
    """Cut printed text into texts and tables; of a progress bar nothing stays."""
    if kind != "text":
        return [(kind, content)]
    lines = [line for line in content.split("\n") if "\r" not in line]
    return [
        ("text", part) if what == "text" else ("html", f'<div class="scroll">{part}</div>')
        for what, part in pieces("\n".join(lines))
    ]


def names_of(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """Return which names of the notebook a statement reads, also in functions, and which it binds.

    Examples
    --------
    >>> reads, binds = names_of(ast.parse("def double(x): return factor * x").body[0])
    >>> reads, binds
    ({'factor'}, {'double'})
    """
    reads = (
        _names(getattr(statement, "targets", ())) if isinstance(statement, ast.Delete) else set()
    )
    binds = set()
    tables = [symtable.symtable(ast.unparse(statement), "", "exec")]
    for table in tables:
        tables += table.get_children()
        for symbol in table.get_symbols():
            if table is not tables[0] and not symbol.is_global():
                continue
            if symbol.is_referenced():
                reads.add(symbol.get_name())
            if symbol.is_assigned() or symbol.is_imported():
                binds.add(symbol.get_name())
    return reads, binds


def changed_by(statement: ast.stmt, names: dict[str, Any]) -> set[str]:
    """Return the names of objects that a statement may change: ``rows`` in ``rows.append(x)``.

    Examples
    --------
    >>> changed_by(ast.parse("rows.append(np.sum(x)); n[0] = 1").body[0], {"rows": [], "np": ast})
    {'rows'}
    """
    found = set()
    for node in ast.walk(statement):
        match node:
            case ast.Call(func=func, args=args) if not hasattr(builtins, getattr(func, "id", "")):
                found |= {
                    n
                    for n in _names([*args, getattr(func, "value", None)])
                    if _can_change(names.get(n))
                }
            case (
                ast.Subscript(value=ast.Name(id=name), ctx=ast.Store())
                | ast.Attribute(value=ast.Name(id=name), ctx=ast.Store())
            ):
                found.add(name)
    return found


def _names(nodes: Iterable[ast.AST | None]) -> set[str]:
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def _can_change(value: object) -> bool:
    if isinstance(value, ModuleType | type) or callable(value):
        return False
    is_frozen = getattr(getattr(value, "__dataclass_params__", None), "frozen", False)
    return isinstance(value, list | dict | set) or (hasattr(value, "__dict__") and not is_frozen)


def told(error: BaseException, file: str) -> str:
    """Return what went wrong in a cell, with the lines of the cell that led there."""
    if isinstance(error, MemoryError):
        return "MemoryError: a page has no room for this; make it smaller, or run it locally"
    report = traceback.TracebackException.from_exception(error)
    report.stack = traceback.StackSummary.from_list(
        [frame for frame in report.stack if frame.filename.startswith("<cell ")]
    )
    report.__cause__ = report.__context__ = None
    return "".join(report.format()).strip()


def stand_in_for_ipython(display: Callable[..., None]) -> None:
    """Give the chapters what they use of ``IPython.display``, where IPython is not installed."""
    try:
        import IPython  # noqa: F401
    except ModuleNotFoundError:
        made = {name: ModuleType(name) for name in ("IPython", "IPython.display")}
        vars(made["IPython"])["get_ipython"] = lambda: None  # Matplotlib asks
        vars(made["IPython.display"]).update(HTML=HTML, display=display)
        sys.modules.update(made)


class HTML:
    """A piece of HTML, as ``IPython.display.HTML``."""

    def __init__(self, data: str) -> None:
        self.data = data

    def _repr_html_(self) -> str:
        return self.data
