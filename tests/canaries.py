"""What must never be found outside of the sources of the graded work: parts of every answer."""

import ast
import html
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from paramlab.sealed import plain
from paramlab_course.source import Choice, Written, read

ROOT = Path(__file__).parents[1]
LEAST = 24  # letters of code; shorter lines can stand anywhere


@cache
def canaries() -> frozenset[str]:
    """Return messages, model answers, bodies of functions and hidden cases of all assignments."""
    found: set[str] = set()
    for path in sorted((ROOT / "book/assignments").glob("*.py")):
        for item in read(path).items:
            if issubclass(item.spec, Written):
                found |= set(item.spec.anchors.values())
            elif issubclass(item.spec, Choice):
                found |= set(item.spec.wrong.values())
            else:
                functions = [*item.rights().values(), *(f for f, _ in item.wrongs().values())]
                functions += [item.function(n) for n in ("given", "draw") if hasattr(item.spec, n)]
                found |= {json.dumps(plain(case)) for case in getattr(item.spec, "edge", ())}
                found |= {message for _, message in item.wrongs().values()}
                found |= {_body(function) for function in functions}
    return frozenset(squeezed(each) for each in found if len(squeezed(each)) >= LEAST)


def _body(function) -> str:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(node, ast.FunctionDef)
    lines = node.body[1:] if ast.get_docstring(node) else node.body
    return "\n".join(map(ast.unparse, lines))


def squeezed(text: str) -> str:
    """Return a text without spaces and line breaks, as marks and layout may differ."""
    return re.sub(r"\s+", "", text)


def leaks(name: str, content: bytes) -> Iterator[str]:
    """Yield the canaries in a file, as text and as the text of a page."""
    text = content.decode("utf-8", "replace")
    texts = [squeezed(text)]
    if name.endswith((".html", ".js", ".ipynb", ".json")):
        texts.append(squeezed(html.unescape(re.sub(r"<[^>]*>", "", text))))
        texts.append(squeezed(text.replace("\\n", "\n").replace('\\"', '"')))
    for canary in canaries():
        if any(canary in each for each in texts):
            yield f"{name}: {canary[:60]}"
