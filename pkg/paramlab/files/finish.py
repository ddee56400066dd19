"""What the rows of ``data/families.toml`` cannot say: rules that take a line of code.

A function that ``kinds_by`` of a row names lists the kinds of its layers where a file does not.
A function that ``finish`` of a row names changes the values that were read, in place; names with
an underscore are helps for it and no field of ModelConfig. A ``rule`` of a window says which layers
are local, from the fields of a config.json and the number of layers.
"""

from typing import Any

from paramlab.errors import UnsupportedModel, shown
from paramlab.files.families import everywhere

Values = dict[str, Any]

# ------------------------------------------------------------------ sizes that follow from others


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


def falcon(values: Values) -> None:
    """Read the key heads of the old and the new kind of block, and their norms."""
    if not values["_new"]:
        values["n_kv_heads"] = 1 if values["_one_key_head"] else values["n_heads"]
    n_norms = values["_n_norms"] or (2 if values["_new"] else 1)
    one_norm = values["_parallel"] and n_norms != 2
    values["block"] = "parallel" if one_norm else "sequential"


def rounded_head_width(values: Values) -> None:
    """Round D / N down where the file is silent."""
    values["d_head"] = values["d_head"] or values["d_model"] // values["n_heads"]


def latent_widths(values: Values) -> None:
    """Join the two parts of a head, and compare with what the file says of them."""
    nope, rope = values["latent.d_nope"], values["latent.d_rope"]
    both = "qk_nope_head_dim + qk_rope_head_dim"
    _agree("qk_head_dim", values["d_head"] or nope + rope, both, nope + rope)
    _agree("head_dim", values.get("latent._width") or rope, "qk_rope_head_dim", rope)
    values["d_head"] = nope + rope


# ------------------------------------------------------------------ experts


def shared_experts(values: Values) -> None:
    """Count shared experts as one MLP as wide as all of them."""
    values["experts.d_ff_shared"] = values["experts._n_shared"] * values["experts.d_ff"]


def wide_if_none_is_shared(values: Values) -> None:
    """Take no shared expert for one as wide as the MLP, as the library does."""
    values["experts.d_ff_shared"] = values["experts.d_ff_shared"] or values["d_ff"]


def dense_layers(values: Values) -> None:
    """Give experts to every so many layers from the first to the last, but for those named."""
    n_layers, step = values["n_layers"], values.get("experts._step", 1)
    first, last = values.get("experts._first", 0), values.get("experts._last", -1)
    last = n_layers - 1 if last == -1 else last
    dense = set(values.get("experts._dense", ()))
    values["experts.dense_layers"] = tuple(
        i for i in range(n_layers) if (i + 1) % step or not first <= i <= last or i in dense
    )


def listed_experts(values: Values) -> None:
    """Give experts to the layers that the file lists, if it does."""
    if (listed := values["experts._listed"]) is None:
        return
    if not is_list_of_layers(listed):
        raise UnsupportedModel(f"moe_layers is {shown(listed)}; it must be a list of layers")
    dense = set(range(values["n_layers"])).difference(listed)
    values["experts.dense_layers"] = tuple(sorted(dense))


def typed_mlps(values: Values) -> None:
    """Give experts to the layers that are called sparse, if the file calls them anything."""
    if (kinds := values["experts._typed"]) is not None:
        _check_kinds("mlp_layer_types", kinds, ("dense", "sparse"), values["n_layers"])
        dense = tuple(i for i, kind in enumerate(kinds) if kind == "dense")
        values["experts.dense_layers"] = dense


def indexers(values: Values) -> None:
    """Count the layers that choose by themselves which tokens to see; others take that choice."""
    n_layers, kinds = values["n_layers"], values.get("_indexers")
    if kinds is None and isinstance(pattern := values.get("_pattern"), str):
        kinds = [{"F": "full", "S": "shared"}.get(letter) for letter in pattern]
    if kinds is None:
        every, offset = values.get("_every", 1), values.get("_offset", 0)
        kinds = ["shared" if max(i - offset + 1, 0) % every else "full" for i in range(n_layers)]
    _check_kinds("indexer_types", kinds, ("full", "shared"), n_layers)
    values["_n_indexers"] = kinds.count("full")


def _check_kinds(name: str, kinds: Any, known: tuple[str, ...], n_layers: int) -> None:
    if not isinstance(kinds, list) or any(kind not in known for kind in kinds):
        raise UnsupportedModel(
            f"{name} is {shown(kinds)}; it must be a list of {' and '.join(known)}"
        )
    if len(kinds) != n_layers:
        raise UnsupportedModel(f"{name} names {len(kinds)} layers, but there are {n_layers}")


def hunyuan_experts(values: Values) -> None:
    """Read numbers that Tencent's files write once for each layer; here they must be the same."""
    values["experts.n_active"] = _only_value(values["experts._n_active"], 1)
    width = values["experts.d_ff_shared"] = values["experts.d_ff"]
    expert_width = _only_value(values["experts._expert_width"], width)
    _agree("moe_intermediate_size", expert_width, "intermediate_size", width)
    one_of("num_shared_expert", _only_value(values["experts._n_shared"], 1), (1,))


def _only_value(value: Any, default: int) -> Any:
    if isinstance(value, list) and value and value == value[:1] * len(value):
        value = value[0]
    return default if value is None else value


# ------------------------------------------------------------------ single families


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


def masked_head(values: Values) -> None:
    """Insist that the output head of an encoder reuses the token table."""
    if values.get("bias_head") and values.get("output_head", True):
        one_of("tie_word_embeddings", values["_tied"], (True,))


def value_width(values: Values) -> None:
    """Make values as wide as D / N where the file is silent."""
    values["latent.d_value"] = values["latent.d_value"] or values["d_model"] // values["n_heads"]


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


def half_as_wide(values: Values) -> None:
    """Divide the width of the MLP between the gate and what it gates, as Qwen's first code does."""
    values["d_ff"] //= 2


def key_groups(values: Values) -> None:
    """Share keys and values in so many groups, if the file says that they are shared."""
    values["n_kv_heads"] = values["_groups"] if values["_grouped"] else values["n_heads"]


def one_vision_layer(values: Values) -> None:
    """Insist that the projector reads one layer of the vision encoder, whichever."""
    if not isinstance(values["_feature_layer"], int | None):
        raise UnsupportedModel("vision_feature_layer names more than one layer, not known here")


def merged_patches(values: Values) -> None:
    """Multiply the height and the width of the patches that become one."""
    sides = [2, 2] if values["_merge"] is None else values["_merge"]
    if not is_list_of_layers(sides) or len(sides) != 2:
        raise UnsupportedModel(f"merge_kernel_size is {shown(sides)}; it must be two whole numbers")
    values["_n_merged"] = sides[0] * sides[1]


def grid_of_patches(values: Values) -> None:
    """Count the patches of a picture, whose sides a file gives as one number or two."""
    one_of("norm_type", values["_norm_type"], ("layer_norm", "rms_norm"))
    sides = {}
    for name, default in {"image_size": 448, "patch_size": 14}.items():
        given = values[f"_{name}"]
        given = default if given is None else given
        sides[name] = both = given if isinstance(given, list) else [given, given]
        if not is_list_of_layers(both) or len(both) != 2 or min(both) < 1:
            raise UnsupportedModel(f"{name} is {shown(given)}; it must be a size, or two")
    (height, width), (high, wide) = sides.values()
    values |= {"_n_patches": (height // high) * (width // wide), "_patch_area": high * wide}


def cross_attention_layers(values: Values) -> None:
    """Count the layers in which attention sees the picture."""
    values["_n_cross"] = len({*values["_cross_attention_layers"]} & {*range(values["n_layers"])})


def aspect_ratios(values: Values) -> None:
    """Count the shapes of pictures, each of which has rows of its own."""
    ratios = [[]] * 8 if values["_ratios"] is None else values["_ratios"]
    if not isinstance(ratios, list):
        raise UnsupportedModel(f"supported_aspect_ratios is {shown(ratios)}; it must be a list")
    values["_n_ratios"] = len(ratios)


def mobilebert(values: Values) -> None:
    """Leave out the pooler where classifier_activation is false."""
    narrow = values["_intra_bottleneck_size"]
    width = values["_true_hidden_size"] or narrow
    _agree("true_hidden_size", width, "intra_bottleneck_size", narrow)
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
        _agree("is_gated_act", values["_gated"], "feed_forward_proj's", gate == "gated")
    values["n_layers"] = values["n_layers"] or values["n_encoder_layers"]
    if values.get("_encoder_alone"):
        values |= {"n_layers": values["n_encoder_layers"], "n_encoder_layers": 0, "causal": False}


def deepseek_v4(values: Values) -> None:
    """Count the layers that choose experts by the token alone; read how many tokens become one."""
    n_layers, kinds = values["n_layers"], values["_mlps"]
    values["_n_hash"] = min(values["_num_hash_layers"], n_layers)
    if kinds is not None:
        _check_kinds("mlp_layer_types", kinds, ("hash_moe", "moe"), n_layers)
        values["_n_hash"] = kinds.count("hash_moe")
    rates = _inner(values, "_rates", "compress_rates")
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
        _agree(name, values[f"_{name}"] or values[ours], name.removeprefix("swa_"), values[ours])
    values["_n_local_kv_heads"] = values["_swa_num_key_value_heads"] or 2 * keys
    if (pattern := values["experts._frequency"]) is not None:
        kinds = _named("moe_layer_freq", pattern, ["dense", "sparse"], n_layers)
        values["experts._typed"] = values["experts._typed"] or kinds
        _agree("moe_layer_freq", kinds, "mlp_layer_types", values["experts._typed"])
    if values["experts._typed"] is None:
        values["experts.dense_layers"] = (0,)
    typed_mlps(values)


def mimo_v2_kinds(values: Values) -> list[str]:
    """Read hybrid_layer_pattern, or look at everything in the first layer and in every sixth."""
    names, n_layers = ["full_attention", "sliding_attention"], values["n_layers"]
    pattern = values["_pattern"]
    if pattern is None:
        pattern = [int(i > 0 and (i + 1) % 6 > 0) for i in range(n_layers)]
    return _named("hybrid_layer_pattern", pattern, names, n_layers)


def step3p5(values: Values) -> None:
    """Read how many heads the local layers have, and which layers have experts."""
    if isinstance(theta := values["rope_theta"], list) and theta:
        values["rope_theta"] = theta[0]  # one for each layer; no parameter depends on it
    n_layers, listed = values["n_layers"], values["experts._listed"]
    other = _inner(values, "_other", "attention_other_setting")
    for name, ours in {"num_attention_groups": "n_kv_heads", "head_dim": "d_head"}.items():
        _agree(f"attention_other_setting.{name}", other.get(name, values[ours]), name, values[ours])
    n_heads = values["_num_sliding_attention_heads"] or whole(
        other, "num_attention_heads", values["n_heads"], 1
    )
    values["_n_local_heads"] = n_heads
    expected = {str(i): {"num_attention_heads": n_heads} for i in values["_local"]}
    if values["_overrides"] is not None and (values["_overrides"] or n_heads != values["n_heads"]):
        _agree("per_layer_config", values["_overrides"], "what it should be", expected)
    if isinstance(listed, str):
        listed = [int(each) if each.strip().isdecimal() else each for each in listed.split(",")]
    listed = [*range(3, n_layers)] if listed is None else listed
    if not is_list_of_layers(listed):
        raise UnsupportedModel(f"moe_layers_enum is {shown(listed)}; it must be a list of layers")
    values["experts.dense_layers"] = tuple(sorted({*range(n_layers)}.difference(listed)))
    typed_mlps(values)


def step3p7_vision(values: Values) -> None:
    """Multiply the width of the vision encoder for its MLP, and round down."""
    ratio = values["_mlp_ratio"]
    ratio = 8960 / 1536 if ratio is None else ratio
    if type(ratio) not in (int, float) or not 0 < ratio < 1e6:
        raise UnsupportedModel(f"mlp_ratio is {shown(ratio)}; it must be a number")
    values["_mlp_width"] = int(values["_hidden_size"] * ratio)


def _named(name: str, pattern: Any, names: list[str], n_layers: int) -> list[str]:
    """Read a list of 0 and 1, one for each layer."""
    if not is_list_of_layers(pattern) or not {0, 1} >= {*pattern} or len(pattern) != n_layers:
        raise UnsupportedModel(
            f"{name} is {shown(pattern)}; it must be a list of 0 and 1, for each layer"
        )
    return [names[each] for each in pattern]


# ------------------------------------------------------------------ layers with a state


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
    return ["full_attention" if i in named else other for i in range(n_layers)]


def kinds_must_be_listed(values: Values) -> list[str]:
    """Refuse a file that does not say which layers are of which kind."""
    raise UnsupportedModel("it lists no kinds of layer (layer_types)")


def kimi_kinds(values: Values) -> list[str]:
    """Give attention to the layers that linear_attn_config names from 1 on, or to every fourth."""
    n_layers, inner = values["n_layers"], _inner(values, "_linear", "linear_attn_config")
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
        _agree(older, values[f"_{ours}"] or values[ours], theirs, values[ours])


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
    _agree("attention_head_dim", values["_head_width"] or width, "head_dim", width)
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
        kinds = ["dense"] * values["experts._first"] + ["sparse"] * n_layers
        values["experts._typed"] = kinds[:n_layers]
    typed_mlps(values)
    if "state.kind" not in values:
        return
    given = {"d_key": "head_dim", "n_heads": "num_heads", "d_conv": "short_conv_kernel_size"}
    inner = _inner(values, "_linear", "linear_attn_config")
    for ours, theirs in given.items():
        if theirs in inner:
            values[f"state.{ours}"] = whole(inner, theirs, 1, 1)
    values["state.n_key_heads"], values["state.d_value"] = (
        values["state.n_heads"], values["state.d_key"]
    )  # fmt: skip


def _inner(values: Values, ours: str, theirs: str) -> dict[str, Any]:
    inner = values[ours] or {}
    if not isinstance(inner, dict):
        raise UnsupportedModel(f"{theirs} is not an object")
    return inner


def rwkv(values: Values) -> None:
    """Let the inner width and that of the MLP follow from D where the file is silent."""
    values["state.n_heads"] = values["state._inner"] or values["d_model"]
    values["state.d_value"] = 1
    four_times(values)


def _drop(values: Values, part: str) -> None:
    for name in [name for name in values if name.startswith(part)]:
        del values[name]


# ------------------------------------------------------------------ windows


def local_in_smollm3(fields: dict[str, Any], n_layers: int) -> set[int]:
    """Return the layers without rotation: they are local, if windows are used at all."""
    every, listed = whole(fields, "no_rope_layer_interval", 4, 1), fields.get("no_rope_layers")
    if listed is None:
        listed = [(i + 1) % every for i in range(n_layers)]
    if not isinstance(listed, list) or len(listed) != n_layers:
        raise UnsupportedModel(f"no_rope_layers is no list of {n_layers} layers")
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


# ------------------------------------------------------------------ helps


def whole(fields: dict[str, Any], name: str, default: int, least: int = 0) -> int:
    """Return a whole number that is not below the least, or refuse it."""
    value = fields.get(name, default)
    if type(value) is not int or value < least:
        raise UnsupportedModel(
            f"{name} is {shown(value)}; it must be a whole number of at least {least}"
        )
    return value


def is_list_of_layers(value: Any) -> bool:
    """Say whether a value names layers by their index."""
    return isinstance(value, list) and all(type(i) is int for i in value)


def one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    """Refuse a field whose other values would mean another model."""
    if value not in allowed or type(value) is not type(allowed[0]):
        known = " or ".join(map(repr, allowed))
        raise UnsupportedModel(f"{name} is {shown(value)}; only {known} is known here")


def _agree(name: str, value: Any, other: str, expected: Any) -> None:
    if value != expected:
        raise UnsupportedModel(f"{name} is {shown(value)} but {other} is {shown(expected)}")
