"""Keeps what this worker holds: extends leases, carries progress up and the order to stop down."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error, connections

from jobs import secrets, services
from jobs.contract.errors import Stopped

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""How often running tasks are looked after: cancelling takes no longer than this, and a kill."""
MARGIN_SECONDS = 5.0
"""So long before a lease nobody could extend runs out, its engine is stopped; less if leases are short."""
LOST = "lost"
DRAINING = "draining"


@dataclass
class Run:
    """One attempt at a task, while it runs; the engine's ``Context``."""

    task: UUID
    attempt: int
    owner: str
    deadline: float
    hop: int = 0
    hops: int = 1
    stopped: str | None = None
    percent: int = 0
    message: str | None = None
    doing: str | None = None
    """Its message where the engine has no words of its own."""
    arguments: list[str] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    told: tuple[int, str | None] = (0, None)
    extended: float = field(default_factory=time.monotonic)
    system: Path | None = None
    """Where the engine's programs are, if not on this machine itself."""
    share: tuple[float, float] = (0, 100)
    """The part of the hop the present file is, in percent."""
    loose_ends: list[str] = field(default_factory=list)
    """What attempts of the task, this one too, have begun elsewhere."""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What the run was asked for, once its secrets are opened; none of them stays in what it says."""

    def progress(self, percent: float, message: str | None = None) -> None:
        """Note how far the run is; the heartbeat tells it."""
        low, high = self.share
        of_hop = low + (high - low) * min(max(percent, 0), 100) / 100
        self.percent = min(99, int((100 * self.hop + of_hop) / self.hops))
        self.message = self.redact(message) if message else self.doing

    def begin(self, doing: str, share: tuple[float, float] = (0, 100)) -> None:
        """Go on to the next file, or whatever takes such a part of the hop."""
        self.doing = self.message = doing
        self.share = share

    def redact(self, text: str) -> str:
        """Return a text without the secrets the run works with."""
        return secrets.redactor(self.options)(text)

    def begun(self, loose_end: str) -> None:
        """Keep in the task's row what a later attempt must end if this one dies.

        :raises Stopped: when the task is no longer ours.
        """
        self.loose_ends.append(loose_end)
        if not services.remember(self.task, self.attempt, self.loose_ends):
            self.stopped = self.stopped or LOST
            raise Stopped(LOST)

    def record(self, *, argv: Sequence[str], output: str) -> None:
        """Keep a tool's command line and the tail of its words for the operator, without secrets."""
        if argv:
            self.arguments.append(self.redact(" ".join(argv)))
        self.output.append(self.redact(output))


class Heartbeat:
    """One thread for all runs of a worker process."""

    def __init__(self) -> None:
        self._runs: dict[UUID, Run] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._some = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to look after runs."""
        self._thread.start()

    def end(self) -> None:
        """Stop looking; call it when nothing runs any more."""
        self._ended.set()
        self._some.set()
        self._thread.join(timeout=5)

    @property
    def running(self) -> int:
        """How many runs are looked after."""
        return len(self._runs)

    @contextmanager
    def holding(self, run: Run) -> Iterator[Run]:
        """Look after a run for as long as the block lasts."""
        with self._lock:
            self._runs[run.task] = run
        self._some.set()
        try:
            yield run
        finally:
            with self._lock:
                self._runs.pop(run.task, None)
                if not self._runs:
                    self._some.clear()

    def stop_all(self, reason: str) -> None:
        """Tell every run to stop."""
        for run in self._snapshot():
            run.stopped = run.stopped or reason

    def _snapshot(self) -> list[Run]:
        with self._lock:
            return list(self._runs.values())

    def _beat(self) -> None:
        while not self._ended.is_set():
            self._some.wait()
            runs = self._snapshot()
            try:
                self._look_after(runs)
            except Error as error:
                log.warning("The database does not answer: %s", error)
                connections.close_all()
                self._give_up_unextended(runs)
            except Exception:
                log.exception("The heartbeat stumbled; it goes on.")
            self._ended.wait(LOOK_SECONDS)
        connections.close_all()

    def _look_after(self, runs: list[Run]) -> None:
        held = {run.task: run.attempt for run in runs}
        gone = services.lost(held) if held else set()
        now = time.monotonic()
        for run in runs:
            if run.task in gone:
                run.stopped = run.stopped or LOST
                continue
            news = (run.percent, run.message)
            if news != run.told:
                services.tell_progress(run.task, run.attempt, percent=run.percent, message=run.message)
                run.told = news
            if now - run.extended >= _pause():
                services.extend({run.task: run.attempt})
                run.extended = now

    def _give_up_unextended(self, runs: list[Run]) -> None:
        # Somebody else who still reaches the database may take the task when its lease has run out.
        lease = settings.ATHANOR_LEASE_SECONDS
        longest = lease - min(MARGIN_SECONDS, lease / 4)
        for run in runs:
            if time.monotonic() - run.extended > longest:
                run.stopped = run.stopped or LOST


def _pause() -> float:
    # A lease must outlive a heartbeat that comes late, however short it was set.
    return float(min(settings.ATHANOR_HEARTBEAT_SECONDS, settings.ATHANOR_LEASE_SECONDS / 3))
