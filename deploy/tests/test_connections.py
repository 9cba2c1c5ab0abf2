"""Trying a saved connection with one call: through the layer that waits, Django and a worker."""

from __future__ import annotations

import threading

import httpx
import pytest
from django.db import connections as databases

from api.tests.conftest import Caller, caller
from api.tests.live import quiet, running
from api.waiting import Waiting
from deploy.asgi import django
from jobs import services
from jobs.models import Task
from jobs.tests import flow
from workers import executor
from workers.heartbeat import Heartbeat

SECRET = "seeded-secret-value"
OPTIONS = {"host": "store.example", "bucket": "files", "user": "me", "password": SECRET}
BODY = {"name": "mine", "provider": "vault", "options": OPTIONS}

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("vaults")]


@pytest.fixture
def me(db) -> Caller:
    return caller("me")


@pytest.fixture
def ports():
    with running(quiet(Waiting(django, sync_ports=()))) as found:
        yield found


@pytest.fixture
def worker():
    """A worker that takes what waits for storages."""
    station = executor.Station("worker-1", "host", {}, Heartbeat())
    ended = threading.Event()

    def work():
        while not ended.wait(0.05):
            executor.run_next("storage", station)
        databases.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    ended.set()
    thread.join()


def trial(port, who, pk, host="api.example.com", **body):
    headers = {"Authorization": f"Bearer {who.key}", "Host": host}
    url = f"http://127.0.0.1:{port}/v2/connections/{pk}/test"
    return httpx.post(url, headers=headers, json=body, timeout=60)


@pytest.mark.parametrize("host", ["api.example.com", "sync.example.com"])
@pytest.mark.parametrize(
    ("password", "ok", "code", "message"),
    [
        (SECRET, True, None, "There is the bucket files."),
        (flow.WRONG, False, "STORAGE_REFUSED", "The password ******** is refused."),
        (flow.SILENT, False, "STORAGE_UNREACHABLE", "The storage could not be reached."),
    ],
)
def test_it_is_tried_with_one_call(me, ports, worker, host, password, ok, code, message):
    body = {**BODY, "options": {**OPTIONS, "password": password}}
    pk = me.post("/v2/connections", body).json()["data"]["id"]
    writer = caller("me", "user.write")

    answer = trial(ports[0], writer, pk, host)

    assert answer.status_code == 200
    assert answer.json() == {"data": {"ok": ok, "code": code, "message": message}}
    assert not Task.objects.exists()
    assert not [name for name in answer.headers if name.startswith("athanor")]


def test_without_a_worker_the_answer_comes_all_the_same(me, ports, monkeypatch):
    pk = me.post("/v2/connections", BODY).json()["data"]["id"]
    monkeypatch.setattr(services, "TEST_SECONDS", 1)

    answer = trial(ports[0], me, pk)

    assert answer.json()["data"]["code"] == "CONNECTION_UNTESTED"
    assert not Task.objects.exists()
