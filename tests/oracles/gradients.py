"""Ask torch for the gradients of small models and for steps of AdamW, and store what it says.

``make oracle`` runs it, in an environment of its own: tests/oracles/requirements.txt.

It writes gradients.json beside itself. The models are those of tests/random_models.py, written a
second time with torch's own layers. Of each gradient it keeps the length and the product with
fixed numbers, which no error in a single element leaves as it is.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from random_models import STYLES, random_params  # noqa: E402

OUTPUT = Path(__file__).with_suffix(".json")
LEARNING_RATES = [0.1, 0.3, 0.2, 0.1, 0.02]


def main() -> None:
    """Compute everything and write it."""
    stored = {
        "versions": {name: version(name) for name in ("torch", "numpy")},
        "models": {style: gradients(style) for style in ("gpt2", "llama")},
        "adamw": adamw(),
    }
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in stored.items())
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"wrote {OUTPUT}")


def gradients(style: str) -> dict[str, object]:
    """Return the loss of a batch, and of each array's gradient the length and one product."""
    config = STYLES[style]
    params = leaves(random_params(config, dtype=np.float64))
    tokens = np.random.default_rng(1).integers(0, config.vocab_size, (3, config.n_ctx + 1))
    logits = {"gpt2": gpt2, "llama": llama}[style](params, config, torch.tensor(tokens[:, :-1]))
    targets = torch.tensor(tokens[:, 1:]).flatten()
    loss = F.cross_entropy(logits.flatten(0, 1), targets)
    loss.backward()
    return {
        "tokens": tokens.tolist(),
        "loss": loss.item(),
        "gradients": {name: summary(p.grad.numpy()) for name, p in params.items()},
    }


def leaves(nested, prefix: str = "") -> dict[str, torch.Tensor]:
    """Return torch parameters by the full names of the arrays."""
    if isinstance(nested, np.ndarray):
        return {prefix: torch.tensor(nested, requires_grad=True)}
    items = enumerate(nested) if isinstance(nested, list) else nested.items()
    return {
        name: p
        for key, child in items
        for name, p in leaves(child, f"{prefix}.{key}" if prefix else key).items()
    }


def summary(gradient: np.ndarray) -> list[float]:
    """Return the length of a gradient and its product with cos 1, cos 2, cos 3, ..."""
    flat = gradient.ravel()
    return [float(np.linalg.norm(flat)), float(flat @ np.cos(np.arange(1, flat.size + 1)))]


def gpt2(p, config, tokens: torch.Tensor) -> torch.Tensor:
    """Return the logits of a GPT-2 style model."""
    n_tokens, width = tokens.shape[1], (config.d_model,)

    def linear(name, x):
        return F.linear(x, p[f"{name}.weight"].T, p[f"{name}.bias"])

    def norm(name, x):
        return F.layer_norm(x, width, p[f"{name}.gain"], p[f"{name}.bias"], config.norm_eps)

    x = F.embedding(tokens, p["embedding.tokens"]) + p["embedding.positions"][:n_tokens]
    for i in range(config.n_layers):
        name = f"blocks.{i}"
        normed = norm(f"{name}.attention_norm", x)
        heads = [
            linear(f"{name}.attention.{part}", normed).unflatten(2, (config.n_heads, -1))
            for part in "qkv"
        ]
        mixed = F.scaled_dot_product_attention(*(h.transpose(1, 2) for h in heads), is_causal=True)
        x = x + linear(f"{name}.attention.o", mixed.transpose(1, 2).flatten(2))
        hidden = F.gelu(linear(f"{name}.mlp.up", norm(f"{name}.mlp_norm", x)), approximate="tanh")
        x = x + linear(f"{name}.mlp.down", hidden)
    return norm("final_norm", x) @ p["embedding.tokens"].T


def llama(p, config, tokens: torch.Tensor) -> torch.Tensor:
    """Return the logits of a Llama-style model."""
    half = config.d_head // 2
    speeds = config.rope_theta ** -(torch.arange(half, dtype=torch.float64) / half)
    angles = torch.outer(torch.arange(tokens.shape[1], dtype=torch.float64), speeds)
    turns = torch.polar(torch.ones_like(angles), angles)  # complex numbers of length 1

    def rotate(heads):  # pairs of numbers as complex numbers, turned by a product
        turned = torch.complex(heads[..., :half], heads[..., half:]) * turns
        return torch.cat((turned.real, turned.imag), dim=-1)

    def norm(name, x):
        return F.rms_norm(x, (config.d_model,), p[f"{name}.gain"], config.norm_eps)

    def split(x, name, n_heads):
        return (x @ p[f"{name}.weight"]).unflatten(2, (n_heads, -1)).transpose(1, 2)

    x = F.embedding(tokens, p["embedding.tokens"])
    for i in range(config.n_layers):
        name = f"blocks.{i}.attention"
        normed = norm(f"blocks.{i}.attention_norm", x)
        q = rotate(split(normed, f"{name}.q", config.n_heads))
        k = rotate(split(normed, f"{name}.k", config.n_kv_heads))
        v = split(normed, f"{name}.v", config.n_kv_heads)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + mixed.transpose(1, 2).flatten(2) @ p[f"{name}.o.weight"]
        name = f"blocks.{i}.mlp"
        normed = norm(f"blocks.{i}.mlp_norm", x)
        gate, up = normed @ p[f"{name}.gate.weight"], normed @ p[f"{name}.up.weight"]
        x = x + (F.silu(gate) * up) @ p[f"{name}.down.weight"]
    return norm("final_norm", x) @ p["embedding.tokens"].T


def adamw() -> dict[str, object]:
    """Return a matrix and a vector before and after five steps."""
    rng = np.random.default_rng(2)
    start = {"weight": rng.normal(size=(2, 3)).round(3), "bias": rng.normal(size=3).round(3)}
    steps = [
        {name: rng.normal(size=p.shape).round(3) for name, p in start.items()}
        for _ in LEARNING_RATES
    ]
    params = {name: torch.tensor(p, requires_grad=True) for name, p in start.items()}
    groups = [
        {"params": [params["weight"]], "weight_decay": 0.25},
        {"params": [params["bias"]], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.8, 0.9), eps=1e-8)
    after = []
    for rate, step in zip(LEARNING_RATES, steps, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate
        for name, gradient in step.items():
            params[name].grad = torch.tensor(gradient)
        optimizer.step()
        after.append({name: p.detach().tolist() for name, p in params.items()})
    return {
        "learning_rates": LEARNING_RATES, "weight_decay": 0.25, "betas": [0.8, 0.9],
        "start": {name: p.tolist() for name, p in start.items()},
        "gradients": [{name: g.tolist() for name, g in step.items()} for step in steps],
        "after": after,
    }  # fmt: skip


if __name__ == "__main__":
    main()
