"""The component ``parameter-count``: parameters by part, of a model as it is or as changed."""

from html import escape

from components import Parts, field, folded, number_field, ratio, select, table, value
from paramlab import catalog
from paramlab.coefficients import count_terms
from paramlab.conventions import SWITCHES
from paramlab.params import NO_TOKENS, count
from words import translated

MODEL = "gpt2-small"
WORDS = {
    "form": "Model, sizes, switches, and what is counted",
    "model": "Model",
    "sizes": "Its sizes",
    "switches": "What it has",
    "conventions": "Leave out, or count twice",
    "reset": "As published, all counted once",
    "n_layers": "Layers",
    "n_encoder_layers": "Encoder layers",
    "n_dense_layers": "Layers without experts",
    "d_model": "Width",
    "n_heads": "Heads",
    "n_kv_heads": "Key-value heads",
    "d_head": "Width of a head",
    "d_ff": "Width of the MLP",
    "vocab_size": "Vocabulary",
    "n_position_rows": "Positions",
    "n_experts": "Experts",
    "n_active": "Chosen per token",
    "d_ff_expert": "Width of an expert",
    "d_ff_shared": "Width of the shared one",
    "tied": "output head tied to the token table",
    "gated_mlp": "a gate in the MLP",
    "position_table": "a learned position table",
    "norm_bias": "biases in norms",
    "bias_qkv": "biases of queries, keys, and values",
    "bias_o": "biases after the heads",
    "bias_mlp": "biases in the MLP",
    "bias_head": "a bias of the output head",
    "tied_twice": "count a tied table twice",
    "has": "{model} has {total} parameters.",
    "changed": "Changed like this, {model} would have {total} parameters; it has {before}.",
    "counted": "Counted like this, {model} has {total} parameters; all counted once, {before}.",
    "both": "Changed and counted like this, {model} would have {total} parameters; it has "
    "{before}, all counted once.",
    "table": "Where they are",
    "part": "part",
    "parameters": "parameters",
    "share": "share",
    "biases": "Of these, biases: ",
    "active": "A token passes through: ",
    "all": "All models, as a table",
    "caption": "Parameters, each counted once; active are those that a token passes through. Then "
    "the shares of the parts.",
    "model_head": "model",
    "total": "total",
    "active_head": "active",
    "tables": "tables",
    "attention_head": "attention",
    "mlp_head": "MLP and experts",
    "rest": "rest",
}
WORDS = translated(WORDS)
SIZES = (
    "n_layers", "n_encoder_layers", "n_dense_layers", "d_model", "n_heads", "n_kv_heads", "d_head",
    "d_ff", "n_experts", "n_active", "d_ff_expert", "d_ff_shared", "vocab_size", "n_position_rows",
)  # fmt: skip
TURNED = (
    "tied", "gated_mlp", "position_table", "norm_bias", "bias_qkv", "bias_o", "bias_mlp",
    "bias_head",
)  # fmt: skip
PARTS = {  # what a part is called; those of the package, and where they differ, other words
    "token table": "Token table",
    "position table": "Position table",
    "segment table": "Segment table",
    "embedding projection": "Embedding projection",
    "attention": "Attention",
    "MLP": "MLP",
    "experts": "Experts",
    "expert projection": "Way into the experts",
    "state layers": "State layers",
    "low-rank branch": "Low-rank branch",
    "streams": "Streams",
    "indexer": "Indexer",
    "compression": "Compression",
    "input per layer": "Input of each layer",
    "table per layer": "Table for each layer",
    "vision encoder": "Vision encoder",
    "audio encoder": "Audio encoder",
    "projector": "Projector",
    "router": "Router",
    "shared expert": "Shared expert",
    "norms": "Norms",
    "pooler": "Pooler",
    "output head": "Output head",
}
PARTS = translated(PARTS)
LEFT_OUT = {
    "token table": "the token table",
    "position table": "the position table",
    "norm gains": "gains of norms",
    "all biases": "all biases",
    "query, key and value biases": "biases of queries, keys, and values",
    "MLP biases": "biases in the MLP",
    "final norm": "the final norm",
}
LEFT_OUT = translated(LEFT_OUT)
TABLES = ("token table", "position table", "segment table")
MLPS = ("MLP", "experts", "shared expert")


def counted() -> list[catalog.Published]:
    """Return the models of the catalog that can be counted."""
    return [model for model in catalog.published() if model.config]


def share(n: int, total: int) -> str:
    """Return n of a total in percent, to a tenth."""
    return f"{ratio(100 * n, total, 1)}%"


def build() -> Parts:
    """Return the form, the first count, the table of all models, and the terms of the sums."""
    models, w = counted(), WORDS
    templates: list[tuple] = []
    terms: dict[str, tuple] = {}
    for model in models:
        found = count_terms(model.config)
        if found.terms not in templates:
            templates.append(found.terms)
        terms[model.slug] = (templates.index(found.terms), found.sizes, found.switches)
    _, sizes, switches = terms[MODEL]
    first = count(catalog.find(MODEL).config)
    fields = [_hidden_unless(name in sizes, field(w[name], number_field(name, sizes.get(name, 1))))
              for name in SIZES]  # fmt: skip
    boxes = [_hidden_unless(name in switches, _box(name, w[name], checked=switches.get(name)))
             for name in TURNED]  # fmt: skip
    left_out = [_box(f"without_{name.replace(' ', '_').replace(',', '')}", LEFT_OUT[name], name)
                for name in SWITCHES]  # fmt: skip
    left_out.append(_box("tied_twice", w["tied_twice"], "tied_twice"))
    names = dict.fromkeys(part for _, part, *_ in templates[terms[MODEL][0]])
    rows = []
    for part in names:
        n = first.by_part.get(part, 0)
        percent = share(n, first.total)
        bar = f'<span style="--share: {percent}">{percent}</span>'
        rows.append((PARTS[part], f"{n:,}", bar))
    answer = w["has"].format(model=catalog.find(MODEL).name, total=f"{first.total:,}")
    biases = first.bias + first.by_role["norm bias"]
    markup = "\n".join((
        f'<form aria-label="{escape(w["form"])}">',
        field(w["model"], select("model", [(m.slug, m.name) for m in models], MODEL)),
        f'<button type="reset">{escape(w["reset"])}</button>',
        f"<fieldset><legend>{w['sizes']}</legend>", *fields, "</fieldset>",
        f'<fieldset class="boxes"><legend>{w["switches"]}</legend>', *boxes, "</fieldset>",
        f'<fieldset class="boxes" data-convention><legend>{w["conventions"]}</legend>', *left_out,
        "</fieldset>", "</form>",
        value("answer", answer, "p"),
        table(w["table"], (w["part"], w["parameters"], w["share"]), rows, "shares", "parts"),
        f"<p>{escape(w['biases'])}{value('biases', f'{biases:,}')}. "
        f"{escape(w['active'])}{value('active', f'{first.active:,}')}.</p>",
        '<p class="unseen" role="status"></p>',
        folded(w["all"], table(w["caption"], *_everything(models), "printed wide")),
    ))  # fmt: skip
    spoken = {name: w[name] for name in ("has", "changed", "counted", "both")}
    data = {
        "models": terms,
        "templates": templates,
        "no_tokens": NO_TOKENS,
        "words": {**spoken, "parts": PARTS},
    }
    return Parts(markup, data)


def _hidden_unless(is_there: bool, label: str) -> str:
    return label if is_there else label.replace("<label", "<label hidden", 1)


def _box(name: str, label: str, content: str = "1", checked: bool | None = False) -> str:
    mark = " checked" if checked else ""
    box = f'<input type="checkbox" name="{name}" value="{content}"{mark}>'
    return f"<label>{box} {escape(label)}</label>"


def _everything(models: list[catalog.Published]) -> tuple[list[str], list[tuple]]:
    """Return head and rows of the table of all models, in the order of the catalog."""
    head = ("model_head", "total", "active_head", "tables", "attention_head", "mlp_head", "rest")
    rows = []
    for model in models:
        found = count(model.config)
        groups = [sum(found.by_part.get(part, 0) for part in parts)
                  for parts in (TABLES, ("attention",), MLPS)]  # fmt: skip
        shares = (share(n, found.total) for n in (*groups, found.total - sum(groups)))
        rows.append((escape(model.name), f"{found.total:,}", f"{found.active:,}", *shares))
    return [WORDS[name] for name in head], rows
