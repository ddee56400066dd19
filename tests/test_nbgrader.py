"""nbgrader as the administration: its gradebook, marks by hand, feedback, without its grading."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from paramlab_course.batch import grade_all
from paramlab_course.box import Limits
from paramlab_course.cli import SOURCES, main
from paramlab_course.collecting import collect
from paramlab_course.example import example
from paramlab_course.marks import results

pytest.importorskip("nbgrader", reason="it comes with requirements-instructor.txt")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("sandbox")]
NAME = "assignment-1"


def nbgrader(folder: Path, *arguments: str) -> None:
    program = Path(sys.executable).with_name("nbgrader")
    ran = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_scores_go_there_marks_come_back_and_feedback_shows_messages(tmp_path):
    course = example(tmp_path / "course", SOURCES, 4)
    collect(course, "1", course.folder / "submissions")
    grade_all(course, "1", Limits())
    there = tmp_path / "nbgrader"
    to = ["nbgrader", "1", str(there), "--course", str(course.folder)]
    assert main(to) == 0 and main(to) == 0  # again: nothing is there twice
    before = results(course, "1")
    with gradebook(there) as book:
        for student, result in before.items():
            assert book.find_submission(NAME, student).score == sum(
                mark.points or 0 for mark in result.questions.values()
            )
            grade = book.find_grade("q13", NAME, NAME, student)
            assert grade.needs_manual_grade
            grade.manual_score, grade.needs_manual_grade = 2.5, False
            comment = book.find_comment("q13", NAME, NAME, student)
            comment.manual_comment = "Say what each count is for."
        book.db.commit()
    assert main([*to, "--read"]) == 0
    for student, result in results(course, "1").items():
        mark = result.questions["q13"]
        assert (mark.state, mark.points) == ("marked", 2.5) and "each count" in mark.message
        assert result.points == 2.5 + sum(m.points or 0 for m in before[student].questions.values())
    assert main(to) == 0  # what was marked by hand stays
    nbgrader(there, "generate_feedback", NAME)
    for student, result in results(course, "1").items():
        page = (there / f"feedback/{student}/{NAME}/{NAME}.html").read_text(encoding="utf-8")
        assert "Say what each count is for." in page
        assert all(m.message.split("'")[0] in page for m in result.questions.values())
    nbgrader(there, "export")
    with (there / "grades.csv").open(encoding="utf-8") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores == {student: result.points for student, result in results(course, "1").items()}


def gradebook(folder: Path):
    from nbgrader.api import Gradebook

    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return Gradebook(f"sqlite:///{folder / 'gradebook.db'}")


def test_what_nbgrader_shows_is_made_anew_and_holds_no_output_and_no_script(tmp_path):
    course = example(tmp_path / "course", SOURCES, 1)
    (handed_in,) = (course.folder / "submissions").rglob("*.ipynb")
    content = json.loads(handed_in.read_text(encoding="utf-8"))
    script = "<script>mine()</script> <img src=x onerror='mine()'>"
    told = {
        "q13": f"**Answer to q13**\n\n{script}\n\nAnd then?",
        "q7": f'raise OSError("{script}")',
    }
    for cell in content["cells"]:
        if cell["id"] in told:
            start = "" if cell["id"] == "q13" else "def q7(*a):\n    "
            cell["source"] = start + told[cell["id"]]
    handed_in.write_text(json.dumps(content), encoding="utf-8")
    collect(course, "1", course.folder / "submissions")
    there = tmp_path / "nbgrader"
    grade_all(course, "1", Limits())
    assert main(["nbgrader", "1", str(there), "--course", str(course.folder)]) == 0
    (path,) = there.glob(f"autograded/*/{NAME}/*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert all(not cell.get("outputs") for cell in cells)
    graded = [cell["metadata"]["nbgrader"]["grade_id"] for cell in cells if cell["metadata"]]
    assert graded == [item.name for item in course.source("1").items]
    nbgrader(there, "generate_feedback", NAME)
    (page,) = there.glob(f"feedback/*/{NAME}/*.html")
    text = page.read_text(encoding="utf-8")
    assert "<script>mine" not in text and "<img src=x" not in text and 'onerror="' not in text
    assert text.count("&lt;script&gt;mine()") == 3  # the answer, the code, and what is said of it
