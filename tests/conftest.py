"""What pytest and nbval need to run the tests and the notebooks of the book.

``pytest --nbval book tests/validation`` runs all notebooks. To run one by itself, name this file
too, so that it is read: ``pytest --nbval tests/conftest.py book/reference/primer.ipynb``.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from paramlab.cli import main
from paramlab.errors import ModelFileError
from paramlab.files.load import load_model
from paramlab.files.real_model import REAL_MODEL, SECOND_MODEL, check_present
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
    return _present(REAL_MODEL)


@pytest.fixture(scope="session")
def second_path() -> Path:
    """Return where the second real model is."""
    return _present(SECOND_MODEL)


def _present(model: str) -> Path:
    """Return where a model is; without it, the tests that need it are left out, or fail in CI."""
    try:
        return check_present(model)
    except ModelFileError as error:
        pytest.fail(str(error)) if os.environ.get("CI") == "true" else pytest.skip(str(error))


@pytest.fixture(scope="session")
def sandbox() -> None:
    """Leave tests out where there is no sandbox for students' code; on Linux CI, fail."""
    from paramlab_course.box import NoSandbox, check_sandbox  # a run of notebooks does without

    try:
        check_sandbox()
    except NoSandbox as error:
        must = os.environ.get("CI") == "true" and sys.platform == "linux"
        pytest.fail(str(error)) if must else pytest.skip(str(error))


@pytest.fixture(scope="module")
def real(real_path: Path) -> Model:
    """Return the real model."""
    return load_model()


@pytest.fixture
def cost(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return the command ``paramlab cost``: status, output and errors, from its arguments."""

    def call(*arguments: object) -> tuple[int, str, str]:
        status = main(["cost", *map(str, arguments)])
        return status, *capsys.readouterr()

    return call
