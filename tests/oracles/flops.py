"""Ask torch how many FLOPs a forward and a backward pass take, and store what it says.

``make oracle`` runs it, in an environment of its own: tests/oracles/requirements.txt.

It writes flops.json beside itself: what ``torch.utils.flop_counter`` counts on the models of
gradients.py, small ones and two of real size whose numbers are never filled in (device "meta").
Attention is written in two ways: as two products, and with torch's own function, which the counter
does not see on a CPU. For the kernels of a GPU it stores what the counter's formulas would add.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils import flop_counter

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import gradients  # noqa: E402
from paramlab import catalog  # noqa: E402
from paramlab.params import shapes  # noqa: E402
from random_models import STYLES, random_params  # noqa: E402

OUTPUT = Path(__file__).with_suffix(".json")
MODELS = {"gpt2": gradients.gpt2, "llama": gradients.llama}
REAL = {"gpt2-small": gradients.gpt2, "llama3.2-1b": gradients.llama}
N_TOKENS, BATCH = 1024, 2  # of the real ones


def main() -> None:
    """Count everything and write it."""
    stored = {"versions": {"torch": version("torch")}, "small": {}, "real": {}}
    for style, model in MODELS.items():
        c = STYLES[style]
        leaves = gradients.leaves(random_params(c, dtype=np.float64))
        tokens = torch.zeros((3, c.n_ctx + 1), dtype=torch.long)
        stored["small"][style] = {
            "plain": counted(model, leaves, c, tokens, plain_attention),
            "frozen": counted(model, frozen(leaves), c, tokens, plain_attention),
            "fused on a CPU": counted(model, leaves, c, tokens, None),
        }
    for slug, model in REAL.items():
        c = catalog.find(slug).config
        leaves = {a.name: on_meta(a.shape) for a in shapes(c) if not a.tied_to}
        tokens = torch.zeros((BATCH, N_TOKENS + 1), dtype=torch.long, device="meta")
        stored["real"][slug] = counted(model, leaves, c, tokens, plain_attention) | {
            "kernel": kernel(c)
        }
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in stored.items())
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"wrote {OUTPUT}")


def on_meta(shape: tuple[int, ...]) -> torch.Tensor:
    """Return an array without numbers that asks for its gradient."""
    return torch.empty(shape, dtype=torch.float64, device="meta", requires_grad=True)


def frozen(leaves: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Train the token table alone: what reads it needs its gradient, no other matrix does."""
    return {
        name: p.detach().requires_grad_(name == "embedding.tokens") for name, p in leaves.items()
    }


def counted(model, leaves, config, tokens, attention) -> dict[str, int]:
    """Return the FLOPs of the way there and of the way back, as the counter sees them."""
    rope = torch.polar if tokens.device.type != "meta" else polar_on_meta
    with (
        mock.patch.object(
            F, "scaled_dot_product_attention", attention or F.scaled_dot_product_attention
        ),
        mock.patch.object(torch, "polar", rope),
        torch.device(tokens.device),
    ):
        counter = flop_counter.FlopCounterMode(display=False)
        with counter:
            logits = model(leaves, config, tokens[:, :-1])
            loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        forward = counter.get_total_flops()
        with counter:
            loss.backward()
        return {"forward": forward, "backward": counter.get_total_flops()}


def plain_attention(q, k, v, is_causal=True, enable_gqa=False):
    """Return attention as two products with a mask between them."""
    if enable_gqa:
        k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for x in (k, v))
    scores = q @ k.mT / q.shape[-1] ** 0.5
    hidden = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    return scores.masked_fill(hidden, float("-inf")).softmax(-1) @ v


def polar_on_meta(length, angle):
    """Return complex numbers without numbers."""
    return torch.empty(angle.shape, dtype=torch.complex128, device="meta")


def kernel(c) -> dict[str, int]:
    """Return what the counter's formulas say of one call of attention on a GPU, in all layers."""
    q = (BATCH, c.n_heads, N_TOKENS, c.d_head)
    back = flop_counter.sdpa_backward_flop_count(q, q, q, q)
    return {
        "forward": c.n_layers * flop_counter.sdpa_flop_count(q, q, q),
        "backward": c.n_layers * back,
    }


if __name__ == "__main__":
    main()
