"""The parts of every change: lock, move, publish, and let the job go on."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, Value
from django.db.models.functions import Now

from jobs import files, graph, queues, routing
from jobs.contract import errors
from jobs.models import File, Job, Link, Task
from jobs.states import JOB_MOVES, Status, sources

UPLOAD = "import/upload"


@dataclass(frozen=True)
class Staged:
    """A file an attempt has put into the store, to be published if the attempt wins."""

    stored: files.Stored
    name: str
    dir: str = ""
    format: str = ""
    done: bool = True
    origin: str = ""
    came_as: str = ""


def seconds(number: float) -> Value:
    """Return a duration the database can add to a time."""
    return Value(timedelta(seconds=number))


def lock(job_id: uuid.UUID | None) -> None:
    """Lock a job's row until the transaction ends."""
    # Two tasks that end at once must not both look before the other's end is visible. Where rows cannot be
    # locked (SQLite), the transaction is the lock: it is immediate.
    if job_id and connection.features.has_select_for_update:
        Job.objects.select_for_update().filter(pk=job_id).values_list("pk").first()


def mine(pk: uuid.UUID, attempt: int) -> Any:
    """Return the task as a query, but only while this attempt still holds it."""
    return Task.objects.filter(pk=pk, attempt=attempt, status=Status.PROCESSING)


def end(pk: uuid.UUID, error: errors.TaskError, *, attempt: int | None = None, **changes: Any) -> bool:
    """End a task in error, from any state that allows it; with an attempt, only while that holds it.

    What its earlier hops made goes with it.
    """
    rows = Task.objects.filter(pk=pk, status__in=sources(Status.ERROR))
    if attempt is not None:
        rows = rows.filter(attempt=attempt, status=Status.PROCESSING)
    ended = {"code": error.code, "message": error.message, "ended_at": Now(), "percent": 100, "credits": 0}
    if not rows.update(status=Status.ERROR, **ended, **changes):
        return False
    publish(pk, [])
    return True


def start_job(job_id: uuid.UUID) -> None:
    """Let a job be processing, if it is not already."""
    rows = Job.objects.filter(pk=job_id, status__in=sources(Status.PROCESSING, JOB_MOVES))
    rows.update(status=Status.PROCESSING, started_at=Now())


def publish(task_id: uuid.UUID, staged: list[Staged]) -> None:
    """Make the files a task's own, in place of those it had from an earlier hop."""
    old = list(File.objects.filter(task_id=task_id).values_list("key", flat=True))
    if old:
        File.objects.filter(task_id=task_id).delete()
        transaction.on_commit(lambda: files.remove(*old), robust=True)
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
            origin=file.origin,
            came_as=file.came_as,
        )
        for position, file in enumerate(staged)
    )


def remove_leftovers(task_id: uuid.UUID) -> None:
    """Remove what attempts that died have left in the store, while nobody works on the task."""
    # Looked at now: once this has committed, the next attempt may be storing its files.
    try:
        stored = files.keys(task_id)
    except errors.FileStoreUnreachable:
        return  # They go with the task.
    stored.difference_update(File.objects.filter(task_id=task_id).values_list("key", flat=True))
    for contents in Task.objects.filter(pk=task_id).values_list("contents", flat=True):
        stored.difference_update(contents.values())
    transaction.on_commit(lambda: files.remove(*stored), robust=True)


def after_end(task_id: uuid.UUID, job_id: uuid.UUID | None) -> None:
    """Let the task's job, and whatever else waits for it, go on. The job must be locked."""
    queues.tell_ended(task_id)
    if job_id:
        advance(job_id, ended=[task_id])
    else:
        _advance_outside([task_id])


def _advance_outside(ended: list[uuid.UUID], job_id: uuid.UUID | None = None) -> None:
    """Move tasks of other jobs, and tasks on their own, that waited for these."""
    waiting = Task.objects.filter(needs__needed__in=ended, status=Status.WAITING)
    outside = waiting.exclude(job_id=job_id) if job_id else waiting
    for pk, other in list(outside.distinct().order_by("created_at").values_list("pk", "job_id")):
        if other:
            lock(other)
            advance(other)
        else:
            advance_alone(pk)


def advance_alone(task_id: uuid.UUID) -> None:
    """Queue or fail a task without a job, once its inputs have decided it."""
    needed = Task.objects.filter(needed_by__task=task_id).distinct().values_list("pk", "status")
    nodes = {pk: graph.Node(Status(status)) for pk, status in needed}
    task = Task.objects.get(pk=task_id)
    links = {task_id: list(nodes)}
    nodes[task_id] = graph.Node(Status(task.status))
    if task.operation == UPLOAD:
        return
    if Status.ERROR in _apply(graph.moves(links, nodes), {task_id: task}).values():
        _advance_outside([task_id], None)


def advance(job_id: uuid.UUID, ended: Iterable[uuid.UUID] = ()) -> None:
    """Queue what is ready, fail what lost its input, and end the job when all has ended.

    :param ended: tasks that have just ended, for which tasks outside the job may wait.
    """
    wanted = ("status", "ignore_error", "operation", "payload")
    tasks = {task.pk: task for task in Task.objects.filter(job=job_id).only(*wanted)}
    around = Link.objects.filter(Q(task__in=tasks) | Q(needed__in=tasks)).order_by()
    pairs = list(around.values_list("task_id", "needed_id"))
    links: dict[uuid.UUID, list[uuid.UUID]] = {
        pk: [needed for waiting, needed in pairs if waiting == pk]
        for pk, task in tasks.items()
        if task.operation != UPLOAD
    }
    nodes = {pk: graph.Node(Status(task.status), task.ignore_error) for pk, task in tasks.items()}
    if earlier := {needed for _, needed in pairs} - set(tasks):
        rows = Task.objects.filter(pk__in=earlier).values_list("pk", "status")
        nodes |= {pk: graph.Node(Status(status)) for pk, status in rows}
    over = set(ended)
    while moved := _apply(graph.moves(links, nodes), tasks):
        # A task without a way to its format fails only here, and dooms others in turn.
        nodes |= {pk: graph.Node(status, tasks[pk].ignore_error) for pk, status in moved.items()}
        over |= {pk for pk, status in moved.items() if status == Status.ERROR}
    _conclude(job_id, [nodes[pk] for pk in tasks])
    if watched := [needed for waiting, needed in pairs if needed in over and waiting not in tasks]:
        _advance_outside(watched, job_id)


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
        if error and end(pk, error):
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


def _conclude(job_id: uuid.UUID, nodes: list[graph.Node]) -> None:
    result = graph.outcome(nodes)
    if result is None:
        return
    open_job = Job.objects.filter(pk=job_id, status__in=sources(result, JOB_MOVES))
    if open_job.update(status=result, ended_at=Now()):
        queues.tell_ended(job_id)
