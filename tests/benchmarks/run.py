"""Run the benchmarks beside this file, or those named, and write bench.json.

    python tests/benchmarks/run.py [MODULE ...]

A benchmark is a module with a function ``measure`` that yields figures (see harness.py). The
machine should be otherwise idle.
"""

import importlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
OUTPUT = HERE.parents[1] / "bench.json"
NO_BENCHMARKS = {"run", "harness"}


def main(chosen: list[str]) -> int:
    """Run the chosen modules, or all of them."""
    modules = sorted({path.stem for path in HERE.glob("*.py")} - NO_BENCHMARKS)
    if unknown := set(chosen) - set(modules):
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(modules)}")
        return 2
    records = []
    for module in chosen or modules:
        for figure in importlib.import_module(module).measure():
            print(figure.line(), flush=True)
            records.append(figure.record())
    OUTPUT.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
