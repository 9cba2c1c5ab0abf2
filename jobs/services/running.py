"""What workers do: claim, extend, finish, fail, hand back."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Min, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from jobs import queues, registry, routing
from jobs.contract import errors, limits
from jobs.models import Task
from jobs.states import Status, sources

from . import notices, quarantine
from .moving import (
    Staged,
    after_end,
    end,
    lock,
    mine,
    publish,
    remove_leftovers,
    seconds,
    start_job,
)

BACKOFF = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2))
KEPT_WORDS = limits.WORD_BYTES


Tools = Mapping[str, Collection[str]]
"""The engines a worker has, each with its versions, the one it uses unasked first."""


def claim(queue: str, *, worker: str, host_name: str, tools: Tools) -> Task | None:
    """Take the fairest ready task of a queue: priority, then the owner with the least running, then age.

    None when nothing is ready for who has these tools. The task comes with its attempt counted and a lease.
    """
    mine = {engine: list(tools[engine]) for engine in registry.engines_of(queue) if engine in tools}
    while True:
        candidate = _fairest(queue, mine)
        if candidate is None:
            return None
        version = candidate.pin or next(iter(mine.get(candidate.engine or "", ())), None)
        # Who waits shows 100, as the vendor's do.
        percent = candidate.percent if candidate.hop else 0
        with transaction.atomic():
            lock(candidate.job_id)
            free = Task.objects.filter(pk=candidate.pk, status__in=sources(Status.PROCESSING))
            rows = free.filter(attempt=candidate.attempt).update(
                status=Status.PROCESSING,
                attempt=F("attempt") + 1,
                lease_until=Now() + seconds(settings.ATHANOR_LEASE_SECONDS),
                overdue_at=Coalesce("overdue_at", Now() + seconds(candidate.timeout)),
                worker=worker,
                host_name=host_name,
                engine_version=version,
                started_at=Coalesce("started_at", Now()),
                percent=percent,
                message=None,
                suspect=None,
            )
            if rows and candidate.job_id:
                start_job(candidate.job_id)
            if rows and candidate.engine and version:
                notices.owe(candidate.owner_id, candidate.engine, version)
        if rows:
            candidate.status = Status.PROCESSING
            candidate.attempt += 1
            candidate.percent = percent
            candidate.engine_version = version
            return candidate


def ready(queue_names: Iterable[str], tools: Tools) -> dict[str, int]:
    """Return how many tasks of these queues could be claimed now by who has these tools.

    Queues without any are left out.
    """
    rows = claimable().filter(queue__in=list(queue_names)).values_list("queue", "engine", "pin")
    found: dict[str, int] = {}
    for queue, engine, pin, number in rows.annotate(n=Count("pk")):
        if not engine or (engine in tools and (not pin or pin in tools[engine])):
            found[queue] = found.get(queue, 0) + number
    return found


def claimable() -> QuerySet[Task]:
    """Return the tasks that could be claimed now."""
    return Task.objects.filter(status=Status.QUEUED).filter(Q(ready_at=None) | Q(ready_at__lte=Now()))


def _fairest(queue: str, tools: Mapping[str, list[str]]) -> Task | None:
    served = Q(engine=None)
    for engine, versions in tools.items():
        served |= Q(engine=engine, pin__in=["", *versions])
    ready = claimable().filter(served, queue=queue)
    owners = list(
        ready.values("priority", "owner").annotate(oldest=Min("created_at")).order_by("-priority", "oldest")
    )
    if not owners:
        return None
    top = [row for row in owners if row["priority"] == owners[0]["priority"]]
    running: dict[int, int] = {}
    if len(top) > 1:
        counted = Task.objects.filter(status=Status.PROCESSING, owner__in=[row["owner"] for row in top])
        running = dict(counted.values_list("owner").annotate(n=Count("pk")))
    fairest = min(top, key=lambda row: (running.get(row["owner"], 0), row["oldest"]))
    oldest = ready.filter(priority=fairest["priority"], owner=fairest["owner"]).order_by(
        "created_at", "position"
    )
    return oldest.defer("arguments", "output", "result").first()


def extend(held: Mapping[uuid.UUID, int]) -> None:
    """Extend the leases of tasks (id to attempt) by the lease time."""
    until = Now() + seconds(settings.ATHANOR_LEASE_SECONDS)
    for pk, attempt in held.items():
        mine(pk, attempt).update(lease_until=until)


def lost(held: Mapping[uuid.UUID, int]) -> set[uuid.UUID]:
    """Return which of the tasks (id to attempt) this worker no longer holds: ended, deleted, or taken."""
    rows = Task.objects.filter(pk__in=list(held), status=Status.PROCESSING).values_list("pk", "attempt")
    return set(held) - {pk for pk, attempt in rows if held[pk] == attempt}


def tell_progress(pk: uuid.UUID, attempt: int, *, percent: int, message: str | None) -> None:
    """Show how far a running task is, 0 to 100."""
    mine(pk, attempt).update(percent=percent, message=message)


def remember(pk: uuid.UUID, attempt: int, loose_ends: list[str]) -> bool:
    """Keep what an attempt has begun elsewhere, for the next one to end; False when the task was lost."""
    return bool(mine(pk, attempt).update(loose_ends=loose_ends))


@transaction.atomic
def finish(
    task: Task,
    staged: list[Staged],
    *,
    message: str | None = None,
    extra: Mapping[str, Any] | None = None,
    arguments: str = "",
    output: str = "",
) -> bool:
    """Publish what an attempt made, or pass it to the next hop; False when the task was lost meanwhile."""
    lock(task.job_id)
    words = {"arguments": arguments, "output": output[-KEPT_WORDS:], "lease_until": None, "worker": ""}
    if task.hop + 1 < len(task.plan):
        step = registry.hop(task.plan[task.hop + 1])
        changes = {"hop": task.hop + 1, "tries": 0, "rung_at": Now(), **routing.columns(step), **words}
        if not mine(task.pk, task.attempt).update(status=Status.QUEUED, **changes):
            return False
        _publish(task, staged)
        queues.ring(step.operation.queue)
        return True
    done = {"ended_at": Now(), "percent": 100, "message": message, "result": dict(extra or {}), "credits": 0}
    done["loose_ends"] = []
    if not mine(task.pk, task.attempt).update(status=Status.FINISHED, **done, **words):
        return False
    _publish(task, staged)
    after_end(task.pk, task.job_id)
    return True


def _publish(task: Task, staged: list[Staged]) -> None:
    publish(task.pk, staged)
    if task.attempt > task.hop + 1:
        remove_leftovers(task.pk)


def fail(task: Task, error: errors.TaskError, *, arguments: str = "", output: str = "") -> bool:
    """Record why an attempt failed: another attempt, or the end; False when the task was lost meanwhile."""
    words = {"arguments": arguments, "output": output[-KEPT_WORDS:]}
    with transaction.atomic():
        lock(task.job_id)
        return attempt_failed(task.pk, task.job_id, task.attempt, task.tries, error, words)


def attempt_failed(
    pk: uuid.UUID,
    job_id: uuid.UUID | None,
    attempt: int,
    tries: int,
    error: errors.TaskError,
    words: Mapping[str, str],
) -> bool:
    """Let a task go on after an attempt of it failed: another attempt, or the end. The job must be locked."""
    free: dict[str, Any] = {"tries": tries + 1, "lease_until": None, "worker": "", **words}
    if tries + 1 < error.retry.attempts:
        ready_at = Now() + BACKOFF[min(tries, len(BACKOFF) - 1)]
        again = {"status": Status.QUEUED, "ready_at": ready_at, "rung_at": None}
        if not mine(pk, attempt).update(**again, **free):
            return False
    elif end(pk, error, attempt=attempt, **free):
        if attempt > 1:
            remove_leftovers(pk)
        after_end(pk, job_id)
    else:
        return False
    if 0 < error.strikes_from <= tries + 1:
        quarantine.strike(pk, error)
    return True


def hand_back(task: Task) -> bool:
    """Give a task back to its queue, unharmed: the worker stops. It costs the task no attempt."""
    changes = {"lease_until": None, "worker": "", "ready_at": None, "rung_at": Now()}
    with transaction.atomic():
        lock(task.job_id)
        if not mine(task.pk, task.attempt).update(status=Status.QUEUED, **changes):
            return False
        queues.ring(task.queue)
    return True
