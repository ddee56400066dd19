"""From logits to text: how the next token is chosen, and token after token a text continued."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from paramlab.attention import KVCache
from paramlab.config import ModelConfig
from paramlab.files.load import load_model
from paramlab.layers import Params, softmax
from paramlab.transformer import (
    CHUNK_TOKENS,
    check_finite,
    check_params,
    check_style,
    check_tokens,
    forward,
)
from paramlab.tree import Model

FEW_TOKENS = 16  # for so few, copying weights to multiply them faster takes more time than it saves

# ------------------------------------------------------------------ the next token


def next_token_probabilities(
    logits: np.ndarray, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
) -> np.ndarray:
    """Turn the logits (V,) of the next token into the probabilities it is drawn with, (V,).

    Parameters
    ----------
    logits
        One score for each token of the vocabulary; -inf for one that must not be drawn.
    temperature
        Logits are divided by it: below 1 the likely become likelier. At 0 the most probable token
        takes all.
    top_k
        Only so many of the most probable tokens can be drawn; 0: all.
    top_p
        Only the most probable tokens that together reach this probability can be drawn (nucleus
        sampling); it is measured after temperature and top_k.

    Raises
    ------
    ValueError
        When one of them is out of its range, or the largest logit is not finite.

    References
    ----------
    top_k: Fan, Lewis and Dauphin, arXiv 1805.04833; top_p: Holtzman et al., arXiv 1904.09751.

    Examples
    --------
    >>> logits = np.log([1.0, 2.0, 5.0])
    >>> next_token_probabilities(logits).round(3).tolist()
    [0.125, 0.25, 0.625]
    >>> next_token_probabilities(logits, temperature=0.5).round(3).tolist()  # 1, 4 and 25 of 30
    [0.033, 0.133, 0.833]
    >>> next_token_probabilities(logits, top_k=2).round(3).tolist()  # 2 and 5 of 7
    [0.0, 0.286, 0.714]
    >>> next_token_probabilities(logits, top_p=0.6).round(3).tolist()
    [0.0, 0.0, 1.0]
    """
    check_sampling(temperature, top_k, top_p)
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 1 or not logits.size:
        raise ValueError(f"logits are a list of one number per token, not {logits.shape}")
    largest = logits.max()  # NaN if any is
    if not np.isfinite(largest):
        raise ValueError(f"the largest logit is {largest}, so no token can be drawn")
    if temperature == 0:
        return (np.arange(len(logits)) == logits.argmax()).astype(np.float64)
    with np.errstate(over="ignore"):  # at a tiny temperature all but the largest become -inf
        probabilities = softmax((logits - largest) / temperature)
    if top_k == 0 and top_p == 1:
        return probabilities
    order = np.argsort(-probabilities)  # the most probable first
    kept = probabilities[order]
    kept[top_k or len(kept) :] = 0
    kept /= kept.sum()
    before = np.cumsum(kept) - kept  # the probability of all that come before in the order
    kept[before >= top_p] = 0
    probabilities[order] = kept / kept.sum()
    return probabilities


def check_sampling(temperature: float, top_k: int, top_p: float) -> None:
    """Say what is wrong with these settings, if anything is."""
    if not (isinstance(temperature, Real) and 0 <= temperature < math.inf):
        raise ValueError(f"temperature is {temperature!r}; it must be 0 or a positive number")
    if not _is_whole(top_k):
        raise ValueError(f"top_k is {top_k!r}; it must be a whole number, or 0 for all tokens")
    if not (isinstance(top_p, Real) and 0 < top_p <= 1):
        raise ValueError(f"top_p is {top_p!r}; it must be above 0 and at most 1")
    if temperature == 0 and (top_k or top_p < 1):
        raise ValueError(
            f"top_k {top_k} and top_p {top_p} limit what is drawn at random, but temperature 0 "
            "always takes the most probable token; give a temperature above 0"
        )


def _is_whole(n: Any) -> bool:
    return isinstance(n, Integral) and int(n) >= 0


# ------------------------------------------------------------------ token after token


def generate(
    prompt: str | Sequence[int],
    model: Model | None = None,
    n_tokens: int = 16,
    temperature: float = 0.0,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: int | np.random.Generator | None = None,
) -> Iterator[str] | Iterator[int]:
    """Continue a prompt, one token at a time: the most probable one, or one drawn at random.

    Parameters
    ----------
    prompt
        A text, or token ids.
    model
        What :func:`paramlab.load_model` returns: (params, config, tokenizer). None: load it now.
    n_tokens
        How many tokens to add at most. It stops earlier where a text ends by the model's end
        token, and where the window is full.
    temperature, top_k, top_p
        How to draw; see :func:`next_token_probabilities`. Temperature 0 takes the most probable
        token each time.
    seed
        The same seed draws the same tokens; None draws others each time.

    Returns
    -------
    Iterator
        For a text, its continuation piece by piece; for token ids, the ids that follow. A piece
        is empty while a character of several tokens is incomplete.

    Raises
    ------
    ValueError
        When the prompt is empty, is longer than the window, or is a text and the model has no
        tokenizer; when an option is out of its range; when an array is missing or of another
        shape than the config says, or the model's logits are not finite.

    Examples
    --------
    A model of one layer whose arrays are all 0, except that token 1's features point to token 2.

    >>> from paramlab.tree import nest
    >>> from paramlab.params import shapes
    >>> config = ModelConfig(n_layers=1, d_model=4, n_heads=1, d_ff=4, vocab_size=3, n_ctx=8,
    ...                      norm="rmsnorm", positions="none", tied=False)
    >>> params = nest({array.name: np.zeros(array.shape) for array in shapes(config)})
    >>> params["embedding"]["tokens"][:, 0] = params["final_norm"]["gain"][0] = 1
    >>> params["head"]["weight"][0] = [0, 1, 2]
    >>> model = Model(params, config, tokenizer=None)
    >>> list(generate([1], model, n_tokens=4))
    [2, 2, 2, 2]
    >>> first, again = (list(generate([1], model, temperature=1.0, seed=7)) for _ in range(2))
    >>> first == again
    True

    >>> model = load_model()  # doctest: +SKIP
    >>> "".join(generate("The capital of France is", model, n_tokens=2))  # doctest: +SKIP
    ' Paris.'
    """
    model = load_model() if model is None else model
    if not isinstance(model, tuple):
        raise ValueError(f"model is {model!r:.60}; give what load_model returns")
    params, config, tokenizer = model
    check_style(config)
    check_params(params, config)
    if not _is_whole(n_tokens):
        raise ValueError(f"n_tokens is {n_tokens!r}; it must be a whole number, 0 or above")
    check_sampling(temperature, top_k, top_p)
    if not (seed is None or isinstance(seed, np.random.Generator) or _is_whole(seed)):
        raise ValueError(f"seed is {seed!r}; it must be a whole number, 0 or above")
    rng = np.random.default_rng(seed)

    def choose(logits: np.ndarray) -> int:
        if temperature == 0:
            return int(logits.argmax())
        probabilities = next_token_probabilities(logits, temperature, top_k, top_p)
        return int(rng.choice(len(probabilities), p=probabilities))

    if not isinstance(prompt, str):
        tokens = check_tokens(prompt, config)
        if tokens.ndim > 1:
            raise ValueError(f"a prompt is one text; these tokens have the shape {tokens.shape}")
        return _continue(params, config, tokens, n_tokens, choose, end_tokens=())
    if tokenizer is None:
        raise ValueError("this model has no tokenizer, so its prompt must be token ids, not text")
    tokens = check_tokens(tokenizer.encode(prompt), config)
    end_tokens = tokenizer.end_tokens
    return tokenizer.stream(_continue(params, config, tokens, n_tokens, choose, end_tokens))


def _continue(
    params: Params,
    config: ModelConfig,
    tokens: np.ndarray,
    n_tokens: int,
    choose: Callable[[np.ndarray], int],
    end_tokens: Iterable[int],
) -> Iterator[int]:
    """Yield the tokens that follow: read the prompt once, then one token per step."""
    if n_tokens == 0:
        return
    capacity = min(len(tokens) + n_tokens - 1, config.n_ctx)  # the last one is not read again
    cache = KVCache(config, capacity, params["embedding"]["tokens"].dtype)
    for start in range(0, len(tokens), CHUNK_TOKENS):
        chunk = tokens[start : start + CHUNK_TOKENS]
        logits = forward(params, config, chunk, last_only=True, cache=cache)
    faster = join_projections(params) if n_tokens > FEW_TOKENS else params
    while True:
        check_finite(logits.max(), params)
        token = choose(logits)
        if token in end_tokens:
            return
        yield token
        if cache.n_tokens == capacity:
            return
        logits = forward(faster, config, [token], last_only=True, cache=cache)


def join_projections(params: Params) -> Params:
    """Lay the weights of queries, keys and values side by side, in every layer.

    They read the same input, so one product does. It is faster than three, each too small for
    OpenBLAS to use all cores. :func:`paramlab.transformer.forward` takes such parameters once the
    cache holds a token.

    Examples
    --------
    >>> parts = {name: {"weight": np.full((2, 1), i)} for i, name in enumerate("qkv")}
    >>> joined = join_projections({"blocks": [{"attention": parts}]})
    >>> joined["blocks"][0]["attention"]["qkv"]["weight"].tolist()
    [[0, 1, 2], [0, 1, 2]]
    """

    def join(p: Params) -> Params:
        parts = [p[name] for name in ("q", "k", "v")]
        others = {name: p[name] for name in p if name not in ("q", "k", "v")}
        joined = {kind: np.concatenate([part[kind] for part in parts], -1) for kind in parts[0]}
        return {**others, "qkv": joined}

    blocks = [{**block, "attention": join(block["attention"])} for block in params["blocks"]]
    return {**params, "blocks": blocks}
