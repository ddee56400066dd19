"""What a translator is given: every heading, paragraph and caption of the book."""

import json
import re
import subprocess
import sys
from pathlib import Path

import messages
import pytest
from checks import ROOT


def words(text: str) -> str:
    """Return the letters of a text, without what marks it up or breaks its lines."""
    return re.sub(r"[^\w]", "", re.sub(r"\]\([^)]*\)", "", text))


@pytest.mark.slow
def test_headings_and_captions_of_every_chapter_are_messages(tmp_path: Path):
    subprocess.run([sys.executable, messages.__file__, str(tmp_path)], check=True)
    pages = sorted((ROOT / "book").glob("*/[0-9][0-9]-*.ipynb"))
    assert len(pages) == 14
    for page in pages:
        pot = tmp_path / page.relative_to(ROOT).with_suffix(".pot")
        found = words(pot.read_text("utf-8").replace('"\n"', "").replace('\\"', '"'))
        for cell in json.loads(page.read_text("utf-8"))["cells"]:
            lines = "".join(cell["source"]).splitlines() if cell["cell_type"] == "markdown" else []
            headings = [line for line in lines if re.match(r"#+ ", line)]
            figure = cell["metadata"].get("mystnb", {}).get("figure", {})
            for text in [*headings, figure.get("caption", "")]:
                assert words(text) in found, f"{page.name}: {text}"
