from __future__ import annotations

import struct
import zlib

import pytest

from jobs.contract import detection, limits
from jobs.contract.errors import FileTooLarge, OpenFailed

from . import hostile

BIG = {
    "png": hostile.png(100_000, 100_000),
    "gif": b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + bytes(3) + b";",
    "jpg": b"\xff\xd8\xff\xe0\0\4JF\xff\xc0\0\x11\x08" + struct.pack(">HH", 60_000, 60_000),
    "webp": b"RIFF\0\0\0\0WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\xff\0" * 2,
    "bmp": b"BM" + bytes(12) + struct.pack("<Iii", 40, 60_000, -60_000),
    "tiff": hostile.tiff(60_000, 60_000),
    "psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HII", 3, 60_000, 60_000),
    "avif": hostile.avif(17_000, 17_000),
    "jp2": b"\0\0\0\x0cjP  \r\n\x87\n"
    + hostile.box(b"jp2h", hostile.box(b"ihdr", struct.pack(">II", 60_000, 60_000))),
    "tga": b"\0\0\2" + bytes(9) + struct.pack("<HH", 60_000, 60_000) + b"\x20\x08\0",
    "pcx": (b"\x0a\5\1\x08" + struct.pack("<HHHH", 0, 0, 60_000, 60_000)).ljust(128, b"\0"),
    "ppm": b"P6 60000 60000 255\n",
    "ico": b"\0\0\1\0\1\0" + bytes(8) + struct.pack("<II", 99, 22) + hostile.png(60_000, 60_000),
}


def check(path, data, taken):
    path.write_bytes(data)
    detection.check(path, detection.detect(path), taken=taken)


@pytest.mark.parametrize(
    ("data", "count"), [(hostile.png(9, 9, frames=7), 7), (hostile.png(9, 9), 1), (b"only words", 1)]
)
def test_frames_are_counted_by_the_header(data, count, tmp_path):
    (tmp_path / "file").write_bytes(data)

    assert detection.frames(tmp_path / "file", "png") == count


@pytest.mark.parametrize(("kind", "data"), BIG.items(), ids=BIG)
def test_a_picture_too_large_is_refused_by_its_header(kind, data, tmp_path):
    with pytest.raises(
        FileTooLarge, match=r"The picture is [\d,]+ x [\d,]+ pixels; at most 100,000,000 in all"
    ):
        check(tmp_path / "file", data, kind)


@pytest.mark.parametrize(
    "data",
    [
        hostile.png(10, 10, frames=1001),
        hostile.tiff(10, 10, pages=1001),
        b"GIF89a\x0a\0\x0a\0\0\0\0" + (b"," + bytes(9) + b"\x02\0") * 1001 + b";",
    ],
    ids=["png", "tiff", "gif"],
)
def test_too_many_frames_are_refused(data, tmp_path):
    with pytest.raises(FileTooLarge, match="more than 1,000 frames"):
        check(tmp_path / "file", data, "")


def test_a_film_may_have_more_frames_than_a_picture(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(hostile.png(10, 10, frames=1001))

    detection.check(path, detection.detect(path), taken="png", film=True)


def test_a_directory_too_long_to_read_is_refused(tmp_path):
    path = hostile.package(tmp_path / "x", {f"{n}".rjust(50_000, "x"): b"" for n in range(1400)})

    with pytest.raises(FileTooLarge, match="list of what the file holds"):
        detection.check(path, detection.Finding("zip"), taken="docx")


def test_a_document_that_unpacks_to_gigabytes_is_refused(tmp_path):
    path = hostile.docx(tmp_path / "x", bomb=bytes(100 * limits.MB))

    with pytest.raises(FileTooLarge, match=r"unpack to [\d,]+ times its size; at most 200 times"):
        detection.check(path, detection.detect(path), taken="docx")


def test_a_sheet_of_zeros_is_no_bomb(tmp_path):
    path = hostile.docx(tmp_path / "x", zeros=bytes(30 * limits.MB))

    detection.check(path, detection.detect(path), taken="docx")


def test_a_document_of_too_many_parts_is_refused(tmp_path):
    path = hostile.docx(tmp_path / "x", **{f"{n}": b"" for n in range(10_001)})

    with pytest.raises(FileTooLarge, match="more than the 10,000 entries"):
        detection.check(path, detection.detect(path), taken="docx")


def test_members_that_lie_over_each_other_are_refused(tmp_path):
    path = hostile.overlapping(tmp_path / "x", 50)

    with pytest.raises(OpenFailed, match="over each other"):
        detection.check(path, detection.detect(path), taken="docx")


def test_a_directory_that_claims_everything_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(limits, "ARCHIVE_BYTES", 1000)
    path = hostile.docx(tmp_path / "x", more=b"x" * 2000)

    with pytest.raises(FileTooLarge, match="would unpack to"):
        detection.check(path, detection.detect(path), taken="docx")


def test_a_packed_drawing_is_unpacked_no_further_than_allowed(tmp_path):
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'>"
    path = tmp_path / "file"

    check(path, zlib.compress(svg + b" " * limits.MB, wbits=31), "svgz")
    with pytest.raises(FileTooLarge, match="more than the 67,108,864 bytes"):
        check(path, zlib.compress(svg + b" " * 70 * limits.MB, wbits=31), "svgz")


def test_every_sample_is_within_the_limits(samples):
    for path in samples.iterdir():
        detection.check(path, detection.detect(path), taken="")
