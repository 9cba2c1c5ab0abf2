"""A1 to A17: what a customer can make the service connect to."""

from __future__ import annotations

import gzip
import ipaddress
import itertools
import socket
import sys

import pytest

from engines.tests.context import RunContext
from jobs.contract import Work
from jobs.contract.errors import TaskError
from storage import url as import_url

from .canary import OK, answer, listening, redirect
from .conftest import ALLOWED, MOST_BYTES

pytestmark = [pytest.mark.attack, pytest.mark.needs("chromium")]
PUBLIC = "93.184.216.34"

# {port} is the canary's. Where nothing listens, a refusal must come before the first packet.
LOOPBACK = [*(f"http://{host}:{{port}}/" for host in ("127.0.0.1", "localhost", "[::1]", "LOCALHOST"))]
ODD = [
    f"http://{host}:{{port}}/"
    for host in ("127.1", "0x7f.1", "2130706433", "017700000001", "0", "0.0.0.0", "[::]", "127.0.0.1.")
]
UNICODE = ["http://①②⑦.⓪.⓪.①:{port}/", "http://127。0。0。1:{port}/", "http://ｌｏｃａｌｈｏｓｔ:{port}/"]  # noqa: RUF001
METADATA = ["169.254.169.254", "[fd00:ec2::254]", "168.63.129.16", "100.100.100.200"]
EMBEDDED = [
    *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::127.0.0.1]"),
    *("[2001:0:4136:e378:8000:63bf:80ff:fffe]", "[fec0::1]"),
]
REFUSED = {
    "a1": LOOPBACK,
    "a2": ODD,
    "a3": UNICODE,
    "a4": [f"http://{host}/latest/meta-data/" for host in METADATA],
    "a5": [f"http://{host}:{{port}}/" for host in EMBEDDED],
    "a6": ["HTTP://127.0.0.1:{port}/", "hTTp://LocalHost:{port}/"],
}


def import_of(siege, url, **options):
    """Ask for a URL; return why it was refused: ``422``, or the code of the task's end."""
    asked = {"url": url, "timeout": 20, **options}
    answer = siege.stack.api.post("/v2/import/url", json=asked)
    if answer.status_code == 422:
        return lambda: "422"
    assert answer.status_code == 201, answer.text
    return lambda: ended(siege, answer.json()["data"]["id"])


def ended(siege, task):
    shown = siege.stack.sync.get(f"/v2/tasks/{task}").json()["data"]
    assert shown["status"] in {"finished", "error"}, shown
    assert not siege.places(shown["message"] or ""), shown["message"]
    return shown["code"] or shown["status"]


@pytest.fixture(scope="module")
def refusals(siege):
    """Why each address was refused, all asked for at once."""
    asked = {
        text: import_of(siege, text.format(port=siege.canary.port))
        for texts in REFUSED.values()
        for text in texts
    }
    return {text: code() for text, code in asked.items()}


def check_refused(refusals, attack):
    codes = {text: refusals[text] for text in REFUSED[attack]}
    # One code for all of them: what lies inside is not told apart from what does not.
    usual = refusals[LOOPBACK[0]]
    assert usual not in {"finished", "TIMEOUT"}
    assert all(code in {usual, "422"} for code in codes.values()), codes


def test_a1_loopback_is_refused(siege, refusals):
    check_refused(refusals, "a1")


def test_a2_other_spellings_of_loopback_are_refused(siege, refusals):
    check_refused(refusals, "a2")


def test_a3_loopback_in_other_digits_is_refused(siege, refusals):
    check_refused(refusals, "a3")


def test_a4_metadata_addresses_are_refused(siege, refusals):
    check_refused(refusals, "a4")


def test_a5_addresses_inside_addresses_are_refused(siege, refusals):
    check_refused(refusals, "a5")


def test_a6_the_scheme_in_capitals_is_no_way_around(siege, refusals):
    check_refused(refusals, "a6")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://127.0.0.1/x",
            "file:///etc/passwd",
            "gopher://127.0.0.1:6379/_PING",
            "dict://127.0.0.1:6379/i",
        ),
        *("data:text/plain,x", "jar:http://127.0.0.1!/x", "unix:/run/x.sock", "//127.0.0.1/", "/etc/passwd"),
        *("javascript:1", "chrome://version", "view-source:http://127.0.0.1/", "about:blank", "blob:x"),
    ],
)
@pytest.mark.parametrize("operation", ["import/url", "capture-website"])
def test_a7_other_schemes_are_invalid(siege, operation, url):
    answer = siege.stack.api.post(f"/v2/{operation}", json={"url": url, "output_format": "png"})

    assert answer.status_code == 422
    assert "url" in answer.json()["errors"]


@pytest.mark.parametrize(
    "url",
    [
        "http://user@{ok}@127.0.0.1:{port}/",
        "http://{ok}@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\\@{ok}/",
        "http://{ok}\\.127.0.0.1:{port}/",
        "http://127.0.0.1\t:{port}/",
        "http://127.0.0.1%00.example:{port}/",
        "http://127.0.0.1 :{port}/",
        "http:\\\\127.0.0.1:{port}/",
        "http:127.0.0.1:{port}/",
        "http://[::1%25lo]:{port}/",
        "http://[::ffff:127.0.0.1%lo]:{port}/",
        "http://127.0.0.1:{port}:80/",
        "http://127.0.0.1:0{port}x/",
    ],
)
def test_a8_a_host_that_can_be_read_in_two_ways_is_invalid(siege, url):
    text = url.format(ok=ALLOWED, port=siege.canary.port)

    assert import_of(siege, text)() == "422"


def test_a8_a_dot_behind_the_host_changes_nothing(siege):
    codes = [
        import_of(siege, f"http://{host}:{siege.canary.port}/")
        for host in ("localhost.", "127.0.0.1.", "[::1].")
    ]

    assert "finished" not in [code() for code in codes]


@pytest.mark.parametrize("texts", [LOOPBACK, ODD, UNICODE, REFUSED["a5"]], ids=["a1", "a2", "a3", "a5"])
def test_a1_a2_a3_a5_pages_to_capture_obey_the_same_rule(siege, texts):
    jobs = [
        {
            "made": {
                "operation": "capture-website",
                "url": text.format(port=siege.canary.port),
                "output_format": "png",
                "timeout": 20,
            }
        }
        for text in texts
    ]
    answers = [siege.stack.api.post("/v2/jobs", json={"tasks": tasks}) for tasks in jobs]

    ends = [siege.end(answer.json()["data"]["id"]) for answer in answers if answer.status_code == 201]

    assert all(answer.status_code in {201, 422} for answer in answers)
    assert [end.made["status"] for end in ends] == ["error"] * len(ends)


# --- What the resolver says


class Net:
    """The network as this process sees it: every look-up and connection, none of which leaves."""

    def __init__(self):
        self.answers = []
        self.lookups = []
        self.connected = []

    def resolve(self, host, port, *rest, **more):
        name = host.decode() if isinstance(host, bytes) else host
        try:
            found = [f"{ipaddress.ip_address(name)}"]
        except ValueError:
            self.lookups.append(name)
            found = self.answers[min(len(self.lookups), len(self.answers)) - 1]
        return [
            (
                socket.AF_INET6 if ":" in each else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (each, int(port or 0), 0, 0) if ":" in each else (each, int(port or 0)),
            )
            for each in found
        ]


WATCHED: list[Net] = []


def _hook(event, arguments):
    # An audit hook cannot be taken away; this one sleeps while nobody watches.
    # Connecting a socket for datagrams sends nothing; sending one would.
    goes_out = event in {"socket.sendto", "socket.sendmsg"} or (
        event == "socket.connect" and arguments[0].type == socket.SOCK_STREAM
    )
    if WATCHED and goes_out and arguments[0].family in {socket.AF_INET, socket.AF_INET6}:
        WATCHED[-1].connected.append(arguments[1][0])
        raise ConnectionRefusedError


sys.addaudithook(_hook)


@pytest.fixture
def net(monkeypatch):
    net = Net()
    monkeypatch.setattr(socket, "getaddrinfo", net.resolve)
    WATCHED.append(net)
    yield net
    WATCHED.remove(net)


def fetch(tmp_path, url="http://somewhere.example/x"):
    work = Work(output_dir=tmp_path, options={"url": url, "headers": None, "filename": None})
    with pytest.raises(TaskError) as failure:
        import_url.fetch(work, RunContext(seconds=10))
    return failure.value


def test_a9_a_name_is_looked_up_once_and_its_address_kept(net, tmp_path):
    net.answers = [[PUBLIC], ["127.0.0.1"]]

    fetch(tmp_path)

    assert net.lookups == ["somewhere.example"]
    assert set(net.connected) == {PUBLIC}


@pytest.mark.parametrize("order", [[PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], [PUBLIC, "::1"]])
def test_a10_one_private_address_spoils_the_host(net, tmp_path, order):
    net.answers = [order]

    fetch(tmp_path)

    assert net.connected == []


PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "169.254.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.9",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "100.100.100.200",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "2001:4860::5efe:127.0.0.1",
    "fe80::5efe:10.0.0.1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a4_a5_no_private_address_is_connected_to(net, tmp_path, address):
    net.answers = [[address]]
    literal = f"http://[{address}]/" if ":" in address else f"http://{address}/"

    first, second = fetch(tmp_path), fetch(tmp_path, literal)

    assert net.connected == []
    assert first.code == second.code


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:2800:220:1:248:1893:25c8:1946"])
def test_a5_a_public_address_is_connected_to(net, tmp_path, address):
    net.answers = [[address]]

    fetch(tmp_path)

    assert net.connected == [address]


# --- What an allowed server says


@pytest.fixture
def server(siege):
    """The server that is allowed; each test says what it answers."""
    siege.origin.heard.clear()
    yield siege.origin
    siege.origin.answer = lambda _path: OK


def fetched(siege, path="/x", **options):
    """Import from the allowed server and export what came."""
    tasks = {
        "made": {
            "operation": "import/url",
            "url": siege.origin.url(path, host=ALLOWED),
            "timeout": 30,
            **options,
        },
        "out": {"operation": "export/url", "input": "made"},
    }
    return siege.run(tasks)


@pytest.mark.parametrize(
    "target",
    [
        *(
            "http://127.0.0.1:{port}/",
            "http://localhost:{port}/",
            "http://[::1]:{port}/",
            "//127.0.0.1:{port}/",
        ),
        *(
            "http://0x7f.1:{port}/",
            "http://x@127.0.0.1:{port}/",
            "file:///etc/passwd",
            "HTTP://127.1:{port}/",
        ),
        *("gopher://127.0.0.1:{port}/", "http://169.254.169.254/"),
    ],
)
@pytest.mark.parametrize("operation", ["import/url", "capture-website"])
def test_a11_a_redirect_to_the_inside_is_refused_at_its_hop(siege, server, operation, target):
    server.answer = lambda _path: redirect(target.format(port=siege.canary.port))
    made = {"operation": operation, "url": server.url("/page", host=ALLOWED), "timeout": 30}
    if operation == "capture-website":
        made["output_format"] = "pdf"

    end = siege.run({"made": made, "out": {"operation": "export/url", "input": "made"}})

    assert end.failed
    assert "/page" in server.paths()


@pytest.mark.parametrize("loop", [False, True])
def test_a12_redirects_end_after_five(siege, server, loop):
    numbers = itertools.count(1)
    server.answer = lambda _path: redirect("/x" if loop else f"/{next(numbers)}")

    end = fetched(siege)

    assert end.failed
    assert len(server.heard) == 6


def test_a13_headers_do_not_follow_to_another_origin(siege, server):
    with listening(ALLOWED) as second:
        server.answer = lambda _path: redirect(second.url("/there", host=ALLOWED))
        end = fetched(siege, headers={"Authorization": "Bearer seeded", "X-Token": "seeded"})

    assert not end.failed
    assert "seeded" in server.heard[0]
    assert second.paths() == ["/there"] and "seeded" not in second.heard[0]


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\r\nHost: 127.0.0.1"},
        {"X": "a\nb"},
        {"X": "a\0b"},
        {"X\r\nHost": "a"},
        {"X: Y": "a"},
        *(
            {name: "a"}
            for name in ("Host", "hOST", "Content-Length", "Transfer-Encoding", "Connection", "TE")
        ),
        *({name: "a"} for name in ("Upgrade", "Proxy-Authorization", "proxy-connection")),
    ],
    ids=lambda headers: f"{next(iter(headers.items()))!r}",
)
@pytest.mark.parametrize("operation", ["import/url", "capture-website"])
def test_a14_headers_that_would_change_the_request_are_invalid(siege, operation, headers):
    asked = {"url": siege.origin.url(host=ALLOWED), "headers": headers, "output_format": "png"}

    answer = siege.stack.api.post(f"/v2/{operation}", json=asked)

    # A NUL is no JSON that we read.
    assert answer.status_code == 400 or "headers" in answer.json()["errors"]


def test_a15_a_proxy_of_the_environment_is_not_asked(siege, server):
    # The service's environment names the canary as its proxy, for every test of the suite.
    end = fetched(siege, "/file.txt")
    captured = siege.run(
        {
            "made": {
                "operation": "capture-website",
                "url": server.url("/page", host=ALLOWED),
                "output_format": "pdf",
            }
        }
    )

    assert end.files == {"file.txt": b"canary"}
    assert not captured.failed, captured.words
    assert {"/file.txt", "/page"} <= set(server.paths())
    assert all(head.startswith("GET /") for head in server.heard)


def _endless():
    yield b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    for _ in range(20 * MOST_BYTES // 1_000_000):
        yield b"x" * 1_000_000


BODIES = {
    "packed a thousand times": lambda: answer(
        gzip.compress(bytes(2 * MOST_BYTES), 9), more="Content-Encoding: gzip\r\n"
    ),
    "packed twice": lambda: answer(
        gzip.compress(gzip.compress(bytes(2 * MOST_BYTES), 9), 9), more="Content-Encoding: gzip, gzip\r\n"
    ),
    "endless": _endless,
    "a length beyond the cap": lambda: answer(b"x", length=MOST_BYTES + 1),
    "a length it does not keep": lambda: answer(b"x" * 10, length=20),
    "a length below nothing": lambda: answer(b"x" * 10, length=-5),
}


ONCE = ("packed a thousand times", "packed twice", "endless", "a length beyond the cap")


@pytest.mark.parametrize("body", BODIES)
def test_a16_a_body_that_lies_about_its_size_is_given_up(siege, server, body):
    server.answer = lambda _path: BODIES[body]()

    end = fetched(siege, "/x.txt", timeout=30 if body in ONCE else 3)

    stored = [path.stat().st_size for path in (siege.stack.data_dir / "files").rglob("*") if path.is_file()]
    assert end.failed or all(len(data) <= MOST_BYTES for data in end.files.values())
    assert end.failed or body in {"packed twice", "a length below nothing"}
    assert max(stored) <= MOST_BYTES
    # It was read until the cap and no further, and nobody tried again.
    assert len(server.heard) == 1 or body not in ONCE


def _disposition(text):
    return answer(b"x", more=f"Content-Disposition: attachment; filename={text}\r\n")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ('"../../x.txt"', "x.txt"),
        ('"..\\\\..\\\\x.txt"', "x.txt"),
        ('"/etc/cron.d/x.txt"', "x.txt"),
        ('"C:\\\\x.txt"', "x.txt"),
        ("\"a\"; filename*=UTF-8''a%0D%0AX%3A%20y%00.txt", "aX: y.txt"),
        ("\"a\"; filename*=UTF-8''%E2%80%AEtxt.exe", "txt.exe"),
        ("\"a\"; filename*=UTF-8''%2e%2e%2fx.txt", "x.txt"),
        ('".."', "file"),
        ('""', "x"),
        (f'"{"n" * 10_000}.txt"', f"{'n' * 196}.txt"),
    ],
)
def test_a17_a_servers_name_for_its_file_is_cleaned(siege, server, given, kept):
    server.answer = lambda _path: _disposition(given)

    end = fetched(siege)

    assert list(end.files) == [kept]
