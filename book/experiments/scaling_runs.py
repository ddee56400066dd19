"""Train language models of eight sizes on three amounts of text, and predict the two largest.

Chapter 8 loads what this script writes: ``data/scaling_runs.json``, a record for each run, written
as soon as it is finished, and ``data/scaling_prediction.json``. It needs torch and half an hour of
one core. From the root of the repository::

    OMP_NUM_THREADS=1 python book/experiments/scaling_runs.py STAGE...

Stages, in order: ``rates``, ``grid``, ``numpy``, ``predict``, ``held-out``, ``other-rates``. A
stage leaves out the runs that are recorded. ``held-out`` refuses to start without the record of the
prediction.

Written before the runs of the grid; trials with seed 99 had set the start, the pieces, the length
and the rates:

- *Question.* If models are trained alike, does a larger one reach a lower loss on new text? Does
  each added parameter bring less than the one before, and less than in proportion? Does the curve
  of six sizes foretell the seventh and the eighth?
- *Text.* The source of Python's standard library (PSF license) without tests and without the tables
  of ``encodings``; a paragraph that occurred before is dropped. One file in eight, chosen by the
  hash of its name, is held out whole. Byte pairs, 512 tokens, learned on the rest.
- *Models.* Three blocks, heads of 16, MLP of 4 D, RMSNorm, rotated positions, no biases, tied
  tables. Widths 16 to 176: 9,328 to 1,116,368 parameters without the token table. The two
  largest are held out.
- *Start.* As this package starts a model, but with a standard deviation of half of 1 / root D
  instead of 0.02, which suits much wider models: at width 16 it held training up.
- *Training.* 4 pieces of 64 tokens a step, each piece seen once, at most 0.6 M tokens. AdamW
  (0.9, 0.99), decay 0.1 of matrices and tables, gradients clipped to length 1. Warm-up of 23 steps
  (2% of the middle run), a constant rate, and over the last fifth of the steps a straight line to
  zero. The constant part is shared: runs of 0.15, 0.3 and 0.6 M tokens branch off one trunk (the
  idea is that of arXiv 2405.18392).
- *Rates.* Five, a factor of 2 apart, at widths 16, 48 and 128, with 0.25 M tokens and a seed that
  no other stage uses. The minimum of a parabola through the best three is the optimum of a size; a
  straight line in logarithms through the three optima gives all rates.
- *Unit of repetition.* The seed: start, pieces and their order. Three for each size. Losses are
  those of the same held-out files for all, so differences between sizes are paired.
- *Control.* Sizes differ in width alone.
- *Gates*, before anything is fitted. (1) At each tuned size the best rate is not an end of its
  list. (2) A size whose context is cut to the last two tokens loses at least 0.3 nats in the
  second half of a piece; otherwise it has not learned to look back, and its loss says how far
  training got. (3) The three seeds of a size agree within 0.05 nats. (2) and (3) at the largest
  amount of text. A size that fails is reported and not fitted.
- *Comparisons.* Three forms (power law, power law with a floor, straight in log N), each with two
  ways to count N, foretell the loss of both held-out sizes at 0.6 M tokens: six predictions for
  each, all printed. Beside them, without a vote, the joint law of parameters and text.
- *Interval.* 95%, from 2,000 refits: each mean of three seeds gets fresh seeds' deviations, drawn
  from those of all sizes, and so does the mean of the held-out size. A hit is a measured mean
  inside it. It holds no doubt about the form: only a held-out size can show that.
- *Opposite.* Larger is not better: a size is worse than a smaller one in more than one of three
  seeds. No diminishing returns: the gain per parameter does not fall. Not faster than in
  proportion: its slope against N, in logarithms, is not below -1 within its interval. No law: the
  mean of the largest size lies outside the intervals of all six predictions.
- *Bad training.* Width 96 with 0.15 M tokens against width 48 with 0.6 M, three seeds. (Which rate
  ruins a model is read from the stage ``rates``, which had run when this was written.) Opposite:
  the larger model still wins.
- *Another program.* The smallest size, 0.15 M tokens, seed 0, also with this book's own trainer in
  NumPy: same start, same pieces. It is to end within the seeds' spread.

Added when all of these runs were known, before its own:

- *Was the rate of the line right?* (stage ``other-rates``) Widths 32, with all seeds, and 176, with
  one, whose rates were read off it, with 0.6 M tokens at half and at twice that rate; the seeds are
  those of the grid, so each run is paired with the one at the rate of the line. Four differences.
  If the mean at half or twice is lower by more than the range of the three seeds, the size was held
  back by its rate, and a part of how the curve bends is the rate's. What it cannot show: the best
  rate between, or that of another amount of text. (Width 96, and three seeds of 176, were planned
  and left out for time.)

What it cannot show: what larger models do, or other text. This text is programs; no exponent found
here is to be compared with one of another text.
"""

import hashlib
import json
import math
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
from paramlab import __version__, scaling
from paramlab.config import ModelConfig
from paramlab.layers import Params
from paramlab.params import count
from paramlab.tokenizer import train_bpe
from paramlab.training import EPSILON, Plan, initialize, next_token_loss, start, take_step
from paramlab.tree import flatten
from recording import short

DATA = Path(__file__).parent / "data"
RUNS, PREDICTION = DATA / "scaling_runs.json", DATA / "scaling_prediction.json"
LIVE = DATA / "scaling_live.npz"  # what the smallest run read
COMMAND = "OMP_NUM_THREADS=1 python book/experiments/scaling_runs.py STAGE..."
WIDTHS, HELD_OUT_WIDTHS = (16, 32, 48, 64, 80, 96), (128, 176)
AMOUNTS = (150_000, 300_000, 600_000)  # tokens
SEEDS = (0, 1, 2)
TUNED, TUNING_TOKENS, RATE_SEED = (16, 48, 128), 250_000, 99
CHECKED_SEEDS, OTHER_RATES = {32: SEEDS, 176: SEEDS[:1]}, (0.5, 2.0)
RATES = {16: 0.008, 48: 0.004, 128: 0.002}  # the middle of five, a factor of 2 apart
T, BATCH, VOCAB_SIZE = 64, 4, 512
D_HEAD = 16
WARMUP, COOLDOWN = 23, 0.2
PLAN = Plan(n_steps=1, batch_size=BATCH, n_tokens=T, warmup_steps=0, final_fraction=1.0)
LEAST_CUT_CONTEXT_COSTS, LARGEST_RANGE_OF_SEEDS = 0.3, 0.05  # nats: the gates
PIECES_OF_FILE = 24  # at most so many of a held-out file are read


def config_of(width: int) -> ModelConfig:
    """Return the model of a width D."""
    return ModelConfig(
        n_layers=3, d_model=width, n_heads=width // D_HEAD, d_ff=4 * width, vocab_size=VOCAB_SIZE,
        n_ctx=T, positions="rope", norm="rmsnorm", bias_qkv=False, bias_o=False, bias_mlp=False,
    )  # fmt: skip


def first_params(config: ModelConfig, seed: int) -> Params:
    """Return the parameters from which a run starts."""
    params = initialize(config, seed)
    for array in flatten(params).values():
        if array.ndim > 1:
            array *= 0.5 / math.sqrt(config.d_model) / 0.02
    return params


# ------------------------------------------------------------------ the text


@dataclass
class Text:
    """The text as tokens: all that may be trained on, and the pieces of every held-out file."""

    about: dict
    train: np.ndarray
    held_out: np.ndarray  # (pieces, T + 1)
    file_of: np.ndarray  # (pieces,): which file each is from


def sources() -> list[tuple[str, str]]:
    """Return the name and text of the standard library's modules; no paragraph twice."""
    library = Path(os.__file__).parent
    left_out = {
        "distutils", "encodings", "ensurepip", "idlelib", "lib2to3", "test", "tkinter", "turtle",
        "turtledemo", "venv",
    }  # fmt: skip
    seen: set[str] = set()
    found = []
    for module in sorted(sys.stdlib_module_names - left_out):
        for path in sorted((library / module).rglob("*.py")) or [library / f"{module}.py"]:
            name = path.relative_to(library).as_posix()
            if not path.is_file() or "test" in name:
                continue
            fresh = []
            for paragraph in path.read_text(encoding="utf-8", errors="replace").split("\n\n"):
                if paragraph.strip() not in seen:
                    seen.add(paragraph.strip())
                    fresh.append(paragraph)
            found.append((name, "\n\n".join(fresh) + "\n\n"))
    return found


def is_held_out(name: str) -> bool:
    """Say whether a file is kept back: one in eight."""
    return hashlib.sha256(name.encode()).digest()[0] % 8 == 0


@cache
def text() -> Text:
    """Return the text as tokens; the second call finds it in the folder of temporary files."""
    files = sources()
    sha256 = hashlib.sha256("".join(t for _, t in files).encode()).hexdigest()
    kept = Path(tempfile.gettempdir()) / f"paramlab-scaling-{sha256[:16]}.npz"
    if kept.exists():
        with np.load(kept) as arrays:
            about = json.loads(str(arrays["about"]))
            return Text(about, arrays["train"], arrays["held_out"], arrays["file_of"])
    training = "".join(t for name, t in files if not is_held_out(name))
    tokenizer = train_bpe(training, VOCAB_SIZE)
    pieces, names, held_characters, held_tokens = [], [], 0, 0
    for name, content in files:
        if not is_held_out(name):
            continue
        tokens = np.array(tokenizer.encode(content), np.uint16)
        held_characters, held_tokens = held_characters + len(content), held_tokens + len(tokens)
        n = len(tokens) // (T + 1)
        if n:
            cut = tokens[: n * (T + 1)].reshape(n, T + 1)
            pieces.append(cut[np.linspace(0, n - 1, min(n, PIECES_OF_FILE)).astype(int)])
            names.append(name)
    found = Text(
        about={
            "text": f"source of the standard library of Python {platform.python_version()}, "
            "without tests and encodings; license PSF-2.0",
            "sha256": sha256,
            "n_files": len(files),
            "n_characters": sum(len(t) for _, t in files),
            "n_characters_to_train": len(training),
            "held_out_files": names,
            "held_out_characters_per_token": held_characters / held_tokens,
        },
        train=np.array(tokenizer.encode(training), np.uint16),
        held_out=np.concatenate(pieces),
        file_of=np.repeat(np.arange(len(pieces)), [len(p) for p in pieces]),
    )
    found.about["n_tokens_to_train"] = len(found.train)
    found.about["n_held_out_pieces"] = len(found.held_out)
    found.about["baselines"] = baselines(found)
    about = json.dumps(found.about)
    np.savez(kept, about=about, train=found.train, held_out=found.held_out, file_of=found.file_of)
    return found


def baselines(found: Text) -> dict[str, float]:
    """Return the held-out loss of counting single tokens, and pairs, in all text to train on."""
    train, held = found.train.astype(int), found.held_out.astype(int)
    single = np.bincount(train, minlength=VOCAB_SIZE) + 1.0
    pairs = np.zeros((VOCAB_SIZE, VOCAB_SIZE))
    np.add.at(pairs, (train[:-1], train[1:]), 1)
    p_single = single / single.sum()
    p_pair = (pairs + p_single) / (pairs.sum(axis=1, keepdims=True) + 1)
    targets = held[:, 1:]
    return {
        "single": float(-np.log(p_single[targets]).mean()),
        "pairs": float(-np.log(p_pair[held[:, :-1], targets]).mean()),
    }


def pieces(seed: int, n_tokens: int) -> np.ndarray:
    """Return what a run reads, in order: (steps, B, T + 1).

    The seed chooses where the text is cut, and the order of the pieces.
    """
    rng = np.random.default_rng([seed, 1])
    tokens = text().train
    offset = int(rng.integers(T))
    n = (len(tokens) - offset - 1) // T
    starts = offset + T * rng.permutation(n)
    n_steps = n_tokens // (BATCH * T)
    chosen = starts[: n_steps * BATCH].reshape(n_steps, BATCH)
    return tokens[chosen[..., None] + np.arange(T + 1)].astype(np.int64)


def relative_rate(step: int, n_steps: int) -> float:
    """Return the learning rate of a step, counted from 0, as a share of the constant one."""
    falling = round(COOLDOWN * n_steps)
    return min(1.0, (step + 1) / WARMUP, (n_steps - step) / falling)


# ------------------------------------------------------------------ several models, in torch
# Letters: R models of one size, trained side by side; every array has them as its first axis.


class Models:
    """R models of one width with their optimizers, on torch."""

    def __init__(self, width: int, seeds: Sequence[int], rates: Sequence[float]):
        import torch

        self.config, self.rates = config_of(width), torch.tensor(rates, dtype=torch.float32)
        flat = [flatten(first_params(self.config, seed)) for seed in seeds]
        stacked = {name: np.stack([f[name] for f in flat]) for name in flat[0]}
        self.params = {
            name: torch.from_numpy(array).requires_grad_() for name, array in stacked.items()
        }
        self.first = [torch.zeros_like(p) for p in self.params.values()]
        self.second = [torch.zeros_like(p) for p in self.params.values()]
        self.step = 0
        self.mask = torch.full((T, T), -math.inf).triu(1)
        angles = np.arange(T)[:, None] * 10000.0 ** (-np.arange(0, D_HEAD, 2) / D_HEAD)
        self.cos = torch.from_numpy(np.cos(angles).astype(np.float32))  # (T, H/2)
        self.sin = torch.from_numpy(np.sin(angles).astype(np.float32))

    def state(self) -> dict:
        """Return a copy of everything that training changes."""
        kept = [[t.detach().clone() for t in g] for g in (self.params.values(), *self.moments)]
        return {"arrays": kept, "step": self.step}

    @property
    def moments(self) -> tuple[list, list]:
        """The two moments."""
        return self.first, self.second

    def restore(self, state: dict) -> None:
        """Go back to a state."""
        import torch

        with torch.no_grad():
            groups = zip((self.params.values(), *self.moments), state["arrays"], strict=True)
            for group, kept in groups:
                for tensor, old in zip(group, kept, strict=True):
                    tensor.copy_(old)
        self.step = state["step"]

    def logits(self, tokens):
        """Return the logits (R, B, T, V) for token ids (R, B, T)."""
        import torch
        from torch.nn import functional as F

        p, c = self.params, self.config
        r, b, t = tokens.shape
        models = torch.arange(r)[:, None]
        x = p["embedding.tokens"][models, tokens.reshape(r, -1)]  # (R, B T, D)
        for i in range(c.n_layers):
            w = {n.split(".", 2)[2]: v for n, v in p.items() if n.startswith(f"blocks.{i}.")}
            y = self.norm(x, w["attention_norm.gain"])
            joined = torch.cat([w[f"attention.{n}.weight"] for n in "qkv"], dim=-1)
            q, k, v = (
                (y @ joined).view(r * b, t, 3, c.n_heads, D_HEAD).permute(2, 0, 3, 1, 4)
            )  # (R B, N, T, H) each
            q, k = self.rotate(q), self.rotate(k)
            scores = (q * D_HEAD**-0.5) @ k.transpose(-1, -2) + self.mask[:t, :t]
            mixed = scores.softmax(-1) @ v
            mixed = mixed.transpose(1, 2).reshape(r, b * t, -1)
            x = x + mixed @ w["attention.o.weight"]
            y = self.norm(x, w["mlp_norm.gain"])
            y = F.gelu(y @ w["mlp.up.weight"], approximate="tanh")
            x = x + y @ w["mlp.down.weight"]
        x = self.norm(x, p["final_norm.gain"])
        return (x @ p["embedding.tokens"].transpose(1, 2)).view(r, b, t, -1)

    def norm(self, x, gain):
        """Divide by the root mean square, and scale."""
        return (
            x * (x.square().mean(-1, keepdim=True) + self.config.norm_eps).rsqrt() * gain[:, None]
        )

    def rotate(self, x):
        """Turn the pairs of each head by the angles of their position."""
        import torch

        t = x.shape[-2]
        a, b = x.chunk(2, dim=-1)
        cos, sin = self.cos[:t], self.sin[:t]
        return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)

    def losses(self, tokens):
        """Return the loss of every prediction (R, B, T) on token ids (R, B, T + 1), and hits."""
        from torch.nn import functional as F

        logits, targets = self.logits(tokens[..., :-1]), tokens[..., 1:]
        each = F.cross_entropy(logits.flatten(0, -2), targets.flatten(), reduction="none")
        return each.view(targets.shape), logits

    def take_step(self, batch: np.ndarray, relative: float) -> None:
        """Take a step of AdamW with its own batch (R, B, T + 1) for each model."""
        import torch

        tensors = list(self.params.values())
        loss = self.losses(torch.from_numpy(batch))[0].mean(dim=(1, 2)).sum()
        gradients = torch.autograd.grad(loss, tensors)
        with torch.no_grad():
            squares = sum(g.flatten(1).square().sum(1) for g in gradients)  # (R,)
            scale = (PLAN.clip_norm / squares.sqrt()).clamp(max=1)
            correction1 = 1 - PLAN.beta1 ** (self.step + 1)
            correction2 = 1 - PLAN.beta2 ** (self.step + 1)
            rates = self.rates * relative
            for p, g, m, v in zip(tensors, gradients, *self.moments, strict=True):
                shape = (-1,) + (1,) * (p.ndim - 1)
                g = g * scale.view(shape)
                m.lerp_(g, 1 - PLAN.beta1)
                v.lerp_(g * g, 1 - PLAN.beta2)
                rate = rates.view(shape)
                if p.ndim > 2:
                    p.mul_(1 - rate * PLAN.weight_decay)
                p.sub_((rate / correction1) * m / ((v / correction2).sqrt_() + EPSILON))
        self.step += 1

    def held_out(self) -> dict[str, np.ndarray]:
        """Return, of each model, the losses of every held-out file, the wrong guesses, the gate."""
        import torch

        found = text()
        n_models = len(self.rates)
        n_files = int(found.file_of.max()) + 1
        losses, wrong = [], []
        with torch.no_grad():
            for start in range(0, len(found.held_out), 16):
                some = torch.from_numpy(found.held_out[start : start + 16].astype(np.int64))
                each, logits = self.losses(some.expand(n_models, -1, -1))
                losses.append(each.mean(-1).numpy())
                misses = logits.argmax(-1) != some[:, 1:]
                wrong.append(misses.float().mean(-1).numpy())
            some = torch.from_numpy(found.held_out[::4].astype(np.int64))
            long = self.losses(some.expand(n_models, -1, -1))[0][..., T // 2 :].mean((1, 2))
            pairs = some.unfold(1, 3, 1)[:, T // 2 - 1 :].reshape(-1, 3)  # two, and what follows
            short = self.losses(pairs.expand(n_models, -1, -1))[0][..., -1].mean(-1)
        each = np.concatenate(losses, axis=1)  # (R, pieces)
        of_file = np.stack([each[:, found.file_of == i].mean(1) for i in range(n_files)], axis=1)
        return {
            "loss": each.mean(1),
            "wrong": np.concatenate(wrong, axis=1).mean(1),
            "cut_context_costs": (short - long).numpy(),
            "of_file": of_file,
        }


def train(
    width: int,
    seeds: Sequence[int],
    rates: Sequence[float],
    amounts: Sequence[int],
    read: Callable[[int], np.ndarray],
    each: Callable[[int, Models, float], None],
) -> None:
    """Train R models on growing amounts of text; call ``each`` with the end of every branch."""
    models, began = Models(width, seeds, rates), time.process_time()
    stream = np.stack([read(seed) for seed in seeds], axis=1)  # (steps, R, B, T + 1)
    for amount in amounts:
        n_steps = amount // (BATCH * T)
        n_constant = n_steps - round(COOLDOWN * n_steps)
        while models.step < n_constant:
            models.take_step(stream[models.step], min(1.0, (models.step + 1) / WARMUP))
        trunk = models.state()
        while models.step < n_steps:
            models.take_step(stream[models.step], relative_rate(models.step, n_steps))
        each(amount, models, time.process_time() - began)
        models.restore(trunk)


# ------------------------------------------------------------------ the record


def recorded() -> dict:
    """Return what is in the data file, or the beginning of one."""
    if RUNS.exists():
        return json.loads(RUNS.read_text(encoding="utf-8"))
    return {"about": {}, "runs": []}


def write(record: dict) -> None:
    """Write the data file: a line for each run."""
    record["about"] |= text().about | {
        "command": COMMAND,
        "machine": f"{platform.system()} {platform.machine()}, one thread",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "paramlab": __version__,
    }
    if "torch" in sys.modules:
        record["about"]["torch"] = sys.modules["torch"].__version__
    lines = ",\n".join("  " + json.dumps(run) for run in record["runs"])
    about = json.dumps(record["about"], indent=1)
    content = f'{{"about": {about},\n"runs": [\n{lines}\n]}}\n'
    RUNS.with_suffix(".tmp").write_text(content, encoding="utf-8")
    RUNS.with_suffix(".tmp").replace(RUNS)


def is_done(record: dict, **wanted: object) -> bool:
    """Say whether a run with these fields is recorded."""
    return any(all(run.get(k) == v for k, v in wanted.items()) for run in record["runs"])


def add(
    models: Models, seconds: float, seeds: Sequence[int], files: bool, **fields: object
) -> None:
    """Record the models at the end of a branch."""
    record, found = recorded(), models.held_out()
    numbers = count(models.config)
    for i, seed in enumerate(seeds):
        run = fields | {
            "width": models.config.d_model,
            "seed": seed,
            "rate": round(float(models.rates[i]), 6),
            "n_without_table": numbers.total - numbers.by_part["token table"],
            "n_total": numbers.total,
            "loss": round(float(found["loss"][i]), 5),
            "wrong": round(float(found["wrong"][i]), 5),
            "cut_context_costs": round(float(found["cut_context_costs"][i]), 4),
            "seconds_so_far": round(seconds / len(seeds), 1),
            "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        }
        if files:
            run["of_file"] = [round(float(x), 4) for x in found["of_file"][i]]
        record["runs"].append(run)
        print(f"{run['date']} {fields} D={run['width']} seed {seed} rate {run['rate']} "
              f"loss {run['loss']} wrong {run['wrong']} gate {run['cut_context_costs']} "
              f"{run['seconds_so_far']} s", flush=True)  # fmt: skip
    write(record)


# ------------------------------------------------------------------ the stages


def tune() -> None:
    """Try five rates at three sizes."""
    for width in TUNED:
        if is_done(recorded(), stage="rates", width=width):
            continue
        rates = [RATES[width] * 2.0**i for i in range(-2, 3)]
        seeds = [RATE_SEED] * len(rates)
        train(
            width, seeds, rates, [TUNING_TOKENS], lambda seed: pieces(seed, TUNING_TOKENS),
            lambda amount, models, s: add(
                models, s, [RATE_SEED] * 5, False, stage="rates", n_tokens=amount
            ),
        )  # fmt: skip


def optima(record: dict) -> dict[int, tuple[float, bool]]:
    """Return, of each tuned size, the interpolated best rate, and whether the gate holds."""
    found = {}
    for width in TUNED:
        runs = [r for r in record["runs"] if r["stage"] == "rates" and r["width"] == width]
        runs.sort(key=lambda run: run["rate"])
        best = min(range(len(runs)), key=lambda i: runs[i]["loss"])
        inside = 0 < best < len(runs) - 1
        near = runs[best - 1 : best + 2] if inside else [runs[best]]
        x = np.log([run["rate"] for run in near])
        if inside:
            a, b, _ = np.polyfit(x, [run["loss"] for run in near], 2)
            found[width] = (float(np.exp(-b / (2 * a))), True)
        else:
            found[width] = (float(np.exp(x[0])), False)
    return found


def rate_of(width: int) -> float:
    """Return the learning rate of a size: on a line through the three optima, in logarithms."""
    best = optima(recorded())
    n = [np.log(count(config_of(w)).total) for w in best]
    slope, at_0 = np.polyfit(n, np.log([rate for rate, _ in best.values()]), 1)
    return float(np.exp(at_0 + slope * np.log(count(config_of(width)).total)))


def sweep(width: int, stage: str, seeds: Sequence[int], amounts: Sequence[int]) -> None:
    """Train a size on growing amounts of fresh text, with all these seeds side by side."""
    done = {"stage": stage, "width": width, "seed": seeds[-1], "n_tokens": amounts[-1]}
    if is_done(recorded(), **done):
        return
    train(
        width, seeds, [rate_of(width)] * len(seeds), amounts,
        lambda seed: pieces(seed, amounts[-1]),
        lambda amount, models, s: add(models, s, seeds, True, stage=stage, n_tokens=amount),
    )  # fmt: skip


def run_grid() -> None:
    """Train all sizes but the two largest."""
    for width in WIDTHS:
        sweep(width, "grid", SEEDS, AMOUNTS)


def gates(record: dict) -> dict:
    """Return what each gate measured, and which sizes may be fitted."""
    found: dict = {"rates": [], "sizes": [], "fitted": []}
    for width, (rate, inside) in optima(record).items():
        found["rates"].append({"width": width, "best": round(rate, 6), "inside": inside})
    for width in WIDTHS:
        runs = [r for r in record["runs"] if r["stage"] == "grid" and r["width"] == width]
        last = [r for r in runs if r["n_tokens"] == AMOUNTS[-1]]
        losses = [r["loss"] for r in last]
        row = {
            "width": width,
            "least_cut_context_costs": min(r["cut_context_costs"] for r in last),
            "range_of_seeds": round(max(losses) - min(losses), 4),
        }
        row["passes"] = (
            row["least_cut_context_costs"] >= LEAST_CUT_CONTEXT_COSTS
            and row["range_of_seeds"] <= LARGEST_RANGE_OF_SEEDS
        )
        found["sizes"].append(row)
        if row["passes"]:
            found["fitted"].append(width)
    return found


def predict() -> None:
    """Foretell the held-out sizes from the others, and write it down; not a second time."""
    if PREDICTION.exists():
        sys.exit(f"{PREDICTION.name} is written; a prediction is not changed")
    record = recorded()
    if any(run["stage"] == "held-out" for run in record["runs"]):
        sys.exit("a held-out size was run; it is too late to foretell it")
    found = gates(record)
    grid = [r for r in record["runs"] if r["stage"] == "grid" and r["width"] in found["fitted"]]
    last = [r for r in grid if r["n_tokens"] == AMOUNTS[-1]]
    losses = np.array([[r["loss"] for r in last if r["width"] == w] for w in found["fitted"]])
    predictions = []
    for width in HELD_OUT_WIDTHS:
        for counting in (scaling.WITHOUT_TABLES, scaling.TOTAL):
            at = scaling.counted(config_of(width), counting)
            n = [scaling.counted(config_of(w), counting) for w in found["fitted"]]
            what = {"width": width, "counting": counting, "n": at}
            for name, form in scaling.FORMS.items():
                value, low, high = scaling.foretold(form, n, losses, at)
                one = scaling.foretold(form, n, losses, at, n_to_come=1)
                predictions.append(what | {
                    "form": name, "loss": value, "low": low, "high": high,
                    "low_of_one_seed": one[1], "high_of_one_seed": one[2],
                })  # fmt: skip
            each = [scaling.counted(config_of(r["width"]), counting) for r in grid]
            texts, seen = [r["n_tokens"] for r in grid], [r["loss"] for r in grid]
            law = scaling.fitted_law(each, texts, seen, counting)
            loss = law.loss(at, AMOUNTS[-1])
            predictions.append(what | {"form": "parameters and text", "loss": loss})
    content = {
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "sha256_of_runs": hashlib.sha256(RUNS.read_bytes()).hexdigest(),
        "n_tokens": AMOUNTS[-1],
        "gates": found,
        "predictions": short(predictions),
    }
    PREDICTION.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(content, indent=1))


def run_held_out() -> None:
    """Train the sizes that were foretold, on the largest amount of text."""
    if not PREDICTION.exists():
        sys.exit("the prediction comes first: run the stage predict")
    for seed in SEEDS:
        for width in HELD_OUT_WIDTHS:
            sweep(width, "held-out", (seed,), AMOUNTS[-1:])


def try_other_rates() -> None:
    """Train sizes whose rates were read off the line at half and at twice that rate."""
    for width, some in CHECKED_SEEDS.items():
        if is_done(recorded(), stage="other-rates", width=width):
            continue
        rates = [factor * rate_of(width) for factor in OTHER_RATES for _ in some]
        seeds = some * len(OTHER_RATES)
        train(
            width, seeds, rates, AMOUNTS[-1:], lambda seed: pieces(seed, AMOUNTS[-1]),
            lambda amount, models, s, seeds=seeds: add(
                models, s, seeds, False, stage="other-rates", n_tokens=amount
            ),
        )  # fmt: skip


def train_in_numpy() -> None:
    """Train one point of the grid with the book's own trainer, and keep what it read."""
    width, seed, n_tokens = WIDTHS[0], 0, AMOUNTS[0]
    if is_done(recorded(), stage="numpy"):
        return
    began, stream, held_out = time.process_time(), pieces(seed, n_tokens), text().held_out
    np.savez_compressed(LIVE, stream=stream.astype(np.uint16), held_out=held_out)
    loss = loss_in_numpy(width, seed, rate_of(width), stream, held_out)
    record = recorded()
    run = {"stage": "numpy", "n_tokens": n_tokens, "width": width, "seed": seed}
    run |= {"rate": round(rate_of(width), 6), "loss": round(loss, 5)}
    run |= {"seconds_so_far": round(time.process_time() - began, 1)}
    record["runs"].append(run | {"date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M")})
    print(record["runs"][-1])
    write(record)


def loss_in_numpy(
    width: int, seed: int, rate: float, stream: np.ndarray, held_out: np.ndarray
) -> float:
    """Train a size with this book's own trainer: the loss on held-out pieces, in nats per token.

    Parameters
    ----------
    width, seed, rate
        Of a run of the grid.
    stream
        What it reads, (steps, B, T + 1).
    held_out
        Pieces (n, T + 1).
    """
    config, n_steps = config_of(width), len(stream)
    run = start(config, replace(PLAN, n_steps=n_steps), first_params(config, seed))
    for step, batch in enumerate(stream):
        run.plan = replace(run.plan, learning_rate=rate * relative_rate(step, n_steps))
        take_step(run, batch)
    parts = np.array_split(held_out, 16)
    losses = [next_token_loss(run.params, config, part) * len(part) for part in parts]
    return float(sum(losses)) / len(held_out)


STAGES: dict[str, Callable[[], None]] = {
    "rates": tune,
    "grid": run_grid,
    "predict": predict,
    "held-out": run_held_out,
    "numpy": train_in_numpy,
    "other-rates": try_other_rates,
}


def main(stages: list[str]) -> None:
    """Run the named stages."""
    if not stages or set(stages) - STAGES.keys():
        sys.exit(f"name stages, of {', '.join(STAGES)}")
    for stage in stages:
        if stage not in ("numpy", "predict"):
            import torch

            torch.set_num_threads(1)
        STAGES[stage]()


if __name__ == "__main__":
    main(sys.argv[1:])
