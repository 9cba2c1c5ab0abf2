"""ffmpeg: video and audio to each other's formats, to animated images, and to thumbnails; subtitle files."""

from __future__ import annotations

from jobs.contract import Operation, Option, Tool, limits, pairs

from ._support import ffmpeg_options, ffmpeg_subtitles
from ._support.ffmpeg_animation import convert_gif, convert_webp
from ._support.ffmpeg_containers import AUDIO_CONTAINERS, VIDEO_CONTAINERS
from ._support.ffmpeg_conversion import convert_audio, convert_video, mark_video
from ._support.ffmpeg_media import probe, read
from ._support.ffmpeg_texts import FORMATS as SUBTITLES
from ._support.ffmpeg_texts import convert_subtitles, look_at
from ._support.ffmpeg_thumbnail import STILLS, thumbnail
from ._support.ffmpeg_words import explain
from ._support.process import Planner, Process
from ._support.watermark_options import ONE_OF, OPERATION_OPTIONS
from ._support.watermark_options import OPTIONS as WATERMARK

VIDEO_SOURCES = frozenset(VIDEO_CONTAINERS) | {*("cavs", "dv", "dvr", "gif", "gifv", "mod", "rm", "rmvb")}
AUDIO_SOURCES = frozenset(AUDIO_CONTAINERS) | {"amr", "dss"}
WITH_COVERS = frozenset({"aiff", "flac", "m4a", "mp3", "ogg", "opus", "wma"})
TOOL = Tool(name="ffmpeg", argv=("ffmpeg", "-version"), pattern=r"version (?:n)?(\d+(?:\.\d+)+)")
MAX_SECONDS = limits.ENGINE_SECONDS_LARGE


def _convert(
    source: frozenset[str], target: str, plan: Planner, text: str, options: tuple[Option, ...]
) -> Operation:
    return Operation(
        name="convert",
        engine="ffmpeg",
        queue="ffmpeg",
        help=text,
        run=Process(plan, explain=explain, probe=probe, read=read, looks=ffmpeg_subtitles.looks),
        # A video may well become a smaller one of the same format.
        conversions=frozenset((each, target) for each in source),
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


def _to_animation(target: str, plan: Planner, *options: Option) -> Operation:
    options = (
        *options,
        *ffmpeg_options.size("max", "pad", "crop", "scale", default="scale"),
        *(ffmpeg_options.fps(10), ffmpeg_options.ROTATE),
        *ffmpeg_options.subtitles("none", "hard"),
        *ffmpeg_options.TRIMS,
        *WATERMARK,
    )
    return _convert(
        VIDEO_SOURCES - {"gif"}, target, plan, f"Convert videos to animated {target.upper()}.", options
    )


OPERATIONS = (
    *(_to_video(target) for target in VIDEO_CONTAINERS),
    *(_to_audio(target) for target in AUDIO_CONTAINERS),
    _to_animation("gif", convert_gif),
    _to_animation("webp", convert_webp, ffmpeg_options.QUALITY),
    Operation(
        name="convert",
        engine="ffmpeg",
        queue="ffmpeg",
        help="Convert subtitle files.",
        run=Process(convert_subtitles, explain=explain, looks=lambda work: look_at(work.inputs)),
        conversions=pairs(SUBTITLES, SUBTITLES),
        options=(ffmpeg_options.CHARSET,),
        tool=TOOL,
    ),
    Operation(
        name="watermark",
        engine="ffmpeg",
        queue="ffmpeg",
        help="Lay a text or an image over videos.",
        run=Process(mark_video, explain=explain, probe=probe, read=read),
        conversions=frozenset((each, None) for each in VIDEO_CONTAINERS),
        options=(*OPERATION_OPTIONS, ffmpeg_options.LAYER),
        one_of=ONE_OF,
        max_seconds=MAX_SECONDS,
        tool=TOOL,
    ),
    Operation(
        name="thumbnail",
        engine="ffmpeg",
        queue="ffmpeg",
        help="Take pictures out of videos, and covers off songs.",
        run=Process(thumbnail, explain=explain, probe=probe, read=read),
        conversions=pairs((VIDEO_SOURCES - {"gif"}) | WITH_COVERS, STILLS),
        options=(
            *ffmpeg_options.size("max", "crop", "scale", default="max"),
            *(ffmpeg_options.COUNT, ffmpeg_options.TIMESTAMP, ffmpeg_options.VTT),
        ),
        max_seconds=MAX_SECONDS,
        tool=TOOL,
    ),
)
