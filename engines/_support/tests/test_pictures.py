from __future__ import annotations

import io
from pathlib import Path

import pypdf
import pytest
from PIL import Image

from engines._support import exif, jpeg_file, picture_pdf


def jpeg(mode: str = "RGB", size: tuple[int, int] = (30, 20), **options) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, "JPEG", **options)
    return file.getvalue()


def png(mode: str, size: tuple[int, int] = (30, 20)) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"exif": b"Exif\0\0" + bytes(90)}])
@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("CMYK", 4)])
def test_a_jpeg_tells_its_size_and_channels(mode, channels, options):
    assert jpeg_file.frame(jpeg(mode, **options)) == jpeg_file.Frame(30, 20, channels, 8)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xc0", png("RGB"), jpeg()[:30]])
def test_what_is_no_jpeg_tells_nothing(data):
    assert jpeg_file.frame(data) is None


def test_a_jpeg_is_complete_when_its_picture_has_an_end(tmp_path):
    thumbnail = jpeg(size=(8, 8))
    whole = jpeg(size=(300, 200), comment=thumbnail)
    path = tmp_path / "a.jpg"

    path.write_bytes(whole + b"what a camera adds")
    assert jpeg_file.is_complete(path)

    path.write_bytes(whole[: len(whole) * 2 // 3])
    assert thumbnail in path.read_bytes()
    assert not jpeg_file.is_complete(path)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_exif_says_upright_and_nothing_else_changes(orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    data[0x010F] = "A camera"

    changed = Image.Exif()
    changed.load(exif.upright(data.tobytes()))

    assert dict(changed) == {0x0112: 1, 0x010F: "A camera"}


@pytest.mark.parametrize(
    "data", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x09"]
)
def test_broken_exif_stays_as_it_is(data):
    assert exif.upright(data) == data


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_plain_png_becomes_a_page(mode, tmp_path):
    with picture_pdf.Document(tmp_path / "a.pdf") as document:
        document.add(picture_pdf.from_png(png(mode)), density=144)

    [page] = pypdf.PdfReader(tmp_path / "a.pdf", strict=True).pages
    assert (page.mediabox.width, page.mediabox.height) == (15, 10)
    assert page.images[0].image.size == (30, 20)


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA"])
def test_a_png_that_a_page_cannot_hold_is_refused(mode):
    with pytest.raises(picture_pdf.Unfit):
        picture_pdf.from_png(png(mode))


def test_no_page_is_larger_than_pages_can_be(tmp_path):
    with picture_pdf.Document(tmp_path / "a.pdf") as document:
        document.add(picture_pdf.from_png(png("1", (30_000, 3))), density=72)

    assert pypdf.PdfReader(tmp_path / "a.pdf").pages[0].mediabox.width == 14_400


def test_pages_keep_their_order(tmp_path: Path):
    with picture_pdf.Document(tmp_path / "a.pdf") as document:
        for width in (10, 20, 30):
            document.add(picture_pdf.from_jpeg(jpeg(size=(width, 10))), density=72)

    assert [page.mediabox.width for page in pypdf.PdfReader(tmp_path / "a.pdf").pages] == [10, 20, 30]
