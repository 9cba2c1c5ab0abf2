"""Depth and dynamic range of pictures: kept where the codec can, else brought down as an eye would."""

from __future__ import annotations

from typing import Any

from jobs.contract import Work

from .ffmpeg_media import Video, video_of

DEEP_CODECS = frozenset({"x265", "vp9", "av1"})
"""Their usual players know ten bits."""
_PROFILES = {"high10": "yuv420p10le", "high422": "yuv422p10le", "high444": "yuv444p"}
# PQ and HLG are brightness as such; without this, 8-bit players show them grey and dull.
_PEAK_NITS = 100


def pixels(codec: str, work: Work) -> str:
    """Return the pixel format to encode in: the profile's, else ten bits of ten where the codec can."""
    profile = work.options.get("profile") or ""
    if profile in _PROFILES:
        return _PROFILES[profile]
    deep = codec in DEEP_CODECS and not profile and video_of(work).is_deep
    return "yuv420p10le" if deep else "yuv420p"


def is_deep(codec: str, work: Work) -> bool:
    """Tell whether the output has more than eight bits."""
    return pixels(codec, work).endswith("10le")


def toned(stream: Any, video: Video) -> Any:
    """Add the filters that bring high dynamic range down to BT.709, where the video has that."""
    if not video.is_bright:
        return stream
    # Files that name their transfer only mean the primaries and matrix that go with it.
    known = {"tin": video.transfer, "pin": video.primaries or "bt2020", "min": video.matrix or "bt2020nc"}
    # zscale wants sides that colours kept for squares of four divide, which those of images need not be.
    stream = stream.filter("format", pix_fmts="yuv444p12le")
    stream = stream.filter("zscale", **known, t="linear", npl=_PEAK_NITS)
    stream = stream.filter("format", pix_fmts="gbrpf32le").filter("zscale", p="bt709")
    stream = stream.filter("tonemap", tonemap="hable", desat=0)
    stream = stream.filter("zscale", t="bt709", m="bt709", r="limited").filter("format", pix_fmts="yuv444p")
    return stream.filter("format", pix_fmts="yuv420p")


def shallow(stream: Any, video: Video) -> Any:
    """Bring pictures with more than eight bits down to those, for images."""
    return stream.filter("format", pix_fmts="yuv420p") if video.is_deep else stream
