"""What contributors and test servers rely on: files that no other test would miss in time."""

import os
import re
import sys
import tomllib
from pathlib import Path

import paramlab
import pytest
import yaml

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([\w./-]+):(?!=)", MAKEFILE, re.MULTILINE))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
PAGES = ("README.md", "CONTRIBUTING.md", "WRITING.md", ".github/PULL_REQUEST_TEMPLATE.md")


def read_yaml(path: Path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def exists(command: str) -> bool:
    """Say whether a make target or a script of this repository that a command names exists."""
    words = command.split()
    if words[0] == "make":
        return all(word in TARGETS for word in words[1:] if not re.match(r"-|\w+=", word))
    named = [
        word for word in words if re.match(r"\.ci/|tools/|tests/|book/|requirements|const", word)
    ]
    return all((ROOT / word).exists() for word in named)


def commands(step: dict) -> list[str]:
    return [line.strip() for line in step.get("run", "").splitlines() if line.strip()]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_calls_only_what_exists(path):
    workflow = read_yaml(path)
    assert workflow["name"] == path.stem
    assert workflow[True]  # YAML 1.1 reads the key `on` as true
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["runs-on"] and job["timeout-minutes"] <= 90
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert all(map(exists, commands(step))), step


def test_linux_runs_everything_through_the_script_of_any_test_server():
    jobs = read_yaml(ROOT / ".github/workflows/pages.yml")["jobs"]
    assert ".ci/run" in [command for step in jobs["build"]["steps"] for command in commands(step)]
    assert jobs["deploy"]["needs"] == "build"  # what is published was tested
    assert sys.platform == "win32" or os.access(ROOT / ".ci/run", os.X_OK)
    assert (ROOT / ".ci/run").read_text(encoding="utf-8").rstrip().endswith("\nmake test")


def test_the_other_systems_get_the_plain_commands_of_the_readme():
    jobs = read_yaml(ROOT / ".github/workflows/test.yml")["jobs"]
    ran = [command for step in jobs["elsewhere"]["steps"] for command in commands(step)]
    readme = (ROOT / "README.md").read_text(encoding="utf-8").replace(".venv/bin/", "")
    assert ran[0].removeprefix("python -m ") in readme and ran[1] in readme
    assert ran[2] in MAKEFILE.replace("$(BIN)/", "")


@pytest.mark.parametrize("path", [p for p in FORMS if p.name != "config.yml"], ids=lambda p: p.name)
def test_an_issue_form_is_one_that_github_shows(path):
    form = read_yaml(path)
    assert set(form) <= {"name", "description", "title", "labels", "body"}
    assert form["name"] and form["description"]
    asked = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in asked}) == len(asked)
    for field in asked:
        assert field["type"] in {"input", "textarea", "dropdown", "checkboxes"}
        assert field["attributes"]["label"]
    assert any(field.get("validations", {}).get("required") for field in asked)


def test_the_hooks_are_local_and_call_what_exists():
    hooks = read_yaml(ROOT / ".pre-commit-config.yaml")
    assert [repo["repo"] for repo in hooks["repos"]] == ["local"]
    for hook in hooks["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        assert exists(hook["entry"].removeprefix(".venv/bin/python "))
        for pattern in ("files", "exclude"):
            re.compile(hook.get(pattern, ""))


def test_the_hooks_look_at_pages_but_not_at_unfinished_exercises():
    hooks = read_yaml(ROOT / ".pre-commit-config.yaml")["repos"][0]["hooks"]
    pages = {"notebook-form": "tests/validation/catalog.ipynb", "prose-numbers": "book/index.md"}
    for hook in hooks:
        if hook["id"] in pages:
            files, exclude = re.compile(hook["files"]), re.compile(hook["exclude"])
            for page in (pages[hook["id"]], "book/context/11-a.ipynb", "book/_template.ipynb"):
                assert files.search(page) and not exclude.search(page)
            assert exclude.search("book/assignments/1.ipynb")
    assert pages.keys() <= {hook["id"] for hook in hooks}


def test_the_version_stands_in_one_place():
    project = tomllib.loads((ROOT / "pkg/pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project and project["dynamic"] == ["version"]
    assert str(read_yaml(ROOT / "CITATION.cff")["version"]) == paramlab.__version__
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert paramlab.__version__ in changelog and "## [Unreleased]" in changelog


def test_the_package_says_that_it_is_typed_and_shows_its_readme():
    project = tomllib.loads((ROOT / "pkg/pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (ROOT / "pkg/paramlab/py.typed").exists()
    assert (ROOT / "pkg" / project["readme"]).exists()


def test_requirements_name_the_five_packages_that_the_book_is_read_with():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    named = {re.match(r"[\w-]*", line)[0] for line in lines}
    assert {"jupyter-book", "jupyterlab", "numpy", "matplotlib", "nbval"} <= named


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_exists(page):
    """Each path and each make target that stands as code in the pages for contributors."""
    text = (ROOT / page).read_text(encoding="utf-8")
    codes = re.findall(r"`([^`\n]+)`", text)
    for code in codes:
        if code.startswith("make "):
            assert exists(code), code
        is_path = re.match(r"(book|pkg|tests|tools|\.ci|\.github)/[\w./_-]*$", code)
        if is_path and "/PART/" not in code:
            assert (ROOT / code).exists(), code
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), target


def test_editors_are_told_the_line_length_of_the_linter():
    limits = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]
    editors = (ROOT / ".editorconfig").read_text(encoding="utf-8")
    assert f"max_line_length = {limits['line-length']}\n" in editors
