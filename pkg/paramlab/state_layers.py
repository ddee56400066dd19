"""What the layers of a hybrid hold: attention, or a state in its place, an MLP, or experts.

Attention keeps a key and a value of every token. A state layer adds what each token writes to a
state of one size, lets the old fade, and reads from it; so its memory, and the work for one more
token, stay the same however long the text is. In the letters of this module, N heads have values
of width P and keys of width S, shared in G groups; together the values are I = N P wide, and the
keys G S. A convolution looks at the last C tokens, for each feature by itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from paramlab.config import ModelConfig, StateLayers

Named = tuple[str, tuple[int, ...]]  # an array's name and shape; its name says what it is for


class LayerKind(NamedTuple):
    """What a layer holds. Most models have one kind; a hybrid has several."""

    attention: bool
    state: bool  # a state in place of keys and values, or beside them
    mlp: bool
    experts: bool  # its MLP is a mixture of experts


@lru_cache(maxsize=8)  # one cost asks for the same layers dozens of times
def layer_kinds(config: ModelConfig) -> Mapping[LayerKind, Sequence[int]]:
    """Sort the layers by what they hold.

    Examples
    --------
    >>> hybrid = ModelConfig(n_layers=4, d_model=8, n_heads=2, d_ff=8, vocab_size=9, n_ctx=9,
    ...                      state=StateLayers("conv", layers=(0, 1, 3), d_conv=3))
    >>> [(kind.attention, layers) for kind, layers in layer_kinds(hybrid).items()]
    [(False, [0, 1, 3]), (True, [2])]
    """
    c, e, s = config, config.experts, config.state
    state, dense = set(s.layers if s else ()), set(e.dense_layers if e else ())
    no_mlp, no_mixer = set(c.mixer_only_layers), set(c.mlp_only_layers)

    def kind(i: int) -> LayerKind:
        has_state = s is not None and i not in no_mixer and (not state or i in state)
        attention = i not in no_mixer and (not has_state or s is not None and s.beside_attention)
        experts = e is not None and i not in dense and i not in no_mlp
        return LayerKind(attention, has_state, experts or c.d_ff > 0 and i not in no_mlp, experts)

    if c.own_blocks:
        return {}
    if not (state or dense or no_mlp or no_mixer):
        return {kind(0): range(c.n_layers)}
    kinds: dict[LayerKind, list[int]] = {}
    for i in range(c.n_layers):
        kinds.setdefault(kind(i), []).append(i)
    return kinds


def n_layers_with(config: ModelConfig, part: str) -> int:
    """Count the layers that hold ``attention``, a ``state``, an ``mlp`` or ``experts``.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=3, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> n_layers_with(tiny, "attention"), n_layers_with(tiny, "state")
    (3, 0)
    """
    return sum(len(at) for kind, at in layer_kinds(config).items() if getattr(kind, part))


def state_arrays(state: StateLayers, d_model: int) -> Iterator[Named]:
    """Yield the arrays of a layer. Those called ``gain`` are norms; those called ``bias`` biases.

    Examples
    --------
    >>> for name, shape in state_arrays(StateLayers("conv", d_conv=3), 4):
    ...     print(name, shape)
    in.weight (4, 12)
    conv.weight (4, 3)
    out.weight (4, 4)
    """
    return _KINDS[state.kind](state, d_model)


def state_numbers(config: ModelConfig) -> int:
    """Return how many numbers all layers keep of a text: states, and a convolution's last inputs.

    Examples
    --------
    Two heads of 3 x 4, and a convolution that keeps 2 of the last 3 inputs of 2 x 3 + 2 x 4:

    >>> tiny = ModelConfig(n_layers=1, d_model=8, n_heads=0, d_ff=0, vocab_size=9, n_ctx=9,
    ...                    positions="none", state=StateLayers("mamba2", n_heads=2, d_value=3,
    ...                                                        n_key_heads=1, d_key=4, d_conv=3))
    >>> state_numbers(tiny)
    52
    """
    if (s := config.state) is None:
        return 0
    sizes = dict(state_arrays(s, config.d_model))
    inputs = sizes["conv.weight"][0] * (s.d_conv - 1) if s.d_conv else 0
    if s.kind == "rwkv":  # a sum of weights too, the largest score, and two last inputs
        inputs = 2 * matrix_numbers(s) + 2 * config.d_model
    return n_layers_with(config, "state") * (matrix_numbers(s) + inputs)


def state_multiply_adds(config: ModelConfig) -> int:
    """Return the multiply-adds of a token that writes to all states and reads from them.

    Each takes one for every number; a delta rule first reads what it will correct. Programs that
    read many tokens at once take more.
    """
    if (s := config.state) is None:
        return 0
    return n_layers_with(config, "state") * (3 if "delta" in s.kind else 2) * matrix_numbers(s)


def matrix_numbers(state: StateLayers) -> int:
    """Return N P S: how many numbers a token adds to when it writes, and how many it reads."""
    return state.n_heads * state.d_value * max(state.d_key, 1)


def _linear(name: str, d_in: int, d_out: int, bias: bool = False) -> Iterator[Named]:
    yield name + ".weight", (d_in, d_out)
    if bias:
        yield name + ".bias", (d_out,)


def _convolution(width: int, state: StateLayers) -> Iterator[Named]:
    yield "conv.weight", (width, state.d_conv)
    if state.bias_conv:
        yield "conv.bias", (width,)


def _conv(s: StateLayers, d_model: int) -> Iterator[Named]:
    # A short convolution between two gates (LFM2): it keeps its last inputs, and no more.
    yield from _linear("in", d_model, 3 * d_model, s.bias)
    yield from _convolution(d_model, s)
    yield from _linear("out", d_model, d_model, s.bias_out)


def _mamba(s: StateLayers, d_model: int) -> Iterator[Named]:
    # A state of S numbers for each of I features; steps and keys follow the text (2312.00752).
    inner, keys = s.n_heads * s.d_value, s.d_key
    yield from _linear("in", d_model, 2 * inner, s.bias)  # what is written, and a gate
    yield from _convolution(inner, s)
    yield "steps_and_keys.weight", (inner, s.d_rank + 2 * keys)
    if s.inner_norms:
        yield from (("steps_norm.gain", (s.d_rank,)), ("in_norm.gain", (keys,)))
        yield "out_norm.gain", (keys,)
    yield from _linear("steps", s.d_rank, inner, bias=True)
    yield from (("decay", (inner, keys)), ("skip", (inner,)))
    yield from _linear("out", inner, d_model, s.bias_out)


def _mamba2(s: StateLayers, d_model: int) -> Iterator[Named]:
    # The same with one step and one decay for a whole head (arXiv 2405.21060, section 7).
    inner, keys = s.n_heads * s.d_value, s.n_key_heads * s.d_key
    yield from _linear("in", d_model, 2 * inner + 2 * keys + s.n_heads, s.bias)
    yield from _convolution(inner + 2 * keys, s)
    yield from (("steps.bias", (s.n_heads,)), ("decay", (s.n_heads,)), ("skip", (s.n_heads,)))
    if s.inner_norms:
        yield "norm.gain", (inner,)
    yield from _linear("out", inner, d_model, s.bias_out)


def _delta(s: StateLayers, d_model: int) -> Iterator[Named]:
    # Linear attention that first reads what a key holds, and writes the difference (2412.06464).
    inner, keys = s.n_heads * s.d_value, s.n_key_heads * s.d_key
    for name, width in (("q", keys), ("k", keys), ("v", inner), ("gate", inner)):
        yield from _linear(name, d_model, width)
    yield from _linear("rates", d_model, 2 * s.n_heads)  # how much to write, and to let fade
    yield from _convolution(inner + 2 * keys, s)
    yield from (("steps.bias", (s.n_heads,)), ("decay", (s.n_heads,)))
    yield "norm.gain", (s.d_value,)
    yield from _linear("out", inner, d_model)


def _kimi_delta(s: StateLayers, d_model: int) -> Iterator[Named]:
    # The same with a decay for each feature of a key, and narrow gates (arXiv 2510.26692).
    inner, keys = s.n_heads * s.d_value, s.n_key_heads * s.d_key
    for name, width in (("q", keys), ("k", keys), ("v", inner), ("rates", s.n_heads)):
        yield from _linear(name, d_model, width)
    for name, narrow, width in (("fading", s.d_key, keys), ("gate", s.d_value, inner)):
        yield from _linear(name + "_down", d_model, narrow)
        yield from _linear(name + "_up", narrow, width)
    yield from _convolution(inner + 2 * keys, s)
    yield from (("steps.bias", (keys,)), ("decay", (s.n_heads,)), ("norm.gain", (s.d_value,)))
    yield from _linear("out", inner, d_model)


def _lightning(s: StateLayers, d_model: int) -> Iterator[Named]:
    # Linear attention with fixed decays and a gate on its output (arXiv 2501.08313).
    inner, keys = s.n_heads * s.d_value, s.n_key_heads * s.d_key
    for name, width in (("q", keys), ("k", keys), ("v", inner), ("gate", inner)):
        yield from _linear(name, d_model, width)
    yield "norm.gain", (inner,)
    yield from _linear("out", inner, d_model)


def _rglru(s: StateLayers, d_model: int) -> Iterator[Named]:
    # A number for each feature, with gates within its head (Griffin, arXiv 2402.19427).
    inner, gate = s.n_heads * s.d_value, (s.n_heads, s.d_value, s.d_value)
    for name in ("in", "gate"):
        yield from _linear(name, d_model, inner, s.bias)
    yield from _convolution(inner, s)
    for name in ("write_gate", "fade_gate"):
        yield from ((name + ".weight", gate), (name + ".bias", gate[:2]))
    yield "decay", (inner,)
    yield from _linear("out", inner, d_model, s.bias_out)


def _rwkv(s: StateLayers, d_model: int) -> Iterator[Named]:
    # A weighted mean of the values so far, for each feature (RWKV-4, arXiv 2305.13048).
    inner = s.n_heads * s.d_value
    for name in ("k", "v", "r"):
        yield from ((name + ".mix", (d_model,)), (name + ".weight", (d_model, inner)))
    yield from (("decay", (inner,)), ("first", (inner,)))
    yield from _linear("out", inner, d_model)
    # The MLP after it mixes in the token before, too, and has a gate of its own.
    yield from (("mlp_gate.weight", (d_model, d_model)), ("mlp_gate.mix", (d_model,)))
    yield "mlp.mix", (d_model,)


_KINDS: dict[str, Callable[[StateLayers, int], Iterator[Named]]] = {
    "conv": _conv, "delta": _delta, "kimi_delta": _kimi_delta, "lightning": _lightning,
    "mamba": _mamba, "mamba2": _mamba2, "rglru": _rglru, "rwkv": _rwkv,
}  # fmt: skip
