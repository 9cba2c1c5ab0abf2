"""Writes compound files ([MS-CFB], version 3), for tests: nothing at hand writes Outlook's messages."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

SECTOR, SMALL = 512, 64
CUTOFF = 4096
FREE, END, TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
STORAGE, STREAM, ROOT = 1, 2, 5


class _Chains:
    """Pieces of one size, and the table of which follows which."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.data = bytearray()
        self.following: list[int] = []

    def add(self, data: bytes) -> int:
        if not data:
            return END
        start, count = len(self.following), -(-len(data) // self.size)
        self.data += data.ljust(count * self.size, b"\0")
        self.following += [*range(start + 1, start + count), END]
        return start


def compound(tree: Mapping[str, Any]) -> bytes:
    """Return a compound file of streams, as bytes, and storages, as trees, by their names."""
    sectors, small = _Chains(SECTOR), _Chains(SMALL)
    entries: list[bytes] = [b""]

    def add(children: Mapping[str, Any]) -> int:
        """Write the children; each is the right neighbour of the one before."""
        following = FREE
        for name, inside in reversed(children.items()):
            if isinstance(inside, bytes):
                chains = small if len(inside) < CUTOFF else sectors
                entry = _entry(name, STREAM, following, FREE, chains.add(inside), len(inside))
            else:
                entry = _entry(name, STORAGE, following, add(inside), 0, 0)
            entries.append(entry)
            following = len(entries) - 1
        return following

    first = add(tree)
    entries[0] = _entry("Root Entry", ROOT, FREE, first, sectors.add(bytes(small.data)), len(small.data))
    small_table = sectors.add(struct.pack(f"<{len(small.following)}I", *small.following))
    directory = sectors.add(b"".join(entries))
    count = -(-len(small.following) * 4 // SECTOR)
    tables = next(n for n in range(1, 109) if n * 128 >= len(sectors.following) + n)
    start = len(sectors.following)
    table = [*sectors.following, *[TABLE] * tables]
    table += [FREE] * (tables * 128 - len(table))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<9I", 0, tables, directory, 0, CUTOFF, small_table, count, END, 0)
    head += struct.pack("<109I", *range(start, start + tables), *[FREE] * (109 - tables))
    return head + bytes(sectors.data) + struct.pack(f"<{len(table)}I", *table)


def _entry(name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
    raw = name.encode("utf-16-le") + b"\0\0"
    links = struct.pack("<BB3I", kind, 1, FREE, right, child)
    return (
        raw.ljust(64, b"\0")
        + struct.pack("<H", len(raw))
        + links
        + bytes(36)
        + struct.pack("<IQ", start, size)
    )
