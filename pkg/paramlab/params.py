"""Every array of a model, its shape and its role. Counts derive from this list alone.

A model is a few kinds of block, each repeated: GPT-3 is an embedding, one block 96 times, and a
head. :func:`stacks` writes each kind down once; :func:`shapes` spells all of them out;
:func:`count` multiplies.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from math import prod
from typing import NamedTuple

from paramlab.config import Experts, LatentAttention, ModelConfig, StateLayers
from paramlab.sizes import check_config
from paramlab.state_layers import layer_kinds, state_arrays

ROLES = ("weight", "bias", "norm gain", "norm bias", "embedding", "position", "buffer")
NO_TOKENS = ("vision encoder", "audio encoder", "projector")  # parts that no token goes through
Shape = tuple[int, ...]
Part = Callable[[ModelConfig, str], Iterator["Array"]]  # lists an attention or MLP of this name


class Array(NamedTuple):
    """The description of one array: its numbers lie in the params of a model.

    A weight maps (d_in, d_out): ``y = x @ weight + bias``. Experts share one array with a leading
    expert axis.
    """

    name: str
    shape: Shape
    role: str  # one of ROLES
    part: str  # the component it belongs to
    tied_to: str | None = None  # the array whose numbers it reuses

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


class Stack(NamedTuple):
    """Arrays that occur once in each of ``layers``; in names, ``{i}`` stands for the index."""

    arrays: tuple[Array, ...]
    layers: Sequence[int] = range(1)

    @property
    def n(self) -> int:
        """How many times they occur."""
        return len(self.layers)


@dataclass(frozen=True)
class Count:
    """The parameters of a model: total, and split by role, by part and by use.

    ``by_role`` and ``by_part`` each sum to ``total``. Tied arrays count once; buffers not at all.
    ``active`` counts what one token passes through: of the experts only those chosen.
    """

    total: int
    active: int
    active_without_input_table: int
    by_role: dict[str, int]
    by_part: dict[str, int]
    tied: int  # numbers used a second time, not counted again
    buffers: int  # stored numbers that no gradient trains, not counted

    @property
    def bias(self) -> int:
        """Biases of linear maps."""
        return self.by_role["bias"]

    @property
    def norm(self) -> int:
        """Gains and biases of the norms."""
        return self.by_role["norm gain"] + self.by_role["norm bias"]


def count(config: ModelConfig) -> Count:
    """Count the parameters of an architecture: the sum of the sizes of its arrays.

    Examples
    --------
    >>> gpt2 = ModelConfig(n_layers=12, d_model=768, n_heads=12, d_ff=3072,
    ...                    vocab_size=50257, n_ctx=1024)
    >>> count(gpt2).total
    124439808
    >>> count(gpt2).bias + count(gpt2).by_role["norm bias"]
    102144
    """
    check_config(config)
    arrays = ((stack.n, array) for stack in stacks(config) for array in stack.arrays)
    e = config.experts
    return tally(arrays, e.n_active, e.n_experts) if e else tally(arrays)


def tally(arrays: Iterable[tuple[int, Array]], n_active: int = 1, n_experts: int = 1) -> Count:
    """Add up arrays, each given with the number of its repetitions."""
    by_role = Counter(dict.fromkeys(ROLES[:-1], 0))
    by_part: Counter[str] = Counter()
    tied = buffers = 0
    for times, array in arrays:
        numbers = times * array.size
        if array.tied_to:
            tied += numbers
        elif array.role == "buffer":
            buffers += numbers
        else:
            by_role[array.role] += numbers
            by_part[array.part] += numbers
    total = by_part.total()
    active = total - by_part["experts"] // n_experts * (n_experts - n_active)
    active -= sum(by_part[part] for part in NO_TOKENS)
    looked_up = 0 if tied else by_part["token table"]  # a tied one multiplies, too: at the head
    return Count(total, active, active - looked_up, dict(by_role), dict(+by_part), tied, buffers)


def shapes(config: ModelConfig) -> Iterator[Array]:
    """Yield every array of a model: the tables, block after block, the head.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=4, n_heads=2, d_ff=8, vocab_size=10, n_ctx=6)
    >>> for array in list(shapes(tiny))[:2]:
    ...     print(array.name, array.shape, array.role)
    embedding.tokens (10, 4) embedding
    embedding.positions (6, 4) position
    """
    for _, group in groupby(stacks(config), lambda stack: stack.arrays[0].name.split(".")[0]):
        layers = ((i, stack.arrays) for stack in group for i in stack.layers)
        for i, arrays in sorted(layers, key=lambda layer: layer[0]):  # kinds can alternate
            for array in arrays:
                yield array._replace(name=array.name.format(i=i))


def stacks(config: ModelConfig) -> list[Stack]:
    """Describe a model as kinds of block, each with the layers that are of this kind."""
    c = config
    attention = partial(_latent_attention, c.latent) if c.latent else _attention
    model = [Stack(tuple(_embedding(c)))]
    if c.n_encoder_layers:
        narrow = replace(c, d_ff=c.d_ff_encoder or c.d_ff)
        encoder = tuple(_block(narrow, "encoder.{i}", {"attention": attention}, _dense_mlp))
        model.append(Stack(encoder, range(c.n_encoder_layers)))
        if c.final_norm and (norm := tuple(_norm(c, "encoder_norm", c.d_model))):
            model.append(Stack(norm))
    for kind, layers in layer_kinds(c).items():
        mixers = {"attention": attention} if kind.attention else {}
        mixers |= {"state": partial(_state, c.state)} if c.state and kind.state else {}
        mlp = partial(_experts, c.experts) if c.experts and kind.experts else _dense_mlp
        block = _block(c, "blocks.{i}", mixers, mlp if kind.mlp else None)
        model.append(Stack(tuple(block), layers))
    return [stack for stack in (*model, *c.further, Stack(tuple(_head(c)))) if stack.arrays]


def _linear(
    name: str, part: str, d_in: int, d_out: int, bias: bool = False, experts: Shape = ()
) -> Iterator[Array]:
    """Yield a matrix (d_in, d_out) and, where the config asks for it, a bias (d_out,)."""
    yield Array(name + ".weight", (*experts, d_in, d_out), "weight", part)
    if bias:
        yield Array(name + ".bias", (*experts, d_out), "bias", part)


def _norm(c: ModelConfig, name: str, width: int) -> Iterator[Array]:
    if c.norm != "bare":
        yield Array(name + ".gain", (width,), "norm gain", "norms")
    if c.norm == "layernorm":
        yield Array(name + ".bias", (width,), "norm bias", "norms")


def _embedding(c: ModelConfig) -> Iterator[Array]:
    yield Array("embedding.tokens", (c.vocab_size, c.d_embedding), "embedding", "token table")
    if c.d_embedding != c.d_model and not c.own_blocks:
        yield from _linear("embedding.project_in", "embedding projection", c.d_embedding, c.d_model)
    part = "position table"
    if c.positions == "learned":
        yield Array("embedding.positions", (c.n_position_rows, c.d_model), "position", part)
    if c.positions == "relative":  # T5: a table for all layers of each side
        shape = (c.n_position_rows, c.n_heads)
        for side in ("encoder", "blocks") if c.n_encoder_layers else ("blocks",):
            yield Array(f"embedding.{side}_distance", shape, "position", part)
    if c.n_segments:
        yield Array("embedding.segments", (c.n_segments, c.d_model), "embedding", "segment table")
    if c.embedding_norm:
        yield from _norm(c, "embedding.norm", c.d_model)


def _block(
    c: ModelConfig, name: str, mixers: Mapping[str, Part], mlp: Part | None
) -> Iterator[Array]:
    """One layer: attention, or what stands in its place, then the MLP, each with its norms."""
    mixer = name + "." + next(iter(mixers), "")  # the first has the norm of both
    parallel, sandwich = c.block == "parallel", c.block == "sandwich"
    if mixers:
        yield from _norm(c, name + ".norm" if parallel else mixer + "_norm", c.d_model)
    for which, part in mixers.items():
        yield from part(c, f"{name}.{which}")
    if mixers and sandwich:
        yield from _norm(c, mixer + "_post_norm", c.d_model)
    if c.n_encoder_layers and name.startswith("blocks"):
        yield from _norm(c, name + ".cross_attention_norm", c.d_model)
        yield from _attention(c, name + ".cross_attention")
    if mlp:
        if not (parallel and mixers):
            yield from _norm(c, name + ".mlp_norm", c.d_model)
        yield from mlp(c, name + ".mlp")
        if sandwich:
            yield from _norm(c, name + ".mlp_post_norm", c.d_model)


def _attention(c: ModelConfig, name: str) -> Iterator[Array]:
    """Map D to queries, keys and values, all heads side by side, and their mixtures back to D."""
    queries, keys = c.n_heads * c.d_head, c.n_kv_heads * c.d_head
    for which, width in ((".q", queries), (".k", keys), (".v", keys)):
        yield from _linear(name + which, "attention", c.d_model, width, c.bias_qkv)
    if c.qk_norm != "none":
        widths = (queries, keys) if c.qk_norm == "full" else (c.d_head, c.d_head)
        for which, width in zip((".q_norm", ".k_norm"), widths, strict=True):
            yield Array(name + which + ".gain", (width,), "norm gain", "norms")
            if c.qk_norm == "head_bias":
                yield Array(name + which + ".bias", (width,), "norm bias", "norms")
    if c.gated_attention:
        yield from _linear(name + ".gate", "attention", c.d_model, queries, c.bias_qkv)
    if c.attention_sinks:
        yield Array(name + ".sinks", (c.n_heads,), "weight", "attention")
    yield from _linear(name + ".o", "attention", queries, c.d_model, c.bias_o)


def _state(s: StateLayers, c: ModelConfig, name: str) -> Iterator[Array]:
    for which, shape in state_arrays(s, c.d_model):
        role = {"gain": "norm gain", "bias": "bias"}.get(which.rpartition(".")[2], "weight")
        yield Array(f"{name}.{which}", shape, role, "norms" if "norm" in role else "state layers")


def _latent_attention(m: LatentAttention, c: ModelConfig, name: str) -> Iterator[Array]:
    queries = c.n_heads * (m.d_nope + m.d_rope)
    if m.d_query_latent:
        yield from _linear(name + ".q_down", "attention", c.d_model, m.d_query_latent, c.bias_qkv)
        yield from _norm(c, name + ".q_latent_norm", m.d_query_latent)
        yield from _linear(name + ".q_up", "attention", m.d_query_latent, queries)
    else:
        yield from _linear(name + ".q", "attention", c.d_model, queries)
    yield from _linear(name + ".kv_down", "attention", c.d_model, m.d_latent + m.d_rope, c.bias_qkv)
    yield from _norm(c, name + ".kv_latent_norm", m.d_latent)
    yield from _linear(name + ".kv_up", "attention", m.d_latent, c.n_heads * (m.d_nope + m.d_value))
    yield from _linear(name + ".o", "attention", c.n_heads * m.d_value, c.d_model, c.bias_o)


def _dense_mlp(c: ModelConfig, name: str) -> Iterator[Array]:
    return _mlp(c, name, c.d_ff, c.bias_mlp)


def _mlp(
    c: ModelConfig, name: str, width: int, bias: bool,
    part: str = "MLP", experts: Shape = (), d_model: int = 0,
) -> Iterator[Array]:  # fmt: skip
    """Map D up to the width, with a gate beside or without one, and down again."""
    d = d_model or c.d_model
    maps = (("gate", d, width),) if c.gated_mlp else ()
    for which, d_in, d_out in (*maps, ("up", d, width), ("down", width, d)):
        yield from _linear(f"{name}.{which}", part, d_in, d_out, bias, experts)


def _experts(e: Experts, c: ModelConfig, name: str) -> Iterator[Array]:
    yield from _linear(name + ".router", "router", c.d_model, e.n_experts, e.router_bias)
    if e.balancing_buffer:
        yield Array(name + ".router.balance", (e.n_experts,), "buffer", "router")
    yield from _mlp(c, name + ".experts", e.d_ff, e.bias, "experts", (e.n_experts,), e.d_latent)
    if e.d_latent:  # a way in, and one out
        for which, shape in (".in", (c.d_model, e.d_latent)), (".out", (e.d_latent, c.d_model)):
            yield from _linear(name + which, "expert projection", *shape, c.bias_mlp)
    if e.d_ff_shared:
        yield from _mlp(c, name + ".shared", e.d_ff_shared, c.bias_mlp, "shared expert")
    if e.shared_gate:
        yield from _linear(name + ".shared_gate", "shared expert", c.d_model, 1)


def _head(c: ModelConfig) -> Iterator[Array]:
    """List what follows the blocks; a tied head too, with the table that it reuses."""
    if c.final_norm:
        yield from _norm(c, "final_norm", c.d_model)
    if c.pooler:
        yield from _linear("pooler", "pooler", c.d_model, c.d_model, bias=True)
    if c.head_transform:
        yield from _linear("head.transform", "output head", c.d_model, c.d_model, bias=True)
        yield from _norm(c, "head.norm", c.d_model)
    if not c.output_head:
        return
    if c.d_embedding != c.d_model and not c.own_blocks:
        yield from _linear("head.project_out", "embedding projection", c.d_model, c.d_embedding)
    table = "embedding.tokens" if c.tied else None
    yield Array("head.weight", (c.d_embedding, c.vocab_size), "weight", "output head", table)
    if c.bias_head:
        yield Array("head.bias", (c.vocab_size,), "bias", "output head")
