"""Writes PNG fast: lines as the difference to the line above, packed with little effort, some at a time."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

ROWS = 256
"""How many lines are worked on at once: a page of a poster takes no room but its own."""
EFFORT = 3
KINDS = {"L": 0, "RGB": 2, "RGBA": 6}
NONE, UP = b"\0", b"\2"
"""How a line is written: as it is, or as what is added to the line above."""
INCH = 0.0254


def write(path: Path, pixels: Any, size: tuple[int, int], *, mode: str, stride: int, density: float) -> None:
    """Write pixels to a file.

    :param pixels: a buffer of lines.
    :param mode: ``L``, ``RGB`` or ``RGBA``, a byte for each.
    :param stride: bytes from one line to the next.
    :param density: dots per inch, to be noted.
    """
    per_metre = round(density / INCH)
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.write(_chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, KINDS[mode], 0, 0, 0)))
        file.write(_chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1)))
        packer = zlib.compressobj(EFFORT, zlib.DEFLATED, zlib.MAX_WBITS, 9)
        for lines in _lines(memoryview(pixels).cast("B"), size, mode, stride):
            if packed := packer.compress(lines):
                file.write(_chunk(b"IDAT", packed))
        file.write(_chunk(b"IDAT", packer.flush()))
        file.write(_chunk(b"IEND", b""))


def _lines(pixels: Any, size: tuple[int, int], mode: str, stride: int) -> Iterator[bytes]:
    width, height = size

    def band(first: int, last: int) -> Image.Image:
        part = pixels[first * stride : last * stride]
        return Image.frombuffer(mode, (width, last - first), part, "raw", mode, stride, 1)

    yield NONE + band(0, 1).tobytes()
    for first in range(1, height, ROWS):
        last = min(first + ROWS, height)
        added = ImageChops.subtract_modulo(band(first, last), band(first - 1, last - 1)).tobytes()
        length = len(added) // (last - first)
        yield b"".join(UP + added[at : at + length] for at in range(0, len(added), length))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
