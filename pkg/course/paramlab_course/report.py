"""What a class found hard: the points of each question, and how often each named error was made."""

from collections import Counter

from paramlab.display import table

from paramlab_course.grading import Mark, Result
from paramlab_course.source import Choice, Item, Source


def report(source: Source, results: dict[str, Result]) -> str:
    """Return a table of the questions, then the errors of each, the most frequent first.

    Each with how many made it and what they were told; then whose file is of another's copy.
    """
    rows, errors = [], []
    for item in source.items:
        marks = [result.questions[item.name] for result in results.values() if result.questions]
        rows.append((f"{item.name}. {item.title}", *_numbers(marks)))
        counted = Counter(mark.name for mark in marks if mark.name)
        errors += [
            f"{item.name}: {n} of {len(marks)}: {_error(item, name)}"
            for name, n in counted.most_common()
        ]
    head = ("question", "points", "right", "partly", "wrong", "empty", "other")
    foreign = [f"{one.student} ({one.made_for})" for one in results.values() if one.made_for]
    if foreign:
        errors += ["", f"Not made from the student's own copy, but from: {', '.join(foreign)}"]
    return "\n".join([table(rows, head), "", *errors])


def _error(item: Item, name: str) -> str:
    if issubclass(item.spec, Choice):
        return f"chose ({name}). {item.spec.wrong[name]}"
    return f"{name.replace('_', ' ')}. {item.wrongs()[name][1]}"


def _numbers(marks: list[Mark]) -> tuple[str, ...]:
    known = [mark.points / mark.of for mark in marks if mark.points is not None]
    states = Counter(mark.state for mark in marks)
    mean = f"{100 * sum(known) / len(known):.0f}%" if len(known) == len(marks) > 0 else "–"
    each = [states.pop(state, 0) for state in ("right", "partly", "wrong", "not attempted")]
    return (mean, *map(str, each), str(sum(states.values())))
