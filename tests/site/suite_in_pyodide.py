"""Run tests of this repository in Pyodide, with the pytest that is installed on this machine.

It takes what pytest takes. Libraries that are compiled for this machine do not load in Pyodide:
those that the package can do without are hidden, and what needs Hypothesis is skipped.
"""

import os
import sys
from unittest.mock import MagicMock

HIDDEN = ("regex", "xxhash", "safetensors", "gguf", "tqdm", "IPython", "matplotlib_inline")
OPTIONS = (
    "-q", "--capture=sys", "--import-mode=importlib", "-p", "no:cacheprovider",
    "--rootdir=/repo", "-o", "addopts=", "-m", "not slow",
)  # fmt: skip


class Settings:
    """Take what would tell Hypothesis how many examples to try, and leave the test as it is."""

    register_profile = load_profile = staticmethod(lambda *_, **__: None)

    def __init__(self, *_: object, **__: object):
        """Take anything."""

    def __call__(self, test: object) -> object:
        """Return the test."""
        return test


def main(arguments: list[str]) -> int:
    """Run pytest; return its status."""
    sys.path[:0] = ["/repo/tests"]
    sys.path.append("/venv")
    sys.modules.update(dict.fromkeys(HIDDEN))
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    import pytest

    hypothesis = MagicMock()
    hypothesis.settings = Settings
    hypothesis.given = hypothesis.example = lambda *_, **__: pytest.mark.skip("needs Hypothesis")
    for name in ("", ".strategies", ".extra", ".extra.numpy"):
        module = hypothesis
        for part in name.split(".")[1:]:
            module = getattr(module, part)
        sys.modules[f"hypothesis{name}"] = module
    return int(pytest.main([*OPTIONS, *arguments]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
