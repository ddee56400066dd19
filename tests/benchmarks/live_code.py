"""Seconds until code of a page has run in a browser: Python alone, with NumPy, with a figure."""

import statistics
import time
from collections.abc import Iterator

from harness import CHROMIUM, SITE, Figure, served
from playwright.sync_api import BrowserContext, Page, sync_playwright

PAGE = "reference/formulas.html"
REPEATS = 5
COUNT = "from paramlab import catalog, count\n{'n': count(catalog.find('gpt2-small').config).total}"
DRAW = "from paramlab import plots\nplots.setup()\nf, axes = plots.canvas(2)\n_ = axes.plot([1, 2])"
SUM = "import numpy as np\n{'n': int(np.arange(5).sum())}"
# For each kind: a cell's code, the element and its text that say that it has run, and the most
# seconds allowed when cold.
KINDS = {
    "python": (COUNT, "pre", "124439808", 3.0),
    "numpy": (SUM, "pre", "10", 4.0),
    "figure": (DRAW, "svg", "", 7.0),
}
HAS_RUN = """([cell, element, text]) =>
  [...cell.querySelectorAll(`.cell_output.live ${element}`)].some(
    (found) => found.textContent.includes(text))"""


def measure() -> Iterator[Figure]:
    """Yield the figures of this module."""
    if not (SITE / "_static/live/pyodide/pyodide.asm.wasm").is_file():
        print("live code was not measured: the site is built without it")
        return
    with served() as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, (*asked, goal) in KINDS.items():
            address = f"{site}/{PAGE}"
            rounds = [visits(browser.new_context(), address, *asked) for _ in range(REPEATS)]
            cold, warm, again = map(statistics.median, zip(*rounds, strict=True))
            yield Figure(f"live_{name}_cold", cold, "s", goal=goal)
            yield Figure(f"live_{name}_warm", warm, "s", goal=goal / 2)
            yield Figure(f"live_{name}_edited", again, "s", goal=0.3)
        browser.close()


def visits(context: BrowserContext, address: str, code: str, *sign: str) -> tuple[float, ...]:
    """Return the seconds of a first run, of a first run in a second visit, and of the next one."""
    cold = seconds(opened(context, address), code, *sign)
    second = opened(context, address)  # in front only now: a page behind another one is slowed
    warm, again = seconds(second, code, *sign), seconds(second, f"{code}\n", *sign)
    context.close()
    return cold, warm, again


def opened(context: BrowserContext, address: str) -> Page:
    """Return the page with one cell alone, of which nothing is kept."""
    page = context.new_page()
    page.add_init_script("localStorage.clear()")
    page.goto(address)
    return page


def seconds(page: Page, code: str, element: str, text: str) -> float:
    """Return how long the first cell of a page takes to run some code."""
    cell = page.locator(".cell:has(.live-tools)").first
    cell.evaluate(
        "cell => { for (const fold of cell.querySelectorAll('details')) fold.open = true; }"
    )
    if not cell.locator("textarea").count():
        cell.get_by_role("button", name="Edit").click()
    cell.locator("textarea").fill(code)
    cell.evaluate("cell => cell.querySelector('.live')?.replaceChildren()")
    begun = time.perf_counter()
    cell.get_by_role("button", name="Run").click()
    # At every picture; a locator's own waiting looks twice a second only.
    page.wait_for_function(HAS_RUN, arg=[cell.element_handle(), element, text], polling="raf")
    return time.perf_counter() - begun
