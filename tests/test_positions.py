"""RoPE: an angle for each position, a dot product that knows only distances."""

import numpy as np
import pytest
from paramlab.positions import rope, rotate

RNG = np.random.default_rng(0)
H = 16


def score(q, k, at_q, at_k):
    """Return the dot product of a query and a key that stand at two positions."""
    return float(rotate(q, rope(np.array([at_q]), H))[0] @ rotate(k, rope(np.array([at_k]), H))[0])


def test_scores_depend_only_on_the_distance():
    q, k = RNG.normal(size=(2, 1, H))
    assert score(q, k, 5, 2) == pytest.approx(score(q, k, 1003, 1000), abs=1e-5)
    assert score(q, k, 5, 2) != pytest.approx(score(q, k, 2, 5), abs=1e-2)
    assert score(q, k, 5, 2) != pytest.approx(score(q, k, 5, 3), abs=1e-2)


def test_rotation_keeps_lengths_and_does_nothing_at_position_zero():
    x = RNG.normal(size=(3, 7, H))
    y = rotate(x, rope(np.arange(7), H))
    assert np.allclose(np.linalg.norm(y, axis=-1), np.linalg.norm(x, axis=-1))
    assert (y[:, 0] == x[:, 0]).all()
    assert not np.allclose(y[:, 1:], x[:, 1:])


def test_each_pair_is_a_complex_number_that_turns():
    # The paper's definition: z_i * exp(1j * position * theta ** (-2 i / H)).
    x, theta, position = RNG.normal(size=(1, H)), 100.0, 11
    pairs = x[0, : H // 2] + 1j * x[0, H // 2 :]
    turned = pairs * np.exp(1j * position * theta ** (-2 * np.arange(H // 2) / H))
    y = rotate(x, rope(np.array([position]), H, theta))[0]
    assert np.allclose(y, np.concatenate((turned.real, turned.imag)), atol=1e-6)


def test_float32_stays_float32():
    rotation = rope(np.arange(3), H)
    assert rotation.cos.shape == rotation.sin.shape == (3, H // 2)
    assert rotate(np.ones((3, H), np.float32), rotation).dtype == np.float32


def test_far_positions_are_exact():
    # Pair 1 turns by 0.01 radian a step. In float32 the angle 1000.01 would be off by 1e-5.
    cos, sin = rope(np.array([100_001]), d_head=4)
    assert cos[0, 1] == pytest.approx(np.cos(1000.01), abs=1e-7)
    assert sin[0, 1] == pytest.approx(np.sin(1000.01), abs=1e-7)


def test_odd_width_is_refused():
    with pytest.raises(ValueError, match="must be even; it is 5"):
        rope(np.arange(3), 5)
