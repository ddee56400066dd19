"""Tables, claim boxes and the ledger as HTML for the book; readable in JupyterLab too."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import repeat

from paramlab.claims import SHAPES, Claim
from paramlab.display import number


def captioned_table(
    rows: Iterable[Sequence[object]],
    head: Sequence[str],
    caption: str,
    notes: Iterable[str] = (),
    kind: str = "",
) -> str:
    """Return rows as an HTML table in a box that scrolls: numbers to the right, text to the left.

    The first cell names its row. Notes, one for each row, stand below the rows. In a text, what
    stands in backticks becomes code, and an arXiv number a link. ``kind`` is the CSS class; on a
    phone, a ``wide`` table shows a row as its head and, below, its cells with their labels.

    Examples
    --------
    >>> html = captioned_table([("weights", 1200)], ("role", "numbers"), "A small model")
    >>> html.splitlines()[-3]
    '<tr><th scope="row" style="text-align:left">weights</th><td class="text-right">1,200</td></tr>'
    """
    if not all(head):
        raise ValueError("a column has no name; a reader who hears the table needs one")
    rows, notes = list(rows), list(notes)
    right = [any(type(cell) is int for cell in column) for column in zip(*rows, strict=True)]
    name = 'th scope="rowgroup" rowspan="2"' if notes else 'th scope="row"'

    def line(cells: Iterable[object], elements: Iterable[str]) -> str:
        return f"<tr>{''.join(map(_cell, cells, right, elements))}</tr>"

    labeled = [f'td data-label="{escape(w)}"' if kind == "wide" else "td" for w in head[1:]]
    lines = [line(row, [name, *labeled]) for row in rows]
    if notes:
        note = f'td colspan="{len(head) - 1}"'
        pairs = zip(lines, notes, strict=True)
        lines = [f"{above}\n<tr>{_cell(below, False, note)}</tr>" for above, below in pairs]
    top, style = line(head, repeat('th scope="col"')), f' class="{kind}"' if kind else ""
    if kind == "wide":
        style += f' style="--across: {len(head) // 2}"'
    between = "\n</tbody><tbody>\n" if notes else "\n"  # a row and its note move together
    return (
        f'<div class="scroll"><table{style}>\n<caption>{markup(caption)}</caption>\n'
        f"<thead>{top}</thead>\n<tbody>\n{between.join(lines)}\n</tbody>\n</table></div>"
    )


def claim_box(claim: Claim) -> str:
    """Return a record of the ledger as the box that closes a chapter.

    Examples
    --------
    >>> from paramlab.claims import by_id
    >>> claim_box(by_id("A4")).splitlines()[1]
    '<p class="admonition-title">Claim A4: holds</p>'
    >>> claim_box(by_id("A7")).splitlines()[1]
    '<p class="admonition-title">Claim A7: holds, with a condition</p>'
    """
    title = f'<p class="admonition-title">Claim {claim.id}: {claim.judged}</p>'
    return f'<div class="admonition claim">\n{title}\n{_particulars(claim)}\n</div>'


def ledger_records(claims: Iterable[Claim]) -> str:
    """Return records of the ledger one below the other, each with an address: ``#a4``.

    Examples
    --------
    >>> from paramlab.claims import by_id
    >>> print(ledger_records([by_id("A4")]).splitlines()[0])
    <section class="record" id="a4" data-verdict="holds">
    """
    return "\n".join(map(_record, claims))


def corrections(claims: Iterable[Claim]) -> str:
    """Return the better sentences of some claims as a numbered list, each with what it corrects.

    Examples
    --------
    >>> from paramlab.claims import by_id
    >>> corrections([by_id("A2")]).splitlines()[2][:24]
    '<br>Instead of: The titl'
    """
    items = (
        f"<li><strong>{markup(claim.better)}</strong>\n"
        f"<br>Instead of: {markup(claim.paraphrase)} (Claim {claim.id})</li>"
        for claim in claims
    )
    return "\n".join(('<ol class="corrections">', *items, "</ol>"))


def _record(claim: Claim) -> str:
    # The site makes the chapter a link to the cell.
    where = f'<span data-cell="{claim.evidence or ""}">chapter {claim.home_chapter}</span>'
    cells = ", ".join(f"<code>{name}</code>" for name in (claim.evidence, *claim.also) if name)
    if cells:
        where += f", {cells}"
    elif claim.no_evidence:
        where = f"{markup(claim.no_evidence)} See {where}."
    shape = f'<span aria-hidden="true">{SHAPES[claim.verdict]}</span>'
    return (
        f'<section class="record" id="{claim.id.lower()}" data-verdict="{claim.verdict}">\n'
        f"<h3>{claim.id} {shape} {claim.judged}</h3>\n"
        f"{_particulars(claim, ('Shown in' if cells else 'Not computed', where))}\n</section>"
    )


def _particulars(claim: Claim, *more: tuple[str, str]) -> str:
    quoted = f'「<span lang="zh">{escape(claim.original)}</span>」'
    parts = (
        ("What it says", f"{quoted} {markup(claim.paraphrase)}"),
        ("What it gets right", markup(claim.right)),
        ("Where it stops", markup(claim.stops)),
        ("A better sentence", f"<strong>{markup(claim.better)}</strong>"),
        *more,
        ("Sources", markup("; ".join(claim.sources))),
    )
    body = "\n".join(f"<dt>{name}</dt>\n<dd>{text}</dd>" for name, text in parts)
    return f"<dl>\n{body}\n</dl>"


def _cell(content: object, right: bool, element: str) -> str:
    # JupyterLab sets every cell to the right; it keeps this style, though it drops style sheets.
    side = 'class="text-right"' if right else 'style="text-align:left"'
    text = number(content) if type(content) is int else markup(str(content))
    return f"<{element} {side}>{text}</{element.split()[0]}>"


def markup(text: str) -> str:
    """Return a text as HTML: what stands in backticks as code, an arXiv number as a link.

    Examples
    --------
    >>> markup("`d_model` < 10")
    '<code>d_model</code> &lt; 10'
    """
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(
        r"\b(\d{4}\.\d{5})(v\d+)?\b", r'<a href="https://arxiv.org/abs/\1\2">arXiv \1\2</a>', text
    ).replace("arXiv <a", "<a")  # a source may say "arXiv" itself
