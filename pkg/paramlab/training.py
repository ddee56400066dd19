"""From random numbers to a model: the loss, AdamW and the loop.

A training run is one record, :class:`Run`: the parameters, the optimizer's two moments, and the
losses so far. The batch of a step depends on the seed and the number of the step alone, so a run
that was interrupted and resumed gives the same losses as one that was not.
"""

import ctypes
import json
import math
import sys
import tempfile
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from paramlab.autograd import value_and_grad
from paramlab.checkpoints import check_numbers, flatten, nest, read_arrays, save_arrays
from paramlab.config import ModelConfig
from paramlab.headers import UnsupportedModel
from paramlab.layers import Params, cross_entropy
from paramlab.params import Array, shapes
from paramlab.transformer import check_ids, check_params, forward

# ------------------------------------------------------------------ the parameters and the loss


def initialize(config: ModelConfig, seed: int = 0) -> Params:
    """Return the float32 parameters that training starts from, as GPT-2's did.

    Weights and tables are normal with standard deviation 0.02; what writes into the residual
    stream is divided by the root of 2 L, as 2 L such terms add up in it. Gains are 1 (stored as 0
    where the distance from 1 is stored), biases 0.

    References
    ----------
    Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), section 2.3; the
    standard deviation is that of its code.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=2, d_model=64, n_heads=2, d_ff=256, vocab_size=99, n_ctx=9)
    >>> mlp = initialize(tiny)["blocks"][1]["mlp"]
    >>> [round(float(mlp[name]["weight"].std()), 3) for name in ("up", "down")]
    [0.02, 0.01]
    """
    rng = np.random.default_rng(seed)
    return nest({a.name: _start(a, config, rng) for a in shapes(config) if a.tied_to is None})


def _start(array: Array, config: ModelConfig, rng: np.random.Generator) -> np.ndarray:
    if array.role == "norm gain":
        return np.ones(array.shape, np.float32)
    if array.role in ("bias", "norm bias", "buffer"):
        return np.zeros(array.shape, np.float32)
    deviation = 0.02
    if array.name.endswith((".o.weight", ".down.weight")):
        deviation /= math.sqrt(2 * config.n_layers)
    return rng.standard_normal(array.shape, np.float32) * np.float32(deviation)


def next_token_loss(params: Params, config: ModelConfig, tokens: np.ndarray) -> Any:
    """Return the mean cross-entropy, in nats, of predicting each token from those before it.

    It runs on arrays and on autograd's tensors. A model that finds all V tokens equally likely
    scores ln V.

    Parameters
    ----------
    params, config
        As for :func:`paramlab.transformer.forward`.
    tokens
        Token ids (B, T+1): the first of each row is given, the last only predicted.

    Raises
    ------
    ValueError
        As :func:`paramlab.transformer.forward`; when the tokens are not such rows.
    """
    tokens = check_ids(tokens, config)
    if tokens.ndim != 2 or tokens.shape[1] < 2:
        raise ValueError(
            "a batch has the shape (B, T+1), a row of at least 2 tokens for each text; this one "
            f"has {tokens.shape}"
        )
    logits = forward(params, config, tokens[:, :-1])  # (B, T, V)
    return cross_entropy(logits, tokens[:, 1:]).mean()


# ------------------------------------------------------------------ one run


@dataclass(frozen=True)
class Plan:
    """How a model is trained.

    The learning rate rises linearly over the first ``warmup_steps``, then falls along a cosine to
    ``final_fraction`` of its peak.

    Raises
    ------
    ValueError
        When a number is outside its range.
    """

    n_steps: int
    batch_size: int = 16  # B
    n_tokens: int = 128  # T, the length of the texts
    learning_rate: float = 1e-3  # at its peak
    warmup_steps: int = 20
    final_fraction: float = 0.1
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.99
    clip_norm: float = 1.0
    seed: int = 0

    def __post_init__(self):
        """Check the numbers."""
        for entry in fields(self):
            name, value, whole = entry.name, getattr(self, entry.name), entry.type is int
            needed = ""
            if not isinstance(value, int if whole else int | float):
                needed = "an int" if whole else "a number"
            elif name in _POSITIVE and not value > 0:
                needed = "positive"
            elif name in ("beta1", "beta2") and not 0 <= value < 1:
                needed = "from 0 to below 1"
            elif name != "clip_norm" and not 0 <= value < math.inf:  # of which inf is no limit
                needed = "finite and not negative"
            if needed:
                raise ValueError(f"{name} is {value!r}; it must be {needed}")
        if self.warmup_steps > self.n_steps:
            raise ValueError(
                f"warmup_steps is {self.warmup_steps}; it must be from 0 to n_steps {self.n_steps}"
            )


_POSITIVE = ("n_steps", "batch_size", "n_tokens", "learning_rate", "clip_norm")


@dataclass
class Run:
    """A training run: everything that changes from step to step, and what does not.

    The arrays of ``params`` and of the two moments are changed in place by :func:`train`.
    """

    config: ModelConfig
    plan: Plan
    params: Params
    first_moment: Params  # running mean of the gradients
    second_moment: Params  # running mean of their squares
    losses: list[float] = field(default_factory=list)  # one for each step taken, in nats

    @property
    def step(self) -> int:
        """How many steps were taken."""
        return len(self.losses)


def start(config: ModelConfig, plan: Plan, params: Params | None = None) -> Run:
    """Return a run before its first step: from a copy of given parameters, or random ones.

    Raises
    ------
    ValueError
        When the texts of the plan are longer than the window, or the given parameters are not
        those of the architecture, or not finite.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=4, n_heads=2, d_ff=8, vocab_size=10, n_ctx=6)
    >>> run = start(tiny, Plan(n_steps=20, n_tokens=6))
    >>> run.step, run.params["blocks"][0]["mlp"]["up"]["weight"].shape
    (0, (4, 8))
    """
    if config.n_ctx < plan.n_tokens:
        raise ValueError(
            f"texts of n_tokens {plan.n_tokens} do not fit into the window of {config.n_ctx}"
        )
    _keep_freed_memory()
    if params is None:
        params = initialize(config, plan.seed)
    check_params(params, config)
    given = flatten(params)
    check_numbers(given)
    # In one order always: a sum of squares taken in another order could end in another digit.
    arrays = {a.name: np.array(given[a.name]) for a in shapes(config) if a.tied_to is None}
    zeros = {name: np.zeros_like(array) for name, array in arrays.items()}
    return Run(config, plan, nest(arrays), nest(zeros), deepcopy(nest(zeros)))


def _keep_freed_memory() -> None:
    """Tell the C library of Linux to keep freed memory for the next array.

    Else it gives memory back to the system after almost every operation and asks for it again,
    which takes longer than the operations themselves. Elsewhere nothing happens.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        trim_threshold, mmap_threshold = -1, -3  # the names of the options in malloc.h
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(mmap_threshold, 2**25)


def train(
    run: Run,
    data: np.ndarray | Callable[[np.random.Generator], Any],
    *,
    loss: Callable[..., Any] = next_token_loss,
    checkpoint: str | Path | None = None,
    save_every: int = 100,
    progress: bool = True,
    after_step: Callable[[Run], object] | None = None,
) -> Run:
    """Take the remaining steps of a run; return it.

    Parameters
    ----------
    run
        From :func:`start` or :func:`resume`; it is changed in place.
    data
        A long row of token ids, of which random pieces are taken; or a function from a random
        generator to what ``loss`` takes as its third argument.
    loss
        From (params, config, batch) to the number to be made small.
    checkpoint
        The file for :func:`save`, every ``save_every`` steps and at the end. None: nothing is
        saved.
    progress
        Show a bar with the loss.
    after_step
        Called with the run after every step, to look at it.

    Raises
    ------
    ValueError
        Before the first step: when the data hold a number that is no token, or no piece of the
        length that the plan asks for; or no checkpoint can be written there.
    FloatingPointError
        When the loss or a gradient is not finite. The parameters are those before that step.
    """
    from tqdm import tqdm

    plan = run.plan
    draw = data if callable(data) else _pieces(data, run.config, plan)
    if checkpoint:
        _check_place(Path(checkpoint), save_every)
    bar = tqdm(
        total=plan.n_steps, initial=run.step, desc="training", unit="step", disable=not progress
    )
    with bar:
        while run.step < plan.n_steps:
            # The seed and the step alone decide the batch, so a resumed run sees the same.
            batch = draw(np.random.default_rng([plan.seed, run.step]))
            bar.set_postfix(loss=f"{take_step(run, batch, loss):.3f}", refresh=False)
            bar.update()
            if after_step:
                after_step(run)
            if checkpoint and (run.step % save_every == 0 or run.step == plan.n_steps):
                save(run, checkpoint)
    return run


def _check_place(path: Path, save_every: int) -> None:
    """Refuse a checkpoint that could not be written, before any step is taken."""
    if not isinstance(save_every, int) or save_every < 1:
        raise ValueError(f"save_every is {save_every!r}; it must be a positive whole number")
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


def _pieces(
    tokens: np.ndarray, config: ModelConfig, plan: Plan
) -> Callable[[np.random.Generator], np.ndarray]:
    """Return a function that draws (B, T+1) tokens: B random pieces of a long text."""
    tokens = check_ids(tokens, config)
    length = plan.n_tokens + 1
    if tokens.ndim != 1 or len(tokens) < length:
        raise ValueError(
            f"training takes pieces of {length} tokens; the data have the shape {tokens.shape}"
        )

    def draw(rng: np.random.Generator) -> np.ndarray:
        starts = rng.integers(0, len(tokens) - length + 1, plan.batch_size)
        return tokens[starts[:, None] + np.arange(length)]

    return draw


def take_step(run: Run, batch: Any, loss: Callable[..., Any] = next_token_loss) -> float:
    """Take one step: the loss of a batch, its gradients, and AdamW; return the loss.

    Raises
    ------
    FloatingPointError
        When the loss or a gradient is not finite; the run is then as it was before.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # one sentence below says it
        value, gradients = value_and_grad(loss)(run.params, run.config, batch)
    flat = flatten(gradients)
    norm = global_norm(flat.values())
    if not math.isfinite(value) or not math.isfinite(norm):
        raise FloatingPointError(
            f"at step {run.step + 1} the loss is {value} and the norm of its gradient {norm}; "
            f"try a smaller learning rate than {run.plan.learning_rate:g}"
        )
    scale = min(1.0, run.plan.clip_norm / norm) if norm else 1.0
    clipped = {name: gradient * scale for name, gradient in flat.items()}
    adamw(run, clipped, learning_rate(run.plan, run.step))
    run.losses.append(value)
    return value


def global_norm(gradients: Iterable[np.ndarray]) -> float:
    """Return the length of all gradients taken as one long vector.

    Examples
    --------
    >>> global_norm([np.array([3.0]), np.array([[4.0]])])
    5.0
    """
    return math.sqrt(sum(float(np.vdot(gradient, gradient)) for gradient in gradients))


def adamw(run: Run, gradients: dict[str, np.ndarray], rate: float, eps: float = 1e-8) -> None:
    """Move the parameters of a run against their gradients, given by full names; in place.

    Each moves by the learning rate times the running mean of its gradients, divided by the root of
    the running mean of their squares. Matrices and tables also shrink a little (weight decay).

    References
    ----------
    Loshchilov and Hutter, arXiv 1711.05101, algorithm 2; with the decay multiplied by the learning
    rate, as libraries do.
    """
    plan, step = run.plan, run.step + 1
    params, first, second = map(flatten, (run.params, run.first_moment, run.second_moment))
    # The running means start at 0; dividing by these undoes that.
    correction1, correction2 = 1 - plan.beta1**step, 1 - plan.beta2**step
    for name, p in params.items():
        g, m, v = gradients[name], first[name], second[name]
        m += (1 - plan.beta1) * (g - m)
        v += (1 - plan.beta2) * (g * g - v)
        if p.ndim > 1:
            p *= 1 - rate * plan.weight_decay
        p -= (rate / correction1) * m / (np.sqrt(v / correction2) + eps)


def learning_rate(plan: Plan, step: int) -> float:
    """Return the learning rate of a step, counted from 0.

    Examples
    --------
    >>> plan = Plan(n_steps=9, learning_rate=8.0, warmup_steps=4, final_fraction=0.5)
    >>> [round(learning_rate(plan, step), 6) for step in (0, 1, 2, 3, 4, 6, 8)]
    [2.0, 4.0, 6.0, 8.0, 8.0, 6.0, 4.0]
    """
    if step < plan.warmup_steps:
        return plan.learning_rate * (step + 1) / plan.warmup_steps
    done = (step - plan.warmup_steps) / max(1, plan.n_steps - 1 - plan.warmup_steps)
    height = (1 + math.cos(math.pi * done)) / 2  # from 1 to 0
    return plan.learning_rate * (plan.final_fraction + (1 - plan.final_fraction) * height)


# ------------------------------------------------------------------ checkpoints

_PARTS = ("params", "first_moment", "second_moment")


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


def _check_same(path: str | Path, stored: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name in stored | wanted:
        if stored.get(name) != wanted.get(name):
            raise ValueError(
                f"{path} was made with {name} {stored.get(name)}, not {wanted.get(name)}"
            )
