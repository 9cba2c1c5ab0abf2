"""Whom a program runs as: never root. A service that is root has a pool of users that are nobody else."""

from __future__ import annotations

import functools
import os
import random
import socket
from dataclasses import dataclass
from pathlib import Path

POOL = range(60_800, 61_056)
"""User and group numbers that Debian and systemd leave free, below the 65,536 that containers have."""


class NoIdentity(Exception):
    """Every number of the pool is in use on this machine."""


@dataclass(frozen=True)
class Identity:
    """A user number that one program's processes have to themselves, for as long as ``lock`` is held."""

    uid: int
    gid: int
    lock: socket.socket | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it is the service's own user: one that is not root has no other to give."""
        return self.lock is None

    def release(self) -> None:
        """Let others have it; nothing of it may run any more."""
        if self.lock:
            self.lock.close()


@functools.cache
def has_pool() -> bool:
    """Tell whether this process can become the users of the pool: root can, where they exist."""
    return os.geteuid() == 0 and all(
        maps_pool(Path(f"/proc/self/{name}").read_text()) for name in ("uid_map", "gid_map")
    )


def maps_pool(table: str) -> bool:
    """Tell whether a user namespace has every number of the pool, given its ``uid_map`` or ``gid_map``."""
    rows = [[int(word) for word in line.split()] for line in table.splitlines()]
    return any(first <= POOL[0] and POOL[-1] < first + count for first, _, count in rows)


def take() -> Identity:
    """Return an identity nobody else on this machine uses; the service's own when it has no other to give.

    :raises NoIdentity: when none is free.
    """
    if not has_pool():
        return Identity(os.geteuid(), os.getegid())
    for uid in random.sample(POOL, len(POOL)):
        if lock := _locked(uid):
            return Identity(uid, uid, lock)
    raise NoIdentity(f"All {len(POOL)} users for engines are in use.")


def free() -> list[Identity]:
    """Return those that nobody uses just now, locked: whatever still runs as one of them is a stray."""
    if not has_pool():
        return []
    return [Identity(uid, uid, lock) for uid in POOL if (lock := _locked(uid))]


def _locked(uid: int) -> socket.socket | None:
    # A name outside the file system: it goes with the process that holds it, however that ends.
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        lock.bind(f"\0athanor-engine-{uid}")
    except OSError:
        lock.close()
        return None
    return lock
