"""Collect what a reader reads as messages for translators: ``.pot`` files.

    python tools/messages.py [FOLDER]

There is a file for the prose of each page, ``sphinx.pot`` for the words of the site itself, and
``outputs.pot`` for what executed cells wrote (``book/_ext/words.py``). Cells that the site has
executed are not executed again.
"""

import sys
from pathlib import Path

from jupyter_book.config import get_final_config
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

ROOT = Path(__file__).parents[1]
SHOWN = ("text/html", "image/svg+xml", "image/png", "image/jpeg")  # outputs, as the site does
MESSAGES = ROOT / "_build" / "gettext"


def build(builder: str, target: Path, doctrees: Path, settings: dict) -> int:
    """Build the book in a folder of its own, with other settings, from the executed chapters."""
    config, _found = get_final_config(
        user_yaml=ROOT / "_config.yml",
        sourcedir=ROOT,
        cli_config={"latex_individualpages": False},
    )
    config |= {
        "external_toc_path": str(ROOT / "_toc.yml"),
        "nb_execution_cache_path": str(ROOT / "_build" / ".jupyter_cache"),
        "templates_path": [],
    } | settings
    with patch_docutils(str(ROOT)), docutils_namespace():
        app = Sphinx(
            ROOT, None, target, doctrees, builder, confoverrides=config, status=None,
            freshenv=True, warningiserror=True, keep_going=True,
        )  # fmt: skip
        app.build(force_all=True)
    return app.statuscode


def collect(target: Path, **settings: object) -> int:
    """Write the messages of the book into a folder."""
    shown = [("gettext", kind, place) for place, kind in enumerate(SHOWN)]
    settings |= {"templates_path": ["book/_theme"], "nb_mime_priority_overrides": shown}
    return build("gettext", target, target / ".doctrees", settings)


if __name__ == "__main__":
    sys.exit(collect(Path(sys.argv[1]) if sys.argv[1:] else MESSAGES))
