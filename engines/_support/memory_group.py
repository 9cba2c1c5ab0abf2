"""A memory limit the kernel keeps: a control group for a program, where this process may make some."""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NUMBERS = itertools.count(1)
_OURS = re.compile(r"athanor-(\d+)-\d+")
DELEGATED = ("user.delegate", "trusted.delegate")
"""How systemd marks a group that its service may divide."""


@dataclass(frozen=True)
class Kind:
    """What the two versions of control groups call the same things."""

    limit: str
    swap: str
    events: str
    killed: str
    """Finds the number of kills for want of memory in ``events``."""


OLD = Kind("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.oom_control", r"oom_kill (\d+)")
NEW = Kind("memory.max", "memory.swap.max", "memory.events", r"oom_kill (\d+)")


@dataclass(frozen=True)
class MemoryGroup:
    """A group of processes that share a limit; the kernel kills one of them when it is passed."""

    folder: Path
    kind: Kind
    limit: int

    @contextlib.contextmanager
    def bearing(self) -> Iterator[None]:
        """Let what the calling thread starts in the block be born in the group, where threads can move alone.

        Moving a process afterwards makes the kernel wait for milliseconds.
        """
        own = self.folder / "tasks"
        if not own.exists():
            yield
            return
        own.write_text("0")
        try:
            yield
        finally:
            (self.folder.parent / "tasks").write_text("0")

    def add(self, pid: int) -> None:
        """Have a process and all it has started in the group; what they start later is born there."""
        if pid in self._held():
            return
        moved: set[int] = set()
        todo = {pid}
        while todo:
            for each in todo:
                with contextlib.suppress(ProcessLookupError):
                    (self.folder / "cgroup.procs").write_text(f"{each}")
            moved |= todo
            todo = {child for each in moved for child in children(each)} - moved

    def _held(self) -> set[int]:
        return {int(word) for word in (self.folder / "cgroup.procs").read_text().split()}

    @property
    def overrun(self) -> bool:
        """Whether the kernel had to kill one of them."""
        try:
            found = re.search(self.kind.killed, (self.folder / self.kind.events).read_text())
        except OSError:
            return False
        return bool(found and int(found[1]))

    def remove(self) -> None:
        """Forget the group; its processes must have ended."""
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def release(self) -> None:
        """Keep the group for the next program with the same limit, if it is as good as new."""
        try:
            is_new = not self.overrun and not self._held()
        except OSError:
            is_new = False
        if is_new:
            _KEPT[self.limit].append(self)
        else:
            self.remove()


_KEPT: defaultdict[int, list[MemoryGroup]] = defaultdict(list)
"""Groups that wait for their next program, by their limit: making and removing them takes the kernel time."""


@atexit.register
def remove_kept() -> None:
    """Remove the groups that wait; called at the end of the process."""
    for groups in _KEPT.values():
        while groups:
            groups.pop().remove()


def make(limit: int) -> MemoryGroup | None:
    """Return an empty group with a limit in bytes; None where we may make none."""
    with contextlib.suppress(IndexError):
        return _KEPT[limit].pop()
    found = _home()
    if not found:
        return None
    parent, kind = found
    group = MemoryGroup(parent / f"athanor-{os.getpid()}-{next(_NUMBERS)}", kind, limit)
    try:
        group.folder.mkdir()
        (group.folder / kind.limit).write_text(f"{limit}")
    except OSError:
        group.remove()
        return None
    with contextlib.suppress(OSError):
        # Swap counts on top in the one version and apart in the other, or not at all.
        (group.folder / kind.swap).write_text(f"{limit if kind is OLD else 0}")
    return group


def children(pid: int) -> set[int]:
    """Return the processes that a process started and that have not ended."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found |= {int(word) for word in (thread / "children").read_text().split()}
    return found


@functools.cache
def _home() -> tuple[Path, Kind] | None:
    """Return the group below which we may make groups."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory" and (mount := _mounted("cgroup", "memory")):
            return _usable(mount / path.lstrip("/"), OLD)
        if not controllers and (mount := _mounted("cgroup2", "")):
            folder = mount / path.lstrip("/")
            if _is_delegated(folder) and _divide(folder):
                return _usable(folder, NEW)
    return None


def _usable(folder: Path, kind: Kind) -> tuple[Path, Kind] | None:
    _remove_left_over(folder)
    probe = folder / f"athanor-{os.getpid()}-0"
    try:
        probe.mkdir()
        (probe / kind.limit).write_text(f"{1 << 30}")
    except OSError:
        return None
    finally:
        with contextlib.suppress(OSError):
            probe.rmdir()
    return folder, kind


def _remove_left_over(folder: Path) -> None:
    # Of workers that were killed; one whose processes live is not empty, and stays.
    with contextlib.suppress(OSError):
        for each in folder.iterdir():
            owner = _OURS.fullmatch(each.name)
            if owner and not Path("/proc", owner[1]).exists():
                with contextlib.suppress(OSError):
                    each.rmdir()


def _mounted(kind: str, option: str) -> Path | None:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, its, options, *_ = line.split()
        if its == kind and (not option or option in options.split(",")):
            return Path(where)
    return None


def _is_delegated(folder: Path) -> bool:
    for name in DELEGATED:
        with contextlib.suppress(OSError):
            return os.getxattr(folder, name) == b"1"
    # A container's own: the top of what it sees, though not the top of all, which has no type.
    return (folder / "cgroup.type").exists() and folder == _mounted("cgroup2", "")


def _divide(folder: Path) -> bool:
    """Make a group's memory controller available below it, for which it must hold no process itself."""
    try:
        if "memory" not in (folder / "cgroup.controllers").read_text().split():
            return False
        if "memory" in (folder / "cgroup.subtree_control").read_text().split():
            return True
        service = folder / "athanor-service"
        service.mkdir(exist_ok=True)
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                (service / "cgroup.procs").write_text(pid)
        (folder / "cgroup.subtree_control").write_text("+memory")
    except OSError:
        return False
    return True
