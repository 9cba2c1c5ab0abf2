"""Lists in pages, without counting the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import QueryDict

DEFAULT_PER_PAGE = 100
MAX_PER_PAGE = 1000
MAX_PAGE = 1_000_000

Row = TypeVar("Row", bound=Model)


def page(
    rows: QuerySet[Row], represent: Callable[[Row], dict[str, Any]], *, query: QueryDict, url: str
) -> dict[str, Any]:
    """Return the page of the list that the query asks for, as JSON says it.

    One client follows ``links.next`` until it is null, so it keeps the filters. There is no total.

    :param url: the list's own, without a query.
    """
    number = _number(query.get("page"), default=1, maximum=MAX_PAGE)
    size = _number(query.get("per_page"), default=DEFAULT_PER_PAGE, maximum=MAX_PER_PAGE)
    start = (number - 1) * size
    found = list(rows[start : start + size + 1])
    shown = found[:size]

    def link(other: int) -> str:
        kept = query.copy()
        for name in [name for name, value in kept.items() if not value]:
            del kept[name]
        kept["page"] = f"{other}"
        return f"{url}?{kept.urlencode()}"

    return {
        "data": [represent(row) for row in shown],
        "links": {
            "first": link(1),
            "last": None,
            "prev": link(number - 1) if number > 1 else None,
            "next": link(number + 1) if len(found) > size else None,
        },
        "meta": {
            "current_page": number,
            "from": start + 1 if shown else None,
            "path": url,
            "per_page": size,
            "to": start + len(shown) if shown else None,
        },
    }


def _number(text: str | None, *, default: int, maximum: int) -> int:
    if not text or not text.isdecimal():
        return default
    # Before int(): it refuses thousands of digits.
    return maximum if len(text) > 9 else max(1, min(int(text), maximum))
