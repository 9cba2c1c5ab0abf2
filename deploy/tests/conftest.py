"""The whole embedded stack, started once for the tests that drive it from outside."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.servers.moto import Moto
from deploy.servers.starting import free_ports
from deploy.stack import Stack
from jobs.tests import buckets

log = logging.getLogger(__name__)


@dataclass
class Running:
    """A running stack, and the means to talk to it."""

    data_dir: Path
    about: dict[str, Any]
    api: httpx.Client
    sync: httpx.Client
    other: httpx.Client
    """The asynchronous API with the key of somebody else."""

    @property
    def file(self) -> Path:
        """Where the stack wrote down how to reach it."""
        return self.data_dir / "athanor.json"

    def job(self, **tasks: Any) -> dict[str, Any]:
        """Run a job to its end and return it."""
        answer = self.sync.post("/v2/jobs", json={"tasks": tasks})
        assert answer.status_code in {200, 201}, answer.text
        job: dict[str, Any] = answer.json()["data"]
        return job

    def upload(self, path: Path, name: str | None = None) -> str:
        """Upload a file and return the id of its task."""
        task = self.api.post("/v2/import/upload").json()["data"]
        form = task["result"]["form"]
        with path.open("rb") as file:
            sent = httpx.post(form["url"], data=form["parameters"], files={"file": (name or path.name, file)})
        assert sent.status_code == 201, sent.text
        return str(task["id"])

    def results(self, job: dict[str, Any], name: str = "out") -> dict[str, bytes]:
        """Return the exported files of a job, by name."""
        task = self.task(job, name)
        assert task["status"] == "finished", task
        return {
            file["filename"]: httpx.get(file["url"], follow_redirects=True).content
            for file in task["result"]["files"]
        }

    @staticmethod
    def task(job: dict[str, Any], name: str) -> dict[str, Any]:
        """Return a job's task by its name."""
        found: dict[str, Any] = next(task for task in job["tasks"] if task["name"] == name)
        return found

    def pids(self, *words: str) -> list[int]:
        """Return the processes below us whose command line has all these words."""
        numbers = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
        return [
            pid for pid in numbers if pid != os.getpid() and _said(pid, words) and _is_below(pid, os.getpid())
        ]


def _said(pid: int, words: tuple[str, ...]) -> bool:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return False
    return all(word in line for word in words)


def _is_below(pid: int, ancestor: int) -> bool:
    while pid not in {0, ancestor}:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return pid == ancestor


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The embedded stack, with short leases so that a killed worker is missed soon."""
    store = {}
    if os.environ.get("ATHANOR_TEST_FILE_STORE"):
        store, _ = _bucket(request.getfixturevalue("moto"))
    with _stack(tmp_path_factory.mktemp("stack with a space"), **store) as running:
        yield running


@pytest.fixture(scope="module")
def bucket_stack(moto: Moto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, str]]:
    """A stack whose files lie in a bucket, and the bucket's name."""
    store, bucket = _bucket(moto)
    # The bucket is on this machine, where no customer may lead a worker: it is ours.
    with _stack(tmp_path_factory.mktemp("stack"), ATHANOR_OUTBOUND_ALLOW="", **store) as running:
        yield running, bucket


def _bucket(moto: Moto) -> tuple[dict[str, str], str]:
    address, name = buckets.made(moto, direct="uploads,downloads")
    keys = {
        "ATHANOR_FILE_STORE_ACCESS_KEY": moto.access_key,
        "ATHANOR_FILE_STORE_SECRET_KEY": moto.secret_key,
    }
    return {"ATHANOR_FILE_STORE": address, **keys}, name


@contextmanager
def _stack(data_dir: Path, **more: str) -> Iterator[Running]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("ATHANOR_")}
    quick = {"ATHANOR_LEASE_SECONDS": "6", "ATHANOR_HEARTBEAT_SECONDS": "2", "ATHANOR_DRAIN_SECONDS": "3"}
    running = Stack(data_dir, ports=free_ports(), inherited=inherited | quick | more, say=log.info)
    with running:
        about = running.about
        with (
            _client(about["url"], about["api_key"]) as api,
            _client(about["sync_url"], about["api_key"]) as sync,
            _client(about["url"], about["api_key_other"]) as other,
        ):
            yield Running(running.data_dir, about, api, sync, other)


def _client(url: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120)
