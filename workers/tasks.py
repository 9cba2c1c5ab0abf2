"""Celery's way in: a doorbell, and a worker that lives and dies with Celery's."""

from __future__ import annotations

from typing import Any

from celery import bootsteps

from jobs.contract import outbound
from jobs.queues import DOORBELL, app

from .station import Worker

_worker: Worker | None = None


@app.task(name=DOORBELL, ignore_result=True)
def answer(queue: str) -> None:
    """Look at a queue now; a lost or doubled ring changes nothing."""
    if _worker:
        _worker.ring(queue)


class Station(bootsteps.StartStopStep):
    """Starts our worker before Celery connects to the broker, and drains it when Celery stops."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:  # noqa: ARG002
        """Begin to take tasks, broker or no broker."""
        if _worker:
            _worker.start()

    def stop(self, parent: Any) -> None:  # noqa: ARG002
        """Drain."""
        if _worker:
            _worker.drain()

    def terminate(self, parent: Any) -> None:
        """Drain."""
        self.stop(parent)


def serve(worker: Worker, *, log_level: str) -> None:
    """Run a worker under Celery until it is told to stop.

    From here on only this thread, which is Celery's, connects where it likes: see ``outbound.guard``.
    """
    outbound.guard()
    global _worker  # noqa: PLW0603 - Celery makes the step; it finds the worker here
    _worker = worker
    app.steps["worker"].add(Station)
    # One thread takes the rings; the slots are the worker's own, so a long task never holds a message.
    options = ["--pool=solo", f"--loglevel={log_level}", f"--queues={','.join(worker.queues)}"]
    unused = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    app.worker_main(["--quiet", "worker", *options, *unused])
