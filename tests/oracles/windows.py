"""See how far back each layer looks in models of the transformers library: windows.jsonl.

Small models of every family that may have sliding windows, with random settings of them, read 24
tokens. The widest row of a layer's attention weights says how many tokens it can see. Nothing is
downloaded.

    .venv-oracle/bin/python tests/oracles/windows.py [--only MODEL_TYPE]
"""

import dataclasses
import random
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import transformers as tf
from families import arguments, read, store
from paramlab.files.families import family

STORED = Path(__file__).with_name("windows.jsonl")
N_TOKENS, N_EACH = 24, 8
WITHOUT = ("llama", "gemma")  # families without windows, to see that the fields do nothing there
SIZES = {
    "num_hidden_layers": 7, "hidden_size": 16, "num_attention_heads": 2, "num_heads": 2,
    "num_key_value_heads": 2, "num_layers": 6, "head_dim": 8, "intermediate_size": 8,
    "vocab_size": 50, "max_position_embeddings": 64, "num_local_experts": 4, "num_experts": 4,
    "num_experts_per_tok": 2, "moe_intermediate_size": 8, "shared_expert_intermediate_size": 8,
    "pad_token_id": 0,
}  # fmt: skip


def random_fields(kind: str, rng: random.Random) -> dict[str, Any]:
    """Draw the fields of a small model and how it limits its attention."""
    names = {field.name for field in dataclasses.fields(tf.CONFIG_MAPPING[kind])}
    fields = {"model_type": kind} | {name: n for name, n in SIZES.items() if name in names}
    if kind == "gpt_neo":
        pattern = rng.choice((["global", "local"], ["local"], ["local", "global", "local"]))
        fields |= {"window_size": rng.randint(2, 12)}
        fields |= {"num_layers": 6, "attention_types": [[pattern, 6 // len(pattern)]]}
    settings = {
        "sliding_window": rng.choice((None, *range(2, 13))),
        "sliding_window_pattern": rng.choice((2, 3, 5)),
        "use_sliding_window": rng.random() < 0.7,
        "max_window_layers": rng.randint(0, 6),
        "layer_types": rng.choices(("full_attention", "sliding_attention"), k=7),
        "no_rope_layer_interval": rng.choice((2, 3)),
    }
    if kind == "llama4_text":
        settings["attention_chunk_size"] = rng.choice((None, *range(2, 13)))
        settings["layer_types"] = rng.choices(("full_attention", "chunked_attention"), k=7)
        settings["no_rope_layers"] = rng.choices((0, 1), k=7)
    known = {"sliding_window_pattern": ("gemma3_text", "cohere2")}
    for name, value in settings.items():
        applies = name in names or kind in known.get(name, ())
        if applies and rng.random() < 0.6:
            fields[name] = value
    return fields


def visible(fields: dict[str, Any]) -> list[int]:
    """Return how many tokens each layer of the library's model can see at most."""
    config = read(fields)
    config._attn_implementation = "eager"
    model = tf.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        tokens = torch.arange(1, N_TOKENS + 1)[None]
        weights = model(tokens, output_attentions=True, use_cache=False).attentions
    return [int((layer > 0).sum(-1).max()) for layer in weights]


def rows(kind: str) -> Iterator[list[Any]]:
    """Yield what is stored of one family: fields, and how far each layer looks back."""
    if not family(kind).window and kind not in WITHOUT:
        return
    rng, left = random.Random(kind), N_EACH
    for _ in range(100 * N_EACH):
        fields = random_fields(kind, rng)
        try:
            seen = visible(fields)
        except Exception:  # settings that the library refuses
            continue
        yield [fields, seen]
        left -= 1
        if not left:
            return
    print(f"{kind}: {N_EACH - left} models only")


def main() -> None:
    """Rewrite windows.jsonl."""
    warnings.simplefilter("ignore")
    tf.logging.set_verbosity_error()
    torch.manual_seed(0)
    store(STORED, arguments().kinds, rows)


if __name__ == "__main__":
    main()
