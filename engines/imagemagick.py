"""ImageMagick, through Wand in a warm child: pictures to pictures, drawings to pictures, pictures to PDF."""

from __future__ import annotations

from itertools import product

from jobs.contract import Operation, Option, Tool, limits

from ._support.picture_options import COUNT, LOOK, SIZE, colorspace, marked, quality, request
from ._support.warm import Warm
from ._support.watermark_options import LAYER, ONE_OF
from ._support.watermark_options import OPERATION_OPTIONS as MARK
from ._support.watermark_options import OPTIONS as WATERMARK
from ._support.wrapped import Translated

POLICY = "engines/_support/imagemagick-policy"

DRAWINGS = {"svg", "svgz"}
PICTURES = {
    *("avif", "bmp", "gif", "heic", "ico", "jp2", "jpg", "pcx", "pgm", "png", "pnm", "ppm", "psb", "psd"),
    *("tga", "tiff", "webp", "xbm", "xpm"),
}
WRITTEN = {
    *("avif", "bmp", "gif", "heic", "ico", "jp2", "jpg", "png", "ppm", "psd", "tga", "tiff", "webp"),
}

WARM = Warm(
    name="imagemagick",
    script="imagemagick_child.py",
    request=request,
    environment={"MAGICK_CONFIGURE_PATH": f"{{code}}/{POLICY}", **limits.environment()},
)
TOOL = Tool(
    name="imagemagick",
    argv=("/usr/bin/convert", "-version"),
    pattern=r"ImageMagick (\d+(?:\.\d+)+)",
)


def _conversion(targets: set[str], *options: Option, sources: set[str]) -> Operation:
    return Operation(
        name="convert",
        engine="imagemagick",
        queue="imagemagick",
        help="Convert pictures: size, colours, transparency, metadata, watermark.",
        run=WARM,
        conversions=frozenset(product(sources, targets)),
        options=(*SIZE, *LOOK, *options, *WATERMARK),
        tool=TOOL,
    )


OPERATIONS = (
    _conversion(
        {"avif", "heic", "jp2", "webp"}, quality(), colorspace("srgb", "gray"), sources=PICTURES | DRAWINGS
    ),
    _conversion(
        {"bmp", "gif", "ico", "png", "ppm", "tga"}, colorspace("srgb", "gray"), sources=PICTURES | DRAWINGS
    ),
    _conversion({"jpg"}, quality(), colorspace("srgb", "gray", "cmyk"), sources=PICTURES | DRAWINGS),
    _conversion({"psd", "tiff"}, colorspace("srgb", "gray", "cmyk"), sources=PICTURES | DRAWINGS),
    _conversion({"pdf"}, quality(None), colorspace("srgb", "gray", "cmyk"), sources=PICTURES),
    Operation(
        name="thumbnail",
        engine="imagemagick",
        queue="imagemagick",
        help="Make small images of a picture, or of its first frames or pages.",
        run=WARM,
        conversions=frozenset(product(PICTURES | DRAWINGS, {"jpg", "png", "webp"})),
        options=(*SIZE, COUNT),
        tool=TOOL,
    ),
    Operation(
        name="watermark",
        engine="imagemagick",
        queue="imagemagick",
        help="Lay a text or an image over a picture, every frame of it, or under its transparent parts.",
        run=Translated(WARM, marked),
        conversions=frozenset((name, None) for name in PICTURES & WRITTEN),
        options=(*MARK, LAYER),
        one_of=ONE_OF,
        tool=TOOL,
    ),
)
