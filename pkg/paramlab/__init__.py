"""paramlab: what the parameters of a language model are, counted and measured.

Importing the package costs almost nothing: a name below loads its module when it is first used,
so counting never waits for NumPy.
"""

from importlib import import_module
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "ModelConfig": "config",
    "count": "params",
    "shapes": "params",
    "count_source": "files.source",
    "load_model": "files.load",
    "forward": "transformer",
    "loss": "transformer",
    "generate": "sampling",
    "check": "exercises",
}
__all__ = [*_HOME]

# What counting does not need, and the extra of the package that brings it.
EXTRAS = {
    **dict.fromkeys(("numpy", "regex", "gguf", "safetensors", "tqdm", "xxhash"), "run"),
    **dict.fromkeys(("matplotlib", "matplotlib_inline"), "plots"),
}


def explained(error: ModuleNotFoundError) -> ModuleNotFoundError:
    """Say of a library that is not installed which extra brings it.

    Examples
    --------
    >>> print(explained(ModuleNotFoundError(name="numpy")))
    numpy is not installed; it comes with: pip install "paramlab[run]"
    """
    library = (error.name or "").partition(".")[0]
    if library not in EXTRAS:
        return error
    message = (
        f'{library} is not installed; it comes with: pip install "paramlab[{EXTRAS[library]}]"'
    )
    return ModuleNotFoundError(message, name=error.name)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(_module(_HOME[name]), name)
    if name.startswith("_"):
        raise AttributeError(name)
    return _module(name)


def _module(name: str) -> ModuleType:
    try:
        return import_module(f"paramlab.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"paramlab.{name}":
            raise explained(error) from None
        raise AttributeError(f"paramlab has no {name!r}") from None
