"""Reverse-mode automatic differentiation: the gradient of any function written in NumPy.

A :class:`Tensor` is an array that remembers how it was made. NumPy hands every operation on it to
:func:`record`, which carries it out and keeps the operation and its arguments. Walking back from
the last result to the first arguments, :func:`backward` applies the chain rule once per operation.
The calculus is in a table, ``RULES``: for each operation, one function per argument.
"""

import operator
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.lib.mixins import NDArrayOperatorsMixin

_Axis = int | tuple[int, ...] | None


class Tensor(NDArrayOperatorsMixin):
    """An array that remembers the operation that made it, and what it was made from.

    Operators, indexing and NumPy functions work on it as on an array; its numbers are in
    ``value``. It cannot be written into, for the gradients may need the numbers that were there.

    Examples
    --------
    >>> x = Tensor(np.array([1.0, 2.0]))
    >>> y = (3 * x).sum()
    >>> y.value.item(), y.operation.__name__
    (9.0, 'sum')
    """

    _numbers = count()

    def __init__(
        self, value: ndarray, operation: Any = None, arguments: Any = (), options: Any = None
    ) -> None:
        self.value = value
        self.operation = operation  # None: it was given, not computed
        self.arguments = arguments
        self.options = options or {}
        self.number = next(Tensor._numbers)  # what it was made from has lower numbers

    def __array_ufunc__(self, ufunc: Any, method: str, *arguments: Any, **options: Any) -> Any:
        if options:
            raise TypeError(_NO_WRITING if "out" in options else f"autograd knows no {options}")
        operation = ufunc if method == "__call__" else getattr(ufunc, method)
        return record(operation, *arguments)  # x + y, np.exp(x)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        return record(function, *arguments, **options)  # np.concatenate((x, y))

    def __array__(self, dtype: Any = None, copy: Any = None) -> ndarray:
        raise TypeError("a Tensor does not become an array by itself; its array is .value")

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(_NO_WRITING)

    def __getitem__(self, index: Any) -> Any:
        return record(operator.getitem, self, index)

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    dtype = property(lambda self: self.value.dtype)
    T = property(np.transpose)
    swapaxes, sum, mean, max = np.swapaxes, np.sum, np.mean, np.max  # x.sum() is np.sum(x)

    def reshape(self, *shape: Any) -> Any:
        """Return the same numbers in another shape: ``x.reshape(2, 3)`` or ``((2, 3))``."""
        return np.reshape(self, shape[0] if isinstance(shape[0], tuple) else shape)


_NO_WRITING = "a Tensor cannot be written into; make a new one: y = y + x instead of y += x"


def record(operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Carry out an operation; return its result as a Tensor that remembers it."""
    if operation in REWRITTEN:
        return REWRITTEN[operation](*arguments, **options)
    if operation not in RULES and operation not in CONSTANT:
        raise TypeError(f"autograd has no rule for {operation.__name__}; RULES lists what it has")
    result = operation(*map(_value, arguments), **options)
    return result if operation in CONSTANT else Tensor(result, operation, arguments, options)


def value_and_grad(function: Callable[..., Any]) -> Callable[..., tuple[float, Any]]:
    """Return a function that computes what ``function`` does, and the gradient of it.

    Parameters
    ----------
    function
        Takes parameters (floating-point numbers in an array, or in arrays nested in dicts and
        lists) and any further arguments; returns one number. It is called with Tensors in place of
        the parameters, and consists of operations that have a rule.

    Returns
    -------
    Callable
        From the same arguments to the number and its gradient by each parameter: nested like the
        parameters, each with the shape and the type of its parameter.

    References
    ----------
    Baydin, Pearlmutter, Radul and Siskind, arXiv 1502.05767, section 3.2.

    Examples
    --------
    >>> square_sum = lambda p, scale: (p["x"] * p["x"]).sum() * scale
    >>> value, gradient = value_and_grad(square_sum)({"x": np.array([1.0, 3.0])}, 10)
    >>> value, gradient["x"].tolist()
    (100.0, [20.0, 60.0])
    """

    def value_and_gradient(params: Any, *arguments: Any, **options: Any) -> tuple[float, Any]:
        tensors = _map(_parameter, params)
        result = function(tensors, *arguments, **options)
        if not isinstance(result, Tensor):
            raise ValueError(f"the result {result!r:.60} depends on no parameter")
        if result.size != 1:
            raise ValueError(f"only one number has a gradient; the result has shape {result.shape}")
        found = backward(result)  # two may be one array, so each parameter gets a copy
        gradients = _map(lambda t: np.array(found.get(t.number, np.zeros_like(t.value))), tensors)
        return result.value.item(), gradients

    return value_and_gradient


def backward(result: Tensor) -> dict[int, ndarray]:
    """Return the gradients of a number by all that was given to compute it, by their ``number``.

    Every tensor has a higher number than those it was made from. Taken from the highest down, each
    has received a share of its gradient from all its uses before it passes the gradient on.
    """
    gradients = {result.number: np.ones_like(result.value)}
    waiting = sorted(_computed(result), key=lambda tensor: tensor.number)
    while waiting:
        tensor = waiting.pop()
        gradient = gradients.pop(tensor.number)
        values = [_value(argument) for argument in tensor.arguments]
        for place, argument in enumerate(tensor.arguments):
            if isinstance(argument, Tensor):
                rule = _rule(tensor.operation, place)
                share = rule(gradient, tensor.value, *values, **tensor.options)
                share = _unbroadcast(share, argument.value)
                others = gradients.get(argument.number)
                gradients[argument.number] = share if others is None else others + share
    return gradients


def _computed(result: Tensor) -> list[Tensor]:
    """Return a result and all tensors computed on the way to it, in any order."""
    found, todo = {result.number: result}, [result]
    while todo:
        for argument in todo.pop().arguments:
            if isinstance(argument, Tensor) and argument.number not in found:
                found[argument.number] = argument
                todo.append(argument)
    return [tensor for tensor in found.values() if tensor.operation]


def _rule(operation: Callable[..., Any], place: int) -> Callable[..., ndarray]:
    rules = RULES[operation]
    if callable(rules):  # for any number of arguments: it is told which
        return partial(rules, place)
    if place >= len(rules) or not rules[place]:
        raise TypeError(f"autograd has no rule for argument {place + 1} of {operation.__name__}")
    return rules[place]


def _unbroadcast(gradient: ndarray, value: ndarray) -> ndarray:
    """Undo broadcasting: the gradient of what was used many times is the sum over its uses."""
    n_new = gradient.ndim - value.ndim
    repeated = [i + n_new for i, n in enumerate(value.shape) if n != gradient.shape[i + n_new]]
    if n_new or repeated:
        gradient = gradient.sum(axis=(*range(n_new), *repeated)).reshape(value.shape)
    return gradient.astype(value.dtype, copy=False)


def _parameter(value: Any) -> Tensor:
    array = np.asarray(value)
    if array.dtype.kind != "f":
        raise ValueError(f"parameters are floating-point numbers; this one is {value!r:.60}")
    return Tensor(array)


def _map(function: Callable[..., Any], nested: Any) -> Any:
    """Apply a function to everything in nested dicts and lists."""
    if isinstance(nested, dict):
        return {name: _map(function, child) for name, child in nested.items()}
    if isinstance(nested, list):
        return [_map(function, child) for child in nested]
    return function(nested)


def _value(argument: Any) -> Any:
    return argument.value if isinstance(argument, Tensor) else argument


# ------------------------------------------------------------------ rules of more than one line


def _matmul(a: ndarray, b: ndarray) -> ndarray:
    if a.ndim > 2 and b.ndim == 2:  # one large product is faster than one for each text
        return (a.reshape(-1, a.shape[-1]) @ b).reshape(*a.shape[:-1], b.shape[-1])
    return a @ b


def _matmul_left(g: ndarray, y: ndarray, a: ndarray, b: ndarray) -> ndarray:
    return g[..., None] * b if b.ndim == 1 else _matmul(g, b.swapaxes(-1, -2))  # (n, m) @ (m, k)


def _matmul_right(g: ndarray, y: ndarray, a: ndarray, b: ndarray) -> ndarray:
    if b.ndim == 1:
        return g[..., None] * a
    if b.ndim == 2:  # used by all texts of a batch: their rows make one large product
        return a.reshape(-1, a.shape[-1]).T @ g.reshape(-1, g.shape[-1])
    return a.swapaxes(-1, -2) @ g  # (k, n) @ (n, m)


def _sum(g: ndarray, y: ndarray, x: ndarray, axis: _Axis = None, keepdims: bool = False) -> ndarray:
    spread = g if keepdims or axis is None else np.expand_dims(g, axis)
    return np.broadcast_to(spread, x.shape)  # each number that was added gets the whole gradient


def _max(g: ndarray, y: ndarray, x: ndarray, axis: _Axis = None, keepdims: bool = False) -> ndarray:
    largest = x == _sum(y, y, x, axis, keepdims)
    n_largest = largest.sum(axis=axis, keepdims=keepdims, dtype=x.dtype)
    return largest * _sum(g / n_largest, y, x, axis, keepdims)  # equals share


def _getitem(g: ndarray, y: ndarray, x: ndarray, index: Any) -> ndarray:
    total = np.zeros_like(x)
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, ndarray | list) for part in parts):
        np.add.at(total, index, g)  # a row that was taken twice gets both shares
    else:
        total[index] = g
    return total


def _take_along_axis(g: ndarray, y: ndarray, x: ndarray, indices: ndarray, axis: int) -> ndarray:
    places = list(np.ogrid[tuple(map(slice, y.shape))])
    places[axis] = indices
    return _getitem(g, y, x, tuple(places))


def _joined(*arrays: ndarray, axis: int = 0) -> ndarray:
    return np.concatenate(arrays, axis=axis)


def _piece(place: int, g: ndarray, y: ndarray, *arrays: ndarray, axis: int = 0) -> ndarray:
    start = sum(array.shape[axis] for array in arrays[:place])
    return g.swapaxes(0, axis)[start : start + arrays[place].shape[axis]].swapaxes(0, axis)


# ------------------------------------------------------------------ the table

# The gradient of each argument, from the gradient g of the result y, y itself and all arguments.
RULES: dict[Callable[..., Any], Any] = {
    np.add: (lambda g, y, a, b: g, lambda g, y, a, b: g),
    np.subtract: (lambda g, y, a, b: g, lambda g, y, a, b: -g),
    np.multiply: (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    np.divide: (lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b),
    np.power: (lambda g, y, a, b: g * b * a ** (b - 1),),  # of the base; the exponent is constant
    np.negative: (lambda g, y, x: -g,),
    np.square: (lambda g, y, x: 2 * g * x,),
    np.sqrt: (lambda g, y, x: g / (2 * y),),
    np.exp: (lambda g, y, x: g * y,),
    np.log: (lambda g, y, x: g / x,),
    np.tanh: (lambda g, y, x: g * (1 - y * y),),
    np.sin: (lambda g, y, x: g * np.cos(x),),
    np.cos: (lambda g, y, x: -g * np.sin(x),),
    # Of equals the second gets the gradient, so that of relu(x) = maximum(x, 0) at 0 is 0.
    np.maximum: (lambda g, y, a, b: g * (a > b), lambda g, y, a, b: g * (a <= b)),
    np.minimum: (lambda g, y, a, b: g * (a < b), lambda g, y, a, b: g * (a >= b)),
    _matmul: (_matmul_left, _matmul_right),
    np.sum: (_sum,),
    np.mean: (lambda g, y, x, *by, **how: _sum(g * (y.size / x.size), y, x, *by, **how),),
    np.max: (_max,),
    np.where: (None, lambda g, y, c, *_: np.where(c, g, 0), lambda g, y, c, *_: np.where(c, 0, g)),
    np.reshape: (lambda g, y, x, shape: g.reshape(x.shape),),
    np.swapaxes: (lambda g, y, x, first, second: g.swapaxes(first, second),),
    np.transpose: (lambda g, y, x, to=None: g.transpose(to and np.argsort(np.mod(to, x.ndim))),),
    operator.getitem: (_getitem,),
    np.take_along_axis: (_take_along_axis,),
    _joined: _piece,
}
REWRITTEN: dict[Callable[..., Any], Callable[..., Any]] = {
    np.matmul: lambda a, b: record(_matmul, a, b),
    np.concatenate: lambda arrays, axis=0: record(_joined, *arrays, axis=axis),
}
# What jumps or stays as it is while its arguments move a little has no gradient to pass on.
CONSTANT = {
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.sign,
    np.isnan, np.isfinite, np.argmax, np.argsort, np.shape, np.ndim, np.zeros_like, np.ones_like,
}  # fmt: skip
