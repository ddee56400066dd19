"""Families with a rule of their own."""

from typing import Any

from paramlab.errors import UnsupportedModel, shown
from paramlab.files.families import everywhere
from paramlab.files.finish.experts import typed_mlps
from paramlab.files.finish.insist import (
    Values,
    agree,
    check_kinds,
    inner_object,
    is_list_of_layers,
    one_of,
    whole,
    zeros_and_ones,
)


def falcon(values: Values) -> None:
    """Read the key heads of the old and the new kind of block, and their norms."""
    if not values["_new"]:
        values["n_kv_heads"] = 1 if values["_one_key_head"] else values["n_heads"]
    n_norms = values["_n_norms"] or (2 if values["_new"] else 1)
    one_norm = values["_parallel"] and n_norms != 2
    values["block"] = "parallel" if one_norm else "sequential"


def mpt(values: Values) -> None:
    """Check the fields of attn_config, which are like those of the file."""
    attention = values["_attention"] or {}
    if not isinstance(attention, dict):
        raise UnsupportedModel("attn_config is not an object")
    harmless = "alibi_bias_max attn_impl attn_pdrop attn_uses_sequence_id clip_qkv softmax_scale"
    only = {"alibi": True, "attn_type": "multihead_attention", "qk_ln": False, "prefix_lm": False}
    for name, value in ({"alibi": True} | attention).items():
        if name in only:
            one_of(f"attn_config.{name}", value, (only[name],))
        elif name not in everywhere().harmless.union(harmless.split()) and value:
            raise UnsupportedModel(f"attn_config.{name} is not known here")


def gemma4_unified(values: Values) -> None:
    """Insist that there are no experts and no inputs for each layer, as in Gemma 4 there may be."""
    one_of("hidden_size_per_layer_input", values["_hidden_size_per_layer_input"], (0,))
    one_of("enable_moe_block", values["_enable_moe_block"], (False,))
    gemma4(values)


def gemma4(values: Values) -> None:
    """Count the layers of each kind: local or global, with keys of their own or of others."""
    n_layers, kinds = values["n_layers"], values["_kinds"]
    if not isinstance(kinds, list):  # anything but null is refused later
        kinds = ["full_attention" if i % 6 == 5 else "sliding_attention" for i in range(n_layers)]
    kinds = ["full_attention" if i == n_layers - 1 else kind for i, kind in enumerate(kinds)]
    n_own = _own_keys(values)
    values["_n_local"] = kinds.count("sliding_attention")
    values["_n_local_own"] = kinds[:n_own].count("sliding_attention")
    values["_n_global"] = kinds.count("full_attention")
    values["_n_global_own"] = kinds[:n_own].count("full_attention")
    values["_n_wide"] = n_layers - n_own if values["_use_double_wide_mlp"] else 0
    shared = values["_num_global_key_value_heads"] if values["_attention_k_eq_v"] else 0
    if (
        values["_overrides"] is not None and len(kinds) == n_layers
    ):  # as version 5 of the library writes it
        layers = [str(i) for i, kind in enumerate(kinds) if kind == "full_attention"]
        values["_global_head_dim"], shared = _same_widths(values["_overrides"], layers, values)
    values["_n_global_kv_heads"] = shared or values["n_kv_heads"]
    if not values["_enable_moe_block"]:
        for name in ("n_experts", "n_active", "d_ff"):
            del values[f"experts.{name}"]


def gemma3n(values: Values) -> None:
    """Add up the widths of the MLPs, which may differ, and count the layers with keys."""
    widths, n_layers = values["_widths"], values["n_layers"]
    widths = (
        [16384 if widths is None else widths] * n_layers if type(widths) is not list else widths
    )
    if len(widths) != n_layers or not all(type(width) is int and width > 0 for width in widths):
        raise UnsupportedModel(
            f"intermediate_size is {shown(widths)}; it must be a width, or one a layer"
        )
    values |= {"d_ff": max(widths), "_all_widths": sum(widths), "_n_own": _own_keys(values)}


def _same_widths(overrides: Any, layers: list[str], values: Values) -> tuple[int, int]:
    """Return the head width and the key heads of the global layers, if all have the same."""
    given = list(overrides.values()) if isinstance(overrides, dict) else []
    named = sorted(str(name).lstrip("0") or "0" for name in overrides) if given else []
    first = given[0] if given else None
    if not isinstance(first, dict) or given != given[:1] * len(given) or named != sorted(layers):
        raise UnsupportedModel(
            "per_layer_config is not the same for all global layers, and no others"
        )
    width, heads = first.get("head_dim", values["d_head"]), first.get("num_key_value_heads", 0)
    known = first.keys() <= {"head_dim", "num_key_value_heads"}
    if not known or type(width) is not int or type(heads) is not int or width < 1 or heads < 0:
        raise UnsupportedModel(f"per_layer_config holds {shown(first)}, which is not known here")
    return width, heads


def _own_keys(values: Values) -> int:
    """Return how many layers make keys and values; the last ones use those of earlier ones."""
    own = values["n_layers"] - values["_num_kv_shared_layers"]
    if own <= 0:
        raise UnsupportedModel("num_kv_shared_layers leaves no layer that makes keys and values")
    return own


def mobilebert(values: Values) -> None:
    """Leave out the pooler where classifier_activation is false."""
    narrow = values["_intra_bottleneck_size"]
    width = values["_true_hidden_size"] or narrow
    agree("true_hidden_size", width, "intra_bottleneck_size", narrow)
    values["pooler"] &= values["_classifier_activation"]


def esm(values: Values) -> None:
    """Read whether positions have a table, or rotate."""
    one_of("position_embedding_type", values["_positions"], ("absolute", "rotary"))
    values["positions"] = "learned" if values["_positions"] == "absolute" else "rope"


def deberta(values: Values) -> None:
    """Read the kinds of distance, how many distances have a vector, and the width of the pooler."""
    kinds = values["_kinds"] or []
    values["_kinds"] = kinds.lower().split("|") if isinstance(kinds, str) else kinds
    farthest, buckets = values["_max_relative_positions"], values["_position_buckets"]
    values["_n_distances"] = farthest if farthest > 0 else values["n_ctx"]
    if buckets > 0:
        values["_n_distances"] = buckets
    values["_pooler_hidden_size"] = values["_pooler_hidden_size"] or values["d_model"]


def longt5(values: Values) -> None:
    """Insist on a kind of encoder that is known."""
    kinds = ("local", "transient-global")
    one_of("encoder_attention_type", values["_encoder_attention_type"], kinds)
    t5(values)


def t5(values: Values) -> None:
    """Read the kind of MLP from its name, and whether there is an encoder alone."""
    if values["_activation"] is not None:
        one_of("dense_act_fn", values["_activation"], tuple(everywhere().activations))
    gate, _, values["activation"] = values["_mlp"].rpartition("-")
    if gate not in ("", "gated"):
        raise UnsupportedModel(
            f"feed_forward_proj is {shown(values['_mlp'])}; it is not known here"
        )
    values["gated_mlp"] = gate == "gated"
    if values["_gated"] is not None:
        agree("is_gated_act", values["_gated"], "feed_forward_proj's", gate == "gated")
    values["n_layers"] = values["n_layers"] or values["n_encoder_layers"]
    if values.get("_encoder_alone"):
        values |= {"n_layers": values["n_encoder_layers"], "n_encoder_layers": 0, "causal": False}


def deepseek_v4(values: Values) -> None:
    """Count the layers that choose experts by the token alone; read how many tokens become one."""
    n_layers, kinds = values["n_layers"], values["_mlps"]
    values["_n_hash"] = min(values["_num_hash_layers"], n_layers)
    if kinds is not None:
        check_kinds("mlp_layer_types", kinds, ("hash_moe", "moe"), n_layers)
        values["_n_hash"] = kinds.count("hash_moe")
    rates = inner_object(values, "_rates", "compress_rates")
    sparse, heavy = "compressed_sparse_attention", "heavily_compressed_attention"
    values["_rate_sparse"] = values["_compress_rate_csa"] or whole(rates, sparse, 4, 1)
    values["_rate_heavy"] = values["_compress_rate_hca"] or whole(rates, heavy, 128, 1)


def deepseek_v4_kinds(values: Values) -> list[str]:
    """Read compress_ratios, or take two layers that compress heavily, then every other one."""
    n_layers, ratios = values["n_layers"], values["_ratios"]
    if ratios is None:
        ratios = [4 if i > 1 and i % 2 else 128 for i in range(n_layers)]
    names = {0: "sliding_attention", 4: "compressed_sparse_attention"}
    names[128] = "heavily_compressed_attention"
    if not (is_list_of_layers(ratios) and len(ratios) >= n_layers and names.keys() >= {*ratios}):
        raise UnsupportedModel(
            f"compress_ratios is {shown(ratios)}; it must be a list of 0, 4 and 128, for each layer"
        )
    return [names[ratio] for ratio in ratios[:n_layers]]


def mimo_v2(values: Values) -> None:
    """Give local layers twice the key heads, and experts to all layers but those that are dense."""
    n_layers, keys = values["n_layers"], values["n_kv_heads"] or values["n_heads"]
    same = {"swa_num_attention_heads": "n_heads", "swa_head_dim": "d_head"}
    for name, ours in {**same, "swa_v_head_dim": "_v_head_dim"}.items():
        agree(name, values[f"_{name}"] or values[ours], name.removeprefix("swa_"), values[ours])
    values["_n_local_kv_heads"] = values["_swa_num_key_value_heads"] or 2 * keys
    if (pattern := values["experts._frequency"]) is not None:
        kinds = zeros_and_ones("moe_layer_freq", pattern, ["dense", "sparse"], n_layers)
        values["experts._typed"] = values["experts._typed"] or kinds
        agree("moe_layer_freq", kinds, "mlp_layer_types", values["experts._typed"])
    if values["experts._typed"] is None:
        values["experts.dense_layers"] = (0,)
    typed_mlps(values)


def mimo_v2_kinds(values: Values) -> list[str]:
    """Read hybrid_layer_pattern, or look at everything in the first layer and in every sixth."""
    names, n_layers = ["full_attention", "sliding_attention"], values["n_layers"]
    pattern = values["_pattern"]
    if pattern is None:
        pattern = [int(i > 0 and (i + 1) % 6 > 0) for i in range(n_layers)]
    return zeros_and_ones("hybrid_layer_pattern", pattern, names, n_layers)


def step3p5(values: Values) -> None:
    """Read how many heads the local layers have, and which layers have experts."""
    if isinstance(theta := values["rope_theta"], list) and theta:
        values["rope_theta"] = theta[0]  # one for each layer; no parameter depends on it
    n_layers, listed = values["n_layers"], values["experts._listed"]
    other = inner_object(values, "_other", "attention_other_setting")
    for name, ours in {"num_attention_groups": "n_kv_heads", "head_dim": "d_head"}.items():
        agree(f"attention_other_setting.{name}", other.get(name, values[ours]), name, values[ours])
    n_heads = values["_num_sliding_attention_heads"] or whole(
        other, "num_attention_heads", values["n_heads"], 1
    )
    values["_n_local_heads"] = n_heads
    expected = {str(i): {"num_attention_heads": n_heads} for i in values["_local"]}
    if values["_overrides"] is not None and (values["_overrides"] or n_heads != values["n_heads"]):
        agree("per_layer_config", values["_overrides"], "what it should be", expected)
    if isinstance(listed, str):
        listed = [int(each) if each.strip().isdecimal() else each for each in listed.split(",")]
    listed = [*range(3, n_layers)] if listed is None else listed
    if not is_list_of_layers(listed):
        raise UnsupportedModel(f"moe_layers_enum is {shown(listed)}; it must be a list of layers")
    values["experts.dense_layers"] = tuple(sorted({*range(n_layers)}.difference(listed)))
    typed_mlps(values)
