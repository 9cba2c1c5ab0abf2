"""The rows of the table that are about customers' storage: each provider beside its SDK alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .measure import Row
from .moving import move
from .rows import Bench
from .storages import STORAGES

LARGE_BYTES = 1024**3
SMALL_FILES = 200
SMALL_BYTES = 10_000
MOST_TURNS = 3
"""A gigabyte each time, four times a turn."""
MEMORY_TARGET = 64 * 1024**2


def _rows(name: str, bench: Bench) -> Iterator[Row]:
    turns = min(bench.count, MOST_TURNS)
    storage = STORAGES[name]
    with tempfile.TemporaryDirectory(dir=bench.folder) as served:
        large = Path(served, "large.bin")
        _fill(large, LARGE_BYTES)
        small = [Path(served, f"small-{number:03}.bin") for number in range(SMALL_FILES)]
        for file in small:
            file.write_bytes(os.urandom(SMALL_BYTES))
        folder = Path(served, "server")
        folder.mkdir()
        folder.chmod(0o711)
        Path(served).chmod(0o711)
        with storage.serve(folder) as location:
            for put in (True, False):
                way = "to" if put else "from"
                yield _pairs(f"1 GB {way} {name}", name, location, [large], turns, put=put, target=1.15)
            for put in (True, False):
                way = "to" if put else "from"
                yield _pairs(
                    f"{SMALL_FILES} x 10 kB {way} {name}", name, location, small, turns, put=put, target=3.0
                )


def _pairs(
    title: str,
    name: str,
    location: Mapping[str, Any],
    files: Sequence[Path],
    turns: int,
    *,
    put: bool,
    target: float,
) -> Row:
    ours, floor, most = [], [], 0
    for turn in range(turns):
        # Whoever comes second finds the server's caches warm.
        took = {
            is_ours: move(name, location, ours=is_ours, put=put, files=files)
            for is_ours in (turn % 2 == 0, turn % 2 == 1)
        }
        ours.append(took[True].seconds)
        floor.append(took[False].seconds)
        most = max(most, took[True].growth)
    mark = "" if most <= MEMORY_TARGET else " TOO MUCH"
    return Row(f"{title} (+{most / 1024**2:.0f} MB{mark})", ours, floor, "SDK alone", target, is_ratio=True)


def _fill(file: Path, size: int) -> None:
    piece = os.urandom(1024**2)
    with file.open("wb") as out:
        for number in range(size // len(piece)):
            out.write(piece[number % 997 :] + piece[: number % 997])


class _Rows:
    """What a provider's rows are called, and how they come about."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.__name__ = f"storage_{name.lower()}"
        self.__doc__ = f"Files to and from {name}, beside its SDK alone."

    def __call__(self, bench: Bench) -> Iterator[Row]:
        return _rows(self._name, bench)


ROWS = tuple(_Rows(name) for name in STORAGES)
