"""The code of the pages, run and changed in a real browser."""

import json
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import firefox
import nbformat
import pytest
from checks import sub_path
from conftest import Quiet, Visit, skip_or_fail
from paramlab import ModelConfig, count
from paramlab.files.config_json import read_config_json
from playwright.sync_api import Browser, Locator, Page
from test_browser import violations

CHAPTERS = [f"{part}.html" for part in (
    "parameters/01 parameters/02 parameters/03 parameters/04 parameters/05 parameters/06 scale/07 "
    "scale/08 scale/09 scale/10 context/11 context/12 context/13 judgement/14"
).split()]  # fmt: skip
FAST = {"parameters/04.html"}
PURE = "reference/formulas.html"  # its first cells need nothing but Python
LOAD_SECONDS, PAGE_SECONDS = 120, 480  # beyond which something hangs, on a busy machine
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
SCRIPT = "text/javascript"
UNREACHABLE = (
    "Python could not be loaded: the connection was lost, or a file is not the right one. "
    "Run tries again."
)
ENDED = re.compile("done in|stopped|Stopped|needs|could not|has ended|only in a page|cannot run")
# A number of a cell, and what it is changed to; then what the cell prints.
CHANGES = {
    "parameters/01.html": ("by-hand", "[5, -4]", "[7, -4]", "output: [11 3]"),
    "parameters/02.html": ("by-hand", "bias=1)", "bias=2)", "[4, 0, 2]"),
    "parameters/04.html": ("by-hand", "vocab_size=3", "vocab_size=4", "everything: TINY"),
    "context/12.html": ("square", "8, 16)", "8, 32)", "32 tokens: 528 filled"),
}
# What the cells of a page show: the book's output and the one computed in the page, as words.
OUTPUTS = """() => [...document.querySelectorAll(".cell[id]:has(.live-tools)")].map((cell) => {
  const words = (boxes) => boxes.map((box) => {
    const copy = box.cloneNode(true);
    for (const part of copy.querySelectorAll("svg, figcaption")) part.remove();
    return copy.textContent;
  }).join(" ").split(/\\s+/).join(" ").trim();
  const drawings = (boxes) => boxes.reduce((n, box) => n + box.querySelectorAll("svg").length, 0);
  const seen = (boxes) => [words(boxes), drawings(boxes)];
  const boxes = [...cell.querySelectorAll(".cell_output")];
  const live = boxes.filter((box) => box.matches(".live"));
  const own = boxes.filter((box) => !box.matches(".live"));
  return {
    name: cell.id, varies: cell.matches("[class*='nbval-ignore-output']"),
    note: live[0]?.querySelector(".live-note")?.textContent ?? "", own: seen(own), live: seen(live),
  };
})"""


@pytest.fixture(autouse=True)
def supply(site: Path) -> dict:
    """Return what the site can run; without all of it these tests are left out."""
    path = site / "_static" / "live" / "pyodide" / "live.json"
    said = json.loads(path.read_text("utf-8")) if path.is_file() else {"level": "none"}
    if said["level"] != "full":
        skip_or_fail("the site was built without Python for its pages: python tools/live.py fetch")
    return said


def cell_of(page: Page, name: str) -> Locator:
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    return page.locator(f"#cell-{name}")


def press(page: Page, cell: Locator, name: str = "Run") -> str:
    """Press a button of a cell, and return what the page says in the end."""
    page.evaluate("document.querySelector('.live-panel p')?.replaceChildren()")  # said before
    cell.locator(".live-tools").get_by_role("button", name=name).click()
    return ended(page)


def ended(page: Page, seconds: int = LOAD_SECONDS) -> str:
    page.wait_for_selector(".live-panel")
    page.wait_for_function(
        "words => !document.querySelector('[aria-busy]') &&"
        " new RegExp(words).test(document.querySelector('.live-panel p').textContent) &&"
        " ![...document.querySelectorAll('.live-panel button')].some("
        "b => b.textContent === 'Stop' && !b.hidden)",
        arg=ENDED.pattern, timeout=1000 * seconds,
    )  # fmt: skip
    return page.get_by_role("region", name="Code of this page").get_by_role("status").inner_text()


def change(page: Page, cell: Locator, code: str) -> str:
    """Write code into a cell, run it, and return what the page says."""
    if not cell.locator("textarea").count():
        cell.get_by_role("button", name="Edit").click()
    cell.get_by_role("textbox", name="Code of").fill(code)
    return press(page, cell)


def output(cell: Locator) -> str:
    return cell.get_by_role("region", name="computed in this page").inner_text()


def first_cell(page: Page) -> Locator:
    cell_of(page, "none")
    return page.locator(".cell:has(.live-tools)").first


@pytest.mark.parametrize(
    "path", [p if p in FAST else pytest.param(p, marks=pytest.mark.slow) for p in CHAPTERS]
)
def test_a_chapter_runs_from_top_to_bottom_and_shows_what_the_book_shows(visit, path: str):
    window = visit()
    page = window.open(path)
    page.get_by_role("button", name="Run all").first.click()
    page.wait_for_selector(".live-panel")
    ended(page, PAGE_SECONDS)
    cells = page.evaluate(OUTPUTS)
    ran = [cell for cell in cells if not cell["note"]]
    assert ran
    for cell in ran:
        assert not page.locator(f"#{cell['name']} .live-error").count(), cell
        if not cell["varies"]:
            assert cell["live"] == cell["own"], cell["name"]
    needed = {re.search("needs (.*), which", cell["note"])[1] for cell in cells if cell["note"]}
    assert needed <= {"the real model"}
    assert window.faults == []


def test_who_only_reads_loads_nothing_of_it(visit):
    window, loaded = visit(), []
    window.page.on("request", lambda request: loaded.append(request.url))
    page = window.open("parameters/04.html")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_timeout(300)
    assert any(url.partition("?")[0].endswith("/live.js") for url in loaded)
    assert not [url for url in loaded if "/live/" in url]


def test_a_change_is_seen_kept_and_taken_home_and_can_be_undone(visit):
    window = visit("phone", color_scheme="dark", accept_downloads=True)
    page = window.open(PURE)
    cell = first_cell(page)
    own = cell.locator("pre").first.inner_text()
    assert "MB" in cell.get_by_role("button", name="Run").inner_text()  # said before it is loaded
    assert "done" in change(page, cell, "n = 6 * 7\nprint('the answer', n)\nn + 1")
    assert output(cell).split() == ["the", "answer", "42", "43"]
    assert "MB" not in cell.get_by_role("button", name="Run").inner_text()
    assert "NameError: name 'm'" in change(page, cell, "n = m") and "line 1" in output(cell)
    change(page, cell, "n = 6 * 7\nn")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")  # the panel covers nothing there
    assert violations(page) == []
    page.reload()
    cell = first_cell(page)
    assert cell.get_by_role("textbox").input_value() == "n = 6 * 7\nn"
    with page.expect_download() as download:
        page.get_by_role("button", name="Save notebook").click()
    notebook = json.loads(Path(download.value.path()).read_text("utf-8"))
    sources = ["".join(part["source"]) for part in notebook["cells"]]
    assert "n = 6 * 7\nn" in sources and own.strip() not in sources
    nbformat.validate(notebook)
    cell.get_by_role("button", name="Reset").click()
    assert cell.locator("pre").first.inner_text() == own
    assert page.get_by_text(": as in the book").is_visible()
    page.reload()
    assert first_cell(page).get_by_role("textbox").count() == 0
    assert window.faults == []


@pytest.fixture(scope="module")
def stick(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Copy the site elsewhere, serve it as a reader would, and return its address."""
    copy = shutil.copytree(site, tmp_path_factory.mktemp("stick") / "site")
    port = firefox.free_port()
    options = ["--bind", "127.0.0.1", "--directory", str(copy)]
    command = [sys.executable, "-m", "http.server", str(port), *options]
    with subprocess.Popen(command, **QUIET) as server:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/live.json")
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
        server.terminate()


@pytest.mark.parametrize("path", CHANGES)
def test_from_a_memory_stick_a_number_is_changed_and_its_consequence_seen(
    browser: Browser, stick: str, path: str
):
    name, old, new, printed = CHANGES[path]
    window = Visit(browser, stick)
    cell = cell_of(window.open(path), name)
    code = cell.locator(".cell_input pre").inner_text()
    assert code.count(old) == 1
    assert "done" in change(window.page, cell, code.replace(old, new))
    tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=4, n_ctx=4)
    assert printed.replace("TINY", f"{count(tiny).total}") in " ".join(output(cell).split())
    window.context.close()
    assert window.faults == []


def test_a_chapter_runs_in_firefox_too(address: str, tmp_path: Path):
    if not firefox.program():
        pytest.skip("no Firefox on this machine: apt-get install firefox-esr")
    with firefox.Firefox(tmp_path, LOAD_SECONDS) as window:
        window.open(f"{address}/parameters/04.html")
        window.run(f"""
            document.querySelector(".run-all").click();
            const words = () => document.querySelector(".live-panel p")?.textContent ?? "";
            const isBusy = () => [...document.querySelectorAll(".live-panel button")].some(
                (button) => button.textContent === "Stop" && !button.hidden);
            while (!/{ENDED.pattern}/.test(words()) || isBusy())
                await new Promise((resolve) => {{ setTimeout(resolve, 100); }});
        """)
        cells = window.run(f"return ({OUTPUTS})()")
    assert cells
    for cell in cells:
        if not cell["varies"] and not cell["note"]:
            assert cell["live"] == cell["own"], cell["name"]


def test_a_file_of_the_reader_is_counted_or_refused_in_a_sentence(visit, tmp_path: Path):
    config = {
        "model_type": "llama", "hidden_size": 96, "intermediate_size": 200, "vocab_size": 1009,
        "num_hidden_layers": 3, "num_attention_heads": 6, "num_key_value_heads": 2,
        "tie_word_embeddings": False,
    }  # fmt: skip
    path, other = tmp_path / "config.json", tmp_path / "model.gguf"
    path.write_text(json.dumps(config))
    other.write_bytes(b"GIF89a" * 100)
    total = count(read_config_json(path)).total
    window = visit()
    page = window.open("parameters/04.html")
    cell_of(page, "none")
    place = page.locator(".count-file")
    place.locator("input").set_input_files(path)
    assert "config.json: done" in ended(page)
    region = place.get_by_role("region", name="Count of your file")
    assert f"{total:,}" in region.inner_text() and "key-value cache" in region.inner_text()
    drawn = region.locator("svg").get_attribute("aria-label")
    assert f"config.json, drawn to scale: {total:,} parameters" in drawn
    drop(page, place, other)
    page.wait_for_function(
        "!document.querySelector('.count-file .live').textContent.includes('MLP')"
    )
    ended(page)
    (sentence,) = region.inner_text().strip().splitlines()
    assert sentence.startswith("model.gguf: ")
    assert window.faults == []


def drop(page: Page, place: Locator, path: Path) -> None:
    """Let go of a file over a place of the page."""
    transfer = page.evaluate_handle(
        """([name, content]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([content], name));
          return transfer;
        }""",
        [path.name, path.read_text("latin-1")],
    )
    place.dispatch_event("drop", {"dataTransfer": transfer})


def test_an_exercise_is_checked_and_the_quiz_answers_in_the_page(visit):
    window = visit()
    page = window.open("parameters/04.html")
    cell = cell_of(page, "exercise-1")
    code = cell.locator("pre").first.inner_text()
    assert "done" in press(page, cell) and "no answer yet" in output(cell)
    name = re.search(r"(\w+) = None", code)[1]
    assert "done" in change(page, cell, re.sub("None.*", "-1", code, count=1))
    hint = output(cell)
    assert hint.strip() and "no answer yet" not in hint and name in code
    reply = page.locator(".quiz details").first
    page.evaluate("document.querySelector('.quiz details').open = false")
    reply.locator("summary").click()
    assert reply.locator("p").is_visible()
    assert window.faults == []


@pytest.mark.slow
def test_the_real_model_is_loaded_for_who_asks_and_only_if_it_is_the_right_one(visit, supply):
    if "model" not in supply:
        skip_or_fail("the site was built without the real model: paramlab fetch")
    page = visit().open("parameters/01.html")
    loaded = []
    page.on("request", lambda request: loaded.append(request.url.rpartition("/")[2]))
    cell, file = cell_of(page, "zoom"), supply["model"]["file"]
    assert "needs the real model" in press(page, cell) and file not in loaded
    load = cell.get_by_role("button", name="Load the model, 99 MB")
    page.route(f"**/{file}", lambda route: route.fulfill(body=b"another model"))
    page.evaluate("document.querySelector('.live-panel p').replaceChildren()")
    load.click()
    assert "could not be loaded" in ended(page)
    page.unroute(f"**/{file}")
    assert "done" in press(page, cell) and file in loaded
    (own, live) = next(
        (each["own"], each["live"])
        for each in page.evaluate(OUTPUTS)
        if each["name"] == "cell-zoom"
    )
    assert own == live


def test_an_endless_loop_and_a_full_memory_end_and_the_page_goes_on(visit):
    page = visit().open(PURE)
    cell = first_cell(page)
    cell.get_by_role("button", name="Edit").click()
    cell.get_by_role("textbox").fill("while True: pass")
    cell.get_by_role("button", name="Run").click()
    page.wait_for_timeout(1000)
    page.get_by_role("button", name="Stop").click()
    assert "Stopped" in ended(page)
    assert "MemoryError" in change(page, cell, "x = [bytearray(10**9) for _ in range(9)]")
    assert "done" in change(page, cell, "2 + 2") and output(cell).strip() == "4"


def test_without_its_files_the_page_says_so_and_stays(visit):
    window = visit()
    page = window.open(PURE)
    cell = first_cell(page)
    own = cell.inner_text()
    for file, spoil in (
        ("**/pyodide.asm.wasm", lambda route: route.abort("connectionreset")),
        ("**/pyodide.asm.wasm", lambda route: route.fulfill(body=b"\0asm\1\0\0\0")),
        ("**/pyodide.asm.js", lambda route: route.fulfill(body="another", content_type=SCRIPT)),
        ("**/*python_stdlib.zip", lambda route: route.fulfill(body=b"PK another file")),
        ("**/paramlab-*.whl", lambda route: route.fulfill(body=b"PK another file")),
        ("**/live.json", lambda route: route.fulfill(status=404)),
    ):
        page.route(file, spoil)
        assert press(page, cell) == UNREACHABLE
        page.unroute(file)
    assert cell.inner_text() == own
    assert "done" in press(page, cell)


class Failing(Quiet):
    """Serve the interpreter up to its middle; then the connection is lost."""

    def copyfile(self, source, outputfile) -> None:
        """Send the file, or the half of it."""
        if not self.path.endswith(".wasm"):
            super().copyfile(source, outputfile)
            return
        outputfile.write(source.read()[: Path(source.name).stat().st_size // 2])
        self.close_connection = True


def test_a_connection_lost_in_the_middle_is_said_and_the_page_stays(browser: Browser, site: Path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Failing, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    window = Visit(browser, f"http://127.0.0.1:{server.server_port}{sub_path(site).rstrip('/')}")
    page = window.open(PURE)
    cell = first_cell(page)
    own = cell.inner_text()
    assert press(page, cell) == UNREACHABLE
    assert cell.inner_text() == own
    window.context.close()
    server.shutdown()


@pytest.mark.parametrize("lacking", ["WebAssembly", "Worker"])
def test_an_old_browser_is_told_why_nothing_runs(visit, lacking: str):
    window = visit()
    window.page.add_init_script(f"delete globalThis.{lacking}")
    page = window.open(PURE)
    assert "cannot run Python" in press(page, first_cell(page))
    assert window.faults == []


def test_a_page_from_a_file_says_that_it_needs_a_server(visit, site: Path):
    window = visit()
    window.context.unroute("**/*")
    page = window.page
    page.goto((site / PURE).as_uri())
    first_cell(page).get_by_role("button", name="Run").click()
    page.wait_for_selector(".live-panel")
    assert "python -m http.server" in page.locator(".live-panel p").inner_text()
