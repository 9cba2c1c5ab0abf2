"""Which engine a picture goes to when nobody names one."""

from __future__ import annotations

import pytest

from jobs import planner


@pytest.mark.parametrize(
    ("name", "source", "target", "engine"),
    [
        ("convert", "jpg", "webp", "vips"),
        ("convert", "heic", "jpg", "vips"),
        ("convert", "png", "png", "vips"),
        ("convert", "jpg", "gif", "imagemagick"),
        ("convert", "tiff", "tiff", "imagemagick"),
        ("convert", "psd", "png", "imagemagick"),
        ("convert", "jxl", "webp", "graphicsmagick"),
        ("convert", "png", "jxl", "libjxl"),
        ("convert", "gif", "gif", "imagemagick"),
        ("convert", "nef", "jpg", "libraw"),
        ("thumbnail", "gif", "png", "imagemagick"),
        ("thumbnail", "psd", "png", "imagemagick"),
        ("watermark", "png", "", "vips"),
        ("watermark", "psd", "", "imagemagick"),
    ],
)
def test_the_quickest_that_does_it_well_is_the_default(name, source, target, engine):
    [hop] = planner.route(name, source, target)

    assert hop.operation.engine == engine


def test_another_can_be_asked_for_instead():
    [hop] = planner.route("convert", "jpg", "webp", engine="imagemagick")

    assert hop.operation.engine == "imagemagick"


@pytest.mark.parametrize(
    ("source", "engine"),
    [("png", "pngquant"), ("jpg", "jpegoptim"), ("gif", "gifsicle"), ("webp", "vips"), ("svg", "scour")],
)
def test_every_kind_of_picture_can_be_made_smaller(source, engine):
    [hop] = planner.route("optimize", source, "")

    assert hop.operation.engine == engine


def test_mozjpeg_is_a_name_for_jpegoptim():
    [hop] = planner.route("optimize", "jpg", "", engine="mozjpeg")

    assert hop.operation.engine == "jpegoptim"
