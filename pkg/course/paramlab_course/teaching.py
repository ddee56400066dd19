"""What the public teaching pages print of the assignments, and the quizzes for other systems."""

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from paramlab import quizzes

from paramlab_course.source import Source

FORMATS = ("moodle", "text2qti")
MARKED = re.compile(r"(?s)(^% begin (\w+)(?: (\S+))?\n).*?(^% end\n)", re.MULTILINE)


def questions(source: Source) -> str:
    """Return the questions of an assignment as a list in Markdown: no answer, no message."""
    lines = []
    for item in source.items:
        spec = item.spec
        mistakes = ", ".join(name.replace("_", " ") for name in sorted(item.wrongs()))
        lines += [
            f"- **{item.name}. {item.title}** (chapter {spec.chapter}; points: {spec.points}; "
            f"minutes: {spec.minutes}): {spec.objective}.",
            *([f"  *Knows by name:* {mistakes}."] if mistakes else []),
        ]
    return "\n".join(lines)


def schedule(text: str, form: str) -> str:
    """Return one form of the schedule, written in TOML, as a list in Markdown."""
    lines = []
    for number, session in enumerate(tomllib.loads(text)[form], 1):
        first, *others = session["chapters"]
        chapters = f"Chapters {first} and {others[0]}" if others else f"Chapter {first}"
        due = f" To hand in: {session['due']}." if "due" in session else ""
        lines.append(f"{number}. {chapters}: {session['do']}.{due}")
    return "\n".join(lines)


def memory(text: str) -> str:
    """Return what chapters need of memory, measured and stored as JSON, as a list in Markdown."""
    measured = json.loads(text)
    peaks = {int(name): one["peak_mb"] / 1000 for name, one in measured["chapters"].items()}
    private = {int(name): one["private_mb"] / 1000 for name, one in measured["chapters"].items()}
    first, second, third, *_ = sorted(peaks, key=lambda name: -peaks[name])
    return (
        f"- The most that a chapter takes at a time is {peaks[first]:.1f} GB, chapter {first}; "
        f"chapter {second} takes {peaks[second]:.1f} GB, every other at most {peaks[third]:.1f} GB "
        f"({measured['date']}).\n"
        f"- Of that, {peaks[first] - private[first]:.1f} GB are the model and the libraries: "
        f"files, which all on a machine share if they open the same ones.\n"
        f"- JupyterLab takes {measured['jupyterlab_mb'] / 1000:.1f} GB more."
    )


def filled(page: str, sources: Iterable[Source], plan: str, measured: str) -> str:
    """Return a page with its generated parts made again.

    A part stands between ``% begin questions 1``, ``% begin schedule weeks_3`` or ``% begin
    memory`` and ``% end``.
    """
    lists = {source.name: questions(source) for source in sources}

    def made(match: re.Match[str]) -> str:
        kind, name = match[2], match[3]
        if kind == "memory":
            made_of = memory(measured)
        else:
            made_of = lists[name] if kind == "questions" else schedule(plan, name)
        return f"{match[1]}\n{made_of}\n\n{match[4]}"

    return MARKED.sub(made, page)


def fill(folder: Path, sources: Iterable[Source]) -> list[Path]:
    """Make the generated parts of all pages in a folder again; return the pages that changed."""
    sources, plan = list(sources), (folder / "schedule.toml").read_text("utf-8")
    measured = (folder / "memory.json").read_text("utf-8")
    changed = []
    for path in sorted(folder.glob("*.md")):
        text = path.read_text("utf-8")
        if (new := filled(text, sources, plan, measured)) != text:
            path.write_text(new, "utf-8")
            changed.append(path)
    return changed


def quiz_for(kind: str, chapter: int) -> str:
    """Return the quiz of a chapter as Moodle XML, or as the text that text2qti turns into QTI.

    Raises
    ------
    LookupError
        When the chapter has no quiz.
    """
    return (_as_moodle if kind == "moodle" else _as_text2qti)(quizzes.items(chapter))


def _as_moodle(items: Iterable[quizzes.Item]) -> str:
    def text(content: str) -> str:
        return f"<text>{escape(quizzes.marked(content))}</text>"

    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<quiz>"]
    for item in items:
        lines += [
            '<question type="multichoice">',
            f"<name><text>{item.chapter}-{item.id}</text></name>",
            f'<questiontext format="html">{text(item.asks)}</questiontext>',
            "<defaultgrade>1</defaultgrade><single>true</single>",
            "<shuffleanswers>1</shuffleanswers>",
        ]
        for choice in item.choices:
            lines.append(
                f'<answer fraction="{100 if choice.right else 0}" format="html">{text(choice.text)}'
                f'<feedback format="html">{text(choice.reply)}</feedback></answer>'
            )
        lines.append("</question>")
    return "\n".join([*lines, "</quiz>", ""])


def _as_text2qti(items: Sequence[quizzes.Item]) -> str:
    parts = [f"Quiz title: Chapter {items[0].chapter}"]
    for number, item in enumerate(items, 1):
        lines = [f"Title: {item.chapter}-{item.id}", "Points: 1", f"{number}. {item.asks}"]
        for letter, choice in zip("abcde", item.choices, strict=False):
            star = "*" if choice.right else ""
            lines += [f"{star}{letter}) {choice.text}", f"... {choice.reply}"]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"
