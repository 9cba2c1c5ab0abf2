from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from engines import ffmpeg_nvidia
from engines._support import ffmpeg_words, launcher
from engines._support.cells import GRAPHICS
from engines._support.ffmpeg_media import MEDIA, Audio, Media, Video
from engines.tests.context import RunContext
from jobs.contract import Operation, Work, tools
from jobs.contract.errors import ConversionFailed
from jobs.contract.option import OptionProblem

VIDEO = Video(index=0, width=320, height=180, codec="h264", fps=25.0, duration=4.0)
DEEP = Video(index=0, width=320, height=180, duration=4.0, pixels="yuv420p10le", transfer="smpte2084")


def record(target: str) -> Operation:
    [found] = [o for o in ffmpeg_nvidia.OPERATIONS if o.offers("mp4", target)]
    return found


def planned(target: str, *, video: Video = VIDEO, **given: Any) -> list[str]:
    known = {option.name: option for option in record(target).options}
    options = {name: option.default for name, option in known.items()}
    work = Work(
        inputs=(Path("/job/in.mp4"),),
        output_dir=Path("/job/out"),
        input_format="mp4",
        output_format=target,
        options=options | {name: known[name].read(value) for name, value in given.items()},
        facts={MEDIA: Media(format="mov,mp4", duration=4.0, video=video, audio=Audio(index=1, codec="aac"))},
    )
    [command] = record(target).run.plan(work)  # type: ignore[attr-defined]
    return list(command.argv)


def test_a_video_is_encoded_on_the_card():
    coded = ["-b:a", "128k", "-b:v", "0", "-c:a", "aac", "-c:v", "h264_nvenc", "-cq", "23"]

    argv = planned("mp4")

    assert argv[argv.index("-map") :] == [
        *("-map", "0:0", "-map", "0:1", "-f", "mp4", *coded, "-movflags", "+faststart"),
        *("-pix_fmt", "yuv420p", "-preset", "p4", "-rc", "vbr", "/job/out/in.mp4"),
    ]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"video_codec": "x265"}, {"-c:v": "hevc_nvenc", "-cq": "28", "-tag:v": "hvc1"}),
        ({"video_codec": "av1"}, {"-c:v": "av1_nvenc", "-cq": "35"}),
        ({"crf": 18, "preset": "ultrafast"}, {"-cq": "18", "-b:v": "0", "-preset": "p1"}),
        ({"preset": "veryslow"}, {"-preset": "p7"}),
        ({"video_bitrate": 500}, {"-rc": "vbr", "-b:v": "500k"}),
        (
            {"video_bitrate": 500, "crf": 20},
            {"-cq": "20", "-b:v": "0", "-maxrate": "500k", "-bufsize": "1000k"},
        ),
        ({"tune": "zerolatency", "level": 4}, {"-tune": "ull", "-level": "4.0"}),
        ({"profile": "baseline", "keyframe_interval": 48}, {"-profile:v": "baseline", "-g": "48"}),
        ({"profile": "high444"}, {"-profile:v": "high444p", "-pix_fmt": "yuv444p"}),
        (
            {"video_codec": "x265", "profile": "high10"},
            {"-profile:v": "main10", "-pix_fmt": "p010le"},
        ),
        ({"width": 160, "fps": 10, "audio_codec": "mp3"}, {"-c:a": "libmp3lame"}),
    ],
)
def test_options_reach_the_card(given, wanted):
    argv = planned("mp4", **given)

    assert {key: argv[argv.index(key) + 1] for key in wanted} == wanted


@pytest.mark.parametrize(
    ("codec", "wanted"),
    [
        ("x265", {"-pix_fmt": "p010le", "-profile:v": "main10"}),
        ("av1", {"-pix_fmt": "p010le"}),
        ("x264", {"-pix_fmt": "yuv420p"}),
    ],
)
def test_ten_bits_are_kept_where_the_card_can(codec, wanted):
    argv = planned("mkv", video=DEEP, video_codec=codec)

    assert {key: argv[argv.index(key) + 1] for key in wanted} == wanted
    assert ("tonemap" in " ".join(argv)) == (codec == "x264")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"tune": "film"}, r"x264 has no tune film\. Use one of: zerolatency; or engine ffmpeg"),
        ({"profile": "high10"}, "x264 has no profile high10"),
        (
            {"video_codec": "av1", "profile": "main"},
            r"av1 has no profile main\. Leave it out, or engine ffmpeg",
        ),
        ({"video_codec": "av1", "level": "5.0"}, "level works with video_codec x264 and x265 only"),
    ],
)
def test_what_the_card_cannot_is_refused_with_what_helps(given, sentence):
    with pytest.raises(ConversionFailed, match=sentence):
        planned("mp4", **given)


def test_only_the_card_s_codecs_are_offered():
    with pytest.raises(OptionProblem, match="must be one of: x264, x265, av1"):
        planned("mp4", video_codec="vp9")
    assert {"mp4", "mkv", "mov"} <= ffmpeg_nvidia.TARGETS
    assert not ffmpeg_nvidia.TARGETS & {"webm", "ogv", "mpeg"}


def test_it_is_for_those_who_ask_and_falls_back_on_the_processor():
    for each in ffmpeg_nvidia.OPERATIONS:
        assert (each.engine, each.fallback, each.cost > 1) == ("ffmpeg_nvidia", "ffmpeg", True)
        assert each.run.profile is GRAPHICS  # type: ignore[attr-defined]


SAID = "ffmpeg version 6.1.1-3 Copyright\nbuilt with gcc 12\nconfiguration: --enable-libx264\n"


@pytest.mark.parametrize(
    ("said", "version"),
    [
        (f"{SAID}h264_nvenc works\nhevc_nvenc works\n[av1_nvenc @ 0x1] No capable devices found\n", "6.1.1"),
        (f"{SAID}[h264_nvenc @ 0x1] Cannot load libcuda.so.1\nhevc_nvenc works\n", None),
        (f"{SAID}Unknown encoder 'h264_nvenc'\n", None),
        ("dash: 1: ffmpeg: not found\n", None),
    ],
)
def test_it_has_a_version_where_it_encodes(said, version):
    assert tools.version(ffmpeg_nvidia.TOOL, lambda _: said) == version


@pytest.mark.parametrize(
    "words",
    [
        "[av1_nvenc @ 0x55] Codec not supported\nError initializing output stream 0:0",
        "Unknown encoder 'av1_nvenc'",
        "[h264_nvenc @ 0x55] Cannot load libcuda.so.1",
        "[hevc_nvenc @ 0x55] OpenEncodeSessionEx failed: no encode device (1): (no details)",
        "[hevc_nvenc @ 0x55] No capable devices found",
    ],
)
def test_a_codec_the_card_lacks_is_explained(words):
    error = ffmpeg_words.explain(words)

    assert isinstance(error, ConversionFailed)
    assert "engine ffmpeg" in error.message


@pytest.mark.needs("ffmpeg")
@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="has a card")
def test_without_a_card_it_is_not_there():
    [run] = {each.run.profile: each.run for each in ffmpeg_nvidia.OPERATIONS}.values()  # type: ignore[attr-defined]

    def ask(argv: Any) -> str:
        return str(launcher.ask(argv, deadline=RunContext().deadline, like=run))

    said = ask(ffmpeg_nvidia.TOOL.argv)
    assert re.search(r"version \d", said)
    assert tools.version(ffmpeg_nvidia.TOOL, ask) is None


@pytest.mark.needs("ffmpeg")
@pytest.mark.skipif(not Path("/dev/nvidia0").exists(), reason="has no card")
def test_with_a_card_it_says_what_works():
    run = ffmpeg_nvidia.OPERATIONS[0].run

    said = launcher.ask(ffmpeg_nvidia.TOOL.argv, deadline=RunContext().deadline, like=run)

    # A card for computing alone, which encodes nothing, is no card for us.
    assert ("h264_nvenc works" in said) == (tools.version(ffmpeg_nvidia.TOOL, lambda _: said) is not None)
