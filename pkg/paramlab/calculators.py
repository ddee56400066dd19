"""What public calculators say of training, each with the convention that it follows.

Counts of operations per token and of bytes, from the sizes of a model. They are written anew from
the sources named, in the letters of this book; a test compares them with what the calculators
print. ``CONVENTIONS`` says in words how each differs from the exact count.
"""

from collections.abc import Callable

from paramlab.config import ModelConfig
from paramlab.limits import check_decoder, check_lengths
from paramlab.params import count, shapes
from paramlab.training_costs import step_operations

# ------------------------------------------------------------------ FLOPs per token, there and back


def exact_flops_per_token(config: ModelConfig, n_tokens: int, attention: str = "causal") -> float:
    """Return the FLOPs of all matrix products per token of a text, there and back.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> exact_flops_per_token(tiny, 1)
    372.0
    """
    return step_operations(config, n_tokens, 1, attention).flops / n_tokens


def six_n(config: ModelConfig, n_tokens: int) -> int:
    """Return 6 N, every array once, of experts those that a token passes through.

    References
    ----------
    Brown et al., arXiv 2005.14165, Table D.1; EleutherAI, Transformer Math 101 (19 April 2023).
    """
    return 6 * count(config).active


def six_n_without_tables(config: ModelConfig, n_tokens: int) -> int:
    """Return 6 N without the tables of tokens and positions, be they at the input or the output.

    References
    ----------
    Kaplan et al., arXiv 2001.08361, section 2.1.
    """
    parts = count(config)
    tables = sum(n for name, n in parts.by_part.items() if name.endswith(("table", "head")))
    return 6 * (parts.active - tables)


def torchtitan(config: ModelConfig, n_tokens: int) -> int:
    """Return 6 N + 12 L N H T; the input table is among the N only where it is the head, too.

    So there are two forms, for models whose head is the table and for others. Both count pairs
    that the mask hides.

    References
    ----------
    pytorch/torchtitan, ``torchtitan/models/utils.py``, commit b5bcd76 of 21 August 2026.
    """
    check_decoder(config)
    input_table = 0 if config.tied else count(config).by_part["token table"]
    width = config.n_heads * config.d_head
    pairs = 12 * config.n_layers * width * n_tokens
    return 6 * (count(config).active - input_table) + pairs


def eleuther(config: ModelConfig, n_tokens: int, recomputed: bool = True) -> float:
    """Return what EleutherAI's calculator counts, by default with the way there taken twice.

    It counts hidden pairs, the matrices of a GPT of the same width, 4 D for the input, and the
    head on the way there alone.

    References
    ----------
    EleutherAI/cookbook, ``calc/calc_transformer_flops.py``, commit 827ee3b of 15 March 2026.
    """
    check_decoder(config)
    width, layers = config.d_model, config.n_layers
    matrices = (2 + 2 * config.n_kv_heads / config.n_heads + _mlp(config)) * width**2
    times = 8 if recomputed else 6
    return (
        times * layers * (matrices + 2 * n_tokens * width)
        + 4 * width
        + 2 * width * config.vocab_size
    )


def _mlp(config: ModelConfig) -> float:
    """Return the weights of the MLP in squares of the width, as its options would be set."""
    return (2 + config.gated_mlp) * (config.d_ff / config.d_model)


# Calculator: function, and its difference from the exact count in words.
CONVENTIONS: dict[str, tuple[Callable[[ModelConfig, int], float], str]] = {
    "6 N": (six_n, "no pairs; tables, biases and norms as if they were multiplied"),
    "6 N, no tables": (six_n_without_tables, "no pairs, no tables, so no output head"),
    "torchtitan": (torchtitan, "pairs that the mask hides, biases and norms, tied places"),
    "EleutherAI": (eleuther, "hidden pairs, the way there twice, the head not on the way back"),
}


def against_exact(config: ModelConfig, n_tokens: int) -> dict[str, float]:
    """Return what each calculator counts / the exact count, pairs that the mask hides left out.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> {name: round(x, 2) for name, x in against_exact(tiny, 1).items()}
    {'6 N': 1.71, '6 N, no tables': 1.26, 'torchtitan': 1.77, 'EleutherAI': 1.19}
    """
    exact = exact_flops_per_token(config, n_tokens)
    return {name: count_of(config, n_tokens) / exact for name, (count_of, _) in CONVENTIONS.items()}


# ------------------------------------------------------------------ bytes


def activation_bytes(config: ModelConfig, n_tokens: int, batch: int = 1) -> int:
    """Return the bytes that a GPT with dropout keeps at 16 bits: L T B (34 D + 5 N T).

    References
    ----------
    Korthikanti et al., arXiv 2205.05198, section 4.1 and Table 2.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> activation_bytes(tiny, 3)
    249
    """
    check_lengths(n_tokens=n_tokens, batch=batch)
    each = 34 * config.d_model + 5 * config.n_heads * n_tokens
    return config.n_layers * batch * n_tokens * each


def playbook_parameters(config: ModelConfig, n_tokens: int) -> int:
    """Return D (V + T) + L (12 D^2 + 13 D) + 2 D: those of a GPT-2 of the same width.

    The text has D V; the data of the figure have a row for each token of the text, too.

    References
    ----------
    Hugging Face, The Ultra-Scale Playbook (February 2025), "Memory usage in transformers": the
    figure ``memusage_activations``.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> playbook_parameters(tiny, 9) == count(tiny).total
    True
    """
    width = config.d_model
    tables = width * (config.vocab_size + n_tokens)
    return tables + config.n_layers * (12 * width**2 + 13 * width) + 2 * width


def playbook_bytes(config: ModelConfig, n_tokens: int) -> dict[str, int]:
    """Return the bars of the playbook's figure, in float32, activations in 16 bits."""
    n = playbook_parameters(config, n_tokens)
    kept = activation_bytes(config, n_tokens) + n_tokens * config.d_model  # one more dropout
    return {"parameters": 4 * n, "gradients": 4 * n, "optimizer": 8 * n, "activations": kept}


def eleuther_bytes(config: ModelConfig, n_tokens: int) -> dict[str, int]:
    """Return what EleutherAI's calculator counts for AdamW in mixed precision.

    Its N has two token tables, a row for each token of the text, and 8 D in the norms of a layer;
    a gradient takes four bytes, so that the state is 18 bytes for each parameter.

    References
    ----------
    EleutherAI/cookbook, ``calc/calc_transformer_mem.py``, commit 827ee3b of 15 March 2026.
    """
    check_decoder(config)
    width, layers = config.d_model, config.n_layers
    matrices = (2 + 2 * config.n_kv_heads / config.n_heads + _mlp(config)) * width**2
    tables = width * (2 * config.vocab_size + n_tokens)
    n = int(layers * (matrices + 8 * width)) + tables + 2 * width
    kept = activation_bytes(config, n_tokens)
    return {"parameters": 2 * n, "gradients": 4 * n, "optimizer": 12 * n, "activations": kept}


def zero_bytes(config: ModelConfig, n_tokens: int) -> dict[str, int]:
    """Return 16 bytes for each parameter: the state of AdamW in mixed precision, and no more.

    References
    ----------
    Rajbhandari et al., arXiv 1910.02054, section 3.1.
    """
    n = count(config).total
    return {"parameters": 2 * n, "gradients": 2 * n, "optimizer": 12 * n, "activations": 0}


def not_multiplied(config: ModelConfig) -> int:
    """Count the parameters that torchtitan takes for matrices: biases, norms, tied places.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> not_multiplied(tiny)  # 18 biases, 12 in the norms, 9 places of 2 numbers
    48
    """
    kinds = ("bias", "norm gain", "norm bias", "position")
    return sum(a.size for a in shapes(config) if a.role in kinds)
