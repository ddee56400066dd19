"""paramlab: what the parameters of a language model are, counted and measured.

Importing the package costs almost nothing: a name below loads its module when it is first used,
so counting never waits for NumPy.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOME = {
    "ModelConfig": "config",
    "count": "params",
    "shapes": "params",
    "count_source": "importers",
    "load_model": "checkpoints",
    "forward": "transformer",
    "loss": "transformer",
    "generate": "sampling",
}
__all__ = [*_HOME]


def __getattr__(name: str):
    if name in _HOME:
        return getattr(import_module(f"paramlab.{_HOME[name]}"), name)
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return import_module(f"paramlab.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"paramlab.{name}":
            raise
        raise AttributeError(f"paramlab has no {name!r}") from None
