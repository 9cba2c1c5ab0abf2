"""The doorbell: tells workers that a queue has work, and waiters that something ended. Never a promise."""

from __future__ import annotations

import functools
import logging
import queue
import threading
import time
from collections.abc import Callable
from uuid import UUID

from celery import Celery
from django.conf import settings
from django.db import transaction
from redis import Redis

from .contract import outbound

log = logging.getLogger(__name__)

DOORBELL = "athanor.doorbell"
ENDED = "athanor:ended"
"""The Redis channel on which ids of ended jobs and tasks are told."""
QUIET_SECONDS = 5.0
"""How long nothing is sent after the broker did not take a message."""

app = Celery("athanor")
app.conf.update(
    broker_url=settings.ATHANOR_BROKER_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={"socket_timeout": 5, "socket_connect_timeout": 2, "health_check_interval": 10},
    task_ignore_result=True,
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    task_default_queue="storage",
    accept_content=["json"],
)


def ring(name: str) -> None:
    """Tell the workers of a queue to look, after the transaction has committed."""
    transaction.on_commit(lambda: _ring(name))


def listen(hear: Callable[[str], bool] | None) -> None:
    """Let this process's own worker hear rings first; it says whether somebody idle there took one."""
    global _hear  # noqa: PLW0603 - one worker a process
    _hear = hear


_hear: Callable[[str], bool] | None = None


def _ring(name: str) -> None:
    # What goes on where it is saves the way through the broker.
    if not (_hear and _hear(name)):
        _BELL.put(lambda: _send_ring(name))


def tell_ended(thing: UUID) -> None:
    """Tell those who wait for a job or task that it ended, after the transaction has committed."""
    transaction.on_commit(lambda: _BELL.put(lambda: _events().publish(ENDED, f"{thing}")))


class _Bell:
    """Sends from a thread of its own, so that a slow or dead broker delays nobody."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, send: Callable[[], object]) -> None:
        with self._lock:
            if not (self._thread and self._thread.is_alive()):
                self._thread = threading.Thread(target=self._send_all, name="bell", daemon=True)
                self._thread.start()
        self._messages.put(send)

    def _send_all(self) -> None:
        quiet_until = 0.0
        while True:
            send = self._messages.get()
            # Dropped messages cost a second or two: idle workers and waiters look for themselves.
            if time.monotonic() < quiet_until:
                continue
            try:
                with outbound.trusted():
                    send()
            except Exception as error:  # noqa: BLE001 - whatever a broker's client raises
                log.warning("The broker takes no messages: %s", error)
                quiet_until = time.monotonic() + QUIET_SECONDS


def _send_ring(name: str) -> None:
    app.send_task(DOORBELL, (name,), queue=name, retry=False, ignore_result=True)


@functools.cache
def _events() -> Redis:
    return Redis.from_url(settings.ATHANOR_EVENTS_URL, socket_timeout=2, socket_connect_timeout=2)


_BELL = _Bell()
