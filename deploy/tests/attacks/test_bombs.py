"""A54, A56 to A58, A77, A78: small files that want to be large, and files that are not what they say."""

from __future__ import annotations

import gzip
import io
import random
import zlib

import pytest
from PIL import Image

from . import hostile
from .siege import conversion
from .test_documents import GIGABYTE, Weight

pytestmark = [
    pytest.mark.attack,
    pytest.mark.needs("soffice", "ffmpeg", "convert", "pdftoppm", "chromium", "heif-convert", "rsvg-convert"),
]
MEGABYTE = bytes(1_000_000)


def check_stopped(siege, jobs, *, most=2.2 * GIGABYTE):
    """Run the jobs: each ends in a clear error, none of them large."""
    with Weight(siege) as weight:
        ends = siege.ends(jobs)
    for name, end in ends.items():
        siege.harmless(end)
        assert end.failed, (name, {file: len(data) for file, data in end.files.items()})
        assert end.made["code"] not in {"INTERNAL_ERROR", "UNKNOWN_ERROR", "WORKER_LOST", "DISK_FULL"}, (
            name,
            end.words,
        )
        assert len(end.made["message"]) > 10
    assert weight.most < most, weight.most
    return ends


def zeros(megabytes):
    """Return that many megabytes of zeros, packed by deflate."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b"".join(packer.compress(MEGABYTE) for _ in range(megabytes)) + packer.flush()


def inflating(member, megabytes):
    """Return a ZIP whose member unpacks to that many megabytes."""
    data, crc = zeros(megabytes), 0
    for _ in range(megabytes):
        crc = zlib.crc32(MEGABYTE, crc)
    from struct import pack

    name, size = member.encode(), megabytes * len(MEGABYTE)
    common = pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, crc, len(data), size, len(name), 0)
    local = b"PK\3\4" + common + name + data
    central = b"PK\1\2" + pack("<H", 20) + common + pack("<HHHII", 0, 0, 0, 0, 0) + name
    return local + central + b"PK\5\6" + pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)


def grown(data, member, megabytes, before, after):
    """Return an office file whose member is a thousand times as long, though well-formed."""
    import zipfile

    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new,
    ):
        for name in old.namelist():
            if name != member:
                new.writestr(name, old.read(name))
        with new.open(member, "w") as file:
            file.write(before)
            for _ in range(megabytes):
                file.write(b" " * 1_000_000)
            file.write(after)
    return out.getvalue()


def test_a54_a_document_that_unpacks_a_thousandfold_is_stopped(siege, samples):
    docx, odt, xlsx = (
        (samples / name).read_bytes() for name in ("jod_simple.docx", "jod_toc.odt", "jod_simple.xlsx")
    )
    before = f'<?xml version="1.0"?><w:document xmlns:w="{hostile.WORD}"><w:body>'.encode()
    jobs = {
        "docx": conversion(
            grown(docx, "word/document.xml", 600, before, b"</w:body></w:document>"),
            "in.docx",
            "pdf",
            timeout=30,
        ),
        "odt": conversion(grown(odt, "content.xml", 600, b"<a>", b"</a>"), "in.odt", "pdf", timeout=30),
        "xlsx": conversion(
            grown(xlsx, "xl/sharedStrings.xml", 600, b"<sst>", b"</sst>"), "in.xlsx", "csv", timeout=30
        ),
        "only bomb": conversion(inflating("word/document.xml", 1000), "in.docx", "pdf", timeout=30),
        "svgz": conversion(gzip.compress(b"<svg>" + b" " * 300_000_000, 9), "in.svgz", "png", timeout=30),
    }

    check_stopped(siege, jobs, most=3.2 * GIGABYTE)


def test_a54_an_archive_of_many_members_is_no_document(siege):
    many = hostile.packed({f"word/{number}.xml": "" for number in range(30_000)})
    nested = hostile.packed({"word/document.xml": "x"})
    for _ in range(50):
        nested = hostile.packed({"word/document.xml": nested, "[Content_Types].xml": "<Types/>"})
    overlapping = hostile.packed({"[Content_Types].xml": "<Types/>", "word/document.xml": "<x/>"}).replace(
        b"word/document.xml", b"[Content_Types].x"
    )
    jobs = {
        name: conversion(data, f"in.{kind}", "pdf", timeout=30)
        for name, data in (("many", many), ("nested", nested), ("overlapping", overlapping))
        for kind in ("docx", "odt", "xlsx", "pptx")
    }

    ends = siege.ends(jobs)

    for end in ends.values():
        siege.harmless(end)
        assert end.failed or all(len(data) < 1_000_000 for data in end.files.values())


# --- Pictures


def claimed(samples):
    """Return pictures that claim to be huge, in as many formats as there are."""
    jpg = (samples / "willow_exif_rotated.jpg").read_bytes()
    frame = jpg.rindex(b"\xff\xc0") if b"\xff\xc0" in jpg else jpg.rindex(b"\xff\xc2")
    avif, heic = ((samples / name).read_bytes() for name in ("libavif_animated.avif", "willow_tree.heic"))
    webp = bytearray(b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\xff\xff\xff\x0f\0\x88\x88\x08\0\0\0\0\0")
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "green").save(out, "JPEG2000")
    jp2 = out.getvalue()
    size = jp2.index(b"\xff\x51") + 6
    return {
        "png": hostile.png(60_000, 60_000),
        "gif": hostile.gif(65_535, 65_535),
        "bmp": hostile.bmp(60_000, 60_000),
        "tiff": hostile.tiff(1_000_000, 1_000_000),
        "psd": hostile.psd(29_999, 29_999),
        "jpg": jpg[: frame + 5] + b"\xff\xdc\xff\xdc" + jpg[frame + 9 :],
        "webp": bytes(webp),
        "avif": _sized(avif, 60_000),
        "heic": _sized(heic, 60_000),
        "jp2": jp2[:size] + b"\0\1\0\0\0\1\0\0" + jp2[size + 8 :],
        "ppm": b"P6 90000 90000 255\n" + bytes(100),
        "pgm": b"P5 90000 90000 255\n" + bytes(100),
        "tga": bytes([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 24, 0]) + bytes(100),
        "xbm": b"#define x_width 90000\n#define x_height 90000\nstatic char x_bits[] = { 0x00 };\n",
        "xpm": b'/* XPM */\nstatic char *x[] = {\n"90000 90000 1 1",\n"a c #000000",\n"a"};\n',
        "pcx": bytes([10, 5, 1, 8, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]) + bytes(116) + b"\xff\0" * 50,
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="90000" height="90000"><rect width="9" height="9"/></svg>',
    }


def _sized(data, side):
    # Every "image spatial extents" box of HEIC and AVIF.
    parts = data.split(b"ispe\0\0\0\0")
    return parts[0] + b"".join(b"ispe\0\0\0\0" + side.to_bytes(4, "big") * 2 + part[8:] for part in parts[1:])


def test_a56_a_picture_that_claims_to_be_huge_is_refused(siege, samples):
    jobs = {
        (kind, target): conversion(data, f"in.{kind}", target, timeout=30)
        for kind, data in claimed(samples).items()
        for target in ("jpg", "webp")
        if kind != target
    }

    check_stopped(siege, jobs)


def test_a56_a_picture_that_is_huge_though_well_formed_is_refused(siege):
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(20_001) * 100) for _ in range(200)) + packer.flush()
    head = (20_000).to_bytes(4, "big") * 2 + b"\x08\0\0\0\0"
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    large = b"\x89PNG\r\n\x1a\n" + b"".join(hostile.chunk(*each) for each in chunks)
    jobs = {
        "pixels": conversion(large, "in.png", "jpg", timeout=60),
        "frames": conversion(hostile.gif(500, 500, 5000), "in.gif", "webp", timeout=60),
        "film": conversion(hostile.gif(500, 500, 5000), "in.gif", "png", timeout=60),
        "wanted": conversion(
            hostile.small_png(), "in.png", "jpg", width=60_000, height=60_000, fit="scale", timeout=60
        ),
        "text": conversion(
            hostile.small_png(*[hostile.chunk(b"zTXt", b"a\0\0" + zlib.compress(MEGABYTE * 40, 9))] * 20),
            "in.png",
            "jpg",
        ),
    }

    with Weight(siege) as weight:
        answers = {
            name: siege.stack.api.post("/v2/jobs", json={"tasks": tasks}) for name, tasks in jobs.items()
        }
        ends = {
            name: siege.end(each.json()["data"]["id"])
            for name, each in answers.items()
            if each.status_code == 201
        }

    for end in ends.values():
        siege.harmless(end)
    assert {answer.status_code for answer in answers.values()} <= {201, 422}
    assert ends["pixels"].failed and ends["frames"].failed
    assert "wanted" not in ends or ends["wanted"].failed
    assert weight.most < 2.2 * GIGABYTE


# --- PDF


def pages(kids, *more, count=1):
    """Return a PDF whose page tree is this."""
    return hostile.pdf("<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[{kids}]/Count {count}>>", *more)


def papers():
    """Return PDFs that are large, endless or both, in a few hundred bytes."""
    tree = [
        f"<</Type/Pages/Kids[{f'{number + 1} 0 R ' * 10}]/Count {10 ** (9 - number)}>>"
        for number in range(3, 9)
    ]
    page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 {}]/Contents 4 0 R{}>>"
    stream = "<</Length {}{}>>\nstream\n{}\nendstream"
    deep = "q " * 300_000
    form = "<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F {} 0 R>>>>/Length 5>>\nstream\n/F Do\nendstream"
    packed = zlib.compress(b"0 0 m 9 9 l S\n" * 400_000, 9)
    image = (
        "<</Type/XObject/Subtype/Image/Width 100000/Height 100000/ColorSpace/DeviceRGB/BitsPerComponent 8"
        "/Filter/FlateDecode/Length 8>>\nstream\n" + "x\x9c\x03\0\0\0\0\x01\nendstream"
    )
    use = "/Resources<</XObject<</F 5 0 R>>>>"
    return {
        "a million pages": pages("3 0 R " * 10, *tree, page.format("9 9", ""), count=1_000_000),
        "a claimed million": pages(
            "3 0 R", page.format("9 9", ""), stream.format(0, "", ""), count=1_000_000
        ),
        "a thousand names": pages(
            "3 0 R " * 100_000, page.format("9 9", ""), stream.format(0, "", ""), count=100_000
        ),
        "wide": pages("3 0 R", page.format("14400000 14400000", ""), stream.format(0, "", "")),
        "unit": pages("3 0 R", page.format("9000 9000", "/UserUnit 75000"), stream.format(0, "", "")),
        "own parent": pages("2 0 R", count=1),
        "circle": pages("3 0 R", "<</Type/Pages/Kids[2 0 R]/Count 1>>", count=1),
        "circle of forms": pages(
            "3 0 R", page.format("99 99", use), stream.format(5, "", "/F Do"), form.format(6), form.format(5)
        ),
        "no length": pages("3 0 R", page.format("99 99", ""), "<</Length 4 0 R>>\nstream\nx\nendstream"),
        "deep": pages("3 0 R", page.format("99 99", ""), stream.format(len(deep), "", deep)),
        "arrays": pages("3 0 R", "[" * 500_000 + "]" * 500_000),
        "packed": pages(
            "3 0 R",
            page.format("99 99", ""),
            b"<</Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream" % (len(packed), packed),
        ),
        "filters": pages(
            "3 0 R", page.format("99 99", ""), stream.format(1, f"/Filter[{'/FlateDecode' * 5000}]", "x")
        ),
        "picture": pages("3 0 R", page.format("99 99", use), stream.format(5, "", "/F Do"), image),
        "object stream": pages(
            "3 0 R", "<</Type/ObjStm/Extends 3 0 R/N 1000000000/First 9/Length 1>>\nstream\nx\nendstream"
        ),
        "outside": hostile.pdf(
            "<</Type/Catalog/Pages 2 0 R/OpenAction<</S/Launch/F(/usr/bin/touch)>>/AA<</O<</S/URI/URI(x)>>>>>>",
            "<</Type/Pages/Kids[3 0 R]/Count 1>>",
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents<</F(/etc/passwd)/FFilter/x/Length 0>>>>",
        ),
    }


def test_a57_a_paper_without_end_is_capped(siege, samples):
    found = papers() | {"loop": (samples / "qpdf_xref_loop.pdf").read_bytes()}
    jobs = {
        (name, target): conversion(data, "in.pdf", target, timeout=12)
        for name, data in found.items()
        for target in ("png", "txt")
    }
    jobs["fine", "png"] = conversion(
        (samples / "tika_text.pdf").read_bytes(), "in.pdf", "png", pixel_density=1200, timeout=20
    )

    with Weight(siege) as weight:
        answers = {
            name: siege.stack.api.post("/v2/jobs", json={"tasks": tasks}) for name, tasks in jobs.items()
        }
        ends = {
            name: siege.end(each.json()["data"]["id"])
            for name, each in answers.items()
            if each.status_code == 201
        }

    for name, end in ends.items():
        siege.harmless(end)
        assert len(end.files) <= 2000, name
        assert end.made["code"] not in {"INTERNAL_ERROR", "UNKNOWN_ERROR"}, (name, end.words)
    assert all(ends[name, "png"].failed for name in ("a million pages", "wide", "unit")), {
        name: end.words for name, end in ends.items()
    }
    assert weight.most < 2.2 * GIGABYTE


# --- Video


def test_a58_a_film_that_claims_to_be_huge_or_long_is_refused(siege, samples):
    mp4 = (samples / "made_video.mp4").read_bytes()
    at = mp4.index(b"mvhd") + 4
    # The header's time scale and length: a thousand hours.
    long = mp4[: at + 12] + (1).to_bytes(4, "big") + (3_600_000).to_bytes(4, "big") + mp4[at + 20 :]
    many = hostile.avi(64, 64, streams=500)
    jobs = {
        "huge": conversion(hostile.avi(100_000, 100_000), "in.avi", "mp4", timeout=30),
        "wide": conversion(hostile.avi(2_000_000_000, 1), "in.avi", "gif", timeout=30),
        "tall": conversion(hostile.avi(16, 65_535 * 32), "in.avi", "webm", timeout=30),
        "streams": conversion(many, "in.avi", "mp4", timeout=30),
        "frames": conversion(
            hostile.avi(64, 64, frames=2**31 - 1, micros=2**31 - 1), "in.avi", "mp4", timeout=30
        ),
        "header": conversion(long, "in.mp4", "gif", timeout=60),
    }

    with Weight(siege) as weight:
        ends = siege.ends(jobs)

    for end in ends.values():
        siege.harmless(end)
    assert {name for name, end in ends.items() if not end.failed} <= {"header"}, {
        n: e.words for n, e in ends.items()
    }
    assert weight.most < 2.2 * GIGABYTE


# --- Files that are not what they say

TARGETS = {
    "docx": "pdf", "doc": "txt", "xlsx": "csv", "xls": "csv", "pptx": "pdf", "ppt": "odp", "odt": "txt", "ods": "csv",
    "odp": "pdf", "rtf": "txt", "csv": "xlsx", "html": "png", "pdf": "txt", "jpg": "png", "png": "webp", "gif": "png",
    "webp": "jpg", "heic": "jpg", "avif": "png", "tiff": "jpg", "psd": "png", "svg": "png", "mp4": "mp3", "webm": "wav",
    "mp3": "wav", "wav": "mp3", "flac": "wav", "ogg": "wav",
}  # fmt: skip
GOOD = {
    "OPEN_FAILED", "CONVERSION_FAILED", "PASSWORD_REQUIRED", "TIMEOUT", "ENGINE_CRASHED", "INVALID_CONVERSION_TYPE",
    "FILE_TOO_LARGE", "OUTPUT_TOO_LARGE", "MEMORY_EXCEEDED", "INPUT_QUARANTINED",
}  # fmt: skip
"""What a customer may be told of a file that is no good."""


def sample_of(samples, kind):
    """Return the smallest sample of a kind."""
    spellings = {"tiff": ("tif", "tiff"), "jpg": ("jpg", "jpeg")}.get(kind, (kind,))
    found = [path for path in samples.iterdir() if path.suffix.removeprefix(".") in spellings]
    # The smallest that opens without a password.
    return min(
        (path for path in found if "password" not in path.name), key=lambda path: path.stat().st_size
    ).read_bytes()


def check_clear(siege, ends):
    for name, end in ends.items():
        siege.harmless(end)
        assert not end.failed or end.made["code"] in GOOD, (name, end.words)


@pytest.mark.parametrize("way", ["empty", "truncated", "wrong extension", "polyglot", "noise"])
def test_a77_a_file_that_is_no_good_ends_in_a_clear_answer(siege, samples, way):
    kinds = list(TARGETS)
    jobs = {}
    for number, kind in enumerate(kinds):
        good = sample_of(samples, kind)
        other = sample_of(samples, kinds[(number + 11) % len(kinds)])
        data = {
            "empty": b"",
            "truncated": good[: len(good) * 2 // 3],
            "wrong extension": other,
            "polyglot": good + other,
            "noise": random.Random(number).randbytes(20_000),
        }[way]
        jobs[kind] = conversion(data, f"in.{kind}", TARGETS[kind], timeout=30)

    ends = siege.ends(jobs)

    check_clear(siege, ends)
    if way == "empty":
        assert all(end.failed for end in ends.values()), {
            k: end.job for k, end in ends.items() if not end.failed
        }
    if way == "noise":
        good = {kind for kind, end in ends.items() if not end.failed}
        assert good <= {"csv", "html", "rtf"}, good


def test_a77_a_protected_file_asks_for_its_password(siege, samples):
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(samples / "tika_text.pdf"))
    writer.encrypt("hidden", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    odt = (samples / "jod_password.odt").read_bytes()
    jobs = {
        "odt": conversion(odt, "in.odt", "pdf"),
        "odt wrong": conversion(odt, "in.odt", "pdf", password="wrong"),
        "odt called docx": conversion(odt, "in.docx", "pdf"),
        "pdf": conversion(out.getvalue(), "in.pdf", "txt"),
        "pdf wrong": conversion(out.getvalue(), "in.pdf", "png", password="wrong"),
    }

    ends = siege.ends(jobs)

    check_clear(siege, ends)
    assert {
        name: end.made["code"] for name, end in ends.items() if name != "odt called docx"
    } == dict.fromkeys(("odt", "odt wrong", "pdf", "pdf wrong"), "PASSWORD_REQUIRED")


def mutated(data, seed):
    """Return the data with some of its bytes, runs and lengths changed; the same for the same seed."""
    chance = random.Random(seed)
    found = bytearray(data)
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(len(found))
        match chance.randrange(5):
            case 0:
                found[at] = chance.randrange(256)
            case 1:
                found[at : at + 4] = chance.choice(
                    [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0"]
                )
            case 2:
                del found[at : at + chance.randint(1, 200)]
            case 3:
                found[at:at] = found[at : at + chance.randint(1, 400)]
            case _:
                found[at] ^= 1 << chance.randrange(8)
    return bytes(found)


def test_a78_damaged_files_kill_no_worker(siege, samples):
    jobs = {
        (kind, seed): conversion(
            mutated(sample_of(samples, kind), f"{kind}{seed}"), f"in.{kind}", target, timeout=20
        )
        for kind, target in TARGETS.items()
        for seed in range(2 if kind in {"csv", "txt", "html", "svg", "rtf"} else 3)
    }

    with Weight(siege) as weight:
        ends = siege.ends(jobs)

    check_clear(siege, ends)
    assert weight.most < 3.2 * GIGABYTE
