"""Markdown with one sentence per line, so that a change of one sentence is one changed line.

A paragraph is joined and cut again at its sentence ends. Everything else (headings, tables, code,
math, links, directives' options) stays as it is, and the rendered page does not change. Code inside
a list item is written with a fence, since by its indentation it looks like a paragraph.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial

# Directives whose body is Markdown; the body of every other one is copied.
ADMONITIONS = frozenset(
    "admonition attention caution danger error hint important note seealso tip warning".split()
)
PROSE_DIRECTIVES = ADMONITIONS | {"figure", "margin", "dropdown"}

_FENCE = re.compile(r"(?P<indent>\s*)(?P<fence>`{3,}|~{3,}|:{3,})\s*(?P<info>.*)$")
_DIRECTIVE = re.compile(r"\{([\w:-]+)\}")
_OPTION = re.compile(r"\s*:[\w-]+:(\s|$)")
_ITEM = re.compile(r"(?P<marker>\s*(?:[-*+]|\d{1,9}[.)]|:)\s+)(?P<text>\S.*)$")
_QUOTE = re.compile(r"\s{0,3}> ?")
_ALONE = re.compile(  # heading, table row, empty item, rule, label, comment, link definition
    r"\s*(#{1,6}(\s|$)|\||([-*+]|\d{1,9}[.)])\s*$|([-*_=]\s*){3,}$|=+\s*$|-+\s*$|\([^()\s]+\)=\s*$|%|\[[^\]]+\]:\s)"
)
_HTML = re.compile(r"\s{0,3}<[A-Za-z/!]")
_HARD_BREAK = re.compile(r"( {2,}|\\)$")

_PROTECTED = re.compile(
    r"(?P<tick>`+)(?:(?!(?P=tick)).)+(?P=tick)(?!`)"  # code and roles
    r"|\$\$?[^$]+\$\$?"
    r"|!?\[[^\]]*\]\([^)]*\)"
    r"|<[^>\s][^>]*>"
    r"|https?://\S+"
)
_END = re.compile(
    r"""[.?!。？！…]+[)\]"'”’»*_]*(?P<gap>\s+)(?=["'“‘«(*_]*[^\W_a-z]|[`$\[“‘«]|[(*_"']+[`$\[])"""
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[“‘\"'])(?:e\.g|i\.e|cf|vs|al|approx|ca|resp|viz|Dr|Mr|Mrs|Ms|Prof|St|Jr"
    r"|[Ff]igs?|[Tt]ab|[Ee]qs?|[Ss]ecs?|[Ss]ects?|[Cc]h|[Aa]pp|pp?|vol|eds?|(?:[A-Z]\.)*[A-Z])\.$"
)
_NUMBERED = re.compile(r"(?:^|[\s(])[Nn]os?\.$")  # "no. 5", but "The answer is no. Then"
_OPENS_BLOCK = re.compile(
    r"(?:\d{1,9}[.)]|[-+*:])(?:\s|$)|[#>|]|```|~~~|:::|\$\$|\[[^\]]+\]:|[-=]+\s*$"
)


def split(paragraph: str) -> list[str]:
    """Return the sentences of a paragraph that is given as one line.

    Examples
    --------
    >>> split("It has 4.5 bits, e.g. Q4_1. See eq. 10 of arXiv 2001.08361. `d_model` is D.")
    ['It has 4.5 bits, e.g. Q4_1.', 'See eq. 10 of arXiv 2001.08361.', '`d_model` is D.']
    """
    spans = [match.span() for match in _PROTECTED.finditer(paragraph)]
    sentences, start = [], 0
    for match in _END.finditer(paragraph):
        stop, resume = match.start("gap"), match.end("gap")
        before, after = paragraph[start:stop].rstrip(")]\"'”’»*_"), paragraph[resume:]
        if (
            any(left < match.start() < right for left, right in spans)
            or _ABBREVIATION.search(before)
            or (_NUMBERED.search(before) and after[0].isdigit())
            or re.fullmatch(r"\W*\d+\.", before)  # the number of a run-in heading
            or _OPENS_BLOCK.match(after)
        ):
            continue
        sentences.append(paragraph[start:stop])
        start = resume
    return [*sentences, paragraph[start:]]


def one_per_line(text: str) -> str:
    r"""Return Markdown with one sentence per line; doing it twice changes nothing.

    Examples
    --------
    >>> print(one_per_line("- One. Two\n  goes on.\n\n| a. B |"))
    - One.
      Two goes on.
    <BLANKLINE>
    | a. B |
    """
    return "\n".join(_blocks(text.split("\n")))


def _blocks(lines: list[str]) -> Iterator[str]:
    """Yield the lines of each block in its canonical form."""
    fences: list[str] = []  # directives that are open, innermost last
    at, in_list = 0, False
    while at < len(lines):
        line = lines[at]
        stop = at + 1
        in_list = in_list and (line[:1] in " \t" or bool(_ITEM.match(line)))
        if not line.strip():
            yield ""
        elif fences and _closes(line, fences[-1]):
            fences.pop()
            yield line
        elif fence := _FENCE.match(line):
            directive = _DIRECTIVE.match(fence["info"])
            if directive and directive[1] in PROSE_DIRECTIVES:
                fences.append(fence["fence"])
                stop = _after_options(lines, stop)
            else:
                stop = _after(lines, stop, partial(_closes, fence=fence["fence"]))
            yield from lines[at:stop]
        elif verbatim := _verbatim_end(lines, at, in_list):
            stop = verbatim
            yield from lines[at:stop]
        elif _QUOTE.match(line):
            while stop < len(lines) and _QUOTE.match(lines[stop]):
                stop += 1
            inner = [_QUOTE.sub("", quoted, count=1) for quoted in lines[at:stop]]
            yield from (f"> {quoted}" for quoted in _blocks(inner))
        else:
            item = _ITEM.match(line)
            while stop < len(lines) and _continues(lines[stop], fences):
                stop += 1
            in_list = in_list or bool(item)
            yield from _paragraph(lines[at:stop], followed="".join(lines[stop : stop + 1]).strip())
        at = stop


def _paragraph(lines: list[str], followed: str) -> Iterator[str]:
    """Yield the sentences of a paragraph or list item, behind its marker or indentation."""
    # Two spaces before another block mean nothing, unless that is a block to this module alone.
    ending = "  " if followed and lines[-1].endswith("  ") else ""
    item = _ITEM.match(lines[0])
    marker = item["marker"] if item else re.match(r"\s*", lines[0])[0]  # type: ignore[index]
    lines = [lines[0][len(marker) :], *lines[1:]]
    pieces: list[list[str]] = [[]]
    for line in lines[:-1]:
        pieces[-1].append(_HARD_BREAK.sub("", line).strip())
        if _HARD_BREAK.search(line):
            pieces.append([])
    pieces[-1].append(lines[-1].strip())
    prefix = marker
    for piece in pieces:
        sentences = split(" ".join(piece).strip())
        sentences[-1] += "\\" if piece is not pieces[-1] else ending
        for sentence in sentences:
            yield prefix + sentence
            prefix = " " * len(marker)


def _verbatim_end(lines: list[str], at: int, in_list: bool) -> int | None:
    """Return where the block that is copied ends, or None if the line opens no such block."""
    line = lines[at]
    text = line.strip()
    if at == 0 and text == "---" and "---" in (later.strip() for later in lines[1:]):
        return _after(lines, 1, lambda later: later.strip() == "---")  # front matter
    if text.startswith("$$"):
        if text.count("$$") > 1:
            return at + 1
        return _after(lines, at + 1, lambda later: "$$" in later)
    if text.startswith("\\begin{"):
        return _after(lines, at, lambda later: "\\end{" in later)
    if _HTML.match(line):
        end = at
        while end < len(lines) and lines[end].strip():
            end += 1
        return end
    indented = line.startswith("    ") and not in_list
    return at + 1 if indented or _ALONE.match(line) else None


def _continues(line: str, fences: list[str]) -> bool:
    """Say whether a line goes on with the paragraph above it."""
    return bool(line.strip()) and not (
        _FENCE.match(line)
        or _ALONE.match(line)
        or _QUOTE.match(line)
        or _ITEM.match(line)
        or _HTML.match(line)
        or line.strip().startswith(("$$", "\\begin{"))
        or (fences and _closes(line, fences[-1]))
    )


def _closes(line: str, fence: str) -> bool:
    text = line.strip()
    return len(text) >= len(fence) and set(text) == {fence[0]}


def _after(lines: list[str], at: int, ends: Callable[[str], bool]) -> int:
    while at < len(lines) and not ends(lines[at]):
        at += 1
    return min(at + 1, len(lines))


def _after_options(lines: list[str], at: int) -> int:
    if at < len(lines) and lines[at].strip() == "---":
        return _after(lines, at + 1, lambda later: later.strip() == "---")
    while at < len(lines) and _OPTION.match(lines[at]):
        at += 1
    return at
