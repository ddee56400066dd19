"""See how many numbers the transformers library keeps in layers with a state: states.jsonl.

Small models of every family that has such layers read 9 tokens; what their caches hold beside keys
and values is added up. The library keeps as many inputs of a convolution as it looks at; the oldest
is not needed for the next token and is left out. Nothing is downloaded.

    .venv-oracle/bin/python tests/oracles/states.py
"""

import json
import random
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import transformers as tf
from families import random_fields, read
from paramlab.files.families import family, model_types

STORED = Path(__file__).with_name("states.jsonl")
N_TOKENS, N_EACH = 9, 3


def kept(fields: dict[str, Any]) -> int:
    """Return how many numbers beside keys and values a model keeps of one text."""
    config = read(fields)
    model = tf.AutoModelForCausalLM.from_config(config, experts_implementation="eager").eval()
    given = {}
    if fields["model_type"] == "recurrent_gemma":  # which gives none back, and keeps states itself
        given["past_key_values"] = tf.DynamicCache(config=config)
    with torch.no_grad():
        output = model(torch.arange(1, N_TOKENS + 1)[None], use_cache=True, **given)
    if (states := getattr(output, "state", None)) is not None:  # RWKV
        return sum(state.numel() for state in states)
    cache = given.get("past_key_values") or getattr(output, "cache_params", None)
    cache = cache or output.past_key_values
    numbers = sum(len(state) and state.numel() for state in getattr(cache, "linear_cache", ()))
    for module in model.modules():
        if getattr(module, "recurrent_states", None) is not None:
            numbers += module.recurrent_states.numel()
        if getattr(module, "conv1d_state", None) is not None:  # without the token that comes next
            numbers += module.conv1d_state.numel()
    for layer in cache.layers:
        for state in getattr(layer, "conv_states", {}).values():
            if state is not None:
                numbers += state.numel() // state.shape[-1] * (state.shape[-1] - 1)
        for state in getattr(layer, "recurrent_states", {}).values():
            numbers += 0 if state is None else state.numel()
    return numbers


def rows() -> Iterator[list[Any]]:
    """Yield the fields of small models, and the numbers that they keep."""
    for kind in model_types():
        rng, left = random.Random(kind), N_EACH if family(kind).style.get("state.kind") else 0
        for _ in range(300 if left else 0):
            fields = random_fields(kind, rng)
            if kind in ("lfm2_moe", "minimax", "qwen3_next", "qwen3_5_text", "qwen3_5_moe_text"):
                fields["head_dim"] = 4
            try:
                numbers = kept(fields)
            except Exception:  # sizes that do not run
                continue
            if numbers:
                yield [fields, numbers]
                left -= 1
            if not left:
                break
        if left:
            print(f"{kind}: {left} models are missing")


def main() -> None:
    """Rewrite states.jsonl."""
    warnings.simplefilter("ignore")
    tf.logging.set_verbosity_error()
    torch.manual_seed(0)
    lines = [json.dumps(row, separators=(",", ":")) for row in rows()]
    STORED.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
