"""The one form that every notebook of the book has: checked, restored, executed.

``python tools/form.py check`` lists what departs from the form, one line each, and exits with
status 1 if there is anything. ``fix`` restores what a program can restore. ``run`` executes the
notebooks in place, then fixes them. Paths may follow, notebooks or folders; without any, all
notebooks of the book and of ``tests/validation`` are meant.
"""

import argparse
import copy
import html
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode, ValidationError, from_dict, v4, validate

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("book", "tests/validation")
NOT_PAGES = frozenset({".ipynb_checkpoints", "_build", "assignments"})
LONGEST_CELL = 15  # lines of code
MOST_DIGITS = 4  # significant digits of a printed float; more differ between BLAS kernels
LEAST_COMPARED = 1  # code cells with an output that nbval compares...
LEAST_COMPARED_IN_CHAPTER = 5
CELL_SECONDS = 600
NOT_CANONICAL = "not in its canonical form; `make format` restores it"

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
IGNORED = "nbval-ignore-output"
RAISES = "raises-exception"
TAGS = frozenset(
    f"{verb}-{what}" for verb in ("hide", "remove") for what in ("input", "output", "cell")
) | {IGNORED, RAISES, "remove-stderr", "full-width", "margin"}
CELL_METADATA = frozenset({"name", "tags", "mystnb"})
NOTEBOOK_METADATA = frozenset({"kernelspec", "myst", "mystnb"})
# What both the site and JupyterLab (jupyterlab-myst) render.
DIRECTIVES = frozenset(
    "admonition attention caution danger error hint important note seealso tip warning "
    "figure margin dropdown code-block csv-table image list-table math table".split()
)

_IMPORT = re.compile(r"^(?:from|import) paramlab\b", re.MULTILINE)
_CHAPTER = re.compile(r"\d\d-[a-z0-9-]+\.ipynb$")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}$")
_OPENING = re.compile(r"^[\s>]*(?:`{3,}|~{3,}|:{3,})\s*\{([\w:-]+)\}", re.MULTILINE)
_FIGURE = re.compile(r"<Figure size ")
_HTML_TAG = re.compile(r"<(?:style|script).*?</(?:style|script)>|<[^>]*>", re.DOTALL)
_FLOAT = re.compile(r"(?<![\w.])(\d[\d,_]*\.\d+)(?:[eE][+-]?\d+)?(?![\w.]*\.\d)")
_ARXIV = re.compile(r"(arXiv[:\s]*)\d{4}\.\d{4,5}|https?://\S+", re.IGNORECASE)
_PATH = re.compile(r"(?<![\w.:/<~)\]-])/(?:[\w.+-]+/)+[\w.+-]+|(?<!\w)[A-Za-z]:\\\w+|file://")


@dataclass(frozen=True)
class Finding:
    """One departure from the rules: the page, the place in it, and a sentence."""

    page: Path
    place: str
    message: str

    def __str__(self) -> str:
        page = self.page.resolve()
        page = page.relative_to(ROOT) if page.is_relative_to(ROOT) else self.page
        return f"{page}, {self.place}: {self.message}"


def notebooks(paths: list[Path] | None = None) -> list[Path]:
    """Return the notebooks among these files and folders, by default all that are strictly tested.

    The sources of graded work (``book/assignments``) are incomplete by design and left out.
    """
    found: set[Path] = set()
    for path in paths or filter(Path.is_dir, (ROOT / place for place in PLACES)):
        if not path.is_dir():
            found.add(path)
        for notebook in path.rglob("*.ipynb"):
            if not NOT_PAGES & set(notebook.relative_to(path).parts):
                found.add(notebook)
    return sorted(found)


def is_chapter(path: Path) -> bool:
    """Say whether a notebook is a chapter: ``NN-title.ipynb``.

    Examples
    --------
    >>> is_chapter(Path("book/parameters/01-a-size.ipynb")), is_chapter(Path("book/models.ipynb"))
    (True, False)
    """
    return bool(_CHAPTER.match(path.name))


def load(path: Path) -> NotebookNode:
    """Return a notebook as it stands, neither upgraded nor checked.

    Raises
    ------
    ValueError
        When the file is not a notebook of format 4.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["nbformat"] == 4 and all(map(_is_cell, content["cells"])):
            return v4.reads(json.dumps(content))
        problem = "its format is not 4, or a cell is incomplete"
    except (KeyError, TypeError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}"
    raise ValueError(f"{path} is not a notebook ({problem})")


def _is_cell(content: dict) -> bool:
    needed = {"cell_type", "metadata", "source"}
    if content["cell_type"] == "code":
        needed |= {"execution_count", "outputs"}
    return needed <= content.keys()


def dumps(notebook: NotebookNode) -> str:
    """Return the canonical text: indent 1, sorted keys, lists of lines, letters not escaped."""
    return v4.writes(notebook) + "\n"


def is_compared(cell: NotebookNode) -> bool:
    """Say whether nbval compares what a code cell prints."""
    return IGNORED not in cell.metadata.get("tags", [])


def printed(cell: NotebookNode) -> list[str]:
    """Return the texts that a code cell stores as output, HTML without its tags."""
    texts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            texts.append(output.text)
        for kind, data in output.get("data", {}).items():
            if kind == "text/html":
                data = html.unescape(_HTML_TAG.sub(" ", data))
            if kind.startswith("text/"):
                texts.append(data)
    return texts


def draws(cell: NotebookNode) -> bool:
    """Say whether a code cell drew a picture, stored or already removed."""
    return any(
        not data
        or any(kind.startswith("image/") for kind in data)
        or _FIGURE.match(data.get("text/plain", ""))
        for output in cell.get("outputs", [])
        if (data := output.get("data")) is not None
    )


# What `fix` restores. Each function changes one notebook.


def _drop_empty_cells(notebook: NotebookNode) -> None:
    notebook.cells = [cell for cell in notebook.cells if cell.source.strip()]


def _strip_source(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.source = cell.source.strip("\n").rstrip()


def _strip_metadata(notebook: NotebookNode) -> None:
    kept = {key: value for key, value in notebook.metadata.items() if key in NOTEBOOK_METADATA}
    notebook.metadata = from_dict({**kept, "kernelspec": KERNEL})
    notebook.nbformat_minor = 5
    for cell in notebook.cells:
        for key in set(cell.metadata) - CELL_METADATA:
            del cell.metadata[key]
        if cell.metadata.get("tags") == []:
            del cell.metadata["tags"]


def _set_ids(notebook: NotebookNode) -> None:
    taken: set[str] = set()
    for position, cell in enumerate(notebook.cells, 1):
        name = cell.metadata.get("name")
        cell.id = f"cell-{position}" if name is None or name in taken else name
        taken.add(cell.id)


def _number_cells(notebook: NotebookNode) -> None:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, 1):
        if cell.execution_count is None:
            continue  # a number would claim that it was executed
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number


def _clean_outputs(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _cleaned(cell.outputs)


def _cleaned(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Return outputs without pictures, warnings, paths of tracebacks and display hints.

    What a cell prints arrives in pieces whose ends are chance; they are joined.
    """
    kept: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream":
            if output.name != "stdout":
                continue
            if kept and kept[-1].output_type == "stream":
                kept[-1].text += output.text
                continue
        elif output.output_type == "error":
            output.traceback = []
        else:
            output.metadata = NotebookNode()
            for kind in [kind for kind in output.data if kind.startswith("image/")]:
                del output.data[kind]
        kept.append(output)
    return kept


REPAIRS = [
    _drop_empty_cells, _strip_source, _strip_metadata, _set_ids, _number_cells, _clean_outputs,
]  # fmt: skip


def fix(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook in canonical form; the argument is not changed."""
    notebook = copy.deepcopy(notebook)
    for repair in REPAIRS:
        repair(notebook)
    return notebook


def check(path: Path) -> list[Finding]:
    """Return every departure of one notebook from the form."""
    try:
        notebook = load(path)
    except ValueError as error:
        return [Finding(path, "file", str(error))]
    found = []
    notebook = fix(notebook)
    if path.read_text(encoding="utf-8") != dumps(notebook):
        found.append(Finding(path, "file", NOT_CANONICAL))
    try:
        validate(notebook)
    except ValidationError as error:
        found.append(Finding(path, "file", f"not valid: {str(error).splitlines()[0]}"))
    for rule in NOTEBOOK_RULES:
        found += [Finding(path, "file", message) for message in rule(path, notebook)]
    for position, cell in enumerate(notebook.cells, 1):
        place = f"cell {position} ({cell.id})"
        rules = CODE_RULES if cell.cell_type == "code" else MARKDOWN_RULES
        for message in (*_metadata_rule(cell), *(text for rule in rules for text in rule(cell))):
            found.append(Finding(path, place, message))
    return found


# What a person must decide. A rule yields one sentence for each departure.


def _imports_paramlab(path: Path, notebook: NotebookNode) -> Iterator[str]:
    code = (cell.source for cell in notebook.cells if cell.cell_type == "code")
    if is_chapter(path) and not any(map(_IMPORT.search, code)):
        yield "the chapter never imports paramlab"


def _unique_names(path: Path, notebook: NotebookNode) -> Iterator[str]:
    names = [cell.metadata["name"] for cell in notebook.cells if "name" in cell.metadata]
    figures = [cell.metadata.get("mystnb", {}).get("figure", {}) for cell in notebook.cells]
    labels = [figure["name"] for figure in figures if "name" in figure]
    for kind, list_ in (("cell", names), ("figure", labels)):
        for name, count in Counter(list_).items():
            if count > 1:
                yield f"{count} {kind}s are named {name!r}"


def _enough_compared(path: Path, notebook: NotebookNode) -> Iterator[str]:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    compared = sum(1 for cell in code if is_compared(cell) and any(map(_says, printed(cell))))
    least = LEAST_COMPARED_IN_CHAPTER if is_chapter(path) else LEAST_COMPARED
    if compared < least:
        yield f"only {compared} cells print something that is compared; at least {least} must"


def _says(text: str) -> bool:
    return bool(text.strip()) and not _FIGURE.match(text)


def _metadata_rule(cell: NotebookNode) -> Iterator[str]:
    name = cell.metadata.get("name")
    if name is not None and (not _NAME.match(str(name)) or re.match(r"cell-\d+$", name)):
        yield f"the name {name!r} is not of small letters, digits and hyphens, or looks like an id"
    for tag in cell.metadata.get("tags", []):
        if tag not in TAGS:
            yield f"the tag {tag!r} is unknown; it can be {', '.join(sorted(TAGS))}"


def _directives(cell: NotebookNode) -> Iterator[str]:
    for name in _OPENING.findall(cell.source):
        if name not in DIRECTIVES:
            yield f"the directive {name!r} is not rendered by both the site and JupyterLab"


def _no_comment_for_nbval(cell: NotebookNode) -> Iterator[str]:
    if "NBVAL_" in cell.source:
        yield "a comment steers nbval; use a tag, which can be seen"


def _short(cell: NotebookNode) -> Iterator[str]:
    lines = cell.source.count("\n") + 1
    if lines > LONGEST_CELL:
        yield f"{lines} lines of code; at most {LONGEST_CELL}"


def _executed(cell: NotebookNode) -> Iterator[str]:
    if cell.execution_count is None:
        yield "it was never executed; run `form.py run`"


def _output_kinds(cell: NotebookNode) -> Iterator[str]:
    for output in cell.outputs:
        if output.output_type == "error" and RAISES not in cell.metadata.get("tags", []):
            yield f"it stores an error ({output.ename}: {output.evalue})"
        for kind in output.get("data", {}):
            if not kind.startswith("text/"):
                yield f"its output of type {kind} is neither text nor a picture"


def _stable_outputs(cell: NotebookNode) -> Iterator[str]:
    text = _ARXIV.sub(r"\1", "\n".join(printed(cell)))
    for match in _FLOAT.finditer(text):
        digits = len(match[1].replace(".", "").replace(",", "").replace("_", "").lstrip("0"))
        if digits > MOST_DIGITS:
            yield f"it prints {match[0]}: {digits} significant digits; at most {MOST_DIGITS}"
    if is_compared(cell) and (found := _PATH.search(text)):
        yield f"it prints an absolute path ({found[0]}); tag it {IGNORED} or print something else"


def _figure(cell: NotebookNode) -> Iterator[str]:
    options = cell.metadata.get("mystnb", {})
    texts = {
        "caption": options.get("figure", {}).get("caption"),
        "name": options.get("figure", {}).get("name"),
        "alt": options.get("image", {}).get("alt"),
    }
    if draws(cell):
        for what, text in texts.items():
            if not isinstance(text, str) or not text.strip():
                where = "image" if what == "alt" else "figure"
                yield f"it draws, but its metadata has no mystnb.{where}.{what}"
        if any(output.output_type == "execute_result" for output in cell.outputs):
            yield "it draws and shows a value too; end it in an assignment: figure, data = ..."
    elif any(texts.values()) and cell.execution_count is not None:
        yield "its metadata describes a figure, but it draws none"
    if texts["alt"] and texts["alt"] == texts["caption"]:
        yield "its alt text repeats the caption; it gives the finding to those who cannot see it"


NOTEBOOK_RULES = [_imports_paramlab, _unique_names, _enough_compared]
MARKDOWN_RULES = [_directives]
CODE_RULES = [_no_comment_for_nbval, _short, _executed, _output_kinds, _stable_outputs, _figure]


def run(path: Path) -> None:
    """Execute a notebook in its own folder and store it in canonical form.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        When a cell raises; the file is then left as it was.
    """
    notebook = fix(load(path))
    NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name=KERNEL["name"],
        record_timing=False,
        resources={"metadata": {"path": str(path.resolve().parent)}},
    ).execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr" and is_compared(cell):
                print(f"{path}, {cell.id} wrote to stderr: {output.text.strip()}", file=sys.stderr)
    _write(path, fix(notebook))


def _write(path: Path, notebook: NotebookNode) -> None:
    """Write a notebook if that changes the file: what depends on its date is not made again."""
    text = dumps(notebook)
    if path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"{path}: written")


def main(arguments: list[str] | None = None) -> int:
    """Check, fix or run notebooks; return the exit status."""
    parser = argparse.ArgumentParser(description="The one form of the book's notebooks.")
    parser.add_argument("action", choices=["check", "fix", "run"])
    parser.add_argument("paths", nargs="*", type=Path, help="notebooks or folders (default: all)")
    options = parser.parse_args(arguments)
    status = 0
    for path in notebooks(options.paths):
        start = time.perf_counter()
        found = []
        try:
            if options.action == "check":
                found = [str(finding) for finding in check(path)]
            elif options.action == "fix":
                _write(path, fix(load(path)))
            else:
                run(path)
                print(f"{path}: executed in {time.perf_counter() - start:.0f} s", flush=True)
        except (OSError, ValueError, CellExecutionError) as error:
            found = [f"{path} was left as it is: {error}"]
        for line in found:
            print(line, file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
