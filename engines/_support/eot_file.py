"""EOT, a wrapper around a font: taken off, or put on, inside, by the system's Python.

``python3 - unwrap in.eot out.ttf`` or ``python3 - wrap in.ttf out.eot``; only what the standard library has.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

VERSION, MAGIC = 0x00020001, 0x504C
SUBSET, COMPRESSED, MASKED = 0x1, 0x4, 0x10000000
MASK = 0x50
WINDOWS, UNICODE, ENGLISH = 3, 1, 0x409
FAMILY, STYLE, FULL, RELEASE = 1, 2, 4, 5
"""Numbers of names in a font."""


class Refused(Exception):
    """The file cannot be opened; the text says why."""


def unwrap(data: bytes) -> bytes:
    """Return the font that is in an EOT file.

    :raises Refused: when there is none, or one that is compressed.
    """
    if len(data) < 82 or struct.unpack_from("<H", data, 34)[0] != MAGIC:
        raise Refused("The file is no EOT font.")
    whole, size, _version, flags = struct.unpack_from("<IIII", data)
    if not 12 < size < whole <= len(data):
        raise Refused("The file is damaged.")
    if flags & COMPRESSED:
        raise Refused("The EOT font is compressed (MTX), which cannot be read.")
    font = data[whole - size : whole]
    return bytes(byte ^ MASK for byte in font) if flags & MASKED else font


def wrap(font: bytes) -> bytes:
    """Return an EOT file of a TrueType font.

    :raises Refused: when a part is missing that an EOT file repeats.
    """
    tables = _tables(font)
    try:
        os2, head, names = tables[b"OS/2"].ljust(86, b"\0"), tables[b"head"], _names(tables[b"name"])
        (weight,), (license_type,) = struct.unpack_from(">H", os2, 4), struct.unpack_from(">H", os2, 8)
        ranges = struct.unpack_from(">IIII", os2, 42)
        (selection,) = struct.unpack_from(">H", os2, 62)
        pages = struct.unpack_from(">II", os2, 78)
        (adjustment,) = struct.unpack_from(">I", head, 8)
    except (KeyError, struct.error) as error:
        raise Refused("The font is damaged.") from error
    about = struct.pack("<10sBBIHH", os2[32:42], 1, selection & 1, weight, license_type, MAGIC)
    about += struct.pack("<7I", *ranges, *pages, adjustment) + bytes(16)
    for number in (FAMILY, STYLE, RELEASE, FULL, None):  # the last is the site it belongs to: any
        text = names.get(number, b"") if number else b""
        about += struct.pack("<HH", 0, len(text)) + text
    return struct.pack("<IIII", 16 + len(about) + len(font), len(font), VERSION, 0) + about + font


def _tables(font: bytes) -> dict[bytes, bytes]:
    if len(font) < 12:
        raise Refused("The font is damaged.")
    (count,) = struct.unpack_from(">H", font, 4)
    found = {}
    for start in range(12, min(12 + 16 * count, len(font) - 15), 16):
        tag, _sum, offset, length = struct.unpack_from(">4sIII", font, start)
        found[tag] = font[offset : offset + length]
    return found


def _names(table: bytes) -> dict[int, bytes]:
    _format, count, storage = struct.unpack_from(">HHH", table)
    found = {}
    for start in range(6, 6 + 12 * count, 12):
        platform, coding, language, number, length, offset = struct.unpack_from(">6H", table, start)
        if (platform, coding, language) == (WINDOWS, UNICODE, ENGLISH):
            text = table[storage + offset : storage + offset + length]
            found[number] = text.decode("utf-16-be", errors="replace").encode("utf-16-le")
    return found


def main(way: str, source: str, target: str) -> None:
    """Do one of the two, or say why not and fail."""
    data = Path(source).read_bytes()
    try:
        made = unwrap(data) if way == "unwrap" else wrap(data)
    except Refused as refusal:
        raise SystemExit(f"EOT: {refusal}") from refusal
    Path(target).write_bytes(made)


if __name__ == "__main__":
    main(*sys.argv[1:])
