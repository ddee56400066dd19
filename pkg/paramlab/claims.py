"""The ledger: claims of two articles about parameters, each judged, corrected and sourced.

The records are data (``data/claims.toml``), whose form and numbers the tests check.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
VERDICTS = ("holds", "holds if", "misleading", "false", "cannot be checked")
SHAPES = dict(zip(VERDICTS, "●◐△✕?", strict=True))  # a verdict must not be told by color alone
IN_WORDS = dict(zip(VERDICTS, VERDICTS, strict=True)) | {"holds if": "holds, with a condition"}


@dataclass(frozen=True)
class Claim:
    """One claim of an article, what is right about it, and a better sentence.

    ``evidence`` names the code cell of the home chapter that shows the claim or its limit;
    ``no_evidence`` says why no computation can. Both are None while the home chapter is unwritten.
    """

    id: str  # A and B with a number, in the order of the articles
    article: str  # A or B
    kind: str  # fact, analogy, advice, estimate or question
    original: str  # a short phrase as printed, in Chinese
    paraphrase: str  # what it says, in its context
    verdict: str  # one of VERDICTS
    right: str  # what it gets right
    stops: str  # the condition under which it stops being true
    better: str  # a sentence of about the same length that is true
    sources: tuple[str, ...]
    home_chapter: int
    headline: bool = False  # has a box in its chapter, not only a row in the ledger
    evidence: str | None = None
    no_evidence: str | None = None
    also: tuple[str, ...] = ()  # further cells that bear on it

    @property
    def judged(self) -> str:
        """The verdict as a reader sees it.

        Examples
        --------
        >>> by_id("A7").judged
        'holds, with a condition'
        """
        return "a question" if self.kind == "question" else IN_WORDS[self.verdict]


@cache
def load() -> tuple[Claim, ...]:
    """Return the ledger, in the order of the articles.

    Examples
    --------
    >>> load()[0].id, load()[0].article
    ('A1', 'A')
    """
    import tomllib  # here, because only readers of the ledger should wait for it

    text = (DATA / "claims.toml").read_text(encoding="utf-8")
    return tuple(map(_claim, tomllib.loads(text)["claim"]))


def _claim(table: dict[str, Any]) -> Claim:
    lists = {key: tuple(value) for key, value in table.items() if isinstance(value, list)}
    return Claim(**(table | lists))


def by_id(claim_id: str) -> Claim:
    """Return one claim by its number in the ledger.

    Raises
    ------
    LookupError
        When the ledger has no such number.

    Examples
    --------
    >>> by_id("A4").verdict
    'holds'
    """
    for claim in load():
        if claim.id == claim_id:
            return claim
    of_a, of_b = ([each.id for each in load() if each.article == article] for article in "AB")
    ids = f"{of_a[0]} to {of_a[-1]} and {of_b[0]} to {of_b[-1]}"
    raise LookupError(f"no claim is numbered {claim_id!r}; the ledger has {ids}")


def by_verdict(verdict: str) -> tuple[Claim, ...]:
    """Return the claims with one verdict.

    Raises
    ------
    ValueError
        When the word is not one of ``VERDICTS``.

    Examples
    --------
    >>> by_id("B15") in by_verdict("misleading")
    True
    """
    if verdict not in VERDICTS:
        raise ValueError(f"a verdict is {verdict!r}; it can be {', '.join(VERDICTS)}")
    return tuple(claim for claim in load() if claim.verdict == verdict)


def by_chapter(chapter: int) -> tuple[Claim, ...]:
    """Return the claims at home in one chapter.

    Raises
    ------
    LookupError
        When no claim is at home there.

    Examples
    --------
    >>> by_id("A4") in by_chapter(1)
    True
    """
    found = tuple(claim for claim in load() if claim.home_chapter == chapter)
    if not found:
        raise LookupError(f"no claim is at home in chapter {chapter!r}")
    return found
