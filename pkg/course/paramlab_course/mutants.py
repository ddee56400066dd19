"""Small errors put into a solution, to see whether the cases of its question notice them."""

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any

_OTHER: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Add, ast.FloorDiv),
    ast.FloorDiv: (ast.Mult,), ast.Div: (ast.Mult,), ast.Pow: (ast.Mult,), ast.Mod: (ast.Add,),
    ast.Lt: (ast.LtE,), ast.LtE: (ast.Lt,), ast.Gt: (ast.GtE,), ast.GtE: (ast.Gt,),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.And: (ast.Or,), ast.Or: (ast.And,),
}  # fmt: skip


def mutants(code: str) -> Iterator[tuple[str, str]]:
    r"""Yield what was changed, and the code with that one change.

    Examples
    --------
    >>> [after for _, after in mutants("def f(a, b):\n    return a * b\n")][0]
    'def f(a, b):\n    return a + b'
    """
    tree = ast.parse(code)
    for number, node in enumerate(ast.walk(tree)):
        for change, apply in _changes(node):
            changed = copy.deepcopy(tree)
            apply(list(ast.walk(changed))[number])
            yield f"line {getattr(node, 'lineno', 1)}: {change}", ast.unparse(changed)


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[Any], None]]]:
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp):
        for other in _OTHER.get(type(node.op), ()):
            yield f"{type(node.op).__name__} to {other.__name__}", _setter("op", other())
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield "a term dropped", _only("left")
        if isinstance(node.op, ast.Add):
            yield "the other term dropped", _only("right")
    if isinstance(node, ast.Compare):
        for other in _OTHER.get(type(node.ops[0]), ()):
            yield f"{type(node.ops[0]).__name__} to {other.__name__}", _setter("ops", [other()])
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        if type(node.value) is bool:
            yield f"{node.value} to {not node.value}", _setter("value", not node.value)
            return
        for value in (node.value + 1, node.value - 1):
            yield f"{node.value} to {value}", _setter("value", value)
    if isinstance(node, ast.IfExp):
        yield "the condition always holds", _setter("test", ast.Constant(True))
        yield "the condition never holds", _setter("test", ast.Constant(False))


def _setter(name: str, value: Any) -> Callable[[Any], None]:
    return lambda node: setattr(node, name, value)


def _only(side: str) -> Callable[[Any], None]:
    def apply(node: Any) -> None:
        kept = getattr(node, side)
        node.op, node.left, node.right = ast.Mult(), kept, ast.Constant(1)

    return apply
