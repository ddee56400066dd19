"""Train two widths of a tiny GPT on little text, read often, and on much, read once.

Chapter 9 loads what this script writes: ``data/few_examples.json``. Run it from the root of the
repository; it takes about three minutes of one processor::

    OPENBLAS_NUM_THREADS=1 python book/experiments/few_examples.py

Written before the run:

- *Question.* Does a model with more parameters do worse on text it has not seen, and when?
- *Measure.* The small GPT-2 of chapter 5 (two blocks, single characters), 16 and 64 wide, reads
  307,200 characters in 300 steps: of a text of 6,400 characters (each 48 times on average), of
  25,600 (12 times) or 307,200 (once). Every 25 steps: its loss on that text and
  on text kept back, in nats per character.
- *Control.* The same number of steps on text that is hardly repeated. And stopping in time: the
  step with the lowest loss on one half of the text kept back, measured on the other half.
- *Unit.* A seed: another start, other batches, and another text, drawn from Python's documentation:
  five of them. Intervals are Student's.
- *Comparisons.* Two are declared: wide minus narrow on unseen text after the last step, with 6,400
  characters (above 0: the article is right) and with 307,200 (below 0: it is not). The rest is
  shown and not tested.
- *Opposite.* The wide model does better also on the little text, or worse also on the much.
- *Predicted, after one trial:* +0.3 or more, and -0.2 or less.

What it cannot show: what happens to models and texts of practical size, or with dropout.
"""

import hashlib
import json
import string
import time
from pathlib import Path

import numpy as np
from paramlab import ModelConfig
from paramlab.corpus import Characters, standard_text
from paramlab.training import Plan, Run, next_token_loss, start, train
from recording import about, short

DATA = Path(__file__).parent / "data"
COMMAND = "OPENBLAS_NUM_THREADS=1 python book/experiments/few_examples.py"
WIDTHS, SEEDS = (16, 64), range(5)
SIZES = (6_400, 25_600, 307_200)  # characters of the text that is learned from
PIECE = 6_400  # characters; of every twenty such pieces one is kept back
N_TOKENS = 64
LOOK_EVERY = 25  # steps
CHARACTERS = Characters(string.printable + "\ufffd")


def config(width: int) -> ModelConfig:
    """Return the model of that width."""
    return ModelConfig(
        n_layers=2, d_model=width, n_heads=width // 16, d_ff=4 * width,
        vocab_size=len(CHARACTERS.vocabulary), n_ctx=N_TOKENS,
    )  # fmt: skip


def plan(seed: int) -> Plan:
    """Return how every model is trained: as in chapter 5, for fewer steps."""
    return Plan(n_steps=300, n_tokens=N_TOKENS, learning_rate=0.004, seed=seed)


def rows(text: np.ndarray, n: int) -> np.ndarray:
    """Return n pieces of a text (n, tokens + 1), evenly spread."""
    places = np.linspace(0, len(text) - N_TOKENS - 1, n).astype(int)
    return text[places[:, None] + np.arange(N_TOKENS + 1)]


def learn(width: int, size: int, seed: int, pieces: list[np.ndarray]) -> dict:
    """Train one model; return its losses every few steps, on text seen and unseen."""
    kept_back = np.concatenate(pieces[10::20])
    others = [piece for i, piece in enumerate(pieces) if i % 20 != 10]
    chosen = np.random.default_rng([seed, 9]).permutation(len(others))[: size // PIECE]
    text = np.concatenate([others[i] for i in chosen])
    halves = np.array_split(rows(kept_back, 120), 2)
    looked: dict[str, list[float]] = {"seen": [], "unseen": [], "unseen_other_half": []}

    def look(run: Run) -> None:
        if run.step % LOOK_EVERY == 0:
            for name, tokens in zip(looked, (rows(text, 60), *halves), strict=True):
                looked[name].append(float(next_token_loss(run.params, run.config, tokens)))

    train(start(config(width), plan(seed)), text, progress=False, after_step=look)
    return {"width": width, "size": size, "seed": seed, **looked}


def main() -> None:
    """Run everything; write the record."""
    began = time.process_time()
    documentation = standard_text()
    text = np.array(CHARACTERS.encode(documentation.text))
    pieces = [text[i : i + PIECE] for i in range(0, len(text) - PIECE + 1, PIECE)]
    runs = [
        learn(width, size, seed, pieces) for size in SIZES for width in WIDTHS for seed in SEEDS
    ]
    record = {
        **about(COMMAND, began),
        "text": str(documentation),
        "text_sha256": hashlib.sha256(documentation.text.encode()).hexdigest(),
        "look_every": LOOK_EVERY,
        "runs": runs,
    }
    lines = json.dumps(short(record)).replace('}, {"width"', '},\n{"width"')
    (DATA / "few_examples.json").write_text(lines + "\n", "utf-8")
    print(f"few_examples.json: {record['processor_minutes']} processor minutes")


if __name__ == "__main__":
    main()
