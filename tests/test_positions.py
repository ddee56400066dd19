"""Positions: what each scheme adds, what it depends on, and what becomes of it when stretched."""

import numpy as np
import pytest
from paramlab.positions import alibi, alibi_slopes, rope, rotate, sinusoidal, stretched

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


def test_float64_stays_float64_and_is_exact():
    rotation = rope(np.array([7]), H, dtype=np.float64)
    assert rotation.cos.dtype == np.float64
    assert np.abs(rotation.cos**2 + rotation.sin**2 - 1).max() < 1e-15
    assert rotate(np.ones((1, H)), rotation).dtype == np.float64


def test_interpolated_angles_are_those_of_the_training():
    trained, longer = rope(np.arange(8), H), rope(np.arange(32), H, scale=1 / 4)
    assert (longer.cos[::4] == trained.cos).all() and (longer.sin[::4] == trained.sin).all()
    assert (np.diff(np.arctan2(longer.sin[:, 0], longer.cos[:, 0])[:4]) > 0).all()


def test_far_positions_are_exact():
    # Pair 1 turns by 0.01 radian a step. In float32 the angle 1000.01 would be off by 1e-5.
    cos, sin = rope(np.array([100_001]), d_head=4)
    assert cos[0, 1] == pytest.approx(np.cos(1000.01), abs=1e-7)
    assert sin[0, 1] == pytest.approx(np.sin(1000.01), abs=1e-7)


def test_odd_width_is_refused():
    for width in (5, 0, -2):
        with pytest.raises(ValueError, match=f"must be even; it is {width}"):
            rope(np.arange(3), width)


# ------------------------------------------------------------------ sinusoidal


def test_a_sinusoidal_vector_turns_by_the_distance():
    # Shifting the position is a linear map, the same everywhere: what the paper chose it for.
    rows = sinusoidal(np.arange(40), 6, dtype=np.float64)
    waves = rows[:, 0::2] * 1j + rows[:, 1::2]  # cos + i sin
    steps = waves[1:] / waves[:-1]
    assert np.allclose(steps, np.exp(1j * 10000.0 ** (-np.arange(0, 6, 2) / 6)))
    assert np.allclose((rows**2).sum(axis=1), 3)


def test_a_sinusoidal_table_may_be_squeezed():
    table = sinusoidal(np.arange(5), 8)
    assert table.dtype == np.float32 and table.shape == (5, 8)
    assert (sinusoidal(np.arange(10), 8, scale=0.5)[::2] == table).all()
    with pytest.raises(ValueError, match="must be even; it is 7"):
        sinusoidal(np.arange(3), 7)


# ------------------------------------------------------------------ ALiBi


@pytest.mark.parametrize(
    ("n_heads", "exponents"),  # of the slopes as powers of two
    [
        (1, [-8]),
        (4, [-2, -4, -6, -8]),
        (16, [-0.5 * i for i in range(1, 17)]),
        (6, [-2, -4, -6, -8, -1, -3]),  # those of 4 heads, then every other one of 8
    ],
)
def test_slopes_of_heads(n_heads, exponents):
    assert np.allclose(np.log2(alibi_slopes(n_heads)), exponents)


@pytest.mark.parametrize("n_heads", [0, -3])
def test_without_a_head_there_is_no_slope(n_heads):
    with pytest.raises(ValueError, match=f"n_heads is {n_heads}; it must be at least 1"):
        alibi_slopes(n_heads)


def test_alibi_falls_by_the_slope_with_each_token_back():
    bias = alibi(n_queries=3, n_keys=7, n_heads=4)
    assert bias.shape == (4, 3, 7) and bias.dtype == np.float32
    for t, s in np.ndindex(3, 7):
        assert np.allclose(bias[:, t, s], -alibi_slopes(4) * (4 + t - s))
    assert (alibi(7, 7, 4)[:, 4:] == bias).all()
    assert np.allclose(alibi(3, 7, 4, scale=0.5), bias / 2)


# ------------------------------------------------------------------ a learned table


def test_a_stretched_table_keeps_its_ends_and_its_straight_lines():
    table = RNG.normal(size=(5, 3)).astype(np.float32)
    longer = stretched(table, 17)
    assert longer.shape == (17, 3) and longer.dtype == np.float32
    assert np.allclose(longer[::4], table, atol=1e-6)
    assert np.allclose(longer[2::4], (table[:-1] + table[1:]) / 2, atol=1e-6)
    assert (stretched(table, 5) == table).all()
    line = np.arange(5.0)[:, None] * [1, -2]
    assert np.allclose(stretched(line, 9)[:, 0], np.linspace(0, 4, 9))


@pytest.mark.parametrize(
    ("table", "n_rows", "message"),
    [
        (np.arange(6).reshape(3, 2), 5, r"floating-point numbers in rows, not int64 \(3, 2\)"),
        (np.zeros(5), 3, r"in rows, not float64 \(5,\)"),
        (np.zeros((0, 2)), 3, r"in rows, not float64 \(0, 2\)"),
        (np.zeros((5, 2)), 1, "n_rows is 1; it must be at least 2"),
    ],
)
def test_a_table_that_cannot_be_stretched_is_refused(table, n_rows, message):
    with pytest.raises(ValueError, match=message):
        stretched(table, n_rows)
