"""A course with invented students, to try the commands on: some know all, some err."""

import json
from pathlib import Path

from paramlab.coursework import stem

from paramlab_course import proof, release
from paramlab_course.course import Course, create, write_text


def example(folder: Path, sources: Path, n_students: int, assignment: str = "1") -> Course:
    """Make such a course, with what its students hand in under ``submissions``.

    Raises
    ------
    CourseError
        When there is something in that folder already.
    """
    course = create(folder, "An example", sources)
    names = [f"student-{i:04}" for i in range(n_students)]
    rows = [f"{name},Student {i},{name}@example.org,{10_000 + i}" for i, name in enumerate(names)]
    write_text(folder / "roster.csv", "\n".join(["id,name,email,lms", *rows]) + "\n")
    source = course.source(assignment)
    for number, name in enumerate(names):
        seed = course.given(name)
        cells = {} if number % 30 == 29 else proof.solved(source, seed, number % 2)
        for i, item in enumerate(source.items):
            wrongs = list(proof.named_wrongs(item, seed).values())
            if cells and wrongs and (i + number) % 5 < number % 4:
                cells[item.name] = wrongs[number % len(wrongs)][0]
        made = proof.answered(source, release.notebook(source, seed), cells)
        path = folder / "submissions" / f"{stem(source.name)}-{name}.ipynb"
        write_text(path, json.dumps(made))
    return course
