"""SVG drawings for plain programs: read without an address, measured before they are drawn."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jobs.contract import Command, Option, Work, limits
from jobs.contract.errors import ConversionFailed, FileTooLarge, OpenFailed, TaskError

Size = tuple[int, int]
SIDE = min(limits.IMAGE_SIDE, 32_000)
"""Cairo draws no longer one."""
PLAIN_DENSITY = 96
"""Dots per inch at which a drawing has its own size, as browsers have it."""

WIDTH = Option(
    name="width",
    help="Width in pixels; with no height, that follows.",
    type="integer",
    minimum=1,
    maximum=SIDE,
)
HEIGHT = Option(
    name="height",
    help="Height in pixels; with no width, that follows.",
    type="integer",
    minimum=1,
    maximum=SIDE,
)
DENSITY = Option(
    name="pixel_density",
    help="Dots per inch, when neither width nor height is given: 96 is the drawing's own size.",
    type="integer",
    default=PLAIN_DENSITY,
    minimum=10,
    maximum=2400,
)


def reading(source: Path, *argv: str) -> list[str]:
    """Return the command line of a program that reads a file from its standard input.

    What has no address refers to nothing outside itself.
    """
    return ["/usr/bin/dash", "-c", 'exec "$@" <"$0"', f"{source}", *argv]


def probe(work: Work) -> Command:
    """Ask how large a drawing is: a drawing of it begins with its size."""
    return Command(argv=reading(work.input, "rsvg-convert", "--format=svg"), quiet=True)


def read(printed: str) -> Mapping[str, Any]:
    """Read what the probe printed: the drawing's own size, in pixels."""
    found = re.search(r'<svg [^>]*?\bwidth="([\d.]+)\w*" height="([\d.]+)', printed)
    return {"size": (float(found[1]), float(found[2])) if found else (0.0, 0.0)}


def box(size: Sequence[float], options: Mapping[str, Any]) -> tuple[Size, Size]:
    """Return the size to draw at, and the size to cut out of that.

    :raises FileTooLarge: when it would be larger than a picture may be.
    :raises OpenFailed: when it shows nothing.
    """
    if not all(size):
        raise OpenFailed("The drawing is empty.")
    wanted = (options["width"], options["height"])
    factors = [want / have for want, have in zip(wanted, size, strict=True) if want]
    if not factors:
        factors = [options["pixel_density"] / PLAIN_DENSITY]
    factor = max(factors) if options["fit"] == "crop" else min(factors)
    drawn = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
    shown = drawn
    if all(wanted) and options["fit"] == "scale":
        drawn = shown = wanted
    elif all(wanted) and options["fit"] == "crop":
        drawn, shown = (max(drawn[0], wanted[0]), max(drawn[1], wanted[1])), wanted
    limits.check_picture(*drawn)
    return drawn, shown


_MEANINGS: tuple[tuple[str, TaskError], ...] = (
    (
        "entity reference loop|Excessive depth",
        OpenFailed("The drawing refers to itself without end, or is nested too deeply."),
    ),
    (
        "exceeded more than|cannot load more than",
        FileTooLarge("The drawing has more parts than can be drawn."),
    ),
    (
        "larger than 32767 pixels",
        FileTooLarge("The drawing is too large. Ask for a smaller width and height."),
    ),
    ("has no dimensions", OpenFailed("The drawing has no size and shows nothing.")),
    ("Error reading SVG", OpenFailed()),
    ("panicked at", ConversionFailed("The drawing has sizes that cannot be drawn.")),
)


def explain(words: str) -> TaskError | None:
    """Say what librsvg's words mean for the customer."""
    found = next((failure for said, failure in _MEANINGS if re.search(said, words)), None)
    return found and type(found)(found.message)
