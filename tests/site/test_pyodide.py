"""In Pyodide, from the files of the site, the package computes what it computes here."""

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from base64 import b64encode
from importlib.util import find_spec
from pathlib import Path

import live
import numpy as np
import pytest
from conftest import ROOT, skip_or_fail

# Files of the suite that need no library but NumPy; and what is left out of them, since Pyodide has
# no threads, no second process, and whole numbers of 32 bits where NumPy chooses.
SUITE = (
    "params", "costs", "layers", "positions", "transformer", "sampling", "autograd", "catalog",
    "conventions", "compare", "memory_fit", "statistics", "variants",
)  # fmt: skip
LEFT_OUT = (
    "helping_threads", "copy_of_the_process", "shapes_that_do_not_fit", "bad_tokens",
    "cannot_be_stretched",
)  # fmt: skip
NODE = Path(find_spec("playwright").origin).parent / "driver" / "node"  # comes with Playwright
SITE_PACKAGES = Path(find_spec("pytest").origin).parents[1]


@pytest.fixture(scope="module")
def folder(site: Path) -> Path:
    """Return the folder of the site that holds Pyodide, with NumPy and Matplotlib."""
    folder = site / "_static" / "live" / "pyodide"
    if json.loads((folder / "live.json").read_text("utf-8"))["level"] != "full":
        skip_or_fail("the site was built without what runs code in a browser: make book")
    return folder


def test_what_a_reader_downloads_is_small_and_is_what_the_lock_file_says(folder: Path):
    stated = json.loads((folder / "live.json").read_text("utf-8"))
    most = {"core": 6_000_000, "numpy": 9_000_000, "matplotlib": 17_000_000}
    assert all(stated["sizes"][name] <= n_bytes for name, n_bytes in most.items())
    packages = json.loads((folder / stated["lock"]).read_text("utf-8"))["packages"]
    for package in packages.values():
        wheel = (folder / package["file_name"]).read_bytes()
        assert hashlib.sha256(wheel).hexdigest() == package["sha256"]
    core = live.listed().core
    for name, integrity in stated["integrity"].items():
        digest = hashlib.sha256((folder / name).read_bytes()).digest()
        assert integrity == f"sha256-{b64encode(digest).decode()}"
        assert name == stated["library"] or digest.hex() == core[name]
    assert len(stated["integrity"]) == len(core)
    assert (folder / packages["paramlab"]["file_name"]).stat().st_size <= 250_000
    assert all((folder / source).is_file() for source in stated["files"].values())


def test_every_package_comes_with_its_license(folder: Path):
    notice = (folder / "LICENSES.txt").read_text("utf-8")
    stated = json.loads((folder / "live.json").read_text("utf-8"))
    packages = json.loads((folder / stated["lock"]).read_text("utf-8"))["packages"]
    for name in packages.keys() - {"paramlab"}:
        assert len(notice.partition(f"\n{name} {packages[name]['version']}")[2]) > 1000
    assert f"Pyodide {stated['pyodide']}" in notice


def in_pyodide(folder: Path, file: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a file that lies beside this one in Pyodide."""
    runner = Path(__file__).with_name("pyodide.mjs")
    command = [NODE, runner, folder, ROOT, SITE_PACKAGES, f"tests/site/{file}", *words]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=600)


def test_the_package_gives_the_same_results_in_pyodide(folder: Path):
    there = in_pyodide(folder, "same_results.py")
    assert there.returncode == 0, there.stderr[-2000:]
    script = Path(__file__).with_name("same_results.py")
    here = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    found, expected = json.loads(there.stdout), json.loads(here.stdout)
    for what, values in expected["exact"].items():
        assert found["exact"][what] == values, what
    for what, values in expected["rounded"].items():
        np.testing.assert_allclose(found["rounded"][what], values, atol=1e-4, err_msg=what)


def test_a_figure_is_drawn_and_no_list_of_fonts_is_made(folder: Path):
    drawn = in_pyodide(folder, "figure_in_pyodide.py")
    assert drawn.returncode == 0, drawn.stderr[-2000:]
    assert drawn.stdout.count("<svg") == 2 and drawn.stdout.count("</svg>") == 2
    assert "font" not in drawn.stderr


def test_what_a_first_run_imports_is_compiled_and_what_is_rare_is_fetched_later(folder: Path):
    stated = json.loads((folder / "live.json").read_text("utf-8"))
    packages = json.loads((folder / stated["lock"]).read_text("utf-8"))["packages"]
    for archive, usual in (
        (stated["library"], "json/decoder.pyc"),
        (packages["numpy"]["file_name"], "numpy/_core/numeric.pyc"),
        (packages["matplotlib"]["file_name"], "matplotlib/figure.pyc"),
    ):
        with zipfile.ZipFile(folder / archive) as package:
            assert usual in package.namelist() and usual[:-1] not in package.namelist()
    assert "/lib/python3.12/pickletools.py" in stated["files"]
    assert "/lib/python3.12/site-packages/paramlab/cli.pyc" in stated["files"]


@pytest.mark.slow
def test_the_suite_passes_in_pyodide(folder: Path):
    files = [f"/repo/tests/test_{name}.py" for name in SUITE]
    kept = " and ".join(f"not {name}" for name in LEFT_OUT)
    done = in_pyodide(folder, "suite_in_pyodide.py", "-k", kept, *files)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 1000
