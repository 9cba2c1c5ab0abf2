"""Pictures of pages, whichever engine draws them: their options, how large they are, and of which pages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.contract import Option, limits
from jobs.contract.errors import ConversionFailed, FileTooLarge, OpenFailed, TooMuchOutput

from . import pages

MOST_PAGES = limits.PDF_PAGES
LONGEST_SIDE = limits.PDF_SIDE
"""Pixels; a page of a hostile document may be kilometres wide."""
THUMBNAIL_DENSITY = 150

Size = tuple[float, float]
Pixels = tuple[int, int]

PASSWORD = Option(
    name="password",
    help="The password that opens the document.",
    secret=True,
    selects=True,
    max_length=1024,
)
SIZE = (
    Option(name="width", help="Width in pixels.", type="integer", minimum=1, maximum=LONGEST_SIDE),
    Option(name="height", help="Height in pixels.", type="integer", minimum=1, maximum=LONGEST_SIDE),
    Option(
        name="fit",
        help="max stays within width and height and never enlarges; crop fills them and cuts what is over;"
        " scale forces both.",
        type="enum",
        default="max",
        values=("max", "crop", "scale"),
    ),
)
DENSITY = Option(
    name="pixel_density",
    help="Dots per inch.",
    type="integer",
    default=150,
    minimum=10,
    maximum=limits.PDF_DPI,
)
LOOK = (pages.option(), *SIZE, DENSITY, PASSWORD)
ALPHA = Option(name="alpha", help="Leave the paper transparent.", type="boolean", default=False)
QUALITY = Option(
    name="quality",
    help="How good lossy compression has to be, in percent.",
    type="integer",
    default=85,
    minimum=1,
    maximum=100,
)
COUNT = Option(
    name="count",
    help="How many pages, from the first.",
    type="integer",
    default=1,
    minimum=1,
    maximum=100,
)


@dataclass(frozen=True)
class Shape:
    """How large a page is drawn, and what of that is shown."""

    scaled: Pixels
    shown: Pixels
    offset: Pixels
    """Where in what is drawn that begins which is shown."""
    natural: Pixels
    """How large the page is at the density asked for."""


def shape(number: int, size: Size, density: int, options: Mapping[str, Any]) -> Shape:
    """Return how a page of this size, in points, is drawn.

    :raises ConversionFailed: when it would be too large.
    """
    natural = (math.ceil(size[0] * density / 72), math.ceil(size[1] * density / 72))
    width, height, fit = (options.get(name) for name in ("width", "height", "fit"))
    scaled = _scaled(natural, width, height, fit or "max")
    if max(scaled) > LONGEST_SIDE:
        raise ConversionFailed(
            f"Page {number} would be {max(scaled)} pixels long; at most {LONGEST_SIDE} are allowed."
            " Ask for a smaller size or a lower pixel_density."
        )
    shown = (width, height) if fit == "crop" and width and height else scaled
    return Shape(
        scaled=scaled,
        shown=shown,
        offset=((scaled[0] - shown[0]) // 2, (scaled[1] - shown[1]) // 2),
        natural=natural,
    )


def _scaled(natural: Pixels, width: int | None, height: int | None, fit: str) -> Pixels:
    """Return the size a page is drawn at, before anything is cut off."""
    if not width and not height:
        return natural
    if fit == "scale" and width and height:
        return width, height
    factors = [wanted / has for wanted, has in zip((width, height), natural, strict=True) if wanted]
    factor = max(factors) if fit == "crop" else min(factors)
    if fit == "max":
        factor = min(factor, 1)
    return max(1, round(natural[0] * factor)), max(1, round(natural[1] * factor))


def checked(count: int) -> int:
    """Return the number of pages a document has.

    :raises OpenFailed: when it has none.
    :raises FileTooLarge: when it has more than are allowed.
    """
    if not count:
        raise OpenFailed
    if count > MOST_PAGES:
        raise FileTooLarge(f"The document has {count:,} pages; at most {MOST_PAGES:,} are allowed.")
    return count


def wanted(options: Mapping[str, Any], count: int) -> list[int]:
    """Return the numbers of the pages to make pictures of, for a document of ``count`` pages.

    :raises TaskError: when it has too many or too few, or they would be more pictures than allowed.
    """
    checked(count)
    if "count" in options:
        return list(range(1, min(options["count"], count) + 1))
    found = [n for first, last in pages.chosen(options["pages"], count) for n in range(first, last + 1)]
    if len(found) > limits.OUTPUT_FILES:
        raise TooMuchOutput(
            f"There would be {len(found):,} pictures; at most {limits.OUTPUT_FILES:,} are allowed."
            " Choose some of the pages."
        )
    return found
