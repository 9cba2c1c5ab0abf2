"""libvips, in a warm child: the quick way from pictures to pictures, small pictures, watermarks."""

from __future__ import annotations

import os
from itertools import product

from jobs.contract import Operation, Option, Tool, limits

from ._support.picture_options import COUNT, LOOK, SIZE, colorspace, quality, request
from ._support.resident import PYTHON
from ._support.warm import Warm
from ._support.watermark_options import OPTIONS as WATERMARK

PICTURES = {"avif", "gif", "heic", "jpg", "png", "tiff", "webp"}
COST = 0.9
"""What it can do at all it does as well as any other, and much quicker."""
BY_OTHERS = {("tiff", "tiff")}
"""libvips writes no pages of different sizes."""

WARM = Warm(
    name="vips",
    script="vips_child.py",
    request=request,
    environment={
        "VIPS_BLOCK_UNTRUSTED": "1",
        "VIPS_CONCURRENCY": f"{min(4, os.cpu_count() or 1)}",
        **limits.environment(),
    },
)
TOOL = Tool(
    name="vips",
    argv=(PYTHON, "{code}/engines/_support/vips_child.py", "--version"),
    pattern=r"libvips (\d+(?:\.\d+)+)",
)


def _conversion(targets: set[str], *options: Option) -> Operation:
    return Operation(
        name="convert",
        engine="vips",
        queue="vips",
        help="Convert pictures: size, colours, transparency, metadata, watermark.",
        run=WARM,
        conversions=frozenset(product(PICTURES, targets)) - BY_OTHERS,
        options=(*SIZE, *LOOK, *options, *WATERMARK),
        cost=COST,
        tool=TOOL,
    )


OPERATIONS = (
    _conversion({"avif", "heic", "webp"}, quality(), colorspace("srgb", "gray")),
    _conversion({"gif", "png"}, colorspace("srgb", "gray")),
    _conversion({"jpg"}, quality(), colorspace("srgb", "gray", "cmyk")),
    _conversion({"tiff"}, colorspace("srgb", "gray", "cmyk")),
    Operation(
        name="thumbnail",
        engine="vips",
        queue="vips",
        help="Make small images of a picture, or of its first frames or pages.",
        run=WARM,
        conversions=frozenset(product(PICTURES, {"jpg", "png", "webp"})),
        options=(*SIZE, COUNT),
        cost=COST,
        tool=TOOL,
    ),
)
