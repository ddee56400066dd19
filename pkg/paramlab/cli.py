"""The command line: paramlab count | cost | compare | generate | claims | fetch.

Every error that a user can cause is one line on standard error and exit status 2.
"""

import argparse
import os
import sys

EXIT_BAD_INPUT = 2
LONGEST_ERROR = 400  # characters; a damaged file can hold a name of megabytes


class _Help(argparse.HelpFormatter):
    def __init__(self, prog: str):
        super().__init__(prog, width=88)  # without a width it imports shutil to ask the terminal


class _Parser(argparse.ArgumentParser):
    """Report a wrong command line in one line."""

    def __init__(self, *args, **options):
        super().__init__(*args, formatter_class=_Help, allow_abbrev=False, **options)

    def error(self, message: str):
        """Print the message and leave with the status of bad input."""
        self.exit(EXIT_BAD_INPUT, f"{self.prog}: {_cut(message)} (see {self.prog} --help)\n")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    if hasattr(sys.stdout, "reconfigure"):  # print what the terminal's encoding lacks as \\xNN
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        status = options.run(options)
        if sys.stdout:
            sys.stdout.flush()  # now, while a full disk can still be reported
        return status
    except BrokenPipeError:  # the reader of our output has gone: not our error
        _discard_output()
        return 0
    except (ValueError, LookupError, RuntimeError, OSError) as error:
        print(f"paramlab {options.command}: {_one_line(error)}", file=sys.stderr)
        if isinstance(error, OSError) and error.filename is None:
            _discard_output()
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        return 130


def _discard_output() -> None:
    """Send what is still to be written nowhere, so that it does not fail again at exit."""
    if sys.stdout:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        "paramlab", description="What the parameters of a language model are, counted."
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", prog=parser.prog
    )

    command = commands.add_parser("count", help="count the parameters of models")
    command.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="a catalog name (gpt3-175b), a config.json, a .gguf or a .safetensors file",
    )
    command.add_argument(
        "--by", choices=("component", "role", "layer"), default="component", help="how to split it"
    )
    command.add_argument(
        "--json", action="store_true", help="print one JSON object; a list for several sources"
    )
    command.set_defaults(run=_count)

    command = commands.add_parser("cost", help="operations and bytes at a context length")
    command.add_argument("source", metavar="SOURCE", help="as for count, but no .safetensors file")
    _add_context(command, "the model's own window")
    command.add_argument(
        "--attention",
        default="causal",
        help="causal (default): the keys that a query may see; full: also those that the mask "
        "hides; window:N: at most N tokens back",
    )
    command.add_argument(
        "--precision", default="fp16", help="of the weights: fp32, fp16 (default), bf16, int8, int4"
    )
    command.add_argument("--batch", type=int, default=1, metavar="B", help="texts at a time (1)")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=_cost)

    command = commands.add_parser("compare", help="say which field causes how many parameters")
    command.add_argument("a", metavar="A", help="a source, as for count")
    command.add_argument("b", metavar="B", help="another")
    _add_context(command, "the smaller of the two windows")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=_compare)

    command = commands.add_parser("generate", help="continue a text with the real model")
    command.add_argument("prompt", help='for example "The capital of France is"')
    command.add_argument(
        "--tokens", type=int, default=16, metavar="N", help="how many at most (16)"
    )
    command.add_argument(
        "--temperature", type=float, default=0.0, metavar="T",
        help="how evenly to draw at random; 0 takes the most probable token (0)",
    )  # fmt: skip
    command.add_argument(
        "--top-k", type=int, default=0, metavar="K", help="draw from the K most probable only"
    )
    command.add_argument(
        "--top-p", type=float, default=1.0, metavar="P",
        help="draw from the most probable that together reach P only",
    )  # fmt: skip
    command.add_argument("--seed", type=int, help="draw the same again with the same seed")
    command.set_defaults(run=_generate)

    command = commands.add_parser("claims", help="list the checked claims of the two articles")
    command.add_argument("--verdict", help="only those with this verdict, for example 'holds if'")
    command.add_argument("--json", action="store_true", help="print a JSON list")
    command.set_defaults(run=_claims)

    command = commands.add_parser("fetch", help="fetch and verify the real model, once")
    command.set_defaults(run=_fetch)
    return parser


def _add_context(command, default: str) -> None:
    command.add_argument(
        "--context", type=int, metavar="N", help=f"tokens in the context ({default})"
    )


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return _cut(f"{error.filename or 'output'}: {error.strerror}")
    return _cut(str(error))


def _cut(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= LONGEST_ERROR else line[:LONGEST_ERROR] + "..."


def _count(options) -> int:
    from paramlab.importers import count_source

    counted = [count_source(source) for source in options.sources]  # all, before any is printed
    if options.json:
        import json

        objects = [count_as_json(each.name, each.count, each.basis) for each in counted]
        print(json.dumps(objects if len(objects) > 1 else objects[0]))
        return 0
    for number, each in enumerate(counted):
        print("\n" * bool(number) + _as_text(each, options.by))
    return 0


def _as_text(counted, by: str) -> str:
    from paramlab import display, params

    count = counted.count
    if by == "layer":
        kinds = params.by_layer(counted.config)
        each = [(f"{name} x {n}" if n > 1 else name, n * size, size) for name, n, size in kinds]
        table = display.table([*each, ("total", count.total, "")], ("layer", "parameters", "each"))
    else:
        split = count.by_part if by == "component" else count.by_role
        rows = [(name, n, display.percent(n, count.total, 4)) for name, n in split.items()]
        head = ("part" if by == "component" else "role", "parameters", "share")
        table = display.table([*rows, ("total", count.total, "100%")], head)
    lines = [counted.name, "", table, ""]
    if count.active != count.total:
        lines.append(f"active per token: {count.active:,}")
        lines.append(f"  without the input table: {count.active_without_input_table:,}")
    if count.tied:
        lines.append(f"tied, counted once: {count.tied:,}")
    if count.buffers:
        lines.append(f"buffers, not counted: {count.buffers:,}")
    lines.append(f"basis: {counted.basis} ({BASIS[counted.basis]})")
    return "\n".join((*lines, *counted.notes))


def _cost(options) -> int:
    from paramlab.costs import cost

    counted = _with_heads(options.source)
    context = options.context if options.context is not None else counted.config.n_ctx
    costed = cost(_decoder(counted), context, options.attention, options.precision, options.batch)
    if options.json:
        import json

        print(json.dumps(cost_as_json(counted, costed)))
    else:
        print(_cost_as_text(counted, costed))
    return 0


def _with_heads(source: str):
    """Count a source whose architecture is known down to its heads."""
    from paramlab.importers import count_source

    if source.lower().endswith(".safetensors"):
        raise ValueError(f"{source} does not say how many heads it has; name its config.json")
    return count_source(source)


def _decoder(counted):
    """Return the architecture, or refuse it where no field of it says that it is no decoder."""
    from paramlab.costs import check_decoder

    check_decoder(counted.config)
    if counted.kind != "decoder":
        raise ValueError(f"{counted.name} is a {counted.kind}; only decoders are costed here")
    return counted.config


def _cost_as_text(counted, c) -> str:
    from paramlab.display import in_bytes, number, percent, table

    def both(part):
        n, each = c.prefill.by_part[part], c.decode.by_part[part]
        shares = percent(n, c.prefill.multiply_adds), percent(each, c.decode.multiply_adds)
        return part, n, shares[0], each, shares[1]

    rows = [both(part) for part in c.prefill.by_part]
    rows.append(("total", c.prefill.multiply_adds, "100%", c.decode.multiply_adds, "100%"))
    rows.append(("in FLOPs", c.prefill.flops, "", c.decode.flops, ""))
    texts = "1 text" if c.batch == 1 else f"{c.batch:,} texts"
    head = ("multiply-adds", "reading all", "share", "next token", "share")
    sizes = [
        ("weights", c.weight_bytes),
        ("  read for a next token", c.weight_bytes_read),
        ("key-value cache", c.kv_cache_bytes),
        ("  per token", c.kv_cache_bytes_per_token),
    ]
    met = "scores and mixing never take more than half: their windows bound them"
    if c.crossover_tokens:
        met = f"scores and mixing take more than half from {number(c.crossover_tokens)} tokens on"
    return "\n".join((
        f"{counted.name}: {texts} of {number(c.context_tokens)} tokens, {c.precision}",
        "",
        table(rows, head),
        "",
        table([(name, n, in_bytes(n)) for name, n in sizes], ("bytes", "", "")),
        "",
        met,
        *c.assumptions,
        f"basis: {counted.basis} ({BASIS[counted.basis]})",
        *counted.notes,
    ))  # fmt: skip


def cost_as_json(counted, c) -> dict[str, object]:
    """Return a cost under stable names, with units; counts and bytes are integers."""

    def operations(ops):
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
        "crossover_tokens": c.crossover_tokens,
        "assumptions": list(c.assumptions),
        "basis": counted.basis,
        "notes": list(counted.notes),
    }


def _compare(options) -> int:
    from paramlab import display
    from paramlab.compare import compare, costs_of

    a, b = _with_heads(options.a), _with_heads(options.b)
    steps = compare(a.config, b.config)
    totals = {"a": a.count.total, "b": b.count.total}
    context = options.context
    if context is None:
        context = min(filter(None, (a.config.n_ctx, b.config.n_ctx)), default=2048)
    costs = [costs_of(each.config, context) for each in (a, b)]
    if options.json:
        import json

        listed = [{"fields": step.fields, "parameters": step.parameters} for step in steps]
        both = {"context_tokens": context} | dict(zip("ab", costs, strict=True))
        found = {"a": a.name, "b": b.name, "totals": totals, "steps": listed, "costs": both}
        print(json.dumps(found))
        return 0
    rows: list[tuple[object, ...]] = [(a.name, "", totals["a"])]
    for step in steps:
        changes = zip(step.before, step.after, strict=True)
        values = ", ".join(f"{_shown(old)} -> {_shown(new)}" for old, new in changes)
        rows.append((", ".join(step.fields), values, f"{step.parameters:+,}"))
    rows.append((b.name, "", totals["b"]))
    print(display.table(rows, head=("field", "value", "parameters")))
    print(f"\n{_costs_side_by_side(a, b, costs, context)}")
    return 0


def _costs_side_by_side(a, b, costs, context: int) -> str:
    from paramlab import display

    for each, found in zip((a, b), costs, strict=True):
        if isinstance(found, str):
            return f"no costs: {each.name}: {found}"
    rows = []
    for name, before in costs[0].items():
        ratio = display.rounded(costs[1][name] / before, 3)
        rows.append((name.replace("_", " "), before, costs[1][name], f"x {ratio}"))
    return display.table(rows, head=(f"at {context:,} tokens, causal, fp16", a.name, b.name, ""))


def _shown(value: object) -> str:
    """Show a part of an architecture by its name, and layers by how many there are."""
    if isinstance(value, tuple):
        return f"{len(value)} layers" if value else "()"
    return str(value) if value is None or len(str(value)) <= 20 else type(value).__name__


BASIS = {
    "weights": "counted from a published weight file",
    "config": "counted from a published configuration",
    "inferred": "the publication leaves the list of arrays open in places",
}


def count_as_json(name, count, basis) -> dict[str, object]:
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


def _generate(options) -> int:
    from time import perf_counter

    from paramlab.sampling import generate

    if options.tokens < 1:
        raise ValueError(f"--tokens is {options.tokens}; it must be at least 1")
    sampling = {name: getattr(options, name) for name in ("temperature", "top_k", "top_p", "seed")}
    pieces = generate(options.prompt, n_tokens=options.tokens, **sampling)
    print(options.prompt, end="", flush=True)
    times = []
    for piece in pieces:
        print(piece, end="", flush=True)
        times.append(perf_counter())
    print()
    if len(times) > 1:
        rate = (len(times) - 1) / (times[-1] - times[0])  # reading the prompt is not writing
        print(f"{rate:.1f} tokens per second after the first", file=sys.stderr)
    return 0


def _claims(options) -> int:
    import json
    from dataclasses import asdict

    from paramlab import claims

    every = options.verdict is None
    chosen = claims.load() if every else claims.by_verdict(options.verdict)
    if options.json:
        print(json.dumps([asdict(claim) for claim in chosen], ensure_ascii=False))
        return 0
    for claim in chosen:
        print(f"{claim.id:4} {claim.verdict:18} {claim.paraphrase}")
    return 0


def _fetch(options) -> int:
    from paramlab.real_model import fetch

    print(fetch(progress=True))
    return 0
