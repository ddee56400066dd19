"""A Firefox that opens pages and runs scripts in them, driven by its own Marionette protocol."""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

# Nothing leaves the machine: what is not on it goes to a proxy that does not exist.
SETTINGS = {
    "network.proxy.type": 1, "network.proxy.http": "127.0.0.1", "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1", "network.proxy.ssl_port": 9,
    "network.proxy.allow_hijacking_localhost": False,
}  # fmt: skip


def program() -> str | None:
    """Return where Firefox is, if it is anywhere."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Firefox:
    """A window of a new profile, which lies in an empty folder; ``with`` closes it."""

    def __init__(self, folder: Path, seconds: float) -> None:
        port = free_port()
        settings = SETTINGS | {"marionette.port": port}
        lines = (f'user_pref("{name}", {json.dumps(to)});' for name, to in settings.items())
        (folder / "user.js").write_text("\n".join(lines))
        command = [program(), "--headless", "--marionette", "--profile", str(folder)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, **quiet)
        until = time.monotonic() + seconds
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
                break
            except OSError:
                if time.monotonic() > until:
                    self.process.kill()
                    raise
                time.sleep(0.2)
        self.answers = self.socket.makefile("rb")
        self._answer()  # its greeting
        self._ask("WebDriver:NewSession")
        self._ask("WebDriver:SetTimeouts", script=1000 * seconds, pageLoad=1000 * seconds)

    def open(self, address: str) -> None:
        """Go to a page."""
        self._ask("WebDriver:Navigate", url=address)

    def run(self, script: str) -> Any:
        """Run the body of an asynchronous function in the page; return what it returns."""
        body = f"const done = arguments[0]; (async () => {{ {script} }})().then(done)"
        return self._ask("WebDriver:ExecuteAsyncScript", script=body, args=[])["value"]

    def __enter__(self) -> "Firefox":
        """Return the window."""
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        """Close Firefox."""
        self.process.terminate()
        self.process.wait()
        self.answers.close()
        self.socket.close()

    def _ask(self, command: str, **arguments: object) -> Any:
        message = json.dumps([0, 1, command, arguments]).encode()
        self.socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._answer()
        assert error is None, error
        return result

    def _answer(self) -> Any:
        length = b""
        while (digit := self.answers.read(1)) != b":":
            assert digit, "Firefox has ended"
            length += digit
        return json.loads(self.answers.read(int(length)))
