"""What a provider is: how one object of a customer's storage is found, brought and put."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

Location = Mapping[str, Any]
"""The options that say where the storage is and who asks, read; those not given are None."""
Advance = Callable[[int], None]
"""Told of so many bytes more, from any thread; raises when the transfer must not go on: let that through."""


@dataclass(frozen=True)
class Item:
    """An object or a file in a customer's storage."""

    key: str
    """Its whole name there."""
    size: int | None = None
    """Bytes, if the storage tells."""
    version: str = ""
    """Changes whenever its bytes do: an ETag, a generation, a time with a size."""


class Trail(Protocol):
    """Where a place writes down what it leaves half-done while it works."""

    def begun(self, loose_end: str) -> None:
        """Remember durably, before it is begun, what a later attempt must end if this one dies."""


class Place(Protocol):
    """A customer's storage, opened by calling the provider's class with a location and a trail.

    Everything raises ``StorageRefused`` when the storage says no, ``StorageUnreachable`` when it says
    nothing, and ``AddressRefused`` when we do not connect there.
    """

    shared: ClassVar[bool]
    """Whether several threads may use one; else each opens its own."""
    lanes: ClassVar[int]
    """How many objects may move at once."""

    def check(self) -> None:
        """Return if the storage lets us in and the bucket, container or folder is there."""

    def find(self, key: str) -> Item:
        """Return what lies under a key."""

    def items(self, prefix: str) -> Iterator[Item]:
        """Yield everything whose key begins with a prefix, or lies anywhere below a folder."""

    def fetch(self, item: Item, target: Path, advance: Advance) -> None:
        """Write an item's bytes, of the version found, to a file that does not exist yet."""

    def store(self, source: Path, key: str, advance: Advance) -> None:
        """Put a file under a key, in place of what is there; it is seen there only when it is whole."""

    def tidy(self, loose_end: str) -> None:
        """End what an attempt that died had begun; nothing happens when it is gone already."""

    def close(self) -> None:
        """Hang up."""


class Open(Protocol):
    """A provider's class."""

    # Those of its places; mypy matches no ClassVar with a class.
    shared: bool
    lanes: int

    def __call__(self, location: Location, trail: Trail) -> Place:
        """Open the storage that a location names."""
