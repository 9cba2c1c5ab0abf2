"""Files under wrong names, through the whole of a worker with the real tools."""

from __future__ import annotations

import base64
import io

import pytest

from jobs import intake, registry, services
from jobs.contract import detection
from jobs.contract.detection.tests import hostile
from jobs.models import Task
from jobs.tests import kept
from workers import executor
from workers.heartbeat import Heartbeat


@pytest.fixture(scope="module", autouse=True)
def _ended():
    yield
    registry.launcher().kill_all()


@pytest.fixture
def convert(owner):
    """Import a file under a name, convert it, and return the task."""
    station = executor.Station("worker-1", "host", {name: {} for name in registry.engines()}, Heartbeat())

    def run(data: bytes, name: str, target: str, **more):
        tasks = {
            "in": {"operation": "import/base64", "file": base64.b64encode(data).decode(), "filename": name},
            "made": {"operation": "convert", "input": "in", "output_format": target, **more},
        }
        job = services.create_job(intake.parse_job({"tasks": tasks}, owner=owner), owner=owner)
        for _ in range(10):
            if not any(executor.run_next(queue, station) for queue in registry.queues()):
                break
        return Task.objects.get(job=job, name="made")

    return run


@pytest.mark.needs("convert", "soffice", "ffmpeg", "pdftocairo")
@pytest.mark.parametrize(
    ("sample", "name", "target"),
    [
        ("willow_alpha_icc.png", "photo.jpg", "webp"),
        ("willow_alpha_icc.png", "photo.jpg", "png"),
        ("willow_cmyk.jpg", "photo.png", "webp"),
        ("willow_tree.webp", "photo.png", "jpg"),
        ("willow_tree.heic", "photo.jpg", "png"),
        ("jod_simple.docx", "letter.doc", "pdf"),
        ("jod_multi_page.doc", "letter.docx", "pdf"),
        ("jod_simple.rtf", "letter.doc", "pdf"),
        ("made_video.mp4", "film.mov", "mp3"),
        ("made_video.webm", "film.mp4", "mp3"),
        ("tika_text.pdf", "letter.docx", "txt"),
        ("willow_alpha_icc.png", "photo", "webp"),
    ],
)
def test_a_file_under_a_wrong_name_converts(sample, name, target, convert, samples):
    task = convert((samples / sample).read_bytes(), name, target)

    assert (task.status, task.message) == ("finished", None)
    [file] = task.files.all()
    assert file.name == f"{name.partition('.')[0]}.{target}"
    assert detection.fits(io.BytesIO(kept.content(file.key)), target)


@pytest.mark.parametrize(
    ("data", "name", "target", "code", "words"),
    [
        *(
            (hostile.TEXTS[kind], "a.mp4", "webm", "OPEN_FAILED", "playlist")
            for kind in ("m3u8", "sdp", "mpd")
        ),
        (hostile.TEXTS["ffconcat"], "a.mp4", "gif", "OPEN_FAILED", "playlist"),
        (hostile.TEXTS["mvg"], "a.png", "jpg", "OPEN_FAILED", "drawing script"),
        (hostile.TEXTS["msl"], "a.svg", "png", "OPEN_FAILED", "script"),
        (hostile.elf(), "a.png", "jpg", "OPEN_FAILED", "program"),
        (b"<!doctype html><form>Log in</form>", "report.docx", "pdf", "OPEN_FAILED", "login or error page"),
        (hostile.png(100_000, 100_000), "a.png", "jpg", "FILE_TOO_LARGE", "100,000 x 100,000"),
        (hostile.avif(17_000, 17_000), "a.avif", "png", "FILE_TOO_LARGE", "17,000 x 17,000"),
        (hostile.LOCKED["docx"], "a.docx", "pdf", "PASSWORD_REQUIRED", "password option"),
        (bytes(range(256)) * 40, "a.docx", "pdf", "OPEN_FAILED", "damaged"),
        (b"", "a.png", "jpg", "OPEN_FAILED", "empty"),
        (b"%PDF-1.7 and no more", "a.docx", "mp3", "INVALID_CONVERSION_TYPE", "PDF by its content"),
    ],
)
def test_what_is_refused_starts_no_program(data, name, target, code, words, convert, monkeypatch):
    monkeypatch.setattr(registry.launcher(), "start", None)

    task = convert(data, name, target)

    assert (task.status, task.code) == ("error", code)
    assert words in task.message
    assert not task.arguments


def _reachable():
    for sample, source in (
        ("willow_alpha_icc.png", "png"),
        ("made_video.mp4", "mp4"),
        ("jod_simple.docx", "docx"),
    ):
        targets = {t for op in registry.named("convert") for s, t in op.conversions if s == source}
        # There are no words in the picture.
        targets -= {"txt"} if source == "png" else set()
        yield from ((sample, target) for target in sorted(targets))
    yield from (("jod_simple.xlsx", target) for target in ("csv", "ods", "tsv", "xls"))
    yield from (("jod_simple.pptx", target) for target in ("odp", "ppt"))


@pytest.mark.needs("convert", "soffice", "ffmpeg", "pdftocairo")
@pytest.mark.parametrize(("sample", "target"), [*_reachable()])
def test_what_our_engines_make_is_seen_as_what_it_is(sample, target, convert, samples):
    task = convert((samples / sample).read_bytes(), sample, target)

    assert (task.status, task.message) == ("finished", None)
    for file in task.files.all():
        found = detection.detect(io.BytesIO(kept.content(file.key)))
        assert found.format
        assert detection.agrees(target, found)
        assert not detection.agrees("psd" if target != "psd" else "png", found)


def test_what_only_passes_through_is_never_refused(convert, owner):
    station = executor.Station("worker-1", "host", {name: {} for name in registry.engines()}, Heartbeat())
    tasks = {
        "in": {
            "operation": "import/base64",
            "file": base64.b64encode(hostile.TEXTS["m3u8"]).decode(),
            "filename": "film.mp4",
        },
        "out": {"operation": "export/url", "input": "in"},
    }
    job = services.create_job(intake.parse_job({"tasks": tasks}, owner=owner), owner=owner)

    assert executor.run_next("storage", station)
    assert executor.run_next("storage", station)

    assert Task.objects.get(job=job, name="out").status == "finished"
