"""Predictions against the clock: how long the real model reads and writes, and its cache's bytes.

Each of ten processes measures the machine, predicts, and then runs the model: the constants come
from arrays that have nothing to do with it. A prediction is met within a quarter of the measured
time.
"""

import statistics
from collections.abc import Iterator

from harness import PYTHON, Figure, printed

RUNS, WITHIN, LEAST = 10, 0.25, 9
N_BEFORE, N_NEW, N_READ = 100, 40, 512  # tokens

SIDE = f"""
import statistics, time
from paramlab import generate, load_model
from paramlab.hardware import measure_machine
from paramlab.latency import forecast

model = load_model()
config, text = model.config, [100] * {N_READ}
list(generate(text, model, n_tokens=1))  # pages and caches are in use from here on
machine = measure_machine()
"""
WRITE = f"""{SIDE}
predicted = forecast(config, machine, 1, {N_BEFORE + N_NEW // 2}).seconds
tokens, times = generate([100] * {N_BEFORE}, model, n_tokens=1 + {N_NEW}), []
next(tokens)
for _ in range({N_NEW}):
    start = time.perf_counter()
    next(tokens)
    times.append(time.perf_counter() - start)
print(predicted / statistics.median(times))
"""
READ = f"""{SIDE}
predicted, times = forecast(config, machine, {N_READ}).seconds, []
for _ in range(3):
    start = time.perf_counter()
    list(generate(text, model, n_tokens=1))
    times.append(time.perf_counter() - start)
print(predicted / statistics.median(times))
"""


def measure() -> Iterator[Figure]:
    """Yield how many of ten predictions were met, and by how many bytes the cache differs."""
    sides = {"decode": printed(PYTHON, "-c", WRITE), "prefill": printed(PYTHON, "-c", READ)}
    ratios: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(RUNS):  # in turn
        for name, side in sides.items():
            ratios[name].append(side())
    for name, found in ratios.items():
        met = sum(abs(ratio - 1) <= WITHIN for ratio in found)
        usual = statistics.median(found)
        unit = f"of {RUNS} within 25% (median prediction / measured {usual:.2f})"
        yield Figure(f"{name}_predicted", met, unit, goal=LEAST, at_least=True)
    yield Figure("kv_cache_predicted", _bytes_apart(), "bytes from the array's", goal=0)


def _bytes_apart() -> int:
    """Return how far the formula is from the arrays of a cache, at most, over several lengths."""
    from paramlab import load_model
    from paramlab.attention import KVCache
    from paramlab.costs import kv_cache_bytes

    config = load_model().config
    lengths = (1, 100, 2048, config.n_ctx)
    return max(abs(kv_cache_bytes(config, n, "fp32") - KVCache(config, n).n_bytes) for n in lengths)
