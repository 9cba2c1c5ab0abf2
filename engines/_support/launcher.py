"""The one place that starts external programs: group, deadline, output caps, kill of the whole tree."""

from __future__ import annotations

import contextlib
import itertools
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from jobs.contract.errors import EngineTimeout, Stopped, TaskError

KEPT_BYTES = 64 * 1024
"""How much of each output is kept, from its end."""
CAPTURED_BYTES = 1024 * 1024
"""How much of standard output is kept for those who parse it."""
READ_BYTES = 64 * 1024
DRAINED_BYTES = 2 * 1024 * 1024
"""How much is read of a program that has ended; a pipe holds less."""
LOOK_SECONDS = 0.1
"""How often a run looks whether it must stop."""
MARK = "ATHANOR_RUN"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# A child told to die with its parent dies with the thread that started it, so one thread that never ends
# starts them all.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="launcher")
_NUMBERS = itertools.count(1)
_MARKS: WeakKeyDictionary[subprocess.Popen[bytes], str] = WeakKeyDictionary()


@dataclass(frozen=True)
class Outcome:
    """How a program ended."""

    returncode: int
    """Negative: killed by that signal."""
    stdout: str
    """Its first megabyte."""
    words: str
    """The end of both outputs, for people."""
    seconds: float


def start(
    argv: Sequence[str], *, cwd: Path, environment: Mapping[str, str] | None = None, stdin: int | None = None
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, with a clean environment, its outputs piped.

    It dies when this process dies. Confinement belongs here and nowhere else.

    :raises TaskError: when the program is not installed.
    """
    if not shutil.which(argv[0], path=PATH):
        raise TaskError(f"{Path(argv[0]).name} is not installed on this worker.")
    clean = {
        "PATH": PATH,
        "HOME": f"{cwd}",
        "TMPDIR": f"{cwd}",
        "LANG": "C.UTF-8",
        **(environment or {}),
        MARK: f"{os.getpid()}.{next(_NUMBERS)}",
    }
    process = _STARTER.submit(
        subprocess.Popen,
        ["setpriv", "--pdeathsig", "SIGKILL", "--", *argv],
        cwd=cwd,
        env=clean,
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        close_fds=True,
    ).result()
    _MARKS[process] = clean[MARK]
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a program and everything it started, daemons included, and reap it."""
    # Its number stays its group's while one of the group lives, then it may become a stranger's.
    reaped = process.returncode is not None
    if not reaped or not Path("/proc", f"{process.pid}").exists():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    _kill_marked(_MARKS.pop(process, ""))
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            with contextlib.suppress(OSError):
                pipe.close()


def kill_strays() -> int:
    """Kill what programs of dead workers left behind; return how many were killed."""
    return _kill_where(lambda worker: worker.isdigit() and not Path("/proc", worker).exists())


def kill_all() -> int:
    """Kill everything this process started that still runs, warm children too; return how many."""
    return _kill_where(lambda worker: worker == f"{os.getpid()}")


def _kill_where(condition: Callable[[str], bool]) -> int:
    found = [pid for pid, mark in _marked() if condition(mark.partition(".")[0])]
    for pid in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return len(found)


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    deadline: float,
    stopped: Callable[[], str | None] = lambda: None,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    on_line: Callable[[str], None] | None = None,
) -> Outcome:
    """Run a program to its end and return how it ended, whatever its exit status.

    :param deadline: on ``time.monotonic()``'s clock; the tree is killed when it passes.
    :param stopped: asked ten times a second; a reason kills the tree.
    :param stdin: what it reads from its standard input; a pipe holds 64 KiB at most.
    :param on_line: is given each line of both outputs, as they come.
    :raises EngineTimeout: when the deadline passed.
    :raises Stopped: when told to stop.
    :raises TaskError: when the program is not installed.

    What the program said before it was killed is a note of the error.
    """
    begun = time.monotonic()
    process = start(argv, cwd=cwd, environment=environment, stdin=subprocess.PIPE if stdin else None)
    _tell(process, stdin)
    pump = _Pump(process, on_line)
    try:
        pump.until_end(deadline, stopped)
    except TaskError as error:
        error.add_note(pump.words())
        raise
    finally:
        # It is reaped here, after its group was killed, while its number is still its own.
        kill(process)
    return Outcome(process.returncode, pump.captured(), pump.words(), time.monotonic() - begun)


def _tell(process: subprocess.Popen[bytes], text: bytes) -> None:
    if process.stdin:
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(text)


class _Pump:
    """Drains both outputs, keeps their ends and hands lines on; a flood costs no memory."""

    def __init__(self, process: subprocess.Popen[bytes], on_line: Callable[[str], None] | None) -> None:
        assert process.stdout and process.stderr
        self._process = process
        self._on_line = on_line
        self._out, self._err = process.stdout.fileno(), process.stderr.fileno()
        self._first = bytearray()
        self._tail = bytearray()
        self._rest = {self._out: b"", self._err: b""}

    def until_end(self, deadline: float, stopped: Callable[[], str | None]) -> None:
        """Read until the program has ended, killing nothing itself."""
        end = os.pidfd_open(self._process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                for fd in (self._out, self._err, end):
                    selector.register(fd, selectors.EVENT_READ)
                for fd in (self._out, self._err):
                    os.set_blocking(fd, False)
                self._loop(selector, end, deadline, stopped)
        finally:
            os.close(end)
        for fd, rest in self._rest.items():
            if rest and self._on_line:
                self._lines(fd, b"\n")

    def _loop(
        self, selector: selectors.BaseSelector, end: int, deadline: float, stopped: Callable[[], str | None]
    ) -> None:
        look = 0.0
        left = DRAINED_BYTES
        while True:
            now = time.monotonic()
            if now >= deadline:
                raise EngineTimeout
            if now >= look:
                look = now + LOOK_SECONDS
                if reason := stopped():
                    raise Stopped(reason)
            ready = [key.fd for key, _ in selector.select(min(LOOK_SECONDS, deadline - now))]
            for fd in ready:
                if fd != end and not self._read(fd):
                    selector.unregister(fd)
            # A daemon of its own may still hold the pipes, or flood them, which is no reason to wait.
            left -= READ_BYTES if end in ready else 0
            if ready == [end] or left <= 0:
                return

    def _read(self, fd: int) -> bool:
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return True
        if not data:
            return False
        if fd == self._out and len(self._first) < CAPTURED_BYTES:
            self._first += data[: CAPTURED_BYTES - len(self._first)]
        self._tail += data
        if len(self._tail) > 2 * KEPT_BYTES:
            del self._tail[:-KEPT_BYTES]
        if self._on_line:
            self._lines(fd, data)
        return True

    def _lines(self, fd: int, data: bytes) -> None:
        assert self._on_line
        *lines, rest = (self._rest[fd] + data).replace(b"\r", b"\n").split(b"\n")
        self._rest[fd] = rest[-KEPT_BYTES:]
        for line in lines:
            self._on_line(line.decode(errors="replace"))

    def captured(self) -> str:
        return self._first.decode(errors="replace")

    def words(self) -> str:
        return self._tail[-KEPT_BYTES:].decode(errors="replace")


def _marked() -> Iterator[tuple[int, str]]:
    wanted = f"{MARK}=".encode()
    # Marks hold process ids, which mean nothing for what runs in a container beside us.
    ours = Path("/proc/self/ns/pid").readlink()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if (folder / "ns" / "pid").readlink() != ours:
                    continue
                for variable in (folder / "environ").read_bytes().split(b"\0"):
                    if variable.startswith(wanted):
                        yield int(folder.name), variable[len(wanted) :].decode(errors="replace")


def _kill_marked(mark: str) -> None:
    # Again and again, since a fork bomb makes new ones while we read the table.
    for _ in range(20 if mark else 0):
        found = [pid for pid, its in _marked() if its == mark and not _is_zombie(pid)]
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
