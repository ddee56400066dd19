"""The reference pages: what their tables promise."""

import json
import re
from html import unescape
from pathlib import Path

import pytest
from paramlab import catalog, claims, count
from paramlab.display import number
from paramlab.html import captioned_table
from pybtex.database import parse_file

REFERENCE = Path(__file__).parents[1] / "book/reference"


def stored_table() -> str:
    """Return the catalog as its page stores it."""
    notebook = json.loads((REFERENCE / "models.ipynb").read_text(encoding="utf-8"))
    cell = next(c for c in notebook["cells"] if c["metadata"].get("name") == "catalog")
    return unescape("".join(cell["outputs"][0]["data"]["text/html"]))


def test_the_catalog_page_holds_every_model_with_its_count_and_source():
    bodies = re.findall(r"<tr>.*?(?=</tbody>)", stored_table().split("<tbody>", 1)[1], re.DOTALL)
    assert len(bodies) == len(catalog.published())
    for model, body in zip(catalog.published(), bodies, strict=True):
        cells = [re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", body)]
        assert cells[0] == f"{model.name} {model.slug}"
        license = model.license or "unknown to us"
        window = f"window: {model.window}. " if model.window else ""
        told = f"{window}license: {license}. Source: {model.source}"
        assert cells[-1].replace("arXiv ", "") == told
        if model.config:
            assert cells[2] == number(count(model.config).total)
        else:
            assert cells[2] in ("not disclosed", "not counted", number(model.quoted_params or 0))


def test_a_model_whose_size_its_owner_keeps_has_no_number():
    body = re.search(r'"rowgroup"[^>]*>GPT-4 .*?</tr>', stored_table())
    assert body is not None
    assert "not disclosed" in body[0]
    assert not re.search(r"\d{3},\d{3}", body[0])


def test_the_ledger_page_holds_every_claim_at_its_address():
    notebook = json.loads((REFERENCE / "ledger.ipynb").read_text(encoding="utf-8"))
    html = "".join(
        text
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
        for output in cell["outputs"]
        for text in output.get("data", {}).get("text/html", "")
    )
    assert re.findall(r'class="record" id="(\w+)"', html) == [c.id.lower() for c in claims.load()]
    for claim in claims.load():
        record = re.search(rf'id="{claim.id.lower()}".*?</section>', html, re.DOTALL)
        assert record is not None
        text = unescape(re.sub("<[^>]*>", "", record[0]))
        for part in (claim.original, claim.judged, claim.right, claim.stops, claim.better):
            told = part.replace("`", "").replace("arXiv ", "")
            assert told in text.replace("arXiv ", ""), "make ledger prints the page again"


def test_texts_are_escaped_and_arxiv_numbers_linked():
    html = captioned_table([("a < b", "2005.14165v4 & `x`")], head=("one", "two"), caption="c")
    assert ">a &lt; b</th>" in html
    assert '<a href="https://arxiv.org/abs/2005.14165v4">arXiv 2005.14165v4</a> &amp;' in html
    assert "<code>x</code>" in html


def test_cells_of_a_wide_table_carry_the_names_of_their_columns():
    html = captioned_table([("a", 1, "x")], ("name", "n", "kind"), "c", ["note"], kind="wide")
    assert re.findall(r'data-label="(\w+)"', html) == ["n", "kind"]
    assert "data-label" not in captioned_table([("a", 1)], ("name", "n"), "c")


def test_each_column_needs_a_name():
    with pytest.raises(ValueError, match="no name"):
        captioned_table([("a", 1)], head=("name", ""), caption="c")


def test_each_row_needs_its_note():
    with pytest.raises(ValueError):
        captioned_table([("a", 1), ("b", 2)], head=("name", "n"), caption="c", notes=["only one"])


def test_the_page_of_hardware_prints_what_the_data_say():
    """The stored tables are those that the page's cells would print now."""
    notebook = json.loads((REFERENCE / "hardware.ipynb").read_text(encoding="utf-8"))
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            *lines, last = "".join(cell["source"]).splitlines()
            if not last.startswith("linked("):
                lines.append(last)
            exec("\n".join(lines), names)
            for output in cell["outputs"]:
                stored = "".join(output["data"]["text/html"])
                assert eval(last, names).data == stored, "make catalog prints the page again"
    assert "devices" in names
    assert "listed" in names


def arxiv_numbers(paths) -> set[str]:
    """Return the arXiv numbers in some files."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    found = re.findall(r"(?<![\d.])(\d\d)(\d\d)\.(\d{5}|\d{4})(?:v\d+)?(?!\d)", text)
    return {f"{y}{m}.{n}" for y, m, n in found if 7 <= int(y) <= 26 and 1 <= int(m) <= 12}


def test_every_paper_that_is_cited_stands_in_the_bibliography_and_no_other():
    book, package = REFERENCE.parent, REFERENCE.parents[1] / "pkg/paramlab"
    places = ("*/[0-9]*.ipynb", "reference/*.md", "experiments/*.py")
    paths = [path for place in places for path in book.glob(place)]
    data = [package / f"data/{name}" for name in ("claims.toml", "models.csv")]
    data += [*(package / "data").glob("*.toml"), *package.glob("*.py")]
    works = parse_file(book / "references.bib").entries
    numbered = {key for key, work in works.items() if "eprint" in work.fields}
    assert arxiv_numbers([*paths, *data]) == numbered
    assert all(work.fields["eprint"] == key for key, work in works.items() if key in numbered)


def test_the_page_of_the_bibliography_lists_every_work_and_says_where_it_is_cited():
    text = (REFERENCE / "bibliography.ipynb").read_text(encoding="utf-8")
    for key, work in parse_file(REFERENCE.parent / "references.bib").entries.items():
        title = work.fields["title"].strip("{}")
        line = next((line for line in text.splitlines() if title in line), "")
        assert line, f"run book/reference/bibliography.ipynb again: it lacks {title}"
        assert re.search(r"Cited in \w", line), f"{title} is cited nowhere"
        assert "eprint" not in work.fields or f"https://arxiv.org/abs/{key}" in line
