"""Lanes, as somebody would have them who wants to break them."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress

import pytest

from jobs.contract.errors import Stopped, StorageRefused, StorageUnreachable, TooMuchOutput
from storage._support import lanes, limits, refusals, side_by_side, transfers
from storage._support.lanes import Lanes, Load
from storage._support.lines import Lines

from .conftest import RunContext
from .test_transfers import Memory, bring, put

WAIT = 20


class Door(Memory):
    """Notes who comes in, and lets them wait there."""

    def __init__(self, opening=lambda: None, *, shared=False):
        super().__init__()
        self.opening, self.shared = opening, shared

    def __call__(self, location, trail):
        super().__call__(location, trail)
        self.opening()
        return self


def test_no_error_of_a_provider_is_taken_for_an_empty_queue(tmp_path):
    def move(_place, _advance):
        raise IndexError("a bug in somebody's SDK")

    with Lanes(Memory(), {}, RunContext()) as running, pytest.raises(IndexError, match="SDK"):
        running.run([Load(move)])


@pytest.mark.parametrize("ending", [refusals.refused("no"), StorageUnreachable(), KeyError("a bug")])
def test_whoever_was_opened_is_closed_however_it_ends(ending):
    memory = Memory()

    def move(_place, _advance):
        raise ending

    with Lanes(memory, {}, RunContext()) as running, pytest.raises(type(ending)):
        running.run([Load(move)] * 3)

    assert memory.opened == memory.closed > 0


def test_a_lane_that_comes_back_late_hangs_up(monkeypatch):
    monkeypatch.setattr(lanes, "WIND_DOWN_SECONDS", 0.2)
    memory, going, left = Memory(), threading.Event(), threading.Event()
    stopped = []

    def move(_place, _advance):
        stopped.append("cancelled")
        going.wait(WAIT)

    context = RunContext(stop=lambda: stopped[0] if stopped else None)
    with Lanes(memory, {}, context) as running, pytest.raises(Stopped):
        running.run([Load(move)])
    assert memory.closed == 0
    memory.close = left.set

    going.set()

    assert left.wait(WAIT)


def test_what_waits_for_a_large_object_does_not_begin_once_all_is_stopped():
    memory, moved = Memory(), []
    both = threading.Barrier(2)

    def waits_for_the_first(_place, advance):
        # The other lane is at the door when this one fails.
        moved.append("first")
        both.wait(WAIT)
        threading.Event().wait(0.5)
        raise refusals.refused("no")

    def second(_place, _advance):
        moved.append("second")

    def arrives(_place, _advance):
        both.wait(WAIT)

    with Lanes(memory, {}, RunContext()) as running, pytest.raises(StorageRefused):
        running.run([Load(waits_for_the_first, lanes.LARGE), Load(arrives), *[Load(second, lanes.LARGE)] * 3])

    assert moved == ["first"]


@pytest.mark.parametrize("shared", [True, False])
def test_wrong_credentials_are_tried_once_and_not_once_for_each_lane(shared):
    begun = threading.Event()

    def opening():
        # Time for the others to come.
        begun.set()
        threading.Event().wait(0.3)
        raise refusals.credentials("password")

    door = Door(opening, shared=shared)

    with Lanes(door, {}, RunContext()) as running, pytest.raises(StorageRefused, match="password"):
        running.run([Load(lambda _place, _advance: None)] * 20)

    assert begun.is_set()
    assert door.opened == 1


def test_sizes_that_lie_bring_no_more_than_a_task_may(tmp_path, monkeypatch):
    monkeypatch.setattr(transfers, "OUTPUT_BYTES", 1000)
    monkeypatch.setattr(limits, "MAX_FILE_BYTES", 300)
    memory = Memory({f"a/{number}": bytes(250) for number in range(20)})
    items = memory.items

    def lying(prefix):
        for item in items(prefix):
            yield type(item)(item.key, 1, item.version)

    memory.items = lying

    with pytest.raises(TooMuchOutput):
        bring(memory, tmp_path, key_prefix="a/")

    brought = [path.stat().st_size for path in tmp_path.iterdir() if path.is_file()]
    assert sum(brought) <= 1000 + memory.lanes * 300


def test_who_is_not_let_in_leaves_the_work_to_those_who_are():
    """A server that takes only so many logins at once is no reason to fail."""
    lock, moved = threading.Lock(), []

    def opening():
        with lock:
            if door.opened > 1:
                raise refusals.refused("421 Too many connections")

    def move(_place, advance):
        advance(1)
        threading.Event().wait(0.01)
        moved.append(1)

    door = Door(opening)
    with Lanes(door, {}, RunContext()) as running:
        running.run([Load(move, 1)] * 30)

    assert len(moved) == 30
    assert 1 < door.opened <= Door.lanes


def test_what_is_left_when_nobody_is_let_in_any_more_is_told():
    def opening():
        if door.opened > 1:
            raise StorageUnreachable("gone")

    def move(_place, advance):
        advance(1)
        raise StorageUnreachable("broke off")

    door = Door(opening)
    with Lanes(door, {}, RunContext()) as running, pytest.raises(StorageUnreachable):
        running.run([Load(move, 1)] * 5)
    assert door.opened < 30


def test_loose_ends_of_what_broke_off_are_ended_too(tmp_path):
    memory = Memory()
    memory.fails = [StorageUnreachable()]

    put(memory, tmp_path, files=1, key="a")

    assert memory.tidied == ["a", "a"]
    assert memory.objects == {"a": b"content"}


class Dripping:
    """A server that says a little now and then, for ever: no time limit of a line ends that."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.hung_up = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        client, _ = self.listener.accept()
        with self.listener, client, suppress(OSError):
            while True:
                client.sendall(b".")
                self.hung_up.wait(0.02)
        self.hung_up.set()

    def connect(self):
        return socket.create_connection(self.listener.getsockname(), timeout=WAIT)


def test_a_server_that_never_ends_is_hung_up_on_when_the_task_is_over(monkeypatch):
    monkeypatch.setattr(lanes, "WIND_DOWN_SECONDS", 0.1)
    monkeypatch.setattr(lanes, "HANG_UP_SECONDS", 0.1)
    server, heard, ended, again = Dripping(), threading.Event(), threading.Event(), []

    def move(_place, _advance):
        # As libraries do, in a thread of their own, and once more where it breaks off.
        list(side_by_side.in_order(listen, 2, width=2))

    def listen(number):
        if number:
            return
        with suppress(ConnectionError), server.connect() as line:
            while line.recv(1):
                heard.set()
        try:
            server.connect()
        except Stopped as error:
            again.append(error)
        ended.set()

    context = RunContext(stop=lambda: "cancelled" if heard.is_set() else None)
    with Lanes(Memory(), {}, context) as running, pytest.raises(Stopped):
        running.run([Load(move)])

    assert ended.wait(WAIT)
    assert server.hung_up.wait(WAIT)
    assert again


def test_what_has_taken_the_number_of_a_closed_connection_is_left_alone():
    made, server = Lines(), Dripping()
    with made.noted():
        closed = server.connect()
    number = closed.fileno()
    closed.close()
    ours, theirs = socket.socketpair()
    os.dup2(ours.fileno(), number)

    made.hang_up()

    ours.send(b"x")
    assert theirs.recv(1) == b"x"
    os.close(number)
