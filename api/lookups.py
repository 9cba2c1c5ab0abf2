"""One owner's rows, with all that their JSON needs; a foreign and a missing id are the same."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection
from typing import Any, TypeVar

from django.db.models import Model, Prefetch, Q, QuerySet
from django.db.models.fields.json import KT

from jobs import registry
from jobs.contract.errors import NotFound
from jobs.models import Account, File, Job, Link, Task
from jobs.states import Status

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
HEAVY = ("contents", "arguments", "output", "plan", "suspect")
"""Columns that no response shows."""

Row = TypeVar("Row", bound=Model)


def jobs(owner: Account, *, tasks: bool) -> QuerySet[Job]:
    """Return the owner's jobs, newest first, ready to be shown with or without their tasks."""
    rows = owner.jobs.order_by("-created_at", "-pk")
    return rows.prefetch_related(Prefetch("tasks", _shown(()).order_by("position"))) if tasks else rows


def tasks(owner: Account, *, include: Collection[str] = ()) -> QuerySet[Task]:
    """Return the owner's tasks, newest first, ready to be shown with what the client wants included."""
    rows = mine(owner, _shown(include)).order_by("-created_at", "-pk")
    if "job" in include:
        rows = rows.select_related("job")
    if "retries" in include:
        rows = rows.prefetch_related(Prefetch("retries", _shown(()).order_by("created_at")))
    return rows


def mine(owner: Account, rows: QuerySet[Task] | None = None) -> QuerySet[Task]:
    """Return the tasks that the owner asked for, but not those by which we answer something else."""
    found = Task.objects.all() if rows is None else rows
    return found.filter(owner=owner).exclude(operation__in=registry.hidden())


def one(rows: QuerySet[Row], text: str) -> Row:
    """Return the row with this id.

    :raises NotFound: when these rows have none, or it is no id at all.
    """
    pk = _uuid(text)
    row = rows.filter(pk=pk).first() if pk else None
    if row is None:
        raise NotFound
    return row


def filtered_jobs(rows: QuerySet[Job], filters: dict[str, str]) -> QuerySet[Job]:
    """Return the jobs that pass the filters; what no job can have finds none."""
    wanted: dict[str, Any] = {}
    if status := filters.get("status"):
        wanted["status"] = status
    if tag := filters.get("tag"):
        wanted["tag"] = tag
    if key := filters.get("access_token"):
        wanted["api_key"] = _uuid(key)
    return rows.filter(**wanted) if _possible(wanted) else rows.none()


def filtered_tasks(rows: QuerySet[Task], filters: dict[str, str]) -> QuerySet[Task]:
    """Return the tasks that pass the filters; those of one job in its order."""
    wanted: dict[str, Any] = {}
    if job := filters.get("job_id"):
        wanted["job"] = _uuid(job)
        rows = rows.order_by("position")
    if operation := filters.get("operation"):
        wanted["operation"] = registry.OPERATION_ALIASES.get(operation, operation)
    if not _possible(wanted):
        return rows.none()
    status = filters.get("status")
    return rows.filter(_in_status(status), **wanted) if status else rows.filter(**wanted)


def _shown(include: Collection[str]) -> QuerySet[Task]:
    needs = Link.objects.only("task_id", "needed_id")
    if "depends_on_tasks" in include:
        needs = needs.prefetch_related(Prefetch("needed", _shown(())))
    files = File.objects.filter(done=True).defer("key", "sha256")
    rows = Task.objects.defer(*HEAVY)
    if "payload" not in include:
        rows = rows.defer(*HEAVY, "payload")
    # The one part of a payload that a task without it shows: how its export's links open.
    rows = rows.annotate(inline=KT("payload__inline"))
    return rows.prefetch_related(Prefetch("needs", needs), Prefetch("files", files))


def _in_status(status: str) -> Q:
    # As representations.py shows it: a task between two hops is queued, but the client saw it processing.
    between = Q(status=Status.QUEUED, hop__gt=0)
    if status == Status.WAITING:
        return Q(status=Status.WAITING) | Q(status=Status.QUEUED, hop=0)
    if status == Status.PROCESSING:
        return Q(status=Status.PROCESSING) | between
    return Q(status=status) & ~Q(status=Status.QUEUED) if "\0" not in status else Q(pk__in=())


def _possible(wanted: dict[str, Any]) -> bool:
    return all(value is not None and "\0" not in f"{value}" for value in wanted.values())


def _uuid(text: str) -> uuid.UUID | None:
    return uuid.UUID(text) if UUID.fullmatch(text) else None
