"""PDFium, through pypdfium2 in a warm child: PDF pages to pictures, in a fifth of the time of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.contract import Operation, Option, Tool, Work, limits, pairs

from ._support.page_images import ALPHA, COUNT, LOOK, PASSWORD, QUALITY, SIZE
from ._support.warm import Warm


def request(work: Work) -> Mapping[str, Any]:
    """Return what the child needs to know."""
    options = {name: value for name, value in work.options.items() if name != "password"}
    return {
        "source": f"{work.input}",
        "target": f"{work.output}",
        "format": work.output_format,
        "options": options,
        "password": work.options["password"],
    }


WARM = Warm(
    name="pdfium",
    script="pdfium_child.py",
    request=request,
    secret=("password",),
    environment=limits.environment(),
)
TOOL = Tool(name="pdfium", package="pypdfium2")


def _images(target: str, *options: Option) -> Operation:
    several = ", one file per page" if target == "tiff" else ""
    return Operation(
        name="convert",
        engine="pdfium",
        queue="pdfium",
        help=f"Render PDF pages as {target.upper()}{several}, with what is filled in or noted on them.",
        run=WARM,
        conversions=pairs({"pdf"}, {target}),
        options=(*LOOK, *options),
        tool=TOOL,
    )


OPERATIONS = (
    _images("png", ALPHA),
    _images("jpg", QUALITY),
    _images("webp", QUALITY),
    _images("tiff"),
    Operation(
        name="thumbnail",
        engine="pdfium",
        queue="pdfium",
        help="Make small images of the first pages.",
        run=WARM,
        conversions=pairs({"pdf"}, {"png", "jpg", "webp"}),
        options=(*SIZE, COUNT, PASSWORD),
        tool=TOOL,
    ),
)
