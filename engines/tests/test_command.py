from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from engines import command
from engines._support import commanding
from engines.tests.context import RunContext
from jobs.contract import Inputs, OptionProblem, Work
from jobs.contract.errors import ConversionFailed, EngineTimeout, Stopped, Timeout, TooMuchOutput

pytestmark = pytest.mark.needs("ffmpeg", "ffprobe", "convert", "identify", "gm")
SAMPLES = Path(__file__).parents[2] / "samples"
RECORDS = {record.engine: record for record in command.OPERATIONS}


@pytest.fixture
def ran(tmp_path):
    """Return a function that runs a command on samples, by (task, customer's name, sample)."""
    turn = iter(range(100))

    def run(engine, program, arguments, *inputs, capture_output=False, context=None):
        here = tmp_path / f"{next(turn)}"
        here.mkdir(mode=0o711)
        output_dir = here / "out"
        output_dir.mkdir()
        paths = []
        for number, (_, _, sample) in enumerate(inputs):
            paths.append(here / f"in-{number}{Path(sample).suffix}")
            paths[-1].write_bytes((SAMPLES / sample).read_bytes())
        work = Work(
            inputs=tuple(paths),
            names=tuple(name.rpartition("/")[2] for _, name, _ in inputs),
            folders=tuple(name.rpartition("/")[0] for _, name, _ in inputs),
            origins=tuple(task for task, _, _ in inputs),
            output_dir=output_dir,
            options={"command": program, "arguments": arguments, "capture_output": capture_output},
        )
        result = RECORDS[engine].run(work, context or RunContext())
        assert sorted(path.name for path in here.iterdir()) == sorted(["out", *(path.name for path in paths)])
        return result

    return run


VIDEO = ("import-1", "my video.mp4", "made_video.mp4")
PICTURE = ("photo", "tree.webp", "willow_tree.webp")


def files(result):
    return {f"{file.dir}/{file.name}".removeprefix("/"): file.path for file in result.files}


def test_each_engine_has_its_commands():
    offered = {
        engine: record.options[0].values for engine, record in RECORDS.items() if record.inputs is Inputs.ALL
    }

    assert offered == {
        "ffmpeg": ("ffmpeg", "ffprobe"),
        "imagemagick": ("convert", "identify"),
        "graphicsmagick": ("gm",),
    }
    assert all(record.by_engine and record.queue == engine for engine, record in RECORDS.items())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-i '/input/a/my file.mp4' /output/x.mp4", ["-i", "/input/a/my file.mp4", "/output/x.mp4"]),
        ('a "b \\" c" d\\ e', ["a", 'b " c', "d e"]),
        (
            "a; b && c | d `e` $(f) $HOME ~ * ?",
            ["a;", "b", "&&", "c", "|", "d", "`e`", "$(f)", "$HOME", "~", "*", "?"],
        ),
        ("a\nb\tc", ["a", "b", "c"]),
        ("# no comment", ["#", "no", "comment"]),
        ("''", [""]),
    ],
)
def test_arguments_are_split_as_a_shell_would_and_nothing_more(line, expected):
    assert commanding.split(line) == expected


@pytest.mark.parametrize("line", ["'", 'a "b', "a\\"])
def test_a_quote_left_open_is_refused_at_once(line):
    with pytest.raises(OptionProblem, match="The arguments have a quote"):
        command.ARGUMENTS.read(line)


def test_ffmpeg_finds_its_input_by_task_and_name_and_leaves_files_and_folders(ran):
    line = (
        "-i '/input/import-1/my video.mp4' -t 1 -vf scale=160:-2 /output/small.mp4"
        " -frames:v 2 -vf scale=80:-2 '/output/frame %d.png'"
    )

    result = ran("ffmpeg", "ffmpeg", line, VIDEO)

    found = files(result)
    assert set(found) == {"small.mp4", "frame 1.png", "frame 2.png"}
    assert Image.open(found["frame 1.png"]).width == 80
    shape = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "stream=width", "-of", "csv=p=0", found["small.mp4"]],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "160" in shape.stdout
    assert result.message is None and not result.extra


def test_ffprobe_prints_what_the_result_then_holds(ran):
    line = "-v error -of json -show_format -show_streams '/input/import-1/my video.mp4'"

    result = ran("ffmpeg", "ffprobe", line, VIDEO, capture_output=True)

    assert result.files == ()
    said = json.loads(result.extra["output"])
    assert said["format"]["filename"] == "/input/import-1/my video.mp4"
    assert {stream["codec_name"] for stream in said["streams"]} == {"h264", "aac"}


@pytest.mark.parametrize(
    ("engine", "program", "line"),
    [
        ("imagemagick", "convert", "/input/photo/tree.webp -resize 50x50! small.png"),
        ("graphicsmagick", "gm", "convert /input/photo/tree.webp -resize 50x50! /output/small.png"),
    ],
)
def test_pictures_are_made(ran, engine, program, line):
    [made] = ran(engine, program, line, PICTURE).files

    assert Image.open(made.path).size == (50, 50)
    assert (made.name, made.dir) == ("small.png", "")


@pytest.mark.parametrize(
    ("engine", "program", "line", "expected"),
    [
        ("imagemagick", "identify", "-format %wx%h /input/photo/tree.webp", "320x241"),
        ("graphicsmagick", "gm", "identify -format %wx%h /input/photo/tree.webp", "320x241"),
        ("graphicsmagick", "gm", "version", "GraphicsMagick"),
        ("imagemagick", "convert", "-size 3x2 xc:red -format %wx%h info:", "3x2"),
    ],
)
def test_pictures_are_told_of(ran, engine, program, line, expected):
    width, height = Image.open(SAMPLES / "willow_tree.webp").size

    result = ran(engine, program, line, PICTURE, capture_output=True)

    assert expected.replace("320x241", f"{width}x{height}") in result.extra["output"]


def test_files_of_several_tasks_lie_in_their_folders_and_namesakes_are_numbered(ran):
    inputs = [
        ("a", "x.gif", "made_anim.gif"),
        ("a", "x.gif", "made_anim.gif"),
        ("a", "sub/x.gif", "made_anim.gif"),
        ("b", "../../-x.gif", "made_anim.gif"),
    ]
    places = ["/input/a/x.gif", "/input/a/x-2.gif", "/input/a/sub/x.gif", "/input/b/-x.gif"]

    result = ran(
        "imagemagick", "identify", f"-format '%d/%f ' {' '.join(places)}", *inputs, capture_output=True
    )

    assert set(result.extra["output"].split()) == set(places)


def test_a_command_that_leaves_nothing_finishes_and_says_so(ran):
    # The Java client's own suite runs this and wants it finished.
    result = ran("graphicsmagick", "gm", "version", PICTURE)

    assert (result.files, result.extra, result.message) == ((), {}, commanding.NOTHING)


@pytest.mark.parametrize(
    ("engine", "program", "line", "words"),
    [
        (
            "ffmpeg",
            "ffmpeg",
            "-i /input/import-1/none.mp4 /output/x.mp4",
            "/input/import-1/none.mp4: No such file",
        ),
        ("ffmpeg", "ffprobe", "--nonsense", "ffprobe ended with an error"),
        ("imagemagick", "convert", "/input/none.png /output/x.png", "unable to open image `/input/none"),
        ("imagemagick", "identify", "/input/none.png", "unable to open image `/input/none.png'"),
        (
            "graphicsmagick",
            "gm",
            "convert /input/none.png /output/x.png",
            "Unable to open file (/input/none.png",
        ),
    ],
)
def test_a_command_that_fails_says_why(ran, engine, program, line, words):
    context = RunContext()

    with pytest.raises(ConversionFailed) as caught:
        ran(engine, program, line, VIDEO, context=context)

    assert words in caught.value.message
    assert "\n" not in caught.value.message and len(caught.value.message) < 400
    [(argv, said)] = context.recorded
    assert argv[0] == f"/usr/bin/{program}"
    assert said


OUTSIDE = [
    ("ffmpeg", "ffmpeg", "-i /etc/passwd /output/x.txt"),
    ("ffmpeg", "ffmpeg", "-f lavfi -i color -attach /etc/hostname -t 1 /output/x.mkv"),
    ("ffmpeg", "ffmpeg", "-f lavfi -i color=s=64x64 -t 1 /input/import-1/x.png"),
    (
        "ffmpeg",
        "ffmpeg",
        "-f lavfi -i color=s=64x64 -t 1 -progress http://127.0.0.1:9/ -i http://127.0.0.1:9/ /output/x.mp4",
    ),
    ("imagemagick", "convert", "msl:/input/import-1/x.msl /output/x.png"),
    ("imagemagick", "convert", "http://127.0.0.1:9/x.png /output/x.png"),
    ("imagemagick", "convert", "text:/etc/hostname /output/x.png"),
    ("imagemagick", "convert", "-size 9x9 xc:red /output/x.pdf"),
    ("graphicsmagick", "gm", "convert http://127.0.0.1:9/x.png /output/x.png"),
    ("graphicsmagick", "gm", "convert text:/etc/hostname /output/x.png"),
]


@pytest.mark.parametrize(("engine", "program", "line"), OUTSIDE)
def test_nothing_outside_is_read_or_written(ran, engine, program, line):
    with pytest.raises(ConversionFailed):
        ran(engine, program, line, VIDEO)


def test_inputs_stay_as_they_are(ran):
    with pytest.raises(ConversionFailed):
        ran(
            "ffmpeg",
            "ffmpeg",
            "-y -f lavfi -i color=s=64x64 -frames:v 1 '/input/import-1/my video.mp4'",
            VIDEO,
        )


def test_more_files_than_a_task_may_make_are_refused(ran, monkeypatch):
    monkeypatch.setattr(commanding.collect_tree.__globals__["limits"], "OUTPUT_FILES", 3)

    with pytest.raises(TooMuchOutput):
        ran("ffmpeg", "ffmpeg", "-f lavfi -i color=s=16x16 -frames:v 5 /output/%d.png", VIDEO)


def test_it_can_be_stopped(ran):
    with pytest.raises(Stopped):
        ran("ffmpeg", "ffmpeg", "-version", VIDEO, context=RunContext(stopped="cancelled"))


def test_what_is_shown_has_no_control_characters(ran):
    result = ran(
        "imagemagick",
        "identify",
        r"-format '\x1b[31mred%f\0' /input/photo/tree.webp",
        PICTURE,
        capture_output=True,
    )

    assert all(char.isprintable() or char in "\n\t" for char in result.extra["output"])


def test_folders_that_a_command_makes_are_kept(tmp_path, ran):
    # ffmpeg's HLS muxer makes folders.
    line = (
        "-i '/input/import-1/my video.mp4' -t 2 -c copy -f hls -strftime_mkdir 1 -strftime 1"
        " -hls_segment_filename /output/parts/%Y-s.ts /output/list.m3u8"
    )

    found = files(ran("ffmpeg", "ffmpeg", line, VIDEO))

    assert "list.m3u8" in found
    assert any(name.startswith("parts/") for name in found)
    assert all(path.stat().st_nlink == 1 for path in found.values())


def test_a_command_that_hangs_is_not_tried_again(ran, monkeypatch):
    def hang(*_args, **_more):
        raise EngineTimeout

    monkeypatch.setattr(commanding, "launch", hang)

    with pytest.raises(Timeout, match="did not end in time") as failure:
        ran("ffmpeg", "ffmpeg", "-version")

    assert failure.value.retry.attempts == 1
