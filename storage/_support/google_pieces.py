"""Objects on their way to Google and from there, piece by piece: any size, in a little memory."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

import google_crc32c

from . import inflate, refusals
from .limits import CHUNK, CappedFile
from .place import Advance, Item

PIECE = 256 * 1024
_RANGE = re.compile(r"bytes=0-(\d+)")


class Incoming:
    """A file that an object's bytes are written to, as they come."""

    def __init__(self, file: IO[bytes], item: Item, advance: Advance) -> None:
        self._file, self._item, self._advance = file, item, advance
        self._checksum = google_crc32c.Checksum()
        self.size = 0

    @property
    def left(self) -> int:
        """How many bytes are still to come."""
        return (self._item.size or 0) - self.size

    @property
    def crc32c(self) -> str:
        """The checksum of what has come, as Google writes it."""
        return _written(self._checksum)

    def write(self, data: bytes) -> int:
        """Take the next bytes.

        :raises StorageUnreachable: when they are more than the object has.
        """
        self.size += len(data)
        if self.left < 0:
            raise refusals.altered(self._item.key)
        self._file.write(data)
        self._checksum.update(data)
        self._advance(len(data))
        return len(data)


class Outgoing:
    """The rest of a file, sent in one request; where that breaks off, what has not arrived is the rest."""

    def __init__(self, file: IO[bytes], size: int, advance: Advance) -> None:
        self._file, self._advance = file, advance
        self.size = size
        self.start = 0
        self._told = 0

    def __len__(self) -> int:
        return self.size - self.start

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(self.start)
        left = len(self)
        while left and (piece := self._file.read(min(PIECE, left))):
            left -= len(piece)
            self._told += len(piece)
            self._advance(len(piece))
            yield piece

    @property
    def range(self) -> str:
        """What the rest is of the whole."""
        part = f"{self.start}-{self.size - 1}" if len(self) else "*"
        return f"bytes {part}/{self.size}"

    def go_on(self, arrived: str) -> bool:
        """Let the rest begin after what has arrived; tell whether that is more than before.

        :param arrived: a ``Range``; empty for nothing.
        """
        found = _RANGE.fullmatch(arrived)
        before, self.start = self.start, min(int(found[1]) + 1, self.size) if found else 0
        self._advance(self.start - self._told)
        self._told = self.start
        return self.start > before


def checksum(file: IO[bytes], advance: Advance) -> str:
    """Return a file's checksum, as Google writes it; the file is at its beginning afterwards."""
    made = google_crc32c.Checksum()
    for data in iter(partial(file.read, CHUNK), b""):
        made.update(data)
        advance(0)
    file.seek(0)
    return _written(made)


def unpack(target: Path, advance: Advance) -> None:
    """Put in a gzip file's place what is in it.

    :raises FileTooLarge: when that is more than a file may have.
    :raises DownloadFailed: when it is damaged.
    """
    packed = target.with_name(f"{target.name}.gz")
    target.rename(packed)
    try:
        with packed.open("rb") as file, CappedFile(target) as unpacked:
            for data in inflate.inflated(iter(partial(file.read, CHUNK), b""), "gzip"):
                unpacked.write(data)
                advance(0)
    finally:
        packed.unlink()


def _written(made: google_crc32c.Checksum) -> str:
    return base64.b64encode(made.digest()).decode()
