"""What this package refuses, and how it says so: one sentence, with the file it is about."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from reprlib import Repr
from typing import Any

_BRIEF = Repr()
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = 60


class UnsupportedModel(ValueError):
    """The file is damaged, or holds something that this package does not know how to count."""


class UnknownArchitecture(UnsupportedModel):
    """The file is sound as far as it was read; what its tensors are for is not known here."""


class ModelFileError(RuntimeError):
    """The file of a model is missing, wrong or cannot be fetched; says what to do."""


class ModelNotFetched(ModelFileError):
    """One of the book's real models is not on this machine yet."""


@contextmanager
def errors_about(path: str | os.PathLike[str]) -> Iterator[None]:
    """Begin the message of every :class:`UnsupportedModel` with the file it is about."""
    try:
        yield
    except UnsupportedModel as error:
        raise type(error)(f"{os.fspath(path)}: {error}") from None


def shown(value: Any) -> str:
    """Return the repr of a value, cut before it is built: a file may hold a text of megabytes.

    Examples
    --------
    >>> shown("llama"), shown([1] * 10**6)
    ("'llama'", '[1, 1, 1, 1, 1, 1, ...]')
    """
    return _BRIEF.repr(value)


def printable(text: str) -> str:
    r"""Return a text with an escape for each character that could steer a terminal.

    Examples
    --------
    >>> print(printable("a\x1b[2Jb"))
    a\x1b[2Jb
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
