"""Build the site in another language, from the executed chapters and ``locale/LANGUAGE``.

    python tools/edition.py start LANGUAGE     # new messages into its .po files
    python tools/edition.py check LANGUAGE     # numbers and placeholders of every translation
    python tools/edition.py build LANGUAGE

What has no translation yet stays in English.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import messages
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

LOCALE = messages.ROOT / "locale"
SCALE = {
    "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "千": 10**3, "万": 10**4, "百万": 10**6, "亿": 10**8, "十亿": 10**9, "万亿": 10**12,
}  # fmt: skip
WORDS = "|".join(sorted(SCALE, key=len, reverse=True))
NUMERAL = re.compile(rf"(?<![\w.])(\d(?:[\d,]*\d)?(?:\.\d+)?)(?: ?({WORDS})(?![a-z]))?", re.ASCII)
LISTED = re.compile(r"(?:, | and | or | to |, and |–|、| ?[和或到至] ?)")
PLACE = re.compile(r"\$?\{[^{}]*\}")


def numbers(text: str, shared: bool = False) -> Counter[Decimal]:
    """Return the values of the numbers in a text, in digits and words of size.

    ``shared``: in "85 and 124 million" both are millions.

    Examples
    --------
    >>> numbers("175 billion") == numbers("1,750 亿") == {175 * 10**9: 1}
    True
    >>> numbers("85 and 124 million", shared=True) == numbers("8,500 万和 1.24 亿")
    True
    """
    found: Counter[Decimal] = Counter()
    text, scale, before = PLACE.sub("", text), 1, 0
    for match in reversed(list(NUMERAL.finditer(text))):
        together = shared and LISTED.fullmatch(text[match.end() : before])
        scale = SCALE.get(match[2], scale if together and not match[2] else 1)
        found[Decimal(match[1].replace(",", "")) * scale] += 1
        before = match.start()
    return found


def faults(message: str, words: str) -> list[str]:
    """Say what a translation changes that must stay.

    Examples
    --------
    >>> faults("{n} of 12 layers", "12 层中的 {n} 层"), faults("{n} of 12", "{m} / 13")
    ([], ['other numbers: 12; 13', 'other places: {n}; {m}'])
    """
    old = [numbers(message), numbers(message, shared=True)]
    new = [numbers(words), numbers(words, shared=True)]
    found = [] if any(n in old for n in new) else _difference("numbers", old[1], new[1])
    found += _difference(
        "places", Counter({*PLACE.findall(message)}), Counter({*PLACE.findall(words)})
    )
    return found + ["more lines"] * (words.count("\n") > message.count("\n"))


def _difference(kind: str, old: Counter, new: Counter) -> list[str]:
    lost, added = (
        " ".join(f"{n}" for n in sorted(part)) or "none" for part in (old - new, new - old)
    )
    return [f"other {kind}: {lost}; {added}"] if old != new else []


def catalogs(folder: Path) -> Iterator[tuple[Path, Catalog]]:
    """Yield every catalog below a folder, with its path there."""
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".po", ".pot")):
        with path.open("rb") as file:
            yield path.relative_to(folder), read_po(file)


def write(path: Path, catalog: Catalog) -> None:
    """Write a catalog."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog, width=100)


def start(language: str, templates: Path = messages.MESSAGES) -> int:
    """Put the messages of the book into the catalogs of a language; translations stay."""
    known = dict(catalogs(folder := LOCALE / language / "LC_MESSAGES"))
    for name, template in catalogs(templates):
        path = name.with_suffix(".po")
        catalog = known.get(path, Catalog(locale=language, project=template.project))
        catalog.update(template)
        write(folder / path, catalog)
    print(f"The messages are in {folder.relative_to(messages.ROOT)}.")
    return 0


def check(language: str) -> int:
    """Print every translation that changes a number or a place; return 1 if there is one."""
    n_said = n_wrong = 0
    for path, catalog in catalogs(LOCALE / language / "LC_MESSAGES"):
        for message in catalog:
            old, new = str(message.id), str(message.string)
            if old and new and "own-numbers" not in message.flags:
                n_said += 1
                for fault in faults(old, new):
                    n_wrong += 1
                    print(f"{path}: {old[:60]!r}: {fault}")
    print(f"{n_said} translations, {n_wrong} faults.")
    return int(n_wrong > 0)


def build(
    language: str, target: Path | None = None, locale: Path = LOCALE, **settings: object
) -> int:
    """Build the site in a language; what has no translation stays in English."""
    target = target or messages.ROOT / "_build" / language / "html"
    settings |= {"language": language, "locale_dirs": [str(locale)]}
    status = messages.build("html", target, target.parent / ".doctrees", settings)
    print(f"The edition is in {target}.")
    return status


if __name__ == "__main__":
    action, *arguments = sys.argv[1:]
    sys.exit({"start": start, "check": check, "build": build}[action](*arguments))
