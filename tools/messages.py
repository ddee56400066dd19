"""Collect what a reader reads as messages for translators: one ``.pot`` file for each page.

    python tools/messages.py [FOLDER]

Sphinx's gettext builder reads headings, prose, tables and captions. No chapter runs for it. What
code writes is not among the messages: alternative texts, outputs, claim boxes, quizzes, the words
in figures, and those of the theme.
"""

import sys
from pathlib import Path

from jupyter_book.config import get_final_config
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

ROOT = Path(__file__).parents[1]
MESSAGES = ROOT / "_build" / "gettext"


def main(arguments: list[str]) -> int:
    """Write the messages, and say where they are."""
    target = Path(arguments[0]) if arguments else MESSAGES
    config, _ = get_final_config(
        user_yaml=ROOT / "_config.yml", sourcedir=ROOT, cli_config={"latex_individualpages": False}
    )
    config |= {
        "nb_execution_mode": "off",
        "gettext_compact": False,
        "external_toc_path": str(ROOT / "_toc.yml"),
    }
    doctrees = target / ".doctrees"
    with patch_docutils(str(ROOT)), docutils_namespace():
        app = Sphinx(ROOT, None, target, doctrees, "gettext", confoverrides=config, status=None)
        app.build(force_all=True)
    return app.statuscode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
