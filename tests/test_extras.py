"""Counting, costing and comparing need nothing but Python; what needs more says which extra."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import paramlab
import pytest
from weight_files import LLAMA_GGUF, n_numbers, random_arrays, write_gguf

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pkg/pyproject.toml").read_text(encoding="utf-8"))["project"]
CHECKPOINT = ROOT / "tests/oracles/checkpoints/gpt2"
WITHOUT = f"import sys; sys.modules.update(dict.fromkeys({list(paramlab.EXTRAS)})); "
RUN = "import sys; from paramlab.cli import main; sys.exit(main(sys.argv[1:]))"


def run(*arguments: object, code: str = WITHOUT + RUN) -> subprocess.CompletedProcess[str]:
    """Run the command line, by default as where no extra of the package is installed."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60)


def test_the_package_requires_nothing_and_each_library_stands_in_its_extra():
    extras = PROJECT["optional-dependencies"]
    named = {name: {line.partition(">")[0] for line in lines} for name, lines in extras.items()}
    assert PROJECT["dependencies"] == []
    for library, extra in paramlab.EXTRAS.items():
        assert library.replace("_", "-") in named[extra]
    assert named["run"] | named["plots"] == {name.replace("_", "-") for name in paramlab.EXTRAS}
    assert extras["all"] == ["paramlab[run,plots]"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("count", "gpt3-175b", "--json"),
        ("count", "deepseek-v3"),
        ("count", CHECKPOINT / "config.json"),
        ("count", CHECKPOINT / "model.safetensors"),
        ("cost", "llama3.1-8b", "--context", "4096"),
        ("compare", "llama-7b", "mixtral-8x7b"),
        ("claims", "--verdict", "misleading"),
        ("families", "--json"),
    ],
    ids=lambda arguments: f"{arguments[0]} {Path(arguments[1]).name}",
)
def test_what_needs_only_python_gives_the_same_without_the_extras(arguments):
    without = run(*arguments)
    assert (without.returncode, without.stderr) == (0, "")
    assert without.stdout == run(*arguments, code=RUN).stdout


def test_the_header_of_a_gguf_file_needs_only_python(tmp_path):
    path = write_gguf(tmp_path / "tiny.gguf", "llama", random_arrays(LLAMA_GGUF))
    counted = run("count", path, "--json")
    assert counted.stderr == ""
    assert json.loads(counted.stdout)["total"] == n_numbers(LLAMA_GGUF)


def test_what_needs_more_says_which_extra_in_one_line():
    refused = run("generate", "The capital of France is")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        'paramlab generate: numpy is not installed; it comes with: pip install "paramlab[run]"\n'
    )


@pytest.mark.parametrize(
    ("use", "sentence"),
    [
        ("paramlab.load_model", 'pip install "paramlab[run]"'),
        ("paramlab.forward", 'pip install "paramlab[run]"'),
        ("paramlab.plots", 'it comes with: pip install "paramlab[plots]"'),
    ],
)
def test_a_program_reads_the_same_sentence(use, sentence):
    code = f"{WITHOUT}import paramlab; {use}()"
    assert sentence in run(code=code).stderr.splitlines()[-1]
