"""Cells: a room made ready for programs of one identity, and taken apart after them."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path
from types import TracebackType

from jobs.contract import limits
from jobs.contract.erasing import erase
from jobs.contract.errors import Unconfined

from . import confinement, identities, inner_etc
from .identities import Identity
from .room import WORK, Profile, Room
from .tiers import Tier

USUAL = Profile(memory=limits.MEMORY_BYTES, processes=limits.PROCESSES)
OFFICE = Profile(
    memory=limits.MEMORY_BYTES_LARGE, processes=limits.PROCESSES, address_space=False, sockets=True
)
BROWSER = Profile(
    memory=limits.MEMORY_BYTES_LARGE,
    processes=limits.PROCESSES_LARGE,
    address_space=False,
    namespaces=True,
    sockets=True,
    network=True,
)
GRAPHICS = Profile(
    memory=limits.MEMORY_BYTES_LARGE,
    processes=limits.PROCESSES,
    # The driver reserves addresses for all of the card's memory and the machine's.
    address_space=False,
    devices=("/dev/nvidia[0-9]*", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-caps"),
)
TMP = "/tmp"  # noqa: S108 - inside, the program's own


class Cell:
    """Where programs run that may see the same folders; use it as a context manager.

    While it is open its identity is nobody else's, and the folders to write belong to that.
    """

    def __init__(self, room: Room, profile: Profile = USUAL, *, tier: Tier | None = None) -> None:
        self.room = room
        self.profile = profile
        self.tier = tier or confinement.tier()
        self._identity: Identity | None = None
        self._tmp: Path | None = None
        self._before: list[tuple[Path, int, int, int]] = []
        """Whose the folders were, and in which mode."""

    def open(self) -> Cell:
        """Make it ready.

        :raises Unconfined: when no identity is free, or another system cannot be shown here.
        """
        if self.room.system and not self.tier.maps:
            raise Unconfined
        try:
            self._identity = identities.take()
        except identities.NoIdentity as error:
            raise Unconfined from error
        if not self.tier.maps:
            # There is one /tmp for all, so each gets a folder of its own in its place.
            self._tmp = Path(tempfile.mkdtemp(prefix=f"athanor-tmp-{os.getpid()}-"))
            write = {**self.room.write, TMP: self._tmp}
            self.room = Room(read=self.room.read, write=write, start=self.room.start)
        try:
            self._admit(self._identity)
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Give the identity back; none of its processes may run any more."""
        for folder, owner, group, mode in self._before:
            with contextlib.suppress(FileNotFoundError):
                os.chown(folder, owner, group)
                folder.chmod(mode)
        self._before.clear()
        if self._identity:
            self._identity.release()
        if self._tmp:
            erase(self._tmp)

    def __enter__(self) -> Cell:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def identity(self) -> Identity:
        """Whom programs in it run as."""
        assert self._identity, "not open"
        return self._identity

    def inside(self, path: Path) -> Path:
        """Return what programs in it call a path of ours."""
        return self.room.inside(path) if self.tier.maps else path

    def outside(self, path: Path) -> Path:
        """Return what we call a path of theirs."""
        return self.room.outside(path) if self.tier.maps else path

    def named(self, inside: str) -> str:
        """Return what programs in it call the folder that is at this path in the room."""
        return inside if self.tier.maps else f"{self.room.outside(Path(inside))}"

    @property
    def environment(self) -> dict[str, str]:
        """What every program gets: nothing of ours."""
        home = self.named(WORK if WORK in self.room.write else TMP)
        found = {"PATH": confinement.PATH, "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8"}
        if not self.tier.maps:
            found["FONTCONFIG_PATH"] = f"{inner_etc.folder(None) / 'fonts'}"
        return found

    def _admit(self, identity: Identity) -> None:
        if identity.is_ours:
            return
        for folder in {*self.room.write.values(), *self.room.read.values()}:
            found = folder.stat()
            self._before.append((folder, found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)))
        for folder in self.room.write.values():
            os.chown(folder, identity.uid, identity.gid)
            folder.chmod(0o700)
        for folder in self.room.read.values():
            # What is not for everybody is for this identity; the files in it are for whoever comes that far.
            if folder.stat().st_uid == os.geteuid() and not folder.stat().st_mode & stat.S_IXOTH:
                os.chown(folder, -1, identity.gid)
                folder.chmod(0o750)
