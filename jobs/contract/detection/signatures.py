"""Formats that begin with bytes of their own."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

_AT_START: dict[str, tuple[bytes, ...]] = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpg": (b"\xff\xd8\xff",),
    "gif": (b"GIF87a", b"GIF89a"),
    "rw2": (b"IIU\0",),
    "orf": (b"IIRO", b"IIRS", b"MMOR"),
    "raf": (b"FUJIFILMCCD-RAW",),
    "x3f": (b"FOVb",),
    "mrw": (b"\0MRM",),
    "crw": (b"II\x1a\0\0\0HEAPCCDR",),
    "tiff": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "psd": (b"8BPS\0\x01",),
    "psb": (b"8BPS\0\x02",),
    "jp2": (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    "jxl": (b"\0\0\0\x0cJXL \r\n\x87\n",),
    "wmf": (b"\xd7\xcd\xc6\x9a", b"\x01\0\x09\0\0\x03", b"\x01\0\x09\0\0\x01"),
    "xcf": (b"gimp xcf",),
    "icns": (b"icns\0",),
    "djvu": (b"AT&TFORM",),
    "pdf": (b"%PDF-",),
    "eps": (b"\xc5\xd0\xd3\xc6",),
    "wpd": (b"\xffWPC",),
    "doc": (b"\xdb\xa5", b"\x31\xbe\0\0"),
    "xls": (b"\x09\x08\x10\0", b"\x09\x08\x08\0", b"\x09\x04\x06\0", b"\x09\x02\x06\0", b"\x09\0\x04\0"),
    "7z": (b"7z\xbc\xaf\x27\x1c",),
    "rar": (b"Rar!\x1a\x07",),
    "xz": (b"\xfd7zXZ\0",),
    "zst": (b"\x28\xb5\x2f\xfd",),
    "z": (b"\x1f\x9d",),
    "lz": (b"LZIP\1",),
    "deb": (b"!<arch>\n",),
    "rpm": (b"\xed\xab\xee\xdb",),
    "cab": (b"MSCF\0\0\0\0",),
    "gz": (b"\x1f\x8b\x08",),
    "flac": (b"fLaC\0", b"fLaC\x80"),
    "au": (b".snd\0",),
    "caf": (b"caff\0\1",),
    "voc": (b"Creative Voice File\x1a",),
    "amr": (b"#!AMR",),
    "flv": (b"FLV\x01",),
    "wmv": (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",),
    "rm": (b".RMF\0\0",),
    "mxf": (b"\x06\x0e\x2b\x34",),
    "wtv": (b"\xb7\xd8\0\x20\x37\x49\xda\x11",),
    "mpeg": (b"\0\0\x01\xba", b"\0\0\x01\xb3"),
    "otf": (b"OTTO\0",),
    "ttf": (b"\0\x01\0\0\0", b"true\0", b"ttcf"),
    "woff": (b"wOFF\0\1\0\0", b"wOFFOTTO", b"wOFFtrue"),
    "woff2": (b"wOF2\0\1\0\0", b"wOF2OTTO", b"wOF2true"),
    "lit": (b"ITOLITLS",),
    "chm": (b"ITSF\3\0",),
    "lrf": (b"L\0R\0F\0",),
    "rb": (b"\xb0\x0c\xb0\x0c\x02\0",),
    "snb": (b"SNBP000B",),
    "tcr": (b"!!8-Bit!!",),
    "exe": (
        *(b"\x7fELF", b"\0asm", b"dex\n03", b"\xca\xfe\xba\xbe"),
        *(b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"),
    ),
    "script": (b"#!/", b"#! /", b"<?php"),
    "miff": (b"id=ImageMagick", b"id=MagickCache"),
}
_INSIDE = {
    (40, b" EMF"): "emf",
    (6, b"%!PS-AdobeFont"): "pfb",
    (6, b"%!FontType1"): "pfb",
    (34, b"LP"): "eot",
    (60, b"BOOKMOBI"): "mobi",
    (60, b"TEXtREAd"): "pdb",
    (257, b"ustar"): "tar",
}
_RIFF = {b"WEBP": "webp", b"WAVE": "wav", b"AVI ": "avi", b"AIFF": "aiff", b"AIFC": "aiff"}
_BITMAP_HEADERS = {12, 16, 40, 52, 56, 64, 108, 124}


def _riff(head: bytes) -> str:
    if head[:4] not in {b"RIFF", b"RIFX", b"RF64", b"FORM"}:
        return ""
    return _RIFF.get(head[8:12]) or ("cdr" if head[8:11] in {b"CDR", b"cdr"} else "")


def _bitmap(head: bytes) -> str:
    return "bmp" if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS else ""


def _icon(head: bytes) -> str:
    if head[:4] != b"\0\0\x01\0" or len(head) < 22:
        return ""
    count, size, offset = (*struct.unpack("<H", head[4:6]), *struct.unpack("<II", head[14:22]))
    return "ico" if count and size and offset >= 6 + 16 * count else ""


def _paintbrush(head: bytes) -> str:
    found = len(head) >= 128 and head[0] == 10 and head[1] in {0, 2, 3, 4, 5} and head[2] in {0, 1}
    return "pcx" if found and head[3] in {1, 2, 4, 8} else ""


def _bzip2(head: bytes) -> str:
    return "bz2" if re.match(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", head) else ""


def _windows_program(head: bytes) -> str:
    if head[:2] != b"MZ" or len(head) < 64:
        return ""
    start = int.from_bytes(head[60:64], "little")
    return "exe" if head[start : start + 2] in {b"PE", b"NE", b"LE", b"LX"} else ""


def _transport_stream(head: bytes) -> str:
    for name, start, step in (("ts", 0, 188), ("m2ts", 4, 192), ("ts", 0, 204)):
        marks = head[start : start + 5 * step : step]
        if len(marks) >= 3 and not marks.strip(b"G"):
            return name
    return ""


def _flash(head: bytes) -> str:
    return "swf" if head[:3] in {b"FWS", b"CWS", b"ZWS"} and 0 < int.from_bytes(head[3:4], "big") < 52 else ""


def _postscript(head: bytes) -> str:
    if not head.startswith(b"%!PS"):
        return ""
    return "eps" if b"EPSF" in head.split(b"\n", 1)[0][:80].split(b"\r")[0] else "ps"


def _tagged(head: bytes) -> str:
    # Other sound may stand behind such a tag: see the formats that are opened alike.
    found = head[:3] == b"ID3" and head[3:4] in {b"\2", b"\3", b"\4"} and max(head[6:10], default=128) < 128
    return "mp3" if found else ""


_TESTS: tuple[Callable[[bytes], str], ...] = (
    *(
        _tagged,
        _riff,
        _bitmap,
        _icon,
        _paintbrush,
        _bzip2,
        _windows_program,
        _transport_stream,
        _flash,
        _postscript,
    ),
)


def certain(head: bytes) -> str:
    """Return the format a file's first bytes belong to, or an empty string."""
    for name, marks in _AT_START.items():
        if head.startswith(marks):
            return name
    for (offset, mark), name in _INSIDE.items():
        if head[offset : offset + len(mark)] == mark and b"\0" in head[:offset]:
            return name
    return next((found for test in _TESTS if (found := test(head))), "")


def likely(head: bytes) -> str:
    """Return the format that a few bits speak for, where other files may have the same ones."""
    if head.startswith(b"\x0b\x77"):
        return "ac3"
    if head.startswith(b"\xff\x0a"):
        return "jxl"
    if head.startswith((b"\x1f\x07\0", b"\0\0\x01\xb0")):
        return "dv" if head.startswith(b"\x1f") else "cavs"
    if len(head) >= 4 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return _sound_frame(head)
    # Known by its end, which not all have, and by fields that make sense together.
    if (
        len(head) > 18
        and head[1] in {0, 1}
        and head[2] in {1, 2, 3, 9, 10, 11}
        and head[16] in {8, 15, 16, 24, 32}
    ):
        return "tga"
    return ""


def _sound_frame(head: bytes) -> str:
    layer, rate, frequency = head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    if layer == 0:
        return "aac" if head[1] & 0xF0 == 0xF0 else ""
    return "mp3" if rate != 15 and frequency != 3 and head[1] >> 3 & 3 != 1 else ""
