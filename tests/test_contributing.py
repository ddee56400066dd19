"""CONTRIBUTING.md, followed to the letter in a copy of the repository: its recipes work."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
LEFT_OUT = shutil.ignore_patterns(".git", ".venv*", "_build", "__pycache__", "*.log", ".*_cache")

pytestmark = pytest.mark.slow


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the repository that a recipe may change."""
    return shutil.copytree(ROOT, tmp_path / "copy", ignore=LEFT_OUT)


def python(copy: Path, *arguments: str) -> str:
    """Run Python in the copy, with the copy's package; return what it prints."""
    ran = subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "pkg"), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return ran.stdout


def follow(copy: Path, command: str, **names: str) -> str:
    """Run a command that stands in CONTRIBUTING.md, with its placeholders filled in."""
    assert f"`{command}`" in GUIDE, "CONTRIBUTING.md does not name this command"
    for placeholder, name in names.items():
        command = command.replace(placeholder, name)
    command = command.replace(".venv/bin/paramlab", ".venv/bin/python -m paramlab")
    return python(copy, *command.split()[1:])


def edit(path: Path, old: str, new: str) -> None:
    """Replace the first occurrence of a text that must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8", newline="\n")


def suite(copy: Path, *tests: str) -> None:
    """Run tests in the copy: those that a change of this kind could break."""
    python(copy, "-m", "pytest", "-q", "-x", "-m", "not slow", *tests)


def test_correct_a_claim(copy):
    edit(copy / "pkg/paramlab/data/claims.toml", 'better = "', 'better = "In short: ')
    follow(copy, ".venv/bin/python -m pytest -q tests/test_claims.py")
    python(copy, "tools/form.py", "run", "book/reference/ledger.ipynb")  # make ledger
    suite(copy, "tests/test_reference.py")


NEW_CLAIM = """\
[[claim]]
id = "A{number}"
article = "A"
kind = "fact"
home_chapter = 4
original = "參數是一個數"
paraphrase = "A parameter is one number that training has set."
verdict = "holds"
right = "It is one number, and training has set it."
stops = "Norms start at 1 and biases at 0, and a few of them hardly move."
better = "A parameter is one number that training was free to set."
sources = ["arXiv 1706.03762 section 3"]
no_evidence = "It is a definition."

"""


def test_add_a_claim(copy):
    ledger = copy / "pkg/paramlab/data/claims.toml"
    number = ledger.read_text(encoding="utf-8").count('id = "A') + 1
    head = "# ---------------------------------------------------------------- Article B"
    edit(ledger, head, NEW_CLAIM.format(number=number) + head)
    follow(copy, ".venv/bin/python -m pytest -q tests/test_claims.py")
    suite(copy, "tests/test_extras.py", "pkg/paramlab/claims.py")
    assert f"A{number} " in python(copy, "-m", "paramlab", "claims")


def add_row(path: Path, row: dict[str, str]) -> None:
    """Add a row to a table, whose other rows and comments stay as they are."""
    with open(path, encoding="utf-8", newline="") as file:
        names = next(csv.reader(line for line in file if not line.startswith("#")))
    with open(path, "a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, names, restval="", lineterminator="\n").writerow(row)


def test_add_a_model(copy):
    """A model like GPT-2 with two layers; its oracle is the closed form, term by term."""
    layers, width, words, places = 2, 64, 100, 32
    total = 12 * layers * width**2 + 13 * layers * width + (words + places + 2) * width
    add_row(
        copy / "pkg/paramlab/data/models.csv",
        {
            "slug": "example-2l", "name": "Example-2L", "family": "Example", "year": "2026",
            "kind": "decoder", "basis": "config", "n_layers": str(layers), "d_model": str(width),
            "n_heads": "4", "d_ff": str(4 * width), "vocab_size": str(words),
            "n_ctx": str(places), "positions": "learned", "tied": "True",
            "published_total": f"{total / 1e6:.3f}M", "source": "an example for contributors",
        },
    )  # fmt: skip
    printed = follow(copy, ".venv/bin/paramlab count SLUG", SLUG="example-2l")
    assert f"{total:,}" in printed
    biases, norms = 9 * layers * width, 2 * (2 * layers + 1) * width
    add_row(
        copy / "tests/oracles/catalog_counts.csv",
        {
            "slug": "example-2l", "total": str(total), "bias": str(biases), "norm": str(norms),
            "token_embedding": str(words * width), "position": str(places * width), "head": "0",
            "builder": "closed form",
        },
    )  # fmt: skip
    tests = ("catalog", "params", "claims", "cli", "compare", "conventions", "costs", "extras")
    suite(copy, *(f"tests/test_{name}.py" for name in tests), "pkg/paramlab/catalog.py")
    python(copy, "tools/form.py", "run", "book/reference/models.ipynb")
    suite(copy, "tests/test_notebooks.py", "-k", "models and (form or prose)")


def numbers_of_a_qwen3(config: dict) -> dict[str, int]:
    """Count a model like Qwen 3 by the closed form: what the oracle stores of it."""
    width, head, layers = config["hidden_size"], config["head_dim"], config["num_hidden_layers"]
    heads, pairs = config["num_attention_heads"], config["num_key_value_heads"]
    table = config["vocab_size"] * width
    maps = layers * (2 * width * head * (heads + pairs) + 3 * width * config["intermediate_size"])
    norms = layers * (2 * width + 2 * head) + width
    total = maps + norms + table * (1 if config["tie_word_embeddings"] else 2)
    return {
        "total": total,
        "bias": 0,
        "norm": norms,
        "embedding": table,
        "position": 0,
        "buffers": 0,
    }


def test_add_a_family(copy):
    """The row of the guide; its oracles are a closed form, and what is stored of its model."""
    example = GUIDE.partition("\n       [qwen9]\n")[2].partition("\n\n")[0]
    row = "\n".join(line.strip() for line in example.splitlines())
    with open(copy / "pkg/paramlab/data/families.toml", "a", encoding="utf-8") as table:
        table.write(f"\n[qwen9]\n{row}\n")
    small = {
        "model_type": "qwen9", "hidden_size": 32, "vocab_size": 50, "intermediate_size": 48,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
        "num_hidden_layers": 3, "tie_word_embeddings": False,
    }  # fmt: skip
    (copy / "config.json").write_text(json.dumps(small), encoding="utf-8")
    printed = follow(copy, ".venv/bin/paramlab count config.json")
    assert f"{numbers_of_a_qwen3(small)['total']:,}" in printed
    assert "qwen9" in python(copy, "-m", "paramlab", "families")
    stored = copy / "tests/oracles/families.jsonl"
    lines = stored.read_text(encoding="utf-8").splitlines()
    alike = [json.loads(line.replace("wen3", "wen9")) for line in lines if '"qwen3"' in line]
    other = {"num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads"}
    other.add("intermediate_size")  # of other defaults, so that a file must not be silent on them
    alike = [row for row in alike if isinstance(row[0], dict) and other <= row[0].keys()]
    alike += alike[-1:] * (8 - len(alike))
    of_the_library, _ = alike[0]  # its default, with all fields; the row has other sizes
    of_the_library |= {
        "num_hidden_layers": 48, "hidden_size": 5120, "num_attention_heads": 40,
        "num_key_value_heads": 8, "intermediate_size": 25600,
        "layer_types": ["full_attention"] * 48,
    }  # fmt: skip
    alike[0][1] = numbers_of_a_qwen3(of_the_library)
    lines += map(json.dumps, alike)
    stored.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = ".venv/bin/python -m pytest -q tests/test_families.py -k qwen9"
    follow(copy, command)
    follow(copy, command.removesuffix(" -k qwen9"))


def test_the_pages_over_the_catalog_are_found():
    """``make catalog`` runs all pages that read the whole catalog, and no others."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ncatalog:")[2]
    command = recipe.partition("$$(")[2].partition(")\n")[0].replace("'catalog\\\\.load()'", "")
    assert "grep -rl" in command
    found = {
        str(path.relative_to(ROOT))
        for place in ("book", "tests/validation")
        for path in (ROOT / place).rglob("*.ipynb")
        if "catalog.published()" in path.read_text(encoding="utf-8") and "_build" not in path.parts
    }
    listed = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(listed.stdout.split()) == found
    assert "book/reference/models.ipynb" in found


def test_add_a_chapter(copy):
    page = "book/context/20-how-many-numbers.ipynb"
    shutil.copy(copy / "book/_template.ipynb", copy / page)
    last = "  - file: book/context/13-can-it-use-the-window-it-has\n"
    edit(copy / "_toc.yml", last, f"{last}  - file: {page.removesuffix('.ipynb')}\n")
    names = {"book/PART/NN-name.ipynb": page}
    follow(copy, ".venv/bin/python tools/form.py run book/PART/NN-name.ipynb", **names)
    follow(copy, ".venv/bin/python tools/prose_numbers.py book/PART/NN-name.ipynb", **names)
    suite(copy, "tests/test_notebooks.py", "tests/test_claims.py", "tests/test_kit.py")
    python(copy, "-m", "pytest", "-q", "--nbval", "tests/conftest.py", page)


def test_the_template_is_not_published():
    assert "_template" not in (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert "\nonly_build_toc_files: true\n" in (ROOT / "_config.yml").read_text(encoding="utf-8")
