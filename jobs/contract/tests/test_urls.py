from __future__ import annotations

import pytest

from jobs.contract import urls


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://example.com", "http://example.com/"),
        ("HTTPS://EXAMPLE.com:443/A", "https://example.com/A"),
        ("http://example.com:8080/a?b=c#d", "http://example.com:8080/a?b=c"),
        ("http://example.com?b=c", "http://example.com/?b=c"),
        ("http://[::1]:81/a", "http://[::1]:81/a"),
        ("http://[0:0:0:0:0:0:0:1]/", "http://[::1]/"),
        ("http://my_bucket.example.com/", "http://my_bucket.example.com/"),
        ("http://bücher.example/über?ü=ö", "http://xn--bcher-kva.example/%C3%BCber?%C3%BC=%C3%B6"),
        ("http://127。0。0。1/", "http://127.0.0.1/"),
        ("http://a.example/%7Ea%2Fb+c?x=%20y[]", "http://a.example/%7Ea%2Fb+c?x=%20y[]"),
        ("http://a.example/100%.pdf", "http://a.example/100%25.pdf"),
        ("http://a.example/{a}<b>", "http://a.example/%7Ba%7D%3Cb%3E"),
    ],
)
def test_a_url_is_read_one_way_only(text, expected):
    parsed = urls.parse(text)

    assert f"{parsed}" == expected
    assert urls.parse(expected) == parsed


@pytest.mark.parametrize(
    "text",
    [
        *("", "example.com", "/a", "//example.com/a", "http:", "http://", "http:///a", "http:example.com"),
        *("ftp://example.com/", "file:///etc/passwd", "gopher://a/", "data:,a", "jar:http://a/", "unix:/a"),
        *("http://user@example.com/", "http://user:pass@example.com/", "http://a@b@127.0.0.1/", "http://@a/"),
        *("http://example.com\\@127.0.0.1/", "http://a.example/a\\b", "http:\\\\a.example"),
        *("http://exa mple.com/", "http://a.example/a b", "http://a.example/\ta", "http://a.ex\nample/"),
        *("http://a.example/\r\nHost: b", "http://a.example/\0", "http://a.example/\x7f", "http://a\x85b/"),
        *("http://a.example:0/", "http://a.example:65536/", "http://a.example:x/", "http://a.example:/"),
        *("http://a.example:-1/", "http://example.com./", "http://.example.com/", "http://a..b/"),
        *("http://-a.example/", "http://a%2eb/", "http://a'b/", "http://a,b/", "http://[fe80::1%25eth0]/"),
        *("http://[::1/", "http://::1/", "http://[127.0.0.1]/", "http://[v1.a]/", "http://[]/"),
        *("http://" + "a" * 64 + ".example/", "http://" + "a." * 130 + "example/"),
        *(
            "http://a.example/" + "a" * 9000,
            "http://a.example/\ud800",
            "http://\ud800/",
            "http://ab\u200d.c/",
        ),
    ],
)
def test_what_could_be_meant_otherwise_is_refused(text):
    with pytest.raises(urls.InvalidURL):
        urls.parse(text)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("b.txt", "http://a.example/x/b.txt"),
        ("/b.txt", "http://a.example/b.txt"),
        ("?q=1", "http://a.example/x/y?q=1"),
        ("//b.example/c", "http://b.example/c"),
        ("https://b.example", "https://b.example/"),
        (" /a b ", "http://a.example/a%20b"),
    ],
)
def test_a_redirect_is_relative_to_where_it_was_found(location, expected):
    assert f"{urls.parse('http://a.example/x/y').join(location)}" == expected


@pytest.mark.parametrize(
    ("text", "segment"),
    [
        ("http://a.example", ""),
        ("http://a.example/b/c.txt?d=/e", "c.txt"),
        ("http://a.example/%C3%BC%2Fx.txt", "ü/x.txt"),
        ("http://a.example/%FF.txt", "\ufffd.txt"),
    ],
)
def test_the_last_segment_is_decoded(text, segment):
    assert urls.parse(text).last_segment == segment
