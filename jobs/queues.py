"""The doorbell: tells workers that a queue has work, and waiters that something ended. Never a promise."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from uuid import UUID

from celery import Celery
from django.conf import settings
from django.db import transaction

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
    transaction.on_commit(lambda: _BELL.put(_Ring(name)))


def tell_ended(thing: UUID) -> None:
    """Tell those who wait for a job or task that it ended, after the transaction has committed."""
    transaction.on_commit(lambda: _BELL.put(_Ended(f"{thing}")))


class _Ring(str):
    __slots__ = ()


class _Ended(str):
    __slots__ = ()


class _Bell:
    """Sends from a thread of its own, so that a slow or dead broker delays nobody."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[_Ring | _Ended] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, message: _Ring | _Ended) -> None:
        with self._lock:
            if not (self._thread and self._thread.is_alive()):
                self._thread = threading.Thread(target=self._send_all, name="bell", daemon=True)
                self._thread.start()
        self._messages.put(message)

    def _send_all(self) -> None:
        quiet_until = 0.0
        while True:
            message = self._messages.get()
            # Dropped messages cost a second or two: idle workers and waiters look for themselves.
            if time.monotonic() < quiet_until:
                continue
            try:
                _SEND[type(message)](message)
            except Exception as error:  # noqa: BLE001 - whatever a broker's client raises
                log.warning("The broker takes no messages: %s", error)
                quiet_until = time.monotonic() + QUIET_SECONDS


def _send_ring(name: str) -> None:
    app.send_task(DOORBELL, (name,), queue=name, retry=False, ignore_result=True)


def _send_ended(thing: str) -> None:
    from redis import Redis

    global _redis  # noqa: PLW0603 - one connection, used by the one thread only
    if _redis is None:
        _redis = Redis.from_url(settings.ATHANOR_EVENTS_URL, socket_timeout=2, socket_connect_timeout=2)
    _redis.publish(ENDED, thing)


_redis = None
_SEND: dict[type, Callable[[str], None]] = {_Ring: _send_ring, _Ended: _send_ended}
_BELL = _Bell()
