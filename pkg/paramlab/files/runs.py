"""Training runs on disk: saved while they train, and resumed as if nothing had happened."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from paramlab.checks import check_params
from paramlab.config import ModelConfig
from paramlab.errors import UnsupportedModel
from paramlab.files.store import read_arrays, save_arrays
from paramlab.training import Plan, Run, start
from paramlab.tree import flatten, nest

_PARTS = ("params", "first_moment", "second_moment")


def saving(path: str | Path, every: int = 100) -> Callable[[Run], None]:
    """Return what saves a run after some of its steps: ``train(..., after_step=saving(path))``.

    Parameters
    ----------
    path
        The file for :func:`save`.
    every
        How many steps lie between; the last is always saved.

    Raises
    ------
    ValueError
        At once, when no file can be written there.
    """
    _check_place(Path(path), every)

    def save_now_and_then(run: Run) -> None:
        if run.step % every == 0 or run.step == run.plan.n_steps:
            save(run, path)

    return save_now_and_then


def save(run: Run, path: str | Path) -> None:
    """Write a run to a safetensors file; a file that is there is replaced when this one is whole.

    It holds the parameters, both moments and the losses; the configuration and the plan are in
    its metadata.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    arrays = flatten({part: vars(run)[part] for part in _PARTS}) | {"losses": np.array(run.losses)}
    metadata = {"config": json.dumps(asdict(run.config)), "plan": json.dumps(asdict(run.plan))}
    save_arrays(path, arrays, metadata)


def resume(path: str | Path, config: ModelConfig, plan: Plan) -> Run:
    """Read a run that :func:`save` wrote, to go on with it.

    Raises
    ------
    ValueError
        When the file is damaged, or was made with another configuration or plan.
    OSError
        When it cannot be read.
    """
    try:
        stored, metadata = read_arrays(path)
    except UnsupportedModel as error:
        raise ValueError(f"no run can be resumed from {error}") from None
    if not {"config", "plan"} <= metadata.keys() or "losses" not in stored:
        raise ValueError(f"{path} is a safetensors file, but not a checkpoint of a training run")
    for name, ours in (("config", config), ("plan", plan)):
        _check_same(path, json.loads(metadata[name]), json.loads(json.dumps(asdict(ours))))
    losses = stored.pop("losses").tolist()
    parts = nest(stored)
    for part in _PARTS:
        check_params(parts.get(part, {}), config)
    run = start(config, plan, parts["params"])
    for part in _PARTS[1:]:
        for name, array in flatten(vars(run)[part]).items():
            array[...] = stored[f"{part}.{name}"]
    run.losses = losses
    return run


def _check_place(path: Path, every: int) -> None:
    """Refuse a checkpoint that could not be written, before any step is taken."""
    if not isinstance(every, int) or every < 1:
        raise ValueError(f"every is {every!r}; it must be a positive whole number")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} for the checkpoint")
    if path.is_dir():
        raise ValueError(f"the checkpoint {path} is a folder; name a file in it")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise ValueError(
            f"no checkpoint can be written into {path.parent} ({error.strerror})"
        ) from None


def _check_same(path: str | Path, stored: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name in stored | wanted:
        if stored.get(name) != wanted.get(name):
            raise ValueError(
                f"{path} was made with {name} {stored.get(name)}, not {wanted.get(name)}"
            )
