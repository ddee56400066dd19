"""The HTML builder of the book: short, final addresses, and nothing left over from earlier builds.

An address depends neither on a title nor on the words of a file name:
``book/index`` is ``/index.html`` and ``book/parameters/01-any-words`` is ``/parameters/01.html``.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.errors import ExtensionError

NUMBERED = re.compile(r"(?P<folder>.*/)?(?P<number>\d+)-[^/]+")


def address(docname: str) -> str:
    """Address of a page, without the suffix.

    Parameters
    ----------
    docname : str
        Path of the source below the root of the project, without its suffix.

    Examples
    --------
    >>> address("book/index")
    'index'
    >>> address("book/parameters/01-size-limit-or-permission")
    'parameters/01'
    >>> address("book/reference/notation")
    'reference/notation'
    """
    inner = docname.removeprefix("book/")
    numbered = NUMBERED.fullmatch(inner)
    return f"{numbered['folder'] or ''}{numbered['number']}" if numbered else inner


class BookBuilder(StandaloneHTMLBuilder):
    """Sphinx's HTML builder with the addresses of this book and its own assets only."""

    search = False  # book/_ext/search.py searches Chinese phrases too

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        """Address of a page relative to the site."""
        return super().get_target_uri(address(docname), typ)

    def get_outfilename(self, pagename: str) -> str:
        """File a page is written to."""
        return super().get_outfilename(address(pagename))

    def init_css_files(self) -> None:
        """Use the one style sheet of the book."""
        self._css_files = []
        self.add_css_file("book.css")

    def init_js_files(self) -> None:
        """Use the one script of the book."""
        self._js_files = []
        self.add_js_file("book.js", defer="defer")

    def create_pygments_style_file(self) -> None:
        """Write none: the style sheet colors code for light and dark pages."""

    def dump_inventory(self) -> None:
        """Write none: no other Sphinx project refers to this one."""


def check_addresses(app: Sphinx, env) -> None:
    """Refuse two pages with one address; the second would overwrite the first."""
    taken: dict[str, str] = {}
    for docname in sorted(env.found_docs):
        first = taken.setdefault(address(docname), docname)
        if first != docname:
            raise ExtensionError(f"{first} and {docname} share the address {address(docname)}")


def remove_leftovers(app: Sphinx, exception: Exception | None) -> None:
    """Delete what an earlier build wrote and this book no longer has."""
    if exception or not isinstance(app.builder, BookBuilder):
        return
    import models  # which imports this module

    outdir = Path(app.outdir)
    generated = [models.pagename(model.slug) for model in models.models(app)]
    names = [*app.env.found_docs, *generated, "search", "404"]
    pages = {Path(app.builder.get_outfilename(name)) for name in names}
    # myst-nb copies its own style sheet, which no page of ours links
    own = {
        path.name
        for entry in app.config.html_static_path
        for path in Path(app.confdir, entry).iterdir()
    } | {"search-index.js", "chapters.zip"}
    images = {names[1] for names in app.env.images.values()}
    drawings = {page.with_suffix(".svg") for page in pages}
    for path in [*outdir.rglob("*.html"), *(outdir / models.FOLDER).glob("*.svg")]:
        if path not in pages | drawings and path.parent != outdir / "slides":  # slides.py
            path.unlink()
    for folder, wanted in (("_static", own), ("_images", images)):
        for path in (outdir / folder).glob("*"):
            if path.is_file() and path.name not in wanted:
                path.unlink()


def setup(app: Sphinx) -> dict:
    """Register the builder under the name that Jupyter Book asks for."""
    app.add_builder(BookBuilder, override=True)
    app.connect("env-updated", check_addresses)
    app.connect("build-finished", remove_leftovers, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
