"""How the roofline of a model on a device is told: as text and as JSON."""

from typing import TYPE_CHECKING

from paramlab import display
from paramlab.latency import Latency, Roof, crossover_batch, forecast
from paramlab.reports import BASIS, decoder
from paramlab.training_report import in_time

if TYPE_CHECKING:
    from paramlab.files.source import Counted
    from paramlab.hardware import Device


def _assumptions(device: "Device", found: Latency) -> list[str]:
    calls = "with" if device.call_seconds else "without"
    return [
        "these are least times: one device, at its highest rates, reads and multiplies at once",
        f"they are {calls} the time that each call takes",
        f"attention {found.attention}; weights in {found.precision}, products in "
        f"{found.compute_precision}; the cache keeps 16 bits or more",
        f"{device.name}: {device.bandwidth_bytes_per_s:.4g} bytes/s, "
        f"{found.decode.flops_per_s:.4g} FLOP/s; {device.source}, {device.read}",
    ]


def _forecasts(
    counted: "Counted", device: "Device", found: Latency
) -> tuple[float, float] | tuple[None, None]:
    """Return the seconds to expect here of reading all and of the next token, where they are known.

    They are for one text in fp32 and full lengths, as this package runs it.
    """
    as_it_runs = (found.batch, found.precision, found.attention) == (1, "fp32", "causal")
    if device.pace is None or not as_it_runs:
        return None, None
    config, n = decoder(counted), found.context_tokens
    return forecast(config, device, n).seconds, forecast(config, device, 1, n - 1).seconds


def latency_as_text(counted: "Counted", device: "Device", found: Latency) -> str:
    """Return the two roofs side by side, and what they rest on."""
    roofs = (found.prefill, found.decode)

    def row(name: str, *cells: object) -> tuple[object, ...]:
        return (name, *cells)

    rows = [
        row("bytes read", *(roof.read_bytes for roof in roofs)),
        row("FLOPs", *(roof.flops for roof in roofs)),
        row("time to read", *(in_time(roof.reading_seconds) for roof in roofs)),
        row("time to multiply", *(in_time(roof.multiplying_seconds) for roof in roofs)),
        row("time", *(in_time(roof.seconds) for roof in roofs)),
        row("bound", *(roof.bound for roof in roofs)),
    ]
    if device.call_seconds:
        rows.insert(4, row("calls", *(in_time(roof.calling_seconds) for roof in roofs)))
    texts = "1 text" if found.batch == 1 else f"{found.batch:,} texts"
    crossing = crossover_batch(
        decoder(counted), device, found.context_tokens, found.precision, found.attention
    )
    needed = display.in_bytes(found.needed_bytes)
    lines = [
        f"{counted.name} on {device.name}: {texts} of {found.context_tokens:,} tokens", "",
        display.table(rows, ("", "reading all", "next token")), "",
        f"one user: at most {display.rounded(found.user_tokens_per_s, 3)} tokens per second",
        f"the whole machine: at most {display.rounded(found.machine_tokens_per_s, 3)}",
        f"computing binds the next token from {crossing:,} texts on" if crossing else
        "memory binds the next token for any number of texts",
        f"weights and cache: {needed}, which {'fit' if found.fits else 'do not fit'} into "
        f"{display.in_bytes(found.memory_bytes)}",
    ]  # fmt: skip
    reading, writing = _forecasts(counted, device, found)
    if reading is not None and writing is not None:
        lines.append(
            f"to expect here, with this package: reading all {in_time(reading)}, the next token "
            f"{in_time(writing)}"
        )
    basis = f"basis: {counted.basis} ({BASIS[counted.basis]})"
    return "\n".join((*lines, *_assumptions(device, found), basis, *counted.notes))


def latency_as_json(counted: "Counted", device: "Device", found: Latency) -> dict[str, object]:
    """Return the two roofs under stable names, with units."""

    def roof(r: Roof) -> dict[str, object]:
        return {
            "read_bytes": r.read_bytes, "flops": r.flops, "reading_seconds": r.reading_seconds,
            "multiplying_seconds": r.multiplying_seconds, "calling_seconds": r.calling_seconds,
            "seconds": r.seconds, "bound": r.bound,
        }  # fmt: skip

    reading, writing = _forecasts(counted, device, found)
    return {
        "name": counted.name,
        "device": device.slug,
        "context_tokens": found.context_tokens,
        "batch": found.batch,
        "attention": found.attention,
        "precision": found.precision,
        "compute_precision": found.compute_precision,
        "prefill": roof(found.prefill),
        "decode": roof(found.decode),
        "forecast_prefill_seconds": reading,  # null unless this machine was measured
        "forecast_decode_seconds": writing,
        "user_tokens_per_s": found.user_tokens_per_s,
        "machine_tokens_per_s": found.machine_tokens_per_s,
        "needed_bytes": found.needed_bytes,
        "memory_bytes": found.memory_bytes,
        "fits": found.fits,
        "assumptions": _assumptions(device, found),
        "basis": counted.basis,
        "notes": list(counted.notes),
    }
