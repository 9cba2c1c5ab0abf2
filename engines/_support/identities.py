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
PORTS = 0x41544800
"""Netlink's ports from here on stand for the users; the kernel itself gives out numbers of processes."""


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


def unused(uid: int) -> Identity | None:
    """Return one of the pool, locked, when nobody uses it: whatever still runs as it is a stray."""
    lock = _locked(uid) if uid in POOL and has_pool() else None
    return Identity(uid, uid, lock) if lock else None


def _locked(uid: int) -> socket.socket | None:
    # It goes with the process that holds it, however that ends. A program inside, which may have the network
    # of this machine, can make no such socket; a name for a unix socket it could take from us.
    lock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    try:
        lock.bind((PORTS + uid, 0))
    except OSError:
        lock.close()
        return None
    return lock
