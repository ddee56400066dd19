"""Numbers, bytes and tables as stable text: what every printed figure of the book goes through."""

import os
from collections.abc import Iterable, Sequence

# The site sets this variable while it runs the chapters: tables and figures then carry what a page
# needs beyond the text. What a person runs, and what the tests compare, is not touched by it.
FOR_THE_SITE = "PARAMLAB_FOR_THE_SITE"
HEAD_MARK, ROW_MARK, CELL_MARK = "\ue000", "\ue001", "\ue002"  # in no text: for private use


def number(n: int) -> str:
    """Return an exact integer with separators.

    Examples
    --------
    >>> number(134515008)
    '134,515,008'
    """
    return f"{n:,}"


def rounded(x: float, digits: int = 4) -> str:
    """Return ``x`` to that many significant digits, never in exponent notation.

    Examples
    --------
    >>> rounded(112.0973), rounded(0.00608, 2), rounded(61.2, 2)
    ('112.1', '0.0061', '61')
    """
    if x == 0:
        return "0"
    exponent = int(f"{x:.{digits - 1}e}".split("e")[1])  # of the rounded value: 9.996 becomes 10.00
    decimals = digits - 1 - exponent
    return f"{round(x, decimals):,.{max(0, decimals)}f}"


def percent(part: float, whole: float, digits: int = 2) -> str:
    """Return a share of a whole to that many significant digits.

    Examples
    --------
    >>> percent(12_988_416, 174_604_259_328), percent(3, 4)
    ('0.0074%', '75%')
    """
    return rounded(100 * part / whole, digits) + "%"


_LARGE = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (10**3, "thousand"))


def in_words(n: float, digits: int = 4) -> str:
    """Return a large count as a newspaper would print it.

    Examples
    --------
    >>> in_words(174_604_259_328), in_words(134_515_008)
    ('174.6 billion', '134.5 million')
    """
    return _scaled(n, digits, _LARGE) or (number(n) if type(n) is int else rounded(n, digits))


def in_range(pair: tuple[float, float]) -> str:
    """Return a range in words, to three digits.

    Examples
    --------
    >>> in_range((1_200_000, 3_456_789)), in_range((2, 2))
    ('1.20 million to 3.46 million', '2.00')
    """
    low, high = (in_words(float(end), 3) for end in pair)
    return low if low == high else f"{low} to {high}"


_BYTES = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def in_bytes(n: float, digits: int = 3) -> str:
    """Return a number of bytes in decimal units (1 GB is 1,000,000,000 bytes).

    Examples
    --------
    >>> in_bytes(98_362_432), in_bytes(349_208_518_656)
    ('98.4 MB', '349 GB')
    """
    few = number(n) if type(n) is int else rounded(n, digits)
    return _scaled(n, digits, _BYTES) or f"{few} bytes"


def _scaled(n: float, digits: int, units: Iterable[tuple[int, str]]) -> str:
    """Return ``n`` in the largest unit that fits its rounded value: 999,999 is 1.000 million."""
    shown = float(f"{n:.{digits - 1}e}")
    fitting = (f"{rounded(n / size, digits)} {unit}" for size, unit in units if shown >= size)
    return next(fitting, "")


def table(rows: Iterable[Sequence[object]], head: Sequence[str] = ()) -> str:
    """Return rows as aligned text: the first column to the left, numbers to the right.

    Integers get separators. A cell that is already text stays as it is. Where the site is built,
    marks stand between the cells, from which it makes an HTML table (``book/_ext/tables.py``).

    Examples
    --------
    >>> print(table([("weights", 1200), ("biases", 36)], head=("role", "parameters")))
    role     parameters
    weights       1,200
    biases           36
    """
    lines = [[number(cell) if type(cell) is int else str(cell) for cell in row] for row in rows]
    if head:
        lines.insert(0, list(head))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = [
        [cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in cells]
        for cells in (enumerate(zip(line, widths, strict=True)) for line in lines)
    ]
    if os.environ.get(FOR_THE_SITE):
        marks = [HEAD_MARK if head and not row else ROW_MARK for row in range(len(aligned))]
        marked = zip(marks, map(CELL_MARK.join, aligned), strict=True)
        return "\n".join(mark + line for mark, line in marked)
    return "\n".join("  ".join(line).rstrip() for line in aligned)
