"""The states of jobs and tasks, and the one table of allowed moves."""

from __future__ import annotations

from django.db import models


class Status(models.TextChoices):
    """Where a task or job is. ``queued`` never leaves the house: clients see it as waiting."""

    WAITING = "waiting"
    QUEUED = "queued"
    PROCESSING = "processing"
    FINISHED = "finished"
    ERROR = "error"


FINAL = frozenset({Status.FINISHED, Status.ERROR})
ACTIVE = frozenset(Status) - FINAL

MOVES: dict[Status, frozenset[Status]] = {
    # To finished directly: an upload task is done when its file has arrived.
    Status.WAITING: frozenset({Status.QUEUED, Status.FINISHED, Status.ERROR}),
    Status.QUEUED: frozenset({Status.PROCESSING, Status.ERROR}),
    # Back to queued: lease lost, next hop, another attempt, handed back.
    Status.PROCESSING: frozenset({Status.QUEUED, Status.FINISHED, Status.ERROR}),
    Status.FINISHED: frozenset(),
    Status.ERROR: frozenset(),
}

JOB_MOVES: dict[Status, frozenset[Status]] = {
    Status.WAITING: frozenset({Status.PROCESSING, Status.FINISHED, Status.ERROR}),
    Status.QUEUED: frozenset(),
    Status.PROCESSING: frozenset({Status.FINISHED, Status.ERROR}),
    Status.FINISHED: frozenset(),
    Status.ERROR: frozenset(),
}


def sources(target: Status, moves: dict[Status, frozenset[Status]] = MOVES) -> list[Status]:
    """Return the states from which the target may be entered."""
    return [state for state, targets in moves.items() if target in targets]
