"""What a page looks like when its address is sent to somebody: a title, a sentence, a picture.

The picture is drawn here, one for each page. Its address is complete where ``html_baseurl`` says
where the site will stand, and relative otherwise; some services want the complete one.
"""

import re
import textwrap
from html import unescape
from pathlib import Path

from addresses import address
from sphinx.application import Sphinx

FOLDER = "_cards"
WIDTH, HEIGHT, DOTS_PER_INCH = 1200, 630, 100
GROUND, INK, MUTED, ACCENT = "#fffefb", "#22252b", "#5c616b", "#ab4e05"
DESCRIPTION = re.compile(r'<meta content="([^"]*)" name="description"')


def draw(path: Path, title: str, number: str, book: str) -> None:
    """Draw the card of a page, unless the file shows these words already.

    Parameters
    ----------
    path : Path
        The PNG file.
    title, number, book : str
        Title of the page, number of the chapter if it has one, title of the book.
    """
    words = f"{number} {title} {book}"
    if path.exists() and words.encode("latin-1", "replace") in path.read_bytes():
        return
    from matplotlib.figure import Figure  # loaded only where a card is drawn
    from matplotlib.patches import Rectangle

    size = WIDTH / DOTS_PER_INCH, HEIGHT / DOTS_PER_INCH
    figure = Figure(figsize=size, dpi=DOTS_PER_INCH, facecolor=GROUND)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    axes.set_axis_off()
    serif = {"family": "DejaVu Serif", "color": INK, "va": "top"}
    if number:
        axes.text(80, 60, number, fontsize=72, **(serif | {"color": ACCENT}))
    lines = textwrap.fill(title, 26)
    axes.text(80, 210 if number else 90, lines, fontsize=44, linespacing=1.25, **serif)
    axes.add_patch(Rectangle((0, HEIGHT - 14), WIDTH, 14, color=ACCENT, linewidth=0))
    axes.text(80, HEIGHT - 90, book, fontsize=22, family="DejaVu Sans", color=MUTED, va="top")
    for step, side in enumerate((3.28, 11.1, 118)):  # areas as 0.135, 1.56, and 174.6 billion
        corner = (WIDTH - 290 + step * 52, HEIGHT - 60 - side)
        axes.add_patch(Rectangle(corner, side, side, color=ACCENT, linewidth=0))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Title": words, "Software": None})


def page_context(app: Sphinx, pagename: str, template: str, context: dict, doctree) -> None:
    """Draw the card of a page and give the template its words."""
    if doctree is None:
        return
    title = unescape(re.sub("<[^>]*>", "", context.get("title", "")))
    title = re.sub(r"^\d+\s", "", title)
    named = re.search(r"/(\d+)$", address(pagename))
    number = str(int(named[1])) if named else ""
    name = f"{FOLDER}/{address(pagename).replace('/', '-')}.png"
    draw(Path(app.outdir, name), title, number, app.config.project)
    base = app.config.html_baseurl
    here = app.builder.get_target_uri(pagename)
    context["card"] = {
        "title": title,
        "description": unescape(m[1]) if (m := DESCRIPTION.search(context["metatags"])) else "",
        "image": f"{base.rstrip('/')}/{name}" if base else "../" * here.count("/") + name,
        "width": WIDTH,
        "height": HEIGHT,
    }


def setup(app: Sphinx) -> dict:
    """Add a card to every page."""
    app.connect("html-page-context", page_context)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
