"""What stores on other machines have in common: files are asked for by ranges, and listed by their names."""

from __future__ import annotations

import functools
import io
import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

from jobs.contract.errors import FileStoreUnreachable

from . import lanes
from .parts import PART, ranges
from .store import PIECE, Advance

FILES = "files/"
"""What our keys begin with, after the address's own prefix. Uploads lie beside it, a folder for each task."""
TRIES = 3
Listed = tuple[str, float]
"""An object's name without the prefix of the address, and when it came."""


class Remote(ABC):
    """The part of a store that is the same wherever it is."""

    @abstractmethod
    def asking(self) -> AbstractContextManager[None]:
        """Trust this thread, and tell what the service says by our own failures."""

    @abstractmethod
    def size(self, key: str) -> int:
        """Return how long a file is."""

    @abstractmethod
    def stream(self, key: str, first: int, size: int) -> Iterator[bytes]:
        """Yield so many bytes of a file as they come."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete an object, if it is there."""

    @abstractmethod
    def listed(self, prefix: str) -> Iterator[Listed]:
        """Yield what begins so, ordered by name; nobody who gets it is trusted."""

    def fetch(self, key: str, into: Path, advance: Advance) -> None:
        with self.asking():
            size = self.size(key)
        into.touch(0o644, exist_ok=False)

        def move(part: tuple[int, int, int]) -> None:
            _, first, length = part
            with into.open("r+b") as file:
                file.seek(first)
                for piece in self.read(key, first, length):
                    file.write(piece)
                    advance(len(piece))

        lanes.each(move, ranges(size, PART))

    def open(self, key: str) -> BinaryIO:
        with self.asking():
            size = self.size(key)
        return io.BufferedReader(_Ranges(functools.partial(self.read, key), size), PIECE)

    def read(self, key: str, first: int, size: int) -> Iterator[bytes]:
        tries = TRIES
        while size > 0:
            try:
                with self.asking():
                    pieces = self.stream(key, first, size)
                while size > 0:
                    # Whoever reads is not trusted between two pieces.
                    with self.asking():
                        piece = next(pieces, b"")
                    if not piece:
                        raise FileStoreUnreachable
                    first, size = first + len(piece), size - len(piece)
                    yield piece
            except FileStoreUnreachable:
                tries -= 1
                if not tries:
                    raise

    def remove(self, keys: Iterable[str]) -> None:
        self.delete_all(f"{FILES}{key}" for key in keys)

    def keys(self, folder: str) -> set[str]:
        return {name.removeprefix(FILES) for name, _ in self.listed(f"{FILES}{folder}/")}

    def remove_folder(self, folder: str) -> None:
        self.remove(self.keys(folder))

    def untouched(self, *, seconds: float) -> Iterator[str]:
        def folder(listed: Listed) -> str:
            return listed[0].removeprefix(FILES).rpartition("/")[0]

        for name, inside in itertools.groupby(self.listed(FILES), folder):
            if max(came for _, came in inside) < time.time() - seconds:
                yield name

    def delete_all(self, names: Iterable[str]) -> None:
        """Delete objects, one by one: not every service has a call for many, and a task has few."""
        with self.asking():
            lanes.each(self.delete, names)


class _Ranges(io.RawIOBase):
    """A file far away, of which pieces are asked for."""

    def __init__(self, read: Callable[[int, int], Iterator[bytes]], size: int) -> None:
        super().__init__()
        self._read, self._size, self._at = read, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readall(self) -> bytes:
        rest = b"".join(self._read(self._at, self._size - self._at))
        self._at += len(rest)
        return rest

    def readinto(self, buffer: Any) -> int:
        data = b"".join(self._read(self._at, min(len(buffer), self._size - self._at)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
