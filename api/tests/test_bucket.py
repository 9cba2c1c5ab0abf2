"""What clients see when files are kept in a bucket."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from django.utils import timezone

from api import links
from api.bytes.application import application
from api.tests.live import exchange, quiet, running
from jobs import files, intake, services
from jobs.files import address, parts
from jobs.models import Task
from jobs.states import Status
from jobs.tests import kept

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("offers")]

CONTENT = bytes(range(256)) * 4000


@pytest.fixture(scope="module")
def port():
    with running(quiet(application)) as (port,):
        yield port


@pytest.fixture
def new_task(owner, port, bucket, settings):
    settings.ATHANOR_STORAGE_URL = f"http://127.0.0.1:{port}"

    def create(**payload) -> Task:
        return services.create_task(intake.parse_task("import/upload", payload, owner=owner), owner=owner)

    return create


@pytest.fixture
def file(owner, port, bucket, settings, tmp_path):
    settings.ATHANOR_STORAGE_URL = f"http://127.0.0.1:{port}"
    now = timezone.now()
    task = Task.objects.create(owner=owner, operation="export/url", status=Status.FINISHED, ended_at=now)
    (tmp_path / "source").write_bytes(CONTENT)
    made = files.save(tmp_path / "source", task=task.pk)
    return task.files.create(name="größe.pdf", size=made.size, sha256=made.sha256, key=made.key)


@pytest.fixture
def through_us(settings):
    """Let clients not come to the bucket."""

    def change():
        settings.ATHANOR_FILE_STORE = replace(settings.ATHANOR_FILE_STORE, direct=frozenset())

    return change


@pytest.fixture
def dead(settings, bucket):
    """Let nobody answer for the bucket."""
    settings.ATHANOR_FILE_STORE = address.read("s3://files?endpoint=http://127.0.0.1:9&direct=")


def test_the_form_leads_to_the_bucket_and_holds_strings(new_task, bucket):
    task = new_task()

    form = links.upload_form(task)
    answer = httpx.post(form["url"], data=form["parameters"], files={"file": ("a.txt", b"hello")})

    assert bucket in form["url"]
    assert all(isinstance(text, str) for text in form["parameters"].values())
    assert form["parameters"]["key"] == f"here/{task.pk}/${{filename}}"
    assert answer.status_code == 201
    assert list(files.arrivals()) == [task.pk]


def test_without_a_prefix_a_form_s_key_begins_with_the_task(new_task, settings):
    settings.ATHANOR_FILE_STORE = replace(settings.ATHANOR_FILE_STORE, prefix="")
    task = new_task()

    assert links.upload_form(task)["parameters"]["key"].startswith(f"{task.pk}/")


def test_the_bucket_sends_the_browser_where_the_task_says(new_task):
    form = links.upload_form(new_task(redirect="https://example.com/thanks"))

    answer = httpx.post(form["url"], data=form["parameters"], files={"file": ("a.txt", b"hello")})

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("https://example.com/thanks")


def test_the_bucket_s_form_may_be_posted_to_us(new_task, port, settings):
    settings.ATHANOR_FILE_STORE = replace(settings.ATHANOR_FILE_STORE, prefix="")
    task = new_task()
    fields = links.upload_form(task)["parameters"]

    answer = httpx.post(f"http://127.0.0.1:{port}/tasks", data=fields, files={"file": ("a.txt", b"hello")})

    assert answer.status_code == 201
    assert kept.content(task.files.get().key) == b"hello"


@pytest.mark.parametrize("size", [0, 5, 2 * parts.PART + 1])
def test_an_upload_through_us_ends_in_the_bucket(new_task, through_us, size):
    through_us()
    task = new_task()
    form = links.upload_form(task)

    answer = httpx.post(
        form["url"], data=form["parameters"], files={"file": ("a.txt", b"x" * size)}, timeout=60
    )

    assert answer.status_code == 201
    assert kept.content(task.files.get().key) == b"x" * size


def test_a_download_goes_past_us(file, bucket):
    url = links.download_url(file, file.task, inline=False)

    answer = httpx.get(url)
    there = httpx.get(url, headers={"Range": "bytes=5-9"}, follow_redirects=True)

    assert answer.status_code == 302 and bucket in answer.headers["location"] and not answer.content
    assert there.status_code == 206 and there.content == CONTENT[5:10]
    assert there.headers["content-type"] == "application/pdf"
    assert there.headers["content-disposition"].startswith('attachment; filename="gr__e.pdf"; filename*=')
    assert httpx.get(url, follow_redirects=True).content == CONTENT


def test_head_and_an_unchanged_file_are_answered_by_us(file):
    url = links.download_url(file, file.task, inline=False)

    head = httpx.head(url)

    assert head.status_code == 200 and head.headers["content-length"] == f"{len(CONTENT)}"
    assert httpx.get(url, headers={"If-None-Match": head.headers["etag"]}).status_code == 304


def test_who_does_not_follow_is_sent_the_bytes(file, port):
    target = links.download_url(file, file.task, inline=False).partition(f":{port}")[2]

    # Node's https.get sends no more than this.
    answer = exchange(port, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 200 ") and answer.partition(b"\r\n\r\n")[2] == CONTENT


def test_a_download_through_us_comes_in_ranges(file, through_us):
    through_us()
    url = links.download_url(file, file.task, inline=True)

    assert httpx.get(url).content == CONTENT
    answer = httpx.get(url, headers={"Range": "bytes=1000000-"})
    assert answer.status_code == 206 and answer.content == CONTENT[1_000_000:]


def test_a_store_that_does_not_answer_is_said(new_task, dead, caplog):
    task = new_task()
    form = links.upload_form(task)

    answer = httpx.post(form["url"], data=form["parameters"], files={"file": ("a", b"x")}, timeout=60)

    assert answer.status_code == 503 and answer.json()["code"] == "UNAVAILABLE"
    assert answer.headers["retry-after"]
    task.refresh_from_db()
    assert task.status == Status.WAITING
    assert "does not answer" in caplog.text


def test_a_job_whose_content_cannot_be_stored_is_not_accepted(me, dead):
    tasks = {"in": {"operation": "import/raw", "file": "hello", "filename": "a.txt"}}

    answer = me.post("/v2/jobs", {"tasks": tasks})

    assert answer.status_code == 503 and not Task.objects.exists()
