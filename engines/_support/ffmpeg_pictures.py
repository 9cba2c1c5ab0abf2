"""Size, turn and rate of a video's pictures, as filters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobs.contract import Work

from .ffmpeg_colour import toned
from .ffmpeg_command import length
from .ffmpeg_media import video_of


@dataclass(frozen=True)
class Geometry:
    """How pictures become the size wanted."""

    scale: tuple[int, int]
    frame: tuple[int, int]
    """The size in the end: the scaled picture is cut to it, or laid upon it."""


def geometry(
    size: tuple[int, int], *, width: int | None, height: int | None, fit: str | None, even: bool = True
) -> Geometry:
    """Return how a picture of a size gets the one wanted; with one side given the other follows."""
    here, there = size
    across, down = (width or 0) / here, (height or 0) / there
    if width and height and fit == "scale":
        return _geometry(width, height, even=even)
    if width and height and fit in {"crop", "pad"}:
        factor = max(across, down) if fit == "crop" else min(across, down)
        scaled = _geometry(here * factor, there * factor, even=even).frame
        frame = _geometry(width, height, even=even).frame
        # Rounding must not leave the picture one pixel too small to be cut, or too large to be laid.
        pick = max if fit == "crop" else min
        return Geometry((pick(scaled[0], frame[0]), pick(scaled[1], frame[1])), frame)
    factor = min(across or down, down or across) or 1.0
    factor = min(factor, 1.0) if fit == "max" else factor
    return _geometry(here * factor, there * factor, even=even)


def _geometry(width: float, height: float, *, even: bool) -> Geometry:
    # Most codecs store colours for squares of four pixels.
    step = 2 if even else 1
    size = (max(step, int(width / step + 0.5) * step), max(step, int(height / step + 0.5) * step))
    return Geometry(size, size)


def frame_of(work: Work, *, even: bool = True) -> Geometry:
    """Return the geometry of this work's pictures, after they were turned."""
    video = video_of(work)
    size = (video.width, video.height)
    if (work.options.get("rotate") or 0) % 180:
        size = (size[1], size[0])
    options = {name: work.options.get(name) for name in ("width", "height", "fit")}
    return geometry(size, **options, even=even)


def pictures(
    stream: Any, work: Work, *, even: bool = True, deep: bool = False, fps: float | None = None
) -> Any:
    """Add the filters that set the rate, turn and resize.

    :param deep: whether the output keeps more than eight bits; else a high dynamic range is brought down.
    """
    video, lasting = video_of(work), length(work)
    # What is over before its first frame would be due keeps those it has.
    if fps and not (lasting and lasting * fps < 1):
        stream = stream.filter("fps", fps=f"{fps:.8g}")
    stream = _sized(_turned(stream, work.options.get("rotate") or 0), work, even=even)
    return stream if deep else toned(stream, video)


def _sized(stream: Any, work: Work, *, even: bool) -> Any:
    video = video_of(work)
    shape = frame_of(work, even=even)
    wanted = work.options.get("width") or work.options.get("height")
    # Images and GIFs cannot say that their pixels are not square.
    if not wanted and not (video.odd if even else not video.square):
        return stream
    stream = stream.filter("scale", w=shape.scale[0], h=shape.scale[1]).filter("setsar", sar="1")
    if shape.scale == shape.frame:
        return stream
    width, height = shape.frame
    if work.options.get("fit") == "crop":
        return stream.filter("crop", w=width, h=height)
    return stream.filter("pad", w=width, h=height, x="(ow-iw)/2", y="(oh-ih)/2", color="black")


def _turned(stream: Any, degrees: int) -> Any:
    if degrees == 90:
        return stream.filter("transpose", dir="clock")
    if degrees == 180:
        return stream.filter("hflip").filter("vflip")
    return stream.filter("transpose", dir="cclock") if degrees == 270 else stream


def is_changed(work: Work) -> list[str]:
    """Return the options given that change pictures, so that a stream cannot be copied."""
    names = ("width", "height", "fps", "rotate", "watermark_text", "watermark_image")
    return [name for name in names if work.options.get(name)]
