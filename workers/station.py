"""One worker process: what it serves, and its start, drain and end."""

from __future__ import annotations

import logging
import os
import platform
import re
import stat
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from django.conf import settings
from django.db import Error, connections

from jobs import fleet, queues, registry, services
from jobs.contract.erasing import erase

from . import executor, versions
from .arrivals import Arrivals
from .heartbeat import DRAINING, Heartbeat
from .reconciler import Reconciler
from .slots import Slots

log = logging.getLogger(__name__)

ANNOUNCE_SECONDS = 5.0
ASK_AGAIN_SECONDS = 60.0
"""After so long, programs that did not answer are asked again: they may have been installed, or less busy."""
KILL_SECONDS = 5.0
"""How long an engine told to stop may take to be gone."""
_OWNER = re.compile(r"(?:task|athanor-[a-z]+)-(\d+)-")
"""The process that a folder in the work folder belongs to."""


class Worker:
    """Takes tasks of the queues given, until told to drain."""

    def __init__(self, queues: Mapping[str, int]) -> None:
        self.name = fleet.name()
        self.queues = dict(queues)
        self.tools: versions.Tools = {}
        self.heartbeat = Heartbeat()
        self._station = executor.Station(self.name, platform.node()[:100], self.tools, self.heartbeat)
        self._slots = Slots(
            self.queues,
            run_next=lambda queue: executor.run_next(queue, self._station),
            ready=lambda queues: services.ready(queues, self.tools.copy()),
        )
        self._reconciler = Reconciler(self.name)
        self._arrivals = Arrivals(self.name)
        self._gone = threading.Event()
        self._asked = threading.Event()
        self._asker = threading.Thread(target=self._ask, name="asker", daemon=True)
        self._announcer = threading.Thread(target=self._announce, name="announcer", daemon=True)

    def start(self) -> None:
        """Begin to take tasks."""
        if strays := registry.launcher().kill_strays():
            log.warning("Killed %d programs that dead workers left running.", strays)
        self.heartbeat.start()
        self._slots.start()
        queues.listen(self._slots.ring)
        self._reconciler.start()
        self._arrivals.start()
        self._asker.start()
        self._announcer.start()

    def ring(self, queue: str) -> None:
        """Look at a queue now."""
        self._slots.ring(queue)

    def drain(self) -> None:
        """Take nothing more, finish or hand back what runs within the drain time, and leave."""
        log.info("Draining: %d running.", self.heartbeat.running)
        queues.listen(None)
        self._slots.stop_claiming()
        if not self._slots.join(settings.ATHANOR_DRAIN_SECONDS):
            self.heartbeat.stop_all(DRAINING)
            self._slots.join(KILL_SECONDS)
        self._arrivals.end()
        self._reconciler.end()
        self.heartbeat.end()
        self._gone.set()
        self._announcer.join(timeout=KILL_SECONDS)
        registry.launcher().kill_all()
        remove_folders(lambda worker: worker == f"{os.getpid()}")
        try:
            fleet.leave(self.name)
        except Error as error:
            log.warning("The database does not answer: %s", error)

    def _ask(self) -> None:
        """Ask every program of the queues. What answers is served at once; the others are asked again."""
        while not self._gone.is_set():
            for engine, found in versions.found(self.queues, but=tuple(self.tools)):
                if self._gone.is_set():
                    return
                self.tools[engine] = found
                self._slots.ring(registry.engines()[engine].queue)
            if not self._asked.is_set():
                log.info("Serving %s.", ", ".join(sorted(self.tools)) or "no engine")
                if missing := versions.missing(self.queues, self.tools):
                    log.info("Not served, for they are not here or do not answer: %s.", ", ".join(missing))
            self._asked.set()
            self._gone.wait(ASK_AGAIN_SECONDS)

    def _announce(self) -> None:
        # Told when it is whole, for who reads it takes what is missing for not there.
        while not (self._asked.wait(ANNOUNCE_SECONDS) or self._gone.is_set()):
            pass
        while not self._gone.is_set():
            self._tell()
            self._gone.wait(ANNOUNCE_SECONDS)
        connections.close_all()

    def _tell(self) -> None:
        try:
            fleet.announce(
                self.name,
                queues=sorted(self.queues),
                tools={engine: list(found) for engine, found in self.tools.copy().items()},
                running=self.heartbeat.running,
            )
        except Error as error:
            log.warning("The database does not answer: %s", error)
            connections.close_all()


def slots_for(queues: tuple[str, ...]) -> dict[str, int]:
    """Return how many tasks of each queue may run at once here: few of what computes, more of what waits."""
    cores = os.cpu_count() or 1
    wanted = {"storage": 8, **settings.ATHANOR_SLOTS}
    served = [name for name in queues or registry.queues() if _can_serve(name)]
    return {name: wanted.get(name, cores) for name in served}


def _can_serve(queue: str) -> bool:
    can_run = registry.confinement().can_run
    if all(can_run(record.run) for record in registry.operations() if record.queue == queue):
        return True
    log.warning("The queue %s is not served: its engine needs namespaces of its own.", queue)
    return False


def own_work_folder() -> None:
    """Make the work folder, and remove what killed workers left there: their tasks start afresh elsewhere."""
    # Whatever the shell is set to: the users that engines run as pass through folders of tasks, too.
    os.umask(0o022)
    work = Path(settings.ATHANOR_WORK_DIR)
    work.mkdir(parents=True, exist_ok=True)
    # Looked at once: what is ours nobody puts another thing in the place of, what is another's he may.
    found = work.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(f"{work} belongs to somebody else.")
    # To be passed through, by whoever knows a name in it, and listed by nobody.
    work.chmod(0o711)
    tempfile.tempdir = f"{work}"
    remove_folders(lambda worker: not Path("/proc", worker).exists())


def remove_folders(of: Callable[[str], bool]) -> None:
    """Remove the folders in the work folder that belong to such workers."""
    for folder in Path(settings.ATHANOR_WORK_DIR).iterdir():
        worker = _OWNER.match(folder.name)
        if worker and of(worker[1]):
            erase(folder)
