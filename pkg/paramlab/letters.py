r"""Patterns with the classes of Unicode, such as ``\p{L}`` for letters, also without ``regex``.

The library ``regex`` knows them, Python's ``re`` does not. Where there is only ``re``, as in a web
page, the classes are written out from Python's own tables. The two differ only in characters that
one of them does not know yet.
"""

import re
import sys
import unicodedata
from functools import cache
from itertools import groupby
from typing import Any

# What Unicode calls a space; Python's own \s has four control characters more.
SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
END = 0x40000  # beyond it are no letters and no digits
_PART = re.compile(r"\\p\{(\w)\}|\\.|[\[\]]")


@cache
def compiled(pattern: str) -> Any:
    """Compile a pattern, with the ``regex`` library where there is one."""
    try:
        import regex
    except ModuleNotFoundError:
        return re.compile(spelled(pattern))
    return regex.compile(pattern)


def spelled(pattern: str) -> str:
    r"""Write out the classes of a pattern, so that ``re`` understands it.

    Examples
    --------
    >>> re.findall(spelled(r"\p{N}+|[^\s\p{N}]+"), "gpt 3²")
    ['gpt', '3²']
    """
    in_brackets = False

    def part(found: re.Match[str]) -> str:
        nonlocal in_brackets
        if found[0] in "[]":
            in_brackets = found[0] == "["
        if found[0] == r"\S":
            return f"[^{SPACE}]"
        members = SPACE if found[0] == r"\s" else _members(found[1]) if found[1] else ""
        return f"[{members}]" if members and not in_brackets else members or found[0]

    return _PART.sub(part, pattern)


@cache
def _members(category: str) -> str:
    """Return the characters of a general category (L, N, ...) as ranges."""
    codes = range(END if category in "LN" else sys.maxunicode + 1)
    ranges = []
    for belongs, run in groupby(codes, lambda code: unicodedata.category(chr(code))[0] == category):
        if belongs:
            first, *others = run
            ranges.append("-".join(re.escape(chr(code)) for code in (first, *others[-1:])))
    return "".join(ranges)
