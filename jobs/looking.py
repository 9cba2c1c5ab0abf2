"""What the operators' pages have in common: they show rows, and what changes them is an action."""

from __future__ import annotations

from typing import cast

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than anybody turns pages: a whole count reads every row."""

    CAP = 10_000

    @cached_property
    def count(self) -> int:
        """How many rows there are to turn pages through."""
        rows = cast("QuerySet[Model]", self.object_list)
        return rows.order_by()[: self.CAP].count()


class Looking(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows to look at: what changes them is an action that calls a service."""

    show_full_result_count = False
    paginator = CappedPaginator
    list_per_page = 50

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """Return False: the API creates them."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        """Return False: Django would delete rows and leave their files."""
        return False

    def get_readonly_fields(self, _request: HttpRequest, _obj: Model | None = None) -> list[str]:
        """Return every field."""
        return [f"{name}" for _, options in self.fieldsets or () for name in options["fields"]]


def tell(page: Looking, request: HttpRequest, done: list[bool], word: str, otherwise: str) -> None:
    """Say how many an action changed, and why not the others."""
    level = messages.SUCCESS if any(done) else messages.WARNING
    rest = f" {done.count(False)} {otherwise}." if False in done else ""
    page.message_user(request, f"{done.count(True)} {word}.{rest}", level)


def words(text: str) -> SafeString:
    """Return a text of many lines as it is."""
    return format_html('<pre style="white-space: pre-wrap; margin: 0">{}</pre>', text or "-")
