"""What the reconciler does: put right what crashes and lost messages leave behind."""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from jobs import files, fleet, queues, routing, sealing, secrets
from jobs.contract import errors
from jobs.models import Connection, Job, Task
from jobs.states import ACTIVE, Status

from .accepting import delete_job, delete_task
from .moving import (
    UPLOAD,
    advance,
    advance_alone,
    after_end,
    end,
    lock,
    publish,
    seconds,
)
from .running import attempt_failed, claimable

log = logging.getLogger(__name__)

SOME = 500
"""How many tasks are asked for at once."""


def take_from_dead() -> int:
    """Take tasks from workers whose lease has run out; return how many."""
    rows = Task.objects.filter(status=Status.PROCESSING, lease_until__lt=Now())
    taken = 0
    for pk, job_id, attempt, tries in rows.values_list("pk", "job_id", "attempt", "tries"):
        with transaction.atomic():
            lock(job_id)
            still = Task.objects.filter(pk=pk, attempt=attempt, lease_until__lt=Now()).exists()
            taken += still and attempt_failed(pk, job_id, attempt, tries, errors.LeaseLost(), {})
    return taken


def end_overdue() -> int:
    """End tasks past their timeout, counted from their start, and uploads that never came."""
    late = Task.objects.filter(status__in=ACTIVE, overdue_at__lt=Now())
    ended = 0
    for pk, job_id, status in late.values_list("pk", "job_id", "status"):
        # Only an upload has a time to wait for.
        never_came = errors.UploadFailed("The file was not uploaded in time.")
        with transaction.atomic():
            lock(job_id)
            if end(pk, never_came if status == Status.WAITING else errors.Timeout()):
                after_end(pk, job_id)
                ended += 1
    return ended


def ring_again(*, after: timedelta) -> int:
    """Ring for tasks that have been ready for a while and were not taken; return for how many queues."""
    unheard = claimable().filter(Q(rung_at=None) | Q(rung_at__lt=Now() - after))
    names = set(unheard.values_list("queue", flat=True))
    unheard.update(rung_at=Now())
    for name in names:
        queues.ring(name)
    return len(names)


def plan_anew() -> int:
    """Plan tasks anew that wait for an engine, or a version of it, which no worker has had for a while.

    They go to other engines that can do it, or fail when they asked for what is gone, or go on waiting.
    Return how many changed.
    """
    now = fleet.look()
    queued = Task.objects.filter(status=Status.QUEUED).exclude(engine=None)
    changed = 0
    for engine, pin in set(queued.values_list("engine", "pin")) if now.live else ():
        if now.lately.can_run(engine or "", pin):
            continue
        # Any of them: those that go on waiting must not keep the others from their turn.
        lost = queued.filter(engine=engine, pin=pin).order_by("?").values_list("pk", "job_id")
        for pk, job_id in lost[:SOME]:
            with transaction.atomic():
                lock(job_id)
                changed += _plan_anew(pk)
    return changed


def _plan_anew(pk: uuid.UUID) -> bool:
    task = Task.objects.filter(pk=pk, status=Status.QUEUED).first()
    if task is None:
        return False
    try:
        hops = routing.plan(task)
    except errors.TaskError as error:
        if end(pk, error):
            after_end(pk, task.job_id)
        return True
    plan = [hop.key for hop in hops]
    if plan == task.plan:
        return False
    changes = {"plan": plan, "hop": 0, "tries": 0, "rung_at": Now(), **routing.columns(hops[0])}
    waiting = Task.objects.filter(pk=pk, status=Status.QUEUED, attempt=task.attempt)
    if not waiting.update(**changes):
        return False
    # Half of another way is of no use on this one.
    publish(pk, [])
    queues.ring(hops[0].operation.queue)
    return True


def advance_stuck() -> int:
    """Move on what should have moved: waiting tasks whose inputs have ended, jobs whose tasks have."""
    waiting = Task.objects.filter(status=Status.WAITING).exclude(operation=UPLOAD)
    undecided = Q(needs__needed__status__in=ACTIVE)
    ready = waiting.exclude(pk__in=waiting.filter(undecided).values("pk"))
    jobs = set(ready.filter(job__isnull=False).values_list("job_id", flat=True))
    open_jobs = Job.objects.filter(status__in=ACTIVE).exclude(tasks__status__in=ACTIVE)
    jobs |= set(open_jobs.values_list("pk", flat=True))
    for job_id in jobs:
        with transaction.atomic():
            lock(job_id)
            advance(job_id)
    alone = list(ready.filter(job=None).values_list("pk", flat=True))
    for pk in alone:
        with transaction.atomic():
            advance_alone(pk)
    return len(jobs) + len(alone)


def forget_old(*, limit: int = 100) -> int:
    """Delete what ended longer ago than the retention time, files included; return how much.

    What a task still at work needs is kept until that has ended too.
    """
    old = {"ended_at__lt": Now() - seconds(3600 * settings.ATHANOR_RETENTION_HOURS)}
    needed = Q(needed_by__task__status__in=ACTIVE)
    busy = Task.objects.filter(needed, job__isnull=False, **old).values("job_id")
    jobs = list(Job.objects.filter(**old).exclude(pk__in=busy)[:limit])
    for job in jobs:
        delete_job(job)
    tasks = list(Task.objects.filter(job=None, **old).exclude(needed)[:limit])
    for task in tasks:
        delete_task(task)
    return len(jobs) + len(tasks)


def forget_orphans(*, after: timedelta) -> int:
    """Remove what has been stored that long for tasks that do not exist; return for how many.

    A worker that dies after its task was deleted leaves such, and a request that fails late.
    """
    found = list(files.untouched(seconds=after.total_seconds()))
    removed = 0
    for first in range(0, len(found), SOME):
        some = found[first : first + SOME]
        known = set(Task.objects.filter(pk__in=some).values_list("pk", flat=True))
        orphans = [pk for pk in some if pk not in known]
        files.remove_tasks(orphans)
        removed += len(orphans)
    return removed


def reseal_tasks() -> tuple[int, int]:
    """Seal the secrets of every task with the key that seals now; return of how many, and how many not.

    Those that cannot be opened stay as they are. Safe to repeat, and to run beside the service.
    """
    return _reseal(Task.objects.order_by("pk"), "payload")


def reseal_connections() -> tuple[int, int]:
    """Do the same for every saved connection."""
    return _reseal(Connection.objects.order_by("pk"), "options")


def _reseal(rows: QuerySet[Any], column: str) -> tuple[int, int]:
    done = lost = 0
    last = uuid.UUID(int=0)
    while some := list(rows.filter(pk__gt=last).values_list("pk", column)[:SOME]):
        for pk in (pk for pk, kept in some if not secrets.is_fresh(kept)):
            try:
                done += _reseal_one(rows.filter(pk=pk), pk, column)
            except sealing.CannotOpen as error:
                log.error("A secret of %s %s cannot be opened: %s", rows.model.__name__.lower(), pk, error)
                lost += 1
        last = some[-1][0]
    return done, lost


@transaction.atomic
def _reseal_one(row: QuerySet[Any], pk: uuid.UUID, column: str) -> int:
    # Looked at again and locked, for it may have been saved anew meanwhile.
    kept = row.select_for_update().values_list(column, flat=True).first()
    return row.update(**{column: secrets.sealed(secrets.opened(kept, row=pk), row=pk)})
