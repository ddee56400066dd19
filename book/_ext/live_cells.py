"""Code cells that a reader can run and change in the page (``book/_static/live.js``).

Whether they can stands in ``live.json``, which :mod:`live_supply` writes; without it the pages are
as they would be without this extension.
"""

import json
from pathlib import Path

from sphinx.application import Sphinx

PLACE = Path("_static", "live", "pyodide", "live.json")
SIGN = 'class="cell_input'  # what a page with code contains


def supplied(app: Sphinx) -> dict:
    """Return what a page can run: ``level``, and the ``sizes`` of what it would load."""
    path = Path(app.outdir, PLACE)
    return json.loads(path.read_text("utf-8")) if path.is_file() else {"level": "none"}


def page_context(app: Sphinx, pagename: str, template: str, context: dict, doctree) -> None:
    """Load the script on pages with code, with the sizes that its buttons announce."""
    supply = supplied(app)
    if supply["level"] != "none" and SIGN in context.get("body", ""):
        sizes = {f"data-{part}": str(size) for part, size in supply["sizes"].items()}
        app.add_js_file("live.js", defer="defer", **sizes)
        context["live"] = True


def setup(app: Sphinx) -> dict:
    """Decide for every page whether its code is live."""
    app.connect("html-page-context", page_context)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
