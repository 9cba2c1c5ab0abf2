"""Writing pictures with libvips: each format with the settings that make it quick, small and readable."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyvips

from engines._support import libheif
from engines._support.child import Refused
from engines._support.exif import upright
from engines._support.picture_order import Order
from engines._support.vips_shape import is_deep

SAVERS = {
    "avif": "heifsave",
    "gif": "gifsave",
    "jpg": "jpegsave",
    "png": "pngsave",
    "tiff": "tiffsave",
    "webp": "webpsave",
}
WRITTEN = {*SAVERS, "heic"}
LONGEST = {"avif": 16_384, "heic": 16_384, "webp": 16_383}
"""The longest side that a format can hold, where that is less than we allow."""


def write(picture: pyvips.Image, order: Order, target: Path) -> None:
    """Write one picture into a file of its own."""
    _check_side(picture.width, picture.height, order)
    if order.target_format == "heic":
        _with_libheif(picture, order, target)
    else:
        _save(picture, order, target)


def write_together(pictures: list[pyvips.Image], order: Order, timing: Mapping[str, Any]) -> None:
    """Write all pictures, which are of one size, into one file: pages, or an animation."""
    first = pictures[0]
    _check_side(first.width, first.height, order)
    roll = pyvips.Image.arrayjoin(pictures, across=1) if len(pictures) > 1 else first
    roll = roll.copy()
    roll.set_type(pyvips.GValue.gint_type, "page-height", first.height)
    if order.animated:
        if "delay" in timing:
            roll.set_type(pyvips.GValue.array_int_type, "delay", timing["delay"][: len(pictures)])
        if "loop" in timing:
            roll.set_type(pyvips.GValue.gint_type, "loop", timing["loop"])
    _save(roll, order, order.target)


def _save(picture: pyvips.Image, order: Order, target: Path) -> None:
    keep = "none" if order.options.get("strip") else "all"
    saver = getattr(picture, SAVERS[order.target_format])
    saver(f"{target}", keep=keep, **_settings(picture, order))


def _settings(picture: pyvips.Image, order: Order) -> dict[str, Any]:
    quality = int(order.options.get("quality") or 75)
    bilevel = _is_bilevel(picture, order)
    if order.target_format == "tiff":
        # A fax's compression, which makes everything black and white.
        packed: dict[str, Any] = {"compression": "ccittfax4", "bitdepth": 1, "miniswhite": True}
        return packed if bilevel else {"compression": "lzw", "predictor": "horizontal"}
    settings: dict[str, dict[str, Any]] = {
        "avif": {"compression": "av1", "Q": quality, "effort": 1, "bitdepth": 10 if is_deep(picture) else 8},
        "gif": {"effort": 3},
        "jpg": {"Q": quality, "optimize_coding": True},
        "png": {"compression": 4, "filter": "all", **({"bitdepth": 1} if bilevel else {})},
        # More effort takes twice as long for three percent. A drawing's colours would bleed.
        "webp": {"Q": quality, "effort": 2, "smart_subsample": order.source_format == "gif"},
    }
    return settings[order.target_format]


def _is_bilevel(picture: pyvips.Image, order: Order) -> bool:
    known = picture.get("bits-per-sample") if "bits-per-sample" in picture.get_fields() else 0
    changed = order.resizes or order.watermark_image or order.options.get("watermark_text")
    return known == 1 and picture.bands == 1 and not changed


def _check_side(width: int, height: int, order: Order) -> None:
    longest = LONGEST.get(order.target_format)
    if longest and max(width, height) > longest:
        raise Refused(
            "ConversionFailed",
            f"{order.target_format.upper()} holds at most {longest:,} pixels a side. Set width or height.",
        )


def _with_libheif(picture: pyvips.Image, order: Order, target: Path) -> None:
    plain = picture.colourspace("srgb").cast("uchar")
    kept = {} if order.options.get("strip") else {name: picture.get(name) for name in picture.get_fields()}
    exif = kept.get("exif-data")
    try:
        libheif.write(
            libheif.Picture(
                width=plain.width,
                height=plain.height,
                alpha=plain.hasalpha(),
                data=plain.write_to_memory(),
                icc=kept.get("icc-profile-data"),
                exif=upright(exif) if exif and order.options["auto_orient"] else exif,
                xmp=kept.get("xmp-data"),
            ),
            target,
            kind="heic",
            quality=int(order.options.get("quality") or 75),
        )
    except libheif.Failed as error:
        raise Refused("ConversionFailed") from error
