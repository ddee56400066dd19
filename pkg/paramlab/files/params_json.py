"""Meta's and Mistral's own ``params.json``, read as the config.json of the same model."""

from typing import Any

from paramlab.errors import UnsupportedModel, shown

Fields = dict[str, Any]
_NAMES = {
    "dim": "hidden_size", "n_layers": "num_hidden_layers", "n_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads", "vocab_size": "vocab_size", "norm_eps": "rms_norm_eps",
    "rope_theta": "rope_theta", "head_dim": "head_dim", "hidden_dim": "intermediate_size",
    "sliding_window": "sliding_window", "max_seq_len": "max_position_embeddings",
    "tied_embeddings": "tie_word_embeddings",
}  # fmt: skip
_ALSO = {"multiple_of", "ffn_dim_multiplier", "moe", "use_scaled_rope", "max_batch_size"}
_SIGNS = ("dim", "n_layers", "n_heads")
_TIED_OR_NOT = (2048, 3072)  # the widths of Llama 3.2 1B and 3B, whose head is the token table


def is_params_json(fields: Fields) -> bool:
    """Say whether a file without a ``model_type`` is such a file."""
    return "model_type" not in fields and all(name in fields for name in _SIGNS)


def as_config(fields: Fields) -> Fields:
    """Return the same under the names of a config.json of Llama, Mistral or Mixtral.

    The width of Llama's MLP is that of Meta's program: two thirds of 4 D, times a multiplier,
    rounded up to a multiple.

    Raises
    ------
    UnsupportedModel
        When a field is not known here, or what the file leaves open would change the count.

    Examples
    --------
    >>> llama2 = {"dim": 4096, "multiple_of": 256, "n_heads": 32, "n_layers": 32,
    ...           "norm_eps": 1e-5, "vocab_size": 32000}
    >>> as_config(llama2)["intermediate_size"]
    11008
    """
    for name in fields:
        if name not in _NAMES and name not in _ALSO:
            raise UnsupportedModel(f"the field {shown(name)} of a params.json is not known here")
    if fields.get("vocab_size", -1) == -1:
        raise UnsupportedModel(
            "vocab_size is -1 or missing: a params.json that leaves it to the tokenizer does not "
            "tell the count; write the number of tokens into it (Llama 1 and 2: 32000)"
        )
    config = {theirs: fields[ours] for ours, theirs in _NAMES.items() if ours in fields}
    config.setdefault("num_key_value_heads", fields["n_heads"])
    if "hidden_dim" in fields:
        return {**config, **_of_mistral(fields.get("moe"))}
    if fields["vocab_size"] == 128256 and fields["dim"] in _TIED_OR_NOT:
        raise UnsupportedModel(
            "it does not say whether the output head is the token table, as in Llama 3.2 1B and "
            "3B; count the config.json"
        )
    return {"model_type": "llama", **config, "intermediate_size": _width(fields)}


def _of_mistral(moe: Any) -> Fields:
    if moe is None:
        return {"model_type": "mistral"}
    known = {"num_experts", "num_experts_per_tok"}
    if not isinstance(moe, dict) or set(moe) != known:
        raise UnsupportedModel(f"moe is {shown(moe)}; it must hold {' and '.join(sorted(known))}")
    return {"model_type": "mixtral", "num_local_experts": moe["num_experts"],
            "num_experts_per_tok": moe["num_experts_per_tok"]}  # fmt: skip


def _width(fields: Fields) -> int:
    """Compute the width of the MLP as Meta's program does."""
    dim, multiple = fields["dim"], fields.get("multiple_of", 0)
    times = fields.get("ffn_dim_multiplier", 1)
    sizes_are_whole = all(type(n) is int and 0 < n < 10**6 for n in (dim, multiple))
    if not sizes_are_whole or type(times) not in (int, float) or not 0 < times < 100:
        raise UnsupportedModel(
            f"dim, multiple_of and ffn_dim_multiplier are {shown(dim)}, {shown(multiple)} and "
            f"{shown(times)}; they must be positive numbers"
        )
    width = int(times * int(2 * (4 * dim) / 3))
    return multiple * ((width + multiple - 1) // multiple)
