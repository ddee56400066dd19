"""Write down the addresses of the built site: they stay, once they are published.

    python tools/address_list.py

Adds to ``tests/site/addresses.txt`` what is not there yet: every page, section, figure, table,
equation, exercise, claim and named cell. What stands there and is gone from the site, a test tells.
"""

import re
import sys
from pathlib import Path

from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"
STORED = ROOT / "tests" / "site" / "addresses.txt"
NAMED = (
    "section[id], section > span[id], figure[id], table[id], .math[id], "
    "[id^='exercise-'], [id^='cell-']"
)
COUNTED = re.compile(r"id\d+")  # Sphinx's own, which changes with what stands before it
WITHOUT_A_NAME = {"404.html", "search.html"}
PAGES_ONLY = re.compile("models/|reference/changes")  # their sections are made by a list


def found(site: Path) -> set[str]:
    """Return the addresses of a site, relative to its root."""
    addresses = set()
    for path in site.rglob("*.html"):
        page = path.relative_to(site).as_posix()
        if page in WITHOUT_A_NAME:
            continue
        addresses.add(page)
        main = BeautifulSoup(path.read_text("utf-8"), "html.parser").main
        for tag in main.select(NAMED) if main and not PAGES_ONLY.match(page) else []:
            if not COUNTED.fullmatch(str(tag["id"])):
                addresses.add(f"{page}#{tag['id']}")
    return addresses


def stored() -> set[str]:
    """Return the addresses that were written down."""
    return set(STORED.read_text("utf-8").split())


def main() -> int:
    """Add the new addresses, and say how many."""
    if not (SITE / "index.html").exists():
        print("the site is not built: make book", file=sys.stderr)
        return 2
    before, now = stored(), found(SITE)
    STORED.write_text("\n".join(sorted(before | now)) + "\n", "utf-8")
    print(f"{len(now - before)} new addresses, {len(before | now)} in all")
    for address in sorted(before - now):
        print(f"gone: {address}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
