from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKER = """
import json, os, socket, sys, threading
import django
django.setup()
from jobs import queues
from jobs.contract import outbound
from workers import tasks

port = int(sys.argv[1])
found = {}

def dial():
    with socket.socket() as client:
        client.connect(("127.0.0.1", port))

def attempt(way):
    try:
        way()
    except Exception as error:
        return type(outbound.refusal_of(error) or error).__name__
    return "done"

class Worker:
    # A worker as Celery sees it, whose one slot does what a customer's task could.
    queues = {"storage": 1}
    rung = threading.Event()

    def start(self):
        threading.Thread(target=self.slot, daemon=True).start()

    def slot(self):
        found["stranger to a server"] = attempt(dial)
        found["stranger to our broker"] = attempt(lambda: queues._events().ping())
        queues._BELL.put(lambda: queues._send_ring("storage"))
        found["ring through broker and back"] = "done" if self.rung.wait(20) else "lost"
        print(json.dumps(found), file=sys.__stdout__, flush=True)
        os._exit(0)

    def ring(self, queue):
        self.rung.set()

    def drain(self):
        pass

tasks.serve(Worker(), log_level="WARNING")
"""


@pytest.fixture
def redis(tmp_path):
    path = tmp_path / "redis.sock"
    quiet = ("--save", "", "--appendonly", "no", "--dir", f"{tmp_path}")
    server = subprocess.Popen(
        ["redis-server", "--port", "0", "--unixsocket", f"{path}", *quiet], stdout=subprocess.DEVNULL
    )
    until = time.monotonic() + 10
    with socket.socket(socket.AF_UNIX) as client:
        while client.connect_ex(f"{path}") and time.monotonic() < until:
            pass
    yield path
    server.kill()
    server.wait()


@pytest.mark.needs("redis-server")
def test_a_workers_slots_keep_to_the_outbound_rule_while_celery_reaches_the_broker(redis, tmp_path):
    environment = {
        "PATH": "/usr/bin:/bin",
        "DJANGO_SETTINGS_MODULE": "deploy.settings",
        "ATHANOR_DATA_DIR": f"{tmp_path / 'data'}",
        "ATHANOR_BROKER_URL": f"redis+socket://{redis}",
        "ATHANOR_EVENTS_URL": f"unix://{redis}",
        # Where the broker is does not make it a place for customers, nor does what they may reach.
        "ATHANOR_OUTBOUND_ALLOW": "10.0.0.0/8",
    }
    with socket.create_server(("127.0.0.1", 0)) as canary:
        argv = [sys.executable, "-c", WORKER, f"{canary.getsockname()[1]}"]
        done = subprocess.run(
            argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        canary.settimeout(0)
        with pytest.raises(BlockingIOError):
            canary.accept()

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "stranger to a server": "AddressRefused",
        "stranger to our broker": "AddressRefused",
        "ring through broker and back": "done",
    }
    assert "Refused to connect to '127.0.0.1'" in done.stderr
