"""A small client of the DevTools protocol: NUL-separated JSON over a pipe, one thread, standard library only.

Playwright would do this too, at 160 MB with a Node driver between us and the browser; what we need of it is
below, without a TCP port that other processes could reach.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""What distributions call it, in the order we look."""
COMMANDS, ANSWERS = 3, 4
"""The file descriptors on which the browser reads and writes."""
CHUNK = 1024 * 1024

Params = dict[str, Any]
OnEvent = Callable[[str, Params], None]


class Failed(Exception):
    """The browser answered a command with an error."""


class Late(Exception):
    """The browser did not answer a command in the time given."""


class Gone(Exception):
    """The browser closed its pipe: it ended or crashed."""


def program() -> str:
    """Return the name of the browser installed here; Debian's when there is none."""
    return next((name for name in PROGRAMS if shutil.which(name)), PROGRAMS[0])


class Browser:
    """A running browser: commands out, answers and events in.

    Events are handed to ``on_event`` whenever a command or a wait reads them; what it raises, they raise.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        """Start the browser. Descriptors 3 and 4 must be free or of no use to anybody; they are closed."""
        commands, self._commands = _pipe()
        self._answers, answers = _pipe()
        os.dup2(commands, COMMANDS)
        os.dup2(answers, ANSWERS)
        try:
            self.process = subprocess.Popen(
                [*argv, "--remote-debugging-pipe"],
                stdin=subprocess.DEVNULL,
                stdout=2,
                pass_fds=(COMMANDS, ANSWERS),
            )
        finally:
            for fd in (commands, answers, COMMANDS, ANSWERS):
                os.close(fd)
        self.on_event: OnEvent = lambda _method, _params: None
        self._number = 0
        self._awaited: int | None = None
        self._answer: Params | None = None
        self._rest = bytearray()
        self._seen = 0

    def send(self, method: str, session: str | None = None, **params: Any) -> int:
        """Send a command whose answer does not matter; return its number."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = memoryview(json.dumps(message).encode() + b"\0")
        try:
            while data:
                data = data[os.write(self._commands, data) :]
        except OSError as error:
            raise Gone from error
        return self._number

    def call(
        self, method: str, session: str | None = None, *, seconds: float | None = None, **params: Any
    ) -> Params:
        """Send a command and return its answer.

        :raises Failed: when the browser refuses it.
        :raises Late: when ``seconds`` pass before it answers.
        :raises Gone: when the browser ends.
        """
        self._awaited = self.send(method, session, **params)
        self._answer = None
        try:
            if not self.wait(lambda: self._answer is not None, seconds):
                raise Late(method)
        finally:
            self._awaited = None
        answer: Params = self._answer or {}
        if "error" in answer:
            raise Failed(f"{answer['error'].get('message')}")
        result: Params = answer["result"]
        return result

    def wait(self, until: Callable[[], bool], seconds: float | None = None) -> bool:
        """Handle what comes until the condition holds; False when it did not within ``seconds``."""
        end = None if seconds is None else time.monotonic() + seconds
        while not until():
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return False
            if self._message() or not select.select([self._answers], [], [], left)[0]:
                continue
            data = os.read(self._answers, CHUNK)
            if not data:
                raise Gone
            self._rest += data
        return True

    def _message(self) -> bool:
        # One message at a time: a handler may send commands, and the condition may hold after any of them.
        end = self._rest.find(b"\0", self._seen)
        if end < 0:
            # An image comes in hundreds of pieces; none is searched twice.
            self._seen = len(self._rest)
            return False
        message = json.loads(self._rest[:end])
        del self._rest[: end + 1]
        self._seen = 0
        if "method" in message:
            self.on_event(message["method"], message["params"])
        elif message.get("id") == self._awaited:
            self._answer = message
        return True


def _pipe() -> tuple[int, int]:
    # Away from the two numbers that the browser insists on.
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in ends)
    for fd in ends:
        os.close(fd)
    return moved[0], moved[1]
