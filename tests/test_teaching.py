"""The teaching pages say what the sources say, and the quizzes go into other systems whole."""

import json
import re
import xml.etree.ElementTree as Tree
from pathlib import Path

import pytest
from paramlab import catalog, costs, coursework, quizzes
from paramlab.params import count
from paramlab_course import teaching
from paramlab_course.cli import main
from paramlab_course.source import read

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "book" / "teaching"
SOURCES = [read(path) for path in sorted((ROOT / "book/assignments").glob("assignment_*.py"))]
PLAN = (PAGES / "schedule.toml").read_text("utf-8")
MEASURED = (PAGES / "memory.json").read_text("utf-8")
every_chapter = pytest.mark.parametrize("chapter", quizzes.chapters())


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_the_lists_of_a_page_are_those_of_the_sources(page):
    text = page.read_text("utf-8")
    assert teaching.filled(text, SOURCES, PLAN, MEASURED) == text
    assert text.count("% begin") == len(teaching.MARKED.findall(text))


def test_a_changed_source_changes_its_page():
    page = "% begin schedule days\n\nold\n\n% end\n"
    plan = '[[days]]\nchapters = [1, 2]\ndo = "read"\n'
    new = teaching.filled(page, [], plan, MEASURED)
    assert "1. Chapters 1 and 2: read.\n" in new and "old" not in new
    assert teaching.filled(new, [], plan, MEASURED) == new


def test_memory_is_told_for_the_two_chapters_that_need_most():
    peaks = {"1": (3000, 1000), "2": (500, 100), "3": (2000, 900)}
    chapters = {name: {"peak_mb": a, "private_mb": b} for name, (a, b) in peaks.items()}
    told = teaching.memory(
        json.dumps({"date": "2026-01-02", "jupyterlab_mb": 100, "chapters": chapters})
    )
    assert "is 3.0 GB, chapter 1; chapter 3 takes 2.0 GB, every other at most 0.5 GB" in told
    assert "Of that, 2.0 GB are the model" in told and "takes 0.1 GB more" in told
    assert set(json.loads(MEASURED)["chapters"]) == set(map(str, quizzes.chapters()))


def test_the_page_and_the_readme_name_the_same_five_commands():
    readme = (ROOT / "pkg/course/README.md").read_text("utf-8")
    commands = re.findall(r"^    (\.venv/bin/.*)$", readme, re.MULTILINE)
    assert len(commands) == 5
    assert "```\n{}\n```".format("\n".join(commands)) in (PAGES / "course.md").read_text("utf-8")


def test_every_question_stands_on_the_page_and_no_solution_does():
    text = (PAGES / "assignments.md").read_text("utf-8")
    for source in SOURCES:
        for item in source.items:
            assert f"**{item.name}. {item.title}** (chapter {item.spec.chapter};" in text
            assert f"): {item.spec.objective}." in text
            for _, message in item.wrongs().values():
                assert message not in text


def test_the_longest_course_goes_through_every_chapter_and_asks_for_every_assignment():
    plan = teaching.schedule(PLAN, "weeks_6")
    named = re.findall(r"^\d+\. Chapters? (\d+)(?: and (\d+))?:", plan, re.MULTILINE)
    chapters = {int(n) for pair in named for n in pair if n}
    assert chapters == set(quizzes.chapters())
    for source in SOURCES:
        assert f"assignment {source.name}" in plan


@every_chapter
def test_moodle_gets_every_choice_with_its_reply(chapter):
    root = Tree.fromstring(teaching.quiz_for("moodle", chapter))
    for question, item in zip(root, quizzes.items(chapter), strict=True):
        answers = question.findall("answer")
        assert [answer.get("fraction") for answer in answers].count("100") == 1
        replies = [answer.findtext("feedback/text") for answer in answers]
        plain = [re.sub(r"[*`]", "", choice.reply) for choice in item.choices]
        unmarked = [re.sub("<[^>]+>", "", reply or "") for reply in replies]
        assert [text.replace("&quot;", '"').replace("&#x27;", "'") for text in unmarked] == plain


@every_chapter
def test_text2qti_gets_one_right_choice_for_each_question(chapter):
    text = teaching.quiz_for("text2qti", chapter)
    items = quizzes.items(chapter)
    assert len(re.findall(r"^\*[a-e]\) ", text, re.MULTILINE)) == len(items)
    assert len(re.findall(r"^\.\.\. ", text, re.MULTILINE)) == sum(len(i.choices) for i in items)


def test_a_chapter_without_a_quiz_is_one_sentence(capsys):
    assert main(["quiz", "99", "--to", "moodle"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("paramlab-course quiz: chapter 99 has no quiz")


def test_the_worked_examples_of_the_capstone_run_and_show_what_they_say(capsys):
    page = (PAGES / "capstone.md").read_text("utf-8")
    first, second = re.findall(r"(?s)```python\n(.*?)```", page)
    exec(first, {})
    printed = [int(line.split()[2]) for line in capsys.readouterr().out.splitlines()]
    config = catalog.find("llama3.1-8b").config
    assert printed[0] == 2 * count(config).total
    assert printed[-1] == costs.kv_cache_bytes(config, 131_072) > printed[0]
    exec(second, {})
    ratios = [line.split()[1] for line in capsys.readouterr().out.splitlines()]
    said = page[page.index("The control gives") :].partition("\n")[0]
    assert re.findall(r"\d\.\d+", said) == ratios


def test_the_capstone_has_a_hundred_points_and_a_notebook_with_its_headings():
    page = (PAGES / "capstone.md").read_text("utf-8")
    points = [int(n) for n in re.findall(r"^- \*\*.*, (\d+) points\.\*\*$", page, re.MULTILINE)]
    assert sum(points) == sum(source.points for source in SOURCES) == 100
    cells = json.loads(coursework.available()["capstone"].read_text("utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    parts = re.findall(r"^\d\. \*\*(.+?)\*\*", page, re.MULTILINE)
    assert len(parts) == len(re.findall(r"^## \d\. ", text, re.MULTILINE)) == 5
    assert len(re.findall("^### Claim", text, re.MULTILINE)) == 5
    assert len(re.findall("^### Experiment", text, re.MULTILINE)) == 2
