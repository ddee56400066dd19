"""Counting an architecture against building it with the transformers library."""

from collections.abc import Iterator
from pathlib import Path

from harness import PYTHON, Figure, alternated, printed

ORACLE = Path(__file__).parents[2] / ".venv-oracle" / "bin" / "python"  # made by `make oracle`
CONFIG = {
    "model_type": "gpt2", "n_layer": 96, "n_embd": 12288, "n_head": 96, "n_positions": 2048,
}  # fmt: skip
COUNT = f"""
import time
from paramlab.files.hugging_face import config_from_hf
from paramlab.params import count
start = time.perf_counter()
total = count(config_from_hf({CONFIG})).total
elapsed = time.perf_counter() - start
assert total == 174604259328
print(1000 * elapsed)
"""
BUILD = f"""
import time, torch
from transformers import AutoConfig, AutoModelForCausalLM
options = dict({CONFIG})
kind = options.pop("model_type")
AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, n_layer=1), dtype=torch.float32)
start = time.perf_counter()
with torch.device("meta"):
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **options))
total = sum(parameter.numel() for parameter in model.parameters())
elapsed = time.perf_counter() - start
assert total == 174604259328
print(1000 * elapsed)
"""


def measure() -> Iterator[Figure]:
    """Yield how much longer transformers takes for GPT-3, imports excluded on both sides."""
    sides = [printed(PYTHON, "-c", COUNT)]
    if ORACLE.exists():
        sides.append(printed(str(ORACLE), "-c", BUILD))
    ours, *theirs = alternated(*sides, repeats=5)
    yield Figure(
        "count_vs_transformers", ours, "ms", goal=1 / 30, judged="ratio",
        peer="transformers on the meta device", peer_value=theirs[0] if theirs else None,
    )  # fmt: skip
