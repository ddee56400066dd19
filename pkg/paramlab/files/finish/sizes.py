"""Sizes that follow from others, and which layers see only what is near."""

from typing import Any

from paramlab.errors import UnsupportedModel, shown
from paramlab.files.finish.insist import Values, agree, check_kinds, one_of, whole


def four_times(values: Values) -> None:
    """Set the width of the MLP to 4 D where the file is silent."""
    values["d_ff"] = values.get("d_ff") or 4 * values["d_model"]


def two_unused_positions(values: Values) -> None:
    """Begin with row 2 of the position table."""
    values["n_position_rows"] = values["n_ctx"] + 2


def final_norm(values: Values) -> None:
    """Leave out the last norm of an OPT whose norms come after, or that says so."""
    values["final_norm"] = values["_norm_first"] and not values["_no_final_norm"]
    values["block"] = "sequential" if values["_norm_first"] else "post_norm"


def rounded_head_width(values: Values) -> None:
    """Round D / N down where the file is silent."""
    values["d_head"] = values["d_head"] or values["d_model"] // values["n_heads"]


def latent_widths(values: Values) -> None:
    """Join the two parts of a head, and compare with what the file says of them."""
    nope, rope = values["latent.d_nope"], values["latent.d_rope"]
    both = "qk_nope_head_dim + qk_rope_head_dim"
    agree("qk_head_dim", values["d_head"] or nope + rope, both, nope + rope)
    agree("head_dim", values.get("latent._width") or rope, "qk_rope_head_dim", rope)
    values["d_head"] = nope + rope


def value_width(values: Values) -> None:
    """Make values as wide as D / N where the file is silent."""
    values["latent.d_value"] = values["latent.d_value"] or values["d_model"] // values["n_heads"]


def half_as_wide(values: Values) -> None:
    """Divide the width of the MLP between the gate and what it gates, as Qwen's first code does."""
    values["d_ff"] //= 2


def key_groups(values: Values) -> None:
    """Share keys and values in so many groups, if the file says that they are shared."""
    values["n_kv_heads"] = values["_groups"] if values["_grouped"] else values["n_heads"]


def indexers(values: Values) -> None:
    """Count the layers that choose by themselves which tokens to see; others take that choice."""
    n_layers, kinds = values["n_layers"], values.get("_indexers")
    if kinds is None and isinstance(pattern := values.get("_pattern"), str):
        kinds = [{"F": "full", "S": "shared"}.get(letter) for letter in pattern]
    if kinds is None:
        every, offset = values.get("_every", 1), values.get("_offset", 0)
        kinds = ["shared" if max(i - offset + 1, 0) % every else "full" for i in range(n_layers)]
    check_kinds("indexer_types", kinds, ("full", "shared"), n_layers)
    values["_n_indexers"] = kinds.count("full")


def masked_head(values: Values) -> None:
    """Insist that the output head of an encoder reuses the token table."""
    if values.get("bias_head") and values.get("output_head", True):
        one_of("tie_word_embeddings", values["_tied"], (True,))


def _rotated(fields: dict[str, Any], n_layers: int, listed: Any) -> list[Any]:
    """Say of each layer whether it is rotated: as listed, or all but every so many."""
    every = whole(fields, "no_rope_layer_interval", 4, 1)
    if listed is None:
        listed = [(i + 1) % every for i in range(n_layers)]
    if not isinstance(listed, list) or len(listed) != n_layers:
        raise UnsupportedModel(f"no_rope_layers is no list of {n_layers} layers")
    return listed


def chunked_in_llama4(fields: dict[str, Any], n_layers: int) -> set[int]:
    """Return the layers with rotation: they look back within chunks."""
    rotated = _rotated(fields, n_layers, fields.get("no_rope_layers") or None)
    return {i for i, each in enumerate(rotated) if each}


def local_in_smollm3(fields: dict[str, Any], n_layers: int) -> set[int]:
    """Return the layers without rotation: they are local, if windows are used at all."""
    listed = _rotated(fields, n_layers, fields.get("no_rope_layers"))
    used = fields.get("use_sliding_window", False)
    one_of("use_sliding_window", used, (True, False))
    if not used:
        return set()
    return {i for i, rotated in enumerate(listed) if not rotated}


def local_in_gpt_neo(fields: dict[str, Any], n_layers: int) -> set[int]:
    """Read ``[[["global", "local"], 12]]``: the kinds of layer, and how often they repeat."""
    name = "attention_types"
    types = fields.get(name, [[["global", "local"], 12]])
    kinds: list[Any] = []
    try:
        for group, times in types:
            if not isinstance(group, list) or type(times) is not int or times < 0:
                raise UnsupportedModel(f"{name} is {shown(types)}; it must hold lists of kinds")
            kinds += group * min(times, n_layers + 1)  # one more would be too many
            if len(kinds) > n_layers:
                break
    except (TypeError, ValueError):
        raise UnsupportedModel(f"{name} is {shown(types)}; it must be a list of pairs") from None
    if len(kinds) != n_layers:
        more = "more" if len(kinds) > n_layers else f"{len(kinds)}"
        raise UnsupportedModel(f"{name} names {more} layers, but there are {n_layers}")
    for kind in kinds:
        one_of(name, kind, ("global", "local"))
    return {i for i, kind in enumerate(kinds) if kind == "local"}
