"""All submissions of an assignment: graded side by side, again only where something changed."""

import os
import queue
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from paramlab_course.box import BoxFailed, Limits
from paramlab_course.course import Course, write_text
from paramlab_course.grading import AGAIN, NotGradable, Result, grade, key_of, read_bytes
from paramlab_course.source import Source


def grade_all(
    course: Course,
    assignment: str,
    limits: Limits,
    workers: int = 0,
    shard: tuple[int, int] = (0, 1),
    progress: Callable[[int, int], None] = lambda done, all_: None,
) -> dict[str, int]:
    """Grade what was collected; return how many were graded, kept, to hand in again, or failed.

    Failed is what this machine could not start a box for; it is graded by the next run.

    Parameters
    ----------
    course, assignment
        What to grade.
    limits
        Of each box.
    workers
        How many at a time; by default one for each core.
    shard
        (i, n): only each n-th submission, from the i-th. Shards need nothing of each other and
        give together what one run gives.
    progress
        Called with how many are done, of how many.
    """
    source = course.source(assignment)
    files = list(course.submissions(assignment).items())[shard[0] :: shard[1]]
    n_workers = workers or len(os.sched_getaffinity(0))
    slots: queue.SimpleQueue[int] = queue.SimpleQueue()
    for slot in range(n_workers):
        slots.put(slot + shard[0] * n_workers)
    counts = {"graded": 0, "kept": 0, "again": 0, "failed": 0}

    def one(student: str, path: Path) -> str:
        slot = slots.get()
        try:
            return _one(course, source, student, path, replace(limits, slot=slot))
        finally:
            slots.put(slot)

    with ThreadPoolExecutor(n_workers) as pool:
        waiting = [pool.submit(one, *pair) for pair in files]
        try:
            for done, future in enumerate(as_completed(waiting), 1):
                counts[future.result()] += 1
                progress(done, len(files))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return counts


def waiting(course: Course, assignment: str) -> list[str]:
    """Return the students whose submission is not graded yet as it is now."""
    source = course.source(assignment)
    found = []
    for student, path in course.submissions(assignment).items():
        place = course.path("graded", source.name, f"{student}.json")
        try:
            key = key_of(source, read_bytes(path), course.given(student), course.hidden(student))
        except NotGradable:
            key = ""
        if not kept(place, key):
            found.append(student)
    return found


def _one(course: Course, source: Source, student: str, path: Path, limits: Limits) -> str:
    place = course.path("graded", source.name, f"{student}.json")
    given, hidden = course.given(student), course.hidden(student)
    try:
        content = read_bytes(path)
    except NotGradable as error:
        result = Result(source.name, student, "", AGAIN, str(error))
        write_text(place, result.as_json())
        return "again"
    if kept(place, key_of(source, content, given, hidden)):
        return "kept"
    try:
        result = grade(source, content, student, given, hidden, limits)
    except BoxFailed:
        return "failed"
    write_text(place, result.as_json())
    return "graded" if result.state == "graded" else "again"


def kept(place: Path, key: str) -> bool:
    """Say whether this very submission was graded already, by this very source and secret."""
    try:
        return Result.from_json(place.read_text(encoding="utf-8")).key == key
    except (OSError, ValueError, KeyError, TypeError):
        return False


class Bar:
    """A line on standard error that says how far it is."""

    def __init__(self) -> None:
        self._begun = self._shown = time.monotonic()

    def __call__(self, done: int, of: int) -> None:
        """Show it, at most ten times a second."""
        now = time.monotonic()
        if done < of and now - self._shown < 0.1:
            return
        self._shown = now
        rate = done / max(now - self._begun, 1e-9)
        full = "#" * (30 * done // of)
        line = f"\r[{full:30}] {done}/{of}, {rate:.1f}/s, {(of - done) / rate:.0f} s left "
        print(line, end="\n" if done == of else "", file=sys.stderr, flush=True)
