"""Containers whose kind stands a little way inside: boxes of MP4 and HEIF, Matroska, Ogg, gzip."""

from __future__ import annotations

import zlib

from . import texts

_FIRST_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
_BRANDS = {
    b"qt  ": "mov",
    b"crx ": "cr3",
    **dict.fromkeys((b"avif", b"avis"), "avif"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), "heic"),
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P "), "m4a"),
    **dict.fromkeys((b"M4V ", b"M4VH", b"M4VP"), "m4v"),
}
_OGG = ((b"OpusHead", "opus"), (b"\x80theora", "ogv"), (b"fishead", "ogv"))


def media(head: bytes) -> str:
    """Return the format of a container, or an empty string."""
    if head[4:8] in _FIRST_BOXES and (b"\0" in head[:4] or not head[:4].isascii()):
        return _brand(head)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "webm" if b"\x42\x82\x84webm" in head[:256] else "mkv"
    if head.startswith(b"OggS"):
        return next((name for mark, name in _OGG if mark in head[:256]), "ogg")
    return ""


def _brand(head: bytes) -> str:
    if head[4:8] != b"ftyp":
        return "mov"
    size = max(16, min(int.from_bytes(head[:4], "big"), 256))
    major, others = head[8:12], {head[at : at + 4] for at in range(16, size, 4)}
    if major in {b"mif1", b"msf1"} and others & {b"avif", b"avis"}:
        return "avif"
    if major[:2] == b"3g":
        return "3g2" if major[:3] == b"3g2" else "3gp"
    return _BRANDS.get(major, "mp4")


def gzipped(head: bytes) -> str:
    """Return what a gzip file holds, of what we tell apart: ``svgz``, ``tar.gz``, or just ``gz``."""
    try:
        inside = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, 16 * 1024)
    except zlib.error:
        return "gz"
    if inside[257:262] == b"ustar":
        return "tar.gz"
    return "svgz" if texts.kind(inside) == "svg" else "gz"
