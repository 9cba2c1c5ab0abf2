"""What is libvips' own; what it shares with ImageMagick is in test_pictures.py."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator

import pytest
from PIL import Image

from engines import vips
from engines._support import launcher
from engines.tests.test_pictures import Bench
from jobs.contract import errors, tools

GREYS = [0, 1, 257, 4_000, 65_534, 65_535]


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path, (vips,))


@pytest.fixture(scope="module", autouse=True)
def end() -> Iterator[None]:
    yield
    vips.WARM.close()


def test_the_version_is_the_one_that_children_use():
    said = tools.version(
        vips.TOOL,
        lambda argv: launcher.ask(argv, deadline=time.monotonic() + 20, like=vips.OPERATIONS[-1].run),
    )

    assert said == "8.18.7"


@pytest.mark.parametrize("target", ["png", "tiff"])
def test_sixteen_bits_stay(target, bench, tmp_path):
    picture = Image.new("I;16", (len(GREYS), 1))
    picture.frombytes(struct.pack(f"<{len(GREYS)}H", *GREYS))
    picture.save(tmp_path / "deep.png")

    with Image.open(bench.one(tmp_path / "deep.png", "png", target)) as made:
        assert made.mode.startswith("I;16")
        assert [made.getpixel((x, 0)) for x in range(len(GREYS))] == GREYS


def test_sixteen_bits_become_eight_where_there_is_no_more(bench, tmp_path):
    picture = Image.new("I;16", (16, 16), 32_896)
    picture.save(tmp_path / "deep.png")

    made = bench.picture(tmp_path / "deep.png", "png", "jpg", quality=100)

    assert (made.mode, made.getpixel((3, 3))) == ("L", 128)


@pytest.mark.parametrize("text", [None, "██"])
def test_a_fax_stays_black_and_white(text, bench, tmp_path):
    page = Image.new("1", (240, 160), 1)
    page.paste(0, (20, 20, 200, 60))
    page.save(tmp_path / "fax.tiff", compression="group4")

    made = bench.picture(tmp_path / "fax.tiff", "tiff", "png", watermark_text=text)

    assert made.mode == ("L" if text else "1")
    assert made.convert("L").getpixel((30, 30)) == 0
    assert made.convert("L").getpixel((10, 10)) == 255


def test_an_output_that_the_format_cannot_hold_is_refused_with_the_remedy(bench, tmp_path):
    Image.new("1", (17_000, 2)).save(tmp_path / "wide.png")

    with pytest.raises(errors.ConversionFailed, match=r"WEBP holds at most 16,383 .* Set width or height"):
        bench.run(tmp_path / "wide.png", "png", "webp")


def test_a_file_in_the_place_of_another_is_read_anew(bench, tmp_path):
    sizes = []
    for side in (10, 20):
        Image.new("RGB", (side, side)).save(tmp_path / "one.png")
        sizes.append(bench.picture(tmp_path / "one.png", "png", "webp").size)

    assert sizes == [(10, 10), (20, 20)]


def test_camera_data_of_a_heic_file_comes_along(bench, samples):
    heic = bench.one(samples / "willow_exif_rotated.jpg", "jpg", "heic")

    with (
        Image.open(bench.one(heic, "heic", "jpg")) as made,
        Image.open(samples / "willow_exif_rotated.jpg") as original,
    ):
        assert made.size == (600, 450)
        assert made.getexif()[0x0112] == 1
        assert set(original.getexif()) <= set(made.getexif())
