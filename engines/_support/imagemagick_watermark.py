"""A text or an image laid over a picture."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from wand.image import Image

from engines._support import librsvg
from engines._support.child import Refused
from engines._support.imagemagick_open import picture_of, read_first
from engines._support.picture_order import CODERS, DRAWINGS, HEIF, Order, Size
from engines._support.imagemagick_shape import colour

_STYLES = (
    (" BoldOblique", "bold", "italic"),
    (" Bold Italic", "bold", "italic"),
    (" Bold", "bold", "normal"),
    (" Italic", "normal", "italic"),
    (" Oblique", "normal", "italic"),
)
_SERIFS = {"Georgia", "Times New Roman"}
_MONOSPACED = {"Andale Mono", "Courier New"}
_LINE = 1.2
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
            measured = drawing.extent("text").width
        points = max(1.0, size[0] * options["watermark_font_width_percent"] / max(measured, 1))
    with librsvg.Drawing(_document(order, points, librsvg.Box(0, 0, 1, 1))) as drawing:
        box = drawing.extent("text")
    if max(box.width, box.height) > _LARGEST:
        raise Refused("ConversionFailed", "The watermark_text is too long for its font size.")
    with librsvg.Drawing(_document(order, points, box)) as drawing:
        return picture_of(drawing.draw(max(1, round(box.width)), max(1, round(box.height))))


def _document(order: Order, points: float, box: librsvg.Box) -> bytes:
    # Pango, behind librsvg, shapes every script and finds a font for each letter; ImageMagick does neither.
    family, weight, style = font(order.options["watermark_font_name"])
    anchor = {"left": "start", "center": "middle", "right": "end"}[order.options["watermark_font_align"]]
    ink = colour(order.options["watermark_font_color"])
    fill = f"rgb({ink.red_int8},{ink.green_int8},{ink.blue_int8})"
    lines = "".join(
        f'<tspan x="0" y="{number * points * _LINE:g}">{escape(_printable(line))}</tspan>'
        for number, line in enumerate(order.options["watermark_text"].splitlines())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{box.width:g}" height="{box.height:g}"'
        f' viewBox="{box.x:g} {box.y:g} {box.width:g} {box.height:g}">'
        f'<text id="text" xml:space="preserve" font-family={quoteattr(family)} font-weight="{weight}"'
        f' font-style="{style}" font-size="{points:g}" text-anchor="{anchor}" fill="{fill}"'
        f' fill-opacity="{ink.alpha:g}">{lines}</text></svg>'
    ).encode()


def font(name: str) -> tuple[str, str, str]:
    """Return the families to look for, the weight and the style of a font name."""
    weight, style = "normal", "normal"
    for ending, its_weight, its_style in _STYLES:
        if name.endswith(ending):
            name, weight, style = name.removesuffix(ending), its_weight, its_style
            break
    if name in {"Arial Black", "Impact"}:
        weight = "900"
    kind = "serif" if name in _SERIFS else "monospace" if name in _MONOSPACED else "sans-serif"
    return f"{name}, {kind}", weight, style


def _printable(line: str) -> str:
    # XML knows no other control characters.
    return "".join(letter for letter in line if letter >= " " or letter == "\t")
