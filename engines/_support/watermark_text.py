"""A watermark's text as a drawing: Pango, behind librsvg, shapes every script and finds all fonts."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

ID = "text"
"""The element that holds the text."""
_LINE = 1.2
_STYLES = (
    (" BoldOblique", "bold", "italic"),
    (" Bold Italic", "bold", "italic"),
    (" Bold", "bold", "normal"),
    (" Italic", "normal", "italic"),
    (" Oblique", "normal", "italic"),
)
# What stands in for a family that is not installed: free fonts of the same shape.
_ALIKE = {
    "Georgia": "Liberation Serif, DejaVu Serif, serif",
    "Times New Roman": "Liberation Serif, DejaVu Serif, serif",
    "Andale Mono": "Liberation Mono, DejaVu Sans Mono, monospace",
    "Courier New": "Liberation Mono, DejaVu Sans Mono, monospace",
    "Helvetica Narrow": "Liberation Sans Narrow, DejaVu Sans Condensed, sans-serif",
    "Impact": "Liberation Sans Narrow, DejaVu Sans Condensed, sans-serif",
    "Verdana": "DejaVu Sans, Liberation Sans, sans-serif",
}
_NAMES = (
    "aliceblue antiquewhite aqua aquamarine azure beige bisque black blanchedalmond blue blueviolet "
    "brown burlywood cadetblue chartreuse chocolate coral cornflowerblue cornsilk crimson cyan "
    "darkblue darkcyan darkgoldenrod darkgray darkgreen darkgrey darkkhaki darkmagenta darkolivegreen "
    "darkorange darkorchid darkred darksalmon darkseagreen darkslateblue darkslategray darkslategrey "
    "darkturquoise darkviolet deeppink deepskyblue dimgray dimgrey dodgerblue firebrick floralwhite "
    "forestgreen fuchsia gainsboro ghostwhite gold goldenrod gray green greenyellow grey honeydew "
    "hotpink indianred indigo ivory khaki lavender lavenderblush lawngreen lemonchiffon lightblue "
    "lightcoral lightcyan lightgoldenrodyellow lightgray lightgreen lightgrey lightpink lightsalmon "
    "lightseagreen lightskyblue lightslategray lightslategrey lightsteelblue lightyellow lime "
    "limegreen linen magenta maroon mediumaquamarine mediumblue mediumorchid mediumpurple "
    "mediumseagreen mediumslateblue mediumspringgreen mediumturquoise mediumvioletred midnightblue "
    "mintcream mistyrose moccasin navajowhite navy oldlace olive olivedrab orange orangered orchid "
    "palegoldenrod palegreen paleturquoise palevioletred papayawhip peachpuff peru pink plum "
    "powderblue purple rebeccapurple red rosybrown royalblue saddlebrown salmon sandybrown seagreen "
    "seashell sienna silver skyblue slateblue slategray slategrey snow springgreen steelblue tan teal "
    "thistle tomato turquoise violet wheat white whitesmoke yellow yellowgreen"
)
NAMED_COLOURS = frozenset(_NAMES.split())
"""The colours that CSS has names for."""
_ANCHORS = {"left": "start", "center": "middle", "right": "end"}


def document(
    text: str,
    *,
    font_name: str,
    points: float,
    align: str,
    fill: str,
    opacity: float = 1,
    box: str = "0 0 1 1",
) -> bytes:
    """Return the drawing of a text whose size is a number of pixels.

    :param fill: a colour as CSS writes it.
    :param box: what of it is seen: left, top, width and height.
    """
    family, weight, style = font(font_name)
    lines = "".join(
        f'<tspan x="0" y="{number * points * _LINE:g}">{escape(_printable(line))}</tspan>'
        for number, line in enumerate(text.splitlines())
    )
    _, _, width, height = box.split()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="{box}">'
        f'<text id="{ID}" xml:space="preserve" font-family={quoteattr(family)} font-weight="{weight}"'
        f' font-style="{style}" font-size="{points:g}" text-anchor="{_ANCHORS[align]}" fill={quoteattr(fill)}'
        f' fill-opacity="{opacity:g}">{lines}</text></svg>'
    ).encode()


def font(name: str) -> tuple[str, str, str]:
    """Return the families to look for, the weight and the style of a font name."""
    weight, style = "normal", "normal"
    for ending, its_weight, its_style in _STYLES:
        if name.endswith(ending):
            name, weight, style = name.removesuffix(ending), its_weight, its_style
            break
    if name == "Arial Black":
        name, weight = "Arial", "900"
    if name == "Impact":
        weight = "900"
    alike = _ALIKE.get(name, "Liberation Sans, DejaVu Sans, sans-serif")
    return f"{name}, {alike}", weight, style


def _printable(line: str) -> str:
    # XML knows no other control characters, and neither halves of letters nor what is none.
    return "".join(each for each in line if (each >= " " or each == "\t") and not _is_no_letter(each))


def _is_no_letter(each: str) -> bool:
    return "\ud800" <= each <= "\udfff" or each in "\ufffe\uffff"
