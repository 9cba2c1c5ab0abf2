from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from api.tests.live import exchange, running
from deploy import connections
from deploy.asgi import Application
from deploy.serve import Server
from deploy.startup import new_sealing_key
from jobs import keys
from jobs.models import Job

ROOT = Path(__file__).parents[2]
HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def ports():
    application = Application(sync_ports=[])
    with running(Server(application), ports=2) as ports:
        application._waiting._sync_ports = frozenset(ports[1:])
        yield ports


@pytest.fixture
def port(ports):
    return ports[0]


def ends(port, data, *, repeat=b"", every=0.02):
    """Tell what comes before the server closes; ``repeat`` is sent again and again meanwhile."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        connection.settimeout(every if repeat else 20)
        answer, deadline = b"", time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if repeat:
                    connection.sendall(repeat)
                chunk = connection.recv(65536)
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                return answer
            if not chunk:
                return answer
            answer += chunk
    raise AssertionError("The server does not close.")


# --- The parts together


@pytest.mark.django_db(transaction=True)
def test_a_job_waits_for_its_upload_and_is_shown_on_the_sync_port(owner, fakes, ports, settings):
    settings.ATHANOR_PUBLIC_URL, settings.ATHANOR_SYNC_URL = (f"http://127.0.0.1:{port}" for port in ports)
    settings.ATHANOR_STORAGE_URL = settings.ATHANOR_PUBLIC_URL
    _, key = keys.make_key(owner, name="k", scopes=keys.SCOPES)
    headers = {"Authorization": f"Bearer {key}"}
    payload = {"tasks": {"a": {"operation": "import/upload"}}}
    created = httpx.post(f"{settings.ATHANOR_PUBLIC_URL}/v2/jobs", json=payload, headers=headers)
    job = created.json()["data"]
    answers = []

    def wait():
        url = f"{settings.ATHANOR_SYNC_URL}/v2/jobs/{job['id']}"
        answers.append(httpx.get(url, headers=headers, timeout=30))

    waiter = threading.Thread(target=wait)
    waiter.start()
    form = job["tasks"][0]["result"]["form"]
    uploaded = httpx.post(form["url"], data=form["parameters"], files={"file": ("a.txt", b"hello")})
    waiter.join()

    assert created.status_code == 201 and uploaded.status_code == 201
    assert answers[0].status_code == 200 and answers[0].json()["data"]["status"] == "finished"
    shown = httpx.get(f"{settings.ATHANOR_PUBLIC_URL}/v2/jobs/{job['id']}", headers=headers)
    assert shown.json()["data"]["tasks"][0]["result"]["files"] == [{"filename": "a.txt", "size": 5}]
    assert Job.objects.get().status == "finished"


@pytest.mark.django_db(transaction=True)
def test_the_admin_is_djangos(port):
    answer = httpx.get(f"http://127.0.0.1:{port}/admin/login/")

    assert answer.status_code == 200 and "csrf" in answer.text
    assert "server" not in answer.headers


@pytest.mark.parametrize("path", ["/nowhere", "/storage/nowhere", "/v2/jobs/../../x"])
def test_a_path_that_leads_nowhere_is_json(port, path):
    answer = httpx.get(f"http://127.0.0.1:{port}{path}")

    assert answer.status_code == 404 and answer.json()["code"] == "NOT_FOUND"


def test_the_process_serves_two_ports_and_ends_well(tmp_path):
    given = {"ATHANOR_SECRET_KEY": secrets.token_urlsafe(48), "ATHANOR_SEALING_KEYS": new_sealing_key()}
    environment = {**os.environ, "ATHANOR_DATA_DIR": f"{tmp_path}", **given}
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    ports = [each.getsockname()[1] for each in (socket.create_server(("", 0)), socket.create_server(("", 0)))]
    arguments = ["serve", "--port", f"{ports[0]}", "--sync-port", f"{ports[1]}"]
    process = subprocess.Popen([*manage, *arguments], cwd=ROOT, env=environment)
    try:
        answers = [patiently(f"http://127.0.0.1:{port}/healthz") for port in ports]
    finally:
        process.send_signal(signal.SIGTERM)

    assert [answer.status_code for answer in answers] == [200, 200]
    assert not [each.name for each in tmp_path.iterdir() if "key" in each.name]
    assert process.wait(20) == 0


def patiently(url):
    for _ in range(400):
        try:
            return httpx.get(url)
        except httpx.ConnectError:
            time.sleep(0.05)
    raise AssertionError("It does not start.")


# --- Connections that misbehave


def test_a_head_that_does_not_end_is_given_up(port, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)

    assert ends(port, HEAD + b"X-Slow: ", repeat=b"x") == b""


def test_a_connection_that_says_nothing_is_given_up(port, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.1)

    assert ends(port, b"") == b""


@pytest.mark.parametrize("first", [b"", HEAD + b"\r\n"])
def test_empty_lines_are_no_reason_to_stay(port, monkeypatch, first):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)

    assert ends(port, first, repeat=b"\r\n").startswith(first and b"HTTP/1.1 200 ")


def test_a_connection_that_behaves_is_kept(port, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        sockets = set()
        for _ in range(3):
            answer = client.get("/healthz")
            sockets.add(answer.extensions["network_stream"].get_extra_info("client_addr"))
            time.sleep(0.3)

    assert answer.status_code == 200 and len(sockets) == 1


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"X-Long: " + b"x" * 70_000 + b"\r\n\r\n",
        HEAD + b"X: y\r\n" * 101 + b"\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_a_head_beyond_the_caps_is_refused(port, head):
    answer = exchange(port, head)

    assert answer.startswith(b"HTTP/1.1 431 ") and b"REQUEST_HEADER_FIELDS_TOO_LARGE" in answer


def test_a_head_without_end_is_not_kept_in_memory(port):
    answer = ends(port, HEAD + b"X-Long: ", repeat=b"x" * 10_000)

    # Those who go on sending may miss it.
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


def test_a_key_of_two_kilobytes_fits(port):
    answer = exchange(port, HEAD + b"Authorization: Bearer " + b"x" * 2048 + b"\r\nConnection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "nonsense", [b"\x16\x03\x01\x02\x00", b"HELLO\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_request_is_refused_as_json(port, nonsense):
    answer = exchange(port, nonsense)

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/json" in answer and b'"BAD_REQUEST"' in answer


def test_after_a_refused_body_the_connection_goes_on(port, settings):
    settings.ATHANOR_MAX_BODY_BYTES = 1000
    first = b"POST /v2/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000

    answer = exchange(port, first + HEAD + b"Connection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413 ") and b"HTTP/1.1 200 OK" in answer


def test_a_refused_body_may_not_drip_for_ever(port, monkeypatch, settings):
    settings.ATHANOR_MAX_BODY_BYTES = 1000
    monkeypatch.setattr(connections, "DRAIN_SECONDS", 0.3)

    answer = ends(port, b"POST /v2/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", repeat=b"x")

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_client_that_does_not_read_is_given_up(monkeypatch):
    def much(_environ, start_response):
        start_response("200 OK", [])
        return [b"x" * 50_000_000]

    monkeypatch.setattr(connections, "STUCK_SECONDS", 0.3)
    server = Server(Application(much))
    with running(server) as (port,), socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(HEAD + b"\r\n")
        deadline = time.monotonic() + 20
        connection.recv(1)
        while server.server_state.connections:
            assert time.monotonic() < deadline
            time.sleep(0.01)
