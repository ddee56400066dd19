"""The pages of the book have their form and no number without its computation; and the checks bite.

The first part looks at the real pages. The second builds a small chapter, runs it, and breaks it
once for every rule. The third lets nbval loose on it.
"""

import copy
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import form
import prose_numbers
import pytest
from nbformat import v4

PAGES = prose_numbers.pages()
NAME = "01-how-large-is-it.ipynb"


# ------------------------------------------------------------------ the real pages


def short(path: Path) -> str:
    return str(path.relative_to(form.ROOT))


def test_the_book_has_chapters():
    assert any(form.is_chapter(page) for page in PAGES)


@pytest.mark.parametrize("path", form.notebooks(), ids=short)
def test_every_notebook_has_the_one_form(path):
    assert [str(finding) for finding in form.check(path)] == []


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_every_number_in_prose_was_printed_or_is_data(page):
    assert [str(finding) for finding in prose_numbers.unsupported(page)] == []


@pytest.mark.slow
def test_changed_numbers_are_caught():
    """Of all changes of one digit in the prose of the book, at least 95 % are noticed."""
    tried = {page: prose_numbers.uncaught_changes(page) for page in PAGES}
    changes = sum(count for count, _ in tried.values())
    uncaught = {short(page): texts for page, (_, texts) in tried.items() if texts}
    assert changes > 100
    assert sum(map(len, uncaught.values())) <= 0.05 * changes, uncaught


# --------------------------------------------------------- a small chapter that is right

PROSE = """\
# How large is it?

SmolLM2-135M of 2024 has **134,515,008** parameters, about 134.5 million.
At 5.85 bits each its file SmolLM2-135M-Instruct.Q4_1.gguf takes 98.4 MB.
See Table 2.1 of arXiv 2502.02737.
Its biases are 0.0074 % of it, and `d_model = 576`.

GPT-3 175B is 1,298 times larger, $1.75 \\times 10^{11}$ numbers, as people said on 28 May 2020."""
CODE = [
    ("set-up", "from paramlab import catalog\nfrom paramlab.params import count"),
    (
        "count",
        'config = catalog.find("smollm2-135m").config\ntotal = count(config).total\n'
        'print(f"{total:,} parameters, {total / 1e6:.1f} million, d_model {config.d_model}")',
    ),
    ("bytes", 'print(f"{98_362_432 / 1e6:.1f} MB, {8 * 98_362_432 / total:.2f} bits")'),
    ("share", 'print(f"{100 * 12_988_416 / 174_604_259_328:.4f}%")'),
    ("scale", 'print(f"{174_604_259_328 / total:,.0f} times; {1.75e11:.2e}")'),
    ("layers", "config.n_layers"),
    ("width", "config.d_model"),
    (
        "drawing",
        "from paramlab import plots\nplots.setup()\n"
        "figure, axes = plots.plt.subplots()\nlines = axes.plot([1, 2, 3])",
    ),
    (
        "raster",
        "import matplotlib_inline.backend_inline as inline\n"
        "inline.set_matplotlib_formats('png')\n"
        "figure, axes = plots.plt.subplots()\nlines = axes.plot([3, 2, 1])",
    ),
    (
        "clock",
        "from time import time\nstart = time()\nprint(f'{time() - start:.2g}')",
    ),
]


def build():
    """Return the chapter as an author leaves it: nothing executed."""
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell(PROSE)])
    for name, source in CODE:
        cell = v4.new_code_cell(source, metadata={"name": name})
        if name in ("drawing", "raster"):
            figure = {"caption": f"The {name}: 134.5 million.", "name": f"fig-{name}"}
            cell.metadata["mystnb"] = {"figure": figure, "image": {"alt": f"A {name} that rises"}}
        if name == "clock":
            cell.metadata["tags"] = ["nbval-ignore-output"]
        notebook.cells.append(cell)
    return notebook


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Return the chapter as ``form.py run`` leaves it."""
    path = tmp_path_factory.mktemp("book") / NAME
    path.write_text(v4.writes(build()))
    form.run(path)
    return path


@pytest.fixture
def chapter(executed):
    """Return the executed chapter as a notebook that a test may break."""
    return form.load(executed)


def cell_of(notebook, name):
    return next(cell for cell in notebook.cells if cell.metadata.get("name") == name)


def findings(notebook, folder, name=NAME):
    path = folder / name
    path.write_text(form.dumps(notebook))
    return [finding.message for finding in form.check(path)]


def test_the_executed_chapter_has_the_form(executed):
    assert form.check(executed) == []
    assert prose_numbers.unsupported(executed) == []


def test_pictures_are_removed_and_what_was_printed_stays(executed, chapter):
    assert "image/" not in executed.read_text()
    for name in ("drawing", "raster"):
        assert form.draws(cell_of(chapter, name))
    assert cell_of(chapter, "count").outputs[0].text == (
        "134,515,008 parameters, 134.5 million, d_model 576\n"
    )


def test_running_again_writes_nothing(executed, capsys):
    before = executed.stat().st_mtime_ns
    form._write(executed, form.fix(form.load(executed)))
    assert executed.stat().st_mtime_ns == before
    assert capsys.readouterr().out == ""


# ------------------------------------------------------- each rule of the form is broken

PICTURE = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure size 10x10 with 1 Axes>"}
REPAIRED = {
    "empty cell": lambda notebook: notebook.cells.append(v4.new_code_cell("")),
    "blank line": lambda notebook: cell_of(notebook, "count").update(source="print(1)\n\n"),
    "language_info": lambda notebook: notebook.metadata.update(language_info={"version": "3.11"}),
    "other kernel": lambda notebook: notebook.metadata.kernelspec.update(name="conda"),
    "timing": lambda notebook: cell_of(notebook, "count").metadata.update(execution={"a": "2024"}),
    "format 4.4": lambda notebook: notebook.update(nbformat_minor=4),
    "random id": lambda notebook: notebook.cells[0].update(id="8f3c"),
    "execution count": lambda notebook: cell_of(notebook, "count").update(execution_count=17),
    "picture": lambda notebook: cell_of(notebook, "drawing").outputs[0].update(data=PICTURE),
    "svg": lambda notebook: (
        cell_of(notebook, "drawing").outputs[0].data.update({"image/svg+xml": "<svg/>"})
    ),
    "warning": lambda notebook: cell_of(notebook, "count").outputs.append(
        v4.new_output("stream", name="stderr", text="a warning")
    ),
    "print in pieces": lambda notebook: cell_of(notebook, "count").outputs.append(
        v4.new_output("stream", name="stdout", text="and more")
    ),
}


@pytest.mark.parametrize("fault", REPAIRED)
def test_what_a_program_can_restore_is_found_and_restored(fault, chapter, tmp_path):
    REPAIRED[fault](chapter)
    assert findings(chapter, tmp_path) == [form.NOT_CANONICAL]
    assert form.main(["check", str(tmp_path)]) == 1
    assert form.main(["fix", str(tmp_path)]) == 0
    assert form.check(tmp_path / NAME) == []


def test_another_layout_of_the_json_is_found_and_restored(executed, tmp_path):
    path = tmp_path / NAME
    for text in (
        executed.read_text().replace("\n ", "\n  "),
        executed.read_text().rstrip("\n"),
        executed.read_text().replace("How large", "How \\u006carge"),
    ):
        path.write_text(text)
        assert [finding.message for finding in form.check(path)] == [form.NOT_CANONICAL]
        form.main(["fix", str(path)])
        assert path.read_text() == executed.read_text()


def set_source(name, source):
    def change(notebook):
        cell_of(notebook, name).source = source

    return change


def set_output(name, text):
    def change(notebook):
        cell_of(notebook, name).outputs = [v4.new_output("stream", name="stdout", text=text)]

    return change


def set_metadata(name, *keys, value):
    def change(notebook):
        entry = cell_of(notebook, name).metadata
        for key in keys[:-1]:
            entry = entry[key]
        entry[keys[-1]] = value

    return change


def without_paramlab(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = cell.source.replace("paramlab", "numpy")


def without_outputs(notebook):
    for name in ("count", "bytes"):
        cell_of(notebook, name).update(source="n = 1", outputs=[])


JUDGED = {
    "no paramlab": (without_paramlab, "the chapter never imports paramlab"),
    "few outputs": (without_outputs, "only 4 cells print something that is compared"),
    "same names": (
        lambda notebook: (
            cell_of(notebook, "bytes").update(id="cell-4"),
            cell_of(notebook, "bytes").metadata.update(name="count"),
        ),
        "2 cells are named 'count'",
    ),
    "same labels": (
        set_metadata("raster", "mystnb", "figure", "name", value="fig-drawing"),
        "2 figures are named 'fig-drawing'",
    ),
    "bad name": (
        lambda notebook: (
            cell_of(notebook, "count").update(id="Count_it"),
            cell_of(notebook, "count").metadata.update(name="Count_it"),
        ),
        "the name 'Count_it'",
    ),
    "misspelled tag": (
        set_metadata("count", "tags", value=["nbval_ignore_output"]),
        "the tag 'nbval_ignore_output' is unknown",
    ),
    "unrendered directive": (
        lambda notebook: notebook.cells[0].update(source="```{tab-set}\nOne\n```"),
        "the directive 'tab-set'",
    ),
    "nbval comment": (set_source("count", "# NBVAL_SKIP\nprint(1)"), "a comment steers nbval"),
    "long cell": (set_source("count", "n = 1\n" * 15 + "print(n)"), "16 lines of code"),
    "never executed": (
        lambda notebook: cell_of(notebook, "layers").update(execution_count=None, outputs=[]),
        "it was never executed",
    ),
    "stored error": (
        lambda notebook: cell_of(notebook, "count").outputs.append(
            v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
        ),
        "it stores an error (ValueError: no)",
    ),
    "widget": (
        lambda notebook: cell_of(notebook, "count").outputs.append(
            v4.new_output("display_data", data={"application/json": {}})
        ),
        "application/json",
    ),
    "five digits": (set_output("count", "loss 3.8417\n"), "3.8417: 5 significant digits"),
    "five digits of thousands": (set_output("count", "1,234.5\n"), "1,234.5: 5 significant"),
    "five digits in a table": (
        lambda notebook: cell_of(notebook, "count").outputs.append(
            v4.new_output("display_data", data={"text/html": "<td>0.00012345</td>"})
        ),
        "0.00012345: 5 significant digits",
    ),
    "path": (set_output("count", "read /home/me/model.gguf\n"), "an absolute path (/home/me"),
    "Windows path": (set_output("count", "C:\\Users\\me\n"), "an absolute path (C:\\Users"),
    "no caption": (
        lambda notebook: cell_of(notebook, "drawing").metadata.mystnb.figure.pop("caption"),
        "no mystnb.figure.caption",
    ),
    "no label": (
        lambda notebook: cell_of(notebook, "drawing").metadata.mystnb.figure.pop("name"),
        "no mystnb.figure.name",
    ),
    "no alt text": (
        set_metadata("drawing", "mystnb", "image", "alt", value=" "),
        "no mystnb.image.alt",
    ),
    "alt repeats caption": (
        set_metadata("drawing", "mystnb", "image", "alt", value="The drawing: 134.5 million."),
        "its alt text repeats the caption",
    ),
    "leaking figure": (
        lambda notebook: cell_of(notebook, "drawing").outputs.append(
            v4.new_output("execute_result", data={"text/plain": "[1]"}, execution_count=8)
        ),
        "it draws and shows a value too",
    ),
    "caption without figure": (
        lambda notebook: cell_of(notebook, "drawing").update(outputs=[]),
        "but it draws none",
    ),
}


@pytest.mark.parametrize("fault", JUDGED)
def test_what_a_person_must_decide_is_found(fault, chapter, tmp_path):
    break_it, message = JUDGED[fault]
    break_it(chapter)
    found = findings(chapter, tmp_path)
    assert len(found) == 1 and message in found[0], found


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"nbformat": 3, "cells": []}',
        '{"nbformat": 4, "cells": [{"cell_type": "code"}]}',
    ],
)
def test_what_is_no_notebook_is_said_in_one_line(text, tmp_path, capsys):
    path = tmp_path / NAME
    path.write_text(text)
    for action in ("check", "fix", "run"):
        assert form.main([action, str(path)]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and "is not a notebook" in lines[0]
    assert path.read_text() == text


@pytest.mark.slow
def test_a_cell_that_raises_leaves_the_file_as_it_was(tmp_path, capsys):
    path = tmp_path / NAME
    text = form.dumps(v4.new_notebook(cells=[v4.new_code_cell("1 / 0")]))
    path.write_text(text)
    assert form.main(["run", str(path)]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert path.read_text() == text


def test_assignments_are_not_among_the_notebooks(tmp_path):
    for name in ("part/01-a.ipynb", "assignments/1.ipynb", "part/.ipynb_checkpoints/1.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert form.notebooks([tmp_path]) == [tmp_path / "part/01-a.ipynb"]


# ------------------------------------------------------------- numbers without computation


@pytest.fixture
def data(tmp_path):
    """Return a folder of data: a small catalog, and a ledger of two chapters."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "models.csv").write_text(
        "slug,name,family,year,file_bytes,published_total\n"
        "gpt3-175b,GPT-3 175B,GPT-3,2020,349208518656,175B\n"
        "opt-125m,OPT-125M,OPT,2022,,125M\n"
    )
    (folder / "claims.toml").write_text(
        '[[claim]]\nid = "A1"\nhome_chapter = 1\nright = "It is 331.5 times."\nmass_bytes = 1_234\n'
        '\n[[claim]]\nid = "B1"\nhome_chapter = 11\nright = "It is 19.6 %."\n'
    )
    return folder


def judge(prose, data, output="", name=NAME, tags=()):
    """Return the numbers that are reported for a page of this prose and this output."""
    cell = v4.new_code_cell("pass", execution_count=1, metadata={"tags": list(tags)})
    cell.outputs = [v4.new_output("stream", name="stdout", text=output)]
    page = data.parent / name
    page.write_text(form.dumps(v4.new_notebook(cells=[v4.new_markdown_cell(prose), cell])))
    return [
        finding.message.split(" occurs")[0] for finding in prose_numbers.unsupported(page, data)
    ]


@pytest.mark.parametrize(
    ("prose", "output"),
    [
        ("It has 134,515,008 parameters.", "134515008"),
        ("It has 134_515_008 or $134{,}515{,}008$.", "134,515,008"),
        ("**98.4** MB, 98.4 MB, 98.4-MB and `98.4 MB`", "98.4 MB"),
        ("134.5M and 134.5 million", "134.5 million"),
        ("0.0074 % or 0.0074 percent", "0.0074%"),
        ("112.1x, 112.1 times, 112.1-fold and 112.1×", "112.1 times"),
        ("$1.75 \\times 10^{11}$ and 1.75 × 10¹¹", "1.75e+11"),
        ("about 7.91 tokens per second", "7.91 tokens/s"),
        ("312 TFLOP/s at 3.35 TB/s", "312 TFLOPS, 3.35 TB per second"),
        ("768 × 3,072", "(768, 3072)"),
        ("a 4,096-token window, 1,024 of them", "4096 1024"),
    ],
)
def test_a_printed_number_with_its_unit_is_supported(prose, output, data):
    assert judge(prose, data) != []
    assert judge(prose, data, output) == []


@pytest.mark.parametrize(
    ("prose", "output"),
    [
        ("98.4 GB", "98.4 MB"),
        ("98.4 MB/s", "98.4 MB"),
        ("98.4 MB", "98.4"),
        ("98.40 MB", "98.4 MB"),
        ("134.5 billion", "134.5 million"),
        ("134515", "1345150 8134515"),
        ("112.1", "2112.1 112.15"),
        ("0.0074 %", "0.0075%"),
        ("170 billion", "175 billion"),
        ("1750億", "175"),
    ],
)
def test_a_number_that_was_not_printed_is_found(prose, output, data):
    assert len(judge(prose, data, output)) == 1


def test_what_nbval_does_not_compare_supports_nothing(data):
    assert judge("7.91 s", data, "7.91 s") == []
    assert judge("7.91 s", data, "7.91 s", tags=["nbval-ignore-output"]) == ["7.91 s"]


@pytest.mark.parametrize(
    "prose",
    [
        "In 2017, the 1990s, on 2020-05-28 and 28 May 2020.",
        "GPT-3 175B, gpt3-175b and OPT-125M are models.",
        "Table 2.1, section 3.141, eq. (101), pages 110-112, Tables 101 and 102, § 4.1.3",
        "arXiv 2001.08361, [2203.15556](https://arxiv.org/abs/2203.15556), 10.1145/3442188.3445922",
        "<https://example.org/12345> and [a link](page-12345.md#a-12345)",
        "`blocks.123.q4_1234`, float32, H100, model-12345.gguf, version 1.0.4, Python 3.11",
        "{ref}`fig-12345`\n\n(label-1234)=\n\n```{figure} a.png\n:width: 400px\n```",
        "It took 200 prompts, 10,000 words, 12 heads and 2.5 minutes.",
    ],
)
def test_what_is_exempt_by_rule(prose, data):
    assert judge(prose, data) == []


def test_the_rules_exempt_no_more_than_they_say(data):
    assert judge("Table 2, 512 tokens", data) == ["512"]
    assert judge("2,020 heads, 2024 bytes, 1949", data) == ["2,020", "2024 bytes", "1949"]
    assert judge("GPT-3 176B", data) == ["176B"]
    assert judge("```{figure} a.png\n:alt: 512 tokens\n```", data) == ["512"]


def test_data_support_the_pages_they_belong_to(data):
    assert judge("GPT-3 has 175 billion in 349,208,518,656 bytes, not 125M", data) == ["125M"]
    assert judge("175 billion", data) == ["175 billion"]
    assert judge("331.5 times, 1,234 bytes", data) == []
    assert judge("19.6 %", data) == ["19.6 %"]
    assert judge("19.6 %", data, name="index.ipynb") == []
    page = data.parent / "index.md"
    page.write_text("OPT has 125 million.\n\nAnd 126 million.")
    assert [str(finding) for finding in prose_numbers.unsupported(page, data)] == [
        f"{page}, line 3: 126 million occurs in no compared output of this page "
        "and in no data that belong to it"
    ]


def test_a_finding_names_page_cell_line_and_number(chapter, tmp_path):
    source = chapter.cells[0].source.replace("98.4 MB", "98.5 MB")
    chapter.cells[0].source = source
    cell_of(chapter, "drawing").metadata.mystnb.image.alt = "All 134.6 million"
    path = tmp_path / NAME
    path.write_text(form.dumps(chapter))
    tail = "occurs in no compared output of this page and in no data that belong to it"
    assert [str(finding) for finding in prose_numbers.unsupported(path)] == [
        f"{path}, cell 1, line 4: 98.5 MB {tail}",
        f"{path}, cell 9, alt text, line 1: 134.6 million {tail}",
    ]


def test_changes_of_the_small_chapter_are_caught(executed):
    changes, uncaught = prose_numbers.uncaught_changes(executed)
    assert changes > 300
    assert len(uncaught) <= 0.05 * changes, uncaught


def test_a_check_that_accepts_everything_would_be_noticed(executed, monkeypatch):
    monkeypatch.setattr(prose_numbers, "is_supported", lambda number, tokens: True)
    changes, uncaught = prose_numbers.uncaught_changes(executed)
    assert len(uncaught) == changes


# --------------------------------------------------------------------------- strict nbval


@pytest.fixture(scope="module")
def nbval(executed, tmp_path_factory):
    """Run the project's nbval command on the right chapter and on wrong ones; return the report."""
    project = tmp_path_factory.mktemp("project")
    for name in ("pyproject.toml", "tests/conftest.py"):
        (project / name).parent.mkdir(exist_ok=True)
        shutil.copy(form.ROOT / name, project / name)
    right = form.load(executed)
    notebooks = {"book/right.ipynb": right, "tests/validation/right.ipynb": right}
    for name, old, new in (
        ("digit", "134,515,008", "134,515,009"),
        ("word", "million", "billion"),
    ):
        wrong = copy.deepcopy(right)
        output = cell_of(wrong, "count").outputs[0]
        output.text = output.text.replace(old, new)
        notebooks[f"book/{name}.ipynb"] = wrong
    wrong = copy.deepcopy(right)
    cell_of(wrong, "drawing").outputs = []
    notebooks["book/figure.ipynb"] = wrong
    for name, notebook in notebooks.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(form.dumps(notebook))
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "--nbval", "book", "tests/validation"]
    environment = {**os.environ, "PYTEST_ADDOPTS": ""}
    ended = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=300
    )
    return outcomes(ended.stdout)


def outcomes(report: str) -> dict[str, set[str]]:
    """Return for each notebook the cells that failed; a notebook that passed has an empty set."""
    found: dict[str, set[str]] = {}
    for outcome, name, cell in re.findall(r"^(PASSED|FAILED) (\S+)::Cell (\d+)", report, re.M):
        found.setdefault(name, set()).update([cell] if outcome == "FAILED" else [])
    return found


@pytest.mark.slow
def test_nbval_passes_on_the_right_chapter_with_its_pictures_removed(nbval):
    assert nbval["book/right.ipynb"] == nbval["tests/validation/right.ipynb"] == set()


@pytest.mark.slow
def test_nbval_fails_on_one_changed_digit_or_unit(nbval):
    assert nbval["book/digit.ipynb"] == nbval["book/word.ipynb"] == {"1"}


@pytest.mark.slow
def test_nbval_fails_where_a_figure_is_no_longer_drawn(nbval):
    assert nbval["book/figure.ipynb"] == {"7"}
