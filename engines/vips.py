"""libvips, in a warm child: the quick way from pictures to pictures, small pictures, watermarks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from jobs.contract import Operation, Option, Tool, Work, limits

from ._support.optimized import Optimized
from ._support.picture_options import COUNT, LOOK, SIZE, colorspace, marked, quality, request
from ._support.resident import PYTHON
from ._support.warm import Warm
from ._support.watermark_options import LAYER, ONE_OF
from ._support.watermark_options import OPERATION_OPTIONS as MARK
from ._support.watermark_options import OPTIONS as WATERMARK
from ._support.wrapped import Translated

PICTURES = {"avif", "gif", "heic", "jpg", "png", "tiff", "webp"}
COST = 0.9
"""What it can do at all it does as well as any other, and much quicker."""
LEAST = {"gif": 1.1}
"""Above it for what it does less well: it paints black what a small frame leaves of its canvas."""
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


def webp_again(work: Work) -> Work:
    """Return an optimisation as the conversion that it is."""
    return replace(work, options={"width": None, "height": None, "fit": "max", "strip": True, **work.options})


def _by_cost(record: Operation) -> Iterator[Operation]:
    """Yield a record for each cost, of the pairs that it is for."""
    costs = {pair: max(record.cost, LEAST.get(pair[0] or "", 0)) for pair in record.conversions}
    for cost in sorted(set(costs.values())):
        taken = frozenset(pair for pair in costs if costs[pair] == cost)
        yield replace(record, conversions=taken, cost=cost)


def _conversion(targets: set[str], *options: Option, cost: float = COST) -> Operation:
    return Operation(
        name="convert",
        engine="vips",
        queue="vips",
        help="Convert pictures: size, colours, transparency, metadata, watermark.",
        run=WARM,
        conversions=frozenset(product(PICTURES, targets)) - BY_OTHERS,
        options=(*SIZE, *LOOK, *options, *WATERMARK),
        cost=cost,
        tool=TOOL,
    )


_RECORDS = (
    _conversion({"avif", "heic", "webp"}, quality(), colorspace("srgb", "gray")),
    _conversion({"png"}, colorspace("srgb", "gray")),
    # Its search for the best colours takes twice as long as ImageMagick's.
    _conversion({"gif"}, colorspace("srgb", "gray"), cost=1.1),
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
    Operation(
        name="watermark",
        engine="vips",
        queue="vips",
        help="Lay a text or an image over a picture, every frame of it, or under its transparent parts.",
        run=Translated(WARM, marked),
        conversions=frozenset((name, None) for name in PICTURES - {"tiff"}),
        options=(*MARK, LAYER),
        one_of=ONE_OF,
        cost=COST,
        tool=TOOL,
    ),
    Operation(
        name="optimize",
        engine="vips",
        queue="vips",
        help="Make a WebP picture or animation smaller. Metadata goes; colours stay as they look.",
        run=Optimized(Translated(WARM, webp_again)),
        conversions=frozenset({("webp", None)}),
        options=(quality(),),
        tool=TOOL,
    ),
)
OPERATIONS = tuple(each for record in _RECORDS for each in _by_cost(record))
