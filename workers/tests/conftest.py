"""A worker to run the fakes in, and one that has every tool."""

from __future__ import annotations

import pytest

from jobs import files, registry
from jobs.models import File, Task
from jobs.states import Status
from workers import executor
from workers.heartbeat import Heartbeat

TOOLS = {"shouter": {"1.2": None}, "painter": {}, "archivetool": {}}
QUEUES = ("storage", "shouter", "painter", "archivetool")


@pytest.fixture
def station():
    return executor.Station("worker-1", "host", dict(TOOLS), Heartbeat())


@pytest.fixture
def run_all(station):
    def run() -> int:
        ran = 0
        while sum(executor.run_next(queue, station) for queue in QUEUES):
            ran += 1
            assert ran < 100
        return ran

    return run


@pytest.fixture
def run_tools():
    """Run all that waits, by real tools."""
    station = executor.Station("worker-1", "host", {name: {} for name in registry.engines()}, Heartbeat())

    def run():
        for _ in range(100):
            if not sum(executor.run_next(queue, station) for queue in registry.queues()):
                return

    return run


@pytest.fixture
def given(owner, tmp_path):
    """Make a finished task with one file of that name; return its id."""

    def make(name, data):
        task = Task.objects.create(owner=owner, operation="import/upload", status=Status.FINISHED)
        path = tmp_path / "new"
        path.write_bytes(data)
        stored = files.save(path, task=task.pk)
        kept = {"size": stored.size, "sha256": stored.sha256, "key": stored.key}
        File.objects.create(task=task, name=name, format=name.rpartition(".")[2], **kept)
        return f"{task.pk}"

    return make
