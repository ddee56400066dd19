"""What every benchmark is made of: processes that take turns, medians, and a figure with a goal."""

import gzip
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

REPEATS = 11
PYTHON = sys.executable
PARAMLAB = str(Path(sys.executable).with_name("paramlab"))  # the installed command
# The environment that has torch: what PARAMLAB_ORACLE names, or that of `make oracle`.
ORACLE = Path(
    os.environ.get("PARAMLAB_ORACLE", Path(__file__).parents[2] / ".venv-oracle/bin/python")
)
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
SITE = Path(__file__).parents[2] / "_build" / "html"
# Settings that hold OpenBLAS back on some machines, or have every start compile the package anew;
# what is measured runs without them.
_UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True)
class Figure:
    """One measured figure, what it is compared with, and the goal it is held to.

    ``goal`` bounds ``value``, or ``ratio`` if ``judged`` says so; it is the most that is allowed,
    or the least if ``at_least``. A peer without a value is not installed.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    peer: str | None = None
    peer_value: float | None = None
    judged: str = "value"
    at_least: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times the value of the peer."""
        return self.value / self.peer_value if self.peer_value else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None if there is none, or nothing to judge it by."""
        judged = self.ratio if self.judged == "ratio" else self.value
        if self.goal is None or judged is None:
            return None
        return judged >= self.goal if self.at_least else judged <= self.goal

    def record(self) -> dict[str, object]:
        """Return the entry of bench.json."""
        fields = asdict(self) | {"ratio": self.ratio, "met": self.met}
        order = ("name", "value", "unit", "peer", "peer_value", "ratio", "goal", "met")
        return {field: fields[field] for field in order}

    def line(self) -> str:
        """Return the figure as a line of text."""
        text = f"{self.name:28} {self.value:10.4g} {self.unit}"
        if self.peer:
            other = "not installed here" if self.peer_value is None else f"{self.peer_value:.4g}"
            text += f"; {self.peer}: {other}"
        if self.ratio is not None:
            text += f"; ratio {self.ratio:.3g}"
        if self.goal is not None:
            of = " as ratio" if self.judged == "ratio" else ""
            verdict = {True: "met", False: "MISSED", None: "not judged"}[self.met]
            text += f"; goal {'>=' if self.at_least else '<='} {self.goal:g}{of}: {verdict}"
        return text


def alternated(*sides: Callable[[], float], repeats: int = REPEATS) -> list[float]:
    """Run the sides in turn, so that a slow moment of the machine meets all; return medians."""
    for side in sides:
        side()  # once for nothing: the files are in memory from here on
    rounds = [[side() for side in sides] for _ in range(repeats)]
    return [statistics.median(values) for values in zip(*rounds, strict=True)]


def milliseconds(*command: str) -> Callable[[], float]:
    """Return a side: how long a command takes as a process, from start to exit."""

    def side() -> float:
        start = time.perf_counter()
        _run(*command)
        return 1000 * (time.perf_counter() - start)

    return side


def megabytes(*command: str) -> float:
    """Return the most memory that a command took as a process."""
    code = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kibibytes elsewhere
    return float(_run(PYTHON, "-c", code, *command)) * unit / 1e6


def printed(*command: str) -> Callable[[], float]:
    """Return a side: the number that a command prints last, in a process of its own."""
    return lambda: float(_run(*command).split()[-1])


def _run(*command: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in _UNSET}
    run = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return run.stdout


@cache
def _compressed(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), 6)


class _Static(SimpleHTTPRequestHandler):
    """Serve the site as a static host does: texts compressed, connections kept. Say nothing."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        """Send what is known of a file."""
        self._send(has_content=False)

    def do_GET(self) -> None:
        """Send a file."""
        self._send(has_content=True)

    def _send(self, has_content: bool) -> None:
        path = SITE / self.path.split("?")[0].lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        is_text = path.suffix in (".html", ".css", ".js", ".mjs", ".json", ".svg")
        content = _compressed(path) if is_text else path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        if is_text:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", self.date_time_string(int(path.stat().st_mtime)))
        self.end_headers()
        if has_content:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Leave the figures readable."""


@contextmanager
def served() -> Iterator[str]:
    """Serve the built site, and give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Static)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
