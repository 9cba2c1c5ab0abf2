"""Every optimizer by its declaration: smaller, alike, and never larger."""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageOps, ImageStat

from engines import gifsicle, jpegoptim, pngquant, scour, vips
from engines.tests.context import RunContext
from jobs.contract import Result, Work, errors

RECORDS = {
    "png": pngquant.OPERATIONS[0],
    "jpg": jpegoptim.OPERATIONS[0],
    "gif": gifsicle.OPERATIONS[1],
    "webp": vips.OPERATIONS[-1],
    "svg": scour.OPERATIONS[0],
}
TOOLS = ("pngquant", "optipng", "jpegoptim", "gifsicle", "scour")
pytestmark = pytest.mark.needs(*TOOLS)
SVG = b"""<?xml version="1.0"?><!-- made by hand -->
<svg xmlns="http://www.w3.org/2000/svg" width="24" height="16">
  <metadata>Somebody</metadata>
  <g><g><rect width="24.000000" height="16.00000" fill="#ff0000"/></g></g></svg>"""


@pytest.fixture(scope="module", autouse=True)
def end() -> Iterator[None]:
    yield
    vips.WARM.close()


def run(record, folder: Path, data: bytes, source: str, target: str = "", facts=None, **options) -> Result:
    given, out = folder / f"in.{source}", Path(tempfile.mkdtemp(dir=folder))
    given.write_bytes(data)
    work = Work(
        inputs=(given,),
        output_dir=out,
        input_format=source,
        output_format=target or source,
        options={option.name: option.default for option in record.options} | options,
    )
    return record.run(work, RunContext())


def optimized(folder: Path, data: bytes, source: str, **options) -> tuple[bytes, int]:
    result = run(RECORDS[source], folder, data, source, **options)
    [file] = result.files
    assert file.path.name == f"in.{source}"
    return file.path.read_bytes(), int(re.fullmatch(r"File size reduced by (\d+)%", result.message)[1])


def picture(data: bytes) -> Image.Image:
    return ImageOps.exif_transpose(Image.open(io.BytesIO(data)))


def difference(one: bytes, other: bytes) -> float:
    changed = ImageChops.difference(picture(one).convert("RGBA"), picture(other).convert("RGBA"))
    return max(ImageStat.Stat(changed).mean)


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    held = io.BytesIO()
    image.save(held, kind, **options)
    return held.getvalue()


@pytest.fixture
def photo(samples) -> Image.Image:
    with Image.open(samples / "willow_exif_rotated.jpg") as image:
        return image.convert("RGB")


@pytest.mark.parametrize("source", RECORDS)
def test_a_second_time_nothing_gets_larger(source, tmp_path, samples, photo):
    data = {
        "png": (samples / "willow_alpha_icc.png").read_bytes(),
        "jpg": (samples / "willow_exif_rotated.jpg").read_bytes(),
        "gif": (samples / "made_anim.gif").read_bytes(),
        "webp": encoded(photo, "WEBP", quality=98),
        "svg": SVG,
    }[source]

    once, percent = optimized(tmp_path, data, source)
    twice, _ = optimized(tmp_path, once, source)

    assert percent == 100 * (len(data) - len(once)) // len(data) > 0
    assert len(twice) <= len(once)


@pytest.mark.parametrize("source", RECORDS)
def test_what_is_no_such_file_is_refused(source, tmp_path):
    with pytest.raises(errors.OpenFailed):
        optimized(tmp_path, b"Only words.\n" * 30, source)


# --- PNG


def test_a_palette_keeps_transparency(tmp_path, samples):
    data = (samples / "willow_alpha_icc.png").read_bytes()

    made, _ = optimized(tmp_path, data, "png", quality=80)

    with Image.open(io.BytesIO(made)) as after, Image.open(io.BytesIO(data)) as before:
        assert after.mode == "P"
        alphas = [image.convert("RGBA").getchannel("A") for image in (before, after)]
        assert ImageStat.Stat(ImageChops.difference(*alphas)).mean[0] < 4


@pytest.mark.parametrize("quality", [None, 40])
def test_an_animated_png_keeps_every_frame(tmp_path, quality):
    frames = [Image.radial_gradient("L").rotate(10 * turn).convert("RGB") for turn in range(4)]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=100)

    made, percent = optimized(tmp_path, data, "png", quality=quality)

    assert (made, percent) == (data, 0)
    with Image.open(io.BytesIO(made)) as picture:
        assert picture.n_frames == 4


def test_what_no_palette_can_hold_loses_nothing(tmp_path):
    noise = [Image.effect_noise((200, 200), 90) for _ in "rgb"]
    data = encoded(Image.merge("RGB", noise), "PNG", compress_level=0)

    made, percent = optimized(tmp_path, data, "png")

    assert difference(made, data) == 0
    assert percent > 0


def test_a_lower_quality_takes_fewer_bytes(tmp_path, photo):
    data = encoded(photo, "PNG")

    sizes = [len(optimized(tmp_path, data, "png", quality=quality)[0]) for quality in (20, 60, 95)]

    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] < len(data)


# --- JPEG


def test_a_jpeg_loses_nothing_but_its_metadata_and_stays_upright(tmp_path, samples):
    data = (samples / "willow_exif_rotated.jpg").read_bytes()

    made, _ = optimized(tmp_path, data, "jpg")

    assert difference(made, data) == 0
    assert dict(Image.open(io.BytesIO(made)).getexif()) == {0x0112: 6}
    assert picture(made).size == (600, 450)
    assert Image.open(io.BytesIO(made)).info["progressive"]


def test_a_jpeg_keeps_its_profile_and_its_inks(tmp_path, samples, photo):
    with Image.open(samples / "willow_alpha_icc.png") as other:
        profile = other.info["icc_profile"]
    data = encoded(photo, "JPEG", quality=97, icc_profile=profile)
    inked = (samples / "willow_cmyk.jpg").read_bytes()

    made, _ = optimized(tmp_path, data, "jpg")

    assert Image.open(io.BytesIO(made)).info["icc_profile"] == profile
    again, _ = optimized(tmp_path, inked, "jpg")
    assert Image.open(io.BytesIO(again)).mode == "CMYK"
    assert difference(again, inked) == 0


def test_a_jpeg_may_lose_what_is_allowed(tmp_path, photo):
    data = encoded(photo, "JPEG", quality=97)

    sizes = [len(optimized(tmp_path, data, "jpg", quality=quality)[0]) for quality in (20, 60, 90)]

    assert sizes == sorted(sizes)
    assert sizes[2] < len(data) * 0.8


def test_mozjpeg_is_another_name():
    assert RECORDS["jpg"].answers_to("mozjpeg")


# --- GIF


def frames(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    with Image.open(io.BytesIO(data)) as image:
        for number in range(image.n_frames):
            image.seek(number)
            found.append((image.info["duration"], image.convert("RGB").tobytes()))
    return found


def test_an_animation_loses_nothing(tmp_path, samples):
    data = (samples / "made_anim.gif").read_bytes()

    made, _ = optimized(tmp_path, data, "gif")

    assert frames(made) == frames(data)
    assert Image.open(io.BytesIO(made)).info["loop"] == 0


def test_an_animation_may_lose_what_is_allowed(tmp_path, photo):
    turned = [photo.rotate(angle).quantize() for angle in (0, 40)]
    data = encoded(turned[0], "GIF", save_all=True, append_images=turned[1:], duration=70)

    sizes = [len(optimized(tmp_path, data, "gif", quality=quality)[0]) for quality in (20, 60, None)]

    assert sizes[0] < sizes[1] < sizes[2] <= len(data)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, (120, 90)),
        ({"width": 60}, (60, 45)),
        ({"width": 500}, (120, 90)),
        ({"width": 40, "height": 40, "fit": "crop"}, (40, 40)),
        ({"width": 200, "height": 90, "fit": "crop"}, (200, 90)),
        ({"width": 33, "height": 77, "fit": "scale"}, (33, 77)),
    ],
)
def test_an_animation_gets_the_size_asked_for(options, size, tmp_path, samples):
    data = (samples / "made_anim.gif").read_bytes()

    [file] = run(gifsicle.OPERATIONS[0], tmp_path, data, "gif", **options).files

    with Image.open(file.path) as made, Image.open(io.BytesIO(data)) as before:
        assert made.size == size
        assert (made.n_frames, made.info["duration"]) == (10, 100)
        if not options.get("fit"):
            wanted = before.convert("RGB").resize(size)
            assert max(ImageStat.Stat(ImageChops.difference(made.convert("RGB"), wanted)).mean) < 20


# --- WebP, SVG


def test_an_animated_webp_stays_one(tmp_path, photo):
    turned = [photo.rotate(angle) for angle in (0, 40, 80)]
    data = encoded(turned[0], "WEBP", save_all=True, append_images=turned[1:], duration=70, quality=98)

    made, _ = optimized(tmp_path, data, "webp", quality=60)

    with Image.open(io.BytesIO(made)) as image:
        assert image.n_frames == 3
        image.seek(1)
        image.load()
        assert image.info["duration"] == 70


def test_a_drawing_keeps_its_look_and_loses_its_words(tmp_path):
    made, _ = optimized(tmp_path, SVG, "svg")

    assert b"Somebody" not in made
    assert b"by hand" not in made
    assert b"<rect" in made
