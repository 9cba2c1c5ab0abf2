"""Sheets of a video's pictures, and the WebVTT file that says when each is shown: for players' seek bars."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jobs.contract import Command, Work, names
from jobs.contract.errors import ConversionFailed

from .ffmpeg_colour import shallow
from .ffmpeg_command import command
from .ffmpeg_media import hardened, media_of, video_of
from .ffmpeg_pictures import frame_of, pictures

WIDTH = 160
_ACROSS, _DOWN = 10, 10
_LONGEST = 16_000
"""No side of a sheet is longer: WebP has no more."""
_CLOSE, _WIDE, _MOST = 1.0, 10.0, 720
"""Seconds between pictures, and how many at most, where nobody asks for a number."""
_LINES = 120
"""Of the WebVTT file at once: a line has at most 600 characters."""
_EXACT_SECONDS = 2.0
"""Where pictures are further apart only keyframes are looked at: all of a film would take minutes."""


@dataclass(frozen=True)
class Sheets:
    """How pictures are laid out."""

    number: int
    """Of pictures in all."""
    seconds: float
    """Between two."""
    tile: tuple[int, int]
    across: int
    down: int

    @property
    def count(self) -> int:
        """How many sheets there are."""
        return math.ceil(self.number / (self.across * self.down))


def sheets(duration: float, tile: tuple[int, int], *, wanted: int) -> Sheets:
    """Return the layout for a video.

    :param wanted: how many pictures; with one, its length decides.
    """
    apart = max(min(_WIDE, max(_CLOSE, duration / 100)), duration / _MOST)
    number = wanted if wanted > 1 else max(1, math.ceil(duration / apart - 0.001))
    across = min(_ACROSS, number, max(1, _LONGEST // tile[0]))
    down = min(_DOWN, math.ceil(number / across), max(1, _LONGEST // tile[1]))
    seconds = duration / number if wanted > 1 else apart
    return Sheets(number=number, seconds=seconds, tile=tile, across=across, down=down)


def cues(layout: Sheets, images: Sequence[str], duration: float) -> Iterator[str]:
    """Yield the lines of the WebVTT file, for sheets of these names."""
    width, height = layout.tile
    yield "WEBVTT\n"
    for number in range(layout.number):
        sheet, place = divmod(number, layout.across * layout.down)
        row, column = divmod(place, layout.across)
        start, end = number * layout.seconds, min((number + 1) * layout.seconds, duration)
        yield f"{_time(start)} --> {_time(end)}"
        yield f"{quote(images[sheet])}#xywh={column * width},{row * height},{width},{height}\n"


def _time(position: float) -> str:
    whole, thousandths = divmod(round(position * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{thousandths:03}"


def sprites(work: Work, still: dict[str, Any]) -> list[Command]:
    """Plan the sheets, and the WebVTT file as the last result.

    :raises ConversionFailed: when the file does not say how long it is.
    """
    import ffmpeg

    video = video_of(work)
    duration = video.duration or media_of(work).duration
    if not duration:
        raise ConversionFailed("The file does not say how long it is, so there is no vtt of it.")
    if not (work.options.get("width") or work.options.get("height")):
        work = replace(work, options={**work.options, "width": WIDTH})
    tile = frame_of(work, even=False).frame
    layout = sheets(duration, tile, wanted=work.options.get("count") or 1)
    stem, ending = work.input.stem, work.output_format
    made = [f"{stem}.{ending}"]
    if layout.count > 1:
        made = [f"{stem}-{number}.{ending}" for number in range(1, layout.count + 1)]
    outputs = tuple(work.output_dir / name for name in made)
    given: dict[str, Any] = hardened(work.input)
    if layout.seconds > _EXACT_SECONDS:
        given["skip_frame"] = "nokey"
    stream = ffmpeg.input(**given)[f"{video.index}"]
    # Each shows the middle of its time; the last one stands in for those that the end cuts off.
    stream = shallow(pictures(stream, work, even=False, fps=1 / layout.seconds), video)
    stream = stream.filter("tpad", stop=layout.number, stop_mode="clone")
    stream = stream.filter("trim", end_frame=layout.number)
    stream = stream.filter("tile", layout=f"{layout.across}x{layout.down}")
    pattern = outputs[0] if layout.count == 1 else work.output_dir / f"{stem}-%d.{ending}"
    form = {"format": "image2", **({"update": 1} if layout.count == 1 else {})}
    graph = ffmpeg.output(stream, f"{pattern}", **still, **form, **{"frames:v": layout.count})
    track = work.output_dir / f"{stem}.vtt"
    lines = list(cues(layout, [published(work, path) for path in made], duration))
    return [
        *_written(lines, track),
        replace(command(graph, outputs=outputs, verb="Looking through"), beside=(track,)),
    ]


def _written(lines: Sequence[str], path: Path) -> Iterator[Command]:
    """Yield what writes a text, in parts that fit through a program's standard input."""
    for start in range(0, len(lines), _LINES):
        text = "".join(f"{line}\n" for line in lines[start : start + _LINES])
        argv = ["tee", *(["-a"] if start else []), f"{path}"]
        yield Command(argv=argv, outputs=(path,), stdin=text.encode(), quiet=True, weight=0.01)


def published(work: Work, made: str) -> str:
    """Return what customers see a result called, which the WebVTT file must name."""
    original = work.names[0] if work.names else ""
    stem = original.removesuffix(names.suffix_of(original))
    return names.clean(f"{stem}{made.removeprefix('in')}" if stem else made)
