"""Train small models to look up notes, at 64 tokens; then ask them at up to 256.

Chapter 13 loads what this script writes: ``data/retrieval.json`` and
``models/retrieval-*.safetensors``. Run it from the root of the repository; it takes about
twenty minutes on one thread::

    OPENBLAS_NUM_THREADS=1 python book/experiments/retrieval.py

The task has 16 boxes. A token is either a note, "box 7 holds 3" (16 x 8 of them), or a question,
"box 7?" (16 of them). A question is answered by the latest note on that box. Half of the tokens of
a training text are notes and half are questions, all random.

Four models differ only in how they know positions. Each is trained on texts of 64 tokens, with
three seeds. Two things are then measured on the last question of many new texts:

- find: the box was noted only once, at a place that is recorded;
- latest: the box was noted two times or more, and the latest note is the answer.
"""

import json
import platform
import sys
import time
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from paramlab import __version__, forward
from paramlab.config import ModelConfig
from paramlab.files.store import save_model
from paramlab.layers import Params, cross_entropy
from paramlab.positions import stretched
from paramlab.training import Plan, initialize, start, train
from paramlab.tree import Model

HERE = Path(__file__).parent
COMMAND = "OPENBLAS_NUM_THREADS=1 python book/experiments/retrieval.py"
N_BOXES, N_THINGS = 16, 8
QUESTION = N_BOXES * N_THINGS  # the first token id that is a question
TRAINED = 64  # tokens
LENGTHS = (64, 128, 256)
SCHEMES = ("rope", "sinusoidal", "learned", "alibi")
SEEDS = range(3)
N_TEXTS = 256  # asked per point
TUNING = (0, 10, 50)  # steps of further training on long texts

CONFIG = ModelConfig(
    n_layers=2, d_model=64, n_heads=4, d_ff=128, vocab_size=QUESTION + N_BOXES, n_ctx=TRAINED,
    norm="rmsnorm", bias_qkv=False, bias_o=False, bias_mlp=False, rope_theta=300.0,
    embedding_scale=True,  # as Vaswani et al. did
)  # fmt: skip
PLAN = Plan(
    n_steps=400, batch_size=32, n_tokens=TRAINED, learning_rate=3e-3, warmup_steps=50,
    weight_decay=0.01,
)  # fmt: skip


# ------------------------------------------------------------------ the task


def texts(
    rng: np.random.Generator,
    n_texts: int,
    n_tokens: int,
    place: np.ndarray | None = None,
    n_boxes: int = N_BOXES,
) -> tuple[np.ndarray, np.ndarray]:
    """Return random texts (B, T) and, for each token, the note that answers it, or -1 (B, T).

    With ``place`` (B,) the last token asks for a box that was noted only there. Without it only
    the first ``n_boxes`` may be in use: then more notes are on the same box.
    """
    shape, rows = (n_texts, n_tokens), np.arange(n_texts)
    boxes, things = rng.integers(n_boxes, size=shape), rng.integers(N_THINGS, size=shape)
    asks = rng.random(shape) < 0.5
    asks[:, -1] = True
    if place is not None:
        wanted = boxes[:, -1].copy()
        # All other tokens are about another box: from 1 to 15 further on, in the circle of 16.
        boxes = (wanted[:, None] + rng.integers(1, N_BOXES, size=shape)) % N_BOXES
        boxes[:, -1] = boxes[rows, place] = wanted
        asks[rows, place] = False
    tokens = np.where(asks, QUESTION + boxes, boxes * N_THINGS + things)
    latest, answers = np.full((n_texts, N_BOXES), -1), np.full(shape, -1)
    for t in range(n_tokens):
        box, asked = boxes[:, t], asks[:, t]
        answers[asked, t] = latest[rows, box][asked]
        latest[rows[~asked], box[~asked]] = tokens[~asked, t]
    return tokens, answers


def answer_loss(params: Params, config: ModelConfig, batch: tuple[np.ndarray, np.ndarray]):
    """Return the mean cross-entropy of the answers to those questions that have one."""
    tokens, answers = batch
    known = np.flatnonzero(answers.ravel() >= 0)
    logits = forward(params, config, tokens).reshape(-1, config.vocab_size)[known]
    return cross_entropy(logits, answers.ravel()[known]).mean()


def notes_of_the_box_asked(tokens: np.ndarray) -> np.ndarray:
    """Count, for each text, the notes on the box that its last token asks for."""
    return ((tokens // N_THINGS == tokens[:, -1:] - QUESTION) & (tokens < QUESTION)).sum(axis=1)


def right(params: Params, config: ModelConfig, tokens: np.ndarray, answers: np.ndarray):
    """Say for each text whether the last question gets the right answer."""
    logits = forward(params, config, tokens)[:, -1]
    return logits.argmax(axis=-1) == answers[:, -1]


def measure(params: Params, config: ModelConfig, n_tokens: int, seed: int = 1) -> dict:
    """Measure both tasks at one length.

    Returns for *find* the hits in eight equal stretches of the text, first to last, with their
    numbers of texts; for *latest* the hits and the number of texts.
    """
    rng = np.random.default_rng([seed, n_tokens])
    place = np.arange(N_TEXTS) * (n_tokens - 1) // N_TEXTS
    found = np.concatenate([
        right(params, config, *texts(rng, len(part), n_tokens, part))
        for part in np.array_split(place, 8)
    ])  # fmt: skip
    late = []
    while len(late) < N_TEXTS:
        tokens, answers = texts(rng, 64, n_tokens)
        several = notes_of_the_box_asked(tokens) >= 2
        late += right(params, config, tokens, answers)[several].tolist()
    hits = [int(part.sum()) for part in np.array_split(found, 8)]
    return {"find": hits, "latest": sum(late[:N_TEXTS])}


# ------------------------------------------------------------------ beyond the trained length


def widened(
    params: Params, config: ModelConfig, n_tokens: int, interpolated: bool
) -> tuple[Params, ModelConfig]:
    """Let a model read ``n_tokens``: with new positions, or with the old ones squeezed together.

    A learned table gets new rows as before training, or is interpolated to more rows.
    """
    scale = config.n_ctx / n_tokens if interpolated else 1.0
    wide = replace(config, n_ctx=n_tokens, n_position_rows=0, position_scale=scale)
    if config.positions != "learned":
        return params, wide
    wide = replace(wide, position_scale=1.0)  # the table itself is stretched
    table = params["embedding"]["positions"]
    if interpolated:
        table = stretched(table, n_tokens)
    else:
        fresh = first_params(wide, seed=99)["embedding"]["positions"]
        table = np.concatenate((table, fresh[len(table) :]))
    return {**params, "embedding": {**params["embedding"], "positions": table}}, wide


def tuned(params: Params, config: ModelConfig, n_steps: int, seed: int) -> Params:
    """Train a widened model for a few more steps, on texts of its new length."""
    plan = replace(
        PLAN, n_steps=n_steps, batch_size=8, n_tokens=config.n_ctx, learning_rate=3e-4,
        warmup_steps=0, final_fraction=1.0, seed=100 + seed,
    )  # fmt: skip

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        place = rng.integers(config.n_ctx - 1, size=plan.batch_size)  # some questions ask far back
        return texts(rng, plan.batch_size, config.n_ctx, place)

    run = start(config, plan, params)
    return train(run, draw, loss=answer_loss, progress=False).params


# ------------------------------------------------------------------ the runs


def first_params(config: ModelConfig, seed: int) -> Params:
    """Return random parameters with larger tables than usual, so that tokens outweigh sinusoids."""
    params = initialize(config, seed)
    params["embedding"] = {name: 4 * table for name, table in params["embedding"].items()}
    return params


def train_one(scheme: str, seed: int) -> tuple[Model, dict]:
    """Train one model at 64 tokens, and measure it there and beyond."""
    config = replace(CONFIG, positions=scheme, n_position_rows=0)
    plan = replace(PLAN, seed=seed)
    started = time.process_time()
    run = start(config, plan, first_params(config, seed))
    train(run, lambda rng: texts(rng, plan.batch_size, TRAINED), loss=answer_loss, progress=False)
    minutes = (time.process_time() - started) / 60
    result = {"scheme": scheme, "seed": seed, "minutes": round(minutes, 2)}
    result["loss"] = [round(loss, 4) for loss in run.losses[::10]]
    for name, interpolated in (("as trained", False), ("interpolated", True)):
        lengths = LENGTHS[1:] if interpolated else LENGTHS
        result[name] = {
            n: measure(*widened(run.params, config, n, interpolated), n) for n in lengths
        }
    return Model(run.params, config, None), result


def tune_one(model: Model, seed: int) -> dict:
    """Train on at 256 tokens, with old and with interpolated positions; measure after each."""
    result = {}
    for name, interpolated in (("as trained", False), ("interpolated", True)):
        params, config = widened(model.params, model.config, LENGTHS[-1], interpolated)
        result[name] = {}
        for before, steps in pairwise((0, *TUNING)):
            if steps:
                params = tuned(params, config, steps - before, seed + steps)
            result[name][steps] = measure(params, config, LENGTHS[-1])
    return result


def main() -> None:
    """Train and measure all models, and write the files."""
    (HERE / "models").mkdir(exist_ok=True)
    runs = []
    for seed in SEEDS:
        for scheme in SCHEMES:
            model, result = train_one(scheme, seed)
            if scheme == "rope":
                result["tuned at 256"] = tune_one(model, seed)
            runs.append(result)
            if seed == SEEDS[0]:
                path = HERE / "models" / f"retrieval-{scheme}.safetensors"
                save_model(path, model, dtype="float16", made_by="book/experiments/retrieval.py")
            print(json.dumps({k: v for k, v in result.items() if k != "loss"}), file=sys.stderr)
            record = {
                "command": COMMAND,
                "python": platform.python_version(),
                "numpy": np.__version__,
                "paramlab": __version__,
                "config": asdict(CONFIG),
                "plan": asdict(PLAN),
                "trained_tokens": TRAINED,
                "texts_per_point": N_TEXTS,
                "runs": runs,
            }
            file = HERE / "data" / "retrieval.json"
            file.write_text(json.dumps(record) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
