"""A transformer, in every style this book meets: pure functions of (params, config, tokens).

Tokens go in, logits come out: a score for every token that could come next. The config says what
is computed between: GPT-2, Llama, Qwen, Gemma, Mistral and Mixtral differ in a line each.
"""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from paramlab.attention import KVCache, attention, causal_mask, merge_heads, split_heads
from paramlab.checks import check_arrays, check_numbers
from paramlab.config import ModelConfig
from paramlab.layers import (
    ACTIVATIONS,
    Params,
    cross_entropy,
    embedding,
    hidden_units,
    layer_norm,
    linear,
    mixture_of_experts,
    rms_norm,
)
from paramlab.positions import Rotation, alibi, rope, rotate, sinusoidal
from paramlab.tree import flatten

Watch = Callable[[str, np.ndarray], object]  # is told the name of an intermediate result, and it
CHUNK_TOKENS = 512  # long texts are read in pieces, which bounds the memory, not the result
QUERIES_AT_ONCE = 64  # in attention


def forward(
    params: Params,
    config: ModelConfig,
    tokens: Sequence[int] | np.ndarray,
    last_only: bool = False,
    cache: KVCache | None = None,
    watch: Watch | None = None,
) -> np.ndarray:
    """Compute the logits: for each position, a score for every token that could come next.

    Parameters
    ----------
    params
        The arrays that :func:`paramlab.params.shapes` lists, nested by their names: NumPy arrays
        (float32 or float64), or tensors that record gradients (:mod:`paramlab.autograd`).
    config
        The architecture. ``position_scale`` below 1 squeezes positions together, so that a longer
        text (give a larger ``n_ctx`` too) stays within those of the training.
    tokens
        Token ids (T,), or (B, T) for a batch of texts of equal length.
    last_only
        Return only the logits that follow the last token: (V,) instead of (T, V).
    cache
        Keys and values of the tokens before these; it is extended. Not for batches.
    watch
        Called as ``watch(name, array)`` with intermediate results, in this order: ``embedding``
        (T, D); for each layer i ``blocks.{i}.input`` (T, D), ``blocks.{i}.attention.weights``
        (N, T, S), ``blocks.{i}.attention.output`` (T, D), ``blocks.{i}.mlp.hidden`` (T, F; not
        for experts), ``blocks.{i}.mlp.output`` (T, D); ``final_norm`` (T, D). An output is what is
        added to the input of its half of the block.

    Raises
    ------
    ValueError
        When an array is missing, unknown or of another shape than the config says; there is no
        token, a token id is not in the vocabulary, or the tokens do not fit into the window or
        the cache; the cache was made for another model; or the architecture is not computed here.
    """
    if not cache or cache.n_tokens == 0:  # the same later on
        check_style(config)
        check_params(params, config)
        check_cache(cache, config)
    tokens = check_tokens(tokens, config, cache)
    watch = watch or _nobody
    start = cache.n_tokens if cache else 0
    positions = np.arange(start, start + tokens.shape[-1])
    x = _embed(params["embedding"], config, tokens, positions)  # (T, D)
    watch("embedding", x)
    shared = Pass(config, *_order(config, positions, x.dtype), cache, watch)
    for i, block in enumerate(params["blocks"]):
        x = _block(block, x, i, shared)
    if cache:
        cache.n_tokens += len(positions)
    if last_only:
        x = x[..., -1, :]
    x = _norm(params, "final_norm", config, x)
    watch("final_norm", x)
    head = params.get("head", {})
    if config.tied:  # the token table again: the logit of a token is its row times the features
        head = {**head, "weight": params["embedding"]["tokens"].T}
    return linear(head, x)  # (T, V)


def _embed(p: Params, config: ModelConfig, tokens: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Look up the vector of each token, and add that of its position if it has one: (T, D)."""
    x = embedding(p["tokens"], tokens)
    if config.embedding_scale:
        x = x * sqrt(config.d_model)
    if config.positions == "learned":
        x = x + embedding(p["positions"], positions)
    if config.positions == "sinusoidal":
        x = x + sinusoidal(positions, config.d_model, config.position_scale, x.dtype)
    return _norm(p, "norm", config, x) if config.embedding_norm else x


class Pass(NamedTuple):
    """What one forward pass hands to all its layers."""

    config: ModelConfig
    rotation: Rotation | None  # RoPE's turn of queries and keys
    mask: np.ndarray  # (T, S), or (N, T, S) with ALiBi
    local_mask: np.ndarray  # of the layers that have a window
    cache: KVCache | None
    watch: Watch


def _order(
    config: ModelConfig, positions: np.ndarray, dtype: DTypeLike
) -> tuple[Rotation | None, np.ndarray, np.ndarray]:
    """Return how attention sees the order of tokens: the rotation and the two masks of a Pass."""
    n_queries, n_keys = len(positions), int(positions[-1]) + 1
    scale, rotation = config.position_scale, None
    mask = causal_mask(n_queries, n_keys)
    local_mask = causal_mask(n_queries, n_keys, config.window) if config.window else mask
    if config.positions == "rope":
        rotation = rope(positions, config.d_head, config.rope_theta, scale, dtype)
    if config.positions == "alibi":
        bias = alibi(n_queries, n_keys, config.n_heads, scale, dtype)
        mask, local_mask = mask + bias, local_mask + bias
    return rotation, mask, local_mask


def _block(p: Params, x: np.ndarray, i: int, shared: Pass) -> np.ndarray:
    """Add to each token what it reads from others, then what it makes of it: (T, D) to (T, D)."""
    config, watch = shared.config, shared.watch
    watch(f"blocks.{i}.input", x)
    parallel = config.block == "parallel"  # both halves read the same
    normed = _norm(p, "norm" if parallel else "attention_norm", config, x)
    read = _attend(p["attention"], normed, i, shared)
    if config.block == "sandwich":
        read = _norm(p, "attention_post_norm", config, read)
    watch(f"blocks.{i}.attention.output", read)
    x = x + read
    if not parallel:
        normed = _norm(p, "mlp_norm", config, x)
    made = _mlp(p["mlp"], normed, i, shared)
    if config.block == "sandwich":
        made = _norm(p, "mlp_post_norm", config, made)
    watch(f"blocks.{i}.mlp.output", made)
    return x + made


def _attend(p: Params, x: np.ndarray, i: int, shared: Pass) -> np.ndarray:
    """Project to queries, keys and values, attend, and project back: (T, D) to (T, D)."""
    config, rotation = shared.config, shared.rotation
    q, k, v = _queries_keys_values(p, config, x)
    q = split_heads(q, config.n_heads)  # (N, T, H)
    k, v = split_heads(k, config.n_kv_heads), split_heads(v, config.n_kv_heads)  # (K, T, H)
    if config.qk_norm == "head":
        q, k = _norm(p, "q_norm", config, q), _norm(p, "k_norm", config, k)
    if rotation:
        q, k = rotate(q, rotation), rotate(k, rotation)
    if shared.cache:
        k, v = shared.cache.extend(i, k, v)  # (K, S, H)
    local = config.window and (not config.local_layers or i in config.local_layers)
    mask = shared.local_mask if local else shared.mask
    if shared.watch is _nobody:
        mixed = _in_blocks(q, k, v, mask)
    else:
        name = f"blocks.{i}.attention.weights"
        mixed = attention(q, k, v, mask, lambda weights: shared.watch(name, weights))
    return linear(p["o"], merge_heads(mixed))


def _in_blocks(q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Attend for some queries at a time: no key after the last of them is needed.

    That spares half of the products of a long text, and its scores stay in the processor's cache.
    """
    n_queries, n_keys = mask.shape[-2:]
    mixed = []
    for start in range(0, n_queries, QUERIES_AT_ONCE):
        block = slice(start, start + QUERIES_AT_ONCE)
        seen = slice(n_keys - n_queries + block.stop)
        part = q[..., block, :], k[..., seen, :], v[..., seen, :], mask[..., block, seen]
        mixed.append(attention(*part))
    return np.concatenate(mixed, axis=-2) if len(mixed) > 1 else mixed[0]


def _queries_keys_values(
    p: Params, config: ModelConfig, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if "qkv" not in p:
        return linear(p["q"], x), linear(p["k"], x), linear(p["v"], x)
    joined = linear(p["qkv"], x)  # (T, (N + 2 K) H), made by join_projections
    end_q = config.n_heads * config.d_head
    end_k = end_q + config.n_kv_heads * config.d_head
    return joined[..., :end_q], joined[..., end_q:end_k], joined[..., end_k:]


def _mlp(p: Params, x: np.ndarray, i: int, shared: Pass) -> np.ndarray:
    """Work on each token by itself, in one MLP or in those that a router chooses."""
    config = shared.config
    activation = ACTIVATIONS[config.activation]
    if config.experts and i not in config.experts.dense_layers:
        return mixture_of_experts(p, x, config.experts.n_active, activation)
    hidden = hidden_units(p, x, activation)  # (T, F)
    shared.watch(f"blocks.{i}.mlp.hidden", hidden)
    return linear(p["down"], hidden)


def _norm(p: Params, name: str, config: ModelConfig, x: np.ndarray) -> np.ndarray:
    normalize = rms_norm if config.norm == "rmsnorm" else layer_norm
    gains = p.get(name, {})  # a bare norm has none
    return normalize(gains, x, config.norm_eps)


def _nobody(name: str, array: np.ndarray) -> None:
    """Watch nothing."""


def loss(params: Params, config: ModelConfig, tokens: Sequence[int] | np.ndarray) -> float:
    """Return the mean cross-entropy of predicting each token from those before it, in nats.

    A model that finds all V tokens equally likely scores ln V; one that is never wrong, 0.

    Parameters
    ----------
    params, config
        As for :func:`forward`.
    tokens
        Token ids (T,), from 2 to n_ctx + 1 of them: the first is given, the last only predicted.

    Raises
    ------
    ValueError
        As :func:`forward`; when there is nothing to predict, or the loss is not finite.
    """
    tokens = check_ids(tokens, config)
    if tokens.ndim != 1 or len(tokens) < 2:
        raise ValueError(
            "a loss needs one text of at least 2 tokens, one to predict the other; these tokens "
            f"have the shape {tokens.shape}"
        )
    inputs, targets = check_tokens(tokens[:-1], config), tokens[1:]
    cache = KVCache(config, len(inputs), params["embedding"]["tokens"].dtype)
    total = 0.0
    for start in range(0, len(inputs), CHUNK_TOKENS):
        chunk = slice(start, start + CHUNK_TOKENS)
        logits = forward(params, config, inputs[chunk], cache=cache)
        total += float(cross_entropy(logits, targets[chunk]).sum(dtype=np.float64))
    check_finite(total, params)
    return total / len(targets)


# ------------------------------------------------------------------ checking what comes in

# What forward computes. A config that asks for anything else is refused, not approximated.
COMPUTED: dict[str, tuple[Any, ...]] = {
    "positions": ("learned", "sinusoidal", "rope", "alibi", "none"),
    "final_norm": (True,), "qk_norm": ("none", "head"), "n_segments": (0,), "pooler": (False,),
    "head_transform": (False,), "attention_sinks": (False,), "n_encoder_layers": (0,),
    "lightning_layers": ((),), "latent": (None,),
}  # fmt: skip
COMPUTED_EXPERTS = {"d_ff_shared": (0,), "shared_gate": (False,), "balancing_buffer": (False,)}


def check_style(config: ModelConfig) -> None:
    """Refuse an architecture that :func:`forward` does not compute, by the name of the field.

    A config holds what decides a count, so some differences between published models are not in
    it: that Phi turns only a part of each head, or that Gemma 2 caps its scores. Whoever reads the
    weights of a model has to know that :func:`forward` is its function.
    """
    computed = {**COMPUTED, "d_embedding": (config.d_model,)}
    if config.positions == "learned":  # other tables leave out rows, or begin with unused ones
        computed |= {"n_position_rows": (config.n_ctx,), "position_scale": (1.0,)}
    for part, allowed in ((config, computed), (config.experts, COMPUTED_EXPERTS)):
        for name, values in allowed.items() if part else ():
            if (value := getattr(part, name)) not in values:
                choices = " or ".join(map(repr, values))
                raise ValueError(f"a model with {name} {value!r} does not run here, only {choices}")


def check_params(params: Params, config: ModelConfig) -> None:
    """Refuse arrays that are not those of the architecture, by the name of the first."""
    check_arrays({name: np.shape(array) for name, array in flatten(params).items()}, config)


def check_cache(cache: KVCache | None, config: ModelConfig) -> None:
    """Refuse a cache that has no place for the keys and values of this model."""
    if cache:
        needed = (config.n_layers, config.n_kv_heads, cache.capacity_tokens, config.d_head)
        if cache.keys.shape != needed:
            raise ValueError(
                f"the cache was made for another model: it has the shape {cache.keys.shape}, and "
                f"this model needs {needed}"
            )


def check_finite(result: float, params: Params) -> None:
    """Trace a result that is not finite to the array at fault."""
    if not np.isfinite(result):
        check_numbers(flatten(params))
        raise ValueError("the model's numbers grow beyond what their type can hold")


def check_ids(tokens: Sequence[int] | np.ndarray, config: ModelConfig) -> np.ndarray:
    """Return token ids of the vocabulary as an array, or say what is wrong with them."""
    try:
        tokens = np.asarray(tokens)
    except ValueError:
        raise ValueError("the texts of a batch must have equally many tokens") from None
    if tokens.size == 0:
        raise ValueError("there are no tokens; a model needs at least one")
    if tokens.ndim == 0 or tokens.dtype.kind not in "iu":
        raise ValueError(
            f"token ids are a list of whole numbers, not {tokens.dtype} {tokens.shape}"
        )
    outside = (tokens < 0) | (tokens >= config.vocab_size)
    if outside.any():
        raise ValueError(
            f"token id {tokens[outside][0]} is not in the vocabulary: "
            f"ids go from 0 to {config.vocab_size - 1}"
        )
    return tokens


def check_tokens(
    tokens: Sequence[int] | np.ndarray, config: ModelConfig, cache: KVCache | None = None
) -> np.ndarray:
    """Return what :func:`check_ids` does, if the tokens also fit into the window and the cache."""
    tokens = check_ids(tokens, config)
    n_tokens = tokens.shape[-1] + (cache.n_tokens if cache else 0)
    if n_tokens > config.n_ctx:
        raise ValueError(
            f"{n_tokens:,} tokens do not fit into this model's window of {config.n_ctx:,}"
        )
    if cache and tokens.ndim > 1:
        raise ValueError(f"a cache holds one text; these tokens have the shape {tokens.shape}")
    if cache and n_tokens > cache.capacity_tokens:
        raise ValueError(
            f"{n_tokens:,} tokens do not fit into a cache made for {cache.capacity_tokens:,}"
        )
    return tokens
