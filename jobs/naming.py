"""What a task's files are called."""

from __future__ import annotations

import re
from pathlib import Path

from .contract import names


def after(original: str, made: Path) -> str:
    """Return the name of what an engine made of ``in.<ext>``: the original's stem and what follows ``in``.

    ``report.docx`` and ``in-2.png`` give ``report-2.png``. Without an original, the engine's own name counts.
    """
    stem = original.removesuffix(names.suffix_of(original))
    return f"{stem}{made.name.removeprefix('in')}" if stem and made.name.startswith("in") else made.name


class Names:
    """Gives a task's output files their final names: the customer's ``filename``; cleaned, all different."""

    def __init__(self, filename: str | None) -> None:
        self._filename = filename
        self._count = 0
        self._next: dict[str, int] = {}
        """Each name given, to the number its next namesake gets."""

    def final(self, name: str, folder: str = "") -> str:
        """Return the next file's name, new in its folder.

        ``%d`` in the customer's counts from 1, ``%03d`` with zeros.
        """
        self._count += 1
        wanted = name
        if self._filename:
            wanted = re.sub(r"%0?(\d{0,2})d", lambda m: f"{self._count:0{m.group(1) or 0}d}", self._filename)
        wanted = candidate = names.clean(wanted)

        def place(called: str) -> str:
            return names.folded(f"{folder}/{called}")

        number = self._next.setdefault(place(wanted), 1)
        while number > 1 and place(candidate := names.numbered(wanted, number)) in self._next:
            number += 1
        self._next[place(wanted)] = number + 1
        self._next.setdefault(place(candidate), 2)
        return candidate
