"""The sizes and switches of an architecture: what decides its arrays, and no number in them.

The letters are those of the whole book: L layers, D model width, N heads, K key-value heads,
H head width, F MLP width, V vocabulary, T context, E experts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from paramlab.sizes import check_fields, check_heads, check_sizes

if TYPE_CHECKING:
    from paramlab.params import Stack


@dataclass(frozen=True)
class LatentAttention:
    """Keys and values rebuilt from one short vector per token (MLA, arXiv 2405.04434 sec. 2.1)."""

    d_latent: int  # width of the cached vector
    d_nope: int  # query/key width without position, per head
    d_rope: int  # query/key width with position; the key's is shared by all heads
    d_value: int  # value width per head
    d_query_latent: int = 0  # 0: queries are not compressed

    def __post_init__(self) -> None:
        """Check the sizes."""
        check_fields(self)


@dataclass(frozen=True)
class Experts:
    """A mixture of experts: E copies of the MLP, of which a router picks a few per token."""

    n_experts: int  # E
    n_active: int  # chosen per token
    d_ff: int  # width of one expert
    d_ff_shared: int = 0  # width of the MLP that always runs; 0: none
    d_latent: int = 0  # experts read and write vectors of this width; 0: of the model's
    shared_gate: bool = False  # a learned gate on the shared MLP
    dense_layers: tuple[int, ...] = ()  # layers that keep an ordinary MLP, by index
    bias: bool = False  # biases inside the experts
    router_bias: bool = False  # E numbers added to the router's scores, as parameters
    balancing_buffer: bool = False  # the same as a buffer: stored, not counted

    def __post_init__(self) -> None:
        """Check the sizes."""
        check_fields(self)


@dataclass(frozen=True)
class StateLayers:
    """Layers that keep a state of one size, however long the text, in place of keys and values.

    Each of N heads keeps d_key x d_value numbers. The kinds, and their arrays, stand in
    :mod:`paramlab.state_layers`.
    """

    kind: str
    layers: tuple[int, ...] = ()  # which, by index; (): all
    n_heads: int = 0  # N
    d_value: int = 0  # width of what a head writes and reads
    n_key_heads: int = 0  # heads share keys and queries in so many groups
    d_key: int = 0  # width of the keys
    d_conv: int = 0  # tokens that a convolution before them looks at, its own included
    d_rank: int = 0  # Mamba: the width through which the steps are computed
    bias: bool = False  # of the maps into the layer
    bias_conv: bool = False
    bias_out: bool = False
    inner_norms: bool = False  # Mamba: of steps and keys; Mamba-2: of the output
    beside_attention: bool = False  # in the same layers as attention, and not in place of it

    def __post_init__(self) -> None:
        """Check the sizes."""
        check_fields(self)


@dataclass(frozen=True)
class Lookback:
    """How layers that are alike look back: what a query and a key take, and what is kept for it.

    Tokens can be joined: then one entry for every ``n_joined`` of them stands where a key does.
    """

    n_layers: int
    per_pair: int = 0  # multiply-adds of a query and a key, in all heads of a layer
    per_cached_pair: int = 0  # the same when others are in the cache; 0: as many
    window: int = 0  # tokens that a query may meet, its own included; 0: all
    n_chosen: int = 0  # of these, as many are chosen for it at most; 0: all
    kept: int = 0  # numbers kept of a token, or of an entry
    n_joined: int = 1
    kept_open: int = 0  # numbers kept of a token while its entry is not complete
    kept_last: int = 0  # numbers kept of the last entry's tokens, for the next one

    def __post_init__(self) -> None:
        """Check the sizes."""
        check_fields(self)


@dataclass(frozen=True)
class ModelConfig:
    """The sizes and switches of a transformer.

    The defaults describe a GPT-2 style decoder. ``n_kv_heads``, ``d_head``, ``n_position_rows``
    and ``d_embedding`` follow from the others when they are left at 0.

    Raises
    ------
    ValueError
        When a size is not a whole number in its range, a switch is neither True nor False, or two
        of them contradict each other.

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
    positions: str = "learned"  # learned, sinusoidal, rope, alibi, relative or none
    n_position_rows: int = 0  # learned: rows (0: T); relative: buckets
    tied: bool = True  # the output head reuses the token table
    norm: str = "layernorm"  # layernorm (gain, bias), layernorm_gain, rmsnorm (gain) or bare
    # sequential: a norm before attention and one before the MLP. parallel: one for both (two side
    # by side: the arrays of sequential). sandwich: before and after. post_norm: after, of the sum.
    block: str = "sequential"
    final_norm: bool = True  # a norm between the last block and the output head
    embedding_norm: bool = False  # a norm before the first block (BLOOM, BERT)
    qk_norm: str = "none"  # none, head (H gains, for all heads the same), head_bias or full
    activation: str = "gelu"  # gelu (GPT-2's form of it), gelu_exact, relu, relu2 or silu
    gated_mlp: bool = False  # a third matrix: activation(gate) * up, as in SwiGLU
    bias_qkv: bool = True
    bias_o: bool = True
    bias_mlp: bool = True
    bias_head: bool = False
    output_head: bool = True  # False: what comes out are vectors, or scores of a further head
    d_embedding: int = 0  # width of the token table, if it differs from D
    n_segments: int = 0  # BERT's sentence A / sentence B table
    pooler: bool = False  # BERT's extra D x D layer
    head_transform: bool = False  # a D x D layer and a norm before BERT's output head
    attention_sinks: bool = False  # a learned score per head beside those of the keys (gpt-oss)
    n_encoder_layers: int = 0  # > 0: an encoder, and cross-attention in the decoder
    d_ff_encoder: int = 0  # 0: F
    gated_attention: bool = False  # what the heads mixed is multiplied by a gate (N H wide)
    mixer_only_layers: tuple[int, ...] = ()  # layers without an MLP; if d_ff is 0, all
    mlp_only_layers: tuple[int, ...] = ()  # layers that are an MLP, or experts, and nothing else
    latent: LatentAttention | None = None
    experts: Experts | None = None
    state: StateLayers | None = None
    further: "tuple[Stack, ...]" = ()  # arrays of other kinds: a vision encoder, a score for labels
    own_blocks: bool = False  # blocks, and what leads from another width to D, are further arrays
    # What follows holds no parameters; the forward pass needs it.
    causal: bool = True  # a token sees those before it, and no others
    norm_eps: float = 1e-5
    embedding_scale: bool = False  # token vectors are multiplied by the root of D (Gemma)
    rope_theta: float = 10000.0
    position_scale: float = 1.0  # below 1: positions are squeezed together to fit a longer text
    window: int = 0  # tokens that a local layer looks back on, its own included; 0: all
    local_layers: tuple[int, ...] = ()  # the layers with a window, if not all
    lookbacks: tuple[Lookback, ...] = ()  # of attention, where it is not the same in all layers
    between_streams: int = 0  # multiply-adds of a token that mix streams without an array

    def __post_init__(self) -> None:
        """Check the fields, and derive those left at 0."""
        check_fields(self)
        check_heads(self)
        self._derive_sizes()
        check_sizes(self)

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> "ModelConfig":
        """Build a config from one flat dict: ``experts.n_active`` is a field of ``experts``.

        Examples
        --------
        >>> sparse = ModelConfig.from_flat({
        ...     "n_layers": 2, "d_model": 8, "n_heads": 2, "d_ff": 0, "vocab_size": 9, "n_ctx": 9,
        ...     "experts.n_experts": 4, "experts.n_active": 1, "experts.d_ff": 16})
        >>> sparse.experts.n_experts, sparse.to_flat()["experts.n_experts"]
        (4, 4)
        """
        parts: dict[str, dict[str, Any]] = {"": {}, "latent": {}, "experts": {}, "state": {}}
        for name, value in values.items():
            part, _, field = name.rpartition(".")
            parts[part][field] = value
        whole = parts[""]
        if parts["latent"]:
            whole["latent"] = LatentAttention(**parts["latent"])
        if parts["experts"]:
            whole["experts"] = Experts(**parts["experts"])
        if parts["state"]:
            whole["state"] = StateLayers(**parts["state"])
        return cls(**whole)

    def to_flat(self) -> dict[str, Any]:
        """Undo :meth:`from_flat`: every field by its name."""
        values: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if is_dataclass(value):
                for inner in fields(value):
                    values[f"{field.name}.{inner.name}"] = getattr(value, inner.name)
            else:
                values[field.name] = value
        return values

    def _derive_sizes(self) -> None:
        def derive(name: str, value: int) -> None:
            object.__setattr__(self, name, getattr(self, name) or value)

        derive("n_kv_heads", self.n_heads)
        derive("d_head", self.d_model // self.n_heads if self.n_heads else 0)
        derive("d_embedding", self.d_model)
        if self.positions == "learned":
            derive("n_position_rows", self.n_ctx)
