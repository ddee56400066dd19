"""Layers with a state: which they are, and how wide."""

from typing import Any

from paramlab.errors import UnsupportedModel, shown
from paramlab.files.finish.experts import typed_mlps
from paramlab.files.finish.insist import Values, agree, inner_object, is_list_of_layers, whole
from paramlab.files.finish.sizes import four_times


def full_every_so_many(values: Values) -> list[str]:
    """Give attention to every so many layers."""
    every, n_layers = values["_interval"], values["n_layers"]
    return ["linear_attention" if (i + 1) % every else "full_attention" for i in range(n_layers)]


def full_every_fourth(values: Values) -> list[str]:
    """Give attention to every fourth layer, and of fewer than four to the last."""
    n_layers = values["n_layers"]
    full = set(range(3, n_layers, 4)) or {n_layers - 1}
    return ["full_attention" if i in full else "linear_attention" for i in range(n_layers)]


def full_where_named(values: Values) -> list[str]:
    """Give attention to the layers that the file names; in LFM2 to all where it is silent."""
    n_layers, named = values["n_layers"], values["_attention_layers"]
    if named is None:
        named = range(n_layers) if values["state.kind"] == "conv" else []
    elif not is_list_of_layers(named):
        raise UnsupportedModel(f"the layers with attention are {shown(named)}; they must be a list")
    other = "conv" if values["state.kind"] == "conv" else "linear_attention"
    named = set(named)
    return ["full_attention" if i in named else other for i in range(n_layers)]


def kinds_must_be_listed(values: Values) -> list[str]:
    """Refuse a file that does not say which layers are of which kind."""
    raise UnsupportedModel("it lists no kinds of layer (layer_types)")


def kimi_kinds(values: Values) -> list[str]:
    """Give attention to the layers that linear_attn_config names from 1 on, or to every fourth."""
    n_layers, inner = values["n_layers"], inner_object(values, "_linear", "linear_attn_config")
    full: Any = inner.get("full_attn_layers")
    linear: Any = inner.get("kda_layers")
    if full is None and linear is None:
        full = [i + 1 for i in range(4, n_layers, 4)]
    elif not (is_list_of_layers(full) and is_list_of_layers(linear)) or (
        sorted(full + linear) != [*range(1, n_layers + 1)]
    ):
        raise UnsupportedModel(
            f"full_attn_layers and kda_layers do not name each of {n_layers} layers once"
        )
    full = set(full)
    return ["full_attention" if i + 1 in full else "linear_attention" for i in range(n_layers)]


def jamba_kinds(values: Values) -> list[str]:
    """Give attention to a layer in each period, at an offset."""
    period, offset = values["_attention_period"], values["_attention_offset"]
    return [
        "full_attention" if i % period == offset else "linear_attention"
        for i in range(values["n_layers"])
    ]


def nemotron_kinds(values: Values) -> list[str]:
    """Take the four layers of the library where a file lists none."""
    if values["n_layers"] not in (0, 4):
        raise UnsupportedModel("it lists no kinds of layer (hybrid_override_pattern)")
    return ["linear_attention", "moe", "full_attention", "mlp"]


def recurrent_gemma_kinds(values: Values) -> list[str]:
    """Repeat the kinds that the file lists."""
    kinds = values["_cycle"] or ["recurrent", "recurrent", "attention"]
    if not (isinstance(kinds, list) and all(k in ("recurrent", "attention") for k in kinds)):
        raise UnsupportedModel(
            f"block_types is {shown(kinds)}; it can name recurrent and attention"
        )
    return [str(kinds[i % len(kinds)]) for i in range(values["n_layers"])]


def mamba_widths(values: Values) -> None:
    """Widen the model for Mamba's features, and narrow it for its steps."""
    width = values["d_model"]
    if "state.kind" not in values:  # a hybrid without such layers
        return
    values["state.n_heads"] = values["state._expand"] * width
    values["state.d_value"] = values["state.n_key_heads"] = 1
    rank = values["state._rank"]
    if rank in (None, "auto"):
        rank = -(-width // 16)
    if type(rank) is not int or rank < 1:
        raise UnsupportedModel(
            f"the rank of the steps is {shown(rank)}; it can be auto or a number"
        )
    values["state.d_rank"] = rank


def mamba2_widths(values: Values) -> None:
    """Share the widened model among Mamba-2's heads."""
    if "state.kind" not in values:
        return
    heads, width = values["state.n_heads"], values["state._expand"] * values["d_model"]
    width = values.get("state._inner") or width
    each = values["state._head"]
    if each in (None, "auto"):
        each = width // heads
    if type(each) is not int or heads * each != width:
        raise UnsupportedModel(
            f"{heads} heads of {shown(each)} are not as wide as their layer, {width}"
        )
    values["state.d_value"] = each


def same_names(values: Values) -> None:
    """Insist that the names of the first Mamba files say the same as those of today."""
    for ours, theirs in (("d_model", "hidden_size"), ("n_layers", "num_hidden_layers")):
        older = {"d_model": "d_model", "n_layers": "n_layer"}[ours]
        agree(older, values[f"_{ours}"] or values[ours], theirs, values[ours])


def jamba(values: Values) -> None:
    """Give experts to a layer in each period, at an offset; one expert is an ordinary MLP."""
    period, offset = values["experts._period"], values["experts._offset"]
    if values["experts.n_experts"] == 1:
        _drop(values, "experts.")
    else:
        dense = (i for i in range(values["n_layers"]) if i % period != offset)
        values["experts.dense_layers"] = tuple(dense)


def nemotron_h(values: Values) -> None:
    """Leave out what no layer has, and compare the two names of a head's width."""
    if "state.kind" in values:
        values["state.d_value"] = values["state._head"]
    width = values["d_head"]
    agree("attention_head_dim", values["_head_width"] or width, "head_dim", width)
    n_dense = len(values["mixer_only_layers"]) + len(values["experts.dense_layers"])
    if n_dense == values["n_layers"]:
        _drop(values, "experts.")


def granite_hybrid(values: Values) -> None:
    """Take the MLP beside the experts for the only one where there are none."""
    if values["experts.n_experts"]:
        values["experts.d_ff_shared"] = values["d_ff"]
    else:
        _drop(values, "experts.")
    position = values.pop("_positions")
    if position not in (None, "rope", "nope"):
        raise UnsupportedModel(
            f"position_embedding_type is {shown(position)}; it can be rope or nope"
        )
    values["positions"] = "rope" if position == "rope" else "none"


def lfm2_width(values: Values) -> None:
    """Narrow the MLP to two thirds, and round up to a multiple, where the file says so."""
    if not values["_adjust"]:
        return
    width, factor, unit = 2 * values["d_ff"] // 3, values["_factor"], values["_multiple"]
    if factor is not None:
        if type(factor) not in (int, float) or not 0 < factor < 1e6:
            raise UnsupportedModel(
                f"block_ffn_dim_multiplier is {shown(factor)}; it must be a number"
            )
        width = -(-int(factor * width) // unit) * unit
    values["d_ff"] = width


def lightning_widths(values: Values) -> None:
    """Give linear attention as many heads of keys as of queries."""
    if "state.kind" in values:
        values["state.n_heads"] = values["state.n_key_heads"] = values["n_heads"]
        width = values["d_head"] or values["d_model"] // values["n_heads"]
        values["state.d_key"] = values["state.d_value"] = width


def recurrent_gemma(values: Values) -> None:
    """Share the recurrent width among the heads, and halve the MLP, whose maps are two."""
    width, heads = values.get("state._inner") or values["d_model"], values["n_heads"]
    if width % heads:
        raise UnsupportedModel(f"lru_width {width} is not a multiple of {heads} heads")
    values["d_ff"] //= 2
    if "state.kind" in values:
        values["state.n_heads"], values["state.d_value"] = heads, width // heads


def olmo_hybrid(values: Values) -> None:
    """Derive the heads of linear attention from those of attention where the file is silent."""
    if "state.kind" not in values:
        raise UnsupportedModel("no layer is linear_attention")
    for name in ("state.n_heads", "state.n_key_heads"):
        values[name] = values[name] or values["n_heads"]
    values["state.d_key"] = values["state.d_key"] or (
        3 * values["d_model"] // (4 * values["state.n_key_heads"])
    )
    values["state.d_value"] = values["state.d_value"] or 2 * values["state.d_key"]


def kimi_linear(values: Values) -> None:
    """Take the widths of linear_attn_config, and the layers with experts that the file lists."""
    n_layers = values["n_layers"]
    values["d_head"] = values["latent.d_nope"] + values["latent.d_rope"]
    if values["experts._typed"] is None:
        first = min(values["experts._first"], n_layers)
        values["experts._typed"] = ["dense"] * first + ["sparse"] * (n_layers - first)
    typed_mlps(values)
    if "state.kind" not in values:
        return
    given = {"d_key": "head_dim", "n_heads": "num_heads", "d_conv": "short_conv_kernel_size"}
    inner = inner_object(values, "_linear", "linear_attn_config")
    for ours, theirs in given.items():
        if theirs in inner:
            values[f"state.{ours}"] = whole(inner, theirs, 1, 1)
    values["state.n_key_heads"], values["state.d_value"] = (
        values["state.n_heads"], values["state.d_key"]
    )  # fmt: skip


def rwkv(values: Values) -> None:
    """Let the inner width and that of the MLP follow from D where the file is silent."""
    values["state.n_heads"] = values["state._inner"] or values["d_model"]
    values["state.d_value"] = 1
    four_times(values)


def _drop(values: Values, part: str) -> None:
    for name in [name for name in values if name.startswith(part)]:
        del values[name]
