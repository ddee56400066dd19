"""The text that every machine has, and its characters as tokens."""

import hashlib
import os
import subprocess
import sys

import pytest
from paramlab.corpus import Characters, StandardText, standard_text


@pytest.fixture(scope="module")
def collected() -> StandardText:
    return standard_text()


@pytest.mark.slow
def test_every_process_collects_the_same_text_and_runs_none_of_its_modules(collected):
    code = (
        "import hashlib, sys; from paramlab.corpus import standard_text; "
        "before = set(sys.modules); text = standard_text().text; "
        "print(hashlib.sha256(text.encode()).hexdigest(), *set(sys.modules) - before)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    digest, *imported = run.stdout.split()
    assert digest == hashlib.sha256(collected.text.encode()).hexdigest()
    assert set(imported) <= {"pydoc_data", "pydoc_data.topics"}


@pytest.mark.slow
def test_the_standard_text_is_documentation_and_says_how_large_it_is(collected):
    assert 5e5 < len(collected.text) < 5e6
    assert "Serialize ``obj`` to a JSON formatted ``str``" in collected.docstrings
    assert 'The "while" statement' in collected.topics
    assert f"{len(collected.topics):,} characters" in str(collected)
    assert f"{len(collected.docstrings):,} of docstrings" in str(collected)


def test_modules_that_test_others_are_left_out(tmp_path, monkeypatch):
    contents = {
        "one.py": '"""Of a module."""\n\nclass A:\n    """Of a class."""',
        "two/__init__.py": '"""Of a package."""\n\ndef f():\n    """Of a function."""',
        "two/test_f.py": '"""Of a test."""', "two/tests/helpers.py": '"""Of its helpers."""',
        "turtle.py": '"""Not everywhere."""', "mine.py": '"""Not of the library."""',
    }  # fmt: skip
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(os, "__file__", str(tmp_path / "os.py"))
    monkeypatch.setattr(sys, "stdlib_module_names", {"turtle", "two", "one", "built_in"})
    found = standard_text()
    expected = ("Of a module.", "Of a class.", "Of a package.", "Of a function.")
    assert found.docstrings == "\n\n".join(expected) and found.n_modules == 2


def test_characters_come_back():
    letters = Characters("hello, world\n")
    assert letters.decode(letters.encode("droll\nhole")) == "droll\nhole"
    assert len(letters.vocabulary) == len(set("hello, world\n"))
    with pytest.raises(ValueError, match="the character 'x' is not in the vocabulary"):
        letters.encode("hex")
    for token in (-1, len(letters.vocabulary)):
        with pytest.raises(ValueError, match=f"token id {token} is not in the vocabulary of"):
            letters.decode([token])


def test_rare_characters_share_one_token():
    letters = Characters("aaabbbcé", at_least=2)
    assert letters.vocabulary == ["a", "b", "\ufffd"]
    assert letters.decode(letters.encode("abcé?")) == "ab\ufffd\ufffd\ufffd"
    marked = Characters("aab\ufffd\ufffd", at_least=2)  # a text that holds the mark itself
    assert marked.vocabulary == ["a", "\ufffd"] and marked.encode("ab\ufffd") == [0, 1, 1]
