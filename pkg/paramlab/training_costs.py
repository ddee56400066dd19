"""What one training step costs: operations, bytes and time, as the trainer of this book takes it.

A matrix product y = x @ w has two arguments, so the way back (:mod:`paramlab.autograd`) takes two
more products of the same size: one for the gradient of x, one for that of w. Memory is another
matter: every intermediate result of the way there is kept until the way back has used it, and
these *activations* grow with the text and the batch, while weights, gradients and the two moments
of AdamW (:mod:`paramlab.training`) do not. One number takes four bytes, as the trainer's do.
"""

from collections import Counter
from dataclasses import dataclass

from paramlab import kept
from paramlab.checks import check_style, check_window
from paramlab.config import ModelConfig
from paramlab.costs import SCORES, Operations, forward_operations
from paramlab.limits import MOST_TRAINING, check_lengths, check_share, check_trained
from paramlab.params import count

NUMBER_BYTES = 4  # float32


# ------------------------------------------------------------------ operations


def step_operations(
    config: ModelConfig, n_tokens: int, batch: int = 1, attention: str = "blocked"
) -> Operations:
    """Count the multiply-adds of a training step: three for each one of the forward pass.

    Nothing is spared on the way back, for even the first product reads a table that is trained.

    Parameters
    ----------
    config
        The architecture of a decoder with softmax attention.
    n_tokens
        T, the tokens of a text that are read; one more is predicted.
    batch
        B, the texts of a step.
    attention
        ``blocked``: as the trainer computes it, 64 queries at a time with all keys up to the last
        of them. Else as for :func:`paramlab.costs.forward_operations`.

    Examples
    --------
    One token: 16 in four 2 x 2 matrices, 4 in a score and its mixing, 32 in the MLP, 10 in the
    head, and three times as many in all.

    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> step_operations(tiny, 1).by_part
    {'projections': 48, 'scores and mixing': 12, 'MLP': 96, 'output head': 30}
    """
    check_lengths(batch=batch)
    check_trained(config)
    blocked = attention == "blocked"
    forward = forward_operations(config, n_tokens, attention="full" if blocked else attention)
    parts = {name: 3 * batch * n for name, n in forward.by_part.items()}
    if blocked:
        parts[SCORES] = parts[SCORES] // n_tokens**2 * kept.blocked_pairs(n_tokens)
    return Operations(parts)


def training_flops(
    config: ModelConfig, total_tokens: int, n_tokens: int, attention: str = "blocked"
) -> int:
    """Count the FLOPs of training on texts of n tokens, as many whole ones as reach the total.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> training_flops(tiny, total_tokens=10, n_tokens=1)  # 10 steps of 186 multiply-adds
    3720
    """
    check_lengths(most=MOST_TRAINING, total_tokens=total_tokens)
    texts = -(-total_tokens // n_tokens)
    return texts * step_operations(config, n_tokens, 1, attention).flops


def rule_of_six(parameters: int, total_tokens: int) -> int:
    """Return 6 N D: six FLOPs for each parameter and token.

    Two on the way there and four on the way back. It leaves out scores and mixing; whether tables
    are among the N, it does not say. For a wide model and short texts the exact count comes near
    it; with experts N are those that a token passes through.

    References
    ----------
    Kaplan et al., arXiv 2001.08361, section 2.1.

    Examples
    --------
    >>> f"{rule_of_six(174_600_000_000, 300_000_000_000):.2e}"  # GPT-3, arXiv 2005.14165, D.1
    '3.14e+23'
    """
    return 6 * parameters * total_tokens


def training_seconds(
    flops: int, flops_per_s: float, utilization: float, n_devices: int = 1
) -> float:
    """Return how long so many FLOPs take: FLOPs / (rate x utilization x devices).

    Parameters
    ----------
    flops
        Of the whole training.
    flops_per_s
        What one device could do at most.
    utilization
        The share of it that is reached, above 0 and at most 1. No formula gives it; it is measured.
    n_devices
        How many share the work evenly.

    Examples
    --------
    >>> training_seconds(1000, flops_per_s=10.0, utilization=0.5, n_devices=4)
    50.0
    """
    check_lengths(n_devices=n_devices)
    check_share(utilization=utilization)
    return flops / (flops_per_s * utilization * n_devices)


# ------------------------------------------------------------------ memory


@dataclass(frozen=True)
class StepMemory:
    """The bytes of a training step in float32, by what they hold.

    Weights and moments are there between two steps too. The activations are exact. What passes, the
    gradients and the intermediate results of the way back, is the most that exists beside all of
    the others, to a few percent of the peak.
    """

    weight_bytes: int
    moment_bytes: int  # the two of AdamW
    gradient_bytes: int  # of all parameters
    activation_bytes: dict[str, int]  # by part
    passing_bytes: int  # on the way back
    update_bytes: int  # by the optimizer, when the activations are gone

    @property
    def state_bytes(self) -> int:
        """What there is between two steps."""
        return self.weight_bytes + self.moment_bytes

    @property
    def kept_bytes(self) -> int:
        """All activations: what the way there leaves for the way back."""
        return sum(self.activation_bytes.values())

    @property
    def peak_bytes(self) -> int:
        """The most there is at one time."""
        return self.state_bytes + max(self.kept_bytes + self.passing_bytes, self.update_bytes)


def step_memory(config: ModelConfig, n_tokens: int, batch: int = 1) -> StepMemory:
    """Return the bytes of a step of :func:`paramlab.training.take_step`.

    Raises
    ------
    ValueError
        When the trainer cannot run the architecture, or a number is out of range.

    Examples
    --------
    >>> tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=5, n_ctx=9)
    >>> found = step_memory(tiny, 3)
    >>> found.weight_bytes, found.moment_bytes  # of 106 numbers
    (424, 848)
    >>> found.activation_bytes["sums"]  # 2 sums of 3 tokens and 2 features
    48
    """
    check_lengths(n_tokens=n_tokens, batch=batch)
    check_style(config)
    check_window(n_tokens, config.n_ctx)
    activations: Counter[str] = Counter()
    for part, numbers in kept.activations(config, n_tokens, batch):
        activations[part] += numbers * NUMBER_BYTES
    weights = count(config).total * NUMBER_BYTES
    passing = kept.passing(config, n_tokens, batch) * NUMBER_BYTES
    update = kept.updating(config) * NUMBER_BYTES
    return StepMemory(weights, 2 * weights, weights, dict(activations), passing, update)
