"""The line that a client for S3 speaks on: where it may, past proxies, hearing no more than it asked for."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from jobs.contract import outbound
from jobs.contract.urls import PORTS

from .door import CONNECT_SECONDS, IDLE_SECONDS
from .parts import Part

MOST_BYTES = 8 * 1024 * 1024
"""Of a list: it has a thousand keys of a kilobyte, three times as long encoded."""
MOST_WORDS = 256 * 1024
"""Of any other answer that is no object; read, it takes forty times as much memory."""
MOST_SECONDS = 120.0
_PIECE = 64 * 1024


class Line:
    """Sends what a client asks, in place of the client itself; threads may share it."""

    def __init__(self, connections: int) -> None:
        from botocore.httpsession import URLLib3Session

        self._session = URLLib3Session(
            # The system's certificates, so that an operator can add a private authority.
            verify=ssl.get_default_verify_paths().cafile or True,
            proxies={},
            timeout=(CONNECT_SECONDS, IDLE_SECONDS),
            max_pool_connections=connections,
        )
        self._known: set[tuple[str, int]] = set()

    def carry(self, events: Any) -> None:
        """Do the sending of the client whose events these are. What it sends of a ``Part`` is told."""
        events.register_first("request-created.s3", self._sign)
        events.register_last("request-created.s3", self._go)
        events.register("before-send.s3", self._send)

    def close(self) -> None:
        """Hang up."""
        self._session.close()

    def _sign(self, request: Any, **_: Any) -> None:
        # For a signature it is read, too.
        if isinstance(request.data, Part):
            request.data.is_going = False

    def _go(self, request: Any, **_: Any) -> None:
        if isinstance(request.data, Part):
            request.data.is_going = True

    def _send(self, request: Any, **_: Any) -> Any:
        parts = urlsplit(request.url)
        where = (parts.hostname or "", parts.port or PORTS[parts.scheme])
        if where not in self._known:
            outbound.resolve(*where)
            self._known.add(where)
        is_object, request.stream_output = request.stream_output, True
        answer = self._session.send(request)
        most = MOST_BYTES if request.method == "GET" and answer.status_code < 300 else MOST_WORDS
        answer.raw = _Answer(answer.raw, most, is_head=request.method == "HEAD")
        # Read now, what breaks off is asked for once more.
        return answer if is_object else _read(answer)


def _read(answer: Any) -> Any:
    from botocore.exceptions import ResponseStreamingError
    from urllib3.exceptions import HTTPError

    try:
        len(answer.content)
    except HTTPError as error:
        raise ResponseStreamingError(error=error) from error
    return answer


class _Answer:
    """A body that comes in the pieces it arrives in; one that is no object is bounded."""

    def __init__(self, raw: Any, most: int, *, is_head: bool) -> None:
        self._raw, self._most, self._is_head = raw, most, is_head

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def read(self, amt: int | None = None) -> bytes:
        """Return what is there of an object: who waits for more cannot hear that it must stop."""
        data: bytes = self._raw.read1(amt)
        return data

    def stream(self) -> Iterator[bytes]:
        """Yield the whole of another answer.

        :raises ResponseStreamingError: when it is not whole, too long, or takes too long.
        """
        from botocore.exceptions import ResponseStreamingError

        told = "" if self._is_head else self._raw.headers.get("Content-Length", "")
        ends, came = time.monotonic() + MOST_SECONDS, 0
        while data := self.read(_PIECE):
            came += len(data)
            if came > self._most or time.monotonic() > ends:
                self._raw.close()
                raise ResponseStreamingError(error="The answer does not end.")
            yield data
        if told.isdigit() and told != f"{came}":
            raise ResponseStreamingError(error="The answer is not whole.")
