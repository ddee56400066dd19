"""The systems that the articles name: what is public about each, since when, and who says so.

``data/systems.toml`` holds them. Where a size is not public it says so and gives none, however
often one is repeated. What anybody can count are open weights, of the same house where it has some.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from paramlab import catalog
from paramlab.params import count

_TOML = os.path.join(os.path.dirname(__file__), "data", "systems.toml")
NOT_PUBLIC = "not public"


@dataclass(frozen=True)
class OpenWeights:
    """A model whose weights are published, its exact count, and their license."""

    name: str
    parameters: int
    license: str
    source: str


@dataclass(frozen=True)
class System:
    """What is public about one system."""

    slug: str
    name: str
    maker: str
    kind: str  # model, product, host or kind of model
    announced: date
    parameters: str  # as its makers say; begins with NOT_PUBLIC where they do not
    window: str
    access: str
    source: str
    read: date
    second_hand: bool  # read in a quotation
    open_weights: tuple[OpenWeights, ...]
    note: str = ""


@cache
def systems() -> tuple[System, ...]:
    """Return all of them, in the order of the sheet.

    Examples
    --------
    >>> systems()[0].name, systems()[0].open_weights[1].parameters
    ('GPT-2', 1557611200)
    """
    import tomllib  # here: only those who ask for the sheet wait for it

    with open(_TOML, "rb") as file:
        rows: Mapping[str, Mapping[str, Any]] = tomllib.load(file)
    return tuple(_system(slug, dict(row)) for slug, row in rows.items())


def system(slug: str) -> System:
    """Return one system.

    Raises
    ------
    LookupError
        When the sheet has none of that name; the message lists those it has.

    Examples
    --------
    >>> system("gpt4").parameters
    'not public'
    """
    known = {each.slug: each for each in systems()}
    if slug not in known:
        raise LookupError(f"no system is called {slug!r}; there are {', '.join(known)}")
    return known[slug]


def _system(slug: str, row: dict[str, Any]) -> System:
    weights = [_counted(name) for name in row.pop("open_weights")]
    weights += [OpenWeights(**each) for each in row.pop("counted", ())]
    return System(slug, open_weights=tuple(weights), **row)


def _counted(slug: str) -> OpenWeights:
    model = catalog.find(slug)
    assert model.config, f"the catalog has no sizes of {slug}"
    return OpenWeights(model.name, count(model.config).total, model.license, model.source)
