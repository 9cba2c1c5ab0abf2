"""ffmpeg: video and audio to each other's formats, to GIF, and to thumbnails."""

from __future__ import annotations

import math
from typing import Any

from jobs.contract import Command, Operation, Option, Tool, Work, limits
from jobs.contract.errors import ConversionFailed
from jobs.contract.operation import Pair

from ._support import ffmpeg_audio, ffmpeg_media, ffmpeg_options, ffmpeg_subtitles, ffmpeg_video
from ._support.ffmpeg_command import command, length, merged, open_input, seconds, seek, trimmed
from ._support.ffmpeg_containers import (
    AUDIO_CONTAINERS,
    CONTAINERS,
    VIDEO_CONTAINERS,
    audio_codec,
    video_codec,
)
from ._support.ffmpeg_media import Media, audio_of, media_of, probe, read, video_of
from ._support.ffmpeg_pictures import frame_of, is_changed, pictures
from ._support.ffmpeg_watermark import OPTIONS as WATERMARK
from ._support.ffmpeg_watermark import watermark
from ._support.ffmpeg_words import explain
from ._support.process import Planner, Process

VIDEO_SOURCES = frozenset(VIDEO_CONTAINERS) | {"cavs", "dv", "gif", "mxf", "rm", "rmvb", "swf", "wtv"}
AUDIO_SOURCES = frozenset(AUDIO_CONTAINERS) | {"amr"}
TOOL = Tool(name="ffmpeg", argv=("ffmpeg", "-version"), pattern=r"version (?:n)?(\d+(?:\.\d+)+)")
MAX_SECONDS = limits.ENGINE_SECONDS_LARGE


def convert_video(work: Work) -> list[Command]:
    """Plan a video of another format, size, length or look."""
    import ffmpeg

    video_of(work)
    container = CONTAINERS[work.output_format]
    codec = video_codec(work)
    source = open_input(work.input, work)
    sound, sound_arguments = _sound(source, work, media_of(work))
    texts = ffmpeg_subtitles.tracks(source, work)
    arguments = merged(
        ffmpeg_video.video_arguments(codec, work),
        sound_arguments,
        texts.arguments,
        container.flags or {},
        trimmed(work),
        {"format": container.muxer},
    )
    streams = [_pictures(source, codec, work), *sound, *texts.streams]
    graph = ffmpeg.output(*streams, f"{work.output}", **arguments)
    main = command(graph, outputs=(work.output,), lasting=length(work))
    return [*ffmpeg_subtitles.prepare(work), main]


def convert_audio(work: Work) -> list[Command]:
    """Plan the sound of a video or audio file in another format."""
    import ffmpeg

    audio_of(work)
    container = CONTAINERS[work.output_format]
    source = open_input(work.input, work)
    sound, sound_arguments = _sound(source, work, media_of(work))
    # Ogg keeps a title with the stream, where other formats do not look for it.
    titles = "0:s:a:0" if media_of(work).format == "ogg" else None
    form = {"format": container.muxer, "map_metadata": titles}
    arguments = merged(sound_arguments, container.flags or {}, trimmed(work), form)
    graph = ffmpeg.output(*sound, f"{work.output}", **arguments)
    return [command(graph, outputs=(work.output,), lasting=length(work))]


def convert_gif(work: Work) -> list[Command]:
    """Plan a GIF in two passes: its colours first, then its frames, so that no frame waits in memory."""
    import ffmpeg

    palette = work.output_dir / "palette.png"
    frames = _frames(work).split()
    colours = frames[0].filter("palettegen", stats_mode="diff")
    # The palette comes at the very end; what goes nowhere tells how far we are.
    first = ffmpeg.merge_outputs(
        ffmpeg.output(colours, f"{palette}", **{"format": "image2", "update": 1, "frames:v": 1}),
        ffmpeg.output(frames[1], "-", format="null"),
    )
    chosen = ffmpeg.input(f"{palette}")["v:0"]
    drawn = ffmpeg.filter([_frames(work), chosen], "paletteuse", dither="bayer", diff_mode="rectangle")
    second = ffmpeg.output(drawn, f"{work.output}", format="gif", loop=0, **trimmed(work))
    return [
        *ffmpeg_subtitles.prepare(work),
        command(first, outputs=(palette,), lasting=length(work)),
        command(second, outputs=(work.output,), lasting=length(work)),
    ]


def thumbnail(work: Work) -> list[Command]:
    """Plan pictures of moments, evenly spread over the video or from a timestamp on."""
    count = work.options.get("count") or 1
    stem, ending = work.input.stem, work.output_format
    names = [f"{stem}.{ending}"] if count == 1 else [f"{stem}-{n}.{ending}" for n in range(1, count + 1)]
    outputs = tuple(work.output_dir / name for name in names)
    return [
        command(_still(work, moment, f"{path}"), outputs=outputs[: number + 1])
        for number, (moment, path) in enumerate(zip(_moments(work, count), outputs, strict=True))
    ]


def _sound(source: Any, work: Work, media: Media) -> tuple[list[Any], dict[str, Any]]:
    codec = audio_codec(work)
    if codec == "none" or not media.audio:
        return [], {}
    stream = source[f"{media.audio.index}"]
    return [ffmpeg_audio.filtered(stream, codec, work)], ffmpeg_audio.audio_arguments(codec, work)


def _pictures(source: Any, codec: str, work: Work) -> Any:
    stream = source[f"{video_of(work).index}"]
    if codec != "copy":
        return _edited(stream, work, fps=ffmpeg_video.frame_rate(codec, work))
    changed = is_changed(work) + (["subtitles_mode hard"] if ffmpeg_subtitles.is_drawn(work) else [])
    if changed:
        raise ConversionFailed(f"The video_codec copy leaves the pictures as they are; drop {changed[0]}.")
    return stream


def _frames(work: Work) -> Any:
    stream = open_input(work.input, work)[f"{video_of(work).index}"]
    return _edited(stream, work, fps=work.options.get("fps") or 10, even=False)


def _edited(stream: Any, work: Work, *, fps: float | None, even: bool = True) -> Any:
    stream = pictures(stream, work, even=even, fps=fps)
    stream = ffmpeg_subtitles.draw(stream, work)
    return watermark(stream, work, size=frame_of(work, even=even).frame)


_STILLS: dict[str, dict[str, Any]] = {
    "jpg": {"c:v": "mjpeg", "q:v": 2, "pix_fmt": "yuvj420p"},
    "png": {"c:v": "png"},
    "webp": {"c:v": "libwebp", "q:v": 80},
}


def _still(work: Work, moment: float, path: str) -> Any:
    import ffmpeg

    jump, rest = seek(work, moment)
    given: dict[str, Any] = ffmpeg_media.hardened(work.input)
    if jump:
        given["ss"] = f"{jump:.3f}"
    arguments = {**_STILLS[work.output_format], "format": "image2", "frames:v": 1, "update": 1}
    if rest:
        arguments["ss"] = f"{rest:.3f}"
    stream = pictures(ffmpeg.input(**given)[f"{video_of(work).index}"], work, even=False)
    return ffmpeg.output(stream, path, **arguments)


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


def _convert(
    source: frozenset[str], target: str, plan: Planner, text: str, options: tuple[Option, ...]
) -> Operation:
    conversions: set[Pair] = {(each, target) for each in source}
    return Operation(
        name="convert",
        engine="ffmpeg",
        queue="ffmpeg",
        help=text,
        run=Process(plan, explain=explain, probe=probe, read=read),
        # A video may well become a smaller one of the same format.
        conversions=frozenset(conversions),
        options=options,
        max_seconds=MAX_SECONDS,
        tool=TOOL,
    )


def _to_video(target: str) -> Operation:
    container = VIDEO_CONTAINERS[target]
    modes = ("none", "copy", "soft", "hard") if container.subtitles else ("none", "hard")
    options = (
        *ffmpeg_options.video(container),
        *ffmpeg_options.size("max", "pad", "crop", "scale", default="scale"),
        *(ffmpeg_options.ASPECT_RATIO, ffmpeg_options.fps(), ffmpeg_options.ROTATE),
        *ffmpeg_options.subtitles(*modes),
        *ffmpeg_options.audio(container),
        *ffmpeg_options.TRIMS,
        *WATERMARK,
    )
    return _convert(VIDEO_SOURCES, target, convert_video, f"Convert videos to {target.upper()}.", options)


def _to_audio(target: str) -> Operation:
    options = (*ffmpeg_options.audio(AUDIO_CONTAINERS[target]), *ffmpeg_options.TRIMS)
    sources = (VIDEO_SOURCES | AUDIO_SOURCES) - {"gif"}
    return _convert(sources, target, convert_audio, f"Convert sound to {target.upper()}.", options)


def _to_gif() -> Operation:
    options = (
        *ffmpeg_options.size("max", "pad", "crop", "scale", default="scale"),
        *(ffmpeg_options.fps(10), ffmpeg_options.ROTATE),
        *ffmpeg_options.subtitles("none", "hard"),
        *ffmpeg_options.TRIMS,
        *WATERMARK,
    )
    return _convert(VIDEO_SOURCES - {"gif"}, "gif", convert_gif, "Convert videos to animated GIF.", options)


OPERATIONS = (
    *(_to_video(target) for target in VIDEO_CONTAINERS),
    *(_to_audio(target) for target in AUDIO_CONTAINERS),
    _to_gif(),
    Operation(
        name="thumbnail",
        engine="ffmpeg",
        queue="ffmpeg",
        help="Take pictures out of videos.",
        run=Process(thumbnail, explain=explain, probe=probe, read=read),
        conversions=frozenset((source, target) for source in VIDEO_SOURCES - {"gif"} for target in _STILLS),
        options=(
            *ffmpeg_options.size("max", "crop", "scale", default="max"),
            *(ffmpeg_options.COUNT, ffmpeg_options.TIMESTAMP),
        ),
        max_seconds=MAX_SECONDS,
        tool=TOOL,
    ),
)
