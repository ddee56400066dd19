"""The command line: paramlab count | compare | generate | claims | fetch.

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

    command = commands.add_parser("compare", help="say which field causes how many parameters")
    command.add_argument("a", metavar="A", help="a source, as for count")
    command.add_argument("b", metavar="B", help="another")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=_compare)

    command = commands.add_parser("generate", help="continue a text with the real model")
    command.add_argument("prompt", help='for example "The capital of France is"')
    command.add_argument(
        "--tokens", type=int, default=16, metavar="N", help="how many at most (16)"
    )
    command.set_defaults(run=_generate)

    command = commands.add_parser("claims", help="list the checked claims of the two articles")
    command.add_argument("--verdict", help="only those with this verdict, for example 'holds if'")
    command.add_argument("--json", action="store_true", help="print a JSON list")
    command.set_defaults(run=_claims)

    command = commands.add_parser("fetch", help="fetch and verify the real model, once")
    command.set_defaults(run=_fetch)
    return parser


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return _cut(f"{error.filename or 'output'}: {error.strerror}")
    return _cut(str(error.args[0] if error.args else error))


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


def _compare(options) -> int:
    from paramlab import display
    from paramlab.compare import compare
    from paramlab.importers import count_source

    for source in (options.a, options.b):
        if source.lower().endswith(".safetensors"):
            raise ValueError(f"{source} does not say how many heads it has; name its config.json")
    a, b = count_source(options.a), count_source(options.b)
    steps = compare(a.config, b.config)
    totals = {"a": a.count.total, "b": b.count.total}
    if options.json:
        import json

        listed = [{"fields": step.fields, "parameters": step.parameters} for step in steps]
        print(json.dumps({"a": a.name, "b": b.name, "totals": totals, "steps": listed}))
        return 0
    rows: list[tuple[object, ...]] = [(a.name, "", totals["a"])]
    for step in steps:
        changes = zip(step.before, step.after, strict=True)
        values = ", ".join(f"{_shown(old)} -> {_shown(new)}" for old, new in changes)
        rows.append((", ".join(step.fields), values, f"{step.parameters:+,}"))
    print(display.table([*rows, (b.name, "", totals["b"])], head=("field", "value", "parameters")))
    return 0


def _shown(value: object) -> str:
    """Show a part of an architecture, which has no short form, by its name."""
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
    from paramlab.transformer import generate

    if options.tokens < 1:
        raise ValueError(f"--tokens is {options.tokens}; it must be at least 1")
    print(options.prompt, end="", flush=True)
    for piece in generate(options.prompt, n_tokens=options.tokens):
        print(piece, end="", flush=True)
    print()
    return 0


def _claims(options) -> int:
    import json
    from dataclasses import asdict

    from paramlab import claims

    chosen = claims.by_verdict(options.verdict) if options.verdict else claims.load()
    if options.json:
        print(json.dumps([asdict(claim) for claim in chosen], ensure_ascii=False))
        return 0
    for claim in chosen:
        print(f"{claim.id:4} {claim.verdict:18} {claim.paraphrase}")
    return 0


def _fetch(options) -> int:
    from paramlab.checkpoints import fetch

    print(fetch(progress=True))
    return 0
