"""What customers do: create, upload, cancel, retry, delete."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Model
from django.db.models.functions import Now
from django.utils import timezone

from jobs import files, queues, routing, sealing, secrets
from jobs.contract import errors
from jobs.intake import JobDraft, TaskDraft
from jobs.models import Account, ApiKey, Job, Link, Task
from jobs.states import FINAL, Status

from .moving import (
    UPLOAD,
    Staged,
    advance,
    advance_alone,
    after_end,
    end,
    lock,
    publish,
    start_job,
)

log = logging.getLogger(__name__)

WAITING_FOR_UPLOAD = "Waiting for file upload"


def create_job(draft: JobDraft, *, owner: Account, api_key: ApiKey | None = None) -> Job:
    """Store a job with its tasks and queue what is ready; it exists once this has committed.

    The job returned reads, with its tasks, as it was created: everything waits.

    :raises DiskFull: when the file store has no room for what the tasks bring along.
    :raises FileStoreUnreachable: when it cannot take it.
    """
    job = Job(
        owner=owner, api_key=api_key, tag=draft.tag, webhook_url=draft.webhook_url, redirect=draft.redirect
    )
    # Files are stored before: the file store may be far away, and nobody else shall wait for it.
    tasks = {each.name: _new_task(each, owner=owner, api_key=api_key, job=job) for each in draft.tasks}
    for position, task in enumerate(tasks.values()):
        task.position = position
    ids = {name: task.pk for name, task in tasks.items()}
    with transaction.atomic():
        job.save(force_insert=True)
        Task.objects.bulk_create(tasks.values())
        links = _link((tasks[each.name], each, ids) for each in draft.tasks)
        advance(job.pk)
    _fill(job, "tasks", tasks.values())
    for task in tasks.values():
        _fill(task, "needs", [link for link in links if link.task_id == task.pk])
        _fill(task, "files", ())
    return job


def _fill(row: Job | Task, name: str, rows: Iterable[Model]) -> None:
    # What prefetching does, without asking the database for what we have just written.
    known = getattr(row, name).all()
    known._result_cache = list(rows)  # noqa: SLF001 - Django has no public way
    row.__dict__.setdefault("_prefetched_objects_cache", {})[name] = known


def create_task(draft: TaskDraft, *, owner: Account, api_key: ApiKey | None = None, tries: int = 0) -> Task:
    """Store a task on its own and queue it if it is ready.

    :param tries: how many attempts count as made already, for what is not worth another.
    :raises DiskFull: when the file store has no room for what it brings along.
    :raises FileStoreUnreachable: when it cannot take it.
    """
    task = _new_task(draft, owner=owner, api_key=api_key)
    task.tries = tries
    with transaction.atomic():
        task.save(force_insert=True)
        _link([(task, draft, {})])
        advance_alone(task.pk)
    task.refresh_from_db()
    return task


def _new_task(draft: TaskDraft, *, owner: Account, api_key: ApiKey | None, job: Job | None = None) -> Task:
    task = Task(
        owner=owner,
        job=job,
        api_key=api_key,
        name=draft.name,
        operation=draft.operation,
        connection=draft.connection,
        ignore_error=draft.ignore_error,
        timeout=draft.timeout,
    )
    task.payload = secrets.sealed(draft.payload, row=task.pk)
    _await_upload(task)
    task.contents = {name: files.write(text, task=task.pk) for name, text in draft.contents.items()}
    return task


def _await_upload(task: Task) -> None:
    if task.operation == UPLOAD:
        task.message = WAITING_FOR_UPLOAD
        task.overdue_at = timezone.now() + timedelta(hours=settings.ATHANOR_UPLOAD_HOURS)


def _link(drafts: Iterable[tuple[Task, TaskDraft, Mapping[str, uuid.UUID]]]) -> list[Link]:
    links = []
    earlier = set()
    for task, draft, ids in drafts:
        for position, ref in enumerate(draft.references):
            needed = ref.task or ids[ref.name or ""]
            links.append(Link(task=task, needed_id=needed, option=ref.option, position=position))
            earlier |= {ref.task} if ref.task else set()
    # A needed task that ends at this moment must either see our link or be seen as ended.
    if earlier:
        there = Task.objects.select_for_update().filter(pk__in=earlier).order_by("pk").values_list("pk")
        if len(list(there)) < len(earlier):
            raise errors.InvalidData({"input": ["A task named as input has just been deleted."]})
    Link.objects.bulk_create(links)
    return links


@transaction.atomic
def receive_upload(task_id: uuid.UUID, file: Staged) -> bool:
    """Finish an upload task with its file; False when it no longer waits for one."""
    job_id = Task.objects.filter(pk=task_id).values_list("job_id", flat=True).first()
    lock(job_id)
    changes = {"started_at": Now(), "ended_at": Now(), "message": None, "credits": 0}
    waiting = Task.objects.filter(pk=task_id, operation=UPLOAD, status=Status.WAITING)
    if not waiting.update(status=Status.FINISHED, **changes):
        return False
    publish(task_id, [file])
    if job_id:
        start_job(job_id)
    after_end(task_id, job_id)
    return True


@transaction.atomic
def take_in(task_id: uuid.UUID) -> bool:
    """Let a worker take in what the file store has for an upload task; False when it does not wait."""
    job_id = Task.objects.filter(pk=task_id).values_list("job_id", flat=True).first()
    lock(job_id)
    [hop] = routing.plain(UPLOAD)
    changes = {"plan": [hop.key], "overdue_at": None, "rung_at": Now(), **routing.columns(hop)}
    waiting = Task.objects.filter(pk=task_id, operation=UPLOAD, status=Status.WAITING)
    if not waiting.update(status=Status.QUEUED, **changes):
        return False
    queues.ring(hop.operation.queue)
    return True


def retry(task: Task, *, api_key: ApiKey | None = None) -> Task:
    """Create a new task from an ended one's payload.

    :raises IllegalMove: when the task has not ended, or its secrets cannot be read any more.
    """
    if task.status not in FINAL:
        raise errors.IllegalMove("The task has not ended yet.")
    try:
        payload = secrets.opened(task.payload, row=task.pk)
    except sealing.CannotOpen as error:
        log.error("Task %s cannot be retried: %s", task.pk, error)
        raise errors.IllegalMove(errors.SecretLost.message) from error
    copy = Task(
        owner=task.owner,
        api_key=api_key,
        name=task.name,
        operation=task.operation,
        connection=task.connection,
        timeout=task.timeout,
        retry_of=task,
        message=WAITING_FOR_UPLOAD if task.operation == UPLOAD else None,
    )
    copy.payload = secrets.sealed(payload, row=copy.pk)
    copy.contents = {
        name: files.share(files.Stored(key, 0, ""), task=copy.pk).key for name, key in task.contents.items()
    }
    with transaction.atomic():
        copy.save(force_insert=True)
        Link.objects.bulk_create(
            Link(task=copy, needed_id=link.needed_id, option=link.option, position=link.position)
            for link in task.needs.all()
        )
        advance_alone(copy.pk)
    copy.refresh_from_db()
    return copy


def cancel(task: Task) -> None:
    """End an active task; its worker notices within a second and kills the engine.

    :raises IllegalMove: when the task has ended already.
    """
    with transaction.atomic():
        lock(task.job_id)
        if not end(task.pk, errors.Cancelled()):
            raise errors.IllegalMove("The task is already completed.")
        after_end(task.pk, task.job_id)


def delete_job(job: Job) -> None:
    """Remove a job, its tasks and their files; running engines are stopped by their workers."""
    with transaction.atomic():
        lock(job.pk)
        ids = list(Task.objects.filter(job=job).values_list("pk", flat=True))
        _abandon(ids)
        job.delete()
        queues.tell_ended(job.pk)


def delete_task(task: Task) -> None:
    """Remove a task and its files."""
    with transaction.atomic():
        lock(task.job_id)
        _abandon([task.pk])
        queues.tell_ended(task.pk)
        if task.job_id:
            advance(task.job_id)


def _abandon(ids: list[uuid.UUID]) -> None:
    """Delete tasks; what still waits for their files has lost its input."""
    orphans = Task.objects.filter(needs__needed__in=ids, status=Status.WAITING).exclude(pk__in=ids)
    lost = list(orphans.distinct().values_list("pk", "job_id"))
    for pk, job_id in lost:
        lock(job_id)
        end(pk, errors.InputTaskFailed())
    Task.objects.filter(pk__in=ids).delete()
    for pk, job_id in lost:
        after_end(pk, job_id)
    transaction.on_commit(lambda: files.remove_tasks(ids), robust=True)
