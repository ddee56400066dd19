"""Measure the loss of the tiny models at every position, up to four times the trained length.

    python book/experiments/loss_by_position.py

reads the models that tiny_models.py trained on texts of 128 tokens, and writes
``data/loss_by_position.json``; it takes about three minutes of one thread.

The question: can a model that was trained on 128 tokens be brought to use 512, and by what change
of its positions? The control is the same model with the text cut into pieces of 128 tokens, each
read on its own. A change that only keeps the model from breaking is no better than that; one that
lets it use the longer text is. The unit of repetition is the text: 85 pieces of documentation that
no model was trained on, the same for all variants, so that differences are paired.

A variant is the name of a scheme, as in ``tiny-rope``, and what was done to it:

- ``rope``, ``alibi``, ``sinusoidal``, ``none``: read on beyond position 128 as they are (a learned
  table has no rows there, so ``learned`` ends at 128);
- ``rope, cut`` and so on: the control;
- ``rope, squeezed``: all 512 positions are squeezed into the trained 128 (position
  interpolation), the learned table stretched to 512 rows;
- ``rope, base``: RoPE's base is raised so that the slowest pair of numbers is squeezed by 4 and the
  fastest is left alone;
- ``rope, by parts``: pairs that turned four times or more in training are left alone, those that
  never turned once are squeezed by 4, and the others something between: the rule of Llama 3.1,
  with its two bounds 1 and 4.

None of these changes a weight. ``trained further`` holds four variants after 100 steps of training:
``rope``, ``rope, squeezed`` and ``rope, by parts`` on texts of 512 tokens, and ``rope, control`` on
as many tokens in texts of 128, which tells what training by itself does. Each was trained three
times, with other texts; their losses are means over the three, and ``seeds`` are those of each,
beyond position 128.

Each of these four models is also read on the cut text itself, with its own positions: ``rope, own
cut`` and so on. Whether it *uses* what lies before a cut is the paired difference to that, and to
no other model: ``minus own cut``. Were the far text of no use to it, the difference would be zero;
were the far text in its way, above zero. ``minus cut`` compares with the model before the steps,
which tells what a user gains by the change as a whole. The control is only read on cut text, so
that it is its own cut.

For each variant there are

- ``bins``: for each stretch of ``bin_tokens`` 32 positions ``[mean, standard error]`` over texts,
  in nats per token;
- ``minus cut``: the same for the paired difference to the control;
- ``beyond``: for each text, the mean loss beyond position 128, and ``within``: up to it. Any two
  variants can be compared with them, text by text, the unit that an interval resamples;
- ``first``: for each text, the mean loss in the first bin of each of the three later pieces, where
  the cut text has lost the most.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from paramlab import transformer
from paramlab.files.load import load_model
from paramlab.layers import cross_entropy
from paramlab.positions import Rotation, stretched
from paramlab.training import Plan, start, train
from paramlab.tree import Model
from recording import about, short
from tiny_models import PLAN, SCHEMES, TRAINED_LENGTH, held_out, texts, tokenizer

HERE = Path(__file__).parent
N_TOKENS, BIN = 4 * TRAINED_LENGTH, 32
FACTOR = N_TOKENS // TRAINED_LENGTH
FEWEST_TURNS, MOST_TURNS = 1, 4  # in training: Llama 3.1's low_freq_factor and high_freq_factor
BATCH = 4  # texts at a time
SEEDS = range(3)  # of the texts of further training
FURTHER = replace(
    PLAN, n_steps=100, batch_size=2, n_tokens=N_TOKENS, learning_rate=1e-3, warmup_steps=10
)
CONTROL = replace(FURTHER, batch_size=2 * FACTOR, n_tokens=TRAINED_LENGTH)


def main() -> None:
    """Measure every variant and write the file."""
    began = time.process_time()
    tokens = held_out(N_TOKENS)  # (texts, 513)
    losses: dict[str, np.ndarray] = {}
    for scheme in SCHEMES:
        losses |= variants(scheme, stored(scheme), tokens)
    further, seeds = trained_further(tokens)
    record = {
        **about("python book/experiments/loss_by_position.py", began),
        "trained_length": TRAINED_LENGTH,
        "n_texts": len(tokens),
        "n_tokens": N_TOKENS,
        "bin_tokens": BIN,
        "first_positions": list(range(0, N_TOKENS, BIN)),
        "losses": {
            variant: summary(measured, losses[f"{variant.split(',')[0]}, cut"])
            for variant, measured in losses.items()
        },
        "trained further": {
            "plan": asdict(FURTHER),
            "plan of the control": asdict(CONTROL),
            "losses": {
                variant: summary(measured, losses["rope, cut"], further.get(f"{variant}, own cut"))
                for variant, measured in further.items()
            },
            "seeds": seeds,
        },
    }
    text = json.dumps(short(record))
    (HERE / "data" / "loss_by_position.json").write_text(text + "\n", encoding="utf-8")


def stored(scheme: str) -> Model:
    """Load one of the tiny models."""
    return load_model(HERE / "models" / f"tiny-{scheme}.safetensors")


def variants(scheme: str, model: Model, tokens: np.ndarray) -> dict[str, np.ndarray]:
    """Return the losses (texts, positions) of a model read in each possible way."""
    measured = {f"{scheme}, cut": in_pieces(model, tokens)}
    if scheme == "learned":
        measured["learned"] = losses_of(model, tokens[:, : TRAINED_LENGTH + 1])
    else:
        measured[scheme] = losses_of(longer(model), tokens)
    if scheme != "none":
        measured[f"{scheme}, squeezed"] = losses_of(squeezed(model), tokens)
    if scheme == "rope":
        measured["rope, base"] = losses_of(with_larger_base(model), tokens)
        with by_parts():
            measured["rope, by parts"] = losses_of(longer(model), tokens)
    return measured


def trained_further(tokens: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, list[float]]]:
    """Train the RoPE model for 100 steps more, in four ways and with three seeds.

    Returns the losses (texts, positions), means over the seeds, on whole and on cut text, and for
    each seed the mean beyond the trained length.
    """
    model, corpus = stored("rope"), np.array(tokenizer().encode(texts()[0]))
    ways: dict[str, tuple[Model, Plan, Callable]] = {
        "rope": (longer(model), FURTHER, nullcontext),
        "rope, squeezed": (squeezed(model), FURTHER, nullcontext),
        "rope, by parts": (longer(model), FURTHER, by_parts),
        "rope, control": (model, CONTROL, nullcontext),
    }
    losses, seeds = {}, {}
    for variant, (wide, plan, positions) in ways.items():
        reads = {f"{variant}, own cut": in_pieces, variant: losses_of}
        if variant == "rope, control":
            reads = {variant: in_pieces}
        measured: dict[str, list[np.ndarray]] = {name: [] for name in reads}
        for seed in SEEDS:
            with positions():
                run = start(wide.config, replace(plan, seed=seed), wide.params)
                train(run, corpus, progress=False)
                for name, read in reads.items():
                    measured[name].append(read(wide._replace(params=run.params), tokens))
                    beyond = measured[name][-1][:, TRAINED_LENGTH:].mean()
                    print(f"{name:24} seed {seed}: {beyond:.3f} nats", flush=True)
        for name, each in measured.items():
            losses[name] = np.mean(each, axis=0)
            seeds[name] = [float(one[:, TRAINED_LENGTH:].mean()) for one in each]
    return losses, seeds


# ------------------------------------------------------------------ ways to read a longer text


def in_pieces(model: Model, tokens: np.ndarray) -> np.ndarray:
    """Return the losses of texts that are cut into pieces of the trained length: (B, T)."""
    width, starts = TRAINED_LENGTH + 1, range(0, N_TOKENS, TRAINED_LENGTH)
    pieces = np.stack([tokens[:, i : i + width] for i in starts], axis=1)
    return losses_of(model, pieces.reshape(-1, width)).reshape(len(tokens), N_TOKENS)


def longer(model: Model) -> Model:
    """Let a model read on beyond its trained length, as it is."""
    return model._replace(config=replace(model.config, n_ctx=N_TOKENS))


def squeezed(model: Model) -> Model:
    """Let a model read texts of 512 tokens with the positions it knows."""
    params, config = model.params, replace(model.config, n_ctx=N_TOKENS)
    if config.positions != "learned":
        return Model(params, replace(config, position_scale=1 / FACTOR), None)
    table = stretched(params["embedding"]["positions"], N_TOKENS)
    embedding = params["embedding"] | {"positions": table}
    return Model(params | {"embedding": embedding}, replace(config, n_position_rows=N_TOKENS), None)


def with_larger_base(model: Model) -> Model:
    """Slow RoPE's slowest pair down by 4, the fastest not at all (arXiv 2309.00071, sec. 3.1)."""
    config = longer(model).config
    pairs_after_the_first = config.d_head // 2 - 1
    base = config.rope_theta * FACTOR ** (config.d_head / 2 / pairs_after_the_first)
    return model._replace(config=replace(config, rope_theta=base))


def slowed(speeds: np.ndarray, trained: int, factor: float) -> np.ndarray:
    """Return the speeds of RoPE's pairs by Llama 3.1's rule: fast ones kept, slow ones divided."""
    turns = trained * speeds / (2 * np.pi)
    kept = np.clip((turns - FEWEST_TURNS) / (MOST_TURNS - FEWEST_TURNS), 0, 1)
    return speeds * (kept + (1 - kept) / factor)


@contextmanager
def by_parts() -> Iterator[None]:
    """Let every model with RoPE turn by Llama 3.1's rule."""

    def rotation(positions, d_head, theta, scale, dtype):
        speeds = slowed(theta ** -(np.arange(0, d_head, 2) / d_head), TRAINED_LENGTH, FACTOR)
        angles = np.asarray(positions)[:, None] * speeds
        return Rotation(np.cos(angles).astype(dtype), np.sin(angles).astype(dtype))

    with patch.object(transformer, "rope", rotation):
        yield


# ------------------------------------------------------------------ measuring


def losses_of(model: Model, tokens: np.ndarray) -> np.ndarray:
    """Return the loss of every token but the first: (B, T+1) tokens to (B, T)."""
    batches = (tokens[i : i + BATCH] for i in range(0, len(tokens), BATCH))
    return np.concatenate(
        [
            cross_entropy(transformer.forward(model.params, model.config, b[:, :-1]), b[:, 1:])
            for b in batches
        ]
    )


def summary(
    losses: np.ndarray, cut: np.ndarray, own_cut: np.ndarray | None = None
) -> dict[str, list]:
    """Return what the file says of one variant; its controls are ``cut`` and its own cut."""
    result: dict[str, list] = {
        "bins": in_bins(losses),
        "within": losses[:, :TRAINED_LENGTH].mean(axis=1).tolist(),
    }
    if losses.shape == cut.shape:
        result["beyond"] = losses[:, TRAINED_LENGTH:].mean(axis=1).tolist()
        first = losses.reshape(len(losses), FACTOR, TRAINED_LENGTH)[:, 1:, :BIN]
        result["first"] = first.mean(axis=(1, 2)).tolist()
        result["minus cut"] = in_bins(losses - cut)
    if own_cut is not None:
        result["minus own cut"] = in_bins(losses - own_cut)
    return result


def in_bins(losses: np.ndarray) -> list[list[float]]:
    """Average over bins of positions: the mean and the standard error over texts."""
    bins = losses.reshape(len(losses), -1, BIN).mean(axis=-1)  # (texts, bins)
    errors = bins.std(axis=0, ddof=1) / np.sqrt(len(bins))
    return np.stack((bins.mean(axis=0), errors), axis=1).tolist()


if __name__ == "__main__":
    main()
