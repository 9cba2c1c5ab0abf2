"""Microsoft's compound files: the old Office formats, and the new ones when they are encrypted."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .window import Unreadable, Window

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LAST = 0xFFFFFFF9
"""Sector numbers from here on are none."""
_MOST_SECTORS = 4096
_KINDS = (
    # First, for a message may hold the others.
    ("__properties_version1.0", "msg"),
    ("WordDocument", "doc"),
    ("Workbook", "xls"),
    ("Book", "xls"),
    ("PowerPoint Document", "ppt"),
    ("VisioDocument", "vsd"),
    ("Quill", "pub"),
    ("HwpSummaryInformation", "hwp"),
    ("StarWriterDocument", "sdw"),
    ("StarCalcDocument", "sdc"),
    ("StarDrawDocument3", "sda"),
)
_PPT_ENCRYPTED = 0xF3D1C4DF
_FILEPASS = 0x2F


@dataclass(frozen=True)
class _Stream:
    start: int
    size: int


class _Compound:
    """Streams of a compound file, by their names; those with the same name in storages count once."""

    def __init__(self, window: Window) -> None:
        head = window.exactly(0, 512)
        self._window = window
        shift, small = struct.unpack("<HH", head[30:34])
        if shift not in {9, 12} or small != 6:
            raise Unreadable
        self._sector = int(1 << shift)
        (directory,) = struct.unpack("<I", head[48:52])
        (self._cutoff,) = struct.unpack("<I", head[56:60])
        (self._more_tables,) = struct.unpack("<I", head[68:72])
        self._tables = struct.unpack("<109I", head[76:512])
        self.streams: dict[str, _Stream] = {}
        for sector in self._chain(directory):
            data = window.some(self._place(sector), self._sector)
            for at in range(0, len(data) - 127, 128):
                self._add(data[at : at + 128])

    def _add(self, entry: bytes) -> None:
        (length,) = struct.unpack("<H", entry[64:66])
        name = entry[: max(0, min(length, 64) - 2)].decode("utf-16-le", errors="replace").lstrip("\x05")
        start, size = struct.unpack("<II", entry[116:124])
        if entry[66] in {1, 2, 5}:
            self.streams.setdefault(name, _Stream(start, size))

    def _place(self, sector: int) -> int:
        return (sector + 1) * self._sector

    def _next(self, sector: int) -> int:
        per_table = self._sector // 4
        table = self._table(sector // per_table)
        (following,) = self._window.numbers(self._place(table) + 4 * (sector % per_table), "<I")
        return int(following)

    def _table(self, number: int) -> int:
        if number < len(self._tables):
            return int(self._tables[number])
        number -= len(self._tables)
        per_list = self._sector // 4 - 1
        place = self._more_tables
        for _ in range(number // per_list):
            (place,) = self._window.numbers(self._place(place) + 4 * per_list, "<I")
        (table,) = self._window.numbers(self._place(place) + 4 * (number % per_list), "<I")
        return int(table)

    def _chain(self, sector: int) -> Iterator[int]:
        for _ in range(_MOST_SECTORS):
            if sector >= _LAST:
                return
            yield sector
            sector = self._next(sector)

    def begins(self, name: str) -> bytes:
        """Return a stream's first bytes, at most a sector of them."""
        stream = self.streams.get(name)
        if stream is None:
            return b""
        if stream.size >= self._cutoff:
            return self._window.some(self._place(stream.start), min(stream.size, self._sector))
        root = self.streams.get("Root Entry")
        per_sector = self._sector // 64
        sectors = self._chain(root.start if root else _LAST)
        for number, sector in enumerate(sectors):
            if number == stream.start // per_sector:
                place = self._place(sector) + 64 * (stream.start % per_sector)
                return self._window.some(place, min(stream.size, 64))
        return b""


def kind(window: Window) -> tuple[str, bool]:
    """Return which format a compound file is, ``cfb`` when it is none we know, and whether it is encrypted.

    Of an encrypted Office Open XML document nobody can tell the kind: its format is empty.

    :raises Unreadable: when it is damaged.
    """
    file = _Compound(window)
    if "EncryptedPackage" in file.streams:
        return "", True
    found = next((name for stream, name in _KINDS if stream in file.streams), "cfb")
    return found, _is_encrypted(file, found)


def _is_encrypted(file: _Compound, found: str) -> bool:
    if found == "doc":
        return len(head := file.begins("WordDocument")) > 11 and bool(head[11] & 1)
    if found == "xls":
        return _has_password(file.begins("Workbook") or file.begins("Book"))
    if found == "ppt":
        user = file.begins("Current User")
        return "EncryptedSummary" in file.streams or user[12:16] == struct.pack("<I", _PPT_ENCRYPTED)
    return False


def _has_password(records: bytes) -> bool:
    """Tell whether a workbook's first records ask for its password."""
    at = 0
    while at + 4 <= len(records):
        record, size = struct.unpack("<HH", records[at : at + 4])
        if record == _FILEPASS:
            return True
        at += 4 + size
    return False
