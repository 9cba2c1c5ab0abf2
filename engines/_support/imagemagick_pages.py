"""Pictures as the pages of a PDF."""

from __future__ import annotations

from collections.abc import Iterator

from wand.image import Image

from engines._support import picture_pdf
from engines._support.imagemagick_write import writing
from engines._support.picture_order import LOSSY, Order

_CHANGES = ("watermark_text", "colorspace", "quality", "strip", "width", "height")


def write_pages(pictures: Iterator[Image], order: Order) -> None:
    """Write a PDF of all pictures, a page each."""
    with writing(), picture_pdf.Document(order.target) as document:
        for picture in pictures:
            document.add(
                _pixels(picture, order),
                density=_density(picture),
                mask=_mask(picture),
                icc=picture.profiles.get("icc"),
            )


def as_it_is(picture: Image, order: Order) -> bool:
    """Tell whether a JPEG file can become a page without being encoded again."""
    changed = any(order.options[name] for name in _CHANGES) or order.watermark_image
    turned = order.options["auto_orient"] and picture.metadata.get("exif:Orientation", "1") not in {"0", "1"}
    # Ink is written one way or the other, and only the decoder knows which.
    return not changed and not turned and order.source_format == "jpg" and picture.colorspace != "cmyk"


def _pixels(picture: Image, order: Order) -> picture_pdf.Pixels:
    if as_it_is(picture, order):
        return picture_pdf.from_jpeg(order.source.read_bytes())
    quality = order.options["quality"]
    with picture.clone() as bare:
        if bare.alpha_channel:
            bare.alpha_channel = False
        bare.strip()
        if order.source_format in LOSSY or quality or bare.colorspace == "cmyk":
            bare.compression_quality = quality or 75
            return picture_pdf.from_jpeg(bare.make_blob("jpeg"))
        return _lossless(bare)


def _mask(picture: Image) -> picture_pdf.Pixels | None:
    if not picture.alpha_channel:
        return None
    with picture.clone() as mask:
        mask.strip()
        mask.alpha_channel = "extract"
        mask.alpha_channel = False
        return _lossless(mask)


def _lossless(picture: Image) -> picture_pdf.Pixels:
    gray = picture.colorspace == "gray" or picture.type in {"grayscale", "bilevel"}
    picture.options["png:color-type"] = "0" if gray else "2"
    picture.options["png:bit-depth"] = "1" if picture.type == "bilevel" else "8"
    picture.options["png:compression-level"] = "4"
    return picture_pdf.from_png(picture.make_blob("png"))


def _density(picture: Image) -> float:
    density = float(picture.resolution[0])
    if picture.units == "pixelspercentimeter":
        density *= 2.54
    known = picture.units in {"pixelsperinch", "pixelspercentimeter"}
    return density if known and 10 <= density <= 10_000 else 72.0
