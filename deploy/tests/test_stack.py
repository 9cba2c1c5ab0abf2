"""The whole embedded stack, driven from outside."""

from __future__ import annotations

import io
import json
import os
import signal
import time
import zipfile

import httpx
import pytest
from PIL import Image
from pypdf import PdfReader

pytestmark = [pytest.mark.stack, pytest.mark.needs("soffice", "ffmpeg", "convert", "pdftoppm", "chromium")]

OUT = {"operation": "export/url", "input": "made"}


def until(condition, seconds=60.0):
    """Wait for something that happens by itself; what it is called fails the test when it does not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{condition} did not happen within {seconds} s")


def test_a_document_becomes_pictures_by_way_of_a_pdf(stack, samples):
    upload = stack.upload(samples / "jod_multi_page.ppt", "my slides (1).ppt")

    job = stack.job(
        made={"operation": "convert", "input": upload, "output_format": "png", "pages": "1-2"}, out=OUT
    )

    files = stack.results(job)
    assert sorted(files) == ["my slides (1)-1.png", "my slides (1)-2.png"]
    assert all(Image.open(io.BytesIO(data)).format == "PNG" for data in files.values())
    assert stack.task(job, "made")["engine"] == "pdfium"


def test_a_url_leads_outside_or_where_it_is_allowed_and_nowhere_else(stack):
    here = f"{stack.about['url']}/healthz"
    metadata = "http://169.254.169.254/latest/meta-data/"

    job = stack.job(
        here={"operation": "import/url", "url": here},
        shown={"operation": "capture-website", "url": here, "output_format": "pdf"},
        metadata={"operation": "import/url", "url": metadata},
        page={"operation": "capture-website", "url": metadata, "output_format": "pdf"},
        port={"operation": "import/url", "url": "http://127.0.0.1:6379/"},
        out={"operation": "export/url", "input": ["here", "shown"]},
    )

    codes = {name: stack.task(job, name)["code"] for name in ("here", "shown", "metadata", "page", "port")}
    assert codes == {
        **dict.fromkeys(("here", "shown"), None),
        **dict.fromkeys(("metadata", "page", "port"), "ADDRESS_REFUSED"),
    }


def test_every_engine_converts_what_it_is_for(stack, samples):
    inputs = {
        "doc": samples / "jod_simple.docx",
        "video": samples / "made_video.mp4",
        "photo": samples / "willow_exif_rotated.jpg",
        "page": samples / "made_page.html",
        "text": samples / "tika_text.pdf",
    }
    wanted = {"doc": "pdf", "video": "webm", "photo": "webp", "page": "pdf", "text": "txt"}
    ids = {name: stack.upload(path) for name, path in inputs.items()}
    tasks = {
        name: {"operation": "convert", "input": ids[name], "output_format": target}
        for name, target in wanted.items()
    }

    job = stack.job(**tasks, out={"operation": "export/url", "input": list(tasks)})

    assert job["status"] == "finished", json.dumps(job, indent=1)
    engines = {name: stack.task(job, name)["engine"] for name in tasks}
    assert engines == {
        "doc": "libreoffice",
        "video": "ffmpeg",
        "photo": "vips",
        "page": "chrome",
        "text": "poppler",
    }
    assert all(stack.task(job, name)["engine_version"] for name in tasks)
    files = stack.results(job)
    assert PdfReader(io.BytesIO(files["jod_simple.pdf"])).pages
    assert files["made_video.webm"].startswith(b"\x1a\x45\xdf\xa3")
    assert Image.open(io.BytesIO(files["willow_exif_rotated.webp"])).height


@pytest.mark.parametrize("name", ["jod_simple.docx", "made_video.mp4", "willow_tree.heic", "tika_text.pdf"])
def test_everything_has_a_thumbnail(stack, samples, name):
    upload = stack.upload(samples / name)

    job = stack.job(
        made={"operation": "thumbnail", "input": upload, "output_format": "png", "width": 100, "height": 100},
        out=OUT,
    )

    [data] = stack.results(job).values()
    picture = Image.open(io.BytesIO(data))
    assert max(picture.size) == 100


def test_many_files_become_one_archive(stack):
    text = {"operation": "import/raw", "file": "text", "filename": "a.txt"}

    job = stack.job(
        one=text,
        two=text,
        made={"operation": "archive", "input": ["one", "two"], "output_format": "zip", "filename": "all.zip"},
        out=OUT,
    )

    [(name, data)] = stack.results(job).items()
    assert name == "all.zip"
    assert sorted(zipfile.ZipFile(io.BytesIO(data)).namelist()) == ["a-2.txt", "a.txt"]


@pytest.mark.parametrize(
    ("name", "bytes_", "target", "codes"),
    [
        ("empty.docx", b"", "pdf", {"OPEN_FAILED"}),
        ("noise.docx", os.urandom(20_000), "pdf", {"OPEN_FAILED"}),
        ("text.mp4", b"this is not a video", "webm", {"OPEN_FAILED"}),
        ("page.png", b"<html>not a picture</html>", "webp", {"OPEN_FAILED"}),
        ("cut.pdf", b"%PDF-1.4\n1 0 obj\n<<", "png", {"OPEN_FAILED", "CONVERSION_FAILED"}),
        ("what.xyz", b"something", "pdf", {"INVALID_CONVERSION_TYPE"}),
    ],
)
def test_a_broken_file_ends_in_a_clear_error(stack, tmp_path, name, bytes_, target, codes):
    path = tmp_path / name
    path.write_bytes(bytes_)
    upload = stack.upload(path)

    job = stack.job(made={"operation": "convert", "input": upload, "output_format": target}, out=OUT)

    task = stack.task(job, "made")
    assert job["status"] == "error"
    assert task["code"] in codes
    assert len(task["message"]) > 10
    assert f"{stack.data_dir}" not in task["message"]
    assert stack.task(job, "out")["code"] == "INPUT_TASK_FAILED"


def test_a_protected_document_asks_for_its_password(stack, samples):
    upload = stack.upload(samples / "jod_password.odt")

    job = stack.job(made={"operation": "convert", "input": upload, "output_format": "pdf"}, out=OUT)

    assert stack.task(job, "made")["code"] == "PASSWORD_REQUIRED"


def test_somebody_else_sees_nothing(stack):
    job = stack.job(made={"operation": "import/raw", "file": "secret", "filename": "a.txt"}, out=OUT)
    task = stack.task(job, "made")["id"]

    for path in (f"/v2/jobs/{job['id']}", f"/v2/tasks/{task}", f"/v2/jobs/{job['id']}/wait"):
        assert stack.other.get(path).status_code == 404
    refused = stack.other.post("/v2/export/url", json={"input": task})
    assert refused.status_code == 422
    assert set(refused.json()["errors"]) == {"input"}


@pytest.fixture
def long_task(stack, samples):
    """A conversion that takes a minute if let alone: its id and its job's."""
    upload = stack.upload(samples / "made_video.mp4")
    # Nothing is as slow as the best settings for a large picture.
    slow = {"width": 3840, "height": 2160, "fit": "scale", "video_codec": "x265", "preset": "veryslow"}
    tasks = {"made": {"operation": "convert", "input": upload, "output_format": "mkv", **slow}}
    job = stack.api.post("/v2/jobs", json={"tasks": tasks}).json()["data"]
    task = job["tasks"][0]["id"]
    until(lambda: stack.pids("ffmpeg", "veryslow"))
    yield task
    stack.api.delete(f"/v2/jobs/{job['id']}")
    until(lambda: not stack.pids("ffmpeg", "veryslow"))


def test_cancelling_kills_the_engine(stack, long_task):
    answer = stack.api.post(f"/v2/tasks/{long_task}/cancel")

    assert (answer.status_code, answer.json()["data"]["code"]) == (200, "CANCELLED")
    until(lambda: not stack.pids("ffmpeg", "veryslow"), seconds=5)
    again = stack.api.post(f"/v2/tasks/{long_task}/cancel")
    assert (again.status_code, list(again.json()["errors"])) == (400, ["status"])


def test_a_killed_worker_loses_nothing(stack, long_task):
    [worker] = stack.pids("manage.py", "worker")[:1]
    [engine] = stack.pids("ffmpeg", "veryslow")[:1]

    os.kill(worker, signal.SIGKILL)

    until(lambda: engine not in stack.pids("ffmpeg"), seconds=10)
    until(lambda: stack.pids("ffmpeg", "veryslow"), seconds=60)
    task = stack.api.get(f"/v2/tasks/{long_task}").json()["data"]
    assert task["status"] == "processing"


def test_a_worker_told_to_stop_hands_its_task_back(stack, long_task):
    [worker] = stack.pids("manage.py", "worker")[:1]

    os.kill(worker, signal.SIGTERM)

    until(lambda: worker not in stack.pids("manage.py", "worker"), seconds=20)
    until(lambda: stack.pids("ffmpeg", "veryslow"), seconds=60)
    assert stack.api.get(f"/v2/tasks/{long_task}").json()["data"]["status"] == "processing"


def test_a_dead_broker_slows_work_but_stops_nothing(stack):
    [redis] = stack.pids("redis-server")[:1]
    os.kill(redis, signal.SIGKILL)

    job = stack.job(made={"operation": "import/raw", "file": "text", "filename": "a.txt"}, out=OUT)

    assert job["status"] == "finished"


def test_a_download_resumes_and_tells_its_type(stack, samples):
    upload = stack.upload(samples / "tika_text.pdf")
    job = stack.job(out={"operation": "export/url", "input": upload})
    [file] = stack.task(job, "out")["result"]["files"]
    whole = (samples / "tika_text.pdf").read_bytes()

    part = httpx.get(file["url"], headers={"Range": "bytes=100-199"}, follow_redirects=True)
    head = httpx.head(file["url"])

    assert (part.status_code, part.content) == (206, whole[100:200])
    assert int(head.headers["content-length"]) == len(whole) == file["size"]
    assert head.headers["content-type"] == "application/pdf"
    assert httpx.get(file["url"].replace("signature=", "signature=0")).status_code == 403
