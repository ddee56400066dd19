"""Do the addresses that the book names still answer? Asks the network, so no test does it.

``python tools/links.py`` lists the addresses that are gone, with the files that name them, and
exits with status 1 if there are any. A server that refuses programs, or that is slow, is no
finding: only "not found", "gone" and a host that does not exist are.
"""

import re
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import gaierror
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("*.md", "*.ipynb", "*.toml", "*.csv", "*.cff")
PLACES = ("book", "pkg", ".")  # the last without its folders
GONE = (404, 410)
SECONDS = 20
_ADDRESS = re.compile(r"https?://[^\s<>\"'`\\)\]}]+")


def addresses() -> dict[str, set[str]]:
    """Return the addresses in pages and data, each with the files that name it."""
    found = defaultdict(set)
    for place in PLACES:
        for kind in KINDS:
            folder = ROOT / place
            for path in folder.glob(kind) if place == "." else folder.rglob(kind):
                for address in _ADDRESS.findall(path.read_text(encoding="utf-8")):
                    name = address.rstrip(".,;:").partition("#")[0]
                    if "127.0.0.1" not in name and "example.org" not in name:
                        found[name].add(str(path.relative_to(ROOT)))
    return dict(found)


def problem(address: str) -> str:
    """Ask for an address; return what is wrong with it, or nothing."""
    request = Request(address, headers={"User-Agent": "Mozilla/5.0 (link check)"})
    try:
        with urlopen(request, timeout=SECONDS):
            return ""
    except HTTPError as error:
        return f"{error.code} {error.reason}" if error.code in GONE else ""
    except URLError as error:
        return "no such host" if isinstance(error.reason, gaierror) else ""
    except OSError:
        return ""


def main() -> int:
    """Ask for all addresses; return the exit status."""
    files = addresses()
    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(files, pool.map(problem, files), strict=True))
    gone = {address: answer for address, answer in answers.items() if answer}
    for address, answer in sorted(gone.items()):
        print(f"{address}: {answer} ({', '.join(sorted(files[address]))})", file=sys.stderr)
    print(f"{len(files)} addresses, {len(gone)} gone")
    return int(bool(gone))


if __name__ == "__main__":
    sys.exit(main())
