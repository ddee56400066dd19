"""How the costs of training are told: as text and as JSON, with what they rest on in words."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from paramlab import display
from paramlab.costs import Operations
from paramlab.limits import check_lengths, check_share, check_within
from paramlab.params import count
from paramlab.prices import Bill, Range, bill, figures_of, range_of, rates_of
from paramlab.reports import BASIS, decoder
from paramlab.training_costs import (
    StepMemory,
    rule_of_six,
    step_memory,
    step_operations,
    training_flops,
    training_seconds,
)

if TYPE_CHECKING:
    from paramlab.files.source import Counted
    from paramlab.hardware import Device
    from paramlab.prices import Figure


@dataclass(frozen=True)
class Training:
    """What a step, and as many as reach a number of tokens, cost."""

    n_tokens: int  # of one text
    batch: int
    attention: str
    total_tokens: int
    step: Operations
    memory: StepMemory | None
    memory_unknown: str  # why, if it is
    flops: int  # of all steps
    parameters: int  # N, those that a token passes through
    rule_of_six_flops: int
    precision: str  # of the products; empty without a device
    flops_per_s: float
    utilization: float
    n_devices: int
    seconds: float | None
    bill: Bill | None
    assumptions: tuple[str, ...]


def training(
    counted: "Counted",
    n_tokens: int,
    batch: int = 1,
    attention: str = "causal",
    total_tokens: int | None = None,
    device: "Device | None" = None,
    precision: str | None = None,
    utilization: float | None = None,
    n_devices: int = 1,
    dollars_per_hour: Range | None = None,
    watts: Range | None = None,
    overhead: Range | None = None,
) -> Training:
    """Return all that :mod:`paramlab.training_costs` computes, the bill, and its assumptions.

    Without ``total_tokens`` the training is one step. Without ``utilization`` the time is the
    shortest, and the bill is for the rates that trainings reached where they are listed. What is
    not given of the rest is taken from :mod:`paramlab.prices`.

    Raises
    ------
    ValueError
        When an argument is out of range, the texts do not fit into the window of the model, or it
        is no decoder with softmax attention.
    """
    config = decoder(counted)
    check_lengths(context=n_tokens, batch=batch, n_devices=n_devices)
    check_within(n_tokens, config.n_ctx)
    share = 1.0 if utilization is None else utilization
    check_share(utilization=share)
    total = batch * n_tokens if total_tokens is None else total_tokens
    flops = training_flops(config, total, n_tokens, attention)
    memory, unknown = None, ""
    try:
        memory = step_memory(config, n_tokens, batch)
    except ValueError as error:
        unknown = str(error)
    rate, seconds, billed = ("", 0.0), None, None
    if device:
        rate = device.rate(precision)
        seconds = training_seconds(flops, rate[1], share, n_devices)
    active = count(config).active
    assumptions = [
        "1 multiply-add is 2 FLOPs; norms, softmax, activations and the optimizer are not counted",
        f"attention {attention}; the way back takes two products for each one of the way there",
        f"6 N D with N = {active:,}, all parameters that a token passes through",
    ]
    if memory:
        assumptions.append("bytes are those of this book's trainer: float32, nothing recomputed")
    if device:
        shown = display.percent(share, 1)
        assumptions.append(
            f"time: {n_devices:,} x {device.name}, each at {shown} of {rate[1]:.4g} FLOP/s "
            f"({rate[0]}); that all work evenly is assumed, and whether their memory suffices is "
            "not asked"
        )
        given = {"rent": dollars_per_hour, "power": watts, "overhead": overhead}
        billed, basis = _bill(flops, device, rate[0], utilization, given)
        assumptions += basis
    return Training(
        n_tokens, batch, attention, total, step_operations(config, n_tokens, batch, attention),
        memory, unknown, flops, active, rule_of_six(active, total), *rate, share, n_devices,
        seconds, billed, tuple(assumptions),
    )  # fmt: skip


def _bill(
    flops: int,
    device: "Device",
    precision: str,
    utilization: float | None,
    given: dict[str, Range | None],
) -> tuple[Bill, list[str]]:
    """Return the bill, and what each of its ranges rests on: given, or listed."""
    rates = rates_of(device, precision, utilization)
    reached = utilization is None and precision in device.reached_flops_per_s
    why = device.reached_source if reached else "as assumed for the time"
    basis = [f"bill: {_span(rates, '.4g')} FLOP/s on each device ({why})"]
    ranges = {}
    units = {"rent": "dollars an hour", "power": "watts", "overhead": "times that in the building"}
    for quantity, unit in units.items():
        about = "data center" if quantity == "overhead" else device.slug
        listed = figures_of(about, quantity)
        known = given[quantity] or (range_of(about, quantity) if listed else None)
        if known:
            told = "; ".join(_in_short(f) for f in listed)
            basis.append(f"{_span(known, ',g')} {unit} ({'given' if given[quantity] else told})")
        else:
            basis.append(f"no {quantity} of {device.name} is listed, so none is assumed")
        ranges[quantity] = known
    overhead = ranges["overhead"] or (1.0, 1.0)
    return bill(flops, rates, ranges["rent"], ranges["power"], overhead), basis


def _in_short(figure: "Figure") -> str:
    """Return year, standing and source of a figure."""
    return f"{figure.year}, {figure.standing}: {figure.source}"


def _span(pair: Range, form: str) -> str:
    low, high = (format(end, form) for end in pair)
    return low if low == high else f"{low} to {high}"


def training_as_text(counted: "Counted", t: Training) -> str:
    """Return the costs of training as tables, and what they rest on."""
    step = t.step.multiply_adds
    rows: list[tuple[object, ...]] = [
        (part, n, display.percent(n, step)) for part, n in t.step.by_part.items()
    ]
    rows += [("total", step, "100%"), ("in FLOPs", t.step.flops, "")]
    texts = "1 text" if t.batch == 1 else f"{t.batch:,} texts"
    lines = [
        f"{counted.name}: a training step of {texts} of {t.n_tokens:,} tokens", "",
        display.table(rows, ("multiply-adds, there and back", "", "share")), "",
    ]  # fmt: skip
    if t.memory:
        m = t.memory
        sizes = [
            ("weights", m.weight_bytes),
            ("moments of AdamW", m.moment_bytes),
            ("activations", m.kept_bytes),
            *((f"  {part}", n) for part, n in m.activation_bytes.items()),
            ("gradients and what passes", m.peak_bytes - m.state_bytes - m.kept_bytes),
            ("peak", m.peak_bytes),
        ]
        if m.peak_bytes < m.state_bytes + m.kept_bytes:
            sizes[-2] = ("  gone when the peak comes", m.kept_bytes)
        table = display.table(
            [(name, n, display.in_bytes(n)) for name, n in sizes], ("bytes", "", "")
        )
        lines += [table, ""]
    else:
        lines += [f"bytes are not known: {t.memory_unknown}", ""]
    ratio = display.rounded(t.flops / t.rule_of_six_flops, 4)
    lines.append(f"{t.total_tokens:,} tokens: {t.flops:.4g} FLOPs, {ratio} of 6 N D")
    if t.seconds is not None:
        lines.append(f"time: {in_time(t.seconds)}")
    if t.bill:
        lines += [
            f"{name}, estimate: {display.in_range(found)} {unit}".rstrip()
            for name, found, unit in (
                ("device-hours", t.bill.device_hours, ""),
                ("money", t.bill.dollars, "dollars"),
                ("electricity", t.bill.kilowatt_hours, "kWh"),
            )
            if found
        ]
    basis = f"basis: {counted.basis} ({BASIS[counted.basis]})"
    return "\n".join((*lines, *t.assumptions, basis, *counted.notes))


def training_as_json(counted: "Counted", t: Training) -> dict[str, object]:
    """Return the costs of training under stable names, with units; counts are integers."""
    memory = t.memory and asdict(t.memory) | {
        "kept_bytes": t.memory.kept_bytes, "peak_bytes": t.memory.peak_bytes
    }  # fmt: skip
    device = t.seconds is not None and {
        "precision": t.precision, "flops_per_s": t.flops_per_s, "utilization": t.utilization,
        "n_devices": t.n_devices, "seconds": t.seconds,
    }  # fmt: skip
    billed = asdict(t.bill) if t.bill else None
    return {
        "name": counted.name,
        "n_tokens": t.n_tokens,
        "batch": t.batch,
        "attention": t.attention,
        "step": {
            "multiply_adds": t.step.multiply_adds,
            "flops": t.step.flops,
            "components": t.step.by_part,
        },
        "memory": memory,
        "memory_unknown": t.memory_unknown or None,
        "total_tokens": t.total_tokens,
        "flops": t.flops,
        "parameters": t.parameters,
        "rule_of_six_flops": t.rule_of_six_flops,
        "device": device or None,
        "bill": billed,
        "assumptions": list(t.assumptions),
        "basis": counted.basis,
        "notes": list(counted.notes),
    }


_UNITS = ((31_557_600, "years"), (86_400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))


def in_time(seconds: float) -> str:
    """Return a time in the largest unit of which there are two or more.

    Examples
    --------
    >>> in_time(7200), in_time(90), in_time(0.0123), in_time(1.2e-5)
    ('2.00 hours', '90.0 seconds', '12.3 milliseconds', '12.0 microseconds')
    """
    for size, unit in _UNITS:
        if seconds >= 2 * size or (size == 1 and seconds >= 1):
            return f"{display.rounded(seconds / size, 3)} {unit}"
    if seconds >= 1e-3:
        return f"{display.rounded(1e3 * seconds, 3)} milliseconds"
    return f"{display.rounded(1e6 * seconds, 3)} microseconds"
