"""Pieces of a file, never more than a budget in all: a hostile header cannot make us read on."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

BUDGET = 8 * 1024 * 1024
HEAD = 64 * 1024
Looked = Path | BinaryIO
"""What is looked at: a file by its path, or one that is open already, and stays so."""


class Unreadable(Exception):
    """The file ends too early or contradicts itself."""


class Spent(Unreadable):
    """The file asks for more than we read."""


class Window:
    """A file, of which small pieces are looked at.

    :raises OSError: when it cannot be opened.
    """

    def __init__(self, looked: Looked, budget: int = BUDGET) -> None:
        self._is_ours = isinstance(looked, Path)
        self._file = looked.open("rb") if isinstance(looked, Path) else looked
        self.size = self._file.seek(0, os.SEEK_END)
        self.left = budget
        self.head = self.some(0, HEAD)

    def __enter__(self) -> Window:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_ours:
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
        self._file.seek(offset)
        return self._file.read(most)

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
