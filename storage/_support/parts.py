"""The parts of a file: which bytes they have, their digests, and how they are read while they are sent."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from .limits import CHUNK
from .place import Advance

SIZE = 8 * 1024 * 1024
WIDTH = 4
"""How many move at once."""


def spans(size: int, *, most: int) -> list[range]:
    """Return the bytes of each part, in order: all of one size, but for the last.

    :param most: how many parts there may be.
    """
    step = SIZE
    while step * most < size:
        step *= 2
    return [range(start, min(start + step, size)) for start in range(0, size, step)]


def digest(file: int, span: range, update: Callable[[bytes], None]) -> None:
    """Feed these bytes of an open file to a digest."""
    at = span.start
    while at < span.stop and (data := os.pread(file, min(CHUNK, span.stop - at), at)):
        update(data)
        at += len(data)


class Part:
    """Some bytes of a file, for libraries that read what they send, and perhaps read it before.

    What is read while ``is_going`` counts as sent, and once only.
    """

    def __init__(self, path: Path, span: range, advance: Advance) -> None:
        self._file = path.open("rb")
        self._span, self._advance = span, advance
        self._at = self._told = 0
        self.is_going = True

    def __len__(self) -> int:
        return len(self._span)

    def __enter__(self) -> Part:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def md5(self) -> bytes:
        """Return the digest of all of it."""
        found = hashlib.md5(usedforsecurity=False)
        digest(self._file.fileno(), self._span, found.update)
        return found.digest()

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Read on from elsewhere."""
        self._at = offset + (0, self._at, len(self))[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes.

        :raises AthanorError: when the transfer must not go on.
        """
        left = max(0, len(self) - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        data = os.pread(self._file.fileno(), wanted, self._span.start + self._at)
        self._at += len(data)
        if self.is_going:
            news = max(0, self._at - self._told)
            self._told += news
            self._advance(news)
        return data
