"""The instructor's side: a class from release to CSV, and submissions that attack the grading."""

import csv
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from functools import cache
from pathlib import Path

import nbformat
import pytest
import yaml
from attacks import ATTACKS
from nbclient import NotebookClient
from paramlab_course import batch, box, proof, release
from paramlab_course.box import Limits, NoSandbox, check_sandbox
from paramlab_course.cli import main
from paramlab_course.collecting import collect
from paramlab_course.course import Course
from paramlab_course.export import exported
from paramlab_course.feedback import page
from paramlab_course.grading import AGAIN, NotGradable, Result, grade, read_bytes
from paramlab_course.marks import results
from paramlab_course.report import report
from paramlab_course.source import Seed, read

ROOT = Path(__file__).parents[1]
SOURCE = read(ROOT / "book/assignments/assignment_1.py")
PACKAGES = (ROOT / "pkg", ROOT / "pkg/course")
SEED = Seed(proof.SECRET, "doe")
MOST_SECONDS = 20.0  # for the worst submission
BREAK_THE_PIPE = {  # so nothing more can be said to them
    "answers on every pipe", "the encoder patched", "the worker taken over",
    "other names for the modules", "the requests taken away",
}  # fmt: skip

pytestmark = pytest.mark.usefixtures("sandbox")


@cache
def blank() -> str:
    return json.dumps(release.notebook(SOURCE, SEED))


def submission(answers: dict[str, str], *extra: str) -> bytes:
    """Return a notebook with these answers, and cells more before the last one."""
    made = proof.answered(SOURCE, json.loads(blank()), answers)
    cells = [
        {"cell_type": "code", "id": f"extra-{i}", "metadata": {}, "outputs": [], "source": text}
        for i, text in enumerate(extra)
    ]
    made["cells"][-1:-1] = cells
    return json.dumps(made).encode()


def graded(content: bytes, seed: Seed = SEED) -> Result:
    return grade(SOURCE, content, seed.student, seed, seed, Limits())


def honest(name: str) -> dict[str, str]:
    return {name: proof.solved(SOURCE, SEED)[name]}


def of_uid(first: int) -> list[int]:
    """Return the processes of the users of the boxes."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if first <= folder.stat().st_uid < first + 100:
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def sleeping() -> list[str]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return [line for line in lines if line.startswith("sleep 4242")]


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gains_nothing_and_touches_nothing(name, tmp_path):
    canary = tmp_path / "canary"
    canary.write_text("untouched", encoding="utf-8")
    canary.chmod(0o666)
    tmp_path.chmod(0o777)
    begun = time.monotonic()
    cell = ATTACKS[name].replace("CANARY", str(canary))
    result = graded(submission(honest("q1"), cell))
    seconds = time.monotonic() - begun
    points = {name: mark.points for name, mark in result.questions.items() if mark.points}
    assert points in ({"q1": 1}, {})
    if name not in BREAK_THE_PIPE:
        assert points == {"q1": 1}  # and it costs no other question
    assert canary.read_text(encoding="utf-8") == "untouched" and len(list(tmp_path.iterdir())) == 1
    assert not any(found in result.as_json() for found in ("untouched", ".py'", ".ipynb'"))
    assert seconds < MOST_SECONDS
    assert not sleeping()
    if os.getuid() == 0:
        assert not of_uid(box.FIRST_UID)


def test_there_are_enough_attacks():
    assert len(ATTACKS) >= 24


def test_nothing_can_be_written_but_in_the_small_folder_for_scratch(monkeypatch):
    with monkeypatch.context() as patched:
        box._namespaces.cache_clear()
        patched.setattr(box.os, "getuid", lambda: 1000)  # then the folders are the code's own
        places = ["/", "/box", "/dev", "/dev/shm", "/usr", "/etc", "/run", "/proc"]
        tries = f"""
written = []
for place in {places}:
    try: written.append(open(place + "/x", "w"))
    except OSError: pass
open("/tmp/x", "w")
q1 = written or {honest("q1")["q1"].split("=")[-1]}
"""
        assert graded(submission({"q1": tries})).questions["q1"].state == "right"
    box._namespaces.cache_clear()


@pytest.mark.slow
def test_the_memory_of_a_box_is_bounded_in_all():
    if not box._cgroup_roots():
        pytest.skip("no control groups can be made here; then only each process is bounded")
    begun = {root: set(root.iterdir()) for root in box._cgroup_roots()}
    hoard = """
import os
for _ in range(6):
    if not os.fork():
        x = bytearray(b"x") * (1 << 29)
        os._exit(0)
    q1 = os.wait()[1]
"""
    assert graded(submission({"q1": hoard})).questions["q1"].points == 0
    assert {root: set(root.iterdir()) for root in box._cgroup_roots()} == begun


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("def q7(d_model, d_ff, gated, bias):\n    while True: pass", "takes too long"),
        ("def q7(*a):\n    import os; os._exit(0)", "ended its process"),
        ("def q7(*a):\n    return 1 / 0", "ZeroDivisionError"),
        ("def q7(*a):\n    return {1, 2}", "NotPlain"),
        ("def q7(*a):\n    return None", ""),
    ],
)
def test_a_crash_or_loop_costs_only_its_question(cell, said):
    result = graded(submission({**honest("q1"), "q7": cell, **honest("q8")}))
    marks = result.questions
    assert (marks["q1"].points, marks["q7"].points, marks["q8"].points) == (1, 0, 3)
    assert said in marks["q7"].message and result.state == "graded"


@pytest.mark.slow
def test_a_cell_that_loops_costs_only_what_it_defines():
    result = graded(submission({**honest("q1"), **honest("q8")}, "while True:\n    pass"))
    assert (result.questions["q1"].points, result.questions["q8"].points) == (1, 3)


def test_a_syntax_error_is_to_be_handed_in_again_and_no_zero():
    result = graded(submission({**honest("q1"), "q7": "def q7(a:\n    return 1"}))
    assert result.state == AGAIN and result.points is None and "q7" in result.reason
    assert result.questions["q7"].state == "again" and result.questions["q7"].points is None
    assert result.questions["q1"].points == 1


@pytest.mark.parametrize(
    "content",
    [
        b"", b"text", b"[]", b"{}", b'{"cells": 3}', b'{"cells": [3]}', b"\xff\xfe", b"[" * 10**6,
        b'{"cells": [{"cell_type": "code", "source": 3}]}', b'{"cells": [' + b"{}," * 9 + b"{}]}",
        json.dumps({"cells": [{"cell_type": "code", "source": "1"}] * 501}).encode(),
    ],
)  # fmt: skip
def test_what_is_no_notebook_is_to_be_handed_in_again(content):
    result = graded(content)
    assert result.state == AGAIN and result.points is None and result.reason


def test_links_pipes_and_large_files_are_not_read(tmp_path):
    (tmp_path / "link.ipynb").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe.ipynb")
    (tmp_path / "large.ipynb").write_bytes(b"x" * 5_000_001)
    for name in ("link", "pipe", "large", "missing"):
        with pytest.raises(NotGradable):
            read_bytes(tmp_path / f"{name}.ipynb")


def test_lines_for_ipython_do_no_harm():
    cells = ("%matplotlib inline\n!ls\nx = 3", "%%timeit\nx = 4", "import numpy?")
    result = graded(submission({"q1": f"%time 3\n{honest('q1')['q1']}"}, *cells))
    assert result.questions["q1"].points == 1


def test_libraries_and_the_package_can_be_used():
    code = "import numpy as np, paramlab\nn = paramlab.count\n"
    solution = proof.solved(SOURCE, SEED, 1)["q6"]
    assert graded(submission({"q6": code + solution})).questions["q6"].points == 3


def test_libraries_below_tmp_are_seen(monkeypatch):
    monkeypatch.setattr(box, "libraries", lambda: ("/tmp/checkout/lib",))
    shown = box._files.__wrapped__()
    assert shown.index("--tmpfs") < shown.index("/tmp/checkout/lib")


def test_an_answer_counts_however_its_name_is_bound(tmp_path):
    right = honest("q1")["q1"].split("=")[1].strip()
    cells = {"q1": f"x, q1 = 0, {right}", "q7": "pass"}
    marks = graded(submission(cells, "def other(*a): pass\nq8 = other")).questions
    assert marks["q1"].state == "right" and marks["q7"].state == "not attempted"
    assert marks["q8"].state == "not attempted"


def test_a_box_that_does_not_start_is_no_fault_of_the_student(course, tmp_path, monkeypatch):
    hand_in(course, tmp_path / "inbox")
    collect(course, "1", tmp_path / "inbox")
    with monkeypatch.context() as patched:
        patched.setattr(box, "command", lambda limits: ["/bin/false"])
        counts = batch.grade_all(course, "1", Limits())
    assert counts == {"graded": 1, "kept": 0, "again": 0, "failed": 3}  # one needs no box
    assert list(results(course, "1")) == ["cy"]
    assert batch.grade_all(course, "1", Limits())["graded"] == 2


def test_the_copy_of_the_package_is_not_the_copy_of_a_course():
    demo = json.dumps(release.notebook(SOURCE, Seed("demonstration"))).encode()
    assert graded(demo).made_for == "somebody else" and not graded(submission({})).made_for


def test_a_copy_of_somebody_elses_file_brings_no_points_for_its_numbers():
    cells = proof.solved(SOURCE, SEED)
    result = graded(submission(cells), Seed(proof.SECRET, "roe"))
    assert result.made_for == "doe"
    assert result.questions["q1"].points == 0 and result.questions["q8"].points == 3
    assert "not made from your copy" in page(SOURCE, result, "message")
    assert report(SOURCE, {"roe": result}).endswith("copy, but from: roe (doe)")


def test_feedback_shows_no_code_of_the_student_as_code():
    cell = "def q7(*a):\n    raise ValueError('<script>alert(1)</script>')"
    text = page(SOURCE, graded(submission({"q7": cell})), "cases")
    assert "<script>" not in text and "&lt;script&gt;" in text


def test_the_levels_of_feedback():
    wrong = proof.named_wrongs(SOURCE.item("q7"), SEED)["gate_ignored"]
    result = graded(submission({"q7": wrong[0]}))
    pages = [page(SOURCE, result, level) for level in ("points", "message", "cases")]
    assert [wrong[1] in text for text in pages] == [False, True, True]
    assert ["q7(3, 5, True, False)" in text for text in pages] == [False, False, True]


def test_a_question_can_say_for_itself_how_much_its_feedback_tells(monkeypatch):
    cell, message = proof.named_wrongs(SOURCE.item("q7"), SEED)["gate_ignored"]
    monkeypatch.setattr(SOURCE.item("q7").spec, "feedback", "points")
    assert message not in page(SOURCE, graded(submission({"q7": cell})), "cases")


# A class, from the source to the grades in other systems.


@pytest.fixture
def course(tmp_path) -> Course:
    """Return a course of five students with their notebooks released."""
    folder = tmp_path / "course"
    assert main(["new", str(folder)]) == 0
    roster = "id,name,email,lms\n" + "".join(
        f"{name},{name.title()} Doe,{name}@x.example,{100 + i}\n" for i, name in enumerate(CLASS)
    )
    (folder / "roster.csv").write_text(roster, encoding="utf-8")
    assert main(["release", "1", "--course", str(folder)]) == 0
    return Course(folder)


CLASS = ("ann", "bob", "cy", "di", "eve")


def hand_in(course: Course, inbox: Path) -> None:
    """Hand in: all right, one wrong, nothing answered, a syntax error; eve hands in nothing."""
    for student, (name, changes) in {
        "ann": ("ann_LATE_100_77_assignment-1-ann.ipynb", {}),
        "bob": ("Bob Doe_55_assignsubmission_file_/work.ipynb", {"q1": "q1 = 1"}),
        "cy": ("assignment-1-cy.ipynb", None),
        "di": ("di/copy.ipynb", {"q2": "q2 = ("}),
    }.items():
        path = course.path("released", "1", f"{student}/assignment-1.ipynb")
        made = json.loads(path.read_text(encoding="utf-8"))
        cells = proof.solved(course.source("1"), course.given(student))
        made = proof.answered(SOURCE, made, {} if changes is None else {**cells, **changes})
        release.write(made, inbox / name)


def run(course: Course, *arguments: str) -> None:
    assert main([*arguments[:2], "--course", str(course.folder), *arguments[2:]]) == 0


def test_a_class_from_release_to_csv(course, tmp_path, capsys):
    hand_in(course, tmp_path / "inbox")
    run(course, "collect", "1", str(tmp_path / "inbox"))
    assert "4 of 5 students; nothing yet from eve" in capsys.readouterr().out
    run(course, "grade", "1", "--quiet")
    assert "3 graded, 0 as before, 1 to hand in again" in capsys.readouterr().out
    run(course, "mark", "1")
    assert "3 answers without points" in capsys.readouterr().out
    sheet = course.folder / "marks/assignment-1.csv"
    text = sheet.read_text(encoding="utf-8").replace(",q13,,3,,", ",q13,2,3,=good,")
    sheet.write_text(text, encoding="utf-8")
    run(course, "mark", "1")  # keeps what was marked
    run(course, "feedback", "1")
    assert "24 of 25 points" in course.path("feedback", "1", "ann.html").read_text("utf-8")
    assert "This is not a grade" in course.path("feedback", "1", "di.html").read_text("utf-8")
    capsys.readouterr()
    run(course, "report", "1")
    told = capsys.readouterr().out
    first = next(line for line in told.splitlines() if line.startswith("q1. Two layers"))
    assert first.split()[-6:] == ["50%", "2", "0", "1", "1", "0"]
    for kind in ("csv", "canvas", "moodle", "gradescope"):
        run(course, "export", "1", "--to", kind)
    rows = read_csv(course, "grades.csv", "student")
    assert [rows[name]["points"] for name in CLASS] == ["24", "23", "0", "", ""]
    assert rows["di"]["state"] == AGAIN and rows["eve"]["state"] == "nothing handed in"
    moodle = read_csv(course, "moodle.csv", "ID number")
    canvas = read_csv(course, "canvas.csv", "SIS User ID")
    for name in CLASS:
        assert moodle[name][SOURCE.title] == canvas[name][SOURCE.title] == rows[name]["points"]
    for_gradescope = course.path("exports", "1", "bob/results.json").read_text("utf-8")
    assert json.loads(for_gradescope)["score"] == 23


def read_csv(course: Course, name: str, key: str) -> dict:
    with course.path("exports", "1", name).open(encoding="utf-8", newline="") as file:
        return {row[key]: row for row in csv.DictReader(file)}


def test_two_shards_give_the_grades_of_one_run_and_nothing_is_done_twice(course, tmp_path):
    hand_in(course, tmp_path / "inbox")
    collect(course, "1", tmp_path / "inbox")
    assert batch.grade_all(course, "1", Limits())["graded"] == 3
    whole = {path.name: path.read_text() for path in course.path("graded", "1").iterdir()}
    assert batch.grade_all(course, "1", Limits())["kept"] == 4
    for path in course.path("graded", "1").iterdir():
        path.unlink()
    for shard in ("0/2", "1/2"):
        run(course, "grade", "1", "--quiet", "--shard", shard)
    assert {path.name: path.read_text() for path in course.path("graded", "1").iterdir()} == whole
    changed = next(course.path("submitted", "1").glob("cy*"))
    changed.write_bytes(submission(honest("q8")))
    assert batch.grade_all(course, "1", Limits())["kept"] == 3  # of another student: q8 counts
    assert results(course, "1")["cy"].questions["q8"].points == 3


def test_an_answer_that_no_file_can_hold_stops_nobody(course, tmp_path):
    inbox = tmp_path / "inbox"
    hand_in(course, inbox)
    cell = {"q7": 'def q7(*a):\n    raise ValueError("\\ud800")'}
    (inbox / "assignment-1-cy.ipynb").write_bytes(submission(cell))
    collect(course, "1", inbox)
    assert batch.grade_all(course, "1", Limits())["graded"] == 3
    assert results(course, "1")["cy"].questions["q7"].message.endswith("ValueError: ?")


def test_collecting_says_whose_files_it_cannot_tell(course, tmp_path, capsys):
    inbox = tmp_path / "inbox"
    for name in (
        "who.ipynb",
        "ann.ipynb",
        "x_100_7_y.ipynb",
        "Zed Doe_1_assignsubmission_file_/ann.ipynb",
    ):
        release.write({"cells": []}, inbox / name)
    (inbox / "bob.ipynb").symlink_to("/etc/passwd")
    notes = collect(course, "1", inbox).notes
    assert sum("whose is it" in note for note in notes) == 2
    assert any("a second file of ann" in note for note in notes)
    assert any("bob.ipynb: the file cannot be opened" in note for note in notes)
    assert not course.path("submitted", "1", "bob.ipynb").exists()


def test_each_command_says_in_a_sentence_what_must_come_before_it(course, tmp_path, capsys):
    def refused(*arguments: str) -> str:
        capsys.readouterr()
        assert main([*arguments[:2], "--course", str(course.folder), *arguments[2:]]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1
        return err

    assert "there is no notebook" in refused("collect", "1", str(tmp_path / "course/assignments"))
    assert "first: paramlab-course collect 1" in refused("grade", "1")
    hand_in(course, tmp_path / "inbox")
    run(course, "collect", "1", str(tmp_path / "inbox"))
    for command in ("mark", "feedback", "report", "export"):
        assert "nothing is graded yet; first: paramlab-course grade 1" in refused(command, "1")
    run(course, "grade", "1", "--quiet")
    release.write({"cells": []}, course.path("submitted", "1", "ann.ipynb"))
    for command in ("mark", "feedback", "report", "export"):
        assert "ann: not graded as it is now; first: paramlab" in refused(command, "1")


def test_the_sheet_of_marks_is_read_as_spreadsheets_write_it(course, tmp_path, capsys):
    hand_in(course, tmp_path / "inbox")
    run(course, "collect", "1", str(tmp_path / "inbox"))
    run(course, "grade", "1", "--quiet")
    run(course, "mark", "1")
    sheet = course.folder / "marks/assignment-1.csv"
    with sheet.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    def write(points: str, delimiter: str = ";", **changed: str) -> None:
        with sheet.open("w", encoding=changed.pop("encoding", "utf-8"), newline="") as file:
            writer = csv.DictWriter(file, rows[0], delimiter=delimiter)
            writer.writeheader()
            writer.writerows({**row, "points": points, **changed} for row in rows)

    for delimiter in ",;":
        write("2,5", delimiter)
        assert results(course, "1")["ann"].questions["q13"].points == 2.5
    write("2,5", answer="another text, which nobody has marked")
    assert results(course, "1")["ann"].questions["q13"].state == "to mark"
    for points, said in (("two", "is no number"), ("4", "between 0 and 3"), ("nan", "between")):
        write(points)
        assert main(["export", "1", "--course", str(course.folder)]) == 2
        assert said in capsys.readouterr().err
    write("1", encoding="utf-16")
    assert main(["export", "1", "--course", str(course.folder)]) == 2
    assert "save it as CSV in UTF-8" in capsys.readouterr().err
    sheet.write_text("student,points\n", encoding="utf-8")
    assert main(["export", "1", "--course", str(course.folder)]) == 2
    assert "lacks question, of, comment, answer" in capsys.readouterr().err


def test_the_report_says_what_the_named_errors_were_told():
    wrong = proof.named_wrongs(SOURCE.item("q1"), SEED)["numbers_between"]
    choice, (cell, message) = next(iter(proof.named_wrongs(SOURCE.item("q11"), SEED).items()))
    told = report(SOURCE, {"doe": graded(submission({"q1": wrong[0], "q11": cell}))})
    assert f"q1: 1 of 1: numbers between. {wrong[1]}" in told
    assert f"q11: 1 of 1: chose ({choice}). {message}" in told


def test_a_mistyped_key_is_named_in_the_feedback():
    third = read(ROOT / "book/assignments/assignment_3.py")
    cell = "def q4(*arguments):\n    return {'hour': 1.0, 'dollars': 2.0, 'kwh': 3.0}"
    mark = proof.handed_in(third, "doe", {"q4": cell}, Limits()).questions["q4"]
    assert mark.state == "wrong" and "without the key 'hours'" in mark.message


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_cannot_be_unpacked_is_named_and_the_rest_is_collected(course, tmp_path, packing):
    place = tmp_path / "export.zip"
    with zipfile.ZipFile(place, "w", packing) as archive:
        for name in ("ann", "bob"):
            archive.writestr(f"{name}.ipynb", json.dumps({"cells": [name] * 50}))
    content = bytearray(place.read_bytes())
    content[60:64] = b"\xff\xff\xff\xff"
    place.write_bytes(content)
    found = collect(course, "1", place)
    assert found.students == ["bob"] and "ann.ipynb: it cannot be unpacked" in found.notes[0]


def test_a_source_that_is_none_is_one_sentence(tmp_path, capsys):
    assert main(["new", str(tmp_path / "course")]) == 0
    capsys.readouterr()
    for text, said in (
        ("x = ", "cannot be run: SyntaxError: invalid syntax (assignment_1.py, line 1)"),
        ("1 / 0", "cannot be run: ZeroDivisionError: division by zero"),
        ("points = 3", "lacks minutes, chapters"),
    ):
        (tmp_path / "course/assignments/assignment_1.py").write_text(text, encoding="utf-8")
        assert main(["release", "1", "--course", str(tmp_path / "course")]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and said in err


def test_nothing_is_exported_as_zero_that_nobody_graded():
    files = exported("csv", SOURCE, {}, {})
    assert list(files) == ["grades.csv"]


# Without a sandbox nothing untrusted runs.


def test_without_bubblewrap_it_refuses_and_says_how_to_get_it(course, monkeypatch, capsys):
    check_sandbox.cache_clear()
    monkeypatch.setattr(box.shutil, "which", lambda name: None)
    assert main(["grade", "1", "--course", str(course.folder)]) == 2
    assert "apt-get install bubblewrap" in capsys.readouterr().err
    check_sandbox.cache_clear()


def test_where_it_is_forbidden_it_names_the_profile_that_mends_it(tmp_path, monkeypatch):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    check_sandbox.cache_clear()
    monkeypatch.setattr(box.shutil, "which", lambda name: str(fake))
    with pytest.raises(NoSandbox, match="AppArmor") as refused:
        check_sandbox()
    profile = (ROOT / ".ci/apparmor-bwrap").read_text(encoding="utf-8").strip()
    assert "uid map: Permission denied" in str(refused.value) and profile in str(refused.value)
    check_sandbox.cache_clear()


def test_trusted_code_can_be_run_without_a_sandbox_if_told_so(course, tmp_path, monkeypatch):
    hand_in(course, tmp_path / "inbox")
    collect(course, "1", tmp_path / "inbox")
    monkeypatch.setattr(box.shutil, "which", lambda name: None)
    run(course, "grade", "1", "--quiet", "--i-trust-this-code")
    assert results(course, "1")["ann"].questions["q8"].points == 3


def test_a_course_that_is_none_says_what_to_do(tmp_path, capsys):
    assert main(["grade", "1", "--course", str(tmp_path)]) == 2
    assert "paramlab-course new" in capsys.readouterr().err
    assert main(["new", str(tmp_path / "b"), "--sources", str(tmp_path)]) == 2
    assert "--sources" in capsys.readouterr().err
    assert main(["new", str(tmp_path / "a")]) == 0
    assert main(["release", "1", "--course", str(tmp_path / "a")]) == 2
    assert "roster.csv" in capsys.readouterr().err
    assert main(["new", str(tmp_path / "a")]) == 2
    assert "is not empty" in capsys.readouterr().err


@pytest.mark.slow
def test_the_five_commands_of_the_readme_grade_a_class_of_thirty(tmp_path, capsys):
    readme = (ROOT / "pkg/course/README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^    \.venv/bin/paramlab-course (.*)$", readme, re.MULTILINE)
    assert len(commands) == 4 and "requirements-instructor.txt" in readme
    begun = time.monotonic()
    for command in commands:
        assert main(command.replace("/tmp/example", str(tmp_path / "example")).split()) == 0
    assert time.monotonic() - begun < 180
    assert "30 graded, 0 as before, 0 to hand in again" in capsys.readouterr().out


def test_the_files_for_clusters_shard_as_the_command_does(tmp_path):
    folder = ROOT / "pkg/course/cluster"
    job = yaml.safe_load((folder / "kubernetes-job.yaml").read_text(encoding="utf-8"))
    spec = job["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert f"--shard $JOB_COMPLETION_INDEX/{spec['completions']}" in container["args"][0]
    assert spec["template"]["spec"]["automountServiceAccountToken"] is False


@pytest.mark.slow
def test_two_tasks_of_a_slurm_array_grade_at_once_what_one_run_grades(course, tmp_path):
    hand_in(course, tmp_path / "inbox")
    collect(course, "1", tmp_path / "inbox")
    batch.grade_all(course, "1", Limits())
    graded = course.path("graded", "1")
    whole = {path.name: path.read_text() for path in graded.iterdir()}
    for path in graded.iterdir():
        path.unlink()
    command = tmp_path / "paramlab-course"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m paramlab_course "$@"\n', "utf-8")
    command.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_ARRAY_TASK_COUNT": "2"}
    path["PYTHONPATH"] = os.pathsep.join([*map(str, PACKAGES), os.environ.get("PYTHONPATH", "")])
    script = ["bash", ROOT / "pkg/course/cluster/slurm-array.sh", course.folder, "1"]
    tasks = [
        subprocess.Popen(script, env={**os.environ, **path, "SLURM_ARRAY_TASK_ID": task})
        for task in "01"
    ]
    assert [task.wait(60) for task in tasks] == [0, 0]
    assert {path.name: path.read_text() for path in graded.iterdir()} == whole


@pytest.mark.slow
def test_a_student_works_in_a_kernel_and_hands_in_what_is_graded(course, tmp_path, monkeypatch):
    released = course.path("released", "1", "ann/assignment-1.ipynb")
    untouched = executed(json.loads(released.read_text(encoding="utf-8")), tmp_path)
    assert "not attempted" in untouched["q1"] and "nothing is answered" in untouched["hand-in"]
    cells = proof.solved(SOURCE, course.given("ann"))
    cells |= {name: f"{code}\ncheck({name!r})" for name, code in cells.items() if name != "q13"}
    loop = "from paramlab import coursework\ncoursework.SECONDS = 0.5\n"
    loop += "def q7(*a):\n    while True:\n        pass\ncheck('q7')"
    made = proof.answered(SOURCE, json.loads(released.read_text("utf-8")), {**cells, "q7": loop})
    said = executed(made, tmp_path)
    assert "q1: right" in said["q1"] and "does not end" in said["q7"] and "right" in said["q8"]
    assert "13 of 13 questions" in said["hand-in"]
    run(course, "collect", "1", str(tmp_path / "work"))
    run(course, "grade", "1", "--quiet")
    marks = results(course, "1")["ann"].questions
    assert {name for name, mark in marks.items() if mark.points != mark.of} == {"q7", "q13"}
    assert marks["q13"].state == "to mark"


def executed(notebook: dict, folder: Path) -> dict[str, str]:
    """Run a saved notebook in a kernel of its own folder; return what its cells show."""
    path = folder / "work/my assignment.ipynb"
    release.write(notebook, path)
    made = nbformat.reads(json.dumps(notebook), 4)
    NotebookClient(made, timeout=60, resources={"metadata": {"path": str(path.parent)}}).execute()
    shown = {}
    for cell in made.cells:
        for output in cell.get("outputs", []):
            shown[cell.id] = output["data"]["text/plain"]
    return shown
