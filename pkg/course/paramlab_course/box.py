"""The box in which students' code runs, and the trusted end of the pipes to it.

The box is made by bubblewrap: no network, no file of the machine but Python and its libraries, all
read-only, no other process, an empty 64 MB folder for scratch, and limits on memory, processes and
time. It holds no tests. As root, the code runs as a user id of its own for each slot, and, where
control groups can be made, in one that bounds the memory and the processes of all of it together.
"""

import json
import os
import secrets
import select
import shutil
import site
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import paramlab
from paramlab.sealed import NotPlain, plain

WORKER = Path(__file__).with_name("worker.py")
FIRST_UID = 61_000  # as root: the user of slot 0
MOST_BYTES = 1 << 30  # of memory, for one process, and for all of a box where there are cgroups
MOST_PROCESSES = 16
LONGEST_REPLY = 2_000_000  # bytes
MOST_REPLIES = 20_000_000  # bytes from one box
CELL_SECONDS = 2.0
START_SECONDS = 10.0  # until the first cell; some 0.1 where nothing else runs
GRACE = 0.3  # seconds that a call may take to notice its own time limit

APPARMOR = """\
abi <abi/4.0>,
include <tunables/global>
profile bwrap /usr/bin/bwrap flags=(unconfined) {
  userns,
}"""
NO_USERNS = f"""\
Ubuntu 24.04 and later forbid this to programs without an AppArmor profile. As root, write

{APPARMOR}

to /etc/apparmor.d/bwrap, and run: apparmor_parser -r /etc/apparmor.d/bwrap"""


class NoSandbox(RuntimeError):
    """Untrusted code cannot be run safely on this machine."""


class BoxError(Exception):
    """The box ended, or said something that cannot be understood."""


class BoxFailed(RuntimeError):
    """The box did not start, which is no fault of the code in it."""


class BoxTimeout(BoxError):
    """The box did not answer in time."""


@dataclass
class Limits:
    """What one submission may use."""

    seconds: float = 15.0  # of the wall clock, in all
    slot: int = 0
    trusted: bool = False  # run without a box

    def order(self) -> dict[str, Any]:
        """Return what the worker sets for itself."""
        processes = MOST_PROCESSES if _cgroup_roots() else 4
        rlimits = {
            "AS": MOST_BYTES, "CPU": int(self.seconds) + 2, "FSIZE": 16 << 20, "NOFILE": 64,
            "NPROC": processes, "CORE": 0,
        }  # fmt: skip
        if self.trusted:
            del rlimits["NPROC"]  # it would count the other processes of this user
        return {"uid": FIRST_UID + self.slot, "rlimits": {} if self.trusted else rlimits}


@dataclass
class Session:
    """One run of one submission's cells, and then any number of calls."""

    process: subprocess.Popen[bytes]
    deadline: float
    problems: dict[int, dict[str, Any]] = field(default_factory=dict)  # by cell
    running: int = -1  # the cell that was begun last
    ready: bool = False
    _buffer: bytes = b""
    _received: int = 0

    def start(self, order: dict[str, Any]) -> None:
        """Run the cells."""
        self._send(order)
        n_cells = len(order["cells"])
        until = time.monotonic() + START_SECONDS  # to begin with; then each cell has its own time
        while not self.ready:
            message = self._receive(until)
            number = message.get("running", message.get("cell", -1))
            if type(number) is int and 0 <= number < n_cells:
                self.running = number
                until = time.monotonic() + order["seconds"] + GRACE
                if "cell" in message:
                    self.problems[number] = message
            self.ready = message.get("ready") is True

    def call(self, name: str, arguments: list[Any] | None, seconds: float) -> dict[str, Any]:
        """Ask for a value, or call a function; return ``value``, ``error`` or ``slow``."""
        nonce = secrets.token_hex(8)
        request: dict[str, Any] = {"id": nonce, "name": name, "seconds": seconds}
        if arguments is not None:
            request["arguments"] = arguments
        self._send(request)
        message = self._receive(time.monotonic() + seconds + GRACE)
        if message.get("id") != nonce:
            raise BoxError("an answer that nobody asked for")
        return message

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            raise BoxError("the code ended its process") from None

    def _receive(self, until: float) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            if len(self._buffer) > LONGEST_REPLY or self._received > MOST_REPLIES:
                raise BoxError("a flood of output")
            self._read(min(until, self.deadline))
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            message = plain(json.loads(line), depth=-1)  # its value may be as deep as the worker's
        except (ValueError, RecursionError, NotPlain):
            raise BoxError("an answer that cannot be read") from None
        if type(message) is not dict:
            raise BoxError("an answer of another form")
        return message

    def _read(self, until: float) -> None:
        assert self.process.stdout
        number = self.process.stdout.fileno()
        left = until - time.monotonic()
        if left <= 0 or not select.select([number], [], [], left)[0]:
            raise BoxTimeout("no answer in time")
        piece = os.read(number, 1 << 16)
        if not piece:
            raise BoxError("the code ended its process")
        self._buffer += piece
        self._received += len(piece)


@contextmanager
def opened(limits: Limits, deadline: float) -> Iterator[Session]:
    """Start a box and end all that runs in it."""
    with _cgroup(limits) as entry:
        process = subprocess.Popen(
            [*entry, *command(limits)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True, close_fds=True,
            env={"PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        try:
            yield Session(process, deadline)
        finally:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                try:
                    assert pipe
                    pipe.close()
                except OSError:
                    pass
            process.wait()


def command(limits: Limits) -> list[str]:
    """Return the command that starts the worker: in a box, unless the code is trusted."""
    python = [sys.executable, "-I", "-S", "-B", str(WORKER)]
    if limits.trusted:
        return python
    program = shutil.which("bwrap")
    if not program:
        raise NoSandbox("bubblewrap is not installed (Debian, Ubuntu: apt-get install bubblewrap)")
    inside = [_base_python(), "-I", "-S", "-B", "/box/worker.py"]
    return [program, *_namespaces(program), *_files(), "--", *inside]


def _base_python() -> str:
    """Return the interpreter itself, which a virtual environment only links to."""
    return os.path.realpath(sys.executable)


@cache
def _namespaces(program: str) -> tuple[str, ...]:
    always = (
        "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
        "--die-with-parent", "--new-session", "--hostname", "box", "--cap-drop", "ALL",
    )  # fmt: skip
    if os.getuid() == 0:  # the worker becomes another user, and with that loses these two
        return (*always, "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")
    own = ("--unshare-user", "--uid", "65534", "--gid", "65534")
    known = subprocess.run([program, "--help"], capture_output=True, text=True).stdout
    return (*always, *own, *(("--disable-userns",) if "--disable-userns" in known else ()))


@cache
def _files() -> tuple[str, ...]:
    """Return what can be seen in the box: Python, its libraries, the package, the worker."""
    links = [
        part
        for name in ("bin", "lib", "lib64", "lib32", "sbin")
        if (path := Path("/", name)).exists()
        for part in (
            ("--symlink", f"usr/{name}", str(path))
            if path.is_symlink()
            else ("--ro-bind", str(path), str(path))
        )
    ]
    shown = ["--ro-bind", "/usr", "/usr", *links]
    # Before what may lie below it: a checkout in /tmp.
    shown += ["--perms", "1777", "--size", str(64 << 20), "--tmpfs", "/tmp"]
    folders = [
        Path(folder)
        for folder in (sys.base_prefix, *libraries())
        if not Path(folder).is_relative_to("/usr")
    ]
    parents = {parent for folder in (*folders, Path("/box/x")) for parent in folder.parents}
    for parent in sorted(
        parents - {Path("/"), Path("/tmp")}
    ):  # by default only root could pass through them
        shown += ["--perms", "0755", "--dir", str(parent)]
    for folder in folders:
        shown += ["--ro-bind", str(folder), str(folder)]
    package = Path(paramlab.__file__).parent
    return (
        *shown, "--proc", "/proc", "--dev", "/dev",
        "--ro-bind", str(package), "/box/paramlab", "--ro-bind", str(WORKER), "/box/worker.py",
        "--remount-ro", "/dev", "--remount-ro", "/",  # else files there take memory without a limit
        "--chdir", "/tmp", "--clearenv", "--setenv", "HOME", "/tmp", "--setenv", "PATH", "/usr/bin",
        "--setenv", "OPENBLAS_NUM_THREADS", "1", "--setenv", "OMP_NUM_THREADS", "1",
        "--setenv", "MPLBACKEND", "Agg", "--setenv", "LANG", "C.UTF-8",
    )  # fmt: skip


@cache
def libraries() -> tuple[str, ...]:
    """Return the folders of installed libraries, such as NumPy's."""
    named = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages())
    return tuple(dict.fromkeys(path for path in named if Path(path).is_dir()))


def search_path(limits: Limits) -> list[str]:
    """Return where the worker finds ``paramlab`` and the libraries."""
    package = str(Path(paramlab.__file__).parents[1]) if limits.trusted else "/box"
    return [package, *libraries()]


@cache
def _cgroup_roots() -> tuple[Path, ...]:
    """Return where this process may make control groups for memory and processes."""
    base = Path("/sys/fs/cgroup")
    if os.getuid() != 0:
        return ()
    if (base / "memory").is_dir() and (base / "pids").is_dir():  # version 1
        roots: tuple[Path, ...] = (base / "memory", base / "pids")
    else:
        enabled = base / "cgroup.subtree_control"
        if not enabled.exists() or not {"memory", "pids"} <= set(enabled.read_text().split()):
            return ()
        roots = (base,)
    try:
        for root in roots:
            trial = root / f"paramlab-{os.getpid()}-trial"
            trial.mkdir()
            trial.rmdir()
    except OSError:
        return ()
    return roots


@contextmanager
def _cgroup(limits: Limits) -> Iterator[list[str]]:
    """Make the control groups of a slot; yield the beginning of a command that runs in them."""
    folders = [root / f"paramlab-{os.getpid()}-{limits.slot}" for root in _cgroup_roots()]
    if limits.trusted or not folders:
        yield []
        return
    bounds = {
        "memory.limit_in_bytes": MOST_BYTES, "memory.max": MOST_BYTES, "memory.swap.max": 0,
        "pids.max": MOST_PROCESSES + 8,
    }  # fmt: skip
    for folder in folders:
        folder.mkdir(exist_ok=True)
        for name, most in bounds.items():
            if (folder / name).exists():
                (folder / name).write_text(str(most))
    joins = " && ".join(f"echo 0 >{folder}/cgroup.procs" for folder in folders)
    try:
        yield ["/bin/sh", "-c", f'{joins} && exec "$@"', "sh"]
    finally:
        for folder in folders:
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a control group once the last process in it has ended."""
    for _ in range(100):
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.01)


@cache
def check_sandbox() -> None:
    """Try the box once.

    Raises
    ------
    NoSandbox
        When untrusted code cannot be run safely here; says the usual cause.
    """
    if not sys.platform.startswith("linux"):
        raise NoSandbox(
            f"grading needs Linux; this is {sys.platform}. Use a virtual machine or a server"
        )
    limits = Limits()
    started = command(limits)
    tried = subprocess.run(
        [*started[: started.index("--")], "--", "/usr/bin/true"], capture_output=True, text=True
    )
    if tried.returncode:
        message = (tried.stderr.strip() or f"status {tried.returncode}").splitlines()[0]
        raise NoSandbox(f"bubblewrap cannot make its box ({message}).\n{NO_USERNS}")
