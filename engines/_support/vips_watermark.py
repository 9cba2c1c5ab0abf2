"""A text or an image laid over a picture, or under it."""

from __future__ import annotations

from pathlib import Path

import pyvips

from engines._support import librsvg, picture_mark
from engines._support.child import Refused
from engines._support.picture_order import DRAWINGS, Order, Size
from engines._support.vips_open import READ, read_first
from engines._support.vips_shape import GRAY, is_deep, resized, to_ink, to_srgb


def lay_over(picture: pyvips.Image, order: Order) -> pyvips.Image:
    """Return the picture with the order's watermark, if it has one."""
    options, size = order.options, (picture.width, picture.height)
    if order.watermark_image:
        picture = _laid(picture, _image(order.watermark_image, order, size), order)
    if options.get("watermark_text"):
        picture = _laid(picture, _picture_of(picture_mark.text(options, size)), order)
    return picture


def _laid(picture: pyvips.Image, mark: pyvips.Image, order: Order) -> pyvips.Image:
    mark = _turned(mark, order.options["watermark_rotation"])
    if opacity := order.options["watermark_opacity"] / 100:
        mark = mark * [1, 1, 1, opacity]
    else:
        return picture
    mark = mark.cast("uchar").copy(interpretation="srgb")
    left, top = picture_mark.place(order.options, (picture.width, picture.height), (mark.width, mark.height))
    mark = mark.embed(left, top, picture.width, picture.height)
    if order.options.get("layer") == "below":
        return _under(picture, mark)
    return _over(picture, mark)


def _over(picture: pyvips.Image, mark: pyvips.Image) -> pyvips.Image:
    if picture.hasalpha():
        return _composed(mark_like(mark, picture), picture)
    # By hand, for ink has no compositing.
    colours = mark_like(mark, picture)[: picture.bands]
    return mark[3].ifthenelse(colours, picture, blend=True)


def _under(picture: pyvips.Image, mark: pyvips.Image) -> pyvips.Image:
    if not picture.hasalpha():
        return picture
    return _composed(picture, mark_like(mark, picture))


def _composed(upper: pyvips.Image, lower: pyvips.Image) -> pyvips.Image:
    together = lower.composite2(upper, "over", compositing_space=lower.interpretation)
    return together.cast(lower.format)


def mark_like(mark: pyvips.Image, picture: pyvips.Image) -> pyvips.Image:
    """Return the mark in the picture's kind of colours."""
    if picture.interpretation == "cmyk":
        return to_ink(mark[:3])
    if picture.interpretation in GRAY:
        return mark.colourspace("grey16" if is_deep(picture) else "b-w")
    return mark.colourspace("rgb16") if is_deep(picture) else mark


def _turned(mark: pyvips.Image, degrees: int) -> pyvips.Image:
    if not degrees % 360:
        return mark
    return mark.premultiply().similarity(angle=degrees).unpremultiply()


def _image(path: Path, order: Order, size: Size) -> pyvips.Image:
    kind = path.suffix.removeprefix(".")
    if kind in DRAWINGS:
        return _picture_of(picture_mark.drawn(order.options, size, path.read_bytes()))
    if kind not in READ:
        raise Refused("ConversionFailed", picture_mark.NO_PICTURE)
    try:
        mark = read_first(path, kind)
        if "icc-profile-data" in mark.get_fields() or mark.interpretation == "cmyk":
            mark = to_srgb(mark)
        mark = mark.colourspace("srgb").copy_memory()
    except (Refused, pyvips.Error) as error:
        raise Refused(getattr(error, "code", "OpenFailed"), picture_mark.UNREADABLE) from error
    if not mark.hasalpha():
        mark = mark.bandjoin(255)
    wanted = picture_mark.sides(order.options, size, (mark.width, mark.height))
    return mark if wanted == (mark.width, mark.height) else resized(mark, wanted)


def _picture_of(pixels: librsvg.Pixels) -> pyvips.Image:
    drawn = pyvips.Image.new_from_memory(pixels.data, pixels.width, pixels.height, 4, "uchar")
    blue, green, red, alpha = drawn.bandsplit()
    mixed = red.bandjoin([green, blue, alpha]).copy(interpretation="srgb")
    return mixed.unpremultiply()
