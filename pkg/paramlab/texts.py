"""Texts written for this book, so that no model has met them in training."""

from pathlib import Path


def passage() -> str:
    """Return the fixed English text on which the book compares models.

    Examples
    --------
    >>> passage()[:20]
    'The lighthouse keepe'
    """
    return (Path(__file__).parent / "data" / "passage.txt").read_text(encoding="utf-8").strip()
