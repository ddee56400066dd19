"""The built site in a real browser: four ways to look at it, and everything that can be pressed."""

import importlib.resources
from pathlib import Path

import pytest
from checks import looked_at
from conftest import SIZES, Visit
from playwright.sync_api import Page, expect

AXE = importlib.resources.files("axe_playwright_python") / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SMALLEST_FIGURE_TEXT = 10.5  # pixels, of labels that have to be small; the rest has 13 to 14
CHAPTER = "parameters/01.html"
OPEN_ALL = "document.querySelectorAll('details').forEach(fold => { fold.open = true; })"


def violations(page: Page) -> list[str]:
    """Return what axe finds; colors of code and of figures are tested in test_extensions.py."""
    page.evaluate(OPEN_ALL)
    page.evaluate("dispatchEvent(new Event('resize'))")  # what was folded may scroll
    page.evaluate(AXE.read_text("utf-8"))
    # ten entries of a table stand for a hundred: axe looks at every cell for a millisecond or two
    found = page.evaluate(
        """async (rules) => {
          for (const table of document.querySelectorAll("table")) {
            for (const body of [...table.tBodies].slice(10)) body.remove();
          }
          const parts = {exclude: ["svg.figure > *", ".highlight pre > span"]};
          const only = {type: "tag", values: rules};
          return (await axe.run(parts, {runOnly: only, resultTypes: ["violations"]})).violations;
        }""",
        RULES,
    )
    return [f"{fault['id']}: {node['html'][:120]}" for fault in found for node in fault["nodes"]]


@pytest.mark.parametrize(("device", "theme"), [("desktop", "light"), ("phone", "dark")])
def test_every_page_is_accessible_quiet_and_fits(visit, site: Path, device: str, theme: str):
    window = visit(device, color_scheme=theme)
    for path in looked_at(site):
        page = window.open(path.relative_to(site).as_posix())
        assert page.locator("html").get_attribute("data-theme") == theme
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= SIZES[device]["width"], f"{path} is {width} wide"
        assert violations(page) == [], path
    assert window.faults == []


def test_the_accessibility_rules_find_a_planted_fault(visit):
    page = visit().open("index.html")
    page.evaluate("document.querySelector('main').innerHTML += '<button></button>'")
    assert any("button-name" in fault for fault in violations(page))


def test_a_foreign_request_and_a_script_error_are_noticed(visit):
    window = visit()
    page = window.open("index.html")
    page.evaluate("new Image().src = 'https://example.org/a.png'")
    page.evaluate("setTimeout(() => { throw new Error('planted') })")
    page.wait_for_timeout(300)
    assert any("example.org" in fault for fault in window.faults)
    assert any("planted" in fault for fault in window.faults)


def test_from_a_folder_without_a_server_pages_load_compute_and_find(browser, site: Path):
    window = Visit(browser, site.as_uri())
    for path in ("index.html", CHAPTER, "reference/ledger.html", "models/deepseek-v3.html"):
        window.open(path)
    page = window.open("reference/calculators.html#model=gpt3-175b")
    page.wait_for_function(
        "document.querySelector('parameter-count').textContent.includes('174,604,259,328')"
    )
    page = window.open("reference/models.html")
    assert page.locator(".filter").is_visible()
    page = window.open("search.html?q=bias")
    page.wait_for_selector("mark")
    window.context.close()
    assert window.faults == []


def test_the_chosen_theme_stays_on_the_next_page(visit):
    window = visit(color_scheme="light")
    page = window.open("index.html")
    page.get_by_role("button", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    window.open(CHAPTER)
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_figures_change_their_colors_with_the_page(visit):
    page = visit(color_scheme="light").open(CHAPTER)
    ink = "getComputedStyle(document.querySelector('svg.figure text')).fill"
    light = page.evaluate(ink)
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(ink) != light


@pytest.mark.parametrize("device", SIZES)
def test_text_of_figures_stays_inside_and_readable(visit, site: Path, device: str):
    window = visit(device)
    measure = """() => [...document.querySelectorAll("svg.figure")].flatMap((figure) => {
      if (!figure.getClientRects().length) return [];  // drawn for another width
      const frame = figure.getBoundingClientRect();
      const scale = frame.width / figure.viewBox.baseVal.width;
      return [...figure.querySelectorAll("text")].map((text) => {
        const box = text.getBoundingClientRect();
        const out = Math.max(frame.left - box.left, box.right - frame.right,
                             frame.top - box.top, box.bottom - frame.bottom);
        return [text.textContent, out, parseFloat(getComputedStyle(text).fontSize) * scale];
      });
    })"""
    for path in looked_at(site):
        page = window.open(path.relative_to(site).as_posix())
        page.evaluate(OPEN_ALL)
        for words, out, size in page.evaluate(measure):
            assert out < 3, f"{path}: {words!r} leaves its figure by {out:.0f} pixels"
            assert size > SMALLEST_FIGURE_TEXT, f"{path}: {words!r} is {size:.1f} pixels high"


QUESTIONS = {
    "parameters": "parameter",
    "a real language model": "real",
    "bias": "bias",
    "175": "175",
    "参数": "参数",
    "参数数量": "参数",  # in the middle of a sentence without spaces
    "1750亿参数": "1750億參數",  # as article A does not write it
    "SmolLM2": "SmolLM2",
    "Llama 3.1": "Llama",
}


@pytest.mark.parametrize(("question", "word"), QUESTIONS.items())
def test_search_finds_words_phrases_numbers_and_chinese(visit, question: str, word: str):
    window = visit()
    page = window.open("index.html")
    page.get_by_role("searchbox").fill(question)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=*")
    page.wait_for_selector("mark")
    first = page.locator(".search-results a").first
    target = first.get_attribute("href")
    first.click()
    page.wait_for_url(f"**/{target}")
    assert word.lower() in page.locator("main").text_content().lower()
    assert window.faults == []


def test_search_finds_a_model_by_its_name(visit):
    page = visit().open("search.html?q=qwen3-8b")
    first = page.locator(".search-results a").first
    assert first.get_attribute("href") == "models/qwen3-8b.html"
    first.click()
    assert page.locator("h1").inner_text() == "Qwen3-8B"


def test_the_drawing_of_a_model_stands_alone_and_takes_the_colors_of_a_dark_page(visit):
    window = visit(color_scheme="dark")
    table = "getComputedStyle(document.querySelector('.architecture rect')).fill"
    on_page = window.open("models/mixtral-8x7b.html").evaluate(table)
    window.page.get_by_role("link", name="This drawing as a file").click()
    window.page.wait_for_url("**/models/mixtral-8x7b.svg")
    assert window.page.evaluate(table) == on_page == "rgb(13, 166, 108)"
    assert window.faults == []


def test_search_says_when_nothing_is_found_and_loads_no_text_for_it(visit):
    page = visit().open("search.html?q=zzzz")
    page.wait_for_function("document.querySelector('.search-status').textContent.startsWith('No')")
    assert page.evaluate("searchTexts.length") == 0


@pytest.mark.parametrize("wrong", ["nowhere.html", "no/such/folder/page.html"])
def test_a_wrong_address_leads_back_at_any_depth(visit, wrong: str):
    window = visit()
    page = window.open(wrong)
    assert page.locator("h1").inner_text() == "There is no such page"
    assert page.locator(".theme").is_visible()  # its script and its styles were found
    page.locator("main a").first.click()
    page.wait_for_url(f"{window.address}/index.html")
    assert all("404" in fault for fault in window.faults)  # of the wrong address alone


@pytest.mark.parametrize("key", ["Escape", "Enter"])
def test_on_a_phone_the_contents_hold_the_keys_and_lead_back_to_the_place(visit, key: str):
    page = visit("phone").open(CHAPTER)
    contents = page.get_by_role("navigation", name="Book")
    opener = page.get_by_role("link", name="Contents", exact=True)
    page.evaluate("scrollTo(0, 150)")
    opener.focus()
    place = page.evaluate("scrollY")
    page.keyboard.press("Enter")
    close = page.get_by_role("link", name="Close")
    expect(close).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("!document.activeElement.closest('.bar, main, .foot')")
    close.press(key)
    expect(contents).to_be_hidden()
    expect(opener).to_be_focused()
    assert page.evaluate("scrollY") == place


SEEN = """() => {
  const stop = document.activeElement;
  const found = [...stop.getClientRects()].map(({ x, y, width, height }) =>
    document.elementFromPoint(x + width / 2, y + height / 2));
  const seen = found.some((top) => top && (stop.contains(top) || top.contains(stop)));
  return stop === document.body ? null
    : [stop.outerHTML.slice(0, 90), seen && getComputedStyle(stop).outlineStyle !== "none"];
}"""


@pytest.mark.parametrize("device", SIZES)
def test_each_stop_of_the_tab_key_is_seen_and_the_first_leads_to_the_text(visit, device: str):
    page = visit(device).open("reference/calculators.html")
    stops = []
    while True:
        page.keyboard.press("Tab")
        stop = page.evaluate(SEEN)
        if stop is None:
            break
        stops.append(stop)
    assert len(stops) > 40 and "Skip to the text" in stops[0][0]
    assert [stop for stop, seen in stops if not seen] == []
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('main')")


def test_a_listener_hears_which_cell_a_button_belongs_to(visit):
    page = visit().open(CHAPTER)
    names = page.locator(".cell button").all_text_contents()
    assert len(names) > 20 and len(set(names)) == len(names)


def test_boxes_unfold_and_pages_read_without_scripts(visit):
    page = visit(java_script_enabled=False).open(CHAPTER)
    assert page.locator("h1").is_visible()
    fold = page.locator("main summary").first
    inside = fold.locator("xpath=following-sibling::*[1]")
    assert not inside.is_visible()
    fold.click()
    assert inside.is_visible()


def test_code_can_be_copied(visit):
    window = visit()
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = window.open(CHAPTER)
    cell = page.locator(".hidden-code[open] > .cell_input").first
    cell.hover()
    cell.get_by_role("button", name="Copy").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == cell.locator("pre").inner_text().strip()


def test_one_switch_folds_all_code_and_is_remembered(visit):
    window = visit()
    page = window.open(CHAPTER)
    code = page.locator(".hidden-code > .cell_input:visible")
    switch = page.get_by_role("button", name="Code")
    shown = code.count()
    assert shown and switch.get_attribute("aria-pressed") == "true"
    switch.click()
    assert code.count() == 0 and switch.get_attribute("aria-pressed") == "false"
    window.open("parameters/02.html")
    assert code.count() == 0
    switch.click()
    assert code.count() > shown
    assert window.faults == []


def test_on_a_phone_code_and_evidence_are_folded_and_an_address_opens_them(visit):
    window = visit("phone")
    page = window.open(CHAPTER)
    assert page.locator(".cell_input:visible").count() == 0
    inside = page.locator(".evidence h2").first
    assert not inside.is_visible()
    anchor = page.locator(".evidence > section").first.get_attribute("id")
    page.goto("about:blank")
    window.open(f"{CHAPTER}#{anchor}")
    assert inside.is_visible()
    assert window.faults == []


def test_arrow_keys_turn_pages_but_not_where_they_scroll_or_type(visit):
    page = visit().open(CHAPTER)
    page.get_by_role("searchbox").press("ArrowRight")
    assert page.url.endswith(CHAPTER)
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/parameters/02.html")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**/{CHAPTER}")


def test_the_bar_leaves_on_the_way_down_and_returns_on_the_way_up(visit):
    page = visit("phone").open(CHAPTER)
    bar = page.locator(".bar")
    for place, is_away in ((1500, True), (1200, False), (2500, True)):
        page.evaluate(f"scrollTo(0, {place})")
        page.wait_for_function(
            f"document.querySelector('.bar').classList.contains('away') === {str(is_away).lower()}"
        )
    assert float(bar.evaluate("bar => bar.style.getPropertyValue('--progress')")) > 0.1


def test_the_front_door_answers_within_a_tap_and_without_scripts(visit):
    page = visit("phone", java_script_enabled=False).open("index.html")
    fold = SIZES["phone"]["height"]
    for part in ("h1", ".specimen", "svg.figure", ".start a"):
        box = page.locator(part).first.bounding_box()
        assert box and box["y"] + box["height"] <= fold, part
    answers = page.locator(".try strong")
    for i, choice in enumerate(page.locator(".try > summary").all()):
        choice.click()
        seen = [answer.is_visible() for answer in answers.all()]
        assert seen == [j == i for j in range(len(seen))]


def test_no_output_is_cut_on_a_phone_but_tables_with_a_name(visit, site: Path):
    """Nor does a table lose a column, but the catalog, whose models have pages of their own.

    No number is broken, nor a name of a row, and each number below its row's name has a name. The
    words on a fold are whole, as are those of a cell and the flags of a command.
    """
    window = visit("phone")
    lost = """() => [...document.querySelectorAll("table:not(.sortable) tbody :is(td, th)")].filter(
      (cell) => cell.textContent.trim() && cell.closest("table").getClientRects().length
        && !cell.getClientRects().length).map((cell) => cell.textContent.slice(0, 60))"""
    cut = """() => [...document.querySelectorAll(".cell_output pre, .cell_output .printed")].filter(
      (box) => box.getClientRects().length && box.scrollWidth > (box.tagName === "PRE" ? box
        : box.parentElement).clientWidth + 1).map((box) => box.textContent.slice(0, 60))"""
    torn = r"""() => [...document.querySelectorAll("td, .pre")].flatMap((box) => {
      const texts = document.createTreeWalker(box, NodeFilter.SHOW_TEXT), range = new Range();
      const found = [], words = /(?<!\w)[−+-]+[\w.,]+%?|[\w.,]+%?/g;
      while (texts.nextNode()) for (const word of texts.currentNode.data.matchAll(words)) {
        range.setStart(texts.currentNode, word.index);
        range.setEnd(texts.currentNode, word.index + word[0].length);
        if (word[0].length < 20 && range.getClientRects().length > 1) found.push(word[0]);
      }
      return found;
    })"""
    broken = r"""() => [...document.querySelectorAll("td")].filter((cell) => {
      const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), range = new Range();
      while (texts.nextNode()?.textContent.trim() === "");
      if (!/^\s*[−+-]?[\d.,]+%?\s*$/.test(cell.textContent)) return false;
      range.selectNodeContents(texts.currentNode);
      return range.getClientRects().length > 1;
    }).map((cell) => cell.textContent)"""
    split = """() => [...document.querySelectorAll("td:first-child, th")].flatMap((cell) => {
      const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), range = new Range();
      const found = [];
      while (texts.nextNode()) for (const word of texts.currentNode.data.matchAll(/[A-Za-z]+/g)) {
        range.setStart(texts.currentNode, word.index);
        range.setEnd(texts.currentNode, word.index + word[0].length);
        if (range.getClientRects().length > 1) found.push(word[0]);
      }
      return found;
    })"""
    ellipsis = """() => [...document.querySelectorAll(".hidden-code:not([open]) > summary")]
      .filter((fold) => fold.scrollWidth > fold.clientWidth + 1).map((fold) => fold.textContent)"""
    unnamed = r"""() => [...document.querySelectorAll(".printed.wide:has(thead) td")]
      .filter((cell) => !cell.dataset.label && /^\s*[−+-]?\d/.test(cell.textContent))
      .map((cell) => cell.textContent)"""
    for path in looked_at(site):
        page = window.open(path.relative_to(site).as_posix())
        assert page.evaluate(ellipsis) == [], path
        page.evaluate(OPEN_ALL)
        assert page.evaluate(split) == [], path
        assert page.evaluate(cut) == [], path
        assert page.evaluate(lost) == [], path
        assert page.evaluate(torn) == [], path
        assert page.evaluate(broken) == [], path
        if path.stem.isdigit():
            assert page.evaluate(unnamed) == [], path


def test_the_catalog_is_filtered_and_its_notes_unfold(visit):
    page = visit().open("reference/models.html")
    page.get_by_role("searchbox", name="Name").fill("llama 2024")
    shown = page.locator(".models tbody:visible")
    assert 0 < shown.count() < 20
    note = shown.first.locator("tr").nth(1)
    assert not note.is_visible()
    shown.first.get_by_role("button", name="source").click()
    assert note.is_visible()


def test_the_catalog_is_ordered_by_a_column(visit):
    page = visit().open("reference/models.html")
    head = page.locator(".models").get_by_role("columnheader", name="parameters")
    cells = page.locator(".models tbody tr:first-child > :nth-child(3)")
    numbers = [text for text in cells.all_inner_texts() if text[:1].isdigit()]
    for way in ("ascending", "descending"):
        numbers.sort(key=lambda text: int(text.replace(",", "")), reverse=way == "descending")
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", way)
        expect(cells.first).to_have_text(numbers[0])
        assert cells.all_inner_texts()[: len(numbers)] == numbers  # "not counted" comes last


def test_a_wide_box_can_be_scrolled_with_the_keyboard(visit, site: Path):
    window = visit("phone")
    wide = 0
    for path in looked_at(site):
        page = window.open(path.relative_to(site).as_posix())
        for box in page.locator("pre, .scroll").all():
            if box.is_visible() and box.evaluate("box => box.scrollWidth > box.clientWidth"):
                assert box.get_attribute("tabindex") == "0"
                wide += 1
    assert wide
