from __future__ import annotations

import re
import subprocess

import pytest
from PIL import Image, ImageOps

from engines import imagemagick, libheif
from engines.tests.conftest import BLUE, RED
from engines.tests.test_pictures import Bench, close_to, difference
from jobs.contract import errors

pytestmark = pytest.mark.needs("heif-enc", "heif-convert")


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path, (libheif, imagemagick))


@pytest.mark.parametrize("kind", ["avif", "heic"])
@pytest.mark.parametrize("plain", ["jpg", "png"])
def test_a_photo_goes_there_and_back(kind, plain, bench, samples, tmp_path):
    Image.open(samples / "willow_tree.webp").convert("RGB").save(tmp_path / f"a.{plain}")

    made = bench.one(tmp_path / f"a.{plain}", plain, kind, quality=90)
    picture = bench.picture(made, kind, plain)

    assert b"ftyp" in made.read_bytes()[:12]
    with Image.open(samples / "willow_tree.webp") as original:
        assert difference(picture, original) < 8


def test_a_photo_of_a_phone_is_upright(bench, samples):
    heic = bench.one(samples / "willow_exif_rotated.jpg", "jpg", "heic")

    made = ImageOps.exif_transpose(bench.picture(heic, "heic", "jpg"))

    assert made.size == (600, 450)


def test_colours_are_as_they_were(bench, halves):
    made = bench.picture(bench.one(halves, "png", "avif", quality=95), "avif", "png")

    assert close_to(made, (3, 8), RED)
    assert close_to(made, (20, 8), BLUE)


def test_quality_costs_bytes(bench, samples):
    for kind in ("avif", "heic"):
        given = samples / "willow_exif_rotated.jpg"
        sizes = [bench.one(given, "jpg", kind, quality=q).stat().st_size for q in (10, 50, 90)]
        assert sizes == sorted(set(sizes))


@pytest.mark.parametrize(
    ("source", "target"), [("heic", "jpg"), ("avif", "png"), ("jpg", "heic"), ("png", "avif")]
)
def test_what_is_no_picture_is_refused(source, target, bench):
    with pytest.raises(errors.OpenFailed):
        bench.run(b"Only words.\n" * 40, source, target)


def test_the_tool_tells_its_version():
    said = subprocess.run(libheif.TOOL.argv, capture_output=True, text=True, check=False)

    assert re.search(libheif.TOOL.pattern, said.stdout + said.stderr)
