"""The output formats ffmpeg makes: their muxers, and which codecs each holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobs.contract import Work
from jobs.contract.errors import ConversionFailed

from .ffmpeg_media import Audio, Video, media_of

_MODERN = ("x264", "x265", "av1", "vp9", "mpeg4", "copy")


@dataclass(frozen=True, kw_only=True)
class Container:
    """An output format: its muxer, and the codecs it holds, the default first."""

    muxer: str
    video: tuple[str, ...] = ()
    audio: tuple[str, ...]
    subtitles: str | None = None
    """How it stores subtitle text; None when it cannot."""
    flags: Mapping[str, str] | None = None
    copies: frozenset[str] = frozenset()
    """The only codecs to copy, where ffmpeg would write nonsense rather than refuse; empty: it refuses."""
    sample_rate: int | None = None
    """The usual number of samples per second, where not every number can be."""
    lossless: bool = False
    """Whether no audio codec it holds has a bitrate to choose."""


_FAST_START = {"movflags": "+faststart"}
_PROGRAM_STREAM = frozenset({"mpeg1video", "mpeg2video", "mp2", "mp3", "ac3"})
_WINDOWS_AUDIO = frozenset({"wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice"})

VIDEO_CONTAINERS: Mapping[str, Container] = {
    "mp4": Container(
        muxer="mp4",
        video=_MODERN,
        audio=("aac", "mp3", "opus", "ac3", "flac", "copy", "none"),
        subtitles="mov_text",
        flags=_FAST_START,
    ),
    "m4v": Container(
        muxer="mp4",
        video=("x264", "x265", "mpeg4", "copy"),
        audio=("aac", "ac3", "mp3", "copy", "none"),
        subtitles="mov_text",
        flags=_FAST_START,
    ),
    "mov": Container(
        muxer="mov",
        video=("x264", "x265", "mpeg4", "copy"),
        audio=("aac", "mp3", "ac3", "pcm", "copy", "none"),
        subtitles="mov_text",
        flags=_FAST_START,
    ),
    "mkv": Container(
        muxer="matroska",
        video=("x264", "x265", "vp8", "vp9", "av1", "theora", "mpeg4", "copy"),
        audio=("aac", "mp3", "opus", "vorbis", "flac", "ac3", "pcm", "copy", "none"),
        subtitles="subrip",
    ),
    "webm": Container(
        muxer="webm",
        video=("vp9", "vp8", "av1", "copy"),
        audio=("opus", "vorbis", "copy", "none"),
        subtitles="webvtt",
    ),
    "avi": Container(
        muxer="avi",
        video=("x264", "mpeg4", "vp8", "vp9", "copy"),
        audio=("mp3", "aac", "ac3", "pcm", "copy", "none"),
    ),
    "flv": Container(muxer="flv", video=("x264", "copy"), audio=("aac", "mp3", "copy", "none")),
    "f4v": Container(muxer="f4v", video=("x264", "copy"), audio=("aac", "mp3", "copy", "none")),
    "swf": Container(
        muxer="swf",
        video=("flv1", "copy"),
        audio=("mp3", "copy", "none"),
        copies=frozenset({"flv1", "mp3"}),
        sample_rate=44_100,
    ),
    "mpeg": Container(
        muxer="mpeg",
        video=("mpeg2", "mpeg1", "copy"),
        audio=("mp2", "mp3", "copy", "none"),
        copies=_PROGRAM_STREAM,
    ),
    "vob": Container(
        muxer="vob",
        video=("mpeg2", "mpeg1", "copy"),
        audio=("ac3", "mp2", "copy", "none"),
        copies=_PROGRAM_STREAM,
    ),
    "ts": Container(
        muxer="mpegts",
        video=("x264", "x265", "mpeg2", "mpeg4", "copy"),
        audio=("aac", "mp3", "ac3", "mp2", "copy", "none"),
    ),
    "m2ts": Container(
        muxer="mpegts",
        video=("x264", "x265", "mpeg2", "copy"),
        audio=("ac3", "aac", "mp3", "copy", "none"),
        flags={"mpegts_m2ts_mode": "1"},
    ),
    "wmv": Container(
        muxer="asf", video=("wmv2", "x264", "mpeg4", "copy"), audio=("wma", "mp3", "copy", "none")
    ),
    "wtv": Container(
        muxer="wtv",
        video=("mpeg2", "mpeg1", "copy"),
        audio=("ac3", "mp2", "mp3", "copy", "none"),
        copies=_PROGRAM_STREAM,
    ),
    "mxf": Container(
        muxer="mxf",
        video=("mpeg2", "copy"),
        audio=("pcm", "copy", "none"),
        copies=frozenset({"mpeg2video", "pcm_s16le"}),
        sample_rate=48_000,
    ),
    "3gp": Container(
        muxer="3gp", video=("x264", "mpeg4", "copy"), audio=("aac", "copy", "none"), flags=_FAST_START
    ),
    "3g2": Container(
        muxer="3g2", video=("x264", "mpeg4", "copy"), audio=("aac", "copy", "none"), flags=_FAST_START
    ),
    "ogv": Container(muxer="ogv", video=("theora", "copy"), audio=("vorbis", "opus", "flac", "copy", "none")),
}

AUDIO_CONTAINERS: Mapping[str, Container] = {
    "mp3": Container(muxer="mp3", audio=("mp3", "copy")),
    "aac": Container(muxer="adts", audio=("aac", "copy")),
    "m4a": Container(muxer="ipod", audio=("aac", "alac", "copy"), flags=_FAST_START),
    "ogg": Container(muxer="ogg", audio=("vorbis", "opus", "flac", "copy")),
    "opus": Container(muxer="opus", audio=("opus", "copy")),
    "weba": Container(muxer="webm", audio=("opus", "vorbis", "copy")),
    "wma": Container(muxer="asf", audio=("wma", "copy"), copies=_WINDOWS_AUDIO),
    "mp2": Container(muxer="mp2", audio=("mp2", "copy"), copies=frozenset({"mp2"})),
    "ac3": Container(muxer="ac3", audio=("ac3", "copy"), copies=frozenset({"ac3"})),
    "flac": Container(muxer="flac", audio=("flac", "copy"), lossless=True),
    "wav": Container(muxer="wav", audio=("pcm",), lossless=True),
    "aiff": Container(muxer="aiff", audio=("pcm",), lossless=True),
    "au": Container(muxer="au", audio=("pcm",), lossless=True),
    "caf": Container(muxer="caf", audio=("pcm", "alac"), lossless=True),
    "voc": Container(muxer="voc", audio=("pcm",), lossless=True),
}

CONTAINERS = {**VIDEO_CONTAINERS, **AUDIO_CONTAINERS}


def video_codec(work: Work) -> str:
    """Return the video codec wanted, or the container's own.

    :raises ConversionFailed: when the container cannot hold it.
    """
    return _codec(work, "video_codec", CONTAINERS[work.output_format].video, found=media_of(work).video)


def audio_codec(work: Work) -> str:
    """Return the audio codec wanted, or the container's own.

    :raises ConversionFailed: when the container cannot hold it.
    """
    return _codec(work, "audio_codec", CONTAINERS[work.output_format].audio, found=media_of(work).audio)


def _codec(work: Work, option: str, known: tuple[str, ...], *, found: Video | Audio | None) -> str:
    wanted: str = work.options.get(option) or known[0]
    if wanted not in known:
        raise ConversionFailed(
            f"The {option} {wanted} does not go into {work.output_format}. Use one of: {', '.join(known)}."
        )
    if wanted == "copy" and found and not is_copied(found.codec, CONTAINERS[work.output_format]):
        raise ConversionFailed(
            f"The file's {found.codec} stream does not go into {work.output_format}. "
            f"Choose another {option} than copy."
        )
    return wanted


def is_copied(codec: str, container: Container) -> bool:
    """Tell whether ffmpeg copies streams of this codec into a container, or at least says no."""
    return not container.copies or codec in container.copies
