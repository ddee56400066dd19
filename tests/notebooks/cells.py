"""What a code cell does, read from its source alone: nothing is run here."""

import ast
import re
from collections.abc import Iterable, Iterator

_MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)
_PRINTERS = frozenset({"print", "display", "pprint"})
# A bare call of these at the end of a cell returns None and prints nothing.
_SILENT = re.compile(r"(assert|set|seed|use|update|append|extend|close|add|sort|clear)(_|$)")
# Whatever is named like this reads a clock or this machine: so does all that is computed from it.
_HOST = re.compile(
    r"(time|perf_counter|perf_counter_ns|monotonic|process_time|timeit|now|today|cpu_count"
    r"|platform|psutil|getcwd|cwd|home|gethostname|getpid|tempfile|measure|measure_\w+"
    r"|time_\w+|benchmark\w*)$"
)


def parse(source: str) -> ast.Module:
    """Return the syntax tree of a cell; a line of IPython magic stands as ``pass``.

    Raises
    ------
    SyntaxError
        When the rest is not Python.
    """
    return ast.parse(_MAGIC.sub(r"\1pass", source))


def imported(source: str) -> set[str]:
    r"""Return the top-level packages a cell imports.

    Examples
    --------
    >>> sorted(imported("import numpy as np\nfrom paramlab.plots import sizes"))
    ['numpy', 'paramlab']
    """
    names: set[str] = set()
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def prints(source: str) -> bool:
    r"""Say whether a cell certainly prints: a call that prints, or a value as its last line.

    Examples
    --------
    >>> prints("n = 3\nn"), prints("n = 3"), prints("for i in '12': print(i)")
    (True, False, True)
    >>> prints("np.testing.assert_allclose(a, b)"), prints("if n: print(n)")
    (False, False)
    """
    body = parse(source).body
    return any(map(_prints, body)) or _shows_value(source, body)


def ends_in_expression(source: str) -> bool:
    """Say whether the last statement is a bare expression, whose value the notebook would show."""
    body = parse(source).body
    return bool(body) and isinstance(body[-1], ast.Expr)


def host_dependent(sources: Iterable[str]) -> Iterator[bool]:
    """Yield for each cell, in order, whether what it prints depends on this machine or its clock.

    Names carry it on: ``start = perf_counter()`` in one cell, ``print(2 * start)`` in the next.

    Examples
    --------
    >>> list(host_dependent(["t = perf_counter()", "ratio = 8 / t", "print(ratio)", "print(8)"]))
    [False, False, True, False]
    """
    tainted: set[str] = set()
    for source in sources:
        body = parse(source).body
        shown = False
        for statement in body:
            names = _names(statement)
            if not any(name in tainted or _HOST.match(name) for name in names["read"]):
                tainted -= names["assigned"]  # computed anew from something else
                continue
            if not isinstance(statement, ast.Import | ast.ImportFrom):
                tainted |= names["assigned"]
                last = statement is body[-1]
                shown = shown or _prints(statement) or (last and _shows_value(source, body))
        yield shown or ("%time" in source)


def _names(statement: ast.stmt) -> dict[str, set[str]]:
    """Return the names that a statement reads and those that it gives a value."""
    read: set[str] = set()
    assigned: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            (assigned if isinstance(node.ctx, ast.Store) else read).add(node.id)
        elif isinstance(node, ast.Attribute):
            read.add(node.attr)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            assigned.add(node.name)
    if isinstance(statement, ast.AugAssign):
        read |= assigned
    return {"read": read, "assigned": assigned}


def _prints(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.For | ast.With):
        return any(map(_prints, statement.body))
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return _called(statement.value) in _PRINTERS
    return False


def _shows_value(source: str, body: list[ast.stmt]) -> bool:
    if not body or not isinstance(body[-1], ast.Expr) or source.rstrip().endswith(";"):
        return False
    value = body[-1].value
    if isinstance(value, ast.Constant) and value.value in (None, ...):
        return False
    return not (
        isinstance(value, ast.Call)
        and (_called(value) in _PRINTERS or _SILENT.match(_called(value)))
    )


def _called(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
