"""GraphicsMagick: pictures to pictures, where it is asked for, JPEG XL, and GIMP's layers."""

from __future__ import annotations

import re
from itertools import product

from jobs.contract import Command, Operation, Option, Tool, Work, limits
from jobs.contract.errors import FileTooLarge, OpenFailed, TaskError

from ._support.picture_options import LOOK, SIDE, SIZE, colorspace, quality
from ._support.process import Process

ANIMATED = {"gif"}
PAGED = {"tiff"}
LAYERED = {"xcf"}
READ = {
    *("avif", "bmp", "gif", "heic", "ico", "jpg", "jxl", "pcx", "pgm", "png", "pnm", "ppm", "tga", "tiff"),
    *("webp", "xbm", "xcf", "xpm"),
}
WRITTEN = {"bmp", "gif", "jpg", "jxl", "pgm", "png", "pnm", "ppm", "tga", "tiff", "webp"}
OPAQUE = {"bmp", "jpg", "jxl", "pgm", "pnm", "ppm"}
"""What cannot be transparent, or is not written so by this version: JPEG XL."""
LOSSY = {"jpg", "jxl", "webp"}
INKED = {"jpg", "tiff"}
CODERS = {"jpg": "jpeg"}
LIMITS = (
    *("-limit", "Pixels", f"{limits.IMAGE_PIXELS}"),
    *("-limit", "Width", f"{SIDE}", "-limit", "Height", f"{SIDE}"),
)


def convert(work: Work) -> list[Command]:
    """Plan one picture, or an animation or pages where the output holds them too."""
    argv = [
        "gm",
        "convert",
        *LIMITS,
        *_density(work),
        _named(work.input_format, f"{work.input}{_part(work)}"),
    ]
    argv += ["-background", "transparent", "-mosaic"] if work.input_format in LAYERED else []
    argv += ["-coalesce"] if _stays(work, ANIMATED) else []
    argv += ["-auto-orient"] if work.options["auto_orient"] else []
    argv += [*_size(work), *_colours(work), *_ground(work)]
    argv += ["-strip"] if work.options["strip"] else []
    argv += ["-quality", f"{work.options['quality']}"] if work.output_format in LOSSY else []
    argv += ["-compress", "LZW"] if work.output_format == "tiff" else []
    return [Command(argv=[*argv, _named(work.output_format, f"{work.output}")], outputs=(work.output,))]


def _named(kind: str, path: str) -> str:
    # The coder is always named, so that no content chooses its own reader.
    return f"{CODERS.get(kind, kind)}:{path}"


def _stays(work: Work, several: set[str]) -> bool:
    return work.input_format in several and work.output_format in several


def _part(work: Work) -> str:
    whole = work.input_format in LAYERED or _stays(work, ANIMATED) or _stays(work, PAGED)
    return "" if whole else "[0]"


def _density(work: Work) -> list[str]:
    density = work.options["pixel_density"]
    return ["-units", "PixelsPerInch", "-density", f"{density}x{density}"] if density else []


def _size(work: Work) -> list[str]:
    width, height, fit = (work.options[name] for name in ("width", "height", "fit"))
    if not width and not height:
        return []
    given = f"{width or ''}x{height or ''}"
    if fit == "max":
        return ["-resize", f"{given}>"]
    if not (width and height):
        return ["-resize", given]
    if fit == "scale":
        return ["-resize", f"{given}!"]
    return ["-resize", f"{given}^", "-gravity", "Center", "-crop", f"{given}+0+0", "+repage"]


def _colours(work: Work) -> list[str]:
    wanted = {"gray": "GRAY", "cmyk": "CMYK", "srgb": "RGB"}.get(work.options["colorspace"] or "")
    if not wanted and work.input_format in INKED and work.output_format not in INKED:
        wanted = "RGB"
    return ["-colorspace", wanted] if wanted else []


def _ground(work: Work) -> list[str]:
    background = work.options["background"]
    removes = work.options["alpha"] == "remove" or work.output_format in OPAQUE
    if not removes and not background:
        return []
    laid = ["-background", background or "white"]
    # Flattening makes one picture of all; there an own ground lies under each.
    return [*laid, "-extent", "0x0"] if _stays(work, ANIMATED) or _stays(work, PAGED) else [*laid, "-flatten"]


def explain(words: str) -> TaskError | None:
    """Say what GraphicsMagick's words mean."""
    if re.search(r"exceeds .*limit|limit exceeded", words, re.IGNORECASE):
        return FileTooLarge()
    return OpenFailed() if re.search(r"gm convert: (.*(\(|/)in\.|Request did not return)", words) else None


def _conversion(targets: set[str], *options: Option) -> Operation:
    return Operation(
        name="convert",
        engine="graphicsmagick",
        queue="graphicsmagick",
        help="Convert pictures; the first frame or page where the output holds one only.",
        run=Process(convert, explain),
        conversions=frozenset(product(READ, targets)),
        options=(*SIZE, *LOOK, *options),
        cost=1.3,
        tool=Tool(name="graphicsmagick", argv=("gm", "version"), pattern=r"GraphicsMagick (\d+(?:\.\d+)+)"),
    )


OPERATIONS = (
    _conversion({"jxl", "webp"}, quality(), colorspace("srgb", "gray")),
    _conversion({"jpg"}, quality(), colorspace("srgb", "gray", "cmyk")),
    _conversion({"tiff"}, colorspace("srgb", "gray", "cmyk")),
    _conversion(WRITTEN - LOSSY - {"tiff"}, colorspace("srgb", "gray")),
)
