"""What a task's files are called."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath


def after(original: str, made: Path) -> str:
    """Return the name of what an engine made of ``in.<ext>``: the original's stem and what follows ``in``.

    ``report.docx`` and ``in-2.png`` give ``report-2.png``. Without an original, the engine's own name counts.
    """
    stem = _stem(original)
    return f"{stem}{made.name.removeprefix('in')}" if stem and made.name.startswith("in") else made.name


def _stem(name: str) -> str:
    path = PurePosixPath(name)
    stem = path.stem
    return stem.removesuffix(".tar")


class Names:
    """Gives a task's output files their final names: the customer's ``filename``, and all different."""

    def __init__(self, filename: str | None) -> None:
        self._filename = filename and filename.replace("/", "_").replace("\\", "_")
        self._count = 0
        self._taken: set[str] = set()

    def final(self, name: str) -> str:
        """Return the next file's name. ``%d`` in the customer's counts from 1, ``%03d`` with zeros."""
        self._count += 1
        wanted = name
        if self._filename:
            counted = re.sub(r"%0?(\d{0,2})d", lambda m: f"{self._count:0{m.group(1) or 0}d}", self._filename)
            wanted = counted
        unique, number = wanted, 1
        while unique in self._taken:
            number += 1
            path = PurePosixPath(wanted)
            unique = f"{path.stem}-{number}{path.suffix}"
        self._taken.add(unique)
        return unique
