"""Where the built site is, and what to do without one."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"
sys.path[:0] = [str(ROOT / "book" / "_ext"), str(Path(__file__).parent)]


def skip_or_fail(reason: str) -> None:
    """Leave a test out on a machine that lacks something; on the test server, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def site() -> Path:
    """Return the folder of the built site."""
    if not (SITE / "index.html").exists():
        skip_or_fail("the site is not built: make book")
    return SITE
