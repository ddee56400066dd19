"""Memory that a student needs: run every chapter, watch its kernel, and store the peaks.

    .venv/bin/python tools/chapter_memory.py    # writes book/teaching/memory.json

Private is what a kernel has for itself; the rest of its peak is files, such as the model, that all
kernels on a machine map from the same pages.
"""

import json
import re
import subprocess
import sys
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "book/teaching/memory.json"
EVERY_SECONDS = 0.02


def megabytes(process: int, name: str) -> float:
    """Return an entry of the status of a process, in millions of bytes."""
    text = Path(f"/proc/{process}/status").read_text("utf-8")
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def run(path: Path) -> dict[str, int]:
    """Run a notebook and return the peak of its kernel, and of what only that kernel has."""
    where = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(nbformat.read(path, 4), timeout=600, resources=where)
    peaks, done = {"VmHWM": 0.0, "RssAnon": 0.0}, threading.Event()

    def watch() -> None:
        while not done.wait(EVERY_SECONDS):
            kernel: Any = client.km
            try:
                for name in peaks:
                    peaks[name] = max(peaks[name], megabytes(kernel.provisioner.pid, name))
            except (AttributeError, OSError):
                continue  # it has not started, or has ended

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        client.execute()
    finally:
        done.set()
        watching.join()
    return {"peak_mb": round(peaks["VmHWM"]), "private_mb": round(peaks["RssAnon"])}


def server() -> int:
    """Return the memory of a JupyterLab server without a notebook."""
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--port", "0", "--allow-root"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(15)
        return round(megabytes(process.pid, "VmHWM"))
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Measure and store."""
    chapters = {}
    for path in sorted((ROOT / "book").glob("*/[0-9][0-9]-*.ipynb"), key=lambda path: path.name):
        chapters[str(int(path.name[:2]))] = run(path)
        print(path.name, chapters[str(int(path.name[:2]))], flush=True)
    found = {"date": str(date.today()), "jupyterlab_mb": server(), "chapters": chapters}
    TARGET.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
