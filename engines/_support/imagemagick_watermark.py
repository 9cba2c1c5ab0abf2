"""A text or an image laid over a picture, or under it."""

from __future__ import annotations

from wand.color import Color
from wand.image import Image

from engines._support import picture_mark
from engines._support.child import Refused
from engines._support.imagemagick_open import picture_of, read_first
from engines._support.picture_order import CODERS, DRAWINGS, HEIF, Order, Size


def lay_over(picture: Image, order: Order) -> None:
    """Lay the order's watermark, if it has one, over the picture, or under its transparent parts."""
    if order.options.get("layer") == "below":
        with Image(width=picture.width, height=picture.height, background=Color("transparent")) as ground:
            _lay(ground, order)
            picture.composite(ground, operator="dst_over")
    else:
        _lay(picture, order)


def _lay(picture: Image, order: Order) -> None:
    if order.watermark_image:
        with _image(order, picture.size) as mark:
            _place(picture, mark, order)
    if order.options.get("watermark_text"):
        with picture_of(picture_mark.text(order.options, picture.size)) as mark:
            _place(picture, mark, order)


def _place(picture: Image, mark: Image, order: Order) -> None:
    options = order.options
    if options["watermark_rotation"]:
        mark.rotate(options["watermark_rotation"], background=Color("transparent"))
    if not mark.alpha_channel:
        mark.alpha_channel = "set"
    left, top = picture_mark.place(options, picture.size, mark.size)
    if picture.colorspace in {"gray", "cmyk"}:
        mark.transform_colorspace(picture.colorspace)
    # Not by changing the mark's alpha: ImageMagick 6 keeps it the other way round.
    arguments = f"{options['watermark_opacity']}"
    picture.composite(mark, left=left, top=top, operator="dissolve", arguments=arguments)


def _image(order: Order, size: Size) -> Image:
    options, path = order.options, order.watermark_image
    assert path
    kind = path.suffix.removeprefix(".")
    if kind in DRAWINGS:
        return picture_of(picture_mark.drawn(options, size, path.read_bytes()))
    if kind not in CODERS and kind not in HEIF:
        raise Refused("ConversionFailed", picture_mark.NO_PICTURE)
    try:
        mark = read_first(path, kind)
    except Refused as refused:
        raise Refused(refused.code, picture_mark.UNREADABLE) from refused
    mark.auto_orient()
    if mark.colorspace not in {"srgb", "gray"}:
        mark.transform_colorspace("srgb")
    wanted = picture_mark.sides(options, size, mark.size)
    if wanted != mark.size:
        mark.resize(*wanted)
    return mark
