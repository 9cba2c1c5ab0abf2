"""A PDF with one picture a page, written page by page; Debian's policy forbids ImageMagick to write one."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from engines._support import jpeg_file

_SPACES = {1: "/DeviceGray", 3: "/DeviceRGB", 4: "/DeviceCMYK"}
_LARGEST = 14_400
"""The longest side of a page in points."""


class Unfit(ValueError):
    """The data is not of the kind PDF takes as it is."""


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """Compressed pixels as PDF takes them."""

    width: int
    height: int
    channels: int
    bits: int
    data: bytes
    jpeg: bool


def from_jpeg(data: bytes) -> Pixels:
    """Return a JPEG file's pixels, which go into a PDF as they are.

    :raises Unfit: when there is no picture in it.
    """
    frame = jpeg_file.frame(data)
    if not frame:
        raise Unfit("no JPEG")
    return Pixels(
        width=frame.width, height=frame.height, channels=frame.channels, bits=frame.bits, data=data, jpeg=True
    )


def from_png(data: bytes) -> Pixels:
    """Return the pixels of a PNG file without palette, alpha or interlacing.

    :raises Unfit: when it has one of them.
    """
    width, height, bits, kind, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    if kind not in {0, 2} or interlaced:
        raise Unfit("not a plain PNG")
    found, place = [], 8
    while place + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        if name == b"IDAT":
            found.append(data[place + 8 : place + 8 + length])
        place += 12 + length
    channels = 3 if kind == 2 else 1
    return Pixels(width=width, height=height, channels=channels, bits=bits, data=b"".join(found), jpeg=False)


class Document:
    """A PDF being written; what is added is written at once."""

    def __init__(self, target: Path) -> None:
        self._file = target.open("wb")
        self._file.write(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
        self._places: dict[int, int] = {}
        self._next = 3  # the catalogue and the list of pages come first, and are written last
        self._pages: list[int] = []

    def __enter__(self) -> Document:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        self._file.close()

    def add(
        self, pixels: Pixels, *, density: float, mask: Pixels | None = None, icc: bytes | None = None
    ) -> None:
        """Add a page as large as its picture is at a density, in dots per inch."""
        space = _SPACES[pixels.channels]
        if icc:
            number = self._stream(f"/N {pixels.channels} /Alternate {space}", zlib.compress(icc), "Flate")
            space = f"[/ICCBased {number} 0 R]"
        more = f"/SMask {self._picture(mask, _SPACES[1])} 0 R" if mask else ""
        picture = self._picture(pixels, space, more)
        scale = min(72 / density, _LARGEST / max(pixels.width, pixels.height))
        width, height = (
            f"{side * scale:.4f}".rstrip("0").rstrip(".") for side in (pixels.width, pixels.height)
        )
        content = self._stream("", f"q {width} 0 0 {height} 0 0 cm /P Do Q".encode())
        page = self._take_number()
        self._object(
            page,
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Contents {content} 0 R"
            f" /Resources << /XObject << /P {picture} 0 R >> >> >>".encode(),
        )
        self._pages.append(page)

    def _picture(self, pixels: Pixels, space: str, more: str = "") -> int:
        words = (
            f"/Type /XObject /Subtype /Image /Width {pixels.width} /Height {pixels.height}"
            f" /ColorSpace {space} /BitsPerComponent {pixels.bits} {more}"
        )
        if not pixels.jpeg:
            columns = f"/Colors {pixels.channels} /BitsPerComponent {pixels.bits} /Columns {pixels.width}"
            words += f" /DecodeParms << /Predictor 15 {columns} >>"
        elif pixels.channels == 4:
            words += " /Decode [1 0 1 0 1 0 1 0]"  # in JPEG files ink is written the other way round
        return self._stream(words, pixels.data, "DCT" if pixels.jpeg else "Flate")

    def _stream(self, words: str, data: bytes, coding: str = "") -> int:
        number = self._take_number()
        coded = f" /Filter /{coding}Decode" if coding else ""
        head = f"<< {words}{coded} /Length {len(data)} >>\nstream\n".encode()
        self._object(number, head, data, b"\nendstream")
        return number

    def _take_number(self) -> int:
        self._next += 1
        return self._next - 1

    def _object(self, number: int, *parts: bytes) -> None:
        self._places[number] = self._file.tell()
        self._file.write(f"{number} 0 obj\n".encode())
        for part in parts:
            self._file.write(part)
        self._file.write(b"\nendobj\n")

    def _finish(self) -> None:
        pages = " ".join(f"{page} 0 R" for page in self._pages)
        self._object(1, b"<< /Type /Catalog /Pages 2 0 R >>")
        self._object(2, f"<< /Type /Pages /Count {len(self._pages)} /Kids [{pages}] >>".encode())
        start = self._file.tell()
        rows = "".join(f"{self._places[number]:010} 00000 n \n" for number in sorted(self._places))
        self._file.write(f"xref\n0 {self._next}\n0000000000 65535 f \n{rows}".encode())
        self._file.write(f"trailer\n<< /Size {self._next} /Root 1 0 R >>\n".encode())
        self._file.write(f"startxref\n{start}\n%%EOF\n".encode())
