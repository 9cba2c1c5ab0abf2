"""A child process that stays: JSON lines to it, JSON lines from it, never waiting past a deadline."""

from __future__ import annotations

import contextlib
import json
import math
import os
import selectors
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jobs.contract import errors, limits
from jobs.contract.erasing import erase

from . import inner_code, launcher
from .cells import Cell
from .egress import Egress
from .processes import memory_of, parents, tree
from .room import CODE, EGRESS, INPUT, OUTPUT, WORK, Profile, Room

ANSWER_BYTES = 8 * 1024 * 1024
"""The longest line a child may send; none of ours comes near it."""
SOCKET = "socket"
PYTHON = "/usr/bin/python3"
"""The distribution's own: the one LibreOffice's bridge is built for, and the one that is seen inside."""
ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "PYTHONPATH": "{code}"}
"""What every child gets: its script may import ``engines._support``."""


class Died(Exception):
    """The child's pipe closed, or what comes through it is no answer of ours."""


class Child:
    """One warm child and its slot folder, the only place files reach it."""

    def __init__(
        self,
        name: str,
        script: str,
        environment: Mapping[str, str],
        profile: Profile,
        *,
        egress: bool = False,
        system: Path | None = None,
    ) -> None:
        """Start the script of ours, whose environment may speak of ``{code}``, where our code lies inside.

        :param egress: give it a way out, open while it answers; ``ATHANOR_EGRESS`` tells it the socket.
        :param system: the folder of another system, whose Python and engine it runs on.
        """
        self.system = system
        self.owner: str | None = None
        self.uses = 0
        self.slot = Path(tempfile.mkdtemp(prefix=f"athanor-{name}-{os.getpid()}-"))
        self._open = contextlib.ExitStack()
        self._open.callback(erase, self.slot)
        self._egress: Egress | None = None
        try:
            self.cell = self._open.enter_context(Cell(self._room(egress=egress), profile))
            if egress:
                self._egress = Egress(self.slot / "egress" / SOCKET)
                self._egress.start()
                self._open.callback(self._egress.close)
                environment = {**environment, "ATHANOR_EGRESS": f"{self.cell.named(EGRESS)}/{SOCKET}"}
            code = self.cell.named(CODE)
            given = {name: text.format(code=code) for name, text in {**ENVIRONMENT, **environment}.items()}
            argv = (PYTHON, f"{code}/engines/_support/{script}")
            self._program = launcher.start(argv, cell=self.cell, environment=given, stdin=subprocess.PIPE)
        except BaseException:
            self._open.close()
            raise
        assert self._program.stdin
        for pipe in (self._program.stdin, self._program.stdout):
            os.set_blocking(pipe.fileno(), False)
        self._rest = b""
        self._words = bytearray()
        # Of its own, for the program's is closed when it is killed, and its number another's soon after.
        errors_of = os.dup(self._program.stderr.fileno())
        self._drain = threading.Thread(target=self._keep_words, args=(errors_of,), daemon=True)
        self._drain.start()

    def _room(self, *, egress: bool) -> Room:
        self.slot.chmod(0o711)
        inputs, outputs, work, way_out = (self.slot / name for name in ("in", "out", "work", "egress"))
        for folder in (inputs, outputs, work, way_out):
            folder.mkdir(mode=0o700)
        read = {INPUT: inputs, CODE: inner_code.folder(), **({EGRESS: way_out} if egress else {})}
        return Room(read=read, write={OUTPUT: outputs, WORK: work}, start=WORK, system=self.system)

    def _keep_words(self, fd: int) -> None:
        try:
            while data := os.read(fd, 65536):
                self._words += data
                del self._words[: -launcher.KEPT_BYTES]
        finally:
            os.close(fd)

    @property
    def words(self) -> str:
        """The end of what the tool printed in this run."""
        return bytes(self._words).decode(errors="replace")

    @property
    def alive(self) -> bool:
        """Whether the child can still answer."""
        return self._program.is_running

    def ready(self, deadline: float, stopped: Callable[[], str | None]) -> None:
        """Wait until the child says it is ready."""
        self._receive(deadline, stopped, lambda _percent: None)

    def ask(
        self,
        request: Mapping[str, Any],
        deadline: float,
        stopped: Callable[[], str | None],
        on_percent: Callable[[float], None],
    ) -> dict[str, Any]:
        """Send a request and return the child's last answer to it."""
        self._words.clear()
        self._program.guard.begin()
        self.uses += 1
        with self._egress.opened() if self._egress else contextlib.nullcontext():
            self._send(json.dumps(request).encode() + b"\n", deadline, stopped)
            return self._receive(deadline, stopped, on_percent)

    def _send(self, data: bytes, deadline: float, stopped: Callable[[], str | None]) -> None:
        # A child that hangs does not read, and a pipe holds only 64 KiB.
        assert self._program.stdin
        fd = self._program.stdin.fileno()
        try:
            while data:
                _wait(fd, selectors.EVENT_WRITE, deadline, stopped)
                data = data[os.write(fd, data) :]
        except OSError as error:
            raise Died from error

    def _receive(
        self, deadline: float, stopped: Callable[[], str | None], on_percent: Callable[[float], None]
    ) -> dict[str, Any]:
        fd = self._program.stdout.fileno()
        while True:
            *lines, self._rest = self._rest.split(b"\n")
            for number, line in enumerate(lines, 1):
                message = _message(line)
                if "percent" not in message:
                    self._rest = b"\n".join([*lines[number:], self._rest])
                    return message
                on_percent(message["percent"])
            _wait(fd, selectors.EVENT_READ, deadline, stopped)
            data = os.read(fd, 65536)
            self._rest += data
            if not data or len(self._rest) > ANSWER_BYTES:
                raise Died

    def memory(self) -> int:
        """Return how many bytes the child and what it started hold for themselves."""
        return sum(memory_of(pid) for pid in tree(self._program.process.pid, parents()))

    def reason(self) -> errors.TaskError | None:
        """Return why a child that died was killed, if it took too much; it is killed for good."""
        # The kernel's kill for want of memory is found out when the program is over.
        self._program.kill()
        return self._program.guard.reason

    def last_words(self) -> str:
        """Return what a child that died printed, waiting a moment for the rest of it."""
        self._drain.join(timeout=1)
        return self.words

    def clear(self) -> bool:
        """Take away what a conversion was given and made; tell whether all of it went.

        The folders stay: they are shown inside. The child runs, and may be making more.
        """
        gone = [erase(self.slot / name, keep=True, most=limits.OUTPUT_FILES) for name in ("in", "out")]
        return all(gone)

    def end(self) -> None:
        """Kill the child with everything it started, and remove its folder."""
        self._program.kill()
        self._open.close()


def _wait(fd: int, event: int, deadline: float, stopped: Callable[[], str | None]) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(fd, event)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise errors.EngineTimeout
            if reason := stopped():
                raise errors.Stopped(reason)
            if selector.select(min(launcher.LOOK_SECONDS, left)):
                return


def _message(line: bytes) -> dict[str, Any]:
    # An engine that was taken over may send anything.
    try:
        message = json.loads(line)
        if not isinstance(message, dict):
            raise Died
        if "percent" in message:
            message["percent"] = float(message["percent"])
            if not math.isfinite(message["percent"]):
                raise Died
    except (ValueError, TypeError, RecursionError) as error:
        raise Died from error
    return message
