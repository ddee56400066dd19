"""Print, as JSON, what the package computes: the same must come out in CPython and in Pyodide.

``exact`` are integers and texts; ``rounded`` are numbers whose last digits may differ.
"""

import json
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
from paramlab import catalog, claims, costs, load_model, quizzes, training
from paramlab.config import ModelConfig
from paramlab.files.recorded import recorded_file
from paramlab.params import count
from paramlab.texts import passage
from paramlab.tokenizer import train_bpe
from paramlab.transformer import forward

MODELS = (
    "tiny-gpt2", "tiny-alibi", "tiny-learned", "tiny-none", "tiny-rope", "tiny-sinusoidal",
    "retrieval-alibi", "retrieval-learned", "retrieval-rope", "retrieval-sinusoidal",
)  # fmt: skip
CONTEXTS = (1, 4096, 131_072)
TEXT = "Größe: 1²½ Parameter?\r\n \t大语言模型有1750亿个参数。 don't\u2003stop\x1c'll"
SMALL = ModelConfig(n_layers=2, d_model=16, n_heads=2, d_ff=32, vocab_size=17, n_ctx=16)


def answer(function: Callable[..., object], *arguments: object) -> object:
    """Return a result, or the sentence in which it is refused."""
    try:
        return function(*arguments)
    except ValueError as reason:
        return str(reason)


def exact() -> dict[str, object]:
    """Return counts, bytes and operations of every model of the catalog, tokens, and texts."""
    configs = {model.slug: model.config for model in catalog.published() if model.config}
    tokenizer = train_bpe(passage(), vocab_size=300, pre="gpt-2")
    return {
        "counts": {slug: asdict(count(config)) for slug, config in configs.items()},
        "cache": {
            slug: [answer(costs.kv_cache_bytes, config, n) for n in CONTEXTS]
            for slug, config in configs.items()
        },
        "operations": {
            slug: str(answer(costs.forward_operations, config, 1024))
            for slug, config in configs.items()
        },
        "tokens": [tokenizer.encode(text) for text in (passage(), TEXT)],
        "claims": [claim.id for claim in claims.load()],
        "quizzes": [[item.id for item in quizzes.items(n)] for n in quizzes.chapters()],
    }


def rounded() -> dict[str, list]:
    """Return the logits of every tiny model of the book, and the losses of a short training."""
    logits = {}
    for name in MODELS:
        params, config, _ = load_model(recorded_file(f"models/{name}.safetensors"))
        tokens = np.arange(24) * 7 % config.vocab_size
        logits[name] = forward(params, config, tokens, last_only=True).tolist()
    plan = training.Plan(n_steps=5, batch_size=2, n_tokens=8, warmup_steps=1, learning_rate=0.01)
    run = training.train(training.start(SMALL, plan), np.arange(500) ** 2 % 17)
    return logits | {"losses": run.losses}


if __name__ == "__main__":
    print(json.dumps({"exact": exact(), "rounded": rounded()}))
