"""The parameters of a model as a tree of arrays, and as a flat dict from names to arrays."""

from typing import TYPE_CHECKING, Any, NamedTuple

from paramlab.config import ModelConfig

if TYPE_CHECKING:
    from paramlab.tokenizer import Tokenizer


class Model(NamedTuple):
    """A model that can run: its numbers, its shape, and how text becomes tokens."""

    params: dict[str, Any]
    config: ModelConfig
    tokenizer: "Tokenizer | Any | None"  # of an encoder a WordPiece


def nest(flat: dict[str, Any]) -> dict[str, Any]:
    """Arrange arrays by their names: parts between dots become dict keys, or places in a list.

    Examples
    --------
    >>> nest({"embedding.tokens": 1, "blocks.0.mlp.up": 2, "blocks.1.mlp.up": 3})
    {'embedding': {'tokens': 1}, 'blocks': [{'mlp': {'up': 2}}, {'mlp': {'up': 3}}]}
    """
    tree: dict[str, Any] = {}
    for name, array in flat.items():
        *path, last = name.split(".")
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
        branch[last] = array
    return {name: _with_lists(branch) for name, branch in tree.items()}


def _with_lists(branch: Any) -> Any:
    """Turn every dict with the keys "0", "1", ... into a list."""
    if not isinstance(branch, dict):
        return branch
    children = {name: _with_lists(child) for name, child in branch.items()}
    numbers = [str(i) for i in range(len(children))]
    return [children[i] for i in numbers] if children.keys() == set(numbers) else children


def flatten(nested: Any, prefix: str = "") -> dict[str, Any]:
    """Undo :func:`nest`: one dict from full names to arrays.

    Examples
    --------
    >>> flatten({"blocks": [{"mlp": {"up": 2}}, {"mlp": {"up": 3}}]})
    {'blocks.0.mlp.up': 2, 'blocks.1.mlp.up': 3}
    """
    if isinstance(nested, list):
        nested = {str(i): child for i, child in enumerate(nested)}
    if not isinstance(nested, dict):
        return {prefix: nested}
    return {
        name: array
        for part, child in nested.items()
        for name, array in flatten(child, f"{prefix}.{part}" if prefix else part).items()
    }
