"""A text or an image laid over a video's pictures."""

from __future__ import annotations

from typing import Any

from jobs.contract import Option, Work
from jobs.contract.errors import ConversionFailed

from .ffmpeg_media import IMAGE_DEMUXERS, hardened
from .watermark_options import FONTS

IMAGE = "watermark_image"

_STYLES = (
    (" BoldOblique", ":bold:italic"),
    (" Bold Italic", ":bold:italic"),
    (" Bold", ":bold"),
    (" Italic", ":italic"),
    (" Oblique", ":italic"),
)
# What stands in for a family that is not installed: free fonts of the same shape.
_ALIKE = {
    "Georgia": "Liberation Serif,DejaVu Serif",
    "Times New Roman": "Liberation Serif,DejaVu Serif",
    "Andale Mono": "Liberation Mono,DejaVu Sans Mono",
    "Courier New": "Liberation Mono,DejaVu Sans Mono",
    "Helvetica Narrow": "Liberation Sans Narrow,DejaVu Sans Condensed",
    "Impact": "Liberation Sans Narrow,DejaVu Sans Condensed",
    "Verdana": "DejaVu Sans,Liberation Sans",
}
_PERCENT: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 100}
OPTIONS = (
    Option(name="watermark_text", help="A text to lay over the pictures.", max_length=1000),
    Option(
        name="watermark_font_size",
        help="Text size in pixels.",
        type="integer",
        default=40,
        minimum=4,
        maximum=2000,
    ),
    Option(
        name="watermark_font_width_percent",
        help="Text width in percent of the picture's, in watermark_font_size's place.",
        **_PERCENT,
    ),
    Option(
        name="watermark_font_color",
        help="Text colour as hexadecimal RGB.",
        default="#000000",
        pattern=r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})",
        example="#ff8800",
    ),
    Option(
        name="watermark_font_name",
        help="Font; one of the same shape stands in where it is not installed.",
        type="enum",
        values=FONTS,
        default="Helvetica",
    ),
    Option(
        name=IMAGE,
        help="A task with an image (PNG, JPG, WebP) to lay over the pictures.",
        refers=True,
    ),
    Option(
        name="watermark_image_width",
        help="The image's width in pixels.",
        type="integer",
        minimum=1,
        maximum=8192,
    ),
    Option(
        name="watermark_image_height",
        help="The image's height in pixels.",
        type="integer",
        minimum=1,
        maximum=8192,
    ),
    Option(
        name="watermark_image_width_percent",
        help="The image's width in percent of the picture's, in the place of its width and height.",
        **_PERCENT,
    ),
    Option(
        name="watermark_position_vertical",
        help="Where the watermark lies, from top to bottom.",
        type="enum",
        values=("top", "center", "bottom"),
        default="center",
    ),
    Option(
        name="watermark_position_horizontal",
        help="Where the watermark lies, from left to right.",
        type="enum",
        values=("left", "center", "right"),
        default="center",
    ),
    Option(
        name="watermark_margin_vertical",
        help="Pixels between watermark and upper or lower edge.",
        type="integer",
        default=25,
        minimum=0,
        maximum=8192,
    ),
    Option(
        name="watermark_margin_horizontal",
        help="Pixels between watermark and left or right edge.",
        type="integer",
        default=25,
        minimum=0,
        maximum=8192,
    ),
    Option(
        name="watermark_opacity",
        help="Percent of the watermark's colour; 100 hides what is below.",
        type="integer",
        default=100,
        minimum=0,
        maximum=100,
    ),
)


def font_pattern(name: str) -> str:
    """Return fontconfig's pattern for a font name, with a family of its kind to fall back on."""
    family, style = name, ""
    for ending, pattern in _STYLES:
        if name.endswith(ending):
            family, style = name.removesuffix(ending), pattern
            break
    if family in {"Arial Black", "Impact"}:
        style = ":bold"
    return f"{family},{_ALIKE.get(family, 'Liberation Sans,DejaVu Sans')}{style}"


def watermark(pictures: Any, work: Work, *, size: tuple[int, int]) -> Any:
    """Lay image and text, where the work has them, over pictures of a size.

    :raises ConversionFailed: when the task named for the image made no file.
    """
    if work.options.get(IMAGE):
        if not work.related.get(IMAGE):
            raise ConversionFailed("The task named in watermark_image has no file.")
        pictures = _image(pictures, work, width=size[0])
    if not work.options.get("watermark_text"):
        return pictures
    if work.options.get("watermark_font_width_percent"):
        return _text_of_width(pictures, work, size=size)
    size_given = work.options.get("watermark_font_size") or 40
    return pictures.filter("drawtext", **_text(work, opacity=_opacity(work)), fontsize=size_given)


def _image(pictures: Any, work: Work, *, width: int) -> Any:
    import ffmpeg

    options = work.options
    image = ffmpeg.input(**hardened(work.related[IMAGE][0], demuxers=IMAGE_DEMUXERS))["v:0"]
    wanted, height = options.get("watermark_image_width"), options.get("watermark_image_height")
    if options.get("watermark_image_width_percent"):
        wanted, height = max(1, round(width * options["watermark_image_width_percent"] / 100)), None
    if wanted or height:
        image = image.filter("scale", w=wanted or -1, h=height or -1)
    image = image.filter("format", pix_fmts="rgba")
    if _opacity(work) < 1:
        image = image.filter("colorchannelmixer", aa=f"{_opacity(work):g}")
    x, y = _position(work, across="W-w", down="H-h")
    return ffmpeg.filter([pictures, image], "overlay", x=x, y=y)


def _text(work: Work, *, opacity: float) -> dict[str, Any]:
    x, y = _position(work, across="w-tw", down="h-th")
    return {
        # The text is data: without expansion a percent sign is just that.
        "text": work.options["watermark_text"].replace("\r\n", "\n").replace("\r", "\n"),
        "expansion": "none",
        # What is no file is read as a fontconfig pattern; the option "font" takes a family only, never bold.
        "fontfile": font_pattern(work.options.get("watermark_font_name") or "Helvetica"),
        "fontcolor": f"{_color(work)}@{opacity:g}",
        "x": x,
        "y": y,
    }


def _text_of_width(pictures: Any, work: Work, *, size: tuple[int, int]) -> Any:
    """Draw on a clear sheet of two frames: the first, thrown away, tells the second how wide the text is."""
    import ffmpeg

    width = max(1, round(size[0] * work.options["watermark_font_width_percent"] / 100))
    # Clear, but of the text's colour, so that its edges do not darken.
    color = f"color=c={_color(work)}@0:s={size[0]}x{size[1]}:r=25:d=0.08,format=rgba"
    sheet = ffmpeg.input(color, format="lavfi")["v:0"]
    measured = f"if(eq(n,0),100,max(1,100*{width}/tw))"
    sheet = sheet.filter("drawtext", **_text(work, opacity=1), fontsize=measured)
    sheet = sheet.filter("trim", start_frame=1).filter("setpts", expr="PTS-STARTPTS")
    sheet = sheet.filter("colorchannelmixer", aa=f"{_opacity(work):g}")
    return ffmpeg.filter([pictures, sheet], "overlay")


def _opacity(work: Work) -> float:
    percent = work.options.get("watermark_opacity")
    return 1.0 if percent is None else float(percent) / 100


def _color(work: Work) -> str:
    digits = (work.options.get("watermark_font_color") or "#000000").removeprefix("#")
    return "0x" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))


def _position(work: Work, *, across: str, down: str) -> tuple[str, str]:
    return (
        _place(work.options.get("watermark_position_horizontal"), across, _margin(work, "horizontal")),
        _place(work.options.get("watermark_position_vertical"), down, _margin(work, "vertical")),
    )


def _place(where: str | None, room: str, margin: int) -> str:
    if where in {"left", "top"}:
        return f"{margin}"
    return f"{room}-{margin}" if where in {"right", "bottom"} else f"({room})/2"


def _margin(work: Work, direction: str) -> int:
    margin = work.options.get(f"watermark_margin_{direction}")
    return 25 if margin is None else margin
