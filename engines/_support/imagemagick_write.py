"""Writing pictures: each format with the settings that make it quick, small and readable everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wand.color import Color
from wand.exceptions import WandException
from wand.image import Image

from engines._support import libheif
from engines._support.child import Refused
from engines._support.exif import upright
from engines._support.imagemagick_open import refusal
from engines._support.picture_limits import check_size
from engines._support.picture_order import HEIF, Order

ICON_SIDES = (256, 128, 64, 48, 32, 16)
_CODERS = {"bmp": "bmp3", "jpg": "jpeg"}


def write(picture: Image, order: Order, target: Path) -> None:
    """Write one picture into a file of its own."""
    with writing():
        if order.target_format in HEIF:
            _with_libheif(picture, order, target)
        elif order.target_format == "ico":
            _icon(picture, order, target)
        else:
            _save(picture, order, target, bilevel=_is_bilevel(picture))


def write_together(pictures: Iterator[Image], order: Order, target: Path) -> None:
    """Write all pictures into one file: pages, or an animation."""
    with writing(), Image() as whole:
        bilevel = True
        for picture in pictures:
            picture.compression_quality = _quality(order)  # each frame has its own
            bilevel = bilevel and _is_bilevel(picture)
            whole.image_add(picture)
        if order.target_format == "gif":
            whole.optimize_layers()  # keep only what changes from frame to frame
        _save(whole, order, target, bilevel=bilevel)


@contextmanager
def writing() -> Iterator[None]:
    """Turn what writers say into refusals."""
    try:
        yield
    except (WandException, libheif.Failed) as error:
        raise refusal(error) or Refused("ConversionFailed") from error


def _save(picture: Image, order: Order, target: Path, *, bilevel: bool) -> None:
    if order.target_format in {"jpg", "webp"}:
        picture.compression_quality = _quality(order)
    for name, value in _settings(order).items():
        picture.options[name] = value
    if order.target_format == "tiff":
        # A fax's compression, which makes everything black and white.
        picture.compression = "group4" if bilevel else "lzw"
    picture.save(filename=f"{_CODERS.get(order.target_format, order.target_format)}:{target}")


def _quality(order: Order) -> int:
    return int(order.options.get("quality") or 75)


def _settings(order: Order) -> dict[str, str]:
    if order.target_format == "png":
        # A higher level takes three times as long for two percent; a time would make every file a new one.
        return {"png:compression-level": "4", "png:compression-filter": "5", "png:exclude-chunk": "date,tIME"}
    if order.target_format == "webp":
        return {"webp:method": "4", "webp:thread-level": "1"}
    if order.target_format == "jp2":
        # OpenJPEG takes decibels: 30 is poor, 50 cannot be told from the original.
        return {"jp2:quality": f"{30 + _quality(order) / 5:g}"}
    return {}


def _is_bilevel(picture: Image) -> bool:
    return picture.type == "bilevel" and not picture.alpha_channel


def _icon(picture: Image, order: Order, target: Path) -> None:
    longest = max(picture.size)
    if order.resizes:
        sides: tuple[int, ...] = (min(longest, ICON_SIDES[0]),)
    else:
        sides = tuple(side for side in ICON_SIDES if side <= longest) or (longest,)
    with Image() as icon:
        for side in sides:
            with picture.clone() as one:
                one.transform(resize=f"{side}x{side}")
                icon.image_add(_squared(one) if not order.resizes else one)
        icon.save(filename=f"ico:{target}")


def _squared(picture: Image) -> Image:
    side = max(picture.size)
    picture.alpha_channel = "set"
    picture.background_color = Color("transparent")
    picture.extent(side, side, x=-((side - picture.width) // 2), y=-((side - picture.height) // 2))
    return picture


def _with_libheif(picture: Image, order: Order, target: Path) -> None:
    check_size(picture.size)
    alpha = picture.alpha_channel
    picture.depth = 8
    if picture.colorspace != "srgb":
        picture.transform_colorspace("srgb")
    exif = picture.profiles.get("exif")
    libheif.write(
        libheif.Picture(
            width=picture.width,
            height=picture.height,
            alpha=alpha,
            data=picture.make_blob("rgba" if alpha else "rgb"),
            icc=picture.profiles.get("icc"),
            exif=upright(exif) if exif and order.options["auto_orient"] else exif,
            xmp=picture.profiles.get("xmp"),
        ),
        target,
        kind=order.target_format,
        quality=_quality(order),
    )
