"""From logits to text: how the next token is chosen, and token after token a text continued."""

from collections.abc import Iterator, Sequence

import numpy as np

from paramlab.attention import KVCache
from paramlab.checks import check_logits, check_request, check_result, check_sampling
from paramlab.config import ModelConfig
from paramlab.layers import Params, softmax
from paramlab.memory import keep_freed_memory
from paramlab.transformer import CHUNK_TOKENS, Tokens, forward
from paramlab.tree import Model


def generate(
    prompt: str | Sequence[int],
    model: Model,
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
        A text, or token ids; what is yielded is of the same kind, for a text piece by piece (a
        piece is empty while a character of several tokens is incomplete).
    model
        What :func:`paramlab.load_model` returns: (params, config, tokenizer).
    n_tokens
        How many tokens to add at most; fewer where the window is full or the model ends a text.
    temperature, top_k, top_p
        How to draw; see :func:`next_token_probabilities`.
    seed
        The same seed draws the same tokens; None draws others each time.

    Raises
    ------
    ValueError
        When the prompt, the model or an option is not what it should be.

    Examples
    --------
    >>> model = paramlab.load_model()  # doctest: +SKIP
    >>> "".join(generate("The capital of France is", model, n_tokens=2))  # doctest: +SKIP
    ' Paris.'
    """
    how = temperature, top_k, top_p
    tokens = check_request(prompt, model, n_tokens, seed, how)  # the prompt, as token ids
    params, config, tokenizer = model
    writer = tokenizer if isinstance(prompt, str) else None  # it writes tokens as text
    end_tokens = writer.end_tokens if writer else ()
    rng = np.random.default_rng(seed)
    n_tokens = min(n_tokens, config.n_ctx - len(tokens) + 1)  # the last one is not read again

    def following() -> Iterator[int]:
        cache = KVCache(config, len(tokens) + n_tokens - 1, params["embedding"]["tokens"].dtype)
        unread: Tokens = tokens
        for _ in range(n_tokens):
            logits = read(params, config, unread, cache)
            token = draw(logits, *how, rng)
            if token in end_tokens:
                return
            yield token
            unread = [token]

    return writer.stream(following()) if writer else following()


def read(params: Params, config: ModelConfig, tokens: Tokens, cache: KVCache) -> np.ndarray:
    """Read tokens into the cache, long texts in pieces; return the logits that follow the last."""
    keep_freed_memory()
    for start in range(0, len(tokens), CHUNK_TOKENS):
        piece = tokens[start : start + CHUNK_TOKENS]
        logits = forward(params, config, piece, last_only=True, cache=cache)
    check_result(logits.max(), params)
    return logits


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
    check_logits(logits)
    if temperature == 0:
        return (np.arange(len(logits)) == logits.argmax()).astype(np.float64)
    with np.errstate(over="ignore"):  # at a tiny temperature all but the largest become -inf
        probabilities = softmax((logits - logits.max()) / temperature)
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


def draw(
    logits: np.ndarray, temperature: float, top_k: int, top_p: float, rng: np.random.Generator
) -> int:
    """Choose the next token: the most probable one at temperature 0, else one at random."""
    if temperature == 0:
        return int(logits.argmax())
    probabilities = next_token_probabilities(logits, temperature, top_k, top_p)
    return int(rng.choice(len(probabilities), p=probabilities))
