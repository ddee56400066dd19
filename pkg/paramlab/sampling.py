"""From logits to the next token: temperature, top-k and top-p."""

import math

import numpy as np

from paramlab.layers import softmax


def next_token_probabilities(
    logits: np.ndarray, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
) -> np.ndarray:
    """Turn the logits (V,) of the next token into the probabilities it is drawn with, (V,).

    Parameters
    ----------
    logits
        One score for each token of the vocabulary.
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
        When one of them is out of its range.

    References
    ----------
    top_k: Fan, Lewis and Dauphin, arXiv 1805.04833; top_p: Holtzman et al., arXiv 1904.09751,
    section 3.1.

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
    if temperature == 0:
        return (np.arange(len(logits)) == logits.argmax()).astype(np.float64)
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


def check_sampling(temperature: float, top_k: int, top_p: float) -> None:
    """Say what is wrong with these settings, if anything is."""
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature is {temperature}; it must be 0 or a positive number")
    if top_k < 0 or top_k != int(top_k):
        raise ValueError(f"top_k is {top_k}; it must be a whole number, or 0 for all tokens")
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p}; it must be above 0 and at most 1")
    if temperature == 0 and (top_k or top_p < 1):
        raise ValueError(
            f"top_k {top_k} and top_p {top_p} limit what is drawn at random, but temperature 0 "
            "always takes the most probable token; give a temperature above 0"
        )
