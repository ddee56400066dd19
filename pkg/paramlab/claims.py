"""The ledger: 64 claims of two articles about parameters, each judged, corrected and sourced.

The records are data (``data/claims.toml``); this module reads them, checks their form, and says
which of them still lack the code cell that shows them.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
KINDS = ("fact", "analogy", "advice", "estimate", "question")
VERDICTS = ("holds", "holds if", "misleading", "false", "cannot be checked")
N_CHAPTERS = 14
HEADLINES_PER_CHAPTER = 3
IDS = tuple(f"A{n}" for n in range(1, 36)) + tuple(f"B{n}" for n in range(1, 30))
ANALOGY_OPENING = "Helps until "  # an analogy is not true or false; it carries up to a point


@dataclass(frozen=True)
class Claim:
    """One claim of an article, what is right about it, and a better sentence.

    ``evidence`` names the code cell of the home chapter that shows the claim or its limit;
    ``no_evidence`` says why no computation can. Both are None while the home chapter is unwritten.
    """

    id: str  # A1 to A35, B1 to B29, in the order of the articles
    article: str  # A or B
    kind: str  # one of KINDS
    original: str  # a short phrase as printed, in Chinese
    paraphrase: str  # what it says, in its context
    verdict: str  # one of VERDICTS
    right: str  # what it gets right
    stops: str  # the condition under which it stops being true
    better: str  # a sentence of about the same length that is true
    sources: tuple[str, ...]
    home_chapter: int  # 1 to 14
    headline: bool = False  # has a box in its chapter, not only a row in the ledger
    evidence: str | None = None
    no_evidence: str | None = None
    also: tuple[str, ...] = ()  # further cells that bear on it


@cache
def load() -> tuple[Claim, ...]:
    """Return the ledger, in the order of the articles.

    Examples
    --------
    >>> len(load())
    64
    >>> load()[0].id, load()[-1].id
    ('A1', 'B29')
    """
    return parse((DATA / "claims.toml").read_text(encoding="utf-8"))


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
    raise LookupError(f"no claim is numbered {claim_id!r}; the ledger has A1 to A35 and B1 to B29")


def by_verdict(verdict: str) -> tuple[Claim, ...]:
    """Return the claims with one verdict.

    Raises
    ------
    ValueError
        When the word is not one of ``VERDICTS``.

    Examples
    --------
    >>> [claim.id for claim in by_verdict("false")]
    ['B16']
    """
    _check_choice("a verdict", verdict, VERDICTS)
    return tuple(claim for claim in load() if claim.verdict == verdict)


def by_chapter(chapter: int) -> tuple[Claim, ...]:
    """Return the claims at home in one chapter.

    Raises
    ------
    ValueError
        When the book has no chapter of that number.

    Examples
    --------
    >>> [claim.id for claim in by_chapter(1)]
    ['A1', 'A2', 'A3', 'A4', 'A6', 'A7']
    """
    if chapter not in range(1, N_CHAPTERS + 1):
        raise ValueError(f"chapter is {chapter!r}; the book has chapters 1 to {N_CHAPTERS}")
    return tuple(claim for claim in load() if claim.home_chapter == chapter)


def parse(text: str) -> tuple[Claim, ...]:
    """Read claims from TOML, one ``[[claim]]`` table each, and check their form.

    Raises
    ------
    ValueError
        When the text is not TOML, or a record is incomplete or contradicts itself; the message
        names the claim.

    Examples
    --------
    >>> parse('claim = [{id = "A1", verdict = "true"}]')
    Traceback (most recent call last):
    ...
    ValueError: claim A1: article is missing
    """
    import tomllib  # here, because only readers of the ledger should wait for it

    tables = tomllib.loads(text).get("claim", [])
    claims = tuple(_claim(table) for table in tables)
    _check_ledger(claims)
    return claims


def evidence_problems(claims: Iterable[Claim], cells: Mapping[int, Collection[str]]) -> list[str]:
    """List the claims whose written home chapter does not show them.

    Parameters
    ----------
    claims
        The claims to look at.
    cells
        For each chapter that exists, by number, the names of its code cells.

    Returns
    -------
    list of str
        One sentence per problem; empty when all is well.

    Examples
    --------
    >>> evidence_problems([by_id("A4")], cells={1: ["gpt-ratio"]})
    []
    >>> evidence_problems([by_id("A4")], cells={1: ["bytes"]})
    ["claim A4: chapter 1 has no code cell named 'gpt-ratio'"]
    """
    problems = []
    for claim in claims:
        if claim.home_chapter not in cells:
            continue  # not yet written
        named = (claim.evidence, *claim.also) if claim.evidence else claim.also
        problems += [
            f"claim {claim.id}: chapter {claim.home_chapter} has no code cell named {name!r}"
            for name in named
            if name not in cells[claim.home_chapter]
        ]
        if not claim.evidence and not claim.no_evidence:
            problems.append(
                f"claim {claim.id}: chapter {claim.home_chapter} exists, "
                "so evidence or no_evidence is needed"
            )
    return problems


def _claim(table: Mapping[str, object]) -> Claim:
    """Build one record; tables come as plain dictionaries of strings, lists, numbers, booleans."""
    label = f"claim {table.get('id', '(no id)')}"
    known = {field.name: field for field in fields(Claim)}
    for name in table:
        if name not in known:
            raise ValueError(f"{label}: {name!r} is not a field of a claim")
    for name, field in known.items():
        if name in table:
            _check_type(label, name, table[name], field.type)
        elif field.default is MISSING:
            raise ValueError(f"{label}: {name} is missing")
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    claim = Claim(**values)  # type: ignore[arg-type]  # _check_type has compared every type
    _check_record(label, claim)
    return claim


def _check_type(label: str, name: str, value: object, expected: object) -> None:
    if expected is bool or expected is int:
        good, wanted = type(value) is expected, "a whole number" if expected is int else "a boolean"
    elif expected == tuple[str, ...]:
        good = isinstance(value, list) and bool(value) and all(map(_is_text, value))
        wanted = "a list of at least one non-empty string"
    else:
        good, wanted = _is_text(value), "a non-empty string"
    if not good:
        raise ValueError(f"{label}: {name} is {value!r}; it must be {wanted}")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _check_record(label: str, claim: Claim) -> None:
    _check_choice(f"{label}: kind", claim.kind, KINDS)
    _check_choice(f"{label}: verdict", claim.verdict, VERDICTS)
    if claim.id[0] != claim.article:
        raise ValueError(f"{label}: article is {claim.article!r}, but its id starts otherwise")
    if not 1 <= claim.home_chapter <= N_CHAPTERS:
        raise ValueError(f"{label}: home_chapter is {claim.home_chapter}, not 1 to {N_CHAPTERS}")
    if claim.evidence and claim.no_evidence:
        raise ValueError(f"{label}: evidence and no_evidence exclude each other")
    if (claim.kind == "analogy") != claim.stops.startswith(ANALOGY_OPENING):
        raise ValueError(
            f"{label}: the limit of an analogy, and of nothing else, opens with "
            f"{ANALOGY_OPENING.strip()!r}"
        )
    if claim.kind == "analogy" and claim.verdict == "false":
        raise ValueError(f"{label}: an analogy is never false; it helps until something")


def _check_choice(what: str, word: str, allowed: tuple[str, ...]) -> None:
    if word not in allowed:
        raise ValueError(f"{what} is {word!r}; it can be {', '.join(allowed)}")


def _check_ledger(claims: tuple[Claim, ...]) -> None:
    ids = tuple(claim.id for claim in claims)
    if ids != IDS:
        wrong = sorted(set(ids) ^ set(IDS)) or "their order or a repetition"
        raise ValueError(f"the ledger must hold A1 to A35, then B1 to B29, once each; see {wrong}")
    for chapter in range(1, N_CHAPTERS + 1):
        boxes = [c.id for c in claims if c.headline and c.home_chapter == chapter]
        if len(boxes) > HEADLINES_PER_CHAPTER:
            raise ValueError(
                f"chapter {chapter} has {len(boxes)} headlines ({', '.join(boxes)}); "
                f"{HEADLINES_PER_CHAPTER} is the most"
            )
