"""A worker to run the fakes in."""

from __future__ import annotations

import pytest

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
