"""What ffmpeg must be told to encode sound as asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jobs.contract import Work
from jobs.contract.errors import ConversionFailed

from .ffmpeg_containers import CONTAINERS

Arguments = dict[str, Any]

_AUDIO_ENCODERS = {
    "aac": "aac",
    "ac3": "ac3",
    "alac": "alac",
    "flac": "flac",
    "mp2": "mp2",
    "mp3": "libmp3lame",
    "opus": "libopus",
    "pcm": "pcm_s16le",
    "vorbis": "libvorbis",
    "wma": "wmav2",
}
_BIG_ENDIAN = {"aiff": "pcm_s16be", "au": "pcm_s16be"}
_LOSSLESS = {"alac", "flac", "pcm"}
# ac3's and vorbis's own defaults follow the number of channels.
_BITRATES = {"aac": 128, "mp3": 128, "opus": 128, "mp2": 192, "wma": 128}
_QUALITIES: Mapping[str, Callable[[int], str]] = {
    "mp3": lambda scale: f"{scale}",
    "vorbis": lambda scale: f"{10 - scale}",
    "aac": lambda scale: f"{2 - 0.2 * scale:.1f}",
}


def audio_arguments(codec: str, work: Work) -> Arguments:
    """Return the output options that encode the sound as asked.

    :raises ConversionFailed: when the codec does not know an option.
    """
    options = work.options
    if codec == "copy":
        given = [name for name in ("channels", "sample_rate") if options.get(name)]
        given += ["volume"] if _is_louder(work) else []
        if given:
            raise ConversionFailed(f"The audio_codec copy leaves the sound as it is; drop {given[0]}.")
        return {"c:a": "copy"}
    encoder = _AUDIO_ENCODERS[codec]
    if codec == "pcm":
        encoder = _BIG_ENDIAN.get(work.output_format, encoder)
    return {
        "c:a": encoder,
        "ac": options.get("channels"),
        "ar": options.get("sample_rate") or CONTAINERS[work.output_format].sample_rate,
        "strict": "-2" if codec == "flac" and work.output_format == "mp4" else None,
        **_audio_rate(codec, work),
    }


def _audio_rate(codec: str, work: Work) -> Arguments:
    scale, bitrate = work.options.get("audio_qscale"), work.options.get("audio_bitrate")
    if codec in _LOSSLESS:
        return {}
    if scale is not None and scale >= 0:
        if codec not in _QUALITIES:
            raise ConversionFailed(f"The audio codec {codec} has no quality scale; use audio_bitrate.")
        return {"q:a": _QUALITIES[codec](scale)}
    if bitrate:
        return {"b:a": f"{bitrate}k"}
    if codec == "mp3" and work.output_format == "mp3" and scale is None:
        return {"q:a": "0"}
    return {"b:a": f"{_BITRATES[codec]}k"} if codec in _BITRATES else {}


def filtered(stream: Any, codec: str, work: Work) -> Any:
    """Add the filters that set the volume, and the layouts the encoder takes."""
    if codec != "copy" and _is_louder(work):
        stream = stream.filter("volume", volume=f"{work.options['volume']:g}")
    if codec == "opus":
        # It refuses the surround layout that AC-3 files have.
        stream = stream.filter("aformat", channel_layouts="mono|stereo|3.0|quad|5.0|5.1|6.1|7.1")
    return stream


def _is_louder(work: Work) -> bool:
    return work.options.get("volume") not in {None, 1}
