"""Published models: their sizes, what their authors say, and where that stands (data/models.csv).

``basis`` says what an exact count rests on: ``weights`` (a published file), ``config`` (a
published configuration) or ``inferred`` (the paper leaves something open).

The window, in tokens, follows one rule: ``window_trained`` is the length of the longest texts in
(pre-)training, that for long contexts included, before any stretching at use; ``window_claimed``
is what the makers say the model accepts; ``window_method`` is how the claim goes beyond training.
None, or an empty text, says that the makers do not state it or that we did not find it. The field
``config.n_ctx`` is the claimed window where one is given (else what the configuration allows), but
for SmolLM3 (the trained one) and Qwen3 (40,960: the 32,768 of training and 8,192 more).

Most sizes stand in columns. What these cannot say (layers of several kinds or widths, tables in
every layer) stands in data/configs.json: by slug, the fields of ``config.json`` that decide sizes,
read as any such file is; its window follows the rule above. Where the makers' file was not read,
the source of the row says whose shapes they are.
"""

import csv
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from paramlab.config import ModelConfig
from paramlab.params import count

_DATA = os.path.join(os.path.dirname(__file__), "data")


@dataclass(frozen=True)
class Published:
    """One published model."""

    slug: str
    name: str
    family: str
    year: int
    kind: str
    basis: str | None
    published_total: str
    published_active: str
    published_embedding: str
    published_non_embedding: str
    quoted_params: int | None  # counted by another library; paramlab does not enumerate it
    window_trained: int | None
    window_claimed: int | None
    window_method: str
    license: str  # of the weights; empty where we do not know it
    source: str
    note: str
    columns: Mapping[str, str] = field(repr=False, compare=False)  # of the sizes, as they stand

    @cached_property
    def config(self) -> ModelConfig | None:
        """The architecture; None where it is unknown or not a transformer stack."""
        if self.columns["n_layers"]:
            fields = {name: _value(name, text) for name, text in self.columns.items() if text}
            fields["causal"] = self.kind != "encoder"
            fields["output_head"] = "encoder" not in self.kind.split()  # vectors come out
            return ModelConfig.from_flat(fields)
        if self.slug in _configs():
            from paramlab.files.hugging_face import config_from_hf  # most models need no file

            return config_from_hf(_configs()[self.slug])
        return None

    @property
    def window(self) -> str:
        """Return the window in a few words: trained, and where the claim differs, claimed.

        Examples
        --------
        >>> find("GPT-2 small").window, find("Kimi-K2").window, find("gpt-oss-20b").window
        ('1,024', '32,768 → 131,072 (YaRN)', '? → 131,072 (YaRN)')
        """
        if self.window_trained == self.window_claimed:
            return f"{self.window_trained:,}" if self.window_trained else ""
        trained, claimed = (
            f"{n:,}" if n else "?" for n in (self.window_trained, self.window_claimed)
        )
        method = f" ({self.window_method})" if self.window_method else ""
        return f"{trained} → {claimed}{method}"


@cache
def published() -> tuple[Published, ...]:
    """Return the whole catalog.

    Examples
    --------
    >>> published()[0].slug
    'gpt1'
    """
    with open(os.path.join(_DATA, "models.csv"), encoding="utf-8", newline="") as file:
        return tuple(map(_model, csv.DictReader(file)))


@cache
def _configs() -> dict[str, dict[str, Any]]:
    import json  # here, because a model whose sizes stand in columns needs none

    with open(os.path.join(_DATA, "configs.json"), encoding="utf-8") as file:
        found: dict[str, dict[str, Any]] = json.load(file)
    return found


def find(name: str) -> Published:
    """Return the model of that name; case, spaces and hyphens do not matter.

    Raises
    ------
    LookupError
        When no model has that name; the message lists the nearest.

    Examples
    --------
    >>> find("GPT-3 175B").slug
    'gpt3-175b'
    """
    by_name = {_plain(model.slug): model for model in published()}
    if _plain(name) in by_name:
        return by_name[_plain(name)]
    near = _nearest(slug(name))
    hint = f"; the nearest names are {', '.join(near)}" if near else ""
    raise LookupError(f"no model is called {name!r}{hint}")


def _nearest(name: str) -> list[str]:
    """Return up to three slugs: those that begin with a name, the largest first, then the like."""
    from difflib import get_close_matches  # here, because a name that is right needs none

    longer = [model for model in published() if name and model.slug.startswith(name)]
    longer.sort(key=lambda model: -count(model.config).total if model.config else 0)
    like = get_close_matches(name[:99], [model.slug for model in published()], n=3, cutoff=0.5)
    return list(dict.fromkeys([*(model.slug for model in longer), *like]))[:3]


def slug(name: str) -> str:
    """Return the catalog's short form of a name: lower case, hyphens, generation joined.

    Examples
    --------
    >>> slug("GPT-3 175B"), slug("Gemma-3-4B (text)"), slug("Mistral-7B-v0.1")
    ('gpt3-175b', 'gemma3-4b-text', 'mistral-7b-v0.1')
    """
    hyphenated = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")
    return re.sub(r"^([a-z]+)-(\d+(?:\.\d+)?)(?=-|$)", r"\1\2", hyphenated)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "", name.lower())


def _model(row: dict[str, str]) -> Published:
    own = Published.__annotations__
    return Published(
        columns={name: text for name, text in row.items() if name not in own},
        year=int(row["year"]),
        basis=row["basis"] or None,
        quoted_params=_integer(row["quoted_params"]),
        window_trained=_integer(row["window_trained"]),
        window_claimed=_integer(row["window_claimed"]),
        **{name: row[name] for name, kind in own.items() if kind is str},
    )


def _integer(text: str) -> int | None:
    return int(text) if text else None


def _value(name: str, text: str) -> int | bool | str | tuple[int, ...]:
    if name.endswith("_layers") and not name.startswith("n_"):  # indices of layers: 0 1 2
        return tuple(map(int, text.split()))
    return int(text) if text.isdigit() else {"True": True, "False": False}.get(text, text)
