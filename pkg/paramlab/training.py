"""From random numbers to a model: the loss, AdamW and the loop.

A training run is one record, :class:`Run`: the parameters, the optimizer's two moments, and the
losses so far. The batch of a step depends on the seed and the number of the step alone, so a run
that was interrupted and resumed (:mod:`paramlab.files.runs`) gives the same losses as one that was
not.
"""

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from paramlab import checks, limits
from paramlab.autograd import value_and_grad
from paramlab.config import ModelConfig
from paramlab.layers import Params, cross_entropy
from paramlab.memory import keep_freed_memory
from paramlab.params import Array, shapes
from paramlab.progress import bar
from paramlab.transformer import forward
from paramlab.tree import flatten, nest

EPSILON = 1e-8  # added to the root of a second moment, which can be 0

# ------------------------------------------------------------------ the parameters and the loss


def initialize(config: ModelConfig, seed: int = 0) -> Params:
    """Return the float32 parameters that training starts from, as GPT-2's did.

    Weights and tables are normal with standard deviation 0.02; what writes into the residual
    stream is divided by the root of 2 L, as 2 L such terms add up in it. Gains are 1,
    biases 0.

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
    """
    tokens = checks.check_ids(tokens, config)
    checks.check_rows(tokens)
    logits = forward(params, config, tokens[:, :-1])  # (B, T, V)
    return cross_entropy(logits, tokens[:, 1:]).mean()


# ------------------------------------------------------------------ one run


@dataclass(frozen=True)
class Plan:
    """How a model is trained.

    The learning rate rises linearly over the first ``warmup_steps``, then falls along a cosine to
    ``final_fraction`` of its peak.
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

    def __post_init__(self) -> None:
        """Check the numbers."""
        limits.check_plan(self)


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

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=4, n_heads=2, d_ff=8, vocab_size=10, n_ctx=6)
    >>> run = start(tiny, Plan(n_steps=20, n_tokens=6))
    >>> run.step, run.params["blocks"][0]["mlp"]["up"]["weight"].shape
    (0, (4, 8))
    """
    checks.check_window(plan.n_tokens, config.n_ctx)
    keep_freed_memory()
    if params is None:
        params = initialize(config, plan.seed)
    checks.check_params(params, config)
    given = flatten(params)
    checks.check_numbers(given)
    # In one order always: a sum of squares taken in another order could end in another digit.
    arrays = {a.name: np.array(given[a.name]) for a in shapes(config) if a.tied_to is None}
    zeros = {name: np.zeros_like(array) for name, array in arrays.items()}
    return Run(config, plan, nest(arrays), nest(zeros), deepcopy(nest(zeros)))


def train(
    run: Run,
    data: np.ndarray | Callable[[np.random.Generator], Any],
    *,
    loss: Callable[..., Any] = next_token_loss,
    progress: bool = True,
    after_step: Callable[[Run], object] | None = None,
) -> Run:
    """Take the remaining steps of a run; return it.

    Parameters
    ----------
    run
        From :func:`start`, or resumed; it is changed in place.
    data
        A long row of token ids, of which random pieces are taken; or a function from a random
        generator to what ``loss`` takes as its third argument.
    loss
        From (params, config, batch) to the number to be made small.
    progress
        Show a bar with the loss, where tqdm is installed.
    after_step
        Called with the run after every step, to look at it or to save it
        (:func:`paramlab.files.runs.saving`).

    Raises
    ------
    FloatingPointError
        When the loss or a gradient is not finite. The parameters are those before that step.
    """
    plan = run.plan
    draw = data if callable(data) else _pieces(data, run.config, plan)
    with bar(run.step, plan.n_steps, progress) as show:
        while run.step < plan.n_steps:
            # The seed and the step alone decide the batch, so a resumed run sees the same.
            batch = draw(np.random.default_rng([plan.seed, run.step]))
            show(take_step(run, batch, loss))
            if after_step:
                after_step(run)
    return run


def _pieces(
    tokens: np.ndarray, config: ModelConfig, plan: Plan
) -> Callable[[np.random.Generator], np.ndarray]:
    """Return a function that draws (B, T+1) tokens: B random pieces of a long text."""
    tokens = checks.check_ids(tokens, config)
    length = plan.n_tokens + 1
    checks.check_pieces(tokens, length)

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
    limits.check_finite(value, norm, run.step, run.plan.learning_rate)
    scale = min(1.0, run.plan.clip_norm / norm) if norm else 1.0
    clipped = {name: gradient * scale for name, gradient in flat.items()}
    adamw(run.params, clipped, (run.first_moment, run.second_moment), run.plan, run.step)
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


def adamw(
    params: Params, gradients: Params, moments: tuple[Params, Params], plan: Plan, step: int
) -> None:
    """Move parameters against their gradients, and keep the moments; in place.

    Each moves by the learning rate times the running mean of its gradients (the first moment),
    divided by the root of the running mean of their squares (the second). Matrices and tables also
    shrink a little (weight decay). Steps count from 0.

    References
    ----------
    Loshchilov and Hutter, arXiv 1711.05101, algorithm 2; with the decay multiplied by the learning
    rate, as libraries do.

    Examples
    --------
    At first mean / root is the sign of the gradient: the parameter moves by the learning rate.

    >>> p, moments = {"bias": np.array([5.0])}, ({"bias": np.zeros(1)}, {"bias": np.zeros(1)})
    >>> plan = Plan(n_steps=1, learning_rate=0.5, warmup_steps=0)
    >>> adamw(p, {"bias": np.array([40.0])}, moments, plan, step=0)
    >>> p["bias"].round(6).tolist(), moments[0]["bias"].round(6).tolist()
    ([4.5], [4.0])
    """
    rate = learning_rate(plan, step)
    gradients, first, second = map(flatten, (gradients, *moments))
    # The running means start at 0; dividing by these undoes that.
    correction1, correction2 = 1 - plan.beta1 ** (step + 1), 1 - plan.beta2 ** (step + 1)
    for name, p in flatten(params).items():
        g, m, v = gradients[name], first[name], second[name]
        m += (1 - plan.beta1) * (g - m)
        v += (1 - plan.beta2) * (g * g - v)
        if p.ndim > 1:
            p *= 1 - rate * plan.weight_decay
        p -= (rate / correction1) * m / (np.sqrt(v / correction2) + EPSILON)


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
