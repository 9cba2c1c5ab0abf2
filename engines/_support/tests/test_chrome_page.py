from __future__ import annotations

import pytest

from engines._support.chrome_child import is_text
from engines._support.chrome_page import may_load, origin


@pytest.fixture
def folder(tmp_path):
    inside = tmp_path / "slot" / "in"
    inside.mkdir(parents=True)
    (inside / "in.html").write_text("x")
    (inside / "a b.css").write_text("x")
    (inside / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "secret").write_text("x")
    (tmp_path / "slot" / "in-2").mkdir()
    (tmp_path / "slot" / "in-2" / "other").write_text("x")
    return inside


@pytest.mark.parametrize("name", ["in.html", "a%20b.css", "./in.html", "../in/in.html", "in.html?x#y"])
def test_a_converted_page_loads_its_own_files(folder, name):
    assert may_load(f"file://{folder}/{name}", f"{folder}")
    assert may_load(f"file://localhost{folder}/{name}", f"{folder}")


@pytest.mark.parametrize(
    "name",
    ["", ".", "missing", "link", "../../secret", "%2e%2e/%2e%2e/secret", "../in-2/other", "%00", "../.."],
)
def test_a_converted_page_loads_no_other_files(folder, name):
    assert not may_load(f"file://{folder}/{name}", f"{folder}")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "file://server/etc/passwd",
        "FILE:///etc/passwd",
        "filesystem:file:///etc/passwd",
        "view-source:file:///etc/passwd",
        "chrome://version",
        "devtools://devtools/bundled/inspector.html",
        "ftp://example.com/",
        "http://[broken",
        "",
    ],
)
def test_nothing_else_is_loaded(folder, url):
    assert not may_load(url, f"{folder}")
    assert not may_load(url, None)


def test_a_page_of_the_web_reads_no_file(folder):
    assert not may_load(f"file://{folder}/in.html", None)


@pytest.mark.parametrize(
    "url", ["https://example.com/a", "http://example.com", "data:text/plain,x", "about:blank"]
)
def test_the_web_is_open_to_both(folder, url):
    assert may_load(url, None)
    assert may_load(url, f"{folder}")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"<p>hi", True),
        ("<p>ünï".encode("latin-1"), True),
        ("<p>hi".encode("utf-16"), True),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", False),
        (b"PK\x03\x04\x14\0", False),
        (b"%PDF-1.7\n", False),
    ],
)
def test_html_is_told_from_other_files(tmp_path, content, text):
    file = tmp_path / "in.html"
    file.write_bytes(content)

    assert is_text(file) is text


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("HTTP://Example.com", "http://example.com/"),
        ("https://example.com:443/a", "https://example.com/a"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
    ],
)
def test_an_origin_is_the_same_however_it_is_spelled(typed, asked):
    assert origin(typed) == origin(asked)


@pytest.mark.parametrize(
    "other",
    ["http://example.com/", "https://example.com:444/", "https://example.com.evil/", "https://[", "data:,x"],
)
def test_another_site_has_another_origin(other):
    assert origin(other) != origin("https://example.com/")
