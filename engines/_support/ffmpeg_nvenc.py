"""What ffmpeg must be told to encode pictures on an Nvidia graphics card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.contract import Tool, Work
from jobs.contract.errors import ConversionFailed

from . import ffmpeg_colour
from .ffmpeg_containers import CONTAINERS
from .ffmpeg_options import PRESETS


@dataclass(frozen=True, kw_only=True)
class Card:
    """A codec as the card has it."""

    encoder: str
    crf: int
    """The constant quality that looks like x264's 23."""
    profiles: Mapping[str, str]
    """The names of options to those of the encoder."""
    deep: bool = False
    """Whether it has ten bits."""


CARDS: Mapping[str, Card] = {
    "x264": Card(
        encoder="h264_nvenc",
        crf=23,
        profiles={"baseline": "baseline", "main": "main", "high": "high", "high444": "high444p"},
    ),
    "x265": Card(
        encoder="hevc_nvenc",
        crf=28,
        profiles={"main": "main", "high": "main", "high10": "main10", "high444": "rext"},
        deep=True,
    ),
    "av1": Card(encoder="av1_nvenc", crf=35, profiles={}, deep=True),
}
_SPEEDS = dict(zip(PRESETS, ("p1", "p1", "p2", "p3", "p4", "p4", "p5", "p6", "p7"), strict=True))
_TUNES = {"zerolatency": "ull"}


def nvenc_arguments(codec: str, work: Work) -> dict[str, Any]:
    """Return the output options that encode the pictures as asked.

    :raises ConversionFailed: when the card does not know an option.
    """
    options, card = work.options, CARDS[codec]
    profile, tune, level = options.get("profile"), options.get("tune"), options.get("level")
    if profile:
        _refuse_unknown(codec, "profile", profile, card.profiles)
    if tune:
        _refuse_unknown(codec, "tune", tune, _TUNES)
    if level and codec == "av1":
        raise ConversionFailed("The level works with video_codec x264 and x265 only.")
    deep = card.deep and ffmpeg_colour.is_deep(codec, work)
    tag = "hvc1" if codec == "x265" and CONTAINERS[work.output_format].muxer in {"mp4", "mov"} else None
    return {
        "c:v": card.encoder,
        "tag:v": tag,
        "pix_fmt": "p010le" if deep else "yuv444p" if profile == "high444" else "yuv420p",
        "preset": _SPEEDS[options.get("preset") or "medium"],
        "tune": _TUNES.get(tune or ""),
        "profile:v": card.profiles[profile] if profile else "main10" if deep and codec == "x265" else None,
        "level": level,
        "g": options.get("keyframe_interval"),
        "aspect": options.get("aspect_ratio"),
        **_rate(work, card.crf),
    }


def _refuse_unknown(codec: str, option: str, value: str, known: Mapping[str, str]) -> None:
    if value not in known:
        names = f"Use one of: {', '.join(known)}; or" if known else "Leave it out, or"
        raise ConversionFailed(f"The graphics card's {codec} has no {option} {value}. {names} engine ffmpeg.")


def _rate(work: Work, crf: int) -> dict[str, Any]:
    quality, bitrate = work.options.get("crf"), work.options.get("video_bitrate")
    if bitrate and quality is None:
        return {"rc": "vbr", "b:v": f"{bitrate}k"}
    ceiling = {"maxrate": f"{bitrate}k", "bufsize": f"{2 * bitrate}k"} if bitrate else {}
    # Its own default bitrate would be a ceiling.
    return {"rc": "vbr", "cq": crf if quality is None else quality, "b:v": "0", **ceiling}


_FRAME = "-v error -nostdin -f lavfi -i color=gray:s=320x240:r=25 -frames:v 1"
_TRIAL = (
    "ffmpeg -version; "
    f"for encoder in {' '.join(card.encoder for card in CARDS.values())}; do "
    f"ffmpeg {_FRAME} -c:v $encoder -f null - && echo $encoder works; done"
)
TOOL = Tool(
    name="ffmpeg",
    # It says a version only where a frame was really encoded; every card that can do anything can do H.264.
    argv=("dash", "-c", _TRIAL),
    pattern=r"(?s)version n?(\d+(?:\.\d+)+).*h264_nvenc works",
)
