"""What nobody should notice: no page scrolls sideways, nothing jumps, and the markup is valid.

Of html-validate's recommended rules six are off. ``no-inline-style``: the colors of figures and
the widths of bars are computed. ``void-style`` and ``attribute-boolean-style``: Sphinx writes a few
tags in the older way, which is valid. ``long-title``: a title is a question and the book's name.
``wcag/h32``: a calculator answers while one types, so that its form has nothing to submit.
``no-trailing-whitespace``: a cell may print some.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from checks import looked_at
from conftest import ROOT, skip_or_fail

WIDTHS = (320, 480, 700, 900, 1216, 1600, 2560)
VALIDATOR = ROOT / "tests" / "site" / "node_modules" / ".bin" / "html-validate"
SHIFTS = """() => new Promise((resolve) => {
  const found = [];
  new PerformanceObserver((list) => {
    for (const shift of list.getEntries()) if (!shift.hadRecentInput) found.push(shift.value);
  }).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(found.reduce((sum, value) => sum + value, 0)), 150);
})"""


def test_no_page_scrolls_sideways_at_any_width(visit, site: Path):
    window = visit()
    for path in looked_at(site):
        page = window.open(path.relative_to(site).as_posix())
        page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            needed = page.evaluate("document.documentElement.scrollWidth")
            assert needed <= width, f"{path} is {needed} wide on a screen of {width}"


@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_nothing_jumps_while_a_page_loads(visit, site: Path, device: str):
    window = visit(device)
    shifts = {}
    for path in looked_at(site):
        page = window.open(path.relative_to(site).as_posix())
        shifts[path.name] = page.evaluate(SHIFTS)
    assert {name: shift for name, shift in shifts.items() if shift > 0} == {}


def faults(folder: Path, *paths: Path) -> Iterator[str]:
    """Yield what html-validate finds and writes into a folder."""
    if not VALIDATOR.exists() or not shutil.which("node"):
        skip_or_fail("html-validate is not installed: npm install --prefix tests/site")
    rules = VALIDATOR.parents[2] / ".htmlvalidate.json"
    report = folder / "report.json"
    command = [VALIDATOR, "--config", rules, "--formatter", f"json={report}", *paths]
    subprocess.run(command, check=False)  # its status says that there are faults
    for file in json.loads(report.read_text("utf-8")):
        for message in file["messages"]:
            yield f"{file['filePath']}:{message['line']}: {message['ruleId']}: {message['message']}"


def test_the_markup_is_valid(site: Path, tmp_path: Path):
    assert list(faults(tmp_path, *looked_at(site))) == []


def test_the_validator_finds_a_planted_fault(tmp_path: Path):
    (tmp_path / "a.html").write_text("<!DOCTYPE html><html lang=en><p><div></div></p></html>")
    assert list(faults(tmp_path, tmp_path / "a.html"))
