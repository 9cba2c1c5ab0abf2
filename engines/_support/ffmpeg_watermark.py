"""A text or an image laid over a video's pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobs.contract import Command, Work
from jobs.contract.errors import ConversionFailed

from . import watermark_options, watermark_text
from .ffmpeg_media import IMAGE_DEMUXERS, hardened

IMAGE, TEXT = "watermark_image", "watermark_text"
_DRAWN = "watermark.png"
_LARGEST = 20_000
"""Pixels of a text's longer side, each letter taken for a square."""
_OVERLAID = {"yuv420p": "yuv420", "yuv420p10le": "yuv420p10", "yuv422p10le": "yuv422p10"}


def prepare(work: Work, *, size: tuple[int, int]) -> list[Command]:
    """Plan the picture of the text, where the work has one, for pictures of a size.

    :raises ConversionFailed: when the text cannot be drawn as asked.
    """
    options = work.options
    text: str = options.get(TEXT) or ""
    if not text:
        return []
    if not text.strip():
        raise ConversionFailed("The watermark's text has nothing in it that could be seen.")
    points, percent = options.get("watermark_font_size") or 40, options.get("watermark_font_width_percent")
    argv = ["rsvg-convert", f"--export-id={watermark_text.ID}"]
    if percent:
        points = 100
        argv += [f"--width={max(1, round(size[0] * percent / 100))}", "--keep-aspect-ratio"]
    lines = text.splitlines()
    if points * max(len(lines), *map(len, lines)) > _LARGEST * (5 if percent else 1):
        raise ConversionFailed("The watermark's text is too long for its font size.")
    document = watermark_text.document(
        text,
        font_name=options.get("watermark_font_name") or "Helvetica",
        points=points,
        align=options.get("watermark_font_align") or "left",
        fill=_colour(options.get("watermark_font_color") or "#000000"),
    )
    drawn = _text(work)
    return [Command(argv=[*argv, f"--output={drawn}"], outputs=(drawn,), stdin=document, weight=0.01)]


def watermark(pictures: Any, work: Work, *, size: tuple[int, int], pixels: str = "") -> Any:
    """Lay image and text, where the work has them, over pictures of a size.

    :param pixels: the format that the pictures are to be in.
    :raises ConversionFailed: when the task named for the image made no file.
    """
    if watermark_options.image(work):
        pictures = _laid(pictures, _image(work, width=size[0]), work, pixels=pixels)
    if work.options.get(TEXT):
        pictures = _laid(pictures, _opened(_text(work)), work, pixels=pixels)
    return pictures


def _text(work: Work) -> Path:
    return work.output_dir / _DRAWN


def _opened(path: Path) -> Any:
    import ffmpeg

    return ffmpeg.input(**hardened(path, demuxers=IMAGE_DEMUXERS))["v:0"]


def _image(work: Work, *, width: int) -> Any:
    options = work.options
    image = _opened(work.related[IMAGE][0])
    wanted, height = options.get("watermark_image_width"), options.get("watermark_image_height")
    if options.get("watermark_image_width_percent"):
        wanted, height = max(1, round(width * options["watermark_image_width_percent"] / 100)), None
    return image.filter("scale", w=wanted or -1, h=height or -1) if wanted or height else image


def _laid(pictures: Any, mark: Any, work: Work, *, pixels: str) -> Any:
    import ffmpeg

    options = work.options
    mark = mark.filter("format", pix_fmts="rgba")
    percent = options.get("watermark_opacity")
    if percent is not None and percent < 100:
        mark = mark.filter("colorchannelmixer", aa=f"{percent / 100:g}")
    if turned := options.get("watermark_rotation"):
        angle = f"{turned}*PI/180"
        mark = mark.filter("rotate", a=angle, ow=f"rotw({angle})", oh=f"roth({angle})", c="none")
    x = _place(
        options.get("watermark_position_horizontal"), "W-w", options.get("watermark_margin_horizontal")
    )
    y = _place(options.get("watermark_position_vertical"), "H-h", options.get("watermark_margin_vertical"))
    return ffmpeg.filter([pictures, mark], "overlay", x=x, y=y, format=_OVERLAID.get(pixels, "yuv444"))


def _place(where: str | None, room: str, margin: int | None) -> str:
    margin = 25 if margin is None else margin
    if where in {"left", "top"}:
        return f"{margin}"
    return f"{room}-{margin}" if where in {"right", "bottom"} else f"({room})/2"


def _colour(text: str) -> str:
    # What is no colour would be drawn in black.
    if text.isalpha() and text.lower() not in watermark_text.NAMED_COLOURS:
        raise ConversionFailed(f"{text} is not a colour. Use something like #ff8800.")
    return text
