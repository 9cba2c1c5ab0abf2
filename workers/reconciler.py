"""Puts right what crashes and lost messages leave behind; one process at a time, every few seconds."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

from django.db import Error, connections

from jobs import files, fleet, services

log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
LEASE_SECONDS = 20.0
UNHEARD_AFTER = timedelta(seconds=10)
SWEEP_EVERY_SECONDS = 600.0
ORPHANS_AFTER = timedelta(hours=1)
PARTS_AFTER_SECONDS = 24 * 3600.0
"""Longer than any upload may take."""
STRIKES_FOR = timedelta(days=7)
NAME = "reconciler"


def reconcile(holder: str) -> bool:
    """Put everything right once, if it is this process's turn."""
    if not fleet.lease(NAME, holder, seconds=LEASE_SECONDS):
        return False
    taken = services.take_from_dead()
    ended = services.end_overdue()
    advanced = services.advance_stuck()
    planned = services.plan_anew()
    services.ring_again(after=UNHEARD_AFTER)
    forgotten = services.forget_old()
    fleet.forget_silent()
    services.send_owed()
    if any(done := (taken, ended, advanced, planned, forgotten)):
        log.info(
            "Took %d from dead workers, ended %d overdue, advanced %d, planned %d anew, deleted %d old.",
            *done,
        )
    return True


class Reconciler:
    """The thread of a worker process that reconciles."""

    def __init__(self, holder: str) -> None:
        self._holder = holder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=NAME, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Stop after the present round."""
        self._ended.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        swept = time.monotonic()
        while not self._ended.is_set():
            try:
                if reconcile(self._holder) and time.monotonic() - swept > SWEEP_EVERY_SECONDS:
                    swept = time.monotonic()
                    services.forget_orphans(after=ORPHANS_AFTER)
                    files.tidy(seconds=PARTS_AFTER_SECONDS)
                    services.forget_strikes(after=STRIKES_FOR)
            except Error as error:
                log.warning("The database does not answer: %s", error)
                connections.close_all()
            except Exception:
                log.exception("The reconciler stumbled; it goes on.")
            self._ended.wait(EVERY_SECONDS)
        connections.close_all()
