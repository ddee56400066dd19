"""The sums of this package as coefficients, so that a page can compute them anew for a reader.

The calculators of the site run no Python. What they add up and multiply is made here, from the
functions that the chapters call; a test compares every model's results.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from typing import Any, NamedTuple

from paramlab.config import ModelConfig
from paramlab.conventions import SWITCHES
from paramlab.costs import SCORES, forward_operations, is_looked_up, state_bytes
from paramlab.limits import check_decoder
from paramlab.memory_fit import is_rounded
from paramlab.pairs import lookbacks
from paramlab.params import Array, Stack, stacks


@dataclass(frozen=True)
class CostCoefficients:
    """What the memory and the operations of a decoder follow from, in whole numbers.

    ``numbers`` are those in matrices, in vectors, in matrices of experts and in vectors of experts.
    ``rows`` are tables of which a step reads one row for each text: kind (0 matrix, 1 vector),
    numbers in all, numbers in a row. ``lookbacks`` are those of the layers of attention, the fields
    of :class:`paramlab.config.Lookback` in their order.
    """

    n_ctx: int
    numbers: tuple[int, int, int, int]
    rows: tuple[tuple[int, int, int], ...]
    n_experts: int
    n_active: int
    lookbacks: tuple[tuple[int, ...], ...]
    state_numbers: int  # of one text
    by_part: dict[str, int]  # multiply-adds of a token, but for scores and mixing
    after_last: dict[str, int]  # of these, those that only the last token needs, for its logits


def cost_coefficients(config: ModelConfig) -> CostCoefficients:
    """Return the coefficients of a decoder.

    Raises
    ------
    ValueError
        When the architecture is not costed here.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> found = cost_coefficients(tiny)
    >>> found.numbers, found.rows, found.lookbacks
    ((58, 48, 0, 0), ((1, 18, 2),), ((1, 4, 0, 0, 0, 4, 1, 0, 0),))
    >>> found.by_part
    {'projections': 16, 'MLP': 32, 'output head': 10}
    """
    check_decoder(config)
    numbers, rows = [0, 0, 0, 0], []
    for stack in stacks(config):
        for array in stack.arrays:
            if array.role == "buffer" or array.tied_to:
                continue
            kind = 0 if is_rounded(array) else 1
            numbers[kind + 2 * (array.part == "experts")] += stack.n * array.size
            if is_looked_up(config, array):
                rows.append((kind, array.size, array.shape[-1]))
    one, both, last = (
        forward_operations(config, n, last_only=last)
        for n, last in ((1, False), (2, False), (2, True))
    )
    return CostCoefficients(
        n_ctx=config.n_ctx,
        numbers=(numbers[0], numbers[1], numbers[2], numbers[3]),
        rows=tuple(rows),
        n_experts=config.experts.n_experts if config.experts else 1,
        n_active=config.experts.n_active if config.experts else 1,
        lookbacks=tuple(astuple(each) for each in lookbacks(config)),
        state_numbers=state_bytes(config) // 2,
        by_part={name: n for name, n in one.by_part.items() if name != SCORES},
        after_last={
            name: n - last.by_part[name]
            for name, n in both.by_part.items()
            if n > last.by_part[name]
        },
    )


# ------------------------------------------------------------------ counts


class Named(int):
    """A size that remembers how it was made: a sum of products of names.

    Examples
    --------
    >>> width, heads = Named(6, {"width": 1}), Named(3, {"heads": 1})
    >>> product = width * heads * 4 + width
    >>> int(product), product.written
    (78, '4*heads*width+width')
    """

    products: Mapping[str, int]  # factor of each product; "" is the product of nothing

    def __new__(cls, value: int, products: Mapping[str, int]) -> "Named":
        """Make a size of this value, and of these products."""
        made = super().__new__(cls, value)
        made.products = products
        return made

    def __mul__(self, other: int) -> "Named":
        """Multiply every product by every other."""
        found: Counter[str] = Counter()
        for left, n in self.products.items():
            for right, m in _products(other).items():
                names = sorted(filter(None, (*left.split("*"), *right.split("*"))))
                found["*".join(names)] += n * m
        return Named(int(self) * int(other), found)

    def __add__(self, other: int) -> "Named":
        """Add the products."""
        found = Counter(self.products)
        found.update(_products(other))
        return Named(int(self) + int(other), found)

    __rmul__, __radd__ = __mul__, __add__

    @property
    def written(self) -> str:
        """The sum, its products with their factors."""
        return "+".join(
            "*".join(filter(None, (str(n) if n > 1 or not names else "", names)))
            for names, n in sorted(self.products.items())
        )


def _products(size: int) -> Mapping[str, int]:
    return size.products if isinstance(size, Named) else {"": size} if size else {}


class Term(NamedTuple):
    """Some parameters of a model: how many, where, and when they are counted."""

    size: str  # as Named.written; its names are keys of CountTerms.sizes
    part: str
    role: str
    needs: tuple[str, ...]  # switches of the architecture that must be on
    left_out: tuple[str, ...]  # conventions that leave them out
    tied: bool  # where the switch "tied" is on, they are the token table once more


@dataclass(frozen=True)
class CountTerms:
    """A count as a sum of terms, with sizes and switches of one model."""

    sizes: dict[str, int]
    switches: dict[str, bool]
    terms: tuple[Term, ...]


# Switch: fields that turn it on, fields that turn it off.
_TURNED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    **{
        name: ({name: True}, {name: False})
        for name in ("tied", "gated_mlp", "bias_qkv", "bias_o", "bias_mlp", "bias_head")
    },
    "norm_bias": ({"norm": "layernorm"}, {"norm": "rmsnorm"}),
    "position_table": ({"positions": "learned"}, {"positions": "rope", "n_position_rows": 0}),
}


def count_terms(config: ModelConfig) -> CountTerms:
    """Return the count of a model as a sum that a reader may change: sizes, switches, conventions.

    The terms come from :func:`paramlab.params.stacks` itself, which is given names for sizes and
    every switch turned on; what vanishes when a switch is turned off needs it. Further arrays do
    not follow from the sizes, so a model that has some is counted by every convention, not changed.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> found = count_terms(tiny)
    >>> found.terms[0].size, found.sizes["vocab_size"]
    ('d_model*vocab_size', 5)
    >>> [(term.size, term.needs) for term in found.terms if term.part == "MLP"][1]
    ('d_ff*n_layers', ('gated_mlp', 'bias_mlp'))
    """
    sizes = {
        name: getattr(config, name)
        for name in ("vocab_size", "d_model", "n_heads", "n_kv_heads", "d_head", "d_ff")
    }
    if e := config.experts:
        sizes |= {"n_experts": e.n_experts, "d_ff_expert": e.d_ff, "d_ff_shared": e.d_ff_shared}
    sizes = {name: size for name, size in sizes.items() if size and not config.further}
    rows = config.n_position_rows or config.n_ctx
    if config.positions in ("learned", "rope", "relative") and rows and sizes:
        sizes["n_position_rows"] = rows
    switches, everything = {}, _named(config, sizes) if sizes else config
    for switch, (on, off) in _TURNED.items():
        if config.further and switch != "tied":
            continue
        is_on, is_off = (
            all(getattr(config, name) == value for name, value in fields.items())
            for fields in (on, off)
        )
        if not (is_on or is_off):
            continue
        try:
            everything = replace(everything, **on)
        except ValueError:  # this architecture has it one way only
            continue
        switches[switch] = is_on
    without = {}
    for switch in switches:
        off = _TURNED[switch][1]
        without[switch] = {array.name for _, array in _arrays(replace(everything, **off))}
    sums: dict[tuple, Named] = {}
    layers: dict[str, int] = {}
    for stack_layers, array in _arrays(everything):
        needs = tuple(switch for switch, names in without.items() if array.name not in names)
        left_out = tuple(name for name, leaves_out in SWITCHES.items() if leaves_out(array))
        size: int = array.size
        if stack_layers:
            name, n = stack_layers
            layers[name] = n
            size = (n if config.further else Named(n, {name: 1})) * size
        key = array.part, array.role, needs, left_out, bool(array.tied_to)
        sums[key] = Named(0, {}) + sums.get(key, 0) + size
    terms = tuple(Term(size.written, *key) for key, size in sums.items())
    needed = {"tied"}.union(*(term.needs for term in terms))
    switches = {name: is_on for name, is_on in switches.items() if name in needed}
    used = {name for term in terms for name in term.size.replace("+", "*").split("*")}
    sizes = {name: size for name, size in (layers | sizes).items() if name in used}
    if e:
        sizes |= {"n_experts": e.n_experts, "n_active": e.n_active}
    return CountTerms(sizes, switches, terms)


def _named(config: ModelConfig, sizes: Mapping[str, int]) -> ModelConfig:
    """Return the same config with named sizes."""
    names: dict[str, Any] = {name: Named(size, {name: 1}) for name, size in sizes.items()}
    if config.d_embedding == config.d_model:
        names["d_embedding"] = names["d_model"]
    if config.experts:
        inner = {"d_ff": names.pop("d_ff_expert"), "n_experts": names.pop("n_experts")}
        if "d_ff_shared" in names:
            inner["d_ff_shared"] = names.pop("d_ff_shared")
        names["experts"] = replace(config.experts, **inner)
    return replace(config, **names)


def _arrays(config: ModelConfig) -> list[tuple[tuple[str, int] | None, Array]]:
    """Return all arrays but buffers, those of layers with the name and the number of their kind.

    Of a hybrid with several kinds of one name, each has a number: ``n_layers_1``.
    """
    found = stacks(config)
    names = [_layers_of(stack, config) for stack in found]
    seen: Counter[str] = Counter()
    arrays: list[tuple[tuple[str, int] | None, Array]] = []
    for stack, name in zip(found, names, strict=True):
        seen[name] += 1
        numbered = f"{name}_{seen[name]}" if names.count(name) > 1 else name
        kind = (numbered, stack.n) if name else None
        arrays += ((kind, array) for array in stack.arrays if array.role != "buffer")
    return arrays


def _layers_of(stack: Stack, config: ModelConfig) -> str:
    """Return what the number of these layers is called; nothing if they are no layers."""
    first = stack.arrays[0].name
    if "{i}" not in first:
        return ""
    if first.startswith("encoder"):
        return "n_encoder_layers"
    dense = config.experts and all(array.part != "experts" for array in stack.arrays)
    return "n_dense_layers" if dense else "n_layers"
