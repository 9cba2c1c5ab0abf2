"""A way to a server that can be cut in the middle, made slow to answer, or dead."""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PIECE = 64 * 1024


class Cutter:
    """Passes on what comes to ``port``; cuts connections where it is told to."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        """How many came."""
        self.cuts = 0
        """How many were cut."""
        self.left = 0
        """How many more to cut."""
        self._up: int | None = None
        self._down: int | None = None
        self._silent = threading.Event()
        self._ended = threading.Event()
        threading.Thread(target=self._serve, name="cutter", daemon=True).start()

    def cut(self, *, up: int | None = None, down: int | None = None, times: int = 1) -> None:
        """Reset the next connections that pass so many bytes up to the server, or down from it."""
        self._up, self._down, self.left = up, down, times

    def fall_silent(self) -> None:
        """Pass nothing on from now on, and answer nothing: the line is up, and nobody is there."""
        self._silent.set()

    def end(self) -> None:
        """Hang up."""
        self._ended.set()
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as server:
            passed = {client: 0, server: 0}
            limit = {client: self._up, server: self._down} if self.left > 0 else {client: None, server: None}
            other = {client: server, server: client}
            with selectors.DefaultSelector() as watched:
                for each in passed:
                    watched.register(each, selectors.EVENT_READ, each)
                while not self._ended.is_set() and watched.get_map():
                    for key, _ in watched.select(0.1):
                        end: socket.socket = key.data
                        if self._silent.is_set():
                            self._ended.wait(0.1)
                            continue
                        piece = end.recv(_PIECE)
                        if not piece:
                            watched.unregister(end)
                            other[end].shutdown(socket.SHUT_WR)
                            continue
                        passed[end] += len(piece)
                        most = limit[end]
                        if most is not None and passed[end] > most and self.left > 0:
                            self.left -= 1
                            self.cuts += 1
                            _reset(client)
                            return
                        other[end].sendall(piece)


def _reset(connection: socket.socket) -> None:
    # Not an orderly end: the other side is told that the line broke.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextmanager
def cutter(target: int) -> Iterator[Cutter]:
    """A way to the server on a port of 127.0.0.1, for as long as the block lasts."""
    way = Cutter(target)
    try:
        yield way
    finally:
        way.end()
