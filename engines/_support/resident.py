"""A child process that stays: JSON lines to it, JSON lines from it, never waiting past a deadline."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import selectors
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jobs.contract import errors

from . import launcher
from .egress import Egress

ANSWER_BYTES = 8 * 1024 * 1024
"""The longest line a child may send; none of ours comes near it."""
LONGEST_FOLDER = 24
ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "PYTHONPATH": f"{Path(__file__).parents[2]}"}
"""What every child gets: its script may import ``engines._support``."""


@functools.cache
def _short(folder: Path) -> Path:
    """Return a short path to a folder: tools make sockets below it, whose paths hold 107 bytes at most."""
    if len(f"{folder}") <= LONGEST_FOLDER:
        return folder
    aside = tempfile.mkdtemp(prefix="athanor-", dir="/tmp")  # the shortest there is, and ours alone
    atexit.register(shutil.rmtree, aside, ignore_errors=True)
    link = Path(aside, "w")
    link.symlink_to(folder)
    return link


class Died(Exception):
    """The child's pipe closed, or what comes through it is no answer of ours."""


class Child:
    """One warm child and its slot folder, the only place files reach it."""

    def __init__(
        self, name: str, argv: tuple[str, ...], environment: Mapping[str, str], *, egress: bool = False
    ) -> None:
        """Start the child.

        :param egress: give it a way out, open while it answers; ``ATHANOR_EGRESS`` tells it the socket.
        """
        self.owner: str | None = None
        self.uses = 0
        self.slot = Path(tempfile.mkdtemp(prefix=f"athanor-{name}-{os.getpid()}-"))
        self._egress: Egress | None = None
        try:
            short = _short(self.slot.parent) / self.slot.name
            environment = {**ENVIRONMENT, "TMPDIR": f"{short}", **environment}
            if egress:
                self._egress = Egress(short / "egress")
                self._egress.start()
                environment |= {"ATHANOR_EGRESS": f"{short / 'egress'}"}
            self._process = launcher.start(
                argv, cwd=self.slot, environment=environment, stdin=subprocess.PIPE
            )
        except BaseException:
            self._leave()
            raise
        assert self._process.stdin and self._process.stdout and self._process.stderr
        for pipe in (self._process.stdin, self._process.stdout):
            os.set_blocking(pipe.fileno(), False)
        self._rest = b""
        self._words = bytearray()
        self._drain = threading.Thread(target=self._keep_words, daemon=True)
        self._drain.start()

    def _keep_words(self) -> None:
        assert self._process.stderr
        fd = self._process.stderr.fileno()
        try:
            while data := os.read(fd, 65536):
                self._words += data
                del self._words[: -launcher.KEPT_BYTES]
        except (OSError, ValueError):
            return

    @property
    def words(self) -> str:
        """The end of what the tool printed in this run."""
        return bytes(self._words).decode(errors="replace")

    @property
    def alive(self) -> bool:
        """Whether the child can still answer."""
        return self._process.poll() is None

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
        self.uses += 1
        with self._egress.opened() if self._egress else contextlib.nullcontext():
            self._send(json.dumps(request).encode() + b"\n", deadline, stopped)
            return self._receive(deadline, stopped, on_percent)

    def _send(self, data: bytes, deadline: float, stopped: Callable[[], str | None]) -> None:
        # A child that hangs does not read, and a pipe holds only 64 KiB.
        assert self._process.stdin
        fd = self._process.stdin.fileno()
        try:
            while data:
                _wait(fd, selectors.EVENT_WRITE, deadline, stopped)
                data = data[os.write(fd, data) :]
        except OSError as error:
            raise Died from error

    def _receive(
        self, deadline: float, stopped: Callable[[], str | None], on_percent: Callable[[float], None]
    ) -> dict[str, Any]:
        assert self._process.stdout
        fd = self._process.stdout.fileno()
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
        pages = 0
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError, ValueError, IndexError):
                    session = (folder / "stat").read_text().rpartition(")")[2].split()[3]
                    if int(session) == self._process.pid:
                        _, held, shared, *_ = (folder / "statm").read_text().split()
                        pages += int(held) - int(shared)
        return pages * os.sysconf("SC_PAGE_SIZE")

    def last_words(self) -> str:
        """Return what a child that died printed, waiting a moment for the rest of it."""
        self._drain.join(timeout=1)
        return self.words

    def end(self) -> None:
        """Kill the child with everything it started, and remove its folder."""
        launcher.kill(self._process)
        self._leave()

    def _leave(self) -> None:
        if self._egress:
            self._egress.close()
        shutil.rmtree(self.slot, ignore_errors=True)


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
    except (ValueError, TypeError, RecursionError) as error:
        raise Died from error
    return message
