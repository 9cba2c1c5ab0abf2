from __future__ import annotations

import http.server
import socket
import ssl
import subprocess
import sys
import threading

import pytest

from jobs.contract import OptionProblem, Work, reach
from jobs.contract.errors import (
    AddressRefused,
    DownloadFailed,
    DownloadUnreachable,
    FileTooLarge,
    Retry,
    Stopped,
    Timeout,
)
from jobs.contract.reach import Reach
from storage import url
from storage._support import door, limits

from .conftest import RunContext, certificate_for

pytestmark = pytest.mark.usefixtures("loopback")
[operation] = url.OPERATIONS
option = {each.name: each for each in operation.options}


def fetch(into, where, context=None, **options):
    """Run the import as a worker would and return the file's name and content."""
    values = {name: each.default for name, each in option.items()}
    given = {"url": where, **options}
    values |= {name: option[name].read(value) for name, value in given.items()}
    result = operation.run(Work(output_dir=into, options=values), context or RunContext())
    [output] = result.files
    assert output.path.parent == into
    return output.name, output.path.read_bytes()


def test_a_file_is_downloaded_with_its_progress(site, into):
    context = RunContext()

    name, content = fetch(into, f"{site.url}/big/data.bin?token=1#part", context)

    assert (name, content) == ("data.bin", b"x" * 3_000_000)
    assert context.percents == sorted(context.percents)
    assert context.percents[-1] == 100
    [(path, headers)] = site.asked
    assert path == "/big/data.bin?token=1"
    assert headers["host"] == site.url.removeprefix("http://")
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("page", ["nolength/a.txt", "long/a.txt", "status/204"])
def test_bodies_without_or_beyond_their_length_end_where_http_says(site, into, page):
    expected = {"nolength/a.txt": b"until the end", "long/a.txt": b"hello", "status/204": b""}

    assert fetch(into, f"{site.url}/{page}")[1] == expected[page]


@pytest.mark.parametrize(
    ("status", "sentence", "retry"),
    [
        (404, "The server answered 404 Not Found.", Retry.NEVER),
        (403, "The server answered 403 Forbidden.", Retry.NEVER),
        (401, "The server answered 401 Unauthorized.", Retry.NEVER),
        (304, "The server answered 304 Not Modified.", Retry.NEVER),
        (499, "The server answered 499.", Retry.NEVER),
        (429, "The server answered 429 Too Many Requests.", Retry.INFRASTRUCTURE),
        (500, "The server answered 500 Internal Server Error.", Retry.INFRASTRUCTURE),
        (503, "The server answered 503 Service Unavailable.", Retry.INFRASTRUCTURE),
    ],
)
def test_a_refusal_is_final_and_a_failure_is_not(site, into, status, sentence, retry):
    with pytest.raises(DownloadFailed) as caught:
        fetch(into, f"{site.url}/status/{status}")

    assert (caught.value.message, caught.value.retry) == (sentence, retry)
    assert caught.value.code == "DOWNLOAD_FAILED"


def test_five_redirects_are_followed(site, into):
    assert fetch(into, f"{site.url}/hop/4") == ("end.txt", b"hello")
    assert len(site.asked) == 6


@pytest.mark.parametrize("page", ["hop/5", "loop"])
def test_more_redirects_are_not(site, into, page):
    with pytest.raises(DownloadFailed, match="redirected more than 5 times"):
        fetch(into, f"{site.url}/{page}")

    assert len(site.asked) == 6


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_customers_headers_stay_with_the_origin_they_were_meant_for(site, other, into, status):
    site.elsewhere = f"{other.url}/to"
    other.elsewhere = f"{site.url}/end.txt"
    secret = {"Authorization": "Bearer secret", "X-Key": "secret"}

    fetch(into, f"{site.url}/to/{status}", headers=secret)

    [(_, first), (_, last)] = site.asked
    [(_, between)] = other.asked
    assert (first["authorization"], first["x-key"]) == ("Bearer secret", "secret")
    for headers in (between, last):
        assert "authorization" not in headers
        assert "secret" not in f"{headers}"


def test_headers_are_sent_on_within_an_origin_but_cookies_are_not_kept(site, into):
    fetch(into, f"{site.url}/cookie", headers={"X-Key": "k", "accept-encoding": "gzip", "User-Agent": "me"})

    [_, (_, headers)] = site.asked
    assert headers["x-key"] == "k"
    assert headers["user-agent"] == "me"
    assert headers["accept-encoding"] == "identity"
    assert "cookie" not in headers


@pytest.mark.parametrize(
    "target",
    ["file:///etc/passwd", "ftp://example.com/a", "gopher://x/", "http://user@example.com/", "http://[::1"],
)
def test_a_redirect_to_anything_else_is_refused(site, into, target):
    site.elsewhere = target

    with pytest.raises(DownloadFailed, match="redirected to something"):
        fetch(into, f"{site.url}/to")


def test_a_redirect_may_hold_spaces_and_bare_unicode(site, into):
    site.elsewhere = "../a/mein bücher.txt"

    assert fetch(into, f"{site.url}/to")[0] == "mein bücher.txt"
    assert site.asked[1][0] == "/a/mein%20b%C3%BCcher.txt"


@pytest.mark.parametrize("page", ["short", "cutchunk", "nonsense"])
def test_a_server_that_breaks_off_may_be_asked_again(site, into, page):
    with pytest.raises(DownloadUnreachable, match=r"The server 127\.0\.0\.1 broke off"):
        fetch(into, f"{site.url}/{page}")


def test_a_file_that_says_it_is_too_large_is_not_downloaded(site, into):
    with pytest.raises(FileTooLarge):
        fetch(into, f"{site.url}/huge")

    assert not list(into.iterdir())


@pytest.mark.parametrize("page", ["endless", "bomb"])
def test_a_file_that_turns_out_too_large_is_cut_off(site, into, monkeypatch, page):
    monkeypatch.setattr(limits, "MAX_FILE_BYTES", 5_000_000)

    with pytest.raises(FileTooLarge):
        fetch(into, f"{site.url}/{page}")

    [partial] = into.iterdir()
    assert partial.stat().st_size <= 5_000_000


@pytest.mark.parametrize("page", ["stall", "stall/mute"])
def test_a_silent_server_ends_the_attempt(site, into, monkeypatch, page):
    monkeypatch.setitem(door.TIMEOUTS, "read", 0.3)

    with pytest.raises(DownloadUnreachable, match="did not answer in time"):
        fetch(into, f"{site.url}/{page}")


@pytest.mark.parametrize("page", ["stall", "stall/mute", "endless"])
def test_the_deadline_ends_a_download_that_would_go_on(site, into, page):
    with pytest.raises(Timeout):
        fetch(into, f"{site.url}/{page}", RunContext(seconds=0.4))


@pytest.mark.parametrize("page", ["stall", "stall/mute"])
def test_an_order_to_stop_is_heard_while_the_server_is_silent(site, into, page):
    context = RunContext(stop=lambda: "cancelled" if site.stalled.is_set() else None)

    with pytest.raises(Stopped, match="cancelled"):
        fetch(into, f"{site.url}/{page}", context)


def test_nobody_listening(into):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]

        with pytest.raises(DownloadUnreachable, match=r"127\.0\.0\.1 could not be reached"):
            fetch(into, f"http://127.0.0.1:{port}/")


def test_a_host_without_address_is_named(into, monkeypatch):
    def lookup(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)

    with pytest.raises(DownloadUnreachable, match=r"The host nothing\.invalid could not be found\."):
        fetch(into, "http://nothing.invalid/a.txt")


def test_a_name_is_looked_up_once_and_what_it_gave_is_connected_to(site, into, monkeypatch):
    real, asked = socket.getaddrinfo, []

    def lookup(host, port, *args, **kwargs):
        asked.append(host)
        addresses = ["127.0.0.2", "127.0.0.1"] if host == "files.test" else [host]
        return [found for each in addresses for found in real(each, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    where = f"http://files.test:{site.server_port}/a.txt"

    # The first address refuses, the second answers.
    assert fetch(into, where)[1] == b"hello"
    assert asked.count("files.test") == 1
    assert site.asked[0][1]["host"] == f"files.test:{site.server_port}"


@pytest.fixture
def nothing_allowed(monkeypatch):
    monkeypatch.setattr(reach, "allowed", Reach)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "[::1]", "127.1", "0x7f.1", "2130706433", "017700000001", "0"),
        *("①②⑦.⓪.⓪.①", "127。0。0。1", "\uff11\uff12\uff17.0.0.1"),
        *("[::ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
        *("169.254.169.254", "[fd00:ec2::254]", "168.63.129.16", "100.100.100.200", "10.0.0.1"),
    ],
)
def test_an_address_inside_is_refused_before_anything_is_sent(site, into, nothing_allowed, host):
    with pytest.raises(AddressRefused) as caught:
        fetch(into, f"HTTP://{host}:{site.server_port}/a.txt")

    assert (caught.value.code, caught.value.retry) == ("ADDRESS_REFUSED", Retry.NEVER)
    assert not site.asked


def test_a_host_of_which_one_address_is_inside_is_refused_whole(site, into, nothing_allowed, monkeypatch):
    real = socket.getaddrinfo
    found = ["8.8.8.8", "127.0.0.1"]
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _, *args, **kwargs: [f for a in found for f in real(a, *args, **kwargs)]
    )

    with pytest.raises(AddressRefused):
        fetch(into, f"http://files.test:{site.server_port}/")

    assert not site.asked


@pytest.mark.parametrize("target", ["http://10.0.0.1/", "http://127.0.0.1:6379/", "http://127.0.0.1:22/"])
def test_a_redirect_inside_is_refused(site, into, target):
    site.elsewhere = target

    with pytest.raises(AddressRefused):
        fetch(into, f"{site.url}/to")


@pytest.mark.parametrize(
    ("page", "fits"), [("lines/90", True), ("lines/101", False), ("header/70000", False)]
)
def test_a_server_that_sends_headers_without_end_is_left(site, into, page, fits):
    if fits:
        assert fetch(into, f"{site.url}/{page}")[1] == b"hello"
        return
    with pytest.raises(DownloadFailed):
        fetch(into, f"{site.url}/{page}")


def test_proxies_of_the_environment_are_ignored(site, other, into, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, other.url)

    assert fetch(into, f"{site.url}/a.txt")[1] == b"hello"
    assert not other.asked


@pytest.mark.parametrize(
    ("page", "name", "content"),
    [
        ("packed/page.html", "page.html", b"hello" * 1000),
        ("packed/", "file", b"hello" * 1000),
    ],
)
def test_what_a_server_packs_unasked_is_unpacked(site, into, page, name, content):
    assert fetch(into, f"{site.url}/{page}") == (name, content)


@pytest.mark.parametrize("page", ["packed/a.tar.gz", "packed/a.tgz", "packed/a.svgz"])
def test_a_file_that_is_packed_itself_stays_so(site, into, page):
    assert fetch(into, f"{site.url}/{page}")[1].startswith(b"\x1f\x8b")


@pytest.mark.parametrize("page", ["damaged/a.html", "brotli/a.html"])
def test_what_cannot_be_unpacked_is_refused(site, into, page):
    with pytest.raises(DownloadFailed) as caught:
        fetch(into, f"{site.url}/{page}")

    assert caught.value.retry is Retry.NEVER


def test_the_customers_name_wins(site, into):
    wanted = {"X-Wanted": 'attachment; filename="theirs.txt"'}

    assert fetch(into, f"{site.url}/named/url.txt", headers=wanted)[0] == "theirs.txt"
    (into / "download").unlink()
    assert fetch(into, f"{site.url}/named/url.txt", headers=wanted, filename="../m.txt")[0] == "m.txt"


def test_a_hostile_name_never_becomes_a_path(site, into):
    wanted = {
        "X-Wanted": "attachment; filename=\"..\\\\..\\\\x\u202e.txt\"; filename*=UTF-8''%2e%2e%2f%00y.txt"
    }

    assert fetch(into, f"{site.url}/named/a.txt", headers=wanted)[0] == "y.txt"


def test_a_name_without_extension_gets_that_of_the_type(site, into):
    wanted = {"X-Wanted": "application/pdf; charset=binary"}

    assert fetch(into, f"{site.url}/typed/report?id=3", headers=wanted)[0] == "report.pdf"
    (into / "download").unlink()
    assert fetch(into, f"{site.url}/typed/", headers=wanted)[0] == "file.pdf"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "internal"},
        {"content-length": "5"},
        {"Transfer-Encoding": "chunked"},
        {"CONNECTION": "keep-alive"},
        {"Proxy-Authorization": "x"},
        {"TE": "trailers"},
        {"Upgrade": "h2c"},
        {"X-A": "b\r\nX-C: d"},
        {"X-A": "b\nX-C: d"},
        {"X-A": "b\0"},
        {"X-A\r\nX-C": "d"},
        {"X A": "b"},
        {"": "b"},
        {"X-A": "\ud800"},
    ],
)
def test_headers_that_would_break_the_request_are_refused(headers):
    with pytest.raises(OptionProblem, match=r"^The headers must .*\.$"):
        option["headers"].read(headers)


@pytest.mark.parametrize(
    "value", ["http://", "ftp://a.example/a", "example.com/a", "http://u@h/", "x" * 9000]
)
def test_a_bad_url_is_refused_in_the_words_that_clients_expect(value):
    with pytest.raises(OptionProblem, match=r"^The url format is invalid\.$"):
        option["url"].read(value)


@pytest.mark.parametrize("value", ["http://invalid.url", " https://example.com/a.pdf "])
def test_a_url_that_may_work_is_accepted(value):
    assert option["url"].read(value) == value.strip()


def test_declaring_costs_no_http_client():
    code = "import sys, storage.url; sys.exit('httpx' in sys.modules or 'ssl' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestOverTLS:
    """The address is fixed beforehand, and still the certificate must be the name's."""

    @pytest.fixture
    def secure(self, tmp_path, monkeypatch):
        certificate = tmp_path / "certificate.pem"
        certificate.write_bytes(certificate_for("localhost"))
        asked = []

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"secret")

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        server.handle_error = lambda *args: None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        context.sni_callback = lambda _socket, name, _context: asked.append(name)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_port, asked, certificate
        server.shutdown()
        server.server_close()
        door._tls.cache_clear()

    def test_a_trusted_certificate_of_the_host(self, secure, into, monkeypatch):
        port, asked, certificate = secure
        monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}")
        door._tls.cache_clear()

        assert fetch(into, f"https://localhost:{port}/a.txt")[1] == b"secret"
        assert asked == ["localhost"]

    @pytest.mark.parametrize(("host", "trusted"), [("localhost", False), ("127.0.0.1", True)])
    def test_a_certificate_of_somebody_else(self, secure, into, monkeypatch, host, trusted):
        port, _, certificate = secure
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}")
        door._tls.cache_clear()

        with pytest.raises(DownloadFailed, match=f"The certificate of {host} is not valid"):
            fetch(into, f"https://{host}:{port}/a.txt")


class TestBrokenOff:
    """What came is not fetched again, if the server can tell that it is still the same file."""

    @pytest.mark.parametrize("cuts", [1, 3])
    def test_a_download_goes_on_where_it_broke_off(self, site, into, cuts):
        site.content, site.cuts = bytes(range(256)) * 10_000, cuts
        context = RunContext()

        assert fetch(into, f"{site.url}/parts", context)[1] == site.content
        assert len(site.asked) == cuts + 1
        asked = [headers.get("range") for _, headers in site.asked]
        assert asked[:2] == [None, "bytes=1280000-"]
        assert all("if-range" in headers for _, headers in site.asked[1:])
        assert context.percents == sorted(context.percents)
        assert context.percents[-1] == 100

    def test_not_for_ever(self, site, into):
        site.content, site.cuts = bytes(1_000_000), 4

        with pytest.raises(DownloadUnreachable, match="broke off"):
            fetch(into, f"{site.url}/parts")

        assert len(site.asked) == 4

    @pytest.mark.parametrize("how", ["weak", "ignores"])
    def test_without_a_way_to_go_on_it_begins_anew(self, site, into, how):
        site.content, site.cuts = bytes(range(256)) * 1000, 2

        assert fetch(into, f"{site.url}/parts/{how}")[1] == site.content
        assert len(site.asked) == 3
        assert ("range" in site.asked[1][1]) is (how == "ignores")

    def test_a_file_that_changed_meanwhile_is_fetched_whole(self, site, into):
        site.content, site.cuts = b"before" * 10_000, 1

        assert fetch(into, f"{site.url}/parts/changes")[1] == b"changed" * 1000

    def test_another_part_than_asked_for_is_not_taken(self, site, into):
        site.content, site.cuts = bytes(range(256)) * 1000, 1

        with pytest.raises(DownloadUnreachable, match="another part"):
            fetch(into, f"{site.url}/parts/lies")

    def test_a_part_that_the_customer_asks_for_is_not_asked_for_in_parts(self, site, into):
        site.content, site.cuts = bytes(1000), 1

        fetch(into, f"{site.url}/parts", headers={"Range": "bytes=0-"})

        assert [headers["range"] for _, headers in site.asked] == ["bytes=0-", "bytes=0-"]

    def test_what_was_never_begun_is_not_tried_again_at_once(self, site, into):
        with pytest.raises(DownloadUnreachable):
            fetch(into, f"{site.url}/nonsense")

        assert len(site.asked) == 1

    def test_the_cap_holds_for_all_parts_together(self, site, into, monkeypatch):
        monkeypatch.setattr(limits, "MAX_FILE_BYTES", 2_000_000)
        site.content, site.cuts = bytes(1_900_000), 1

        assert len(fetch(into, f"{site.url}/parts")[1]) == 1_900_000


@pytest.mark.parametrize("cuts", [0, 1])
@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("Content-MD5", "XUFAKrxLKna5cZ2REBfFkg==", True),
        ("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==", False),
        ("Content-MD5", "5d41402abc4b2a76b9719d911017c592", True),
        ("Digest", "unixsum=1, SHA-256=LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", True),
        ("Digest", "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", False),
        ("Repr-Digest", "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:", True),
        ("Repr-Digest", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", False),
    ],
)
def test_the_bytes_are_held_against_the_checksum_that_the_server_tells(site, into, name, value, fits, cuts):
    site.sums, site.cuts = [(name, value)], cuts

    if fits:
        assert fetch(into, f"{site.url}/parts")[1] == b"hello"
        return
    with pytest.raises(DownloadUnreachable, match="other bytes than its checksum"):
        fetch(into, f"{site.url}/parts")
