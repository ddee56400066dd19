"""How many numbers a training step keeps: what :mod:`paramlab.training_costs` adds up.

The trainer works in NumPy, operation by operation, and each operation makes an array, so this is
the list of the operations of a forward pass. A view of another array (a slice, most changes of
shape) is none.
"""

from collections.abc import Iterator

from paramlab.config import ModelConfig
from paramlab.params import count, stacks

QUERIES_AT_ONCE = 64  # of paramlab.attention, which would load NumPy
INDEX = 2  # an index takes 8 bytes, as much as two numbers

# Results per number that goes into an activation function, one for each of its operations; and how
# many of its size exist at once on the way back.
KEPT = {"gelu": 9, "gelu_exact": 27, "relu": 1, "relu2": 2, "silu": 4}
LIVE = {"gelu": 6, "gelu_exact": 7, "relu": 2, "relu2": 4, "silu": 4}


def blocked_pairs(n_tokens: int) -> int:
    """Count the pairs of a query and a key that the trainer computes, in one head of one layer.

    Examples
    --------
    64 queries with 64 keys, then one with 65:

    >>> blocked_pairs(3), blocked_pairs(65)
    (9, 4161)
    """
    ends = (min(start + QUERIES_AT_ONCE, n_tokens) for start in range(0, n_tokens, QUERIES_AT_ONCE))
    return sum((end - (end - 1) // QUERIES_AT_ONCE * QUERIES_AT_ONCE) * end for end in ends)


def activations(c: ModelConfig, n_tokens: int, batch: int) -> Iterator[tuple[str, int]]:
    """Yield how many numbers each part of the forward pass makes; views of others are none."""
    t, width = batch * n_tokens, c.d_model
    yield "embedding", t * width * (1 + c.embedding_scale)
    if c.positions in ("learned", "sinusoidal"):
        index = INDEX * n_tokens if c.positions == "learned" else 0
        yield "embedding", (t + n_tokens) * width + index
    if c.embedding_norm:
        yield "norms", t * _norm(c, width)
    yield "masks and angles", _order(c, n_tokens)
    norms = {"parallel": 1, "sandwich": 4}.get(c.block, 2)
    yield "norms", c.n_layers * t * norms * _norm(c, width) + t * c.final_norm * _norm(c, width)
    yield "sums", c.n_layers * t * 2 * width
    queries, keys = c.n_heads * c.d_head, c.n_kv_heads * c.d_head
    each = (queries + 2 * keys) * (1 + c.bias_qkv) + width * (1 + c.bias_o)
    if c.positions == "rope":  # six products and sums of half a head, and the halves joined
        each += 4 * (queries + keys)
    if c.qk_norm == "head":
        each += (c.n_heads + c.n_kv_heads) * _norm(c, c.d_head, bias=False)
    yield "projections", c.n_layers * t * each
    copies = 2 + (n_tokens > QUERIES_AT_ONCE) + (c.n_heads > 1 and n_tokens > 1)
    rows = c.n_heads * (2 * c.n_layers * t)  # the largest score of a row, and its sum
    pairs = c.n_heads * c.n_layers * batch * blocked_pairs(n_tokens)
    yield "scores and mixing", 5 * pairs + rows + c.n_layers * t * copies * queries
    e = c.experts
    dense = len(e.dense_layers) if e else c.n_layers
    yield "MLP", dense * t * _mlp(c, c.d_ff, c.bias_mlp)
    if e:
        a = e.n_active
        router = e.n_experts * (1 + e.router_bias + INDEX) + 4 * a + 2
        each = a * (_mlp(c, e.d_ff, e.bias) + 4 * width + 2 * INDEX) + width
        yield "experts", (c.n_layers - dense) * t * (router + each)
    yield "logits and loss", t * (c.vocab_size * (3 + c.bias_head) + 5) + 1


def _norm(c: ModelConfig, width: int, bias: bool = True) -> int:
    """Count the results of a norm over so many features; a mean is two, a sum and a quotient."""
    if c.norm == "rmsnorm":
        return 3 * width + 4
    learned = {"bare": 0, "layernorm": 1 + bias}.get(c.norm, 1)
    return (3 + learned) * width + 6


def _mlp(c: ModelConfig, width: int, bias: bool) -> int:
    """Count the results of an MLP for one token."""
    maps = (1 + c.gated_mlp) * (1 + bias) + c.gated_mlp  # the last: gate times up
    return width * (maps + KEPT[c.activation]) + c.d_model * (1 + bias)


def _order(c: ModelConfig, n_tokens: int) -> int:
    """Count the numbers of the masks that layers use, and of RoPE's sines and cosines."""
    local = (len(c.local_layers) or c.n_layers) if c.window else 0
    masks = (local > 0) + (local < c.n_layers)
    each = n_tokens**2 * (c.n_heads if c.positions == "alibi" else 1)
    return masks * each + (n_tokens * c.d_head if c.positions == "rope" else 0)


def passing(c: ModelConfig, n_tokens: int, batch: int) -> int:
    """Count the numbers beside state and activations, at the worst of three moments.

    At the start the loss hands back three arrays of logits. In the first block, where nearly all
    gradients of parameters exist, its MLP or its attention needs some arrays of its own size. At
    the end every gradient is copied.
    """
    t, parameters, e = batch * n_tokens, count(c).total, c.experts
    hidden = c.d_ff
    if e and 0 not in e.dense_layers:  # the tokens of one expert, if all have equally many
        hidden = e.d_ff * e.n_active // e.n_experts
    mlp = (LIVE[c.activation] + c.gated_mlp) * t * hidden
    scores = c.n_heads * batch * min(n_tokens, QUERIES_AT_ONCE) * n_tokens
    attention = 4 * scores + 2 * t * (c.n_kv_heads * c.d_head + c.d_model)
    logits = t * (3 * c.vocab_size + c.d_model)
    return max(logits, parameters + max(mlp, attention), 2 * parameters)


def updating(c: ModelConfig) -> int:
    """Count the numbers beside state while AdamW works: gradients, scaled ones, and temporaries."""
    largest = max(a.size for stack in stacks(c) for a in stack.arrays if not a.tied_to)
    return 2 * count(c).total + 3 * largest
