from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter, ImageFont, ImageStat

from engines import ffmpeg
from engines._support import (
    ffmpeg_command,
    ffmpeg_media,
    ffmpeg_pictures,
    ffmpeg_sprites,
    ffmpeg_thumbnail,
    ffmpeg_words,
)
from engines._support.ffmpeg_containers import AUDIO_CONTAINERS, VIDEO_CONTAINERS
from engines._support.ffmpeg_conversion import convert_audio, convert_video
from engines._support.ffmpeg_media import Audio, Media, Subtitles, Video
from engines.tests.context import RunContext
from jobs.contract import Operation, Work
from jobs.contract.errors import ConversionFailed, DiskFull, EmptyFile, FileTooLarge, OpenFailed, Stopped
from jobs.contract.option import OptionProblem

VIDEO = Video(index=0, width=320, height=180, codec="h264", fps=25.0, duration=4.0)
MEDIA = Media(format="mov,mp4", duration=4.0, video=VIDEO, audio=Audio(index=1, codec="aac"))


def record(target: str, *, source: str = "mp4", name: str = "convert") -> Operation:
    [found] = [o for o in ffmpeg.OPERATIONS if o.name == name and o.offers(source, target or None)]
    return found


def options_of(operation: Operation, given: dict[str, Any]) -> dict[str, Any]:
    """Read options as intake does."""
    known = {option.name: option for option in operation.options}
    return {name: option.default for name, option in known.items()} | {
        name: known[name].read(value) for name, value in given.items()
    }


def work_for(target: str, *, name: str = "convert", media: Media = MEDIA, **given: Any) -> Work:
    related = given.pop("related", {})
    return Work(
        inputs=(Path("/job/in.mp4"),),
        output_dir=Path("/job/out"),
        input_format="mp4",
        output_format=target,
        options=options_of(record(target, name=name), given),
        related=related,
        facts={ffmpeg_media.MEDIA: media},
    )


def value_of(argv: Any, option: str) -> str:
    return argv[list(argv).index(option) + 1]


# --- Plans.


def test_a_video_becomes_mp4_with_x264_and_aac_ready_for_the_web():
    [command] = convert_video(work_for("mp4"))

    inputs = ["-format_whitelist", ffmpeg_media.DEMUXERS, "-protocol_whitelist", "file,pipe"]
    coded = ["-b:a", "128k", "-c:a", "aac", "-c:v", "libx264", "-crf", "23", "-movflags", "+faststart"]
    assert command.argv == [
        *("ffmpeg", "-nostdin", "-hide_banner", "-y", "-max_alloc", "1073741824"),
        *("-abort_on", "empty_output", "-progress", "pipe:1", "-nostats", *inputs, "-i", "/job/in.mp4"),
        *("-map", "0:0", "-map", "0:1", "-f", "mp4", *coded),
        *("-pix_fmt", "yuv420p", "-preset", "medium", "/job/out/in.mp4"),
    ]
    assert command.outputs == (Path("/job/out/in.mp4"),)


def test_vp9_is_told_to_hurry():
    [command] = convert_video(work_for("webm"))

    told = {key: value_of(command.argv, key) for key in ("-deadline", "-cpu-used", "-row-mt", "-crf", "-b:v")}
    assert told == {"-deadline": "realtime", "-cpu-used": "8", "-row-mt": "1", "-crf": "32", "-b:v": "0"}


@pytest.mark.parametrize(
    ("target", "given", "wanted"),
    [
        ("mp4", {"crf": 18}, {"-crf": "18"}),
        ("mp4", {"video_bitrate": 500}, {"-b:v": "500k"}),
        ("mp4", {"video_bitrate": 500, "crf": 20}, {"-crf": "20", "-maxrate": "500k", "-bufsize": "1000k"}),
        ("mp4", {"preset": "veryfast", "tune": "film"}, {"-preset": "veryfast", "-tune": "film"}),
        ("mp4", {"profile": "high10", "level": 4}, {"-profile:v": "high10", "-pix_fmt": "yuv420p10le"}),
        ("mp4", {"level": 4}, {"-level": "4.0"}),
        ("mp4", {"keyframe_interval": 48}, {"-g": "48"}),
        ("mp4", {"video_codec": "h264", "aspect_ratio": "4:3"}, {"-c:v": "libx264", "-aspect": "4:3"}),
        ("mp4", {"video_codec": "x265", "level": "4.1"}, {"-c:v": "libx265", "-tag:v": "hvc1", "-crf": "28"}),
        (
            "mp4",
            {"video_codec": "av1", "preset": "slow"},
            {"-c:v": "libsvtav1", "-preset": "8", "-crf": "35"},
        ),
        ("webm", {"preset": "veryslow"}, {"-deadline": "good", "-cpu-used": "2"}),
        ("webm", {"video_bitrate": 400, "crf": 30}, {"-crf": "30", "-b:v": "400k"}),
        ("webm", {"video_codec": "vp8"}, {"-c:v": "libvpx", "-crf": "10", "-b:v": "200k"}),
        ("ogv", {"crf": 0}, {"-c:v": "libtheora", "-q:v": "10.0"}),
        ("mpeg", {}, {"-c:v": "mpeg2video", "-q:v": "4.45", "-c:a": "mp2"}),
        ("mpeg", {"video_bitrate": 900}, {"-b:v": "900k"}),
        ("mkv", {"audio_codec": "flac"}, {"-c:a": "flac"}),
        ("mkv", {"channels": 1, "sample_rate": 22050}, {"-ac": "1", "-ar": "22050"}),
        ("mkv", {"audio_codec": "vorbis", "audio_qscale": 0}, {"-q:a": "10"}),
        ("mp4", {"audio_qscale": 9}, {"-q:a": "0.2"}),
        ("mp4", {"audio_qscale": -1, "audio_bitrate": 64}, {"-b:a": "64k"}),
        ("mp4", {"video_codec": "copy", "audio_codec": "copy"}, {"-c:v": "copy", "-c:a": "copy"}),
        ("mp4", {"trim_start": "00:00:01", "trim_end": "3.5"}, {"-ss": "1", "-t": "2.5"}),
    ],
)
def test_video_options_reach_the_encoder(target, given, wanted):
    [command] = convert_video(work_for(target, **given))

    assert {key: value_of(command.argv, key) for key in wanted} == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, {"-q:a": "0"}),
        ({"audio_bitrate": 64}, {"-b:a": "64k"}),
        ({"audio_qscale": -1}, {"-b:a": "128k"}),
        ({"audio_qscale": 4, "audio_bitrate": 64}, {"-q:a": "4"}),
    ],
)
def test_an_mp3_has_a_variable_bitrate_unless_told_otherwise(given, wanted):
    [command] = convert_audio(work_for("mp3", **given))

    assert {key: value_of(command.argv, key) for key in wanted} == wanted


@pytest.mark.parametrize(
    ("target", "given", "sentence"),
    [
        ("mp4", {"video_codec": "copy", "width": 100}, "drop width"),
        ("mp4", {"video_codec": "copy", "subtitles_mode": "hard"}, "drop subtitles_mode hard"),
        ("mp4", {"audio_codec": "copy", "volume": 2}, "drop volume"),
        (
            "mp4",
            {"video_codec": "vp9", "tune": "film"},
            "The tune works with video_codec x264 and x265 only.",
        ),
        ("mp4", {"video_codec": "x265", "tune": "film"}, "x265 has no tune film"),
        ("mp4", {"video_codec": "x265", "profile": "baseline"}, "x265 has no profile baseline"),
        ("webm", {"audio_qscale": 2}, "The audio codec opus has no quality scale; use audio_bitrate."),
        ("mpeg", {"video_codec": "copy"}, "The file's h264 stream does not go into mpeg"),
        ("mpeg", {"fps": 15}, "mpeg2 has no 15 fps"),
        ("mp4", {"trim_start": "5"}, "at 4.00 seconds"),
        ("mp4", {"trim_start": "2", "trim_end": "1"}, "The trim_end must be later than the trim_start."),
        ("mp4", {"subtitles_mode": "hard"}, "There are no subtitles to draw"),
        ("mp4", {"subtitles_mode": "soft", "subtitles": "sub"}, "tasks named in subtitles have no file"),
        ("mp4", {"watermark_image": "logo"}, "named for the watermark's image has no file"),
        ("mp4", {"subtitles_mode": "copy", "subtitles_language": "fra"}, "no subtitles in the language fra"),
    ],
)
def test_what_cannot_be_is_refused_with_what_helps(target, given, sentence):
    with pytest.raises(ConversionFailed, match=sentence):
        convert_video(work_for(target, **given))


def test_a_codec_the_container_cannot_hold_is_refused_at_intake_and_at_run():
    with pytest.raises(OptionProblem, match="one of: vp9, vp8, av1, copy"):
        work_for("webm", video_codec="x264")

    work = work_for("webm")
    work.options["video_codec"] = "x264"  # type: ignore[index]
    with pytest.raises(ConversionFailed, match=r"does not go into webm\. Use one of: vp9, vp8, av1, copy"):
        convert_video(work)


def test_pictures_for_subtitles_are_refused_where_they_cannot_go():
    pictures = Media(video=VIDEO, subtitles=(Subtitles(index=2, position=0, codec="hdmv_pgs_subtitle"),))

    with pytest.raises(ConversionFailed, match="Use mkv"):
        convert_video(work_for("mp4", media=pictures, subtitles_mode="copy"))
    with pytest.raises(ConversionFailed, match="cannot be drawn"):
        convert_video(work_for("mp4", media=pictures, subtitles_mode="hard"))
    [command] = convert_video(work_for("mkv", media=pictures, subtitles_mode="copy"))
    assert value_of(command.argv, "-c:s:0") == "copy"


def test_a_missing_stream_is_named():
    with pytest.raises(ConversionFailed, match=r"The file has no audio stream\."):
        convert_audio(work_for("mp3", media=Media(video=VIDEO)))
    with pytest.raises(ConversionFailed, match=r"The file has no video stream\."):
        convert_video(work_for("mp4", media=Media(audio=Audio(index=0))))


def test_trims_of_formats_without_an_index_start_at_a_run_up():
    stream = Media(format="mpegts", duration=100.0, video=VIDEO)

    [command] = convert_video(work_for("mp4", media=stream, trim_start="50", trim_end="60"))

    argv = list(command.argv)
    assert argv[argv.index("-ss") + 1] == "30"
    assert argv[argv.index("-t") + 1] == "30"
    assert argv[argv.index("-i") :].count("-ss") == 1
    assert argv[argv.index("-ss", argv.index("-i")) + 1] == "20"


@pytest.mark.parametrize(
    ("size", "width", "height", "fit", "scale", "frame"),
    [
        ((320, 180), 160, None, "scale", (160, 90), (160, 90)),
        ((320, 180), None, 360, "scale", (640, 360), (640, 360)),
        ((320, 180), 100, 100, "scale", (100, 100), (100, 100)),
        ((320, 180), 100, 100, "max", (100, 56), (100, 56)),
        ((320, 180), 640, 640, "max", (320, 180), (320, 180)),
        ((320, 180), 640, None, "max", (320, 180), (320, 180)),
        ((320, 180), 100, 100, "crop", (178, 100), (100, 100)),
        ((320, 180), 100, 100, "pad", (100, 56), (100, 100)),
        ((320, 180), 101, 55, "scale", (102, 56), (102, 56)),
        ((321, 181), None, None, "scale", (322, 182), (322, 182)),
        ((180, 320), 100, 100, "crop", (100, 178), (100, 100)),
        ((4000, 10), 20, None, "scale", (20, 2), (20, 2)),
    ],
)
def test_geometry(size, width, height, fit, scale, frame):
    shape = ffmpeg_pictures.geometry(size, width=width, height=height, fit=fit)

    assert (shape.scale, shape.frame) == (scale, frame)


@pytest.mark.parametrize(
    ("streams", "seconds", "sentence"),
    [
        (
            [{"width": 100_000, "height": 100_000}],
            1,
            "is 100,000 x 100,000 pixels; at most 100,000,000 in all",
        ),
        ([{"width": 40_000, "height": 10}], 1, "32,768 a side"),
        ([{"width": 10, "height": 10}], 60 * 60 * 13, r"13\.0 hours long; at most 12\.0 are"),
        ([{"width": 10, "height": 10}] * 500, 1, "has 500 streams; at most 256"),
    ],
)
def test_what_claims_too_much_is_refused_after_the_probe(streams, seconds, sentence):
    found = [{"index": n, "codec_type": "video", **stream} for n, stream in enumerate(streams)]
    printed = json.dumps({"streams": found, "format": {"duration": f"{seconds}"}})

    with pytest.raises(FileTooLarge, match=sentence):
        ffmpeg_media.read(printed)


@pytest.mark.parametrize(
    ("text", "wanted"), [("83", 83), ("1:23", 83), ("01:00:02.5", 3602.5), ("00:00:00.04", 0.04)]
)
def test_positions_are_read(text, wanted):
    assert ffmpeg_command.seconds(text) == pytest.approx(wanted)


@pytest.mark.parametrize("text", ["soon", "-1", "1:2:3:4", "00:99", "1e3", "", "5;rm"])
def test_positions_that_cannot_be_meant_are_refused(text):
    [option] = [o for o in record("mp4").options if o.name == "trim_start"]

    with pytest.raises(OptionProblem):
        option.read(text)


@pytest.mark.parametrize(("given", "wanted"), [(90, 90), (-90, 270), ("450", 90), (360, 0)])
def test_rotate_takes_quarters(given, wanted):
    [option] = [o for o in record("mp4").options if o.name == "rotate"]

    assert option.read(given) == wanted
    with pytest.raises(OptionProblem):
        option.read(45)


def test_progress_is_what_ffmpeg_says_of_the_trimmed_length():
    work = work_for("mp4", trim_start="1", trim_end="3")
    [command] = convert_video(work)
    assert command.progress
    percent = command.progress()

    assert percent("out_time_us=500000") == (25, "Encoding 00:00 of 00:02")
    assert percent("out_time_us=9000000") == (99, "Encoding 00:02 of 00:02")
    assert percent("out_time_us=N/A") is None
    assert percent("  Duration: 00:00:04.00, start: 0.000000") is None
    assert percent("progress=end") == 100


def test_progress_of_an_unknown_length_tells_what_is_done():
    percent = ffmpeg_command.progress(None)

    assert percent("out_time_us=3661000000") == (0, "Encoding, 1:01:01 so far")
    assert percent("progress=end") == 100


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("[mov @ 0x1] moov atom not found\n/a/in.mp4: Invalid data found when processing input", OpenFailed),
        ("/a/in.mp4: Invalid data found when processing input", OpenFailed),
        ("[hls] Format not on whitelist 'mov'\nin.mp4: Invalid argument", OpenFailed),
        ("/a/in.srt: Invalid data found when processing input", ConversionFailed),
        ("/related/watermark_image/0: Invalid data found when processing input", ConversionFailed),
        ("av_interleaved_write_frame(): No space left on device", DiskFull),
        ("[webm] Only VP8 or VP9 or AV1 video and Vorbis", ConversionFailed),
    ],
)
def test_complaints_are_understood(words, kind):
    error = ffmpeg_words.explain(words)

    assert type(error) is kind
    assert "/" not in error.message


@pytest.mark.parametrize("ending", ["png", "docx", "srt"])
def test_what_comes_to_a_video_is_blamed_by_its_option(ending):
    subtitles = ffmpeg_words.explain(f"/related/subtitles/0.{ending}: Invalid argument")
    image = ffmpeg_words.explain(f"/related/watermark_image/0.{ending}: Invalid argument")

    assert "The subtitles could not" in subtitles.message
    assert "The watermark's image could not" in image.message


def test_other_words_are_not_explained():
    assert ffmpeg_words.explain("frame=1 all is well") is None


def test_thumbnails_are_spread_over_the_video():
    commands = ffmpeg.thumbnail(work_for("png", name="thumbnail", count=4))

    assert [value_of(c.argv, "-ss") for c in commands] == ["0.500", "1.500", "2.500", "3.500"]
    assert [path.name for path in commands[-1].outputs] == ["in-1.png", "in-2.png", "in-3.png", "in-4.png"]


def test_thumbnails_know_their_limits():
    unknown = Media(video=Video(index=0, width=10, height=10))

    with pytest.raises(ConversionFailed, match="one thumbnail only"):
        ffmpeg.thumbnail(work_for("png", name="thumbnail", media=unknown, count=2))
    with pytest.raises(ConversionFailed, match="behind the end"):
        ffmpeg.thumbnail(work_for("png", name="thumbnail", timestamp="00:01:00"))


def test_every_option_is_declared_once_per_record_and_defaults_are_readable():
    for operation in ffmpeg.OPERATIONS:
        names = [option.name for option in operation.options]
        assert len(names) == len(set(names))
        for option in operation.options:
            if option.default is not None:
                assert option.read(option.default) == option.default


# --- The real thing.

Run = Callable[..., list[Path]]

pytestmark = pytest.mark.needs("ffmpeg", "ffprobe")


@pytest.fixture
def context() -> RunContext:
    return RunContext()


@pytest.fixture
def run(tmp_path: Path, context: RunContext) -> Run:
    def run_it(source: Path, target: str, *, name: str = "convert", **given: Any) -> list[Path]:
        related = given.pop("related", {})
        kind = source.suffix.removeprefix(".")
        folder = tmp_path / "a job's [folder], 100%"
        folder.mkdir(exist_ok=True)
        (folder / source.name).unlink(missing_ok=True)
        placed = folder / f"in.{kind}"
        placed.unlink(missing_ok=True)
        shutil.copyfile(source, placed)
        output_dir = tmp_path / f"out: {len(list(tmp_path.iterdir()))}"
        output_dir.mkdir()
        operation = record(target, source=kind, name=name)
        work = Work(
            inputs=(placed,),
            output_dir=output_dir,
            input_format=kind,
            output_format=target or kind,
            options=options_of(operation, given),
            related=related,
        )
        return [output.path for output in operation.run(work, context).files]

    return run_it


def make(path: Path, *argv: str) -> Path:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *argv, path], check=True, cwd=path.parent)
    return path


def look(path: Path) -> dict[str, Any]:
    argv = ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-count_frames", "-of", "json", path]
    return json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)


def stream(path: Path, kind: str) -> dict[str, Any]:
    return next(s for s in look(path)["streams"] if s["codec_type"] == kind)


def size_of(path: Path) -> tuple[int, int]:
    found = stream(path, "video")
    return found["width"], found["height"]


def picture(path: Path, at: float = 0) -> Image.Image:
    shot = path.with_name(f"{path.name}-{at}.png")
    make(shot, "-i", f"{path}", "-ss", f"{at}", "-frames:v", "1", "-update", "1")
    return Image.open(shot).convert("RGB")


def lit(image: Image.Image) -> tuple[int, int, int, int] | None:
    """Return the box around what is not black."""
    return image.convert("L").point(lambda value: 255 * (value > 60)).getbbox()


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="session")
def clip(studio: Path) -> Path:
    """Two seconds of 320x180 at 25 fps with a stereo tone."""
    sound = ["-f", "lavfi", "-i", "sine=f=440:d=2,aformat=channel_layouts=stereo"]
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    return make(studio / "clip.mp4", "-f", "lavfi", "-i", "testsrc=s=320x180:r=25:d=2", *sound, *codecs)


@pytest.fixture(scope="session")
def dark(studio: Path) -> Path:
    """Two black seconds without sound."""
    return make(studio / "dark.mp4", "-f", "lavfi", "-i", "color=black:s=320x180:r=10:d=2", "-c:v", "libx264")


@pytest.fixture(scope="session")
def quadrants(studio: Path) -> Path:
    """A white upper left quarter on black."""
    box = "color=black:s=320x180:r=10:d=0.5,drawbox=w=160:h=90:color=white:t=fill"
    return make(studio / "quadrants.mp4", "-f", "lavfi", "-i", box, "-c:v", "libx264")


@pytest.fixture(scope="session")
def subtitles(studio: Path) -> Path:
    path = studio / "in.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\nHELLO\n")
    return path


@pytest.fixture(scope="session")
def film(studio: Path, dark: Path, subtitles: Path) -> Path:
    """A film with an English subtitle stream."""
    maps = ["-map", "0", "-map", "1", "-c:v", "copy", "-c:s", "srt", "-metadata:s:s:0", "language=eng"]
    return make(studio / "film.mkv", "-i", f"{dark}", "-i", f"{subtitles}", *maps)


VIDEO_CODECS = {
    "x264": "h264",
    "x265": "hevc",
    "mpeg2": "mpeg2video",
    "mpeg1": "mpeg1video",
    "copy": "h264",
}
AUDIO_CODECS = {"wma": "wmav2", "pcm": "pcm_s16le"}


@pytest.mark.parametrize("target", VIDEO_CONTAINERS)
def test_every_video_format_is_made_and_read_again(run, clip, target):
    container = VIDEO_CONTAINERS[target]

    [path] = run(clip, target)

    codec, sound = container.video[0], container.audio[0]
    assert stream(path, "video")["codec_name"] == VIDEO_CODECS.get(codec, codec)
    assert stream(path, "audio")["codec_name"] == AUDIO_CODECS.get(sound, sound)
    assert size_of(path) == (320, 180)
    assert int(stream(path, "video")["nb_read_frames"]) in range(48, 54)
    again = path.rename(path.with_name(f"again.{target}"))
    [back] = run(again, "mp4")
    assert float(look(back)["format"]["duration"]) == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("target", AUDIO_CONTAINERS)
def test_every_audio_format_is_made_and_read_again(run, clip, target):
    [path] = run(clip, target)

    codec = AUDIO_CODECS.get(AUDIO_CONTAINERS[target].audio[0], AUDIO_CONTAINERS[target].audio[0])
    found = look(path)["streams"]
    assert [s["codec_type"] for s in found] == ["audio"]
    assert found[0]["codec_name"] == {"aiff": "pcm_s16be", "au": "pcm_s16be"}.get(target, codec)
    again = path.rename(path.with_name(f"again.{target}"))
    [back] = run(again, "wav")
    assert float(look(back)["format"]["duration"]) == pytest.approx(2, abs=0.2)
    assert stream(back, "audio")["channels"] == 2


@pytest.mark.parametrize(
    ("target", "codec", "found"),
    [
        ("mp4", "x265", "hevc"),
        ("mp4", "av1", "av1"),
        ("mp4", "vp9", "vp9"),
        ("mkv", "theora", "theora"),
        ("avi", "mpeg4", "mpeg4"),
        ("webm", "vp8", "vp8"),
        ("mpeg", "mpeg1", "mpeg1video"),
        ("mkv", "copy", "h264"),
    ],
)
def test_video_codecs(run, clip, target, codec, found):
    [path] = run(clip, target, video_codec=codec, trim_end="0.5")

    assert stream(path, "video")["codec_name"] == found


def test_copy_into_a_format_that_cannot_hold_it_says_so(run, clip):
    with pytest.raises(ConversionFailed, match="another codec than copy"):
        run(clip, "webm", video_codec="copy")


@pytest.mark.parametrize(
    ("fit", "size", "box"),
    [
        # The white quarter shows what became of the picture.
        ("scale", (100, 100), (0, 0, 50, 50)),
        ("max", (100, 56), (0, 0, 50, 28)),
        ("crop", (100, 100), (0, 0, 50, 50)),
        ("pad", (100, 100), (0, 22, 50, 50)),
    ],
)
def test_every_fit(run, quadrants, fit, size, box):
    [path] = run(quadrants, "mp4", width=100, height=100, fit=fit, crf=1)

    assert size_of(path) == size
    assert lit(picture(path)) == pytest.approx(box, abs=2)


def test_crop_cuts_the_sides_and_keeps_the_shape(run, studio):
    bars = "color=black:s=320x180:r=10:d=0.3,drawbox=x=40:w=20:h=180:color=white:t=fill"
    source = make(studio / "bars.mp4", "-f", "lavfi", "-i", bars, "-c:v", "libx264")

    [path] = run(source, "mp4", width=180, height=180, fit="crop", crf=1)

    # 70 pixels are cut from the left, the bar at 40 to 60 with them.
    assert size_of(path) == (180, 180)
    assert lit(picture(path)) is None


@pytest.mark.parametrize(
    ("degrees", "size", "box"),
    [
        (90, (180, 320), (90, 0, 180, 160)),
        (180, (320, 180), (160, 90, 320, 180)),
        (270, (180, 320), (0, 160, 90, 320)),
    ],
)
def test_rotate_is_clockwise(run, quadrants, degrees, size, box):
    [path] = run(quadrants, "mp4", rotate=degrees, crf=1)

    assert size_of(path) == size
    assert lit(picture(path)) == pytest.approx(box, abs=2)


def test_a_phone_s_upright_video_stays_upright_and_is_measured_so(run, studio, quadrants):
    turn = ["-metadata:s:v:0", "rotate=90"]
    helped = subprocess.run(["ffmpeg", "-hide_banner", "-h", "full"], capture_output=True, check=True)
    before = []
    if b"-display_rotation" in helped.stdout:
        # Since ffmpeg 6 the tag makes no rotation any more.
        before, turn = ["-display_rotation:v:0", "90"], []
    phone = make(studio / "phone.mp4", *before, "-i", f"{quadrants}", "-c", "copy", *turn)

    [path] = run(phone, "mp4", width=90, fit="max")

    assert size_of(path) == (90, 160)


def test_an_odd_size_is_made_even_and_pixels_that_are_not_square_are_squared_on_resizing(run, studio):
    odd = make(
        studio / "odd.mkv",
        "-f",
        "lavfi",
        "-i",
        "testsrc=s=321x181:d=0.2",
        "-c:v",
        "ffv1",
        "-pix_fmt",
        "yuv444p",
    )
    wide = make(
        studio / "wide.mkv", "-f", "lavfi", "-i", "testsrc=s=180x144:d=0.2,setsar=2", "-c:v", "libx264"
    )

    assert size_of(run(odd, "mp4")[0]) == (322, 182)
    assert size_of(run(wide, "mp4", height=72)[0]) == (180, 72)
    kept = stream(run(wide, "mp4")[0], "video")
    assert (kept["width"], kept["sample_aspect_ratio"]) == (180, "2:1")
    assert Image.open(run(wide, "png", name="thumbnail")[0]).size == (360, 144)


def test_rate_quality_and_shape_options_change_the_file(run, clip):
    [path] = run(
        clip,
        "mp4",
        fps=10,
        keyframe_interval=5,
        profile="baseline",
        level="3.0",
        tune="zerolatency",
        preset="veryfast",
        aspect_ratio="4:3",
    )

    found = stream(path, "video")
    assert (found["avg_frame_rate"], found["nb_read_frames"]) == ("10/1", "20")
    assert (found["profile"], found["level"]) == ("Constrained Baseline", 30)
    assert found["display_aspect_ratio"] == "4:3"
    assert (found["pix_fmt"], found["has_b_frames"]) == ("yuv420p", 0)
    argv = [
        "ffprobe",
        "-v",
        "error",
        "-skip_frame",
        "nokey",
        "-show_entries",
        "frame=pict_type",
        "-select_streams",
    ]
    keys = subprocess.run([*argv, "v", "-of", "csv=p=0", path], check=True, capture_output=True, text=True)
    assert keys.stdout.count("I") == 4


@pytest.mark.parametrize("profile", ["high", "high10", "high422", "high444"])
def test_profiles(run, clip, profile):
    [path] = run(clip, "mp4", profile=profile, preset="ultrafast", trim_end="0.2")

    wanted = {"high": "Constrained Baseline", "high10": "High 10", "high422": "High 4:2:2"}
    found = stream(path, "video")["profile"]
    assert found in {wanted.get(profile), "High 4:4:4 Predictive" if profile == "high444" else "High"}


def test_crf_and_bitrate_rule_the_size(run, studio):
    noise = make(
        studio / "noise.mp4",
        *("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=4,noise=alls=30:allf=t"),
        *("-c:v", "libx264", "-crf", "10", "-preset", "ultrafast"),
    )

    [fine] = run(noise, "mp4", crf=20, preset="ultrafast")
    [coarse] = run(noise, "mp4", crf=40, preset="ultrafast")
    [steady] = run(noise, "mp4", video_bitrate=300, preset="veryfast")
    [capped] = run(noise, "mp4", video_bitrate=300, crf=15, preset="veryfast")

    assert coarse.stat().st_size * 3 < fine.stat().st_size
    assert int(stream(steady, "video")["bit_rate"]) == pytest.approx(300_000, rel=0.25)
    assert int(stream(capped, "video")["bit_rate"]) == pytest.approx(300_000, rel=0.4)


def test_sound_options_change_the_file(run, clip):
    [path] = run(clip, "mp4", channels=1, sample_rate=22050, audio_bitrate=32)

    found = stream(path, "audio")
    assert (found["channels"], found["sample_rate"]) == (1, "22050")
    assert int(found["bit_rate"]) == pytest.approx(32_000, rel=0.25)


def test_audio_none_drops_the_sound(run, clip):
    [path] = run(clip, "mp4", audio_codec="none", video_codec="copy")

    assert [s["codec_type"] for s in look(path)["streams"]] == ["video"]


def test_a_bitrate_and_a_quality_of_mp3(run, samples):
    [steady] = run(samples / "made_tone.wav", "mp3", audio_bitrate=64)
    [best] = run(samples / "made_tone.wav", "mp3", audio_qscale=0)
    [small] = run(samples / "made_tone.wav", "mp3", audio_qscale=9)

    assert int(stream(steady, "audio")["bit_rate"]) == pytest.approx(64_000, rel=0.05)
    assert small.stat().st_size < best.stat().st_size


def loudness(path: Path) -> float:
    argv = ["ffmpeg", "-hide_banner", "-i", path, "-af", "volumedetect", "-f", "null", "-"]
    words = subprocess.run(argv, check=True, capture_output=True, text=True).stderr
    return float(words.partition("mean_volume:")[2].split()[0])


def test_volume_is_a_factor(run, clip):
    [plain] = run(clip, "wav")
    [half] = run(clip, "wav", volume=0.5)

    assert loudness(plain) - loudness(half) == pytest.approx(6.02, abs=0.1)


def test_surround_goes_into_opus(run, studio):
    surround = make(
        studio / "surround.ac3", "-f", "lavfi", "-i", "anullsrc=cl=5.1(side):d=0.3", "-c:a", "ac3"
    )

    [path] = run(surround, "opus")

    assert stream(path, "audio")["channels"] == 6


def test_a_sample_rate_the_codec_does_not_know_is_explained(run, clip):
    with pytest.raises(ConversionFailed, match="sample_rate"):
        run(clip, "opus", sample_rate=44100)


def test_titles_travel_from_ogg_to_mp3(run, samples, studio):
    source = make(
        studio / "titled.ogg", "-i", f"{samples / 'made_tone.wav'}", "-metadata", "title=Steady fire"
    )

    [path] = run(source, "mp3")

    assert look(path)["format"]["tags"]["title"] == "Steady fire"


@pytest.mark.parametrize("source", ["mp4", "ts"])
def test_trims_are_exact(run, clip, studio, source):
    kept = clip if source == "mp4" else make(studio / "clip.ts", "-i", f"{clip}", "-c", "copy")

    [path] = run(kept, "mkv", trim_start="0.6", trim_end="00:00:01.4", audio_codec="pcm")

    assert float(look(path)["format"]["duration"]) == pytest.approx(0.8, abs=0.06)
    assert int(stream(path, "video")["nb_read_frames"]) in range(19, 23)
    before = picture(clip, 0.6)
    assert max(ImageStat.Stat(ImageChops.difference(before, picture(path))).mean) < 12


def test_audio_is_trimmed(run, samples):
    [path] = run(samples / "made_tone.mp3", "wav", trim_start="1", trim_end="1.5")

    assert float(look(path)["format"]["duration"]) == pytest.approx(0.5, abs=0.01)


def shown(srt: str) -> tuple[float, float]:
    """Return from when to when the first subtitle shows; encoders of sound begin a blink before zero."""
    start, _, end = srt.splitlines()[1].replace(",", ".").partition(" --> ")
    return ffmpeg_command.seconds(start), ffmpeg_command.seconds(end)


@pytest.mark.parametrize(("target", "codec"), [("mp4", "mov_text"), ("mkv", "subrip"), ("webm", "webvtt")])
def test_soft_subtitles_become_a_stream_with_a_language(run, clip, subtitles, target, codec):
    [path] = run(
        clip,
        target,
        subtitles_mode="soft",
        subtitles=["sub"],
        subtitles_language="deu",
        related={"subtitles": (subtitles,)},
    )

    found = stream(path, "subtitle")
    assert (found["codec_name"], found["tags"]["language"]) == (codec, "deu")
    srt = make(path.with_suffix(".srt"), "-i", f"{path}").read_text()
    assert shown(srt) == pytest.approx((1, 2), abs=0.05)
    assert "HELLO" in srt


def test_soft_subtitles_follow_a_trim(run, clip, subtitles):
    [path] = run(clip, "mkv", subtitles_mode="soft", trim_start="0.5", related={"subtitles": (subtitles,)})

    srt = make(path.with_suffix(".srt"), "-i", f"{path}").read_text()
    assert shown(srt) == pytest.approx((0.5, 1.5), abs=0.05)


@pytest.mark.parametrize(("mode", "count"), [("none", 0), ("copy", 1), ("soft", 1)])
@pytest.mark.parametrize("target", ["mkv", "mp4"])
def test_a_film_s_own_subtitles_are_kept_when_asked(run, film, target, mode, count):
    [path] = run(film, target, subtitles_mode=mode)

    found = [s for s in look(path)["streams"] if s["codec_type"] == "subtitle"]
    assert len(found) == count
    assert all(s["tags"]["language"] == "eng" for s in found)


@pytest.mark.parametrize("own", [True, False])
def test_hard_subtitles_are_drawn_when_they_are_due(run, dark, film, subtitles, own):
    related = {} if own else {"subtitles": (subtitles,)}

    [path] = run(film if own else dark, "mp4", subtitles_mode="hard", related=related)

    assert lit(picture(path, 0.3)) is None
    left, top, right, _ = lit(picture(path, 1.3))
    assert top > 90
    assert left < 160 < right
    assert [s["codec_type"] for s in look(path)["streams"]] == ["video"]


def test_hard_subtitles_follow_a_trim(run, dark, subtitles):
    [path] = run(dark, "mp4", subtitles_mode="hard", trim_start="0.8", related={"subtitles": (subtitles,)})

    assert lit(picture(path, 0)) is None
    assert lit(picture(path, 0.4))
    assert float(look(path)["format"]["duration"]) == pytest.approx(1.2, abs=0.11)


def test_subtitles_that_are_none_are_refused(run, dark, studio):
    for number, text in enumerate(["not subtitles at all\n", "#EXTM3U\n#EXTINF:1\n/etc/passwd\n"]):
        bad = studio / f"in-{number}.srt"
        bad.write_text(text)
        with pytest.raises(ConversionFailed, match="subtitles could not be read"):
            run(dark, "mp4", subtitles_mode="hard", related={"subtitles": (bad,)})


WHITE = {"watermark_font_color": "#fff", "watermark_font_size": 20, "crf": 1}


@pytest.mark.parametrize(
    ("horizontal", "vertical", "edge"),
    [("left", "top", 0), ("right", "top", 2), ("left", "bottom", 3), ("center", "center", None)],
)
def test_a_text_watermark_lies_where_it_should(run, dark, horizontal, vertical, edge):
    [path] = run(
        dark,
        "mp4",
        watermark_text="ATHANOR",
        watermark_position_horizontal=horizontal,
        watermark_position_vertical=vertical,
        watermark_margin_horizontal=30,
        watermark_margin_vertical=10,
        **WHITE,
    )

    left, top, right, bottom = lit(picture(path))
    distances = {"left": left - 30, "right": 320 - 30 - right, "center": (left + right) / 2 - 160}
    assert abs(distances[horizontal]) <= 3
    distances = {"top": top - 10, "bottom": 180 - 10 - bottom, "center": (top + bottom) / 2 - 90}
    assert abs(distances[vertical]) <= 3


def font_file(pattern: str) -> str:
    argv = ["fc-match", "-f", "%{file}", pattern]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def written(text: str, font: str, *, size: int = 20) -> Image.Image:
    """Return a text written amid a picture by another program, each line by itself."""
    face = ImageFont.truetype(font_file(font), size)
    sheet = Image.new("L", (640, 360))
    for number, line in enumerate(text.splitlines()):
        ImageDraw.Draw(sheet).text((100, 100 + 1.2 * size * number), line, fill=255, font=face)
    ink = sheet.crop(sheet.getbbox())
    page = Image.new("L", (320, 180))
    page.paste(ink, (round((320 - ink.width) / 2), round((180 - ink.height) / 2)))
    return page.convert("RGB")


def assert_alike(got: Image.Image, wanted: Image.Image) -> None:
    """Compare texts; programs place letters a fraction of a pixel apart."""
    assert lit(got) == pytest.approx(lit(wanted), abs=4)
    soft = [each.filter(ImageFilter.GaussianBlur(3)) for each in (got, wanted)]
    assert max(ImageStat.Stat(ImageChops.difference(*soft)).mean) < 1.5


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("Arial", "Arial"),
        ("Arial Bold Italic", "Arial:bold:italic"),
        ("Times New Roman Bold", "Times New Roman:bold"),
        ("Courier New", "Courier New"),
        ("Impact", "Liberation Sans Narrow:bold"),
    ],
)
def test_a_watermark_has_the_font_asked_for(run, dark, name, pattern):
    [path] = run(dark, "mp4", watermark_text="ATHANOR", watermark_font_name=name, trim_end="0.2", **WHITE)

    assert_alike(picture(path), written("ATHANOR", pattern))


NASTY = [
    "50% off: it's 12:30",
    "%{pts} %{localtime} %%",
    r"back\slash \n \: \'",
    "a,b;[c]{d}=e@f#g|h",
    "'quoted' \"double\" `ticks` $HOME",
    "two\nlines",
    "Grüße — <b>&amp;</b>",
    "text=x:fontsize=90",
]


@pytest.mark.parametrize("text", NASTY)
def test_a_watermark_s_text_is_data(run, dark, text):
    """Draw it with another program, and compare."""
    [path] = run(dark, "mp4", watermark_text=text, trim_end="0.2", **WHITE)

    assert_alike(picture(path), written(text, "Helvetica"))


def test_letters_that_the_font_lacks_come_from_others(run, dark):
    [path] = run(dark, "mp4", watermark_text="日本", trim_end="0.2", **WHITE)

    left, top, right, bottom = lit(picture(path))
    assert right - left == pytest.approx(40, abs=5)
    assert bottom - top == pytest.approx(18, abs=3)


def test_a_text_can_be_as_wide_as_asked_in_colour_and_half_clear(run, dark):
    [path] = run(
        dark,
        "mp4",
        watermark_text="WIDE",
        watermark_font_width_percent=50,
        watermark_font_color="red",
        watermark_font_name="Arial Bold",
        watermark_opacity=60,
        crf=1,
    )

    for at in (0, 1.5):
        image = picture(path, at)
        left, _, right, _ = image.getchannel("R").point(lambda value: 255 * (value > 60)).getbbox()
        assert right - left == pytest.approx(160, abs=8)
        red, green, blue = (image.getchannel(name).getextrema()[1] for name in "RGB")
        assert red == pytest.approx(153, abs=12)
        assert max(green, blue) < 50


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "svg"])
def test_an_image_watermark_has_the_size_place_and_opacity_asked_for(run, dark, studio, kind):
    logo = studio / f"in-3.{kind}"
    if kind == "svg":
        body = '<rect width="40" height="20" fill="white"/>'
        logo.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">{body}</svg>')
    else:
        Image.new("RGB", (40, 20), "white").save(logo)

    [path] = run(
        dark,
        "mp4",
        watermark_image="logo",
        watermark_image_width_percent=25,
        watermark_opacity=50,
        watermark_position_vertical="bottom",
        watermark_position_horizontal="right",
        watermark_margin_vertical=10,
        crf=1,
        related={"watermark_image": (logo,)},
    )

    image = picture(path, 1.5)
    assert lit(image) == pytest.approx((320 - 25 - 80, 180 - 10 - 40, 320 - 25, 180 - 10), abs=2)
    assert image.getpixel((255, 150))[0] == pytest.approx(127, abs=12)


def test_an_image_that_is_none_is_refused(run, dark, studio):
    bad = studio / "in-9.png"
    bad.write_bytes(b"nothing like a picture")

    with pytest.raises(ConversionFailed, match="watermark's image could not be read"):
        run(dark, "mp4", watermark_image="logo", related={"watermark_image": (bad,)})


def test_a_gif_has_the_frames_size_and_colours_of_the_video(run, clip, context):
    [path] = run(clip, "gif", width=160, fps=5, trim_end="1")

    image = Image.open(path)
    assert (image.size, image.n_frames, image.info["loop"]) == ((160, 90), 5, 0)
    assert image.info["duration"] == 200
    difference = ImageChops.difference(image.convert("RGB"), picture(clip).resize((160, 90)))
    assert max(ImageStat.Stat(difference).mean) < 20
    assert context.percents == sorted(context.percents)
    assert context.percents[-1] == 100


@pytest.mark.parametrize(("target", "codec"), [("mp4", "h264"), ("webm", "vp9")])
def test_a_gif_becomes_a_video(run, samples, target, codec):
    source = samples / "made_anim.gif"

    [path] = run(source, target)

    found = stream(path, "video")
    assert (found["codec_name"], found["pix_fmt"]) == (codec, "yuv420p")
    assert abs(int(found["nb_read_frames"]) - Image.open(source).n_frames) <= 1


@pytest.mark.parametrize(("target", "name"), [("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP")])
@pytest.mark.parametrize(
    ("fit", "size"), [("max", (100, 56)), ("crop", (100, 100)), ("scale", (100, 100)), (None, (320, 180))]
)
def test_thumbnails_fit(run, clip, target, name, fit, size):
    wanted = {"width": 100, "height": 100, "fit": fit} if fit else {"width": 5000}

    [path] = run(clip, target, name="thumbnail", **wanted)

    image = Image.open(path)
    assert (path.name, image.format, image.size) == (f"in.{target}", name, size)


def test_thumbnails_show_different_moments(run, clip):
    paths = run(clip, "png", name="thumbnail", count=3)

    assert [path.name for path in paths] == ["in-1.png", "in-2.png", "in-3.png"]
    for path, moment in zip(paths, (0.333, 1.0, 1.667), strict=True):
        difference = ImageChops.difference(Image.open(path).convert("RGB"), picture(clip, moment))
        assert max(ImageStat.Stat(difference).mean) < 3


def test_a_timestamp_chooses_the_moment_to_the_last_frame(run, clip):
    for text, moment in (("00:00:00.5", 0.5), ("1.99", 1.95)):
        [path] = run(clip, "png", name="thumbnail", timestamp=text)
        difference = ImageChops.difference(Image.open(path).convert("RGB"), picture(clip, moment))
        assert max(ImageStat.Stat(difference).mean) < 3


def test_a_stream_without_an_index_has_thumbnails(run, clip, studio):
    source = make(studio / "shots.ts", "-i", f"{clip}", "-c", "copy")

    assert len(run(source, "jpg", name="thumbnail", count=3)) == 3


def test_progress_rises_to_the_end(run, clip, context):
    run(clip, "mp4", preset="ultrafast")

    assert context.percents == sorted(context.percents)
    assert context.percents[-1] == 100
    [program, *_] = context.recorded[-1][0]
    assert program == "ffmpeg"


# --- Files that are not what they say.


def test_damaged_files_cannot_be_opened(run, clip, studio):
    whole = clip.read_bytes()
    broken = {
        "truncated.mp4": whole[: len(whole) // 2],
        "noise.mp4": bytes(range(256)) * 200,
        "words.mp4": b"This is a letter, not a film.\n" * 50,
        "words.mp3": b"This is a letter, not a song.\n" * 50,
        "zeroes.mkv": bytes(10_000),
    }
    for name, content in broken.items():
        path = studio / name
        path.write_bytes(content)
        with pytest.raises(OpenFailed):
            run(path, "wav")


def test_a_codec_nobody_knows_is_named_as_the_cause(run, clip, studio):
    path = studio / "unknown.mp4"
    path.write_bytes(clip.read_bytes().replace(b"avc1", b"zzzz"))

    for target, name in (("webm", "convert"), ("png", "thumbnail")):
        with pytest.raises(OpenFailed, match="codec that is not known here"):
            run(path, target, name=name)
    assert stream(run(path, "mp3")[0], "audio")["codec_name"] == "mp3"


@pytest.mark.parametrize(
    ("kind", "target", "text"),
    [("wav", "mp3", None), ("vtt", "srt", "WEBVTT\n\n")],
)
def test_what_holds_nothing_is_refused(run, studio, kind, target, text):
    path = studio / f"nothing.{kind}"
    if text:
        path.write_text(text)
    else:
        make(path, "-f", "lavfi", "-i", "anullsrc", "-t", "0")

    with pytest.raises(ConversionFailed, match="nothing in the file"):
        run(path, target)


@pytest.mark.parametrize(("target", "name"), [("gif", "convert"), ("webp", "convert"), ("png", "thumbnail")])
def test_a_video_of_one_frame_has_pictures(run, studio, target, name):
    source = make(studio / "one.mp4", "-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1")

    [path, *_] = run(source, target, name=name, **({"vtt": True} if name == "thumbnail" else {}))

    assert Image.open(path).convert("RGB").getpixel((30, 30))[0] > 200


def test_half_a_film_gives_half_a_film(run, clip, studio):
    whole = make(studio / "whole.mkv", "-i", f"{clip}", "-c", "copy").read_bytes()
    path = studio / "half.mkv"
    path.write_bytes(whole[: len(whole) // 2])

    [made] = run(path, "mp4")

    assert 0.5 < float(look(made)["format"]["duration"]) < 1.6


def test_an_empty_file_is_refused(run, studio):
    path = studio / "empty.mp4"
    path.touch()

    with pytest.raises(EmptyFile):
        run(path, "mp4")


@pytest.mark.parametrize("kind", ["hls", "concat", "sdp", "dash"])
def test_playlists_are_never_followed(run, studio, clip, context, kind):
    texts = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2,\nfile://{clip}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{clip}'\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "dash": f'<?xml version="1.0"?><MPD><Period><BaseURL>file://{clip}</BaseURL></Period></MPD>',
    }
    path = studio / f"list-{kind}.mp4"
    path.write_text(texts[kind])

    with pytest.raises(OpenFailed):
        run(path, "mp4")
    assert len(context.recorded) == 1


def test_an_image_called_video_is_refused(run, studio):
    path = studio / "image.mp4"
    Image.new("RGB", (20, 20)).save(path, format="PNG")

    with pytest.raises(OpenFailed):
        run(path, "mp4")


def test_a_video_without_sound_has_none_to_give(run, dark):
    with pytest.raises(ConversionFailed, match=r"The file has no audio stream\."):
        run(dark, "mp3")


def test_a_cover_is_no_video(run, samples, studio):
    cover = studio / "cover.jpg"
    Image.new("RGB", (60, 60), "red").save(cover)
    source = make(
        studio / "song.mp4",
        *("-i", f"{samples / 'made_tone.mp3'}", "-i", f"{cover}", "-map", "0:a", "-map", "1:v"),
        *("-c:a", "aac", "-c:v", "mjpeg", "-disposition:v:0", "attached_pic"),
    )

    with pytest.raises(ConversionFailed, match=r"The file has no video stream\."):
        run(source, "webm")
    assert stream(run(source, "mp3")[0], "audio")["codec_name"] == "mp3"


def test_a_stopped_run_ends(run, clip, context):
    context.stopped = "cancelled"

    with pytest.raises(Stopped):
        run(clip, "mp4")


# --- Depth and dynamic range.

PQ = {"color_transfer": "smpte2084", "color_primaries": "bt2020", "color_space": "bt2020nc"}
BRIGHT = Video(
    index=0,
    width=320,
    height=180,
    codec="hevc",
    duration=4.0,
    pixels="yuv420p10le",
    transfer="smpte2084",
    primaries="bt2020",
    matrix="bt2020nc",
    light=("master-display=G(1,2)B(3,4)R(5,6)WP(7,8)L(10,1)", "max-cll=1000,400"),
)


@pytest.mark.parametrize(
    ("pixels", "deep"),
    [
        ("yuv420p10le", True),
        ("p010le", True),
        ("yuv444p12be", True),
        ("gbrp10le", True),
        ("rgb48be", True),
        ("gray16le", True),
        ("yuva444p10le", True),
        ("yuv420p", False),
        ("rgb565le", False),
        ("bgr555be", False),
        ("nv12", False),
        ("", False),
    ],
)
def test_more_than_eight_bits_are_known_by_the_pixel_format(pixels, deep):
    assert Video(index=0, width=2, height=2, pixels=pixels).is_deep == deep


def test_the_brightness_of_the_screen_a_video_was_made_on_is_told_in_the_encoder_s_words():
    places = {
        "red": (34000, 16000),
        "green": (13250, 34500),
        "blue": (7500, 3000),
        "white_point": (15635, 16450),
    }
    screen = {
        f"{name}_{axis}": f"{value}/50000"
        for name, at in places.items()
        for axis, value in zip("xy", at, strict=True)
    }
    side_data = [
        {"side_data_type": "Mastering display metadata", **screen, "min_luminance": "50/10000"}
        | {"max_luminance": "10000000/10000"},
        {"side_data_type": "Content light level metadata", "max_content": 1000, "max_average": 400},
        {"side_data_type": "Mastering display metadata", "red_x": "1/0"},
    ]
    stream = {"index": 0, "codec_type": "video", "width": 2, "height": 2, "side_data_list": side_data, **PQ}

    video = ffmpeg_media.read(json.dumps({"streams": [stream]}))[ffmpeg_media.MEDIA].video

    screen = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    assert video.light == (f"master-display={screen}", "max-cll=1000,400")
    assert (video.is_bright, video.primaries, video.matrix) == (True, "bt2020", "bt2020nc")


@pytest.mark.parametrize(
    ("target", "given", "pixels", "toned"),
    [
        ("mp4", {"video_codec": "x265"}, "yuv420p10le", False),
        ("webm", {}, "yuv420p10le", False),
        ("mp4", {"video_codec": "av1"}, "yuv420p10le", False),
        ("mp4", {"profile": "high10"}, "yuv420p10le", False),
        ("mp4", {}, "yuv420p", True),
        ("mp4", {"video_codec": "x265", "profile": "main"}, "yuv420p", True),
        ("webm", {"video_codec": "vp8"}, "yuv420p", True),
    ],
)
def test_a_high_dynamic_range_is_kept_or_brought_down(target, given, pixels, toned):
    [command] = convert_video(work_for(target, media=Media(duration=4.0, video=BRIGHT), **given))

    assert value_of(command.argv, "-pix_fmt") == pixels
    assert ("tonemap" in " ".join(command.argv)) == toned


def test_the_screen_s_brightness_goes_into_x265_s_stream():
    [command] = convert_video(
        work_for("mkv", media=Media(duration=4.0, video=BRIGHT), video_codec="x265", level="5.1")
    )

    parameters = "log-level=warning:level-idc=5.1:" + ":".join(BRIGHT.light)
    assert value_of(command.argv, "-x265-params") == parameters


@pytest.fixture(scope="session")
def bright(studio: Path) -> Path:
    """Half a second of HDR10: white at 203 candelas, as a page of paper has."""
    # PQ codes 203 candelas as 58 percent.
    level = round(64 + 0.58 * 876)
    picture = f"color=black:s=320x180:r=10:d=0.5,format=yuv420p10le,geq=lum={level}:cb=512:cr=512"
    tags = ["-color_trc", "smpte2084", "-color_primaries", "bt2020", "-colorspace", "bt2020nc"]
    screen = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    parameters = f"log-level=error:lossless=1:master-display={screen}:max-cll=1000,400"
    coded = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", parameters]
    return make(studio / "bright.mkv", "-f", "lavfi", "-i", picture, *tags, *coded)


@pytest.mark.parametrize(
    ("target", "codec", "profile"),
    [
        ("mp4", "x265", "Main 10"),
        ("mp4", "av1", "Main"),
        ("webm", "vp9", "Profile 2"),
        ("mkv", "x265", "Main 10"),
    ],
)
def test_hdr10_stays_what_it_is(run, bright, target, codec, profile):
    [path] = run(bright, target, video_codec=codec, preset="ultrafast", watermark_text="x", fps=5)

    found = stream(path, "video")
    assert (found["pix_fmt"], found["profile"]) == ("yuv420p10le", profile)
    assert {key: found[key] for key in PQ} == PQ


@pytest.mark.parametrize(("target", "name"), [("mp4", "convert"), ("gif", "convert"), ("png", "thumbnail")])
def test_hdr10_looks_right_where_it_cannot_stay(run, bright, target, name):
    [path] = run(bright, target, name=name)

    # Untouched, its paper would be a middle grey of 148.
    assert min(picture(path).getpixel((100, 90))) > 165
    if target == "mp4":
        found = stream(path, "video")
        assert found["pix_fmt"] == "yuv420p"
        assert {found[key] for key in PQ} == {"bt709"}


@pytest.mark.parametrize(("target", "name"), [("gif", "convert"), ("png", "thumbnail")])
def test_hdr10_becomes_images_with_odd_sides(run, bright, target, name):
    [path] = run(bright, target, name=name, width=200)

    assert Image.open(path).size == (200, 113)
    assert min(picture(path).getpixel((100, 90))) > 165


def test_ten_bits_of_the_usual_range_are_kept_where_they_can_be(run, studio):
    source = make(
        studio / "deep.mov",
        *(
            "-f",
            "lavfi",
            "-i",
            "testsrc=s=320x180:r=10:d=0.3",
            "-c:v",
            "prores_ks",
            "-pix_fmt",
            "yuv422p10le",
        ),
    )

    assert (
        stream(run(source, "mkv", video_codec="x265", preset="ultrafast")[0], "video")["pix_fmt"]
        == "yuv420p10le"
    )
    assert stream(run(source, "mkv")[0], "video")["pix_fmt"] == "yuv420p"
    assert Image.open(run(source, "png", name="thumbnail")[0]).mode == "RGB"


# --- The watermark operation.


def test_a_marked_video_is_the_same_but_for_the_mark(run, studio, clip, subtitles):
    font = ["-attach", f"{subtitles}", "-metadata:s:t", "mimetype=text/plain"]
    two = ["-i", f"{clip}", "-i", f"{clip}", "-i", f"{subtitles}", "-map", "0", "-map", "1:a", "-map", "2"]
    source = make(
        studio / "two.mkv", *two, "-c:a:0", "aac", "-c:a:1", "flac", "-c:v", "copy", "-c:s", "srt", *font
    )

    [path] = run(
        source, "", name="watermark", text="HERE", position_vertical="top", font_color="#fff", font_size=30
    )

    found = look(path)["streams"]
    kinds = {s.get("codec_name", s["codec_type"]) for s in found}
    assert kinds == {"h264", "aac", "flac", "subrip", "attachment"}
    difference = ImageChops.difference(picture(source), picture(path))
    _, top, _, bottom = lit(difference)
    assert top >= 23
    assert bottom <= 60
    rest = difference.crop((0, 70, 320, 180))
    assert max(ImageStat.Stat(rest).mean) < 2
    assert path.name == "in.mkv"


@pytest.mark.parametrize(
    ("source", "codec"),
    [("webm", "vp9"), ("avi", "mpeg4"), ("mpeg", "mpeg2video"), ("wmv", "wmv2"), ("ogv", "theora")],
)
def test_a_marked_video_keeps_its_codecs(run, clip, source, codec):
    [made] = run(clip, source, trim_end="0.4", **({"video_codec": codec} if codec == "mpeg4" else {}))
    kept = made.rename(made.with_name(f"kept.{source}"))
    sound = stream(kept, "audio")["codec_name"]

    [path] = run(kept, "", name="watermark", text="HERE")

    assert stream(path, "video")["codec_name"] == codec
    assert stream(path, "audio")["codec_name"] == sound


def test_a_mark_can_be_turned_and_its_lines_aligned(run, dark):
    level = {"text": "MMMMMMMM", "font_color": "#fff", "font_size": 20}
    [flat] = run(dark, "", name="watermark", **level)
    [upright] = run(dark, "", name="watermark", rotation=90, **level)
    lines = {**level, "text": "MMMMMMMM\nI", "font_align": "right"}
    [right] = run(dark, "", name="watermark", **lines)

    wide, high = lit(picture(flat)), lit(picture(upright))
    assert wide[2] - wide[0] == pytest.approx(high[3] - high[1], abs=3)
    assert wide[3] - wide[1] == pytest.approx(high[2] - high[0], abs=3)
    whole = picture(right)
    below = whole.crop((0, 95, 320, 180))
    assert lit(below)[2] == pytest.approx(lit(whole)[2], abs=4)
    assert lit(below)[0] > 200


def test_an_image_marks_a_video(run, dark, studio):
    logo = studio / "in-5.png"
    Image.new("RGBA", (40, 20), (255, 255, 255, 255)).save(logo)

    [path] = run(
        dark,
        "",
        name="watermark",
        image="logo",
        position_horizontal="left",
        margin_horizontal=7,
        related={"image": (logo,)},
    )

    assert lit(picture(path)) == pytest.approx((7, 80, 47, 100), abs=2)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"watermark_text": "x", "watermark_font_color": "blurple"}, "blurple is not a colour"),
        ({"watermark_text": " \n "}, "nothing in it that could be seen"),
        ({"watermark_text": "x" * 900, "watermark_font_size": 200}, "too long for its font size"),
    ],
)
def test_a_text_that_cannot_be_drawn_is_refused(given, sentence):
    with pytest.raises(ConversionFailed, match=sentence):
        convert_video(work_for("mp4", **given))


def test_nothing_lies_below_a_video():
    with pytest.raises(OptionProblem, match="must be one of: above"):
        options_of(record("", name="watermark"), {"layer": "below"})


# --- Thumbnails that show something, covers, and sheets.


def test_a_black_moment_is_passed_by_unless_it_was_asked_for(run, studio):
    halves = "color=black:s=320x180:r=10:d=3[a];color=red:s=320x180:r=10:d=1[b];[a][b]concat"
    source = make(studio / "halves.mp4", "-filter_complex", halves, "-c:v", "libx264")

    [shown] = run(source, "png", name="thumbnail")
    [asked] = run(source, "png", name="thumbnail", timestamp="2")

    assert Image.open(shown).getpixel((5, 5))[0] > 200
    assert max(Image.open(asked).getpixel((5, 5))) < 10


def test_a_video_that_is_all_black_has_a_black_thumbnail(run, dark):
    [path] = run(dark, "jpg", name="thumbnail", width=40)

    assert lit(Image.open(path)) is None


@pytest.fixture(scope="session")
def song(studio: Path) -> Path:
    cover = studio / "cover-of-song.png"
    Image.new("RGB", (300, 200), "red").save(cover)
    maps = [
        "-map",
        "0",
        "-map",
        "1",
        "-c:v",
        "copy",
        "-c:a",
        "libmp3lame",
        "-disposition:v:0",
        "attached_pic",
    ]
    return make(studio / "song.mp3", "-f", "lavfi", "-i", "sine=d=0.3", "-i", f"{cover}", *maps)


@pytest.mark.parametrize("target", ["png", "jpg", "webp"])
def test_a_song_s_thumbnail_is_its_cover(run, song, target):
    [path] = run(song, target, name="thumbnail", width=100, height=100, fit="crop", count=3)

    image = Image.open(path).convert("RGB")
    assert image.size == (100, 100)
    assert image.getpixel((50, 50))[0] > 240


def test_a_song_without_a_cover_has_no_thumbnail(run, samples):
    with pytest.raises(ConversionFailed, match="neither pictures nor a cover"):
        run(samples / "made_tone.mp3", "png", name="thumbnail")


@pytest.mark.parametrize(
    ("duration", "wanted", "number", "seconds", "count"),
    [
        (4, 1, 4, 1.0, 1),
        (4, 2, 2, 2.0, 1),
        (0.4, 1, 1, 1.0, 1),
        (60, 1, 60, 1.0, 1),
        (600, 1, 100, 6.0, 1),
        (3600, 1, 360, 10.0, 4),
        (36_000, 1, 720, 50.0, 8),
        (100, 100, 100, 1.0, 1),
    ],
)
def test_how_many_pictures_a_sheet_has(duration, wanted, number, seconds, count):
    layout = ffmpeg_sprites.sheets(duration, (160, 90), wanted=wanted)

    assert (layout.number, layout.seconds, layout.count) == (number, pytest.approx(seconds), count)


def test_sheets_of_large_pictures_stay_readable():
    layout = ffmpeg_sprites.sheets(100, (4000, 3000), wanted=100)

    assert (layout.across, layout.down, layout.count) == (4, 5, 5)


def test_cues_tell_where_each_picture_is():
    layout = ffmpeg_sprites.sheets(3.5, (100, 50), wanted=1)
    small = replace(layout, across=2, down=1)

    assert list(ffmpeg_sprites.cues(small, ["a b-1.jpg", "a b-2.jpg"], 3.5)) == [
        "WEBVTT\n",
        "00:00:00.000 --> 00:00:01.000",
        "a%20b-1.jpg#xywh=0,0,100,50\n",
        "00:00:01.000 --> 00:00:02.000",
        "a%20b-1.jpg#xywh=100,0,100,50\n",
        "00:00:02.000 --> 00:00:03.000",
        "a%20b-2.jpg#xywh=0,0,100,50\n",
        "00:00:03.000 --> 00:00:03.500",
        "a%20b-2.jpg#xywh=100,0,100,50\n",
    ]


def test_a_film_s_sheets_are_of_keyframes_and_named_as_they_are_published():
    film = Media(duration=7200.0, video=replace(VIDEO, duration=7200.0))
    work = replace(work_for("jpg", name="thumbnail", media=film, vtt=True), names=("My film.mp4",))

    *written, command = ffmpeg_thumbnail.thumbnail(work)

    assert value_of(command.argv, "-skip_frame") == "nokey"
    assert [path.name for path in command.outputs][:2] == ["in-1.jpg", "in-2.jpg"]
    assert len(command.outputs) == 8
    assert command.beside == (Path("/job/out/in.vtt"),)
    text = b"".join(each.stdin for each in written).decode()
    assert all(len(each.stdin) < 64 * 1024 for each in written)
    assert text.count("-->") == 720
    assert "My%20film-8.jpg#xywh=" in text


COLOURS = ("red", "lime", "blue", "yellow", "white", "fuchsia")


@pytest.mark.parametrize("kind", ["mp4", "ts"])
@pytest.mark.parametrize("count", [1, 2])
def test_each_cue_shows_what_is_seen_then(run, studio, kind, count):
    inputs = "".join(f"color={name}:s=320x180:r=10:d=1[{n}];" for n, name in enumerate(COLOURS))
    joined = "".join(f"[{n}]" for n in range(len(COLOURS)))
    source = make(
        studio / f"colours.{kind}",
        *("-filter_complex", f"{inputs}{joined}concat=n={len(COLOURS)}", "-c:v", "libx264", "-g", "7"),
    )

    sheet, track = run(source, "png", name="thumbnail", vtt=True, width=80, count=count)

    image = Image.open(sheet).convert("RGB")
    cues = re.findall(r"(\S+) --> (\S+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)", track.read_text())
    assert track.read_text().startswith("WEBVTT\n")
    assert len(cues) == (len(COLOURS) if count == 1 else count)
    for start, end, name, *place in cues:
        x, y, width, height = map(int, place)
        middle = (ffmpeg_command.seconds(start) + ffmpeg_command.seconds(end)) / 2
        wanted = ImageColor.getrgb(COLOURS[int(middle + 0.001)])
        assert image.getpixel((x + width // 2, y + height // 2)) == pytest.approx(wanted, abs=12)
        assert (name, width, height) == (sheet.name, 80, 45)
    assert ffmpeg_command.seconds(cues[-1][1]) == pytest.approx(6, abs=0.2)


# --- Subtitle files, and animated WebP.

LINES = (
    "1\n00:00:01,000 --> 00:00:02,500\nHello <i>there</i>\n\n2\n00:00:03,000 --> 00:00:04,000\nÇa coûte 5 €\n"
)


@pytest.mark.parametrize("target", ["srt", "ass", "ssa", "vtt"])
@pytest.mark.parametrize("source", ["srt", "ass", "ssa", "vtt"])
def test_subtitle_files_become_each_other(run, studio, source, target):
    if source == target:
        return
    plain = studio / "lines.srt"
    plain.write_text(LINES)
    [made] = run(plain, source) if source != "srt" else [plain]
    kept = Path(shutil.copy(made, studio / f"kept.{source}"))

    [path] = run(kept, target)

    text = path.read_text()
    assert "Ça coûte 5 €" in text
    begins = {"srt": "1\n", "vtt": "WEBVTT", "ass": "[Script Info]", "ssa": "[Script Info]"}
    assert text.startswith(begins[target])
    times = {"srt": "00:00:01,000 --> 00:00:02,500", "vtt": "00:01.000 --> 00:02.500"}
    assert times.get(target, "0:00:01.00,0:00:02.50") in text


@pytest.mark.parametrize(
    ("charset", "words", "told"),
    [
        ("cp1252", "Ça coûte 5 €", None),
        ("utf-8-sig", "Ça coûte 5 €", None),
        ("utf-16", "Ça coûte 5 €", None),
        ("utf-16-le", "Plain words", None),
        ("cp1251", "Привет, мир! Это субтитры, их много.", None),
        ("cp1250", "Zażółć gęślą jaźń", None),
        ("iso8859_2", "Žluťoučký kůň", "iso-8859-2"),
        ("shift_jis", "こんにちは、世界", None),
        ("euc_jp", "こんにちは、世界", "euc-jp"),
        ("gb18030", "这是一个测试文件", None),
    ],
)
def test_letters_arrive_however_they_were_written(run, studio, charset, words, told):
    source = studio / "letters.srt"
    source.write_bytes(f"1\r\n00:00:01,000 --> 00:00:02,000\r\n{words}\r\n".encode(charset))

    [path] = run(source, "vtt", **({"charset": told} if told else {}))

    assert words in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [("klingon-8", "The charset is not known"), ("ascii", "letters of the text could not be read")],
)
def test_a_charset_that_does_not_fit_is_refused(run, studio, given, sentence):
    source = studio / "cafe.srt"
    source.write_text("1\n00:00:01,000 --> 00:00:02,000\ncafé\n")

    with pytest.raises(ConversionFailed, match=sentence):
        run(source, "vtt", charset=given)


def test_subtitles_for_a_video_need_not_be_in_utf8(run, clip, studio):
    source = studio / "latin.srt"
    source.write_bytes("1\n00:00:00,500 --> 00:00:01,500\nGrüße\n".encode("cp1252"))

    [path] = run(clip, "mkv", subtitles_mode="soft", related={"subtitles": (source,)})

    assert "Grüße" in make(path.with_suffix(".srt"), "-i", f"{path}").read_text()


def test_a_video_becomes_an_animated_webp(run, clip):
    [path] = run(clip, "webp", width=160, fps=5, trim_end="1")
    [coarse] = run(clip, "webp", width=160, fps=5, trim_end="1", quality=5)

    image = Image.open(path)
    assert (image.format, image.size, image.n_frames, image.info["loop"]) == ("WEBP", (160, 90), 5, 0)
    difference = ImageChops.difference(image.convert("RGB"), picture(clip).resize((160, 90)))
    assert max(ImageStat.Stat(difference).mean) < 12
    assert coarse.stat().st_size < path.stat().st_size


def test_a_run_says_in_words_how_far_it_is(run, clip, context):
    run(clip, "webm")

    assert any(re.fullmatch(r"Encoding 00:0\d of 00:02", message or "") for message in context.messages)


# --- Sources that only older machines make.


@pytest.mark.parametrize(
    ("kind", "form", "coded"),
    [
        ("mod", "mpeg", ["-c:v", "mpeg2video", "-c:a", "mp2"]),
        ("dv", "dv", ["-s", "720x576", "-pix_fmt", "yuv420p", "-ar", "48000", "-ac", "2"]),
        ("rm", "rm", ["-c:v", "rv20", "-s", "320x176", "-c:a", "ac3"]),
        ("rmvb", "rm", ["-c:v", "rv10", "-s", "320x176", "-c:a", "ac3"]),
        ("dvr", "asf", ["-c:v", "mpeg2video", "-c:a", "mp2"]),
        ("gifv", "mp4", ["-c", "copy"]),
        ("m2ts", "mpegts", ["-c", "copy"]),
    ],
)
def test_old_sources_are_read(run, clip, studio, kind, form, coded):
    source = make(studio / f"old.{kind}", "-i", f"{clip}", *coded, "-f", form)

    [path] = run(source, "mp4", preset="ultrafast")

    assert float(look(path)["format"]["duration"]) == pytest.approx(2, abs=0.25)
    assert stream(path, "audio")["codec_name"] == "aac"
