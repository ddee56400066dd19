"""What the live code of the site is made of: where its files come from, and what is believed."""

import fnmatch
import functools
import hashlib
import http.server
import threading
import zipfile

import live
import pytest

CONTENT = {"pyodide.mjs": b"interpreter", "numpy-2-py3-none-any.whl": b"wheel"}


@pytest.fixture
def wanted(tmp_path, monkeypatch):
    """Return a release of two files; the cache is empty, and npm and pip are not asked."""
    monkeypatch.setattr(live, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(live, "_npm", lambda *_: iter(()))
    monkeypatch.setattr(live, "_pypi", lambda *_: iter(()))
    (mjs, first), (wheel, second) = [
        (name, hashlib.sha256(content).hexdigest()) for name, content in CONTENT.items()
    ]
    lock = {"packages": {"numpy": {"file_name": wheel, "sha256": second}}}
    return live.Listed("1.0", {}, {mjs: first}, lock)


@pytest.fixture
def named(tmp_path, monkeypatch):
    """Return a folder with both files, which the environment names as their source."""
    folder = tmp_path / "named"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    monkeypatch.setenv(live.NAMED, str(folder))
    return folder


def test_without_any_source_every_file_is_missing(wanted):
    assert live.gather(wanted) == list(CONTENT)


def test_a_folder_an_archive_and_an_address_give_the_same(wanted, named, tmp_path, monkeypatch):
    assert live.gather(wanted) == []
    live.pack(wanted, tmp_path / "packed.zip")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(named))
    monkeypatch.setattr(handler.func, "log_message", lambda *_: None)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for place in (tmp_path / "packed.zip", f"http://127.0.0.1:{server.server_port}/"):
        for name in CONTENT:
            (wanted.folder / name).unlink()
        monkeypatch.setenv(live.NAMED, str(place))
        assert live.gather(wanted) == []
        assert {p.name: p.read_bytes() for p in wanted.folder.iterdir()} == CONTENT
    server.shutdown()


def test_another_content_under_the_right_name_is_refused(wanted, named, capsys):
    (named / "pyodide.mjs").write_bytes(b"something else")
    assert live.gather(wanted) == ["pyodide.mjs"]
    assert "pyodide.mjs is not the file that live.json lists" in capsys.readouterr().out


def test_what_the_cache_holds_is_asked_for_nowhere_and_damage_is_mended(wanted, named, monkeypatch):
    live.gather(wanted)
    (wanted.folder / "pyodide.mjs").write_bytes(b"damaged")
    assert live.gather(wanted) == []
    monkeypatch.setattr(live, "_named", None)
    assert live.gather(wanted) == []


@pytest.mark.parametrize("place", ["no-such.zip", "http://127.0.0.1:9/"])
def test_a_source_that_is_not_there_is_named_in_one_line(wanted, monkeypatch, capsys, place):
    monkeypatch.setenv(live.NAMED, place)
    assert live.gather(wanted) == list(CONTENT)
    assert capsys.readouterr().out.count("\n") == 1


def test_a_file_that_is_no_archive_is_a_source_without_files(wanted, tmp_path, monkeypatch, capsys):
    (tmp_path / "a.zip").write_text("no archive")
    monkeypatch.setenv(live.NAMED, str(tmp_path / "a.zip"))
    assert live.gather(wanted) == list(CONTENT)
    assert capsys.readouterr().out == "live code: File is not a zip file\n"


def test_the_listed_release_is_complete():
    listed = live.listed()
    packages = listed.lock["packages"]
    assert all(len(fnmatch.filter(listed.core, pattern)) == 1 for pattern in live.CORE)
    assert set(live.ROOTS) <= set(packages)
    assert all(need in packages for package in packages.values() for need in package["depends"])
    assert all(len(sha256) == 64 for sha256 in listed.files.values())
    assert listed.lock["info"]["version"] == listed.version


def test_packed_files_are_those_of_the_release(wanted, named, tmp_path):
    live.gather(wanted)
    live.pack(wanted, tmp_path / "packed.zip")
    with zipfile.ZipFile(tmp_path / "packed.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == CONTENT
