"""Every change of a job or a task, one function per verb. Nobody else writes a status."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Min, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from . import files, graph, queues, registry, routing
from .contract import errors
from .intake import JobDraft, TaskDraft
from .models import Account, ApiKey, File, Job, Link, Task
from .states import ACTIVE, FINAL, JOB_MOVES, Status, sources

UPLOAD = "import/upload"
WAITING_FOR_UPLOAD = "Waiting for file upload"
BACKOFF = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2))
KEPT_WORDS = 64 * 1024


@dataclass(frozen=True)
class Staged:
    """A file an attempt has put into the store, to be published if the attempt wins."""

    stored: files.Stored
    name: str
    dir: str = ""
    format: str = ""
    done: bool = True


# --- Accepting work


@transaction.atomic
def create_job(draft: JobDraft, *, owner: Account, api_key: ApiKey | None = None) -> Job:
    """Store a job with its tasks and queue what is ready; it exists once this has committed."""
    job = Job.objects.create(
        owner=owner, api_key=api_key, tag=draft.tag, webhook_url=draft.webhook_url, redirect=draft.redirect
    )
    tasks = {each.name: _new_task(each, owner=owner, api_key=api_key, job=job) for each in draft.tasks}
    for position, task in enumerate(tasks.values()):
        task.position = position
    Task.objects.bulk_create(tasks.values())
    _link((tasks[each.name], each, {name: task.pk for name, task in tasks.items()}) for each in draft.tasks)
    _advance(job)
    return job


@transaction.atomic
def create_task(draft: TaskDraft, *, owner: Account, api_key: ApiKey | None = None) -> Task:
    """Store a task on its own and queue it if it is ready."""
    task = _new_task(draft, owner=owner, api_key=api_key)
    task.save(force_insert=True)
    _link([(task, draft, {})])
    _advance_alone(task.pk)
    task.refresh_from_db()
    return task


def _new_task(draft: TaskDraft, *, owner: Account, api_key: ApiKey | None, job: Job | None = None) -> Task:
    task = Task(
        owner=owner,
        job=job,
        api_key=api_key,
        name=draft.name,
        operation=draft.operation,
        payload=draft.payload,
        ignore_error=draft.ignore_error,
        timeout=draft.timeout,
    )
    _await_upload(task)
    task.contents = {name: files.write(text, task=task.pk) for name, text in draft.contents.items()}
    return task


def _await_upload(task: Task) -> None:
    if task.operation == UPLOAD:
        task.message = WAITING_FOR_UPLOAD
        task.overdue_at = timezone.now() + timedelta(hours=settings.ATHANOR_UPLOAD_HOURS)


def _link(drafts: Iterable[tuple[Task, TaskDraft, Mapping[str, uuid.UUID]]]) -> None:
    links = [
        Link(
            task=task,
            needed_id=ref.task or ids[ref.name or ""],
            option=ref.option,
            position=position,
        )
        for task, draft, ids in drafts
        for position, ref in enumerate(draft.references)
    ]
    foreign = {link.needed_id for link in links if link.needed_id not in {link.task_id for link in links}}
    # A needed task that ends at this moment must either see our link or be seen as ended.
    list(Task.objects.select_for_update().filter(pk__in=foreign).order_by("pk").values_list("pk"))
    Link.objects.bulk_create(links)


@transaction.atomic
def receive_upload(task_id: uuid.UUID, file: Staged) -> bool:
    """Finish an upload task with its file; False when it no longer waits for one."""
    job_id = Task.objects.filter(pk=task_id).values_list("job_id", flat=True).first()
    _lock(job_id)
    changes = {"started_at": Now(), "ended_at": Now(), "message": None, "credits": 0}
    waiting = Task.objects.filter(pk=task_id, operation=UPLOAD, status=Status.WAITING)
    if not waiting.update(status=Status.FINISHED, **changes):
        return False
    _publish(task_id, [file])
    if job_id:
        _start(job_id)
    _after_end(task_id, job_id)
    return True


def retry(task: Task, *, api_key: ApiKey | None = None) -> Task:
    """Create a new task from an ended one's payload.

    :raises IllegalMove: when the task has not ended.
    """
    if task.status not in FINAL:
        raise errors.IllegalMove("The task has not ended yet.")
    with transaction.atomic():
        copy = Task(
            owner=task.owner,
            api_key=api_key,
            name=task.name,
            operation=task.operation,
            payload=task.payload,
            timeout=task.timeout,
            retry_of=task,
            message=WAITING_FOR_UPLOAD if task.operation == UPLOAD else None,
        )
        copy.contents = {
            name: files.share(files.Stored(key, 0, ""), task=copy.pk).key
            for name, key in task.contents.items()
        }
        copy.save(force_insert=True)
        Link.objects.bulk_create(
            Link(task=copy, needed_id=link.needed_id, option=link.option, position=link.position)
            for link in task.needs.all()
        )
        _advance_alone(copy.pk)
    copy.refresh_from_db()
    return copy


def cancel(task: Task) -> None:
    """End an active task; its worker notices within a second and kills the engine.

    :raises IllegalMove: when the task has ended already.
    """
    with transaction.atomic():
        _lock(task.job_id)
        if not _end(task.pk, errors.Cancelled()):
            raise errors.IllegalMove("The task is already completed.")
        _after_end(task.pk, task.job_id)


def delete_job(job: Job) -> None:
    """Remove a job, its tasks and their files; running engines are stopped by their workers."""
    with transaction.atomic():
        _lock(job.pk)
        ids = list(Task.objects.filter(job=job).values_list("pk", flat=True))
        _abandon(ids)
        job.delete()
        queues.tell_ended(job.pk)


def delete_task(task: Task) -> None:
    """Remove a task and its files."""
    with transaction.atomic():
        _lock(task.job_id)
        _abandon([task.pk])
        queues.tell_ended(task.pk)
        if task.job_id:
            _advance(Job.objects.get(pk=task.job_id))


def _abandon(ids: list[uuid.UUID]) -> None:
    """Delete tasks; what still waits for their files has lost its input."""
    orphans = Task.objects.filter(needs__needed__in=ids, status=Status.WAITING).exclude(pk__in=ids)
    lost = list(orphans.distinct().values_list("pk", "job_id"))
    for pk, _ in lost:
        _end(pk, errors.InputTaskFailed())
    Task.objects.filter(pk__in=ids).delete()
    for pk, job_id in lost:
        _after_end(pk, job_id)
    transaction.on_commit(lambda: files.remove_tasks(ids))


# --- Running work


def claim(queue: str, *, worker: str, host_name: str, versions: Mapping[str, str]) -> Task | None:
    """Take the fairest ready task of a queue: priority, then the owner with the least running, then age.

    None when nothing is ready. The task comes with its attempt counted and a lease on it.

    :param versions: engine to the version this worker has of it.
    """
    while True:
        candidate = _fairest(queue)
        if candidate is None:
            return None
        with transaction.atomic():
            _lock(candidate.job_id)
            rows = Task.objects.filter(pk=candidate.pk, status__in=sources(Status.PROCESSING)).update(
                status=Status.PROCESSING,
                attempt=F("attempt") + 1,
                lease_until=Now() + _seconds(settings.ATHANOR_LEASE_SECONDS),
                overdue_at=Coalesce("overdue_at", Now() + _seconds(candidate.timeout)),
                worker=worker,
                host_name=host_name,
                engine_version=versions.get(candidate.engine or ""),
                started_at=Coalesce("started_at", Now()),
                percent=F("percent") if candidate.hop else 0,
                message=None,
            )
            if rows and candidate.job_id:
                _start(candidate.job_id)
        if rows:
            return Task.objects.get(pk=candidate.pk)


def ready(queue_names: Iterable[str]) -> dict[str, int]:
    """Return how many tasks of these queues could be claimed now; queues without any are left out."""
    rows = _ready().filter(queue__in=list(queue_names)).values_list("queue")
    return dict(rows.annotate(n=Count("pk")))


def _ready() -> QuerySet[Task]:
    return Task.objects.filter(status=Status.QUEUED).filter(Q(ready_at=None) | Q(ready_at__lte=Now()))


def _fairest(queue: str) -> Task | None:
    ready = _ready().filter(queue=queue)
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
    return oldest.only("pk", "job_id", "hop", "timeout", "engine").first()


def extend(held: Mapping[uuid.UUID, int]) -> None:
    """Extend the leases of tasks (id to attempt) by the lease time."""
    until = Now() + _seconds(settings.ATHANOR_LEASE_SECONDS)
    for pk, attempt in held.items():
        _mine(pk, attempt).update(lease_until=until)


def lost(held: Mapping[uuid.UUID, int]) -> set[uuid.UUID]:
    """Return which of the tasks (id to attempt) this worker no longer holds: ended, deleted, or taken."""
    rows = Task.objects.filter(pk__in=list(held), status=Status.PROCESSING).values_list("pk", "attempt")
    return set(held) - {pk for pk, attempt in rows if held[pk] == attempt}


def tell_progress(pk: uuid.UUID, attempt: int, *, percent: int, message: str | None) -> None:
    """Show how far a running task is, 0 to 100."""
    _mine(pk, attempt).update(percent=percent, message=message)


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
    _lock(task.job_id)
    words = {"arguments": arguments, "output": output[-KEPT_WORDS:], "lease_until": None, "worker": ""}
    if task.hop + 1 < len(task.plan):
        step = registry.hop(task.plan[task.hop + 1])
        changes = {"hop": task.hop + 1, "tries": 0, "rung_at": Now(), **routing.columns(step), **words}
        if not _mine(task.pk, task.attempt).update(status=Status.QUEUED, **changes):
            return False
        _publish(task.pk, staged)
        queues.ring(step.operation.queue)
        return True
    done = {"ended_at": Now(), "percent": 100, "message": message, "result": dict(extra or {}), "credits": 0}
    if not _mine(task.pk, task.attempt).update(status=Status.FINISHED, **done, **words):
        return False
    _publish(task.pk, staged)
    _after_end(task.pk, task.job_id)
    return True


def fail(task: Task, error: errors.TaskError, *, arguments: str = "", output: str = "") -> bool:
    """Record why an attempt failed: another attempt, or the end; False when the task was lost meanwhile."""
    words = {"arguments": arguments, "output": output[-KEPT_WORDS:]}
    with transaction.atomic():
        _lock(task.job_id)
        return _failed(task.pk, task.job_id, task.attempt, task.tries, error, words)


def _failed(
    pk: uuid.UUID,
    job_id: uuid.UUID | None,
    attempt: int,
    tries: int,
    error: errors.TaskError,
    words: Mapping[str, str],
) -> bool:
    free: dict[str, Any] = {"tries": tries + 1, "lease_until": None, "worker": "", **words}
    if tries + 1 < error.retry.attempts:
        ready_at = Now() + BACKOFF[min(tries, len(BACKOFF) - 1)]
        again = {"status": Status.QUEUED, "ready_at": ready_at, "rung_at": None}
        return bool(_mine(pk, attempt).update(**again, **free))
    if not _end(pk, error, attempt=attempt, **free):
        return False
    _after_end(pk, job_id)
    return True


def hand_back(task: Task) -> bool:
    """Give a task back to its queue, unharmed: the worker stops. It costs the task no attempt."""
    changes = {"lease_until": None, "worker": "", "ready_at": None, "rung_at": Now()}
    with transaction.atomic():
        _lock(task.job_id)
        if not _mine(task.pk, task.attempt).update(status=Status.QUEUED, **changes):
            return False
        queues.ring(task.queue)
    return True


# --- Putting right (the reconciler's verbs)


def take_from_dead() -> int:
    """Take tasks from workers whose lease has run out; return how many."""
    rows = Task.objects.filter(status=Status.PROCESSING, lease_until__lt=Now())
    taken = 0
    for pk, job_id, attempt, tries in rows.values_list("pk", "job_id", "attempt", "tries"):
        with transaction.atomic():
            _lock(job_id)
            still = Task.objects.filter(pk=pk, attempt=attempt, lease_until__lt=Now()).exists()
            taken += still and _failed(pk, job_id, attempt, tries, errors.LeaseLost(), {})
    return taken


def end_overdue() -> int:
    """End tasks past their timeout, counted from their start, and uploads that never came."""
    late = Task.objects.filter(status__in=ACTIVE, overdue_at__lt=Now())
    ended = 0
    for pk, job_id, operation in late.values_list("pk", "job_id", "operation"):
        never_came = errors.UploadFailed("The file was not uploaded in time.")
        with transaction.atomic():
            _lock(job_id)
            if _end(pk, never_came if operation == UPLOAD else errors.Timeout()):
                _after_end(pk, job_id)
                ended += 1
    return ended


def ring_again(*, after: timedelta) -> int:
    """Ring for tasks that have been ready for a while and were not taken; return for how many queues."""
    unheard = _ready().filter(Q(rung_at=None) | Q(rung_at__lt=Now() - after))
    names = set(unheard.values_list("queue", flat=True))
    unheard.update(rung_at=Now())
    for name in names:
        queues.ring(name)
    return len(names)


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
            if job := _lock(job_id):
                _advance(job)
    alone = list(ready.filter(job=None).values_list("pk", flat=True))
    for pk in alone:
        with transaction.atomic():
            _advance_alone(pk)
    return len(jobs) + len(alone)


def forget_old(*, limit: int = 100) -> int:
    """Delete what ended longer ago than the retention time, files included; return how much.

    What a task still at work needs is kept until that has ended too.
    """
    old = {"ended_at__lt": Now() - _seconds(3600 * settings.ATHANOR_RETENTION_HOURS)}
    needed = Q(needed_by__task__status__in=ACTIVE)
    busy = Task.objects.filter(needed, job__isnull=False, **old).values("job_id")
    jobs = list(Job.objects.filter(**old).exclude(pk__in=busy)[:limit])
    for job in jobs:
        delete_job(job)
    tasks = list(Task.objects.filter(job=None, **old).exclude(needed)[:limit])
    for task in tasks:
        delete_task(task)
    return len(jobs) + len(tasks)


# --- The parts of every change


def _seconds(number: float) -> Value:
    return Value(timedelta(seconds=number))


def _lock(job_id: uuid.UUID | None) -> Job | None:
    # Two tasks that end at once must not both look before the other's end is visible.
    return Job.objects.select_for_update().filter(pk=job_id).first() if job_id else None


def _mine(pk: uuid.UUID, attempt: int) -> Any:
    """Return the task as a query, but only while this attempt still holds it."""
    return Task.objects.filter(pk=pk, attempt=attempt, status=Status.PROCESSING)


def _end(pk: uuid.UUID, error: errors.TaskError, *, attempt: int | None = None, **changes: Any) -> bool:
    """End a task in error, from any state that allows it; with an attempt, only while that holds it."""
    rows = Task.objects.filter(pk=pk, status__in=sources(Status.ERROR))
    if attempt is not None:
        rows = rows.filter(attempt=attempt, status=Status.PROCESSING)
    ended = {"code": error.code, "message": error.message, "ended_at": Now(), "percent": 100, "credits": 0}
    return bool(rows.update(status=Status.ERROR, **ended, **changes))


def _start(job_id: uuid.UUID) -> None:
    rows = Job.objects.filter(pk=job_id, status__in=sources(Status.PROCESSING, JOB_MOVES))
    rows.update(status=Status.PROCESSING, started_at=Now())


def _publish(task_id: uuid.UUID, staged: list[Staged]) -> None:
    old = list(File.objects.filter(task_id=task_id).values_list("key", flat=True))
    File.objects.filter(task_id=task_id).delete()
    File.objects.bulk_create(
        File(
            task_id=task_id,
            position=position,
            name=file.name,
            dir=file.dir,
            format=file.format,
            size=file.stored.size,
            sha256=file.stored.sha256,
            key=file.stored.key,
            done=file.done,
        )
        for position, file in enumerate(staged)
    )
    transaction.on_commit(lambda: files.remove(*old))


def _after_end(task_id: uuid.UUID, job_id: uuid.UUID | None) -> None:
    """Let the task's job, and whatever else waits for it, go on."""
    queues.tell_ended(task_id)
    if job_id and (job := Job.objects.filter(pk=job_id).first()):
        _advance(job)
    _advance_outside([task_id], job_id)


def _advance_outside(ended: list[uuid.UUID], job_id: uuid.UUID | None) -> None:
    """Move tasks of other jobs, and tasks on their own, that waited for these."""
    waiting = Task.objects.filter(needs__needed__in=ended, status=Status.WAITING)
    outside = waiting.exclude(job_id=job_id) if job_id else waiting
    for pk, other in list(outside.distinct().order_by("created_at").values_list("pk", "job_id")):
        if other:
            if job := _lock(other):
                _advance(job)
        else:
            _advance_alone(pk)


def _advance_alone(task_id: uuid.UUID) -> None:
    needed = Task.objects.filter(needed_by__task=task_id).distinct().values_list("pk", "status")
    nodes = {pk: graph.Node(Status(status)) for pk, status in needed}
    task = Task.objects.get(pk=task_id)
    links = {task_id: list(nodes)}
    nodes[task_id] = graph.Node(Status(task.status))
    if task.operation == UPLOAD:
        return
    if Status.ERROR in _apply(graph.moves(links, nodes), {task_id: task}).values():
        _advance_outside([task_id], None)


def _advance(job: Job) -> None:
    """Queue what is ready, fail what lost its input, and end the job when all has ended."""
    tasks = {task.pk: task for task in Task.objects.filter(job=job)}
    links: dict[uuid.UUID, list[uuid.UUID]] = {
        pk: [] for pk, task in tasks.items() if task.operation != UPLOAD
    }
    for task_id, needed_id in Link.objects.filter(task__job=job).values_list("task_id", "needed_id"):
        links[task_id].append(needed_id)
    nodes = {pk: graph.Node(Status(task.status), task.ignore_error) for pk, task in tasks.items()}
    outside = {needed for needs in links.values() for needed in needs} - set(tasks)
    for pk, status in Task.objects.filter(pk__in=outside).values_list("pk", "status"):
        nodes[pk] = graph.Node(Status(status))
    ended = []
    while moved := _apply(graph.moves(links, nodes), tasks):
        # A task without a way to its format fails only here, and dooms others in turn.
        for pk, status in moved.items():
            nodes[pk] = graph.Node(status, tasks[pk].ignore_error)
        ended += [pk for pk, status in moved.items() if status == Status.ERROR]
    _conclude(job)
    if ended:
        _advance_outside(ended, job.pk)


def _apply(moves: Mapping[uuid.UUID, Status], tasks: Mapping[uuid.UUID, Task]) -> dict[uuid.UUID, Status]:
    """Make the moves and return them as they came out: what cannot be queued fails."""
    made = {}
    for pk, target in moves.items():
        error: errors.TaskError | None = None if target == Status.QUEUED else errors.InputTaskFailed()
        if not error:
            try:
                _queue(tasks[pk])
            except errors.TaskError as refusal:
                error = refusal
        if error and _end(pk, error):
            queues.tell_ended(pk)
        made[pk] = Status.ERROR if error else Status.QUEUED
    return made


def _queue(task: Task) -> None:
    plan = routing.plan(task)
    step = plan[0]
    rows = Task.objects.filter(pk=task.pk, status=Status.WAITING)
    changes = {"plan": [hop.key for hop in plan], "rung_at": Now(), **routing.columns(step)}
    if rows.update(status=Status.QUEUED, **changes):
        queues.ring(step.operation.queue)


def _conclude(job: Job) -> None:
    rows = Task.objects.filter(job=job).values_list("status", "ignore_error")
    result = graph.outcome(graph.Node(Status(status), ignored) for status, ignored in rows)
    if result is None:
        return
    open_job = Job.objects.filter(pk=job.pk, status__in=sources(result, JOB_MOVES))
    if open_job.update(status=result, ended_at=Now()):
        queues.tell_ended(job.pk)
