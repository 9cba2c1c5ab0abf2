"""What ffprobe finds in a media file, and how a stranger's file is opened."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from jobs.contract import Command, Work, limits
from jobs.contract.errors import ConversionFailed, FileTooLarge, OpenFailed

# Only formats that carry their media themselves: never playlists, patterns or devices, which name other files
# or addresses (hls, dash, concat, sdp, image2, lavfi).
DEMUXERS = (
    "aac,ac3,eac3,aiff,amr,amrnb,amrwb,asf,au,avi,caf,cavsvideo,dv,flac,flv,gif,h264,hevc,m4v,matroska,mov,mp3,"
    "mpeg,mpegts,mpegvideo,mxf,ogg,rm,swf,voc,w64,wav,wtv,dss"
)
SUBTITLE_DEMUXERS = "ass,srt,webvtt,microdvd,mpl2,sami,subviewer,subviewer1,tedcaptions,vplayer,jacosub"
IMAGE_DEMUXERS = "image2,png_pipe,jpeg_pipe,webp_pipe,gif,bmp_pipe,tiff_pipe,svg_pipe"
MAX_ALLOC = f"{1 << 30}"
MEDIA = "media"
"""The key of the ``Media`` in ``work.facts``."""

_ENTRIES = (
    "format=format_name,duration"
    ":stream=index,codec_type,codec_name,width,height,sample_aspect_ratio,avg_frame_rate,duration"
    ",pix_fmt,color_transfer,color_primaries,color_space"
    ":stream_disposition=attached_pic,default:stream_tags=language:stream_side_data"
)
_DEEP = re.compile(r"[a-z0](9|10|12|14|16|20|48|64)[lb]e")
_BRIGHT = {"smpte2084", "arib-std-b67"}
"""What PQ (HDR10, Dolby Vision) and HLG are called."""
_PICTURE_SUBTITLES = {"hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "dvb_teletext", "xsub"}


@dataclass(frozen=True, kw_only=True)
class Video:
    """The stream with the moving picture."""

    index: int
    width: int
    height: int
    """As it is shown: turned as the file says, with square pixels."""
    codec: str = ""
    fps: float | None = None
    duration: float | None = None
    square: bool = True
    """Whether its pixels are square as they are."""
    odd: bool = False
    """Whether a side, as it is stored, has an odd number of pixels."""
    pixels: str = ""
    """What ffmpeg calls its pixel format."""
    transfer: str = ""
    primaries: str = ""
    matrix: str = ""
    """Its colours, as ffmpeg calls them; empty where the file does not say."""
    light: tuple[str, ...] = ()
    """How bright the screen was that it was made on, and the video is, in x265's words."""

    @property
    def is_deep(self) -> bool:
        """Whether its colours have more than eight bits."""
        return bool(_DEEP.search(self.pixels))

    @property
    def is_bright(self) -> bool:
        """Whether it has a high dynamic range."""
        return self.transfer in _BRIGHT


@dataclass(frozen=True, kw_only=True)
class Audio:
    """The sound."""

    index: int
    codec: str = ""


@dataclass(frozen=True, kw_only=True)
class Subtitles:
    """A subtitle stream: text, or pictures of text."""

    index: int
    position: int
    """Its number among the subtitle streams."""
    codec: str = ""
    language: str = ""

    @property
    def is_text(self) -> bool:
        """Whether it can be converted to another text format, or drawn."""
        return self.codec not in _PICTURE_SUBTITLES


@dataclass(frozen=True, kw_only=True)
class Media:
    """What planners must know of a file."""

    format: str = ""
    duration: float | None = None
    video: Video | None = None
    audio: Audio | None = None
    subtitles: tuple[Subtitles, ...] = ()
    cover: Video | None = None
    """The stream with a cover picture."""


def media_of(work: Work) -> Media:
    """Return what the probe found in the first input."""
    media: Media = work.facts[MEDIA]
    return media


def video_of(work: Work) -> Video:
    """Return the input's picture stream.

    :raises ConversionFailed: when it has none.
    """
    video = media_of(work).video
    if not video:
        raise ConversionFailed("The file has no video stream.")
    return video


def audio_of(work: Work) -> Audio:
    """Return the input's sound.

    :raises ConversionFailed: when it has none.
    """
    audio = media_of(work).audio
    if not audio:
        raise ConversionFailed("The file has no audio stream.")
    return audio


def hardened(path: Path, *, demuxers: str = DEMUXERS) -> dict[str, str]:
    """Return ffmpeg's input options for a stranger's file: it may name no other file, and no address."""
    return {"filename": f"{path}", "format_whitelist": demuxers, "protocol_whitelist": "file,pipe"}


def probe(work: Work) -> Command:
    """Plan the look at the first input."""
    given = hardened(work.input)
    argv = ["ffprobe", "-v", "error", "-hide_banner", "-max_alloc", MAX_ALLOC]
    argv += [
        "-protocol_whitelist",
        given["protocol_whitelist"],
        "-format_whitelist",
        given["format_whitelist"],
    ]
    argv += ["-show_entries", _ENTRIES, "-of", "json", "-i", given["filename"]]
    return Command(argv=argv)


def read(text: str) -> Mapping[str, Any]:
    """Return the facts in what the probe printed.

    :raises OpenFailed: when there is neither picture nor sound.
    :raises FileTooLarge: when it is beyond what we take.
    """
    try:
        found = json.loads(text)
    except ValueError:
        raise OpenFailed from None
    streams = found.get("streams", [])
    if len(streams) > limits.MEDIA_STREAMS:
        raise FileTooLarge(
            f"The file has {len(streams):,} streams; at most {limits.MEDIA_STREAMS:,} are allowed."
        )
    video, audio = _video(streams), _audio(streams)
    if not video and not audio:
        raise OpenFailed
    form = found.get("format", {})
    duration = _positive(form.get("duration"))
    if duration and duration > limits.MEDIA_SECONDS:
        raise FileTooLarge(
            f"The file is {duration / 3600:,.1f} hours long; at most {limits.MEDIA_SECONDS / 3600:,.1f} are"
            " allowed."
        )
    media = Media(
        format=form.get("format_name", ""),
        duration=duration,
        video=video,
        audio=audio,
        subtitles=_subtitles(streams),
        cover=_video(streams, cover=True),
    )
    return {MEDIA: media}


def _video(streams: list[dict[str, Any]], *, cover: bool = False) -> Video | None:
    for stream in _of_type(streams, "video"):
        # A cover picture is a video stream too, of one frame.
        if bool(stream.get("disposition", {}).get("attached_pic")) == cover and stream.get("width"):
            return _read_video(stream)
    return None


def _read_video(stream: dict[str, Any]) -> Video:
    width, height = int(stream["width"]), int(stream["height"])
    limits.check_picture(width, height)
    pixel = _ratio(stream.get("sample_aspect_ratio", "").replace(":", "/")) or 1.0
    turned = any(round(abs(s.get("rotation") or 0)) % 180 == 90 for s in stream.get("side_data_list", []))
    shown = (round(width * pixel), height)
    return Video(
        index=stream["index"],
        width=shown[turned],
        height=shown[not turned],
        codec=stream.get("codec_name", ""),
        fps=_ratio(stream.get("avg_frame_rate", "")),
        duration=_positive(stream.get("duration")),
        square=pixel == 1,
        odd=bool(width % 2 or height % 2),
        pixels=stream.get("pix_fmt", ""),
        **{field: _named(stream.get(f"color_{key}")) for field, key in _COLOURS.items()},
        light=tuple(_light(stream.get("side_data_list", []))),
    )


_COLOURS = {"transfer": "transfer", "primaries": "primaries", "matrix": "space"}


def _named(value: str | None) -> str:
    return "" if value in {None, "unknown", "reserved"} else f"{value}"


def _light(side_data: list[dict[str, Any]]) -> Iterator[str]:
    for each in side_data:
        kind = each.get("side_data_type", "")
        with contextlib.suppress(KeyError, ValueError, ZeroDivisionError):
            if kind == "Mastering display metadata":
                # x265 counts in steps of 0.00002, and of 0.0001 candelas.
                at = {key: round(50_000 * float(Fraction(each[key]))) for key in each if key[-2:] in _AXES}
                low, high = (round(10_000 * float(Fraction(each[f"{end}_luminance"]))) for end in _ENDS)
                points = "".join(
                    f"{name[0].upper()}({at[f'{name}_x']},{at[f'{name}_y']})" for name in _POINTS
                )
                yield f"master-display={points.replace('W', 'WP')}L({high},{low})"
            elif kind == "Content light level metadata":
                yield f"max-cll={int(each['max_content'])},{int(each['max_average'])}"


_AXES, _ENDS = {"_x", "_y"}, ("min", "max")
_POINTS = ("green", "blue", "red", "white_point")


def _audio(streams: list[dict[str, Any]]) -> Audio | None:
    # One of an unknown codec only where there is no other: then the tool says so.
    found = sorted(
        _of_type(streams, "audio"),
        key=lambda each: (not each.get("codec_name"), not each.get("disposition", {}).get("default")),
    )
    return Audio(index=found[0]["index"], codec=found[0].get("codec_name", "")) if found else None


def _subtitles(streams: list[dict[str, Any]]) -> tuple[Subtitles, ...]:
    return tuple(
        Subtitles(
            index=stream["index"],
            position=position,
            codec=stream.get("codec_name", ""),
            language=stream.get("tags", {}).get("language", ""),
        )
        for position, stream in enumerate(_of_type(streams, "subtitle"))
    )


def _of_type(streams: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [stream for stream in streams if stream.get("codec_type") == kind]


def _positive(value: Any) -> float | None:
    with contextlib.suppress(TypeError, ValueError):
        return float(value) if float(value) > 0 else None
    return None


def _ratio(text: str) -> float | None:
    with contextlib.suppress(ValueError, ZeroDivisionError):
        above, _, below = text.partition("/")
        return _positive(float(above) / float(below))
    return None
