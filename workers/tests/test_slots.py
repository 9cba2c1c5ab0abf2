from __future__ import annotations

import threading

import pytest

from workers import slots as module
from workers.slots import Slots


class Queue:
    """Work that blocks until told to go on."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.lock = threading.Lock()
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Event()

    def run_next(self, _queue: str) -> bool:
        with self.lock:
            if not self.left:
                return False
            self.left -= 1
        self.begun.release()
        self.go_on.wait(10)
        return True

    def ready(self, _queues) -> dict[str, int]:
        return {"q": self.left} if self.left else {}


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", (0.01, 0.02))


def started(queue: Queue, number: int, *, ready=None) -> Slots:
    slots = Slots({"q": number}, run_next=queue.run_next, ready=ready or queue.ready)
    slots.start()
    return slots


def test_a_ring_wakes_a_slot():
    queue = Queue(1)
    slots = started(queue, 1, ready=lambda _queues: {})

    slots.ring("q")

    assert queue.begun.acquire(timeout=5)
    queue.go_on.set()
    slots.stop_claiming()
    assert slots.join(5)


def test_work_is_found_without_any_ring_on_every_slot():
    queue = Queue(3)
    slots = started(queue, 2)

    assert all(queue.begun.acquire(timeout=5) for _ in range(2))

    assert not queue.begun.acquire(timeout=0.1)
    queue.go_on.set()
    assert queue.begun.acquire(timeout=5)
    slots.stop_claiming()
    assert slots.join(5)


def test_a_slot_that_stumbles_goes_on():
    queue = Queue(2)
    stumbles = iter([RuntimeError("bug")])

    def run_next(name: str) -> bool:
        for error in stumbles:
            raise error
        return queue.run_next(name)

    queue.go_on.set()
    slots = Slots({"q": 1}, run_next=run_next, ready=queue.ready)
    slots.start()

    assert all(queue.begun.acquire(timeout=5) for _ in range(2))
    slots.stop_claiming()
    assert slots.join(5)


def test_nothing_more_is_taken_once_told_to_stop():
    queue = Queue(2)
    slots = started(queue, 1)
    assert queue.begun.acquire(timeout=5)

    slots.stop_claiming()
    queue.go_on.set()

    assert slots.join(5)
    assert queue.left == 1


def test_a_long_backlog_costs_no_looks_when_it_is_done(monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", (60, 60))
    looked = threading.Semaphore(0)
    held = threading.Event()

    def run_next(_name: str) -> bool:
        looked.release()
        held.wait(10)
        return False

    slots = Slots({"q": 1}, run_next=run_next, ready=lambda _queues: {})
    slots.start()
    slots.ring("q")
    assert looked.acquire(timeout=5)
    for _ in range(1000):
        slots.ring("q")

    held.set()

    assert looked.acquire(timeout=5), "one ring is kept: something may have come meanwhile"
    assert not looked.acquire(timeout=0.2)
    slots.stop_claiming()
    assert slots.join(5)


def test_a_ring_tells_whether_somebody_idle_heard_it():
    queue = Queue(2)
    slots = started(queue, 1, ready=lambda _queues: {})
    while not slots.ring("q"):
        pass
    assert queue.begun.acquire(timeout=5)

    assert not slots.ring("q")
    assert not slots.ring("another")

    queue.go_on.set()
    slots.stop_claiming()
    assert slots.join(5)
