"""Conventions of counting: which arrays a printed number of parameters includes.

A model is the same list of arrays for everybody. Two counts of it differ because one of them
leaves some arrays out, or takes a table that is used twice for two. Each such choice is a switch
here, a filter over the arrays; a convention is a set of switches that gives the number. Whoever
printed the number may have come to it in another way.
"""

import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cache

from paramlab.config import ModelConfig
from paramlab.params import Array, stacks

SWITCHES: dict[str, Callable[[Array], bool]] = {
    "token table": lambda array: array.part == "token table",
    "position table": lambda array: array.role == "position",
    "norm gains": lambda array: array.role == "norm gain",
    "all biases": lambda array: array.role in ("bias", "norm bias"),
    "query, key and value biases": lambda array: bool(re.search(r"\.[qkv]\.bias$", array.name)),
    "MLP biases": lambda array: array.role == "bias" and array.part == "MLP",
    "final norm": lambda array: array.name.startswith("final_norm."),
}


def total(config: ModelConfig, left_out: Collection[str] = (), tied_twice: bool = False) -> int:
    """Count the parameters of an architecture under a convention.

    Parameters
    ----------
    config
        The architecture.
    left_out
        Names of :data:`SWITCHES`; an array that one of them describes is not counted.
    tied_twice
        Whether an array that the model uses a second time is counted a second time.

    Returns
    -------
    int
        The number of parameters; with nothing left out and nothing twice, that of
        :func:`paramlab.params.count`. Buffers are never counted.

    Raises
    ------
    ValueError
        When there is no switch of that name.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=4, vocab_size=5, n_ctx=4)
    >>> total(tiny), total(tiny, ["token table"]), total(tiny, tied_twice=True)
    (76, 66, 86)
    """
    for name in left_out:
        if name not in SWITCHES:
            raise ValueError(f"no switch is called {name!r}; there are {', '.join(SWITCHES)}")
    return sum(
        stack.n * array.size
        for stack in stacks(config)
        for array in stack.arrays
        if array.role != "buffer"
        and (tied_twice or not array.tied_to)
        and not any(SWITCHES[name](array) for name in left_out)
    )


@dataclass(frozen=True)
class PrintedCount:
    """A count of GPT-2 small, printed or derived from a source, and a convention that gives it."""

    name: str
    printed: int  # the figure
    kind: str  # printed (every digit), rounded, or derived (the source's formula evaluated)
    left_out: tuple[str, ...]
    tied_twice: bool
    vocab_size: int  # 0: that of the model
    in_words: str
    source: str

    def count(self, config: ModelConfig) -> int:
        """Count an architecture as this source does."""
        if self.vocab_size:
            config = replace(config, vocab_size=self.vocab_size)
        return total(config, self.left_out, self.tied_twice)

    def agrees(self, n: int) -> bool:
        """Say whether a count is the printed one; if that is rounded, to its last digit but zeros.

        Examples
        --------
        >>> rounded = PrintedCount("a page", 124_390_000, "rounded", (), False, 0, "", "")
        >>> rounded.agrees(124_393_728), rounded.agrees(124_412_160)
        (True, False)
        """
        if self.kind != "rounded":
            return n == self.printed
        n_zeros = len(str(self.printed)) - len(str(self.printed).rstrip("0"))
        return abs(n - self.printed) <= 10**n_zeros / 2


@cache
def printed_counts() -> tuple[PrintedCount, ...]:
    """Return ten counts of GPT-2 small, smallest first (data/printed_counts.toml).

    Seven were printed; three are derived from a formula or a mechanism of their source.

    Examples
    --------
    >>> [count.printed for count in printed_counts()][:2]
    [85000000, 117000000]
    """
    import tomllib  # here, because only those who ask for the list should wait for it

    path = os.path.join(os.path.dirname(__file__), "data", "printed_counts.toml")
    with open(path, "rb") as file:
        tables = tomllib.load(file)["printed_count"]
    return tuple(PrintedCount(**{**t, "left_out": tuple(t["left_out"])}) for t in tables)
