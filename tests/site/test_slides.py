"""The lecture slides and the figures as files: whole, readable from afar, and turned by keys."""

import csv
import io
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import checks
import lecture
import pytest
import slides
from bs4 import BeautifulSoup
from sphinx.util.images import get_image_size
from test_browser import violations

OVERFULL = """() => [...document.querySelectorAll('.slide')].filter((slide) => {
  document.querySelector('.now')?.classList.remove('now');
  slide.classList.add('now');
  for (const answer of slide.querySelectorAll('details')) answer.open = true;
  const least = slide.querySelector('.drawing')?.clientHeight ?? innerHeight;
  return slide.scrollHeight > innerHeight + 1 || least < innerHeight / 3;
}).map((slide) => slide.textContent.trim().slice(0, 90))"""


@pytest.fixture(scope="session")
def decks(site: Path) -> list[Path]:
    """Return the decks, one for each part that has chapters."""
    found = sorted((site / "slides").glob("part-*.html"))
    assert len(found) == 4
    return found


def test_a_chapter_gives_its_slides():
    page = """<article><h1><span class="section-number">4 </span>Counts</h1><p>In short.</p>
    <div class="admonition guess"><p class="admonition-title">Your guess</p><p>How many?</p>
      <reader-guess><p>Kept.</p></reader-guess></div>
    <figure><svg class="figure narrow" aria-label="n"></svg><svg class="figure wide"
    aria-label="A column" viewBox="0 0 90 40"><clipPath/></svg><figcaption><p><span
    class="caption-number">Figure 4.1 </span><span class="caption-text">A column. It is
    <a href="#">tall</a>.</span></p></figcaption></figure>
    <ol class="quiz"><li><p>Why?</p><details><summary>So.</summary><p><strong>No.</strong> Not
    so.</p></details><details><summary>Thus.</summary><p><strong>Yes.</strong> Thus.</p></details>
    </li></ol><section id="take-away"><h2>Take away</h2><ul><li>One.</li></ul></section>"""
    page = page.replace('<svg class="figure wide"\n    ', '<svg class="figure wide" ')
    chapter = lecture.read_chapter(page.replace("    ", ""))
    assert (chapter.number, chapter.title, chapter.answer) == (4, "Counts", "In short.")
    assert chapter.guess == "<p>How many?</p>" and chapter.take_away == "<ul><li>One.</li></ul>"
    (figure,), (question,) = chapter.figures, chapter.questions
    assert (figure.number, figure.headline, figure.alt) == ("4.1", "A column.", "A column")
    assert figure.take_away == "It is\ntall." and "clipPath" in figure.drawing
    assert (question.letter, question.reply.strip(), len(question.choices)) == ("b", "Thus.", 2)
    assert list(chapter.steps()) == [figure, question]


def test_a_caption_is_parted_after_its_first_sentence_and_between_elements():
    assert lecture.sentences("<em>A. B</em> and 3.1. Then more. End.") == (
        "<em>A. B</em> and 3.1.",
        "Then more. End.",
    )
    assert lecture.sentences("No end") == ("No end", "")


def test_every_chapter_figure_and_question_is_in_a_deck(site: Path, decks):
    text = "".join(path.read_text("utf-8") for path in decks)
    for number in range(1, 15):
        assert f'id="chapter-{number}"' in text
    pages = [path for path in checks.pages(site) if re.fullmatch(r"\d\d", path.stem)]
    for path in pages:
        page = checks.parse(path)
        for label in page.select("figure:has(svg) .caption-number"):
            assert f'<span class="which">{label.get_text().strip()}</span>' in text
    assert text.count('class="slide question"') == sum(
        len(checks.parse(path).select("ol.quiz > li")) for path in pages
    )


def test_a_deck_is_one_file_that_loads_nothing(decks):
    for path in decks:
        page = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        loaded = [
            target for target in checks._loaded(path) if not target.startswith(("data:", "#"))
        ]
        assert loaded == [] and len(page.find_all("h1")) == 1
        ids = [tag["id"] for tag in page.find_all(id=True)]
        assert len(ids) == len(set(ids))
        assert all(svg.get("aria-label") for svg in page.find_all("svg"))
        assert not [name for name in ("site-packages", str(checks.ROOT)) if name in page.decode()]
        used = set(re.findall(r"(?:url\(|href=\")#([\w-]+)", page.decode()))
        assert used <= set(ids)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_deck_is_accessible_and_no_slide_is_overfull(visit, site: Path, decks, theme: str):
    window = visit(color_scheme=theme)
    window.page.set_viewport_size({"width": 1280, "height": 720})
    for path in decks:
        page = window.open(path.relative_to(site).as_posix())
        assert page.locator("html").get_attribute("data-theme") == theme
        assert violations(page) == []
        assert page.evaluate(OVERFULL) == []
    assert window.faults == []


def test_keys_turn_slides_and_open_an_answer_first(visit):
    page = visit(color_scheme="light").open("slides/part-1.html")

    def shown() -> str:
        return page.locator(".slide.now").text_content() or ""

    first = shown()
    page.keyboard.press("ArrowRight")
    assert shown() != first and page.url.endswith("#chapter-1")
    while not page.locator(".now details").count():
        page.keyboard.press(" ")
    asked = shown()
    page.keyboard.press("ArrowRight")
    assert shown() == asked and page.locator(".now details[open]").count() == 1
    page.keyboard.press("ArrowRight")
    assert shown() != asked
    page.get_by_role("button", name="Light or dark").press("Enter")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.keyboard.press("Home")
    assert shown() == first
    page.locator(".chapters a").nth(1).click()
    assert page.url.endswith("#chapter-2")
    page.get_by_label("Slide before").click()
    assert not page.url.endswith("#chapter-2")


def test_without_scripts_all_slides_are_there_and_printing_gives_a_page_for_each(visit):
    page = visit(java_script_enabled=False).open("slides/part-4.html")
    assert page.locator(".slide:visible").count() == page.locator(".slide").count()
    page = visit(color_scheme="dark").open("slides/part-4.html")
    pdf = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == page.locator(".slide").count()


def test_the_figures_are_files_with_captions_and_words(site: Path):
    folder = site / "slides"
    with zipfile.ZipFile(folder / "figures.zip") as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("captions.csv").decode())))
        assert len(archive.namelist()) == 2 * len(rows) + 1
    assert len(rows) > 50
    for row in rows:
        path = folder / f"figure-{row['figure']}.svg"
        drawing = ElementTree.parse(path).getroot()
        title, words = (drawing.findtext(f"{{*}}{name}") for name in ("title", "desc"))
        assert title == f"Figure {row['figure']}. {row['caption']}" and words == row["in words"]
        assert len(row["in words"]) > 40 and "var(" not in path.read_text("utf-8")
        width, height = get_image_size(str(path.with_suffix(".png")))
        assert width == 1920 and height > 400
    page = checks.parse(site / "teaching" / "slides.html")
    assert len(page.select('a[href$=".svg"]')) == len(page.select('a[href$=".png"]')) == len(rows)


def test_what_is_drawn_is_the_drawing(site: Path):
    svg = (site / "slides/figure-1.2.svg").read_text("utf-8")
    emptied = re.sub(r"(<rect [^>]*/>).*", r"\1</svg>", svg, count=1, flags=re.DOTALL)
    assert len(slides.as_png(svg)) > 3 * len(slides.as_png(emptied))
