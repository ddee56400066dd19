"""Tiled and windowed attention: memory, speed beside the definition and torch, and growth.

One head of width 64, causal, float32. Tiled attention gets a thread for each processor, and the
window one; torch and the definition choose for themselves.
"""

import math
import os
import statistics
from collections.abc import Iterator

from harness import ORACLE, PYTHON, Figure, alternated, printed

# Read by OpenBLAS when NumPy is imported: matrix products keep to the thread that asks for them.
ONE_EACH = "os.environ['OPENBLAS_NUM_THREADS'] = '1'"
N_THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
LENGTHS = (1024, 2048, 4096, 8192)
WINDOW_LENGTHS = (2048, 4096, 8192, 16384)

PEAK_BYTES = """
import tracemalloc
import numpy as np
from paramlab.{module} import {name}
q, k, v = np.random.default_rng(0).normal(size=(3, 1, {n}, 64)).astype(np.float32)
tracemalloc.start()
{name}(q, k, v{options})
print((tracemalloc.get_traced_memory()[1] - q.nbytes) / 2**20)
"""
NUMPY_MS = """
import os
{environment}
from timeit import repeat
import numpy as np
from paramlab.{module} import {name}
q, k, v = np.random.default_rng(0).normal(size=(3, 1, {n}, 64)).astype(np.float32)
times = repeat(lambda: {name}(q, k, v{options}), number=1, repeat=9)
print(1000 * sorted(times)[4])
"""
TORCH_MS = """
from timeit import repeat
import torch
from torch.nn.functional import scaled_dot_product_attention
q, k, v = torch.randn(3, 1, 1, {n}, 64)
with torch.inference_mode():
    scaled_dot_product_attention(q, k, v, is_causal=True)
    times = repeat(
        lambda: scaled_dot_product_attention(q, k, v, is_causal=True), number=1, repeat=9
    )
print(1000 * sorted(times)[4])
"""


def measure() -> Iterator[Figure]:
    """Yield the figures of this module."""
    peaks = [_numpy(PEAK_BYTES, name, 16384)() for name in ("tiled_fast", "naive")]
    yield Figure(
        "attention_tiled_peak_bytes", peaks[0], "MiB extra at 16,384", goal=16,
        peer="naive", peer_value=peaks[1],
    )  # fmt: skip
    tiled, naive = alternated(_tiled(4096), _numpy(NUMPY_MS, "naive", 4096), repeats=5)
    yield Figure(
        "attention_tiled_vs_naive", 1 / tiled, "per ms at 4,096", goal=4, judged="ratio",
        at_least=True, peer="naive", peer_value=1 / naive,
    )  # fmt: skip
    yield from map(_against_torch, LENGTHS)
    yield _window_exponent()


def _numpy(script: str, name: str, n: int, options: str = "", environment: str = ""):
    module = "variants" if name == "sliding_window" else "tiled"
    code = script.format(module=module, name=name, n=n, options=options, environment=environment)
    return printed(PYTHON, "-c", code)


def _tiled(n: int):
    return _numpy(NUMPY_MS, "tiled_fast", n, f", n_threads={N_THREADS}", ONE_EACH)


def _against_torch(n: int) -> Figure:
    sides = [_tiled(n)]
    if ORACLE.exists():
        sides.append(printed(str(ORACLE), "-c", TORCH_MS.format(n=n)))
    ours, *theirs = (1 / ms for ms in alternated(*sides, repeats=5))
    return Figure(
        f"attention_tiled_vs_torch_{n}", ours, "per ms", goal=0.9, judged="ratio", at_least=True,
        peer="torch scaled_dot_product_attention", peer_value=theirs[0] if theirs else None,
    )  # fmt: skip


def _window_exponent() -> Figure:
    """Fit the exponent of time over length; the goal bounds its distance from 1."""
    sides = [_numpy(NUMPY_MS, "sliding_window", n, environment=ONE_EACH) for n in WINDOW_LENGTHS]
    times = alternated(*sides, repeats=5)
    fit = statistics.linear_regression(
        [math.log(n) for n in WINDOW_LENGTHS], [math.log(ms) for ms in times]
    )
    return Figure(
        "attention_window_exponent", abs(fit.slope - 1), f"from 1 (exponent {fit.slope:.3f})",
        goal=0.1,
    )  # fmt: skip
