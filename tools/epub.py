"""Make an EPUB 3 of the built site: text that flows, figures as drawings, no script.

    python tools/epub.py [FILE]

Every page of the table of contents becomes a file, in its order. What folds is unfolded, as in the
PDF; of a form stays what is set in it. A figure is drawn as on a phone, on a ground of its own, so
that no choice of colors by a reader hides a line. The same site gives the same file.
"""

import html
import os
import re
import sys
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pages
from bs4 import BeautifulSoup, Comment
from pages import ROOT, SITE
from paramlab.colors import LIGHT

Tag = Any  # of a bs4.Tag mypy holds that any part may be missing
EPUB = ROOT / "_build" / "what-175-billion-means.epub"
WIDE_FIGURE = re.compile(r'<svg class="figure wide".*?</svg>', re.S)
SPAN = re.compile("</?span[^>]*>")
COLOR = re.compile(r"var\(--fig-(\w+)\)")
LETTERS = re.compile(r"font-size: ([\d.]+)px")
SMALLER = 0.86  # at which no label of a figure meets another, in DejaVu Sans, the widest usual face
CASED = {"viewbox": "viewBox", "clippath": "clipPath"}  # what a parser of HTML writes small
ON_SITE_ONLY = (
    "script, button, .headerlink, .meter, .unseen, [hidden], .component:has(> ledger-verdicts)"
)
NAMESPACES = 'xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"'
MOMENT = (1980, 1, 1, 0, 0, 0)  # the oldest that an archive can say
COLORS = ("weight", "bias", "embedding", "norm", "position", "activity", "alarm")  # as book.css has
STYLE = """\
h1, h2, h3, h4, caption, .fold, .admonition-title { page-break-after: avoid; break-after: avoid; }
h1, h2, h3, h4, .part { text-align: left; hyphens: none; }
h1 { margin: 1em 0 0.6em; }
h2 { margin: 2em 0 0.6em; }
pre, code { font-family: monospace; hyphens: none; overflow-wrap: anywhere; }
pre { font-size: 0.8em; line-height: 1.4; text-align: left; white-space: pre-wrap; }
.cell_input pre { border-left: 2px solid #888; padding-left: 0.8em; }
table { border-collapse: collapse; margin: 1em 0; font-size: 0.8em; line-height: 1.35; }
th, td { padding: 0.25em 0.8em 0.25em 0; text-align: left; vertical-align: top; hyphens: none; }
thead th, thead td { border-bottom: 1px solid #888; vertical-align: bottom; }
td p, th p { margin: 0; }
.text-right { text-align: right; }
.wide { font-size: 0.7em; }
tbody th { font-weight: normal; }
caption { text-align: left; font-weight: bold; padding-bottom: 0.4em; }
figure { margin: 1.5em 0; }
figcaption p { margin: 0.5em 0 0; font-size: 0.9em; }
svg.figure { width: 100%; max-width: 27em; height: auto; }
svg.figure text { font-family: sans-serif; }
svg.figure * { stroke-linejoin: round; }
.admonition, .claim { border-left: 4px solid #888; margin: 1.5em 0; padding-left: 1em; }
.admonition-title, .fold, .caption-number, .label { font-weight: bold; }
.hidden-code > .fold, .sources > .fold { font-weight: normal; font-style: italic; }
.hidden-code > .fold, .sources { font-size: 0.85em; margin-bottom: 0; }
.quiz .fold { font-weight: normal; }
.quiz .fold ~ p, .settings, dd { margin-left: 1.2em; }
.settings p { margin: 0.2em 0; }
dt { font-style: italic; }
.specimen > p:first-child { font-size: 2em; margin-bottom: 0; }
.legend ul { list-style: none; padding: 0; }
.legend li { border-left: 2px solid #888; }
.legend p { margin: 0.3em 0; padding-left: 0.6em; border-left: 1em solid; }
.nobr { white-space: nowrap; }
.cover { text-align: center; margin: 0; }
.cover img { max-width: 100%; max-height: 98vh; }
nav ol { list-style: none; padding-left: 1.2em; }
@media (max-width: 30em) {
  table { font-size: 0.75em; }
  th, td { padding-right: 0.5em; }
  table.docutils { font-size: 0.65em; }
  table.docutils td { overflow-wrap: anywhere; }
  .wide, .wide caption, .wide tbody, .wide tr, .wide th { display: block; }
  .wide thead, .wide td:empty { display: none; }
  .wide tr { margin-top: 0.6em; }
  .wide th { font-weight: bold; padding: 0; }
  .wide td { display: inline-block; min-width: 28%; text-align: left; }
  .wide [data-label]::before { display: block; content: attr(data-label); font-style: italic; }
}
"""


def file_of(page: str) -> str:
    """Return the name of the file of a page.

    Examples
    --------
    >>> file_of("parameters/01")
    'parameters-01.xhtml'
    """
    return page.replace("/", "-") + ".xhtml"


def chapter(site: Path, page: str, held: set[str], base: str = "") -> Tag:
    """Return the text of a page as a reader of books can show it.

    The arguments are those of :func:`pages.destination`, whose ``pages`` are ``held`` here.
    """
    text = WIDE_FIGURE.sub("", pages.article(site, page))
    text = re.sub("<pre>.*?</pre>", lambda m: SPAN.sub("", m[0]), text, flags=re.S)
    text = COLOR.sub(lambda m: LIGHT[m[1]], text)
    text = LETTERS.sub(lambda m: f"font-size: {float(m[1]) * SMALLER:.4g}px", text)
    article: Tag = BeautifulSoup(text, "html.parser").article
    if answer := article.select_one("reader-guess [hidden] a"):
        article.find("reader-guess").append(answer.extract())
    for comment in article(string=lambda words: isinstance(words, Comment)):
        comment.extract()
    for tag in article.select(ON_SITE_ONLY):
        tag.decompose()
    for form in article("form"):
        _settings(form)
    for tag in article.select("[data-component]"):
        tag.name = "div"
    for svg in article("svg"):
        _drawing(svg)
    for table in article.select("table:has([rowspan])"):
        _labels(table)
    for fold in article("details"):
        title = fold.summary
        fold.name, title.name, title["class"] = "div", "p", "fold"
        for name in ("name", "open"):
            del fold[name]
    for link in article("a", href=True):
        other, rest = pages.destination(page, link["href"], held, base)
        if other:
            link["href"] = file_of(other) + (f"#{rest}" if rest else "")
        elif rest:
            link["href"] = rest
        else:
            link.unwrap()
    for tag in article(True):
        tag.attrs = {
            CASED.get(name, name): value
            for name, value in tag.attrs.items()
            if (name == "data-label" or not name.startswith("data-"))
            and (name != "style" or tag.find_parent("svg"))
        }
        if tag.name == "math":
            tag["xmlns"] = "http://www.w3.org/1998/Math/MathML"
        if tag.name == "span" and not set(tag.attrs) - {"class"}:
            if not {"nobr", "label", "caption-number"} & set(tag.get("class", ())):
                tag.unwrap()
    return article


def _settings(form: Tag) -> None:
    """Put in the place of a form what it asks for a guess, or what is set in it."""
    asks = form.parent.name == "reader-guess"
    for tag in form("p"):
        tag.decompose()
    for field in form(["input", "select"]):
        label, kind = field.find_parent("label"), field.get("type", "menu")
        if kind in ("radio", "checkbox"):
            said = "○" if asks else "✓" if field.has_attr("checked") else ""
        elif kind == "menu":
            said = field.find("option", selected=True).get_text()
        else:
            said = "…" if asks else field.get("aria-valuetext" if kind == "range" else "value")
        if not said:
            (label or field).decompose()
        elif not label:
            field.replace_with(f"{said}, " if field.find_next_sibling("input") else said)
        elif kind in ("radio", "checkbox"):
            field.replace_with(said)
        else:
            label.string = f"{label.contents[0].strip()}: {said}"
    for label in form("label"):
        label.name = "p"
    for group in form("fieldset"):
        group.name, group.legend.name = "div", "p"
        if group.get_text().strip() == group.p.get_text().strip():
            group.decompose()
    form.name, form.attrs = "div", {"class": "settings"}


def _labels(table: Tag) -> None:
    """Give the cells of a table whose rows have notes their heads, as other wide tables have."""
    table["class"] = [*table.get("class", []), "wide"]
    heads = [head.get_text() for head in table.thead("th")[1:]]
    for row in table.select("tr:has(> [rowspan])"):
        for cell, head in zip(row("td"), heads, strict=True):
            cell["data-label"] = head


def _drawing(svg: Tag) -> None:
    """Give a drawing its namespaces and a ground of its own."""
    width, height = svg["viewbox"].split()[2:]
    svg["xmlns"] = "http://www.w3.org/2000/svg"
    svg["xmlns:xlink"] = "http://www.w3.org/1999/xlink"
    ground = {"width": width, "height": height, "fill": LIGHT["ground"]}
    svg.insert(0, BeautifulSoup().new_tag("rect", attrs=ground))
    for empty in svg("path", d=False):
        empty["d"] = "M 0 0"
    for tag in svg(True):
        tag.name = CASED.get(tag.name, tag.name)
    for words in svg("text"):
        words["fill"] = LIGHT["ink"]


def xhtml(title: str, body: str) -> str:
    """Return a file of the book."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n'
        f'<html {NAMESPACES} lang="en" xml:lang="en">\n<head><title>{html.escape(title)}</title>'
        f'<link rel="stylesheet" type="text/css" href="book.css"/></head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def book(site: Path, base: str = "") -> dict[str, str | bytes]:
    """Return the files of the EPUB by their names, in the order in which they are read."""
    parts, about = pages.contents(), pages.citation()
    held = {page for _, names in parts for page in names}
    chapters = {page: chapter(site, page, held, base) for page in held}
    files: dict[str, str | bytes] = {
        "book.css": STYLE + "".join(
            f".legend li:nth-child({i}) p {{ border-color: {LIGHT[name]}; }}\n"
            for i, name in enumerate(COLORS, 1)
        ),
        "cover.png": _cover(site, about),
        "cover.xhtml": xhtml(about["title"], _front(about)),
        "contents.xhtml": xhtml("Contents", _navigation(parts, chapters)),
    }  # fmt: skip
    for _, names in parts:
        for page in names:
            files[file_of(page)] = xhtml(_words(chapters[page].h1), str(chapters[page]))
    return {"book.opf": _package(about, files), **files}


def _words(heading: Tag) -> str:
    return re.sub(r"\s+", " ", heading.get_text()).strip()


def _cover(site: Path, about: dict) -> bytes:
    """Draw the cover: the title, and three models to one scale."""
    picture = (site / "_static" / "to-scale.svg").read_text("utf-8")
    picture = picture[picture.index("<svg") :].replace("<svg ", '<svg x="70" y="760" ', 1)
    picture = re.sub('width="[^"]*" height="[^"]*"', 'width="1060" height="551"', picture, count=1)
    author = about["authors"][0]["name"]
    lines = (("What", 200, 96), ("175 Billion", 370, 150), ("Means", 510, 96))
    title = "".join(
        f'<text x="600" y="{y}" font-size="{size}" font-weight="bold">{words}</text>'
        for words, y, size in lines
    )
    return pages.extension("slides").as_png(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 1800" text-anchor="middle" '
        f'font-family="sans-serif" fill="{LIGHT["ink"]}"><rect width="1200" height="1800" '
        f'fill="{LIGHT["ground"]}"/>{title}{picture}<text x="600" y="1660" font-size="36">'
        f"{html.escape(author)}</text></svg>"
    )


def _front(about: dict) -> str:
    return f"""<div class="cover"><img src="cover.png" alt="{html.escape(about["title"])}. \
Three models drawn as squares whose areas are their parameter counts"/></div>
<p>{html.escape(about["abstract"])}</p>
<p>{html.escape(about["authors"][0]["name"])}. Version {about["version"]}.
Text CC BY 4.0, code MIT.</p>
<p>This is the site as a book: its code is shown, and what folds is unfolded, the replies of a quiz
below its choices. Its calculators show their first answer. The pages of single models are on the
site only.</p>"""


def _navigation(parts: list[tuple[str, list[str]]], chapters: dict[str, Tag]) -> str:
    """Return the table of contents: parts, pages, and their sections."""
    lines = ['<nav epub:type="toc" id="toc"><h1>Contents</h1><ol>']
    for caption, names in parts:
        lines.append(f"<li><span>{html.escape(caption)}</span><ol>" if caption else "")
        for page in names:
            link = f'<a href="{file_of(page)}">{html.escape(_words(chapters[page].h1))}</a>'
            inner = "".join(
                f'<li><a href="{file_of(page)}#{h2.find_parent("section")["id"]}">'
                f"{html.escape(_words(h2))}</a></li>"
                for h2 in chapters[page].select("section > h2")
            )
            lines.append(f"<li>{link}<ol>{inner}</ol></li>" if inner else f"<li>{link}</li>")
        lines.append("</ol></li>" if caption else "")
    lines.append("</ol></nav>")
    return "\n".join(filter(None, lines))


def _package(about: dict, files: dict[str, str | bytes]) -> str:
    """Return what the book is, what it holds, and in which order it is read."""
    name = uuid.uuid5(uuid.NAMESPACE_URL, about["title"])
    kinds = {"css": "text/css", "png": "image/png", "xhtml": "application/xhtml+xml"}
    manifest, spine = [], []
    for i, (path, content) in enumerate(files.items()):
        properties = {"contents.xhtml": ["nav"], "cover.png": ["cover-image"]}.get(path, [])
        if isinstance(content, str):
            properties += [
                kind for tag, kind in (("<svg", "svg"), ("<math", "mathml")) if tag in content
            ]
        said = f' properties="{" ".join(properties)}"' if properties else ""
        kind = kinds[path.rpartition(".")[2]]
        manifest.append(f'<item id="i{i}" href="{path}" media-type="{kind}"{said}/>')
        if path.endswith(".xhtml"):
            spine.append(f'<itemref idref="i{i}"/>')
    subjects = "".join(f"<dc:subject>{word}</dc:subject>\n" for word in about["keywords"])
    features = "".join(
        f'<meta property="schema:accessibilityFeature">{feature}</meta>\n'
        for feature in ("alternativeText", "MathML", "structuralNavigation", "tableOfContents")
    )
    return f"""<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="name" xml:lang="en">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="name">urn:uuid:{name}</dc:identifier>
<dc:title>{html.escape(about["title"])}</dc:title>
<dc:creator>{html.escape(about["authors"][0]["name"])}</dc:creator>
<dc:language>en</dc:language>
<dc:date>{about["date-released"]}</dc:date>
<dc:description>{html.escape(about["abstract"])}</dc:description>
{subjects}<dc:rights>Text CC BY 4.0, code MIT</dc:rights>
<meta property="dcterms:modified">{about["date-released"]}T00:00:00Z</meta>
<meta property="schema:accessMode">textual</meta>
<meta property="schema:accessMode">visual</meta>
<meta property="schema:accessModeSufficient">textual</meta>
{features}<meta property="schema:accessibilityHazard">none</meta>
<meta property="schema:accessibilitySummary">Every figure has a text that says what it shows;
formulas are MathML.</meta>
</metadata>
<manifest>
{chr(10).join(manifest)}
</manifest>
<spine>
{chr(10).join(spine)}
</spine>
</package>
"""


def write(files: dict[str, str | bytes], target: Path) -> None:
    """Write an EPUB: an archive that says first, and uncompressed, what it is."""
    container = (
        '<?xml version="1.0"?>\n<container version="1.0" '
        'xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile '
        'full-path="book/book.opf" media-type="application/oebps-package+xml"/>'
        "</rootfiles></container>\n"
    )
    entries: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": container,
    }
    entries |= {f"book/{path}": content for path, content in files.items()}
    with zipfile.ZipFile(target, "w") as archive:
        for path, content in entries.items():
            entry = zipfile.ZipInfo(path, MOMENT)
            entry.compress_type = zipfile.ZIP_STORED if path == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)


def main(arguments: list[str]) -> int:
    """Write the EPUB, and say where it is."""
    if not (SITE / "index.html").exists():
        print("the site is not built: make book", file=sys.stderr)
        return 2
    target = Path(arguments[0]) if arguments else EPUB
    write(book(SITE, os.environ.get("SITE_URL", "")), target)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
