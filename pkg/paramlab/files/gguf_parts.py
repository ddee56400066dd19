"""What the tensors of a GGUF file are for, by the names that llama.cpp gives them in every model.

The names are those of the tables of the ``gguf`` library (``gguf.constants.TENSOR_NAMES``).
"""

import re
from collections.abc import Mapping

from paramlab.files.layout import Header
from paramlab.params import Array, Count, tally

_OF_A_LAYER = re.compile(r"((enc|dec)\.)?(blk\.[0-9]+\.)?", re.S)
# A pattern for the rest of a name, what it is, and its part; the first that fits counts.
_PARTS = tuple(
    (re.compile(pattern), role, part)
    for pattern, role, part in (
        (r"token_embd", "embedding", "token table"),
        (r"per_layer_token_embd", "embedding", "table of each layer"),
        (r"token_types", "embedding", "segment table"),
        (r"position_embd|(cross_)?attn_rel_b", "position", "position table"),
        (r"nextn\..*", "weight", "prediction of further tokens"),
        (r".*norm(_[0-9]|_exps)?|time_mix_ln", "norm gain", "norms"),
        (r"output|dense_[23]|cls(\.output)?", "weight", "output head"),
        (r"(cross_)?attn_(q|k|v|qkv|o|output|gate|sinks)|indexer\..*", "weight", "attention"),
        (r"attn_(q_a|q_b|kv_a_mqa|kv_b|k_b|v_b)", "weight", "attention"),
        (r"ffn_gate_inp", "weight", "router"),
        (r"ffn_(gate_inp|gate|up|down)_shexp", "weight", "shared expert"),
        (r"ffn_latent_(up|down)", "weight", "expert projection"),
        (r"ffn_(gate|up|down|gate_up)(_exps|\.[0-9]+)", "weight", "experts"),
        (r"ffn(_(gate|up|down))?|channel_mix_.*", "weight", "MLP"),
        (r"(ssm|time_mix)_.*|shortconv\..*", "weight", "state layers"),
        (r"altup_.*|laurel_.*|per_layer_model_proj|inp_gate|proj|layer_output_scale", "weight",
         "side paths"),
    )
)  # fmt: skip


def role_and_part(name: str) -> tuple[str, str] | None:
    """Return what a tensor is and where it belongs; None if its name is not known here.

    Examples
    --------
    >>> role_and_part("blk.7.ffn_up_exps.weight"), role_and_part("blk.7.attn_q.bias")
    (('weight', 'experts'), ('bias', 'attention'))
    """
    bare = name[_OF_A_LAYER.match(name).end() :]  # type: ignore[union-attr]  # matches anything
    stem = bare.removesuffix(".weight").removesuffix(".bias")
    for pattern, role, part in _PARTS:
        if pattern.fullmatch(stem):
            if bare.endswith(".bias"):
                role = "norm bias" if role == "norm gain" else "bias"
            return role, part
    return None


def count_parts(header: Header, numbers: Mapping[str, int]) -> Count | None:
    """Count the tensors of a GGUF file by part and by role, if all names are known.

    Parameters
    ----------
    header
        Of all files of the model.
    numbers
        How many parameters each tensor stands for; what is no parameter is not among them.
    """
    arrays = []
    for name, n in numbers.items():
        if (known := role_and_part(name)) is None:
            return None
        arrays.append((1, Array(name, (n,), *known)))
    kind = header.metadata.get("general.architecture")
    get = {key: header.metadata.get(f"{kind}.{key}") for key in (
        "attention.causal", "expert_count", "expert_used_count")}  # fmt: skip
    causal, n_experts, n_active = get.values()
    table = numbers.get("token_embd.weight", 0)
    if "output.weight" not in numbers and causal is not False:  # the head is the token table
        arrays.append((1, Array("output.weight", (table,), "weight", "output head", "token_embd")))
    if not any(array.part == "experts" for _, array in arrays):
        return tally(arrays)
    if type(n_experts) is not int or type(n_active) is not int or not 0 < n_active <= n_experts:
        return None
    return tally(arrays, n_active, n_experts)
