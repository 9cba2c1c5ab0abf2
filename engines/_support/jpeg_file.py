"""What a JPEG file says of itself, read from its markers."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FRAMES = {0xC0, 0xC1, 0xC2}
_SCAN = 0xDA
_END = b"\xff\xd9"


@dataclass(frozen=True)
class Frame:
    """The size of the picture and the kind of its pixels."""

    width: int
    height: int
    channels: int
    bits: int


def frame(data: bytes) -> Frame | None:
    """Return what the file holds; None when it is no JPEG file of the usual kinds."""
    for marker, place in _markers(data):
        if marker in _FRAMES and place + 6 <= len(data):
            bits, height, width, channels = struct.unpack_from(">BHHB", data, place)
            return Frame(width, height, channels, bits)
    return None


def is_complete(path: Path) -> bool:
    """Tell whether the picture has an end; a file that was cut off has none."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        scan = next((place for marker, place in _markers(data) if marker == _SCAN), None)
        return scan is not None and data.rfind(_END) > scan


def _markers(data: bytes | mmap.mmap) -> Iterator[tuple[int, int]]:
    # Up to the first scan, after which come bare pixels.
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        yield marker, place + 4
        if marker == _SCAN:
            return
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
