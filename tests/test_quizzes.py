"""The quizzes: their form, their place on the pages, and that no choice goes without a reply."""

import re
from collections import Counter

import form
import prose_numbers
import pytest
from paramlab import quizzes

ITEMS = [item for chapter in quizzes.chapters() for item in quizzes.items(chapter)]
PAGES = {int(page.name[:2]): page for page in prose_numbers.pages() if form.is_chapter(page)}


def test_every_chapter_has_a_quiz_of_six_to_eight_questions():
    assert quizzes.chapters() == sorted(PAGES)
    for chapter in quizzes.chapters():
        assert 6 <= len(quizzes.items(chapter)) <= 8, chapter


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: f"{item.chapter}-{item.id}")
def test_every_choice_has_a_reply_of_its_own_and_no_choice_shows_by_its_length(item):
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", item.id)
    assert 2 <= len(item.wrong) <= 4
    assert item.asks.endswith(("?", ":", "."))
    for choice in item.choices:
        assert choice.text.strip() and len(choice.reply) >= 30, choice
    assert len({choice.text for choice in item.choices}) == len(item.choices)
    assert len({choice.reply for choice in item.choices}) == len(item.choices)


def test_the_right_choice_is_neither_always_first_nor_always_the_longest():
    places = Counter(item.choices.index(item.right) for item in ITEMS)
    longest = sum(item.right == max(item.choices, key=lambda c: len(c.text)) for item in ITEMS)
    assert max(places.values()) <= 0.5 * len(ITEMS)
    assert longest <= 0.5 * len(ITEMS)


def test_addresses_are_unique():
    assert max(Counter(item.id for item in ITEMS).values()) == 1


@pytest.mark.parametrize("chapter", quizzes.chapters())
def test_the_page_shows_the_quiz_as_it_is(chapter):
    notebook = form.load(PAGES[chapter])
    (cell,) = [cell for cell in notebook.cells if cell.metadata.get("name") == "quiz"]
    assert cell.outputs[0].data["text/html"] == quizzes.quiz(chapter)


def test_html_is_escaped_and_says_which_choice_is_right():
    html = quizzes.quiz(1)
    assert html.count("<strong>Yes.</strong>") == len(quizzes.items(1))
    assert html.count("<details") == html.count("</details>") == html.count("<summary>")


def test_a_chapter_without_a_quiz_is_refused():
    with pytest.raises(LookupError, match="chapter 99 has no quiz"):
        quizzes.items(99)
