"""Files larger than Swift takes in one piece: how they are cut, and where the segments lie."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

from jobs.contract.errors import Stopped, StorageRefused, StorageUnreachable

from .place import Advance
from .side_by_side import in_order

Made = TypeVar("Made")

GIB = 1024**3
SIDE_BY_SIDE = 4
TRIES = 3
OURS = "athanor/"
HIDDEN = ".segments/"
"""How the names of segments begin that lie among the files, where no container can be made for them."""
LONGEST_CONTAINER = 256


@dataclass(frozen=True)
class Bounds:
    """What a Swift takes; these are the usual ones, for those that do not tell."""

    file_bytes: int = 5 * GIB
    segments: int = 1000


def bounds(told: Mapping[str, Any]) -> Bounds:
    """Read what a Swift says of itself.

    :raises ValueError: when it says nothing useful.
    """
    try:
        file_bytes = int(told["swift"]["max_file_size"])
        segments = int(told.get("slo", {}).get("max_manifest_segments", Bounds.segments))
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("no bounds") from error
    return Bounds(max(1, file_bytes), max(1, segments))


def cut(size: int, limits: Bounds) -> list[tuple[int, int]]:
    """Return where each segment of a file begins, and its size.

    :raises StorageRefused: when the file is too large even so.
    """
    each = min(limits.file_bytes, max(GIB, -(-size // limits.segments)))
    if each * limits.segments < size:
        raise StorageRefused("The file is larger than the storage takes.")
    return [(start, min(each, size - start)) for start in range(0, size, each)]


def place(container: str) -> tuple[str, str]:
    """Return the container for the segments of a container's files, and how the names of new ones begin."""
    beside = f"{container}_segments"
    if len(beside.encode()) > LONGEST_CONTAINER:
        return container, hidden()
    return beside, f"{OURS}{uuid4().hex}"


def hidden() -> str:
    """Return how the names of new segments begin that lie among the files."""
    return f"{HIDDEN}{uuid4().hex}"


def of_manifest(text: bytes, container: str) -> list[tuple[str, str]]:
    """Return the container and name of the segments that belong to one large object alone.

    Others, which somebody put into a place of their own, may belong to more than one.
    """
    try:
        paths = [
            f"{entry['name']}".lstrip("/").partition("/") for entry in json.loads(text) if "name" in entry
        ]
    except (ValueError, TypeError):
        return []
    beside = {f"{container}_segments", f"{container}+segments"}
    return [
        (there, name)
        for there, _, name in paths
        if there in beside or (there == container and name.startswith(HIDDEN))
    ]


def side_by_side(
    do: Callable[[int, Advance], Made], count: int, advance: Advance = lambda _size: None
) -> list[Made]:
    """Do something for each number, a few at once; the first failure stops the others and is raised.

    What broke off in the middle is tried again at once.
    """
    failures: list[BaseException] = []
    halted = threading.Event()

    def moved(size: int) -> None:
        if halted.is_set():
            raise Stopped
        advance(size)

    def run(number: int) -> Made:
        try:
            return _persistently(do, number, moved)
        except BaseException as error:
            failures.append(error)
            halted.set()
            raise

    try:
        with closing(in_order(run, count, width=SIDE_BY_SIDE)) as made:
            return list(made)
    except BaseException as error:
        raise (failures or [error])[0] from error


def _persistently(do: Callable[[int, Advance], Made], number: int, advance: Advance) -> Made:
    for tries in range(1, TRIES + 1):
        sizes: list[int] = []

        def count(size: int, sizes: list[int] = sizes) -> None:
            advance(size)
            sizes.append(size)

        try:
            return do(number, count)
        except StorageUnreachable:
            if tries == TRIES or not sum(sizes):
                raise
            advance(-sum(sizes))
    raise AssertionError("the last try returns or raises")


def manifest(names: Sequence[tuple[str, str]], sizes: Sequence[int], etags: Sequence[str]) -> str:
    """Return what makes one object of segments."""
    return json.dumps(
        [
            {"path": f"/{container}/{name}", "etag": etag, "size_bytes": size}
            for (container, name), size, etag in zip(names, sizes, etags, strict=True)
        ]
    )
