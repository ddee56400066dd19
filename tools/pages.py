"""The pages of the built site, for the tools that make one book of them."""

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType
from urllib.parse import urljoin, urlsplit

import yaml

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"


def extension(name: str) -> ModuleType:
    """Return a module of those that make the site."""
    if (folder := str(ROOT / "book" / "_ext")) not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def contents() -> list[tuple[str, list[str]]]:
    """Return the parts of the book, each with the addresses of its pages."""
    address = extension("addresses").address
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    parts = [("", [address(toc["root"])])]
    for part in toc["parts"]:
        parts.append((part["caption"], [address(page["file"]) for page in part["chapters"]]))
    return parts


def citation() -> dict:
    """Return what names the book: title, authors, version."""
    return yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))


def article(site: Path, page: str) -> str:
    """Return the text of a page, without what stands around it on the site."""
    text = (site / f"{page}.html").read_text("utf-8")
    return text[text.index("<article") : text.index("</article>") + len("</article>")]


def destination(page: str, link: str, pages: set[str], base: str) -> tuple[str, str]:
    """Return where a link of a page leads from the book.

    Parameters
    ----------
    page : str
        Address of the page without its suffix, as ``parameters/01``.
    link : str
        The link as the site has it.
    pages : set of str
        Addresses of the pages that the book holds.
    base : str
        Address of the site, or nothing if it is not known.

    Returns
    -------
    (str, str)
        A page of the book and a name on it; or nothing and a whole address, which is empty where
        the link leads to a part of the site that the book leaves out and ``base`` is not known.

    Examples
    --------
    >>> destination("a/01", "02.html#u", {"a/01", "a/02"}, "")
    ('a/02', 'u')
    >>> destination("a/01", "../b.html", {"a/01"}, "https://x.y/")
    ('', 'https://x.y/b.html')
    """
    if re.match(r"https?:|mailto:", link):
        return "", link
    parts = urlsplit(urljoin(f"{page}.html", link))
    other = parts.path.removesuffix(".html")
    if other in pages:
        # the setting of a calculator is no name on its page
        return other, "" if "=" in parts.fragment else parts.fragment
    return "", base + parts.geturl() if base else ""
