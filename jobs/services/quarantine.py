"""Quarantine: an input that stopped an engine twice is kept from it, for everyone, until it is released."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from jobs.contract import errors
from jobs.models import File, Poison, Task
from jobs.registry import Hop

from .moving import mine

LIMIT = 2
"""So many strikes in a row, and the input is refused."""
KEPT_DIGESTS = 100
"""So many of an archive's files are named on the list; all of them count."""
STATES = REFUSED, RELEASED, SUSPECTED = "refused", "released", "suspected"
_REFUSED = Q(strikes__gte=LIMIT)


def fingerprint(
    hop: Sequence[str],
    version: str | None,
    *,
    inputs: Sequence[str],
    related: Mapping[str, Sequence[str]],
    options: Mapping[str, Any],
) -> str:
    """Return what is the same for two runs that differ in nothing an engine could notice.

    It depends on the service's secret key, so that a password among the options cannot be guessed from it.

    :param hop: operation, engine, source and target format.
    :param inputs: what identifies the files worked on, in order: digests, or where they came from.
    :param related: the digests of the files that belong to options.
    :param options: the others, as the engine gets them.
    """
    # JSON quotes what it holds: no text can reach from one field into the next.
    text = json.dumps([*hop, version, inputs, related, options], sort_keys=True)
    return salted_hmac("athanor.quarantine", text, algorithm="sha256").hexdigest()


@contextmanager
def trial(
    task: Task,
    hop: Hop,
    rows: Sequence[File],
    *,
    related: Mapping[str, Sequence[str]],
    options: Mapping[str, Any],
) -> Iterator[str]:
    """Let an engine try files within the block; if that goes well, earlier strikes are forgotten.

    Yields the run's fingerprint. Where there is no engine, or no file that could be to blame, it is empty:
    nothing is refused and nothing counted.

    :param related: the digests of the files that belong to options.
    :raises InputQuarantined: when these files are refused.
    """
    if not (rows and hop.operation.engine):
        yield ""
        return
    # Tools write dates into what they make: what lies between two hops is never the same twice.
    inputs = [row.origin or row.sha256 for row in rows]
    files = {option.name for option in hop.operation.options if option.refers or option.content}
    plain = {name: value for name, value in options.items() if name not in files}
    key = fingerprint(hop.key[:4], task.engine_version, inputs=inputs, related=related, options=plain)
    digests = [row.sha256 for row in rows[:KEPT_DIGESTS]]
    suspect = {"fingerprint": key, "sha256": digests, "size": sum(row.size for row in rows)}
    # Kept in the task's row: a worker that dies of it can tell nobody.
    mine(task.pk, task.attempt).update(suspect=suspect)
    known = Poison.objects.filter(pk=key)
    strikes = known.values_list("strikes", flat=True).first() or 0
    if strikes >= LIMIT:
        raise errors.InputQuarantined
    yield key
    if strikes:
        known.filter(strikes__lt=LIMIT).update(strikes=0)


def strike(task_id: uuid.UUID, error: errors.TaskError) -> None:
    """Count a failed attempt against what the task's engine was working on, if it was working on anything."""
    wanted = ("suspect", "plan", "hop", "engine_version", "owner__username")
    row = Task.objects.filter(pk=task_id).values(*wanted).first()
    if not row or not row["suspect"]:
        return
    suspect = row["suspect"]
    operation, engine, source, target = row["plan"][row["hop"]][:4]
    last = {"code": error.code, "task_id": task_id, "owner": row["owner__username"]}
    first = Poison(
        fingerprint=suspect["fingerprint"],
        operation=operation,
        engine=engine,
        engine_version=row["engine_version"],
        source=source,
        target=target,
        sha256="\n".join(suspect["sha256"]),
        size=suspect["size"],
        **last,
    )
    Poison.objects.bulk_create([first], ignore_conflicts=True)
    Poison.objects.filter(pk=first.pk).update(strikes=F("strikes") + 1, seen_at=Now(), **last)


def release(rows: QuerySet[Poison], *, by: str) -> int:
    """Let engines try those that are refused again, with no strikes against them; return how many were."""
    return rows.filter(_REFUSED).update(strikes=0, released_at=Now(), released_by=by)


def forget_strikes(*, after: timedelta) -> int:
    """Forget suspects that have not been struck for so long; what is or was refused stays on the list."""
    old = Poison.objects.filter(strikes__lt=LIMIT, released_at=None, seen_at__lt=Now() - after)
    return old.delete()[0]


def with_state(rows: QuerySet[Poison]) -> QuerySet[Any]:
    """Return the rows with their ``state``: refused, released or suspected."""
    refused = When(_REFUSED, then=Value(REFUSED))
    released = When(released_at__isnull=False, then=Value(RELEASED))
    return rows.annotate(state=Case(refused, released, default=Value(SUSPECTED)))
