"""Pages as tools count them: names for what is made of each, and how far a run has come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

from jobs.contract import Output, Result, Work

from . import pages

ENDLESS = 10_000_000
"""More pages than any document has."""


def by_page(work: Work, made: Sequence[Output]) -> Result:
    """Return the files, in order, named after the pages chosen: ``in-7.png``, or ``in.png`` when alone."""
    if len(made) == 1:
        return Result(files=(Output(path=made[0].path.rename(work.output)),))
    chosen = pages.chosen(work.options["pages"], ENDLESS)
    numbers = chain.from_iterable(range(first, last + 1) for first, last in chosen)
    # The last first: a number is never smaller than the place it is counted at.
    named: list[Path] = []
    for number, output in reversed(list(zip(numbers, made, strict=False))):
        named.append(output.path.rename(work.output.with_stem(f"{work.output.stem}-{number}")))
    return Result(files=tuple(Output(path=path) for path in reversed(named)))


def told(count: int, word: str = "Page ") -> Callable[[], Callable[[str], float | None]]:
    """Return what makes a reader of a run's lines: percent, from a line at the beginning of each page."""

    def reader() -> Callable[[str], float | None]:
        begun = 0

        def percent(line: str) -> float | None:
            nonlocal begun
            if not line.startswith(word):
                return None
            begun += 1
            return 100 * (begun - 1) / count

        return percent

    return reader
