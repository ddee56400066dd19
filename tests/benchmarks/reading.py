"""How long a file takes that a reader brings, and how much memory: from a shell, start to exit."""

import json
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness import PARAMLAB, Figure, alternated, megabytes, milliseconds

N_LAYERS, WIDTH, N_SHARDS = 111, 64, 100  # 1,002 arrays, as in LLaMA
LAYER = {
    "input_layernorm": 1, "self_attn.q_proj": 2, "self_attn.k_proj": 2, "self_attn.v_proj": 2,
    "self_attn.o_proj": 2, "post_attention_layernorm": 1, "mlp.gate_proj": 2, "mlp.up_proj": 2,
    "mlp.down_proj": 2,
}  # fmt: skip


def measure() -> Iterator[Figure]:
    """Yield the figures of this module."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.json").write_text('{"model_type": "deepseek_v3"}')
        arrays = {
            f"model.layers.{i}.{name}.weight": [WIDTH] * n_axes
            for i in range(N_LAYERS) for name, n_axes in LAYER.items()
        }  # fmt: skip
        arrays |= {f"{name}.weight": [WIDTH] * 2 for name in ("model.embed_tokens", "lm_head")}
        arrays["model.norm.weight"] = [WIDTH]
        commands = {
            "count_config": ("count", str(folder / "config.json")),
            "cost_config": ("cost", str(folder / "config.json"), "--context", "4096"),
            "count_1000_arrays": ("count", str(_safetensors(folder / "all.safetensors", arrays))),
            "count_100_shards": ("count", str(_sharded(folder / "sharded", arrays))),
        }
        times = alternated(*(milliseconds(PARAMLAB, *command) for command in commands.values()))
        for (which, command), value in zip(commands.items(), times, strict=True):
            yield Figure(which, value, "ms", goal=100 if "config" in which else 300)
            yield Figure(f"{which}_peak", megabytes(PARAMLAB, *command), "MB", goal=80)


def _safetensors(path: Path, arrays: dict[str, list[int]]) -> Path:
    """Write a sound file whose numbers are zeros, without writing the zeros."""
    header, end = {}, 0
    for name, shape in arrays.items():
        start, end = end, end + 2 * WIDTH ** len(shape)
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    return path


def _sharded(folder: Path, arrays: dict[str, list[int]]) -> Path:
    """Write the same arrays in shards, and the index that names them."""
    folder.mkdir()
    shards: dict[str, dict[str, list[int]]] = {}
    for i, (name, shape) in enumerate(arrays.items()):
        file = f"model-{i % N_SHARDS + 1:05}-of-{N_SHARDS:05}.safetensors"
        shards.setdefault(file, {})[name] = shape
    for file, part in shards.items():
        _safetensors(folder / file, part)
    places = {name: file for file, part in shards.items() for name in part}
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return index
