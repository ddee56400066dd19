"""A page for each student: points, what is wrong, and which public cases show it."""

from html import escape

from paramlab_course.course import LEVELS
from paramlab_course.grading import Mark, Result
from paramlab_course.source import Source

STATES = {
    "right": "right", "partly": "partly right", "wrong": "not right", "marked": "marked",
    "not attempted": "not attempted", "again": "cannot be read", "to mark": "not marked yet",
}  # fmt: skip
STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #8888}"
    "td:nth-child(2){white-space:nowrap}code,pre{white-space:pre-wrap;overflow-wrap:anywhere}"
)


def page(source: Source, result: Result, level: str) -> str:
    """Return the page of one student as HTML that needs nothing else.

    Parameters
    ----------
    source
        The assignment.
    result
        With the marks put in.
    level
        ``points``, ``message`` or ``cases``; a question's own level goes before it.
    """
    rows = [
        _row(source.item(name).title, name, mark, source.item(name).spec.feedback or level)
        for name, mark in result.questions.items()
    ]
    head = "<tr><th scope='col'>Question<th scope='col'>Points<th scope='col'>What is said of it"
    body = f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>" if rows else ""
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'>"
        f"<meta name='viewport' content='width=device-width'><title>{escape(source.title)}</title>"
        f"<style>{STYLE}</style><main><h1>{escape(source.title)}</h1>"
        f"<p>{escape(result.student)}: {escape(_total(source, result))}</p>"
        f"{_copy_of(result)}{body}</main>\n"
    )


def _total(source: Source, result: Result) -> str:
    if result.state != "graded":
        return (
            f"{result.state} ({result.reason}). This is not a grade; what could be read is below."
        )
    if result.points is None:
        known = sum(mark.points or 0 for mark in result.questions.values())
        return (
            f"{known:g} of {source.points:g} points so far; written answers are still to be marked."
        )
    return f"{result.points:g} of {source.points:g} points."


def _copy_of(result: Result) -> str:
    if not result.made_for:
        return ""
    return (
        "<p>This file was not made from your copy of the assignment, so its numbers are not yours. "
        "Please ask if that is a mistake.</p>"
    )


def _row(title: str, name: str, mark: Mark, level: str) -> str:
    points = "–" if mark.points is None else f"{mark.points:g}"
    said = [STATES[mark.state]]
    depth = LEVELS.index(level)
    if depth >= 1 and mark.message and mark.state != "right":
        said.append(mark.message)
    if depth >= 2 and mark.cases > 1 and mark.state != "right":
        said.append(f"{mark.right} of {mark.cases} cases are right.")
    cells = "<br>".join(map(escape, said))
    if depth >= 2 and mark.failed:
        calls = "\n".join(f"{name}({', '.join(map(repr, one))})" for one in mark.failed)
        cells += f"<br>Not right for:<pre>{escape(calls)}</pre>"
    return (
        f"<tr><th scope='row'>{escape(name)}. {escape(title)}<td>{points} of {mark.of:g}<td>{cells}"
    )
