from __future__ import annotations

import pytest
from PIL import Image

from engines import libjxl
from engines.tests.conftest import BLUE, RED
from engines.tests.test_pictures import Bench, close_to, difference
from jobs.contract import errors

pytestmark = pytest.mark.needs("cjxl", "djxl")


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path, (libjxl,))


@pytest.mark.parametrize("plain", ["jpg", "png"])
def test_a_photo_goes_there_and_back(plain, bench, samples, tmp_path):
    Image.open(samples / "willow_tree.webp").convert("RGB").save(tmp_path / f"a.{plain}")

    made = bench.one(tmp_path / f"a.{plain}", plain, "jxl", quality=90)
    picture = Image.open(bench.one(made, "jxl", plain, quality=90))

    with Image.open(samples / "willow_tree.webp") as original:
        assert difference(picture, original) < 8


def test_transparency_stays(bench, samples):
    made = bench.one(samples / "willow_alpha_icc.png", "png", "jxl")

    with Image.open(bench.one(made, "jxl", "png")) as picture:
        assert picture.mode == "RGBA"
        assert picture.getextrema()[3][0] == 0


def test_colours_are_as_they_were(bench, halves):
    made = Image.open(bench.one(bench.one(halves, "png", "jxl", quality=95), "jxl", "png"))

    assert close_to(made, (3, 8), RED)
    assert close_to(made, (20, 8), BLUE)


def test_quality_costs_bytes(bench, samples):
    given = samples / "willow_exif_rotated.jpg"

    sizes = [bench.one(given, "jpg", "jxl", quality=q).stat().st_size for q in (10, 50, 90)]

    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize(
    ("source", "target"), [("jxl", "png"), ("jxl", "jpg"), ("png", "jxl"), ("jpg", "jxl")]
)
def test_what_is_no_picture_is_refused(source, target, bench, tmp_path):
    path = tmp_path / f"a.{source}"
    path.write_bytes(b"no picture at all" * 9)

    with pytest.raises(errors.OpenFailed):
        bench.one(path, source, target)
