"""A context to run transfers in, and a web server that misbehaves on demand."""

from __future__ import annotations

import datetime
import gzip
import hashlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from storage._support import door


@dataclass
class RunContext:
    """Records what a run tells; ``stop`` is asked whether, and why, it must stop."""

    owner: str = "owner"
    seconds: float = 60
    stop: Callable[[], str | None] = lambda: None
    percents: list[float] = field(default_factory=list)
    loose_ends: list[str] = field(default_factory=list)
    """What an earlier attempt left, and what this one begins."""
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.seconds

    @property
    def stopped(self) -> str | None:
        return self.stop()

    def progress(self, percent: float, message: str | None = None) -> None:
        self.percents.append(percent)

    def begun(self, loose_end: str) -> None:
        self.loose_ends.append(loose_end)

    def record(self, *, argv: Sequence[str], output: str) -> None:
        assert not argv, "transfers run no tool"
        self.words.append(output)


class Site(ThreadingHTTPServer):
    """One origin. ``asked`` holds what it was asked; ``stalled`` is set once it falls silent.

    ``put`` holds what was put there whole; ``content`` is what it serves in parts, and breaks off ``cuts``
    times.
    """

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.put: dict[str, bytes] = {}
        self.content = b"hello"
        self.cuts = 0
        self.sums: list[tuple[str, str]] = []
        self.stalled = threading.Event()
        self.release = threading.Event()
        self.elsewhere = ""
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up: they are meant to."""

    def end(self) -> None:
        self.release.set()
        self.shutdown()
        self.server_close()


class _Page(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self._serve("page", lambda _: self.answer(b"hello"))

    def do_PUT(self) -> None:
        self._serve("put", self.put_inbox)

    def _serve(self, kind: str, default: Callable[[str], None]) -> None:
        self.close_connection = True
        self.server.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        name, _, argument = self.path.partition("?")[0][1:].partition("/")
        page = getattr(self, f"{kind}_{name}", default)
        with suppress(BrokenPipeError, ConnectionResetError):
            page(argument)

    def put_inbox(self, argument: str, status: int = 201) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) == length:
            self.server.put[self.path] = body
            self.answer(b"", status)

    def put_status(self, argument: str) -> None:
        self.put_inbox("", int(argument.partition("/")[0]))

    def put_early(self, argument: str) -> None:
        self.answer(b"<Code>AccessDenied</Code>", int(argument.partition("/")[0]))
        if argument.endswith("/open"):
            self.server.release.wait(60)

    def put_echo(self, argument: str) -> None:
        self.answer(f"What is {self.path}?".encode(), 403)

    def put_cut(self, argument: str) -> None:
        self.rfile.read(int(argument))

    def put_slow(self, argument: str) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.rfile.read(1000)
        self.server.stalled.set()
        self.server.release.wait(60)

    def put_drain(self, argument: str) -> None:
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 65536)))
        self.answer()

    def put_mute(self, argument: str) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.stalled.set()
        self.server.release.wait(60)

    def put_to(self, argument: str) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(b"ignored", int(argument), [("Location", self.server.elsewhere)])

    def page_parts(self, argument: str) -> None:
        """Serve ``content`` with its ETag, in parts if asked; the argument says what is wrong with it."""
        content, etag = self.server.content, f'"{hashlib.md5(self.server.content).hexdigest()}"'
        start = 0
        asked = self.headers.get("Range", "").removeprefix("bytes=").partition("-")[0]
        headers = [("ETag", f"W/{etag}" if argument == "weak" else etag), *self.server.sums]
        if asked and self.headers.get("If-Range") == etag and argument != "ignores":
            start = int(asked)
            shown = start - 1 if argument == "lies" else start
            headers.append(("Content-Range", f"bytes {shown}-{len(content) - 1}/{len(content)}"))
        rest = content[start:]
        headers.append(("Content-Length", f"{len(rest)}"))
        if self.server.cuts:
            self.server.cuts -= 1
            rest = rest[: len(rest) // 2]
            if argument == "changes":
                self.server.content = b"changed" * 1000
        self.answer(rest, 206 if start else 200, headers)

    def answer(self, body: bytes = b"", status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> None:
        lines = [f"HTTP/1.1 {status} Whatever"]
        given = {name.lower() for name, _ in headers}
        if not given & {"content-length", "transfer-encoding", "x-no-length"}:
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{name}: {value}" for name, value in headers]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)

    def page_status(self, argument: str) -> None:
        self.answer(b"an error page", int(argument))

    def page_hop(self, argument: str) -> None:
        left = int(argument)
        self.answer(b"", 302, [("Location", f"/hop/{left - 1}" if left else "/end.txt")])

    def page_loop(self, argument: str) -> None:
        self.answer(b"", 301, [("Location", "/loop")])

    def page_to(self, argument: str) -> None:
        self.answer(b"ignored", int(argument or 302), [("Location", self.server.elsewhere)])

    def page_named(self, argument: str) -> None:
        self.answer(b"hello", 200, [("Content-Disposition", self.headers["X-Wanted"])])

    def page_typed(self, argument: str) -> None:
        self.answer(b"hello", 200, [("Content-Type", self.headers["X-Wanted"])])

    def page_short(self, argument: str) -> None:
        self.answer(b"only this", 200, [("Content-Length", "1000")])

    def page_long(self, argument: str) -> None:
        self.answer(b"hello and more than that", 200, [("Content-Length", "5")])

    def page_huge(self, argument: str) -> None:
        self.answer(b"x", 200, [("Content-Length", f"{10**15}")])

    def page_nonsense(self, argument: str) -> None:
        self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    def page_nolength(self, argument: str) -> None:
        self.answer(b"until the end", 200, [("X-No-Length", "1")])

    def page_cutchunk(self, argument: str) -> None:
        self.answer(b"ff\r\nshort", 200, [("Transfer-Encoding", "chunked")])

    def page_endless(self, argument: str) -> None:
        self.answer(b"", 200, [("Transfer-Encoding", "chunked")])
        while not self.server.release.is_set():
            self.wfile.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

    def page_stall(self, argument: str) -> None:
        if argument != "mute":
            self.answer(b"some", 200, [("Content-Length", "1000")])
        self.wfile.flush()
        self.server.stalled.set()
        self.server.release.wait(60)

    def page_big(self, argument: str) -> None:
        self.answer(b"x" * 3_000_000)

    def page_packed(self, argument: str) -> None:
        self.answer(gzip.compress(b"hello" * 1000), 200, [("Content-Encoding", "gzip")])

    def page_bomb(self, argument: str) -> None:
        self.answer(gzip.compress(bytes(50_000_000)), 200, [("Content-Encoding", "gzip")])

    def page_damaged(self, argument: str) -> None:
        self.answer(gzip.compress(b"hello" * 1000)[:-10], 200, [("Content-Encoding", "gzip")])

    def page_brotli(self, argument: str) -> None:
        self.answer(b"?", 200, [("Content-Encoding", "br")])

    def page_lines(self, argument: str) -> None:
        self.answer(b"hello", 200, [(f"X-{number}", "x") for number in range(int(argument))])

    def page_header(self, argument: str) -> None:
        self.answer(b"hello", 200, [("X-Long", "x" * int(argument))])

    def page_cookie(self, argument: str) -> None:
        self.answer(b"", 302, [("Set-Cookie", "session=1; Path=/"), ("Location", "/end.txt")])

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server."""
    served = Site()
    yield served
    served.end()


@pytest.fixture
def other() -> Iterator[Site]:
    """A web server of another origin."""
    served = Site()
    yield served
    served.end()


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A web server that speaks TLS as localhost, and is trusted."""
    pem = tmp_path / "certificate.pem"
    pem.write_bytes(certificate_for("localhost"))
    monkeypatch.setenv("SSL_CERT_FILE", f"{pem}")
    door._tls.cache_clear()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pem)
    served = Site(tls)
    yield served
    served.end()
    door._tls.cache_clear()


@pytest.fixture
def into(tmp_path: Path) -> Path:
    """An output folder."""
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def certificate_for(host: str) -> bytes:
    """Return a certificate of its own authority for a host, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("::2"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return signed.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
