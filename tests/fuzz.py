"""Malformed and odd files without end: each is counted or refused in a sentence, soon.

    make fuzz                                              # five minutes, with a new seed
    .venv/bin/python tests/fuzz.py --seed 7 --seconds 60   # the same cases again

It stops at the first case that ends in another way, and prints the seed and the case.
"""

import argparse
import json
import os
import random
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import weight_files as files
from paramlab.compare import compare
from paramlab.drawing import architecture_svg, regions
from paramlab.errors import UnsupportedModel
from paramlab.files.families import everywhere, family, model_types
from paramlab.files.hugging_face import config_from_hf, notes_on
from paramlab.files.source import Counted, CountedTensors, count_any
from paramlab.params import count
from paramlab.reports import cost
from paramlab.worked import worked

LONGEST_SECONDS = 1.0  # of one case, on a busy machine too
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, 2, 3, 7, -1, -5, 64, 4096, 10**5, 10**9, 10**18, 0.0, 0.5, 2.0, -1.5,
    1e9, 1e300, float("inf"), float("nan"), "", "x", "4096", "true", "null", "gelu", "prelu",
    "\x1b[31m", "\u202e", "\ud800", "a\nb", "x" * 10**4, [], [0], [1], [-1], ["x"], [[]],
    ["full_attention"], ["sliding_attention"] * 7, [[["global", "local"], 2]], {}, {"a": 1},
    {"type": "yarn", "factor": 4}, {"rope_type": "linear", "factor": "x"}, [None] * 100,
)  # fmt: skip
WINDOWS = (
    "sliding_window", "max_window_layers", "sliding_window_pattern", "use_sliding_window",
    "window_size", "attention_types", "no_rope_layer_interval", "layer_types", "no_rope_layers",
)  # fmt: skip
ALSO = ("architectures", "auto_map", "quantization_config", "rope_scaling", "text_config", "moe")


def random_fields(rng: random.Random) -> dict[str, Any]:
    """Draw the fields of a config.json of a known kind, some of them odd."""
    kind = rng.choice(model_types())
    row = family(kind)
    names = sorted({*row.names_read, *row.harmless, *row.only, *WINDOWS, *ALSO})
    if rng.random() < 0.2:
        names += sorted(everywhere().harmless)
    chosen = rng.sample(names, min(len(names), rng.randint(1, 4)))
    fields: dict[str, Any] = {"model_type": kind} | {name: rng.choice(ODD) for name in chosen}
    for at in row.reads.values():  # sizes that fit often enough to get further
        if type(at.default) is int and rng.random() < 0.3:
            fields.setdefault(at.names[0], rng.choice((1, 2, 4, 8, 32, 64)))
    return fields


def refused(error: Exception) -> None:
    """Insist on one sentence that is not long."""
    message = str(error)
    assert 10 < len(message) < 3_000, f"no sentence: {message[:200]!r}"


def a_config(rng: random.Random, folder: Path) -> str:
    """Read random fields; draw, cost, explain and annotate what they describe."""
    fields = random_fields(rng)
    try:
        config = config_from_hf(fields)
        notes = notes_on(fields)
    except UnsupportedModel as error:
        refused(error)
        return "config refused"
    found = count(config)
    assert found.total > 0 and sum(found.by_part.values()) == found.total, fields
    assert sum(place.times * place.value for place in worked(config)) == found.total, fields
    assert all(len(note) < 5_000 for note in notes), fields
    drawn = (band for region in regions(config) for band in region.bands if not band.is_tied)
    assert sum(band.numbers for band in drawn) == found.total, fields
    assert architecture_svg("x", config).endswith("</svg>\n"), fields
    try:
        cost(config, rng.choice((1, 100, 10**6)))
    except ValueError as error:
        refused(error)
    return "config counted"


def a_pair(rng: random.Random, folder: Path) -> str:
    """Compare two models, often of the same kind: the steps add up."""
    try:
        fields = random_fields(rng)
        a = config_from_hf(fields)
        if rng.random() < 0.7:
            name = rng.choice([name for at in family(fields["model_type"]).reads.values()
                               for name in at.names])  # fmt: skip
            fields |= {name: rng.choice((1, 2, 64, 100, 128, 4100, True))}
        else:
            fields = random_fields(rng)
        b = config_from_hf(fields)
    except UnsupportedModel:
        return "pair refused"
    steps = compare(a, b)
    assert sum(step.parameters for step in steps) == count(b).total - count(a).total, fields
    return "pair compared"


def _damaged(rng: random.Random, data: bytes) -> bytes:
    data = bytearray(data)
    for _ in range(rng.randint(0, 4)):
        at = rng.randrange(min(len(data), 2_000))
        kind = rng.randrange(5)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at : at + 8] = struct.pack("<Q", rng.choice((0, 1, 2**31, 2**63, 2**64 - 1)))
        elif kind == 2:
            del data[at : at + rng.randint(1, 40)]
        elif kind == 3:
            data[at:at] = data[at : at + rng.randint(1, 40)]
        else:
            del data[rng.randrange(len(data)) :]
        if not data:
            break
    return bytes(data)


def a_file(rng: random.Random, folder: Path) -> str:
    """Damage a file of one of the five kinds, and count it."""
    sound = sorted(folder.glob("sound/*"))
    source = rng.choice(sound)
    path = folder / f"damaged{source.suffix}"
    path.write_bytes(_damaged(rng, source.read_bytes()))
    try:
        found: Counted | CountedTensors = count_any(str(path))
    except (UnsupportedModel, LookupError) as error:
        refused(error)
        return f"{source.suffix} refused"
    assert found.count.total > 0 and found.name.isprintable()
    assert all(note.isprintable() for note in found.notes)
    return f"{source.suffix} counted"


CASES: tuple[Callable[[random.Random, Path], str], ...] = (a_config, a_pair, a_file)


def _write_sound_files(folder: Path) -> None:
    folder.mkdir()
    arrays = files.random_arrays(files.LLAMA_GGUF)
    files.write_gguf(folder / "llama.gguf", "llama", arrays, tuple("abcde"))
    files.write_gguf(folder / "qwen2.gguf", "qwen2", arrays)
    files.write_gguf(folder / "gpt2.gguf", "gpt2", files.random_arrays(files.GPT2_GGUF))
    for name, shapes in (("llama", files.LLAMA_HF), ("gpt2", files.GPT2_HF)):
        files.write_safetensors(folder / f"{name}.safetensors", files.random_arrays(shapes))
    texts = {
        "config": {"model_type": "qwen2", "use_sliding_window": True, "layer_types": None},
        "params": {"dim": 64, "n_layers": 2, "n_heads": 4, "multiple_of": 8, "vocab_size": 99},
    }
    for name, fields in texts.items():
        (folder / f"{name}.json").write_text(json.dumps(fields))


def run(seed: int, seconds: float) -> Counter[str]:
    """Try cases for so many seconds; return how many ended in which way.

    Raises
    ------
    AssertionError
        Naming the seed and the number of the case that ended in another way, or took too long.
    """
    found: Counter[str] = Counter()
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_sound_files(folder / "sound")
        while time.monotonic() < end:
            number = found.total()
            rng = random.Random(f"{seed} {number}")
            case = CASES[number % len(CASES)]
            start = time.process_time()
            try:
                found[case(rng, folder)] += 1
            except Exception as error:
                raise AssertionError(
                    f"seed {seed}, case {number} ({case.__name__}): {type(error).__name__}: "
                    f"{str(error)[:500]}"
                ) from error
            took = time.process_time() - start
            assert took < LONGEST_SECONDS, f"seed {seed}, case {number} took {took:.1f} s"
    return found


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    parser.add_argument("--seconds", type=float, default=300.0)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    for how, n in sorted(run(options.seed, options.seconds).items()):
        print(f"{n:8,}  {how}")


if __name__ == "__main__":
    main()
