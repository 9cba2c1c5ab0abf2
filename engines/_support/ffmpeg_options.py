"""The options of everything ffmpeg does, one record each."""

from __future__ import annotations

from typing import Any

from jobs.contract import Option, OptionProblem

from .ffmpeg_containers import Container

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
LEVELS = (
    *("1.0", "1b", "1.1", "1.2", "1.3", "2.0", "2.1", "2.2", "3.0", "3.1", "3.2"),
    *("4.0", "4.1", "4.2", "5.0", "5.1", "5.2", "6.0", "6.1", "6.2"),
)
_TIME = r"(\d{1,3}:[0-5]?\d:[0-5]?\d|\d{1,4}:[0-5]?\d|\d{1,6})(\.\d{1,6})?"


def _quarter(degrees: Any) -> int:
    if degrees % 90:
        raise OptionProblem("The rotate must be 0, 90, 180 or 270.")
    return int(degrees % 360)


def video(container: Container) -> tuple[Option, ...]:
    """Return how pictures are encoded for a container."""
    tuned = "x264" in container.video
    records = (
        Option(
            name="video_codec",
            help="How pictures are encoded; copy leaves them as they are.",
            type="enum",
            values=container.video,
            default=container.video[0],
            aliases={"h264": "x264", "hevc": "x265", "h265": "x265", "libx264": "x264", "libx265": "x265"},
        ),
        Option(
            name="crf",
            help="Constant quality, lower is better; by default 23 for x264, 28 for x265, 32 for vp9, "
            "35 for av1. With video_bitrate too, the quality stays below that bitrate.",
            type="integer",
            minimum=0,
            maximum=51,
        ),
        Option(
            name="video_bitrate",
            help="Average bitrate of the pictures in kbit/s, instead of a constant quality.",
            type="integer",
            minimum=10,
            maximum=500_000,
        ),
        Option(
            name="preset",
            help="How much time the encoder takes to make the file small (x264, x265, vp8, vp9, av1).",
            type="enum",
            values=PRESETS,
            default="medium",
        ),
        Option(
            name="keyframe_interval",
            help="The most frames between two keyframes.",
            type="integer",
            minimum=1,
            maximum=10_000,
        ),
    )
    return (*records, *_X26X) if tuned else records


_X26X = (
    Option(
        name="tune",
        help="What the encoder pays attention to (x264, x265).",
        type="enum",
        values=("film", "animation", "grain", "stillimage", "fastdecode", "zerolatency", "psnr", "ssim"),
    ),
    Option(
        name="profile",
        help="Which features a player must know (x264, x265).",
        type="enum",
        values=("baseline", "main", "high", "high10", "high422", "high444"),
    ),
    Option(
        name="level",
        help="Which speed and memory a player must have (x264, x265).",
        type="enum",
        values=LEVELS,
        aliases={str(whole): f"{whole}.0" for whole in range(1, 7)},
    ),
)


def size(*fits: str, default: str) -> tuple[Option, ...]:
    """Return how large pictures become, with the ways of fitting and the usual one."""
    meanings = {
        "max": "max fits inside and never enlarges",
        "pad": "pad fits inside and fills with black",
        "crop": "crop fills and cuts",
        "scale": "scale forces both",
    }
    return (
        Option(name="width", help="Width in pixels.", type="integer", minimum=2, maximum=8192),
        Option(name="height", help="Height in pixels.", type="integer", minimum=2, maximum=8192),
        Option(
            name="fit",
            help=f"How the picture meets width and height: {', '.join(meanings[fit] for fit in fits)}.",
            type="enum",
            values=fits,
            default=default,
        ),
    )


ASPECT_RATIO = Option(
    name="aspect_ratio",
    help="The ratio of width to height to be shown at; the pixels stay.",
    pattern=r"[1-9]\d{0,4}(\.\d{1,6})?([:/][1-9]\d{0,4})?",
    example="16:9",
)
ROTATE = Option(
    name="rotate",
    help="Degrees to turn clockwise: 0, 90, 180 or 270.",
    type="integer",
    default=0,
    check=_quarter,
)


def fps(default: float | None = None) -> Option:
    """Return the frame rate."""
    return Option(
        name="fps",
        help="Frames per second" + ("." if default else "; by default those of the input."),
        type="float",
        default=default,
        minimum=0.1,
        maximum=240,
    )


TRIMS = (
    Option(
        name="trim_start", help="Where to start, in HH:MM:SS or seconds.", pattern=_TIME, example="00:01:30.5"
    ),
    Option(name="trim_end", help="Where to end, in HH:MM:SS or seconds.", pattern=_TIME, example="00:02:00"),
)
TIMESTAMP = Option(
    name="timestamp",
    help="Where in the video to take the picture, in HH:MM:SS or seconds; by default amid it, where it is not"
    " black.",
    pattern=_TIME,
    example="00:00:05",
)
VTT = Option(
    name="vtt",
    help="Experimental: sheets of small pictures (width 160, unless set) and, as the last result, the WebVTT"
    " file that says which is shown when. Without a count, there is a picture every 1 to 10 seconds; further"
    " apart than 2 seconds they are of keyframes.",
    type="boolean",
    default=False,
)
COUNT = Option(
    name="count",
    help="How many pictures, evenly spread.",
    type="integer",
    default=1,
    minimum=1,
    maximum=100,
)


def subtitles(*modes: str) -> tuple[Option, ...]:
    """Return what becomes of subtitles, with the ways an output format allows."""
    meanings = {
        "none": "none leaves them out",
        "copy": "copy keeps the file's own",
        "soft": "soft adds those of subtitles as streams",
        "hard": "hard draws them into the pictures",
    }
    return (
        Option(
            name="subtitles_mode",
            help=f"What becomes of subtitles: {', '.join(meanings[mode] for mode in modes)}.",
            type="enum",
            values=modes,
            default="none",
        ),
        Option(
            name="subtitles",
            help="Tasks with subtitle files (SRT, ASS, WebVTT); without, the file's own are used.",
            type="list",
            refers=True,
        ),
        Option(
            name="subtitles_language",
            help="Language as three letters: which of the file's own, or what added ones are marked as.",
            pattern=r"[A-Za-z]{3}",
            example="eng",
        ),
    )


CHARSET = Option(
    name="charset",
    help="How the letters of the input are written, such as windows-1250; by default that is found out.",
    pattern=r"[A-Za-z0-9][A-Za-z0-9_.:-]{1,29}",
    example="windows-1250",
)
QUALITY = Option(
    name="quality",
    help="Quality of the pictures.",
    type="integer",
    default=75,
    minimum=0,
    maximum=100,
)
LAYER = Option(
    name="layer",
    help="Where the watermark lies; nothing is below a video's pictures.",
    type="enum",
    values=("above",),
    default="above",
)


def audio(container: Container, *, bitrate: int | None = None) -> tuple[Option, ...]:
    """Return how sound is encoded for a container."""
    codec = Option(
        name="audio_codec",
        help="How sound is encoded; copy leaves it as it is"
        + (", none drops it." if container.video else "."),
        type="enum",
        values=container.audio,
        default=container.audio[0],
    )
    rates = (
        Option(
            name="audio_bitrate",
            help="Bitrate of the sound in kbit/s.",
            type="integer",
            default=bitrate,
            minimum=6,
            maximum=1024,
        ),
        Option(
            name="audio_qscale",
            help="Variable bitrate for mp3, aac and vorbis, 0 (best) to 9, in audio_bitrate's place; "
            "-1 turns it off. An mp3 file without a bitrate has 0.",
            type="integer",
            minimum=-1,
            maximum=9,
        ),
    )
    return (codec, *(() if container.lossless else rates), *_SOUND)


_SOUND = (
    Option(
        name="channels", help="Channels: 1 mono, 2 stereo, 6 for 5.1.", type="integer", minimum=1, maximum=8
    ),
    Option(
        name="sample_rate",
        help="Samples per second, such as 44100.",
        type="integer",
        minimum=4000,
        maximum=192_000,
    ),
    Option(
        name="volume",
        help="Loudness as a factor; 1 leaves it.",
        type="float",
        default=1,
        minimum=0,
        maximum=100,
    ),
)
