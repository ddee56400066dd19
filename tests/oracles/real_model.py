"""Ask transformers what the real model says, and store it for the tests.

``make oracle`` runs it, in an environment of its own: tests/oracles/requirements.txt.

It writes real_model.json beside itself: logits at chosen positions, the loss of a text, and the
perplexity of the book's passage. MODEL.gguf is the file that `paramlab fetch smollm2-135m` prints.
"""

import json
import math
import os
import random
import sys
from importlib.metadata import version
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from paramlab.texts import passage
from tokenizer import smollm_tokenizer
from transformers import AutoModelForCausalLM

OUTPUT = Path(__file__).with_suffix(".json")
N_TOP = 20
ALWAYS = [0, 1, 2, 17, 504, 1000, 7042, 20000, 33333, 49151]  # ids whose logits are always kept

PROMPTS = [
    "The capital of France is",
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return",
    "<|im_start|>user\n光合作用是什么？ 🌱<|im_end|>\n<|im_start|>assistant\n",
]
LOSS_TEXT = """A lighthouse keeper counted the ships that passed in one night. There were twelve,
and each carried a lamp of a different color. In the morning he wrote the number
into a book, closed it, and went to sleep. Years later his granddaughter found the
book on a shelf. She could not know which ships had passed, nor what they carried;
but she knew how many there had been, and that somebody had cared enough to count.
In 1897 the light was lit 365 times, and 2 times it went out in a storm.
"""


def main(path: Path) -> None:
    """Compute everything and write it."""
    tokenizer = smollm_tokenizer(path)
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32
    ).eval()
    rng = random.Random(0)
    prompts = [tokenizer.encode(text).ids for text in PROMPTS]
    prompts.append([rng.randrange(tokenizer.get_vocab_size()) for _ in range(128)])
    loss_tokens = tokenizer.encode(LOSS_TEXT).ids
    passage_tokens = tokenizer.encode(passage()).ids
    passage_nats = loss_of(model, passage_tokens)
    stored = {
        "versions": {
            name: version(name) for name in ("torch", "transformers", "tokenizers", "gguf")
        },
        "logits": [logits_of(model, tokens) for tokens in prompts],
        "loss": {"tokens": loss_tokens, "nats": loss_of(model, loss_tokens)},
        "passage": {"n_tokens": len(passage_tokens), "perplexity": math.exp(passage_nats)},
    }
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in stored.items())
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"wrote {OUTPUT}: {len(prompts)} prompts, a loss, a perplexity")


def logits_of(model, tokens: list[int]) -> dict[str, object]:
    """Keep logits of the first, a middle and the last position: the largest and some others."""
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0]  # (T, V)
    positions = []
    for position in sorted({0, len(tokens) // 2, len(tokens) - 1}):
        row = logits[position]
        ids = [*row.topk(N_TOP).indices.tolist(), *ALWAYS]
        values = [round(value, 6) for value in row[ids].tolist()]
        positions.append({"position": position, "ids": ids, "logits": values})
    return {"tokens": tokens, "positions": positions}


def loss_of(model, tokens: list[int]) -> float:
    """Return the mean next-token cross-entropy in nats."""
    inputs = torch.tensor([tokens])
    with torch.no_grad():
        logits = model(inputs).logits[0]
    return torch.nn.functional.cross_entropy(logits[:-1].double(), inputs[0, 1:]).item()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
