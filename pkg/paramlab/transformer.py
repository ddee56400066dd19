"""A Llama-style transformer: pure functions of (params, config, tokens).

Tokens go in, logits come out: a score for every token that could come next.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from paramlab.attention import KVCache, attention, causal_mask, merge_heads, split_heads
from paramlab.checkpoints import Model, load_model
from paramlab.config import ModelConfig
from paramlab.layers import Params, cross_entropy, embedding, gated_mlp, linear, rms_norm
from paramlab.positions import Rotation, rope, rotate

# What forward computes. A config that asks for anything else is refused, not approximated.
LLAMA_STYLE = {
    "positions": "rope", "norm": "rmsnorm", "norms_per_layer": 2, "final_norm": True,
    "embedding_norm": False, "qk_norm": "none", "activation": "silu", "gated_mlp": True,
    "bias_head": False, "n_segments": 0, "pooler": False, "attention_sinks": False,
    "n_encoder_layers": 0, "latent": None, "experts": None,
}  # fmt: skip
CHUNK_TOKENS = 256  # long texts are read in pieces, which bounds the memory, not the result


def forward(
    params: Params,
    config: ModelConfig,
    tokens: Sequence[int] | np.ndarray,
    last_only: bool = False,
    cache: KVCache | None = None,
) -> np.ndarray:
    """Compute the logits: for each position, a score for every token that could come next.

    Parameters
    ----------
    params
        The arrays that :func:`paramlab.params.shapes` lists, nested by their names.
    config
        The architecture.
    tokens
        Token ids (T,), or (B, T) for a batch of texts of equal length.
    last_only
        Return only the logits that follow the last token: (V,) instead of (T, V).
    cache
        Keys and values of the tokens before these; it is extended. Not for batches.

    Raises
    ------
    ValueError
        When there is no token, a token id is not in the vocabulary, the tokens do not fit into
        the window or the cache, or the architecture is not Llama-style.
    """
    check_style(config)
    start = cache.n_tokens if cache else 0
    tokens = check_tokens(tokens, config, start)
    if cache:
        _check_cache(cache, tokens)
    x = embedding(params["embedding"]["tokens"], tokens)  # (T, D)
    positions = np.arange(start, start + tokens.shape[-1])
    rotation = rope(positions, config.d_head, config.rope_theta)
    mask = causal_mask(len(positions), start + len(positions))  # (T, S)
    for layer, block in enumerate(params["blocks"]):
        normed = rms_norm(block["attention_norm"], x, config.norm_eps)
        x = x + _attend(block["attention"], config, normed, rotation, mask, cache, layer)
        normed = rms_norm(block["mlp_norm"], x, config.norm_eps)
        x = x + gated_mlp(block["mlp"], normed)  # (T, D)
    if cache:
        cache.n_tokens += len(positions)
    if last_only:
        x = x[..., -1, :]
    x = rms_norm(params["final_norm"], x, config.norm_eps)
    # A tied head is the token table again: the logit of a token is its row times the features.
    head = {"weight": params["embedding"]["tokens"].T} if config.tied else params["head"]
    return linear(head, x)  # (T, V)


def _attend(
    p: Params,
    config: ModelConfig,
    x: np.ndarray,  # (T, D)
    rotation: Rotation,
    mask: np.ndarray,
    cache: KVCache | None,
    layer: int,
) -> np.ndarray:
    """Project to queries, keys and values, attend, and project back: (T, D) to (T, D)."""
    q = rotate(split_heads(linear(p["q"], x), config.n_heads), rotation)  # (N, T, H)
    k = rotate(split_heads(linear(p["k"], x), config.n_kv_heads), rotation)  # (K, T, H)
    v = split_heads(linear(p["v"], x), config.n_kv_heads)
    if cache:
        k, v = cache.extend(layer, k, v)  # (K, S, H)
    return linear(p["o"], merge_heads(attention(q, k, v, mask)))


def generate(
    prompt: str | Sequence[int], model: Model | None = None, n_tokens: int = 16
) -> Iterator[str] | Iterator[int]:
    """Continue a prompt, one token at a time, always with the most probable one.

    Parameters
    ----------
    prompt
        A text, or token ids.
    model
        What :func:`paramlab.load_model` returns: (params, config, tokenizer). None: load it now.
    n_tokens
        How many tokens to add at most. It stops earlier where a text ends by the model's end
        token, and where the window is full.

    Returns
    -------
    Iterator
        For a text, its continuation piece by piece; for token ids, the ids that follow. A piece
        is empty while a character of several tokens is incomplete.

    Raises
    ------
    ValueError
        When the prompt is empty, is longer than the window, or is a text and the model has no
        tokenizer.

    Examples
    --------
    >>> model = load_model()  # doctest: +SKIP
    >>> "".join(generate("The capital of France is", model, n_tokens=2))  # doctest: +SKIP
    ' Paris.'
    """
    params, config, tokenizer = model or load_model()
    if n_tokens < 0:
        raise ValueError(f"n_tokens is {n_tokens}; it cannot be negative")
    if not isinstance(prompt, str):
        return _continue(params, config, check_tokens(prompt, config), n_tokens)
    if tokenizer is None:
        raise ValueError("this model has no tokenizer, so its prompt must be token ids, not text")
    tokens = check_tokens(tokenizer.encode(prompt), config)
    return tokenizer.stream(_continue(params, config, tokens, n_tokens, tokenizer.end_tokens))


def _continue(
    params: Params,
    config: ModelConfig,
    tokens: np.ndarray,
    n_tokens: int,
    end_tokens: Iterable[int] = (),
) -> Iterator[int]:
    """Yield the tokens that follow: read the prompt once, then one token per step."""
    cache = KVCache(config, min(len(tokens) + n_tokens, config.n_ctx))
    for start in range(0, len(tokens), CHUNK_TOKENS):
        chunk = tokens[start : start + CHUNK_TOKENS]
        logits = forward(params, config, chunk, last_only=True, cache=cache)
    for _ in range(n_tokens):
        token = int(logits.argmax())
        if token in end_tokens:
            return
        yield token
        if cache.n_tokens == config.n_ctx:
            return
        logits = forward(params, config, [token], last_only=True, cache=cache)


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
        As :func:`forward`, and when there is nothing to predict.
    """
    if len(tokens) < 2:
        raise ValueError(
            f"a loss needs at least 2 tokens, one to predict the other; got {len(tokens)}"
        )
    inputs = check_tokens(tokens[:-1], config)
    targets = check_tokens(tokens[1:], config)
    cache = KVCache(config, len(inputs))
    total = 0.0
    for start in range(0, len(inputs), CHUNK_TOKENS):
        chunk = slice(start, start + CHUNK_TOKENS)
        logits = forward(params, config, inputs[chunk], cache=cache)
        total += float(cross_entropy(logits, targets[chunk]).sum(dtype=np.float64))
    return total / len(targets)


def check_style(config: ModelConfig) -> None:
    """Refuse an architecture that :func:`forward` does not compute."""
    for name, value in {**LLAMA_STYLE, "d_embedding": config.d_model}.items():
        if getattr(config, name) != value:
            raise ValueError(
                f"only Llama-style models run here: {name} is {getattr(config, name)!r}, "
                f"not {value!r}"
            )


def check_tokens(
    tokens: Sequence[int] | np.ndarray, config: ModelConfig, n_before: int = 0
) -> np.ndarray:
    """Return token ids as an array, or say what is wrong with them."""
    tokens = np.asarray(tokens)
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
    n_tokens = n_before + tokens.shape[-1]
    if n_tokens > config.n_ctx:
        raise ValueError(
            f"{n_tokens:,} tokens do not fit into this model's window of {config.n_ctx:,}"
        )
    return tokens


def _check_cache(cache: KVCache, tokens: np.ndarray) -> None:
    if tokens.ndim > 1:
        raise ValueError(f"a cache holds one text; these tokens have the shape {tokens.shape}")
    needed, capacity = cache.n_tokens + len(tokens), cache.keys.shape[-2]
    if needed > capacity:
        raise ValueError(f"{needed:,} tokens do not fit into a cache made for {capacity:,}")
