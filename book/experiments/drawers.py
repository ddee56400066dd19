"""Ask a real language model for drawers of every size: a number, a unit, a place where one looks.

Chapter 6 loads what this script writes: ``data/drawers.json``. Run it from the root of the
repository, on one thread so that it disturbs nobody and gives the same digits again::

    OPENBLAS_NUM_THREADS=1 python book/experiments/drawers.py

With names behind it (blocks, single, constant, halves, units, facts, alike, country) it measures
only these again.

The model is SmolLM2-135M-Instruct, its weights rounded to 4 to 8 bits, without its chat template.
What follows was written before the runs.

single, blocks
    Question: is a parameter missed, or a whole block? Unit of repetition: the weight (200 drawn at
    random, on one text) and the text (eight, without each block). The 30 largest weights and one
    candidate of each block are tried on the first text too; what stands out is one of 57, and the
    other texts are its test.
constant
    Question: what does that weight hold, something of each text or the same for all? Its
    contribution is taken out everywhere, at the first token only, and at all others only; or it is
    replaced by the mean of the other seven texts. Controls: the next largest weight of its unit;
    the largest weight into its feature; for the look back at the first token, the same at the
    second. If the looks forbidden are how it is read, then without them it is not missed. Unit: the
    text (eight). The opposite (a drawer) would be: the mean of others hurts, or only some texts
    need it.
halves
    Question: does a token need all units, and do all tokens need the same? In each block, every
    token but the first keeps a share of its units. The loudest ones alone do not decide: they could
    always be the same. Controls: a fixed set, the loudest on the other seven texts; the set of
    another token; a random set. Unit: the text (eight). Four ways at three shares; the comparison
    that decides is fixed against loudest at one half. The opposite: fixed is as good as loudest,
    and the other half is no use to anybody; or loudest is as bad as random, and every unit is
    needed at once.
units
    Question: do the units that respond most to a subject serve it alone? 24 subjects, 8 things and
    parts of each. The hundredth of the units most typical of a subject is chosen on four things in
    two frames and judged on the four others in the two other frames, and the reverse. They are
    silenced: set to their mean over all prompts, or to zero. The loss is read at the first token
    of the thing (the subject was not read before) and at its part (it was). Controls, in the same
    blocks: as many at random; and as many that respond as loudly at the same words, but are among
    the half that is least typical of the subject. Unit: the subject. One comparison is declared:
    own minus other subjects at the part, mean instead of zero, typical minus equally loud. The
    opposite of a drawer: zero or less. Reading, beside it: of two prompts at the word for the part,
    how often do the chosen units tell the one on the subject? The control is as many random units
    read in the same way, and the token rows without any block: if random ones read as well, the
    reading shows no place.
facts
    Question: is there a place from which a fact is fetched? "The capital of X is": in one block,
    the last word may not look at X. Only countries whose capital the model puts first, by a token
    of three letters or more. Controls: every other block; the other words of the prompt; the other
    heads. The block and the head are chosen on every second country and judged on the rest, in
    three other wordings and on two other relations. Unit: the country. Then the columns of two
    countries are swapped at the entry of each block: whose capital is answered? The opposite of a
    place: no block matters, or all do alike.
alike
    Question: do the MLPs below make the country's column ready? In block 0, or in blocks 1 to 22,
    they write at every country their mean over all countries. Unit: the country.
"""

import csv
import json
import platform
import sys
import time
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from paramlab import __version__, load_model, transformer
from paramlab.attention import attention
from paramlab.files.real_model import FILE_SHA256
from paramlab.layers import Params, cross_entropy
from paramlab.texts import passage
from paramlab.tree import Model, flatten, nest
from recording import short

DATA = Path(__file__).parent / "data"
COMMAND = "OPENBLAS_NUM_THREADS=1 python book/experiments/drawers.py"
N_RANDOM_WEIGHTS, N_LARGEST_WEIGHTS = 200, 30
BLOCK, UNIT, FEATURE = 11, 1229, 507  # of the weight that "single" found to matter most
LARGER_UNIT = 1487  # the largest weight into the same feature is this unit's
SHARES = (0.5, 0.3, 0.1)
TYPICAL = 0.01  # the share of units that are silenced as typical of a subject
COMPARED = (  # typical units minus a control, own minus others; the first was declared to decide
    ("mean", "part", "equally loud"), ("mean", "part", "random"),
    ("mean", "thing", "equally loud"), ("zero", "part", "equally loud"),
)  # fmt: skip
BATCH = 12

Watch = transformer.Watch


# ------------------------------------------------------------------ reading and meddling


def losses(model: Model, texts: Sequence[np.ndarray], watch: Watch | None = None) -> list[float]:
    """Return the loss on each text, in nats per token; who watches may change what it sees."""
    return [loss for loss, _ in losses_and_hits(model, texts, watch)]


def losses_and_hits(
    model: Model, texts: Sequence[np.ndarray], watch: Watch | None = None
) -> list[tuple[float, int]]:
    """Return the loss on each text, and how many of its tokens the model puts first."""
    found = []
    for text in texts:
        # attend=attention: the default shows a long text's weights in a copy, and a change is lost
        logits = transformer.forward(
            model.params, model.config, text[:-1], watch=watch, attend=attention
        )
        hits = int((logits.argmax(axis=-1) == text[1:]).sum())
        found.append((float(cross_entropy(logits, text[1:]).mean()), hits))
    return found


def place_of(name: str, part: str) -> int | None:
    """Return the number of the block of which a watched name says the part, or None."""
    _, number, *rest = name.split(".") if name.startswith("blocks.") else ("", "", name)
    return int(number) if ".".join(rest) == part else None


def forbid_look(
    blocks: Iterable[int], key: int, query: int | slice, heads: list[int] | slice = slice(None)
) -> Watch:
    """Return a watcher that lets some queries not look at a key: what they give it goes to others.

    Exactly what a mask would do: it changes the weights (..., N, T, S) of the mixtures, which
    still sum to 1.
    """
    blocks = set(blocks)

    def watch(name: str, weights: np.ndarray) -> None:
        if place_of(name, "attention.weights") in blocks:
            weights[..., heads, query, key] = 0
            weights /= weights.sum(axis=-1, keepdims=True)

    return watch


# ------------------------------------------------------------------ blocks and single weights


def measure_blocks(model: Model, texts: Sequence[np.ndarray]) -> list[list[float]]:
    """Measure the losses without each block in turn; a residual stream passes by what is gone."""
    return [losses(without_block(model, i), texts) for i in range(model.config.n_layers)]


def without_block(model: Model, i: int) -> Model:
    """Return the model with all weights of one block set to zero."""
    arrays = {
        name: np.zeros_like(array) if name.startswith(f"blocks.{i}.") else array
        for name, array in flatten(model.params).items()
    }
    return model._replace(params=nest(arrays))


def without_weight(model: Model, name: str, place: tuple[int, ...]) -> Model:
    """Return the model with one weight set to zero."""
    arrays = flatten(model.params)
    arrays[name] = arrays[name].copy()
    arrays[name][place] = 0
    return model._replace(params=nest(arrays))


def measure_single_weights(model: Model, text: np.ndarray) -> dict:
    """Measure how the loss on one text changes when one weight is set to zero.

    Three groups of weights: drawn at random from the blocks; the largest of all blocks; and, in
    each block, the one that joins the unit with the largest activation to the feature that
    changes most, where the paper on "super weights" (arXiv 2411.07191, section 3.1) looks.
    """
    arrays = flatten(model.params)
    before = transformer.loss(model.params, model.config, text)
    groups = {
        "random": _random_weights(model.params, N_RANDOM_WEIGHTS),
        "largest": _largest_weights(model.params, N_LARGEST_WEIGHTS),
        "super": _joining_extremes(model, text),
    }
    result: dict = {"loss before": before}
    for group, places in groups.items():
        result[group] = []
        for name, place in places:
            cut = without_weight(model, name, place)
            change = transformer.loss(cut.params, model.config, text) - before
            found = {"array": name, "place": list(place), "value": float(arrays[name][place])}
            result[group].append(found | {"change": change})
    return result


def _block_matrices(params: Params) -> dict[str, np.ndarray]:
    """Return the matrices of the blocks by name: no table, no norm gain."""
    arrays = sorted(flatten(params).items())
    return {name: a for name, a in arrays if name.startswith("blocks.") and a.ndim == 2}


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


def unit_activations(model: Model, tokens: np.ndarray) -> np.ndarray:
    """Return the activations of all MLP units: (L, ..., T, F)."""
    seen: list[np.ndarray] = []

    def watch(name: str, array: np.ndarray) -> None:
        if name.endswith("mlp.hidden"):
            seen.append(array.copy())

    transformer.forward(model.params, model.config, tokens, last_only=True, watch=watch)
    return np.stack(seen)


# ------------------------------------------------------------------ a constant


def measure_constant(model: Model, texts: Sequence[np.ndarray]) -> dict:
    """Measure what the weight writes, who needs it, and whether the mean of others does as well."""
    weights = model.params["blocks"][BLOCK]["mlp"]["down"]["weight"][:, FEATURE]
    activations = [unit_activations(model, text[:-1])[BLOCK, :, UNIT] for text in texts]
    first = np.array([a[0] for a in activations])
    means = (first.sum() - first) / (len(texts) - 1)  # of the other texts
    record: dict = {
        "weight": float(weights[UNIT]),
        "larger weight": float(weights[LARGER_UNIT]),
        "unit at the first token": first.tolist(),
        "unit elsewhere, at most": [float(np.abs(a[1:]).max()) for a in activations],
        "intact": losses_and_hits(model, texts),
        "block out": losses_and_hits(without_block(model, BLOCK), texts),
    }
    for name, where in (
        ("everywhere", slice(None)),
        ("first token", slice(0, 1)),
        ("other tokens", slice(1, None)),
    ):
        record[name] = losses_and_hits(model, texts, _written(weights[UNIT], where))
    for name, factor in (("mean of others", 1.0), ("half the mean of others", 0.5)):
        record[name] = [
            losses_and_hits(model, [text], _written(weights[UNIT], slice(0, 1), factor * mean))[0]
            for text, mean in zip(texts, means, strict=True)
        ]
    down = f"blocks.{BLOCK}.mlp.down.weight"
    next_feature = int(np.argsort(np.abs(flatten(model.params)[down][UNIT]))[-2])
    for name, place in (
        ("next weight of the unit", (UNIT, next_feature)),
        ("larger weight into the feature", (LARGER_UNIT, FEATURE)),
    ):
        record[name] = losses_and_hits(without_weight(model, down, place), texts)
    above = range(BLOCK + 1, model.config.n_layers)
    for key, name in enumerate(("no look at the first token", "no look at the second token")):
        watch = forbid_look(above, key=key, query=slice(key + 1, None))
        record[name] = losses_and_hits(model, texts, watch)
    cut = without_weight(model, down, (UNIT, FEATURE))
    unseen = forbid_look(above, key=0, query=slice(1, None))
    record["no look, everywhere"] = losses_and_hits(cut, texts, unseen)
    return record


def _written(weight: np.float32, where: slice, instead: float = 0) -> Watch:
    """Return a watcher that replaces what the weight writes at some tokens: weight times instead.

    (For an activation the feature gets weight x activation; instead takes the activation's place.)
    """
    seen: dict[str, np.ndarray] = {}

    def watch(name: str, array: np.ndarray) -> None:
        if place_of(name, "mlp.hidden") == BLOCK:
            seen["activation"] = array[:, UNIT].copy()
        if place_of(name, "mlp.output") == BLOCK:
            array[where, FEATURE] += weight * (np.float32(instead) - seen["activation"][where])

    return watch


# ------------------------------------------------------------------ halves


def measure_halves(model: Model, texts: Sequence[np.ndarray]) -> dict:
    """Measure the losses when every token keeps a share of its units, chosen in four ways."""
    sizes = [np.abs(unit_activations(model, text[:-1])[:, 1:]) for text in texts]  # (L, T, F)
    loudness = [size.mean(axis=1) for size in sizes]
    record: dict = {"intact": losses(model, texts), "shares": list(SHARES)}
    record["fixed half holds"] = []  # that share of a token's own loudest half
    for way in ("loudest", "fixed", "another token's", "random"):
        record[way] = {str(share): [] for share in SHARES}
    for i, text in enumerate(texts):
        others = np.mean([loud for j, loud in enumerate(loudness) if j != i], axis=0)  # (L, F)
        rng = np.random.default_rng(i)
        for share in SHARES:
            n = round(share * model.config.d_ff)
            watchers = {
                "loudest": _keeping(lambda size, block, n=n: _top(size, n)),
                "fixed": _keeping(lambda size, block, n=n, o=others: _top(o[block], n)),
                "another token's": _keeping(
                    lambda size, block, n=n: np.roll(_top(size, n), -7, axis=0)
                ),
                "random": _keeping(
                    lambda size, block, n=n, rng=rng: _top(rng.random(size.shape), n)
                ),
            }
            for way, watch in watchers.items():
                record[way][str(share)] += losses(model, [text], watch)
        half = round(0.5 * model.config.d_ff)
        own, fixed = _top(sizes[i], half), _top(others, half)[:, None]  # (L, T, F), (L, 1, F)
        record["fixed half holds"].append(float((own & fixed).sum() / own.sum()))
    return record


def _top(sizes: np.ndarray, n: int) -> np.ndarray:
    """Mark the n largest along the last axis."""
    return sizes >= np.partition(sizes, -n, axis=-1)[..., -n, None]


def _keeping(choose) -> Watch:
    """Return a watcher that shuts all units but the chosen, at every token but the first."""

    def watch(name: str, hidden: np.ndarray) -> None:
        block = place_of(name, "mlp.hidden")
        if block is not None:
            hidden[1:] *= choose(np.abs(hidden[1:]), block)

    return watch


# ------------------------------------------------------------------ units


@dataclass(frozen=True, eq=False)
class Prompt:
    """One prompt: its subject, the half it belongs to, its tokens and where thing and part are."""

    subject: int
    half: int
    tokens: np.ndarray
    thing: slice
    part: slice

    @property
    def named(self) -> list[int]:
        """The places of all tokens that name the thing or its part."""
        places = range(len(self.tokens))
        return [*places[self.thing], *places[self.part]]


def prompts(model: Model, material: dict) -> list[Prompt]:
    """Return every prompt: four pairs of a subject in two frames, the four others in two others."""
    listed, frames = [], material["frames"]
    for s, pairs in enumerate(material["subjects"].values()):
        for i, pair in enumerate(pairs):
            half = i // 4
            for frame in frames[2 * half : 2 * half + 2]:
                thing, part = pair.split("/")
                text = frame.format(thing=thing, part=part)
                places = [_tokens_of(model, text, " " + word) for word in (thing, part)]
                tokens = np.array(model.tokenizer.encode(text))
                listed.append(Prompt(s, half, tokens, *places))
    return listed


def _tokens_of(model: Model, text: str, word: str) -> slice:
    before = text.index(word)
    start, stop = (len(model.tokenizer.encode(text[:end])) for end in (before, before + len(word)))
    return slice(start, stop)


def measure_units(model: Model, material: dict) -> dict:
    """Read subjects from units, then silence these units: see the head of this file."""
    listed = prompts(model, material)
    sizes, rows, means = _responses(model, listed)
    before = prompt_losses(model, listed)  # (prompts, 2)
    reading: dict = {name: [] for name in ("best unit", "typical", "random", "token rows")}
    silenced: dict = {}
    rng = np.random.default_rng(0)
    n_subjects = len(material["subjects"])
    n_units = round(TYPICAL * sizes["named"][0].size)
    for subject in range(n_subjects):
        read, changed = [], []
        for half in (0, 1):
            chosen_on = np.array([p.half == half for p in listed])
            own = np.array([p.subject == subject for p in listed])
            scores = typicality(sizes["named"][chosen_on], own[chosen_on])
            units = np.argsort(scores, axis=None)[-n_units:]
            drawn = rng.choice(scores.size, n_units, replace=False)
            told = [
                _told_apart(sizes, scores, some, chosen_on, own)
                for some in (units[-1:], units, drawn)
            ]
            row_scores = typicality(rows["named"][chosen_on], own[chosen_on])
            every = np.arange(row_scores.size)
            read.append([*told, _told_apart(rows, row_scores, every, chosen_on, own)])
            sets = {
                "typical": units,
                "equally loud": equally_loud(
                    units, sizes["named"][chosen_on & own].mean(axis=0), scores
                ),
                "random": as_many(units, scores.shape, rng),
            }
            judged = _judged(listed, subject, half)
            losses_before = before[[listed.index(prompt) for prompt in judged]]
            changed.append(_changes(model, judged, losses_before, sets, means, subject))
        for name, shares in zip(reading, np.transpose(read), strict=True):
            reading[name].append(float(np.mean(shares)))
        for name in changed[0]:
            pair = np.mean([c[name] for c in changed], axis=0)
            silenced.setdefault(name, []).append(pair.tolist())
        print(f"  {list(material['subjects'])[subject]}", file=sys.stderr, flush=True)
    return {
        "subjects": list(material["subjects"]),
        "n_prompts": len(listed),
        "n_units": n_units,
        "columns": ["own thing", "own part", "others' thing", "others' part"],
        "compared": [list(three) for three in COMPARED],
        "reading": reading,
        "silenced": silenced,
    }


def _responses(
    model: Model, listed: Sequence[Prompt]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]:
    """Return what units and token rows do where the thing and the part are named, and unit means.

    The mean size of every unit's activation at the named tokens of a prompt, and at the part
    alone: (prompts, L, F); the mean row of these tokens: (prompts, 1, D); and the mean activation
    of every unit over all tokens of all prompts but the first: (L, F).
    """
    table = model.params["embedding"]["tokens"]
    sizes: dict[str, list] = {"named": [], "part": []}
    rows: dict[str, list] = {"named": [], "part": []}
    total, n_tokens = 0.0, 0
    for prompt in listed:
        activations = unit_activations(model, prompt.tokens)  # (L, T, F)
        for name, where in (("named", prompt.named), ("part", prompt.part)):
            sizes[name].append(np.abs(activations[:, where]).mean(axis=1))
            rows[name].append(table[prompt.tokens[where]].mean(axis=0, keepdims=True))
        total = total + activations[:, 1:].sum(axis=1)
        n_tokens += len(prompt.tokens) - 1
    stacked = ({name: np.stack(a) for name, a in found.items()} for found in (sizes, rows))
    return *stacked, total / n_tokens


def typicality(strengths: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Say how far each unit's strength in the own prompts lies above the others, in spreads."""
    inside, outside = strengths[own], strengths[~own]
    spread = np.sqrt(inside.var(axis=0) + outside.var(axis=0))
    return (inside.mean(axis=0) - outside.mean(axis=0)) / spread  # (L, F)


def _told_apart(
    strengths: dict[str, np.ndarray],
    scores: np.ndarray,
    chosen: np.ndarray,
    chosen_on: np.ndarray,
    own: np.ndarray,
) -> float:
    """Return the share of pairs of prompts in which the one on the subject gets the larger sum.

    The sum of the chosen strengths at the part, in spreads from the mean, weighted by the scores;
    everything but the sum comes from the prompts on which units are chosen.
    """
    known = strengths["named"][chosen_on].reshape(chosen_on.sum(), -1)[:, chosen]
    fresh = strengths["part"][~chosen_on].reshape((~chosen_on).sum(), -1)[:, chosen]
    sums = ((fresh - known.mean(axis=0)) / known.std(axis=0)) @ scores.flat[chosen]
    mine, theirs = sums[own[~chosen_on]], sums[~own[~chosen_on]]
    return float((mine[:, None] > theirs).mean())


def as_many(units: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw other units, in every block as many as are given."""
    drawn = []
    for block, n in enumerate(np.bincount(units // shape[1], minlength=shape[0])):
        others = np.setdiff1d(np.arange(shape[1]), units - block * shape[1])
        drawn.append(block * shape[1] + rng.choice(others, n, replace=False))
    return np.concatenate(drawn)


def equally_loud(units: np.ndarray, loudness: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Find for every unit the nearest in loudness among the least typical half of its block.

    None is taken twice.
    """
    n_units = loudness.shape[1]
    candidates = scores <= np.median(scores)
    found = []
    for unit in units:
        block = unit // n_units
        distance = np.abs(loudness[block] - loudness.flat[unit])
        distance[~candidates[block]] = np.inf
        nearest = int(distance.argmin())
        candidates[block, nearest] = False
        found.append(block * n_units + nearest)
    return np.array(found)


def _judged(listed: Sequence[Prompt], subject: int, half: int) -> list[Prompt]:
    """Return prompts of the other half: all on the subject, one on a third of the others each."""
    fresh = [p for p in listed if p.half != half]
    rng = np.random.default_rng(2 * subject + half)
    chosen = [p for p in fresh if p.subject == subject]
    for other in {p.subject for p in fresh} - {subject}:
        if (other + subject + half) % 3 == 0:
            theirs = [p for p in fresh if p.subject == other]
            chosen.append(theirs[rng.integers(len(theirs))])
    return chosen


def _changes(
    model: Model,
    judged: Sequence[Prompt],
    before: np.ndarray,
    sets: dict,
    means: np.ndarray,
    subject: int,
) -> dict[str, list[float]]:
    """Return how the losses at thing and part change, on the subject and on others."""
    own = np.array([p.subject == subject for p in judged])
    result = {}
    for name, units in sets.items():
        mask = np.zeros(means.shape, bool)
        mask.flat[units] = True
        for instead, values in (("mean", means), ("zero", np.zeros_like(means))):
            if (name, instead) == ("random", "zero"):
                continue  # the declared comparisons do without it
            change = prompt_losses(model, judged, silencing(mask, values)) - before
            pair = [change[own].mean(axis=0), change[~own].mean(axis=0)]
            result[f"{name}, {instead}"] = np.concatenate(pair).tolist()
    return result


def silencing(mask: np.ndarray, values: np.ndarray) -> Watch:
    """Return a watcher that gives the marked units (L, F) fixed values at all tokens but the first.

    The first token is left alone: what is written there serves every text (see "constant").
    """

    def watch(name: str, hidden: np.ndarray) -> None:
        block = place_of(name, "mlp.hidden")
        if block is not None:
            hidden[..., 1:, mask[block]] = values[block][mask[block]]

    return watch


def prompt_losses(model: Model, listed: Sequence[Prompt], watch: Watch | None = None) -> np.ndarray:
    """Return the losses at the first token of the thing and at the part: (prompts, 2).

    Prompts are read in batches, filled up at their end, which no token before it can see.
    """
    found = []
    for start in range(0, len(listed), BATCH):
        some = listed[start : start + BATCH]
        tokens = np.zeros((len(some), max(len(p.tokens) for p in some)), int)
        for row, prompt in zip(tokens, some, strict=True):
            row[: len(prompt.tokens)] = prompt.tokens
        logits = transformer.forward(model.params, model.config, tokens[:, :-1], watch=watch)
        loss = cross_entropy(logits, tokens[:, 1:])  # of the token after each
        for row, p in zip(loss, some, strict=True):
            found.append([row[p.thing.start - 1], row[p.part.start - 1 : p.part.stop - 1].mean()])
    return np.array(found)


# ------------------------------------------------------------------ facts

WORDINGS = {
    "capital": "The capital of {} is",
    "capital, city": "The capital city of {} is called",
    "capital, question": "Question: What is the capital of {}? Answer: The capital is",
    "capital, government": "The government of {} sits in the capital,",
    "language": "In {} the people speak",
    "continent": "The country of {} lies in the continent of",
}


@dataclass(frozen=True)
class Questions:
    """Prompts (n, T) on n countries, where these stand, and the first token of each answer."""

    countries: list[str]
    tokens: np.ndarray
    country: int
    answers: np.ndarray

    def take(self, which: np.ndarray) -> "Questions":
        """Return some of them."""
        names = [name for name, taken in zip(self.countries, which, strict=True) if taken]
        return Questions(names, self.tokens[which], self.country, self.answers[which])


def questions(model: Model, rows: Sequence[dict], wording: str) -> Questions:
    """Return the prompts of a wording on the countries of one token whose answer is distinctive."""
    encode, decode = model.tokenizer.encode, model.tokenizer.decode
    names, tokens, answers = [], [], []
    for row in rows:
        answer = row[wording.split(",")[0]]
        first = encode(" " + answer)[0] if answer else None
        if first is None or len(decode([first]).strip()) < 3:
            continue
        names.append(row["country"])
        tokens.append(encode(WORDINGS[wording].format(row["country"])))
        answers.append(first)
    country = len(encode(WORDINGS[wording].split(" {}")[0]))
    return Questions(names, np.array(tokens), country, np.array(answers))


def batches(asked: Questions) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Return prompts and answers in batches of about the same size, none of a single one."""
    n = -(-len(asked.tokens) // BATCH)
    return zip(*(np.array_split(a, n) for a in (asked.tokens, asked.answers)), strict=True)


def probabilities(
    model: Model, asked: Questions, watch: Watch | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return which tokens come first (n,) and the probability of the right answer (n,)."""
    tops, right = [], []
    for tokens, answers in batches(asked):
        logits = transformer.forward(
            model.params, model.config, tokens, last_only=True, watch=watch
        )
        tops.append(logits.argmax(axis=-1))
        right.append(np.exp(-cross_entropy(logits, answers)))
    return np.concatenate(tops), np.concatenate(right)


def n_right(model: Model, asked: Questions, watch: Watch | None = None) -> int:
    """Return how many questions are answered rightly."""
    return int((probabilities(model, asked, watch)[0] == asked.answers).sum())


def measure_facts(model: Model, rows: Sequence[dict]) -> dict:
    """Find the block and the head through which a capital is fetched: see the head of this file."""
    n_layers, n_heads = model.config.n_layers, model.config.n_heads
    every = questions(model, rows, "capital")
    tops, p_intact = probabilities(model, every)
    known = every.take(tops == every.answers)
    wrong = [name for name in every.countries if name not in known.countries]
    half = np.arange(len(known.countries)) % 2 == 0
    chosen_on, judged_on = known.take(half), known.take(~half)
    last = len(known.tokens[0]) - 1
    look = {"key": known.country, "query": last}

    record: dict = {"n_asked": len(every.countries), "known": known.countries, "wrong": wrong}
    record["n_chosen_on"], record["n_judged_on"] = int(half.sum()), int((~half).sum())
    right = []
    for block in range(n_layers):
        tops, p = probabilities(model, known, forbid_look([block], **look))
        right.append(tops == known.answers)
    on_chosen, on_judged = ([int(r[h].sum()) for r in right] for h in (half, ~half))
    block = int(np.argmin(on_chosen))
    p_before = p_intact[np.isin(every.countries, known.countries)]
    tops, p = probabilities(model, known, forbid_look([block], **look))
    record |= {
        "block": block, "blocks, chosen on": on_chosen, "blocks, judged on": on_judged,
        "left without the block": known.take(right[block]).countries,
        "probability left without the block": float(np.median(p / p_before)),
        "said without the block": [model.tokenizer.decode([int(t)]) for t in tops],
        "windows": [
            n_right(model, known, forbid_look(range(i, i + 5), **look))
            for i in range(0, n_layers, 5)
        ],
    }  # fmt: skip
    words = range(len(known.tokens[0]) - 1)
    record["other words, the block"], record["other words, all blocks"] = (
        {
            model.tokenizer.decode([int(known.tokens[0][key])]).strip(): n_right(
                model, known, forbid_look(blocks, key=key, query=last)
            )
            for key in words if key != known.country
        }
        for blocks in ([block], range(n_layers))
    )  # fmt: skip
    print("  blocks", file=sys.stderr, flush=True)

    heads = [
        [n_right(model, chosen_on, forbid_look([i], **look, heads=[j])) for j in range(n_heads)]
        for i in range(n_layers)
    ]
    head = int(np.argmin(heads[block]))
    record |= {
        "heads, chosen on": heads, "head": head,
        "heads of the block, judged on": [
            n_right(model, judged_on, forbid_look([block], **look, heads=[j]))
            for j in range(n_heads)
        ],
    }  # fmt: skip
    print("  heads", file=sys.stderr, flush=True)

    record["fresh"], others = {}, [j for j in range(n_heads) if j != head]
    for wording in list(WORDINGS)[1:]:
        asked = questions(model, rows, wording)
        asked = asked.take(probabilities(model, asked)[0] == asked.answers)
        elsewhere = {"key": asked.country, "query": len(asked.tokens[0]) - 1}
        record["fresh"][wording] = {
            "intact": len(asked.countries),
            "without the block": n_right(model, asked, forbid_look([block], **elsewhere)),
            "without the head": n_right(
                model, asked, forbid_look([block], **elsewhere, heads=[head])
            ),
            "without the other heads of the block": n_right(
                model, asked, forbid_look([block], **elsewhere, heads=others)
            ),
            "without a window": [
                n_right(model, asked, forbid_look(range(i, i + 5), **elsewhere))
                for i in range(0, n_layers, 5)
            ],
        }  # fmt: skip
    print("  fresh", file=sys.stderr, flush=True)
    record["swapped"] = {
        name: [_swapped(model, known, block, column) for block in range(n_layers)]
        for name, column in (("country", known.country), ("last word", last))
    }
    record["one MLP at the country"] = [
        n_right(model, known, _mean_mlp(blocks, known.country))
        for blocks in ([0], range(1, 5), *(range(i, i + 5) for i in range(5, n_layers, 5)))
    ]
    return record


def measure_alike(model: Model, rows: Sequence[dict]) -> dict[str, int]:
    """Count the capitals that stay right when some MLPs write the same at every country."""
    every = questions(model, rows, "capital")
    known = every.take(probabilities(model, every)[0] == every.answers)
    right = {}
    for name, blocks in (("block 0", [0]), ("blocks 1 to 22", range(1, 23))):
        watch = _mean_mlp(blocks, known.country)
        logits = transformer.forward(
            model.params, model.config, known.tokens, last_only=True, watch=watch
        )
        right[name] = int((logits.argmax(axis=-1) == known.answers).sum())
    return right


def measure_one_country(model: Model) -> dict:
    """Say what the model answers about France when its last word may not look there, by block."""
    tokens = np.array(model.tokenizer.encode(WORDINGS["capital"].format("France")))
    words = [model.tokenizer.decode([int(token)]).strip() for token in tokens]
    key, said = words.index("France"), []
    for block in range(model.config.n_layers):
        watch = forbid_look([block], key=key, query=len(tokens) - 1)
        logits = transformer.forward(
            model.params, model.config, tokens, last_only=True, watch=watch
        )
        said.append(model.tokenizer.decode([int(logits.argmax())]).strip())
    return {"words": words, "country": key, "said": said}


def _swapped(model: Model, known: Questions, block: int, column: int) -> dict[str, int]:
    """Give every country's prompt another one's column at the entry of a block; count answers."""

    def watch(name: str, x: np.ndarray) -> None:
        if place_of(name, "input") == block:
            x[:, column] = np.roll(x[:, column], 1, axis=0)

    counts = {"own": 0, "other": 0, "asked": 0}
    for tokens, answers in batches(known):
        logits = transformer.forward(
            model.params, model.config, tokens, last_only=True, watch=watch
        )
        tops = logits.argmax(axis=-1)
        counts["own"] += int((tops == answers).sum())
        counts["other"] += int((tops == np.roll(answers, 1)).sum())
        counts["asked"] += len(tops)
    return counts


def _mean_mlp(blocks: Iterable[int], column: int) -> Watch:
    """Return a watcher that gives every prompt of a batch the mean of what MLPs add at a column."""
    blocks = set(blocks)

    def watch(name: str, made: np.ndarray) -> None:
        if place_of(name, "mlp.output") in blocks:
            made[:, column] = made[:, column].mean(axis=0)

    return watch


# ------------------------------------------------------------------ the run


def main(names: Sequence[str]) -> None:
    """Run the named measurements, by default all, and write each into the record."""
    path = DATA / "drawers.json"
    model = load_model()
    material = tomllib.loads((DATA / "drawers-texts.toml").read_text(encoding="utf-8"))
    with open(DATA / "drawers-countries.csv", encoding="utf-8", newline="") as file:
        countries = list(csv.DictReader(file))
    written = [passage(), *map(str.strip, material["texts"])]
    texts = [np.array(model.tokenizer.encode(text)) for text in written]
    about = {
        "command": COMMAND,
        "machine": f"{platform.machine()}, one thread",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "paramlab": __version__,
        "model_sha256": FILE_SHA256,
        "n_block_weights": sum(a.size for a in _block_matrices(model.params).values()),
        "n_predicted_tokens": [len(text) - 1 for text in texts],
    }
    steps = {
        "blocks": lambda: measure_blocks(model, texts),
        "single": lambda: measure_single_weights(model, texts[0]),
        "constant": lambda: measure_constant(model, texts),
        "halves": lambda: measure_halves(model, texts),
        "units": lambda: measure_units(model, material),
        "facts": lambda: measure_facts(model, countries),
        "alike": lambda: measure_alike(model, countries),
        "country": lambda: measure_one_country(model),
    }
    for name in names or steps:
        start = time.perf_counter()
        result = steps[name]()
        minutes = round((time.perf_counter() - start) / 60, 1)
        record = json.loads(path.read_text()) if path.exists() else {}
        record |= {**about, name: result}
        record["minutes"] = record.get("minutes", {}) | {name: minutes}
        record["date"] = record.get("date", {}) | {name: f"{datetime.now(UTC):%Y-%m-%d}"}
        path.write_text(json.dumps(short(record), indent=1) + "\n")
        print(f"{name}: {minutes} minutes", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
