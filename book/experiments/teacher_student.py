"""Let students of several widths learn what a teacher of fixed width computes; count who finds it.

Chapter 9 loads what this script writes: ``data/teacher_student.json``. Run it from the root of the
repository; it takes about two minutes of one processor::

    OPENBLAS_NUM_THREADS=1 python book/experiments/teacher_student.py

Written before the run:

- *Question.* A teacher of 10 ReLU units labels 500 examples, without noise. A student with as
  many units can copy it exactly. Does a student with more units find a perfect copy less often, as
  it should if more parameters make the search harder?
- *Measure.* The share of students whose loss on the examples ends below 0.0001 of the variance.
  All final losses are recorded, to show that this threshold lies in a gap.
- *Unit.* A teacher, with its examples and one start: 50 of them for each width, none used for
  anything else. Intervals are Wilson's.
- *Comparisons.* One is declared: 20 units against 10. The other widths are shown and not tested.
- *Step size.* Every width gets its own best of three, chosen by the median of the logarithm of the
  loss on 10 other teachers.
- *Control 1, better trained.* Width 40 does four times the work of width 10. So width 10 also gets
  four times the steps, and also four starts of which the best counts. If either equals width 40,
  width is no more than work, or no more than a bundle of lottery tickets.
- *Control 2, learned by heart.* Loss on 1,000 inputs that the student has not seen. The widest
  student has 440 parameters, fewer than there are examples.
- *Control 3, chance of arithmetic.* 20 students of width 10 start again from weights changed by a
  trillionth: how many end otherwise?
- *Opposite.* Success falls with width; then the article is right in miniature.
- *Against us.* Safran and Shamir (arXiv 1712.08968) found that teacher and student together are
  harder to match the larger they are. So 25 teachers of 20 units, too, with 1,000 examples and
  students of 20 and 40 units, at the step sizes chosen for 10 and 20.
- *Predicted, after trials with 8 other teachers:* 30% to 60% at width 10, at least 90% at width 20,
  and fewer at equal width for the larger teacher.

What it cannot show: that a language model behaves so.
"""

import json
import time
from pathlib import Path
from statistics import median

import numpy as np
from paramlab.small_fits import Student, draw_lesson, fit_student
from recording import about, short

DATA = Path(__file__).parent / "data"
COMMAND = "OPENBLAS_NUM_THREADS=1 python book/experiments/teacher_student.py"
WIDTHS = (5, 10, 12, 15, 20, 40)
N_UNITS = 10  # of the teacher
N_STEPS = 2_000
STEP_SIZES = (0.03, 0.1, 0.3)
TEACHERS, OTHER_TEACHERS = range(50), range(1_000, 1_010)
LARGE, LARGE_WIDTHS = 20, {20: 10, 40: 20}  # width: the width whose step size it gets


def fitted(
    width: int,
    step_size: float,
    teacher: int,
    start: int = 0,
    n_units: int = N_UNITS,
    more: int = 1,
) -> Student:
    """Return one student; ``more`` multiplies its steps."""
    lesson = draw_lesson(teacher, n_units, n=50 * n_units)
    return fit_student(lesson, width, step_size, more * N_STEPS, seed=[teacher, 2 + start])


def best_step_size(width: int) -> dict:
    """Try the step sizes on teachers that are not used again."""
    losses = {
        size: [fitted(width, size, teacher).loss for teacher in OTHER_TEACHERS]
        for size in STEP_SIZES
    }
    middle = {size: median(np.log10(losses[size])) for size in STEP_SIZES}
    return {"chosen": min(middle, key=middle.__getitem__), "median_log10_loss": middle}


def losses_of(students: list[Student]) -> dict:
    """Return both losses of every student."""
    return {
        "losses": [student.loss for student in students],
        "fresh_losses": [student.fresh_loss for student in students],
    }


def main() -> None:
    """Run everything; write the record."""
    began = time.process_time()
    tried = {width: best_step_size(width) for width in WIDTHS}
    size = {width: tried[width]["chosen"] for width in WIDTHS}
    students = {w: losses_of([fitted(w, size[w], t) for t in TEACHERS]) for w in WIDTHS}
    again = [[fitted(10, size[10], t, start).loss for start in (1, 2, 3)] for t in TEACHERS]
    longer = [fitted(10, size[10], t, more=4).loss for t in TEACHERS]
    moved = [nearly_the_same(t, size[10]) for t in TEACHERS[:20]]
    large = {
        width: losses_of([fitted(width, size[like], t, n_units=LARGE) for t in TEACHERS[:25]])
        for width, like in LARGE_WIDTHS.items()
    }
    record = {
        **about(COMMAND, began),
        "n_units": N_UNITS,
        "n_steps": N_STEPS,
        "step_sizes": tried,
        "students": students,
        "width_10_three_more_starts": again,
        "width_10_four_times_the_steps": longer,
        "width_10_moved_by_a_trillionth": moved,
        "teacher_of_20": large,
    }
    text = json.dumps(short(record), indent=None, separators=(", ", ": "))
    path = DATA / "teacher_student.json"
    path.write_text(text.replace('], "', '],\n"').replace('}, "', '},\n"') + "\n", "utf-8")
    print(f"{path.name}: {record['processor_minutes']} processor minutes")


def nearly_the_same(teacher: int, step_size: float) -> float:
    """Return the loss after a start that is off by a trillionth."""
    lesson, scale = draw_lesson(teacher, N_UNITS), 1 + 1e-12
    return fit_student(lesson, 10, step_size, N_STEPS, [teacher, 2], start_scale=scale).loss


if __name__ == "__main__":
    main()
