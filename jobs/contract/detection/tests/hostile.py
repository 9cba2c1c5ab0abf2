"""Files made for tests: playlists, scripts, bombs, and documents that ask for a password."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

TEXTS = {
    "m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2,\nhttp://127.0.0.1/x\n#EXT-X-ENDLIST\n",
    "ffconcat": b"ffconcat version 1.0\nfile '/etc/hostname'\n",
    "sdp": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nm=video 5004 RTP/AVP 96\r\n",
    "mpd": b'<?xml version="1.0"?>\n<!-- x --><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period/></MPD>',
    "playlist": b"[playlist]\nFile1=http://127.0.0.1/\n",
    "mvg": b"push graphic-context\nviewbox 0 0 640 480\nfill 'url(http://127.0.0.1/)'\npop graphic-context",
    "msl": b'<?xml version="1.0"?><image><read filename="/etc/passwd"/><write filename="x.png"/></image>',
    "script": b"#!/bin/sh\nid\n",
}


def elf() -> bytes:
    """Return the head of a program."""
    return b"\x7fELF\2\1\1" + bytes(200)


def png(width: int, height: int, *, frames: int = 1) -> bytes:
    """Return a PNG that claims a size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    animated = chunk(b"acTL", struct.pack(">II", frames, 0)) if frames > 1 else b""
    return b"\x89PNG\r\n\x1a\n" + head + animated + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def box(kind: bytes, *content: bytes) -> bytes:
    """Return a box of an MP4 or HEIF file."""
    data = b"".join(content)
    return struct.pack(">I4s", 8 + len(data), kind) + data


def avif(width: int, height: int) -> bytes:
    """Return an AVIF that claims a size."""
    ispe = box(b"ispe", bytes(4), struct.pack(">II", width, height))
    meta = box(b"meta", bytes(4), box(b"iprp", box(b"ipco", ispe)))
    return box(b"ftyp", b"avif", bytes(4), b"avifmif1") + meta


def tiff(width: int, height: int, *, pages: int = 1) -> bytes:
    """Return a TIFF of pages that claim a size."""
    data = b"II*\0" + struct.pack("<I", 8)
    for number in range(pages):
        following = 8 + 30 * (number + 1) if number + 1 < pages else 0
        data += struct.pack("<H", 2) + struct.pack("<HHII", 256, 4, 1, width)
        data += struct.pack("<HHII", 257, 4, 1, height) + struct.pack("<I", following)
    return data


def package(path: Path, members: dict[str, bytes]) -> Path:
    """Write a zip file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def docx(path: Path, **members: bytes) -> Path:
    """Write what looks like a Word document, with more members."""
    parts = {"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w:document/>"}
    return package(path, parts | {f"word/{name}": data for name, data in members.items()})


def overlapping(path: Path, count: int) -> Path:
    """Write a document whose members are all the same bytes."""
    docx(path, kernel=b"x" * 1000)
    data = bytearray(path.read_bytes())
    end = data.rfind(b"PK\5\6")
    size, start = struct.unpack("<II", data[end + 12 : end + 20])
    directory = bytes(data[start : start + size])
    last = directory[directory.rfind(b"PK\1\2") :]
    more = directory + last * count
    entries = 3 + count
    data[start:] = more + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, entries, entries, len(more), start, 0)
    path.write_bytes(data)
    return path


def locked_zip(data: bytes) -> bytes:
    """Return the zip file with every member marked as encrypted."""
    changed = bytearray(data)
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = changed.find(mark)
        while at >= 0:
            changed[at + place] |= 1
            at = changed.find(mark, at + 4)
    return bytes(changed)


def compound(**streams: bytes) -> bytes:
    """Return a compound file; every stream is 4,096 bytes long, so that none is a small one."""
    names = ["Root Entry", *streams]
    table: list[int] = [0xFFFFFFFD]
    sectors = []
    count = (len(names) + 3) // 4
    table += [*range(2, count + 1), 0xFFFFFFFE]
    entries = b""
    first = count + 1
    for name in names:
        kind, start, size = (5, 0xFFFFFFFE, 0) if name == "Root Entry" else (2, first, 4096)
        if kind == 2:
            table += [*range(first + 1, first + 8), 0xFFFFFFFE]
            sectors.append(streams[name].ljust(4096, b"\0"))
            first += 8
        encoded = name.replace("_", " ").encode("utf-16-le") if kind == 2 else name.encode("utf-16-le")
        entry = encoded.ljust(64, b"\0") + struct.pack("<HBB", len(encoded) + 2, kind, 1)
        entries += entry.ljust(116, b"\xff") + struct.pack("<IQ", start, size)
    entries = entries.ljust(512 * count, b"\0")
    fat = b"".join(struct.pack("<I", each) for each in table).ljust(512, b"\xff")
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
    head += bytes(6) + struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    head += struct.pack("<I", 0) + b"\xff" * 432
    return head + fat + entries + b"".join(sectors)


LOCKED = {
    "docx": compound(EncryptionInfo=b"", EncryptedPackage=b""),
    "doc": compound(WordDocument=b"\xec\xa5\xc1\0" + bytes(6) + b"\0\x01"),
    "xls": compound(Workbook=b"\x09\x08\x04\0\0\6\5\0" + b"\x2f\0\2\0\0\0"),
    "ppt": compound(PowerPoint_Document=b"", Current_User=b"\0" * 12 + b"\xdf\xc4\xd1\xf3"),
}
OPEN = {
    "doc": compound(WordDocument=b"\xec\xa5\xc1\0" + bytes(8)),
    "xls": compound(Workbook=b"\x09\x08\x04\0\0\6\5\0" + b"\x0a\0\0\0"),
    "ppt": compound(PowerPoint_Document=b"", Current_User=b"\0" * 12 + b"\x5f\xc0\x91\xe3"),
}
