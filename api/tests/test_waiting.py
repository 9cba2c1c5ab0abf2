from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import threading
import time

import httpx
import pytest
from redis import Redis

from api import bodies, endings
from api.tests.live import arrive, exchange, quiet, running
from api.waiting import Waiting, is_sync
from jobs import intake, queues, services

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fakes")]


class Inner:
    """What Django does, as far as the layer sees it."""

    def __init__(self) -> None:
        self.requests: list[dict] = []

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        named = {key.removeprefix("HTTP_"): value for key, value in environ.items() if key.isupper()}
        headers = {key.lower().replace("_", "-"): value for key, value in named.items()}
        path = environ["PATH_INFO"].encode("latin-1").decode()
        seen = {"method": environ["REQUEST_METHOD"], "path": path, "query": environ["QUERY_STRING"]}
        self.requests.append(seen | {"headers": headers, "body": body})
        if path == "/bug":
            raise RuntimeError("a bug of ours")
        said = [("Content-Type", "application/json"), ("Athanor-Secret", "x")]
        if "athanor-sync" in headers and path.startswith("/v2/"):
            said += [("Athanor-Wait", f"task {path.rpartition('/')[2]}"), ("Athanor-Then", "/a%20b/?c=d%26")]
        start_response("200 OK", said)
        text = json.dumps(seen).encode()
        return [text[:5], text[5:]]


@pytest.fixture
def inner():
    return Inner()


@pytest.fixture
def layer(inner):
    return Waiting(inner)


@pytest.fixture
def port(layer):
    with running(quiet(layer)) as (port,):
        yield port


@pytest.fixture
def task(owner):
    return services.create_task(intake.parse_task("import/upload", {}, owner=owner), owner=owner)


@pytest.fixture
def redis(tmp_path, settings, monkeypatch):
    # One that has not yet found the broker dead.
    monkeypatch.setattr(queues, "_BELL", queues._Bell())
    path = tmp_path / "redis.sock"
    settings.ATHANOR_EVENTS_URL = f"unix://{path}"
    queues._events.cache_clear()
    server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", str(path), "--save", ""])
    client = Redis(unix_socket_path=str(path))
    eventually(lambda: path.exists() and client.ping())
    yield client
    client.close()
    server.terminate()
    server.wait()
    queues._events.cache_clear()


def eventually(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def ask(port, thing, method="GET", host="sync.example.com", **options):
    url = f"http://127.0.0.1:{port}/v2/tasks/{thing}"
    return httpx.request(method, url, headers={"Host": host, **options.pop("headers", {})}, **options)


class Asking(threading.Thread):
    """Somebody who asks and waits."""

    def __init__(self, *args, **options) -> None:
        super().__init__()
        self.args, self.options = args, options
        self.answer: httpx.Response | None = None
        self.start()

    def run(self):
        self.answer = ask(*self.args, timeout=30, **self.options)

    def result(self):
        self.join()
        return self.answer


# --- Waiting


@pytest.mark.needs("redis-server")
def test_a_waiter_is_woken_by_the_message(task, layer, redis, inner, monkeypatch):
    monkeypatch.setattr(endings, "LOOK_SECONDS", 3600)
    with running(quiet(layer)) as (port,):
        asking = Asking(port, task.pk, headers={"Authorization": "Bearer k", "Athanor-Trust": "me"})
        eventually(lambda: layer.endings.count == 1 and redis.pubsub_numsub(queues.ENDED)[0][1] == 1)
        eventually(lambda: not layer.endings._fresh)
        assert asking.is_alive()

        services.cancel(task)

        answer = asking.result()
    assert answer.status_code == 200
    assert answer.json() == {"method": "GET", "path": "/a b/", "query": "c=d%26"}
    first, second = inner.requests
    assert first["headers"]["athanor-sync"] == "1" and "athanor-sync" not in second["headers"]
    assert second["headers"]["authorization"] == "Bearer k"
    assert not [name for name in answer.headers if name.startswith("athanor")]
    assert "athanor-trust" not in first["headers"] | second["headers"]


def test_a_waiter_is_woken_without_messages(task, port, layer):
    asking = Asking(port, task.pk)
    eventually(lambda: layer.endings.count == 1)

    services.cancel(task)

    assert asking.result().json()["path"] == "/a b/"


def test_what_ended_before_the_waiter_was_in_the_book_is_noticed(task, port):
    services.cancel(task)

    assert ask(port, task.pk).json()["path"] == "/a b/"


def test_waiters_for_what_is_deleted_are_answered(task, port, layer):
    asking = Asking(port, task.pk)
    eventually(lambda: layer.endings.count == 1)

    services.delete_task(task)

    assert asking.result().status_code == 200


def test_a_wait_after_a_post_ends_in_a_get_without_a_body(task, port, inner):
    services.cancel(task)

    ask(port, task.pk, "POST", json={"a": 1}, headers={"Athanor-Sync": "0", "X-Mine": "1"})

    first, second = inner.requests
    assert (first["method"], json.loads(first["body"])) == ("POST", {"a": 1})
    assert (second["method"], second["body"]) == ("GET", b"")
    assert "content-type" not in second["headers"] and second["headers"]["content-length"] == "0"
    assert second["headers"]["x-mine"] == "1"


def test_a_client_that_goes_away_frees_its_place(task, port, layer, inner):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        head = f"GET /v2/tasks/{task.pk} HTTP/1.1\r\nHost: sync.example.com\r\n\r\n"
        connection.sendall(head.encode())
        eventually(lambda: layer.endings.count == 1)

    eventually(lambda: layer.endings.count == 0)
    assert not layer.endings._waiters
    assert len(inner.requests) == 1


def test_many_waiters_cost_no_threads(task, port, layer, inner):
    async def all_wait() -> list[bytes]:
        head = f"GET /v2/tasks/{task.pk} HTTP/1.1\r\nHost: sync.example.com\r\nConnection: close\r\n\r\n"
        streams = [await arrive(port, head.encode()) for _ in range(300)]
        while layer.endings.count < 300:
            await asyncio.sleep(0.01)
        assert threading.active_count() <= before + 20
        await asyncio.to_thread(services.cancel, task)
        answers = await asyncio.gather(*(reader.read() for reader, _ in streams))
        for _, writer in streams:
            writer.close()
        return answers

    before = threading.active_count()
    answers = asyncio.run(all_wait())

    assert {answer.partition(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 200 OK"}
    assert layer.endings.count == 0
    # Those who ask the same at the same moment share an answer.
    assert 300 < len(inner.requests) < 600


def test_waiters_are_sent_away_before_the_end(task, port, layer):
    asking = Asking(port, task.pk)
    eventually(lambda: layer.endings.count == 1)

    next(iter(next(iter(layer.endings._waiters.values())))).get_loop().call_soon_threadsafe(
        layer.endings.release
    )

    answer = asking.result()
    assert answer.status_code == 503 and answer.json()["code"] == "UNAVAILABLE"
    assert answer.headers["retry-after"]


# --- Who is asking whom


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("api.example.com", 8000, False),
        ("sync.api.example.com", 8000, True),
        ("SYNC.api.example.com:443", 8000, True),
        ("eu-central.sync.api.example.com", 8000, True),
        ("waits.example.org", 8000, True),
        ("waits.example.org:80", 8000, True),
        ("waits.example.org:8443", 8000, False),
        ("mysync.example.com", 8000, False),
        ("api.example.com", 8001, True),
        ("", 8000, False),
        ("sync", 8000, False),
    ],
)
def test_host_or_port_make_a_request_synchronous(settings, host, port, expected):
    settings.ATHANOR_PUBLIC_URL = "https://api.example.com"
    settings.ATHANOR_SYNC_URL = "https://waits.example.org"
    scope = {"scheme": "http", "server": ("10.0.0.1", port), "headers": [(b"host", host.encode())]}

    assert is_sync(scope, {8001}) is expected


def test_without_a_sync_host_of_its_own_nothing_waits(settings):
    settings.ATHANOR_PUBLIC_URL = settings.ATHANOR_SYNC_URL = "http://sync.example.com"
    scope = {"scheme": "http", "server": ("10.0.0.1", 80), "headers": [(b"host", b"sync.example.com")]}

    assert not is_sync(scope)


# --- Bodies


def test_an_asynchronous_request_passes_through(port, inner):
    body = bytes(range(256)) * 20_000

    sent = [
        ("Athanor-Sync", "1"),
        ("Athanor_Sync", "1"),
        ("Cookie", "a=1"),
        ("Cookie", "b=2"),
        ("X", "1"),
        ("X", "2"),
    ]
    answer = httpx.post(f"http://127.0.0.1:{port}/ä?a=%20b", content=body, headers=sent)

    assert answer.json() == {"method": "POST", "path": "/ä", "query": "a=%20b"}
    assert answer.headers["content-length"] == f"{len(answer.content)}"
    assert inner.requests[0]["body"] == body
    headers = inner.requests[0]["headers"]
    assert "athanor-sync" not in headers and "athanor-secret" not in answer.headers
    assert (headers["cookie"], headers["x"]) == ("a=1; b=2", "1,2")


def test_a_body_of_unknown_length_passes_too(port, inner):
    httpx.post(f"http://127.0.0.1:{port}/x", content=iter([b"a" * 500_000] * 4))

    assert inner.requests[0]["body"] == b"a" * 2_000_000


def test_a_body_above_the_cap_is_refused_unread(port, inner, settings):
    settings.ATHANOR_MAX_BODY_BYTES = 1000

    answer = exchange(
        port, b"POST /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n"
    )

    assert answer.startswith(b"HTTP/1.1 413 ") and b"PAYLOAD_TOO_LARGE" in answer
    assert not inner.requests


def test_a_body_of_unknown_length_above_the_cap_is_refused(port, inner, settings):
    settings.ATHANOR_MAX_BODY_BYTES = 1000

    answer = httpx.post(f"http://127.0.0.1:{port}/x", content=iter([b"a" * 900] * 2))

    assert answer.status_code == 413 and answer.json()["code"] == "PAYLOAD_TOO_LARGE"
    assert not inner.requests


def test_a_body_that_stalls_is_given_up(port, inner, monkeypatch):
    monkeypatch.setattr(bodies, "STALL_SECONDS", 0.1)

    answer = exchange(port, b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")

    assert answer.startswith(b"HTTP/1.1 408 ") and b"REQUEST_TIMEOUT" in answer
    assert not inner.requests


def test_a_body_that_drips_is_given_up(port, inner, monkeypatch):
    monkeypatch.setattr(bodies, "STALL_SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        connection.setblocking(False)
        answer = b""
        while not answer:
            try:
                connection.send(b"x")
                answer = connection.recv(1000)
            except BlockingIOError:
                time.sleep(0.02)

    assert answer.startswith(b"HTTP/1.1 408 ") and not inner.requests


def test_a_client_that_leaves_in_its_body_bothers_nobody(port, inner):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")

    assert httpx.get(f"http://127.0.0.1:{port}/y").status_code == 200
    assert [seen["path"] for seen in inner.requests] == ["/y"]


def test_a_bug_is_told_as_json(port):
    answer = httpx.get(f"http://127.0.0.1:{port}/bug")

    assert answer.status_code == 500
    assert answer.json() == {"message": "Server Error", "code": "INTERNAL_ERROR"}
