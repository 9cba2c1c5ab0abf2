from __future__ import annotations

import base64
import errno
import hashlib
import os
import socket
import threading
import time
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from api import bodies, links
from api.bytes import spool, tus
from api.bytes.application import application
from api.tests.live import exchange, quiet, running
from jobs import intake, services
from jobs.models import File, Task
from jobs.states import Status
from jobs.tests import kept

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fakes")]

VERSION = {"Tus-Resumable": "1.0.0"}
BYTES = {**VERSION, "Content-Type": "application/offset+octet-stream"}


@pytest.fixture(scope="module")
def port():
    with running(quiet(application)) as (port,):
        yield port


@pytest.fixture
def new_task(owner, port, settings):
    settings.ATHANOR_STORAGE_URL = f"http://127.0.0.1:{port}"

    def create() -> Task:
        return services.create_task(intake.parse_task("import/upload", {}, owner=owner), owner=owner)

    return create


@pytest.fixture
def task(new_task):
    return new_task()


def endpoint(task, **more):
    form = links.upload_form(task)
    return f"{form['url']}?{urlencode({**form['parameters'], **more})}"


def metadata(**pairs):
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


def create(task, length, **pairs):
    told = {"Upload-Metadata": metadata(**pairs)} if pairs else {}
    answer = httpx.post(endpoint(task), headers={**VERSION, "Upload-Length": f"{length}", **told})
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def patch(url, offset, content=b"", **headers):
    return httpx.patch(url, content=content, headers={**BYTES, "Upload-Offset": f"{offset}", **headers})


def head(url):
    return httpx.head(url, headers=VERSION)


def at(url):
    answer = head(url)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def the_file(task):
    task.refresh_from_db()
    assert task.status == Status.FINISHED
    return task.files.get()


def left(folder):
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


def waits(task):
    task.refresh_from_db()
    return task.status == Status.WAITING and not File.objects.exists()


def refused(answer, status, code):
    return (
        answer.status_code == status
        and answer.json()["code"] == code
        and answer.headers["tus-resumable"] == "1.0.0"
        and answer.headers["access-control-allow-origin"] == "*"
    )


def test_what_the_server_can_is_told_without_a_signature(task):
    answer = httpx.options(links.upload_form(task)["url"])

    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert {"creation", "checksum", "termination"} <= set(answer.headers["tus-extension"].split(","))
    assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256,md5,crc32"
    assert int(answer.headers["tus-max-size"]) > 0
    assert {"HEAD", "PATCH", "DELETE"} <= set(answer.headers["access-control-allow-methods"].split(", "))


def test_an_upload_in_pieces_finishes_its_task(task, settings):
    content = os.urandom(3_000_000)
    url = create(task, len(content), filename="Größe & <co>.pdf", filetype="application/pdf")

    first, second = patch(url, 0, content[:1_000_001]), head(url)
    last = patch(url, 1_000_001, content[1_000_001:])

    assert (first.status_code, first.headers["upload-offset"]) == (204, "1000001")
    assert second.headers["upload-offset"] == "1000001" and second.headers["upload-length"] == "3000000"
    assert second.headers["cache-control"] == "no-store" and second.headers["upload-metadata"]
    assert "GMT" in last.headers["upload-expires"]
    assert (last.status_code, last.headers["upload-offset"]) == (204, "3000000")
    file = the_file(task)
    assert (file.name, file.format, file.size) == ("Größe & <co>.pdf", "pdf", 3_000_000)
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert kept.content(file.key) == content
    assert len(kept.everything()) == 1 and not left(settings.ATHANOR_SPOOL_DIR)


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"filename": "../../etc/a.txt"}, "a.txt"),
        ({"name": "b.csv", "type": "text/csv"}, "b.csv"),
        ({"filetype": "image/png"}, "file.png"),
        ({}, "file"),
    ],
)
def test_the_metadata_names_the_file(task, told, name):
    patch(create(task, 5, **told), 0, b"hello")

    assert the_file(task).name == name


def test_nothing_is_asked_for_before_the_bytes_are_sent(task):
    url = endpoint(task, upload_length="5", filename="a.txt")

    assert at(url) == 0
    assert patch(url, 0, b"hel").status_code == 204
    assert at(url) == 3
    assert patch(url, 3, b"lo").status_code == 204
    assert (the_file(task).name, the_file(task).size) == ("a.txt", 5)


@pytest.mark.parametrize("begin", ["direct", "created"])
def test_the_length_may_come_later(task, begin):
    url = endpoint(task)
    if begin == "created":
        url = httpx.post(url, headers={**VERSION, "Upload-Defer-Length": "1"}).headers["location"]

    patch(url, 0, b"hel")
    before = head(url)
    patch(url, 3, b"l", **{"Upload-Length": "5"})
    after = head(url)
    patch(url, 4, b"o")

    assert before.headers["upload-defer-length"] == "1" and "upload-length" not in before.headers
    assert after.headers["upload-length"] == "5" and "upload-defer-length" not in after.headers
    assert kept.content(the_file(task).key) == b"hello"


def test_the_request_that_creates_may_bring_bytes(task):
    headers = {**BYTES, "Upload-Length": "5", "Upload-Metadata": metadata(filename="a.txt")}

    answer = httpx.post(endpoint(task), content=b"hel", headers=headers)

    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "3")
    assert patch(answer.headers["location"], 3, b"lo").status_code == 204
    assert the_file(task).name == "a.txt"


@pytest.mark.parametrize("direct", [True, False])
def test_an_empty_file_is_a_file(task, direct):
    if direct:
        assert at(endpoint(task, upload_length="0")) == 0
    else:
        create(task, 0)

    assert the_file(task).size == 0


def test_a_client_that_cannot_send_patch_says_so(task):
    url = create(task, 5)

    answer = httpx.post(
        url, content=b"hello", headers={**BYTES, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    )

    assert answer.status_code == 204 and the_file(task).size == 5


def test_a_job_goes_on_after_its_upload(owner, port, settings):
    settings.ATHANOR_STORAGE_URL = f"http://127.0.0.1:{port}"
    tasks = {"a": {"operation": "import/upload"}, "b": {"operation": "export/url", "input": "a"}}
    job = services.create_job(intake.parse_job({"tasks": tasks}, owner=owner), owner=owner)

    patch(create(job.tasks.get(name="a"), 5), 0, b"hello")

    assert job.tasks.get(name="b").status == Status.QUEUED


# --- What breaks off


def sent(url, offset, length, content, **headers):
    """Begin a PATCH and leave it open."""
    parts = urlsplit(url)
    lines = [f"PATCH {parts.path}?{parts.query} HTTP/1.1", "Host: x", f"Content-Length: {length}"]
    lines += [f"{k}: {v}" for k, v in {**BYTES, "Upload-Offset": f"{offset}", **headers}.items()]
    connection = socket.create_connection((parts.hostname, parts.port))
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + content)
    return connection


def test_what_came_before_a_cut_stays(task):
    content = os.urandom(4_000_000)
    url = create(task, len(content))

    sent(url, 0, len(content), content[:1_500_000]).close()
    eventually(lambda: at(url) == 1_500_000)

    assert patch(url, 1_500_000, content[1_500_000:]).status_code == 204
    assert kept.content(the_file(task).key) == content


def test_a_client_that_stalls_keeps_what_it_sent(task, monkeypatch):
    monkeypatch.setattr(bodies, "STALL_SECONDS", 0.2)
    url = create(task, 100)

    with sent(url, 0, 100, b"x" * 60) as connection:
        assert b" 408 " in connection.recv(1000)

    assert at(url) == 60


def test_who_did_not_hear_that_it_was_whole_is_told_again(task):
    url = create(task, 5, filename="a.txt")
    patch(url, 0, b"hello")

    assert at(url) == 5
    assert refused(patch(url, 5, b""), 410, "GONE")


def test_what_was_whole_when_we_died_is_published_when_asked_for(task, monkeypatch):
    url = create(task, 5, filename="a.txt")
    monkeypatch.setattr(services, "receive_upload", lambda *_: 1 / 0)
    assert patch(url, 0, b"hello").status_code == 500
    monkeypatch.undo()

    assert at(url) == 5
    assert kept.content(the_file(task).key) == b"hello"


def test_only_one_writes_at_a_time(task):
    url = create(task, 10)

    with sent(url, 0, 10, b"01234"):
        eventually(lambda: patch(url, 0, b"x").status_code == 423)
        assert refused(patch(url, 0, b"x"), 423, "LOCKED")
    eventually(lambda: patch(url, 5, b"56789").status_code == 204)

    assert kept.content(the_file(task).key) == b"0123456789"


def test_of_three_at_once_one_writes(task):
    content = os.urandom(6_000_000)
    url = create(task, len(content))
    start = threading.Barrier(3)

    def race(_):
        start.wait()
        return patch(url, 0, content).status_code

    with ThreadPoolExecutor(3) as pool:
        codes = sorted(pool.map(race, range(3)))

    assert codes[0] == 204 and set(codes[1:]) <= {409, 410, 423, 404}
    assert kept.content(the_file(task).key) == content


def test_a_form_and_an_upload_race_and_one_wins(task, settings):
    url = create(task, 5)
    patch(url, 0, b"hel")
    form = links.upload_form(task)

    assert httpx.post(form["url"], data=form["parameters"], files={"file": b"form"}).status_code == 201

    assert refused(patch(url, 3, b"lo"), 410, "GONE")
    assert head(url).status_code == 410
    assert kept.content(the_file(task).key) == b"form"
    spool.sweep()
    assert not left(settings.ATHANOR_SPOOL_DIR)


def test_two_pages_do_not_mix_their_files(task):
    first, second = create(task, 6), create(task, 6)
    patch(first, 0, b"fir")
    patch(second, 0, b"sec")

    assert patch(first, 3, b"fir").status_code == 204

    assert kept.content(the_file(task).key) == b"firfir"
    assert patch(second, 3, b"sec").status_code == 410


def test_a_task_keeps_few_unfinished_uploads(task, settings):
    urls = [create(task, 5) for _ in range(spool.MOST + 2)]

    assert [head(url).status_code for url in urls].count(200) == spool.MOST
    assert head(urls[-1]).status_code == 200
    assert len(left(settings.ATHANOR_SPOOL_DIR)) == spool.MOST


# --- Checksums


def test_who_makes_way_twice_at_once_is_gone_once(task, monkeypatch):
    create(task, 5)
    present = spool._parts(task.pk)
    # Listed by one request, and removed by another before it was looked at.
    monkeypatch.setattr(spool, "_parts", lambda _task: [*present, present[0].with_name("gone")])

    assert head(create(task, 5)).status_code == 200


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("sha1", lambda data: hashlib.sha1(data).digest()),
        ("sha256", lambda data: hashlib.sha256(data).digest()),
        ("md5", lambda data: hashlib.md5(data).digest()),
        ("crc32", lambda data: zlib.crc32(data).to_bytes(4)),
    ],
)
def test_bytes_with_another_checksum_are_thrown_away(task, name, digest):
    content = os.urandom(2_500_000)
    url = create(task, 5 + len(content))
    patch(url, 0, b"first")
    right = f"{name} {base64.b64encode(digest(content)).decode()}"

    wrong = patch(url, 5, content[:-1] + b"?", **{"Upload-Checksum": right})

    assert refused(wrong, 460, "CHECKSUM_MISMATCH")
    assert at(url) == 5
    assert patch(url, 5, content, **{"Upload-Checksum": right}).status_code == 204
    assert kept.content(the_file(task).key) == b"first" + content


def test_bytes_that_broke_off_before_they_could_be_checked_do_not_count(task):
    url = create(task, 3_000_000)
    patch(url, 0, b"first")

    with sent(url, 5, 2_000_000, bytes(1_500_000), **{"Upload-Checksum": "sha1 AAAA"}):
        eventually(lambda: patch(url, 5, b"").status_code == 423)
        assert at(url) == 5

    eventually(lambda: patch(url, 5, b"").status_code == 204)
    assert at(url) == 5


def test_nor_do_they_when_the_process_died(task):
    url = create(task, 100)
    key = parse_qs(urlsplit(url).query)["upload"][0]
    part = spool.Part(task.pk, key)
    part.write([b"first"])
    part.hold()
    part.write([b"unchecked"])
    part._file.close()

    assert at(url) == 5
    assert patch(url, 5, b"x").status_code == 204
    assert at(url) == 6


# --- Refusals


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Upload-Offset": "4"}, 409, "CONFLICT"),
        ({"Upload-Offset": "2"}, 409, "CONFLICT"),
        ({"Upload-Offset": "x"}, 400, "BAD_REQUEST"),
        ({"Upload-Offset": "-1"}, 400, "BAD_REQUEST"),
        ({"Tus-Resumable": "0.2.2"}, 412, "PRECONDITION_FAILED"),
        ({"Content-Type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"Upload-Checksum": "sha3 AAAA"}, 400, "BAD_REQUEST"),
        ({"Upload-Checksum": "sha1 not base64"}, 400, "BAD_REQUEST"),
        ({"Upload-Length": "11"}, 400, "BAD_REQUEST"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(task, headers, status, code):
    url = create(task, 10)
    patch(url, 0, b"012")

    answer = patch(url, 3, b"3", **headers)

    assert refused(answer, status, code)
    assert at(url) == 3 and waits(task)


def test_more_bytes_than_there_are_to_be_are_refused(task):
    url = create(task, 4)

    assert refused(patch(url, 0, b"hello"), 413, "PAYLOAD_TOO_LARGE")
    assert refused(patch(url, 0, iter([b"hello"])), 413, "PAYLOAD_TOO_LARGE")
    assert waits(task)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Length": "5001"}, 413),
        ({"Upload-Length": "ä".encode()}, 400),
        ({}, 400),
        ({"Upload-Length": "5", "Upload-Defer-Length": "1"}, 400),
        ({"Upload-Defer-Length": "2"}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "filename ?"}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": f"filename {'A' * 8000}"}, 413),
        ({"Upload-Length": "5", "Tus-Resumable": "2.0.0"}, 412),
    ],
)
def test_uploads_that_cannot_be_are_not_begun(task, settings, headers, status):
    settings.ATHANOR_MAX_FILE_BYTES = 5000

    answer = httpx.post(endpoint(task), headers={**VERSION, **headers})

    assert answer.status_code == status and answer.json()["message"]
    assert not left(settings.ATHANOR_SPOOL_DIR) and waits(task)


def test_an_upload_without_length_ends_at_the_cap(task, settings):
    settings.ATHANOR_MAX_FILE_BYTES = 1000
    url = endpoint(task)

    assert patch(url, 0, bytes(900)).status_code == 204
    assert refused(patch(url, 900, bytes(200)), 413, "PAYLOAD_TOO_LARGE")
    assert refused(patch(url, 900, b"x", **{"Upload-Length": "1001"}), 413, "PAYLOAD_TOO_LARGE")


def test_strangers_write_nothing(task, new_task, settings):
    form = links.upload_form(task)
    other = urlencode(links.upload_form(new_task())["parameters"])
    altered = urlencode({**form["parameters"], "max_file_size": "99999999999999"})

    for query in ("", "upload=0", altered, other):
        url = f"{form['url']}?{query}"
        for method in ("HEAD", "PATCH", "DELETE", "POST"):
            headers = {**BYTES, "Upload-Offset": "0", "Upload-Length": "5"}
            answer = httpx.request(
                method, url, headers=headers, content=b"hello" if method == "PATCH" else b""
            )
            assert answer.status_code == 403, (method, query)

    assert not left(settings.ATHANOR_SPOOL_DIR) and waits(task)


@pytest.mark.parametrize("upload", ["../../x", "0" * 31, "direct/..", "0" * 32 + ".kept", "%2e%2e"])
def test_an_upload_s_key_never_becomes_another_path(task, settings, upload):
    url = endpoint(task, upload=upload, upload_length="5")

    assert refused(patch(url, 0, b"hello"), 404, "NOT_FOUND")
    assert not left(settings.ATHANOR_SPOOL_DIR)


def test_an_expired_form_is_refused(task, settings):
    url = create(task, 5)
    settings.ATHANOR_UPLOAD_HOURS = -1

    assert refused(httpx.post(endpoint(task), headers={**VERSION, "Upload-Length": "5"}), 403, "FORBIDDEN")
    assert at(url) == 0


def test_a_terminated_upload_frees_its_room(task, settings):
    url = create(task, 1_000_000)
    patch(url, 0, bytes(500_000))

    answer = httpx.delete(url, headers=VERSION)

    assert answer.status_code == 204 and not left(settings.ATHANOR_SPOOL_DIR)
    assert head(url).status_code == 404
    assert refused(patch(url, 0, b"x"), 404, "NOT_FOUND")
    assert refused(httpx.delete(url, headers=VERSION), 404, "NOT_FOUND")
    assert patch(create(task, 5), 0, b"hello").status_code == 204


def test_an_upload_that_is_terminated_while_it_is_sent_ends(task, settings):
    url = create(task, 10_000_000)

    with sent(url, 0, 10_000_000, bytes(2_000_000)) as connection:
        eventually(lambda: at(url) > 0)
        assert httpx.delete(url, headers=VERSION).status_code == 204
        connection.sendall(bytes(3_000_000))
        assert b" 404 " in connection.recv(1000)

    assert not left(settings.ATHANOR_SPOOL_DIR) and waits(task)


@pytest.mark.parametrize("ended", [services.cancel, services.delete_task])
def test_the_uploads_of_ended_tasks_are_swept(task, new_task, settings, ended):
    url, other = create(task, 10), create(new_task(), 10)
    patch(url, 0, b"012")
    patch(other, 0, b"012")

    ended(task)

    assert patch(url, 3, b"3").status_code in {404, 410}
    assert spool.sweep() == 1
    assert at(other) == 3 and len(left(settings.ATHANOR_SPOOL_DIR)) == 1


@pytest.mark.parametrize("call", ["link", "fsync"])
def test_a_full_disk_is_said_and_the_upload_goes_on_later(task, monkeypatch, call):
    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    url = create(task, 5)
    monkeypatch.setattr(spool.os, call, full)

    assert refused(patch(url, 0, b"hello"), 507, "INSUFFICIENT_STORAGE")

    monkeypatch.undo()
    assert at(url) == 5
    assert the_file(task).size == 5


def test_a_large_upload_takes_little_memory(local, task):
    size, piece = 60_000_000, bytes(1_000_000)
    url = create(task, size)
    checksum = f"sha1 {base64.b64encode(hashlib.sha1(bytes(size)).digest()).decode()}"

    tracemalloc.start()
    try:
        answer = patch(url, 0, (piece for _ in range(60)), **{"Upload-Checksum": checksum})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert answer.status_code == 204 and the_file(task).size == size
    assert peak < 15_000_000


def test_other_methods_are_refused(task):
    assert httpx.get(endpoint(task)).headers["allow"] == tus.METHODS
    assert httpx.put(endpoint(task), headers=VERSION).status_code == 405


def test_the_whole_exchange_by_hand(task, port):
    path = urlsplit(endpoint(task))
    ask = f"HEAD {path.path}?{path.query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

    assert exchange(port, f"{ask}Tus-Resumable: 1.0.0\r\n\r\n".encode()).startswith(b"HTTP/1.1 200 ")
    assert exchange(port, f"{ask}\r\n".encode()).startswith(b"HTTP/1.1 412 ")


def eventually(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
