"""Who wrote alike: what is given to compare50, and what it finds."""

import os
import re
import shutil
from pathlib import Path

import pytest
from paramlab_course import proof, release
from paramlab_course.cli import SOURCES, main
from paramlab_course.course import Course, create

pytestmark = pytest.mark.skipif(os.name != "posix", reason="instructors work on Linux or macOS")
PROGRAM = os.environ.get("COMPARE50") or shutil.which("compare50")
ODD = """def q5(arrays):
    amounts = []
    for index in range(len(arrays)):
        kind, numbers = arrays[index][0], arrays[index][1]
        while kind == 'Q4_1' and numbers % 32 != 0:
            numbers = numbers + 1
        amounts.append(numbers * {'F32': 4, 'Q8_0': 2, 'Q4_1': 1}.get(kind, 7))
    largest, everything = max(amounts), 0
    for amount in sorted(amounts, reverse=True):
        everything += amount if amount <= largest else -amount
    return everything
"""
RENAMED = ODD
for old, new in (("amounts", "xs"), ("index", "k"), ("numbers", "n"), ("everything", "total")):
    RENAMED = RENAMED.replace(old, new)


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Course:
    """Return a course in which bob has copied from ann; cy wrote alone, and di wrote nothing."""
    course = create(tmp_path_factory.mktemp("course"), "A course", SOURCES)
    students = ("ann", "bob", "cy", "di")
    (course.folder / "roster.csv").write_text("id\n" + "\n".join(students) + "\n", "utf-8")
    source = course.source("1")
    for student in students:
        seed = course.given(student)
        own = {"ann": {"q5": ODD}, "bob": {"q5": RENAMED}, "cy": proof.solved(source, seed)}
        cells = {name: f"{code}\n\ncheck({name!r})" for name, code in own.get(student, {}).items()}
        cells = {name: code.replace("'q5'", '"q5"') for name, code in cells.items()}
        made = proof.answered(source, release.notebook(source, seed), cells)
        release.write(made, course.path("submitted", "1", f"{student}.ipynb"))
    return course


def fake(folder: Path, body: str) -> Path:
    """Return a compare50 whose Python does this instead."""
    folder.mkdir()
    (folder / "python3").write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    (folder / "python3").chmod(0o755)
    return folder / "compare50"


def similar(course: Course, program: object) -> int:
    return main(["similar", "1", "--course", str(course.folder), "--compare50", str(program)])


def test_it_compares_code_without_what_was_handed_out(course, tmp_path, capsys):
    program = fake(tmp_path / "bin", 'echo "$@" >asked; mkdir report; touch report/index.html')
    assert similar(course, program) == 0
    folder = course.path("similar", "1")
    asked = (folder / "asked").read_text("utf-8")
    assert "compare50 answers/ann answers/bob answers/cy -d handed-out" in asked  # di: nothing
    assert (folder / "answers/ann/q5.py").read_text("utf-8") == ODD
    assert not (folder / "answers/cy/q1.py").exists()  # a number differs by student
    assert "return None" in (folder / "handed-out/q5.py").read_text("utf-8")
    assert "3 students compared" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(not PROGRAM, reason="COMPARE50 names no compare50, nor is it on the path")
def test_a_copy_with_other_names_is_found_first(course):
    assert similar(course, PROGRAM) == 0
    page = course.path("similar", "1", "report/match_1.html").read_text("utf-8")
    assert set(re.findall(r"answers/(\w+)", page)) == {"ann", "bob"}


def test_without_compare50_or_where_it_fails_there_is_one_sentence(course, tmp_path, capsys):
    assert similar(course, tmp_path / "nowhere/compare50") == 2
    assert "pip install compare50" in capsys.readouterr().err
    assert similar(course, fake(tmp_path / "bin", "echo it is tired >&2; exit 3")) == 2
    out, err = capsys.readouterr()
    assert out == "" and err == "paramlab-course similar: compare50 failed: it is tired\n"
    for student in ("bob", "cy"):
        course.path("submitted", "1", f"{student}.ipynb").unlink()
    assert similar(course, tmp_path / "bin/compare50") == 2
    assert "fewer than two students" in capsys.readouterr().err
