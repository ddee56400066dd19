"""Lecture slides, a deck for each part, and the figures as files: made of the written chapters.

Nothing of a slide is written by hand. Headline and take-away are the sentences of a figure's
caption; questions, claims and the last slide of a chapter are those of its page. A deck is one file
that needs nothing else. The figures come as SVG and PNG, named by number, with a list of captions.
They are made where the book has the page that tells of them.
"""

import csv
import io
import re
import zipfile
from base64 import b64encode
from html import escape
from pathlib import Path

import jinja2
import yaml
from addresses import NUMBERED, BookBuilder, address
from bs4 import BeautifulSoup
from lecture import Chapter, Figure, read_chapter, size
from paramlab.colors import LIGHT
from sphinx.application import Sphinx
from words import _, resolved

PAGE = "book/teaching/slides"  # of the site, with a place for the lists
PLACE = re.compile(r'(<div id="made-(\w+)">).*?(</div><!-- made -->)', re.DOTALL)
FOLDER = "slides"
ZIP = "figures.zip"
PNG_WIDTH = 1920
PIXELS = 4 / 3  # to a point
FONTS = '"Avenir Next", "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif'
FACES = ("", "-Bold", "-Oblique")
FACE = re.compile(r'url\("(fonts/[\w-]+\.woff2)"\)')


def as_file(figure: Figure) -> str:
    """Return a figure as an SVG file on a white ground."""
    width, height = size(figure.drawing)
    inside = figure.drawing[figure.drawing.index(">") + 1 :]
    inside = re.sub(r"var\(--fig-(\w+)\)", lambda match: LIGHT[match[1]], inside)
    plain = re.sub(r"\s+", " ", BeautifulSoup(figure.caption, "html.parser").get_text())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'role="img" viewBox="0 0 {width:g} {height:g}" width="{width * PIXELS:.0f}" '
        f'height="{height * PIXELS:.0f}">'
        f"<title>{_('Figure {number}').format(number=figure.number)}. {escape(plain)}</title>"
        f"<desc>{escape(figure.alt)}</desc>"
        f"<style>* {{ stroke-linejoin: round; stroke-linecap: butt; }} "
        f"text {{ font-family: {FONTS}; fill: {LIGHT['ink']}; }}</style>"
        f'<rect width="{width:g}" height="{height:g}" fill="{LIGHT["ground"]}"/>{inside}\n'
    )


def as_png(svg: str) -> bytes:
    """Draw an SVG file, 1,920 pixels wide, with the fonts that Matplotlib brings."""
    import matplotlib  # loaded only where figures are drawn
    import resvg_py

    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg, width=PNG_WIDTH, skip_system_fonts=True,
            font_files=[str(fonts / f"DejaVuSans{face}.ttf") for face in FACES],
            sans_serif_family="DejaVu Sans",
        )
    )  # fmt: skip


def deck(
    number: int, title: str, chapters: list[Chapter], srcdir: Path, book: str, language: str
) -> str:
    """Return the slides of a part as a page that needs nothing else."""
    static, theme = srcdir / "book" / "_static", srcdir / "book" / "_theme"
    style = (static / "book.css").read_text("utf-8")
    style = style[style.index("@font-face") : style.index("/* Page */")]
    style = FACE.sub(lambda face: f'url("{_as_data(static / face[1])}")', style)
    for chapter in chapters:
        for figure in chapter.figures:
            figure.drawing = _own_identifiers(figure.drawing, f"c{chapter.number}-")
    template = jinja2.Template((theme / "slides.html").read_text("utf-8"), trim_blocks=True)
    return template.render(
        number=number, title=escape(title), chapters=chapters, book=escape(book),
        style=style + (theme / "slides.css").read_text("utf-8"),
        script=resolved((theme / "slides.js").read_text("utf-8")), language=language, _=_,
    )  # fmt: skip


def _as_data(face: Path) -> str:
    return f"data:font/woff2;base64,{b64encode(face.read_bytes()).decode()}"


def _own_identifiers(drawing: str, prefix: str) -> str:
    return re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{prefix}", drawing)


def deck_links(parts: list[tuple[str, list[Chapter]]]) -> str:
    """Return the links to the decks as HTML."""
    lines = ["<ul>"]
    for number, (title, chapters) in enumerate(parts, 1):
        first, last = chapters[0].number, chapters[-1].number
        which = _("chapters {first} to {last}") if first < last else _("chapter {first}")
        part = _("Part {number}: {title}").format(number=number, title=escape(title))
        lines.append(
            f'<li><a href="../{FOLDER}/part-{number}.html">{part}</a>, '
            f"{which.format(first=first, last=last)}</li>"
        )
    return "\n".join([*lines, "</ul>"])


def figure_links(parts: list[tuple[str, list[Chapter]]]) -> str:
    """Return the links to the figures as HTML, each with its caption and what it shows in words."""
    lines = []
    for chapter in (chapter for _title, chapters in parts for chapter in chapters):
        lines.append(f"<h3>{chapter.number}. {chapter.title}</h3>\n<ul>")
        for figure in chapter.figures:
            name = _("Figure {number}").format(number=figure.number)
            label = _("Figure {number} as {kind}")
            links = ", ".join(
                f'<a href="../{FOLDER}/figure-{figure.number}.{kind}" aria-label='
                f'"{label.format(number=figure.number, kind=kind.upper())}">{kind.upper()}</a>'
                for kind in ("svg", "png")
            )
            lines.append(
                f"<li><strong>{name}</strong> ({links}). {figure.caption}"
                f"<br><em>{_('In words:')}</em> {escape(figure.alt)}</li>"
            )
        lines.append("</ul>")
    return "\n".join(lines)


def captions(parts: list[tuple[str, list[Chapter]]]) -> str:
    """Return number, file, caption and words of all figures as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("figure", "chapter", "caption", "in words"))
    for _title, chapters in parts:
        for chapter in chapters:
            title = BeautifulSoup(chapter.title, "html.parser").get_text()
            for figure in chapter.figures:
                caption = BeautifulSoup(figure.caption, "html.parser").get_text()
                words = (" ".join(part.split()) for part in (title, caption, figure.alt))
                writer.writerow((figure.number, *words))
    return text.getvalue()


def pages_of(app: Sphinx) -> list[tuple[str, list[Path]]]:
    """Return the parts of the book that have numbered chapters, with the pages of these."""
    contents = yaml.safe_load(Path(app.srcdir, "_toc.yml").read_text("utf-8"))
    parts = []
    for part in contents["parts"]:
        names = [entry["file"] for entry in part["chapters"] if NUMBERED.fullmatch(entry["file"])]
        if names:
            pages = [Path(app.outdir, f"{address(name)}.html") for name in names]
            parts.append((_(part["caption"]), pages))
    return parts


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write decks and figures, and the lists of the page that tells of them, if a page is newer."""
    if exception or not isinstance(app.builder, BookBuilder) or PAGE not in app.env.found_docs:
        return
    folder, own = Path(app.outdir, FOLDER), Path(app.builder.get_outfilename(PAGE))
    last, pages = folder / ZIP, pages_of(app)
    written = max(path.stat().st_mtime_ns for _, paths in pages for path in [own, *paths])
    if last.exists() and last.stat().st_mtime_ns > written:
        return
    parts = [
        (title, [read_chapter(path.read_text("utf-8")) for path in paths]) for title, paths in pages
    ]
    made = {"decks": deck_links(parts), "figures": figure_links(parts)}
    text = own.read_text("utf-8")
    own.write_text(PLACE.sub(lambda m: f"{m[1]}\n{made[m[2]]}\n{m[3]}", text), "utf-8")
    folder.mkdir(exist_ok=True)
    files = figure_files(parts, folder)
    for number, (title, chapters) in enumerate(parts, 1):
        slides = deck(
            number, title, chapters, Path(app.srcdir), app.config.project, app.config.language
        )
        files[f"part-{number}.html"] = slides.encode()
    for path in folder.iterdir():
        if path.name not in files:
            path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    last.write_bytes(zipped({name: files[name] for name in files if not name.endswith(".html")}))


def figure_files(parts: list[tuple[str, list[Chapter]]], folder: Path) -> dict[str, bytes]:
    """Return the files of the figures by name; what is in the folder is not drawn again."""
    files = {"captions.csv": captions(parts).encode()}
    for figure in (
        f for _title, chapters in parts for chapter in chapters for f in chapter.figures
    ):
        name, svg = f"figure-{figure.number}", as_file(figure).encode()
        drawn, picture = folder / f"{name}.svg", folder / f"{name}.png"
        same = drawn.exists() and picture.exists() and drawn.read_bytes() == svg
        files[drawn.name] = svg
        files[picture.name] = picture.read_bytes() if same else as_png(svg.decode())
    return files


def zipped(files: dict[str, bytes]) -> bytes:
    """Return an archive of files; the same files give the same archive."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as together:
        for name, content in files.items():
            together.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def setup(app: Sphinx) -> dict:
    """Make slides and figures when all pages are written."""
    app.connect("build-finished", write, priority=800)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
