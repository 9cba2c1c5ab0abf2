"""Watches what running programs take of memory and disk, and kills those that take too much."""

from __future__ import annotations

import contextlib
import errno
import functools
import logging
import os
import signal
import stat
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from jobs.contract import limits
from jobs.contract.errors import MemoryExceeded, TaskError, TooMuchOutput

from .memory_group import MemoryGroup
from .processes import Nameless, Written, in_memory, memory_of, nameless, parents, tree, users

LOOK_SECONDS = 0.2
DISK_LOOKS = 5
"""So many looks at memory are one look at the disk."""
ENTRIES = 4
"""How many times as many files as a task may make a program may have about, temporary ones included."""

REWRITTEN = 4
"""How many times as much as a task may make a program may write in all."""

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Guard:
    """The watch over one program."""

    pid: int
    uid: int | None
    """The user that nobody but the program is; None when it is the service's own."""
    memory: int
    folders: tuple[Path, ...]
    group: MemoryGroup | None
    reason: TaskError | None = field(default=None, init=False)
    """Why the program was killed, when we killed it."""
    _written: Written = field(default_factory=Written, init=False)
    _end: int | None = field(default=None, init=False)
    """A descriptor of the program, whose number may be another's once it has ended."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._end = os.pidfd_open(self.pid)

    def end(self) -> None:
        """Stop watching; the program's processes have ended."""
        _WATCH.drop(self)
        with self._lock:
            if self._end is not None:
                os.close(self._end)
            self._end = None
        if self.group:
            if self.group.overrun:
                self.reason = self.reason or MemoryExceeded()
            self.group.release()

    def begin(self) -> None:
        """Count what it writes from now on: it does another piece of work."""
        self._written.begin()

    def look(self, processes: Processes, *, at_disk: bool) -> None:
        """Kill the program if it takes more than it may."""
        pids = processes.of(self) if at_disk or not self.group else set()
        files = nameless(pids) if at_disk else {}
        if self._takes_too_much(pids, files):
            self._kill(MemoryExceeded())
        elif at_disk and self._makes_too_much(pids, files):
            self._kill(TooMuchOutput())

    def _takes_too_much(self, pids: set[int], files: Nameless) -> bool:
        if self.group:
            # The kernel kills one of them, and the others might wait for it.
            return self.group.overrun
        held = sum(size for (device, _), size in files.items() if device == in_memory())
        return sum(map(memory_of, pids)) + held > self.memory

    def _makes_too_much(self, pids: set[int], files: Nameless) -> bool:
        if self._written.by(pids) > REWRITTEN * limits.OUTPUT_BYTES:
            return True
        hidden = sum(size for (device, _), size in files.items() if device != in_memory())
        return not is_within(self.folders, hidden=hidden)

    def _kill(self, reason: TaskError) -> None:
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self._end is not None:
                self.reason = self.reason or reason
                signal.pidfd_send_signal(self._end, signal.SIGKILL)


def guard(
    pid: int, *, uid: int | None, memory: int, folders: Iterable[Path], group: MemoryGroup | None
) -> Guard:
    """Watch a program: the kernel counts its memory when it has a group, else we do.

    :param uid: the user that nobody but the program is.
    """
    if group:
        group.add(pid)
    watched = Guard(pid, uid, memory, tuple(folders), group)
    _WATCH.add(watched)
    return watched


def is_within(folders: Iterable[Path], *, hidden: int = 0) -> bool:
    """Tell whether what lies in the folders is no more than a task may make, in bytes and in files.

    What cannot be looked into, for it is closed to us or too deep for a name, is too much.

    :param hidden: bytes that lie in no folder.
    """
    size, entries = hidden, 0
    todo = list(folders)
    linked: set[tuple[int, int]] = set()
    while todo:
        try:
            with os.scandir(todo.pop()) as listing:
                for entry in listing:
                    entries += 1
                    size += _new(entry, linked)
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(Path(entry.path))
                    if size > limits.OUTPUT_BYTES or entries > ENTRIES * limits.OUTPUT_FILES:
                        return False
        except OSError as error:
            if error.errno in {errno.EACCES, errno.ENAMETOOLONG}:
                return False
    return True


def _new(entry: os.DirEntry[str], linked: set[tuple[int, int]]) -> int:
    """Return the room a file takes that was not counted under another name."""
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return 0
    if found.st_nlink > 1 and stat.S_ISREG(found.st_mode):
        if (found.st_dev, found.st_ino) in linked:
            return 0
        linked.add((found.st_dev, found.st_ino))
    # What a sparse file claims is nobody's room.
    return 512 * found.st_blocks


class Processes:
    """The processes of this machine at one moment, looked up when they are asked for."""

    @functools.cached_property
    def _parents(self) -> dict[int, int]:
        return parents()

    @functools.cached_property
    def _users(self) -> dict[int, int]:
        return users()

    def of(self, guard: Guard) -> set[int]:
        """Return those of a program: all that are its user, for a daemon descends from it no more."""
        if guard.uid is None:
            return tree(guard.pid, self._parents)
        return {pid for pid, uid in self._users.items() if uid == guard.uid}


class _Watch:
    """One thread for all guards of this process; it sleeps while there are none."""

    def __init__(self) -> None:
        self._guards: set[Guard] = set()
        self._some = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, guard: Guard) -> None:
        with self._lock:
            self._guards.add(guard)
            self._some.set()
            if not (self._thread and self._thread.is_alive()):
                self._thread = threading.Thread(target=self._run, name="guard", daemon=True)
                self._thread.start()

    def drop(self, guard: Guard) -> None:
        with self._lock:
            self._guards.discard(guard)
            if not self._guards:
                self._some.clear()

    def _run(self) -> None:
        looks = 0
        pause = threading.Event()
        while True:
            self._some.wait()
            with self._lock:
                guards = list(self._guards)
            looks += 1
            processes = Processes()
            for each in guards:
                try:
                    each.look(processes, at_disk=looks % DISK_LOOKS == 0)
                except Exception:
                    # One that cannot be looked at must not leave the others unwatched.
                    log.exception("A program of process %d could not be looked at.", each.pid)
            pause.wait(LOOK_SECONDS)


_WATCH = _Watch()
