"""Is a model faster if its weights have fewer bits? Products with and without a kernel for them.

Chapter 14 loads what this script writes: ``data/packed_speed.json``. It needs torch; on one thread,
a minute. From the root of the repository::

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python book/experiments/packed_speed.py

Written before the run:

- *Question.* For one token, one vector meets each matrix of the blocks of SmolLM2-135M once: 120
  products. Do they take less time if the matrices are kept with 8 or 4 bits? (Shapes are that
  model's; the numbers are random, for no product's time depends on them.)
- *Ways.* NumPy has no product of 8-bit numbers and floats that is faster than converting: there,
  codes in groups of 32 (as Q8_0 and Q4_0) are expanded to float32 for each product, into an array
  that is used again. Torch has products that read what is kept: 16 bits (bfloat16), 8 bits through
  ``quantize_dynamic`` (a grid for each matrix, the vector rounded too), and 4 bits in groups of 32
  through ``_weight_int4pack_mm_for_cpu``, a private function, with a vector of bfloat16 or float32.
- *Control.* Float32 in the same library, the same shapes, in the same round.
- *Foretold.* If fetching the weights from memory were all, times would be in proportion to the
  bytes read; the share is printed beside each way. The bandwidth is the highest measured in the
  same process.
- *Unit.* A round in which every way takes its turn, in changing order: 30, the first left out;
  ratios are paired within a round, 95% intervals by resampling rounds. Six ratios are looked at.
- *Opposite.* The expanded codes are faster than float32, or no packed product is.
- *Trials* of a few rounds had shown the order of most of these times.

Times are the processor's, as in ``answer_speed.py``. What it cannot show: other machines, several
threads or several tokens at once, and other kernels; nor what the rounding does to the answers.
"""

import json
import platform
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from answer_speed import in_turn, interval
from paramlab import catalog, hardware
from paramlab.joined import join
from paramlab.params import shapes
from paramlab.quantize import quantize
from recording import about, short

DATA = Path(__file__).parent / "data" / "packed_speed.json"
COMMAND = "OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python book/experiments/packed_speed.py"
GROUP, ROUNDS, SEED = 32, 31, 0
TORCH_WAYS = (  # name, bits, numbers of the vector
    ("32", 32, torch.float32),
    ("16", 16, torch.bfloat16),
    ("8", 8, torch.float32),
    ("4", 4, torch.bfloat16),
    ("4, float32", 4, torch.float32),
)


def matrices(rng: np.random.Generator) -> list[np.ndarray]:
    """Return matrices like those of all blocks (inputs, outputs); with one input, side by side."""
    sizes = {a.name: a.shape for a in shapes(catalog.find("smollm2-135m").config)}
    flat = {
        name: rng.standard_normal(size, np.float32)
        for name, size in sizes.items()
        if name.startswith("blocks.") and len(size) == 2
    }
    return list(join(flat).values())


class InNumPy:
    """A matrix in NumPy, kept with 32, 8 or 4 bits, and expanded when a vector meets it."""

    def __init__(self, weights: np.ndarray, bits: int, room: np.ndarray):
        self.bits, self.shape = bits, weights.shape
        self.kept: tuple[np.ndarray, ...] = (weights,)
        if bits < 32:
            small = quantize(weights, bits, GROUP)
            codes = small.codes.astype(np.int8)
            if bits == 4:  # two codes to a byte: the halves of a group
                whole = (codes + 8).astype(np.uint8)
                codes = whole[:, : GROUP // 2] | whole[:, GROUP // 2 :] << 4
            self.kept = codes, small.steps
            self.room = room[: weights.size].reshape(-1, GROUP)

    def times(self, x: np.ndarray) -> np.ndarray:
        """Return the product of a vector (1, inputs) with the matrix."""
        if self.bits == 32:
            return x @ self.kept[0]
        codes, steps = self.kept
        steps = steps.astype(np.float32)
        if self.bits == 8:
            np.multiply(codes, steps, out=self.room)
        else:
            low, high = self.room[:, : GROUP // 2], self.room[:, GROUP // 2 :]
            np.multiply((codes & 15).view(np.int8) - np.int8(8), steps, out=low)
            np.multiply((codes >> 4).view(np.int8) - np.int8(8), steps, out=high)
        d_in, d_out = self.shape
        return x @ self.room.reshape(d_out, d_in).T

    @property
    def n_bytes(self) -> int:
        """What is read for a product."""
        return sum(array.nbytes for array in self.kept)


class InTorch:
    """A matrix in torch, kept with 32, 16, 8 or 4 bits, whose product reads it as it is kept."""

    def __init__(self, weights: np.ndarray, bits: int, dtype: torch.dtype):
        d_in, d_out = weights.shape
        linear = torch.nn.Linear(d_in, d_out, bias=False).eval()
        linear.weight.data = torch.from_numpy(np.ascontiguousarray(weights.T))
        self.times, self.n_bytes = linear, 4 * weights.size
        if bits == 16:
            self.times, self.n_bytes = linear.to(dtype), 2 * weights.size
        if bits == 8:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that this way to quantize is an old one
                whole = torch.nn.Sequential(linear)
                self.times = torch.ao.quantization.quantize_dynamic(whole, dtype=torch.qint8)[0]
            self.n_bytes = weights.size
        if bits == 4:
            small = quantize(weights, bits, GROUP)
            codes = torch.from_numpy((small.codes + 8).astype(np.int32).reshape(d_out, d_in))
            packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 2)
            steps = torch.from_numpy(small.steps.astype(np.float32).reshape(d_out, -1).T.copy())
            grids = torch.stack([steps, torch.zeros_like(steps)], dim=-1).to(dtype)
            self.times = lambda x: torch.ops.aten._weight_int4pack_mm_for_cpu(
                x, packed, GROUP, grids
            )
            self.n_bytes = packed.nbytes + grids.nbytes


def main() -> None:
    """Keep all matrices in each way, let vectors meet them, and write what it took."""
    torch.set_num_threads(1)
    began, rng = time.process_time(), np.random.default_rng(SEED)
    found = matrices(rng)
    room = np.empty(max(w.size for w in found), np.float32)
    vectors = [rng.standard_normal((1, len(w))).astype(np.float32) for w in found]
    ways: dict[str, tuple[list, list]] = {}  # what is kept, and the vectors that meet it
    for bits in (32, 8, 4):
        ways[f"NumPy, {bits}"] = [InNumPy(w, bits, room) for w in found], vectors
    for name, bits, dtype in TORCH_WAYS:
        given = [torch.from_numpy(v).to(dtype) for v in vectors]
        ways[f"torch, {name}"] = [InTorch(w, bits, dtype) for w in found], given

    def token(name: str) -> list:
        with torch.inference_mode():
            return [matrix.times(x) for matrix, x in zip(*ways[name], strict=True)]

    exact = token("NumPy, 32")
    machine = hardware.measure_machine(3.0)
    times = in_turn({name: (lambda name=name: token(name)) for name in ways}, ROUNDS, rng)
    rows = {}
    for name, (each, _) in ways.items():
        made = [torch.as_tensor(y).float().numpy() for y in token(name)]
        error = sum(np.square(y - e).sum() for y, e in zip(made, exact, strict=True))
        n_bytes = sum(matrix.n_bytes for matrix in each)
        whole = times[f"{name.split(',')[0]}, 32"]
        rows[name] = {
            "bytes": n_bytes,
            "median_ms": float(np.median(times[name])),
            "least_ms": 1000 * n_bytes / machine.bandwidth_bytes_per_s,
            "ratio": interval(np.divide(times[name], whole), rng),
            "error": float(np.sqrt(error / sum(np.square(e).sum() for e in exact))),
        }
    record = {
        **about(COMMAND, began),
        "processor": processor(),
        "torch": torch.__version__,
        "seed": SEED,
        "rounds": ROUNDS - 1,
        "n_products": len(found),
        "n_weights": sum(w.size for w in found),
        "bandwidth_bytes_per_s": machine.bandwidth_bytes_per_s,
        "ways": rows,
    }
    DATA.write_text(json.dumps(short(record), indent=1) + "\n", encoding="utf-8")
    print(DATA.read_text("utf-8"))


def processor() -> str:
    """Return what the processor calls itself, and which products of small numbers it has."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    fields = dict(line.replace("\t", "").split(": ", 1) for line in lines if ": " in line)
    has = [flag for flag in fields.get("flags", "").split() if "vnni" in flag or "amx" in flag]
    return ", ".join([fields.get("model name", platform.machine()), *has])


if __name__ == "__main__":
    main()
