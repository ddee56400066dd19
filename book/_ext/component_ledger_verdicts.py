"""The component ``ledger-verdicts``: a filter of the ledger, and the reader's own verdict first."""

from collections import Counter
from html import escape

from boxes import JUDGED
from components import Parts, field, value
from paramlab import claims
from words import translated

WORDS = {
    "form": "Choose claims",
    "first": "Hide the book’s verdict until I have given mine",
    "verdicts": "Show claims whose verdict is",
    "mention": "That mention",
    "shown": "{n} of {all} claims are shown.",
    "reset": "Forget my verdicts",
    "yours": "Your verdict on {claim}",
    "judged": "You said: {yours}. The book says: {book}.",
    "change": "Change",
    "score": "You have judged {n} of {all} claims, {same} of them as the book does. Who always "
    "says “{usual}” agrees with it in {baseline} of these {n}.",
    "none": "You have judged none of {all} claims yet.",
}
WORDS = translated(WORDS)
VERDICTS = {stored: JUDGED[words] for stored, words in claims.IN_WORDS.items()}


def judgeable() -> list[claims.Claim]:
    """Return the claims that have a verdict; a question has none.

    Examples
    --------
    >>> len(claims.load()) - len(judgeable())
    1
    """
    return [claim for claim in claims.load() if claim.kind != "question"]


def usual() -> str:
    """Return the verdict that the book gives most often."""
    return Counter(claim.verdict for claim in judgeable()).most_common(1)[0][0]


def build() -> Parts:
    """Return the form, the line that says how many are shown, and words for the records."""
    w, n = WORDS, len(claims.load())
    used = {claim.verdict for claim in claims.load()}
    boxes = [
        f'<label><input type="checkbox" name="verdict[]" value="{name}" checked> '
        f'<span aria-hidden="true">{claims.SHAPES[name]}</span> {escape(words)}</label>'
        for name, words in VERDICTS.items()
        if name in used
    ]
    markup = "\n".join((
        f'<form role="search" aria-label="{escape(w["form"])}">',
        f'<label class="first"><input type="checkbox" name="first"> {escape(w["first"])}</label>',
        f'<fieldset class="boxes"><legend>{w["verdicts"]}</legend>', *boxes, "</fieldset>",
        field(w["mention"], '<input type="search" name="mention">'),
        f'<button type="reset" hidden>{escape(w["reset"])}</button>', "</form>",
        f'<p role="status">{value("shown", w["shown"].format(n=n, all=n))}</p>',
    ))  # fmt: skip
    data = {
        "verdicts": VERDICTS,
        "shapes": claims.SHAPES,
        "usual": usual(),
        "judgeable": [claim.id.lower() for claim in judgeable()],
        "words": {
            name: w[name] for name in ("shown", "yours", "judged", "change", "score", "none")
        },
    }
    return Parts(markup, data)
