"""Recorded data are found from any folder; where they are missing a sentence says what to do."""

import json
from pathlib import Path

import pytest
from paramlab.errors import ModelFileError
from paramlab.files import recorded


def test_they_are_found_from_a_folder_that_holds_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert recorded.recorded_file("data/tiny-gpt2.json").is_file()


def test_without_the_copy_it_was_installed_from_the_folders_above_are_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "__file__", str(tmp_path / "a/b/c/d/recorded.py"))
    (tmp_path / "book/experiments/data").mkdir(parents=True)
    here = tmp_path / "book/experiments/data/new.json"
    here.write_text("{}")
    (tmp_path / "book/parameters").mkdir()
    monkeypatch.chdir(tmp_path / "book/parameters")
    assert recorded.recorded_file("data/new.json") == here


def test_what_is_nowhere_is_refused_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "__file__", str(tmp_path / "a/b/c/d/recorded.py"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelFileError, match=r"data/tiny-gpt2.json .* pip install -e pkg"):
        recorded.recorded_file("data/tiny-gpt2.json")


def test_no_chapter_needs_a_file_beside_it():
    for path in sorted((Path(__file__).parents[1] / "book").glob("*/[0-9][0-9]-*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        code = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        assert not [source for source in code if "../" in source], path.name
