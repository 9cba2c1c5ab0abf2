"""A42 to A45: what customers may write on a command line of their own, and none of it gets out."""

from __future__ import annotations

import pytest

from .bait import shows
from .siege import import_of, settled

pytestmark = [pytest.mark.attack, pytest.mark.needs("ffmpeg", "ffprobe", "convert", "identify", "gm")]
COLOUR = "-f lavfi -i color=s=64x64:d=1"


def command(siege, program, arguments, *, data=b"x", name="in.txt", capture_output=True, timeout=20):
    engine = {"gm": "graphicsmagick", "convert": "imagemagick", "identify": "imagemagick"}.get(
        program, "ffmpeg"
    )
    made = {
        "operation": "command",
        "input": "in",
        "engine": engine,
        "command": program,
        "arguments": arguments,
        "capture_output": capture_output,
        "timeout": timeout,
    }
    return {
        "in": import_of(data, name),
        "made": made,
        "out": {"operation": "export/url", "input": "made", "ignore_error": True},
    }


def check_contained(siege, jobs):
    """Run the jobs: whatever they do, nothing of ours is in what they leave or print."""
    ends = siege.ends(jobs)
    for name, end in ends.items():
        told = f"{end.words} {(end.made['result'] or {}).get('output', '')}"
        for way in (told.encode(), *end.files.values()):
            assert not siege.bait.traces(way), (name, told)
        # What the customer wrote may be told again; where it leads is nothing that we tell.
        written = jobs[name]["made"]["arguments"]
        assert f"{siege.stack.data_dir}" in written or f"{siege.stack.data_dir}" not in told, (name, told)
        assert end.made["code"] in {None, "CONVERSION_FAILED", "ENGINE_CRASHED", "TIMEOUT"}, (name, told)
    return ends


def test_a42_ffmpeg_reads_and_writes_nothing_outside(siege):
    bait = siege.bait
    secret, http = f"{bait.world}", bait.http
    playlist = f"ffconcat version 1.0\nfile {secret}\n"
    lines = {
        "input": f"-f data -i {secret} -map 0 -c copy -f data /output/x",
        "passwd": "-f data -i /etc/passwd -map 0 -c copy -f data /output/x",
        "shadow": "-f data -i /etc/shadow -map 0 -c copy -f data /output/x",
        "environment": "-f data -i /proc/1/environ -map 0 -c copy -f data /output/x",
        "own environment": "-f data -i /proc/self/environ -map 0 -c copy -f data /output/x",
        "another task": f"-f data -i {bait.work} -map 0 -c copy -f data /output/x",
        "the store": f"-f data -i {bait.store} -map 0 -c copy -f data /output/x",
        "attach": f"{COLOUR} -attach {secret} -metadata:s:t mimetype=text/plain /output/x.mkv",
        "drawtext": f"{COLOUR} -vf drawtext=textfile={secret} -frames:v 1 /output/x.png",
        "movie": f"{COLOUR} -vf movie={bait.png} -frames:v 1 /output/x.png",
        "amovie": f"-f lavfi -i amovie={secret} /output/x.wav",
        "subtitles": f"{COLOUR} -vf subtitles={secret} -frames:v 1 /output/x.png",
        "script": f"{COLOUR} -filter_complex_script {secret} /output/x.png",
        "concat": f"-f data -i 'concat:{secret}|{secret}' -map 0 -c copy -f data /output/x",
        "subfile": f"-f data -i 'subfile,,start,0,end,9,,:{secret}' -map 0 -c copy -f data /output/x",
        "list": "-safe 0 -f concat -i /input/in/in.txt -c copy /output/x.mkv",
        "progress": f"{COLOUR} -progress {http} /output/x.png",
        "url": f"-i {http}/x.mp4 /output/x.mp4",
        "upload": f"{COLOUR} -f mpegts {http}/x",
        "tcp": f"{COLOUR} -f mpegts {http.replace('http', 'tcp')}",
        "unix": f"{COLOUR} -f mpegts unix:{siege.stack.data_dir}/redis.sock",
        "tee": f"{COLOUR} -map 0 -f tee '[f=mpegts]/output/x.ts|[f=mpegts]{bait.folder}/x.ts'",
        "outside": f"{COLOUR} -frames:v 1 {bait.folder}/x.png",
        "report": f"{COLOUR} -report -frames:v 1 /output/x.png",
        "input's folder": f"{COLOUR} -y -frames:v 1 /input/in/new.png",
        "glob": "-pattern_type glob -i '/*/*/*.png' /output/x.mp4",
    }

    ends = check_contained(
        siege, {name: command(siege, "ffmpeg", line, data=playlist) for name, line in lines.items()}
    )

    # The users inside are made up: some programs do not run as a user without a name.
    told = b"".join(ends["passwd"].files.values())
    assert all(line.startswith(b"engine:") for line in told.splitlines())
    refused = set(lines) - {"passwd", "environment", "own environment", "report", "progress", "tee"}
    assert {name for name in refused if not ends[name].failed} == set()


def test_a43_a_line_is_split_and_nothing_more(siege):
    marker = siege.bait.marker
    odd = [
        f"; touch {marker}",
        f"&& touch {marker}",
        f"| touch {marker}",
        f"`touch {marker}`",
        f"$(touch {marker})",
        f"\ntouch {marker}\n",
        f"> {marker}",
        "$HOME ${PATH} ~ * ? [a-z]",
    ]
    jobs = {text: command(siege, "identify", f"-version {text}") for text in odd}
    jobs["format"] = command(siege, "convert", "-size 1x1 xc:red -format '$(id);`id`&&$HOME*' info:")

    ends = check_contained(siege, jobs)

    assert not marker.exists()
    assert ends["format"].made["result"]["output"].strip() == "$(id);`id`&&$HOME*"


@pytest.mark.parametrize("program", ["convert", "gm"])
def test_a44_imagemagick_reads_and_writes_nothing_outside(siege, program):
    bait = siege.bait
    run = "convert " if program == "gm" else ""
    msl = f'<image><read filename="{bait.png}"/><write filename="/output/x.png"/></image>'
    mvg = f"push graphic-context\nimage over 0,0 0,0 '{bait.png}'\npop graphic-context"
    lines = {
        "write": f"xc:red -write {bait.folder}/x.png /output/x.png",
        "outside": f"xc:red {bait.folder}/x.png",
        "secret": f"{bait.png} /output/x.png",
        "text": f"text:{bait.world} /output/x.png",
        "label": f"label:@{bait.world} /output/x.png",
        "caption": f"-size 300x caption:@{bait.world} /output/x.png",
        "list": f"@{bait.world} /output/x.png",
        "profile": f"xc:red -profile {bait.world} /output/x.png",
        "msl": "msl:/input/in/in.txt /output/x.png",
        "msl's write": "/input/in/in.txt msl:/input/in/in.txt",
        "mvg": "mvg:/input/in/in.txt /output/x.png",
        "http": f"{bait.http}/x.png /output/x.png",
        "url": f"url:{bait.http}/x.png /output/x.png",
        "https": "https://127.0.0.1/x.png /output/x.png",
        "ephemeral": f"ephemeral:{bait.world} /output/x.png",
        "delegate": "xc:red ps:/output/x.ps",
        "pipe": f"xc:red 'png:|touch {bait.marker}'",
        "magick script": f"-script {bait.world}",
        "show": "xc:red show:",
        "config": "-list policy",
        "environment": "text:/proc/self/environ /output/x.png",
    }

    ends = check_contained(
        siege,
        {
            name: command(siege, program, f"{run}-size 99x99 {line}", data=mvg if name == "mvg" else msl)
            for name, line in lines.items()
        },
    )

    pictures = [data for end in ends.values() for name, data in end.files.items() if name.endswith(".png")]
    assert not any(shows(data) for data in pictures)
    assert all(ends[name].failed for name in ("secret", "msl", "http", "url", "outside"))


def test_a45_what_takes_too_much_is_stopped_and_the_worker_goes_on(siege):
    lines = {
        "large": "-f lavfi -i testsrc=s=1920x1080:r=60 -f rawvideo /output/x.raw",
        "many": "-f lavfi -i color=s=16x16:r=1000 /output/%d.bmp",
        "again and again": "-f lavfi -i color=s=640x480:r=60 -update 1 /output/x.bmp",
        "long": "-re -f lavfi -i anullsrc /output/x.wav",
        "threads": f"-threads 4000 -filter_threads 4000 {COLOUR} -t 1 -c:v libx264 -f null -",
        "memory": "-f lavfi -i color=s=30000x30000 -vf tile=8x8 -frames:v 1 /output/x.png",
        "words": "-loglevel trace -debug_ts -f lavfi -i color=s=16x16:r=1000 -f null -",
    }

    ends = siege.ends({name: command(siege, "ffmpeg", line, timeout=25) for name, line in lines.items()})

    codes = {name: end.made["code"] for name, end in ends.items()}
    assert all(end.failed for name, end in ends.items() if name != "threads"), codes
    assert set(codes.values()) <= {
        *(None, "OUTPUT_TOO_LARGE", "TIMEOUT", "MEMORY_EXCEEDED", "CONVERSION_FAILED", "ENGINE_CRASHED"),
    }
    settled(lambda: not siege.at_work(), siege.at_work)
