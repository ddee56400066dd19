"""A drawing keeps its shape when it becomes part of a page."""

import re

import numpy as np
import pytest
from paramlab.page import inline

SVG = '<svg viewBox="0 0 300 300"><path d="{}"/></svg>'


def places_of(path: str) -> np.ndarray:
    """Return the points (n, 2) of a path of M, L and l, whatever it was written with."""
    points, command = [], ""
    for piece in re.findall(r"[MLl]|-?\d*\.?\d+", path):
        if piece in "MLl":
            command, pair = piece, []
            continue
        pair.append(float(piece))
        if len(pair) == 2:
            points.append(np.array(pair) + (points[-1] if command == "l" else 0))
            pair = []
    return np.array(points)


@pytest.mark.parametrize("step", [0.3, 4.0, 10.4, 20.05, 100.3])
def test_a_long_curve_keeps_every_place_to_a_tenth_of_a_pixel(step):
    steps = np.random.default_rng(0).uniform(-step, step, (200, 2))
    walk = np.abs(150 + np.cumsum(steps, axis=0))
    written = " ".join(f"{'L' if i else 'M'} {x:.6f} {y:.6f}" for i, (x, y) in enumerate(walk))
    markup, _ = inline(SVG.format(written), "a walk", "figure-1")
    path = re.search(r' d="([^"]*)"', markup)[1]
    assert "l" in path and len(path) < len(written) / 2
    assert np.abs(places_of(path) - walk).max() <= 0.051
