"""Train four widths of a tiny GPT with five step sizes, to see which each can stand.

Chapter 9 loads what this script writes: ``data/step_sizes.json``. Run it from the root of the
repository; it takes about two minutes of one processor::

    OPENBLAS_NUM_THREADS=1 python book/experiments/step_sizes.py

Written before the run:

- *Question.* Does a wider model need a smaller step size, and if it gets it, is it harder to train?
- *Measure.* The small GPT-2 of chapter 5 (two blocks, single characters) 16, 32, 64 and 128 wide,
  after 60 steps on text that is hardly repeated: loss on text kept back, in nats per character.
  A step size is *usable* if it ends within 0.1 nats of that width's best.
- *Control.* Each width at its own best step size, beside all widths at one.
- *Unit.* A seed (start and batches): three for each cell, all shown; no interval from three.
- *Comparisons.* One is declared: the best step size (by the mean over seeds) at width 128 lies at
  least a factor 3 below that at width 16.
- *Opposite.* The same best step size; or the wide model is worse also at its own best.
- *Predicted, after one trial of width 16 and 128:* the best at 128 is 0.003 to 0.01, at 16 it is
  0.01 or more; at the best of width 16, width 128 is worse than width 16.

What it cannot show: loss spikes, which need long runs; the trainer's initialization and optimizer
are GPT-2's, and other ways to initialize (arXiv 2203.03466) are made to remove the shift.
"""

import json
import time
from pathlib import Path

import numpy as np
from few_examples import CHARACTERS, N_TOKENS, PIECE, config, rows
from paramlab.corpus import standard_text
from paramlab.training import Plan, next_token_loss, start, train
from recording import about, short

DATA = Path(__file__).parent / "data"
COMMAND = "OPENBLAS_NUM_THREADS=1 python book/experiments/step_sizes.py"
WIDTHS, SEEDS = (16, 32, 64, 128), range(3)
STEP_SIZES = (0.001, 0.003, 0.01, 0.03, 0.1)


def end(width: int, step_size: float, seed: int, text: np.ndarray, unseen: np.ndarray) -> float:
    """Train one model; return its loss on unseen text, infinite if it did not stay finite."""
    plan = Plan(n_steps=60, n_tokens=N_TOKENS, learning_rate=step_size, seed=seed)
    try:
        run = train(start(config(width), plan), text, progress=False)
    except FloatingPointError:
        return float("inf")
    return float(next_token_loss(run.params, run.config, unseen))


def main() -> None:
    """Run everything; write the record."""
    began = time.process_time()
    text = np.array(CHARACTERS.encode(standard_text().text))
    pieces = [text[i : i + PIECE] for i in range(0, len(text) - PIECE + 1, PIECE)]
    unseen = rows(np.concatenate(pieces[10::20]), 80)
    del pieces[10::20]
    learned = np.concatenate(pieces)
    runs = [
        {
            "width": width,
            "step_size": size,
            "losses": [end(width, size, seed, learned, unseen) for seed in SEEDS],
        }
        for width in WIDTHS
        for size in STEP_SIZES
    ]
    record = {
        **about(COMMAND, began),
        "text": str(standard_text()),
        "runs": runs,
    }
    lines = json.dumps(short(record)).replace('}, {"width"', '},\n{"width"')
    (DATA / "step_sizes.json").write_text(lines + "\n", "utf-8")
    print(f"step_sizes.json: {record['processor_minutes']} processor minutes")


if __name__ == "__main__":
    main()
