"""A few lines of text as an SVG drawing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from PIL import ImageColor

from engines._support import librsvg
from engines._support.child import Refused

_LINE = 1.2
_ANCHORS = {"left": "start", "center": "middle", "right": "end"}
_STYLES = (
    (" BoldOblique", "bold", "italic"),
    (" Bold Italic", "bold", "italic"),
    (" Bold", "bold", "normal"),
    (" Italic", "normal", "italic"),
    (" Oblique", "normal", "italic"),
)
_SERIFS = {"Georgia", "Times New Roman"}
_MONOSPACED = {"Andale Mono", "Courier New"}


def document(options: Mapping[str, Any], box: librsvg.Box) -> bytes:
    """Return the drawing of a watermark's ``text``, of which ``box`` is seen; its element is ``text``.

    :raises Refused: when its colour is none.
    """
    family, weight, style = font(options["font_name"])
    size = options["font_size"]
    lines = "".join(
        f'<tspan x="0" y="{number * size * _LINE:g}">{escape(_printable(line))}</tspan>'
        for number, line in enumerate(options["text"].splitlines())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{box.width:g}" height="{box.height:g}"'
        f' viewBox="{box.x:g} {box.y:g} {box.width:g} {box.height:g}">'
        f'<text id="text" xml:space="preserve" font-family={quoteattr(family)} font-weight="{weight}"'
        f' font-style="{style}" font-size="{size:g}" text-anchor="{_ANCHORS[options["font_align"]]}"'
        f" fill={quoteattr(_colour(options['font_color']))}>{lines}</text></svg>"
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


def _colour(text: str) -> str:
    if text.isalpha() and text.lower() not in {*ImageColor.colormap, "none", "transparent"}:
        raise Refused("ConversionFailed", f"{text} is not a colour. Use something like #ff8800.")
    return text


def _printable(line: str) -> str:
    # XML knows no other control characters.
    return "".join(letter for letter in line if letter >= " " or letter == "\t")
