"""The one place that starts external programs: locked in, with a deadline, and killed with all they start."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from jobs.contract import limits
from jobs.contract.errors import EngineTimeout, Stopped, TaskError, Unconfined

from . import confinement, identities, memory_group
from .cells import USUAL, Cell
from .guard import guard
from .memory_group import MemoryGroup
from .processes import runs, users
from .programs import RUNNING, Program
from .room import CODE, Room
from .tiers import Landlock, Order, Wish

KEPT_BYTES = limits.WORD_BYTES
"""How much of each output is kept, from its end."""
CAPTURED_BYTES = 1024 * 1024
"""How much of standard output is kept for those who parse it."""
READ_BYTES = 64 * 1024
DRAINED_BYTES = 2 * 1024 * 1024
"""How much is read of a program that has ended; a pipe holds less."""
LOOK_SECONDS = 0.1
"""How often a run looks whether it must stop."""
NICE = 10
"""Engines come after the service itself, and after whatever else the machine does."""
PATH = confinement.PATH


def _be_nice() -> None:
    os.setpriority(os.PRIO_PROCESS, 0, NICE)


# A child told to die with its parent dies with the thread that started it, so one thread that never ends
# starts them all. Niceness is the thread's own, and inherited.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="launcher", initializer=_be_nice)


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
    argv: Sequence[str],
    *,
    cell: Cell,
    environment: Mapping[str, str] | None = None,
    stdin: int | None = None,
    seconds: float | None = None,
) -> Program:
    """Start a program in a cell, with a clean environment, its outputs piped. It dies when this process dies.

    :param seconds: what it may take, for its bound on processor time; None for one that stays.
    :raises TaskError: when the program is not installed.
    :raises Unconfined: when it could not be locked in.
    """
    if not installed(argv[0], cell.room.system):
        raise TaskError(f"{Path(argv[0]).name} is not installed on this worker.")
    wish = Wish(
        argv=argv,
        environment={**cell.environment, **(environment or {})},
        room=cell.room,
        profile=cell.profile,
        identity=cell.identity,
        seconds=seconds,
    )
    try:
        program = _started(cell.tier.order(wish), cell, stdin)
    except (ValueError, OSError) as error:
        failure = Unconfined()
        failure.add_note(f"{error}")
        raise failure from error
    if program.status is not None:
        try:
            program.find_first()
        except Unconfined as failure:
            # What it started before it died may hold the pipe open for ever.
            os.set_blocking(program.stderr.fileno(), False)
            failure.add_note((program.stderr.read(KEPT_BYTES) or b"").decode(errors="replace"))
            program.kill()
            raise
    return program


def installed(program: str, system: Path | None = None) -> bool:
    """Tell whether there is such a program on this machine, or in the folder of another system."""
    if not system:
        return shutil.which(program, path=PATH) is not None
    # Its links lead from its own root, not from ours.
    places = [program] if program.startswith("/") else [f"{folder}/{program}" for folder in PATH.split(":")]
    return any(os.path.lexists(f"{system}{place}") for place in places)


def _started(order: Order, cell: Cell, stdin: int | None) -> Program:
    memory = cell.profile.memory
    with contextlib.ExitStack() as undo:
        if order.status is not None:
            undo.callback(os.close, order.status)
        group = memory_group.make(memory)
        if group:
            undo.callback(group.remove)
        try:
            process = undo.enter_context(_STARTER.submit(_launch, order, stdin, group).result())
        finally:
            for descriptor in order.descriptors:
                os.close(descriptor)
        undo.callback(process.kill)
        uid = None if cell.identity.is_ours else cell.identity.uid
        folders = tuple(cell.room.write.values())
        watch = guard(process.pid, uid=uid, memory=memory, folders=folders, group=group)
        undo.pop_all()
    program = Program(process, cell, watch, status=order.status)
    RUNNING.add(program)
    return program


def _launch(order: Order, stdin: int | None, group: MemoryGroup | None) -> subprocess.Popen[bytes]:
    with group.bearing() if group else contextlib.nullcontext():
        return subprocess.Popen(
            list(order.argv),
            cwd=order.start or "/",
            env=dict(order.environment),
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=order.descriptors,
        )


def kill_strays() -> int:
    """Kill what runs as a user of engines that no worker of this machine uses now; return how many."""
    killed = 0
    for uid in {uid for pid, uid in users().items() if runs(pid)}:
        # Only what runs is locked: who starts a program meanwhile must find a user.
        if identity := identities.unused(uid):
            killed += sum(each == uid for each in users().values())
            Landlock().sweep(identity)
            identity.release()
    return killed


def kill_all() -> int:
    """Kill everything this process started that still runs, warm children too; return how many."""
    for program in (running := list(RUNNING)):
        program.kill()
    return len(running)


def run(
    argv: Sequence[str],
    *,
    cell: Cell,
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
    :raises MemoryExceeded: when it took more memory than its profile gives.
    :raises TooMuchOutput: when it wrote more than a task may.
    :raises Stopped: when told to stop.
    :raises TaskError: when the program is not installed, or cannot be locked in.

    What the program said before it was killed is a note of the error.
    """
    begun = time.monotonic()
    program = start(
        argv,
        cell=cell,
        environment=environment,
        stdin=subprocess.PIPE if stdin else None,
        seconds=max(1.0, deadline - begun),
    )
    pump = _Pump(program, on_line)
    try:
        _tell(program, stdin)
        pump.until_end(deadline, stopped)
    except TaskError as error:
        error.add_note(pump.words())
        raise
    finally:
        # It is reaped here, after its group was killed, while its number is still its own.
        program.kill()
    if failure := program.guard.reason or (None if program.was_locked_in else Unconfined()):
        failure.add_note(pump.words())
        raise failure
    return Outcome(program.returncode, pump.captured(), pump.words(), time.monotonic() - begun)


def ask(argv: Sequence[str], *, deadline: float, like: object = None, system: Path | None = None) -> str:
    """Run a program that is given nothing, and return what it says of itself.

    :param like: the runner whose programs it is like. Where those are shown code of ours, so is it, and
        ``{code}`` in its arguments stands for the folder.
    :param system: the folder of another system, whose program it is.
    :raises TaskError: as ``run`` does.
    """
    room = replace(getattr(like, "bare_room", Room()), system=system)
    with Cell(room, getattr(like, "profile", USUAL)) as cell:
        code = cell.named(CODE) if CODE in cell.room.read else ""
        argv = [part.replace("{code}", code) for part in argv]
        return run(
            argv, cell=cell, deadline=deadline, environment={"PYTHONPATH": code} if code else None
        ).words


def _tell(program: Program, text: bytes) -> None:
    if program.stdin:
        with contextlib.suppress(BrokenPipeError), program.stdin as pipe:
            pipe.write(text)


class _Pump:
    """Drains both outputs, keeps their ends and hands lines on; a flood costs no memory."""

    def __init__(self, program: Program, on_line: Callable[[str], None] | None) -> None:
        self._pid = program.process.pid
        self._on_line = on_line
        self._out, self._err = program.stdout.fileno(), program.stderr.fileno()
        self._first = bytearray()
        self._tail = bytearray()
        self._rest = {self._out: b"", self._err: b""}

    def until_end(self, deadline: float, stopped: Callable[[], str | None]) -> None:
        """Read until the program has ended, killing nothing itself."""
        end = os.pidfd_open(self._pid)
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
