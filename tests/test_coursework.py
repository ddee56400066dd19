"""A student's side: a copy, a check that answers at once and gives nothing away, one file."""

import json
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import paramlab
import pytest
from paramlab import coursework, sealed
from paramlab.cli import main
from paramlab.coursework import Assignment, answers_of, available, unpacked
from paramlab_course import release
from paramlab_course.proof import answered, named_wrongs, solved
from paramlab_course.source import Choice, Seed, Written, read

ROOT = Path(__file__).parents[1]
SOURCES = [read(path) for path in sorted((ROOT / "book/assignments").glob("*.py"))]
FIRST = SOURCES[0]
DEMO = Seed("demonstration")
every = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)


def code(cell) -> str:
    return "".join(cell["source"])


def run_all(notebook, names=None) -> dict:
    """Run the code cells of a notebook as a kernel would; return the variables."""
    names = {} if names is None else names
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            source = code(cell).replace("Assignment(", "Assignment(names=globals(), packed=")
            exec(source, names)
    return names


@cache
def demonstration(name: str) -> dict:
    """Return the notebook that an assignment's source gives."""
    source = next(source for source in SOURCES if source.name == name)
    return release.notebook(source, DEMO)


def opened(source, answers=None) -> dict:
    return run_all(answered(source, demonstration(source.name), answers or {}))


@pytest.fixture(scope="module")
def first() -> dict:
    """Return the variables of assignment 1 after an untouched run."""
    return opened(FIRST)


@pytest.mark.parametrize(
    ("value", "right", "tolerance", "fits"),
    [
        (3, 3, 0, True), (3.0, 3, 0, True), (True, 1, 0, False), (4, 3, 0, False),
        (0.1 + 0.2, 0.3, 0, True), (0.30001, 0.3, 0, False), (104, 100, 0.05, True),
        (106, 100, 0.05, False), (-100, 100, 0.05, False), (0, 0.0, 0.1, True),
        (1e-9, 0.0, 0.1, False), (float("nan"), 1.0, 0.1, False), (10**400, 1.0, 0.1, False),
        (float("inf"), 1.0, 0.1, False), ("a", "a", 0, True), (["a"], "a", 0, False),
        ([1, [2]], [1, [2]], 0, True), ([1, 2], [1, [2]], 0, False),
        ({"a": 1}, {"a": 1}, 0, True), ({"b": 1}, {"a": 1}, 0, False), ("[1", [1], 0, False),
    ],
)  # fmt: skip
def test_the_open_and_the_sealed_comparison_agree(value, right, tolerance, fits):
    assert sealed.fits(value, right, tolerance) == fits
    steps = sealed.phases(right, tolerance)
    texts = [sealed.canonical(each, steps, tolerance) for each in (value, right)]
    assert (texts[0] == texts[1]) == fits


@pytest.mark.parametrize("value", [{1, 2}, object(), b"a", {1: 2}, len, 1j, np.array(object())])
def test_what_is_not_plain_is_refused(value):
    with pytest.raises(sealed.NotPlain):
        sealed.plain(value)


def test_arrays_and_tuples_become_lists():
    assert sealed.plain((np.int64(3), np.arange(2), np.float32(0.5))) == [3, [0, 1], 0.5]


def test_a_value_that_poses_as_equal_to_all_is_refused():
    class Sly(int):
        def __eq__(self, other):
            return True

        __hash__ = int.__hash__

    with pytest.raises(sealed.NotPlain):
        sealed.plain(Sly(3))


@every
def test_the_package_has_the_notebook_that_the_source_gives(source):
    file = available()[source.name]
    stored = json.loads(file.read_text(encoding="utf-8"))
    made = demonstration(source.name)

    def content(notebook):
        return unpacked(code(notebook["cells"][1]).split('"')[1])

    assert content(stored) == content(made)  # packing may differ between versions of zlib
    assert [code(c) for c in stored["cells"][2:]] == [code(c) for c in made["cells"][2:]]


def test_the_package_has_no_other_assignment():
    assert set(available()) == {source.name for source in SOURCES} | {"capstone"}


@every
def test_untouched_it_runs_and_every_check_says_so(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = opened(source)
    for item in source.items:
        said = names["check"](item.name)
        wanted = "a person" if issubclass(item.spec, Written) else "not attempted"
        assert wanted in said
    assert "student id" in names["hand_in"]() and not list(tmp_path.iterdir())


@every
@pytest.mark.parametrize("way", [0, 1])
def test_right_answers_are_right_in_two_ways(source, way):
    names = opened(source, solved(source, DEMO, way))
    for item in source.items:
        if item.judged:
            assert "right" in names["check"](item.name)
            assert "not" not in names["check"](item.name)


@every
def test_a_named_wrong_answer_is_never_called_right_unless_only_hidden_cases_tell(source):
    right = opened(source, solved(source, DEMO))
    for item in source.items:
        public = [case for case in item.cases(DEMO, DEMO) if case.public] if item.judged else []
        for cell, message in named_wrongs(item, DEMO).values():
            names = opened_cell(right, item, cell)
            said = names["check"](item.name)
            if issubclass(item.spec, Choice):
                assert message not in said and "right" not in said.split("whether")[0]
            elif len(public) == 1 or message in said:
                assert message in said


def opened_cell(names: dict, item, cell: str) -> dict:
    exec(cell, names)
    return names


@every
def test_no_answer_and_no_hint_can_be_read_in_the_student_file(source):
    text = available()[source.name].read_text(encoding="utf-8")
    packed = code(json.loads(text)["cells"][1]).split('"')[1]
    for hidden in (text, json.dumps(unpacked(packed))):
        for item in source.items:
            for _, message in named_wrongs(item, DEMO).values():
                assert message not in hidden
            if item.judged:
                cell = solved(source, DEMO)[item.name]
                for line in cell.splitlines()[1:]:
                    assert len(line.strip()) < 16 or line.strip() not in hidden


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("175,221", "text"), ([3], "a list"), (True, "True or False"), ({1}, "a set"),
        (len, "call it"), (float("nan"), "a nan in it"), (np.inf, "an infinity in it"),
        (-1, "not yet: What does one"), (1 << 20_000, "not yet"), (None, "not attempted"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_whatever_is_answered_gets_a_sentence(first, answer, said):
    assert said in first["check"]("q1") if answer is None else True
    names = dict(first)
    assignment = Assignment(code_of_first(), names)
    names["q1"] = answer
    assert said in assignment.check("q1")


def code_of_first(name=FIRST.name) -> str:
    notebook = json.loads(available()[name].read_text(encoding="utf-8"))
    return code(notebook["cells"][1]).split('"')[1]


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"hour": 1.0, "dollars": 2.0, "kwh": 3.0}, "key 'hours', with a key 'hour' that is not"),
        ({"hours": 1.0, "dollars": 2.0}, "the dict is without the key 'kwh'"),
        ({"hours": 1.0, "dollars": float("nan"), "kwh": 3.0}, "a nan in it"),
        ({"hours": [1.0], "dollars": 2.0, "kwh": 3.0}, "more or fewer parts"),
    ],
)
def test_a_mistyped_key_is_named(result, said):
    names = {"q4": lambda *arguments: result}
    assert said in Assignment(code_of_first("3"), names).check("q4")


def test_keys_are_told_only_where_the_question_tells_them():
    told = {item.name: item.keys({"hours": 1, "dollars": 2, "kwh": 3}) for item in SOURCES[2].items}
    assert told.pop("q4") == ["dollars", "hours", "kwh"] and not any(told.values())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 1 / 0", "ZeroDivisionError"),
        ("return undefined", "NameError"),
        ("return {1, 2}", "a set"),
        ("return None", "not attempted"),
        ("return 'text'", "text"),
        ("raise SystemExit", "SystemExit"),
    ],
)
def test_a_function_that_fails_loses_nothing(body, said):
    names: dict = {}
    assignment = Assignment(code_of_first(), names)
    exec(f"def q7(d_model, d_ff, gated, bias):\n    {body}", names)
    assert said in assignment.check("q7")


@pytest.mark.parametrize("interrupts", [signal.default_int_handler, signal.SIG_IGN])
def test_a_loop_that_does_not_end_is_stopped(monkeypatch, interrupts):
    monkeypatch.setattr(coursework, "SECONDS", 0.2)
    before = signal.signal(signal.SIGINT, interrupts)  # ignored in a shell's background
    names: dict = {}
    exec("def q7(*arguments):\n    while True:\n        pass", names)
    try:
        assert "does not end" in Assignment(code_of_first(), names).check("q7")
        assert signal.getsignal(signal.SIGINT) is interrupts
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_changed_first_cell_says_what_to_do():
    with pytest.raises(ValueError, match="fresh copy"):
        Assignment(code_of_first()[:-5])


def test_an_unknown_question_names_those_that_exist(first):
    assert "there are q1, q2" in first["check"]("q99")
    assert 'check("q1")' in first["check"](None) and 'check("q1")' in first["check"](["q1"])


def test_a_comma_too_many_is_named(first):
    first["q1"] = (3,)
    assert "is there a comma too many?" in first["check"]("q1")


def test_a_text_counts_although_its_marker_was_written_over():
    made = answered(FIRST, demonstration("1"), {"q13": "Two words"})
    assert answers_of(made)["q13"] == "Two words"


def handed_in(folder: Path, answers: dict, student="doe", monkeypatch=None):
    made = demonstration("1")
    made = answered(FIRST, made, {**answers, "student": f'student = "{student}"'})
    path = folder / "my copy.ipynb"
    release.write(made, path)
    monkeypatch.chdir(folder)
    return run_all(made)["hand_in"]()


def test_handing_in_makes_one_file_and_says_what_is_in_it(tmp_path, monkeypatch):
    cells = {"q1": "q1 = 3\ncheck('q1')", "q2": "q2 = (", "q13": "**Answer to q13**\n\nTwo words"}
    (tmp_path / "other.ipynb").write_text("{}")
    runnable = {**cells, "q2": "q2 = 0"}
    handed_in(tmp_path, runnable, monkeypatch=monkeypatch)
    made = demonstration("1")
    release.write(answered(FIRST, made, cells), tmp_path / "my copy.ipynb")
    names = {"student": "doe"}
    said = Assignment(code_of_first(), names).hand_in()
    assert "assignment-1-doe.ipynb is the file" in said and "3 of 13 questions" in said
    assert "q13: 2 words (60 to 150" in said and "q3: not attempted" in said
    assert "q2: it has a syntax error" in said
    made = json.loads((tmp_path / "assignment-1-doe.ipynb").read_text(encoding="utf-8"))
    assert made["metadata"]["paramlab"]["student"] == "doe"
    assert not any(cell.get("outputs") for cell in made["cells"])


def test_a_check_of_an_earlier_text_is_not_told_of_a_later_one(tmp_path, monkeypatch):
    release.write(answered(FIRST, demonstration("1"), {"q1": "q1 = 4"}), tmp_path / "a.ipynb")
    monkeypatch.chdir(tmp_path)
    for ran, said in (("q1 = 3", "no file yet"), ("q1 = 4 ", "q1: not checked in this session")):
        monkeypatch.setattr(coursework, "_history", lambda ran=ran: [ran])
        assert said in Assignment(code_of_first(), {"student": "doe"}).hand_in()
    made = answered(FIRST, demonstration("1"), {"q1": "q1 = 3"})
    made["cells"].append({**made["cells"][-1], "id": "later", "source": "q1 = 4"})
    release.write(made, tmp_path / "a.ipynb")
    monkeypatch.setattr(coursework, "_history", lambda: ["q1 = 3"])
    said = Assignment(code_of_first(), {"student": "doe"}).hand_in()
    assert "q1: not checked since its cell was changed" in said


def test_handing_in_says_why_there_is_no_file(tmp_path, monkeypatch):
    assert "nothing is answered" in handed_in(tmp_path, {}, monkeypatch=monkeypatch)
    assert "student id" in handed_in(tmp_path, {"q1": "q1 = 3"}, "../x", monkeypatch)
    shutil.copy(tmp_path / "my copy.ipynb", tmp_path / "b.ipynb")
    assert "2 notebooks here" in handed_in(tmp_path, {"q1": "q1 = 3"}, monkeypatch=monkeypatch)
    (tmp_path / "b.ipynb").unlink()
    monkeypatch.setattr(coursework, "MOST_BYTES", 10_000)
    assert "take pictures out" in handed_in(tmp_path, {"q1": "q1 = 3"}, monkeypatch=monkeypatch)
    assert not list(tmp_path.glob("assignment-1-*"))


def test_a_copy_is_made_outside_the_book_and_never_overwritten(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert main(["course", "start", "1"]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == tmp_path / "paramlab-coursework/assignment-1.ipynb" and path.is_file()
    path.write_text("mine", encoding="utf-8")
    assert main(["course", "start", "1"]) == 2
    assert "is there already" in capsys.readouterr().err and path.read_text() == "mine"
    assert main(["course", "start", "99"]) == 2
    assert "there are 1" in capsys.readouterr().err


def test_the_assignments_are_listed(capsys):
    assert main(["course", "list"]) == 0
    assert capsys.readouterr().out.startswith(f"1         {FIRST.title}\n")


def test_starting_an_assignment_needs_nothing_but_python(tmp_path):
    without = f"import sys; sys.modules.update(dict.fromkeys({list(paramlab.EXTRAS)})); "
    program = without + "from paramlab.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "course", "start", "1", "--to", str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)
    assert (tmp_path / "assignment-1.ipynb").is_file()
