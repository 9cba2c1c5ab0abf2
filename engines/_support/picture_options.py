"""The options of engines that work on pictures, and how their children are asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.contract import Option, Work, limits

from .watermark_options import COLOUR, as_conversion, image

SIDE = min(limits.IMAGE_SIDE, 32_000)
SIZE = (
    Option(
        name="width",
        help="Width in pixels; with no height, that follows.",
        type="integer",
        minimum=1,
        maximum=SIDE,
    ),
    Option(
        name="height",
        help="Height in pixels; with no width, that follows.",
        type="integer",
        minimum=1,
        maximum=SIDE,
    ),
    Option(
        name="fit",
        help="max fits the picture into width and height and never enlarges it (a drawing fills them);"
        " crop fills both and cuts what is over; scale forces both.",
        type="enum",
        default="max",
        values=("max", "crop", "scale"),
    ),
)
LOOK = (
    Option(
        name="strip",
        help="Remove all metadata and the colour profile; colours stay as they look.",
        type="boolean",
        default=False,
    ),
    Option(
        name="auto_orient",
        help="Turn the picture upright when the camera noted how it was held.",
        type="boolean",
        default=True,
    ),
    Option(
        name="pixel_density",
        help="Dots per inch: noted in the output, and the size of a drawing or of a page.",
        type="integer",
        minimum=10,
        maximum=2400,
    ),
    Option(
        name="background",
        help="Colour to put behind transparent parts; white where the output cannot be transparent.",
        pattern=COLOUR,
        example="#ff8800",
    ),
    Option(
        name="alpha",
        help="What becomes of transparency: keep it where the output can, or remove it.",
        type="enum",
        default="keep",
        values=("keep", "remove"),
        aliases={
            **dict.fromkeys(("on", "set", "activate"), "keep"),
            **dict.fromkeys(("off", "flatten", "deactivate"), "remove"),
        },
    ),
)
MARK_QUALITY = 90
"""How good lossy formats stay when a picture is only marked."""
COUNT = Option(
    name="count",
    help="How many frames or pages to make images of.",
    type="integer",
    default=1,
    minimum=1,
    maximum=limits.IMAGE_FRAMES,
)


def colorspace(*values: str) -> Option:
    """Return the option that changes how colours are written."""
    return Option(
        name="colorspace",
        help="Colours to convert to; the input's own when not given, as far as the output holds them.",
        type="enum",
        values=values,
        aliases={"rgb": "srgb", "grayscale": "gray", "grey": "gray", "greyscale": "gray"},
    )


def quality(default: int | None = 75) -> Option:
    """Return the option for how much a lossy format may lose."""
    kept = "" if default else " A JPEG that needs no change is kept as it is when not given."
    return Option(
        name="quality",
        help=f"How good lossy compression has to be, in percent.{kept}",
        type="integer",
        default=default,
        minimum=1,
        maximum=100,
    )


def request(work: Work) -> Mapping[str, Any]:
    """Return what the child needs to know.

    :raises ConversionFailed: when the task named for a watermark has no file.
    """
    mark = image(work)
    return {
        "source": f"{work.input}",
        "source_format": work.input_format,
        "target": f"{work.output}",
        "target_format": work.output_format,
        "watermark_image": f"{mark}" if mark else None,
        "options": {"strip": True, "auto_orient": True, **work.options},
    }


def marked(work: Work) -> Work:
    """Return a work of the watermark operation as the conversion that it is: nothing else changes."""
    return as_conversion(work, width=None, height=None, fit="max", quality=MARK_QUALITY, strip=False)
