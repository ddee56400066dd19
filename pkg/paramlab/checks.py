"""Refusals of what a model is given: one sentence, with both values, for each argument."""

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from paramlab.config import ModelConfig
from paramlab.errors import UnsupportedModel
from paramlab.params import shapes
from paramlab.tree import flatten

if TYPE_CHECKING:
    import numpy as np

    from paramlab.attention import KVCache

# ------------------------------------------------------------------ the arrays of a model


def check_arrays(found: dict[str, tuple[int, ...]], config: ModelConfig) -> None:
    """Insist that names and shapes are those of the architecture, tied arrays absent.

    Raises
    ------
    UnsupportedModel
        Naming the first array that is missing, unknown or of another shape.
    """
    expected = set()
    for array in shapes(config):  # one at a time: a false number of layers ends at the first gap
        if array.tied_to:
            continue
        if array.name not in found:
            raise UnsupportedModel(f"the array {array.name} {array.shape} is missing")
        if found[array.name] != array.shape:
            raise UnsupportedModel(
                f"the array {array.name} has the shape {found[array.name]}; "
                f"the architecture says {array.shape}"
            )
        expected.add(array.name)
    for name in found:
        if name not in expected:
            raise UnsupportedModel(f"the array {name} is not part of this architecture")


def check_numbers(arrays: dict[str, "np.ndarray"]) -> None:
    """Refuse arrays that hold NaN or infinity.

    Raises
    ------
    UnsupportedModel
        Naming the first.
    """
    import numpy as np

    for name, array in arrays.items():
        # The least and the largest number are NaN if any is; they need no memory, unlike isfinite.
        if array.size and not (np.isfinite(array.min()) and np.isfinite(array.max())):
            raise UnsupportedModel(f"the array {name} holds a number that is not finite")


# ------------------------------------------------------------------ queries, keys and values


def check_attention(q: "np.ndarray", k: "np.ndarray", v: "np.ndarray") -> tuple[int, int]:
    """Return how many queries (..., N, T, H) and keys (..., K, S, H) there are, if they fit."""
    import numpy as np  # here: counting works without

    for x in (q, k, v):  # a mean of whole numbers would be cut to one
        if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
            kind = getattr(x, "dtype", type(x).__name__)
            raise ValueError(f"attention takes arrays of floating-point numbers, not {kind}")
    if k.shape != v.shape:
        raise ValueError(f"keys {k.shape} and values {v.shape} must have the same shape")
    if q.ndim != k.ndim or q.ndim < 3 or q.shape[:-3] != k.shape[:-3] or q.shape[-1] != k.shape[-1]:
        raise ValueError(
            f"queries {q.shape} and keys {k.shape} must be (..., N, T, H) and (..., K, S, H)"
        )
    if not k.shape[-3] or q.shape[-3] % k.shape[-3]:
        raise ValueError(f"{q.shape[-3]} heads cannot share {k.shape[-3]} key-value heads evenly")
    if not 0 < q.shape[-2] <= k.shape[-2]:
        raise ValueError(f"{q.shape[-2]} queries need as many keys or more, not {k.shape[-2]}")
    return q.shape[-2], k.shape[-2]


def check_one_query_per_key(name: str, q: "np.ndarray", k: "np.ndarray", v: "np.ndarray") -> int:
    """Return how many tokens there are, if a variant can take them."""
    n_queries, n_keys = check_attention(q, k, v)
    if n_queries != n_keys:
        raise ValueError(f"{name} attention takes one query per key: {n_queries} is not {n_keys}")
    return n_queries


def check_buckets(q: "np.ndarray", k: "np.ndarray", n_buckets: int) -> None:
    """Refuse keys that are not the queries' own, and buckets that no bits can name."""
    if q.shape != k.shape:
        raise ValueError(f"hashed attention shares queries and keys: {q.shape} is not {k.shape}")
    check_positive(n_buckets=n_buckets)
    if n_buckets & (n_buckets - 1):
        raise ValueError(f"n_buckets is {n_buckets}; it must be a power of two")


def mask_for(mask: "np.ndarray", q: "np.ndarray", k: "np.ndarray") -> "np.ndarray":
    """Return a view of a mask with all its rows and columns, (T, S) or (N, T, S), if it fits."""
    import numpy as np

    if mask.dtype == bool:
        raise ValueError("a mask is added to the scores: 0 where a query may look, -inf elsewhere")
    scores = (*q.shape[-3:-1], k.shape[-2])
    try:
        return np.broadcast_to(mask, scores[1:] if mask.ndim == 2 else scores)
    except ValueError:
        raise ValueError(f"the mask {mask.shape} does not fit the scores {scores}") from None


def check_positive(**sizes: int) -> None:
    """Refuse sizes that are none, by their names."""
    for name, size in sizes.items():
        if not isinstance(size, Integral) or size < 1:
            raise ValueError(f"{name} is {size!r}; it must be a whole number of at least 1")


# ------------------------------------------------------------------ a forward pass


def check_pass(
    params: dict[str, Any],
    config: ModelConfig,
    tokens: "Sequence[int] | np.ndarray",
    cache: "KVCache | None",
) -> "np.ndarray":
    """Return the tokens of a forward pass as an array, or say what does not fit."""
    if not cache or cache.n_tokens == 0:  # the same later on
        check_style(config)
        check_params(params, config)
        check_cache(cache, config)
    return check_tokens(tokens, config, cache)


# What forward computes. A config that asks for anything else is refused, not approximated.
COMPUTED: dict[str, tuple[Any, ...]] = {
    "state": (None,),
    "positions": ("learned", "sinusoidal", "rope", "alibi", "none"),
    "qk_norm": ("none", "head"), "attention_sinks": (False,), "n_encoder_layers": (0,),
    "further": ((),), "own_blocks": (False,),
    "gated_attention": (False,), "mixer_only_layers": ((),), "mlp_only_layers": ((),),
    "latent": (None,),
}  # fmt: skip
COMPUTED_EXPERTS = {
    "d_ff_shared": (0,), "d_latent": (0,), "shared_gate": (False,), "balancing_buffer": (False,),
}  # fmt: skip


def check_style(config: ModelConfig) -> None:
    """Refuse an architecture that :func:`forward` does not compute, by the name of the field.

    A config holds what decides a count, so some differences between published models are not in
    it: that Phi turns only a part of each head, or that Gemma 2 caps its scores. Whoever reads the
    weights of a model has to know that forward is its function.
    """
    computed = {**COMPUTED, "d_embedding": (config.d_model,)}
    computed["final_norm"] = (config.block != "post_norm",)
    if config.positions == "learned":  # other tables leave out rows, or begin with unused ones
        computed |= {"n_position_rows": (config.n_ctx,), "position_scale": (1.0,)}
    if not config.causal:
        computed |= {"positions": ("learned", "sinusoidal", "rope", "none"), "window": (0,)}
    for part, allowed in ((config, computed), (config.experts, COMPUTED_EXPERTS)):
        for name, values in allowed.items() if part else ():
            if (value := getattr(part, name)) not in values:
                only = f", only {' or '.join(map(repr, values))}" if any(values) else ""
                raise ValueError(f"a model with {name} {_named(value)} does not run here{only}")


def _named(value: Any) -> str:
    """Return what a field holds in a word or two: of a list of arrays, their parts."""
    if isinstance(value, tuple) and value and hasattr(value[0], "arrays"):
        parts = sorted({array.part for stack in value for array in stack.arrays})
        return f"arrays ({', '.join(parts)})"
    return repr(getattr(value, "kind", getattr(value, "d_latent", value)))


def check_predicts(config: ModelConfig) -> None:
    """Refuse an encoder whose features no head of its own turns into logits."""
    if config.pooler or config.head_transform or not config.output_head:
        raise ValueError(
            "a model with a pooler or head_transform, or without a head, predicts no next token; "
            "ask for its features"
        )


def check_params(params: dict[str, Any], config: ModelConfig) -> None:
    """Refuse arrays that are not those of the architecture, by the name of the first."""
    check_arrays({name: array.shape for name, array in flatten(params).items()}, config)


def check_cache(cache: "KVCache | None", config: ModelConfig) -> None:
    """Refuse a cache that has no place for the keys and values of this model."""
    if cache and not config.causal:
        raise ValueError("where tokens see later ones, nothing can be kept: give no cache")
    if cache:
        needed = (config.n_layers, config.n_kv_heads, cache.capacity_tokens, config.d_head)
        if cache.keys.shape != needed:
            raise ValueError(
                f"the cache was made for another model: it has the shape {cache.keys.shape}, and "
                f"this model needs {needed}"
            )


def check_result(result: float, params: dict[str, Any]) -> None:
    """Trace a result that is not finite to the array at fault."""
    if not math.isfinite(result):
        check_numbers(flatten(params))
        raise ValueError("the model's numbers grow beyond what their type can hold")


def check_ids(tokens: "Sequence[int] | np.ndarray", config: ModelConfig) -> "np.ndarray":
    """Return token ids of the vocabulary as an array, or say what is wrong with them."""
    import numpy as np  # here, as above

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
    tokens: "Sequence[int] | np.ndarray", config: ModelConfig, cache: "KVCache | None" = None
) -> "np.ndarray":
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


def check_text(tokens: "Sequence[int] | np.ndarray", config: ModelConfig) -> "np.ndarray":
    """Return one text as an array, if there is something to predict in it."""
    tokens = check_ids(tokens, config)
    if tokens.ndim != 1 or len(tokens) < 2:
        raise ValueError(
            "a loss needs one text of at least 2 tokens, one to predict the other; these tokens "
            f"have the shape {tokens.shape}"
        )
    check_tokens(tokens[:-1], config)
    return tokens


# ------------------------------------------------------------------ texts to train on


def check_window(n_tokens: int, n_ctx: int) -> None:
    """Refuse texts that are longer than the window of a model."""
    if n_ctx < n_tokens:
        raise ValueError(f"texts of n_tokens {n_tokens} do not fit into the window of {n_ctx}")


def check_rows(tokens: "np.ndarray") -> None:
    """Refuse a batch that is no rows of tokens, each with one to predict."""
    if tokens.ndim != 2 or tokens.shape[1] < 2:
        raise ValueError(
            "a batch has the shape (B, T+1), a row of at least 2 tokens for each text; this one "
            f"has {tokens.shape}"
        )


def check_pieces(tokens: "np.ndarray", length: int) -> None:
    """Refuse data of which no piece of this length can be taken."""
    if tokens.ndim != 1 or len(tokens) < length:
        raise ValueError(
            f"training takes pieces of {length} tokens; the data have the shape {tokens.shape}"
        )


# ------------------------------------------------------------------ a request to generate


def check_request(
    prompt: str | Sequence[int], model: Any, n_tokens: int, seed: Any, sampling: tuple[Any, ...]
) -> "np.ndarray":
    """Return the tokens of a prompt as an array, or say what is wrong with a request."""
    import numpy as np  # here, as above

    if not isinstance(model, tuple):
        raise ValueError(f"model is {model!r:.60}; give what load_model returns")
    params, config, tokenizer = model
    check_style(config)
    if not config.causal:
        raise ValueError("this model reads texts as a whole; it continues none")
    check_params(params, config)
    if not _is_whole(n_tokens):
        raise ValueError(f"n_tokens is {n_tokens!r}; it must be a whole number, 0 or above")
    check_sampling(*sampling)
    if not (seed is None or isinstance(seed, np.random.Generator) or _is_whole(seed)):
        raise ValueError(f"seed is {seed!r}; it must be a whole number, 0 or above")
    if isinstance(prompt, str):
        if tokenizer is None:
            raise ValueError(
                "this model has no tokenizer, so its prompt must be token ids, not text"
            )
        return check_tokens(tokenizer.encode(prompt), config)
    tokens = check_tokens(prompt, config)
    if tokens.ndim > 1:
        raise ValueError(f"a prompt is one text; these tokens have the shape {tokens.shape}")
    return tokens


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


def check_logits(logits: "np.ndarray") -> None:
    """Refuse scores from which no token can be drawn."""
    if logits.ndim != 1 or not logits.size:
        raise ValueError(f"logits are a list of one number per token, not {logits.shape}")
    largest = logits.max()  # NaN if any is
    if not math.isfinite(largest):
        raise ValueError(f"the largest logit is {largest}, so no token can be drawn")


# ------------------------------------------------------------------ a tokenizer


def check_special(special: list[int], end_tokens: list[int], n_tokens: int) -> None:
    """Refuse special tokens and ends of a text that are no ids."""
    for i in special:
        if i not in range(n_tokens):
            raise UnsupportedModel(
                f"the special token {i!r} is not in the vocabulary of {n_tokens:,}"
            )
    for i in end_tokens:
        if not isinstance(i, Integral):
            raise UnsupportedModel(f"the end token {i!r} is no token id")


def check_merges(merges: Iterable[str], ids: dict[str, int]) -> None:
    """Refuse merges that make no token."""
    for merge in merges:
        if merge.count(" ") != 1 or merge.replace(" ", "") not in ids:
            raise UnsupportedModel(f"the merge {merge!r} makes no token")


def check_id(token: int, n_tokens: int) -> None:
    """Refuse the id of a token that is not there."""
    if not 0 <= token < n_tokens:
        raise ValueError(f"token id {token} is not in the vocabulary of {n_tokens:,}")


def check_pattern(pre: str, known: dict[str, str]) -> None:
    """Refuse the name of a pattern that is not known."""
    if pre not in tuple(known):  # a damaged file may name something that cannot be a key
        raise UnsupportedModel(
            f"the tokenizer {pre!r} is not known here; {' and '.join(known)} are"
        )


def check_vocab_size(vocab_size: int, n_bytes: int) -> None:
    """Refuse a vocabulary that has no room for the bytes."""
    if not isinstance(vocab_size, int) or vocab_size < n_bytes:
        raise ValueError(
            f"vocab_size is {vocab_size!r}; it must be a whole number, and the bytes alone are "
            f"{n_bytes} tokens"
        )


# ------------------------------------------------------------------ positions


def check_even(why: str, **width: int) -> None:
    """Refuse a width that is no number of pairs, by its name."""
    for name, n in width.items():
        if n < 1 or n % 2:
            raise ValueError(f"{why}, so {name} must be even; it is {n}")


def check_n_heads(n_heads: int) -> None:
    """Refuse an attention without a head."""
    if n_heads < 1:
        raise ValueError(f"n_heads is {n_heads}; it must be at least 1")


def check_table(table: "np.ndarray", n_rows: int) -> None:
    """Refuse a table of positions that cannot be stretched, or not to so many rows."""
    if table.ndim != 2 or not len(table) or table.dtype.kind != "f":
        raise ValueError(
            f"a table of positions holds floating-point numbers in rows, not {table.dtype} "
            f"{table.shape}"
        )
    if n_rows < 2:
        raise ValueError(f"n_rows is {n_rows}; it must be at least 2, for the first and the last")
