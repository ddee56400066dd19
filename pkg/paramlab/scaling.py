"""Laws of scaling: how the loss falls as parameters and text grow, and by which count of them.

A law is a curve that somebody fitted to runs: with its text, its tokenizer, its range of sizes and
its own way to count parameters, so a :class:`Law` says which. N are parameters, D tokens of text
read once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, inf, log

import numpy as np

from paramlab import limits
from paramlab.config import ModelConfig
from paramlab.params import count

TOTAL, WITHOUT_TABLES = "total", "without tables"

# ------------------------------------------------------------------ published laws


@dataclass(frozen=True)
class Law:
    """A loss in nats per token: L(N, D) = floor + (a / N**alpha + b / D**beta) ** power.

    With power 1 it is the form of Hoffmann et al.; with floor 0, beta 1 and b, that of Kaplan et
    al. Without b it speaks of text without end alone.

    Examples
    --------
    >>> law = Law("toy", "none", TOTAL, floor=1, a=8, alpha=1, b=4, beta=1)
    >>> law.loss(8, 4), law.loss(8), law.gain_per_parameter(8, 4)
    (3.0, 2.0, 0.125)
    """

    name: str
    source: str
    counting: str  # what N counts: TOTAL or WITHOUT_TABLES
    floor: float
    a: float
    alpha: float
    b: float = 0.0
    beta: float = 1.0
    power: float = 1.0

    def loss(self, n: float, d: float = inf) -> float:
        """Return the loss of N parameters trained on D tokens."""
        return self.floor + (self.a / n**self.alpha + self.b / d**self.beta) ** self.power

    def gain_per_parameter(self, n: float, d: float = inf) -> float:
        """Return how much one more parameter lowers the loss: -dL/dN, in nats."""
        return self._outer(n, d) * self.alpha * self.a / n ** (self.alpha + 1)

    def gain_per_token(self, n: float, d: float) -> float:
        """Return how much one more token lowers the loss: -dL/dD, in nats."""
        return self._outer(n, d) * self.beta * self.b / d ** (self.beta + 1)

    def _outer(self, n: float, d: float) -> float:
        inner = self.a / n**self.alpha + self.b / d**self.beta
        return self.power * inner ** (self.power - 1)

    def slope(self, n: float, d: float = inf) -> float:
        """Return the slope of the gain per parameter against N, both in logarithms.

        At -1 each doubling of N brings the same; below, each brings less than the one before.
        """
        here = self.a / n**self.alpha
        share = here / (here + self.b / d**self.beta)
        return -1 - self.alpha * (1 + (self.power - 1) * share)

    def n_of(self, config: ModelConfig) -> int:
        """Count the parameters of a model as this law does.

        Examples
        --------
        >>> tiny = ModelConfig(n_layers=1, d_model=4, n_heads=2, d_ff=8, vocab_size=10, n_ctx=6)
        >>> KAPLAN.n_of(tiny), HOFFMANN.n_of(tiny)
        (180, 244)
        """
        return counted(config, self.counting)

    def optimum(self, flops: float, per_pair: float = 6.0) -> tuple[float, float]:
        """Return the N and D of the lowest loss for so many operations, ``per_pair`` x N x D.

        The bracket of :class:`Law` is lowest where its two terms fall equally fast. (For the law of
        Kaplan et al. this is not the split that they advise, N growing with the power 0.73: theirs
        stops training early, which this form does not describe.)

        Raises
        ------
        ValueError
            When the law says nothing about text.

        References
        ----------
        Hoffmann et al., arXiv 2203.15556, equation 4.

        Examples
        --------
        >>> toy = Law("toy", "none", TOTAL, floor=0, a=1, alpha=0.5, b=1, beta=0.5)
        >>> [round(x, 6) for x in toy.optimum(600)]  # symmetric, so N = D = root of 600 / 6
        [10.0, 10.0]
        """
        limits.check_speaks_of_text(self.name, self.b)
        both = self.alpha + self.beta
        g = (self.alpha * self.a / (self.beta * self.b)) ** (1 / both)
        pairs = flops / per_pair  # N x D
        return g * pairs ** (self.beta / both), pairs ** (self.alpha / both) / g


def kaplan(name: str, source: str, n_c: float, alpha_n: float, d_c: float, alpha_d: float) -> Law:
    """Write L = ((n_c / N) ** (alpha_n / alpha_d) + d_c / D) ** alpha_d as a :class:`Law`."""
    inner = alpha_n / alpha_d
    return Law(name, source, WITHOUT_TABLES, 0.0, n_c**inner, inner, d_c, 1.0, alpha_d)


KAPLAN = Law(
    "Kaplan, parameters alone", "arXiv 2001.08361, equation 1.1", WITHOUT_TABLES,
    floor=0.0, a=8.8e13**0.076, alpha=0.076,
)  # fmt: skip
KAPLAN_JOINT = kaplan(
    "Kaplan, with text", "arXiv 2001.08361, equation 1.5, Table 2", 6.4e13, 0.076, 1.8e13, 0.103
)
HOFFMANN = Law(
    "Hoffmann, as printed", "arXiv 2203.15556, equation 10", TOTAL,
    floor=1.69, a=406.4, alpha=0.34, b=410.7, beta=0.28,
)  # fmt: skip
HOFFMANN_UNROUNDED = Law(
    "Hoffmann, unrounded", "source text of arXiv 2203.15556", TOTAL, floor=exp(0.5267228),
    a=exp(6.0073404), alpha=0.33917084, b=exp(6.0179186), beta=0.2849083,
)  # fmt: skip
BESIROGLU = Law(
    "Besiroglu", "arXiv 2404.10102", TOTAL,
    floor=1.8172, a=482.01, alpha=0.3478, b=2085.43, beta=0.3658,
)  # fmt: skip
LAWS = (KAPLAN, KAPLAN_JOINT, HOFFMANN, HOFFMANN_UNROUNDED, BESIROGLU)

# ------------------------------------------------------------------ one law, two rulers


def counted(config: ModelConfig, counting: str) -> int:
    """Count the parameters of a model: all, or those outside the tables of tokens and positions."""
    limits.check_counting(counting, (TOTAL, WITHOUT_TABLES))
    n = count(config)
    tables = n.by_role["embedding"] + n.by_role["position"]
    return n.total - (tables if counting == WITHOUT_TABLES else 0)


OMEGA = 47_491  # of Pearce and Song, who fitted it to the sizes of Hoffmann's models


def with_tables(n: float, omega: float = OMEGA) -> float:
    """Return the total for N without tables, in a family whose width grows as the root of 1/3.

    N grows as the cube of the width if depth grows with it, and the tables as the width itself.

    References
    ----------
    Pearce and Song, arXiv 2406.12907, section 3.

    Examples
    --------
    >>> round(with_tables(1e6)), round(with_tables(1e12) / 1e12, 4)
    (5749100, 1.0005)
    """
    return n + omega * n ** (1 / 3)


def local_exponent(alpha: float, n: float, omega: float = OMEGA) -> float:
    """Return the exponent that a law in total N seems to have near N counted without tables.

    It is of the part of the loss above the floor, with plentiful text.

    Examples
    --------
    >>> [round(local_exponent(0.3, 1.0, omega=0), 2), round(local_exponent(0.3, 1.0), 2)]
    [0.3, 0.1]
    """
    tables = omega * n ** (1 / 3)
    return alpha * (n + tables / 3) / (n + tables)


# ------------------------------------------------------------------ own runs

Curve = Callable[[float], float]  # from N to a loss


def power_law(n: np.ndarray, losses: np.ndarray, floor: float = 0.0) -> Curve:
    """Fit floor + c / N**alpha: a straight line in logarithms.

    Examples
    --------
    >>> curve = power_law(np.array([1.0, 4.0]), np.array([3.0, 1.5]))
    >>> round(curve(16.0), 6)
    0.75
    """
    slope, start = np.polyfit(np.log(n), np.log(losses - floor), 1)
    return lambda x: float(floor + exp(start + slope * log(x)))


def power_law_with_floor(n: np.ndarray, losses: np.ndarray) -> Curve:
    """Fit floor + c / N**alpha, with the floor, of a hundred, at which squared errors are least."""
    floors = losses.min() * np.linspace(0, 0.99, 100)
    slopes, starts = np.polyfit(np.log(n), np.log(losses[:, None] - floors), 1)  # (100,) each
    fitted = floors + np.exp(starts + slopes * np.log(n)[:, None])  # (k, 100)
    floor = floors[np.square(fitted - losses[:, None]).sum(axis=0).argmin()]
    return power_law(n, losses, float(floor))


def straight(n: np.ndarray, losses: np.ndarray) -> Curve:
    """Fit c - k log N, by which each doubling brings the same."""
    slope, start = np.polyfit(np.log(n), losses, 1)
    return lambda x: float(start + slope * log(x))


FORMS: dict[str, Callable[[np.ndarray, np.ndarray], Curve]] = {
    "power law": power_law,
    "power law with a floor": power_law_with_floor,
    "straight in log N": straight,
}


def foretold(
    form: Callable[[np.ndarray, np.ndarray], Curve],
    n: Sequence[float],
    losses: np.ndarray,
    at: float,
    n_to_come: int = 3,
    n_resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Foretell the mean loss of some seeds at another N: the value and its 95% interval.

    The interval holds the doubt that comes from the seeds, of the fitted sizes and of the one to
    come, and none about the form.

    Parameters
    ----------
    form
        Of :data:`FORMS`.
    n, losses
        Sizes (k,), by one count for all, and the losses of their seeds (k, m).
    at
        The N to foretell, by the same count.
    n_to_come
        How many seeds the mean at the other N will be of.
    n_resamples, seed
        How many times it is fitted again, to means with other seeds' deviations; and how they are
        drawn.
    """
    sizes, means = np.asarray(n, float), losses.mean(axis=1)
    n_seeds = losses.shape[1]
    value = form(sizes, means)(at)
    # A mean of m seeds takes away a share 1 / m of their spread.
    deviations = (losses - means[:, None]).ravel() * np.sqrt(n_seeds / (n_seeds - 1))
    rng = np.random.default_rng(seed)
    drawn = rng.choice(deviations, (n_resamples, len(sizes), n_seeds)).mean(axis=-1)
    to_come = rng.choice(deviations, (n_resamples, n_to_come)).mean(axis=-1)
    again = [form(sizes, means + d)(at) for d in drawn] + to_come
    low, high = np.quantile(again, (0.025, 0.975)) - value
    f = len(sizes) * (n_seeds - 1)  # deviations of few seeds are themselves uncertain:
    wider = 1 + 1.2 / f + 1.4 / f**2  # Student's quantile over the normal one
    return float(value), float(value + wider * low), float(value + wider * high)


def fitted_law(
    n: Sequence[float], d: Sequence[float], losses: Sequence[float], counting: str
) -> Law:
    """Fit a law of Hoffmann's form to runs: least squares over a grid of both exponents.

    For given exponents the loss is linear in the floor, a and b; those below 0 are refused.

    Parameters
    ----------
    n, d, losses
        Parameters, tokens and loss of each run, (k,) each.
    counting
        How N was counted: TOTAL or WITHOUT_TABLES.
    """
    limits.check_counting(counting, (TOTAL, WITHOUT_TABLES))
    x, y, z = (np.asarray(values, float) for values in (n, d, losses))
    best: tuple[float, tuple[float, ...]] = (inf, ())
    low, high = np.array([0.02, 0.02]), np.array([1.5, 1.5])  # of alpha, beta
    for _ in range(6):  # ever finer grids about the best so far
        for alpha in np.linspace(low[0], high[0], 13):
            for beta in np.linspace(low[1], high[1], 13):
                terms = np.stack([np.ones_like(x), x**-alpha, y**-beta], axis=1)
                scale = terms.max(axis=0)
                found = np.linalg.lstsq(terms / scale, z, rcond=None)[0] / scale
                error = float(np.sum((terms @ found - z) ** 2))
                if error < best[0] and found.min() >= 0:
                    best = error, (*map(float, found), float(alpha), float(beta))
        center, half = np.array(best[1][3:]), (high - low) / 6
        low, high = np.maximum(center - half, 0.01), center + half
    floor, a, b, alpha, beta = best[1]
    return Law("fitted", "own runs", counting, floor, a, alpha, b, beta)
