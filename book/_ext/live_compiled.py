"""Modules of Python compiled for the browser, so that a first run does not have to compile them.

Only the Python that runs them can compile them: Pyodide, which starts here in the Node that comes
with Playwright. It does what a reader does first (a count, a file counted, a figure drawn) and
compiles what that has imported. The other modules stay as they are: compiled ones are larger.
"""

import json
import subprocess
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sphinx.util import logging

RUNNER = Path(__file__).with_name("first_runs.mjs")
SECONDS = 300
logger = logging.getLogger(__name__)


def node() -> Path | None:
    """Return where the Node of Playwright is, if there is one."""
    spec = find_spec("playwright")
    if spec is None or spec.origin is None:
        return None
    found = [*Path(spec.origin).parent.glob("driver/node*")]
    return found[0] if found else None


def compiled(folder: Path, lock: dict[str, Any], packages: list[str]) -> dict[str, bytes]:
    """Return the modules that first runs import, compiled, by their places: ``json/__init__.pyc``.

    Parameters
    ----------
    folder : Path
        A folder that holds Pyodide.
    lock : dict
        Its lock file; the book's package is one of its packages.
    packages : list of str
        Large packages that a figure needs, if they are there.

    Returns
    -------
    dict
        Empty, and said so, if this machine cannot compile.
    """
    program = node()
    reason = "Playwright brings no Node to this machine"
    with tempfile.TemporaryDirectory() as made:
        listed, out = Path(made, "lock.json"), Path(made, "compiled.zip")
        listed.write_text(json.dumps(lock), "utf-8")
        if program:
            command = [program, RUNNER, folder, listed, out, *packages]
            run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
            reason = (run.stderr.strip() or "Node gave no reason").splitlines()[-1]
        if not program or run.returncode:
            logger.info(f"live code: starts more slowly, since nothing is compiled ({reason})")
            return {}
        with zipfile.ZipFile(out) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
