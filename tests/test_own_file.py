"""A file that a reader drops on a page: what is shown of it is what the command line says."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFWriter
from paramlab.cli import main
from paramlab.live import UNKNOWN, Kernel

LLAMA = {
    "model_type": "llama", "hidden_size": 96, "intermediate_size": 200, "vocab_size": 1009,
    "num_hidden_layers": 3, "num_attention_heads": 6, "num_key_value_heads": 2,
    "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "tie_word_embeddings": False,
}  # fmt: skip
CONFIGS = {
    "llama": LLAMA,
    "mixtral": LLAMA | {
        "model_type": "mixtral", "num_local_experts": 5, "num_experts_per_tok": 2,
        "sliding_window": None,
    },
    "gpt2": {"model_type": "gpt2", "n_embd": 60, "n_layer": 2, "n_head": 5, "vocab_size": 301,
             "n_positions": 77},
    "bert": {"model_type": "bert", "hidden_size": 48, "num_hidden_layers": 2, "vocab_size": 211,
             "num_attention_heads": 4, "intermediate_size": 100, "max_position_embeddings": 33},
}  # fmt: skip


def shown(path: Path) -> list[tuple[str, str]]:
    """Return the outputs of a page on which a file was dropped, as pairs of kind and content."""

    async def load(module: str) -> str:
        return UNKNOWN

    source = f"from paramlab.own_file import show\nshow({str(path)!r}, display)"
    answer = json.loads(asyncio.run(Kernel(load, len).run(source, "your file")))
    assert answer["status"] == "done", answer
    return [(kind, text) for kind, text in answer["outputs"]]


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_gives_what_the_commands_print(name, tmp_path, monkeypatch, capsys):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIGS[name]))
    (_, counted), (kind, drawing), (_, costs) = shown(path)
    monkeypatch.chdir(tmp_path)
    assert main(["count", "config.json"]) == 0
    assert counted == capsys.readouterr().out.strip()
    assert main(["draw", "config.json"]) == 0
    assert (kind, drawing) == ("html", f"<figure>{capsys.readouterr().out}</figure>")
    status = main(["cost", "config.json"])
    said = capsys.readouterr()
    assert costs == (said.err if status else said.out).strip().removeprefix("paramlab cost: ")


def test_of_weights_the_header_is_enough(tmp_path):
    described = {
        f"encoder.layer.{i // 3}.attention.self.{('query', 'key', 'value')[i % 3]}.weight": {
            "dtype": "F32", "shape": [8, 8], "data_offsets": [256 * i, 256 * (i + 1)],
        }
        for i in range(6)
    }  # fmt: skip
    header = json.dumps(described).encode()
    safetensors = tmp_path / "own.safetensors"
    safetensors.write_bytes(len(header).to_bytes(8, "little") + header + bytes(6 * 256))
    gguf = tmp_path / "own.gguf"
    writer = GGUFWriter(gguf, "nowhere")
    for i in range(3):
        writer.add_tensor(f"table.{i}", np.full((7, 5), i, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    for path, total in ((safetensors, 6 * 8 * 8), (gguf, 3 * 7 * 5)):
        assert f" {total} " in shown(path)[0][1], path


@pytest.mark.parametrize(
    ("name", "content"),
    [("model.gguf", b"GIF89a"), ("config.json", b"[1"), ("gpt2-xl", b"{}"), ("a.safetensors", b"")],
)
def test_what_is_refused_is_called_by_its_own_name(name, content, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    ((kind, sentence),) = shown(path)
    assert kind == "text" and sentence.startswith(f"{name}: ") and "\n" not in sentence
    assert str(tmp_path) not in sentence


def test_it_needs_no_numpy():
    code = "import sys, paramlab.own_file; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
