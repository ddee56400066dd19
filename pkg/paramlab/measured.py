"""Counting what NumPy really performs: the measurement beside the formulas of the costs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

UNSEEN = {np.dot, np.vdot, np.inner, np.tensordot, np.einsum, np.convolve}


@dataclass(frozen=True)
class Measured:
    """What NumPy performed: multiply-adds in matrix products, and results of everything else."""

    multiply_adds: int
    elementwise: int  # numbers computed or added up one by one: norms, softmax, activations


def measure(function: Callable[..., Any], params: Any, *arguments: Any, **options: Any) -> Measured:
    """Run ``function(params, ...)`` and count the multiply-adds that NumPy really performs.

    The parameters are handed over as arrays that note every product, theirs and that of all arrays
    computed from them (``__array_ufunc__``, NumPy enhancement proposal 13). The function itself is
    not changed.

    Raises
    ------
    TypeError
        When it multiplies by something other than ``@`` or ``np.matmul``, which would go unseen.

    Examples
    --------
    >>> params = {"weight": np.ones((3, 4))}
    >>> measure(lambda p, x: np.exp(x @ p["weight"]), params, np.ones((2, 3)))
    Measured(multiply_adds=24, elementwise=8)
    """
    multiply_adds = elementwise = 0

    class Counting(np.ndarray):
        def __array_ufunc__(
            self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **more: Any
        ) -> Any:
            nonlocal multiply_adds, elementwise
            plain = [_plain(x) for x in inputs]
            if out is not None:
                more["out"] = tuple(_plain(x) for x in out)
            result = getattr(ufunc, method)(*plain, **more)
            if ufunc.signature:  # matmul and its kin: inner products as long as the last axis
                multiply_adds += np.size(result) * plain[0].shape[-1]
            else:
                elementwise += max(np.size(result), np.size(plain[0]))
            return _watched(result)

        def __array_function__(self, called: Any, types: Any, positional: Any, named: Any) -> Any:
            if called in UNSEEN:
                raise TypeError(f"{called.__name__} cannot be counted; write the product with @")
            return _watched(super().__array_function__(called, types, positional, named))

        def dot(self, *_: Any) -> Any:
            raise TypeError("dot cannot be counted; write the product with @")

    def _plain(x: Any) -> Any:
        return x.view(np.ndarray) if isinstance(x, Counting) else x

    def _watched(x: Any) -> Any:
        return x.view(Counting) if isinstance(x, np.ndarray) else x

    def all_watched(tree: Any) -> Any:
        if isinstance(tree, dict):
            return {name: all_watched(branch) for name, branch in tree.items()}
        if isinstance(tree, list | tuple):
            return [all_watched(branch) for branch in tree]
        return _watched(np.asarray(tree))

    function(all_watched(params), *arguments, **options)
    return Measured(multiply_adds, elementwise)
