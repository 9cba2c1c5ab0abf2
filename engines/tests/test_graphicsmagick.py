from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from engines import graphicsmagick
from engines.tests.conftest import BLUE, RED
from engines.tests.test_pictures import (
    COLOURLESS,
    Bench,
    close_to,
    difference,
    png_that_claims,
    source_file,
)
from jobs.contract import Work, errors

pytestmark = pytest.mark.needs("gm", "/usr/bin/convert")


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path, (graphicsmagick,))


def argv(source: str = "png", target: str = "webp", **options) -> list[str]:
    record = next(each for each in graphicsmagick.OPERATIONS if each.offers(source, target))
    work = Work(
        inputs=(Path(f"/input/in.{source}"),),
        output_dir=Path("/output"),
        input_format=source,
        output_format=target,
        options={option.name: option.default for option in record.options} | options,
    )
    [command] = graphicsmagick.convert(work)
    return list(command.argv)


def test_readers_and_writers_are_named():
    line = argv(width=10)

    assert line[:2] == ["gm", "convert"]
    assert line[2 + len(graphicsmagick.LIMITS) :] == [
        *("png:/input/in.png[0]", "-auto-orient", "-resize", "10x>"),
        *("-quality", "75", "webp:/output/in.webp"),
    ]


READABLE = sorted(graphicsmagick.READ - {"xcf", "jxl"})


@pytest.mark.parametrize("source", READABLE)
def test_every_pair_offered_gives_the_picture(source, halves, bench, tmp_path):
    data = source_file(source, halves, tmp_path)

    for target in sorted(graphicsmagick.WRITTEN):
        made = bench.one(data, source, target)
        if target == "jxl":
            made = bench.one(made, "jxl", "png")
        with Image.open(made) as picture:
            assert picture.size == (24, 16), target
            if source not in COLOURLESS and target not in COLOURLESS:
                assert close_to(picture, (3, 8), RED), target
                assert close_to(picture, (20, 8), BLUE), target


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"width": 12}, (12, 8)),
        ({"height": 4}, (6, 4)),
        ({"width": 100}, (24, 16)),
        ({"width": 10, "height": 10, "fit": "crop"}, (10, 10)),
        ({"width": 48, "height": 48, "fit": "crop"}, (48, 48)),
        ({"width": 10, "height": 16, "fit": "scale"}, (10, 16)),
        ({"width": 48, "fit": "scale"}, (48, 32)),
    ],
)
def test_a_picture_gets_the_size_asked_for(options, size, halves, bench):
    assert bench.picture(halves, "png", "png", **options).size == size


@pytest.mark.parametrize(("background", "colour"), [(None, (255, 255, 255)), ("#00ff00", (0, 255, 0))])
@pytest.mark.parametrize("target", ["jpg", "bmp"])
def test_transparent_parts_get_the_background(target, background, colour, glass, bench):
    picture = bench.picture(glass, "png", target, background=background)

    assert close_to(picture, (20, 8), colour)
    assert close_to(picture, (3, 8), RED)


def test_transparency_stays_or_goes(glass, bench):
    assert bench.picture(glass, "png", "webp").convert("RGBA").getpixel((20, 8))[3] < 10
    assert bench.picture(glass, "png", "png", alpha="remove").convert("RGBA").getpixel((20, 8))[3] == 255


def test_pictures_are_upright_and_stripped_when_asked(bench, samples):
    given = samples / "willow_exif_rotated.jpg"

    made = bench.picture(given, "jpg", "jpg", strip=True, quality=90)

    with Image.open(given) as original:
        assert difference(made, ImageOps.exif_transpose(original)) < 8
    assert not made.getexif()
    assert bench.picture(given, "jpg", "jpg", auto_orient=False).size == (450, 600)


@pytest.mark.parametrize(("colorspace", "mode"), [("gray", "L"), ("cmyk", "CMYK")])
def test_colours_are_converted_when_asked(colorspace, mode, halves, bench):
    assert bench.picture(halves, "png", "jpg", colorspace=colorspace).mode == mode


def test_ink_becomes_light(bench, samples):
    picture = bench.picture(samples / "willow_cmyk.jpg", "jpg", "png")

    assert picture.mode == "RGB"
    with Image.open(samples / "willow_cmyk.jpg") as original:
        assert difference(picture, original) < 15


@pytest.mark.parametrize("target", ["jpg", "png", "tiff"])
def test_a_density_is_noted(target, halves, bench):
    made = bench.picture(halves, "png", target, pixel_density=300)

    assert made.info["dpi"] == pytest.approx((300, 300), abs=1)


@pytest.mark.parametrize(("name", "kind"), [("made_anim.gif", "gif"), ("tika_multipage.tif", "tiff")])
def test_frames_and_pages_stay_where_the_output_holds_them(name, kind, bench, samples):
    made = bench.one(samples / name, kind, kind, width=60)

    with Image.open(made) as picture, Image.open(samples / name) as original:
        assert picture.n_frames == original.n_frames
        assert picture.width == 60


def test_quality_costs_bytes(bench, samples):
    given = samples / "willow_exif_rotated.jpg"
    for target in ("jpg", "webp", "jxl"):
        sizes = [bench.one(given, "jpg", target, quality=q).stat().st_size for q in (10, 50, 90)]
        assert sizes == sorted(set(sizes)), target


@pytest.mark.parametrize("source", READABLE)
@pytest.mark.parametrize("data", [b"Only words.\n" * 40, os.urandom(64) * 20], ids=["text", "noise"])
def test_what_is_no_picture_is_refused(source, data, bench):
    with pytest.raises(errors.OpenFailed):
        bench.run(data, source, "png")


def test_a_picture_too_large_is_refused(bench):
    # It says no more than that; in the service such a file does not come this far.
    with pytest.raises(errors.OpenFailed):
        bench.run(png_that_claims(30_000, 30_000), "png", "jpg")


def test_a_file_in_another_skin_starts_no_other_reader(bench):
    with pytest.raises(errors.TaskError):
        bench.run(b"%!PS\n(hello) show showpage\n" * 20, "png", "jpg")


def test_the_tool_tells_its_version():
    said = subprocess.run(["gm", "version"], capture_output=True, text=True, check=True).stdout

    assert "GraphicsMagick 1." in said


def xcf(*layers: tuple[int, int, int, int, tuple[int, ...]]) -> bytes:
    """A file of GIMP's, 24 x 16, of layers from the top: place, size and colour of each."""

    def numbers(*values: int) -> bytes:
        return struct.pack(f">{len(values)}I", *values)

    head = b"gimp xcf file\0" + numbers(24, 16, 0, 17, 1) + b"\0" + numbers(0, 0)
    places, bodies = [], b""
    for x, y, width, height, colour in layers:
        start = len(head) + 4 * (len(layers) + 2) + len(bodies)
        body = numbers(width, height, 1, 6) + b"layer\0"
        body += numbers(6, 4, 255, 8, 4, 1, 15, 8, x, y, 7, 4, 0, 0, 0)
        hierarchy = start + len(body) + 8
        body += numbers(hierarchy, 0, width, height, 4, hierarchy + 20, 0)
        body += numbers(width, height, hierarchy + 36, 0) + bytes(colour) * (width * height)
        places.append(start)
        bodies += body
    return head + numbers(*places, 0, 0) + bodies


@pytest.mark.parametrize(
    ("ground", "target", "options", "seen"),
    [
        ((*RED, 255), "png", {}, (*RED, 255)),
        ((*RED, 0), "png", {}, (0, 0, 0, 0)),
        ((*RED, 0), "jpg", {}, (255, 255, 255, 255)),
        ((*RED, 0), "jpg", {"background": "#00ff00"}, (0, 255, 0, 255)),
    ],
)
def test_layers_lie_over_each_other(ground, target, options, seen, bench):
    data = xcf((12, 0, 12, 16, (*BLUE, 255)), (0, 0, 24, 16, ground))

    picture = bench.picture(data, "xcf", target, **options).convert("RGBA")

    assert picture.size == (24, 16)
    assert close_to(picture, (20, 8), (*BLUE, 255))
    found = picture.getpixel((3, 8))
    assert found[3] == seen[3] == 0 or close_to(picture, (3, 8), seen)
