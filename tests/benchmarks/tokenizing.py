"""How long the tokenizer of the real model takes for a megabyte of text it has not met."""

from collections.abc import Iterator

from harness import PYTHON, Figure, alternated, printed

ENCODE = """
import time
from paramlab import load_model
from paramlab.corpus import standard_text
tokenizer = load_model().tokenizer
text = standard_text().text[:1_000_000]
assert len(text) == 1_000_000
start = time.perf_counter()
tokenizer.encode(text)
print(time.perf_counter() - start)
"""


def measure() -> Iterator[Figure]:
    """Yield the figure of this module."""
    (seconds,) = alternated(printed(PYTHON, "-c", ENCODE), repeats=5)
    yield Figure("tokenize_1mb", seconds, "s for 1,000,000 characters", goal=5)
