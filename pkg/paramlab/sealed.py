"""Answers under seal: whether an answer is right can be tried, but not read off.

A student's notebook holds no answers. For each case it holds a fingerprint of the right result, and
each hint is locked with the wrong result that it speaks of. A fingerprint takes a millisecond or
two, so a self-check is immediate; it keeps an answer from the eye, not from a search. Grading does
not rest on it: it tries other cases, elsewhere.
"""

import hashlib
import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

ROUNDS = 2000  # of hashing, for each fingerprint
LEAST_TOLERANCE = 1e-6  # relative; results with decimals differ in their last digits


class NotPlain(TypeError):
    """An answer holds something other than numbers, texts, lists and dicts with text keys."""


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON would hold it: tuples as lists, arrays and scalars of NumPy too.

    Raises
    ------
    NotPlain
        When something in it is of another type, or is nested too deeply.

    Examples
    --------
    >>> plain((1, 2.5, "a", {"b": None}))
    [1, 2.5, 'a', {'b': None}]
    >>> plain({1, 2})
    Traceback (most recent call last):
    ...
    paramlab.sealed.NotPlain: a set
    """
    if depth > 20:
        raise NotPlain("a list in a list in a list, and so on")
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) in (list, tuple):
        return [plain(item, depth + 1) for item in value]
    if type(value) is dict and all(type(key) is str for key in value):
        return {key: plain(item, depth + 1) for key, item in value.items()}
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return plain(value.tolist(), depth + 1)
    name = type(value).__name__
    raise NotPlain(f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}")


def leaves(value: Any) -> Iterator[Any]:
    """Yield a plain value piece by piece, its structure as marks between its numbers and texts.

    Examples
    --------
    >>> list(leaves([1, {"a": 2}]))
    ['[2', 1, '{a', 2]
    """
    if type(value) is list:
        yield f"[{len(value)}"
        for item in value:
            yield from leaves(item)
    elif type(value) is dict:
        yield "{" + ",".join(sorted(value))
        for key in sorted(value):
            yield from leaves(value[key])
    else:
        yield '"' + value if type(value) is str else value


def odd(value: Any, keys: list[str] | None = None) -> str:
    """Say what is odd about a plain value that is not right, as a sentence; empty if nothing is.

    Parameters
    ----------
    value
        What somebody answered.
    keys
        Those that a dict must have.

    Examples
    --------
    >>> odd({"hour": 1.0}, ["hours"])
    "the dict is without the key 'hours', with a key 'hour' that is not asked for. "
    >>> odd([1.0, float("nan")])
    'there is a nan in it: not a number, such as infinity less infinity. '
    """
    if keys is not None and type(value) is dict and sorted(value) != keys:
        missing = [repr(key) for key in keys if key not in value]
        strange = [repr(key)[:40] for key in value if key not in keys][:5]
        said = [f"without the key {key}" for key in missing]
        said += [f"with a key {key} that is not asked for" for key in strange]
        return f"the dict is {', '.join(said)}. "
    found = [leaf for leaf in leaves(value) if type(leaf) is float and not math.isfinite(leaf)]
    if any(map(math.isnan, found)):
        return "there is a nan in it: not a number, such as infinity less infinity. "
    return "there is an infinity in it. " if found else ""


def is_number(value: Any) -> bool:
    """Say whether a plain value is a number (True and False are none)."""
    return type(value) in (int, float)


def fits(value: Any, right: Any, tolerance: float = 0.0) -> bool:
    """Say whether a plain value is the right one.

    Whole numbers and texts must be equal (12.0 is 12); a number with decimals, or any if there is
    a tolerance, must lie within a factor ``1 + tolerance``.

    Examples
    --------
    >>> fits(12.0, 12), fits([0.1 + 0.2], [0.3]), fits(103, 100, 0.05), fits(True, 1)
    (True, True, True, False)
    """
    wanted = list(leaves(right))
    found = list(islice(leaves(value), len(wanted) + 1))  # of a long answer, no more than that
    return len(found) == len(wanted) and all(map(_fit, found, wanted, [tolerance] * len(found)))


def _fit(value: Any, right: Any, tolerance: float) -> bool:
    if not (is_number(value) and is_number(right)):
        return type(value) is type(right) and value == right
    if type(right) is int and not tolerance:
        return value == right
    if not _usual(value) or not _usual(right):
        return value == right
    factor = 1 + max(tolerance, LEAST_TOLERANCE)
    return (value > 0) == (right > 0) and abs(right) / factor <= abs(value) <= abs(right) * factor


def _usual(value: float) -> bool:
    """Say whether a number has a logarithm and fits a float."""
    return value != 0 and (abs(value) < 1 << 1000) and math.isfinite(value)


def phases(right: Any, tolerance: float) -> list[float | None]:
    """Return where, in each step of a scale, the right numbers lie; None where they must be equal.

    On a scale of logarithms whose steps are as wide as the tolerated range, the phase puts a right
    number in the middle of its step. It does not say in which step that is.
    """
    width = _step(tolerance)
    return [
        round((math.log(abs(leaf)) - width / 2) % width, 10)
        if is_number(leaf) and _usual(leaf) and (type(leaf) is float or tolerance)
        else None
        for leaf in leaves(right)
    ]


def _step(tolerance: float) -> float:
    return 2 * math.log1p(max(tolerance, LEAST_TOLERANCE))


def canonical(value: Any, steps: list[float | None], tolerance: float) -> str:
    """Return one text for all values that count as the same result."""
    found = list(leaves(value))
    if len(found) != len(steps):
        return f"of another form: {len(found)}"
    return "\n".join(
        _canonical(leaf, phase, tolerance) for leaf, phase in zip(found, steps, strict=True)
    )


def _canonical(leaf: Any, phase: float | None, tolerance: float) -> str:
    if is_number(leaf) and phase is not None and _usual(leaf):
        width = _step(tolerance)
        return f"{'-' if leaf < 0 else '+'}{math.floor((math.log(abs(leaf)) - phase) / width)}"
    if type(leaf) is float and leaf.is_integer():
        leaf = int(leaf)
    if type(leaf) is int and abs(leaf) >= 1 << 1000:  # more digits than Python likes to write
        return f"int:{leaf:x}"
    return f"{type(leaf).__name__}:{leaf}"


def fingerprint(text: str, salt: str) -> bytes:
    """Return 32 bytes that only this text gives."""
    return hashlib.pbkdf2_hmac("sha256", text.encode("utf-8", "replace"), salt.encode(), ROUNDS)


def lock(message: str, key: bytes) -> str:
    """Return a message that only its key opens, as hexadecimal digits.

    Examples
    --------
    >>> key = fingerprint("42", "salt")
    >>> unlock(lock("count the biases", key), key), unlock(lock("count", key), bytes(32))
    ('count the biases', None)
    """
    content = message.encode()
    return (key[:4] + _stream(content, key)).hex()


def unlock(locked: str, key: bytes) -> str | None:
    """Return the message, or None if it is another key's."""
    content = bytes.fromhex(locked)
    return _stream(content[4:], key).decode() if content[:4] == key[:4] else None


def _stream(content: bytes, key: bytes) -> bytes:
    mask = hashlib.shake_256(key + b"message").digest(len(content))
    return bytes(a ^ b for a, b in zip(content, mask, strict=True))
