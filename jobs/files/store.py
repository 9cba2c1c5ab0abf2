"""What every file store does, wherever it keeps its bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from jobs.contract.errors import FileGone

CHUNK = 1024 * 1024
PIECE = 256 * 1024
"""What is read at once: thousands of downloads together must fit in memory."""


@dataclass(frozen=True)
class Stored:
    """A file in the store."""

    key: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Form:
    """What a client posts a file with: the address, and the fields that come before the file."""

    url: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Arrived:
    """A file that a client has sent by a form."""

    key: str
    name: str
    """As the client wrote it."""
    size: int


@dataclass(frozen=True)
class Shown:
    """What a download says of its file."""

    media_type: str
    disposition: str
    cache_control: str


Advance = Callable[[int], None]
"""Called with how many bytes more have moved, from any thread; what it raises ends the transfer."""


def unwatched(_size: int) -> None:
    """Let a transfer go on."""


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
        """Let nothing of it remain, closed or not; what cannot be removed now goes with its task."""


class Store(Protocol):
    """Bytes under keys. What is stored under a key never changes.

    All of it may be used by several threads, and raises ``DiskFull`` where there is no room, ``FileGone``
    where there is no such file, and ``FileStoreUnreachable`` where the store does not do its work.
    """

    def put(self, source: Path, key: str, advance: Advance) -> None:
        """Move a file into the store; it is there when it is whole and there for good."""

    def begin(self, key: str) -> Writing:
        """Begin to write a file."""

    def copy(self, key: str, to: str) -> None:
        """Store the same bytes under another key; each may be removed without the other."""

    def fetch(self, key: str, into: Path, advance: Advance) -> None:
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

    def tidy(self, *, seconds: float) -> None:
        """Remove parts of files that nobody has gone on with for so long."""

    def objection(self) -> str | None:
        """Return why the store cannot be used as it is; None when it can."""

    def link(self, key: str, shown: Shown, *, seconds: int) -> str | None:
        """Return a URL of the store's own that gives a file for so long; None when there is none."""

    @property
    def takes_forms(self) -> bool:
        """Tell whether there are such forms."""

    def form(self, folder: str, *, seconds: int, most: int, fields: Mapping[str, str]) -> Form | None:
        """Return a form that the store itself takes files with, outside its folders; None when it takes none.

        :param fields: more fields to sign.
        """

    def arrivals(self) -> Iterator[str]:
        """Yield the folders for which something has come by a form."""

    def adopt(self, folder: str, key: str) -> Arrived:
        """Store what came first for a folder, and has not been dropped, under a key."""

    def drop(self, folder: str) -> None:
        """Remove all that has come for a folder."""


class NoForms:
    """The part of a store that clients send nothing to by themselves."""

    takes_forms = False

    def form(self, folder: str, *, seconds: int, most: int, fields: Mapping[str, str]) -> Form | None:  # noqa: ARG002
        return None

    def arrivals(self) -> Iterator[str]:
        return iter(())

    def adopt(self, folder: str, key: str) -> Arrived:  # noqa: ARG002
        raise FileGone

    def drop(self, folder: str) -> None:
        pass
