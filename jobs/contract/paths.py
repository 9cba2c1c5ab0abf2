"""Paths of customers' files in archives and folders: cleaned part by part, and each given once."""

from __future__ import annotations

import re
from collections.abc import Sequence

from . import names

MAX_BYTES = 900
"""Of the folders together, in UTF-8: with a file's name behind them every system takes it."""
MAX_DEPTH = 32
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")


def parts(path: str) -> tuple[str, ...]:
    """Return the names a path consists of, each cleaned: no root, no drive, nothing that leads up.

    Of folders that are too deep or too long together, the innermost are left out.
    """
    pieces = path[-64 * 1024 :].replace("\\", "/").split("/")
    *above, last = [name for piece in pieces if (name := _cleaned(piece))] or [""]
    kept: list[str] = []
    room = MAX_BYTES
    for name in above[:MAX_DEPTH]:
        room -= len(name.encode()) + 1
        if room < 0:
            break
        kept.append(name)
    return (*kept, last) if last else ()


def unique(called: Sequence[str], folders: Sequence[str] = ()) -> list[str]:
    """Return a path for each name, in its folder where there are folders; all of them different."""
    paths = Paths()
    pairs = zip(folders or [""] * len(called), called, strict=True)
    return [paths.file(f"{folder}/{names.clean(name)}") for folder, name in pairs]


class Paths:
    """Gives the files and folders of one tree their paths, numbered where two would be one file somewhere.

    Names that differ only in case, or in how an accent is written, are one file on many machines; folders
    that do are made one.
    """

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}
        """Each path given, to the number its next namesake gets."""

    def file(self, path: str) -> str:
        """Return a new file's path."""
        *above, name = parts(path) or ("file",)
        return self._new(self._folder(above), name)

    def folder(self, path: str) -> str:
        """Return a folder's path; empty for the tree's own."""
        return self._folder(parts(path))

    def _folder(self, above: tuple[str, ...] | list[str]) -> str:
        here = ""
        for name in above:
            key = names.folded(_joined(here, name))
            if key not in self._folders:
                self._folders[key] = self._new(here, name)
            here = self._folders[key]
        return here

    def _new(self, folder: str, name: str) -> str:
        wanted = candidate = _joined(folder, name)
        key = names.folded(wanted)
        number = self._next.setdefault(key, 1)
        while names.folded(candidate) in self._taken:
            number += 1
            candidate = _joined(folder, names.numbered(name, number))
        self._next[key] = number
        self._taken.add(names.folded(candidate))
        return candidate


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _cleaned(piece: str) -> str:
    name = names.clean(piece, fallback="")
    # No file of this name can be made on Windows.
    return names.clean(f"_{name}") if _RESERVED.fullmatch(name) else name
