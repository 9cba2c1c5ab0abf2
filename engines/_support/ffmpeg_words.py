"""What ffmpeg's complaints mean for a customer."""

from __future__ import annotations

import re

from jobs.contract.errors import ConversionFailed, DiskFull, OpenFailed, TaskError

_SUBTITLES = "The subtitles could not be read. Use an SRT, ASS or WebVTT file."
_IMAGE = "The watermark's image could not be read. Use a PNG, JPG or WebP file."
_SAMPLE_RATE = "The audio codec does not support this sample_rate. Try 44100 or 48000."
_CHANNELS = "The audio codec does not support this number of channels. Try 1 or 2."
_COPY = "The output format cannot hold a stream as it is in this file. Choose another codec than copy."
_SETTINGS = "The video codec does not take these settings together: look at profile, level and tune."

_CHARSET = "The charset is not known. Use something like windows-1250."
_LETTERS = (
    "The letters of the text could not be read. Set charset to what it is written in, such as windows-1250."
)
_UNKNOWN_CODEC = "The file is in a codec that is not known here."
_NOTHING = "There is nothing in the file, or in the part of it asked for."
_GRAPHICS = "The graphics card here does not encode this codec. Choose another video_codec, or engine ffmpeg."

# The first that is found counts, so the particular stand before the general.
_MEANINGS: tuple[tuple[str, TaskError], ...] = (
    ("No space left on device", DiskFull()),
    (r"iconv: (failed to start|conversions? from .{0,200}not supported)", ConversionFailed(_CHARSET)),
    (r"iconv: (illegal|incomplete|unable)", ConversionFailed(_LETTERS)),
    (r"No (NVENC )?capable devices? found|Cannot load lib|OpenEncodeSessionEx", ConversionFailed(_GRAPHICS)),
    (
        r"Codec not supported|Unknown encoder '\w+_nvenc'|does not support required",
        ConversionFailed(_GRAPHICS),
    ),
    (r"/related/(watermark_)?image/[\w.]+: Invalid", ConversionFailed(_IMAGE)),
    (r"/related/subtitles/[\w.]+: Invalid", ConversionFailed(_SUBTITLES)),
    (r"\.(srt|ass|ssa|vtt|sub|smi|txt): Invalid", ConversionFailed(_SUBTITLES)),
    (r"\.(png|jpg|jpeg|webp|bmp|tiff|svg): Invalid", ConversionFailed(_IMAGE)),
    (r"Cannot determine format of input stream [1-9]", ConversionFailed(_IMAGE)),
    (r"(?i)sample rate \d+ is not supported|unsupported sample rate", ConversionFailed(_SAMPLE_RATE)),
    (r"(?i)invalid sample rate|sample rate not supported", ConversionFailed(_SAMPLE_RATE)),
    (r"(?i)channel layout .{0,80}not supported|invalid channel layout", ConversionFailed(_CHANNELS)),
    (r"(?i)unsupported (number of )?channel", ConversionFailed(_CHANNELS)),
    ("not currently supported in container|Only VP8 or VP9", ConversionFailed(_COPY)),
    ("Could not find tag for codec|[Uu]nsupported codec id", ConversionFailed(_COPY)),
    ("Unsupported (audio |video )?codec|Invalid audio stream. Exactly one", ConversionFailed(_COPY)),
    (r"x264 \[error\]|Error setting (profile|option)", ConversionFailed(_SETTINGS)),
    (r"Decoder \(codec \w+\) not found", OpenFailed(_UNKNOWN_CODEC)),
    ("moov atom not found|Invalid data found when processing input", OpenFailed()),
    ("Format not on whitelist|Failed to read frame size|Invalid argument$", OpenFailed()),
    ("Output file is empty, nothing was encoded", ConversionFailed(_NOTHING)),
    ("[Cc]ould not find codec parameters|Error while decoding stream", OpenFailed()),
)


def explain(words: str) -> TaskError | None:
    """Return what a failed ffmpeg or ffprobe wanted to say."""
    for pattern, error in _MEANINGS:
        if re.search(pattern, words, re.MULTILINE):
            return type(error)(error.message)
    return None
