"""The one thing in EXIF data that must be true of the pixels beside it."""

from __future__ import annotations

import struct

HEAD = b"Exif\0\0"
_ORIENTATION = 0x0112


def upright(exif: bytes) -> bytes:
    """Return EXIF data that says the picture needs no turning."""
    changed = bytearray(exif)
    for order, place in _orientations(exif):
        struct.pack_into(f"{order}H", changed, place, 1)
    return bytes(changed)


def orientation(exif: bytes) -> int:
    """Return how the picture is to be turned, 1 to 8; 1 is not at all."""
    found = [struct.unpack_from(f"{order}H", exif, place)[0] for order, place in _orientations(exif)]
    return found[0] if found and 1 <= found[0] <= 8 else 1


def only_orientation(number: int) -> bytes:
    """Return EXIF data that says how the picture is to be turned, and nothing else."""
    return HEAD + b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, number, 0, 0)


def _orientations(exif: bytes) -> list[tuple[str, int]]:
    """Return the byte order and the place of each orientation; none where the data is damaged."""
    start = len(HEAD) if exif.startswith(HEAD) else 0
    order = {b"II": "<", b"MM": ">"}.get(exif[start : start + 2])
    if not order:
        return []
    try:
        (first,) = struct.unpack_from(f"{order}I", exif, start + 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start + first)
        entries = range(start + first + 2, start + first + 2 + 12 * count, 12)
        tags = [struct.unpack_from(f"{order}HHIH", exif, entry)[0] for entry in entries]
    except struct.error:
        return []
    return [(order, entry + 8) for entry, tag in zip(entries, tags, strict=True) if tag == _ORIENTATION]
