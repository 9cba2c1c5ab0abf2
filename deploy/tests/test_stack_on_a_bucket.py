"""The embedded stack with its files in a bucket, driven from outside: bytes go past the API, both ways."""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
import sqlite3
import zipfile

import httpx
import pytest
from PIL import Image

from deploy.tests.test_stack import OUT, until

pytestmark = [pytest.mark.stack, pytest.mark.needs("ffmpeg")]


@pytest.fixture
def stack(bucket_stack):
    running, _ = bucket_stack
    return running


@pytest.fixture
def objects(bucket_stack, moto):
    """Return the names of all that is in the bucket."""
    _, bucket = bucket_stack
    listing = moto.client().list_objects_v2

    return lambda: [found["Key"] for found in listing(Bucket=bucket).get("Contents", ())]


def test_a_picture_goes_in_and_out_past_the_api(bucket_stack, samples, objects):
    stack, bucket = bucket_stack
    source = samples / "willow_exif_rotated.jpg"

    upload = stack.upload(source)
    job = stack.job(
        made={"operation": "convert", "input": upload, "output_format": "png"},
        raw={"operation": "import/raw", "file": "text", "filename": "a.txt"},
        out={"operation": "export/url", "input": ["made", "raw"]},
    )

    form = stack.api.post("/v2/import/upload").json()["data"]["result"]["form"]
    assert bucket in form["url"]
    urls = {file["filename"]: file["url"] for file in stack.task(job, "out")["result"]["files"]}
    assert bucket in httpx.get(urls["a.txt"]).headers["location"]
    found = stack.results(job)
    assert found["a.txt"] == b"text"
    assert Image.open(io.BytesIO(found["willow_exif_rotated.png"])).format == "PNG"
    part = httpx.get(urls["willow_exif_rotated.png"], headers={"Range": "bytes=1-3"}, follow_redirects=True)
    assert (part.status_code, part.content) == (206, b"PNG")
    assert (
        stack.api.get(f"/v2/tasks/{upload}").json()["data"]["result"]["files"][0]["size"]
        == source.stat().st_size
    )

    for path in (f"/v2/jobs/{job['id']}", f"/v2/tasks/{upload}"):
        assert stack.api.delete(path).status_code == 204
    until(lambda: not [name for name in objects() if "/files/" in name])


def test_a_large_file_goes_in_parts_and_no_customer_comes_where_it_lies(stack, moto, tmp_path):
    large = tmp_path / "large.bin"
    large.write_bytes(random.Random(5).randbytes(20_000_000))

    upload = stack.upload(large)
    job = stack.job(
        made={"operation": "archive", "input": upload, "output_format": "zip"},
        out=OUT,
        inside={"operation": "import/url", "url": moto.endpoint},
    )

    [data] = stack.results(job).values()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.read("large.bin") == large.read_bytes()
    assert stack.task(job, "inside")["code"] == "ADDRESS_REFUSED"


def test_what_is_kept_long_enough_leaves_the_bucket(stack, objects):
    job = stack.job(made={"operation": "import/raw", "file": "text", "filename": "a.txt"}, out=OUT)
    assert len(objects()) >= 3

    with contextlib.closing(sqlite3.connect(stack.data_dir / "athanor.sqlite3", timeout=20)) as database:
        database.execute("UPDATE jobs_job SET ended_at = '2020-01-01 00:00:00'")
        # Uploads have no job.
        database.execute("UPDATE jobs_task SET ended_at = '2020-01-01 00:00:00' WHERE job_id IS NULL")
        database.commit()

    until(lambda: not objects())
    assert stack.api.get(f"/v2/jobs/{job['id']}").status_code == 404


def test_a_killed_worker_leaves_one_result(stack, samples, objects):
    upload = stack.upload(samples / "made_video.mp4")
    slow = {"width": 320, "height": 180, "fit": "scale", "video_codec": "x265", "preset": "veryslow"}
    tasks = {"made": {"operation": "convert", "input": upload, "output_format": "mkv", **slow}, "out": OUT}
    job = stack.api.post("/v2/jobs", json={"tasks": tasks}).json()["data"]
    until(lambda: stack.pids("ffmpeg", "veryslow"))

    os.kill(stack.pids("manage.py", "worker")[0], signal.SIGKILL)

    ended = stack.sync.get(f"/v2/jobs/{job['id']}").json()["data"]
    assert ended["status"] == "finished"
    [data] = stack.results(ended).values()
    assert data.startswith(b"\x1a\x45\xdf\xa3")
    # The upload's file, what was made of it, and what is exported.
    assert len([name for name in objects() if "/files/" in name]) == 3
