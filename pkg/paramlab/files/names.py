"""What the arrays of a model are called here, and what weight files of others call them."""

import re
from collections.abc import Iterable

from paramlab.errors import UnknownArchitecture, shown
from paramlab.files.layout import Header, StoredArray
from paramlab.params import Array

# The module here; what it is; its part; then its names in GGUF files, in Llama's and in GPT-2's
# files from Hugging Face ("" where it does not occur). {i} is the layer. A linear map or a norm
# has a .weight and perhaps a .bias.
_MODULES = (
    ("embedding.tokens", "table", "token table", "token_embd", "model.embed_tokens", "wte"),
    ("embedding.positions", "position", "position table", "position_embd", "", "wpe"),
    ("blocks.{i}.attention_norm", "norm", "norms", "attn_norm", "input_layernorm", "ln_1"),
    ("blocks.{i}.attention.qkv", "linear", "attention", "attn_qkv", "", "attn.c_attn"),
    ("blocks.{i}.attention.q", "linear", "attention", "attn_q", "self_attn.q_proj", ""),
    ("blocks.{i}.attention.k", "linear", "attention", "attn_k", "self_attn.k_proj", ""),
    ("blocks.{i}.attention.v", "linear", "attention", "attn_v", "self_attn.v_proj", ""),
    ("blocks.{i}.attention.q_norm", "norm", "norms", "", "self_attn.q_norm", ""),
    ("blocks.{i}.attention.k_norm", "norm", "norms", "", "self_attn.k_norm", ""),
    ("blocks.{i}.attention.o", "linear", "attention",
     "attn_output", "self_attn.o_proj", "attn.c_proj"),
    ("blocks.{i}.mlp_norm", "norm", "norms", "ffn_norm", "post_attention_layernorm", "ln_2"),
    ("blocks.{i}.mlp.gate", "linear", "MLP", "ffn_gate", "mlp.gate_proj", ""),
    ("blocks.{i}.mlp.up", "linear", "MLP", "ffn_up", "mlp.up_proj", "mlp.c_fc"),
    ("blocks.{i}.mlp.down", "linear", "MLP", "ffn_down", "mlp.down_proj", "mlp.c_proj"),
    ("final_norm", "norm", "norms", "output_norm", "model.norm", "ln_f"),
    ("head", "linear", "output head", "output", "lm_head", "lm_head"),
    # Constants that a program could compute, stored beside what was learned.
    ("rope_frequencies", "buffer", "positions", "rope_freqs", "", ""),
    ("blocks.{i}.rope", "buffer", "positions", "", "self_attn.rotary_emb.inv_freq", ""),
    ("blocks.{i}.causal_mask", "buffer", "attention", "", "", "attn.bias"),
    ("blocks.{i}.mask_value", "buffer", "attention", "", "", "attn.masked_bias"),
)  # fmt: skip
# The same for BERT's files from Hugging Face.
_BERT: "Known" = {
    "embeddings.word_embeddings": ("embedding.tokens", "table", "token table"),
    "embeddings.position_embeddings": ("embedding.positions", "position", "position table"),
    "embeddings.token_type_embeddings": ("embedding.segments", "table", "segment table"),
    "embeddings.LayerNorm": ("embedding.norm", "norm", "norms"),
    "embeddings.position_ids": ("embedding.position_ids", "buffer", "positions"),
    **{
        "encoder.layer.{i}." + theirs: ("blocks.{i}." + ours, what, part)
        for theirs, ours, what, part in (
            ("attention.self.query", "attention.q", "linear", "attention"),
            ("attention.self.key", "attention.k", "linear", "attention"),
            ("attention.self.value", "attention.v", "linear", "attention"),
            ("attention.output.dense", "attention.o", "linear", "attention"),
            ("attention.output.LayerNorm", "attention_norm", "norm", "norms"),
            ("intermediate.dense", "mlp.up", "linear", "MLP"),
            ("output.dense", "mlp.down", "linear", "MLP"),
            ("output.LayerNorm", "mlp_norm", "norm", "norms"),
        )
    },
    "pooler.dense": ("pooler", "linear", "pooler"),
}
_ROLES = {
    ("linear", "weight"): ("weight", ".weight"), ("linear", "bias"): ("bias", ".bias"),
    ("norm", "weight"): ("norm gain", ".gain"), ("norm", "bias"): ("norm bias", ".bias"),
    ("table", "weight"): ("embedding", ""), ("position", "weight"): ("position", ""),
    ("buffer", "weight"): ("buffer", ""), ("buffer", ""): ("buffer", ""),
}  # fmt: skip
Known = dict[str, tuple[str, str, str]]  # name in the file: module here, what it is, its part


def _known(column: int, layer: str) -> Known:
    """Take one column of the table: names in the file, of which layers begin with ``layer``."""
    known = {}
    for ours, what, part, *theirs in _MODULES:
        if theirs[column]:
            prefix = layer if "{i}" in ours else ""
            known[prefix + theirs[column]] = (ours, what, part)
    return known


_GGUF, _LLAMA, _GPT2 = _known(0, "blk.{i}."), _known(1, "model.layers.{i}."), _known(2, "h.{i}.")


def arrays_from_gguf(header: Header) -> tuple[Array, ...]:
    """Name the tensors of a GGUF file as :func:`paramlab.params.shapes` names them.

    Shapes stay as in the file: a weight maps (d_out, d_in).
    """
    return _translate(header.tensors, _GGUF)


def arrays_from_safetensors(header: Header) -> tuple[Array, ...]:
    """Name the tensors of a Llama, BERT or GPT-2 style safetensors file as the enumerator does.

    Shapes stay as in the file: a weight maps (d_out, d_in), but for GPT-2, where (d_in, d_out).
    """
    bare = [t._replace(name=t.name.removeprefix("transformer.")) for t in header.tensors]
    first = {tensor.name.partition(".")[0] for tensor in bare}
    known = _LLAMA if "model" in first else _BERT if "embeddings" in first else _GPT2
    return _translate(bare, known)


def _translate(tensors: Iterable[StoredArray], known: Known) -> tuple[Array, ...]:
    return tuple(_named(tensor, known) for tensor in tensors)


def _named(tensor: StoredArray, known: Known) -> Array:
    index = re.search(r"\.([0-9]+)\.", tensor.name)
    pattern = tensor.name.replace(index[0], ".{i}.", 1) if index else tensor.name
    module, _, suffix = (pattern, "", "") if pattern in known else pattern.rpartition(".")
    if module in known:
        ours, what, part = known[module]
        if (what, suffix) in _ROLES:
            role, ending = _ROLES[what, suffix]
            name = ours.format(i=index[1] if index else "") + ending
            return Array(name, tensor.shape, role, part)
    raise UnknownArchitecture(
        f"tensor {shown(tensor.name)} is not part of an architecture known here, so nothing was "
        "counted"
    )
