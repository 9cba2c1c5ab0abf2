from __future__ import annotations

import hashlib
import socket
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

import httpx
import pytest
from django.utils import timezone

from api import links
from api.bytes.application import application
from api.bytes.downloads import disposition
from api.tests.live import quiet, running
from jobs import files, services
from jobs.models import File, Task
from jobs.states import Status

pytestmark = pytest.mark.django_db(transaction=True)

CONTENT = bytes(range(256)) * 4000
END = len(CONTENT) - 1


@pytest.fixture(scope="module")
def port():
    with running(quiet(application)) as (port,):
        yield port


@pytest.fixture
def publish(owner, port, settings, tmp_path):
    settings.ATHANOR_STORAGE_URL = f"http://127.0.0.1:{port}"
    now = timezone.now()
    task = Task.objects.create(owner=owner, operation="export/url", status=Status.FINISHED, ended_at=now)

    def create(content=CONTENT, name="report.pdf") -> File:
        source = tmp_path / "source"
        source.write_bytes(content)
        kept = files.save(source, task=task.pk)
        return task.files.create(name=name, size=kept.size, sha256=kept.sha256, key=kept.key)

    return create


@pytest.fixture
def file(publish):
    return publish()


def url_of(file, *, inline=False):
    return links.download_url(file, file.task, inline=inline)


def test_a_url_gives_the_whole_file(file):
    answer = httpx.get(url_of(file))

    assert answer.status_code == 200 and answer.content == CONTENT
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-length"] == f"{len(CONTENT)}"
    assert answer.headers["content-disposition"] == 'attachment; filename="report.pdf"'
    assert answer.headers["etag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_head_gives_the_same_without_the_bytes(file):
    whole, head = httpx.get(url_of(file)), httpx.head(url_of(file))

    assert head.status_code == 200 and not head.content
    assert {**whole.headers, "date": ""} == {**head.headers, "date": ""}


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=100-199", 100, 199),
        ("bytes=1000000-", 1000000, END),
        ("bytes=-5", END - 4, END),
        ("bytes=-99999999", 0, END),
        ("bytes=1023990-99999999", 1023990, END),
    ],
)
def test_a_range_gives_that_part(file, asked, first, last):
    answer = httpx.get(url_of(file), headers={"Range": asked})

    assert answer.status_code == 206 and answer.content == CONTENT[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(CONTENT)}"


@pytest.mark.parametrize(
    "asked",
    [
        *("bytes=5-2", "bytes=-", "bytes=a-b", "lines=1-2", "nonsense", "bytes=0-1,5-6"),
        f"bytes=0-{'9' * 5000}",
        f"bytes={' ' * 60_000}x",
    ],
    ids=lambda asked: asked[:16],
)
def test_a_range_without_sense_is_ignored(file, asked):
    answer = httpx.get(url_of(file), headers={"Range": asked})

    assert answer.status_code == 200 and answer.content == CONTENT


@pytest.mark.parametrize("asked", ["bytes=1024000-", "bytes=99999999999999999999-", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(file, asked):
    answer = httpx.get(url_of(file), headers={"Range": asked})

    assert answer.status_code == 416 and answer.json()["code"] == "RANGE_NOT_SATISFIABLE"
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"


def test_head_of_a_range_tells_its_length(file):
    answer = httpx.head(url_of(file), headers={"Range": "bytes=0-9"})

    assert answer.status_code == 206 and answer.headers["content-length"] == "10"


def test_an_unchanged_file_is_not_sent_again(file):
    etag = httpx.head(url_of(file)).headers["etag"]

    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = httpx.get(url_of(file), headers={"If-None-Match": known})
        assert answer.status_code == 304 and not answer.content and answer.headers["etag"] == etag
    assert httpx.get(url_of(file), headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_range_of_a_changed_file_gives_all_of_it(file):
    asked = {"Range": "bytes=0-9"}
    etag = httpx.head(url_of(file)).headers["etag"]

    assert httpx.get(url_of(file), headers={**asked, "If-Range": etag}).status_code == 206
    assert httpx.get(url_of(file), headers={**asked, "If-Range": '"other"'}).content == CONTENT


def test_an_empty_file_comes_empty(publish):
    answer = httpx.get(url_of(publish(b"", "empty.txt")))

    assert answer.status_code == 200 and answer.headers["content-length"] == "0"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a b.pdf", 'attachment; filename="a b.pdf"'),
        (
            'a"\r\nX: y\\.pdf',
            "attachment; filename=\"a___X: y_.pdf\"; filename*=UTF-8''a%22%0D%0AX%3A%20y%5C.pdf",
        ),
        ("größe.pdf", "attachment; filename=\"gr__e.pdf\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.pdf"),
    ],
)
def test_a_name_cannot_leave_its_header(name, expected):
    assert disposition(name, inline=False) == expected


def test_the_name_arrives_whole(publish):
    answer = httpx.get(url_of(publish(name="größe; & 100%.pdf")))

    assert answer.status_code == 200
    assert "filename*=UTF-8''gr%C3%B6%C3%9Fe%3B%20%26%20100%25.pdf" in answer.headers["content-disposition"]


@pytest.mark.parametrize(("name", "sandboxed"), [("a.svg", True), ("a.html", True), ("a.pdf", False)])
def test_what_is_shown_in_the_browser_runs_nothing(publish, name, sandboxed):
    answer = httpx.get(url_of(publish(name=name), inline=True))

    assert answer.headers["content-disposition"].startswith("inline; ")
    assert ("sandbox" in answer.headers["content-security-policy"]) is sandboxed
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_url_survives_a_client_that_encodes_it_anew(file):
    parts = urlsplit(url_of(file))
    again = parts._replace(query=urlencode(parse_qsl(parts.query))).geturl()

    assert httpx.get(again, headers={"Authorization": "Bearer other"}).content == CONTENT


@pytest.mark.parametrize("altered", ["signature=00", "disposition=inline", "expires=9999999999"])
def test_an_altered_url_is_refused(file, altered):
    name, _, value = altered.partition("=")
    parts = urlsplit(url_of(file))
    query = urlencode({**dict(parse_qsl(parts.query)), name: value})

    answer = httpx.get(parts._replace(query=query).geturl())

    assert answer.status_code == 403 and answer.json()["code"] == "FORBIDDEN"
    assert httpx.head(parts._replace(query=query).geturl()).status_code == 403


def test_a_url_of_another_task_is_refused(file):
    assert httpx.get(url_of(file).replace(f"{file.task_id}", f"{uuid4()}")).status_code == 403
    assert httpx.get(url_of(file).partition("?")[0]).status_code == 403


def test_an_expired_url_is_refused(file):
    file.task.ended_at -= timedelta(days=30)

    answer = httpx.get(url_of(file))

    assert answer.status_code == 403 and "expired" in answer.json()["message"]


def test_a_deleted_task_takes_its_urls_along(file):
    url = url_of(file)
    services.delete_task(file.task)

    answer = httpx.get(url)

    assert answer.status_code == 404 and answer.json()["code"] == "NOT_FOUND"


def test_a_file_gone_from_the_store_is_not_found(file):
    files.remove(file.key)

    assert httpx.get(url_of(file)).status_code == 404


def test_nothing_can_be_written_there(file):
    answer = httpx.post(url_of(file))

    assert answer.status_code == 405 and answer.headers["allow"] == "GET, HEAD, OPTIONS"


def test_a_download_that_has_begun_survives_the_files_end(publish, port):
    content = CONTENT * 20
    file = publish(content)
    target = url_of(file).partition(f":{port}")[2]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        received = bytearray(connection.recv(1000))
        services.delete_task(file.task)
        while chunk := connection.recv(1_000_000):
            received += chunk

    assert received.partition(b"\r\n\r\n")[2] == content
