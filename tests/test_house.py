"""The plan of the package: the lesson lies flat and stands on nothing that need not be read."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import paramlab
import pytest

PACKAGE = Path(paramlab.__file__).parent
README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")

FIRST_EVENING = (
    "config", "tree", "params", "state_layers", "layers", "positions", "attention", "transformer",
    "sampling", "tokenizer",
)  # fmt: skip
SECOND_EVENING = (
    "autograd", "training", "pairs", "costs", "training_costs", "latency", "scaling", "quantize",
    "conventions", "compare", "tiled", "variants",
)  # fmt: skip
LESSON = FIRST_EVENING + SECOND_EVENING
# Small helpers that the lesson calls by name, so that it need not show them.
HELPERS = (
    "errors", "sizes", "checks", "limits", "joined", "in_place", "memory", "long_words", "letters",
    "exact", "kept", "progress",
)  # fmt: skip
MOST_LINES_OF_A_MODULE = 300
# The additions: what training and answering cost, and bits; layers that are not attention; layers
# that look back in several ways.
MOST_LINES_OF_THE_LESSON = 3_500 + 900 + 350 + 50
MOST_REFUSALS = 0.08  # of the lines of the lesson


def tree_of(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{module}.py").read_text("utf-8"))


def imported_by(module: str) -> set[str]:
    """Return the modules of this package that a module imports when it is imported itself.

    What a function imports when it is called, or a type checker alone, is left out.
    """
    found = set()
    for node in tree_of(module).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("paramlab"):
            names = [node.module] if node.module != "paramlab" else [a.name for a in node.names]
            found |= {name.removeprefix("paramlab.") for name in names if name}
    return found


@pytest.mark.parametrize("module", LESSON)
def test_the_lesson_stands_on_itself_and_its_helpers(module):
    assert imported_by(module) <= {*LESSON, *HELPERS}


@pytest.mark.parametrize("module", FIRST_EVENING)
def test_the_first_evening_does_not_need_the_second(module):
    assert imported_by(module) <= {*FIRST_EVENING, *HELPERS}


@pytest.mark.parametrize("module", HELPERS)
def test_the_helpers_stand_on_each_other_and_on_what_is_counted(module):
    assert imported_by(module) <= {*HELPERS, "config", "tree", "params"}


@pytest.mark.parametrize("module", LESSON)
def test_no_module_of_the_lesson_is_long(module):
    n_lines = len((PACKAGE / f"{module}.py").read_text("utf-8").splitlines())
    assert n_lines <= MOST_LINES_OF_A_MODULE


def test_the_lesson_can_be_read_in_two_evenings():
    lines = [line for name in LESSON for line in (PACKAGE / f"{name}.py").open(encoding="utf-8")]
    assert len(lines) <= MOST_LINES_OF_THE_LESSON


def refusals(node: ast.AST) -> set[int]:
    """Return the lines of raise statements, of branches that only raise, and of checks."""
    lines = set()
    for child in ast.walk(node):
        only_raises = (
            isinstance(child, ast.If | ast.ExceptHandler)
            and all(isinstance(statement, ast.Raise) for statement in child.body)
            and not getattr(child, "orelse", [])
        )
        is_check = isinstance(child, ast.FunctionDef) and child.name.strip("_").startswith("check_")
        if isinstance(child, ast.Raise) or only_raises or is_check:
            lines |= set(range(child.lineno, (child.end_lineno or child.lineno) + 1))
    return lines


def test_few_lines_of_the_lesson_refuse_something():
    n_lines = sum(len((PACKAGE / f"{name}.py").read_text().splitlines()) for name in LESSON)
    n_refusals = sum(len(refusals(tree_of(name))) for name in LESSON)
    assert n_refusals <= MOST_REFUSALS * n_lines


def test_a_refusal_is_counted_as_one():
    code = "def check_n(n):\n    return n\n\nif x:\n    raise ValueError\nelse:\n    y = 1\n"
    assert refusals(ast.parse(code)) == {1, 2, 5}


@pytest.mark.parametrize("module", LESSON)
def test_importing_the_lesson_loads_neither_figures_nor_readers_of_files(module):
    code = f"import sys, paramlab.{module}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert not loaded & {"matplotlib", "gguf", "safetensors", "tqdm"}
    assert not {name for name in loaded if name.startswith(("paramlab.files", "paramlab.cli"))}


def test_the_readme_gives_the_lesson_in_the_order_of_reading():
    named = re.findall(r"^\| &emsp;`(\w+)` \|", README, flags=re.MULTILINE)
    assert named == list(LESSON)


def test_public_classes_have_one_name_each():
    found: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(path.stem)
    assert {name: homes for name, homes in found.items() if len(homes) > 1} == {}


def test_public_functions_have_one_name_each():
    found: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.glob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(path.stem)
    assert {name: homes for name, homes in found.items() if len(homes) > 1} == {}


def test_each_module_of_benchmarks_can_be_run_by_make_bench():
    home = Path(__file__).parent / "benchmarks"
    modules = {path.stem for path in home.glob("*.py")} - {"run", "harness"}
    assert modules == {
        path.stem for path in home.glob("*.py") if "\ndef measure()" in path.read_text("utf-8")
    }


def test_all_that_make_installs_has_a_hash_and_the_version_that_was_tested():
    root = Path(__file__).parents[1]
    lock = (root / "requirements.lock").read_text("utf-8").replace("\\\n", "").splitlines()
    named = (root / "constraints.txt").read_text("utf-8").splitlines()
    locked, tested = (
        {re.sub("[-_.]+", "-", n).lower(): rest.split()[0] for n, _, rest in parts}
        for parts in (
            [line.partition("==") for line in lock],
            [line.partition("==") for line in named if not line.startswith("#")],
        )
    )
    assert all("--hash=sha256:" in line for line in lock) and len(lock) > 150
    assert {n: v for n, v in locked.items() if tested.get(n, v) != v} == {}
