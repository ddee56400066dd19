"""How long counting takes: the package to import, the catalog to count, the command to answer."""

from collections.abc import Iterator

from harness import PARAMLAB, PYTHON, Figure, alternated, milliseconds, printed

# From the file to the counts; importing the modules is the figure below.
COUNT_CATALOG = """
import time
from paramlab import catalog
from paramlab.params import count
start = time.perf_counter()
totals = [count(model.config).total for model in catalog.published() if model.config]
elapsed = time.perf_counter() - start
assert len(totals) > 100
print(1000 * elapsed)
"""


def measure() -> Iterator[Figure]:
    """Yield the figures of this module."""
    (catalog,) = alternated(printed(PYTHON, "-c", COUNT_CATALOG))
    yield Figure("count_catalog", catalog, "ms", goal=50)
    bare, imported, answered = alternated(
        milliseconds(PYTHON, "-c", "pass"),
        milliseconds(PYTHON, "-c", "import paramlab"),
        milliseconds(PARAMLAB, "count", "gpt3-175b"),
    )
    python = "bare interpreter"
    yield Figure("import", imported - bare, "ms more", goal=30, peer=python, peer_value=bare)
    yield Figure("cli_count", answered, "ms", goal=80, peer=python, peer_value=bare)
