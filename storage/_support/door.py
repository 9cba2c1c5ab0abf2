"""The one door to the network: resolves a host once, connects to what was resolved, and can be stopped."""

from __future__ import annotations

import functools
import socket
import ssl
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import httpcore
import httpx

from jobs.contract import outbound

from .limits import LOOK_SECONDS, Watch

CONNECT_SECONDS = 10
IDLE_SECONDS = 30
SLICE = 64 * 1024
"""Bytes that are sent before the other side is listened to again."""
TIMEOUTS = {
    "connect": CONNECT_SECONDS,
    "read": IDLE_SECONDS,
    "write": IDLE_SECONDS,
    "pool": CONNECT_SECONDS,
}


class Transport(httpx.HTTPTransport):
    """Speaks HTTP through the door: no proxy, no environment, no cookies, no connection kept for others."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(verify=_tls(), trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(), max_keepalive_connections=0, network_backend=_Door(watch)
        )


def addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a host, to be connected to as they are: nobody asks a second time.

    Whether they may be connected to is decided here, for every hop of every transfer.

    :raises AddressRefused: when one of them may not.
    :raises httpcore.ConnectError: when it has none.
    """
    try:
        return outbound.resolve(host, port)
    except TimeoutError as error:
        raise httpcore.ConnectTimeout from error
    except OSError as error:
        raise httpcore.ConnectError from error


class _Door(httpcore.SyncBackend):
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers; each has an equal share of the time left."""
        self._watch()
        left = addresses(host, port)
        ends = time.monotonic() + self._watch.at_most(timeout or CONNECT_SECONDS)
        while True:
            address = left.pop(0)
            share = max(0.1, (ends - time.monotonic()) / (len(left) + 1))
            try:
                return _Stream(
                    super().connect_tcp(address, port, share, local_address, socket_options), self._watch
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                self._watch()
                if not left:
                    raise


class _Stream(httpcore.NetworkStream):
    """Waits in slices, so that an order to stop is heard while the other side is silent."""

    def __init__(self, inner: httpcore.NetworkStream, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch
        self._heard = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._heard:
            heard, self._heard = self._heard[:max_bytes], self._heard[max_bytes:]
            return heard
        ends = time.monotonic() + (timeout or IDLE_SECONDS)
        while True:
            self._watch()
            try:
                return self._inner.read(max_bytes, timeout=self._watch.at_most(LOOK_SECONDS))
            except httpcore.ReadTimeout:
                if time.monotonic() >= ends:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send it all.

        :raises httpcore.WriteError: when the other side has answered already, or is gone: read its answer.
        """
        connection: socket.socket = self._inner.get_extra_info("socket")
        left = memoryview(buffer)
        ends = time.monotonic() + (timeout or IDLE_SECONDS)
        while left:
            self._watch()
            try:
                self._listen(connection)
                connection.settimeout(self._watch.at_most(LOOK_SECONDS))
                sent = connection.send(left[:SLICE])
            except TimeoutError as error:
                if time.monotonic() >= ends:
                    raise httpcore.WriteTimeout from error
            except OSError as error:
                raise httpcore.WriteError from error
            else:
                left = left[sent:]
                ends = time.monotonic() + (timeout or IDLE_SECONDS)

    def _listen(self, connection: socket.socket) -> None:
        # By reading, since of TLS something may have come that is no answer yet.
        connection.settimeout(0)
        with suppress(BlockingIOError, ssl.SSLWantReadError):
            heard = connection.recv(SLICE)
            self._heard += heard
            # "HTTP/1.1 100" and its like only announce the answer.
            if self._heard[9:10] != b"1":
                raise httpcore.WriteError("The answer came before all was sent.")

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        seconds = self._watch.at_most(timeout or CONNECT_SECONDS)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, seconds), self._watch)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


@functools.cache
def _tls() -> ssl.SSLContext:
    # The system's certificates, so that an operator can add a private authority.
    return ssl.create_default_context()
