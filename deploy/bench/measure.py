"""Timing pairs, and the table they end up in."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table; times in seconds."""

    name: str
    ours: list[float]
    floor: list[float]
    floor_name: str
    target: float
    """The most the figure may be: a ratio to the floor, or seconds."""
    is_ratio: bool
    is_added: bool = False
    """Whether the figure is what we add to the floor, in seconds."""

    @property
    def figure(self) -> float:
        """What the target is about: the median of the pairs' ratios or differences, or the median time."""
        if self.is_added:
            return statistics.median(a - b for a, b in zip(self.ours, self.floor, strict=True))
        if not self.is_ratio:
            return statistics.median(self.ours)
        return statistics.median(a / b for a, b in zip(self.ours, self.floor, strict=True))

    def cells(self) -> list[str]:
        """Return the line's texts."""
        met = "met" if self.figure <= self.target else "MISSED"
        figure = f"{self.figure:.2f} x" if self.is_ratio else milliseconds(self.figure)
        target = f"{self.target:.2f} x" if self.is_ratio else milliseconds(self.target)
        floor = f"{milliseconds(statistics.median(self.floor))} {self.floor_name}"
        spread = f"{milliseconds(min(self.ours))}-{milliseconds(max(self.ours))}"
        return [
            self.name,
            f"{len(self.ours)}",
            milliseconds(statistics.median(self.ours)),
            spread,
            floor,
            figure,
            target,
            met,
        ]


def milliseconds(seconds: float) -> str:
    """Return a time as people read it."""
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def in_turn(
    count: int, ours: Callable[[], float], floor: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Take both measurements in turn, after one of each that does not count.

    A machine whose speed drifts slows both alike.
    """
    ours(), floor()
    pairs = [(ours(), floor()) for _ in range(count)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def timed(action: Callable[[], object]) -> float:
    """Return how long an action takes, in seconds."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


HEADS = ["what", "n", "median", "min-max", "floor (median)", "figure", "target", ""]


def table(rows: list[Row]) -> str:
    """Return the rows as text in columns."""
    lines = [HEADS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def say(text: str) -> None:
    """Tell at once how far we are."""
    print(text, file=sys.stderr, flush=True)
