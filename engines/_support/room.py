"""What a confined program may see and use: its folders, and its share of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

OUTPUT = "/output"
INPUT = "/input"
WORK = "/work"
CODE = "/code"
EGRESS = "/egress"


@dataclass(frozen=True, kw_only=True)
class Room:
    """The folders a program sees. Keys are the paths inside, values the folders they are outside.

    Nothing else of ours, and of no other task, exists for it.
    """

    read: Mapping[str, Path] = field(default_factory=dict)
    write: Mapping[str, Path] = field(default_factory=dict)
    start: str = "/tmp"  # noqa: S108 - the program's own, which nobody else sees
    """Where it starts, inside."""
    system: Path | None = None
    """A folder that holds another system, to be seen instead of this machine's."""

    def inside(self, path: Path) -> Path:
        """Return where a path of ours lies inside; a path in none of the folders stays as it is."""
        for name, folder in self._folders():
            if path.is_relative_to(folder):
                return Path(name, path.relative_to(folder))
        return path

    def outside(self, path: Path) -> Path:
        """Return where a path inside lies outside."""
        for name, folder in self._folders():
            if PurePosixPath(path).is_relative_to(name):
                return folder / PurePosixPath(path).relative_to(name)
        return path

    def _folders(self) -> list[tuple[str, Path]]:
        # A folder to write may lie in one to read.
        return sorted([*self.write.items(), *self.read.items()], key=lambda item: -len(item[1].parts))


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How much of the machine a program may have, and what its kind needs beyond the usual."""

    memory: int
    """Bytes, of all its processes together."""
    processes: int
    address_space: bool = True
    """Whether a cap on addresses makes sense: browsers and offices reserve far more than they use."""
    namespaces: bool = False
    """Whether it may make namespaces of its own, as Chromium's sandbox does."""
    sockets: bool = False
    """Whether its processes talk to each other through sockets that have names."""
    network: bool = False
    """Whether it may make network sockets; they lead nowhere but to itself."""
    devices: tuple[str, ...] = ()
    """Patterns of the devices it needs, beyond those that are nobody's; what is not there is left out."""

    def found_devices(self) -> list[str]:
        """Return the paths of those of its devices that this machine has."""
        return sorted(f"{path}" for pattern in self.devices for path in Path("/").glob(pattern[1:]))
