"""What a cell prints or draws, as part of an HTML page: of the site, or live in a browser.

A table of ``paramlab.display`` carries marks between its cells and becomes an HTML table. A drawing
becomes part of the page: the colors of the palette turn into the style sheet's ``--fig-``
variables, its text takes the page's font, its alternative text becomes its accessible name.
"""

import re
from html import escape
from itertools import groupby

from paramlab.colors import LIGHT
from paramlab.display import CELL_MARK, HEAD_MARK, ROW_MARK

LINE = re.compile(f"[{HEAD_MARK}{ROW_MARK}]")
DIGITS_ON_A_PHONE = 40  # a wider table shows a row there as its head and, below, labeled cells
DIGITS_IN_LINE = 35  # of these cells, on a phone of 320 pixels
FIGURE = re.compile(r"[<>≈~±+\-−]?\s?[$€]?\d")
HEX = re.compile(r"#[0-9a-f]{6}\b")
PIXELS_PER_POINT = 1.24  # the text of 11 points is 13.6 pixels high
# paramlab.plots draws for the site twice in one file: for a phone, and for a wide page
KINDS = {1: ["figure"], 2: ["figure narrow", "figure wide"]}
LONG_PATH = 1000  # letters
MARKS = re.compile(r"<use [^>]*?( style=\"[^\"]*\")/>(?:<use [^>]*?\1/>)+")


def pieces(text: str) -> list[tuple[str, str]]:
    r"""Cut what was printed into texts and tables, the latter as HTML.

    Examples
    --------
    >>> pieces("two rows:\n\ue001a\ue002  1")[0]
    ('text', 'two rows:')
    >>> print(pieces("\ue001a\ue002  1\n\ue001bb\ue002 20")[0][1])
    <table class="printed">
    <tbody>
    <tr><th scope="row">a</th><td class="text-right">1</td></tr>
    <tr><th scope="row">bb</th><td class="text-right">20</td></tr>
    </tbody>
    </table>
    """
    found = []
    for is_table, group in groupby(text.splitlines(), key=lambda line: bool(LINE.search(line))):
        lines = list(group)
        if not is_table:
            if words := "\n".join(lines).strip("\n"):
                found.append(("text", words))
            continue
        widths = [line.count(CELL_MARK) for line in lines]
        starts = [
            i
            for i, line in enumerate(lines)
            if i == 0 or HEAD_MARK in line or widths[i] != widths[i - 1]
        ]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            found.append(("table", _table(lines[start:end])))
    return found


def _table(lines: list[str]) -> str:
    """HTML of one table: figures to the right, text to the left, the first column as row heads."""
    rows = [[cell.strip() for cell in LINE.split(line)[1].split(CELL_MARK)] for line in lines]
    head = rows.pop(0) if HEAD_MARK in lines[0] else []
    columns = list(zip(*(rows or [head]), strict=True))
    right = [all(FIGURE.match(cell) for cell in column if cell) for column in columns]
    right[0] &= all(row[0].count(" ") < 2 for row in rows)  # "10 units, longer" is no figure
    wide = _least_width(columns, head) > DIGITS_ON_A_PHONE
    labels = head if wide and head else [""] * len(right)

    def line(cells: list[str], first: str, other: str) -> str:
        heads = [first] + [other] * (len(cells) - 1)
        named = labels if first == "row" else [""] * len(cells)
        return f"<tr>{''.join(map(_cell, cells, right, heads, named))}</tr>"

    top = f"<thead>{line(head, 'col', 'col')}</thead>\n" if head else ""
    body = "\n".join(line(row, "row", "") for row in rows)
    kind = "printed"
    if wide:
        kind += f' wide" style="--across: {_across(labels, rows)}'
    return f'<table class="{kind}">\n{top}<tbody>\n{body}\n</tbody>\n</table>'


def _least_width(columns: list[tuple[str, ...]], head: list[str]) -> float:
    """Width in digits if row heads and column heads break between words, and other cells do not."""
    uncut = [" ".join(columns[0]).split(), *columns[1:]]
    heads = [words.split() for words in head or len(uncut) * [""]]
    widths = [max(map(_digits, [*a, *b]), default=0) for a, b in zip(uncut, heads, strict=True)]
    return sum(widths) + 1.4 * (len(widths) - 1)  # with the gaps


def _across(labels: list[str], rows: list[list[str]]) -> int:
    """How many cells below a row's head stand in a line of a phone, in lines of equal number."""
    small = 0.85  # letters of a label, in digits of a cell
    columns = list(zip(labels, zip(*rows, strict=True), strict=True))[1:]
    widths = [max(small * _digits(name), *map(_digits, cells)) for name, cells in columns]
    for n_lines in range(1, len(widths)):
        across = -(-len(widths) // n_lines)
        widest = [max(widths[place::across]) for place in range(across)]
        if sum(widest) + 1.6 * (across - 1) <= DIGITS_IN_LINE:  # with the gaps
            return across
    return 1


def _digits(text: str) -> float:
    """Width of a text in digits; spaces and points are half as wide."""
    return len(text) - sum(map(text.count, " .,:")) / 2


def _cell(text: str, right: bool, heads: str, label: str) -> str:
    element = f'th scope="{heads}"' if heads and text else "td"  # an empty corner heads nothing
    side = ' class="text-right"' if right else ""
    if label and (element == "td" or right):
        side += f' data-label="{escape(label)}"'
    return f"<{element}{side}>{escape(text, quote=False)}</{element.split()[0]}>"


def inline(svg: str, alt: str, prefix: str, kind: str = "figure") -> tuple[str, list[str]]:
    """Make one drawing part of a page.

    Parameters
    ----------
    svg : str
        The drawing as Matplotlib writes it.
    alt : str
        What it shows, in words.
    prefix : str
        Put before every identifier, so that two drawings on a page do not clash.
    kind : str
        The class of the drawing in the style sheet.

    Returns
    -------
    markup : str
        An ``svg`` element for an HTML page.
    strangers : list of str
        Colors outside the palette.
    """
    drawing = svg[svg.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", drawing, flags=re.S)
    # Matplotlib's style element would restyle every stroke of the page; book.css has it for figures
    drawing = re.sub(r"<style.*?</style>", "", drawing, flags=re.S)
    drawing = re.sub(r" d=\"([^\"]*)\"", _short_path, drawing)
    # two digits place a mark well enough
    drawing = re.sub(r"( (?:x|y|width|height)=\"-?\d+\.\d\d)\d+", r"\1", drawing)
    drawing = re.sub(r" transform=\"rotate\(-0 [^\"]*\"|(?<=>)\n\s*(?=<)", "", drawing)
    drawing = _own_identifiers(drawing, prefix)
    drawing = re.sub(r"font-family: [^;\"]*;?|font: ([\d.]+px) [^;\"]*", _page_font, drawing)
    drawing = _fewer_elements(_page_colors(drawing))
    strangers = sorted(set(HEX.findall(re.sub(r"(?:xlink:)?href=\"[^\"]*\"", "", drawing))))
    return _opening_tag(drawing, alt, kind), strangers


def _short_path(match: re.Match[str]) -> str:
    """Write a path with digits for a tenth of a pixel, and a long polygon step by step.

    More digits double the size of a curve, and steps are shorter than places.
    """
    places = 1 if len(match[1]) > LONG_PATH else 2
    path = re.sub(r"\d+\.\d+", lambda m: f"{float(m[0]):.{places}f}", match[1])
    parts = path.split()
    if len(match[1]) <= LONG_PATH or set(re.findall("[A-Za-z]", path)) - {"M", "L"}:
        return f' d="{" ".join(parts)}"'
    written, at = [], (0, 0)
    for command, x, y in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        place = round(10 * float(x)), round(10 * float(y))
        if command == "M":
            written.append(f"M{place[0] / 10:g} {place[1] / 10:g}l")
        else:
            dx, dy = (f"{(new - old) / 10:g}" for new, old in zip(place, at, strict=True))
            written.append(re.sub(r"\b0\.", ".", f"{dx} {dy}"))
        at = place
    return f' d="{" ".join(written).removesuffix("l")}"'


def _own_identifiers(drawing: str, prefix: str) -> str:
    used = set(re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", drawing))
    wanted = {first or second for first, second in used}

    def rename(match: re.Match[str]) -> str:
        return f' id="{prefix}{match[1]}"' if match[1] in wanted else ""

    drawing = re.sub(r" id=\"([^\"]+)\"", rename, drawing)
    return re.sub(r"(url\(#|href=\"#)", rf"\g<1>{prefix}", drawing)


def _page_font(match: re.Match[str]) -> str:
    return f"font-size: {match[1]}" if match[1] else ""


def _page_colors(drawing: str) -> str:
    names = {code: name for name, code in LIGHT.items()}

    def name(match: re.Match[str]) -> str:
        code = match[0].lower()
        return f"var(--fig-{names[code]})" if code in names else code

    return re.sub(r"#[0-9a-fA-F]{6}\b", name, drawing)


def _fewer_elements(drawing: str) -> str:
    """Leave out groups and areas that do nothing, and say the style of equal marks once.

    A browser builds every element of a page before it shows any.
    """
    drawing = re.sub(r"<g\b[^>]*/>|<path d=\"[^\"]*\" style=\"fill: none\"/>", "", drawing)
    opened: list[bool] = []

    def kept(match: re.Match[str]) -> str:
        if match[0] == "</g>":
            return "</g>" if opened.pop() else ""
        opened.append(match[0] != "<g>")
        return match[0] if opened[-1] else ""

    drawing = re.sub(r"<g\b[^>]*>|</g>", kept, drawing)
    return re.sub(MARKS, _marks_of_a_style, drawing)


def _marks_of_a_style(match: re.Match[str]) -> str:
    style = match[1]
    if re.search(r"(?<!-)opacity", style):  # of a group it would be the opacity of all marks as one
        return match[0]
    marks = match[0].replace(style, "")
    marks = re.sub(r"\"(-?\d+\.\d+)\"", lambda m: f'"{float(m[1]):.1f}"', marks)
    return f"<g{style}>{marks}</g>"


def _opening_tag(drawing: str, alt: str, kind: str) -> str:
    opening = drawing[: drawing.index(">") + 1]
    box = re.search(r"viewBox=\"[\d.]+ [\d.]+ ([\d.]+) [\d.]+\"", opening)
    if not box:
        raise ValueError("a figure's svg element has no viewBox")
    width = float(box[1]) * PIXELS_PER_POINT / 16
    new = (
        f'<svg class="{kind}" role="img" aria-label="{escape(alt)}" {box[0]} '
        f'style="max-width: {width:.2f}rem">'
    )
    return new + drawing[len(opening) :].strip()
