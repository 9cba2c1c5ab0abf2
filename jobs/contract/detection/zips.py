"""Zip files and the packages that are zip files: office documents, e-books."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from jobs.contract import limits

from .window import Unreadable, Window

_END = b"PK\x05\x06"
_ENTRY = b"PK\x01\x02"
_LOCAL = b"PK\x03\x04"
_LONGEST_END = 22 + 65_535
_WIDE = 0xFFFFFFFF
_FOLDERS = {"word": "docx", "xl": "xlsx", "ppt": "pptx"}
_TYPES = {
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.oasis.opendocument.graphics": "odg",
    "application/epub+zip": "epub",
}
_CONTENT_TYPES = "[Content_Types].xml"
_MARKUP = ((b"wordprocessingml", "docx"), (b"spreadsheetml", "xlsx"), (b"presentationml", "pptx"))
MANIFEST = "META-INF/manifest.xml"


@dataclass(frozen=True)
class Entry:
    """What the directory says of one member."""

    name: str
    encrypted: bool
    method: int
    packed: int
    unpacked: int
    offset: int


@dataclass(frozen=True)
class Directory:
    """What a zip file says it holds."""

    entries: tuple[Entry, ...]
    start: int
    """Where the directory begins: all members lie before it."""
    claimed: int
    """How many entries it says there are; more than ``entries`` when we stopped reading at our limit."""


def read(window: Window) -> Directory:
    """Read the directory, up to one entry more than is allowed.

    :raises Unreadable: when there is none.
    """
    claimed, size, start, shift = _end(window)
    entries: list[Entry] = []
    at, stop = start + shift, start + shift + size
    while at < stop and len(entries) <= limits.ARCHIVE_ENTRIES:
        entry, at = _entry(window, at, shift)
        entries.append(entry)
    return Directory(tuple(entries), start + shift, max(claimed, len(entries)))


def _end(window: Window) -> tuple[int, int, int, int]:
    """Return the number of entries, the directory's size and offset, and how far everything is shifted."""
    begin = max(0, window.size - _LONGEST_END)
    tail = window.some(begin, _LONGEST_END)
    found = tail.rfind(_END)
    if found < 0 or len(tail) - found < 22:
        raise Unreadable
    count, size, start = struct.unpack("<HII", tail[found + 10 : found + 20])
    place = begin + found
    if count == 0xFFFF or _WIDE in {size, start}:
        locator = window.some(place - 20, 20) if place >= 20 else b""
        if locator.startswith(b"PK\x06\x07"):
            (place,) = struct.unpack("<Q", locator[8:16])
            count, size, start = window.numbers(place + 32, "<QQQ")
    # Something may stand before the archive, which its offsets do not count.
    shift = place - size - start
    if shift < 0:
        raise Unreadable
    return count, size, start, shift


def _entry(window: Window, at: int, shift: int) -> tuple[Entry, int]:
    # A directory is read in pieces that hold many entries.
    fixed = window.exactly(at, 46)
    if not fixed.startswith(_ENTRY):
        raise Unreadable
    flags, method = struct.unpack("<HH", fixed[8:12])
    packed, unpacked, named, extra, comment = struct.unpack("<IIHHH", fixed[20:34])
    (offset,) = struct.unpack("<I", fixed[42:46])
    rest = window.exactly(at + 46, named + extra)
    wide = _wide(rest[named:])
    unpacked, packed, offset = (
        (wide.pop(0) if wide else value) if value == _WIDE else value for value in (unpacked, packed, offset)
    )
    name = rest[:named].decode(errors="replace")
    entry = Entry(name, bool(flags & 1), method, packed, unpacked, offset + shift)
    return entry, at + 46 + named + extra + comment


def _wide(extra: bytes) -> list[int]:
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        if kind == 1:
            data = extra[4 : 4 + size]
            return [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data) - 7, 8)]
        extra = extra[4 + size :]
    return []


def content(window: Window, entry: Entry, most: int) -> bytes:
    """Return the beginning of a member; empty when it is packed in a way we do not read.

    :raises Unreadable: when it is damaged.
    """
    fixed = window.exactly(entry.offset, 30)
    if not fixed.startswith(_LOCAL):
        raise Unreadable
    named, extra = struct.unpack("<HH", fixed[26:30])
    data = window.some(entry.offset + 30 + named + extra, min(entry.packed, most))
    if entry.encrypted or entry.method not in {0, 8}:
        return b""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, most) if entry.method else data
    except zlib.error as error:
        raise Unreadable from error


def kind(window: Window, directory: Directory) -> tuple[str, bool]:
    """Return what kind of package it is, and whether it is encrypted."""
    named = {entry.name: entry for entry in directory.entries}
    if "mimetype" in named:
        stated = content(window, named["mimetype"], 200).decode(errors="replace").strip()
        found = _TYPES.get(stated.removesuffix("-template"))
        if found:
            locked = found != "epub" and MANIFEST in named
            return found, locked and b"encryption-data" in content(window, named[MANIFEST], 1024 * 1024)
    encrypted = any(entry.encrypted for entry in directory.entries)
    if _CONTENT_TYPES in named:
        folders = {name.partition("/")[0] for name in named}
        macros = any(name.endswith("/vbaProject.bin") for name in named)
        found = next((name for folder, name in _FOLDERS.items() if folder in folders), "")
        if not found:
            parts = content(window, named[_CONTENT_TYPES], 256 * 1024)
            found = next((name for mark, name in _MARKUP if mark in parts), "zip")
        return f"{found[:-1]}m" if macros and found != "zip" else found, encrypted
    return "zip", encrypted
