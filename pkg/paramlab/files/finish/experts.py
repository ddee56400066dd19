"""Experts: which layers have some, how many, and how wide they are."""

from typing import Any

from paramlab.errors import UnsupportedModel, shown
from paramlab.files.finish.insist import Values, agree, check_kinds, is_list_of_layers, one_of


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
        check_kinds("mlp_layer_types", kinds, ("dense", "sparse"), values["n_layers"])
        dense = tuple(i for i, kind in enumerate(kinds) if kind == "dense")
        values["experts.dense_layers"] = dense


def hunyuan_experts(values: Values) -> None:
    """Read numbers that Tencent's files write once for each layer; here they must be the same."""
    values["experts.n_active"] = _only_value(values["experts._n_active"], 1)
    width = values["experts.d_ff_shared"] = values["experts.d_ff"]
    expert_width = _only_value(values["experts._expert_width"], width)
    agree("moe_intermediate_size", expert_width, "intermediate_size", width)
    one_of("num_shared_expert", _only_value(values["experts._n_shared"], 1), (1,))


def _only_value(value: Any, default: int) -> Any:
    if isinstance(value, list) and value and value == value[:1] * len(value):
        value = value[0]
    return default if value is None else value
