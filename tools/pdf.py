"""Print the built site as one PDF: tagged, with an outline, page numbers and living links.

    python tools/pdf.py [FILE]

Every page of the table of contents, in its order, becomes a chapter of one long page, which
Chromium prints on A4. What folds is unfolded: code, the evidence, the solutions, and the replies
of a quiz, each below its choice. The pages of single models are left out; their links lead to the
site where its address is known (``SITE_URL``), and are plain words where it is not.
"""

import html
import os
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import urljoin

import pages
from pages import ROOT, SITE
from playwright.sync_api import sync_playwright

PDF = ROOT / "_build" / "what-175-billion-means.pdf"
SCALE = 0.75  # at which an A4 page is as wide as a page with figures for wide screens
REFERRING = re.compile(r'( (?:id|for|aria-labelledby|aria-describedby)="| xlink:href="#|url\(#)')
LINK = re.compile(r'<a ([^>]*?)href="([^"]*)"')
SOURCE = re.compile(r'(<img [^>]*?src=")([^":]+)"')
ECHO = re.compile(rb"(/Title (?:\(|<FEFF))([^\n]+?)\2([)>])(?=\n)")
STYLE = """
@page { size: A4; }
:root { --ground: #fff; }
body { font-size: 1.1875rem; }
main { display: block; }
article, .contents { break-before: page; }
h1, h2, h3, h4, summary, caption { break-after: avoid; }
h1 { font-size: 2rem; }
h2 { margin-top: 2.2rem; }
tr, svg, .guess, li { break-inside: avoid; }
.cell, table, .claim { break-inside: auto; }
summary::before, .copy, .here-contents { display: none; }
summary { list-style: none; font-weight: 600; }
.hidden-code > summary, .evidence > summary { font-weight: 400; }
.scroll, pre { overflow: visible; }
.cell .cell_output pre, .cell .scroll, .scroll { background: none; }
.cell .cell_input pre { background: var(--raised); }
pre, .cell_input pre { white-space: pre-wrap; overflow-wrap: anywhere; }
table { width: 100%; }
td, th { overflow-wrap: anywhere; }
th:first-child, .docutils td:first-child { position: static; }
.cover { height: 1150px; display: flex; flex-direction: column; justify-content: center; }
.cover svg, .cover img { width: 100%; margin: 2rem 0; }
.contents ol { list-style: none; padding: 0; }
.contents li { margin: 0.2rem 0; }
"""


def article(site: Path, page: str, printed: set[str], base: str = "") -> str:
    """Return the text of a page as a part of the whole: its names and links are the whole's.

    The arguments are those of :func:`pages.destination`, whose ``pages`` are ``printed`` here.
    """
    text = pages.article(site, page)
    key = page.replace("/", "-")
    text = re.sub(r"<details\b([^>]*)>", lambda m: f"<details{_shut(m[1])} open>", text)
    text = re.sub('(<span class="section-number">[^<]*?) (?=</span>)', r"\1&#160;", text)
    text = REFERRING.sub(rf"\g<1>{key}--", text)

    def link(match: re.Match) -> str:
        before, target = match.groups()
        other, rest = pages.destination(page, html.unescape(target), printed, base)
        if other:
            rest = "#" + other.replace("/", "-") + (f"--{rest}" if rest else "")
        return f'<a {before}href="{html.escape(rest)}"' if rest else f"<a {before}"

    text = LINK.sub(link, text)
    text = SOURCE.sub(lambda m: f'{m[1]}../html/{urljoin(page, m[2])}"', text)
    return text.replace("<article", f'<article id="{key}"', 1)


def _shut(attributes: str) -> str:
    """Leave out what opens a fold, and what lets one of a group be open at a time."""
    return re.sub(r' name="[^"]*"| open(?:="[^"]*")?(?=\s|$)', "", attributes)


def whole(site: Path) -> str:
    """Return the book as one page: a cover, the contents, and every article."""
    parts = pages.contents()
    printed = [page for _, names in parts for page in names]
    articles = {
        page: article(site, page, set(printed), os.environ.get("SITE_URL", "")) for page in printed
    }
    citation = pages.citation()
    lines = []
    for caption, names in parts:
        lines.append(f"<p><strong>{html.escape(caption)}</strong></p>" if caption else "")
        lines.append("<ol>")
        for page in names:
            title = re.search(r"<h1>(.*?)</h1>", articles[page], re.S)
            words = re.sub("<[^>]*>", "", title[1]) if title else page
            lines.append(f'<li><a href="#{page.replace("/", "-")}">{words}</a></li>')
        lines.append("</ol>")
    return f"""<!DOCTYPE html>
<html lang="en" data-theme="light">
<head><meta charset="utf-8"><title>{html.escape(citation["title"])}</title>
<link rel="stylesheet" href="../html/_static/book.css"><style>{STYLE}</style></head>
<body><main>
<section class="cover"><h1>{html.escape(citation["title"])}</h1>
<p>{html.escape(citation["abstract"])}</p>
<img src="../html/_static/to-scale.svg"
alt="Three models drawn as squares whose areas are their parameter counts">
<p>{html.escape(citation["authors"][0]["name"])}. Version {citation["version"]}.
Text CC BY 4.0, code MIT.</p>
<p>This is the site, printed: its code is shown, and what folds is unfolded, the replies of a quiz
below its choices. The pages of single models are on the site only.</p></section>
<nav class="contents"><h1>Contents</h1>{"".join(lines)}</nav>
{"".join(articles.values())}
</main></body></html>
"""


def without_echoes(content: bytes) -> bytes:
    r"""Say each heading once in the outline of a PDF, whose length stays.

    Chromium names a heading twice in one entry if it begins a page.

    Examples
    --------
    >>> without_echoes(b"/Title (QuizQuiz)\n/Title (Quiz)")
    b'/Title (Quiz)    \n/Title (Quiz)'
    """
    return ECHO.sub(lambda m: (m[1] + m[2] + m[3]).ljust(len(m[0])), content)


def print_pdf(page: Path, target: Path) -> None:
    """Let Chromium print a page as a tagged PDF with an outline."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
    number = (
        '<p style="width: 100%; text-align: center; font: 8px sans-serif; color: #5c616b">'
        '<span class="pageNumber"></span></p>'
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        tab = browser.new_page(color_scheme="light")
        tab.goto(page.as_uri(), wait_until="load")
        tab.pdf(
            path=target,
            format="A4",
            scale=SCALE,
            print_background=True,
            tagged=True,
            outline=True,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=number,
            margin={"top": "18mm", "bottom": "20mm", "left": "16mm", "right": "16mm"},
        )
        browser.close()


def main(arguments: list[str]) -> int:
    """Print the site, and say where the PDF is."""
    if not (SITE / "index.html").exists():
        print("the site is not built: make book", file=sys.stderr)
        return 2
    target = Path(arguments[0]) if arguments else PDF
    page = ROOT / "_build" / "pdf" / "book.html"
    page.parent.mkdir(exist_ok=True)
    page.write_text(whole(SITE), "utf-8")
    print_pdf(page, target)
    target.write_bytes(without_echoes(target.read_bytes()))
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
