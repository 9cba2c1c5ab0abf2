from __future__ import annotations

import errno
import hashlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import httpx
import pytest

from api import bodies, links
from api.bytes import uploads
from api.bytes.application import application
from api.bytes.forms import Field, FileBegins, Form
from api.tests.live import exchange, quiet, running
from jobs import intake, services
from jobs.contract.errors import BadRequest, UnsupportedMediaType
from jobs.files import folder
from jobs.models import File, Task
from jobs.states import Status
from jobs.tests import kept

FILE_DOCX = 'Content-Disposition: form-data; name="file"; filename="file.docx"'

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fakes")]


@pytest.fixture(scope="module")
def port():
    with running(quiet(application)) as (port,):
        yield port


@pytest.fixture
def new_task(owner, port, settings):
    settings.ATHANOR_STORAGE_URL = f"http://127.0.0.1:{port}"

    def create(**payload) -> Task:
        return services.create_task(intake.parse_task("import/upload", payload, owner=owner), owner=owner)

    return create


@pytest.fixture
def task(new_task):
    return new_task()


def send(task, content=b"hello", name="report.pdf", **options):
    form = links.upload_form(task)
    return httpx.post(form["url"], data=form["parameters"], files={"file": (name, content)}, **options)


def body_of(task, file_part, *, boundary="xyz", **changes):
    fields = {**links.upload_form(task)["parameters"], **changes}
    parts = [f'content-disposition: form-data; name="{k}"\r\n\r\n{v}'.encode() for k, v in fields.items()]
    joined = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), part) for part in [*parts, file_part])
    return joined + b"--%s--\r\n" % boundary.encode()


def post(port, body, *, path="/storage/uploads", boundary="xyz", length=None, more=""):
    return exchange(port, request(body, path=path, boundary=boundary, length=length, more=more))


def request(body, *, path="/storage/uploads", boundary="xyz", length=None, more=""):
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary={boundary}\r\n"
        f"Content-Length: {len(body) if length is None else length}\r\n{more}\r\n"
    )
    return head.encode() + body


def the_file(task):
    task.refresh_from_db()
    assert task.status == Status.FINISHED
    return task.files.get()


def waits_untouched(task):
    task.refresh_from_db()
    return task.status == Status.WAITING and not File.objects.exists() and not kept.everything()


def test_an_upload_finishes_its_task(task):
    content = b"\r\n--xy\r\n" * 400_000

    answer = send(task, content, "Größe & <co>.pdf")

    file = the_file(task)
    assert answer.status_code == 201 and answer.headers["content-type"] == "application/xml"
    assert answer.headers["location"].endswith("Gr%C3%B6%C3%9Fe%20%26%20%3Cco%3E.pdf")
    assert (file.name, file.format, file.size) == ("Größe & <co>.pdf", "pdf", len(content))
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert kept.content(file.key) == content
    xml = ElementTree.fromstring(answer.content)
    assert xml.findtext("Key") == f"{task.pk}/Größe & <co>.pdf"
    assert xml.findtext("ETag") == answer.headers["etag"] == f'"{file.sha256}"'


@pytest.mark.parametrize(
    ("part", "name"),
    [
        # Node 3: lower case, no spaces, no quotes, raw UTF-8.
        ('content-disposition:form-data;name="file";filename=my größe (1).txt', "my größe (1).txt"),
        ("Content-Disposition: form-data; name=file; filename=a.txt", "a.txt"),
        ('Content-Disposition: form-data; name="file"; filename="C:\\\\dir\\\\a b.txt"', "a b.txt"),
        ('Content-Disposition: form-data; name="file"; filename="../../etc/a.txt"', "a.txt"),
        ('Content-Disposition: form-data; name="file"; filename="a\\"b;c.txt"', 'a"b;c.txt'),
        ("Content-Disposition: form-data; name=file; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt", "größe.txt"),
        # .NET
        ('Content-Disposition: form-data; name=file; filename="=?utf-8?B?Z3LDtsOfZS50eHQ=?="', "größe.txt"),
        # PHP with a string for a body.
        ('Content-Disposition: form-data; name="file"\r\nContent-Length: 5', "file"),
        ('Content-Disposition: form-data; name="file"\r\nContent-Type: image/png', "file.png"),
        # Java names a stream itself.
        (
            f"{FILE_DOCX}\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary",
            "file.docx",
        ),
        ('Content-Disposition: form-data; name="upload"; filename="x.png"', "x.png"),
        ('Content-Disposition: form-data; name="file"; filename="\u202ea\x01.txt"', "a.txt"),
        # Character sets that are none.
        ("Content-Disposition: form-data; name=file; filename=a.txt; filename*=\0''b.txt", "a.txt"),
        ("Content-Disposition: form-data; name=file; filename=a.txt; filename*=undefined''b.txt", "a.txt"),
        ('Content-Disposition: form-data; name=file; filename="=?ÿ?Q?a.txt?="', "=?ÿ?Q?a.txt?="),
        ('Content-Disposition: form-data; name=file; filename="=?undefined?Q?a?="', "=?undefined?Q?a?="),
    ],
)
def test_parts_as_real_clients_write_them(task, port, part, name):
    answer = post(port, body_of(task, part.encode() + b"\r\n\r\nhello"))

    file = the_file(task)
    assert answer.startswith(b"HTTP/1.1 201 Created\r\n")
    assert file.name == name
    assert kept.content(file.key) == b"hello"


def test_a_quoted_boundary_and_a_name_in_the_key(task, port):
    body = body_of(
        task,
        b"content-disposition: form-data; name=file\r\n\r\nhello",
        boundary="a b",
        key=f"{task.pk}/n.csv",
    )

    answer = post(port, body, boundary='"a b"; charset=utf-8', path=f"/storage/uploads/{task.pk}")

    assert b" 201 " in answer and the_file(task).name == "n.csv"


def test_a_very_long_name_is_cut(task):
    send(task, name="ä" * 3000 + ".pdf")

    file = the_file(task)
    assert len(file.name.encode()) <= 200 and file.name.endswith(".pdf")


@pytest.mark.parametrize("path", ["/storage/uploads", "/tasks"])
def test_the_form_alone_tells_the_task(task, port, path):
    part = b'content-disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello'

    assert b" 201 " in post(port, body_of(task, part), path=path)
    assert the_file(task).size == 5


def test_an_empty_file_is_a_file(task):
    assert send(task, b"").status_code == 201
    assert the_file(task).size == 0


def test_the_browser_is_sent_where_the_task_says(new_task):
    task = new_task(redirect="https://example.com/thanks?a=b")

    answer = send(task)

    assert answer.status_code == 303
    assert answer.headers["location"] == "https://example.com/thanks?a=b"
    assert the_file(task).size == 5


def test_any_page_may_post_the_form(task, port):
    asked = httpx.options(links.upload_form(task)["url"], headers={"Origin": "https://example.com"})

    answer = send(task, headers={"Origin": "https://example.com"})

    assert asked.status_code == 204 and "POST" in asked.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


def test_a_job_goes_on_after_its_upload(owner, port, settings):
    settings.ATHANOR_STORAGE_URL = f"http://127.0.0.1:{port}"
    tasks = {"a": {"operation": "import/upload"}, "b": {"operation": "export/url", "input": "a"}}
    job = services.create_job(intake.parse_job({"tasks": tasks}, owner=owner), owner=owner)

    send(job.tasks.get(name="a"))

    assert job.tasks.get(name="b").status == Status.QUEUED


# --- Refusals


def refused(answer, status, code):
    return (
        answer.status_code == status
        and answer.headers["content-type"] == "application/json"
        and answer.json()["code"] == code
        and answer.headers["access-control-allow-origin"] == "*"
    )


def test_an_altered_form_is_refused_and_nothing_is_kept(task):
    form = links.upload_form(task)

    fields = {**form["parameters"], "max_file_size": "99999999999"}
    answer = httpx.post(form["url"], data=fields, files={"file": b"x" * 5_000_000})

    assert refused(answer, 403, "FORBIDDEN") and waits_untouched(task)


def test_an_expired_form_is_refused(task, settings):
    settings.ATHANOR_UPLOAD_HOURS = -1

    answer = send(task)

    assert refused(answer, 403, "FORBIDDEN") and "expired" in answer.json()["message"]
    assert waits_untouched(task)


def test_the_fields_come_before_the_file(task, port):
    parameters = links.upload_form(task)["parameters"].items()
    fields = [f'--b\r\ncontent-disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in parameters]
    file = '--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n'

    answer = post(port, "".join([file, *fields, "--b--\r\n"]).encode(), boundary="b")

    assert b" 403 " in answer and waits_untouched(task)


def test_a_task_takes_one_file(task):
    assert send(task, b"first").status_code == 201

    assert refused(send(task, b"second"), 409, "CONFLICT")
    assert kept.content(the_file(task).key) == b"first"
    assert len(kept.everything()) == 1


def test_a_form_takes_one_file(task):
    form = links.upload_form(task)
    two = [("file", ("a.txt", b"1")), ("file", ("b.txt", b"2"))]

    answer = httpx.post(form["url"], data=form["parameters"], files=two)

    assert refused(answer, 400, "BAD_REQUEST") and waits_untouched(task)


def test_a_cancelled_task_takes_none(task):
    services.cancel(task)

    assert refused(send(task), 409, "CONFLICT") and not kept.everything()


def test_a_deleted_task_is_not_found(task):
    form = links.upload_form(task)
    services.delete_task(task)

    answer = httpx.post(form["url"], data=form["parameters"], files={"file": b"x"})

    assert refused(answer, 404, "NOT_FOUND")


def test_of_racing_uploads_exactly_one_wins(task):
    form = links.upload_form(task)
    start = threading.Barrier(6)

    def race(number):
        start.wait()
        return httpx.post(
            form["url"], data=form["parameters"], files={"file": (f"{number}", b"%d" % number * 3_000_000)}
        )

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(race, range(6)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    winner = the_file(task)
    assert answers[int(winner.name)].status_code == 201
    assert [kept.content(key) for key in kept.everything()] == [winner.name.encode() * 3_000_000]


def test_a_file_above_the_cap_is_refused_before_it_is_sent(task, port, settings):
    settings.ATHANOR_MAX_FILE_BYTES = 1000

    answer = post(port, b"", length=10_000_000, more="Expect: 100-continue\r\n")

    assert answer.startswith(b"HTTP/1.1 413 ") and b"PAYLOAD_TOO_LARGE" in answer


def test_a_file_above_the_forms_cap_is_refused_while_it_comes(task, settings):
    settings.ATHANOR_MAX_FILE_BYTES = 3_000_000
    form = links.upload_form(task)
    settings.ATHANOR_MAX_FILE_BYTES = 100_000_000

    answer = httpx.post(form["url"], data=form["parameters"], files={"file": b"x" * 5_000_000})

    assert refused(answer, 413, "PAYLOAD_TOO_LARGE") and waits_untouched(task)


def test_an_upload_must_say_its_length(task):
    form = links.upload_form(task)
    head = {"Content-Type": "multipart/form-data; boundary=b"}

    answer = httpx.post(form["url"], content=iter([b"--b--\r\n"]), headers=head)

    assert refused(answer, 411, "LENGTH_REQUIRED")


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data", "multipart/mixed; boundary=b", ""]
)
def test_another_content_type_is_refused(task, kind):
    answer = httpx.post(links.upload_form(task)["url"], content=b"{}", headers={"Content-Type": kind})

    assert refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_form_without_a_file_is_refused(task):
    form = links.upload_form(task)

    answer = httpx.post(form["url"], data=form["parameters"], files={"other": (None, b"x")})

    assert refused(answer, 400, "BAD_REQUEST") and waits_untouched(task)


@pytest.mark.parametrize("cut", [1, 10, 40, 3_000_000])
def test_a_form_that_ends_too_early_leaves_the_task_waiting(task, port, cut):
    part = b'content-disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * 4_000_000
    # Without its last line break a form is still whole.
    body = body_of(task, part).removesuffix(b"\r\n")

    answer = post(port, body[:-cut])

    assert answer.startswith(b"HTTP/1.1 400 ") and waits_untouched(task)
    assert send(task).status_code == 201


def test_a_client_that_goes_away_leaves_the_task_waiting(task, port, monkeypatch):
    written, discarded = threading.Event(), threading.Event()

    class Noted(uploads._Staging):
        def write(self, pieces):
            super().write(pieces)
            written.set()

        def discard(self):
            super().discard()
            discarded.set()

    monkeypatch.setattr(uploads, "_Staging", Noted)
    part = b'content-disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * 4_000_000
    body = request(body_of(task, part))
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(body[:-1000])
        assert written.wait(20)

    assert discarded.wait(20)
    assert waits_untouched(task)
    assert send(task).status_code == 201


def test_a_client_that_stalls_is_sent_away(task, port, monkeypatch):
    monkeypatch.setattr(bodies, "STALL_SECONDS", 0.2)
    part = b'content-disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * 400_000

    answer = exchange(port, request(body_of(task, part))[:-1000])

    assert answer.startswith(b"HTTP/1.1 408 ") and b"REQUEST_TIMEOUT" in answer
    assert waits_untouched(task)


def test_a_full_disk_is_said(local, task, monkeypatch):
    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder.os, "fsync", full)

    assert refused(send(task), 507, "INSUFFICIENT_STORAGE") and waits_untouched(task)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/storage/uploads", 405),
        ("PUT", "/storage/uploads/00000000-0000-4000-8000-000000000001", 405),
        ("POST", "/storage/uploads/nonsense", 404),
        ("GET", "/storage/", 404),
        ("POST", "/storage/../etc/passwd", 404),
    ],
)
def test_other_requests_are_refused_as_json(port, method, path, status):
    answer = httpx.request(method, f"http://127.0.0.1:{port}{path}")

    assert answer.status_code == status and answer.json()["message"]


# --- The form's parser


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_a_form_reads_the_same_however_it_is_cut(size):
    body = (
        b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nvalue\r\n'
        b'--b\r\ncontent-disposition:form-data;name="file";filename=a b.txt\r\n'
        b"Content-Type: text/plain\r\n\r\n" + b"--b-\r\n-\r\n--\r\r\n--b"[:-1] + b"\r\n--b--\r\nepilogue"
    )
    form = Form("multipart/form-data; boundary=b")

    events = [event for at in range(0, len(body), size) for event in form.feed(body[at : at + size])]

    assert events[:2] == [Field("key", "value"), FileBegins("a b.txt", "text/plain")]
    assert b"".join(events[2:]) == b"--b-\r\n-\r\n--\r\r\n--"
    assert form.complete


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense",
        b"--b\r\nno colon\r\n\r\nx\r\n--b--",
        b"--b\r\nContent-Disposition: form-data; name=" + b"x" * 100_000,
        b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\n" + b"x" * 100_000,
        b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n" * 100,
        b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\n\r\n" * 100,
        b"".join(
            b"--b\r\nContent-Disposition: form-data; name=" + name * 30_000 + b"\r\n\r\n\r\n"
            for name in (b"x", b"y", b"z")
        ),
        b"--b\r\n" + b"A: b\r\n" * 100,
    ],
)
def test_a_body_that_is_no_form_or_too_much_of_one_is_refused(body):
    with pytest.raises(BadRequest):
        Form("multipart/form-data; boundary=b").feed(body)


def test_a_boundary_of_any_length_is_not_taken():
    with pytest.raises(UnsupportedMediaType):
        Form("multipart/form-data; boundary=" + "b" * 1000)
