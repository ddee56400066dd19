"""Where the site stands, where its sources are, and which text this is.

Two settings, both empty at first, switch on what depends on them. ``SITE_URL`` in the environment
(or ``html.baseurl`` in ``_config.yml``) is the address at which the site will stand: it gives
canonical addresses, a sitemap, and a page for wrong addresses that works at any depth.
``REPOSITORY_URL`` (or ``sphinx.config.repository_url``) is the address of its repository on GitHub:
it gives every page the links by which to edit it and to report an error.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from html import escape, unescape
from pathlib import Path
from urllib.parse import quote, urlsplit

import yaml
from addresses import BookBuilder, address
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.i18n import format_date
from words import _

BRANCH = "main"
NOWHERE = "404"
UNLISTED = {"404.html", "search.html"}  # pages that no search engine should name
RELATIVE = re.compile(r'(?<= )(href|src|action)="(?![#/]|[a-z]+:)(?:\./)?')


def checked_address(name: str, value: str) -> str:
    """Return an address without what may stand at its end.

    Examples
    --------
    >>> checked_address("REPOSITORY_URL", "https://github.com/a/b.git/")
    'https://github.com/a/b'
    """
    parts = urlsplit(value)
    if value and not (parts.scheme in ("http", "https") and parts.netloc):
        raise ExtensionError(f"{name} is {value!r}; an address begins with https://")
    return value.rstrip("/").removesuffix(".git")


def read_settings(app: Sphinx, config) -> None:
    """Take both settings from the environment, where it has them."""
    for key, name in (("html_baseurl", "SITE_URL"), ("repository_url", "REPOSITORY_URL")):
        value = checked_address(name, os.environ.get(name) or getattr(config, key) or "")
        setattr(config, key, f"{value}/" if value and key == "html_baseurl" else value)
    citation = Path(app.srcdir, "CITATION.cff")
    app.citation = yaml.safe_load(citation.read_text("utf-8")) if citation.exists() else {}
    app.changed_on = days_of_change(Path(app.srcdir))


def days_of_change(folder: Path) -> dict[str, date]:
    """Day of the last change of every file below ``book``, as far as the history is at hand."""

    def git(*arguments: str) -> str:
        command = ["git", "-c", "core.quotepath=off", *arguments]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")
        return run.stdout if run.returncode == 0 else ""

    if not shutil.which("git") or git("rev-parse", "--is-shallow-repository").strip() != "false":
        return {}
    found: dict[str, date] = {}
    log = git("log", "--format=%x00%cs", "--name-only", "--relative", "--", "book")
    for commit in log.split("\0")[1:]:
        day, *names = commit.split("\n")
        for name in filter(None, names):
            found.setdefault(name, date.fromisoformat(day))
    return found


def page_context(app: Sphinx, pagename: str, template: str, context: dict, doctree) -> None:
    """Give the templates the addresses and dates of a page."""
    base, repository = app.config.html_baseurl, app.config.repository_url
    target = app.builder.get_target_uri(pagename)
    if base and pagename != NOWHERE:
        context["pageurl"] = base + ("" if target == "index.html" else target)
    context["version"] = app.citation.get("version", "")
    if pagename not in app.env.found_docs:
        return
    source = Path(app.env.doc2path(pagename, base=False)).as_posix()
    day = app.changed_on.get(source) or app.citation.get("date-released")
    context["changed_on"] = in_words(app, day) if day else ""
    title = unescape(re.sub("<[^>]*>", "", context.get("title", "")))
    context["plain_title"] = re.sub(r"^\d{1,2}\s", "", title)  # the number of a chapter
    if source.endswith(".ipynb"):
        context["notebook"] = {"href": f"{target.split('/')[-1].removesuffix('.html')}.ipynb"}
        context["notebook"]["name"] = Path(source).name
        copy = Path(app.outdir, f"{address(pagename)}.ipynb")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(app.srcdir, source), copy)
    if repository:
        context["edit_url"] = f"{repository}/edit/{BRANCH}/{quote(source)}"
        context["history_url"] = f"{repository}/commits/{BRANCH}/{quote(source)}"
        page = quote(f"{context['plain_title']} ({target})")
        context["report_url"] = f"{repository}/issues/new?template=wrong.yml&page={page}"
    if day and context["version"]:
        title, url = context["plain_title"], context.get("pageurl")
        context["citation"] = citation(app, Path(target).stem, title, url, day)


def in_words(app: Sphinx, day: date) -> str:
    """Return a day as the language of the site writes it."""
    return format_date(_("%-d %B %Y"), date=day, language=app.config.language)


def citation(app: Sphinx, name: str, title: str, url: str | None, day: date) -> dict[str, str]:
    """Return what a reader may copy to cite a page: who, where, and an entry for BibTeX."""
    authors = " and ".join(author["name"] for author in app.citation["authors"])
    facts = {
        "author": f"{{{authors}}}",  # in BibTeX's second pair of braces: a name of no person
        "title": title,
        "booktitle": app.citation["title"],
        "edition": _("version {version}").format(version=app.citation["version"]),
        "year": f"{day:%Y}",
        "note": _("Text of {date}").format(date=in_words(app, day)),
        "url": url or "",
    }
    lines = (f"  {name} = {{{value}}}," for name, value in facts.items() if value)
    return {
        "author": authors,
        "url": facts["url"],
        "bibtex": "\n".join([f"@incollection{{what175billionmeans-{name},", *lines, "}"]),
    }


def page_for_wrong_addresses(app: Sphinx) -> Iterator[tuple[str, dict, str]]:
    """Ask for the page that a server shows where there is none."""
    yield NOWHERE, {}, "404.html"


def write_what_servers_read(app: Sphinx, exception: Exception | None) -> None:
    """Write the sitemap, let GitHub publish folders such as ``_static``, and mend the 404 page."""
    if exception or not isinstance(app.builder, BookBuilder):
        return
    outdir, base = Path(app.outdir), app.config.html_baseurl
    Path(outdir, ".nojekyll").touch()
    nowhere = outdir / f"{NOWHERE}.html"
    prefix = urlsplit(base).path or "/"
    nowhere.write_text(RELATIVE.sub(rf'\1="{prefix}', nowhere.read_text("utf-8")), "utf-8")
    sitemap = outdir / "sitemap.xml"
    sitemap.unlink(missing_ok=True)
    if base:
        names = sorted(path.relative_to(outdir).as_posix() for path in outdir.rglob("*.html"))
        lines = [
            f"<url><loc>{escape(base + ('' if name == 'index.html' else quote(name)))}</loc></url>"
            for name in names
            if name not in UNLISTED
        ]
        head = '<?xml version="1.0" encoding="utf-8"?>\n'
        kind = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
        sitemap.write_text(f"{head}<urlset {kind}>\n" + "\n".join(lines) + "\n</urlset>\n", "utf-8")


def setup(app: Sphinx) -> dict:
    """Read the settings before the build, write for servers after it."""
    app.add_config_value("repository_url", "", "html")
    app.connect("config-inited", read_settings)
    app.connect("html-page-context", page_context, priority=950)
    app.connect("html-collect-pages", page_for_wrong_addresses)
    app.connect("build-finished", write_what_servers_read, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
