"""A text or an image laid over a picture."""

from __future__ import annotations

from wand.image import Image

from engines._support import librsvg, watermark_text
from engines._support.child import Refused
from engines._support.imagemagick_open import picture_of, read_first
from engines._support.imagemagick_order import CODERS, DRAWINGS, HEIF, Order, Size
from engines._support.imagemagick_shape import colour

_LARGEST = 20_000


def lay_over(picture: Image, order: Order) -> None:
    """Lay the order's watermark, if it has one, over the picture."""
    if order.watermark_image:
        with _image(order, picture.size) as mark:
            _place(picture, mark, order)
    if order.options.get("watermark_text"):
        with _text(order, picture.size) as mark:
            _place(picture, mark, order)


def _place(picture: Image, mark: Image, order: Order) -> None:
    options = order.options
    if options["watermark_rotation"]:
        mark.rotate(options["watermark_rotation"], background=colour("transparent"))
    if not mark.alpha_channel:
        mark.alpha_channel = "set"
    left = _offset(
        options["watermark_position_horizontal"],
        picture.width - mark.width,
        options["watermark_margin_horizontal"],
    )
    top = _offset(
        options["watermark_position_vertical"],
        picture.height - mark.height,
        options["watermark_margin_vertical"],
    )
    if picture.colorspace == "gray":
        mark.transform_colorspace("gray")
    elif picture.colorspace == "cmyk":
        mark.transform_colorspace("cmyk")
    # Not by changing the mark's alpha: ImageMagick 6 keeps it the other way round.
    arguments = f"{options['watermark_opacity']}"
    picture.composite(mark, left=left, top=top, operator="dissolve", arguments=arguments)


def _offset(position: str, room: int, margin: int) -> int:
    if position in {"left", "top"}:
        return margin
    return room // 2 if position == "center" else room - margin


def _image(order: Order, size: Size) -> Image:
    options, path = order.options, order.watermark_image
    assert path
    kind = path.suffix.removeprefix(".")
    width, height = options["watermark_image_width"], options["watermark_image_height"]
    if options["watermark_image_width_percent"]:
        width, height = max(1, round(size[0] * options["watermark_image_width_percent"] / 100)), None
    if kind in DRAWINGS:
        return _drawn(path.read_bytes(), width, height)
    if kind not in CODERS and kind not in HEIF:
        raise Refused(
            "ConversionFailed", "The watermark_image must be a picture, such as a PNG, JPG or SVG file."
        )
    try:
        mark = read_first(path, kind)
    except Refused as refused:
        raise Refused(refused.code, "The watermark_image could not be opened.") from refused
    mark.auto_orient()
    if mark.colorspace not in {"srgb", "gray"}:
        mark.transform_colorspace("srgb")
    if width or height:
        mark.resize(*_sides(mark.size, width, height))
    return mark


def _sides(own: tuple[float, float], width: int | None, height: int | None) -> Size:
    if width and height:
        return width, height
    factor = width / own[0] if width else (height or own[1]) / own[1]
    return max(1, round(own[0] * factor)), max(1, round(own[1] * factor))


def _drawn(document: bytes, width: int | None, height: int | None) -> Image:
    try:
        with librsvg.Drawing(document) as drawing:
            size = _sides(drawing.size, width, height)
            if max(size) > _LARGEST:
                raise librsvg.Undrawable
            return picture_of(drawing.draw(*size))
    except librsvg.Undrawable as error:
        raise Refused("OpenFailed", "The watermark_image could not be opened.") from error


def _text(order: Order, size: Size) -> Image:
    options = order.options
    points: float = options["watermark_font_size"]
    if options["watermark_font_width_percent"]:
        with librsvg.Drawing(_document(order, 100, librsvg.Box(0, 0, 1, 1))) as drawing:
            measured = drawing.extent(watermark_text.ID).width
        points = max(1.0, size[0] * options["watermark_font_width_percent"] / max(measured, 1))
    with librsvg.Drawing(_document(order, points, librsvg.Box(0, 0, 1, 1))) as drawing:
        box = drawing.extent(watermark_text.ID)
    if max(box.width, box.height) > _LARGEST:
        raise Refused("ConversionFailed", "The watermark_text is too long for its font size.")
    with librsvg.Drawing(_document(order, points, box)) as drawing:
        return picture_of(drawing.draw(max(1, round(box.width)), max(1, round(box.height))))


def _document(order: Order, points: float, box: librsvg.Box) -> bytes:
    options = order.options
    ink = colour(options["watermark_font_color"])
    return watermark_text.document(
        options["watermark_text"],
        font_name=options["watermark_font_name"],
        points=points,
        align=options["watermark_font_align"],
        fill=f"rgb({ink.red_int8},{ink.green_int8},{ink.blue_int8})",
        opacity=ink.alpha,
        box=f"{box.x:g} {box.y:g} {box.width:g} {box.height:g}",
    )
