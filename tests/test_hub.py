"""The image for JupyterHub: what is copied into it, and what it does when a student starts."""

import fnmatch
import os
import re
import subprocess
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]
HUB = ROOT / "pkg/course/hub"


def ignored(path: str) -> bool:
    """Say whether the last line that fits a path, or a folder above it, leaves it out."""
    left_out = False
    for line in (HUB / "Dockerfile.dockerignore").read_text("utf-8").splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        above = [path, *map(str, PurePosixPath(path).parents)]
        names = [*above, *PurePosixPath(path).parts] if "**/" in line else above
        if line and line[0] != "#" and any(fnmatch.fnmatch(name, pattern) for name in names):
            left_out = line[0] != "!"
    return left_out


def test_the_image_holds_the_book_and_nothing_for_instructors():
    listed = ["git", "ls-files", "-co", "--exclude-standard"]
    ran = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True)
    if ran.returncode:
        pytest.skip("this is no clone")
    kept = [path for path in ran.stdout.splitlines() if not ignored(path)]
    assert "book/index.md" in kept and "pkg/paramlab/data/assignments/assignment-1.ipynb" in kept
    private = ("book/assignments", "paramlab_course", "tests/", ".git", "tools/")
    assert [path for path in kept if any(part in path for part in private)] == []
    copied = re.findall(r"^COPY (?:--\S+ )?(\S+) ", (HUB / "Dockerfile").read_text("utf-8"), re.M)
    assert copied and all((ROOT / path).exists() for path in copied)
    for path in kept:
        assert any(path == each or path.startswith(f"{each}/") for each in copied), path


@pytest.mark.skipif(os.name != "posix", reason="the image is of Linux, and starts by a shell")
def test_a_student_gets_a_copy_of_the_book_once_and_the_models_of_all(tmp_path):
    shared, home = tmp_path / "opt", tmp_path / "home"
    (shared / "book/book").mkdir(parents=True)
    (shared / "book/book/index.md").write_text("the book", "utf-8")
    (shared / "cache/paramlab").mkdir(parents=True)
    home.mkdir()
    start = tmp_path / "start"
    start.write_text((HUB / "start").read_text("utf-8").replace("/opt", str(shared)), "utf-8")
    for _ in range(2):
        ran = subprocess.run(
            ["sh", start, "echo", "server"], env={"HOME": str(home)}, capture_output=True, text=True
        )
        assert (ran.returncode, ran.stdout) == (0, "server\n"), ran.stderr
        assert (home / ".cache/paramlab").resolve() == shared / "cache/paramlab"
        (home / "book/index.md").write_text("my notes", "utf-8")
    assert (home / "book/index.md").read_text("utf-8") == "my notes"
    assert not (home / "book/book").exists()
