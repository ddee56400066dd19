"""Measure, on the real model, how well it uses its window: notes found again, and loss by position.

Chapter 13 loads what this script writes, ``data/window_use.json``. Run it from the root of the
repository; it takes about an hour on one thread, and goes on where it was stopped::

    OPENBLAS_NUM_THREADS=1 python book/experiments/window_use.py

The texts are stretches of the documentation that comes with Python (``pydoc_data.topics``). Into
each, at equal distances, 32 notes are put: "The magic word of Alice is tiger." Then

1. recall: at the end of the text the model is asked for each of the 32 words. A hit is when the
   word is the most probable of all tokens.
2. loss: for the last 128 tokens of every 1,024, the loss with the whole text before them, and
   with the last 512 tokens before them only. The difference is what the far text is worth.

Then the text of 8,192 tokens goes on to 10,240, beyond the model's window (a larger ``n_ctx``
lets it), and the model is asked for the same notes once more.

The 32 notes compete: a note may be lost because it is far back, or because 31 others look like it.
The control tells the two apart. Further texts hold a single note, in their first 256 tokens, and
the model is asked for it after 1,024 to 8,192 tokens; after 8,064 there is still room for the
question in the window, after 8,192 there is not. If distance alone loses the notes of the first
quarter, the single note is lost as often as they; if the others do, it is found.

The unit of repetition is the text: 7 with 32 notes each, 13 with one.
"""

import json
import platform
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
from paramlab import __version__, forward, load_model
from paramlab.attention import KVCache
from paramlab.layers import cross_entropy
from paramlab.tree import Model

FILE = Path(__file__).parent / "data" / "window_use.json"
COMMAND = "OPENBLAS_NUM_THREADS=1 python book/experiments/window_use.py"
N_TEXTS, N_NOTES = 7, 32
LENGTHS = (1024, 2048, 8192)
BEYOND = 10240
N_ALONE, ALONE_WITHIN = 13, 256  # the control
ALONE_LENGTHS = (1024, 2048, 4096, 6144, 8064, 8192)
NEAR, SCORED = 512, 128  # tokens of near context, and of each stretch whose loss is taken
NOTE, QUESTION = "\nThe magic word of {} is {}.\n", "\n\nThe magic word of {} is"
NAMES = (
    "Alice Ben Clara David Emma Frank Grace Henry Iris Jack Kate Leo Maria Nick Olivia Paul "
    "Rachel Sam Victor Walter Anna Brian Carol Daniel Eva George Helen Ian Julia Kevin Laura "
    "Mark Oscar Peter Rose Simon Tom Wendy"
).split()
WORDS = (
    "tiger apple river bridge candle guitar window carpet hammer lemon mountain pencil rabbit "
    "silver thunder violin wagon castle dragon eagle forest garden harbor island jungle kitchen "
    "ladder mirror needle ocean palace queen rocket shadow temple umbrella valley winter yellow"
).split()


def prompt(
    text: list[int], n_tokens: int, seed: int, model: Model
) -> tuple[list[int], list[tuple[str, str]], np.ndarray]:
    """Put notes into a text.

    Returns the tokens, the notes (name, word), and for each token whether it belongs to the text
    and not to a note.
    """
    rng = np.random.default_rng(seed)
    names, words = rng.permutation(NAMES)[:N_NOTES], rng.permutation(WORDS)[:N_NOTES]
    written = [
        model.tokenizer.encode(NOTE.format(*pair)) for pair in zip(names, words, strict=True)
    ]
    free = n_tokens - sum(map(len, written))
    edges = [free * i // N_NOTES for i in range(N_NOTES + 1)]
    tokens, is_text = [], []
    for i, note in enumerate(written):
        piece = text[edges[i] : edges[i + 1]]
        tokens += note + piece
        is_text += [False] * len(note) + [True] * len(piece)
    return tokens, list(zip(names, words, strict=True)), np.array(is_text)


def read(tokens: list[int], model: Model, cache: KVCache, ends: Iterable[int] = ()) -> np.ndarray:
    """Read tokens into the cache; return the losses of some of them (T,), the others not a number.

    Scored are the 128 tokens before each of ``ends``: only there are the logits computed.
    """
    losses = np.full(len(tokens), np.nan)
    edges = [0, *range(SCORED - 1, len(tokens), SCORED), len(tokens)]
    for start, stop in pairwise(edges):
        scored = stop + 1 in ends  # the chunk predicts tokens start + 1 to stop
        inputs = tokens[start:stop]
        logits = forward(*model[:2], inputs, last_only=not scored, cache=cache)
        if scored:
            targets = np.array(tokens[start + 1 : stop + 1])
            losses[start + 1 : stop + 1] = cross_entropy(logits, targets)
    return losses


def recall(notes: list[tuple[str, str]], model: Model, cache: KVCache) -> list[int]:
    """Ask for each note at the end of what was read: 1 for the right word, 0 for another."""
    params, config, tokenizer = model
    n_tokens, hits = cache.n_tokens, []
    for name, word in notes:
        question = tokenizer.encode(QUESTION.format(name))
        logits = forward(params, config, question, last_only=True, cache=cache)
        hits.append(int(logits.argmax() == tokenizer.encode(" " + word)[0]))
        cache.n_tokens = n_tokens  # forget the question
    return hits


def mean_losses(losses: np.ndarray, is_text: np.ndarray, ends: Iterable[int]) -> list[float]:
    """Return the mean loss of the 128 tokens before each end, notes left out."""
    stretches = [slice(end - SCORED, end) for end in ends]
    return [float(losses[part][is_text[part]].mean()) for part in stretches]


def near_loss(tokens: list[int], is_text: np.ndarray, end: int, model: Model) -> float:
    """Return the mean loss of the 128 tokens before ``end`` with only 512 tokens before them."""
    part = slice(end - SCORED - NEAR, end)
    cache = KVCache(model.config, NEAR + SCORED)
    losses = read(tokens[part], model, cache, ends=[NEAR + SCORED])
    return mean_losses(losses, is_text[part], [NEAR + SCORED])[0]


def measure(text: list[int], seed: int, model: Model) -> dict:
    """Measure one text at every length, and beyond the window."""
    model = model._replace(config=replace(model.config, n_ctx=BEYOND + 64))
    result: dict = {"recall": {}}
    for n in LENGTHS:
        tokens, notes, is_text = prompt(text, n, seed, model)
        ends = range(1024, n + 1, 1024) if n == LENGTHS[-1] else ()
        cache = KVCache(model.config, BEYOND + 64)
        losses = read(tokens, model, cache, ends)
        result["recall"][n] = recall(notes, model, cache)
    result["loss"] = mean_losses(losses, is_text, ends)
    result["near loss"] = [near_loss(tokens, is_text, end, model) for end in ends]
    read(text[n:BEYOND], model, cache)  # the text goes on, a little further on, without notes
    result["recall"][BEYOND] = recall(notes, model, cache)
    return result


def measure_alone(text: list[int], seed: int, model: Model) -> dict:
    """Hide one note near the beginning, and ask for it as the text grows."""
    rng = np.random.default_rng([seed, 1])
    name, word = str(rng.choice(NAMES)), str(rng.choice(WORDS))
    note = model.tokenizer.encode(NOTE.format(name, word))
    place = int(rng.integers(ALONE_WITHIN - len(note)))
    tokens = text[:place] + note + text[place:]
    model = model._replace(config=replace(model.config, n_ctx=ALONE_LENGTHS[-1] + 64))
    cache, found = KVCache(model.config, ALONE_LENGTHS[-1] + 64), {}
    for start, stop in pairwise((0, *ALONE_LENGTHS)):
        read(tokens[start:stop], model, cache)
        found[stop] = recall([(name, word)], model, cache)[0]
    return {"place": place, "found": found}


def main() -> None:
    """Measure text after text, and write the file after each."""
    model = load_model()
    encode = model.tokenizer.encode
    assert all(len(encode(" " + word)) == 1 for word in NAMES + WORDS)
    everything = encode("\n\n".join(topics.values()))
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {}
    known = {"texts": [], "one note": [], "minutes": 0} | known
    for kind, n_texts, one in (
        ("texts", N_TEXTS, measure),
        ("one note", N_ALONE, measure_alone),
    ):
        for seed in range(len(known[kind]), n_texts):
            started = time.process_time()
            start = len(everything) * seed // n_texts
            known[kind].append(one(everything[start : start + BEYOND], seed, model))
            known["minutes"] += (time.process_time() - started) / 60
            write(known, len(everything))
            print(kind, seed, known[kind][-1], file=sys.stderr)


def write(known: dict, n_tokens_of_text: int) -> None:
    """Write what is known so far."""
    record = {
        "command": COMMAND,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "paramlab": __version__,
        "minutes": round(known["minutes"], 1),
        "text": "pydoc_data.topics",
        "text_tokens": n_tokens_of_text,
        "n_notes": N_NOTES,
        "texts": known["texts"],
        "one note": known["one note"],
    }
    FILE.write_text(json.dumps(record) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
