"""Who is alive, and with which tools; and who was until lately, for a worker may only be restarting."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from .crew import Crew
from .models import Lock, Worker

SILENT_AFTER = timedelta(seconds=30)
BACK_WITHIN = timedelta(minutes=2)
"""A worker that only restarts is back by then."""
REMEMBERED = timedelta(days=1)
GOOD_FOR = 2.0
"""Seconds for which a look at the workers is good."""


@dataclass(frozen=True)
class Fleet:
    """Who can do what: now, in a minute, and as far as we remember."""

    live: Crew
    lately: Crew
    """Those alive, and those who may be restarting."""
    known: Crew | None
    """Those of the last day; None when there were none, so that all may be that is declared."""


def name() -> str:
    """Return this worker process's name."""
    return f"{platform.node()}:{os.getpid()}"


def announce(worker: str, *, queues: list[str], tools: Mapping[str, Sequence[str]], running: int) -> None:
    """Say that this worker is alive and what it serves.

    :param tools: each engine it has to the versions of it, the one it uses unasked first.
    """
    row = {
        "host_name": platform.node()[:100],
        "queues": queues,
        "tools": {engine: list(versions) for engine, versions in tools.items()},
        "running": running,
        "seen_at": Now(),
        "left_at": None,
    }
    if not Worker.objects.filter(pk=worker).update(**row):
        Worker.objects.create(pk=worker, **row)
    forget()


def leave(worker: str) -> None:
    """Say that this worker is gone."""
    Worker.objects.filter(pk=worker).update(left_at=Now(), running=0)
    forget()


def alive() -> list[Worker]:
    """Return the workers heard of lately."""
    return list(Worker.objects.filter(_alive()).order_by("started_at"))


def look() -> Fleet:
    """Return who can do what; what has changed is seen within some seconds."""
    global _seen  # noqa: PLW0603 - one look for all of a process's threads
    until, found = _seen
    if found is None or time.monotonic() >= until:
        found = _look()
        _seen = (time.monotonic() + GOOD_FOR, found)
    return found


def forget() -> None:
    """Look again next time."""
    global _seen  # noqa: PLW0603
    _seen = (0.0, None)


def forget_silent() -> None:
    """Remove workers not heard of for a day."""
    Worker.objects.filter(seen_at__lt=Now() - REMEMBERED).delete()


_seen: tuple[float, Fleet | None] = (0.0, None)


def _alive() -> Q:
    return Q(seen_at__gte=Now() - SILENT_AFTER, left_at=None)


def _look() -> Fleet:
    remembered = Worker.objects.filter(seen_at__gte=Now() - REMEMBERED).order_by("started_at")
    rows = remembered.annotate(is_live=_alive(), is_late=Q(seen_at__gte=Now() - BACK_WITHIN))
    workers = list(rows.values_list("is_live", "is_late", "queues", "tools"))
    return Fleet(
        live=_crew((queues, tools) for is_live, _, queues, tools in workers if is_live),
        lately=_crew((queues, tools) for _, is_late, queues, tools in workers if is_late),
        known=_crew((queues, tools) for *_, queues, tools in workers) if workers else None,
    )


def _crew(workers: Iterable[tuple[list[str], dict[str, list[str]]]]) -> Crew:
    queues: set[str] = set()
    versions: dict[str, dict[str, None]] = {}
    own: dict[str, dict[str, None]] = {}
    for served, tools in workers:
        queues.update(served)
        for engine, found in tools.items():
            versions.setdefault(engine, {}).update(dict.fromkeys(found))
            own.setdefault(engine, {}).update(dict.fromkeys(found[:1]))
    return Crew(
        engines=frozenset(versions),
        queues=frozenset(queues),
        versions={engine: tuple(found) for engine, found in versions.items() if found},
        own={engine: tuple(found) for engine, found in own.items() if found},
    )


def lease(what: str, holder: str, *, seconds: float) -> bool:
    """Take or keep what only one process may do at a time, for so long; False while another has it."""
    Lock.objects.get_or_create(name=what, defaults={"holder": holder, "until": Now()})
    free = Lock.objects.filter(Q(holder=holder) | Q(until__lte=Now()), name=what)
    return free.update(holder=holder, until=Now() + timedelta(seconds=seconds)) == 1
