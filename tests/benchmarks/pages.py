"""What a reader waits for: the pages by Lighthouse, their first picture, and the answer to a touch.

Lighthouse imitates a phone of medium speed on a slow network. The first pictures are of this
machine, its server, and a browser with nothing stored. Interactions are timed by the browser, from
the event to the next picture, with the processor slowed to a quarter.
"""

import json
import os
import statistics
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import CHROMIUM, SITE, Figure, served
from playwright.sync_api import Browser, Page, sync_playwright

LIGHTHOUSE = Path(__file__).parent / "node_modules" / ".bin" / "lighthouse"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
OTHERS = ("index.html", "reference/ledger.html", "models/deepseek-v3.html")
REPEATS = 5
SLOWER = 4
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True}
NOTE = """
  globalThis.seen = { lcp: 0, cls: 0, events: [] };
  const note = (type, take, options) => new PerformanceObserver((list) =>
    list.getEntries().forEach(take)).observe({ type, buffered: true, ...options });
  note("largest-contentful-paint", (entry) => { seen.lcp = entry.startTime; });
  note("layout-shift", (entry) => { seen.cls += entry.hadRecentInput ? 0 : entry.value; });
  note("event", (entry) => { if (entry.interactionId) seen.events.push(entry.duration); },
    { durationThreshold: 16 });
"""
Action = Callable[[Page], None]


def pressed(selector: str) -> Action:
    """Return the action of pressing something."""
    return lambda page: page.locator(selector).first.click()


def typed(selector: str, key: str) -> Action:
    """Return the action of pressing a key in a field."""
    return lambda page: page.locator(selector).first.press(key)


# What is done on a page, by name; a fold is closed by the next press, a word grows by each.
CALCULATORS = "reference/calculators.html"
INTERACTIONS: dict[str, tuple[str, Action]] = {
    "theme": ("parameters/03.html", pressed(".theme")),
    "code": ("parameters/03.html", pressed(".code-switch")),
    "evidence": ("parameters/03.html", pressed(".evidence > summary")),
    "memory_find": (CALCULATORS, typed("memory-fit [name=find]", "a")),
    "memory_model": (CALCULATORS, typed("memory-fit [name=model]", "ArrowDown")),
    "memory_context": (CALCULATORS, typed("memory-fit [name=context]", "ArrowUp")),
    "context_model": (CALCULATORS, typed("context-cost [name=model]", "ArrowDown")),
    "context_length": (CALCULATORS, typed("context-cost [name=context]", "ArrowUp")),
    "count_model": (CALCULATORS, typed("parameter-count [name=model]", "ArrowDown")),
    "count_field": (CALCULATORS, typed("parameter-count [type=number]", "ArrowUp")),
    "ledger_word": ("reference/ledger.html", typed("ledger-verdicts [name=mention]", "a")),
    "ledger_verdict": ("reference/ledger.html", pressed("ledger-verdicts [name='verdict[]']")),
    "catalog_word": ("reference/models.html", typed(".filter [type=search]", "a")),
    "catalog_order": ("reference/models.html", pressed(".sortable thead th:nth-child(3) button")),
    "model_page": ("models/deepseek-v3.html", pressed(".theme")),
}


def measure() -> Iterator[Figure]:
    """Yield the figures of this module."""
    if not (SITE / "index.html").is_file():
        print("the pages were not measured: the site is not built")
        return
    chapters = [path for path in SITE.glob("*/[0-9][0-9].html") if path.parent.name != "slides"]
    pages = [*OTHERS, *sorted(path.relative_to(SITE).as_posix() for path in chapters)]
    with served() as site:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            yield from first_pictures(browser, site, pages)
            yield from interactions(browser, site)
            browser.close()
        yield from scores(site, pages)


def opened(browser: Browser, address: str, wait: int = 300) -> Page:
    """Open a page on a phone that has nothing stored, and let its observers report."""
    context = browser.new_context(**PHONE)
    context.add_init_script(NOTE)
    page = context.new_page()
    page.goto(address)
    page.wait_for_timeout(wait)
    return page


def first_pictures(browser: Browser, site: str, pages: list[str]) -> Iterator[Figure]:
    """Yield when the largest part of a page stands, and how far parts move, of the worst page."""
    slowest, moved = 0.0, 0.0
    for path in pages:
        found = []
        for _ in range(REPEATS):
            page = opened(browser, f"{site}/{path}")
            found.append(page.evaluate("[seen.lcp / 1000, seen.cls]"))
            page.context.close()
        seconds, shifts = zip(*found, strict=True)
        slowest, moved = max(slowest, statistics.median(seconds)), max(moved, *shifts)
    of = f"worst of {len(pages)} pages"
    yield Figure("page_lcp", slowest, f"s, {of}", goal=0.5)
    yield Figure("page_cls", moved, of, goal=0)


def interactions(browser: Browser, site: str) -> Iterator[Figure]:
    """Yield how long each interaction takes, from the event to the next picture."""
    for name, (path, act) in INTERACTIONS.items():
        page = opened(browser, f"{site}/{path}")
        session = page.context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        found = []
        for _ in range(REPEATS):
            page.evaluate("seen.events.length = 0")
            act(page)
            page.wait_for_timeout(500)
            found.append(page.evaluate("Math.max(0, ...seen.events)"))
        page.context.close()
        yield Figure(f"interaction_{name}", statistics.median(found), "ms", goal=100)


def scores(site: str, pages: list[str]) -> Iterator[Figure]:
    """Yield Lighthouse's scores of the worst page; below 100, the median of three runs counts."""
    if not LIGHTHOUSE.exists():
        print("no Lighthouse: npm install --ignore-scripts --prefix tests/benchmarks")
        return
    found: dict[str, list[float]] = {}
    for path in pages:
        runs = [lighthouse(f"{site}/{path}")]
        if min(runs[0]) < 100:
            runs += [lighthouse(f"{site}/{path}") for _ in range(2)]
        found[path] = [statistics.median(values) for values in zip(*runs, strict=True)]
    for i, category in enumerate(CATEGORIES):
        if below := [f"{path} {of[i]:.0f}" for path, of in found.items() if of[i] < 100]:
            print(f"{category} below 100: {', '.join(below)}")
        worst = min(of[i] for of in found.values())
        unit = f"of 100, worst of {len(pages)} pages"
        yield Figure(f"lighthouse_{category}", worst, unit, goal=100, at_least=True)


def lighthouse(address: str) -> list[float]:
    """Return the four scores of a page, as shown: whole numbers."""
    flags = "--headless --no-sandbox --disable-dev-shm-usage"
    command = [LIGHTHOUSE, address, "--quiet", "--output=json", f"--chrome-flags={flags}",
               f"--only-categories={','.join(CATEGORIES)}"]  # fmt: skip
    environment = os.environ | {"CHROME_PATH": CHROMIUM}
    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found = json.loads(run.stdout)["categories"]
    return [round(100 * (found[category]["score"] or 0)) for category in CATEGORIES]
