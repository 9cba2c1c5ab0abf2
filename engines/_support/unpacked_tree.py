"""The inner side of unpacking: a tree of members under clean names, within the bounds."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from engines._support.child import Refused
from jobs.contract.paths import Paths, parts

PIECE = 256 * 1024
LATEST = 2**32 - 1
Read = Callable[[int], bytes]
"""Gives at most so many bytes; none at the end."""


def damaged(name: str = "") -> Refused:
    """Return the refusal of an archive of which a member cannot be unpacked."""
    shown = "/".join(parts(name))[-200:]
    what = f"{shown} cannot be unpacked" if shown else "it cannot be unpacked"
    return Refused("OpenFailed", f"The archive is damaged: {what}.")


class Mismatch(Exception):
    """What was unpacked is not what its checksum says."""


@dataclass(frozen=True)
class Facts:
    """What an archive says of a member besides its name."""

    crc: int | None = None
    modified: float | None = None
    executable: bool = False


class Tree:
    """Writes what is unpacked below a folder. Nothing in it is a link, and nothing leads out of it."""

    def __init__(self, into: Path, *, most_bytes: int, most_entries: int) -> None:
        self._into = into
        self._most_bytes, self._most_entries = most_bytes, most_entries
        self._seen = 0
        self._bytes = 0
        self._paths = Paths()
        self._folders: dict[str, float | None] = {}
        self._entries: dict[str, None] = {}
        """Every path, in order; those of folders end in a slash."""
        self.files = 0
        self.left_out = 0
        """Links, devices and pipes."""
        self.last = ""
        """The member that was begun last."""

    def leave_out(self) -> None:
        """Count a member that is not unpacked."""
        self.left_out += 1
        self._count("")

    def folder(self, name: str, *, modified: float | None = None) -> None:
        """Make a folder."""
        self._count(name)
        path = self._paths.folder(name)
        self._make(path)
        if path:
            self._folders[path] = modified

    def file(self, name: str, pieces: Iterator[bytes], facts: Facts = Facts()) -> Path:
        """Write a file, and return where it lies.

        :raises Refused: when it is more than may be unpacked.
        :raises Mismatch: when it is not what its checksum says.
        """
        self._count(name)
        path = self._paths.file(name)
        self._make(path.rpartition("/")[0])
        self._entries[path] = None
        place, found = self._into / path, 0
        with place.open("xb") as file:
            for piece in pieces:
                self._bytes += len(piece)
                self.check(self._bytes)
                found = zlib.crc32(piece, found)
                file.write(piece)
        if facts.crc not in {None, found}:
            raise Mismatch
        place.chmod(0o755 if facts.executable else 0o644)
        _date(place, facts.modified)
        self.files += 1
        return place

    def finish(self) -> list[str]:
        """Date the folders, and return every path in order."""
        for path, modified in reversed(self._folders.items()):
            _date(self._into / path, modified)
        return list(self._entries)

    def check(self, size: int, entries: int = 0) -> None:
        """Refuse to unpack so many bytes, or members.

        :raises Refused: when it is more than may be.
        """
        if entries > self._most_entries:
            raise Refused(
                "FileTooLarge", f"The archive holds more than the {self._most_entries:,} entries allowed."
            )
        if size > self._most_bytes:
            raise Refused(
                "FileTooLarge",
                f"The archive would unpack to more than the {self._most_bytes:,} bytes allowed for its size.",
            )

    def _count(self, name: str) -> None:
        self._seen += 1
        self.last = name
        self.check(self._bytes, self._seen)

    def _make(self, folder: str) -> None:
        here = ""
        for name in filter(None, folder.split("/")):
            here = f"{here}/{name}" if here else name
            if f"{here}/" not in self._entries:
                self._entries[f"{here}/"] = None
                (self._into / here).mkdir(mode=0o755)


def pieces(read: Read, size: int | None = None) -> Iterator[bytes]:
    """Yield what a reader gives, up to a size.

    :raises EOFError: when it gives less.
    """
    left = size
    while left is None or left:
        piece = read(PIECE if left is None else min(PIECE, left))
        if not piece:
            if left:
                raise EOFError
            return
        if left is not None:
            left -= len(piece)
        yield piece


def _date(path: Path, modified: float | None) -> None:
    if modified is not None:
        moment = min(max(modified, 0), LATEST)
        os.utime(path, (moment, moment))
