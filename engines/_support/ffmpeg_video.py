"""What ffmpeg must be told to encode pictures as asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jobs.contract import Work
from jobs.contract.errors import ConversionFailed

from . import ffmpeg_colour
from .ffmpeg_containers import CONTAINERS
from .ffmpeg_media import Video, video_of

Arguments = dict[str, Any]

_SPEEDS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
# VP8 and VP9 take minutes where x264 takes seconds unless told to hurry; only who asks for slow gets it.
_VPX_SPEEDS = {
    "slow": {"deadline": "realtime", "cpu-used": 6},
    "slower": {"deadline": "good", "cpu-used": 4},
    "veryslow": {"deadline": "good", "cpu-used": 2},
}
_VPX_FAST: Arguments = {"deadline": "realtime", "cpu-used": 8}
_AV1_SPEEDS = dict(zip(_SPEEDS, (12, 12, 11, 11, 10, 10, 8, 6, 4), strict=True))
_X265_PROFILES = {
    "main": "main",
    "high": "main",
    "high10": "main10",
    "high422": "main422-10",
    "high444": "main444-8",
}
_X265_TUNES = ("animation", "grain", "fastdecode", "zerolatency", "psnr", "ssim")


def video_arguments(codec: str, work: Work) -> Arguments:
    """Return the output options that encode the pictures as asked.

    :raises ConversionFailed: when the codec does not know an option.
    """
    options = work.options
    if codec == "copy":
        return {"c:v": "copy"}
    if codec not in {"x264", "x265"}:
        given = [name for name in ("tune", "profile", "level") if options.get(name)]
        if given:
            raise ConversionFailed(f"The {given[0]} works with video_codec x264 and x265 only.")
    return {
        "pix_fmt": ffmpeg_colour.pixels(codec, work),
        "g": options.get("keyframe_interval"),
        "aspect": options.get("aspect_ratio"),
        **_ENCODERS[codec](work),
    }


def _rate(work: Work, crf: int, **without: Any) -> Arguments:
    """Return a constant quality, a bitrate, or with both a quality that stays below the bitrate."""
    quality, bitrate = work.options.get("crf"), work.options.get("video_bitrate")
    if not bitrate:
        return {"crf": crf if quality is None else quality, **without}
    if quality is None:
        return {"b:v": f"{bitrate}k"}
    return {"crf": quality, "maxrate": f"{bitrate}k", "bufsize": f"{2 * bitrate}k"}


def _x264(work: Work) -> Arguments:
    options = work.options
    chosen = {
        "preset": options.get("preset"),
        "tune": options.get("tune"),
        "profile:v": options.get("profile"),
    }
    return {"c:v": "libx264", **chosen, "level": options.get("level"), **_rate(work, 23)}


def _x265(work: Work) -> Arguments:
    options = work.options
    profile, tune, level = options.get("profile"), options.get("tune"), options.get("level")
    if profile and profile not in _X265_PROFILES:
        raise ConversionFailed(f"x265 has no profile {profile}. Use one of: {', '.join(_X265_PROFILES)}.")
    if tune and tune not in _X265_TUNES:
        raise ConversionFailed(f"x265 has no tune {tune}. Use one of: {', '.join(_X265_TUNES)}.")
    # Apple's players want hvc1, and take nothing else.
    tag = "hvc1" if CONTAINERS[work.output_format].muxer in {"mp4", "mov"} else None
    return {
        "c:v": "libx265",
        "tag:v": tag,
        "preset": options.get("preset"),
        "tune": tune,
        "profile:v": _X265_PROFILES.get(profile or ""),
        "x265-params": ":".join(
            ["log-level=warning", *([f"level-idc={level}"] if level else []), *_light(work)]
        ),
        **_rate(work, 28),
    }


def _light(work: Work) -> tuple[str, ...]:
    video = video_of(work)
    return video.light if video.is_bright and ffmpeg_colour.is_deep("x265", work) else ()


def _vp9(work: Work) -> Arguments:
    speed = _VPX_SPEEDS.get(work.options.get("preset") or "", _VPX_FAST)
    rate = _rate(work, 32, **{"b:v": "0"})
    if "maxrate" in rate:
        rate = {"crf": rate["crf"], "b:v": rate["maxrate"]}
    return {"c:v": "libvpx-vp9", "row-mt": 1, **speed, **rate}


def _vp8(work: Work) -> Arguments:
    speed = _VPX_SPEEDS.get(work.options.get("preset") or "", _VPX_FAST)
    rate = _rate(work, 10)
    if "crf" in rate:
        # Its constant quality needs a ceiling.
        rate = {"crf": min(63, max(4, rate["crf"])), "b:v": rate.get("maxrate", _ceiling(video_of(work)))}
    return {"c:v": "libvpx", **speed, **rate}


def _ceiling(video: Video) -> str:
    return f"{max(200, round(video.width * video.height * min(video.fps or 25, 60) / 8000))}k"


def _av1(work: Work) -> Arguments:
    rate = _rate(work, 35)
    if "maxrate" in rate:
        del rate["bufsize"]
    return {"c:v": "libsvtav1", "preset": _AV1_SPEEDS[work.options.get("preset") or "medium"], **rate}


def _quantised(encoder: str) -> Callable[[Work], Arguments]:
    """Make an encoder of the older kind, which knows a quantiser from 1 to 31 in crf's place."""

    def arguments(work: Work) -> Arguments:
        if work.options.get("video_bitrate"):
            rate = _rate(work, 23)
            return {"c:v": encoder, "b:v": rate.get("b:v") or rate["maxrate"]}
        crf = 23 if work.options.get("crf") is None else work.options["crf"]
        # x264's step doubles every six crf; theirs is the step itself.
        return {"c:v": encoder, "q:v": f"{min(31, max(1, 0.3125 * 2 ** (crf / 6))):.2f}"}

    return arguments


def _theora(work: Work) -> Arguments:
    if work.options.get("video_bitrate"):
        return {"c:v": "libtheora", "b:v": f"{work.options['video_bitrate']}k"}
    crf = 16 if work.options.get("crf") is None else work.options["crf"]
    return {"c:v": "libtheora", "q:v": f"{10 * (1 - min(crf, 51) / 51):.1f}"}


_ENCODERS: Mapping[str, Callable[[Work], Arguments]] = {
    "x264": _x264,
    "x265": _x265,
    "vp8": _vp8,
    "vp9": _vp9,
    "av1": _av1,
    "theora": _theora,
    "mpeg4": _quantised("mpeg4"),
    "mpeg2": _quantised("mpeg2video"),
    "mpeg1": _quantised("mpeg1video"),
    "wmv2": _quantised("wmv2"),
    "flv1": _quantised("flv"),
}

_MPEG_RATES = (24000 / 1001, 24, 25, 30000 / 1001, 30, 50, 60000 / 1001, 60)


def frame_rate(codec: str, work: Work) -> float | None:
    """Return the frame rate to set, if any.

    :raises ConversionFailed: when the codec cannot have the one asked for.
    """
    wanted: float | None = work.options.get("fps")
    if codec not in {"mpeg1", "mpeg2"}:
        return wanted
    native = video_of(work).fps or 25
    nearest = min(_MPEG_RATES, key=lambda rate: abs(rate - (wanted or native)))
    if wanted and abs(wanted - nearest) > 0.01:
        raise ConversionFailed(
            f"{codec} has no {wanted:g} fps. Use 23.976, 24, 25, 29.97, 30, 50, 59.94 or 60."
        )
    return nearest if wanted or abs(native - nearest) > 0.001 else None
