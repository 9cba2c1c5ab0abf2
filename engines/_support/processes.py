"""What the kernel tells of processes: who started them, whose they are, what they hold and wrote."""

from __future__ import annotations

import contextlib
import functools
import os
import select
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

Nameless = Mapping[tuple[int, int], int]
"""The bytes of files, by device and number."""


def nameless(pids: Iterable[int]) -> Nameless:
    """Return the files that processes hold open though they have no name any more."""
    size = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    found = link.stat()
                    if stat.S_ISREG(found.st_mode) and not found.st_nlink:
                        size[found.st_dev, found.st_ino] = 512 * found.st_blocks
    return size


def wait_for(process: int, seconds: float) -> None:
    """Wait until a process has ended, and bury it if it is ours: an orphan's parent is a container's first.

    :param process: a descriptor of one that nobody else waits for.
    """
    select.select([process], [], [], seconds)
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PIDFD, process, os.WEXITED | os.WNOHANG)


@functools.cache
def in_memory() -> int:
    """Return the device on which files lie that never had a name."""
    descriptor = os.memfd_create("nameless")
    try:
        return os.fstat(descriptor).st_dev
    finally:
        os.close(descriptor)


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


def parents() -> dict[int, int]:
    """Return the parent of every process there is."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                line = (folder / "stat").read_bytes()
                found[int(folder.name)] = int(line.rpartition(b")")[2].split()[1])
    return found


def users() -> dict[int, int]:
    """Return the user of every process there is; its folder is another's when it hides from debuggers."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                line = (folder / "status").read_bytes().partition(b"\nUid:")[2]
                found[int(folder.name)] = int(line.split(maxsplit=1)[0])
    return found


def runs(pid: int) -> bool:
    """Tell whether a process has not ended; one whose parent has yet to ask after it has."""
    try:
        return b"\nState:\tZ" not in Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return False


def memory_of(pid: int) -> int:
    """Return the bytes a process holds that are in no file; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_bytes().splitlines()
    except OSError:
        return 0
    wanted = (b"RssAnon:", b"RssShmem:")
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith(wanted))


def written(pid: int) -> int:
    """Return the bytes a process has written to disk, and those of its that have ended; 0 when it has."""
    try:
        return int(Path(f"/proc/{pid}/io").read_bytes().partition(b"\nwrite_bytes:")[2].split(maxsplit=1)[0])
    except (OSError, IndexError):
        return 0


class Written:
    """What a program has written to disk, however often over the same place and wherever that is now."""

    def __init__(self) -> None:
        self._alive: dict[int, int] = {}
        self._gone = 0
        self._before = 0

    def by(self, pids: Iterable[int]) -> int:
        """Return the bytes so far, given the processes of the program now."""
        now = {pid: written(pid) for pid in pids}
        self._gone += sum(size for pid, size in self._alive.items() if pid not in now)
        self._alive = now
        return self._all() - self._before

    def begin(self) -> None:
        """Count from now on, or rather from the last look."""
        self._before = self._all()

    def _all(self) -> int:
        return self._gone + sum(self._alive.values())
