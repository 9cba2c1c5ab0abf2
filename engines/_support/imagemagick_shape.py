"""What happens to a picture's pixels between reading and writing: upright, size, colours, transparency."""

from __future__ import annotations

import ctypes
from pathlib import Path

from wand.api import library
from wand.color import Color
from wand.image import Image

from engines._support import colours
from engines._support.picture_limits import check_size
from engines._support.picture_order import (
    WITH_CMYK,
    WITHOUT_ALPHA,
    WITHOUT_GRAY,
    WITHOUT_ICC,
    Order,
    Size,
)

SRGB = Path(__file__).with_name("imagemagick-policy") / "srgb.icc"
"""Made by Little CMS, which claims no rights in it."""
library.MagickProfileImage.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t)
library.MagickProfileImage.restype = ctypes.c_int


def shape(picture: Image, order: Order, size: Size) -> None:
    """Make the picture what the order asks for; ``size`` is its full size when upright."""
    if order.options["auto_orient"]:
        picture.auto_orient()
    _resize(picture, order, size)
    # Where it lay on a larger canvas is of no interest any more.
    library.MagickResetImagePage(picture.wand, b"0x0+0+0")
    _colour(picture, order)
    _flatten(picture, order)
    density = order.options.get("pixel_density")
    if density:
        picture.units = "pixelsperinch"
        picture.resolution = (density, density)
    if order.options.get("strip"):
        picture.strip()


def _resize(picture: Image, order: Order, size: Size) -> None:
    scaled, cut = order.box(size)
    for wanted in (scaled, cut):
        check_size(wanted)
    if not order.resizes:
        return
    if picture.size != scaled:
        # Not Image.resize, which looks for an animation; here is one picture.
        library.MagickResizeImage(picture.wand, *scaled, 0, 1.0)
    if cut != scaled:
        picture.crop((scaled[0] - cut[0]) // 2, (scaled[1] - cut[1]) // 2, width=cut[0], height=cut[1])


def _colour(picture: Image, order: Order) -> None:
    wanted = order.options.get("colorspace")
    target = order.target_format
    cmyk = picture.colorspace == "cmyk"
    if cmyk and target in WITH_CMYK and wanted in {None, "cmyk"}:
        return
    unfit = target in WITHOUT_ICC or (target in WITHOUT_GRAY and picture.colorspace == "gray")
    if "icc" in picture.profiles and (cmyk or wanted or unfit or order.options.get("strip")):
        _to_srgb(picture)
    if picture.colorspace not in {"srgb", "gray"}:
        picture.transform_colorspace("srgb")
    if wanted and wanted != "srgb":
        picture.transform_colorspace(wanted)


def _to_srgb(picture: Image) -> None:
    if "srgb" not in picture.metadata.get("icc:description", "").lower():
        data = SRGB.read_bytes()
        # A broken profile converts nothing; the picture's numbers are then taken as they are.
        library.MagickProfileImage(picture.wand, b"icc", data, len(data))
        library.MagickClearException(picture.wand)
    del picture.profiles["icc"]


def _flatten(picture: Image, order: Order) -> None:
    background = order.options.get("background")
    removes = order.options.get("alpha") == "remove" or order.target_format in WITHOUT_ALPHA
    ground = colours.read(background or "white")
    if ground.alpha < 1 and removes:
        ground = colours.read("white")
    if picture.alpha_channel and (removes or (background and ground.alpha == 1)):
        picture.background_color = Color(f"rgb{ground.numbers}")
        picture.alpha_channel = "remove"
        picture.alpha_channel = False
