"""Read an architecture from files: ModelConfig from config.json or GGUF, named arrays from both.

What is not known here is refused by name; nothing is guessed.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from paramlab import catalog
from paramlab.config import ModelConfig
from paramlab.headers import (
    LARGEST_JSON_BYTES,
    Header,
    Tensor,
    UnsupportedModel,
    read_gguf,
    read_json,
    read_safetensors,
)
from paramlab.params import Array, Count, count, tally

# ------------------------------------------------------------------ names in files, names here

# (module in the file, module here, what it is, its part). A linear or norm has .weight and .bias.
_LLAMA_GGUF = (
    ("token_embd", "embedding.tokens", "table", "token table"),
    ("blk.{i}.attn_norm", "blocks.{i}.attention_norm", "norm", "norms"),
    ("blk.{i}.attn_q", "blocks.{i}.attention.q", "linear", "attention"),
    ("blk.{i}.attn_k", "blocks.{i}.attention.k", "linear", "attention"),
    ("blk.{i}.attn_v", "blocks.{i}.attention.v", "linear", "attention"),
    ("blk.{i}.attn_output", "blocks.{i}.attention.o", "linear", "attention"),
    ("blk.{i}.ffn_norm", "blocks.{i}.mlp_norm", "norm", "norms"),
    ("blk.{i}.ffn_gate", "blocks.{i}.mlp.gate", "linear", "MLP"),
    ("blk.{i}.ffn_up", "blocks.{i}.mlp.up", "linear", "MLP"),
    ("blk.{i}.ffn_down", "blocks.{i}.mlp.down", "linear", "MLP"),
    ("output_norm", "final_norm", "norm", "norms"),
    ("output", "head", "linear", "output head"),
    ("rope_freqs", "rope_frequencies", "buffer", "positions"),
)
_GPT2_GGUF = (
    ("position_embd", "embedding.positions", "position", "position table"),
    ("blk.{i}.attn_qkv", "blocks.{i}.attention.qkv", "linear", "attention"),
    *_LLAMA_GGUF,
)
_LLAMA_HF = (
    ("model.embed_tokens", "embedding.tokens", "table", "token table"),
    ("model.layers.{i}.input_layernorm", "blocks.{i}.attention_norm", "norm", "norms"),
    ("model.layers.{i}.self_attn.q_proj", "blocks.{i}.attention.q", "linear", "attention"),
    ("model.layers.{i}.self_attn.k_proj", "blocks.{i}.attention.k", "linear", "attention"),
    ("model.layers.{i}.self_attn.v_proj", "blocks.{i}.attention.v", "linear", "attention"),
    ("model.layers.{i}.self_attn.o_proj", "blocks.{i}.attention.o", "linear", "attention"),
    ("model.layers.{i}.post_attention_layernorm", "blocks.{i}.mlp_norm", "norm", "norms"),
    ("model.layers.{i}.mlp.gate_proj", "blocks.{i}.mlp.gate", "linear", "MLP"),
    ("model.layers.{i}.mlp.up_proj", "blocks.{i}.mlp.up", "linear", "MLP"),
    ("model.layers.{i}.mlp.down_proj", "blocks.{i}.mlp.down", "linear", "MLP"),
    ("model.layers.{i}.self_attn.rotary_emb.inv_freq", "blocks.{i}.rope_frequencies", "buffer", "positions"),
    ("model.norm", "final_norm", "norm", "norms"),
    ("lm_head", "head", "linear", "output head"),
)
_GPT2_HF = (
    ("wte", "embedding.tokens", "table", "token table"),
    ("wpe", "embedding.positions", "position", "position table"),
    ("h.{i}.ln_1", "blocks.{i}.attention_norm", "norm", "norms"),
    ("h.{i}.attn.bias", "blocks.{i}.causal_mask", "buffer", "attention"),
    ("h.{i}.attn.masked_bias", "blocks.{i}.mask_value", "buffer", "attention"),
    ("h.{i}.attn.c_attn", "blocks.{i}.attention.qkv", "linear", "attention"),
    ("h.{i}.attn.c_proj", "blocks.{i}.attention.o", "linear", "attention"),
    ("h.{i}.ln_2", "blocks.{i}.mlp_norm", "norm", "norms"),
    ("h.{i}.mlp.c_fc", "blocks.{i}.mlp.up", "linear", "MLP"),
    ("h.{i}.mlp.c_proj", "blocks.{i}.mlp.down", "linear", "MLP"),
    ("ln_f", "final_norm", "norm", "norms"),
    ("lm_head", "head", "linear", "output head"),
)  # fmt: skip
_ROLES = {
    ("linear", "weight"): ("weight", ".weight"), ("linear", "bias"): ("bias", ".bias"),
    ("norm", "weight"): ("norm gain", ".gain"), ("norm", "bias"): ("norm bias", ".bias"),
    ("table", "weight"): ("embedding", ""), ("position", "weight"): ("position", ""),
    ("buffer", "weight"): ("buffer", ""), ("buffer", ""): ("buffer", ""),
}  # fmt: skip


def arrays_from_gguf(header: Header) -> tuple[Array, ...]:
    """Name the tensors of a GGUF file as :func:`paramlab.params.shapes` names them."""
    names = {"llama": _LLAMA_GGUF, "gpt2": _GPT2_GGUF}[_architecture(header.metadata)]
    return _translate(header.tensors, names)


def arrays_from_safetensors(header: Header) -> tuple[Array, ...]:
    """Name the tensors of a Llama or GPT-2 style safetensors file as the enumerator does."""
    bare = [t._replace(name=t.name.removeprefix("transformer.")) for t in header.tensors]
    style = _LLAMA_HF if any(t.name.startswith("model.") for t in bare) else _GPT2_HF
    return _translate(bare, style)


def _translate(tensors, names) -> tuple[Array, ...]:
    known = {theirs: rest for theirs, *rest in names}
    return tuple(_named(tensor, known) for tensor in tensors)


def _named(tensor: Tensor, known) -> Array:
    index = re.search(r"\.(\d+)\.", tensor.name)
    pattern = tensor.name.replace(index[0], ".{i}.", 1) if index else tensor.name
    module, _, suffix = (pattern, "", "") if pattern in known else pattern.rpartition(".")
    if module in known:
        ours, what, part = known[module]
        if (what, suffix) in _ROLES:
            role, ending = _ROLES[what, suffix]
            name = ours.format(i=index[1] if index else "") + ending
            return Array(name, tensor.shape, role, part)
    raise UnsupportedModel(f"tensor {tensor.name!r} is not part of an architecture known here, so nothing was counted")


# ------------------------------------------------------------------ configurations


def _architecture(metadata: dict[str, Any]) -> str:
    architecture = metadata.get("general.architecture")
    if architecture not in ("llama", "gpt2"):
        raise UnsupportedModel(f"the GGUF architecture {architecture!r} is not known here; llama and gpt2 are")
    return architecture


def config_from_gguf(header: Header) -> ModelConfig:
    """Return the architecture that a GGUF header describes (llama and gpt2)."""
    kind = _architecture(header.metadata)
    tensors = {t.name: t for t in header.tensors}

    def get(key: str, default: Any = None) -> Any:
        value = header.metadata.get(f"{kind}.{key}", default)
        if value is None:
            raise UnsupportedModel(f"the metadata lack {kind}.{key}")
        return value

    n_heads = get("attention.head_count")
    if "token_embd.weight" not in tensors:
        raise UnsupportedModel("it holds no token table (token_embd.weight)")
    if get("expert_count", 0):
        raise UnsupportedModel("a mixture of experts in a GGUF file is not known here")
    style = _LLAMA if kind == "llama" else {}
    return _checked(
        n_layers=get("block_count"),
        d_model=get("embedding_length"),
        n_heads=n_heads,
        d_ff=get("feed_forward_length"),
        vocab_size=tensors["token_embd.weight"].shape[0],
        n_ctx=get("context_length"),
        n_kv_heads=get("attention.head_count_kv", n_heads),
        d_head=get("attention.key_length", 0),
        tied="output.weight" not in tensors,
        norm_eps=get("attention.layer_norm_rms_epsilon" if kind == "llama" else "attention.layer_norm_epsilon", 1e-5),
        rope_theta=get("rope.freq_base", 10000.0),
        **style,
    )


_LLAMA = dict(
    positions="rope", norm="rmsnorm", activation="silu", gated_mlp=True,
    bias_qkv=False, bias_o=False, bias_mlp=False,
)  # fmt: skip

# config.json keys that say nothing about the number of parameters.
_HARMLESS = frozenset(
    """_name_or_path architectures attention_dropout attn_pdrop bos_token_id dtype embd_pdrop
    eos_token_id gradient_checkpointing initializer_range is_llama_config layer_norm_epsilon
    max_length model_type pad_token_id pretraining_tp reorder_and_upcast_attn resid_pdrop
    rms_norm_eps rope_interleaved rope_parameters rope_scaling rope_theta
    scale_attn_by_inverse_layer_idx scale_attn_weights summary_activation summary_first_dropout
    summary_proj_to_labels summary_type summary_use_proj task_specific_params torch_dtype
    transformers_version unk_token_id use_cache hidden_act activation_function
    transformers.js_config""".split()
)
_GPT2_ALIASES = {
    "hidden_size": "n_embd", "num_hidden_layers": "n_layer", "num_attention_heads": "n_head",
    "max_position_embeddings": "n_positions",
}  # fmt: skip


def read_configread_json(path: str | Path) -> ModelConfig:
    """Read a Hugging Face ``config.json`` of the GPT-2 or Llama family.

    Missing fields take the defaults of the transformers library. A field that is not known here
    and is set to something is refused, because it might change the count.

    Raises
    ------
    UnsupportedModel
        When the file is not such a config, contradicts itself, or is of another family.
    """
    try:
        with open(path, "rb") as file:
            return config_from_hf(read_json(file.read(LARGEST_JSON_BYTES + 1)))
    except UnsupportedModel as error:
        raise UnsupportedModel(f"{path}: {error}") from None


def config_from_hf(fields: dict[str, Any]) -> ModelConfig:
    """Return the architecture that the fields of a ``config.json`` describe.

    Examples
    --------
    >>> config_from_hf({"model_type": "gpt2"}).n_layers  # the library's default: GPT-2 small
    12
    """
    families = {"gpt2": (_gpt2, "GPT2"), "llama": (_llama, "Llama")}
    kind = fields.get("model_type")
    if kind not in families:
        raise UnsupportedModel(f"the model type {kind!r} is not known here; {' and '.join(families)} are")
    read, library_name = families[kind]
    heads = {f"{library_name}{head}" for head in ("LMHeadModel", "ForCausalLM")}
    declared = fields.get("architectures") or [next(iter(heads))]
    if not isinstance(declared, list) or not heads.issuperset(map(str, declared)):
        raise UnsupportedModel(f"architectures is {declared!r}; only the language model itself is counted")
    used = _Fields(fields)
    config = read(used)
    used.refuse_the_rest()
    return config


class _Fields:
    """The fields of a config.json, remembering which were asked for."""

    def __init__(self, fields: dict[str, Any]):
        self.fields, self.asked = fields, set(_HARMLESS)

    def get(self, name: str, default: Any) -> Any:
        self.asked.add(name)
        value = self.fields.get(name)
        return default if value is None else value

    def refuse_the_rest(self) -> None:
        for name, value in self.fields.items():
            if name not in self.asked and value not in (None, False, 0, "", [], {}):
                raise UnsupportedModel(f"the field {name!r} is not known here and may change the count")


def _gpt2(fields: _Fields) -> ModelConfig:
    for alias, name in _GPT2_ALIASES.items():
        if (value := fields.get(alias, None)) is not None and fields.fields.setdefault(name, value) != value:
            raise UnsupportedModel(f"{alias} is {value} but {name} is {fields.fields[name]}")
    d_model, n_ctx = fields.get("n_embd", 768), fields.get("n_positions", 1024)
    if fields.get("n_ctx", n_ctx) != n_ctx:
        raise UnsupportedModel(f"n_ctx is {fields.get('n_ctx', 0)} but n_positions is {n_ctx}")
    return _checked(
        n_layers=fields.get("n_layer", 12), d_model=d_model, n_heads=fields.get("n_head", 12),
        d_ff=fields.get("n_inner", 4 * d_model), vocab_size=fields.get("vocab_size", 50257), n_ctx=n_ctx,
        tied=fields.get("tie_word_embeddings", True),
        norm_eps=fields.get("layer_norm_epsilon", 1e-5),
    )  # fmt: skip


def _llama(fields: _Fields) -> ModelConfig:
    n_heads = fields.get("num_attention_heads", 32)
    attention_bias, mlp_bias = fields.get("attention_bias", False), fields.get("mlp_bias", False)
    rope = fields.get("rope_parameters", {})
    return _checked(
        n_layers=fields.get("num_hidden_layers", 32), d_model=fields.get("hidden_size", 4096),
        n_heads=n_heads, d_ff=fields.get("intermediate_size", 11008),
        vocab_size=fields.get("vocab_size", 32000), n_ctx=fields.get("max_position_embeddings", 2048),
        n_kv_heads=fields.get("num_key_value_heads", n_heads), d_head=fields.get("head_dim", 0),
        tied=fields.get("tie_word_embeddings", False),
        norm_eps=fields.get("rms_norm_eps", 1e-6),
        rope_theta=fields.get("rope_theta", rope.get("rope_theta", 10000.0) if isinstance(rope, dict) else 10000.0),
        **{**_LLAMA, "bias_qkv": attention_bias, "bias_o": attention_bias, "bias_mlp": mlp_bias},
    )  # fmt: skip


def _checked(**sizes) -> ModelConfig:
    try:
        return ModelConfig(**sizes)
    except ValueError as error:
        raise UnsupportedModel(str(error)) from None


# ------------------------------------------------------------------ anything that can be counted


class Counted(NamedTuple):
    """A count, what it is of, and what it rests on: weights, config or inferred."""

    name: str
    count: Count
    basis: str
    notes: tuple[str, ...] = ()


def count_source(source: str) -> Counted:
    """Count a catalogue name, a ``config.json``, a ``.gguf`` or a ``.safetensors`` file.

    Raises
    ------
    UnsupportedModel
        When the file is damaged or holds something that is not known here.
    LookupError
        When no model of the catalogue has that name, or its architecture is unknown.
    OSError
        When the file cannot be read.
    """
    path = Path(source)
    readers = {".json": _count_config, ".gguf": _count_gguf, ".safetensors": _count_safetensors}
    if path.suffix.lower() in readers:
        return readers[path.suffix.lower()](path)
    if path.is_file():
        raise UnsupportedModel(f"{source}: it is not a .json, .gguf or .safetensors file")
    return _count_published(catalog.find(source))


def _count_published(model: catalog.Model) -> Counted:
    notes = [f"published: {model.published_total or 'no total'}", f"source: {model.source}", model.note]
    if model.config:
        return Counted(model.name, count(model.config), model.basis or "", tuple(filter(None, notes)))
    if model.quoted_params:
        raise LookupError(
            f"{model.name} is not a transformer stack, so paramlab does not count it; "
            f"the diffusers library counts {model.quoted_params:,} ({model.source})"
        )
    raise LookupError(
        f"{model.name} has no public configuration to count; published: {model.published_total} ({model.source})"
    )


def _count_config(path: Path) -> Counted:
    return Counted(str(path), count(read_config_json(path)), "config")


def _count_gguf(path: Path) -> Counted:
    """Add up the tensors of the file, and insist that they are those its metadata describe."""
    header = read_gguf(path)
    try:
        counted = tally((1, array) for array in arrays_from_gguf(header))
        described = count(config_from_gguf(header))
    except UnsupportedModel as error:
        raise UnsupportedModel(f"{path}: {error}") from None
    if counted.by_role != described.by_role:
        raise UnsupportedModel(
            f"{path}: its tensors hold {counted.total:,} parameters, but its metadata describe {described.total:,}"
        )
    return Counted(header.metadata.get("general.name") or path.name, described, "weights")


def _count_safetensors(path: Path) -> Counted:
    header = read_safetensors(path)
    try:
        arrays = arrays_from_safetensors(header)
        _refuse_shard(arrays)
        return Counted(path.name, tally((1, array) for array in arrays), "weights")
    except UnsupportedModel as error:
        raise UnsupportedModel(f"{path}: {error}") from None


def _refuse_shard(arrays: tuple[Array, ...]) -> None:
    """A large model is often split over several files; one of them is not the model."""
    per_block = Counter(array.name.split(".")[1] for array in arrays if array.name.startswith("blocks."))
    names = {array.name for array in arrays}
    whole = {"embedding.tokens", "final_norm.gain"} <= names and len(set(per_block.values())) == 1
    if not whole or set(per_block) != set(map(str, range(len(per_block)))):
        raise UnsupportedModel("it holds only a part of a model; count the config.json beside it")
