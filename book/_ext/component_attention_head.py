"""The component ``attention-head``: scores, shares, and mixture of a head, of numbers to move."""

from fractions import Fraction
from html import escape
from typing import NamedTuple

from components import Parts, field, ratio, table, value
from words import translated

TOKENS = ("tea", "milk", "hot")
BASE = 2
LIMITS = {"query": 5, "key": 5, "value": 20}
WORDS = {
    "form": "The numbers of the head",
    "hint": "Type, use the arrow keys, or drag a number to the side.",
    "asks": "Query of hot",
    "numbers": "Keys and values",
    "token": "token",
    "query": "query",
    "key": "key",
    "value": "value",
    "field": "{kind} of {token}, number {place}",
    "base": "Base of the powers",
    "reset": "As in the text",
    "answer": "hot looks at tea with {tea}%, at milk with {milk}%, at itself with {hot}%, and "
    "takes over the mixture ({first}, {second}).",
    "table": "From scores to shares",
    "score": "score",
    "power": "power",
    "share": "share",
}
WORDS = translated(WORDS)


class Head(NamedTuple):
    """The last token's query, and the key and the value of each token: two whole numbers each."""

    query: tuple[int, int] = (3, 0)
    keys: tuple[tuple[int, int], ...] = ((1, 0), (0, 1), (0, 0))
    values: tuple[tuple[int, int], ...] = ((10, 0), (0, 10), (0, 0))
    base: int = BASE


def powers(head: Head) -> tuple[list[int], list[Fraction]]:
    """Return the score of each token, and the base to the power of it.

    Examples
    --------
    >>> powers(Head())
    ([3, 0, 0], [Fraction(8, 1), Fraction(1, 1), Fraction(1, 1)])
    """
    scores = [sum(q * k for q, k in zip(head.query, key, strict=True)) for key in head.keys]
    return scores, [Fraction(head.base) ** score for score in scores]


def decimal(n: Fraction, digits: int) -> str:
    """Return a number with so many digits after the point, rounded half away from zero.

    Examples
    --------
    >>> decimal(Fraction(-1, 8), 2), decimal(Fraction(80), 1), decimal(Fraction(-1, 999), 2)
    ('−0.13', '80.0', '0.00')
    """
    text = ratio(abs(n.numerator), n.denominator, digits)
    return f"−{text}" if n < 0 and text.strip("0.") else text


def answer(head: Head) -> tuple[str, list[tuple[str, str, str]]]:
    """Return the sentence of an answer, and score, power, and share of each token.

    Examples
    --------
    >>> answer(Head())[1]
    [('3', '8', '80.0%'), ('0', '1', '10.0%'), ('0', '1', '10.0%')]
    """
    scores, raised = powers(head)
    shares = [power / sum(raised) for power in raised]
    mixed = [
        sum(share * of[place] for share, of in zip(shares, head.values, strict=True))
        for place in (0, 1)
    ]
    percent = [decimal(100 * share, 1) for share in shares]
    first, second = (decimal(number, 2) for number in mixed)
    words = WORDS["answer"].format(
        **dict(zip(TOKENS, percent, strict=True)), first=first, second=second
    )
    rows = zip(scores, raised, percent, strict=True)
    return words, [(_minus(score), _power(head.base, score, power), f"{share}%")
                   for score, power, share in rows]  # fmt: skip


def _minus(n: int) -> str:
    return str(n).replace("-", "−")


def _power(base: int, score: int, power: Fraction) -> str:
    is_short = max(power.numerator, power.denominator) < 10**6
    return str(power) if is_short else f"{base}^{_minus(score)}"


def build() -> Parts:
    """Return the numbers of chapter 3's toy as fields, its answer and its table."""
    w, head = WORDS, Head()
    rows = [
        (token, _pair("key", token, key), _pair("value", token, handed))
        for token, key, handed in zip(TOKENS, head.keys, head.values, strict=True)
    ]
    words, numbers = answer(head)
    shown = [(token, score, power, f'<span style="--share: {share}">{share}</span>')
             for token, (score, power, share) in zip(TOKENS, numbers, strict=True)]  # fmt: skip
    base = f'<input type="range" name="base" value="{BASE}" min="1" max="9">'
    markup = "\n".join((
        f'<form aria-label="{escape(w["form"])}">',
        f"<p>{escape(w['hint'])}</p>",
        f'<fieldset class="asks"><legend>{w["asks"]}</legend>',
        _pair("query", TOKENS[-1], head.query), "</fieldset>",
        table(w["numbers"], [w[name] for name in ("token", "key", "value")], rows, "numbers"),
        field(w["base"], f"{value('base', str(BASE))} {base}"),
        f'<button type="reset">{escape(w["reset"])}</button>', "</form>",
        value("answer", words, "p"),
        table(w["table"], [w[name] for name in ("token", "score", "power", "share")], shown,
              "shares", "looks"),
        '<p class="unseen" role="status"></p>',
    ))  # fmt: skip
    return Parts(markup, {"tokens": TOKENS, "words": {"answer": w["answer"]}})


def _pair(kind: str, token: str, numbers: tuple[int, int]) -> str:
    """Return two fields for whole numbers; to either side the same way."""
    most = LIMITS[kind]
    fields = []
    for place, n in enumerate(numbers, start=1):
        label = WORDS["field"].format(kind=WORDS[kind], token=token, place=place)
        fields.append(
            f'<input type="number" name="{kind}_{token}_{place}" value="{n}" min="{-most}" '
            f'max="{most}" required aria-label="{escape(label)}">'
        )
    return "".join(fields)
