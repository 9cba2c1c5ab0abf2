"""The options of a watermark: ``watermark_...`` in conversions, without that in the watermark operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jobs.contract import Option, Work
from jobs.contract.errors import ConversionFailed

FONTS = (
    *("Andale Mono", "Arial", "Arial Black", "Arial Bold", "Arial Bold Italic", "Arial Italic"),
    *("Courier New", "Courier New Bold", "Courier New Bold Italic", "Courier New Italic"),
    *("Georgia", "Georgia Bold", "Georgia Bold Italic", "Georgia Italic"),
    *("Helvetica", "Helvetica Bold", "Helvetica BoldOblique", "Helvetica Oblique"),
    *("Helvetica Narrow Bold", "Helvetica Narrow BoldOblique", "Impact"),
    *("Times New Roman", "Times New Roman Bold", "Times New Roman Bold Italic", "Times New Roman Italic"),
    *("Trebuchet MS", "Trebuchet MS Bold", "Trebuchet MS Bold Italic", "Trebuchet MS Italic"),
    *("Verdana", "Verdana Bold", "Verdana Bold Italic", "Verdana Italic"),
)
COLOUR = r"#[0-9a-fA-F]{3,4}|#[0-9a-fA-F]{6}|#[0-9a-fA-F]{8}|[a-zA-Z]{3,20}|rgba?\([0-9.,% ]{5,40}\)"


def _pixels(name: str, text: str, default: int | None = None, *, minimum: int = 1) -> Option:
    return Option(name=name, help=text, type="integer", default=default, minimum=minimum, maximum=10_000)


def _percent(name: str, text: str, default: int | None = None, *, minimum: int = 1) -> Option:
    return Option(name=name, help=text, type="integer", default=default, minimum=minimum, maximum=100)


def _place(name: str, text: str, *values: str, default: str = "center") -> Option:
    return Option(name=name, help=text, type="enum", default=default, values=values)


OPTIONS = (
    Option(
        name="watermark_text",
        help="A text to lay over the picture; it may have several lines.",
        max_length=1000,
    ),
    _pixels("watermark_font_size", "Size of the text in pixels.", 40),
    _percent(
        "watermark_font_width_percent",
        "Width of the text in percent of the picture's, instead of watermark_font_size.",
    ),
    Option(
        name="watermark_font_color",
        help="Colour of the text, by number or name.",
        default="#000000",
        pattern=COLOUR,
        example="#ff8800",
    ),
    Option(
        name="watermark_font_name",
        help="Font of the text; one of the same look where it is not installed.",
        type="enum",
        default="Helvetica",
        values=FONTS,
    ),
    _place("watermark_font_align", "How lines of the text stand.", "left", "center", "right", default="left"),
    Option(
        name="watermark_image",
        help="The task that holds an image (PNG, JPG, SVG, ...) to lay over the picture.",
        refers=True,
    ),
    _pixels("watermark_image_width", "Width of the image in pixels."),
    _pixels("watermark_image_height", "Height of the image in pixels."),
    _percent("watermark_image_width_percent", "Width of the image in percent of the picture's."),
    _place(
        "watermark_position_vertical", "Where the watermark lies, up and down.", "top", "center", "bottom"
    ),
    _place(
        "watermark_position_horizontal",
        "Where the watermark lies, left and right.",
        "left",
        "center",
        "right",
    ),
    _pixels("watermark_margin_vertical", "Pixels between watermark and upper or lower edge.", 25, minimum=0),
    _pixels("watermark_margin_horizontal", "Pixels between watermark and left or right edge.", 25, minimum=0),
    _percent(
        "watermark_opacity", "How much of the picture below the watermark hides, in percent.", 100, minimum=0
    ),
    Option(
        name="watermark_rotation",
        help="Degrees by which the watermark is turned, clockwise.",
        type="integer",
        default=0,
        minimum=-360,
        maximum=360,
    ),
)
LAYER = Option(
    name="layer",
    help="above lays the watermark over the picture, below under its transparent parts.",
    type="enum",
    default="above",
    values=("above", "below"),
)
PREFIX = "watermark_"
OPERATION_OPTIONS = tuple(
    replace(option, name=option.name.removeprefix(PREFIX), help=option.help.replace(PREFIX, ""))
    for option in OPTIONS
)
"""The same for the watermark operation, which takes one of ``text`` and ``image``."""
ONE_OF = (("text", "image"),)


def image(work: Work, option: str = "watermark_image") -> Path | None:
    """Return the image to lay over, where the work has one.

    :raises ConversionFailed: when the task named for it has no file.
    """
    if not work.options.get(option):
        return None
    if not work.related.get(option):
        raise ConversionFailed("The task named for the watermark's image has no file.")
    return work.related[option][0]


def as_conversion(work: Work, **more: Any) -> Work:
    """Return a work of the watermark operation as a conversion with a watermark, and with more options."""
    names = {option.name for option in OPERATION_OPTIONS}
    return replace(
        work, options={**_prefixed(work.options, names), **more}, related=_prefixed(work.related, names)
    )


def _prefixed(values: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {f"{PREFIX}{name}" if name in names else name: value for name, value in values.items()}
