from __future__ import annotations

import random
import zlib

import pytest

from jobs.contract import detection
from jobs.contract.detection import window

from . import hostile

SAMPLES = {
    "jod_linked_images.odt": "odt",
    "jod_multi_page.doc": "doc",
    "jod_multi_page.ppt": "ppt",
    "jod_multi_page.xls": "xls",
    "jod_simple.docx": "docx",
    "jod_simple.odp": "odp",
    "jod_simple.ods": "ods",
    "jod_simple.pptx": "pptx",
    "jod_simple.rtf": "rtf",
    "jod_simple.xlsx": "xlsx",
    "libavif_animated.avif": "avif",
    "made_anim.gif": "gif",
    "made_page.html": "html",
    "made_shapes.svg": "svg",
    "made_table.csv": "txt",
    "made_text.md": "txt",
    "made_tone.mp3": "mp3",
    "made_tone.wav": "wav",
    "made_traversal.zip": "zip",
    "made_truncated.jpg": "jpg",
    "made_video.mp4": "mp4",
    "made_video.webm": "webm",
    "openxml_chart.docx": "docx",
    "psdtools_mask.psd": "psd",
    "qpdf_xref_loop.pdf": "pdf",
    "tika_archive.7z": "7z",
    "tika_book.epub": "epub",
    "tika_multipage.tif": "tiff",
    "tika_tagged.flac": "flac",
    "tika_tagged.ogg": "ogg",
    "tika_text.pdf": "pdf",
    "willow_alpha_icc.png": "png",
    "willow_cmyk.jpg": "jpg",
    "willow_tree.heic": "heic",
    "willow_tree.webp": "webp",
}
HEADS = {
    "mov": hostile.box(b"ftyp", b"qt  ", bytes(4)),
    "m4a": hostile.box(b"ftyp", b"M4A ", bytes(4)),
    "3gp": hostile.box(b"ftyp", b"3gp5", bytes(4)),
    "mkv": b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska",
    "opus": b"OggS\0\2" + bytes(22) + b"OpusHead",
    "avi": b"RIFF\0\0\0\0AVI LIST",
    "aiff": b"FORM\0\0\0\0AIFC",
    "ts": (b"G" + bytes(187)) * 5,
    "m2ts": (bytes(4) + b"G" + bytes(187)) * 5,
    "aac": b"\xff\xf1\x50\x80\x02\x1f\xfc",
    "mpeg": b"\0\0\x01\xba\x44",
    "bmp": b"BM" + bytes(12) + b"\x28\0\0\0",
    "tga": b"\0\0\2" + bytes(9) + b"\x10\0\x10\0\x20\x08\0",
    "ppm": b"P6\n# made\n2 2\n255\n" + bytes(12),
    "xbm": b"#define x_width 8\n#define x_height 1\n",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "svgz": zlib.compress(b"<svg xmlns='http://www.w3.org/2000/svg'/>", wbits=31),
    "tar": b"name".ljust(257, b"\0") + b"ustar\0",
    "woff2": b"wOF2\0\1\0\0",
    "mobi": b"Book".ljust(60, b"\0") + b"BOOKMOBI",
    "svg": b'\xef\xbb\xbf<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "-//W3C" [<!ENTITY a "b">]>\n<svg:svg>',
    "html": b"\n <!DOCTYPE HTML><title>x</title>",
    "pdf": b"HTTP/1.1 200 OK\r\n\r\n" + bytes(900) + b"%PDF-1.7",
    "exe": hostile.elf(),
    **hostile.TEXTS,
}


@pytest.mark.parametrize(("name", "wanted"), SAMPLES.items())
def test_samples_are_what_they_are_whatever_they_are_called(name, wanted, samples):
    found = detection.detect(samples / name)

    assert (found.format, found.encrypted) == (wanted, False)


@pytest.mark.parametrize(("wanted", "head"), HEADS.items(), ids=HEADS)
def test_formats_are_known_by_their_first_bytes(wanted, head, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(head)

    assert detection.detect(path).format == wanted


@pytest.mark.parametrize(
    "text",
    [
        "caffeine is in coffee",
        "Get free stuff here",
        "P5 road map\n",
        "BM is short for many things",
        "MZ and ID3 and RIFF",
        "ÜTF-16 with a mark".encode("utf-16"),
        "UTF-16 without a mark".encode("utf-16-le"),
        "Größe in Latin-1".encode("latin-1"),
        "<3 you",
        "# Title\n\nSee %PDF for more",
    ],
)
def test_text_stays_text(text, tmp_path):
    path = tmp_path / "file.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    assert detection.detect(path).format == "txt"
    assert detection.fits(path, "txt")
    assert detection.fits(path, "csv")
    assert not detection.fits(path, "png")


def test_macros_make_another_kind_of_document(tmp_path):
    path = hostile.docx(tmp_path / "x", **{"vbaProject.bin": b"x"})

    assert detection.detect(path).format == "docm"


@pytest.mark.parametrize("kind", hostile.LOCKED)
def test_a_password_is_seen_before_anything_is_opened(kind, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(hostile.LOCKED[kind])

    assert detection.detect(path).encrypted
    assert detection.agrees(kind, detection.detect(path))


@pytest.mark.parametrize("kind", hostile.OPEN)
def test_old_documents_without_a_password_are_open(kind, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(hostile.OPEN[kind])

    assert detection.detect(path) == detection.Finding(kind)


def test_packages_say_that_they_are_encrypted(samples, tmp_path):
    zipped = tmp_path / "x"
    zipped.write_bytes(hostile.locked_zip((samples / "jod_simple.docx").read_bytes()))

    assert detection.detect(samples / "jod_password.odt") == detection.Finding("odt", encrypted=True)
    assert detection.detect(zipped) == detection.Finding("docx", encrypted=True)


@pytest.mark.parametrize("name", [*SAMPLES, "jod_password.odt"])
def test_samples_fit_what_they_are_and_nothing_else(name, samples):
    own = {"tif": "tiff"}.get(name.rpartition(".")[2], name.rpartition(".")[2])

    assert detection.fits(samples / name, own)
    assert not detection.fits(samples / name, "png" if own != "png" else "jpg")


def test_what_is_empty_fits_nothing_and_what_we_do_not_know_fits_anything(tmp_path):
    empty, noise = tmp_path / "empty", tmp_path / "noise"
    empty.touch()
    noise.write_bytes(bytes(range(256)))

    assert not detection.fits(empty, "txt")
    assert not detection.fits(empty, "dwg")
    assert detection.fits(noise, "dwg")
    assert not detection.fits(noise, "docx")


def test_damage_is_no_failure_and_never_makes_us_read_on(samples, tmp_path, monkeypatch):
    """Thousands of heads, cut and changed: every one gets an answer within the budget."""
    spent = []
    leave = window.Window.__exit__

    def counted(self, *error):
        spent.append(window.BUDGET - self.left)
        return leave(self, *error)

    monkeypatch.setattr(window.Window, "__exit__", counted)
    chance = random.Random(3)
    sources = [(samples / name).read_bytes() for name in SAMPLES]
    sources += [*HEADS.values(), *hostile.LOCKED.values(), hostile.tiff(9, 9, pages=5), hostile.avif(9, 9)]
    path = tmp_path / "file"
    for _ in range(4000):
        data = bytearray(chance.choice(sources))
        del data[chance.choice([len(data), 512, 4096, chance.randrange(len(data) + 1)]) :]
        for _ in range(chance.randrange(1, 12)):
            place = chance.randrange(min(len(data), 2048) or 1)
            data[place : place + 1] = chance.choice([b"\xff", b"\0", b"\x80", chance.randbytes(4)])
        path.write_bytes(data)
        found = detection.detect(path)
        for kind in {found.format, "tga", "ico", "gif", "tiff", "avif", "webp", "jpg", "bmp", "ppm"}:
            with window.Window(path) as opened:
                detection.pictures.size(opened, kind)

    assert len(spent) > 4000
    assert max(spent) <= window.BUDGET + 64


def test_a_ring_of_sectors_ends(tmp_path):
    data = bytearray(hostile.compound(WordDocument=b""))
    data[512 + 4 : 512 + 8] = (1).to_bytes(4, "little")
    path = tmp_path / "file"
    path.write_bytes(data)

    assert detection.detect(path).format in {"doc", "cfb"}
