"""How counts and costs are told: as text, as JSON, and with what they rest on in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from paramlab import display
from paramlab.config import ModelConfig
from paramlab.costs import (
    BITS,
    CACHE_BITS_AT_LEAST,
    Operations,
    crossover_tokens,
    decode_operations,
    forward_operations,
    kv_cache_bytes,
    state_bytes,
    weight_bytes,
    weight_bytes_read,
)
from paramlab.limits import check_decoder, check_lengths
from paramlab.pairs import lookbacks
from paramlab.params import NO_TOKENS, Count, stacks, tally
from paramlab.state_layers import n_layers_with

if TYPE_CHECKING:
    from paramlab.compare import Step
    from paramlab.files.source import Counted

BASIS = {
    "weights": "counted from the weight file",
    "config": "counted from the configuration",
    "inferred": "the publication leaves the list of arrays open in places",
}
CONTEXT = 2048  # tokens, where nobody says how many and the model has no window, as Mamba


# ------------------------------------------------------------------ counts


def count_as_text(counted: "Counted", by: str) -> str:
    """Return a count as a table, split by component, role or layer, and what it rests on."""
    count = counted.count
    if by == "layer":
        kinds = by_layer(counted.config)
        each = [(f"{name} x {n}" if n > 1 else name, n * size, size) for name, n, size in kinds]
        table = display.table([*each, ("total", count.total, "")], ("layer", "parameters", "each"))
    else:
        table = split_as_table(count, by)
    lines = [counted.name, "", table, "", *active_as_text(count)]
    if count.tied:
        lines.append(f"tied, counted once: {count.tied:,}")
    if count.buffers:
        lines.append(f"buffers, not counted: {count.buffers:,}")
    lines.append(f"basis: {counted.basis} ({BASIS[counted.basis]})")
    return "\n".join((*lines, *counted.notes))


def split_as_table(count: Count, by: str) -> str:
    """Return a count split by component or by role."""
    split = count.by_part if by == "component" else count.by_role
    rows = [(name, n, display.percent(n, count.total, 4)) for name, n in split.items()]
    head = ("part" if by == "component" else "role", "parameters", "share")
    return display.table([*rows, ("total", count.total, "100%")], head)


def active_as_text(count: Count) -> list[str]:
    """Return what a token passes through, if that is not all: of experts, those chosen.

    Where there is an encoder of pictures or sound, no token of text passes through it.
    """
    if count.active == count.total:
        return []
    of_text = " of text" if count.by_part.keys() & {*NO_TOKENS} else ""
    lines = [f"active per token{of_text}: {count.active:,}"]
    if count.active_without_input_table != count.active:
        lines.append(f"  without the input table: {count.active_without_input_table:,}")
    return lines


def count_as_json(name: str, count: Count, basis: str) -> dict[str, object]:
    """Return a count under the stable names of the command line; all numbers are integers.

    weight + bias + norm + embedding + position = total, and the components sum to it too.
    """
    return {
        "name": name,
        "total": count.total,
        "active": count.active,
        "active_without_input_table": count.active_without_input_table,
        "weight": count.by_role["weight"],
        "bias": count.bias,
        "norm": count.norm,
        "embedding": count.by_role["embedding"],
        "position": count.by_role["position"],
        "basis": basis,
        "components": count.by_part,
        "tied": count.tied,
        "buffers": count.buffers,
    }


def split(counted: "Counted", by: str) -> dict[str, object]:
    """Return what a count in JSON lacks: its roles one by one, or its layers."""
    if by == "role":
        return {"roles": counted.count.by_role}
    if by == "layer":
        keys = ("layer", "n", "parameters_each")
        return {"layers": [dict(zip(keys, each, strict=True)) for each in by_layer(counted.config)]}
    return {}


# ------------------------------------------------------------------ costs


def decoder(counted: "Counted") -> ModelConfig:
    """Return the architecture, or refuse it where no field of it says that it is no decoder."""
    check_decoder(counted.config)
    if counted.kind != "decoder":
        raise ValueError(f"{counted.name} is a {counted.kind}; only decoders are costed here")
    return counted.config


@dataclass(frozen=True)
class Cost:
    """What a model costs at a context length; bytes for the whole batch."""

    context_tokens: int
    attention: str
    precision: str
    batch: int
    prefill: Operations  # reading the whole context at once
    decode: Operations  # one more token, as the last of the context
    weight_bytes: int
    weight_bytes_read: int  # by one decode step
    kv_cache_bytes: int  # of the whole context
    kv_cache_bytes_per_token: int  # of one text, while no window is full
    state_bytes: int  # of layers that keep a state in place of keys and values
    crossover_tokens: int | None
    assumptions: tuple[str, ...]


def cost(
    config: ModelConfig,
    context_tokens: int,
    attention: str = "causal",
    precision: str = "fp16",
    batch: int = 1,
) -> Cost:
    """Return all that :mod:`paramlab.costs` computes for one context length, and its assumptions.

    Parameters
    ----------
    config
        The architecture of a decoder.
    context_tokens
        How many tokens the model has read when a decode step ends.
    attention
        As for :func:`paramlab.costs.forward_operations`.
    precision
        Of the weights: fp32, fp16, bf16, int8 or int4. The cache takes as many bits, but at
        least 16.
    batch
        How many texts are read at the same time.

    Raises
    ------
    ValueError
        When an argument is out of range, or the model is not a decoder.

    Examples
    --------
    >>> llama = ModelConfig(n_layers=32, d_model=4096, n_heads=32, d_ff=11008, vocab_size=32000,
    ...                     n_ctx=4096, positions="rope", norm="rmsnorm", gated_mlp=True,
    ...                     bias_qkv=False, bias_o=False, bias_mlp=False, tied=False)
    >>> at_4k = cost(llama, 4096)
    >>> at_4k.kv_cache_bytes == 2 * 2**30, at_4k.kv_cache_bytes_per_token
    (True, 524288)
    """
    check_lengths(context=context_tokens, batch=batch)
    prefill = forward_operations(config, context_tokens, attention=attention)
    decode = decode_operations(config, context_tokens, attention)
    return Cost(
        context_tokens,
        attention,
        precision,
        batch,
        _times(prefill, batch),
        _times(decode, batch),
        weight_bytes(config, precision),
        weight_bytes_read(config, batch, precision),
        batch * kv_cache_bytes(config, context_tokens, precision, attention),
        bytes_per_token(config, precision, attention),
        batch * state_bytes(config, precision),
        crossover_tokens(config, attention),
        tuple(_assumptions(config, context_tokens, attention, precision, batch)),
    )


def bytes_per_token(config: ModelConfig, precision: str = "fp16", attention: str = "causal") -> int:
    """Return the bytes that a token adds to a cache; where tokens are joined, on average."""
    joined = max((each.n_joined for each in config.lookbacks), default=1)
    closed = tuple(replace(each, kept_open=0, kept_last=0) for each in config.lookbacks)
    kept = kv_cache_bytes(replace(config, lookbacks=closed), joined, precision, attention)
    return -(-kept // joined)


def _times(operations: Operations, batch: int) -> Operations:
    return Operations({part: batch * n for part, n in operations.by_part.items()})


def _assumptions(
    c: ModelConfig, n: int, attention: str, precision: str, batch: int
) -> Iterator[str]:
    """Yield what the numbers of a cost rest on, a sentence each."""
    looks = lookbacks(c)
    yield "1 multiply-add is 2 FLOPs; norms, softmax, activations and rotations are not counted"
    kinds = {
        "full": "attention full: each query meets every key, also those that the mask hides",
        "causal": "attention causal: each query meets only the keys that it may see",
    }
    if looks:
        other = f"attention {attention}: no layer looks back on more tokens, its own included"
        yield kinds.get(attention, other)
    if attention != "full":
        yield from _reaches(c)
    if n_without := sum(each.n_layers * ((each.per_pair > 0) - (each.kept > 0)) for each in looks):
        yield f"{n_without} of {c.n_layers} layers use the keys and values of earlier ones"
    if c.latent:
        yield "latent attention: a pass expands keys and values, a next token reads the short ones"
    if c.state:
        layers = f"{n_layers_with(c, 'state')} of {c.n_layers} layers keep"
        yield (
            f"{layers} the last {c.state.d_conv - 1} inputs of a convolution, and no more"
            if c.state.kind == "conv"
            else f"{layers} a state of one size: a token writes to it and reads from it; many "
            "programs hold it in 32 bits"
        )
    if e := c.experts:
        chosen = f"{e.n_active} of {e.n_experts} experts per token"
        at_most = min(e.n_experts, batch * e.n_active)
        yield chosen + (f"; a step of {batch} texts reads {at_most} at most" if batch > 1 else "")
    yield "the pass computes logits at every position"
    if BITS[precision] < CACHE_BITS_AT_LEAST:
        yield f"the cache keeps {CACHE_BITS_AT_LEAST} bits per number"
    if c.n_ctx and n > c.n_ctx:
        rows = f"; this text would need {(n - c.n_ctx) * c.d_model:,} more parameters"
        learned = rows if c.positions == "learned" else ""
        yield f"unstretched, its window is {c.n_ctx:,} tokens{learned}"


def _reaches(c: ModelConfig) -> Iterator[str]:
    """Yield which layers do not look back on all tokens."""
    looking = [each for each in lookbacks(c) if each.per_pair]
    chosen = {each.n_joined for each in looking if each.n_chosen}  # an indexer sees all of these
    joined = any(each.n_joined > 1 for each in looking)
    for each in looking:
        layers = f"{each.n_layers} of {c.n_layers} layers"
        if each.window:
            single = " one by one" if joined else ""
            yield f"{layers} look back on at most {each.window:,} tokens{single}"
        entries = f"entries of {each.n_joined} tokens" if each.n_joined > 1 else "tokens"
        if each.n_chosen:
            yield f"{layers} look back on {each.n_chosen:,} {entries} that an indexer chooses"
        elif each.n_joined > 1 and each.n_joined not in chosen:
            yield f"{layers} look back on {entries}"


def cost_as_text(counted: "Counted", c: Cost) -> str:
    """Return a cost as two tables, and what it rests on."""
    percent, table = display.percent, display.table

    def both(part: str) -> tuple[object, ...]:
        n, each = c.prefill.by_part[part], c.decode.by_part[part]
        shares = percent(n, c.prefill.multiply_adds), percent(each, c.decode.multiply_adds)
        return part, n, shares[0], each, shares[1]

    rows = [both(part) for part in c.prefill.by_part]
    rows.append(("total", c.prefill.multiply_adds, "100%", c.decode.multiply_adds, "100%"))
    rows.append(("in FLOPs", c.prefill.flops, "", c.decode.flops, ""))
    texts = "1 text" if c.batch == 1 else f"{c.batch:,} texts"
    head = ("multiply-adds", "reading all", "share", "next token", "share")
    each = c.kv_cache_bytes_per_token
    at_first = "" if c.kv_cache_bytes == c.batch * c.context_tokens * each else " at first"
    sizes = [
        ("weights", c.weight_bytes),
        ("  read for a next token", c.weight_bytes_read),
        ("key-value cache", c.kv_cache_bytes),
        (f"  per token{at_first}", each),
    ]
    if c.state_bytes:
        sizes.append(("states, at any length", c.state_bytes))
    met = "scores and mixing never take more than half: their windows bound them"
    if not c.kv_cache_bytes:
        met = "there is no attention: a next token takes the same work however long the text"
    if c.crossover_tokens:
        met = f"scores and mixing take more than half from {c.crossover_tokens:,} tokens on"
    return "\n".join((
        f"{counted.name}: {texts} of {c.context_tokens:,} tokens, {c.precision}",
        "",
        table(rows, head),
        "",
        table([(name, n, display.in_bytes(n)) for name, n in sizes], ("bytes", "", "")),
        "",
        met,
        *c.assumptions,
        f"basis: {counted.basis} ({BASIS[counted.basis]})",
        *counted.notes,
    ))  # fmt: skip


def cost_as_json(counted: "Counted", c: Cost) -> dict[str, object]:
    """Return a cost under stable names, with units; counts and bytes are integers."""

    def operations(ops: Operations) -> dict[str, object]:
        return {"multiply_adds": ops.multiply_adds, "flops": ops.flops, "components": ops.by_part}

    return {
        "name": counted.name,
        "context_tokens": c.context_tokens,
        "attention": c.attention,
        "precision": c.precision,
        "batch": c.batch,
        "prefill": operations(c.prefill),
        "decode": operations(c.decode),
        "weight_bytes": c.weight_bytes,
        "weight_bytes_read": c.weight_bytes_read,
        "kv_cache_bytes": c.kv_cache_bytes,
        "kv_cache_bytes_per_token": c.kv_cache_bytes_per_token,
        "state_bytes": c.state_bytes,
        "crossover_tokens": c.crossover_tokens,
        "assumptions": list(c.assumptions),
        "basis": counted.basis,
        "notes": list(counted.notes),
    }


# ------------------------------------------------------------------ comparisons


def costs_of(config: ModelConfig, context_tokens: int) -> dict[str, int] | str:
    """Return what a context costs, causal and in fp16, or the reason why that is not known.

    Examples
    --------
    >>> gpt2 = ModelConfig(n_layers=12, d_model=768, n_heads=12, d_ff=3072,
    ...                    vocab_size=50257, n_ctx=1024)
    >>> costs_of(gpt2, 1024)["kv_cache_bytes"]  # 2 x 12 layers x 768 x 1,024 tokens x 2 bytes
    37748736
    """
    check_lengths(context=context_tokens)
    try:
        found = cost(config, context_tokens)
    except ValueError as error:
        return str(error)
    return {
        "prefill_flops": found.prefill.flops,
        "decode_flops": found.decode.flops,
        "weight_bytes_read": found.weight_bytes_read,
        "kv_cache_bytes": found.kv_cache_bytes,
        "kv_cache_bytes_per_token": found.kv_cache_bytes_per_token,
        "state_bytes": found.state_bytes,
    }


def comparison_as_text(a: "Counted", b: "Counted", steps: Sequence["Step"], context: int) -> str:
    """Return what leads from one model to another, and the costs of both side by side."""
    rows: list[tuple[object, ...]] = [(a.name, "", a.count.total)]
    for step in steps:
        changes = zip(step.before, step.after, strict=True)
        values = ", ".join(f"{_shown(old)} -> {_shown(new)}" for old, new in changes)
        rows.append((", ".join(step.fields), values, f"{step.parameters:+,}"))
        rows += [(f"  so {name}", f"{a} -> {b}", "") for name, (a, b) in step.following.items()]
    rows.append((b.name, "", b.count.total))
    parts = a.config.own_blocks or b.config.own_blocks
    table = display.table(rows, head=("part" if parts else "field", "value", "parameters"))
    return f"{table}\n\n{_costs_side_by_side(a, b, context)}"


def _costs_side_by_side(a: "Counted", b: "Counted", context: int) -> str:
    costs = []
    for each in (a, b):
        found = costs_of(each.config, context)
        if isinstance(found, str):
            return f"no costs: {each.name}: {found}"
        costs.append(found)
    rows = []
    for name, before in costs[0].items():
        after = costs[1][name]
        ratio = f"x {display.rounded(after / before, 3)}" if before else ""
        if before or after:
            rows.append((name.replace("_", " "), before, after, ratio))
    return display.table(rows, head=(f"at {context:,} tokens, causal, fp16", a.name, b.name, ""))


def _shown(value: object) -> str:
    """Show a part of an architecture by its name, and layers by how many there are."""
    if isinstance(value, tuple):
        parts = dict.fromkeys(a.part for each in value for a in getattr(each, "arrays", ()))
        kind = ("layer" if type(value[0]) is int else "kind") if value else ""
        plural = "s" if len(value) > 1 else ""
        return ", ".join(parts) or (f"{len(value)} {kind}{plural}" if value else "none")
    return str(value) if value is None or len(str(value)) <= 20 else type(value).__name__


def comparison_as_json(
    a: "Counted", b: "Counted", steps: Sequence["Step"], context: int
) -> dict[str, object]:
    """Return a comparison under stable names."""
    return {
        "a": a.name,
        "b": b.name,
        "totals": {"a": a.count.total, "b": b.count.total},
        "steps": [
            {"fields": step.fields, "parameters": step.parameters, "following": [*step.following]}
            for step in steps
        ],
        "costs": {
            "context_tokens": context,
            "a": costs_of(a.config, context),
            "b": costs_of(b.config, context),
        },
    }


def by_layer(config: ModelConfig) -> list[tuple[str, int, int]]:
    """Return the kinds of layer in order: name, how many there are, parameters of each.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=3, d_model=4, n_heads=2, d_ff=8, vocab_size=10, n_ctx=6)
    >>> by_layer(tiny)
    [('embedding', 1, 64), ('blocks', 3, 172), ('final_norm', 1, 8)]
    """
    sizes = ((stack, tally((1, array) for array in stack.arrays).total) for stack in stacks(config))
    return [(s.arrays[0].name.partition(".")[0], s.n, size) for s, size in sizes if size]
