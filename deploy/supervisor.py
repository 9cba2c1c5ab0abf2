"""Keeps a few programs running: starts them, starts what died again, and stops them in order."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 9.5
"""How long all of them together may take to end."""
LOG_BYTES = 10 * 1024**2
"""A log larger than this is set aside when its program starts."""
TAIL_LINES = 20
LOOK_SECONDS = 0.2
"""How often it is looked whether a program died."""
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0
"""A program that ran this long is started again at once, whatever happened before."""

# A child told to die with its parent dies with the thread that started it, so one thread that never ends
# starts them all.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")


@dataclass(frozen=True)
class Program:
    """One program to keep running."""

    name: str
    argv: tuple[str, ...]
    stop_seconds: float
    """How long it may take to end when told to."""


class Died(Exception):
    """A program ended that should have gone on."""


def pause(deaths: int) -> float:
    """Return how long to wait before the next start, after so many deaths in a row."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** max(0, min(deaths, 30) - 1))


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a log; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 64 * 1024))
            return b"\n".join(file.read().splitlines()[-lines:]).decode(errors="replace")
    except OSError:
        return ""


def set_aside(log: Path) -> None:
    """Begin a new log when the old one has grown large; one old one is kept."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_BYTES:
            log.replace(log.with_name(f"{log.name}.1"))


class Supervisor:
    """Runs programs as children that die with this process."""

    def __init__(
        self,
        *,
        cwd: Path,
        environment: Mapping[str, str],
        logs: Path,
        say: Callable[[str], None],
        held: tuple[int, ...] = (),
    ) -> None:
        """Prepare; nothing runs yet.

        :param held: file descriptors the children keep open, such as a lock that must outlive us.
        """
        self._cwd = cwd
        self._environment = dict(environment)
        self._logs = logs
        self._say = say
        self._held = held
        self._running: list[_Running] = []
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self, program: Program) -> None:
        """Start a program."""
        running = _Running(program, self._logs / f"{program.name}.log")
        set_aside(running.log)
        self._running.append(running)
        self._spawn(running)

    def raise_if_dead(self) -> None:
        """Raise what became of the first program that is not running.

        :raises Died: with the end of its log.
        """
        for running in self._running:
            if (status := running.process.poll()) is not None:
                raise Died(f"{running.program.name} {_ended(status)}. Its last words:\n{tail(running.log)}")

    def watch(self) -> None:
        """From now on start what died again, after a pause that grows while it keeps dying."""
        self._watcher.start()

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            self._restart_dead()

    def _restart_dead(self) -> None:
        now = time.monotonic()
        for running in self._running:
            status = running.process.poll()
            if status is None:
                continue
            if running.again_at is None:
                deaths = running.died(now)
                running.again_at = now + pause(deaths)
                self._say(
                    f"{running.program.name} {_ended(status)}; "
                    f"it is started again in {pause(deaths):.1f} s (log: {running.log})"
                )
            elif now >= running.again_at:
                self._spawn(running)

    def stop(self, hurry: Callable[[], bool] = lambda: False) -> None:
        """Stop everything, what was started last first; kill what does not end in its time.

        :param hurry: asked while waiting; True kills at once.
        """
        self._stopping.set()
        if self._watcher.ident:
            self._watcher.join()
        end = time.monotonic() + STOP_SECONDS
        for running in reversed(self._running):
            with contextlib.suppress(ProcessLookupError):
                running.process.terminate()
            until = min(end, time.monotonic() + running.program.stop_seconds)
            while running.process.poll() is None and time.monotonic() < until and not hurry():
                time.sleep(0.02)
            if running.process.poll() is None:
                self._say(f"{running.program.name} did not stop; killing it")
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(running.process.pid, signal.SIGKILL)
            running.process.wait()
        self._running.clear()

    def _spawn(self, running: _Running) -> None:
        running.again_at = None
        running.since = time.monotonic()
        with running.log.open("ab") as log:
            running.process = _STARTER.submit(
                subprocess.Popen,
                # Ctrl-C at the terminal reaches only us: we stop them in order.
                ["setpriv", "--pdeathsig", "TERM", "--", *running.program.argv],
                cwd=self._cwd,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self._held,
            ).result()


class _Running:
    """What we know of a program that was started."""

    process: subprocess.Popen[bytes]

    def __init__(self, program: Program, log: Path) -> None:
        self.program = program
        self.log = log
        self.since = 0.0
        self.deaths = 0
        self.again_at: float | None = None

    def died(self, now: float) -> int:
        """Count a death; return how many there were in a row."""
        self.deaths = 1 if now - self.since >= STEADY_SECONDS else self.deaths + 1
        return self.deaths


def _ended(status: int) -> str:
    return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


class Signals:
    """The signals that end us, as something to wait for."""

    ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self._ours, self._pythons = socket.socketpair()
        self._ours.setblocking(False)
        self._pythons.setblocking(False)
        self.endings = 0
        """How many of the signals that end us have come."""

    @contextlib.contextmanager
    def caught(self) -> Iterator[Signals]:
        """Catch them from here on; only in the main thread."""
        before = {number: signal.signal(number, self._caught) for number in self.ENDING}
        previous = signal.set_wakeup_fd(self._pythons.fileno(), warn_on_full_buffer=False)
        try:
            yield self
        finally:
            signal.set_wakeup_fd(previous)
            for number, handler in before.items():
                signal.signal(number, handler)

    def wait(self) -> None:
        """Wait for the next one."""
        while not self.endings:
            select.select([self._ours], [], [])
            self._ours.recv(4096)

    def _caught(self, _number: int, _frame: object) -> None:
        self.endings += 1
