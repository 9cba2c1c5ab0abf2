"""Page ranges as customers write them: ``1-2,5`` and ``7-``."""

from __future__ import annotations

import re

from jobs.contract import Option, OptionProblem, limits
from jobs.contract.errors import ConversionFailed, FileTooLarge

_RANGE = r"\s*\d{1,7}\s*(?:-\s*(?:\d{1,7}\s*)?)?"
SEVERAL = rf"{_RANGE}(?:,{_RANGE})*"
"""What ranges look like."""


def option(*, several: bool = True) -> Option:
    """Return the ``pages`` option; with ``several``, it takes more than one range."""
    return Option(
        name="pages",
        help=f"The pages to convert, counted from 1: {'ranges' if several else 'one range'}"
        f" such as {'1-2,5' if several else '2-5'}, or 7- to the end. All when not given.",
        pattern=SEVERAL if several else _RANGE,
        example="1-2,5" if several else "2-5",
        selects=True,
        check=tidy,
    )


def chosen(text: str | None, count: int) -> list[tuple[int, int]]:
    """Return the ranges meant, first and last page of each, in order, for a document of ``count`` pages.

    :raises ConversionFailed: when one of them lies wholly beyond the document's end.
    """
    if text is None:
        return [(1, count)]
    ranges: list[tuple[int, int]] = []
    for first, asked in sorted(bounds(text)):
        if first > count:
            raise beyond(first, count)
        last = min(asked or count, count)
        if ranges and first <= ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], max(last, ranges[-1][1]))
        else:
            ranges.append((first, last))
    return ranges


def listed(text: str, count: int) -> list[tuple[int, int]]:
    """Return the ranges meant in the order they were written, of which one may come twice.

    :raises ConversionFailed: when one of them lies wholly beyond the document's end, or they are too long.
    """
    ranges = [(first, min(last or count, count)) for first, last in bounds(text)]
    for first, _ in ranges:
        if first > count:
            raise beyond(first, count)
    if sum(last - first + 1 for first, last in ranges) > limits.PDF_PAGES:
        raise FileTooLarge(f"The pages option asks for more than {limits.PDF_PAGES:,} pages in all.")
    return ranges


def beyond(page: int, count: int) -> ConversionFailed:
    """Return the failure for a page the document does not have."""
    has = "1 page" if count == 1 else f"{count} pages"
    return ConversionFailed(f"The pages option asks for page {page}, but the document has only {has}.")


def bounds(text: str) -> list[tuple[int, int]]:
    """Return the first and last page of each range as written; an open end is 0."""
    found = []
    for part in text.split(","):
        first, dash, last = re.sub(r"\s", "", part).partition("-")
        found.append((int(first), int(last or 0) if dash else int(first)))
    return found


def tidy(text: str) -> str:
    """Return ranges without blanks.

    :raises OptionProblem: when they cannot be meant.
    """
    for first, last in bounds(text):
        if first == 0:
            raise OptionProblem("The pages are counted from 1.")
        if last and last < first:
            raise OptionProblem(f"The pages must not run backwards: {first}-{last}.")
    return re.sub(r"\s", "", text)
