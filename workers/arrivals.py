"""Files that clients have sent to the file store past the API: found, taken in, and swept."""

from __future__ import annotations

import hashlib
import logging
import threading
import time

from django.conf import settings
from django.db import Error, connections

from jobs import files, fleet, routing, services
from jobs.contract import errors, names
from jobs.models import Task
from jobs.states import ACTIVE, Status

from .heartbeat import Run

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often it is looked while an upload is waited for."""
SWEEP_SECONDS = 60.0
"""How often otherwise: a form is good for hours, and may be sent again when its task has its file."""
LEASE_SECONDS = 10.0
NAME = "arrivals"


def look(*, sweep: bool) -> int:
    """Let workers take in what has come for tasks that wait, and remove what came too late.

    Return for how many. The store is asked only while an upload is waited for, or to sweep.
    """
    waiting = Task.objects.filter(operation=services.UPLOAD, status=Status.WAITING)
    if not sweep and not waiting.exists():
        return 0
    arrived = list(files.arrivals())
    known = dict(Task.objects.filter(pk__in=arrived, status__in=ACTIVE).values_list("pk", "status"))
    for task in arrived:
        if known.get(task) == Status.WAITING:
            services.take_in(task)
        elif task not in known:
            files.drop(task)
    return len(arrived)


def take_in(task: Task, run: Run) -> services.Staged:
    """Make what has come for an upload task a file of it. What has come stays, until the task has ended.

    :raises TaskError: when it cannot be.
    """
    arrived = files.adopt(task.pk)
    try:
        name = names.clean(arrived.name, fallback="file")
        if arrived.size > settings.ATHANOR_MAX_FILE_BYTES:
            raise errors.FileTooLarge
        stored = files.Stored(arrived.key, arrived.size, _digest(arrived, run))
        with files.open(arrived.key) as file:
            return services.Staged(stored, name, format=routing.format_of_new(file, name))
    except BaseException:
        files.remove(arrived.key)
        raise


def _digest(arrived: files.Arrived, run: Run) -> str:
    digest, done = hashlib.sha256(), 0
    for piece in files.read(arrived.key, 0, arrived.size):
        digest.update(piece)
        done += len(piece)
        if run.stopped:
            raise errors.Stopped
        run.progress(100 * done / arrived.size)
    return digest.hexdigest()


class Arrivals:
    """The thread of a worker process that looks for what has come; of all workers' one does."""

    def __init__(self, holder: str) -> None:
        self._holder = holder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=NAME, daemon=True)

    def start(self) -> None:
        """Begin, if clients may send anything there."""
        if files.takes_forms():
            self._thread.start()

    def end(self) -> None:
        """Stop after the present look."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        swept = 0.0
        while not self._ended.wait(LOOK_SECONDS):
            sweep = time.monotonic() - swept > SWEEP_SECONDS
            try:
                if fleet.lease(NAME, self._holder, seconds=LEASE_SECONDS):
                    look(sweep=sweep)
                    swept = time.monotonic() if sweep else swept
            except Error as error:
                log.warning("The database does not answer: %s", error)
                connections.close_all()
            except errors.FileStoreUnreachable:
                continue  # It has been logged; there is another look.
            except Exception:
                log.exception("The look for uploads stumbled; it goes on.")
        connections.close_all()
