"""Measure, on the real model, where the picture of drawers helps and where it stops.

Chapter 6 loads what this script writes: ``data/drawers.json``. Run it from the root of the
repository, on one thread so that it disturbs nobody and gives the same digits again::

    OPENBLAS_NUM_THREADS=1 python book/experiments/drawers.py

With names behind it (damage, right, blocks, single, super, units) it measures only these again.

Four questions are asked of the model:

1. damage, right: what is the loss when a share of the block weights is set to zero, and which of
   the tokens that were predicted right still are?
2. blocks: what is the loss without one whole block?
3. single, super: does taking out one weight change anything, and on every text?
4. units: do prompts on one subject excite the same units of the MLPs, can the subject be read
   from them, and does the model lose it more than others when they are taken out?
"""

import json
import platform
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from paramlab import __version__, load_model, transformer
from paramlab.files.real_model import FILE_SHA256
from paramlab.layers import Params, cross_entropy
from paramlab.texts import passage
from paramlab.tree import Model, flatten, nest
from recording import short

DATA = Path(__file__).parent / "data"
COMMAND = "OPENBLAS_NUM_THREADS=1 python book/experiments/drawers.py"
SHARES = (0.001, 0.01, 0.03, 0.1, 0.3)
LARGEST = 0.001  # the share of each matrix that one of the variants spares
SEEDS = range(12)
SUPER_WEIGHT = "blocks.11.mlp.down.weight", (1229, 507)  # what "single" found to matter most
N_RANDOM_WEIGHTS, N_LARGEST_WEIGHTS = 200, 30
TOP = 0.1  # the share of units that count as responding strongly
SELECTIVE = 0.01  # the share of units that are taken out as belonging to a subject
N_RESAMPLES = 2000

Choose = Callable[[np.ndarray], np.ndarray]  # from a matrix to a mask of what is set to zero


# ------------------------------------------------------------------ damage


def is_block_matrix(name: str, array: np.ndarray) -> bool:
    """Say whether an array is one of the matrices of the blocks: no table, no norm gain."""
    return name.startswith("blocks.") and array.ndim == 2


def damaged(params: Params, choose: Choose, rescale: float = 1) -> Params:
    """Return the model with the chosen block weights set to zero; the rest may be rescaled."""
    arrays = flatten(params)
    for name in sorted(arrays):  # so that a seed means the same weights wherever arrays lie
        if is_block_matrix(name, arrays[name]):
            kept = arrays[name] * ~choose(arrays[name])
            arrays[name] = kept if rescale == 1 else kept * np.float32(rescale)
    return nest(arrays)


def at_random(share: float, seed: int) -> Choose:
    """Choose each weight with this probability; a seed takes the same ones at larger shares too."""
    rng = np.random.default_rng(seed)
    return lambda array: rng.random(array.shape, np.float32) < share


def sparing_the_largest(share: float, seed: int) -> Choose:
    """Choose as :func:`at_random`, but never one of the largest weights of a matrix."""
    random, large = at_random(share, seed), largest(LARGEST)
    return lambda array: random(array) & ~large(array)


def smallest(share: float) -> Choose:
    """Choose the weights of smallest magnitude, that share of each matrix."""
    return lambda array: np.abs(array) <= _magnitude_at(array, share)


def largest(share: float) -> Choose:
    """Choose the weights of largest magnitude, that share of each matrix."""
    return lambda array: np.abs(array) > _magnitude_at(array, 1 - share)


def _magnitude_at(array: np.ndarray, share: float) -> float:
    rank = round(share * array.size) - 1
    return np.partition(np.abs(array), rank, axis=None)[rank]


def losses(params: Params, model: Model, texts: Sequence[np.ndarray]) -> list[float]:
    """Return the loss on each text, in nats per token."""
    return [transformer.loss(params, model.config, text) for text in texts]


def measure_damage(model: Model, texts: Sequence[np.ndarray]) -> dict:
    """Measure the losses by way of choosing and by share; at random, for every seed."""
    record: dict = {"intact": losses(model.params, model, texts)}
    for name, choose in (("smallest", smallest), ("largest", largest)):
        record[name] = {
            str(share): losses(damaged(model.params, choose(share)), model, texts)
            for share in SHARES
        }
    record["random"] = {
        str(share): [
            losses(damaged(model.params, at_random(share, seed)), model, texts) for seed in SEEDS
        ]
        for share in SHARES
    }
    record["random 0.1, survivors rescaled"] = [
        losses(damaged(model.params, at_random(0.1, seed), 1 / 0.9), model, texts) for seed in SEEDS
    ]
    record["random 0.1, largest spared"] = [
        losses(damaged(model.params, sparing_the_largest(0.1, seed)), model, texts)
        for seed in SEEDS
    ]
    return record


def measure_right(model: Model, texts: Sequence[np.ndarray]) -> dict:
    """Count the tokens that the model puts first, and those it still does without a tenth."""
    before = _first_and_losses(model.params, model, texts)
    record: dict = {"n_tokens": before[0].size, "before": int(before[0].sum())}
    record |= {"still": [], "less probable": []}
    for seed in SEEDS:
        right, loss = _first_and_losses(damaged(model.params, at_random(0.1, seed)), model, texts)
        record["still"].append(int((before[0] & right).sum()))
        record["less probable"].append(int((loss > before[1]).sum()))
    return record


def _first_and_losses(
    params: Params, model: Model, texts: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Say of every next token of the texts if it has the largest logit, and what its loss is."""
    first, loss = [], []
    for text in texts:
        logits = transformer.forward(params, model.config, text[:-1])
        first.append(logits.argmax(axis=-1) == text[1:])
        loss.append(cross_entropy(logits, text[1:]))
    return np.concatenate(first), np.concatenate(loss)


def measure_blocks(model: Model, texts: Sequence[np.ndarray]) -> list[list[float]]:
    """Measure the losses without each block in turn; a residual stream passes by what is gone."""
    arrays = flatten(model.params)
    result = []
    for i in range(model.config.n_layers):
        without = {
            name: np.zeros_like(array) if name.startswith(f"blocks.{i}.") else array
            for name, array in arrays.items()
        }
        result.append(losses(nest(without), model, texts))
    return result


# ------------------------------------------------------------------ single weights


def measure_single_weights(model: Model, text: np.ndarray) -> dict:
    """Measure how the loss on one text changes when one weight is set to zero.

    Three groups of weights: drawn at random from the blocks; the largest of all blocks; and, in
    each block, the one that joins the unit with the largest activation to the feature that
    changes most, where the paper on "super weights" (arXiv 2411.07191, section 3.1) looks.
    """
    before = transformer.loss(model.params, model.config, text)

    def change(name: str, place: tuple[int, ...]) -> float:
        arrays = flatten(model.params)
        arrays[name] = arrays[name].copy()
        arrays[name][place] = 0
        return transformer.loss(nest(arrays), model.config, text) - before

    groups = {
        "random": _random_weights(model.params, N_RANDOM_WEIGHTS),
        "largest": _largest_weights(model.params, N_LARGEST_WEIGHTS),
        "super": _joining_extremes(model, text),
    }
    return {
        "loss before": before,
        **{
            group: [
                {
                    "array": name,
                    "place": [int(i) for i in place],
                    "value": float(flatten(model.params)[name][place]),
                    "change": change(name, place),
                }
                for name, place in places
            ]
            for group, places in groups.items()
        },
    }


def measure_super_weight(model: Model, texts: Sequence[np.ndarray]) -> dict:
    """Measure the losses without the weight that matters most; say which random draws took it.

    The weight was found on the first text, so the others are its test.
    """
    name, place = SUPER_WEIGHT
    arrays = flatten(model.params)
    arrays[name] = arrays[name].copy()
    arrays[name][place] = 0
    return {
        "losses": losses(nest(arrays), model, texts),
        "taken": {str(share): [_takes(model, share, seed) for seed in SEEDS] for share in SHARES},
    }


def _takes(model: Model, share: float, seed: int) -> bool:
    """Say whether the random draw takes the weight; earlier arrays use up random numbers too."""
    choose = at_random(share, seed)
    for name, array in _block_matrices(model.params).items():
        gone = choose(array)
        if name == SUPER_WEIGHT[0]:
            return bool(gone[SUPER_WEIGHT[1]])
    raise ValueError(f"no array {SUPER_WEIGHT[0]} among the matrices of the blocks")


def _block_matrices(params: Params) -> dict[str, np.ndarray]:
    return {name: a for name, a in sorted(flatten(params).items()) if is_block_matrix(name, a)}


def _random_weights(params: Params, n: int) -> list[tuple[str, tuple]]:
    matrices = _block_matrices(params)
    names, sizes = list(matrices), np.array([a.size for a in matrices.values()])
    rng = np.random.default_rng(0)
    drawn = rng.choice(len(names), size=n, p=sizes / sizes.sum())
    return [(names[i], tuple(map(int, rng.integers(matrices[names[i]].shape)))) for i in drawn]


def _largest_weights(params: Params, n: int) -> list[tuple[str, tuple]]:
    found = []
    for name, array in _block_matrices(params).items():
        for flat in np.argpartition(np.abs(array), -n, axis=None)[-n:]:
            place = tuple(map(int, np.unravel_index(flat, array.shape)))
            found.append((abs(array[place]), name, place))
    return [(name, place) for _, name, place in sorted(found, reverse=True)[:n]]


def _joining_extremes(model: Model, text: np.ndarray) -> list[tuple[str, tuple]]:
    found = []
    for i, hidden in enumerate(unit_activations(model, text)):
        down = model.params["blocks"][i]["mlp"]["down"]["weight"]
        unit = np.abs(hidden).max(axis=0).argmax()
        feature = np.abs(hidden @ down).max(axis=0).argmax()
        found.append((f"blocks.{i}.mlp.down.weight", (int(unit), int(feature))))
    return found


# ------------------------------------------------------------------ units


def unit_activations(model: Model, tokens: np.ndarray) -> list[np.ndarray]:
    """Return the activations of the MLP units (T, F) of each block."""
    seen: list[np.ndarray] = []

    def watch(name: str, array: np.ndarray) -> None:
        if name.endswith("mlp.hidden"):
            seen.append(array)

    transformer.forward(model.params, model.config, tokens, last_only=True, watch=watch)
    return seen


class Prompt(NamedTuple):
    """One prompt: the numbers of its subject, request and wording, and what it says."""

    subject: int
    request: int
    wording: int
    tokens: np.ndarray
    named: np.ndarray  # which tokens name the subject's thing and part


def prompts(model: Model, material: dict) -> Iterator[Prompt]:
    """Yield every prompt: all subjects times all requests in all wordings.

    Wording w of a request takes thing and part w of a subject. So two prompts on one subject with
    different wordings share neither the sentence nor (but for "bikes" and "clocks") the words.
    """
    subjects, requests = material["subjects"].values(), material["requests"].values()
    for (s, subject), (r, wordings) in product(enumerate(subjects), enumerate(requests)):
        for w, wording in enumerate(wordings):
            words = {"thing": subject["things"][w], "part": subject["parts"][w]}
            text = wording.format(**words)
            tokens = np.array(model.tokenizer.encode(text))
            named = np.zeros(len(tokens), bool)
            for word in words.values():
                before = text.index(word)
                first = len(model.tokenizer.encode(text[:before].rstrip()))
                named[first : len(model.tokenizer.encode(text[: before + len(word)]))] = True
            yield Prompt(s, r, w, tokens, named)


def measure_units(model: Model, material: dict) -> dict:
    """Measure overlaps of the strongest units, what they tell, and what they are needed for.

    A unit with large activations is among the strongest whatever the prompt. So the overlap is
    measured a second time on strengths from which each unit's mean is taken and divided by its
    standard deviation.
    """
    listed = list(prompts(model, material))
    labels = np.array([prompt[:3] for prompt in listed])
    everywhere, named, zeros, n_activations = _strengths(model, listed)
    return {
        "subjects": list(material["subjects"]),
        "requests": list(material["requests"]),
        "n_prompts": len(listed),
        "n_tokens": [f(len(prompt.tokens) for prompt in listed) for f in (min, max)],
        "activations": n_activations,
        "activations that are zero": zeros,
        "overlap": _overlaps(everywhere, labels),
        "overlap where the subject is named": _overlaps(named, labels),
        "overlap, standardized": _overlaps(_standardized(everywhere), labels),
        "overlap where the subject is named, standardized": _overlaps(_standardized(named), labels),
        **_subjects_of_units(model, named, listed),
    }


def _strengths(model: Model, listed: Sequence[Prompt]) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Return the mean size of every unit's activation in each prompt: (prompts, L, F), twice.

    Once over all tokens but the first, whose activations are far larger than all others whatever
    it is; once over the tokens that name the subject. Then how many activations are exactly zero,
    and how many there are.
    """
    everywhere, named, zeros, n_activations = [], [], 0, 0
    for prompt in listed:
        sizes = np.abs(np.stack(unit_activations(model, prompt.tokens)))  # (L, T, F)
        everywhere.append(sizes[:, 1:].mean(axis=1))
        named.append(sizes[:, prompt.named].mean(axis=1))
        zeros += int((sizes == 0).sum())
        n_activations += sizes.size
    return np.stack(everywhere), np.stack(named), zeros, n_activations


def _n_top(n_units: int) -> int:
    return round(TOP * n_units)


def _tops(strengths: np.ndarray) -> np.ndarray:
    """Mark, in every prompt and block, the units that respond most strongly."""
    n_top = _n_top(strengths.shape[-1])
    threshold = np.partition(strengths, -n_top, axis=-1)[..., -n_top, None]
    return strengths >= threshold


def _standardized(strengths: np.ndarray) -> np.ndarray:
    return (strengths - strengths.mean(axis=0)) / strengths.std(axis=0)


def _overlaps(strengths: np.ndarray, labels: np.ndarray) -> dict:
    """Return the mean overlap of two prompts' top units by what the prompts share."""
    tops = _tops(strengths).astype(np.float32)
    n_prompts, n_layers, n_units = tops.shape
    overlap = sum(tops[:, i] @ tops[:, i].T for i in range(n_layers)) / n_layers / _n_top(n_units)
    s, r, w = labels.T
    pairs = w[:, None] != w
    same_s, same_r = s[:, None] == s, r[:, None] == r
    kinds = {
        "same subject, same request": pairs & same_s & same_r,
        "same subject": pairs & same_s & ~same_r,
        "same request": pairs & ~same_s & same_r,
        "neither": pairs & ~same_s & ~same_r,
    }
    means = {kind: _resampled(overlap, chosen, s) for kind, chosen in kinds.items()}
    means["subject alone"] = means["same subject"] - means["neither"]
    means["request alone"] = means["same request"] - means["neither"]
    shoe_marketing = (s == 0) & (r == 0)
    return {
        "chance": _n_top(n_units) / n_units,
        "shoe marketing": float(overlap[pairs & np.outer(shoe_marketing, shoe_marketing)].mean()),
        **{kind: _with_interval(mean) for kind, mean in means.items()},
        "n_pairs": {kind: int(chosen.sum()) // 2 for kind, chosen in kinds.items()},
    }


def _resampled(overlap: np.ndarray, chosen: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Return the mean of the chosen pairs, then the means when the subjects are drawn again.

    Subjects are what others could be drawn of; the requests and their wordings stay. The draws
    are the same in every call, so two kinds of pairs can be compared draw by draw.
    """
    member = np.eye(s.max() + 1)[s]  # (prompts, subjects)
    total = member.T @ (overlap * chosen) @ member  # (subjects, subjects)
    number = member.T @ chosen @ member
    rng = np.random.default_rng(0)
    means = [overlap[chosen].mean()]
    for _ in range(N_RESAMPLES):
        drawn = np.bincount(rng.integers(len(total), size=len(total)), minlength=len(total))
        times = np.outer(drawn, drawn)
        np.fill_diagonal(times, drawn)  # a subject drawn twice counts twice, not four times
        means.append((times * total).sum() / (times * number).sum())
    return np.array(means)


def _with_interval(means: np.ndarray) -> dict[str, float]:
    low, high = np.quantile(means[1:], (0.025, 0.975))
    return {"mean": float(means[0]), "low": float(low), "high": float(high)}


def _subjects_of_units(model: Model, strengths: np.ndarray, listed: Sequence[Prompt]) -> dict:
    """Choose units typical of each subject; read the subject from them, then take them out.

    Units are chosen on two wordings of every request and judged on the two others, which name
    other things. Reading: the share of pairs of a prompt on the subject and one on another in
    which the units (the best one, or all chosen) respond more strongly to the first. Taking out:
    the changes of the loss, a row for each subject whose units are out and a column for each
    subject of the prompts, over all tokens and over those that name the subject; and the same
    for as many units of every block, drawn at random.
    """
    s, w = (np.array([prompt[i] for prompt in listed]) for i in (0, 2))
    n_units = round(SELECTIVE * strengths[0].size)
    judged = [prompt for prompt in listed if prompt.wording >= 2]
    before = [_prompt_losses(model.params, model, prompt) for prompt in judged]
    rng = np.random.default_rng(0)
    read: dict = {"best unit": [], "all chosen": []}
    out: dict = {"n_units": n_units, "selective": [], "random": []}
    for subject in range(s.max() + 1):
        score = _typical(strengths[w < 2], s[w < 2] == subject)
        units = np.argsort(score, axis=None)[-n_units:]
        sizes = strengths.reshape(len(listed), -1)[:, units]
        sizes = ((sizes - sizes[w < 2].mean(axis=0)) / sizes[w < 2].std(axis=0))[w >= 2]
        own = s[w >= 2] == subject
        read["best unit"].append(_told_apart(sizes[:, -1], own))
        read["all chosen"].append(_told_apart(sizes.mean(axis=1), own))
        for name, chosen in (("selective", units), ("random", _as_many(units, score.shape, rng))):
            params = _without_units(model.params, chosen, score.shape)
            after = [_prompt_losses(params, model, prompt) for prompt in judged]
            change = np.array(after) - before  # (prompts, 2)
            out[name].append([change[s[w >= 2] == i].mean(axis=0) for i in range(s.max() + 1)])
    for name in ("selective", "random"):
        everywhere, named = np.moveaxis(np.array(out[name]), -1, 0)
        out[name] = {"all tokens": everywhere.tolist(), "the subject's name": named.tolist()}
    return {"reading": read, "taking out": out}


def _typical(strengths: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Say how far each unit's strength in the own prompts lies above the others, in spreads."""
    inside, outside = strengths[own], strengths[~own]
    spread = np.sqrt(inside.var(axis=0) + outside.var(axis=0))
    return (inside.mean(axis=0) - outside.mean(axis=0)) / spread  # (L, F)


def _told_apart(strengths: np.ndarray, own: np.ndarray) -> float:
    return float((strengths[own][:, None] > strengths[~own]).mean())


def _as_many(units: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw other units, in every block as many as are given."""
    n_layers, n_units = shape
    per_block = np.bincount(units // n_units, minlength=n_layers)
    drawn = [i * n_units + rng.choice(n_units, n, replace=False) for i, n in enumerate(per_block)]
    return np.concatenate(drawn)


def _prompt_losses(params: Params, model: Model, prompt: Prompt) -> tuple[float, float]:
    """Return the mean loss over all tokens of a prompt, and over those that name its subject."""
    logits = transformer.forward(params, model.config, prompt.tokens[:-1])
    loss = cross_entropy(logits, prompt.tokens[1:])
    return float(loss.mean()), float(loss[prompt.named[1:]].mean())


def _without_units(params: Params, units: np.ndarray, shape: tuple[int, ...]) -> Params:
    """Set to zero what these units (numbered through all blocks) write to the residual stream."""
    gone = np.zeros(shape, bool)
    gone.flat[units] = True
    arrays = flatten(params)
    for i, mask in enumerate(gone):
        name = f"blocks.{i}.mlp.down.weight"
        arrays[name] = arrays[name] * ~mask[:, None]
    return nest(arrays)


# ------------------------------------------------------------------ the run


def main(names: Sequence[str]) -> None:
    """Run the named measurements, by default all, and write each into the record."""
    path = DATA / "drawers.json"
    model = load_model()
    material = tomllib.loads((DATA / "drawers-texts.toml").read_text(encoding="utf-8"))
    written = [passage(), *map(str.strip, material["texts"])]
    texts = [np.array(model.tokenizer.encode(text)) for text in written]
    about = {
        "command": COMMAND,
        "seeds": list(SEEDS),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "paramlab": __version__,
        "model_sha256": FILE_SHA256,
        "n_block_weights": sum(a.size for a in _block_matrices(model.params).values()),
        "n_predicted_tokens": [len(text) - 1 for text in texts],
    }
    steps = {
        "damage": lambda: measure_damage(model, texts),
        "right": lambda: measure_right(model, texts),
        "blocks": lambda: measure_blocks(model, texts),
        "single": lambda: measure_single_weights(model, texts[0]),
        "super": lambda: measure_super_weight(model, texts),
        "units": lambda: measure_units(model, material),
    }
    for name in names or steps:
        start = time.perf_counter()
        result = steps[name]()
        minutes = round((time.perf_counter() - start) / 60, 1)
        record = json.loads(path.read_text()) if path.exists() else {}
        record |= {**about, name: result, "minutes": record.get("minutes", {}) | {name: minutes}}
        path.write_text(json.dumps(short(record), indent=1) + "\n")
        print(f"{name}: {minutes} minutes", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
