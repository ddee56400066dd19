"""Students and random features: slopes against nudging, fits against closed forms, the record."""

import json

import numpy as np
import pytest
from paramlab.files.recorded import recorded_file
from paramlab.small_fits import (
    draw_lesson,
    draw_teacher,
    fit_student,
    random_features,
    relu_network,
    ridge_fit,
    tuned_ridge_fit,
)


def test_a_copy_of_the_teacher_is_perfect_on_seen_and_fresh_inputs():
    lesson, teacher = draw_lesson(3, n_units=4, n=50), draw_teacher(3, n_units=4)
    for inputs, answers in (
        (lesson.inputs, lesson.answers),
        (lesson.fresh_inputs, lesson.fresh_answers),
    ):
        assert np.allclose(relu_network(inputs, teacher, np.ones(4)), answers)


def test_the_first_step_goes_against_the_slope_of_every_weight():
    lesson, size, h = draw_lesson(1, n_units=3, n=40), 1e-3, 1e-6
    start, after = (fit_student(lesson, 5, size, n_steps=n) for n in (0, 1))
    values = np.vstack([start.weights, start.outputs])
    moved = np.vstack([after.weights, after.outputs]) - values

    def loss(p):
        return ((relu_network(lesson.inputs, p[:-1], p[-1]) - lesson.answers) ** 2).mean()

    for place in np.ndindex(values.shape):
        nudge = np.zeros_like(values)
        nudge[place] = h
        slope = (loss(values + nudge) - loss(values - nudge)) / (2 * h)
        assert moved[place] == pytest.approx(-size * np.sign(slope), rel=1e-3)


def test_losses_are_shares_of_the_variance():
    lesson = draw_lesson(1, n_units=3)
    student = fit_student(lesson, 3, n_steps=5)
    rest = relu_network(lesson.inputs, student.weights, student.outputs) - lesson.answers
    assert student.loss == pytest.approx(np.mean(rest**2) / np.var(lesson.answers))


@pytest.mark.parametrize("shape", [(9, 4), (9, 9), (9, 30)])
def test_a_fit_equals_its_closed_form(shape):
    x, y = np.random.default_rng(0).normal(size=shape), np.arange(9.0)
    assert np.allclose(ridge_fit(x, y), np.linalg.pinv(x) @ y)
    square = x.T @ x + 0.7 * np.eye(shape[1])
    assert np.allclose(ridge_fit(x, y, 0.7), np.linalg.solve(square, x.T @ y))
    assert np.abs(ridge_fit(x, y, 1e12)).max() < 1e-9


def test_the_tuned_penalty_errs_least_on_what_was_left_out():
    rng = np.random.default_rng(2)
    x, y, penalties = rng.normal(size=(25, 20)), rng.normal(size=25), (0.01, 1.0, 100.0)

    def left_out(penalty):
        folds = [np.arange(25) % 5 == fold for fold in range(5)]
        fits = [(out, ridge_fit(x[~out], y[~out], penalty)) for out in folds]
        return sum(((x[out] @ weights - y[out]) ** 2).sum() for out, weights in fits)

    weights, chosen = tuned_ridge_fit(x, y, penalties)
    assert chosen == min(penalties, key=left_out) != penalties[0]
    assert np.allclose(weights, ridge_fit(x, y, chosen))


def test_the_length_of_features_does_not_depend_on_their_number():
    x = np.random.default_rng(0).normal(size=(400, 10))
    for n in (50, 2_000):
        assert (random_features(x, n, 1) ** 2).sum(axis=1).mean() == pytest.approx(1, rel=0.2)


def test_students_end_as_recorded():
    record = json.loads(recorded_file("data/teacher_student.json").read_text("utf-8"))
    for width in (5, 20):
        size = record["step_sizes"][str(width)]["chosen"]
        student = fit_student(draw_lesson(0), width, size, seed=[0, 2])
        recorded = record["students"][str(width)]["losses"][0]
        assert (student.loss < 1e-4) == (recorded < 1e-4) == (width == 20)
