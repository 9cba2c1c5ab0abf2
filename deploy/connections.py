"""One HTTP connection: uvicorn's, with an end to every patience it lacks one for."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

HEAD_SECONDS = 30.0
"""From a request's first byte, or a new connection's start, to the end of its headers."""
DRAIN_SECONDS = 30.0
"""For the rest of a body that was refused before its end."""
STUCK_SECONDS = 120.0
"""For a client to read any of what waits to be sent."""
MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 100
_SILENT = (60, 15, 4)
"""Seconds of silence before the other side is probed, between probes, and how many may fail."""

_TOO_LARGE = (431, "REQUEST_HEADER_FIELDS_TOO_LARGE", "The headers of the request are too large.")
_BROKEN = (400, "BAD_REQUEST", "The request could not be read.")


class HeadTooLarge(Exception):
    """Raised into the parser to stop it."""


class Connection(HttpToolsProtocol):
    """Closes on a head that does not end, a refused body that drips, and a client that does not read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._in_head = False
        self._in_body = False
        self._head_bytes = 0
        self._refusal = _BROKEN

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _probe(transport)
        self._arm(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing():
            return
        # Between requests too: a drip of empty lines must not keep a connection for ever.
        is_idle = not self._in_body and (self.cycle is None or self.cycle.response_complete)
        if self._in_head or is_idle:
            self._head_bytes += len(data)
            if self._deadline is None:
                self._arm(HEAD_SECONDS)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refusal = _TOO_LARGE
                self.send_400_response("")

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head, self._in_body = False, True
        self._disarm()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._refusal = _TOO_LARGE
            raise HeadTooLarge
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        self._head_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_body:
            self._arm(DRAIN_SECONDS)

    def send_400_response(self, _message: str) -> None:
        """Refuse what is no request, as JSON like every refusal."""
        status, code, sentence = self._refusal
        body = json.dumps({"message": sentence, "code": code}, separators=(",", ":")).encode()
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(
            body
        )
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(STUCK_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _probe(transport: asyncio.Transport) -> None:
    """Find out when a silent client is gone without a word, so that nobody waits in its name."""
    peer = transport.get_extra_info("socket")
    if peer is None or peer.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    idle, between, failures = _SILENT
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, between)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, failures)
