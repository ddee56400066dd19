"""A transformer, in the styles that run here: pure functions of (params, config, tokens).

Tokens go in, logits come out: a score for every token that could come next. The config says what
is computed between: GPT-2, Llama, Qwen, Gemma, Mixtral and BERT differ in a line each.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from paramlab.attention import KVCache, attention, blocked, causal_mask, merge_heads, split_heads
from paramlab.checks import check_pass, check_predicts, check_result, check_text
from paramlab.config import ModelConfig
from paramlab.layers import (
    ACTIVATIONS,
    Params,
    cross_entropy,
    embedding,
    hidden_units,
    layer_norm,
    linear,
    linears,
    mixture_of_experts,
    rms_norm,
)
from paramlab.positions import Rotation, alibi, rope, rotate, sinusoidal

Tokens = Sequence[int] | np.ndarray  # ids
Watch = Callable[[str, np.ndarray], object]  # is given an intermediate result, by its name
Attend = Callable[..., np.ndarray]  # from q, k, v and mask, as paramlab.attention.attention
CHUNK_TOKENS = 512  # long texts are read in pieces of so many: less memory, the same result


def forward(
    params: Params,
    config: ModelConfig,
    tokens: Tokens,
    last_only: bool = False,
    cache: KVCache | None = None,
    watch: Watch | None = None,
    attend: Attend = blocked,
) -> np.ndarray:
    """Compute the logits: for each position, a score for every token that could come next.

    Parameters
    ----------
    params
        The arrays that :func:`paramlab.params.shapes` lists, except a tied head, nested by their
        names: NumPy arrays (float32, float64) or tensors that record gradients (:mod:`.autograd`).
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
        for experts), ``blocks.{i}.mlp.output`` (T, D); ``final_norm`` (T, D), or (D,) with
        last_only. An output is what is added to the input of its half of the block.
    attend
        Another attention: ``attend(q, k, v, mask)`` with the arguments of
        :func:`paramlab.attention.attention`, and its ``watch`` if somebody watches here.

    Raises
    ------
    ValueError
        When an array is missing, unknown or of another shape than the config says; there is no
        token, a token id is not in the vocabulary, or the tokens do not fit into the window or
        the cache; the cache was made for another model; or the architecture is not computed here.

    Examples
    --------
    A model whose numbers are all zero gives the 10 tokens of its vocabulary one score, 3 times.

    >>> from paramlab.params import shapes
    >>> from paramlab.tree import nest
    >>> tiny = ModelConfig(n_layers=1, d_model=4, n_heads=2, d_ff=8, vocab_size=10, n_ctx=6)
    >>> zeros = {array.name: np.zeros(array.shape) for array in shapes(tiny) if not array.tied_to}
    >>> logits = forward(nest(zeros), tiny, [3, 1, 4])
    >>> logits.shape, logits.any().item()
    ((3, 10), False)
    """
    check_predicts(config)
    x = features(params, config, tokens, last_only, cache, watch, attend)  # (T, D)
    head = params.get("head", {})
    if config.tied:  # the token table again: the logit of a token is its row times the features
        head = {**head, "weight": params["embedding"]["tokens"].T}
    return linear(head, x)  # (T, V)


def features(
    params: Params,
    config: ModelConfig,
    tokens: Tokens,
    last_only: bool = False,
    cache: KVCache | None = None,
    watch: Watch | None = None,
    attend: Attend = blocked,
) -> np.ndarray:
    """Compute what :func:`forward` gives to the output head, (T, D): the result of an encoder.

    Arguments and errors are those of :func:`forward`.
    """
    tokens = check_pass(params, config, tokens, cache)  # as an array
    if attend is blocked and not config.causal:  # blocked skips the keys of later tokens
        attend = attention
    start = cache.n_tokens if cache else 0
    positions = np.arange(start, start + tokens.shape[-1])
    x = _embed(params["embedding"], config, tokens, positions)  # (T, D)
    shared = Pass(config, *_order(config, positions, x.dtype), cache, watch, attend)
    shared.show("embedding", x)
    for i, block in enumerate(params["blocks"]):
        x = _block(block, x, i, shared)
    if cache:
        cache.n_tokens += len(positions)
    if last_only:
        x = x[..., -1, :]
    if config.final_norm:
        x = _norm(params, "final_norm", config, x)
        shared.show("final_norm", x)
    return x


def _embed(p: Params, config: ModelConfig, tokens: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Look up the vector of each token, and add that of its position if it has one: (T, D)."""
    x = embedding(p["tokens"], tokens)
    if config.embedding_scale:
        x = x * sqrt(config.d_model)
    if config.positions == "learned":
        x = x + embedding(p["positions"], positions)
    if config.positions == "sinusoidal":
        x = x + sinusoidal(positions, config.d_model, config.position_scale, x.dtype)
    if config.n_segments:
        x = x + p["segments"][0]  # one text, so all its tokens are of the first segment
    return _norm(p, "norm", config, x) if config.embedding_norm else x


class Pass(NamedTuple):
    """What one forward pass hands to all its layers."""

    config: ModelConfig
    rotation: Rotation | None  # RoPE's turn of queries and keys
    mask: np.ndarray  # (T, S), or (N, T, S) with ALiBi
    local_mask: np.ndarray  # of the layers that have a window
    cache: KVCache | None
    watch: Watch | None
    attend: Attend

    def show(self, name: str, array: np.ndarray) -> None:
        """Let a watcher see an intermediate result, if there is one."""
        if self.watch:
            self.watch(name, array)


def _order(
    config: ModelConfig, positions: np.ndarray, dtype: DTypeLike
) -> tuple[Rotation | None, np.ndarray, np.ndarray]:
    """Return how attention sees the order of tokens: the rotation and the two masks of a Pass."""
    n_queries, n_keys = len(positions), int(positions[-1]) + 1
    scale, rotation = config.position_scale, None
    mask = causal_mask(n_queries, n_keys) if config.causal else np.zeros((n_queries, n_keys), dtype)
    local_mask = causal_mask(n_queries, n_keys, config.window) if config.window else mask
    if config.positions == "rope":
        rotation = rope(positions, config.d_head, config.rope_theta, scale, dtype)
    if config.positions == "alibi":
        fall = alibi(n_queries, n_keys, config.n_heads, scale, dtype)
        mask, local_mask = mask + fall, local_mask + fall
    return rotation, mask, local_mask


def _block(p: Params, x: np.ndarray, i: int, shared: Pass) -> np.ndarray:
    """Add to each token what it reads from others, then what it makes of it: (T, D) to (T, D)."""
    config = shared.config
    shared.show(f"blocks.{i}.input", x)
    parallel = config.block == "parallel"  # both halves read the same
    post = config.block == "post_norm"  # the sum is normed, not what is read
    normed = x if post else _norm(p, "norm" if parallel else "attention_norm", config, x)
    read = _attend(p["attention"], normed, i, shared)
    if config.block == "sandwich":
        read = _norm(p, "attention_post_norm", config, read)
    shared.show(f"blocks.{i}.attention.output", read)
    x = x + read
    if post:
        x = normed = _norm(p, "attention_norm", config, x)
    elif not parallel:
        normed = _norm(p, "mlp_norm", config, x)
    made = _mlp(p["mlp"], normed, i, shared)
    if config.block == "sandwich":
        made = _norm(p, "mlp_post_norm", config, made)
    shared.show(f"blocks.{i}.mlp.output", made)
    return _norm(p, "mlp_norm", config, x + made) if post else x + made


def _attend(p: Params, x: np.ndarray, i: int, shared: Pass) -> np.ndarray:
    """Project to queries, keys and values, attend, and project back: (T, D) to (T, D)."""
    config, rotation = shared.config, shared.rotation
    q, k, v = linears((p["q"], p["k"], p["v"]), x)
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
    watching: dict[str, Any] = {}  # left empty, so that another attend need not know it
    if shared.watch:
        watching["watch"] = partial(shared.watch, f"blocks.{i}.attention.weights")
    mixed = shared.attend(q, k, v, mask, **watching)
    return linear(p["o"], merge_heads(mixed))


def _mlp(p: Params, x: np.ndarray, i: int, shared: Pass) -> np.ndarray:
    """Work on each token by itself, in one MLP or in those that a router chooses."""
    config = shared.config
    activation = ACTIVATIONS[config.activation]
    if config.experts and i not in config.experts.dense_layers:
        return mixture_of_experts(p, x, config.experts.n_active, activation)
    hidden = hidden_units(p, x, activation)  # (T, F); layers.mlp in two steps, to show them
    shared.show(f"blocks.{i}.mlp.hidden", hidden)
    return linear(p["down"], hidden)


def _norm(p: Params, name: str, config: ModelConfig, x: np.ndarray) -> np.ndarray:
    """Apply the norm of this name, of the kind that the config says."""
    normalize = rms_norm if config.norm == "rmsnorm" else layer_norm
    learned = p.get(name, {})  # gain and bias; a bare norm has none
    return normalize(learned, x, config.norm_eps)


def loss(params: Params, config: ModelConfig, tokens: Tokens, attend: Attend = blocked) -> float:
    """Return the mean cross-entropy of predicting each token from those before it, in nats.

    A model that finds all V tokens equally likely scores ln V; one always sure, and right, 0.

    Parameters
    ----------
    params, config, attend
        As for :func:`forward`.
    tokens
        Token ids (T,), from 2 to n_ctx + 1 of them: the first is given, the last only predicted.

    Raises
    ------
    ValueError
        As :func:`forward`; when there is nothing to predict, or the loss is not finite.
    """
    tokens = check_text(tokens, config)
    inputs, targets = tokens[:-1], tokens[1:]
    cache = KVCache(config, len(inputs), params["embedding"]["tokens"].dtype)
    total = 0.0
    for start in range(0, len(inputs), CHUNK_TOKENS):
        chunk = slice(start, start + CHUNK_TOKENS)
        logits = forward(params, config, inputs[chunk], cache=cache, attend=attend)
        total += float(cross_entropy(logits, targets[chunk]).sum(dtype=np.float64))
    check_result(total, params)
    return total / len(targets)
