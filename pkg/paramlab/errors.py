"""What this package refuses, and how it says so: one sentence, with the file it is about."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


class UnsupportedModel(ValueError):
    """The file is damaged, or holds something that this package does not know how to count."""


class UnknownArchitecture(UnsupportedModel):
    """The file is sound as far as it was read; what its tensors are for is not known here."""


class ModelFileError(RuntimeError):
    """The file of a model is missing, wrong or cannot be fetched; says what to do."""


@contextmanager
def errors_about(path: str | os.PathLike[str]) -> Iterator[None]:
    """Begin the message of every :class:`UnsupportedModel` with the file it is about."""
    try:
        yield
    except UnsupportedModel as error:
        raise type(error)(f"{os.fspath(path)}: {error}") from None
