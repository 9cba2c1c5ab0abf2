"""From rows to the JSON that clients read, each quirk with its reason."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from jobs import secrets
from jobs.contract.errors import ConnectionUntested, StorageUnreachable
from jobs.models import Account, Connection, File, Job, Task
from jobs.services import UPLOAD
from jobs.states import Status

from . import links

EXPORT_URL = "export/url"
STORAGE = "local"
# Nothing is charged for; a client that looks at its balance before it starts must find some.
CREDITS = 1_000_000

# The Java client knows the export by its documented name, but the import by this one only.
WIRE_OPERATION = {"import/azure/blob": "import/azure-blob"}

Json = dict[str, Any]


def job(row: Job, *, tasks: bool = True) -> Json:
    """Return a job; its tasks in the order they were sent, for clients match them by position."""
    shown: Json = {
        "id": f"{row.pk}",
        "tag": row.tag,
        "status": row.status,
        "created_at": _time(row.created_at),
        "started_at": _time(row.started_at),
        "ended_at": _time(row.ended_at),
    }
    if tasks:
        shown["tasks"] = [task(each) for each in row.tasks.all()]
    shown["links"] = {"self": url("jobs", row.pk)}
    return shown


def task(row: Task, *, include: Collection[str] = ()) -> Json:
    """Return a task. Keys that some client's types cannot bear are there only when they have a value."""
    shown: Json = {"id": f"{row.pk}"}
    # PHP: a name must not be null.
    if row.job_id and row.name:
        shown["name"] = row.name
    shown |= {
        "job_id": f"{row.job_id}" if row.job_id else None,
        "status": status(row),
        "credits": row.credits,
        "code": row.code,
        "message": row.message,
        "percent": row.percent,
        "operation": operation(row.operation),
    }
    if not row.operation.startswith(("import/", "export/")):
        shown |= {"engine": row.engine, "engine_version": row.engine_version}
    original = f"{row.retry_of_id}" if row.retry_of_id else None
    shown |= {
        "result": result(row),
        "created_at": _time(row.created_at),
        "started_at": _time(row.started_at),
        "ended_at": _time(row.ended_at),
        "retry_of_task_id": original,
        "copy_of_task_id": original,
        "user_id": row.owner_id,
        "priority": row.priority,
        "host_name": row.host_name,
        "storage": STORAGE,
        "region": settings.ATHANOR_REGION,
        "depends_on_task_ids": list(dict.fromkeys(f"{link.needed_id}" for link in row.needs.all())),
        "links": {"self": url("tasks", row.pk)},
    }
    return shown | _included(row, include)


def status(row: Task) -> str:
    """Return a task's status as clients know it: Java's and .NET's throw on a fifth."""
    if row.status != Status.QUEUED:
        return row.status
    return Status.PROCESSING if row.hop else Status.WAITING


def operation(name: str) -> str:
    """Return an operation's name as clients know it."""
    return WIRE_OPERATION.get(name, name)


def result(row: Task) -> Json | None:
    """Return what came out of a task, or the form for what is to go in."""
    if row.operation == UPLOAD and row.status == Status.WAITING:
        # .NET reads every parameter as a string, and they are.
        return {"form": links.upload_form(row)}
    if row.status != Status.FINISHED:
        return None
    shown = {key: _flat(value) for key, value in row.result.items()}
    files = [_file(row, each) for each in row.files.all()]
    return {"files": files, **shown} if files or not shown else shown


def export_url(row: Job) -> str | None:
    """Return the first link that a job exported."""
    for each in row.tasks.all():
        if each.operation == EXPORT_URL and each.status == Status.FINISHED:
            for file in each.files.all():
                return _download_url(each, file)
    return None


def user(row: Account) -> Json:
    """Return an account; its id fits 32 bits, and its strings are never null."""
    return {
        "id": row.pk,
        "username": row.username,
        "email": row.email,
        "created_at": _time(row.date_joined),
        "credits": CREDITS,
        "paying": False,
        "task_priority": None,
        "tasks_per_minute": None,
        "links": {"self": url("users", row.pk)},
    }


def connection(row: Connection) -> Json:
    """Return a saved connection, without its secrets."""
    return {
        "id": f"{row.pk}",
        "name": row.name,
        "provider": row.provider,
        "options": secrets.masked(row.options),
        "workload_identity": row.workload_identity,
        "created_at": _time(row.created_at),
        "changed_at": _time(row.changed_at),
        "used_at": _time(row.used_at),
        "links": {"self": url("connections", row.pk)},
    }


def tested(row: Task) -> Json:
    """Return what a task found out that tried a connection, or that it took too long."""
    if row.status == Status.FINISHED:
        return {"ok": True, "code": None, "message": row.message or "The storage answers."}
    if row.status == Status.ERROR:
        return {"ok": False, "code": row.code, "message": row.message}
    late = (
        StorageUnreachable("The storage did not answer in time.") if row.started_at else ConnectionUntested()
    )
    return {"ok": False, "code": late.code, "message": late.message}


def url(*parts: object, base: str | None = None) -> str:
    """Return the absolute URL of a resource."""
    root = (base or settings.ATHANOR_PUBLIC_URL).rstrip("/")
    return "/".join([root, "v2", *(f"{part}" for part in parts)])


def _included(row: Task, include: Collection[str]) -> Json:
    shown: Json = {}
    # Java cannot decode a payload, .NET no list of retries: never without being asked.
    if "payload" in include:
        shown["payload"] = secrets.masked(row.payload)
    if "retries" in include:
        shown["retries"] = [task(each) for each in row.retries.all()]
    if "depends_on_tasks" in include:
        # A list, as every SDK has it, where the documentation shows an object.
        needed = {link.needed_id: link.needed for link in row.needs.all()}
        shown["depends_on_tasks"] = [task(each) for each in needed.values()]
    if "job" in include:
        shown["job"] = job(row.job, tasks=False) if row.job else None
    return shown


def _file(row: Task, file: File) -> Json:
    # Java reads a map of strings: plain values only.
    shown: Json = {"filename": file.name, "size": file.size}
    if file.dir:
        shown["dir"] = file.dir
    if row.operation == EXPORT_URL:
        shown["url"] = _download_url(row, file)
    return shown


def _download_url(row: Task, file: File) -> str:
    # Annotated by lookups.py, as text: the payload itself is not loaded.
    inline = f"{getattr(row, 'inline', '')}".lower() in {"true", "1", "yes", "on"}
    return links.download_url(file, row, inline=inline)


def _flat(value: Any) -> Any:
    """Return a part of a result with plain values only, as Java's map of strings needs."""
    if not isinstance(value, Mapping):
        return value
    return {
        key: json.dumps(item, ensure_ascii=False) if isinstance(item, dict | list) else item
        for key, item in value.items()
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
