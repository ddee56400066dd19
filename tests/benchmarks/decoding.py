"""How fast the real model reads and writes: against transformers, and against its own products.

The sides are scripts, each run in a process of its own: the thread pools of NumPy and torch
disturb each other. All use every core and float32.
"""

from collections.abc import Iterator

from harness import ORACLE, PYTHON, Figure, alternated, printed

REPEATS = 7
N_PROMPT, N_NEW, N_READ, FAR = 5, 64, 512, 1500  # tokens

OURS = f"""
import statistics, time
import numpy as np
from paramlab import generate, load_model
model = load_model()
prompt = list(range(100, 100 + {N_PROMPT}))
text = list(range({N_READ}))

def seconds(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start

def write(n):
    assert len(list(generate(prompt, model, n_tokens=n))) == n

def read():
    assert list(generate(text, model, n_tokens=1))
"""
WRITE = OURS + f"write(4); print({N_NEW} / seconds(lambda: write({N_NEW})))"
READ = OURS + f"read(); print({N_READ} / statistics.median(seconds(read) for _ in range(3)))"
WRITE_FAR = f"""{OURS}
tokens = generate([100] * {FAR}, model, n_tokens=1 + {N_NEW})
next(tokens)  # the prompt is read
print({N_NEW} / seconds(lambda: list(tokens)))
"""

# The same architecture with random numbers: its speed does not depend on them, and the library
# takes much longer to read the file than to make them up.
THEIRS = f"""
import statistics, time
import torch
from transformers import AutoConfig, AutoModelForCausalLM
config = AutoConfig.for_model(
    "llama", vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30,
    num_attention_heads=9, num_key_value_heads=3, max_position_embeddings=8192,
    tie_word_embeddings=True, bos_token_id=None, eos_token_id=None,
)
model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
assert sum(p.numel() for p in model.parameters()) == 134515008
prompt = torch.arange(100, 100 + {N_PROMPT})[None]
text = torch.arange({N_READ})[None]

def seconds(action):
    start = time.perf_counter()
    with torch.inference_mode():
        action()
    return time.perf_counter() - start

def write(n):
    ids = model.generate(prompt, max_new_tokens=n, do_sample=False)
    assert ids.shape == (1, {N_PROMPT} + n)

def read():
    model(text, logits_to_keep=1, use_cache=False)
"""
THEY_WRITE = THEIRS + f"write(4); print({N_NEW} / seconds(lambda: write({N_NEW})))"
THEY_READ = THEIRS + f"read(); print({N_READ} / statistics.median(seconds(read) for _ in range(3)))"

# One matrix-vector product that reads as many bytes as the model has.
ONE_PRODUCT = """
import statistics, time
import numpy as np
n = round(134515008 ** 0.5)
matrix, x = np.ones((n, n), np.float32), np.ones(n, np.float32)

def seconds():
    start = time.perf_counter()
    x @ matrix
    return time.perf_counter() - start

seconds()
print(1 / statistics.median(seconds() for _ in range(20)))
"""
# Step by step in turn: one more token, and the products with weights that it takes, alone.
OWN_PRODUCTS = f"""{OURS}
from paramlab.tree import flatten
from paramlab.joined import join
arrays = join(flatten(model.params))
weights = [array for name, array in arrays.items() if name.endswith(".weight")]
weights.append(arrays["embedding.tokens"].T)
pairs = [(np.ones((1, len(weight)), np.float32), weight) for weight in weights]

def products():
    for x, weight in pairs:
        x @ weight

tokens = generate(prompt, model, n_tokens=1 + {N_NEW})
next(tokens)
times = [(seconds(products), seconds(lambda: next(tokens))) for _ in range({N_NEW})]
alone, whole = (statistics.median(column) for column in zip(*times))
print(alone / whole)
"""
# What the machine can do at best: a product of large matrices.
LARGE_PRODUCT = """
import statistics, time
import numpy as np
a = np.ones((2048, 2048), np.float32)

def seconds():
    start = time.perf_counter()
    a @ a
    return time.perf_counter() - start

seconds()
print(2 * 2048**3 / statistics.median(seconds() for _ in range(9)) / 1e9)
"""


def measure() -> Iterator[Figure]:
    """Yield the figures of this module."""
    ours = [printed(PYTHON, "-c", code) for code in (WRITE, ONE_PRODUCT, WRITE_FAR, OWN_PRODUCTS)]
    theirs = [printed(str(ORACLE), "-c", THEY_WRITE)] if ORACLE.exists() else []
    written, product, far, share, *other = alternated(*ours, *theirs, repeats=REPEATS)
    unit = "tokens/s"
    yield Figure(
        "decode_vs_transformers", written, unit, goal=2.3, judged="ratio", at_least=True,
        peer="transformers", peer_value=other[0] if other else None,
    )  # fmt: skip
    yield Figure(
        "decode_vs_roofline", written, unit, goal=0.65, judged="ratio", at_least=True,
        peer="one product of as many bytes", peer_value=product,
    )  # fmt: skip
    yield Figure(
        "decode_vs_own_products", share, "of their rate", goal=0.75, at_least=True,
        peer="its products alone", peer_value=1.0,
    )  # fmt: skip
    yield Figure(
        "decode_far", far, unit, peer=f"after {N_PROMPT} tokens, not {FAR:,}", peer_value=written
    )
    theirs = [printed(str(ORACLE), "-c", THEY_READ)] if ORACLE.exists() else []
    sides = [printed(PYTHON, "-c", code) for code in (READ, LARGE_PRODUCT)]
    read, large, *other = alternated(*sides, *theirs, repeats=REPEATS)
    yield Figure(
        "prefill_vs_transformers", read, unit, goal=1.3, judged="ratio", at_least=True,
        peer="transformers", peer_value=other[0] if other else None,
    )  # fmt: skip
    yield Figure(
        "prefill_vs_matmul", read * _flops_per_token() / 1e9, "GFLOP/s",
        peer="one product of large matrices", peer_value=large,
    )  # fmt: skip


def _flops_per_token() -> float:
    """Return how many operations reading N_READ tokens takes for each of them."""
    from paramlab import load_model
    from paramlab.costs import forward_operations

    return forward_operations(load_model().config, N_READ, last_only=True).flops / N_READ
