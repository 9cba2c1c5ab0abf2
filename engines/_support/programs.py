"""A program that was started and locked in: how it is seen, and how it is killed with all it has started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from dataclasses import dataclass, field
from typing import IO

from jobs.contract.errors import Unconfined

from .cells import Cell
from .guard import Guard
from .processes import wait_for

GONE_SECONDS = 10
KILLED = range(129, 129 + signal.NSIG)
"""Exit statuses that stand for a death by signal, where a program waited for another one."""

RUNNING: set[Program] = set()
"""Every program of this process that has not been killed."""


@dataclass(eq=False)
class Program:
    """A program that was started, with all it starts itself."""

    process: subprocess.Popen[bytes]
    """What locks it in; it lives as long as the program."""
    cell: Cell
    guard: Guard
    first: int | None = None
    """A descriptor of the first process inside, with which all inside end."""
    status: int | None = None
    """Where it is told how the program inside ended. It must stay open, for what tells would die of it."""
    was_locked_in: bool = True
    """Whether, now that it was killed, it had ever been started: what locks it in may have failed."""
    _killed: bool = field(default=False, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def stdin(self) -> IO[bytes] | None:
        """Its standard input, when a pipe was asked for."""
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """Its standard output."""
        assert self.process.stdout
        return self.process.stdout

    @property
    def stderr(self) -> IO[bytes]:
        """Its standard error."""
        assert self.process.stderr
        return self.process.stderr

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    @property
    def returncode(self) -> int:
        """Its exit status, once it has ended; negative when a signal killed it."""
        status = self.process.returncode
        return 128 - status if status in KILLED else status

    def find_first(self) -> None:
        """Learn which process inside all others descend from.

        :raises Unconfined: when there never was one: it could not be locked in.
        """
        assert self.status is not None
        try:
            pid = int(json.loads(_line(self.status))["child-pid"])
        except (ValueError, KeyError) as error:
            raise Unconfined from error
        with contextlib.suppress(ProcessLookupError):
            self.first = os.pidfd_open(pid)

    def kill(self) -> None:
        """Kill it and everything it started, daemons included, and wait until they are gone."""
        with self._lock:
            if not self._killed:
                self._killed = True
                self._kill()

    def _kill(self) -> None:
        # Its number stays its group's while one of the group lives, then it may become a stranger's.
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        if self.first is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(self.first, signal.SIGKILL)
            # The kernel reports its end when the last process inside has ended.
            wait_for(self.first, GONE_SECONDS)
            os.close(self.first)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=GONE_SECONDS)
        self.cell.tier.sweep(self.cell.identity)
        if self.status is not None:
            self.was_locked_in = self.returncode <= 0 or b"exit-code" in _line(self.status)
            os.close(self.status)
        self.guard.end()
        RUNNING.discard(self)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()


def _line(descriptor: int) -> bytes:
    """Return what comes up to the end of a line, or of everything."""
    found = b""
    while not found.endswith(b"\n") and (byte := os.read(descriptor, 1)):
        found += byte
    return found
