"""Calls Django as a plain function in a few threads of its own, which keep their database connections.

Its own ASGI handler makes a thread for each request and goes to and fro between that and the event loop:
measured, 3.2 ms of processor time for an answer that takes 0.2 ms this way.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

from starlette.types import Scope

_PLAIN = {"content-type": "CONTENT_TYPE"}
_NOT_PASSED = {"content-length", "transfer-encoding"}


class StartResponse(Protocol):
    """What a WSGI application tells status and headers to."""

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Any:
        """Take them."""


class Application(Protocol):
    """A WSGI application, as far as we call one."""

    def __call__(self, environ: dict[str, Any], start_response: StartResponse, /) -> Iterable[bytes]:
        """Answer a request."""


@dataclass(frozen=True)
class Answer:
    """A whole response."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str:
        """Return a header's value; empty when there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")


class Threads:
    """A WSGI application in a pool of threads; what exceeds them waits in line, in the order it came."""

    def __init__(self, application: Application, *, size: int) -> None:
        self._application = application
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="django")

    async def ask(self, scope: Scope, body: IO[bytes]) -> Answer:
        """Return the answer once it is whole, so that a client that reads slowly holds no thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._call, scope, body)

    def _call(self, scope: Scope, body: IO[bytes]) -> Answer:
        said: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
            said.append((status, headers))

        response = self._application(environ(scope, body), start)
        try:
            content = b"".join(response)
        finally:
            if close := getattr(response, "close", None):
                close()
        status, headers = said[-1]
        return Answer(int(status.split(" ", 1)[0]), headers, content)


def environ(scope: Scope, body: IO[bytes]) -> dict[str, Any]:
    """Return a request as WSGI has it (PEP 3333: text there is bytes, decoded as Latin-1)."""
    size = body.seek(0, 2)
    body.seek(0)
    server, client = scope.get("server") or ("unknown", None), scope.get("client") or ("", 0)
    return {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": f"{server[1] or 0}",
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": f"{client[1]}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **_headers(scope["headers"]),
        "CONTENT_LENGTH": f"{size}",
    }


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw, value in pairs:
        name = raw.decode("latin-1").lower()
        # With an underscore it could pass for another header.
        if name in _NOT_PASSED or "_" in name:
            continue
        key = _PLAIN.get(name) or "HTTP_" + name.upper().replace("-", "_")
        joint = "; " if name == "cookie" else ","
        text = value.decode("latin-1")
        headers[key] = f"{headers[key]}{joint}{text}" if key in headers else text
    return headers
