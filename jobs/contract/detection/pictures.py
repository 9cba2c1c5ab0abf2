"""How large a picture says it is, from its header."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

from jobs.contract import limits

from .window import Unreadable, Window

Size = tuple[int, int, int]
"""Width, height, and the number of frames or pages, counted up to one more than is allowed."""
_MOST_PIECES = 10_000
_CONTAINERS = {b"meta", b"iprp", b"ipco", b"jp2h", b"moov", b"trak"}
_SIZES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}


def size(window: Window, kind: str) -> Size | None:
    """Return the largest size in a picture's header; None when it does not tell, or we do not know where."""
    read = _READERS.get(kind)
    try:
        return read(window) if read else None
    except (Unreadable, struct.error, ValueError):
        return None


def _png(window: Window) -> Size:
    width, height = window.numbers(16, ">II")
    at, frames = 8, 1
    for _ in range(100):
        length, kind = window.numbers(at, ">I4s")
        if kind == b"acTL":
            (frames,) = window.numbers(at + 8, ">I")
        if kind in {b"acTL", b"IDAT"}:
            break
        at += 12 + length
    return width, height, frames


def _gif(window: Window) -> Size:
    width, height, flags = window.numbers(6, "<HHB")
    at, frames = 13 + _palette(flags), 0
    try:
        while frames <= limits.IMAGE_FRAMES:
            kind = window.exactly(at, 1)
            if kind == b",":
                left, top, wide, high, flags = window.numbers(at + 1, "<HHHHB")
                width, height = max(width, left + wide), max(height, top + high)
                frames, at = frames + 1, at + 11 + _palette(flags)
            elif kind == b"!":
                at += 2
            else:
                break
            while length := window.exactly(at, 1)[0]:
                at += 1 + length
            at += 1
    except Unreadable:
        pass  # cut off, or too long for us to count: the reader has its own limit
    return width, height, frames


def _palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _jpg(window: Window) -> Size | None:
    at = 2
    for _ in range(_MOST_PIECES):
        mark, kind = window.numbers(at, ">BB")
        if mark != 0xFF or kind == 0xDA:
            return None
        if kind == 0xFF:
            at += 1
            continue
        if 0xC0 <= kind <= 0xCF and kind not in {0xC4, 0xC8, 0xCC}:
            height, width = window.numbers(at + 5, ">HH")
            return width, height, 1
        at += 2 + (0 if 0xD0 <= kind <= 0xD8 or kind == 1 else window.numbers(at + 2, ">H")[0])
    return None


def _webp(window: Window) -> Size | None:
    kind = window.exactly(12, 4)
    if kind == b"VP8X":
        wide, high = window.exactly(24, 3), window.exactly(27, 3)
        width, height = (int.from_bytes(side, "little") + 1 for side in (wide, high))
        return width, height, _webp_frames(window)
    if kind == b"VP8L":
        (bits,) = window.numbers(21, "<I")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 1
    width, height = window.numbers(26, "<HH")
    return width & 0x3FFF, height & 0x3FFF, 1


def _webp_frames(window: Window) -> int:
    at, frames = 12, 0
    for _ in range(limits.IMAGE_FRAMES + 100):
        data = window.some(at, 8)
        if len(data) < 8:
            break
        kind, length = struct.unpack("<4sI", data)
        frames += kind == b"ANMF"
        at += 8 + length + length % 2
    return max(1, frames)


def _bmp(window: Window) -> Size:
    if window.numbers(14, "<I") == (12,):
        width, height = window.numbers(18, "<HH")
    else:
        width, height = window.numbers(18, "<ii")
    return abs(width), abs(height), 1


def _tiff(window: Window) -> Size:
    order = "<" if window.head[:1] == b"I" else ">"
    if big := window.numbers(2, f"{order}H") == (43,):
        (at,) = window.numbers(8, f"{order}Q")
    else:
        (at,) = window.numbers(4, f"{order}I")
    width = height = frames = 0
    seen: set[int] = set()
    while at and at not in seen and frames <= limits.IMAGE_FRAMES:
        seen.add(at)
        wide, high, at = _tiff_page(window, at, order, big=big)
        width, height, frames = max(width, wide), max(height, high), frames + 1
    return width, height, frames


def _tiff_page(window: Window, at: int, order: str, *, big: bool) -> tuple[int, int, int]:
    counted, entry, value_at = ("Q", 20, 12) if big else ("H", 12, 8)
    (count,) = window.numbers(at, f"{order}{counted}")
    at += struct.calcsize(counted)
    sides = {256: 0, 257: 0}
    table = window.exactly(at, entry * min(count, 4096))
    for start in range(0, len(table), entry):
        tag, kind = struct.unpack(f"{order}HH", table[start : start + 4])
        if tag in sides and kind in _SIZES:
            layout = f"{order}{_SIZES[kind]}"
            (sides[tag],) = struct.unpack_from(layout, table, start + value_at)
    (following,) = window.numbers(at + entry * count, f"{order}{'Q' if big else 'I'}")
    return sides[256], sides[257], following


def _psd(window: Window) -> Size:
    height, width = window.numbers(14, ">II")
    return width, height, 1


def _ico(window: Window) -> Size:
    (count,) = window.numbers(4, "<H")
    width = height = 0
    for number in range(min(count, limits.IMAGE_FRAMES)):
        (start,) = window.numbers(6 + 16 * number + 12, "<I")
        if window.some(start, 8) == b"\x89PNG\r\n\x1a\n":
            wide, high = window.numbers(start + 16, ">II")
        else:
            wide, high = (abs(side) for side in window.numbers(start + 4, "<ii"))
        width, height = max(width, wide), max(height, high)
    return width, height, count


def _pcx(window: Window) -> Size:
    left, top, right, bottom = window.numbers(4, "<HHHH")
    return max(0, right - left + 1), max(0, bottom - top + 1), 1


def _tga(window: Window) -> Size:
    width, height = window.numbers(12, "<HH")
    return width, height, 1


def _boxed(window: Window) -> Size | None:
    """The sides of HEIF and JPEG 2000 stand in boxes within boxes."""
    if window.head.startswith(b"\xff\x4f\xff\x51"):
        width, height = window.numbers(8, ">II")
        return width, height, 1
    sides = [_sides(window, kind, at) for kind, at in _boxes(window)]
    found = [pair for pair in sides if pair]
    return (*max(found, key=lambda pair: pair[0] * pair[1]), 1) if found else None


def _sides(window: Window, kind: bytes, at: int) -> tuple[int, int] | None:
    if kind == b"ispe":
        width, height = window.numbers(at + 4, ">II")
        return width, height
    if kind == b"ihdr":
        height, width = window.numbers(at, ">II")
        return width, height
    if kind == b"tkhd":
        (version,) = window.numbers(at, ">B")
        width, height = window.numbers(at + (88 if version else 76), ">II")
        return width >> 16, height >> 16
    return None


def _boxes(window: Window) -> Iterator[tuple[bytes, int]]:
    """Yield each box's kind and where its content begins, going into those that hold others."""
    waiting = [(0, window.size)]
    for _ in range(_MOST_PIECES):
        while waiting and waiting[-1][1] - waiting[-1][0] < 8:
            waiting.pop()
        if not waiting:
            return
        at, end = waiting.pop()
        length, kind = window.numbers(at, ">I4s")
        start = at + 8
        if length == 1:
            (length,) = window.numbers(start, ">Q")
            start += 8
        stop = min(end, at + length) if length else end
        if stop < start:
            return
        waiting.append((stop, end))
        if kind in _CONTAINERS:
            waiting.append((start + (4 if kind == b"meta" else 0), stop))
        yield kind, start


def _netpbm(window: Window) -> Size | None:
    plain = re.sub(rb"#[^\n]*", b"", window.head[:4096])
    if found := re.match(rb"P[1-6]\s+(\d{1,9})\s+(\d{1,9})\s", plain):
        return int(found[1]), int(found[2]), 1
    named = [re.search(name + rb"\s+(\d{1,9})\s", plain) for name in (rb"WIDTH", rb"HEIGHT")]
    return (int(named[0][1]), int(named[1][1]), 1) if named[0] and named[1] else None


def _xbm(window: Window) -> Size | None:
    width, height = (
        re.search(rb"#define\s+\S*" + side + rb"\s+(\d{1,9})\s", window.head[:8192])
        for side in (rb"width", rb"height")
    )
    return (int(width[1]), int(height[1]), 1) if width and height else None


_READERS: dict[str, Callable[[Window], Size | None]] = {
    "png": _png,
    "gif": _gif,
    "jpg": _jpg,
    "webp": _webp,
    "bmp": _bmp,
    "tiff": _tiff,
    "psd": _psd,
    "psb": _psd,
    "ico": _ico,
    "pcx": _pcx,
    "tga": _tga,
    "xbm": _xbm,
    **dict.fromkeys(("heic", "avif", "jp2"), _boxed),
    **dict.fromkeys(("pnm", "pbm", "pgm", "ppm", "pam"), _netpbm),
}
