"""A watermark before it is laid anywhere: what it looks like, how large it is and where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines._support import colours, librsvg, watermark_text
from engines._support.child import Refused
from engines._support.picture_order import Size

NO_PICTURE = "The watermark's image must be a picture, such as a PNG, JPG or SVG file."
UNREADABLE = "The watermark's image could not be opened."
_LARGEST = 20_000


def place(options: Mapping[str, Any], size: Size, mark: Size) -> tuple[int, int]:
    """Return where the left and upper edge of a mark go on a picture."""
    return (
        _offset(
            options["watermark_position_horizontal"],
            size[0] - mark[0],
            options["watermark_margin_horizontal"],
        ),
        _offset(
            options["watermark_position_vertical"], size[1] - mark[1], options["watermark_margin_vertical"]
        ),
    )


def _offset(position: str, room: int, margin: int) -> int:
    if position in {"left", "top"}:
        return margin
    return room // 2 if position == "center" else room - margin


def sides(options: Mapping[str, Any], size: Size, own: tuple[float, float]) -> Size:
    """Return how large an image of its own size is laid on a picture."""
    width, height = options["watermark_image_width"], options["watermark_image_height"]
    if options["watermark_image_width_percent"]:
        width, height = max(1, round(size[0] * options["watermark_image_width_percent"] / 100)), None
    if width and height:
        return width, height
    factor = width / own[0] if width else (height or own[1]) / own[1]
    return max(1, round(own[0] * factor)), max(1, round(own[1] * factor))


def drawn(options: Mapping[str, Any], size: Size, document: bytes) -> librsvg.Pixels:
    """Draw an SVG as large as it is laid on a picture.

    :raises Refused: when it cannot be drawn.
    """
    try:
        with librsvg.Drawing(document) as drawing:
            wanted = sides(options, size, drawing.size)
            if max(wanted) > _LARGEST:
                raise librsvg.Undrawable
            return drawing.draw(*wanted)
    except librsvg.Undrawable as error:
        raise Refused("OpenFailed", UNREADABLE) from error


def text(options: Mapping[str, Any], size: Size) -> librsvg.Pixels:
    """Draw the text as large as it is laid on a picture.

    :raises Refused: when it would be too large, or its colour is none.
    """
    points: float = options["watermark_font_size"]
    if options["watermark_font_width_percent"]:
        with librsvg.Drawing(_document(options, 100, librsvg.Box(0, 0, 1, 1))) as drawing:
            measured = drawing.extent(watermark_text.ID).width
        points = max(1.0, size[0] * options["watermark_font_width_percent"] / max(measured, 1))
    with librsvg.Drawing(_document(options, points, librsvg.Box(0, 0, 1, 1))) as drawing:
        box = drawing.extent(watermark_text.ID)
    if max(box.width, box.height) > _LARGEST:
        raise Refused("ConversionFailed", "The watermark's text is too long for its font size.")
    with librsvg.Drawing(_document(options, points, box)) as drawing:
        return drawing.draw(max(1, round(box.width)), max(1, round(box.height)))


def _document(options: Mapping[str, Any], points: float, box: librsvg.Box) -> bytes:
    ink = colours.read(options["watermark_font_color"])
    return watermark_text.document(
        options["watermark_text"],
        font_name=options["watermark_font_name"],
        points=points,
        align=options["watermark_font_align"],
        fill=f"rgb{ink.numbers}",
        opacity=ink.alpha,
        box=f"{box.x:g} {box.y:g} {box.width:g} {box.height:g}",
    )
