"""The component ``memory-fit``: what a model needs in memory, and which device has it."""

from dataclasses import asdict
from functools import cache
from html import escape

from components import Parts, field, folded, number_field, ratio, select, table, value
from paramlab import catalog, hardware
from paramlab.coefficients import cost_coefficients
from paramlab.costs import kv_cache_bytes, state_bytes
from paramlab.memory_fit import fit, least_seconds_per_token, longest_context, rounded_weight_bytes
from words import translated

MODEL, DEVICE, CONTEXT, PROGRAM = "llama3.1-8b", "rtx-4090", 32_768, 10**9
WORDS = {
    "form": "Model, text, and device",
    "find": "Find a model",
    "find_example": "llama 3.1 8b",
    "model": "Model",
    "context": "Context, tokens",
    "bits": "Each weight takes",
    "device": "Device",
    "memory": "Other memory, GB",
    "texts": "Texts at a time",
    "program": "Program, GB",
    "16": "16 bits",
    "8.5": "8 bits (8.5 with grids)",
    "4.5": "4 bits (4.5 with grids)",
    "3.5": "3 bits (3.5 with grids)",
    "2.5": "2 bits (2.5 with grids)",
    "4.25 experts": "4.25 bits in experts, else 16",
    "table": "What it needs, and what there is",
    "part": "part",
    "gb": "GB",
    "bytes": "bytes",
    "weights": "Weights",
    "cache": "Keys, values, and states",
    "program_part": "Program (assumed)",
    "needed": "Together",
    "there": "Memory of the device",
    "left": "Left",
    "missing": "Missing",
    "own": "the device",
    "fits": "It fits: {model} at {bits} with a context of {context} tokens needs {needed} GB, "
    "and {device} has {memory}.",
    "lacks": "It does not fit: {model} at {bits} with a context of {context} tokens needs "
    "{needed} GB, and {device} has {memory}.",
    "beyond": "Its window ends at {window} tokens; that is what is computed.",
    "longest": "The longest context that fits is {longest} tokens, of a window of {window}.",
    "none": "No context fits, not even one token.",
    "fewer": "At 4 bits (4.5 with grids) it needs {fewer} GB.",
    "others": "At these settings {fitting} of {all} models fit; {largest} is the largest of them.",
    "unknown": "No model here is called “{unknown}”.",
    "speed": "The device can write at most {speed} tokens per second in each text.",
    "all": "All models, as a table",
    "caption": "GB for weights, and for keys, values, and states of one text in 16 bits, up to "
    "32,768 tokens or the model's window; nothing for the program. Most memory last.",
    "model_head": "model",
    "tokens": "tokens",
    "weights_16": "weights, 16 bits",
    "weights_4.5": "weights, 4 bits",
    "together_16": "together, 16 bits",
    "together_4.5": "together, 4 bits",
}
WORDS = translated(WORDS)
BITS = ("16", "8.5", "4.5", "3.5", "2.5", "4.25 experts")


def gigabytes(n_bytes: int) -> str:
    """Return bytes as GB with two digits, rounded half up.

    Examples
    --------
    >>> gigabytes(21_355_000_000), gigabytes(4_999_999)
    ('21.36', '0.00')
    """
    return ratio(n_bytes, 10**9, 2)


def speed(tokens_per_s: float) -> str:
    """Return a speed with three digits, or to the whole number from 100 on.

    Examples
    --------
    >>> speed(5.0), speed(0.01234), speed(99.97), speed(1234.5)
    ('5.00', '0.0123', '100', '1,235')
    """
    if tokens_per_s < 100:
        return f"{tokens_per_s:#.3g}".rstrip(".")
    return f"{int(tokens_per_s + 0.5):,}"


@cache
def costed() -> list[catalog.Published]:
    """Return the models of the catalog that this component knows: decoders with a window."""
    found = []
    for model in catalog.published():
        if model.config and model.config.n_ctx:
            try:
                cost_coefficients(model.config)
            except ValueError:
                continue
            found.append(model)
    return found


@cache
def fitting(memory_bytes: int, context: int, bits: str, n_texts: int) -> list[catalog.Published]:
    """Return the models that fit, the largest first."""
    found = []
    for model in costed():
        config, (each, _, only) = model.config, bits.partition(" ")
        how = (float(each), only) if config.experts or not only else (16, "")
        tokens = min(context, config.n_ctx)
        if fit(config, memory_bytes, tokens, *how, n_texts, overhead_bytes=PROGRAM).fits:
            found.append((rounded_weight_bytes(config, *how), model))
    return [model for _, model in sorted(found, key=lambda each: -each[0])]


def answer(
    slug: str, device: str, context: int, bits: str = "16", n_texts: int = 1
) -> tuple[str, dict[str, int]]:
    """Return the sentences of an answer, as Python computes them, and the bytes of its table."""
    model, there = catalog.find(slug), hardware.device(device)
    tokens = min(context, model.config.n_ctx)
    each, _, only = bits.partition(" ")
    options = (float(each), only, n_texts)
    found = fit(model.config, there.memory_bytes, tokens, *options, overhead_bytes=PROGRAM)
    longest = longest_context(model.config, there.memory_bytes, *options, overhead_bytes=PROGRAM)
    values = {
        "model": model.name,
        "bits": WORDS[bits],
        "context": f"{n_texts:,} × {tokens:,}" if n_texts > 1 else f"{tokens:,}",
        "device": there.name,
        "needed": gigabytes(found.needed_bytes),
        "memory": gigabytes(found.memory_bytes),
        "window": f"{model.config.n_ctx:,}",
        "longest": f"{longest:,}",
        "all": len(costed()),
    }
    names = ["fits" if found.fits else "lacks"]
    names += ["beyond"] * (context > tokens) + ["longest" if longest else "none"]
    if found.fits:
        seconds = least_seconds_per_token(model.config, there, tokens, *options)
        values["speed"] = speed(1 / seconds)
        names.append("speed")
    elif float(each) > 4.5:
        smaller = fit(
            model.config, there.memory_bytes, tokens, 4.5, "", n_texts, overhead_bytes=PROGRAM
        )
        values["fewer"] = gigabytes(smaller.needed_bytes)
        names.append("fewer")
    if others := fitting(there.memory_bytes, context, bits, n_texts):
        values |= {"fitting": len(others), "largest": others[0].name}
        names.append("others")
    needs = {
        "weights": found.weight_bytes,
        "cache": found.cache_bytes,
        "program": PROGRAM,
        "needed": found.needed_bytes,
        "memory": found.memory_bytes,
        "spare": found.spare_bytes,
    }
    return " ".join(WORDS[name].format(**values) for name in names), needs


def build() -> Parts:
    """Return the form, the first answer, the table of all models, and the coefficients."""
    models = costed()
    w = WORDS
    example = escape(w["find_example"])
    search = f'<input type="search" name="find" placeholder="{example}" autocomplete="off">'
    form = [
        field(w["find"], search),
        field(w["model"], select("model", [(m.slug, m.name) for m in models], MODEL)),
        field(w["context"], number_field("context", CONTEXT)),
        field(w["bits"], select("bits", [(bits, w[bits]) for bits in BITS], BITS[0])),
        field(
            w["device"], select("device", [(d.slug, d.name) for d in hardware.devices()], DEVICE)
        ),
        field(w["memory"], number_field("memory", least=0, step="any")),
        field(w["texts"], number_field("texts", 1)),
        field(w["program"], number_field("program", PROGRAM // 10**9, least=0, step="any")),
    ]
    words, needs = answer(MODEL, DEVICE, CONTEXT)
    first, _, more = words.partition(". ")
    heads = ("weights", "cache", "program_part", "needed", "there", "left")
    rows = [
        (
            value("spare-head", w[head]) if name == "spare" else w[head],
            value(name, gigabytes(n_bytes)),
            value(f"{name}-bytes", f"{n_bytes:,}"),
        )
        for head, (name, n_bytes) in zip(heads, needs.items(), strict=True)
    ]
    widths = [100 * needs[name] / needs["memory"] for name in ("weights", "cache", "program")]
    bars = "".join(f'<i style="width: {width:.1f}%"></i>' for width in widths)
    markup = "\n".join((
        f'<form aria-label="{escape(w["form"])}">', *form, "</form>",
        value("answer", first + ".", "p"),
        f'<div class="meter" aria-hidden="true">{bars}<b style="left: 100%"></b></div>',
        table(w["table"], (w["part"], w["gb"], w["bytes"]), rows, "answer"),
        value("more", more, "p"),
        '<p class="unseen" role="status"></p>',
        folded(w["all"], table(w["caption"], *_everything(models), "printed wide")),
    ))  # fmt: skip
    devices = {
        d.slug: {
            "memory_bytes": d.memory_bytes,
            "bytes_per_s": d.bandwidth_bytes_per_s,
            "flops_per_s": d.rate()[1],
        }
        for d in hardware.devices()
    }
    spoken = ("left", "missing", "own", "fits", "lacks", "beyond", "longest", "none", "speed",
              "fewer", "others", "unknown")  # fmt: skip
    data = {
        "models": {m.slug: coefficients(m, "after_last") for m in models},
        "devices": devices,
        "words": {name: w[name] for name in spoken},
    }
    return Parts(markup, data)


def coefficients(model: catalog.Published, *unused: str) -> dict:
    """Return the coefficients that a script computes from."""
    found = asdict(cost_coefficients(model.config))
    return {name: value for name, value in found.items() if name not in unused}


def _everything(models: list[catalog.Published]) -> tuple[list[str], list[tuple]]:
    """Return head and rows of the table of all models, in the order of the last column."""
    head = ("model_head", "tokens", "weights_16", "weights_4.5", "cache")
    sums = ("together_16", "together_4.5")
    rows = []
    for model in models:
        tokens = min(CONTEXT, model.config.n_ctx)
        cache = kv_cache_bytes(model.config, tokens) + state_bytes(model.config)
        at_16, at_4 = (rounded_weight_bytes(model.config, bits) for bits in (16, 4.5))
        numbers = (at_16, at_4, cache, at_16 + cache, at_4 + cache)
        rows.append((at_16 + cache, (escape(model.name), f"{tokens:,}", *map(gigabytes, numbers))))
    rows.sort(key=lambda row: row[0])
    return [WORDS[name] for name in head + sums], [row for _, row in rows]
