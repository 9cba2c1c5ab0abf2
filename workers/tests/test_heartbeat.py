from __future__ import annotations

import time
import uuid

import pytest
from django.db import OperationalError

from jobs import services
from workers import heartbeat
from workers.heartbeat import LOST, Heartbeat, Run


def run_of(**more) -> Run:
    return Run(task=uuid.uuid4(), attempt=1, owner="1", deadline=time.monotonic() + 60, **more)


@pytest.fixture
def told(monkeypatch):
    """What the services are told, in place of the database."""
    seen = []
    monkeypatch.setattr(services, "lost", lambda held: set())
    monkeypatch.setattr(services, "extend", lambda held: seen.append(("extend", dict(held))))
    monkeypatch.setattr(
        services, "tell_progress", lambda pk, attempt, **news: seen.append(("progress", news["percent"]))
    )
    return seen


def test_a_lost_run_is_told_to_stop(monkeypatch, told):
    run = run_of()
    monkeypatch.setattr(services, "lost", lambda held: {run.task})

    Heartbeat()._look_after([run])

    assert run.stopped == LOST


def test_a_lease_is_extended_when_it_is_time(told):
    run = run_of(extended=time.monotonic() - 11)

    Heartbeat()._look_after([run])
    Heartbeat()._look_after([run])

    assert told == [("extend", {run.task: 1})]


def test_progress_is_told_once_per_change(told):
    run = run_of()
    run.progress(40)

    Heartbeat()._look_after([run])
    Heartbeat()._look_after([run])

    assert told == [("progress", 40)]


@pytest.mark.parametrize(
    ("hop", "hops", "share", "percent", "shown"),
    [
        (0, 1, (0, 100), 50, 50),
        (1, 2, (0, 100), 50, 75),
        (0, 2, (50, 100), 50, 37),
        (0, 1, (0, 100), 100, 99),
    ],
)
def test_progress_is_that_of_the_whole_task(hop, hops, share, percent, shown):
    run = run_of(hop=hop, hops=hops)
    run.share = share

    run.progress(percent)

    assert run.percent == shown


def test_a_run_whose_lease_cannot_be_extended_stops_before_it_ends(monkeypatch, settings):
    old, new = run_of(extended=time.monotonic() - 26), run_of()

    Heartbeat()._give_up_unextended([old, new])

    assert (old.stopped, new.stopped) == (LOST, None)


def test_the_thread_survives_a_dead_database(monkeypatch, told):
    monkeypatch.setattr(heartbeat, "LOOK_SECONDS", 0.01)
    answers = iter([OperationalError("gone")])

    def lost(held):
        for error in answers:
            raise error
        return set(held)

    monkeypatch.setattr(services, "lost", lost)
    beat = Heartbeat()
    beat.start()
    run = run_of()

    with beat.holding(run):
        for _ in range(500):
            if run.stopped:
                break
            time.sleep(0.01)

    beat.end()
    assert run.stopped == LOST
