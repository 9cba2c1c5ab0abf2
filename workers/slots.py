"""A worker's slots: a thread per task that may run at once, woken by the doorbell or by its own watch."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from django.db import Error, connections

log = logging.getLogger(__name__)

LOOK_SECONDS = (1.0, 2.0)
"""How often we look for ourselves, whether a bell has rung or not."""


class Bell:
    """Wakes those who wait; rings that nobody waits for are kept, but no more than there may be waiting."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rings = 0
        self._waiting = 0
        self._changed = threading.Condition()

    def ring(self, number: int = 1) -> bool:
        """Wake as many as that; False when nobody waits who was not woken already."""
        with self._changed:
            heard = self._waiting > self._rings
            self._rings = min(self._most, self._rings + number)
            self._changed.notify(number)
            return heard

    def wait(self) -> None:
        """Wait for a ring, and use it up."""
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: self._rings)
            self._waiting -= 1
            self._rings -= 1


class Slots:
    """Threads that run the tasks of the queues a worker serves."""

    def __init__(
        self,
        queues: Mapping[str, int],
        *,
        run_next: Callable[[str], bool],
        ready: Callable[[Iterable[str]], Mapping[str, int]],
    ) -> None:
        """Serve the queues, each with a number of slots.

        :param run_next: runs a queue's next task; False when there was none.
        :param ready: counts the ready tasks of queues.
        """
        self._run_next, self._ready = run_next, ready
        self._stopping = threading.Event()
        self._bells = {name: Bell(slots) for name, slots in queues.items()}
        self._threads = [
            threading.Thread(target=self._serve, args=(name,), name=f"{name}-{number}", daemon=True)
            for name, slots in queues.items()
            for number in range(slots)
        ]
        self._threads.append(threading.Thread(target=self._watch, name="watch", daemon=True))

    def start(self) -> None:
        """Begin to take tasks."""
        for thread in self._threads:
            thread.start()

    def ring(self, queue: str) -> bool:
        """Wake a slot of the queue; False when none sleeps here."""
        bell = self._bells.get(queue)
        return bell is not None and bell.ring()

    def stop_claiming(self) -> None:
        """Let every slot end after the task it runs."""
        self._stopping.set()
        for bell in self._bells.values():
            bell.ring(len(self._threads))

    def join(self, seconds: float) -> bool:
        """Wait until all slots have ended; False when some still run."""
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _watch(self) -> None:
        try:
            while not self._stopping.wait(_jittered()):
                try:
                    for name, number in self._ready(self._bells).items():
                        self._bells[name].ring(number)
                except Error as error:
                    log.warning("The database does not answer: %s", error)
                    connections.close_all()
                except Exception:
                    log.exception("The watch of the queues stumbled; it goes on.")
        finally:
            connections.close_all()

    def _serve(self, queue: str) -> None:
        try:
            while not self._stopping.is_set():
                self._bells[queue].wait()
                self._run_all(queue)
        finally:
            connections.close_all()

    def _run_all(self, queue: str) -> None:
        while not self._stopping.is_set():
            try:
                ran = self._run_next(queue)
            except Error as error:
                log.warning("The database does not answer: %s", error)
                connections.close_all()
                return
            except Exception:
                log.exception("A slot of %s stumbled; it goes on.", queue)
                return
            if not ran:
                return


def _jittered() -> float:
    return random.uniform(*LOOK_SECONDS)  # noqa: S311 - no secret
