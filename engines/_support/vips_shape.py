"""What happens to a picture's pixels between reading and writing: upright, size, colours, transparency."""

from __future__ import annotations

import pyvips

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

PROFILE = "icc-profile-data"
GRAY = {"b-w", "grey16"}
_LIGHT = {*GRAY, "srgb", "rgb16"}
_DEEP = {"grey16", "rgb16"}


def shape(picture: pyvips.Image, order: Order, size: Size) -> pyvips.Image:
    """Return the picture as the order wants it; ``size`` is its full size when upright."""
    if order.options["auto_orient"]:
        picture = _upright(picture)
    picture = _resized(picture, order, size)
    picture = _coloured(picture, order)
    picture = _flat(picture, order)
    if density := order.options.get("pixel_density"):
        picture = picture.copy(xres=density / 25.4, yres=density / 25.4)
        picture.set_type(pyvips.GValue.gstr_type, "resolution-unit", "in")
    return picture


def is_deep(picture: pyvips.Image) -> bool:
    """Tell whether it has 16 bits a channel."""
    return picture.interpretation in _DEEP


def _upright(picture: pyvips.Image) -> pyvips.Image:
    noted = "exif-data" in picture.get_fields()
    picture = picture.autorot().copy()
    if noted:
        picture.set_type(pyvips.GValue.gint_type, "orientation", 1)
    return picture


def _resized(picture: pyvips.Image, order: Order, size: Size) -> pyvips.Image:
    scaled, cut = order.box(size)
    for wanted in (scaled, cut):
        check_size(wanted)
    if not order.resizes:
        return picture
    if (picture.width, picture.height) != scaled:
        picture = resized(picture, scaled)
    if cut != scaled:
        picture = picture.crop((scaled[0] - cut[0]) // 2, (scaled[1] - cut[1]) // 2, *cut)
    return picture


def resized(picture: pyvips.Image, size: Size) -> pyvips.Image:
    """Return the picture at exactly a size."""
    across, down = size[0] / picture.width, size[1] / picture.height
    if not picture.hasalpha():
        return picture.resize(across, vscale=down)
    # What nobody sees must not shine through at the edges.
    return picture.premultiply().resize(across, vscale=down).unpremultiply().cast(picture.format)


def _coloured(picture: pyvips.Image, order: Order) -> pyvips.Image:
    wanted = order.options.get("colorspace")
    target = order.target_format
    inked = picture.interpretation == "cmyk"
    if inked and target in WITH_CMYK and wanted in {None, "cmyk"}:
        return picture
    unfit = target in WITHOUT_ICC or (target in WITHOUT_GRAY and picture.interpretation in GRAY)
    if inked or (PROFILE in picture.get_fields() and (wanted or unfit or order.options.get("strip"))):
        picture = to_srgb(picture)
    if picture.interpretation not in _LIGHT:
        picture = picture.colourspace("srgb")
    if wanted == "gray":
        return picture.colourspace("grey16" if is_deep(picture) else "b-w")
    return to_ink(picture) if wanted == "cmyk" else picture


def to_srgb(picture: pyvips.Image) -> pyvips.Image:
    """Return the picture in sRGB, by its own profile where that is of any use, and without it."""
    usual = {"cmyk": "cmyk", "b-w": "none", "grey16": "none"}.get(picture.interpretation, "srgb")
    try:
        changed = picture.icc_transform(
            "srgb",
            embedded=PROFILE in picture.get_fields(),
            **({} if usual == "none" else {"input_profile": usual}),
            intent="perceptual",
            black_point_compensation=True,
            depth=16 if is_deep(picture) else 8,
        )
    except pyvips.Error:
        # A broken profile converts nothing; the picture's numbers are then taken as they are.
        changed = picture.copy()
    return _without_profile(changed)


def to_ink(picture: pyvips.Image) -> pyvips.Image:
    """Return the picture in ink, without transparency. The profile says what the inks mean."""
    if picture.hasalpha():
        picture = picture.flatten(background=[65535 if is_deep(picture) else 255])
    return picture.colourspace("srgb").icc_transform("cmyk", input_profile="srgb", intent="perceptual")


def _without_profile(picture: pyvips.Image) -> pyvips.Image:
    picture = picture.copy()
    if PROFILE in picture.get_fields():
        picture.remove(PROFILE)
    return picture


def _flat(picture: pyvips.Image, order: Order) -> pyvips.Image:
    background = order.options.get("background")
    removes = order.options.get("alpha") == "remove" or order.target_format in WITHOUT_ALPHA
    ground = colours.read(background or "white")
    if ground.alpha < 1 and removes:
        ground = colours.read("white")
    if not picture.hasalpha() or not (removes or (background and ground.alpha == 1)):
        return picture
    numbers: tuple[int, ...] = ground.numbers
    if picture.interpretation in GRAY:
        if len({*numbers}) > 1:
            picture = picture.colourspace("rgb16" if is_deep(picture) else "srgb")
        else:
            numbers = numbers[:1]
    return picture.flatten(background=[number * (257 if is_deep(picture) else 1) for number in numbers])
