"""No answer of the graded work is in what students and readers get."""

import html
import json
import tarfile
import zipfile
from pathlib import Path

from canaries import ROOT, canaries, leaks
from flit_core import sdist, wheel
from paramlab.coursework import unpacked

PROJECT = ROOT / "pkg/pyproject.toml"
INSTRUCTORS = ("paramlab_course", "assignment_")


def found(files: dict[str, bytes]) -> list[str]:
    return [leak for name, content in files.items() for leak in leaks(name, content)]


def test_there_are_canaries_in_every_assignment_and_they_are_found_where_they_are():
    for path in (ROOT / "book/assignments").glob("*.py"):
        assert len(found({path.name: path.read_bytes()})) >= 2
    for canary in canaries():
        page = f"<p>{html.escape(canary[:9])}<b>{html.escape(canary[9:])}</b></p>"
        assert found({"page.html": page.encode()})


def test_the_wheel_has_no_answer_and_nothing_for_instructors(tmp_path):
    built = wheel.make_wheel_in(PROJECT, tmp_path).file
    with zipfile.ZipFile(built) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert "paramlab/data/assignments/assignment-1.ipynb" in files
    assert not [name for name in files if any(part in name for part in INSTRUCTORS)]
    assert found(files) == []


def test_the_source_distribution_has_no_answer_and_nothing_for_instructors(tmp_path):
    built = sdist.SdistBuilder.from_ini_path(PROJECT).build(tmp_path)
    with tarfile.open(built) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        files = {member.name: archive.extractfile(member).read() for member in members}
    assert any(name.endswith("assignments/assignment-1.ipynb") for name in files)
    assert not [name for name in files if any(part in name for part in INSTRUCTORS)]
    assert found(files) == []


def test_what_the_first_cell_of_a_student_file_opens_has_no_answer():
    for path in Path(ROOT / "pkg/paramlab/data/assignments").glob("assignment-*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        content = unpacked("".join(cells[1]["source"]).split('"')[1])
        assert found({"content.json": json.dumps(content, ensure_ascii=False).encode()}) == []
