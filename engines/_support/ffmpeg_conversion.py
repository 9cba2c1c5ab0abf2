"""Videos and sounds of another format, and videos with a watermark: the plans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobs.contract import Command, Work
from jobs.contract.errors import ConversionFailed

from . import ffmpeg_audio, ffmpeg_colour, ffmpeg_subtitles, ffmpeg_video, ffmpeg_watermark
from .ffmpeg_command import command, length, merged, open_input, trimmed
from .ffmpeg_containers import CONTAINERS, audio_codec, is_copied, video_codec
from .ffmpeg_media import audio_of, media_of, video_of
from .ffmpeg_pictures import frame_of, is_changed, pictures
from .watermark_options import as_conversion

Encode = Callable[[str, Work], dict[str, Any]]
"""Returns the output options that encode pictures with a codec as asked."""


def convert_video(work: Work, *, encode: Encode = ffmpeg_video.video_arguments) -> list[Command]:
    """Plan a video of another format, size, length or look."""
    video_of(work)
    codec = video_codec(work)
    return _planned(work, encode(codec, work), _sound(open_input(work.input, work), work))


def convert_audio(work: Work) -> list[Command]:
    """Plan the sound of a video or audio file in another format."""
    import ffmpeg

    audio_of(work)
    container = CONTAINERS[work.output_format]
    sound, sound_arguments = _sound(open_input(work.input, work), work)
    # Ogg keeps a title with the stream, where other formats do not look for it.
    titles = "0:s:a:0" if media_of(work).format == "ogg" else None
    form = {"format": container.muxer, "map_metadata": titles}
    arguments = merged(sound_arguments, container.flags or {}, trimmed(work), form)
    graph = ffmpeg.output(*sound, f"{work.output}", **arguments)
    return [command(graph, outputs=(work.output,), lasting=length(work))]


_FAMILIES = {
    "h264": "x264",
    "hevc": "x265",
    "vp8": "vp8",
    "vp9": "vp9",
    "av1": "av1",
    "theora": "theora",
    "mpeg4": "mpeg4",
    "msmpeg4v3": "mpeg4",
    "mpeg2video": "mpeg2",
    "mpeg1video": "mpeg1",
    "wmv1": "wmv2",
    "wmv2": "wmv2",
    "wmv3": "wmv2",
    "vc1": "wmv2",
}
_FINE = {"x264": 17, "x265": 20, "vp9": 20, "av1": 24, "vp8": 6, "theora": 6}
_FINE_STEP = 14
"""For codecs with a quantiser in crf's place."""


def mark_video(work: Work) -> list[Command]:
    """Plan the same video with a watermark: coded as it was, and finely; all else is copied."""
    container, media = CONTAINERS[work.output_format], media_of(work)
    family = _FAMILIES.get(video_of(work).codec)
    codec = family if family in container.video else container.video[0]
    copied = not media.audio or is_copied(media.audio.codec, container)
    marked = as_conversion(
        work,
        video_codec=codec,
        crf=_FINE.get(codec, _FINE_STEP),
        audio_codec="copy" if copied else container.audio[0],
        subtitles_mode="copy" if container.subtitles else "none",
    )
    source = open_input(marked.input, marked)
    streams, arguments = ([source["a?"]], {"c:a": "copy"}) if copied else _sound(source, marked)
    if container.muxer == "matroska":
        # Subtitles need their fonts.
        streams, arguments = [*streams, source["t?"]], {**arguments, "c:t": "copy"}
    coded = ffmpeg_video.video_arguments(codec, marked)
    return _planned(marked, coded, (streams, arguments), verb="Marking")


Sound = tuple[list[Any], dict[str, Any]]


def _planned(work: Work, coded: dict[str, Any], sound: Sound, *, verb: str = "Encoding") -> list[Command]:
    import ffmpeg

    container = CONTAINERS[work.output_format]
    source = open_input(work.input, work)
    texts = ffmpeg_subtitles.tracks(source, work)
    form = {"format": container.muxer}
    arguments = merged(coded, sound[1], texts.arguments, container.flags or {}, trimmed(work), form)
    streams = [_pictures(source, work), *sound[0], *texts.streams]
    graph = ffmpeg.output(*streams, f"{work.output}", **arguments)
    main = command(graph, outputs=(work.output,), lasting=length(work), verb=verb)
    return [*prepare(work), main]


def prepare(work: Work, *, even: bool = True) -> list[Command]:
    """Plan what must be there before pictures can be drawn on."""
    size = frame_of(work, even=even).frame
    return [*ffmpeg_subtitles.prepare(work), *ffmpeg_watermark.prepare(work, size=size)]


def edited(stream: Any, work: Work, *, fps: float | None, pixels: str = "", even: bool = True) -> Any:
    """Add all that changes pictures; ``prepare`` is the other half.

    :param pixels: the format that they are to be in; empty for what has eight bits.
    """
    stream = pictures(stream, work, even=even, deep=pixels.endswith("10le"), fps=fps)
    stream = ffmpeg_subtitles.draw(stream, work)
    return ffmpeg_watermark.watermark(stream, work, size=frame_of(work, even=even).frame, pixels=pixels)


def _sound(source: Any, work: Work) -> Sound:
    codec, audio = audio_codec(work), media_of(work).audio
    if codec == "none" or not audio:
        return [], {}
    stream = source[f"{audio.index}"]
    return [ffmpeg_audio.filtered(stream, codec, work)], ffmpeg_audio.audio_arguments(codec, work)


def _pictures(source: Any, work: Work) -> Any:
    stream, codec = source[f"{video_of(work).index}"], video_codec(work)
    if codec != "copy":
        pixels = ffmpeg_colour.pixels(codec, work)
        return edited(stream, work, fps=ffmpeg_video.frame_rate(codec, work), pixels=pixels)
    changed = is_changed(work) + (["subtitles_mode hard"] if ffmpeg_subtitles.is_drawn(work) else [])
    if changed:
        raise ConversionFailed(f"The video_codec copy leaves the pictures as they are; drop {changed[0]}.")
    return stream
