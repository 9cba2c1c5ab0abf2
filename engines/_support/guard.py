"""Watches what running programs take of memory and disk, and kills those that take too much."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jobs.contract import limits
from jobs.contract.errors import MemoryExceeded, TaskError, TooMuchOutput

from .memory_group import MemoryGroup

LOOK_SECONDS = 0.2
DISK_LOOKS = 5
"""So many looks at memory are one look at the disk."""
ENTRIES = 4
"""How many times as many files as a task may make a program may have about, temporary ones included."""


@dataclass(eq=False)
class Guard:
    """The watch over one program."""

    pid: int
    memory: int
    folders: tuple[Path, ...]
    group: MemoryGroup | None
    reason: TaskError | None = field(default=None, init=False)
    """Why the program was killed, when we killed it."""

    def end(self) -> None:
        """Stop watching; the program's processes have ended."""
        _WATCH.drop(self)
        if self.group:
            if self.group.overrun:
                self.reason = self.reason or MemoryExceeded()
            self.group.remove()

    def look(self, held: Mapping[int, int], *, at_disk: bool) -> None:
        """Kill the program if it takes more than it may.

        :param held: the memory of each process, in bytes, of this program's tree; empty when it has a group.
        """
        # The kernel kills one of them, and the others might wait for it.
        if sum(held.values()) > self.memory or (self.group and self.group.overrun):
            self._kill(MemoryExceeded())
        elif at_disk and not is_within(self.folders, hidden=sum(map(hidden, tree(self.pid, parents())))):
            self._kill(TooMuchOutput())

    def _kill(self, reason: TaskError) -> None:
        self.reason = self.reason or reason
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def guard(pid: int, *, memory: int, folders: Iterable[Path], group: MemoryGroup | None) -> Guard:
    """Watch a program: the kernel counts its memory when it has a group, else we do."""
    if group:
        group.add(pid)
    watched = Guard(pid, memory, tuple(folders), group)
    _WATCH.add(watched)
    return watched


def is_within(folders: Iterable[Path], *, hidden: int = 0) -> bool:
    """Tell whether what lies in the folders is no more than a task may make, in bytes and in files.

    :param hidden: bytes that lie in no folder.
    """
    size, entries = hidden, 0
    todo = list(folders)
    while todo:
        with contextlib.suppress(OSError), os.scandir(todo.pop()) as listing:
            for entry in listing:
                entries += 1
                with contextlib.suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    # What a sparse file claims is nobody's room; what is linked from elsewhere is not new.
                    size += 512 * found.st_blocks if found.st_nlink == 1 else 0
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(Path(entry.path))
                if size > limits.OUTPUT_BYTES or entries > ENTRIES * limits.OUTPUT_FILES:
                    return False
    return True


def hidden(pid: int) -> int:
    """Return the bytes of files that a process holds open though they have no name any more."""
    size = 0
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found = link.stat()
                size += 512 * found.st_blocks if stat.S_ISREG(found.st_mode) and not found.st_nlink else 0
    return size


def tree(pid: int, parents: Mapping[int, int]) -> set[int]:
    """Return a process and all below it.

    :param parents: the parent of each process.
    """
    below: dict[int, list[int]] = {}
    for child, parent in parents.items():
        below.setdefault(parent, []).append(child)
    found, todo = set(), [pid]
    while todo:
        each = todo.pop()
        if each not in found:
            found.add(each)
            todo += below.get(each, [])
    return found


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
            counted = [each for each in guards if not each.group]
            known = parents() if counted else {}
            for each in guards:
                held = {} if each.group else {pid: memory_of(pid) for pid in tree(each.pid, known)}
                each.look(held, at_disk=looks % DISK_LOOKS == 0)
            pause.wait(LOOK_SECONDS)


_WATCH = _Watch()


def parents() -> dict[int, int]:
    """Return the parent of every process there is."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                line = (folder / "stat").read_bytes()
                found[int(folder.name)] = int(line.rpartition(b")")[2].split()[1])
    return found


def memory_of(pid: int) -> int:
    """Return the bytes a process holds that are in no file; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_bytes().splitlines()
    except OSError:
        return 0
    wanted = (b"RssAnon:", b"RssShmem:")
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith(wanted))
