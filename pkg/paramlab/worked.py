"""A count as a worked calculation: every part as a formula in letters, in numbers, and its value.

The formulas are not written down anywhere: the sizes of a config are replaced by whole numbers
that remember how they came about, and :func:`paramlab.params.stacks` lists the arrays with them.
"""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, is_dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from paramlab.config import ModelConfig
from paramlab.params import Array, Stack, count, stacks

if TYPE_CHECKING:
    from paramlab.files.source import Counted

# The letters of the book, and others for sizes that it seldom needs.
LETTERS = {
    "experts.n_experts": "E", "vocab_size": "V", "n_position_rows": "P", "n_ctx": "T",
    "n_segments": "S", "d_model": "D", "d_embedding": "D'", "n_heads": "N", "n_kv_heads": "K",
    "d_head": "H", "d_ff": "F", "experts.d_ff": "F'", "experts.d_ff_shared": "F''",
    "latent.d_latent": "C", "latent.d_nope": "H1", "latent.d_rope": "H2", "latent.d_value": "H3",
    "latent.d_query_latent": "C'",
}  # fmt: skip
_WIDTH = 88  # characters of a line
_PLACES = {
    "embedding": "before the blocks", "encoder_norm": "after the encoder",
    **dict.fromkeys(("final_norm", "head", "pooler"), "after the blocks"),
}  # fmt: skip
_OF_HEADS = ("n_heads", "n_kv_heads", "d_head")
_ORDER = {letter: i for i, letter in enumerate(LETTERS.values())}


class Size(int):
    """A whole number that knows its formula, in letters and in numbers."""

    letters: str
    numbers: str
    is_sum: bool

    def __new__(cls, n: int, letters: str, numbers: str = "", is_sum: bool = False) -> "Size":
        """Return a number with its formula."""
        size = super().__new__(cls, n)
        size.letters, size.numbers, size.is_sum = letters, numbers or f"{n:,}", is_sum
        return size

    def __mul__(self, other: int) -> "Size":
        """Multiply, and write it down."""
        a, b = (_in_brackets(each) for each in (self, other))
        return Size(int(self) * int(other), f"{a[0]}·{b[0]}", f"{a[1]}·{b[1]}")

    def __add__(self, other: int) -> "Size":
        """Add, and write it down."""
        b = _sized(other)
        letters, numbers = f"{self.letters} + {b.letters}", f"{self.numbers} + {b.numbers}"
        return Size(int(self) + int(other), letters, numbers, is_sum=True)


def _sized(n: int) -> Size:
    return n if isinstance(n, Size) else Size(n, f"{n:,}")


def _in_brackets(n: int) -> tuple[str, str]:
    size = _sized(n)
    sides = size.letters, size.numbers
    return (f"({sides[0]})", f"({sides[1]})") if size.is_sum else sides


@dataclass(frozen=True)
class Line:
    """The arrays of one part: a sum of products, in letters and in numbers, and its value."""

    part: str
    letters: str
    numbers: str
    value: int


@dataclass(frozen=True)
class Place:
    """What stands before the blocks, in each of some of them, or after them."""

    title: str
    times: int
    lines: tuple[Line, ...]

    @property
    def value(self) -> int:
        """How many parameters there are, once."""
        return sum(line.value for line in self.lines)


def worked(config: ModelConfig, heads_known: bool = True) -> list[Place]:
    """Return the count of an architecture place by place, each with its formulas.

    The places, each as often as it occurs, add up to :func:`paramlab.params.count`.

    Parameters
    ----------
    config
        The architecture.
    heads_known
        Whether the number of heads is that of the model, so that it may stand in a formula.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=3, n_ctx=4)
    >>> for line in worked(tiny)[0].lines:
    ...     print(line.part, line.letters, line.numbers, line.value)
    token table V·D 3·2 6
    position table T·D 4·2 8
    """
    found = []
    for stack in stacks(_lettered(config, heads_known)):
        lines = tuple(_lines(stack))
        if lines:
            found.append(Place(_title(stack, config), stack.n, lines))
    return found


def _lettered(record: Any, heads_known: bool, part: str = "") -> Any:
    """Return a copy of a config whose sizes know their letters; it is not checked again."""
    lettered = copy.copy(record)
    for name in type(record).__annotations__:
        value = getattr(record, name)
        if is_dataclass(value):
            object.__setattr__(lettered, name, _lettered(value, heads_known, f"{name}."))
        elif type(value) is int and (heads_known or name not in _OF_HEADS):
            if letter := _letter(record, part + name):
                object.__setattr__(lettered, name, Size(value, letter))
    return lettered


def _letter(record: Any, name: str) -> str:
    """Return the letter of a size: that of another one if it follows from that."""
    if name == "d_embedding" and record.d_embedding == record.d_model:
        return LETTERS["d_model"]
    if name == "n_position_rows" and record.n_position_rows == record.n_ctx:
        return LETTERS["n_ctx"]
    return LETTERS.get(name, "")


def _lines(stack: Stack) -> Iterator[Line]:
    parts: dict[str, list[Array]] = {}
    for array in stack.arrays:
        if not array.tied_to and array.role != "buffer":
            part = array.part + (", biases" if array.role == "bias" else "")
            parts.setdefault(part, []).append(array)
    for part, arrays in parts.items():
        terms: dict[str, tuple[int, str]] = {}
        for array in arrays:
            letters, numbers = _product(array.shape)
            terms[letters] = terms.get(letters, (0, ""))[0] + 1, numbers
        yield Line(
            part,
            " + ".join(_repeated(n, letters) for letters, (n, _) in terms.items()),
            " + ".join(_repeated(n, numbers) for n, numbers in terms.values()),
            sum(array.size for array in arrays),
        )


def _product(shape: Iterable[int]) -> tuple[str, str]:
    """Return the product of some sizes, in letters and in numbers, in the order of the letters."""
    factors: list[tuple[str, str]] = []
    for n in shape:
        size = _sized(n)
        if "+" in size.letters:
            factors.append(_in_brackets(size))
        else:
            factors += zip(size.letters.split("·"), size.numbers.split("·"), strict=True)
    factors.sort(key=lambda factor: _ORDER.get(factor[0], len(_ORDER)))
    return "·".join(letters for letters, _ in factors), "·".join(n for _, n in factors)


def _repeated(n: int, product: str) -> str:
    return f"{n}·{product}" if n > 1 else product


def _title(stack: Stack, config: ModelConfig) -> str:
    where = stack.arrays[0].name.partition(".")[0]
    of = {"blocks": config.n_layers, "encoder": config.n_encoder_layers}.get(where, 0)
    if where in _PLACES:
        return _PLACES[where]
    if not of:  # of a model beside the language model
        return stack.arrays[0].part + (f", {stack.n:,} times" if stack.n > 1 else "")
    kind = "encoder block" if where == "encoder" else "block"
    some = f"{stack.n:,} of {of:,}" if stack.n < of else f"{of:,}"
    return f"{some} {kind}{'s' if of > 1 else ''}" + (", each" if stack.n > 1 else "")


def explained_as_text(counted: "Counted") -> str:
    """Return the worked calculation of a count, and what the letters stand for."""
    config, flat = counted.config, counted.config.to_flat()
    places = worked(config, counted.heads_known)
    formulas = " ".join(line.letters for place in places for line in place.lines)
    words = set(formulas.replace("(", " ").replace(")", " ").replace("·", " ").split())
    legend = (
        f"{letter} = {flat[name]:,} ({name})" for name, letter in LETTERS.items() if letter in words
    )
    lines = [counted.name, "", *wrap(", ".join(legend), _WIDTH), ""]
    for place in places:
        lines.append(f"{place.title}:")
        width = max(len(line.part) for line in place.lines)
        for line in place.lines:
            lines += _on_paper(f"  {line.part:{width}}  ", line)
        lines += [f"  together {place.value:,}", ""]
    sums = (f"{p.times:,}·{p.value:,}" if p.times > 1 else f"{p.value:,}" for p in places)
    lines.append(f"{' + '.join(sums)} = {count(config).total:,}")
    if counted.count.tied:
        lines.append(f"the head is the token table: its {counted.count.tied:,} count once")
    return "\n".join((*lines, *counted.notes))


def _on_paper(start: str, line: Line) -> list[str]:
    """Write a line as one would, in two if it is long; a number that stands for itself once."""
    steps = [line.letters, line.numbers, f"{line.value:,}"]
    steps = [step for i, step in enumerate(steps) if step not in steps[:i]]
    whole = start + " = ".join(steps)
    if len(whole) <= _WIDTH:
        return [whole]
    return [start + steps[0], *(f"{' ' * len(start)}= {step}" for step in steps[1:])]
