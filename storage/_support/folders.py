"""What storages with real folders share: walking them, and the names of files that are not whole yet."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from jobs.contract.errors import TooMuchOutput
from jobs.contract.paths import MAX_DEPTH

from .place import Advance, Item, Trail

MAX_ENTRIES = 100_000
RESUMES = 3
"""How often a transfer goes on where its line broke."""
SKEW_SECONDS = 2
"""How far a server's clock may be from ours, for a file that was written just now."""


@dataclass(frozen=True)
class Entry:
    """A file or a folder in a listing."""

    name: str
    is_folder: bool = False
    size: int | None = None
    version: str = ""


def walk(path: str, listed: Callable[[str], Iterable[Entry | None]]) -> Iterator[Item]:
    """Yield the files below a folder, in the order of their names: first its own, then those of its folders.

    Names that are none (with a slash, or that lead up) are passed over.

    :param listed: lists one folder; None stands for what is neither file nor folder.
    :raises TooMuchOutput: when it has no end.
    """
    top = path.rstrip("/") or path[:1]
    left, room = [(top, 0)], MAX_ENTRIES
    while left:
        folder, depth = left.pop()
        found = list(islice(listed(folder), room + 1))
        room -= len(found)
        if room < 0 or depth > MAX_DEPTH:
            raise TooMuchOutput("There are too many files and folders below the path.")
        named = [entry for entry in found if entry and _is_name(entry.name)]
        named.sort(key=lambda entry: entry.name)
        for entry in named:
            if not entry.is_folder:
                yield Item(within(folder, entry.name), entry.size, entry.version)
        inner = [within(folder, entry.name) for entry in named if entry.is_folder]
        left += [(each, depth + 1) for each in reversed(inner)]


def within(folder: str, name: str) -> str:
    """Return the path of a name in a folder."""
    return f"{folder}{'' if folder.endswith('/') or not folder else '/'}{name}"


def above(path: str) -> str:
    """Return the folder that a path is in; empty where that is where one logs in to."""
    folder, slash, _ = path.rpartition("/")
    return folder or slash


def let_age(modified: float, advance: Advance) -> None:
    """Wait until a file that is written to again must show another second as its time.

    :param modified: when it was written to, in whole seconds since 1970.
    """
    while -SKEW_SECONDS <= time.time() - modified < 1:
        advance(0)
        time.sleep(0.1)


class Unfinished:
    """The one file that a place writes at a time, under a name of its own until it is whole."""

    def __init__(self, trail: Trail) -> None:
        self._trail = trail
        self._name = f".athanor-{secrets.token_hex(8)}.part"
        self._told: set[str] = set()

    def beside(self, path: str) -> str:
        """Return the name to write to what is to become a path; it is remembered before it is returned."""
        wanted = within(above(path), self._name)
        if wanted not in self._told:
            self._trail.begun(wanted)
            self._told.add(wanted)
        return wanted


def _is_name(text: str) -> bool:
    return bool(text) and text not in {".", ".."} and "/" not in text and "\0" not in text


def going_on(
    step: Callable[[], None],
    moved: Callable[[], int],
    *,
    broken: type[Exception],
    hang_up: Callable[[], None],
) -> None:
    """Do something, and go on with it on a new connection as long as each brings it further.

    :param broken: what a step raises when its connection broke.
    """
    for resumed in range(RESUMES + 1):
        before = moved()
        try:
            return step()
        except broken:
            hang_up()
            if resumed == RESUMES or moved() <= before:
                raise
    raise AssertionError("the last try returns or raises")
