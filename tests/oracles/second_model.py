"""Ask transformers what the second model makes of texts, and store it for the tests.

``make oracle`` runs it, in an environment of its own: tests/oracles/requirements.txt.

It writes second_model.json beside itself: for each text its tokens, the last hidden state of the
first and the last token, and the mean over all tokens. MODEL.safetensors is the file that
`paramlab fetch all-minilm-l6-v2` prints; its config.json and tokenizer.json lie beside it.
"""

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from paramlab.texts import passage
from tokenizers import Tokenizer
from transformers import AutoModel

OUTPUT = Path(__file__).with_suffix(".json")
TEXTS = [
    "",
    "The doctor examined the sick child.",
    "A physician had a look at the ill youngster.",
    "Ça coûte 3,50 € [MASK] 光合作用是什么？ 🌱",
    passage()[:300],
    " ".join([passage()] * 4),  # longer than its window, so it is cut
]
LONGEST = 512


def main(path: Path) -> None:
    """Compute everything and write it."""
    tokenizer = Tokenizer.from_file(str(path.with_name("tokenizer.json")))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    model = AutoModel.from_pretrained(
        path.parent, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    texts = []
    for text in TEXTS:
        tokens = tokenizer.encode(text).ids[:LONGEST]
        with torch.no_grad():
            state = model(torch.tensor([tokens])).last_hidden_state[0]  # (T, D)
        rows = {"first": state[0], "last": state[-1], "mean": state.mean(dim=0)}
        numbers = {name: [float(f"{x:.7g}") for x in row.tolist()] for name, row in rows.items()}
        texts.append({"text": text, "tokens": tokens, **numbers})
        print(f"{len(tokens):4} tokens, numbers of size {state.abs().mean():.3f}")
    versions = {name: version(name) for name in ("torch", "transformers", "tokenizers")}
    lines = ",\n".join(map(json.dumps, texts))
    OUTPUT.write_text(f'{{"versions": {json.dumps(versions)}, "texts": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main(Path(sys.argv[1]))
