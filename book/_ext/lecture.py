"""What a lecture takes from the page of a chapter: figures, questions, claims, the last lines."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bs4 import BeautifulSoup, Tag
from words import said

TALL = 1.35  # a drawing that is less than so many times as wide as high has its text beside it
SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[\"“(]?(?:<\w+>)?[A-Z])")
DRAWING = re.compile(r'(<svg class="figure[^>]*>).*?</svg>', re.DOTALL)


@dataclass
class Figure:
    """A figure of a chapter."""

    number: str
    caption: str  # HTML
    alt: str
    drawing: str  # an svg element in the colors of the page

    @property
    def headline(self) -> str:
        """Return the first sentence of the caption."""
        return sentences(self.caption)[0]

    @property
    def take_away(self) -> str:
        """Return what follows it."""
        return sentences(self.caption)[1]

    @property
    def is_tall(self) -> bool:
        """Say whether it leaves more room beside it than below."""
        width, height = size(self.drawing)
        return width < TALL * height


@dataclass
class Question:
    """A question of a quiz: its choices, which of them is right, and why."""

    asks: str
    choices: list[str]
    right: int
    reply: str

    @property
    def letter(self) -> str:
        """Return how the right choice is called."""
        return "abcdefgh"[self.right]


@dataclass
class Chapter:
    """What the slides of a chapter are made of, as HTML."""

    number: int
    title: str
    answer: str  # the sentence below the title
    quote: str
    guess: str
    figures: list[Figure] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    claims: list[tuple[str, str]] = field(default_factory=list)  # what is said, a better sentence
    take_away: str = ""

    def steps(self) -> Iterator[Figure | Question]:
        """Yield the figures, a question after each, and at the end the questions left."""
        for i in range(max(len(self.figures), len(self.questions))):
            yield from self.figures[i : i + 1]
            yield from self.questions[i : i + 1]


def read_chapter(page: str) -> Chapter:
    """Read what the slides of a chapter need from its page.

    Parameters
    ----------
    page : str
        The HTML that was written.
    """
    drawings = [match[0] for match in DRAWING.finditer(page)]  # a parser would lower their names
    article = BeautifulSoup(DRAWING.sub(r"\1</svg>", page), "html.parser").article
    for place, drawing in zip(article.select("svg.figure"), drawings, strict=True):
        place["data-drawing"] = drawing
    for link in article.select("a.headerlink"):
        link.decompose()
    for link in article.find_all("a"):
        link.unwrap()
    heading = article.h1
    number = heading.select_one(".section-number").extract().get_text()
    chapter = Chapter(
        int(number), _inner(heading), _inner(heading.find_next_sibling("p")),
        _box(article, "quote"), _box(article, "guess"),
    )  # fmt: skip
    for figure in article.find_all("figure"):
        if drawing := figure.select_one("svg.wide") or figure.svg:
            label = figure.select_one(".caption-number").extract().get_text()
            chapter.figures.append(
                Figure(
                    re.search(r"[\d.]*\d", label)[0],
                    _inner(figure.select_one(".caption-text")),
                    drawing["aria-label"],
                    drawing["data-drawing"],
                )  # fmt: skip
            )
    chapter.questions = [_question(item) for item in article.select("ol.quiz > li")]
    chapter.claims = [
        tuple(_labelled(claim.select_one(kind)) for kind in (".said", ".better"))
        for claim in article.select(".claim")
    ]
    end = article.find("section", id=re.compile("^take-away"))
    chapter.take_away = str(end.ul) if end and end.ul else ""
    return chapter


def _inner(tag: Tag | None) -> str:
    return tag.decode_contents().strip() if tag else ""


def _box(article: Tag, kind: str) -> str:
    box = article.select_one(f".admonition.{kind}")
    return "".join(map(str, box.select(":scope > p:not(.admonition-title)"))) if box else ""


def _labelled(tag: Tag) -> str:
    for label in tag.select(".label"):
        label.decompose()
    return _inner(tag)


def _question(item: Tag) -> Question:
    choices = item.find_all("details")
    right = next(i for i, choice in enumerate(choices) if choice.strong.get_text() == said("Yes."))
    reply = choices[right].p
    reply.strong.decompose()
    texts = [_inner(choice.summary) for choice in choices]
    return Question(_inner(item.p), texts, right, _inner(reply))


def sentences(caption: str) -> tuple[str, str]:
    """Return the first sentence and the rest; no element is cut in two.

    Examples
    --------
    >>> sentences("One column. <em>Three counts. Really.</em> No more.")
    ('One column.', '<em>Three counts. Really.</em> No more.')
    >>> sentences("Of <em>A. B</em> all")
    ('Of <em>A. B</em> all', '')
    """
    for end in SENTENCE.finditer(caption):
        first = caption[: end.start()]
        if first.count("<") == 2 * first.count("</"):
            return first, caption[end.end() :]
    return caption, ""


def size(drawing: str) -> tuple[float, float]:
    """Return width and height of a drawing, in points."""
    box = re.search(r'viewBox="[\d.]+ [\d.]+ ([\d.]+) ([\d.]+)"', drawing)
    return float(box[1]), float(box[2])
