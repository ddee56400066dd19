"""The architecture of a weight file: from its metadata, or from the shapes of its arrays."""

from collections.abc import Iterable
from math import prod
from typing import Any

from paramlab.config import ModelConfig
from paramlab.errors import UnknownArchitecture, UnsupportedModel, shown
from paramlab.files.layout import Header
from paramlab.params import Array

# What the files of Llama and its relatives have in common.
_LLAMA: dict[str, Any] = dict(positions="rope", norm="rmsnorm", activation="silu", gated_mlp=True)

_ROUTER = "blk.0.ffn_gate_inp.weight"  # of a mixture of experts

# And what those of BERT have.
_BERT: dict[str, Any] = dict(
    block="post_norm", causal=False, embedding_norm=True, final_norm=False, activation="gelu_exact"
)


def _architecture(metadata: dict[str, Any]) -> str:
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str):
        raise UnsupportedModel("its metadata name no architecture (general.architecture)")
    if architecture not in ("llama", "gpt2"):
        raise UnknownArchitecture(
            f"the GGUF architecture {shown(architecture)} is not known here; llama and gpt2 are"
        )
    return architecture


def config_from_gguf(header: Header) -> ModelConfig:
    """Return the architecture that a GGUF header describes (llama and gpt2).

    Raises
    ------
    UnsupportedModel
        When the metadata lack a size, or describe something that is not known here.
    """
    kind = _architecture(header.metadata)
    tensors = {t.name: t for t in header.tensors}
    if "token_embd.weight" not in tensors:
        raise UnsupportedModel("it holds no token table (token_embd.weight)")

    def get(key: str, default: Any = None) -> Any:
        value = header.metadata.get(f"{kind}.{key}", default)
        if value is None:
            raise UnsupportedModel(f"the metadata lack {kind}.{key}")
        return value

    n_heads = get("attention.head_count")
    if get("expert_count", 0):
        kind_of_error = UnknownArchitecture if _ROUTER in tensors else UnsupportedModel
        raise kind_of_error("a mixture of experts in a GGUF file is not known here")
    norm = "rms_epsilon" if kind == "llama" else "epsilon"
    style = {} if kind == "gpt2" else {
        **_LLAMA,
        "bias_qkv": "blk.0.attn_q.bias" in tensors,
        "bias_o": "blk.0.attn_output.bias" in tensors,
        "bias_mlp": "blk.0.ffn_up.bias" in tensors,
    }  # fmt: skip
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
        norm_eps=get(f"attention.layer_norm_{norm}", 1e-5),
        rope_theta=get("rope.freq_base", 10000.0),
        **style,
    )


def refuse_changed_positions(header: Header, d_head: int) -> None:
    """Refuse positions that are stretched, turned in part, or out of sight: not computed here."""
    get = header.metadata.get
    plain_values = {
        "rope.scaling.type": "none", "rope.scale_linear": 1.0, "attention.sliding_window": None,
    }  # fmt: skip
    for key, plain in plain_values.items():
        value = get(f"llama.{key}", plain)
        if value != plain:
            raise UnsupportedModel(f"llama.{key} is {shown(value)}, which does not run here")
    for key in ("rope.dimension_count", "attention.value_length"):
        value = get(f"llama.{key}", d_head)
        if value != d_head:
            raise UnsupportedModel(
                f"llama.{key} is {shown(value)}, which runs here only if it is the head width "
                f"{d_head}"
            )


def config_from_arrays(arrays: Iterable[Array]) -> ModelConfig:
    """Return an architecture that has these arrays.

    Shapes do not tell how the queries split into heads, and no count depends on it: here all keys
    are one head.
    """
    shape = {array.name: array.shape for array in arrays}
    if "embedding.tokens" not in shape or len(shape["embedding.tokens"]) != 2:
        raise UnsupportedModel("it holds no token table; count the config.json beside it")
    vocab_size, d_model = shape["embedding.tokens"]

    def width(name: str) -> int:
        return prod(shape.get(name, ())) // max(d_model, 1)

    sizes: dict[str, Any] = dict(
        n_layers=n_layers_of(shape),
        d_model=d_model,
        d_ff=width("blocks.0.mlp.up.weight"),
        vocab_size=vocab_size,
        tied="head.weight" not in shape,
    )
    if "embedding.segments" in shape:  # BERT
        return _checked(
            **_BERT,
            **sizes,
            n_heads=1,
            n_ctx=width("embedding.positions"),
            n_segments=width("embedding.segments"),
            pooler="pooler.weight" in shape,
        )
    if "embedding.positions" in shape:  # GPT-2
        return _checked(n_heads=1, n_ctx=width("embedding.positions"), **sizes)
    queries, keys = width("blocks.0.attention.q.weight"), width("blocks.0.attention.k.weight")
    return _checked(
        **_LLAMA,
        **sizes,
        n_heads=queries // max(keys, 1),
        n_kv_heads=1,
        d_head=keys,
        n_ctx=0,
        bias_qkv="blocks.0.attention.q.bias" in shape,
        bias_o="blocks.0.attention.o.bias" in shape,
        bias_mlp="blocks.0.mlp.up.bias" in shape,
    )


def n_layers_of(names: Iterable[str]) -> int:
    """Count the layers that the names of arrays speak of."""
    return len({name.split(".")[1] for name in names if name.startswith("blocks.")})


def _checked(**sizes: Any) -> ModelConfig:
    try:
        return ModelConfig(**sizes)
    except ValueError as error:
        raise UnsupportedModel(str(error)) from None
