"""A watermark before it is laid anywhere: what it looks like, how large it is and where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from engines._support import colours, librsvg
from engines._support.child import Refused
from engines._support.picture_order import Size

NO_PICTURE = "The watermark_image must be a picture, such as a PNG, JPG or SVG file."
UNREADABLE = "The watermark_image could not be opened."
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


def place(options: Mapping[str, Any], size: Size, mark: Size) -> tuple[int, int]:
    """Return where the left and upper edge of a mark go on a picture."""
    return (
        _offset(
            options["watermark_position_horizontal"],
            size[0] - mark[0],
            options["watermark_margin_horizontal"],
        ),
        _offset(
            options["watermark_position_vertical"], size[1] - mark[1], options["watermark_margin_vertical"]
        ),
    )


def _offset(position: str, room: int, margin: int) -> int:
    if position in {"left", "top"}:
        return margin
    return room // 2 if position == "center" else room - margin


def sides(options: Mapping[str, Any], size: Size, own: tuple[float, float]) -> Size:
    """Return how large an image of its own size is laid on a picture."""
    width, height = options["watermark_image_width"], options["watermark_image_height"]
    if options["watermark_image_width_percent"]:
        width, height = max(1, round(size[0] * options["watermark_image_width_percent"] / 100)), None
    if width and height:
        return width, height
    factor = width / own[0] if width else (height or own[1]) / own[1]
    return max(1, round(own[0] * factor)), max(1, round(own[1] * factor))


def drawn(options: Mapping[str, Any], size: Size, document: bytes) -> librsvg.Pixels:
    """Draw an SVG as large as it is laid on a picture.

    :raises Refused: when it cannot be drawn.
    """
    try:
        with librsvg.Drawing(document) as drawing:
            wanted = sides(options, size, drawing.size)
            if max(wanted) > _LARGEST:
                raise librsvg.Undrawable
            return drawing.draw(*wanted)
    except librsvg.Undrawable as error:
        raise Refused("OpenFailed", UNREADABLE) from error


def text(options: Mapping[str, Any], size: Size) -> librsvg.Pixels:
    """Draw the text as large as it is laid on a picture.

    :raises Refused: when it would be too large, or its colour is none.
    """
    points: float = options["watermark_font_size"]
    if options["watermark_font_width_percent"]:
        with librsvg.Drawing(_document(options, 100, librsvg.Box(0, 0, 1, 1))) as drawing:
            measured = drawing.extent("text").width
        points = max(1.0, size[0] * options["watermark_font_width_percent"] / max(measured, 1))
    with librsvg.Drawing(_document(options, points, librsvg.Box(0, 0, 1, 1))) as drawing:
        box = drawing.extent("text")
    if max(box.width, box.height) > _LARGEST:
        raise Refused("ConversionFailed", "The watermark_text is too long for its font size.")
    with librsvg.Drawing(_document(options, points, box)) as drawing:
        return drawing.draw(max(1, round(box.width)), max(1, round(box.height)))


def _document(options: Mapping[str, Any], points: float, box: librsvg.Box) -> bytes:
    # Pango, behind librsvg, shapes every script and finds a font for each letter; ImageMagick does neither.
    family, weight, style = font(options["watermark_font_name"])
    anchor = {"left": "start", "center": "middle", "right": "end"}[options["watermark_font_align"]]
    ink = colours.read(options["watermark_font_color"])
    lines = "".join(
        f'<tspan x="0" y="{number * points * _LINE:g}">{escape(_printable(line))}</tspan>'
        for number, line in enumerate(options["watermark_text"].splitlines())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{box.width:g}" height="{box.height:g}"'
        f' viewBox="{box.x:g} {box.y:g} {box.width:g} {box.height:g}">'
        f'<text id="text" xml:space="preserve" font-family={quoteattr(family)} font-weight="{weight}"'
        f' font-style="{style}" font-size="{points:g}" text-anchor="{anchor}"'
        f' fill="rgb{ink.numbers}" fill-opacity="{ink.alpha:g}">{lines}</text></svg>'
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
