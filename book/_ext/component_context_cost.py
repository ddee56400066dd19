"""The component ``context-cost``: operations and bytes that a text of some length costs a model."""

import json
from html import escape
from pathlib import Path

from component_memory_fit import coefficients, costed
from components import Parts, field, folded, number_field, ratio, select, table, value
from paramlab import catalog
from paramlab.costs import (
    SCORES,
    Operations,
    decode_operations,
    forward_operations,
    kv_cache_bytes,
    state_bytes,
)
from words import translated

MODEL, CONTEXT, COMPARED = "gpt3-175b", 32_768, 2_048
WORDS_PER_PAGE = 500
KINDS = ("causal", "full")
MEASURED = Path(__file__).parents[1] / "experiments" / "data" / "tokens_by_language.json"
WORDS = {
    "form": "Model and text",
    "model": "Model",
    "context": "Context, tokens",
    "compared_field": "Compared with",
    "attention": "Each query meets",
    "causal": "the keys before it",
    "full": "all keys (masked later)",
    "answer": "In {model}, reading {context} tokens, about {pages} pages, takes {reading} "
    "operations, {share}% of them for scores and mixing; one more token then takes {writing}.",
    "compared": "The text is {length} times as long as one of {other} tokens, and reading it takes "
    "{work} times the operations; scores and mixing alone {scores} times.",
    "beyond": "That is beyond its window of {window} tokens: it is what its shape would cost.",
    "operations": "Operations (FLOPs): a multiply-add is two",
    "part": "part",
    "reading": "reading it all",
    "writing": "one more token",
    "total": "Together",
    "kept": "Keys, values, and states of the text, by the bits of each number",
    "bits": "bits",
    "gb": "GB",
    "bytes": "bytes",
    "all": "All models, as a table",
    "caption": "At 32,768 tokens, whatever the window: operations of reading and of one more "
    "token, the share of scores and mixing in reading, and keys, values, and states in 16 bits.",
    "model_head": "model",
    "share_head": "scores, %",
    "cache": "cache, GB",
}
WORDS = translated(WORDS)
PARTS = {  # operations by part; "scores" stands for both products of queries, keys, and values
    "scores": "Scores and mixing",
    "projections": "Queries, keys, values, output",
    "MLP": "MLP",
    "experts": "Experts",
    "expert projection": "Way into the experts",
    "state layers": "State layers",
    "writing and reading states": "Writing and reading states",
    "router": "Router",
    "shared expert": "Shared expert",
    "embedding projection": "Embedding projection",
    "indexer": "Indexer",
    "compression": "Compression",
    "low-rank branch": "Low-rank branch",
    "streams": "Streams",
    "table per layer": "Table for each layer",
    "input per layer": "Input of each layer",
    "output head": "Output head, for the last token",
}
PARTS = translated(PARTS)
UNUSED = ("numbers", "rows", "n_experts", "n_active")  # coefficients
SPOKEN = ("answer", "compared", "beyond", "reading", "writing", "total")
SCALES = ("", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion")
SCALES = translated(SCALES)


def tokens_per_page() -> tuple[int, int]:
    """Return so many tokens, and how many pages they are, for words as measured in chapter 13."""
    record = json.loads(MEASURED.read_text("utf-8"))
    n_words = len(record["texts"]["English"].split())
    return record["tokenizers"][0]["tokens"]["English"] * WORDS_PER_PAGE, n_words


def in_words(n: int) -> str:
    """Return a number in words, three digits of it.

    Examples
    --------
    >>> in_words(999), in_words(614_400_000_000_000), in_words(999_999)
    ('999', '614 trillion', '1.00 million')
    """
    step = min(len(SCALES) - 1, (len(str(n)) - 1) // 3)

    def rounded(step: int) -> str:
        return ratio(n, 1000**step, max(0, 3 - len(str(n // 1000**step)))) if step else f"{n:,}"

    if rounded(step) == "1,000" and step + 1 < len(SCALES):
        return f"1.00 {SCALES[step + 1]}"
    return f"{rounded(step)} {SCALES[step]}".strip()


def by_part(found: Operations) -> dict[str, int]:
    """Return FLOPs by part, scores first."""
    flops = {name: 2 * n for name, n in found.by_part.items()}
    return {"scores": flops.pop(SCORES), **flops}


def answer(slug: str, context: int, other: int, attention: str = "causal") -> str:
    """Return the sentences of an answer, as Python computes them."""
    model = catalog.find(slug)
    reading, base = (
        forward_operations(model.config, n, attention=attention, last_only=True)
        for n in (context, other)
    )
    page, n_words = tokens_per_page()
    values = {
        "model": model.name,
        "context": f"{context:,}",
        "other": f"{other:,}",
        "pages": ratio(context * n_words, page, 1),
        "reading": in_words(reading.flops),
        "writing": in_words(decode_operations(model.config, context, attention).flops),
        "share": ratio(100 * reading.scores, reading.multiply_adds, 1),
        "work": ratio(reading.flops, base.flops, 1),
        "scores": ratio(reading.scores or 1, base.scores or 1, 1),
        "length": ratio(context, other, 1),
        "window": f"{model.config.n_ctx:,}",
    }
    names = ["answer", "compared"] + ["beyond"] * (context > model.config.n_ctx)
    return " ".join(WORDS[name].format(**values) for name in names)


def build() -> Parts:
    """Return the form, the first answer, the table of all models, and the coefficients."""
    models, w = costed(), WORDS
    config = catalog.find(MODEL).config
    form = [
        field(w["model"], select("model", [(m.slug, m.name) for m in models], MODEL)),
        field(w["context"], number_field("context", CONTEXT)),
        field(w["compared_field"], number_field("compared", COMPARED)),
        field(w["attention"], select("attention", [(kind, w[kind]) for kind in KINDS], KINDS[0])),
    ]
    first, _, more = answer(MODEL, CONTEXT, COMPARED).partition(". ")
    reading = forward_operations(config, CONTEXT, last_only=True)
    columns = [by_part(reading), by_part(decode_operations(config, CONTEXT))]
    rows = [(PARTS[part], *(f"{column[part]:,}" for column in columns)) for part in columns[0]]
    rows.append((w["total"], *(f"{sum(column.values()):,}" for column in columns)))
    kept = kv_cache_bytes(config, CONTEXT) // 2
    caches = [
        (str(bits), value(f"gb-{bits}", ratio(kept * bits // 8, 10**9, 2)),
         value(f"bytes-{bits}", f"{kept * bits // 8:,}"))
        for bits in (32, 16, 8, 4)
    ]  # fmt: skip
    heads = w["part"], w["reading"], w["writing"]
    markup = "\n".join((
        f'<form aria-label="{escape(w["form"])}">', *form, "</form>",
        value("answer", first + ".", "p"),
        value("more", more, "p"),
        table(w["operations"], heads, rows, "printed wide", "operations"),
        table(w["kept"], (w["bits"], w["gb"], w["bytes"]), caches, "printed"),
        '<p class="unseen" role="status"></p>',
        folded(w["all"], table(w["caption"], *_everything(models), "printed wide")),
    ))  # fmt: skip
    spoken = {name: w[name] for name in SPOKEN}
    data = {
        "models": {m.slug: coefficients(m, *UNUSED) for m in models},
        "tokens_per_page": tokens_per_page(),
        "words": {**spoken, "parts": PARTS, "scales": SCALES},
    }
    return Parts(markup, data)


def _everything(models: list[catalog.Published]) -> tuple[list[str], list[tuple]]:
    """Return head and rows of the table of all models, in the order of the catalog."""
    rows = []
    for model in models:
        reading = forward_operations(model.config, CONTEXT, last_only=True)
        cache = kv_cache_bytes(model.config, CONTEXT) + state_bytes(model.config)
        writing = decode_operations(model.config, CONTEXT)
        scores = ratio(100 * reading.scores, reading.multiply_adds, 1)
        numbers = (in_words(reading.flops), in_words(writing.flops), scores, ratio(cache, 10**9, 2))
        rows.append((escape(model.name), *numbers))
    head = ("model_head", "reading", "writing", "share_head", "cache")
    return [WORDS[name] for name in head], rows
