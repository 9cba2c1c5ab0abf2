"""How a program is locked in: bubblewrap's namespaces, or Landlock with a user of its own, or not at all."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from . import fonts, inner_etc, syscalls
from . import landlock_shim as shim
from .bubblewrap import MERGED, PATH, SYSTEM, arguments, bounds, limited
from .identities import Identity
from .processes import users, wait_for
from .room import Profile, Room

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
FACTS = ("cpuinfo", "filesystems", "meminfo", "stat", "version")
"""What of /proc is about the machine; engines ask it how many processors there are."""
EVERYTHING = 0xFFFF
GONE_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Order:
    """How to start a program that is locked in."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    """Of the program that locks in; what the engine itself gets is not in it."""
    start: Path | None = None
    descriptors: tuple[int, ...] = ()
    """To be handed on, and closed here."""
    status: int | None = None
    """Where what is inside is told from, to be read here."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A program somebody wants to run."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    room: Room
    profile: Profile
    identity: Identity
    seconds: float | None


class Tier(Protocol):
    """A way to lock programs in."""

    name: str
    maps: bool
    """Whether folders have other paths inside; else they keep their own."""

    def admits(self, profile: Profile) -> bool:
        """Tell whether it has what a program of this kind needs."""

    def order(self, wish: Wish) -> Order:
        """Return how to start the program; descriptors in it are the caller's to close.

        :raises ValueError: when the program needs what it does not have.
        """

    def sweep(self, identity: Identity) -> None:
        """Kill whatever of an identity's processes an order to kill the first of them has not reached."""


class Bubblewrap:
    """Own namespaces: what is not shown does not exist. Everything inside ends with its first process."""

    name = "bubblewrap"
    maps = True

    def admits(self, _profile: Profile) -> bool:
        """Tell that it has namespaces for all."""
        return True

    def order(self, wish: Wish) -> Order:
        """Return a command line that shows nothing of the room: the options come through a descriptor."""
        profile = wish.profile
        program = syscalls.program(
            namespaces=profile.namespaces, sockets=profile.sockets, network=profile.network
        )
        rules = _handed(program)
        status, told = os.pipe()
        options = arguments(wish.room, profile, wish.environment)
        options += ["--seccomp", f"{rules}", "--json-status-fd", f"{told}"]
        given = _handed(b"\0".join(os.fsencode(option) for option in options) + b"\0")
        found = bounds(profile, seconds=wish.seconds, own=wish.identity.is_ours)
        # The bounds are set from inside: not every root may set them on the processes of others.
        argv = [_bwrap(), "--args", f"{given}", "--", *limited(wish.argv, found)]
        # Its first process keeps its environment, and /proc/1/environ shows it: it gets none.
        return Order(
            argv=[*_dropped(wish.identity), *argv],
            environment={},
            descriptors=(given, rules, told),
            status=status,
        )

    def sweep(self, identity: Identity) -> None:
        """Do nothing: the kernel has killed all of the namespace."""


class Landlock:
    """A user of its own, whom the kernel lets reach only the room, with the same system calls denied.

    There is no network at all, so it is nothing for Chromium, which also could not lock in its own pages.
    """

    name = "landlock"
    maps = False

    def admits(self, profile: Profile) -> bool:
        """Tell whether a program does without a network and namespaces of its own."""
        return not (profile.network or profile.namespaces)

    def order(self, wish: Wish) -> Order:
        """Return a command line that reads the rules from a descriptor, and then becomes the program.

        :raises ValueError: when the program needs what only namespaces give.
        """
        if not self.admits(wish.profile) or wish.identity.is_ours:
            raise ValueError("This engine needs namespaces of its own, which this worker cannot give it.")
        identity = wish.identity
        found = bounds(wish.profile, seconds=wish.seconds, own=False)
        orders = {
            "argv": [shutil.which(wish.argv[0], path=PATH) or wish.argv[0], *wish.argv[1:]],
            "environment": dict(wish.environment),
            "start": f"{wish.room.outside(Path(wish.room.start))}",
            "parent": os.getpid(),
            "uid": identity.uid,
            "gid": identity.gid,
            "bounds": found,
            "rules": rules(wish.room, sockets=wish.profile.sockets, devices=wish.profile.found_devices()),
            "filter": syscalls.program(namespaces=False, sockets=wish.profile.sockets, network=False).hex(),
        }
        given = _handed(json.dumps(orders).encode())
        argv = ["/usr/bin/python3", "-I", "-S", shim.__file__, f"{given}"]
        return Order(argv=argv, environment={}, descriptors=(given,))

    def sweep(self, identity: Identity) -> None:
        """Kill every process of the identity at once, as that identity itself, so that none slips away.

        Return when they are gone. The program itself has ended, and been waited for.
        """
        with contextlib.suppress(OSError):
            subprocess.run(
                [*_dropped(identity), "/usr/bin/kill", "-KILL", "--", "-1"],
                check=False,
                env={},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        for pid, uid in users().items():
            if uid == identity.uid:
                with contextlib.suppress(OSError):
                    _wait_for(pid)
        for left in Path("/tmp").iterdir():  # noqa: S108 - sockets, which LibreOffice must make there
            with contextlib.suppress(OSError):
                if left.lstat().st_uid == identity.uid:
                    left.unlink()


class Unlocked:
    """No confinement: what the operator's plainly named switch asks for."""

    name = "none"
    maps = False

    def admits(self, profile: Profile) -> bool:
        """Tell that nothing is kept from anybody, but that the browser does not lock in its pages as root."""
        return not (profile.namespaces and os.geteuid() == 0)

    def order(self, wish: Wish) -> Order:
        """Return the program's own command line; it dies with this process."""
        found = bounds(wish.profile, seconds=wish.seconds, own=True)
        found.pop("nproc", None)
        argv = ["/usr/bin/setpriv", "--pdeathsig", "SIGKILL", "--", *limited(wish.argv, found)]
        return Order(argv=argv, environment=wish.environment, start=wish.room.outside(Path(wish.room.start)))

    def sweep(self, identity: Identity) -> None:
        """Do nothing: nothing tells the program's daemons from others."""


def rules(room: Room, *, sockets: bool, devices: Sequence[str] = ()) -> list[tuple[str, int]]:
    """Return which paths a program may reach under Landlock, and how.

    :param sockets: whether it may make sockets.
    :param devices: what it may steer, beyond reading and writing.
    """
    found = [(path, shim.READ) for path in (*SYSTEM, *MERGED)]
    found += [(f"/etc/{name}", shim.READ) for name in inner_etc.NAMES]
    found += [
        (f"{folder}", shim.READ) for folder in (inner_etc.folder(None) / "fonts", fonts.folder()) if folder
    ]
    found += [(f"/proc/{name}", shim.READ) for name in FACTS]
    found += [(path, shim.READ | shim.WRITE_FILE) for path in DEVICES]
    found += [(path, shim.READ | shim.WRITE_FILE | shim.IOCTL_DEVICE) for path in devices]
    found += [(f"{folder}", shim.READ) for folder in room.read.values()]
    found += [(f"{folder}", EVERYTHING) for folder in room.write.values()]
    if sockets:
        # LibreOffice's pipe has its name there; nothing in it can be read, listed or written.
        found.append(("/tmp", shim.MAKE_SOCK | shim.REMOVE_FILE))  # noqa: S108
    return found


@functools.cache
def _bwrap() -> str:
    return shutil.which("bwrap", path=PATH) or "/usr/bin/bwrap"


def _wait_for(pid: int) -> None:
    end = os.pidfd_open(pid)
    try:
        wait_for(end, GONE_SECONDS)
    finally:
        os.close(end)


def _dropped(identity: Identity) -> list[str]:
    if identity.is_ours:
        return []
    user = [f"--reuid={identity.uid}", f"--regid={identity.gid}", "--clear-groups"]
    return ["/usr/bin/setpriv", *user, "--"]


def _handed(data: bytes) -> int:
    """Return a descriptor from which the data can be read, however long it is."""
    descriptor = os.memfd_create("order")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
