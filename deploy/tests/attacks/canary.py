"""Listeners that nobody may reach, and one that may be reached: what arrives is written down."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: close\r\n\r\ncanary"


@dataclass
class Canary:
    """One port on one or more addresses. A connection counts, whatever it says."""

    answer: Callable[[str], bytes | Iterable[bytes]] = lambda _path: OK
    """The whole answer to a request's path, in one piece or several."""
    heard: list[str] = field(default_factory=list)
    """The head of each connection, as far as it came."""
    port: int = 0

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """Return an address of this port."""
        return f"http://{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        """Return the targets that were asked for, in order."""
        return [head.split(" ")[1] for head in self.heard if head.count(" ") >= 2]


@contextmanager
def listening(*hosts: str) -> Iterator[Canary]:
    """Listen on the same port of these addresses."""
    canary = Canary()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            head = _head(self.request)
            canary.heard.append(head.decode("latin-1"))
            words = head.split(b" ")
            try:
                said = canary.answer(words[1].decode("latin-1") if len(words) > 2 else "")
                for piece in (said,) if isinstance(said, bytes) else said:
                    self.request.sendall(piece)
            except OSError:
                return

    servers = []
    try:
        for host in hosts:
            kind = type("Server", (socketserver.ThreadingTCPServer,), {"daemon_threads": True})
            kind.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            kind.allow_reuse_address = True
            server = kind((host, canary.port), Handler)
            canary.port = server.server_address[1]
            servers.append(server)
            threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        yield canary
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def _head(connection: socket.socket) -> bytes:
    connection.settimeout(5)
    head = b""
    try:
        while b"\r\n\r\n" not in head and len(head) < 65536:
            if not (piece := connection.recv(4096)):
                break
            head += piece
    except OSError:
        pass
    return head


def redirect(to: str, status: int = 302) -> bytes:
    """Return an answer that leads elsewhere."""
    head = f"HTTP/1.1 {status} Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    return head.encode()


def answer(body: bytes, *, length: int | None = None, more: str = "") -> bytes:
    """Return an answer with a body, and with another length than it has, if one is given."""
    told = len(body) if length is None else length
    return f"HTTP/1.1 200 OK\r\nContent-Length: {told}\r\nConnection: close\r\n{more}\r\n".encode() + body
