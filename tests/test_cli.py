import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import weight_files as files
from paramlab import catalog
from paramlab.cli import LONGEST_ERROR, main
from paramlab.files.source import count_source
from paramlab.reports import cost

PACKAGE = Path(catalog.__file__).parents[1]


def run(*arguments, stdin=None, **environment) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "paramlab", *arguments],
        capture_output=True, stdin=stdin, env=os.environ | environment, encoding="utf-8",
    )  # fmt: skip


@pytest.fixture
def paramlab(capsys):
    """Run the command line in this process: status, standard output, standard error."""

    def call(*arguments):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as left:
            status = left.code
        return status, *capsys.readouterr()

    return call


# ------------------------------------------------------------------ what it prints


def test_the_table_of_gpt3(paramlab):
    status, out, err = paramlab("count", "gpt3-175b")
    assert (status, err) == (0, "")
    assert out == (
        "GPT-3 175B\n\n"
        "part                 parameters      share\n"
        "token table         617,558,016    0.3537%\n"
        "position table       25,165,824   0.01441%\n"
        "norms                 4,743,168  0.002717%\n"
        "attention        57,986,777,088     33.21%\n"
        "MLP             115,970,015,232     66.42%\n"
        "total           174,604,259,328       100%\n\n"
        "tied, counted once: 617,558,016\n"
        "basis: inferred (the publication leaves the list of arrays open in places)\n"
        "published: 175.0B; D.1: 174,600M\n"
        "source: 2005.14165 Table 2.1 (nominal) and Table D.1 (params in M)\n"
        "vocab 50257 = GPT-2 tokenizer (GPT-3 paper reuses it); every second layer is locally"
        " banded sparse (sec. 2.1), which adds no parameters; its width is not published, so costs"
        " take all as dense\n"
    )


def test_experts_and_buffers_are_listed_apart(paramlab):
    _, out, _ = paramlab("count", "deepseek-v3")
    assert "active per token: 37,552,282,624\n  without the input table: 36,625,603,584\n" in out
    assert "buffers, not counted: 14,848\n" in out


def test_what_a_token_passes_through_names_text_beside_pictures(paramlab, tmp_path):
    file = tmp_path / "config.json"
    file.write_text('{"model_type": "gemma3", "tie_word_embeddings": true}', encoding="utf-8")
    _, out, _ = paramlab("count", str(file))
    assert "active per token of text: " in out and "without the input table" not in out  # tied


def test_the_json_of_gpt2_small(paramlab):
    status, out, err = paramlab("count", "gpt2-small", "--json")
    assert (status, err, out.count("\n")) == (0, "", 1)
    record = json.loads(out)
    assert record.pop("notes")[0] == "published: 124M"
    assert record == {
        "name": "GPT-2 small",
        "total": 124_439_808,
        "active": 124_439_808,
        "active_without_input_table": 124_439_808,
        "weight": 84_934_656,
        "bias": 82_944,
        "norm": 38_400,
        "embedding": 38_597_376,
        "position": 786_432,
        "basis": "config",
        "components": {
            "token table": 38_597_376,
            "position table": 786_432,
            "norms": 38_400,
            "attention": 28_348_416,
            "MLP": 56_669_184,
        },
        "tied": 38_597_376,
        "buffers": 0,
    }


@pytest.mark.parametrize(
    "model", [m for m in catalog.published() if m.config], ids=lambda m: m.slug
)
def test_json_adds_up_for_every_model(paramlab, model):
    status, out, err = paramlab("count", model.slug, "--json")
    record = json.loads(out)
    assert (status, err, record.pop("name")) == (0, "", model.name)
    assert record.pop("basis") in {"weights", "config", "inferred"} and record.pop("notes")
    components = record.pop("components")
    assert all(type(n) is int for n in (*record.values(), *components.values()))
    total = record["total"]
    roles = ("weight", "bias", "norm", "embedding", "position")
    assert sum(record[role] for role in roles) == sum(components.values()) == total
    assert record["active_without_input_table"] <= record["active"] <= total


def test_files_of_every_kind(paramlab, tmp_path):
    config = tmp_path / "config.json"
    config.write_text('{"model_type": "gpt2"}')
    gguf = files.write_gguf(tmp_path / "a.gguf", "llama", files.random_arrays(files.LLAMA_GGUF))
    safetensors = files.write_safetensors(
        tmp_path / "a.safetensors", files.random_arrays(files.GPT2_HF)
    )
    basis = {"config": [config], "weights": [gguf, safetensors]}
    for expected, paths in basis.items():
        for path in paths:
            status, out, err = paramlab("count", path, "--json")
            assert (status, err, json.loads(out)["basis"]) == (0, "", expected)
            assert paramlab("count", path)[0] == 0


# ------------------------------------------------------------------ errors


def broken_files(folder: Path) -> list[Path]:
    contents = {
        "empty.json": b"", "empty.gguf": b"", "empty.safetensors": b"", "list.json": b"[]",
        "deep.json": b"[" * 10**5, "other.json": b'{"model_type": "no-such"}',
        "short.gguf": b"GGUF\3\0\0\0", "noise.gguf": bytes(range(256)),
        "noise.safetensors": bytes(range(256)), "notes.txt": b"hello",
        "lines.json": b'{"model_type": "a\\nb\\r\\u2028c\\u001b[2J"}',
        "long.json": b'{"model_type": "' + b"x" * 10**6 + b'"}',
    }  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "folder.gguf").mkdir()
    return [*map(folder.joinpath, contents), folder / "folder.gguf", folder, folder / "none.json"]


def one_line(error: str) -> bool:
    """Whether this is one line of text that a terminal can show."""
    return error.endswith("\n") and error[:-1].isprintable() and 20 < len(error) < 2 * LONGEST_ERROR


def test_every_bad_file_is_one_line_on_standard_error(paramlab, tmp_path):
    for path in broken_files(tmp_path):
        for options in ([], ["--json"]):
            status, out, err = paramlab("count", path, *options)
            assert (status, out) == (2, ""), path
            assert one_line(err) and err.startswith("paramlab count: "), path


@pytest.mark.parametrize(
    "name",
    ["gpt4", "gpt3.5-turbo", "gopher", "sd1.5-unet", "no such model", "", "\n", "\0", "x" * 9999],
)
def test_every_bad_name_is_one_line_on_standard_error(paramlab, name):
    status, out, err = paramlab("count", name)
    assert (status, out) == (2, "")
    assert one_line(err)


@pytest.mark.parametrize("verdict", ["", "HOLDS"])
def test_a_verdict_that_is_none_is_refused(paramlab, verdict):
    status, out, err = paramlab("claims", "--verdict", verdict)
    assert (status, out) == (2, "") and one_line(err)


def test_the_nearest_names_are_shown(paramlab):
    assert paramlab("count", "gpt3-175")[2] == (
        "paramlab count: no model is called 'gpt3-175'; "
        "the nearest names are gpt3-175b, opt-175b, gpt3-13b\n"
    )
    assert "GPT-4 has no public configuration to count" in paramlab("count", "gpt4")[2]


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["count"], ["cuont", "gpt2"], ["count", "--jsn", "gpt2-small"], ["compare", "a"],
        ["--json"], ["generate"], ["generate", "x", "--tokens", "many"], ["count", "--js", "gpt2"],
        ["claims", "--verdict"], ["fetch", "now"], ["x" * 9999],
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_one_line_on_standard_error(paramlab, arguments):
    status, out, err = paramlab(*arguments)
    assert (status, out) == (2, "")
    assert one_line(err) and "--help)" in err


@pytest.mark.parametrize("arguments", [["--help"], ["count", "--help"]])
def test_help_is_not_an_error(paramlab, arguments):
    status, out, err = paramlab(*arguments)
    assert (status, err) == (0, "")
    assert "usage: paramlab" in out


# ------------------------------------------------------------------ as a process


def test_python_m_paramlab_and_the_installed_command_are_the_same():
    command = Path(sys.executable).with_name("paramlab")
    if not command.exists():
        pytest.skip("the command is not installed beside this Python")
    installed = subprocess.run([command, "count", "phi2"], capture_output=True, encoding="utf-8")
    as_module = run("count", "phi2")
    assert installed.returncode == as_module.returncode == 0
    assert installed.stdout == as_module.stdout


def test_an_error_is_no_traceback():
    result = run("count", "no-such-model.gguf")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "paramlab count: no-such-model.gguf: No such file or directory\n"


shell = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


def in_shell(line: str) -> subprocess.CompletedProcess:
    line = line.replace("paramlab", f'"{sys.executable}" -m paramlab')
    # With a buffer, as users have it: the last lines are written when the interpreter leaves.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        capture_output=True, env=environment, encoding="utf-8",
    )  # fmt: skip


@shell
@pytest.mark.parametrize("reader", ["head -n 1", "true"])
def test_a_reader_that_leaves_early_is_no_error(reader):
    result = in_shell(f"paramlab count gpt2-small | {reader}")
    assert (result.returncode, result.stderr) == (0, "")


@shell
def test_without_standard_output_there_is_no_traceback():
    result = in_shell("paramlab count gpt2-small >&-")
    assert (result.returncode, result.stderr) == (0, "")
    result = in_shell("paramlab count gpt4 >&-")
    assert result.returncode == 2 and one_line(result.stderr)


@shell
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_a_full_disk_is_one_line():
    result = in_shell("paramlab count gpt2-small > /dev/full")
    assert result.returncode == 2
    assert result.stderr == "paramlab count: output: No space left on device\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_a_terminal_that_lacks_characters_still_gets_every_row(tmp_path, encoding):
    arrays = files.random_arrays(files.LLAMA_GGUF)
    path = files.write_gguf(tmp_path / "a.gguf", "llama", arrays)
    path.write_bytes(path.read_bytes().replace(b"tiny", "光a".encode()))
    result = subprocess.run(
        [sys.executable, "-m", "paramlab", "count", path],
        capture_output=True, env=os.environ | {"PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, b"")
    name = "光a" if encoding == "utf-16" else "\\u5149a"
    assert result.stdout.decode(encoding).startswith(name)


# ------------------------------------------------------------------ light and without NumPy

HEAVY = (
    "numpy",
    "regex",
    "gguf",
    "safetensors",
    "matplotlib",
    "json",
    "pathlib",
    "tomllib",
    "html",
)


def modules_after(code: str) -> set[str]:
    """Return the modules that an interpreter of its own has imported after running some code."""
    code = f"import sys; sys.path.insert(0, {str(PACKAGE)!r}); {code}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    return set(result.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import paramlab",
        "from paramlab import count, ModelConfig",
        "import paramlab.params, paramlab.catalog; paramlab.catalog.published()",
        "import paramlab.files.source as s; s.count_source('gpt2-small')",
        "from paramlab.cli import main; main(['count', 'gpt3-175b'])",
    ],
)
def test_counting_waits_for_nothing_heavy(code):
    assert not modules_after(code) & set(HEAVY)


def test_importing_the_package_imports_nothing_else():
    ours = {name for name in modules_after("import paramlab") if name.startswith("paramlab")}
    assert ours == {"paramlab"}


def test_counting_works_in_a_python_that_has_no_other_package(tmp_path):
    files.write_gguf(tmp_path / "a.gguf", "llama", files.random_arrays(files.LLAMA_GGUF))
    files.write_safetensors(tmp_path / "a.safetensors", files.random_arrays(files.LLAMA_HF))
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(PACKAGE)!r})\n"
        "from paramlab.cli import main\n"
        f"for source in ('a.gguf', 'a.safetensors', 'config.json'):\n"
        f"    assert main(['count', {str(tmp_path)!r} + '/' + source]) == 0\n"
        "try:\n    import numpy\nexcept ImportError:\n    print('no NumPy')"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, encoding="utf-8"
    )
    assert result.stderr == ""
    assert result.stdout.endswith("no NumPy\n")


def test_a_name_that_the_package_does_not_have():
    import paramlab

    with pytest.raises(AttributeError, match="no 'no_such_name'"):
        paramlab.no_such_name  # noqa: B018
    assert not hasattr(paramlab, "__no_such_name__")
    assert paramlab.count(paramlab.ModelConfig(1, 2, 1, 3, 5, 7)).total > 0
    assert paramlab.display.number(1000) == "1,000"


def test_compare_prints_both_totals_and_each_field(capsys):
    assert main(["compare", "llama3-8b", "llama3.1-8b"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("8,030,261,248") == 2
    assert "n_ctx" in printed and "8192 -> 131072" in printed and "+0" in printed


def test_compare_counts_layers_in_words(paramlab):
    _, out, _ = paramlab("compare", "deepseek-v3", "kimi-k2")
    assert re.search(r"experts.dense_layers +3 layers -> 1 layer +\+33,123,729,408\n", out)
    _, out, _ = paramlab("compare", "deepseek-v3", "deepseek-v3.2")
    assert re.search(r"further +none -> indexer +\+851,524,864\n", out)


def test_compare_as_json_adds_up(capsys):
    assert main(["compare", "gpt2-small", "deepseek-v3", "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    added = sum(step["parameters"] for step in compared["steps"])
    assert added == compared["totals"]["b"] - compared["totals"]["a"]


def test_several_sources_are_a_list_and_one_is_an_object(capsys):
    assert main(["count", "gpt2-small", "gpt3-175b", "--json"]) == 0
    assert [c["total"] for c in json.loads(capsys.readouterr().out)] == [124439808, 174604259328]


def test_nothing_is_printed_when_one_of_several_sources_is_unknown(capsys):
    assert main(["count", "gpt2-small", "gpt-nowhere"]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("by", ["component", "role", "layer"])
def test_every_split_ends_in_the_total(capsys, by):
    assert main(["count", "deepseek-v3", "--by", by]) == 0
    lines = capsys.readouterr().out.split("\n\n")[1].splitlines()
    rows = [int(re.split(r"  +", line)[1].replace(",", "")) for line in lines[1:-1]]
    assert lines[-1].startswith("total") and "671,026,404,352" in lines[-1]
    assert sum(rows) == 671026404352


@pytest.mark.parametrize("command", [["cost"], ["compare", "gpt2-small"]], ids=" ".join)
def test_a_file_that_does_not_say_its_heads_is_not_costed(capsys, tmp_path, command):
    arrays = files.random_arrays(files.LLAMA_HF)
    path = files.write_safetensors(tmp_path / "model.safetensors", arrays)
    assert main([*command, str(path)]) == 2
    assert "does not say how many heads it has" in capsys.readouterr().err


# ------------------------------------------------------------------ cost


def test_cost_prints_the_parts_the_bytes_and_the_assumptions(paramlab):
    status, out, err = paramlab("cost", "llama2-7b", "--context", 32768)
    assert (status, err) == (0, "")
    assert out.startswith("Llama-2-7B: 1 text of 32,768 tokens, fp16\n")
    assert re.search(r"key-value cache +17,179,869,184 +17\.2 GB\n  per token +524,288 ", out)
    assert re.search(r"weights +13,476,831,232 +13\.5 GB\n", out)  # 6,738,415,616 of 2 bytes
    for line in ("1 multiply-add is 2 FLOPs", "attention causal", "unstretched, its window"):
        assert f"\n{line}" in out


def test_a_model_without_a_window_is_costed_at_2048_tokens(paramlab):
    for options in ((), ("--train",), ("--device", "h100-sxm-80gb")):
        status, out, err = paramlab("cost", "mamba-2.8b", *options)
        assert (status, err) == (0, "") and "1 text of 2,048 tokens" in out.split("\n")[0]
    assert "each query" not in paramlab("cost", "mamba-2.8b")[1]


def test_the_columns_of_cost_add_up(paramlab):
    for source in ("gpt2-small", "deepseek-v3", "gemma3-1b"):
        _, out, _ = paramlab("cost", source, "--attention", "full")
        lines = out.split("\n\n")[1].splitlines()[1:]
        rows = [
            [int(n.replace(",", "")) for n in re.findall(r" ([\d,]+)(?= |$)", x)] for x in lines
        ]
        for *parts, total, flops in zip(*rows, strict=True):
            assert (sum(parts), flops) == (total, 2 * total)
        for line, numbers in zip(lines[:-2], rows, strict=False):
            shares = [float(share) for share in re.findall(r" ([\d.]+)%", line)]
            whole = [100 * n / total for n, total in zip(numbers, rows[-2], strict=True)]
            assert shares == pytest.approx(whole, rel=0.05), line


COST_KEYS = {
    "name": str, "context_tokens": int, "attention": str, "precision": str, "batch": int,
    "prefill": dict, "decode": dict, "weight_bytes": int, "weight_bytes_read": int,
    "kv_cache_bytes": int, "kv_cache_bytes_per_token": int, "state_bytes": int,
    "crossover_tokens": int,
    "assumptions": list, "basis": str, "notes": list,
}  # fmt: skip


@pytest.mark.parametrize("source", ["gpt3-175b", "mixtral-8x7b", "deepseek-v2", "gpt-oss-20b"])
def test_the_json_of_cost(paramlab, source):
    arguments = ("--context", 32768, "--batch", 4, "--precision", "int8", "--json")
    status, out, err = paramlab("cost", source, *arguments)
    found = json.loads(out)
    assert (status, err, out.count("\n")) == (0, "", 1)
    assert {name: type(value) for name, value in found.items()} == COST_KEYS
    for ops in (found["prefill"], found["decode"]):
        assert set(ops) == {"multiply_adds", "flops", "components"}
        assert sum(ops["components"].values()) == ops["multiply_adds"]
        assert 2 * ops["multiply_adds"] == ops["flops"]
    expected = cost(count_source(source).config, 32768, precision="int8", batch=4)
    assert found["prefill"]["components"] == expected.prefill.by_part
    assert found["decode"]["components"] == expected.decode.by_part
    assert found["weight_bytes_read"] == expected.weight_bytes_read
    assert found["weight_bytes"] == count_source(source).count.total  # a byte each
    assert found["kv_cache_bytes"] <= 4 * 32768 * found["kv_cache_bytes_per_token"]


def test_cost_takes_the_models_own_window_and_files(paramlab, tmp_path):
    _, out, _ = paramlab("cost", "mistral-7b-v0.1", "--json")
    published = json.loads(out)
    assert (published["context_tokens"], published["crossover_tokens"]) == (8192, None)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "mistral", "max_position_embeddings": 8192}))
    _, out, _ = paramlab("cost", path, "--json")  # the library's defaults are this model's sizes
    for name in set(COST_KEYS) - {"name", "basis", "notes"}:
        assert json.loads(out)[name] == published[name]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("t5-small",), "an encoder-decoder reads two texts"),
        (("bert-base",), "an encoder such as BERT"),
        (("sd1.5-clip-vit-l-14-text-encoder",), "is a text encoder; only decoders"),
        (("gpt4",), "has no public configuration"),
        (("gpt-nowhere",), "no model is called"),
        (("gpt2-small", "--context", "0"), "context is 0"),
        (("gpt2-small", "--context", "-5"), "context is -5"),
        (("gpt2-small", "--context", "many"), "invalid int value: 'many'"),
        (("gpt2-small", "--context", str(10**30)), "context is 1000000"),
        (("gpt2-small", "--attention", "sparse"), "attention is 'sparse'"),
        (("gpt2-small", "--precision", "fp8"), "precision is 'fp8'"),
        (("gpt2-small", "--batch", "0"), "batch is 0"),
    ],
)
def test_cost_refuses_in_one_line(paramlab, arguments, reason):
    status, out, err = paramlab("cost", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("paramlab cost: ") and reason in err


def test_cost_does_not_wait_for_numpy():
    code = "import sys; from paramlab.cli import main; main(['cost', 'gpt2-small', '--json']); "
    done = subprocess.run(
        [sys.executable, "-c", code + "sys.exit('numpy' in sys.modules)"], capture_output=True
    )
    assert done.returncode == 0


def test_compare_shows_what_a_context_costs(paramlab):
    status, out, _ = paramlab("compare", "llama-7b", "mistral-7b-v0.1")
    assert status == 0 and "at 2,048 tokens, causal, fp16" in out
    assert re.search(r"kv cache bytes +1,073,741,824 +268,435,456 +x 0\.250", out)
    _, out, _ = paramlab("compare", "llama-7b", "mistral-7b-v0.1", "--context", 32768, "--json")
    costs = json.loads(out)["costs"]
    assert costs["context_tokens"] == 32768
    assert costs["a"]["kv_cache_bytes"] == 32 * costs["b"]["kv_cache_bytes"]  # 4 heads, 8 windows
    status, out, _ = paramlab("compare", "llama-7b", "bert-base")
    assert status == 0 and "no costs: BERT base: an encoder such as BERT" in out
    for context in (0, 10**12 + 1):
        status, out, err = paramlab("compare", "llama-7b", "gpt2-small", "--context", context)
        assert (status, out) == (2, "")
        assert err.startswith(f"paramlab compare: context is {context}; it must be a whole number")
