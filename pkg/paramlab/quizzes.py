"""The quiz at the end of each chapter: a few questions, and a reply to every choice.

The questions are data (``data/quizzes/NN.toml``, the right choice first). On a page each choice is
a folded text that opens on its reply, so a quiz needs no script, and JupyterLab shows it too.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path

from paramlab.html import markup

DATA = Path(__file__).parent / "data" / "quizzes"


@dataclass(frozen=True)
class Choice:
    """One choice of an item, and what is said to somebody who takes it."""

    right: bool
    text: str
    reply: str


@dataclass(frozen=True)
class Item:
    """One question of a quiz; ``id`` is its address on the page of its chapter, ``#quiz-ID``."""

    chapter: int
    id: str  # a few words, kept for good: gradebooks refer to it
    asks: str
    right: Choice
    wrong: tuple[Choice, ...]

    @property
    def choices(self) -> list[Choice]:
        """All choices in the order shown: always the same, the right one at no place of its own."""
        return sorted(
            (self.right, *self.wrong), key=lambda choice: sha256(choice.text.encode()).digest()
        )

    @property
    def sentences(self) -> Iterator[str]:
        """All that the item says is true: its question, its right choice, and every reply."""
        yield from (self.asks, self.right.text, self.right.reply)
        yield from (choice.reply for choice in self.wrong)


def chapters() -> list[int]:
    """Return the numbers of the chapters that have a quiz."""
    return sorted(int(path.stem) for path in DATA.glob("*.toml"))


@cache
def items(chapter: int) -> tuple[Item, ...]:
    """Return the quiz of a chapter.

    Raises
    ------
    LookupError
        When the chapter has no quiz.

    Examples
    --------
    >>> item = items(1)[0]
    >>> item.id, sum(choice.right for choice in item.choices)
    ('what-it-is', 1)
    """
    path = DATA / f"{chapter:02}.toml"
    if not path.exists():
        raise LookupError(
            f"chapter {chapter} has no quiz; there are {', '.join(map(str, chapters()))}"
        )
    found = tomllib.loads(path.read_text("utf-8"))["item"]
    return tuple(
        Item(
            chapter,
            item["id"],
            item["asks"],
            Choice(True, *item["right"]),
            tuple(Choice(False, *choice) for choice in item["wrong"]),
        )
        for item in found
    )


def quiz(chapter: int) -> str:
    r"""Return the quiz of a chapter as HTML: each choice opens on its reply.

    Examples
    --------
    >>> print(*quiz(1).splitlines()[:2], sep="\n")
    <ol class="quiz">
    <li id="quiz-what-it-is">
    """
    return "\n".join(('<ol class="quiz">', *map(_as_html, items(chapter)), "</ol>"))


def _as_html(item: Item) -> str:
    lines = [
        f'<details name="{item.id}"><summary>{marked(choice.text)}</summary>\n'
        f"<p><strong>{'Yes' if choice.right else 'No'}.</strong> {marked(choice.reply)}</p>"
        "</details>"
        for choice in item.choices
    ]
    return "\n".join(
        (f'<li id="quiz-{escape(item.id)}">', f"<p>{marked(item.asks)}</p>", *lines, "</li>")
    )


def marked(text: str) -> str:
    """Return a text of a quiz as HTML: code in backticks, and emphasis between stars."""
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", markup(text))
