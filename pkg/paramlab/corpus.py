"""A text that every machine with Python has, and a tokenizer of single characters for it."""

import ast
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StandardText:
    """The documentation that comes with Python; which text it is depends on Python's version."""

    topics: str  # the help on topics, such as help("LOOPING"): chapters of the language reference
    docstrings: str  # of the standard library's modules, classes and functions
    n_modules: int

    @property
    def text(self) -> str:
        """All of it."""
        return self.topics + "\n\n" + self.docstrings

    def __str__(self) -> str:
        return (
            f"Python {sys.version_info.major}.{sys.version_info.minor}'s own documentation: "
            f"{len(self.topics):,} characters of help on topics and {len(self.docstrings):,} of "
            f"docstrings from {self.n_modules} modules of the standard library"
        )


# Parts of the standard library that some distributions of Python leave out.
_NOT_EVERYWHERE = {
    "distutils", "ensurepip", "idlelib", "lib2to3", "test", "tkinter", "turtle", "turtledemo",
    "venv",
}  # fmt: skip


def standard_text() -> StandardText:
    """Collect the text that every machine with Python has: it takes a few seconds.

    The modules are parsed, not imported, so none of their code runs.

    Examples
    --------
    >>> text = standard_text()  # doctest: +SKIP
    >>> print(text)  # doctest: +SKIP
    """
    from pydoc_data.topics import topics

    library = Path(os.__file__).parent
    docstrings: list[str] = []
    n_modules = 0
    for name in sorted(sys.stdlib_module_names - _NOT_EVERYWHERE):
        inside = sorted((library / name).rglob("*.py"))
        for path in [library / f"{name}.py"] if not inside else inside:
            if path.is_file() and "test" not in path.stem and path.parent.name != "tests":
                docstrings += _docstrings(ast.parse(path.read_bytes()))
                n_modules += 1
    return StandardText("\n\n".join(topics.values()), "\n\n".join(docstrings), n_modules)


def _docstrings(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> Iterator[str]:
    """Yield the docstring of a module or class and of what is defined in it, in order."""
    if docstring := ast.get_docstring(node):
        yield docstring
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            yield from _docstrings(child)


class Characters:
    """The simplest tokenizer: one token for each character that a text uses often enough.

    Parameters
    ----------
    text
        The text whose characters become the vocabulary, in the order of their code points.
    at_least
        How often a character must occur; rarer ones are all encoded as U+FFFD.

    Examples
    --------
    >>> letters = Characters("banana")
    >>> letters.encode("nab")
    [2, 0, 1]
    >>> letters.decode([1, 0, 2])
    'ban'
    """

    end_tokens: frozenset[int] = frozenset()

    def __init__(self, text: str, at_least: int = 1):
        occurrences = {character: text.count(character) for character in set(text)}
        often = sorted(c for c, times in occurrences.items() if times >= at_least)
        some_are_rare = len(often) < len(occurrences)
        self.vocabulary = often + ["\ufffd"] * (some_are_rare and "\ufffd" not in often)
        self.ids = {character: i for i, character in enumerate(self.vocabulary)}

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text.

        Raises
        ------
        ValueError
            When a character is not in the vocabulary, and none was rare.
        """
        rare = self.ids.get("\ufffd")
        if rare is None and (unknown := set(text) - self.ids.keys()):
            raise ValueError(f"the character {min(unknown)!r} is not in the vocabulary")
        return [self.ids.get(character, rare) for character in text]  # type: ignore[misc]

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of token ids."""
        return "".join(self.stream(tokens))

    def stream(self, tokens: Iterable[int]) -> Iterator[str]:
        """Yield the character of each token as it comes."""
        for token in tokens:
            if not 0 <= token < len(self.vocabulary):
                raise ValueError(
                    f"token id {token} is not in the vocabulary of {len(self.vocabulary):,}"
                )
            yield self.vocabulary[token]
