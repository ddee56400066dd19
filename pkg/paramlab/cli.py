"""The command line: paramlab count | explain | draw | cost | compare | generate | claims | ...

Every error that a user can cause is one line on standard error and exit status 2.
"""

import argparse
import os
import signal
import sys
from types import FrameType
from typing import IO, TYPE_CHECKING, Any, NoReturn

from paramlab import __version__
from paramlab.errors import printable

if TYPE_CHECKING:
    from paramlab.files.source import Counted
    from paramlab.hardware import Device

EXIT_BAD_INPUT, EXIT_INTERRUPTED = 2, 130
_OF_A_BILL = {"price": "rent", "watts": "power", "overhead": "overhead"}  # option, quantity
LONGEST_ERROR = 400  # characters; a damaged file can hold a name of megabytes


class _Help(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=88)  # without a width it imports shutil to ask the terminal


class _Parser(argparse.ArgumentParser):
    """Report a wrong command line in one line."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, formatter_class=_Help, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Print the message and leave with the status of bad input."""
        if message.endswith("required: prompt"):
            message += "; one that begins with a dash comes after --"
        self.exit(EXIT_BAD_INPUT, f"{self.prog}: {_cut(message)} (see {self.prog} --help)\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write at once, so that a full disk is not found only when the interpreter leaves."""
        if file is sys.stdout and file:
            print(message, end="", file=file, flush=True)
        elif message:
            _say(message.rstrip("\n"))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    if hasattr(sys.stdout, "reconfigure"):  # print what the terminal's encoding lacks as \\xNN
        sys.stdout.reconfigure(errors="backslashreplace")
    if arguments is None:  # as a program of its own
        _leave_in_order()
    command = "paramlab"
    try:
        options = _parser().parse_args(arguments)
        command = f"paramlab {options.command}"
        status: int = options.run(options)
        if sys.stdout:
            sys.stdout.flush()  # now, while a full disk can still be reported
        return status
    except BrokenPipeError:  # the reader of our output has gone: not our error
        _discard(sys.stdout)
        return 0
    except (ValueError, LookupError, RuntimeError, OSError, ImportError, MemoryError) as error:
        _say(f"{command}: {one_line(error)}")
        if isinstance(error, OSError) and error.filename is None:
            _discard(sys.stdout)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        _say(f"{command}: interrupted")
        return EXIT_INTERRUPTED


def _leave_in_order() -> None:
    """Let what was begun be cleared away when this process is told to end."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, leave)


def _say(line: str) -> None:
    """Write a line to standard error, if there is one that takes it."""
    try:
        if sys.stderr:
            print(line, file=sys.stderr, flush=True)
    except OSError:
        _discard(sys.stderr)


def _discard(stream: IO[str] | None) -> None:
    """Send what is still to be written nowhere, so that it does not fail again at exit."""
    if stream:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        "paramlab", description="What the parameters of a language model are, counted."
    )
    parser.add_argument("--version", action="version", version=f"paramlab {__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", prog=parser.prog
    )

    command = commands.add_parser("count", help="count the parameters of models")
    command.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="a catalog name (gpt3-175b), a config.json, a .gguf or .safetensors file (of several: "
        "any, or their index), or a folder",
    )
    command.add_argument(
        "--by", choices=("component", "role", "layer"), default="component", help="how to split it"
    )
    command.add_argument(
        "--json", action="store_true", help="print one JSON object; a list for several sources"
    )
    command.set_defaults(run=_count)

    command = commands.add_parser("explain", help="work a count out: every part as a formula")
    command.add_argument("source", metavar="SOURCE", help="as for count")
    command.set_defaults(run=_explain)

    command = commands.add_parser("draw", help="draw a model to one scale, as SVG")
    command.add_argument("source", metavar="SOURCE", help="as for count, if its layers are known")
    command.add_argument("-o", "--output", metavar="FILE", help="where to (standard output)")
    command.set_defaults(run=_draw)

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
        "--precision", help="of the weights: fp32, fp16 (default), bf16, int8, int4"
    )
    command.add_argument("--batch", type=int, default=1, metavar="B", help="texts at a time (1)")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    _add_training(command)
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

    command = commands.add_parser("families", help="list the kinds of config.json that are known")
    command.add_argument("--json", action="store_true", help="print a JSON list")
    command.set_defaults(run=_families)

    command = commands.add_parser("fetch", help="fetch and verify the real models, once")
    command.add_argument(
        "model", nargs="?", choices=("smollm2-135m", "all-minilm-l6-v2"), metavar="MODEL",
        help="smollm2-135m or all-minilm-l6-v2 (both)",
    )  # fmt: skip
    command.set_defaults(run=_fetch)

    command = commands.add_parser("course", help="copy an assignment, to work in the copy")
    course = command.add_subparsers(dest="verb", required=True, metavar="start | list")
    start = course.add_parser(
        "start", help="copy an assignment; never overwrite", prog=f"{parser.prog} course start"
    )
    start.add_argument("assignment", metavar="N", help="1, for example; see paramlab course list")
    start.add_argument(
        "--to", metavar="FOLDER", help="where to (paramlab-coursework, in your home)"
    )
    start.set_defaults(run=_course_start)
    course.add_parser("list", help="list the assignments").set_defaults(run=_course_list)
    return parser


def _add_context(command: argparse.ArgumentParser, default: str) -> None:
    command.add_argument(
        "--context", type=int, metavar="N", help=f"tokens in the context ({default})"
    )


def _add_training(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--device",
        metavar="D",
        help="how long it takes there: h100-sxm-80gb, for example, or here (measured)",
    )
    command.add_argument(
        "--train", action="store_true", help="of a training step; --precision is of the products"
    )
    command.add_argument("--tokens", type=int, metavar="N", help="of so many training tokens, too")
    command.add_argument("--devices", type=int, metavar="N", help="how many train it together (1)")
    command.add_argument(
        "--utilization", type=float, metavar="U",
        help="the share of the device's rate that training reaches (1: the shortest time)",
    )  # fmt: skip
    command.add_argument(
        "--price", metavar="P", help="dollars for a device and hour: 2, 1.5:3 or a listed price"
    )
    command.add_argument("--watts", metavar="W", help="a device draws, with its part of the server")
    command.add_argument(
        "--overhead", metavar="O", help="times that power, which the building draws (1.1:1.58)"
    )


def one_line(error: BaseException) -> str:
    """Return what went wrong as one line of at most 400 characters."""
    if isinstance(error, OSError) and error.strerror:
        name = "output" if error.filename is None else error.filename or "''"
        return _cut(f"{os.fsdecode(name)}: {error.strerror}")
    if isinstance(error, MemoryError):
        return _cut(f"there is not enough memory ({error})" if str(error) else "out of memory")
    if isinstance(error, ModuleNotFoundError):
        from paramlab import explained

        error = explained(error)
    return _cut(str(error))


def _cut(message: str) -> str:
    cut = message[: 2 * LONGEST_ERROR]  # before the words are taken apart: it may have megabytes
    line = printable(" ".join(cut.split()))
    shortened = len(line) > LONGEST_ERROR or len(cut) < len(message)
    return line[:LONGEST_ERROR] + "..." if shortened else line


def _count(options: argparse.Namespace) -> int:
    from paramlab.files.source import CountedTensors, count_any
    from paramlab.reports import count_as_json, count_as_text, split
    from paramlab.tensor_report import tensors_as_json, tensors_as_text

    counted = [count_any(source) for source in options.sources]  # all, before any is printed
    if options.json:
        objects = [
            tensors_as_json(each, options.by)
            if isinstance(each, CountedTensors)
            else count_as_json(each.name, each.count, each.basis)
            | split(each, options.by)
            | {"notes": [*each.notes]}
            for each in counted
        ]
        return _print_json(objects if len(objects) > 1 else objects[0])
    texts = (
        tensors_as_text(each, options.by)
        if isinstance(each, CountedTensors)
        else count_as_text(each, options.by)
        for each in counted
    )
    print("\n\n".join(texts))
    return 0


def _explain(options: argparse.Namespace) -> int:
    from paramlab.files.source import count_source
    from paramlab.worked import explained_as_text

    print(explained_as_text(count_source(options.source)))
    return 0


def _draw(options: argparse.Namespace) -> int:
    from paramlab.drawing import architecture_svg
    from paramlab.files.source import count_source

    counted = count_source(options.source)
    svg = architecture_svg(os.path.basename(counted.name), counted.config)
    if options.output is None:
        print(svg, end="")
    else:
        with open(options.output, "w", encoding="utf-8") as file:
            file.write(svg)
    return 0


def _cost(options: argparse.Namespace) -> int:
    from paramlab.reports import CONTEXT, cost, cost_as_json, cost_as_text, decoder

    of_training = ("tokens", "devices", "utilization", *_OF_A_BILL)
    for name in () if options.train else of_training:
        if getattr(options, name) is not None:
            raise ValueError(f"--{name} is of training; give --train too")
    counted = _with_heads(options.source)
    window = counted.config.n_ctx or CONTEXT
    context = options.context if options.context is not None else window
    if options.train:
        return _cost_of_training(counted, context, options)
    if options.device:
        return _cost_on_device(counted, context, options)
    precision = options.precision or "fp16"
    costed = cost(decoder(counted), context, options.attention, precision, options.batch)
    if options.json:
        return _print_json(cost_as_json(counted, costed))
    print(cost_as_text(counted, costed))
    return 0


def _cost_on_device(counted: "Counted", context: int, options: argparse.Namespace) -> int:
    from paramlab.latency import latency
    from paramlab.latency_report import latency_as_json, latency_as_text
    from paramlab.reports import decoder

    device = _device(options.device)
    precision = options.precision or device.rate()[0]
    found = latency(decoder(counted), device, context, options.batch, precision, options.attention)
    if options.json:
        return _print_json(latency_as_json(counted, device, found))
    print(latency_as_text(counted, device, found))
    return 0


def _device(name: str) -> "Device":
    from paramlab import hardware

    return hardware.measure_machine() if name == "here" else hardware.device(name)


def _cost_of_training(counted: "Counted", context: int, options: argparse.Namespace) -> int:
    from paramlab.prices import parse_range
    from paramlab.training_report import training, training_as_json, training_as_text

    device = _device(options.device) if options.device else None
    for name in () if device else ("precision", "devices", "utilization", *_OF_A_BILL):
        if getattr(options, name) is not None:
            raise ValueError(f"--{name} matters to the time on a device; give --device too")
    ranges = (
        parse_range(f"--{name}", text, quantity) if (text := getattr(options, name)) else None
        for name, quantity in _OF_A_BILL.items()
    )
    told = training(
        counted, context, options.batch, options.attention, options.tokens, device,
        options.precision, options.utilization,
        1 if options.devices is None else options.devices, *ranges,
    )  # fmt: skip
    if options.json:
        return _print_json(training_as_json(counted, told))
    print(training_as_text(counted, told))
    return 0


def _compare(options: argparse.Namespace) -> int:
    from paramlab.compare import compare
    from paramlab.reports import CONTEXT, comparison_as_json, comparison_as_text

    a, b = _with_heads(options.a), _with_heads(options.b)
    steps = compare(a.config, b.config)
    context = options.context
    if context is None:
        context = min(filter(None, (a.config.n_ctx, b.config.n_ctx)), default=CONTEXT)
    if options.json:
        return _print_json(comparison_as_json(a, b, steps, context))
    print(comparison_as_text(a, b, steps, context))
    return 0


def _with_heads(source: str) -> "Counted":
    """Count a source whose architecture is known down to its heads."""
    from paramlab.files.source import count_source

    counted = count_source(source)
    if not counted.heads_known:
        raise ValueError(f"{source} does not say how many heads it has; name its config.json")
    return counted


def _print_json(found: object) -> int:
    import json  # here, because only those who ask for it should wait for it

    print(json.dumps(found, allow_nan=False))
    return 0


def _generate(options: argparse.Namespace) -> int:
    from time import perf_counter

    from paramlab import generate, load_model

    if options.tokens < 1:
        raise ValueError(f"--tokens is {options.tokens}; it must be at least 1")
    if not options.prompt:
        raise ValueError("the prompt is empty; there is nothing to continue")
    if not options.prompt.isascii() and "\udc80" <= max(options.prompt) <= "\udcff":
        raise ValueError("the prompt holds bytes that are not UTF-8; PYTHONUTF8=1 may help")
    sampling = {name: getattr(options, name) for name in ("temperature", "top_k", "top_p", "seed")}
    pieces = generate(options.prompt, load_model(), n_tokens=options.tokens, **sampling)
    print(options.prompt, end="", flush=True)
    times = []
    for piece in pieces:
        print("\n".join(map(printable, piece.split("\n"))), end="", flush=True)
        times.append(perf_counter())
    print()
    if len(times) > 1:
        rate = (len(times) - 1) / (times[-1] - times[0])  # reading the prompt is not writing
        print(f"{rate:.1f} tokens per second after the first", file=sys.stderr)
    return 0


def _claims(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from paramlab import claims

    every = options.verdict is None
    chosen = claims.load() if every else claims.by_verdict(options.verdict)
    if options.json:
        return _print_json([asdict(claim) for claim in chosen])
    for claim in chosen:
        print(f"{claim.id:4} {claim.verdict:18} {claim.paraphrase}")
    return 0


def _families(options: argparse.Namespace) -> int:
    from paramlab.files.families import family, model_types

    rows = [(kind, family(kind).classes, family(kind).like) for kind in model_types()]
    if options.json:
        keys = ("model_type", "classes", "like")
        return _print_json([dict(zip(keys, row, strict=True)) for row in rows])
    shown = [(kind, ", ".join(classes), ", ".join(like)) for kind, classes, like in rows]
    kinds, names = (max(len(row[i]) for row in shown) + 2 for i in (0, 1))
    for kind, classes, like in [("model_type", "classes", "like"), *shown]:
        print(f"{kind:{kinds}}{classes:{names}}{like}".rstrip())
    return 0


def _course_start(options: argparse.Namespace) -> int:
    from paramlab.coursework import start_assignment

    print(start_assignment(options.assignment, options.to))
    return 0


def _course_list(options: argparse.Namespace) -> int:
    from paramlab.coursework import available, title

    for name, file in available().items():
        print(f"{name:9} {title(file)}")
    return 0


def _fetch(options: argparse.Namespace) -> int:
    from paramlab.errors import ModelFileError
    from paramlab.files.real_model import REAL_MODEL, SECOND_MODEL, fetch

    print(fetch(options.model or REAL_MODEL), flush=True)
    if not options.model:
        try:
            print(fetch(SECOND_MODEL))
        except ModelFileError as error:  # two pages use it, and say what is left out without it
            _say(f"paramlab fetch: {one_line(error)}; the book builds without it")
    return 0
