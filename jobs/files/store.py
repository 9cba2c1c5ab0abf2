"""What every file store does, wherever it keeps its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

CHUNK = 1024 * 1024
PIECE = 256 * 1024
"""What is read at once: thousands of downloads together must fit in memory."""


@dataclass(frozen=True)
class Stored:
    """A file in the store."""

    key: str
    size: int
    sha256: str


class Writing(Protocol):
    """A file on its way into the store, piece by piece; nobody sees it before it is closed."""

    @property
    def key(self) -> str:
        """Where it will be."""

    def write(self, data: bytes) -> None:
        """Add a piece."""

    def close(self) -> None:
        """Return once the whole file is stored for good."""

    def discard(self) -> None:
        """Let nothing of it remain, closed or not."""


class Store(Protocol):
    """Bytes under keys. What is stored under a key never changes.

    All of it may be used by several threads, and raises ``DiskFull`` where there is no room, ``FileGone``
    where there is no such file, and ``FileStoreUnreachable`` where the store does not do its work.
    """

    def put(self, source: Path, key: str) -> None:
        """Move a file into the store; it is there when it is whole and there for good."""

    def begin(self, key: str) -> Writing:
        """Begin to write a file."""

    def copy(self, key: str, to: str) -> None:
        """Store the same bytes under another key; each may be removed without the other."""

    def fetch(self, key: str, into: Path) -> None:
        """Put a file where a tool can read it, and nobody may write to it."""

    def open(self, key: str) -> BinaryIO:
        """Open a file, to read some of it here and there."""

    def read(self, key: str, first: int, size: int) -> Iterator[bytes]:
        """Yield so many bytes of a file in pieces. Once the first is there, removing it does not matter."""

    def remove(self, keys: Iterable[str]) -> None:
        """Remove files; nothing happens for those gone already."""

    def keys(self, folder: str) -> set[str]:
        """Return the keys in a folder, written to the end or not."""

    def remove_folder(self, folder: str) -> None:
        """Remove a folder with all that is in it."""

    def untouched(self, *, seconds: float) -> Iterator[str]:
        """Yield the folders into which nothing has come for so long."""
