"""Where the built site is, a browser that visits it, and what to do without them."""

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"
SIZES = {"desktop": {"width": 1350, "height": 940}, "phone": {"width": 390, "height": 844}}
sys.path[:0] = [str(ROOT / "book" / "_ext"), str(Path(__file__).parent)]

from checks import sub_path  # noqa: E402  (found through the line above)


def skip_or_fail(reason: str) -> None:
    """Leave a test out on a machine that lacks something; on the test server, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def site() -> Path:
    """Return the folder of the built site."""
    if not (SITE / "index.html").exists():
        skip_or_fail("the site is not built: make book")
    return SITE


class Quiet(SimpleHTTPRequestHandler):
    """Serve the site at its path, with a page for wrong addresses, and say nothing."""

    def translate_path(self, path: str) -> str:
        """Leave out the path at which the site stands."""
        return super().translate_path("/" + path.removeprefix(sub_path(Path(self.directory))))

    def send_error(self, code: int, *args: object) -> None:
        """Show the site's own page instead of the server's."""
        self.send_response(code)
        self.end_headers()
        self.wfile.write(Path(self.directory, "404.html").read_bytes())

    def log_message(self, format: str, *args: object) -> None:
        """Leave the test report readable."""


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """Return the address under which the site is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}{sub_path(site).removesuffix('/')}"
    server.shutdown()


@pytest.fixture(scope="session")
def program() -> str:
    """Return where Chromium is."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
    if not Path(found).exists():
        skip_or_fail(f"no browser at {found}; CHROMIUM can name another")
    return found


@pytest.fixture(scope="session")
def browser(program: str) -> Iterator[Browser]:
    """Return a browser."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"],
        )
        yield started
        started.close()


class Visit:
    """A browser window that notes what goes wrong and lets nothing leave the machine."""

    def __init__(self, browser: Browser, address: str, device: str = "desktop", **options: object):
        self.address, self.faults = address, []
        self.context: BrowserContext = browser.new_context(
            viewport=SIZES[device], is_mobile=device == "phone", **options
        )
        self.context.route("**/*", self._guard)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("response", self._response)

    def _guard(self, route) -> None:
        if route.request.url.startswith((self.address, "data:")):
            route.continue_()
        else:
            self.faults.append(f"request to {route.request.url}")
            route.abort()

    def _console(self, message) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(message.text)

    def _response(self, response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status} {response.url}")

    def open(self, path: str) -> Page:
        """Go to a page of the site."""
        self.page.goto(f"{self.address}/{path}", wait_until="load")
        return self.page


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator:
    """Return what opens a window: ``visit("phone")``."""
    opened = []

    def start(device: str = "desktop", **options: object) -> Visit:
        opened.append(Visit(browser, address, device, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.context.close()
