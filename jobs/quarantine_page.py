"""The operators' page of poisons: who looks for what is refused, releases it, or takes the list along."""

from __future__ import annotations

import csv
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from .looking import Looking, tell, words
from .models import Poison, Task
from .services import quarantine, release

EXPORTED = (
    "fingerprint",
    "state",
    "strikes",
    "code",
    "operation",
    "engine",
    "engine_version",
    "source",
    "target",
    "sha256",
    "size",
    "task_id",
    "owner",
    "created_at",
    "seen_at",
    "released_at",
    "released_by",
)


class StateFilter(admin.SimpleListFilter):
    """Chooses by state."""

    title = parameter_name = "state"

    def lookups(self, _request: HttpRequest, _page: Any) -> list[tuple[str, str]]:
        """Return the states."""
        return [(state, state) for state in quarantine.STATES]

    def queryset(self, _request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows in the state chosen, or all."""
        return rows.filter(state=self.value()) if self.value() else rows


class PoisonAdmin(Looking):
    """Inputs that stopped an engine."""

    list_display = (
        "__str__",
        "state",
        "strikes",
        "code",
        "engine",
        "engine_version",
        "size",
        "owner",
        "seen_at",
    )
    list_filter = (StateFilter, "engine", "code")
    search_fields = ("fingerprint", "sha256", "owner")
    search_help_text = "Fingerprint, SHA-256 of a file, or owner"
    ordering = ("-seen_at",)
    fieldsets = (
        (None, {"fields": ("fingerprint", "state", "strikes", "code", "created_at", "seen_at")}),
        ("Engine", {"fields": ("operation", "engine", "engine_version", "source", "target")}),
        ("Input", {"fields": ("digests", "size")}),
        ("Last seen in", {"fields": ("task", "owner")}),
        ("Released", {"fields": ("released_at", "released_by")}),
    )
    actions = ("release", "export")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows with their state."""
        return quarantine.with_state(super().get_queryset(request))

    @admin.display(description="state")
    def state(self, poison: Any) -> str:
        """Return whether it is refused, released or only suspected."""
        return f"{poison.state}"

    @admin.display(description="SHA-256")
    def digests(self, poison: Poison) -> str:
        """Return the digests of the inputs, a line each."""
        return words(poison.sha256)

    @admin.display(description="task")
    def task(self, poison: Poison) -> str:
        """Return a link to the last task that failed on it, while that exists."""
        if not Task.objects.filter(pk=poison.task_id).exists():
            return f"{poison.task_id} (deleted)"
        page = reverse("admin:jobs_task_change", args=[poison.task_id])
        return format_html('<a href="{}">{}</a>', page, poison.task_id)

    @admin.action(description="Release", permissions=["change"])
    def release(self, request: HttpRequest, rows: QuerySet[Poison]) -> None:
        """Let engines try the inputs again."""
        chosen = rows.count()
        released = release(rows, by=request.user.get_username())
        done = [True] * released + [False] * (chosen - released)
        tell(self, request, done, "released", "were not refused")

    @admin.action(description="Export as CSV", permissions=["view"])
    def export(self, _request: HttpRequest, rows: QuerySet[Poison]) -> HttpResponse:
        """Return the rows as a file for a spreadsheet."""
        answer = HttpResponse(content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="quarantine.csv"'
        writer = csv.writer(answer)
        writer.writerow(EXPORTED)
        for row in rows.values_list(*EXPORTED):
            writer.writerow([cell(value) for value in row])
        return answer


def cell(value: Any) -> str:
    """Return a value as a spreadsheet shows it, never as one it would compute."""
    text = "" if value is None else f"{value}"
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def link(task: Task) -> str:
    """Return a link to what is held against a task's input; a dash when nothing is."""
    key = (task.suspect or {}).get("fingerprint")
    poison = quarantine.with_state(Poison.objects.filter(pk=key)).first() if key else None
    if not poison:
        return "-"
    page = reverse("admin:jobs_poison_change", args=[key])
    return format_html('<a href="{}">{} ({})</a>', page, poison.state, poison)
