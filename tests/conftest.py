"""What pytest and nbval need to run the tests and the notebooks of the book.

``pytest --nbval book tests/validation`` runs all notebooks. To run one by itself, name this file
too, so that it is read: ``pytest --nbval tests/conftest.py book/reference/primer.ipynb``.
"""

import os
from pathlib import Path

import pytest
from hypothesis import settings
from paramlab.files.load import load_model
from paramlab.files.real_model import model_path
from paramlab.tree import Model

settings.register_profile("at any speed", deadline=None)  # a busy machine is no failure
settings.load_profile("at any speed")

# nbval leaves png and jpeg out of its comparison, but not svg. Pictures are not stored.
PICTURES = ("image/svg+xml",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let nbval compare no pictures; this hook, unlike others, also sees the cells of `book`."""
    for notebook in {item.parent for item in items}:
        if hasattr(notebook, "skip_compare"):
            notebook.skip_compare = (*notebook.skip_compare, *PICTURES)


@pytest.fixture(scope="session")
def real_path() -> Path:
    """Return where the real model is."""
    path = model_path()
    if not path.is_file():
        reason = f"the real model is not at {path}; fetch it with: paramlab fetch"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return path


@pytest.fixture(scope="module")
def real(real_path: Path) -> Model:
    """Return the real model."""
    return load_model()
