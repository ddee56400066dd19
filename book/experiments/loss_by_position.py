"""Measure the loss of the tiny models at every position, up to four times the trained length.

    python book/experiments/loss_by_position.py

reads the models that tiny_models.py trained on texts of 128 tokens and writes
``data/loss_by_position.json``:

- ``trained_length`` 128, ``n_texts`` pieces of documentation of ``n_tokens`` 512 that no model was
  trained on, ``bin_tokens`` 32, and ``first_positions``: where each bin of positions begins;
- ``losses``: for each variant, for each bin, ``[mean, standard error]`` in nats per token. The
  mean is over the texts, the same ones for all variants; so is the standard error.

A variant is the name of a scheme, as in ``tiny-rope``:

- ``rope``, ``alibi``, ``sinusoidal``, ``none``: read on beyond position 128 as they are (a learned
  table has no rows there, so ``learned`` ends at 128);
- ``rope, squeezed`` and so on: all 512 positions are squeezed into the trained 128 (position
  interpolation), the learned table stretched to 512 rows; no weight was trained further;
- ``rope, cut``: the text is cut into pieces of 128 tokens, each read on its own: what a model
  reaches that never leaves its trained length.

``trained further`` holds the plan and the ``losses`` of two more variants, ``rope`` and ``rope,
squeezed``, after 100 steps of training on texts of 512 tokens.
"""

import json
import platform
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from paramlab.files.load import load_model
from paramlab.layers import cross_entropy
from paramlab.positions import stretched
from paramlab.training import start, train
from paramlab.transformer import forward
from paramlab.tree import Model
from tiny_models import PLAN, SCHEMES, TRAINED_LENGTH, held_out, texts, tokenizer

HERE = Path(__file__).parent
N_TOKENS, BIN = 4 * TRAINED_LENGTH, 32
BATCH = 4  # texts at a time
FURTHER = replace(
    PLAN, n_steps=100, batch_size=2, n_tokens=N_TOKENS, learning_rate=1e-3, warmup_steps=10
)


def main() -> None:
    """Measure every variant and write the file."""
    tokens = held_out(N_TOKENS)  # (texts, 513)
    losses = {}
    for scheme in SCHEMES:
        model = load_model(HERE / "models" / f"tiny-{scheme}.safetensors")
        for variant, measured in variants(scheme, model, tokens).items():
            losses[variant] = in_bins(measured)
            print(f"{variant:22} first {losses[variant][0]}, last {losses[variant][-1]}")
    record = {
        "command": "python book/experiments/loss_by_position.py",
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "trained_length": TRAINED_LENGTH,
        "n_texts": len(tokens),
        "n_tokens": N_TOKENS,
        "bin_tokens": BIN,
        "first_positions": list(range(0, N_TOKENS, BIN)),
        "losses": losses,
        "trained further": {"plan": asdict(FURTHER), "losses": trained_further(tokens)},
    }
    text = json.dumps(record, indent=1)
    (HERE / "data" / "loss_by_position.json").write_text(text + "\n", encoding="utf-8")


def variants(scheme: str, model: Model, tokens: np.ndarray) -> dict[str, np.ndarray]:
    """Return the losses (texts, positions) of a model read in each possible way."""
    pieces = np.stack([tokens[:, i : i + TRAINED_LENGTH + 1] for i in starts()], axis=1)
    cut = losses_of(model, pieces.reshape(-1, TRAINED_LENGTH + 1)).reshape(len(tokens), N_TOKENS)
    measured = {f"{scheme}, cut": cut}
    if scheme == "learned":
        measured["learned"] = losses_of(model, tokens[:, : TRAINED_LENGTH + 1])
    else:
        measured[scheme] = losses_of(longer(model), tokens)
    if scheme != "none":
        measured[f"{scheme}, squeezed"] = losses_of(squeezed(model), tokens)
    return measured


def trained_further(tokens: np.ndarray) -> dict[str, list[list[float]]]:
    """Train the RoPE model on long texts, read on or squeezed; return its losses on the tokens."""
    model, corpus = load_model(HERE / "models" / "tiny-rope.safetensors"), texts()[0]
    losses = {}
    for variant, wide in {"rope": longer(model), "rope, squeezed": squeezed(model)}.items():
        run = start(wide.config, FURTHER, wide.params)
        train(run, np.array(tokenizer().encode(corpus)), progress=False)
        losses[variant] = in_bins(losses_of(wide._replace(params=run.params), tokens))
        print(f"{variant:22} trained further: last {losses[variant][-1]}")
    return losses


def starts() -> range:
    """Return where the pieces begin into which a text is cut."""
    return range(0, N_TOKENS, TRAINED_LENGTH)


def longer(model: Model) -> Model:
    """Let a model read on beyond its trained length, as it is."""
    return model._replace(config=replace(model.config, n_ctx=N_TOKENS))


def squeezed(model: Model) -> Model:
    """Let a model read texts of 512 tokens with the positions it knows."""
    params, config = model.params, replace(model.config, n_ctx=N_TOKENS)
    if config.positions != "learned":
        return Model(params, replace(config, position_scale=TRAINED_LENGTH / N_TOKENS), None)
    table = stretched(params["embedding"]["positions"], N_TOKENS)
    embedding = params["embedding"] | {"positions": table}
    return Model(params | {"embedding": embedding}, replace(config, n_position_rows=N_TOKENS), None)


def losses_of(model: Model, tokens: np.ndarray) -> np.ndarray:
    """Return the loss of every token but the first: (B, T+1) tokens to (B, T)."""
    batches = (tokens[i : i + BATCH] for i in range(0, len(tokens), BATCH))
    return np.concatenate(
        [cross_entropy(forward(model.params, model.config, b[:, :-1]), b[:, 1:]) for b in batches]
    )


def in_bins(losses: np.ndarray) -> list[list[float]]:
    """Average over bins of positions: the mean and the standard error over texts."""
    bins = losses.reshape(len(losses), -1, BIN).mean(axis=-1)  # (texts, bins)
    errors = bins.std(axis=0, ddof=1) / np.sqrt(len(bins))
    pairs = np.stack((bins.mean(axis=0), errors), axis=1)
    return [[round(float(number), 4) for number in pair] for pair in pairs]


if __name__ == "__main__":
    main()
