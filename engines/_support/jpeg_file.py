"""What a JPEG file says of itself, read from its markers."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engines._support import exif

_FRAMES = {0xC0, 0xC1, 0xC2}
_SCAN = 0xDA
_APP1 = 0xE1
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


def orientation(path: Path) -> int:
    """Return how the picture is to be turned, 1 to 8, as the camera noted it; 1 is not at all."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for marker, place in _markers(data):
            part = data[place : place - 2 + int.from_bytes(data[place - 2 : place], "big")]
            if marker == _APP1 and part.startswith(exif.HEAD):
                return exif.orientation(part)
    return 1


def set_orientation(path: Path, number: int) -> None:
    """Note in a file without camera data how the picture is to be turned."""
    noted = exif.only_orientation(number)
    data = path.read_bytes()
    # The JFIF part, if there is one, comes first.
    after = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    segment = b"\xff\xe1" + (len(noted) + 2).to_bytes(2, "big") + noted
    path.write_bytes(data[:after] + segment + data[after:])


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
