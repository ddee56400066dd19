"""Cells run as in a page: what they show, and what is left out where something is missing."""

import asyncio
import json
import re
import sys

import pytest
from paramlab import display, live
from paramlab.errors import ModelNotFetched
from paramlab.live import FAILED, LOADED, UNKNOWN, Kernel
from paramlab.page import pieces


class Page:
    """A kernel that notes what it asked for; ``answer`` is what loading a module comes to."""

    def __init__(self, answer: str = UNKNOWN, **names: object):
        self.asked, self.seen, self.answer = [], [], answer
        self.kernel = Kernel(self.load, self.seen.append)
        self.kernel.names |= names

    async def load(self, module: str) -> str:
        self.asked.append(module)
        return self.answer

    def run(self, *sources: str) -> list[dict]:
        return [
            json.loads(asyncio.run(self.kernel.run(text, f"{i}"))) for i, text in enumerate(sources)
        ]


def load_model() -> None:
    raise ModelNotFetched("fetch it")


def test_what_is_printed_shown_and_drawn_comes_in_its_order():
    html = type("Box", (), {"_repr_html_": lambda self: "<b>3</b>"})
    first, second = Page(Box=html).run("print('a'); x = [1, 'b']; x", "print('c', end='')\nBox()")
    assert first == {"status": "done", "outputs": [["text", "a\n[1, 'b']"]], "reason": ""}
    assert second["outputs"] == [["text", "c"], ["html", "<b>3</b>"]]


@pytest.mark.parametrize("source", ["3;", "x = 3", "None", "def f(): return 3", ""])
def test_what_a_notebook_does_not_show_is_not_shown(source):
    assert Page().run(source)[0]["outputs"] == []


def test_a_table_of_the_package_becomes_one_of_the_page(monkeypatch):
    monkeypatch.setenv("PARAMLAB_FOR_THE_SITE", "1")
    code = (
        "from paramlab.display import table\nprint('before')\nprint(table([('a', 1)], ('n', 'm')))"
    )
    (kind, text), (of_table, table) = Page().run(code)[0]["outputs"]
    assert (kind, text, of_table) == ("text", "before", "html") and "<th scope" in table


@pytest.mark.parametrize(
    "reader",
    ["params", "f = lambda: params", "def f(): return params", "g = [p for p in params]", "rows",
     "class C:\n    n = len(params)", "x = 1\nprint(params)", "table[0]"],
)  # fmt: skip
def test_who_reads_what_was_left_out_is_left_out_and_nobody_else(reader):
    page = Page(load_model=load_model)
    first, second, third = page.run(
        "rows, table, y = [], {}, 4\nparams, config = load_model()\n"
        "rows.append(params)\ntable[0] = params\nz = y + 1",
        reader,
        "def g(params): return params\nprint(g(z))",
    )
    assert first["status"] == second["status"] == "local"
    assert second["reason"] == "the real model" and second["outputs"] == []
    assert third == {"status": "done", "outputs": [["text", "5"]], "reason": ""}


def test_a_name_bound_anew_is_there_again():
    page = Page(load_model=load_model)
    assert [r["status"] for r in page.run("p = load_model()", "p", "p = 3", "p")] == [
        "local", "local", "done", "done",
    ]  # fmt: skip


def test_an_error_is_told_with_the_lines_of_the_cell_alone():
    page = Page()
    defined, failed, after = page.run(
        "from paramlab import catalog\ndef f(name):\n    return catalog.find(name)",
        "f('gpt-17')", "1 + 1",
    )  # fmt: skip
    ((kind, words),) = failed["outputs"]
    assert (defined["status"], failed["status"], kind) == ("done", "failed", "error")
    assert "return catalog.find(name)" in words and "paramlab" not in words.partition("Error")[0]
    assert after["outputs"] == [["text", "2"]]


@pytest.mark.parametrize(
    ("source", "words"),
    [("1 +", "SyntaxError"), ("import sys; sys.exit(3)", "SystemExit: 3"),
     ("raise MemoryError", "a page has no room"), ("raise KeyboardInterrupt", "KeyboardInterrupt")],
)  # fmt: skip
def test_nothing_that_a_cell_does_ends_the_page(source, words):
    page = Page()
    failed, after = page.run(source, "2")
    assert failed["status"] == "failed" and words in failed["outputs"][0][1]
    assert after["status"] == "done"


def test_a_missing_module_is_asked_for_once_and_then_imported(monkeypatch, tmp_path):
    page = Page(LOADED)
    (tmp_path / "loadedlate.py").write_text("n = 7")

    async def load(module: str) -> str:
        page.asked.append(module)
        monkeypatch.syspath_prepend(tmp_path)
        return LOADED

    monkeypatch.setattr(page.kernel, "_load", load)
    found, _ = page.run("print(1); from loadedlate import n; n", "import loadedlate")
    assert found["outputs"] == [["text", "1\n7"]] and page.asked == ["loadedlate"]


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [(UNKNOWN, "local", "the package nowhere"), (LOADED, "local", "the package nowhere"),
     (FAILED, "unreachable", "nowhere")],
)  # fmt: skip
def test_a_module_that_does_not_come_is_named(answer, status, reason):
    page = Page(answer)
    (found,) = page.run("import nowhere.part")
    assert (found["status"], found["reason"], page.asked) == (status, reason, ["nowhere"])


def test_an_endless_text_ends_and_is_seen_while_it_grows(monkeypatch):
    monkeypatch.setattr(live, "SECONDS_BETWEEN_LOOKS", 0)
    monkeypatch.setattr(live, "MOST_LETTERS", 10)
    page = Page()
    (found,) = page.run("for i in range(100): print(i)")
    assert found["outputs"][0][1].endswith("(The rest is left out.)")
    assert len(found["outputs"][0][1]) < 50 and page.seen[0].startswith("0")


def test_of_a_progress_bar_nothing_stays():
    source = "import sys\nsys.stderr.write('\\r10%\\r20%\\n')\nprint('loss')"
    assert Page().run(source)[0]["outputs"] == [["text", "loss"]]


def test_a_figure_is_drawn_for_both_widths_in_the_colors_of_the_page():
    source = (
        "from paramlab import plots\nplots.setup()\nfigure, axes = plots.canvas(1)\n"
        "line = axes.plot([0, 1], color=plots.WEIGHT)"
    )
    drawn = Page().run(source)[0]["outputs"]
    assert [kind for kind, _ in drawn] == ["figure", "figure"]
    assert all("var(--fig-weight)" in markup for _, markup in drawn)
    assert 'class="figure narrow"' in drawn[0][1] and 'class="figure wide"' in drawn[1][1]
    assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_a_table_is_wide_if_its_cells_do_not_fit_beside_each_other_though_words_part(monkeypatch):
    monkeypatch.setenv(display.FOR_THE_SITE, "1")

    def kind(rows, head=()):
        return re.search('class="([^"]*)"', pieces(display.table(rows, head))[0][1])[1]

    name, long_name = "a name of several words", "a" * 36
    assert kind([(name, 10**9, 10**9)]) == "printed"
    assert kind([(name, 10**9, 10**9)], ("", long_name, "n")) == "printed wide"
    assert kind([(long_name, 10**9)]) == "printed wide"
    assert kind([("a", "1" * 35)]) == "printed" and kind([("a", "1" * 45)]) == "printed wide"


def test_html_of_a_chapter_works_without_ipython(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "IPython"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "IPython", None)
    (found,) = Page().run("from IPython.display import HTML, display\ndisplay(HTML('<i>a</i>'), 3)")
    assert found["outputs"] == [["html", "<i>a</i>"], ["text", "3"]]
