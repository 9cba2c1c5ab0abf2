"""What a watermark looks like in a PDF: its text or image as one object, which every page may show."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pikepdf
from PIL import Image, ImageOps

from engines._support import colours, librsvg, matrix, watermark_text
from engines._support.child import Refused
from engines._support.matrix import Matrix
from jobs.contract import limits
from jobs.contract.errors import FileTooLarge

DRAWINGS = {"svg", "svgz"}
PICTURES = {
    **{name: name.upper() for name in ("bmp", "gif", "png", "tiff", "webp")},
    "jpg": "JPEG",
}
"""Pillow's names for what is read: always given, so that no content chooses its own reader."""
NO_PICTURE = "The image must be a PNG, JPG, WebP, GIF, TIFF, BMP, SVG or PDF file."
UNREADABLE = "The image of the watermark could not be opened."
Image.MAX_IMAGE_PIXELS = None  # limits.check_picture knows how many there may be
_ORIENTATION = 0x0112
_ICC_KINDS = {"RGB": b"RGB ", "L": b"GRAY"}
_GROUP = pikepdf.Dictionary(S=pikepdf.Name.Transparency)


@dataclass(frozen=True)
class Mark:
    """An object to show, and how large it is."""

    shown: Any
    width: float
    height: float
    upright: Matrix
    """Puts it into the rectangle from 0, 0 to its width and height."""


def text(pdf: pikepdf.Pdf, options: Mapping[str, Any]) -> Mark:
    """Return the text of a watermark, as text.

    :raises Refused: when it shows nothing.
    """
    with librsvg.Drawing(_drawing(options, librsvg.Box(0, 0, 1, 1))) as drawing:
        box = drawing.extent(watermark_text.ID)
    if box.width <= 0 or box.height <= 0:
        raise Refused("ConversionFailed", "The text has nothing to show.")
    with librsvg.Drawing(_drawing(options, box)) as drawing:
        return _printed(pdf, drawing, box.width, box.height)


def _drawing(options: Mapping[str, Any], box: librsvg.Box) -> bytes:
    ink = colours.read(options["font_color"])
    return watermark_text.document(
        options["text"],
        font_name=options["font_name"],
        points=options["font_size"],
        align=options["font_align"],
        fill=f"rgb{ink.numbers}",
        opacity=ink.alpha,
        box=f"{box.x:g} {box.y:g} {box.width:g} {box.height:g}",
    )


@contextmanager
def image(pdf: pikepdf.Pdf, path: Path) -> Iterator[Mark]:
    """Give the image of a watermark, at one point a pixel; it is there while the context lasts.

    :raises Refused: when it cannot be read.
    """
    kind = path.suffix.removeprefix(".")
    with contextlib.ExitStack() as stack:
        try:
            if kind in DRAWINGS:
                drawing = stack.enter_context(librsvg.Drawing(path.read_bytes()))
                mark = _printed(pdf, drawing, *drawing.size)
            elif kind == "pdf":
                mark = _form(pdf, stack.enter_context(pikepdf.Pdf.open(path)).pages[0])
            elif kind in PICTURES:
                mark = _picture(pdf, stack.enter_context(Image.open(path, formats=[PICTURES[kind]])), path)
            else:
                raise Refused("ConversionFailed", NO_PICTURE)
        except FileTooLarge as error:
            raise Refused("FileTooLarge", error.message) from error
        except _TROUBLE as error:
            raise Refused("OpenFailed", UNREADABLE) from error
        yield mark


_TROUBLE = (
    *(librsvg.Undrawable, pikepdf.PdfError, pikepdf.PasswordError),
    *(OSError, RuntimeError, ValueError, TypeError, IndexError, SyntaxError),
)
"""What libraries make of files that are damaged, or locked."""


def _printed(pdf: pikepdf.Pdf, drawing: librsvg.Drawing, width: float, height: float) -> Mark:
    made = pikepdf.Pdf.open(io.BytesIO(drawing.print(width, height)))
    return _form(pdf, made.pages[0])


def _form(pdf: pikepdf.Pdf, page: pikepdf.Page) -> Mark:
    form = pdf.copy_foreign(page.as_form_xobject())
    # As one thing: else what it consists of would be seen through what lies over it.
    form.Group = _GROUP
    box = matrix.box([float(number) for number in form.BBox])
    own = matrix.read([float(number) for number in form.get("/Matrix", matrix.IDENTITY)])
    left, bottom, right, top = matrix.outline(box, own)
    if right <= left or top <= bottom:
        raise ValueError("it has no size")
    return Mark(form, right - left, top - bottom, matrix.moved(-left, -bottom))


def _picture(pdf: pikepdf.Pdf, picture: Image.Image, path: Path) -> Mark:
    limits.check_picture(*picture.size)
    is_plain = picture.format == "JPEG" and picture.mode in _ICC_KINDS
    if is_plain and picture.getexif().get(_ORIENTATION, 1) == 1:
        picture.load()  # if it is damaged, now is the time to know
        shown = _stream(pdf, picture, path.read_bytes(), Filter=pikepdf.Name.DCTDecode)
    else:
        shown = _pixels(pdf, ImageOps.exif_transpose(picture))
    return Mark(shown, float(shown.Width), float(shown.Height), (shown.Width, 0, 0, shown.Height, 0, 0))


def _pixels(pdf: pikepdf.Pdf, picture: Image.Image) -> Any:
    if picture.mode.startswith("I"):
        picture = picture.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    clear = "A" in picture.getbands() or "transparency" in picture.info
    profile = picture.info.get("icc_profile") if picture.mode != "CMYK" else None
    mask = picture.convert("RGBA").getchannel("A") if clear else None
    if clear or picture.mode not in _ICC_KINDS:
        picture = picture.convert("RGB")
    picture.info["icc_profile"] = profile
    made = _stream(pdf, picture, picture.tobytes())
    if mask:
        made.SMask = _stream(pdf, mask, mask.tobytes())
    return made


def _stream(pdf: pikepdf.Pdf, picture: Image.Image, data: bytes, **coding: Any) -> Any:
    space: Any = pikepdf.Name.DeviceRGB if picture.mode == "RGB" else pikepdf.Name.DeviceGray
    profile = picture.info.get("icc_profile")
    if profile and profile[16:20] == _ICC_KINDS[picture.mode]:
        channels = len(picture.getbands())
        space = pikepdf.Array([pikepdf.Name.ICCBased, pdf.make_stream(profile, N=channels, Alternate=space)])
    return pdf.make_stream(
        data,
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=picture.width,
        Height=picture.height,
        ColorSpace=space,
        BitsPerComponent=8,
        **coding,
    )
