"""What must hold of every assignment, and that the proofs notice when it does not."""

import textwrap
from pathlib import Path

import pytest
from paramlab_course import proof, source
from paramlab_course.source import read

ROOT = Path(__file__).parents[1]
PATHS = sorted((ROOT / "book/assignments").glob("*.py"))
every = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)

pytestmark = pytest.mark.usefixtures("sandbox")


def test_the_proofs_hold_for_some_students():
    assert proof.problems(read(PATHS[0]), n_students=5, with_mutants=False) == []


@pytest.mark.slow
@every
def test_the_proofs_hold(path):
    assert proof.problems(read(path), n_students=200) == []


EXAMPLE = textwrap.dedent('''
    """An example

    Chapter 1.
    """

    from paramlab_course import Choice, Function, Number, Written

    points, minutes, chapters = 4, 8, (1,)


    class q1(Number):
        """Add

        Add `a` and `b`.
        """

        points, minutes, chapter = 1, 2, 1
        objective = "add"
        hint = "Add."

        def given(rng):
            return {"a": rng.randrange(10, 99), "b": rng.randrange(100, 999)}

        def solution(a, b):
            return a + b

        def alternate(a, b):
            return b + a

        class wrong:
            def less(a, b):
                """This subtracts."""
                return a - b


    class q2(Function):
        """Area

        Return the area of `a` times `b`.
        """

        points, minutes, chapter = 2, 3, 1
        objective = "multiply"
        hint = "Multiply."
        public = [(2, 3), (4, 5)]
        edge = [(1, 0)]

        def draw(rng):
            return rng.randrange(2, 99), rng.randrange(100, 999)

        def solution(a, b):
            return a * b

        def alternate(a, b):
            return sum(a for _ in range(b))

        class wrong:
            def added(a, b):
                """This adds."""
                return a + b


    class q3(Choice):
        """Choose

        Which?
        """

        points, minutes, chapter = 1, 3, 1
        objective = "choose"
        options = {"a": "this", "b": "that"}
        answer = "b"
        wrong = {"a": "Not this."}
''')


@pytest.fixture
def problems(tmp_path, monkeypatch):
    """Return what the proofs say of the example with one change."""
    monkeypatch.setattr(proof, "LEAST_QUESTIONS", 0)
    monkeypatch.setattr(proof, "LEAST_WRONG", 0)

    def say(old: str = "", new: str = "") -> str:
        assert old in EXAMPLE
        path = tmp_path / "assignment_1.py"
        path.write_text(EXAMPLE.replace(old, new, 1), encoding="utf-8")
        return "\n".join(proof.problems(source.read(path), n_students=3))

    return say


def test_the_example_is_sound(problems):
    assert problems() == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("class q2", "class q4", "must be q1, q2"),
        ("chapters = 4, 8", "chapters = 5, 8", "add up to 4, not 5"),
        ('hint = "Add."', 'hint = "Add."; feedback = "all"', "its feedback is"),
        ("4, 8, (1,)", "4, 8, (2,)", "its chapter is none"),
        ('hint = "Add."', "", "it has no hint"),
        ('"""This adds."""', "", "a message of its own"),
        ("return b + a", "return b - a", "alternate and solution differ"),
        ("return a - b", "return b + a", "wrong.less is right"),
        ("edge = [(1, 0)]", "edge = [(0, 0)]; tolerance = 9999.0", "loses no points"),
        ("return sum(a for _ in range(b))", "return a * b + 1", "solution differ"),
        ("def alternate(a, b):", "def other(a, b):", "needs an alternate"),
        ("def added(a, b):", "def added(a, c, b=2):", "has other parameters"),
        ("return a * b\n", "return a / b\n", "ZeroDivisionError"),
        ("return a * b\n", "return [a * b, helper]\n", "NameError"),
        ('"b": rng.randrange(100, 999)', '"b": 0', "wrong.less is right"),
        ('answer = "b"', 'answer = "c"', "must be the options"),
        ("public = [(2, 3), (4, 5)]", "public = [(2, 3)]", "2 to 4 public"),
    ],
)
def test_the_proofs_notice(problems, old, new, said):
    assert said in problems(old, new)


def test_the_proofs_notice_cases_that_let_errors_pass(problems):
    rare = "return a * b + (7 if a == 50 else 0)\n"  # not among the cases of the first student
    assert "small errors" in problems("return a * b\n", rare)
    unreachable = "return a * b + (7 if a > 9999 else 0)\n"
    assert "small errors" not in problems("return a * b\n", unreachable)


def test_the_questions_and_wrong_answers_are_as_many_as_asked(tmp_path):
    path = tmp_path / "assignment_1.py"
    path.write_text(EXAMPLE, encoding="utf-8")
    assert "3 judged questions with 3 named" in proof.problems(source.read(path))[0]
