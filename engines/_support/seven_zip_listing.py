"""What 7-Zip's technical listing says of the members of an archive."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from engines._support.unpacked_tree import Facts

_MODE = re.compile(rb"[-dlpscb0?](?:[-r][-w][-xsStT]){3}")
_OF_THE_SYSTEM = (b"[SYS]", b"[SYSTEM]")
"""Folders in which the readers of disk images show the file system's own tables."""


@dataclass(frozen=True)
class Member:
    """One member, in the order in which 7-Zip unpacks."""

    name: bytes
    size: int | None
    """None when only unpacking tells."""
    is_folder: bool = False
    is_file: bool = True
    """False for links, devices, pipes and what is the file system's."""
    encrypted: bool = False
    facts: Facts = field(default_factory=Facts)


def members(lines: Iterable[bytes]) -> Iterator[Member]:
    """Yield the members that a listing's lines tell of. No name can break a line: 7-Zip replaces controls."""
    fields: dict[bytes, bytes] = {}
    for line in lines:
        name, equals, value = line.rstrip(b"\r\n").partition(b" =")
        if equals:
            fields.setdefault(name, value.removeprefix(b" "))
        elif fields:
            yield _member(fields)
            fields = {}
    if fields:
        yield _member(fields)


def _member(fields: dict[bytes, bytes]) -> Member:
    letters, mode = _attributes(fields)
    name, size, crc = (fields.get(key, b"") for key in (b"Path", b"Size", b"CRC"))
    is_folder = fields.get(b"Folder") == b"+" or b"D" in letters or mode.startswith(b"d")
    special = mode[:1] in {b"l", b"p", b"s", b"c", b"b"} or any(
        fields.get(key) for key in (b"Symbolic Link", b"Hard Link")
    )
    return Member(
        name=name,
        size=int(size) if size.isdigit() else None,
        is_folder=is_folder,
        is_file=not is_folder and not special and name.split(b"/")[0] not in _OF_THE_SYSTEM,
        encrypted=fields.get(b"Encrypted") == b"+",
        facts=Facts(
            crc=int(crc, 16) if re.fullmatch(rb"[0-9A-F]{8}", crc) else None,
            modified=_time(fields.get(b"Modified", b"")),
            executable=b"x" in mode,
        ),
    )


def _attributes(fields: dict[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return the letters of DOS's attributes, and the mode of Unix's, where there is one."""
    words = fields.get(b"Attributes", b"").split() + fields.get(b"Mode", b"").split()
    mode = next((word for word in words if _MODE.fullmatch(word)), b"")
    return next((word for word in words[:1] if word != mode and not word.isdigit()), b""), mode


def _time(text: bytes) -> float | None:
    try:
        return datetime.datetime.strptime(text[:19].decode(), "%Y-%m-%d %H:%M:%S").timestamp()  # noqa: DTZ007
    except ValueError:
        return None
