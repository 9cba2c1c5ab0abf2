"""Results of videos that are more than one file of the format asked for, through the whole of a worker."""

from __future__ import annotations

import base64

import pytest

from jobs import intake, registry, services
from jobs.contract.errors import InvalidData
from jobs.models import Task
from jobs.tests import kept
from workers import executor
from workers.heartbeat import Heartbeat


@pytest.fixture
def run(owner, samples):
    """Import the video under a name, run a task on it, and return the task."""
    station = executor.Station("worker-1", "host", {name: {} for name in registry.engines()}, Heartbeat())

    def run_it(name: str, **task):
        content = base64.b64encode((samples / "made_video.mp4").read_bytes()).decode()
        tasks = {
            "in": {"operation": "import/base64", "file": content, "filename": name},
            "made": {"input": "in", **task},
        }
        job = services.create_job(intake.parse_job({"tasks": tasks}, owner=owner), owner=owner)
        for _ in range(10):
            if not any(executor.run_next(queue, station) for queue in registry.queues()):
                break
        return Task.objects.get(job=job, name="made")

    return run_it


@pytest.mark.needs("ffmpeg")
def test_a_sheet_s_webvtt_file_names_it_as_it_is_published(run):
    task = run("Mein Film.mp4", operation="thumbnail", output_format="jpg", vtt=True)

    assert (task.status, task.message) == ("finished", None)
    sheet, track = task.files.all()
    assert [(each.name, each.format) for each in (sheet, track)] == [
        ("Mein Film.jpg", "jpg"),
        ("Mein Film.vtt", "vtt"),
    ]
    assert "Mein%20Film.jpg#xywh=0,0,160," in kept.content(track.key).decode()


@pytest.mark.needs("ffmpeg", "rsvg-convert")
def test_a_marked_video_keeps_its_name_and_format(run):
    task = run("Film.mp4", operation="watermark", text="Hello")

    assert (task.status, task.message, task.engine) == ("finished", None, "ffmpeg")
    assert [(each.name, each.format) for each in task.files.all()] == [("Film.mp4", "mp4")]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "text or image field is required"),
        ({"text": "x", "layer": "below"}, "layer must be one of: above"),
    ],
)
def test_a_watermark_that_cannot_be_is_refused_before_it_starts(run, given, words):
    with pytest.raises(InvalidData) as caught:
        run("Film.mp4", operation="watermark", input_format="mp4", **given)

    assert words in f"{caught.value.problems}"
