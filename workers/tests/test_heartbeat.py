from __future__ import annotations

import time
import uuid
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from jobs import intake, services
from jobs.models import Task
from workers import heartbeat
from workers.heartbeat import LOST, Heartbeat, Run

pytestmark = pytest.mark.usefixtures("fakes")


def run_of(task=None, **more) -> Run:
    pk, attempt = (task.pk, task.attempt) if task else (uuid.uuid4(), 1)
    return Run(task=pk, attempt=attempt, owner="1", deadline=time.monotonic() + 60, **more)


@pytest.fixture
def task(owner):
    """A task this worker has claimed."""
    services.create_task(intake.parse_task("import/url", {}, owner=owner), owner=owner)
    return services.claim("storage", worker="w", host_name="h", tools={})


def test_a_run_that_lost_its_task_is_told_to_stop(task):
    mine, theirs = run_of(task), run_of()
    services.cancel(task)

    Heartbeat()._look_after([mine, theirs])

    assert (mine.stopped, theirs.stopped) == (LOST, LOST)


def test_a_lease_is_extended_when_it_is_time(task):
    soon = timezone.now() + timedelta(seconds=1)
    Task.objects.filter(pk=task.pk).update(lease_until=soon)

    Heartbeat()._look_after([run_of(task)])
    task.refresh_from_db()
    assert task.lease_until == soon

    Heartbeat()._look_after([run_of(task, extended=time.monotonic() - 11)])
    task.refresh_from_db()
    assert task.lease_until > soon


def test_a_claimed_task_has_come_nowhere_yet(task):
    # Those that wait show 100.
    assert task.percent == 0


def test_progress_is_told(task):
    run = run_of(task)
    run.progress(40, "half way")

    Heartbeat()._look_after([run])

    task.refresh_from_db()
    assert (task.percent, task.message, run.stopped) == (40, "half way", None)


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


def test_a_run_whose_lease_cannot_be_extended_stops_before_it_ends():
    old, new = run_of(extended=time.monotonic() - 26), run_of()

    Heartbeat()._give_up_unextended([old, new])

    assert (old.stopped, new.stopped) == (LOST, None)


def test_a_short_lease_is_extended_in_time(task, settings):
    settings.ATHANOR_LEASE_SECONDS = 4
    run = run_of(task, extended=time.monotonic() - 2)

    Heartbeat()._look_after([run])
    Heartbeat()._give_up_unextended([run])

    assert time.monotonic() - run.extended < 1
    assert run.stopped is None


@pytest.mark.parametrize("failure", [OperationalError("gone"), RuntimeError("a bug of ours")])
def test_the_thread_survives_a_dead_database(monkeypatch, failure):
    # Only the database itself is replaced: it is gone once, then it says that nothing is ours.
    monkeypatch.setattr(heartbeat, "LOOK_SECONDS", 0.01)
    answers = iter([failure])

    def lost(held):
        for error in answers:
            raise error
        return set(held)

    monkeypatch.setattr(services, "lost", lost)
    beat = Heartbeat()
    beat.start()
    run = run_of()

    with beat.holding(run):
        end = time.monotonic() + 10
        while not run.stopped and time.monotonic() < end:
            time.sleep(0.01)

    beat.end()
    assert run.stopped == LOST
