"""Where the time of one token goes, and whether anything in it depends on how hard the text is.

Chapter 10 loads what this script writes: ``data/answer_speed.json``. Run it from the root of the
repository, on one thread; it takes some minutes, most of them for counting and beam search::

    OPENBLAS_NUM_THREADS=1 python book/experiments/answer_speed.py

Times are those of the processor (``time.process_time``), which leave out what other programs take
of it, though not what they take of the memory's bandwidth: so everything that is compared takes
turns, and is compared within a turn. The model is SmolLM2-135M-Instruct in float32.

1. *Is anything searched?* 200 windows of 32 tokens from the documentation that comes with
   Python. Counted: the multiply-adds of reading each, by instrumented arrays. Timed: one more
   step after each, over 3 rounds in shuffled orders; the median of a window is its time. Control:
   the same windows against the entropy of the next token, whose range is printed. If hard tokens
   took longer, counts would differ and the slope of time over entropy be above 0. Unit of
   resampling: windows. One slope is looked at.
2. *Is reading the weights what takes time?* Three models with the same operations and calls: the
   real one; one whose 30 blocks are one block's arrays (14 MB, which a cache can hold); and the
   control, 30 copies of that block, each with memory of its own. 16 tokens each, 14 rounds in
   changing order, the first left out. If memory were not the limit, one block would be as slow as
   30. Unit: rounds; ratios are paired within a round. Two ratios are looked at.
3. *One pass over n tokens*, 6 rounds in changing order, the first left out.
4. *What looking ahead costs and buys*: 24 starts of 16 tokens, continued by 16 tokens with beam
   search of width 1, 2 and 4. Counted: model steps. Measured: the log-probability of what is
   written, which is what the search maximizes, compared with width 1 on the same start. If looking
   ahead bought nothing, the difference would be 0. Unit: starts. It does not say that the text is
   better.
"""

import json
import os
import platform
import time
from pathlib import Path

import numpy as np
from paramlab import __version__, load_model
from paramlab.attention import KVCache
from paramlab.corpus import standard_text
from paramlab.joined import join, separate
from paramlab.layers import softmax
from paramlab.measured import measure
from paramlab.transformer import forward
from paramlab.tree import flatten, nest
from recording import short

OUTPUT = Path(__file__).parent / "data" / "answer_speed.json"
COMMAND = "OPENBLAS_NUM_THREADS=1 python book/experiments/answer_speed.py"
SEED, N_WINDOWS, N_READ, ROUNDS = 0, 200, 32, 3
SHARED_ROUNDS, SHARED_TOKENS = 14, 16
PASSES, PASS_ROUNDS = (1, 2, 4, 8, 16, 32, 64, 256), 6
WIDTHS, N_STARTS, N_START, N_NEW = (1, 2, 4), 24, 16, 16


def spent(action):
    """Return the processor's seconds of an action."""
    start = time.process_time()
    action()
    return time.process_time() - start


def windows(tokenizer, n, length, rng):
    """Draw texts of so many tokens from places all over the corpus."""
    text = standard_text().text
    found = []
    while len(found) < n:
        start = int(rng.integers(len(text) - 400))
        tokens = tokenizer.encode(text[start : start + 400])
        if len(tokens) > length:
            found.append(tokens[1 : 1 + length])
    return found


def interval(values, rng, statistic=np.median):
    """Return a statistic, and the middle 95% of it over resampled units."""
    values = np.asarray(values)
    drawn = [statistic(values[rng.integers(len(values), size=len(values))]) for _ in range(2000)]
    return [float(statistic(values)), *(float(q) for q in np.quantile(drawn, (0.025, 0.975)))]


def slope(pairs):
    """Return the slope of the second column over the first."""
    return np.polyfit(pairs[:, 0], pairs[:, 1], 1)[0]


def easy_and_hard(model, rng):
    """Count and time reading easy and hard windows."""
    params, config, tokenizer = model
    texts = windows(tokenizer, N_WINDOWS, N_READ, rng)
    counts, entropies, caches, last = [], [], [], []
    for tokens in texts:
        run = measure(forward, params, config, tokens, last_only=True)
        counts.append(run.multiply_adds)
        cache = KVCache(config, N_READ + 1)
        p = softmax(forward(params, config, tokens, last_only=True, cache=cache).astype(float))
        entropies.append(float(-(p * np.log(p)).sum()))
        caches.append(cache)
        last.append([int(p.argmax())])
    times = np.zeros((ROUNDS, N_WINDOWS))
    for row in times:
        for i in rng.permutation(N_WINDOWS):
            caches[i].n_tokens = N_READ
            row[i] = 1000 * spent(
                lambda i=i: forward(params, config, last[i], last_only=True, cache=caches[i])
            )
    ms = np.median(times, axis=0)
    pairs = np.column_stack([entropies, ms])
    return {
        "multiply_adds": sorted(set(counts)),
        "entropies": entropies,
        "ms": ms.tolist(),
        "slope_ms_per_nat": interval(pairs, rng, slope),
        "median_ms": float(np.median(ms)),
    }


def three_models(params, config):
    """Return the real arrays, 30 copies of block 0, and block 0 used 30 times."""
    blocks = params["blocks"]

    def copied():  # weights that lie side by side stay so: the same number of products
        flat = {name: array.copy() for name, array in join(flatten({"blocks": blocks[:1]})).items()}
        return nest(separate(flat, config))["blocks"][0]

    return {
        "real": params,
        "copies": {**params, "blocks": [copied() for _ in blocks]},
        "shared": {**params, "blocks": [blocks[0]] * len(blocks)},
    }


def in_turn(actions, rounds, rng):
    """Time actions in changing order; return milliseconds by name, the first round left out."""
    times = {name: [] for name in actions}
    for _ in range(rounds):
        for name in rng.permutation(list(actions)):
            times[name].append(1000 * spent(actions[name]))
    return {name: row[1:] for name, row in times.items()}


def shared_weights(model, rng):
    """Time the real model, 30 copies of a block, and one block used 30 times."""
    params, config, _ = model

    def steps(arrays):
        cache = KVCache(config, SHARED_TOKENS + 1)
        for token in range(100, 100 + SHARED_TOKENS):
            forward(arrays, config, [token], last_only=True, cache=cache)

    models = three_models(params, config)
    actions = {name: (lambda arrays=arrays: steps(arrays)) for name, arrays in models.items()}
    times = {
        name: [ms / SHARED_TOKENS for ms in row]
        for name, row in in_turn(actions, SHARED_ROUNDS, rng).items()
    }
    table = np.ones((config.vocab_size, config.d_model), np.float32).T  # as the model's head
    x = np.ones(config.d_model, np.float32)
    ratios = {
        f"{a}/{b}": interval(np.divide(times[a], times[b]), rng)
        for a, b in (("shared", "copies"), ("copies", "real"))
    }
    return {
        "ms": times,
        "median_ms": {name: float(np.median(row)) for name, row in times.items()},
        "ratios": ratios,
        "table_ms": float(np.median([1000 * spent(lambda: x @ table) for _ in range(20)])),
        "shared_bytes": sum(a.nbytes for a in flatten({"b": params["blocks"][0]}).values()),
    }


def passes(model, rng):
    """Time one pass over n tokens."""
    params, config, _ = model
    actions = {
        str(n): (lambda n=n: forward(params, config, [100] * n, last_only=True)) for n in PASSES
    }
    times = in_turn(actions, PASS_ROUNDS, rng)
    return {name: float(np.median(row)) for name, row in times.items()}


def beam(model, start, width):
    """Continue a text by beam search; return its log-probability, steps and tokens."""
    params, config, _ = model

    def scores(tokens, cache):
        logits = forward(params, config, tokens, last_only=True, cache=cache).astype(float)
        return np.log(softmax(logits))

    cache = KVCache(config, len(start) + N_NEW)
    beams = [(0.0, [], cache, scores(start, cache))]
    steps = 1
    for i in range(N_NEW):
        candidates = []
        for b, (total, _, _, logs) in enumerate(beams):
            for token in np.argpartition(-logs, width)[:width]:
                candidates.append((total + logs[token], b, int(token)))
        best = sorted(candidates, reverse=True)[:width]
        if i == N_NEW - 1:
            total, b, token = best[0]
            return total, steps, beams[b][1] + [token]
        grown = []
        for total, b, token in best:
            old = beams[b][2]
            new = KVCache(config, old.capacity_tokens)
            new.keys[:], new.values[:], new.n_tokens = old.keys, old.values, old.n_tokens
            grown.append((total, beams[b][1] + [token], new, scores([token], new)))
            steps += 1
        beams = grown
    raise AssertionError("the loop returns")


def looking_ahead(model, rng):
    """Compare beam widths on the same starts."""
    starts = windows(model[2], N_STARTS, N_START, rng)
    found = {width: [beam(model, start, width) for start in starts] for width in WIDTHS}
    one = np.array([total for total, _, _ in found[1]])
    result = {}
    for width, rows in found.items():
        gain = np.array([total for total, _, _ in rows]) - one
        result[str(width)] = {
            "steps": sum(steps for _, steps, _ in rows),
            "gain_nats": interval(gain, rng, np.mean),
            "better": int((gain > 1e-3).sum()),
            "worse": int((gain < -1e-3).sum()),
        }
    return result


def main():
    """Measure everything and write it."""
    started = time.perf_counter()
    model, rng = load_model(), np.random.default_rng(SEED)
    data = {}
    for part in (shared_weights, passes, easy_and_hard, looking_ahead):
        data[part.__name__] = part(model, rng)
        print(part.__name__, f"{time.perf_counter() - started:.0f} s", flush=True)
    data["about"] = {
        "command": COMMAND,
        "seed": SEED,
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "paramlab": __version__,
        "n_starts": N_STARTS,
        "load_average_at_end": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "minutes": round((time.perf_counter() - started) / 60, 1),
    }
    OUTPUT.write_text(json.dumps(short(data), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
