"""Checks of a built site. Each takes its folder and returns what is wrong, a sentence per fault."""

import gzip
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from addresses import address
from bs4 import BeautifulSoup, Tag
from paramlab import catalog
from sphinx.util.images import get_image_size

ROOT = Path(__file__).parents[2]
STORED = Path(__file__).with_name("addresses.txt")
PAGE_KB, FRONT_PAGE_KB = 110, 90
DESCRIPTION_LETTERS = range(40, 201)
UNSHARED = {"404.html", "search.html"}  # pages whose address nobody sends
LOADING = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
    "use": "href",
    "image": "href",
}
LOADING_RELATIONS = {"stylesheet", "icon", "preload", "modulepreload", "manifest", "preconnect"}
# Addresses that a style sheet or script would load, not those that a comment or a link names.
LOADED_BY_CSS = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")
LOADED_BY_JS = re.compile(
    r"(?:from|import|import\(|fetch\(|importScripts\(|Worker\(|src\s*=)\s*['\"`]([^'\"`]+)"
)
Check = Callable[[Path], list[str]]


def pages(site: Path) -> list[Path]:
    """Return every page of the site; slides, which need nothing else, have checks of their own."""
    return sorted(path for path in site.rglob("*.html") if path.parent != site / "slides")


# Of the pages of models, one of each kind is looked at in a browser; the checks here read them all.
KINDS_OF_MODELS = {"gpt2-small", "deepseek-v3", "t5-small", "gpt4", "sd1.5-unet"}


def looked_at(site: Path) -> list[Path]:
    """Return the pages that are opened in a browser."""
    return [p for p in pages(site) if p.parent.name != "models" or p.stem in KINDS_OF_MODELS]


@lru_cache(maxsize=512)
def _parsed(text: str) -> BeautifulSoup:
    return BeautifulSoup(text, "html.parser")


def parse(path: Path) -> BeautifulSoup:
    """Read a page; a page with the same text once only."""
    return _parsed(path.read_text("utf-8"))


@lru_cache(maxsize=512)
def _anchors(text: str) -> frozenset[str]:
    return frozenset(tag["id"] for tag in _parsed(text).find_all(id=True))


def anchors(path: Path) -> frozenset[str]:
    """Return the names in a page to which a link can lead."""
    return _anchors(path.read_text("utf-8"))


def _foreign(target: str) -> bool:
    return target.startswith("//") or urlsplit(target).scheme in ("http", "https", "ws", "wss")


def _loaded(path: Path) -> frozenset[str]:
    """Return the address of everything that a browser loads to show a page."""
    return _loaded_by(path.read_text("utf-8"))


@lru_cache(maxsize=512)
def _loaded_by(text: str) -> frozenset[str]:
    return frozenset(_each_loaded(_parsed(text)))


def _each_loaded(page: BeautifulSoup) -> Iterator[str]:
    for tag in page.find_all(list(LOADING)):
        for name in (LOADING[tag.name], f"xlink:{LOADING[tag.name]}"):
            if tag.get(name):
                yield tag[name]
        yield from (part.split()[0] for part in tag.get("srcset", "").split(",") if part.strip())
    for tag in page.find_all("link", href=True):
        if LOADING_RELATIONS & set(tag.get("rel", [])):
            yield tag["href"]
    for tag in page.find_all(style=True):
        yield from _named(LOADED_BY_CSS, tag["style"])
    for tag in page.find_all("style"):
        yield from _named(LOADED_BY_CSS, tag.get_text())
    for tag in page.find_all("script", src=False):
        yield from _named(LOADED_BY_JS, tag.get_text())


def _named(pattern: re.Pattern, text: str) -> list[str]:
    return [next(filter(None, groups)) for groups in map(re.Match.groups, pattern.finditer(text))]


def foreign_resources(site: Path) -> list[str]:
    """Find what is loaded from another host."""
    found = [(path, target) for path in pages(site) for target in _loaded(path)]
    for suffix, pattern in (
        (".css", LOADED_BY_CSS),
        (".js", LOADED_BY_JS),
        (".svg", LOADED_BY_CSS),
    ):
        for path in site.rglob(f"*{suffix}"):
            found += [(path, target) for target in _named(pattern, path.read_text("utf-8"))]
    return [f"{path.relative_to(site)} loads {t}" for path, t in found if _foreign(t)]


def site_url(site: Path) -> str:
    """Return the address at which the site says it stands, or nothing."""
    canonical = parse(site / "index.html").find("link", rel="canonical")
    return canonical["href"] if canonical else ""


def sub_path(site: Path) -> str:
    """Return the path at which the site stands on its host."""
    return urlsplit(site_url(site)).path or "/"


def broken_links(site: Path) -> list[str]:
    """Find links, anchors and assets that do not exist.

    Only the page for wrong addresses, which is shown at any depth, names the path of the site.
    """
    faults = []
    for path in pages(site):
        page = parse(path)
        targets = {tag["href"] for tag in page.find_all("a", href=True)} | _loaded(path)
        targets |= {form["action"] for form in page.find_all("form", action=True)}
        for target in sorted(targets):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            folder = path.parent
            if path.name == "404.html" and parts.path:
                if not parts.path.startswith(sub_path(site)):
                    faults.append(f"404.html: {target} does not begin at the root")
                folder, parts = site, parts._replace(path=parts.path[len(sub_path(site)) :])
            file = (folder / unquote(parts.path)).resolve() if parts.path else path
            if not file.is_file() or not file.is_relative_to(site.resolve()):
                faults.append(f"{path.relative_to(site)}: no file {target}")
            elif "=" in parts.fragment:  # what a component of that page starts with
                continue
            elif parts.fragment and file.suffix == ".html":
                if unquote(parts.fragment) not in anchors(file):
                    faults.append(f"{path.relative_to(site)}: no anchor {target}")
    return faults


def stored_addresses(site: Path) -> list[str]:
    """Find addresses that were published and lead nowhere now."""
    faults = []
    for stored in STORED.read_text("utf-8").split():
        page, _, anchor = stored.partition("#")
        if not (site / page).is_file() or (anchor and anchor not in anchors(site / page)):
            faults.append(f"{stored} is gone")
    return faults


def headings(site: Path) -> list[str]:
    """Find pages without exactly one first heading, and levels left out."""
    faults = []
    for path in pages(site):
        levels = [int(tag.name[1]) for tag in parse(path).find_all(re.compile(r"^h[1-6]$"))]
        if levels.count(1) != 1:
            faults.append(f"{path.relative_to(site)} has {levels.count(1)} first headings")
        pairs = zip([0, *levels], levels, strict=False)
        faults += [f"{path.relative_to(site)}: h{b} after h{a}" for a, b in pairs if b > a + 1]
    return faults


def duplicate_ids(site: Path) -> list[str]:
    """Find identifiers that occur twice on a page."""
    return [
        f"{path.relative_to(site)}: {name} occurs {count} times"
        for path in pages(site)
        for name, count in Counter(tag["id"] for tag in parse(path).find_all(id=True)).items()
        if count > 1
    ]


def alternative_texts(site: Path) -> list[str]:
    """Find pictures that do not say in words what they show, or whose size is not known."""
    faults = []
    for path in pages(site):
        for image in parse(path).find_all("img"):
            text = image.get("alt")
            decoration = text == "" and image.find_parent("a") and image.parent.get_text(strip=True)
            if not decoration and (not text or len(text) < 10 or re.search(r"\.\w{3}$", text)):
                faults.append(f"{path.relative_to(site)}: {image['src']} has the text {text!r}")
            if not (image.get("width") and image.get("height")):
                faults.append(f"{path.relative_to(site)}: {image['src']} has no size")
        for drawing in parse(path).find_all("svg"):
            named = drawing.get("role") == "img" and len(drawing.get("aria-label", "")) >= 10
            if not named and drawing.get("aria-hidden") != "true":
                faults.append(f"{path.relative_to(site)}: a drawing has no text")
    return faults


def languages(site: Path) -> list[str]:
    """Find Chinese words, but in code, that a voice would read as English."""
    return [
        f"{path.relative_to(site)}: {text.strip()[:40]}"
        for path in pages(site)
        for text in parse(path).body.find_all(string=re.compile("[\u3400-\u9fff]"))
        if not text.find_parent(lang="zh") and not text.find_parent(["code", "pre", "script"])
    ]


def front_page(site: Path) -> list[str]:
    """Find out whether the first page is a page, not a redirection."""
    front = parse(site / "index.html")
    faults = []
    if front.find("meta", attrs={"http-equiv": re.compile("refresh", re.I)}):
        faults.append("index.html redirects")
    if not isinstance(front.main, Tag) or len(front.main.get_text().split()) < 50:
        faults.append("index.html has hardly any text")
    return faults


def published_files(site: Path) -> list[str]:
    """Find pages that the table of contents does not name, and published sources or solutions."""
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    files = [chapter["file"] for part in contents["parts"] for chapter in part["chapters"]]
    wanted = {f"{address(name)}.html" for name in [contents["root"], *files]}
    wanted |= {"search.html", "404.html"}
    notebooks = {f"{address(name)}.ipynb" for name in files if (ROOT / f"{name}.ipynb").exists()}
    if missing := [name for name in notebooks if not (site / name).is_file()]:
        return [f"the notebook {name} is missing" for name in sorted(missing)]
    wanted |= {f"models/{model.slug}.html" for model in catalog.published()}
    present = {path.relative_to(site).as_posix() for path in pages(site)}
    faults = [f"{name} is missing" for name in wanted - present]
    faults += [f"{name} is not in the table of contents" for name in present - wanted]
    for path in site.rglob("*"):
        inner = path.relative_to(site)
        if {"_sources", "assignments", "experiments", "solutions"} & set(inner.parts):
            faults.append(f"{inner} is published")
        if path.suffix in (".py", ".md", ".map", ".toml", ".yml") or (
            path.suffix == ".ipynb" and inner.as_posix() not in notebooks
        ):
            faults.append(f"{inner} is published")
    return sorted(faults)


def descriptions(site: Path) -> list[str]:
    """Find pages without a title and a description of their own."""
    faults, seen = [], Counter()
    for path in pages(site):
        tags = parse(path).find_all("meta", attrs={"name": "description"})
        text = tags[0].get("content", "") if tags else ""
        if len(tags) != 1 or len(text) not in DESCRIPTION_LETTERS:
            faults.append(f"{path.relative_to(site)}: {len(tags)} descriptions, {text!r}")
        seen.update([text, parse(path).title.get_text(strip=True)])
    return faults + [f"{text!r} is used {n} times" for text, n in seen.items() if n > 1]


def page_sizes(site: Path) -> dict[str, float]:
    """Return the kilobytes (1024 bytes, compressed) that a browser loads for each page."""

    @cache
    def packed(path: Path) -> int:
        return len(gzip.compress(path.read_bytes(), 6))

    @cache
    def faces(path: Path) -> set[Path]:
        named = _named(LOADED_BY_CSS, path.read_text("utf-8")) if path.suffix == ".css" else []
        return {(path.parent / face).resolve() for face in named if not _foreign(face)}

    sizes = {}
    for path in pages(site):
        targets = {urlsplit(target).path for target in _loaded(path) if not _foreign(target)}
        named = {(path.parent / unquote(target)).resolve() for target in targets if target}
        files = {file for file in named if file.is_file()}
        files |= {face for file in files for face in faces(file)}
        loaded = sum(map(packed, files))
        sizes[path.relative_to(site).as_posix()] = (packed(path) + loaded) / 1024
    return sizes


def sizes(site: Path) -> list[str]:
    """Find pages that are too large."""
    return [
        f"{name}: {kb:.0f} kB"
        for name, kb in page_sizes(site).items()
        if kb > (FRONT_PAGE_KB if name == "index.html" else PAGE_KB)
    ]


def cards(site: Path) -> list[str]:
    """Find pages whose address would arrive bare in a chat: no title, no sentence, no picture."""
    faults = []
    for path in pages(site):
        tags = {
            tag["property"]: tag.get("content", "")
            for tag in parse(path).find_all("meta", property=True)
        }
        wanted = {"og:title", "og:description", "og:image", "og:type", "og:site_name"}
        missing = {name for name in wanted if not tags.get(name)}
        image = tags.get("og:image", "nowhere")
        own = bool(site_url(site)) and image.startswith(site_url(site))
        picture = site / image.removeprefix(site_url(site)) if own else path.parent / image
        if not missing and picture.is_file() and get_image_size(str(picture)) != (1200, 630):
            missing = {"a picture of 1200 by 630"}
        if not missing and not picture.is_file():
            missing = {"the file of the picture"}
        if missing and path.name not in UNSHARED:
            faults.append(f"{path.relative_to(site)} lacks {', '.join(sorted(missing))}")
    return faults


def private_paths(site: Path) -> list[str]:
    """Find folders of the machine that built the site."""
    private = [str(ROOT), str(Path.home()), "site-packages", "/ipykernel_"]
    return [
        f"{path.relative_to(site)} contains {name}"
        for path in site.rglob("*")
        if path.suffix in (".html", ".js", ".css", ".svg")
        for name in private
        if name != "/" and name in path.read_text("utf-8")
    ]


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (foreign_resources, broken_links, stored_addresses, headings, duplicate_ids,
                  alternative_texts, languages, front_page, published_files, descriptions, sizes,
                  cards, private_paths)
}  # fmt: skip
