"""What bounds a transfer: time, the order to stop, and size."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from jobs.contract import Context
from jobs.contract.errors import FileTooLarge, Stopped, Timeout
from jobs.contract.limits import FILE_BYTES, TASK_SECONDS

from . import refusals

MAX_FILE_BYTES = FILE_BYTES
MAX_SECONDS = TASK_SECONDS
"""A transfer's only time limit is the task's own; this is the longest a customer can set."""
CHUNK = 1024 * 1024
LOOK_SECONDS = 0.1
"""How often a transfer looks whether it must stop."""
MOST_PAGES = 1000
Page = TypeVar("Page")


def pages(listed: Iterable[Page], field: str) -> Iterator[Page]:
    """Yield the pages of a listing; also empty ones, or of what is passed over, must come to an end.

    :param field: the option that said what to list.
    :raises StorageRefused: when there are too many.
    """
    for number, page in enumerate(listed):
        if number == MOST_PAGES:
            raise refusals.refused("its list does not end", field)
        yield page


class Watch:
    """Ends a transfer that must not go on; cheap enough to be called for every piece."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._next = 0.0

    def __call__(self) -> None:
        """Return if the transfer may go on.

        :raises Timeout: when its time is up.
        :raises Stopped: when it was told to stop.
        """
        now = time.monotonic()
        if now >= self._context.deadline:
            raise Timeout
        if now >= self._next:
            self._next = now + LOOK_SECONDS
            if reason := self._context.stopped:
                raise Stopped(reason)

    def at_most(self, seconds: float) -> float:
        """Return the seconds, or what is left until the deadline; never quite nothing."""
        return max(0.001, min(seconds, self._context.deadline - time.monotonic()))


class CappedFile:
    """A new file that refuses to grow beyond the cap; what was written of a refused one stays behind.

    :param kept: how many bytes it has already, if it is not new.
    """

    def __init__(self, path: Path, *, kept: int = 0) -> None:
        self._file = path.open("ab" if kept else "xb")
        self._room = MAX_FILE_BYTES - kept

    def __enter__(self) -> CappedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, data: bytes) -> None:
        """Append the bytes.

        :raises FileTooLarge: when they do not fit.
        """
        self._room -= len(data)
        if self._room < 0:
            raise FileTooLarge
        self._file.write(data)
