"""The bytes of objects: a part of a file on its way to Swift, and an object on its way to a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Any, BinaryIO

from . import refusals
from .place import Advance, Item

_MD5 = re.compile("[0-9a-f]{32}")


def version(headers: Mapping[str, str]) -> str:
    """Return what changes whenever an object's bytes do."""
    return headers.get("etag", "").strip('"') or headers.get("x-timestamp", "")


class Body:
    """What the SDK reads from, to send it."""

    def __init__(self, file: BinaryIO, advance: Advance) -> None:
        self._file, self._advance = file, advance
        self.digest = md5(usedforsecurity=False)
        self._sent = 0

    def read(self, size: int) -> bytes:
        """Return some bytes, which are counted as moved."""
        piece = self._file.read(size)
        self._advance(len(piece))
        self._sent += len(piece)
        self.digest.update(piece)
        return piece

    def take_back(self) -> None:
        """Count what was sent as not moved: Swift did not take it."""
        self._advance(-self._sent)


@dataclass(frozen=True)
class Portion:
    """A part of a file."""

    source: Path
    start: int
    size: int

    @contextmanager
    def opened(self, advance: Advance) -> Iterator[Body]:
        """Open the file where the part begins."""
        with self.source.open("rb") as file:
            file.seek(self.start)
            yield Body(file, advance)


class Download:
    """A request that brings an object, and goes on where an earlier one of it broke off."""

    def __init__(self, item: Item, write: Callable[[bytes], object], advance: Advance) -> None:
        self._item, self._write, self._advance = item, write, advance
        self._digest = md5(usedforsecurity=False)
        self._etag = ""
        self._has_parts = False
        self._total: int | None = None
        self._has_ended = False
        self.size = 0
        """How many bytes have come."""

    @property
    def is_whole(self) -> bool:
        """Whether all of it is there."""
        return self._has_ended or self.size == self._total

    def __call__(self, url: str, token: str, container: str, key: str, *, http_conn: Any) -> None:
        """Bring what is not there yet.

        :raises StorageUnreachable: when it is not the object's version that was looked up.
        """
        from swiftclient import client

        from .openstack_wire import PIECE

        asked = {"Range": f"bytes={self.size}-"} if self.size else {}
        if self.size and self._etag:
            asked["If-Match"] = f'"{self._etag}"'
        headers, pieces = client.get_object(
            url, token, container, key, http_conn=http_conn, resp_chunk_size=PIECE, headers=asked
        )
        self._look_at(headers)
        for piece in pieces:
            self._write(piece)
            self._digest.update(piece)
            self.size += len(piece)
            self._advance(len(piece))
        self._has_ended = True

    def compare(self) -> None:
        """Return if what came has the digest that Swift tells. The parts of large objects it compares itself.

        :raises StorageUnreachable: when it has not.
        """
        is_told = not self._has_parts and _MD5.fullmatch(self._etag)
        if is_told and self._digest.hexdigest() != self._etag:
            raise refusals.altered(self._item.key)

    def _look_at(self, headers: Mapping[str, str]) -> None:
        if self.size:
            if not headers.get("content-range", "").startswith(f"bytes {self.size}-"):
                raise refusals.altered(self._item.key)
            return
        self._etag = headers.get("etag", "").strip('"')
        of_names = "x-object-manifest" in headers
        self._has_parts = of_names or "x-static-large-object" in headers
        length = headers.get("content-length", "")
        self._total = int(length) if length.isdecimal() else None
        # Listings tell nothing useful of an object that is made of all whose names begin alike.
        if self._item.version not in {"", version(headers)} and not of_names:
            raise refusals.altered(self._item.key)
