"""Components: parts of a page that answer a reader, and stand as text and tables without a script.

A component is a module ``book/_static/components/NAME.mjs``. It exports
``{ render({ model, el }) }``, the form of an anywidget, and imports nothing, so that it serves
JupyterLab as it is: ``class Fit(anywidget.AnyWidget): _esm = Path("memory-fit.mjs")``, with the
synchronized traits ``data`` and ``markup`` that :func:`parts` returns. For the site it becomes a
script of the old kind, since a browser loads no module from ``file://``, and ``host.js`` makes it a
custom element of its name.

What the reader sees is written by ``component_NAME.py`` (``build``), complete with the answer to
the first question; the script only keeps it up to date. All its words stand at the top of that
module, in tables, for whoever translates them.

A page of text places a component by a directive. A notebook, which is read in JupyterLab too, has a
box there, of the class ``component`` and of its name, that says what to change in a cell; on the
site the component takes the place of these words. The box of a chapter's guess gets its fields.
"""

import importlib
import json
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import NamedTuple

from addresses import NUMBERED
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

NAME = re.compile(r"[a-z]+(-[a-z]+)+")  # of a custom element
PLACED = re.compile(r"<([a-z-]+) data-component>")


class Parts(NamedTuple):
    """What a component is made of: its HTML, and what its script computes from."""

    markup: str
    data: dict


def parts(name: str, *about: object) -> Parts:
    """Return the parts of a component, written by the module of its name, about something."""
    if not NAME.fullmatch(name):
        raise ExtensionError(f"a component is called {name!r}; its name needs two words, joined")
    return importlib.import_module(f"component_{name.replace('-', '_')}").build(*about)


def element(name: str, *about: object) -> str:
    """Return a component as the custom element of a page."""
    markup, data = parts(name, *about)
    fixed = json.dumps({"data": data}, ensure_ascii=False, separators=(",", ":"))
    fixed = fixed.replace("</", r"<\/")  # nothing in it may end the script
    return (
        f"<{name} data-component>\n{markup}\n"
        f'<script type="application/json">{fixed}</script>\n</{name}>'
    )


def classic(name: str, module: str) -> str:
    r"""Return a module as a script of the old kind, which hands its component to the host.

    Examples
    --------
    >>> print(classic("a-b", "export const one = 1;\nexport default { render };"), end="")
    {
    const one = 1;
    const component = { render };
    hostComponent("a-b", component);
    }
    """
    if re.search(r"^\s*import\b", module, flags=re.MULTILINE):
        raise ExtensionError(f"the component {name} imports something; it must stand alone")
    script, n = re.subn(r"^export default ", "const component = ", module, flags=re.MULTILINE)
    if n != 1:
        raise ExtensionError(f"the component {name} exports {n} defaults; it must be one")
    script = re.sub(r"^export ", "", script, flags=re.MULTILINE)
    return f'{{\n{script.strip()}\nhostComponent("{name}", component);\n}}\n'


# ------------------------------------------------------------------ HTML for these


def field(label: str, control: str) -> str:
    """Return a control under its label."""
    return f"<label>{escape(label)} {control}</label>"


def select(name: str, options: Iterable[tuple[str, str]], chosen: str) -> str:
    """Return a menu of values and the words for them."""
    lines = []
    for option, words in options:
        selected = " selected" if option == chosen else ""
        lines.append(f'<option value="{escape(option)}"{selected}>{escape(words)}</option>')
    return f'<select name="{name}">\n' + "\n".join(lines) + "\n</select>"


def number_field(name: str, value: object = "", least: float = 1, step: object = 1) -> str:
    """Return a field for a number up to a billion; one without a value may stay empty."""
    required = "" if value == "" else " required"
    range_of = f'min="{least}" max="{10**9}" step="{step}"'
    return f'<input type="number" name="{name}" value="{value}" {range_of}{required}>'


def value(name: str, text: str = "", tag: str = "span") -> str:
    """Return a place where the script puts what it computes; the text is the first answer."""
    return f'<{tag} data-value="{name}">{escape(text)}</{tag}>'


def table(
    caption: str, head: Iterable[str], rows: Iterable[Iterable[str]], kind: str = "", body: str = ""
) -> str:
    """Return a table, numbers to the right, of rows of HTML; with classes of it and of its body."""
    right = ' class="text-right"'
    first, *others = map(escape, head)
    heads = [f'<th scope="col">{first}</th>'] + [f'<th scope="col"{right}>{w}</th>' for w in others]
    labels = [f' data-label="{words}"' if "wide" in kind else "" for words in others]
    lines = []
    for name, *cells in rows:
        row = "".join(f"<td{right}{a}>{cell}</td>" for a, cell in zip(labels, cells, strict=True))
        lines.append(f'<tr><th scope="row">{name}</th>{row}</tr>')
    return "\n".join((
        f'<div class="scroll"><table class="{kind}"><caption>{escape(caption)}</caption>',
        f'<thead><tr>{"".join(heads)}</tr></thead>',
        f'<tbody class="{body}">', *lines, "</tbody></table></div>",
    ))  # fmt: skip


def folded(summary: str, content: str) -> str:
    """Return a box that opens at its words."""
    return f"<details><summary>{escape(summary)}</summary>\n{content}\n</details>"


# ------------------------------------------------------------------ numbers in words


def ratio(n: int, m: int, digits: int) -> str:
    """Return n / m with so many digits after the point, rounded half up.

    Examples
    --------
    >>> ratio(2, 3, 1), ratio(123_456, 10, 0), ratio(1, 8, 2)
    ('0.7', '12,346', '0.13')
    """
    scaled = (2 * n * 10**digits + m) // (2 * m)
    whole, rest = divmod(scaled, 10**digits)
    return f"{whole:,}.{rest:0{digits}}" if digits else f"{whole:,}"


# ------------------------------------------------------------------ in the site


class Component(SphinxDirective):
    """Place a component by its name: ```` ```{component} memory-fit ````."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write its HTML into the page."""
        return [nodes.raw("", element(self.arguments[0]), format="html")]


class Boxes(SphinxPostTransform):
    """Put components into the boxes of notebooks that wait for them."""

    default_priority = 590
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Change one page."""
        chapter = NUMBERED.fullmatch(self.env.docname)
        for box in self.document.findall(nodes.admonition):
            if "component" in box["classes"]:
                name = next(kind for kind in box["classes"] if NAME.fullmatch(kind))
                box[1:] = [nodes.raw("", element(name), format="html")]
            elif "guess" in box["classes"] and chapter:
                form = element("reader-guess", int(chapter["number"]))
                box += nodes.raw("", form, format="html")


def write_scripts(app: Sphinx) -> None:
    """Make a script of each module, where the site's other files will lie."""
    if app.builder.format != "html":
        return
    target = Path(app.outdir, "_static", "components")
    target.mkdir(parents=True, exist_ok=True)
    for path in Path(app.srcdir, "book", "_static", "components").glob("*.mjs"):
        script = classic(path.stem, path.read_text("utf-8"))
        (target / f"{path.stem}.js").write_text(script, "utf-8")


def load_scripts(app: Sphinx, pagename: str, template: str, context: dict, doctree) -> None:
    """Load the host and the scripts of a page's components, and no others."""
    if found := dict.fromkeys(PLACED.findall(context.get("body", ""))):
        for name in ("host", *found):
            app.add_js_file(f"components/{name}.js", defer="defer")


def setup(app: Sphinx) -> dict:
    """Add the directive and the scripts."""
    app.add_directive("component", Component)
    app.add_post_transform(Boxes)
    app.connect("builder-inited", write_scripts)
    app.connect("html-page-context", load_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
