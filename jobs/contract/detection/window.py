"""Pieces of a file, never more than a budget in all: a hostile header cannot make us read on."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Any

BUDGET = 8 * 1024 * 1024
HEAD = 64 * 1024


class Unreadable(Exception):
    """The file ends too early or contradicts itself."""


class Spent(Unreadable):
    """The file asks for more than we read."""


class Window:
    """A file, of which small pieces are looked at.

    :raises OSError: when it cannot be opened.
    """

    def __init__(self, path: Path, budget: int = BUDGET) -> None:
        self._file = path.open("rb", buffering=0)
        self.size = os.fstat(self._file.fileno()).st_size
        self.left = budget
        self.head = self.some(0, HEAD)

    def __enter__(self) -> Window:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def some(self, offset: int, most: int) -> bytes:
        """Return the bytes there, fewer at the end of the file.

        :raises Spent: when the budget does not suffice.
        """
        most = max(0, min(most, self.size - offset))
        if offset < 0:
            raise Unreadable
        if most > self.left:
            raise Spent
        self.left -= most + 64  # so that empty pieces come to an end too
        return os.pread(self._file.fileno(), most, offset)

    def exactly(self, offset: int, size: int) -> bytes:
        """Return the bytes there.

        :raises Unreadable: when there are fewer.
        :raises Spent: when the budget does not suffice.
        """
        data = self.some(offset, size)
        if len(data) != size:
            raise Unreadable
        return data

    def numbers(self, offset: int, layout: str) -> tuple[Any, ...]:
        """Return the numbers there, laid out as ``struct`` says.

        :raises Unreadable: as ``exactly``.
        """
        return struct.unpack(layout, self.exactly(offset, struct.calcsize(layout)))
