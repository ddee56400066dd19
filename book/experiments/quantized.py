"""Round the weights of two real models to 8, 4, 3 and 2 bits and measure what is lost.

Chapter 14 loads what this script writes: ``data/quantized.json``. Run it from the root of the
repository, on one thread so that it disturbs nobody and gives the same digits again; it takes a
quarter of an hour::

    OPENBLAS_NUM_THREADS=1 python book/experiments/quantized.py

Written before the run:

- *Question.* How much worse does a model predict when each weight of its blocks is rounded to fewer
  bits, and does it matter how many weights share a grid?
- *Models.* SmolLM2-135M-Instruct as it is distributed here, that is already rounded to 4 to 8 bits
  (Q4_1 in its blocks: groups of 32 with a minimum and a step), without its chat template. And
  all-MiniLM-L6-v2, which comes in 32 bits. Matrices of the blocks are rounded; tables, norms and
  biases stay.
- *Measures.* For SmolLM2 the loss in nats on 16 texts written for this book, as a difference to the
  model as distributed on the same text; and how often its first choice for the next token stays the
  same. For MiniLM how many of 440 sentences still find their twin, and the cosines.
- *Controls.* Normal noise with the size (root mean square, in each matrix) of the rounding error:
  if it does as much harm, only the size of the error counts. And the file's own grid: to round to
  it once more must change nothing. So the point at 4 bits is not the price of 4 bits: on its own
  grid it is zero by construction, and on another two roundings add up. Groups moved by half a group
  show how much that is.
- *Opposite.* Fewer bits do no harm, or harm in proportion to the bits saved, without a cliff; or a
  grid for each group is no better than one for the whole matrix; or noise of the same size does
  less harm than rounding.
- *Unit.* A text (16), a pair of sentences (220). All schemes are shown and none is chosen. One
  comparison is declared: at 4 bits symmetric, a grid per channel minus one per 32 weights.

What it cannot show: what 4 bits cost an unrounded SmolLM2, or larger models, or with methods that
choose the codes with the help of data.
"""

import json
import platform
import time
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from biases import hits_of, scores, vectors
from paramlab import __version__, load_model
from paramlab.files.real_model import FILE_SHA256, SECOND_MODEL, SOURCES
from paramlab.layers import cross_entropy
from paramlab.quantize import quantize
from paramlab.statistics import mean_and_half
from paramlab.texts import passage
from paramlab.transformer import forward
from paramlab.tree import Model, flatten, nest
from recording import short

DATA = Path(__file__).parent / "data"
COMMAND = "OPENBLAS_NUM_THREADS=1 python book/experiments/quantized.py"
BITS = (8, 4, 3, 2)
GROUP = 32  # weights that share a grid in the file
Change = Callable[[np.ndarray], tuple[np.ndarray, int]]  # a matrix to another, and its bytes


def rounding(bits: int, group: int | str, symmetric: bool = True) -> Change:
    """Return what rounds a matrix."""

    def change(weights: np.ndarray) -> tuple[np.ndarray, int]:
        small = quantize(weights, bits, group, symmetric)
        return small.expanded(), small.n_bytes

    return change


def shifted(change: Change) -> Change:
    """Return what does the same with groups that start half a group later."""

    def moved(weights: np.ndarray) -> tuple[np.ndarray, int]:
        rounded, n_bytes = change(np.roll(weights, GROUP // 2, axis=0))
        return np.roll(rounded, -GROUP // 2, axis=0), n_bytes

    return moved


def noise_like(change: Change, seed: int = 0) -> Change:
    """Return what adds normal noise as large as the error of another change, in each matrix."""
    rng = np.random.default_rng(seed)

    def noisy(weights: np.ndarray) -> tuple[np.ndarray, int]:
        rounded, n_bytes = change(weights)
        noise = rng.normal(size=weights.shape)
        noise *= np.sqrt(np.mean((rounded - weights) ** 2) / np.mean(noise**2))
        return weights + noise.astype(np.float32), n_bytes

    return noisy


def changed_blocks(params: Any, change: Change) -> tuple[Any, dict]:
    """Change the matrices of all blocks; say what they take, and how large the error is."""
    flat, n_bytes, n, error, squares = flatten(params), 0, 0, 0.0, 0.0
    for name, array in flat.items():
        if name.startswith("blocks.") and name.endswith("weight") and array.ndim == 2:
            flat[name], more = change(array)
            n_bytes, n = n_bytes + more, n + array.size
            error += float(np.square(flat[name] - array).sum(dtype=float))
            squares += float(np.square(array).sum(dtype=float))
    about = {"bytes": n_bytes, "bits_per_weight": 8 * n_bytes / n}
    return nest(flat), about | {"relative_error": float(np.sqrt(error / squares))}


# ------------------------------------------------------------------ the model that predicts


def schemes() -> dict[str, Change]:
    """Return every way to round, by its name, and the controls."""
    listed: dict[str, Change] = {}
    for bits in BITS:
        for group in ("tensor", "channel", GROUP):
            listed[f"symmetric, {group}, {bits} bit"] = rounding(bits, group)
        listed[f"asymmetric, {GROUP}, {bits} bit"] = rounding(bits, GROUP, symmetric=False)
        listed[f"noise as symmetric, {GROUP}, {bits} bit"] = noise_like(rounding(bits, GROUP))
    listed["asymmetric, 32, moved by half, 4 bit"] = shifted(rounding(4, GROUP, symmetric=False))
    return listed


def predictions(model: Model, params: Any, texts: Sequence[np.ndarray]) -> tuple[list, list]:
    """Return the loss on each text, and the first choice after each of its tokens."""
    losses, choices = [], []
    for tokens in texts:
        logits = forward(params, model.config, tokens[:-1])
        losses.append(float(cross_entropy(logits, tokens[1:]).mean(dtype=float)))
        choices.append(logits.argmax(axis=-1))
    return losses, choices


def measure_predictions(model: Model, texts: Sequence[np.ndarray]) -> dict:
    """Measure the model as distributed and in every scheme."""
    before, chosen = predictions(model, model.params, texts)
    record: dict = {"as distributed": {"loss": before}, "schemes": {}}
    for name, change in schemes().items():
        params, about = changed_blocks(model.params, change)
        after, choices = predictions(model, params, texts)
        same = [float(np.mean(a == b)) for a, b in zip(choices, chosen, strict=True)]
        added = [a - b for a, b in zip(after, before, strict=True)]
        summary = {"added_loss": mean_and_half(added), "same_choice": mean_and_half(same)}
        record["schemes"][name] = {**about, **summary, "loss": after, "same": same}
        print(name, summary, flush=True)
    channel, group = (
        record["schemes"][f"symmetric, {name}, 4 bit"]["loss"] for name in ("channel", GROUP)
    )
    record["declared"] = mean_and_half([a - b for a, b in zip(channel, group, strict=True)])
    return record


# ------------------------------------------------------------------ the model that compares


def measure_twins(model: Model, sentences: Sequence[str]) -> dict:
    """Let every sentence look for its twin, with the model whole and rounded."""

    def scored(params: Any) -> dict:
        return scores(vectors(flatten(params), model, sentences))

    whole = scored(model.params)
    record: dict = {"whole": {**whole, "found": float(hits_of(whole).mean())}, "schemes": {}}
    for bits in BITS:
        for group in ("channel", GROUP):
            params, about = changed_blocks(model.params, rounding(bits, group))
            found = scored(params)
            change = mean_and_half(list(hits_of(found) - hits_of(whole)))
            share = float(hits_of(found).mean())
            entry = {**about, **found, "found": share, "change": change}
            record["schemes"][f"symmetric, {group}, {bits} bit"] = entry
    return record


def main() -> None:
    """Run everything and write it down."""
    start = time.perf_counter()
    written = [passage()]
    for file in ("drawers-texts.toml", "quantized-texts.toml"):
        written += tomllib.loads((DATA / file).read_text(encoding="utf-8"))["texts"]
    pairs = [
        pair
        for topic in tomllib.loads((DATA / "paraphrases.toml").read_text(encoding="utf-8")).values()
        for pair in topic
    ]
    sentences = [first for first, _ in pairs] + [second for _, second in pairs]
    twins = measure_twins(load_model(SECOND_MODEL), sentences)
    model = load_model()
    texts = [np.array(model.tokenizer.encode(text.strip())) for text in written]
    predicted = measure_predictions(model, texts)
    minutes = (time.perf_counter() - start) / 60
    about = {
        "command": COMMAND, "date": time.strftime("%Y-%m-%d"), "minutes": round(minutes, 1),
        "versions": {
            "python": platform.python_version(), "numpy": np.__version__, "paramlab": __version__,
        },
        "model_sha256": FILE_SHA256,
        "second_model_sha256": SOURCES[SECOND_MODEL].files["model.safetensors"],
        "n_predicted_tokens": [len(tokens) - 1 for tokens in texts], "n_pairs": len(pairs),
    }  # fmt: skip
    record = short({**about, "predictions": predicted, "twins": twins})
    text = json.dumps(record, indent=1, ensure_ascii=False)
    (DATA / "quantized.json").write_text(text + "\n", encoding="utf-8")
    print(f"wrote quantized.json in {minutes:.1f} minutes")


if __name__ == "__main__":
    main()
