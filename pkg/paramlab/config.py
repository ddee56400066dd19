"""The shape of an architecture, and nothing else: every size that decides a parameter count.

The letters are those of the whole book: L layers, D model width, N heads, K key-value heads,
H head width, F MLP width, V vocabulary, T context, E experts.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class LatentAttention:
    """Keys and values rebuilt from one short vector per token (MLA, arXiv 2405.04434 section 2.1)."""

    d_latent: int  # width of the cached vector
    d_nope: int  # query/key width without position, per head
    d_rope: int  # query/key width with position; the key's is shared by all heads
    d_value: int  # value width per head
    d_query_latent: int = 0  # 0: queries are not compressed


@dataclass(frozen=True)
class Experts:
    """A mixture of experts: E copies of the MLP, of which a router picks a few per token."""

    n_experts: int  # E
    n_active: int  # chosen per token
    d_ff: int  # width of one expert
    d_ff_shared: int = 0  # width of the MLP that always runs; 0: none
    shared_gate: bool = False  # a learned gate on the shared MLP
    n_dense_layers: int = 0  # first layers that keep an ordinary MLP
    router_bias: bool = False  # a learned bias on the router
    balancing_buffer: bool = False  # E stored numbers a layer that no gradient trains


@dataclass(frozen=True)
class ModelConfig:
    """The sizes and switches of a transformer.

    The defaults describe a GPT-2 style decoder. ``n_kv_heads``, ``d_head``, ``n_position_rows``
    and ``d_embedding`` follow from the others when they are left at 0.

    Raises
    ------
    ValueError
        When a size is not a positive whole number, or two sizes contradict each other.

    Examples
    --------
    >>> gpt2 = ModelConfig(n_layers=12, d_model=768, n_heads=12, d_ff=3072,
    ...                    vocab_size=50257, n_ctx=1024)
    >>> gpt2.d_head, gpt2.n_kv_heads, gpt2.n_position_rows
    (64, 12, 1024)
    """

    n_layers: int  # L; of the decoder, if there is an encoder too
    d_model: int  # D
    n_heads: int  # N
    d_ff: int  # F
    vocab_size: int  # V
    n_ctx: int  # T
    n_kv_heads: int = 0  # K; 0: as many as heads
    d_head: int = 0  # H; 0: D / N
    positions: str = "learned"  # learned, sinusoidal, rope, alibi or relative
    n_position_rows: int = 0  # learned: rows (0: T); relative: buckets
    tied: bool = True  # the output head reuses the token table
    norm: str = "layernorm"  # layernorm (gain and bias) or rmsnorm (gain)
    norms_per_layer: int = 2  # 1: one for both halves; 4: after each half too
    final_norm: bool = True
    embedding_norm: bool = False
    qk_norm: str = "none"  # none, head (one gain vector per head width) or full
    activation: str = "gelu"  # gelu, relu or silu
    gated_mlp: bool = False
    bias_qkv: bool = True
    bias_o: bool = True
    bias_mlp: bool = True
    bias_head: bool = False
    d_embedding: int = 0  # width of the token table, if it differs from D
    n_segments: int = 0  # BERT's sentence A / sentence B table
    pooler: bool = False  # BERT's extra D x D layer
    attention_sinks: bool = False  # one learned score per head that no token owns
    n_encoder_layers: int = 0  # > 0: an encoder, and cross-attention in the decoder
    latent: LatentAttention | None = None
    experts: Experts | None = None
    norm_eps: float = 1e-5  # these two hold no parameters; the forward pass needs them
    rope_theta: float = 10000.0

    def __post_init__(self):
        for name in ("n_layers", "d_model", "n_heads", "vocab_size"):
            _check_size(name, getattr(self, name), least=1)
        for name in ("d_ff", "n_ctx", "n_kv_heads", "d_head", "n_encoder_layers"):
            _check_size(name, getattr(self, name), least=0)
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it can be {', '.join(map(str, allowed))}")
        derive = object.__setattr__
        if not self.n_kv_heads:
            derive(self, "n_kv_heads", self.n_heads)
        if not self.d_head:
            if self.d_model % self.n_heads:
                raise ValueError(
                    f"d_model {self.d_model} is not divisible by n_heads {self.n_heads}; give d_head"
                )
            derive(self, "d_head", self.d_model // self.n_heads)
        if not self.n_position_rows and self.positions == "learned":
            derive(self, "n_position_rows", self.n_ctx)
        if not self.d_embedding:
            derive(self, "d_embedding", self.d_model)
        if self.n_heads % self.n_kv_heads:
            raise ValueError(
                f"n_heads {self.n_heads} is not a multiple of n_kv_heads {self.n_kv_heads}"
            )
        if self.experts and not 0 < self.experts.n_active <= self.experts.n_experts:
            raise ValueError(
                f"n_active {self.experts.n_active} is not between 1 and n_experts {self.experts.n_experts}"
            )


CHOICES = {
    "positions": ("learned", "sinusoidal", "rope", "alibi", "relative"),
    "norm": ("layernorm", "rmsnorm"),
    "norms_per_layer": (1, 2, 4),
    "qk_norm": ("none", "head", "full"),
    "activation": ("gelu", "relu", "silu"),
}
LARGEST_SIZE = 10**9  # no published model has a dimension near this; a config that does is damaged


def _check_size(name: str, value: object, least: int) -> None:
    if type(value) is not int or not least <= value <= LARGEST_SIZE:
        raise ValueError(f"{name} is {value!r}; it must be a whole number from {least} to {LARGEST_SIZE}")
