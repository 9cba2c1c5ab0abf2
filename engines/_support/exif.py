"""The one thing in EXIF data that must be true of the pixels beside it."""

from __future__ import annotations

import struct

HEAD = b"Exif\0\0"
_ORIENTATION = 0x0112


def upright(exif: bytes) -> bytes:
    """Return EXIF data that says the picture needs no turning."""
    start = len(HEAD) if exif.startswith(HEAD) else 0
    order = {b"II": "<", b"MM": ">"}.get(exif[start : start + 2])
    if not order:
        return exif
    changed = bytearray(exif)
    try:
        (first,) = struct.unpack_from(f"{order}I", exif, start + 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start + first)
        for entry in range(start + first + 2, start + first + 2 + 12 * count, 12):
            if struct.unpack_from(f"{order}H", exif, entry) == (_ORIENTATION,):
                struct.pack_into(f"{order}H", changed, entry + 8, 1)
    except struct.error:
        return exif
    return bytes(changed)
