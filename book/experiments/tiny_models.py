"""Train the tiny models of this book on Python's own documentation; two to four minutes for each.

    python book/experiments/tiny_models.py [NAME ...]

Five models are alike but for how they know positions; a sixth has biases and GPT-2's parts, and
was trained twice as long:

===================  ===================================================================
tiny-learned         a learned table of 128 positions
tiny-sinusoidal      a fixed table of sines and cosines
tiny-rope            rotated queries and keys: a small Llama
tiny-alibi           scores that fall with the distance
tiny-none            nothing: only the causal mask tells the order
tiny-gpt2            a learned table, biases, LayerNorm, GELU: a small GPT-2
===================  ===================================================================

Each is written to models/NAME.safetensors (float16, with its configuration and tokenizer), and
what happened to data/NAME.json: the command, the versions, the plan (with the seed), the minutes,
``losses`` (in nats per token, means over ten steps each) and, of the stored model,

- ``passage_loss``: of the passage of the book, which is no documentation (nats per token),
- ``held_out_loss``: of pieces of the documentation that were kept back, 129 tokens each,
- ``unigram_entropy`` and ``bigram_entropy``: what counting tokens, or pairs of them, would reach
  on the text that was trained on.

The minutes are those of a busy machine: ``processor_minutes`` says what the work itself took. With
one thread (OPENBLAS_NUM_THREADS=1) two models can be trained side by side.
"""

import hashlib
import json
import math
import platform
import sys
import time
from collections import Counter
from dataclasses import asdict, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from paramlab.config import ModelConfig
from paramlab.corpus import standard_text
from paramlab.files.load import load_model
from paramlab.files.store import save_model
from paramlab.texts import passage
from paramlab.tokenizer import Tokenizer, train_bpe
from paramlab.training import Plan, next_token_loss, start, train
from paramlab.transformer import loss
from paramlab.tree import Model

HERE = Path(__file__).parent
TRAINED_LENGTH = 128  # tokens
VOCAB_SIZE = 512
PIECE = 8_000  # characters; of every twenty such pieces one is kept back
PLAN = Plan(
    n_steps=1200, batch_size=8, n_tokens=TRAINED_LENGTH, learning_rate=3e-3, warmup_steps=60, seed=0
)
# Absolute positions and LayerNorm learn more slowly; this model is to be used, not compared.
LONGER_PLAN = replace(PLAN, n_steps=2400)
GPT2 = ModelConfig(
    n_layers=4, d_model=80, n_heads=4, d_ff=320, vocab_size=VOCAB_SIZE, n_ctx=TRAINED_LENGTH
)
LLAMA = replace(
    GPT2, d_ff=216, norm="rmsnorm", activation="silu", gated_mlp=True, n_position_rows=0,
    bias_qkv=False, bias_o=False, bias_mlp=False,
)  # fmt: skip
SCHEMES = ("learned", "sinusoidal", "rope", "alibi", "none")
MODELS = {f"tiny-{scheme}": replace(LLAMA, positions=scheme) for scheme in SCHEMES}
# Token vectors as large as the sines and cosines (arXiv 1706.03762, section 3.4).
MODELS["tiny-sinusoidal"] = replace(MODELS["tiny-sinusoidal"], embedding_scale=True)
MODELS["tiny-gpt2"] = GPT2


documentation = cache(standard_text)


@cache
def texts() -> tuple[str, str]:
    """Return the text to train on, and what is kept back."""
    text = documentation().text
    pieces = [text[i : i + PIECE] for i in range(0, len(text), PIECE)]
    kept_back = pieces[10::20]
    del pieces[10::20]
    return "".join(pieces), "".join(kept_back)


@cache
def tokenizer() -> Tokenizer:
    """Learn the vocabulary that all models share."""
    return train_bpe(texts()[0], VOCAB_SIZE)


def held_out(n_tokens: int) -> np.ndarray:
    """Return pieces (B, n_tokens + 1) of the text that was kept back, one after another."""
    tokens = np.array(tokenizer().encode(texts()[1]))
    width = n_tokens + 1
    return tokens[: len(tokens) // width * width].reshape(-1, width)


def main(names: list[str]) -> None:
    """Train the named models, or all of them."""
    if unknown := set(names) - MODELS.keys():
        sys.exit(f"no model {', '.join(sorted(unknown))}; there are {', '.join(MODELS)}")
    for name in names or MODELS:
        train_one(name)


def train_one(name: str) -> None:
    """Train one model, store it, and record how it went."""
    tokens = np.array(tokenizer().encode(texts()[0]))
    began, worked = time.perf_counter(), time.process_time()
    plan = LONGER_PLAN if name == "tiny-gpt2" else PLAN
    run = train(start(MODELS[name], plan), tokens)
    record = {
        "command": f"python book/experiments/tiny_models.py {name}",
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "text": str(documentation()),
        "text_sha256": hashlib.sha256(documentation().text.encode()).hexdigest(),
        "n_tokens_of_text": len(tokens),
        "plan": asdict(plan),
        "minutes": round((time.perf_counter() - began) / 60, 1),
        "processor_minutes": round((time.process_time() - worked) / 60, 1),
        "losses": [round(each, 4) for each in np.reshape(run.losses, (-1, 10)).mean(axis=1)],
    }
    path = HERE / "models" / f"{name}.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_model(path, Model(run.params, run.config, tokenizer()), "float16")
    record |= losses_of(load_model(path)) | entropies(tokens.tolist())
    text = json.dumps(record, indent=1)
    (HERE / "data" / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(f"{name}: {record['minutes']} minutes, held-out loss {record['held_out_loss']}")


def losses_of(model: Model) -> dict[str, float]:
    """Return the losses of a stored model."""
    passage_tokens = model.tokenizer.encode(passage())[: TRAINED_LENGTH + 1]
    pieces = np.array_split(held_out(TRAINED_LENGTH), 8)
    each = [next_token_loss(model.params, model.config, piece) * len(piece) for piece in pieces]
    n_pieces = sum(map(len, pieces))
    return {
        "passage_loss": round(loss(model.params, model.config, passage_tokens), 5),
        "held_out_loss": round(float(sum(each)) / n_pieces, 5),
    }


def entropies(tokens: list[int]) -> dict[str, float]:
    """Return the entropy of a token, and of a token after the one before it, in nats."""
    single, pairs = Counter(tokens), Counter(pairwise(tokens))
    unigram, joint = (
        -sum(n / total * math.log(n / total) for n in counts.values())
        for counts, total in ((single, single.total()), (pairs, pairs.total()))
    )
    return {"unigram_entropy": round(unigram, 4), "bigram_entropy": round(joint - unigram, 4)}


if __name__ == "__main__":
    main(sys.argv[1:])
