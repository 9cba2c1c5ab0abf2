"""Pictures of a video's moments, or of what is on a song's cover: the plans."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from jobs.contract import Command, Work
from jobs.contract.errors import ConversionFailed

from .ffmpeg_colour import shallow
from .ffmpeg_command import command, seconds, seek
from .ffmpeg_media import MEDIA, Media, hardened, media_of, video_of
from .ffmpeg_pictures import pictures
from .ffmpeg_sprites import sprites

STILLS: dict[str, dict[str, Any]] = {
    "jpg": {"c:v": "mjpeg", "q:v": 2, "pix_fmt": "yuvj420p"},
    "png": {"c:v": "png"},
    "webp": {"c:v": "libwebp", "q:v": 80},
}
_BLACK = 26
"""Pictures whose mean luma, 16 to 235, is not above this show nothing."""
_SEARCHED_SECONDS = 20


def thumbnail(work: Work) -> list[Command]:
    """Plan pictures of moments, evenly spread over the video or from a timestamp on; or a sheet of them.

    :raises ConversionFailed: when there is nothing to take a picture of.
    """
    media = media_of(work)
    if not media.video:
        return _cover(work, media)
    if work.options.get("vtt"):
        return sprites(work, STILLS[work.output_format])
    count = work.options.get("count") or 1
    outputs = _outputs(work, count)
    moments = _moments(work, count)
    # Moments that nobody chose are looked for where something can be seen, and before the next one's turn.
    room = _SEARCHED_SECONDS if count == 1 else (moments[1] - moments[0]) / 2
    searched = 0 if work.options.get("timestamp") else min(_SEARCHED_SECONDS, room)
    return [
        command(_still(work, moment, f"{path}", searched=searched), outputs=outputs[: number + 1])
        for number, (moment, path) in enumerate(zip(moments, outputs, strict=True))
    ]


def _outputs(work: Work, count: int) -> tuple[Path, ...]:
    stem, ending = work.input.stem, work.output_format
    names = [f"{stem}.{ending}"] if count == 1 else [f"{stem}-{n}.{ending}" for n in range(1, count + 1)]
    return tuple(work.output_dir / name for name in names)


def _cover(work: Work, media: Media) -> list[Command]:
    if not media.cover:
        raise ConversionFailed("The file has neither pictures nor a cover to make a thumbnail of.")
    shown = replace(work, facts={**work.facts, MEDIA: replace(media, video=media.cover)})
    [output] = _outputs(work, 1)
    return [command(_still(shown, 0, f"{output}"), outputs=(output,))]


def _still(work: Work, moment: float, path: str, *, searched: float = 0) -> Any:
    import ffmpeg

    jump, rest = seek(work, moment)
    given: dict[str, Any] = hardened(work.input)
    if jump:
        given["ss"] = f"{jump:.3f}"
    if searched:
        given["t"] = f"{searched + rest:.3f}"
    arguments = {**STILLS[work.output_format], "format": "image2", "frames:v": 1, "update": 1}
    stream = ffmpeg.input(**given)[f"{video_of(work).index}"]
    if rest:
        stream = stream.filter("trim", start=f"{rest:.3f}")
    stream = shallow(pictures(stream, work, even=False), video_of(work))
    return ffmpeg.output(_seen(stream) if searched else stream, path, **arguments)


def _seen(stream: Any) -> Any:
    """Choose the first picture that is not black, or the first where all are."""
    import ffmpeg

    both = stream.split()
    lit = both[0].filter("signalstats")
    lit = lit.filter(
        "metadata", mode="select", key="lavfi.signalstats.YAVG", value=_BLACK, function="greater"
    )
    return ffmpeg.concat(lit, both[1].filter("trim", end_frame=1), v=1, a=0)


def _moments(work: Work, count: int) -> list[float]:
    video = video_of(work)
    duration = video.duration or media_of(work).duration
    wanted = work.options.get("timestamp")
    start = seconds(wanted) if wanted else 0.0
    if not duration:
        if count > 1:
            raise ConversionFailed("The file does not say how long it is; ask for one thumbnail only.")
        return [start]
    if wanted and start >= duration:
        raise ConversionFailed(f"The timestamp lies behind the end of the video, at {duration:.2f} seconds.")
    # The last frame begins before the end.
    last = max(0.0, math.floor(1000 * (duration - 1.1 / (video.fps or 25))) / 1000)
    step = (duration - start) / count
    shift = 0 if wanted else 0.5
    return [min(start + step * (number + shift), last) for number in range(count)]
