"""The connections of a transfer, whatever library makes them: a server that never ends is hung up on."""

from __future__ import annotations

import functools
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from jobs.contract.errors import Stopped

_mine: ContextVar[Lines] = ContextVar("lines")


class Lines:
    """Connections, known by their numbers and by what the system calls them: numbers are used again."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[int, int]] = {}
        self._is_over = False
        self._lock = threading.Lock()

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note all that are made in the block: by this thread, and by those that work in its context."""
        _listen()
        token = _mine.set(self)
        try:
            yield
        finally:
            _mine.reset(token)

    def hang_up(self) -> None:
        """End them, so that whoever waits for one goes on; from now on none is made."""
        with self._lock:
            self._is_over = True
            for number, known in self._made.items():
                with suppress(OSError):
                    _cut(number, known)

    def begun(self, connection: socket.socket) -> None:
        """Note one.

        :raises Stopped: when none is to be made any more.
        """
        with self._lock:
            if self._is_over:
                raise Stopped
            number = connection.fileno()
            self._made[number] = _known(number)


def _known(number: int) -> tuple[int, int]:
    about = os.fstat(number)
    return about.st_dev, about.st_ino


def _cut(number: int, known: tuple[int, int]) -> None:
    # A second number for it, which nobody else can close and be given meanwhile.
    held = os.dup(number)
    try:
        if _known(held) == known:
            with socket.socket(fileno=os.dup(held)) as connection:
                connection.shutdown(socket.SHUT_RDWR)
    finally:
        os.close(held)


@functools.cache
def _listen() -> None:
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and (lines := _mine.get(None)):
        lines.begun(arguments[0])
