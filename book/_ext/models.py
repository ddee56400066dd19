"""A page for every model of the catalog: its drawing, its counts, what it takes, where that stands.

The pages are generated from ``paramlab`` while the site is written, without a source of their own;
the page with the catalog links them. A model whose sizes the catalog does not hold has a page that
says what is known.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from addresses import address
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from words import fragment, said, saying, translated

if TYPE_CHECKING:
    from paramlab.catalog import Published

    Sizes = dict[Published, int]

CATALOG = "book/reference/models"  # its page; a book without it has no models
CALCULATORS = "book/reference/calculators"
FOLDER = "models"
NAMED = re.compile(r"(<th[^>]*>)([^<>]+?) <code>([a-z0-9.-]+)</code>")  # with its short form
DESCRIBED = re.compile("(?<=<desc>)[^<]*")  # a drawing, part by part
ROW_HEAD = re.compile(r'(<th scope="row"[^>]*>)([^<]+)(?=</th>)')
CONTEXTS = (2048, 8192, 32_768, 131_072, 1_048_576)
MOST_STEPS = 6

# Every word that these pages add to those of the package.
WORDS = {
    "description": "{name} ({year}) drawn to one scale: {total} parameters by part and by role; "
    "bytes, cache, license and source.",
    "description quoted": "{name} ({year}): what is known of its size, why this book does not "
    "count it, and where that stands.",
    "lead": "{total} parameters, {basis}.",
    "lead active": "{total} parameters, {basis}; a token passes through {active} of them.",
    "weights": "counted from a published weight file",
    "config": "counted from a published configuration",
    "inferred": "counted from a paper that leaves the list of arrays open in places",
    "lead quoted": "{total} parameters, by the count of another library.",
    "lead published": "{published} parameters, by the account of its makers; not counted here.",
    "lead closed": "How many parameters it has is not disclosed.",
    "why quoted": "It is not a stack of transformer layers, so `paramlab` does not list its "
    "arrays. The diffusers library counted it.",
    "why published": "This catalog does not hold the sizes of its layers, so there is no list of "
    "arrays to check the figure with. `paramlab count` takes its `config.json`, if it is published "
    "and `paramlab families` lists its kind.",
    "why closed": "Rumors are not data: without a figure of its owner, none stands here.",
    "parameters": "Parameters",
    "active": "Active",
    "active text": "{active} for each token, {without} without the input table",
    "published": "Published",
    "published text": "{total}; active: {active}",
    "basis": "Basis",
    "basis weights": "A file with the parameters themselves.",
    "basis config": "Its sizes are published; every array follows from them.",
    "basis inferred": "The sizes are published; what they leave open is inferred.",
    "basis quoted": "Quoted, not counted.",
    "tied": "Tied",
    "tied text": "{n} numbers are used twice and counted once.",
    "buffers": "Buffers",
    "buffers text": "{n} stored numbers that no gradient trains are not counted.",
    "window": "Window",
    "window text": "{window} tokens",
    "window unknown": "not stated by its makers, or not found by us",
    "window configured": "no statement of its makers found; its configuration has {window} tokens",
    "license": "License",
    "license unknown": "unknown to us",
    "note": "Note",
    "source": "Source",
    "kind": "Kind",
    "kind text": "{kind}, {year}",
    "file": "This drawing as a file",
    "why": "Why it is not counted",
    "where": "Where its parameters are",
    "by part": "By part",
    "by role": "By role",
    "total": "total",
    "sizes": "Its sizes",
    "bytes": "What it takes",
    "bytes caption": "The weights alone, without the scales that packed formats add",
    "cache caption": "One text: cache and states, 16 bits per number, alone and with the weights",
    "cache text": "Each token adds {n} bytes to the cache.",
    "cache window": "Each token adds {n} bytes to the cache, until local layers have filled their "
    "windows.",
    "cache joined": "Each token adds {n} bytes to the cache on average, until local layers have "
    "filled their windows: layers join several tokens to one entry.",
    "cache states": "States that do not grow with the text take {n} bytes more.",
    "no cache": "Only decoders are costed in this book, so no cache is listed.",
    "not costed": "Its cache is not computed: {reason}.",
    "calculator": "On a device, at another length",
    "beside": "Beside other models",
    "beside caption": "Its family, and the next in size",
    "this": "this model",
    "difference": "From {other} to {name}, one field after the other",
    "difference parts": "From {other} to {name}, one part after the other",
    "nothing": "none",
    "layers": "layers: {n}",
    "kinds": "kinds: {n}",
    "more": "{n} more change; `paramlab compare {a} {b}` lists them all.",
    "again": "On the command line: `paramlab count {slug}`, `paramlab draw {slug}`.",
}
WORDS = translated(WORDS)
HEADS = {
    "part": ("part", "parameters", "share"),
    "role": ("role", "parameters", "share"),
    "size": ("size", "value"),
    "bytes": ("precision", "bytes", "or"),
    "cache": ("tokens", "cache", "+ fp16", "+ int4"),
    "beside": ("model", "year", "parameters", "layers × width", "window"),
    "steps": ("field", "change", "parameters"),
    "parts": ("part", "change", "parameters"),
}
HEADS = translated(HEADS)
SIZES = {  # fields of ModelConfig: what a reader calls them
    "n_layers": "layers L",
    "n_encoder_layers": "encoder layers",
    "d_model": "width D",
    "n_heads": "heads N",
    "n_kv_heads": "key-value heads K",
    "d_head": "head width H",
    "d_ff": "MLP width F",
    "vocab_size": "vocabulary V",
    "n_ctx": "context T",
    "window": "window of local layers",
    "experts.n_experts": "experts E",
    "experts.n_active": "of them for a token",
    "experts.d_ff": "width of an expert",
    "experts.d_ff_shared": "width of the shared expert",
    "latent.d_latent": "width of the cached vector",
}
SIZES = translated(SIZES)


ANCHORS = {
    "why": "why-it-is-not-counted",
    "where": "where-its-parameters-are",
    "bytes": "what-it-takes",
    "sizes": "its-sizes",
    "beside": "beside-other-models",
}


def pagename(slug: str) -> str:
    """Return the page of a model, of its short form.

    Examples
    --------
    >>> pagename("gpt3-175b")
    'models/gpt3-175b'
    """
    return f"{FOLDER}/{slug}"


def models(app: Sphinx) -> "Sequence[Published]":
    """Return the models that have pages in this book."""
    if CATALOG not in app.env.found_docs:
        return ()
    from paramlab import catalog  # here: a book without a catalog need not have one

    return catalog.published()


# ------------------------------------------------------------------ what a page says


def lead(model: "Published") -> str:
    """Return the first sentence of a page: how many, and how we know."""
    if not model.config:
        if model.quoted_params:
            return WORDS["lead quoted"].format(total=f"{model.quoted_params:,}")
        closed = model.published_total == "not disclosed"
        return WORDS["lead closed" if closed else "lead published"].format(
            published=model.published_total
        )
    from paramlab import count

    counted = count(model.config)
    which = "lead active" if counted.active < counted.total else "lead"
    return WORDS[which].format(
        total=f"{counted.total:,}", active=f"{counted.active:,}", basis=WORDS[str(model.basis)]
    )


def description(model: "Published") -> str:
    """Return what a search engine, or a chat, says about the page."""
    from paramlab import count

    total = f"{count(model.config).total:,}" if model.config else ""
    words = WORDS["description" if model.config else "description quoted"]
    return words.format(name=model.name, year=model.year, total=total)


def facts(model: "Published") -> Iterator[tuple[str, str]]:
    """Yield what is known in a few words: a term, and a text for ``paramlab.html.markup``."""
    from paramlab import count

    yield WORDS["kind"], WORDS["kind text"].format(kind=said(model.kind), year=model.year)
    published = said(model.published_total)
    if model.published_active:
        published = WORDS["published text"].format(total=published, active=model.published_active)
    if model.config:
        counted = count(model.config)
        yield WORDS["parameters"], f"{counted.total:,}"
        if counted.active < counted.total:
            text = f"{counted.active:,}"
            if counted.active_without_input_table < counted.active:  # else it is the output's too
                without = f"{counted.active_without_input_table:,}"
                text = WORDS["active text"].format(active=text, without=without)
            yield WORDS["active"], text
        if published:
            yield WORDS["published"], published
        yield WORDS["basis"], WORDS[f"basis {model.basis}"]
        for name in ("tied", "buffers"):
            if n := getattr(counted, name):
                yield WORDS[name], WORDS[f"{name} text"].format(n=f"{n:,}")
    else:
        if published:
            yield WORDS["published"], published
        yield WORDS["basis"], WORDS["basis quoted"]
    window = (
        WORDS["window text"].format(window=said(model.window, computed=True))
        if model.window
        else ""
    )
    if not window and model.config and model.config.n_ctx:
        window = WORDS["window configured"].format(window=f"{model.config.n_ctx:,}")
    yield WORDS["window"], window or WORDS["window unknown"]
    yield WORDS["license"], said(model.license) or WORDS["license unknown"]
    if model.note:
        yield WORDS["note"], said(model.note)
    yield WORDS["source"], said(model.source)


def why_not(model: "Published") -> str:
    """Return why a model is not counted."""
    if model.quoted_params:
        return WORDS["why quoted"]
    return WORDS["why closed" if model.published_total == "not disclosed" else "why published"]


def body(model: "Published", sizes: "Sizes", calculators: str) -> str:
    """Return the body of a page.

    Parameters
    ----------
    model
        The model of this page.
    sizes
        The catalog, each model with its number of parameters, for what stands beside it.
    calculators
        Relative address of the page of calculators, or nothing.
    """
    from paramlab.html import markup

    terms = "".join(
        f"<dt>{term}</dt><dd>{markup(text)}</dd>" for term, text in facts(model) if text
    )
    top = f"<h1>{escape(model.name)}</h1>\n<p>{escape(lead(model))}</p>\n"
    known = f'<dl class="facts">{terms}</dl>'
    if not model.config:
        rest = _section("why", f"<p>{markup(why_not(model))}</p>")
        family = _family(model, sizes)
        beside = _section("beside", family) if family else ""
        return f'<section id="top">\n{top}{known}\n{rest}{beside}</section>'
    drawing = said_drawing(model, heading=False)
    file = f'<p class="file"><a href="{model.slug}.svg">{WORDS["file"]}</a> (SVG)</p>'
    return (
        f'<section id="top">\n{top}<div class="portrait"><div>{drawing}{file}</div>{known}</div>\n'
        + _section("where", _tables_of_parts(model))
        + _section("bytes", _memory(model, calculators))
        + _section("sizes", _table(size_rows(model), "size"))
        + _section("beside", _beside(model, sizes))
        + f"<p>{markup(WORDS['again'].format(slug=model.slug))}</p>\n</section>"
    )


def said_drawing(model: "Published", **options: bool) -> str:
    """Return the drawing of a model in the language of the site."""
    from paramlab.drawing import architecture_svg

    svg = architecture_svg(model.name, model.config, **options)
    if not saying():
        return svg
    name = escape(model.name)
    svg = DESCRIBED.sub(
        lambda m: "; ".join(said(part, computed=True) for part in m[0].split("; ")), svg
    )
    return said(svg.replace(name, "{name}"), fragment, computed=True).replace("{name}", name)


def _section(name: str, body: str) -> str:
    return f'<section id="{ANCHORS[name]}">\n<h2>{WORDS[name]}</h2>\n{body}\n</section>\n'


def _table(rows: Sequence[Sequence[object]], head: str, caption: str = "") -> str:
    """Return rows as the site shows what a chapter prints, under a caption."""
    from paramlab.display import CELL_MARK, HEAD_MARK, ROW_MARK
    from paramlab.page import pieces

    cells = [[f"{cell:,}" if type(cell) is int else str(cell) for cell in row] for row in rows]
    lines = [HEAD_MARK + CELL_MARK.join(HEADS[head])]
    lines += [ROW_MARK + CELL_MARK.join(row) for row in cells]
    ((_, table),) = pieces("\n".join(lines))
    table = re.sub(r"`([^`]+)`", r"<code>\1</code>", table)
    if caption:
        table = table.replace(">\n", f">\n<caption>{escape(caption)}</caption>\n", 1)
    return f'<div class="scroll">{table}</div>\n'


def _tables_of_parts(model: "Published") -> str:
    from paramlab import count
    from paramlab.display import percent

    counted = count(model.config)
    both = ""
    for head, split in (("part", counted.by_part), ("role", counted.by_role)):
        rows = [(said(name), n, percent(n, counted.total, 3)) for name, n in split.items() if n]
        rows.append((WORDS["total"], counted.total, "100%"))
        both += _table(rows, head, WORDS[f"by {head}"])
    return f'<div class="pair">{both}</div>'


def size_rows(model: "Published") -> list[tuple[str, int]]:
    """Return the sizes of an architecture that a reader may ask for."""
    flat = model.config.to_flat() if model.config else {}
    return [(name, flat[field]) for field, name in SIZES.items() if flat.get(field)]


def _memory(model: "Published", calculators: str) -> str:
    from paramlab.costs import BITS, weight_bytes
    from paramlab.display import in_bytes

    rows = []
    for _, same in groupby(BITS, key=BITS.get):
        precisions = list(same)
        n = weight_bytes(model.config, precisions[0])
        rows.append((", ".join(precisions), n, in_bytes(n)))
    weights = _table(rows, "bytes", WORDS["bytes caption"])
    if model.kind != "decoder":
        return f"{weights}<p>{WORDS['no cache']}</p>"
    try:
        cache, text = _cache(model)
    except ValueError as reason:  # it has layers that are counted here, and not costed
        return f"{weights}<p>{escape(WORDS['not costed'].format(reason=said(str(reason))))}</p>"
    body = f'<div class="pair">{weights}{cache}</div>{text}'
    if calculators and model.config.n_ctx:
        target = f"{calculators}#model={model.slug}&amp;context={min(model.config.n_ctx, 32_768)}"
        body += f'<p><a href="{target}">{WORDS["calculator"]}</a></p>'
    return body


def _cache(model: "Published") -> tuple[str, str]:
    """Return what a context takes: a table up to the window, and a sentence on a token."""
    from paramlab.costs import kv_cache_bytes, state_bytes, weight_bytes
    from paramlab.display import in_bytes
    from paramlab.reports import bytes_per_token

    config, states = model.config, state_bytes(model.config)
    joins = any(each.n_joined > 1 for each in config.lookbacks)
    words = [WORDS["cache joined" if joins else "cache window" if config.window else "cache text"]]
    if states:
        words.append(WORDS["cache states"])
    numbers = (f"{n:,}" for n in (bytes_per_token(config), states))
    text = " ".join(w.format(n=n) for w, n in zip(words, numbers, strict=False))
    rows = []
    window = config.n_ctx or CONTEXTS[-1]  # without attention there is none
    for n in sorted({*(n for n in CONTEXTS if n <= window), window}):
        kept = kv_cache_bytes(config, n) + states
        both = (in_bytes(weight_bytes(config, p) + kept) for p in ("fp16", "int4"))
        rows.append((f"{n:,}", in_bytes(kept), *both))
    return _table(rows, "cache", WORDS["cache caption"]), f"<p>{text}</p>"


def size(model: "Published") -> int:
    """Return how many parameters a model has, or nothing where we have no count."""
    from paramlab import count

    return count(model.config).total if model.config else model.quoted_params or 0


def neighbors(model: "Published", sizes: "Sizes") -> "list[Published]":
    """Return the family of a model with the model itself, and the next in size on either side."""
    family = [other for other in sizes if other.family == model.family]
    others = [other for other in sizes if other.config and other.family != model.family]
    n = sizes[model]
    smaller = [other for other in others if sizes[other] < n]
    larger = [other for other in others if n and sizes[other] > n]
    near = [max(smaller, key=sizes.__getitem__)] if smaller else []
    return [*family, *near, *([min(larger, key=sizes.__getitem__)] if larger else [])]


def _family(model: "Published", sizes: "Sizes", caption: str = "") -> str:
    rows: list[tuple[object, ...]] = []
    slugs = []
    for other in neighbors(model, sizes):
        name = (
            f"{other.name}, {WORDS['this']}" if other is model else f"{other.name} `{other.slug}`"
        )
        c = other.config
        shape = f"{c.n_layers} × {c.d_model:,}" if c else ""
        rows.append(
            (name, str(other.year), sizes[other] or "", shape, said(other.window, computed=True))
        )
        slugs.append(other.slug)
    return linked(_table(rows, "beside", caption), "", slugs) if len(rows) > 1 else ""


def _beside(model: "Published", sizes: "Sizes") -> str:
    from paramlab.compare import compare
    from paramlab.html import markup

    body = _family(model, sizes, WORDS["beside caption"])
    near = (other for other in neighbors(model, sizes) if other.kind == model.kind)
    alike = [other for other in near if other.config and other.config != model.config]
    if not alike:
        return body
    other = min(alike, key=lambda m: (m.family != model.family, abs(sizes[m] - sizes[model])))
    steps = sorted(compare(other.config, model.config), key=lambda step: -abs(step.parameters))
    own = other.config.own_blocks or model.config.own_blocks  # then parts are compared
    rows = []
    for step in steps[:MOST_STEPS]:
        pairs = zip(step.before, step.after, strict=True)
        change = ", ".join(f"{_shown(before)} → {_shown(after)}" for before, after in pairs)
        parameters = f"{step.parameters:+,}".replace("-", "−")
        names = map(said, step.fields) if own else step.fields
        rows.append((", ".join(names), change, parameters))
    caption = WORDS["difference parts" if own else "difference"]
    head = "parts" if own else "steps"
    body += _table(rows, head, caption.format(other=other.name, name=model.name))
    if left := len(steps) - len(rows):
        words = WORDS["more"].format(n=left, a=other.slug, b=model.slug)
        body += f"<p>{markup(words)}</p>"
    return body


def _shown(value: object) -> str:
    if isinstance(value, tuple) and value:
        parts = dict.fromkeys(a.part for each in value for a in getattr(each, "arrays", ()))
        which = "layers" if type(value[0]) is int else "kinds"
        return ", ".join(map(said, parts)) or WORDS[which].format(n=len(value))
    if type(value) is int:
        return f"{value:,}"
    if value is None or value == ():
        return WORDS["nothing"]
    return str(value) if len(str(value)) <= 20 else type(value).__name__


# ------------------------------------------------------------------ pages and links


def linked(html: str, folder: str, slugs: Collection[str]) -> str:
    """Link every name of a model that stands before its short form.

    Examples
    --------
    >>> linked("<th>GPT-3 <code>gpt3-175b</code></th>", "../models/", ["gpt3-175b"])
    '<th><a href="../models/gpt3-175b.html">GPT-3</a> <code>gpt3-175b</code></th>'
    """

    def link(match: re.Match) -> str:
        before, name, slug = match.groups()
        if slug not in slugs:
            return match[0]
        return f'{before}<a href="{folder}{slug}.html">{name}</a> <code>{slug}</code>'

    return NAMED.sub(link, html)


def linked_rows(html: str, slugs: dict[str, str], folder: str) -> str:
    """Link the head of every row that is the name of a model and nothing else.

    Examples
    --------
    >>> linked_rows('<th scope="row">GPT-4</th>', {"GPT-4": "gpt4"}, "")
    '<th scope="row"><a href="gpt4.html">GPT-4</a></th>'
    >>> linked_rows('<th scope="row">GPT-4 and others</th>', {"GPT-4": "gpt4"}, "")
    '<th scope="row">GPT-4 and others</th>'
    """

    def link(match: re.Match) -> str:
        name = match[2]
        linked_name = f'<a href="{folder}{slugs[name]}.html">{name}</a>' if name in slugs else name
        return match[1] + linked_name

    return ROW_HEAD.sub(link, html)


class ModelLinks(SphinxPostTransform):
    """Make names of models links: in the catalog, and at the head of a row of any table."""

    default_priority = 660  # after printed tables have become tables
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Change one page."""
        slugs = {escape(model.name): model.slug for model in models(self.app)}
        if not slugs:
            return
        to = self.app.builder.get_relative_uri(self.env.docname, pagename("x"))
        folder = to.removesuffix("x.html")

        for raw in self.document.findall(nodes.raw):
            html = raw.astext()
            if "<table" in html and "data-component" not in html:
                raw[:] = [
                    nodes.Text(linked(linked_rows(html, slugs, folder), folder, slugs.values()))
                ]


def model_pages(app: Sphinx) -> Iterator[tuple[str, dict, str]]:
    """Write the drawings, then yield every page."""
    all_models = models(app)
    folder = Path(app.outdir, FOLDER)
    if all_models:
        folder.mkdir(exist_ok=True)
    sizes = {model: size(model) for model in all_models}
    kept = ""
    base = app.config.html_baseurl.rstrip("/")
    card = f"{address(CATALOG).replace('/', '-')}.png"

    def contents(**options: object) -> str:
        nonlocal kept  # all pages lie in one folder, so the contents of the book are the same
        kept = kept or app.builder._get_local_toctree(pagename("x"), **options)
        return kept

    def turn(at: int) -> dict | None:
        if not 0 <= at < len(all_models):
            return None
        return {"link": f"{all_models[at].slug}.html", "title": escape(all_models[at].name)}

    for i, model in enumerate(all_models):
        name = pagename(model.slug)
        if model.config:
            drawing = said_drawing(model)
            (folder / f"{model.slug}.svg").write_text(drawing, "utf-8")
        found = CALCULATORS in app.env.found_docs
        to = app.builder.get_relative_uri(name, CALCULATORS) if found else ""
        words = description(model)
        yield name, {
            "title": escape(model.name),
            "body": body(model, sizes, to),
            "toctree": contents,
            "prev": turn(i - 1),
            "next": turn(i + 1),
            "metatags": '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<meta content="{escape(words)}" name="description">',
            "card": {
                "title": model.name,
                "description": words,
                "image": f"{base}/_cards/{card}" if base else f"../_cards/{card}",
                "width": 1200,
                "height": 630,
            },
        }, "page.html"  # fmt: skip


def entries(app: Sphinx) -> list[dict[str, str]]:
    """Return what the search finds of each model: its name, its short form, what is known."""
    return [
        {
            "page": model.name,
            "url": app.builder.get_target_uri(pagename(model.slug)),
            "title": model.name,
            "text": " ".join([model.slug, lead(model), *(text for _, text in facts(model))]),
        }
        for model in models(app)
    ]


def setup(app: Sphinx) -> dict:
    """Generate the pages while the site is finished."""
    app.add_post_transform(ModelLinks)
    app.connect("html-collect-pages", model_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
