"""The component ``reader-guess``: a chapter's question, answered first by the reader.

The guess stays in the browser. Where the chapter's answer stands, which has the address
``#answer-3`` in chapter 3, both are compared.
"""

from html import escape
from typing import NamedTuple

from components import Parts, field
from words import _, translated


class Guess(NamedTuple):
    """A number that is asked for, with its answer and its unit; a choice has several words."""

    asked: str
    answer: str
    unit: str = ""
    choices: tuple[str, ...] = ()


WORDS = {
    "form": "Your guess",
    "keep": "Keep my guess",
    "kept": "Kept in this browser: see {link}.",
    "link": "the answer",
    "exact": "You guessed {yours}, and it is {right}.",
    "high": "You guessed {yours}; it is {right}: too high by a factor of {factor}.",
    "low": "You guessed {yours}; it is {right}: too low by a factor of {factor}.",
    "zero": "You guessed {yours}; it is {right}.",
    "chosen": "You chose “{yours}”, and so it is.",
    "not": "You chose “{yours}”; it is “{right}”.",
}
WORDS = translated(WORDS)
WORKS = ("the first prompt", "the second prompt", "both the same")
WORKS = translated(WORKS)
GUESSES = {
    1: (Guess(_("Times as large"), "1,298", _(" times")),),
    2: (Guess(_("Percent"), "0.0074", "%"),),
    3: (Guess(_("More computing takes"), WORKS[2], choices=WORKS),),
    4: (Guess(_("Percent"), "31", "%"),),
    5: (Guess(_("Percent"), "0", "%"),),
    6: (Guess(_("At every word, of ten"), "5", _(" of ten")),),
    7: (Guess(_("Households"), "100", choices=("1", "100", "10,000")),),
    8: (Guess(_("Wrong guesses left, of 100"), "90", choices=("10", "50", "90")),),
    9: (
        Guess(_("With 10 units, of 50"), "11", _(" of 50")),
        Guess(_("With 20 units, of 50"), "50", _(" of 50")),
    ),
    10: (Guess(_("DVDs"), _("seventy"), choices=(_("a thousandth"), _("one"), _("seventy"))),),
    11: (Guess(_("Cities of the story, of 60"), "55", _(" of 60")),),
    12: (Guess(_("Times as much for each token"), "1.2", _(" times")),),
    13: (Guess(_("Notes found, of 32"), "5", _(" of 32")),),
    14: (
        Guess(
            _("The better one has"),
            _("13 billion with 4 bits"),
            choices=(_("7 billion with 8 bits"), _("13 billion with 4 bits")),
        ),
    ),
}


def outcome(guess: Guess, yours: str) -> str:
    """Return the sentence that compares.

    Examples
    --------
    >>> outcome(GUESSES[1][0], "20")
    'You guessed 20 times; it is 1,298 times: too low by a factor of 65.'
    >>> outcome(GUESSES[12][0], "1.25"), outcome(GUESSES[5][0], "3")
    ('You guessed 1.25 times, and it is 1.2 times.', 'You guessed 3%; it is 0%.')
    """
    said = {"yours": yours + guess.unit, "right": guess.answer + guess.unit, "factor": ""}
    if guess.choices:
        return WORDS["chosen" if yours == guess.answer else "not"].format(**said)
    number, answer = float(yours), float(guess.answer.replace(",", ""))
    kind = "high" if number > answer else "low"
    if number == answer:
        kind = "exact"
    elif not number or not answer:
        kind = "zero"
    else:
        factor = float(f"{max(number / answer, answer / number):.2g}")
        kind = "exact" if factor < 1.1 else kind
        said["factor"] = f"{factor:,.15g}"
    return WORDS[kind].format(**said)


def build(chapter: int) -> Parts:
    """Return the fields of a chapter's guess, its answer, and the words to compare with."""
    guesses = GUESSES[chapter]
    fields = [_field(f"guess_{i}", guess) for i, guess in enumerate(guesses)]
    link = f'<a href="#answer-{chapter}">{escape(WORDS["link"])}</a>'
    markup = "\n".join((
        f'<form aria-label="{escape(WORDS["form"])}">', *fields,
        f'<button type="submit">{escape(WORDS["keep"])}</button>',
        f'<p role="status"><span hidden>{WORDS["kept"].format(link=link)}</span></p>', "</form>",
    ))  # fmt: skip
    spoken = ("exact", "high", "low", "zero", "chosen", "not")
    data = {
        "chapter": chapter,
        "guesses": [guess._asdict() for guess in guesses],
        "words": {name: WORDS[name] for name in spoken},
    }
    return Parts(markup, data)


def _field(name: str, guess: Guess) -> str:
    if not guess.choices:
        number = f'<input type="number" name="{name}" min="0" max="{10**9}" step="any" required>'
        return field(guess.asked, number)
    choices = "".join(
        f'<label><input type="radio" name="{name}" value="{escape(words)}" required> '
        f"{escape(words)}</label>"
        for words in guess.choices
    )
    return f"<fieldset><legend>{escape(guess.asked)}</legend>{choices}</fieldset>"
