"""Measure what the biases of a trained model do: all-MiniLM-L6-v2, made to compare sentences.

Chapter 2 loads what this script writes: ``data/biases.json``. Run it from the root of the
repository, on one thread so that it disturbs nobody and gives the same digits again; it takes
about four minutes::

    OPENBLAS_NUM_THREADS=1 python book/experiments/biases.py

Written before the run:

- *Question.* About one parameter in a thousand of this model is a bias. Does it do its work without
  them as well as without as many other numbers?
- *Measure.* 220 pairs of sentences that say the same in other words (``data/paraphrases.toml``).
  Every sentence looks for its twin: the nearest, by the cosine of the vectors, of the 220 on the
  other side. Counted are those that find it, of 440; beside it, the mean cosine of twins and of
  others.
- *Controls.* Set to zero as many weights of the blocks, drawn at random; random weights with the
  same sum of squares; biases shuffled within each array, or drawn at random with the same size.
  Setting a bias to zero says nothing if it was zero before: the key biases are also replaced by
  random numbers of size 1.
- *Opposite.* The linear biases (first comparison) or the biases of the norms (second) cost no more
  twins than random weights with the same sum of squares. These two comparisons are declared; the
  other rows are shown, all of them, and not tested.
- *Unit.* A pair: intervals resample the 220 pairs; the sentences among which a twin is sought stay.
- *Rival explanation.* Perhaps the biases only take off a vector that all sentences share. Then
  the twins come back when the mean vector is subtracted afterwards.
- *Algebra.* Biases that can be folded into others are folded; every vector must stay what it was.

What it cannot show: that a model needs biases. This one was trained with them, and without them it
is another model than any training found.
"""

import json
import platform
import time
import tomllib
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from paramlab import __version__, load_model
from paramlab.files.real_model import SECOND_MODEL, SOURCES
from paramlab.transformer import features
from paramlab.tree import Model, flatten, nest
from recording import short

DATA = Path(__file__).parent / "data"
COMMAND = "OPENBLAS_NUM_THREADS=1 python book/experiments/biases.py"
SEEDS = range(4)
N_RESAMPLES = 10_000
Arrays = dict[str, np.ndarray]
Choose = Callable[[str], bool]  # says of the name of an array if it is meant


# ------------------------------------------------------------------ sentences to vectors


def vectors(arrays: Arrays, model: Model, sentences: Sequence[str]) -> np.ndarray:
    """Return a vector of length 1 for each sentence: the mean over its tokens (n, D)."""
    params, result = nest(arrays), np.zeros((len(sentences), model.config.d_model))
    by_length = defaultdict(list)
    for i, sentence in enumerate(sentences):
        tokens = model.tokenizer.encode(sentence)
        by_length[len(tokens)].append((i, tokens))
    for group in by_length.values():  # sentences of equal length go through the model together
        places, tokens = zip(*group, strict=True)
        result[list(places)] = features(params, model.config, np.array(tokens)).mean(axis=1)
    return normalized(result)


def normalized(v: np.ndarray) -> np.ndarray:
    """Give every row the length 1."""
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def scores(found: np.ndarray) -> dict:
    """Compare the vectors (2 n, D) of first and second sentences: cosines, and twins found."""
    cosines = found[: len(found) // 2] @ found[len(found) // 2 :].T  # (n, n)
    n = len(cosines)
    others = cosines[~np.eye(n, dtype=bool)]
    best = np.arange(n)
    hits = (cosines.argmax(axis=1) == best).astype(int) + (cosines.argmax(axis=0) == best)
    return {
        "twins": float(np.diag(cosines).mean()),
        "others": float(others.mean()),
        "hits": "".join(map(str, hits)),  # of each pair, how many of its two found the other
    }


# ------------------------------------------------------------------ what is changed


def is_linear_bias(name: str) -> bool:
    """Say whether it is a bias of a linear map; the pooler makes no sentence vector."""
    return name.endswith(".bias") and "norm" not in name and not name.startswith("pooler")


def is_norm_bias(name: str) -> bool:
    """Say whether it is a bias of a norm."""
    return name.endswith(".bias") and "norm" in name


def is_any_bias(name: str) -> bool:
    """Say whether it is a bias that is used."""
    return is_linear_bias(name) or is_norm_bias(name)


def ends_with(*endings: str) -> Choose:
    """Choose the arrays whose names end so."""
    return lambda name: name.endswith(endings)


KINDS: dict[str, Choose] = {
    "key": ends_with("attention.k.bias"),
    "value": ends_with("attention.v.bias"),
    "attention output": ends_with("attention.o.bias"),
    "MLP down": ends_with("mlp.down.bias"),
    "query": ends_with("attention.q.bias"),
    "MLP up": ends_with("mlp.up.bias"),
    "all linear": is_linear_bias,
    "norms": is_norm_bias,
    "all": is_any_bias,
    "position table": ends_with("embedding.positions"),
    "norm gains": ends_with(".gain"),
}


def changed(arrays: Arrays, choose: Choose, change: Callable[[np.ndarray], np.ndarray]) -> Arrays:
    """Return the arrays, those chosen changed."""
    return {
        name: change(array).astype(np.float32) if choose(name) else array
        for name, array in arrays.items()
    }


def shuffled(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put the numbers of a vector, or the rows of a table, into another order."""
    return rng.permutation(array)


def as_large(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw normal numbers with the same mean square."""
    drawn = rng.normal(size=array.shape)
    return drawn * np.sqrt((array**2).mean() / (drawn**2).mean())


def without_random_weights(
    arrays: Arrays, rng: np.random.Generator, n: int = 0, squares: float = 0
) -> tuple[Arrays, int, float]:
    """Set weights of the blocks to zero: n of them, or as many as make up a sum of squares.

    Returns also how many these are, and the sum of their squares.
    """
    names = [name for name in arrays if name.startswith("blocks") and name.endswith("weight")]
    flat = np.concatenate([arrays[name].ravel() for name in names])
    order = rng.permutation(len(flat))
    sums = np.cumsum(flat[order].astype(float) ** 2)
    n = n or int(np.searchsorted(sums, squares)) + 1
    flat[order[:n]] = 0
    pieces = np.split(flat, np.cumsum([arrays[name].size for name in names])[:-1])
    zeroed = {name: p.reshape(arrays[name].shape) for name, p in zip(names, pieces, strict=True)}
    return arrays | zeroed, n, float(sums[n - 1])


def folded(arrays: Arrays, n_layers: int) -> Arrays:
    """Move biases into others, so that 9,216 are zero and nothing changes.

    - What a norm adds meets the next linear maps, whose biases can add what they make of it, and
      goes around them on the residual stream, where the bias of the last of these maps can add it.
    - The weights of attention sum to 1, so a value bias reaches the output map as it is.
    - A key bias adds the same to all scores of a query, which the softmax ignores.
    """
    a = {name: array.astype(float) for name, array in arrays.items()}
    before = "embedding.norm.bias"
    for i in range(n_layers):
        block = f"blocks.{i}."
        q, k, v, o = (block + f"attention.{which}" for which in "qkvo")
        for which in (q, k, v):
            a[which + ".bias"] += a[before] @ a[which + ".weight"]
        a[o + ".bias"] += a[before] + a[v + ".bias"] @ a[o + ".weight"]
        up, down, norm = block + "mlp.up", block + "mlp.down", block + "attention_norm.bias"
        a[up + ".bias"] += a[norm] @ a[up + ".weight"]
        a[down + ".bias"] += a[norm]
        for name in (before, k + ".bias", v + ".bias", norm):
            a[name] = np.zeros_like(a[name])
        before = block + "mlp_norm.bias"
    return {name: array.astype(np.float32) for name, array in a.items()}


# ------------------------------------------------------------------ the experiment


def measure(model: Model, sentences: Sequence[str]) -> dict:
    """Score the model whole, without each kind of bias, and with all controls."""
    arrays: Arrays = flatten(model.params)
    whole = vectors(arrays, model, sentences)

    def scored(variant: Arrays) -> dict:
        return scores(vectors(variant, model, sentences))

    def draws(variant: Callable[[np.random.Generator], Arrays]) -> list[dict]:
        return [scored(variant(np.random.default_rng(seed))) for seed in SEEDS]

    record: dict = {"whole": scores(whole), "zero": {}, "size": {}, "controls": {}}
    for kind, choose in KINDS.items():
        chosen = [array for name, array in arrays.items() if choose(name)]
        squares = float(sum((array.astype(float) ** 2).sum() for array in chosen))
        record["size"][kind] = {"numbers": sum(a.size for a in chosen), "squares": squares}
        record["zero"][kind] = scored(changed(arrays, choose, np.zeros_like))
    controls = record["controls"]
    for kind in ("all linear", "norms"):
        size = record["size"][kind]
        for name, wanted in (
            ("as many weights", {"n": size["numbers"]}),
            ("weights, same squares", {"squares": size["squares"]}),
        ):
            drawn = [
                without_random_weights(arrays, np.random.default_rng(seed), **wanted)
                for seed in SEEDS
            ]
            controls[f"{name} ({kind})"] = [
                {"numbers": n, "squares": squares, **scored(variant)}
                for variant, n, squares in drawn
            ]
    for kind in ("all linear", "norms", "position table"):
        for name, change in (("shuffled", shuffled), ("random, as large", as_large)):
            controls[f"{name} ({kind})"] = draws(
                lambda rng, kind=kind, change=change: changed(
                    arrays, KINDS[kind], lambda array: change(array, rng)
                )
            )
    controls["gains at their mean"] = [
        scored(changed(arrays, KINDS["norm gains"], lambda a: np.full_like(a, a.mean())))
    ]
    record["without the mean vector"] = {
        kind: without_mean(vectors(changed(arrays, choose, np.zeros_like), model, sentences))
        for kind, choose in {"none": ends_with("nothing"), **KINDS}.items()
        if kind in ("none", "all linear", "norms", "all")
    }
    record["unchanged"] = unchanged(arrays, model, sentences, whole)
    return record


def without_mean(found: np.ndarray) -> dict:
    """Say what share of the vectors is common to all, and score them without it."""
    mean = found.mean(axis=0)
    return {"common share": float(mean @ mean), **scores(normalized(found - mean))}


def unchanged(arrays: Arrays, model: Model, sentences: Sequence[str], whole: np.ndarray) -> dict:
    """Return the largest change of any number of any vector, where algebra says: none."""

    def change(variant: Arrays) -> float:
        return float(np.abs(vectors(variant, model, sentences) - whole).max())

    def random(array: np.ndarray) -> np.ndarray:
        return np.random.default_rng(0).normal(size=array.shape)

    before_a_norm = ends_with("attention.o.bias", "mlp.down.bias")
    without_norm = folded(arrays, model.config.n_layers)
    return {
        "key biases random, of size 1": change(changed(arrays, KINDS["key"], random)),
        "folded": change(without_norm),
        "folded away": sum(
            int(array.size)
            for name, array in arrays.items()
            if is_any_bias(name) and not without_norm[name].any()
        ),
        "means of output and down biases": change(
            changed(arrays, before_a_norm, lambda a: a - a.mean())
        ),
    }


def hits_of(scored: dict | Sequence[dict]) -> np.ndarray:
    """Return of each pair the share of its sentences that found the other, over all draws."""
    listed = [scored] if isinstance(scored, dict) else scored
    return np.mean([[int(hit) for hit in each["hits"]] for each in listed], axis=0) / 2


def interval(by_pair: np.ndarray) -> dict[str, float]:
    """Return the mean over pairs, and the middle 95% of the means of resampled pairs."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(by_pair), size=(N_RESAMPLES, len(by_pair)))
    low, high = np.quantile(by_pair[drawn].mean(axis=1), (0.025, 0.975))
    return {"mean": float(by_pair.mean()), "low": float(low), "high": float(high)}


def summary(record: dict) -> dict:
    """Return shares of sentences that find their twin, the changes, and the two comparisons."""
    whole, zero, controls = hits_of(record["whole"]), record["zero"], record["controls"]
    listed = {**zero, **controls}
    numbers = {kind: size["numbers"] for kind, size in record["size"].items()}
    for name, drawn in controls.items():
        if "numbers" in drawn[0]:
            numbers[name] = round(np.mean([each["numbers"] for each in drawn]))
    return {
        "numbers": numbers,
        "found": {"whole": interval(whole)}
        | {name: interval(hits_of(each)) for name, each in listed.items()},
        "change": {name: interval(hits_of(each) - whole) for name, each in listed.items()},
        "declared": {
            kind: interval(
                hits_of(zero[kind]) - hits_of(controls[f"weights, same squares ({kind})"])
            )
            for kind in ("all linear", "norms")
        },
        "found without the mean vector": {
            kind: interval(hits_of(each))
            for kind, each in record["without the mean vector"].items()
        },
    }


def main() -> None:
    """Run everything and write it down."""
    start = time.perf_counter()
    material = tomllib.loads((DATA / "paraphrases.toml").read_text(encoding="utf-8"))
    pairs = [pair for topic in material.values() for pair in topic]
    sentences = [first for first, _ in pairs] + [second for _, second in pairs]
    model = load_model(SECOND_MODEL)
    record = measure(model, sentences)
    minutes = (time.perf_counter() - start) / 60
    file = DATA / "biases.json"
    about = {
        "command": COMMAND, "date": time.strftime("%Y-%m-%d"), "minutes": round(minutes, 1),
        "versions": {
            "python": platform.python_version(), "numpy": np.__version__, "paramlab": __version__,
        },
        "model": SECOND_MODEL, "model sha256": SOURCES[SECOND_MODEL].files["model.safetensors"],
        "n_pairs": len(pairs), "draws": len(SEEDS),
    }  # fmt: skip
    text = json.dumps(short({**about, **summary(record), **record}), indent=1, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")
    print(f"wrote {file.name} in {minutes:.1f} minutes")


if __name__ == "__main__":
    main()
