"""Measure how time, memory and error of the attention variants grow with the text.

Chapter 12 loads what this script writes: ``data/attention_scaling.json``. Run it from the root of
the repository, on one thread, while the machine does nothing else; it takes about two minutes and
6 GB of memory::

    OPENBLAS_NUM_THREADS=1 python book/experiments/attention_scaling.py

One causal head of width 64, float32, random queries, keys and values; hashed attention gets its
queries at length 1 as keys. Extra memory is the peak of what NumPy allocates during a call, minus
the result. The error is the root mean square of the distance from naive attention, divided by
that of naive attention itself. Exponents are slopes of log cost over log length, fitted to the
four longest texts, with half of their 95% interval: four points leave two degrees of freedom, so
it is 4.3 standard errors.
"""

import json
import os
import platform
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
from paramlab import __version__
from paramlab.measured import measure
from paramlab.tiled import naive
from paramlab.variants import VARIANTS, shared_keys

OUTPUT = Path(__file__).parent / "data" / "attention_scaling.json"
COMMAND = "OPENBLAS_NUM_THREADS=1 python book/experiments/attention_scaling.py"
LENGTHS = (512, 1024, 2048, 4096, 8192, 16384)
D_HEAD, SEED, REPEATS, FITTED = 64, 0, 5, 4
STUDENT_T = 4.303  # of two degrees of freedom


def draw(n: int, shared: bool) -> list[np.ndarray]:
    """Return random queries, keys and values (1, n, H)."""
    rng = np.random.default_rng(SEED)
    q, k, v = rng.normal(size=(3, 1, n, D_HEAD)).astype(np.float32)
    return [q, shared_keys(q) if shared else k, v]


def seconds(function: Callable, arrays: list[np.ndarray]) -> float:
    """Return the processor time of one call: on one thread and an idle machine, its duration."""
    start = time.process_time()
    function(*arrays)
    return time.process_time() - start


def extra_bytes(function: Callable, arrays: list[np.ndarray]) -> int:
    """Return the peak of the memory that a call needs besides its arguments and its result."""
    tracemalloc.start()
    result = function(*arrays)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - result.nbytes


def multiply_adds(function: Callable, arrays: list[np.ndarray]) -> int:
    """Count the multiply-adds that NumPy performs in a call."""
    return measure(lambda p: function(*p), arrays).multiply_adds


def relative_error(function: Callable, arrays: list[np.ndarray], exact: np.ndarray) -> float:
    """Return how far a result is from the definition's."""
    return float(np.sqrt(np.mean((function(*arrays) - exact) ** 2) / np.mean(exact**2)))


def exponent(values: list[float]) -> list[float]:
    """Fit value = constant x n ** exponent to the longest texts: [exponent, half the interval]."""
    log_n, log_value = np.log(LENGTHS[-FITTED:]), np.log(values[-FITTED:])
    (slope, _), covariance = np.polyfit(log_n, log_value, 1, cov=True)
    return [float(slope), float(STUDENT_T * np.sqrt(max(0, covariance[0, 0])))]


def main(repeats: int = REPEATS) -> None:
    """Measure everything and write it."""
    started = time.perf_counter()
    kinds = ("seconds", "extra_bytes", "multiply_adds", "relative_error")
    data = {variant.name: {kind: [] for kind in kinds} for variant in VARIANTS}
    for n in LENGTHS:
        shared = {v.name: v.name == "hashed" for v in VARIANTS}
        drawn = {kind: draw(n, kind) for kind in (True, False)}
        exact = {kind: naive(*arrays) for kind, arrays in drawn.items()}
        times = {v.name: [] for v in VARIANTS}
        for _ in range(repeats):  # in turn, so that a slow moment of the machine meets all
            for v in VARIANTS:
                times[v.name].append(seconds(v.function, drawn[shared[v.name]]))
        for v in VARIANTS:
            record, arrays = data[v.name], drawn[shared[v.name]]
            record["seconds"].append(float(np.median(times[v.name])))
            record["extra_bytes"].append(extra_bytes(v.function, arrays))
            record["multiply_adds"].append(multiply_adds(v.function, arrays))
            record["relative_error"].append(
                relative_error(v.function, arrays, exact[shared[v.name]])
            )
            print(f"{n:>6} {v.name:8} {1000 * record['seconds'][-1]:9.2f} ms", flush=True)
    for record in data.values():
        record["exponents"] = {kind: exponent(record[kind]) for kind in kinds[:3]}
    about = {
        "command": COMMAND,
        "seed": SEED,
        "d_head": D_HEAD,
        "repeats": repeats,
        "lengths_fitted": LENGTHS[-FITTED:],
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "paramlab": __version__,
        "minutes": round((time.perf_counter() - started) / 60, 1),
        "load_average_at_end": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    OUTPUT.parent.mkdir(exist_ok=True)
    content = {"about": about, "lengths": LENGTHS, "variants": data}
    OUTPUT.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
