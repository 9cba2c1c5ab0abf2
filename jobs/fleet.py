"""Who is alive, and with which tools."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import timedelta

from django.db.models.functions import Now

from .models import Worker

SILENT_AFTER = timedelta(seconds=30)


def name() -> str:
    """Return this worker process's name."""
    return f"{platform.node()}:{os.getpid()}"


def announce(worker: str, *, queues: list[str], tools: Mapping[str, str], running: int) -> None:
    """Say that this worker is alive and what it serves."""
    row = {
        "host_name": platform.node()[:100],
        "queues": queues,
        "tools": dict(tools),
        "running": running,
        "seen_at": Now(),
    }
    if not Worker.objects.filter(pk=worker).update(**row):
        Worker.objects.create(pk=worker, **row)


def leave(worker: str) -> None:
    """Say that this worker is gone."""
    Worker.objects.filter(pk=worker).delete()


def alive() -> list[Worker]:
    """Return the workers heard of lately."""
    return list(Worker.objects.filter(seen_at__gte=Now() - SILENT_AFTER).order_by("started_at"))


def forget_silent() -> None:
    """Remove workers not heard of for a day."""
    Worker.objects.filter(seen_at__lt=Now() - timedelta(days=1)).delete()
