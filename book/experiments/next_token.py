"""Write down what a slider for the temperature needs of the real model's logits.

The site's chapter 3 computes from what this script writes: ``data/next_token.json``. Run it from
the root of the repository; it takes seconds::

    python book/experiments/next_token.py

After *The capital of France is*, the five largest logits as differences to the first, which is all
that a softmax sees of them; and the others, for each temperature, as the logarithm of the sum of
their exponentials, divided by that of the first.
"""

import json
import time
from pathlib import Path

import numpy as np
from paramlab import forward, load_model
from recording import about, short

OUTPUT = Path(__file__).parent / "data" / "next_token.json"
COMMAND = "python book/experiments/next_token.py"
PROMPT = "The capital of France is"
TENTHS = range(2, 31)  # the temperatures, times ten
N_NAMED = 5


def measured() -> dict:
    """Return the logits of the named tokens, and what the others add up to."""
    params, config, tokenizer = load_model()
    logits = forward(params, config, tokenizer.encode(PROMPT), last_only=True).astype(np.float64)
    order = (-logits).argsort()
    below = logits[order] - logits[order[0]]
    named, others = below[:N_NAMED], below[N_NAMED:]
    sums = {str(t): float(np.log(np.exp(others * 10 / t).sum())) for t in TENTHS}
    return {
        "prompt": PROMPT,
        "tokens": [tokenizer.decode([int(i)]) for i in order[:N_NAMED]],
        "logits": named.tolist(),
        "n_others": len(others),
        "others": sums,
    }


def main() -> None:
    """Write the record."""
    began = time.process_time()
    record = short({**measured(), **about(COMMAND, began)})
    OUTPUT.write_text(json.dumps(record, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
