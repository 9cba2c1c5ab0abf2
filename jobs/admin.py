"""The operators' pages: they show rows, and call services. Secrets, contents and digests are never shown."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from . import fleet, keys, secrets, services
from .connections_page import ConnectionAdmin
from .contract.errors import IllegalMove
from .looking import Looking, tell, words
from .models import Account, ApiKey, Connection, Job, Notice, Poison, Task, Worker
from .quarantine_page import PoisonAdmin, link
from .states import ACTIVE

admin.site.site_header = admin.site.site_title = "Athanor"
admin.site.index_title = "Operation"
admin.site.register(Poison, PoisonAdmin)
admin.site.register(Connection, ConnectionAdmin)


class JobTasks(admin.TabularInline):  # type: ignore[type-arg]
    """A job's tasks, in its order."""

    model = Task
    fields = ("name", "operation", "status", "engine", "percent", "code", "message", "started_at", "ended_at")
    readonly_fields = fields
    ordering = ("position",)
    show_change_link = True
    can_delete = False
    extra = 0

    def has_add_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        """Return False: the API creates them."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        """Return the rows without their large columns."""
        return (
            super()
            .get_queryset(request)
            .defer("payload", "contents", "arguments", "output", "result", "suspect")
        )


@admin.register(Job)
class JobAdmin(Looking):
    """Jobs."""

    list_display = ("id", "owner", "tag", "status", "created_at", "started_at", "ended_at")
    list_filter = ("status",)
    list_select_related = ("owner",)
    search_fields = ("id__exact", "tag", "owner__username")
    ordering = ("-created_at",)
    fieldsets = (
        (None, {"fields": ("id", "owner", "api_key", "tag", "status", "redirect")}),
        ("Timings", {"fields": ("created_at", "started_at", "ended_at")}),
    )
    inlines = (JobTasks,)
    actions = ("cancel", "remove")

    @admin.action(description="Cancel the jobs' tasks", permissions=["change"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Job]) -> None:
        """Cancel every task that has not ended."""
        active = Task.objects.filter(job__in=rows.values("pk"), status__in=ACTIVE).order_by("position")
        tell(self, request, _cancel(active), "cancelled", "had ended already")

    @admin.action(description="Cancel and delete with all files", permissions=["change"])
    def remove(self, request: HttpRequest, rows: QuerySet[Job]) -> None:
        """Delete the jobs, their tasks and files; what still runs is stopped by its worker."""
        count = 0
        for job in rows:
            services.delete_job(job)
            count += 1
        messages.success(request, f"{count} deleted.")


@admin.register(Task)
class TaskAdmin(Looking):
    """Tasks."""

    list_display = (
        "id",
        "operation",
        "engine",
        "status",
        "percent",
        "attempt",
        "code",
        "owner",
        "created_at",
    )
    list_filter = ("status", "operation", "engine", "code")
    list_select_related = ("owner",)
    search_fields = ("id__exact", "job__id__exact", "owner__username")
    ordering = ("-created_at",)
    fieldsets = (
        (None, {"fields": ("id", "name", "operation", "owner", "api_key", "job", "retry_of", "status")}),
        ("Outcome", {"fields": ("percent", "code", "message", "quarantine", "credits", "published")}),
        ("Engine", {"fields": ("engine", "engine_version", "queue", "plan", "hop")}),
        ("Attempts", {"fields": ("attempt", "tries", "priority", "worker", "host_name", "lease_until")}),
        (
            "Timings",
            {"fields": ("created_at", "started_at", "ended_at", "waited", "ran", "ready_at", "overdue_at")},
        ),
        ("What was asked", {"fields": ("shown_payload", "timeout", "ignore_error")}),
        ("What the tools were told and said", {"fields": ("shown_arguments", "shown_output")}),
    )
    actions = ("cancel", "retry")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        """Return the rows without their large columns; one row's come when it is looked at."""
        return (
            super()
            .get_queryset(request)
            .defer("payload", "contents", "arguments", "output", "result", "suspect")
        )

    @admin.action(description="Cancel", permissions=["change"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Task]) -> None:
        """Cancel the tasks that have not ended."""
        tell(self, request, _cancel(rows), "cancelled", "had ended already")

    @admin.action(description="Retry", permissions=["change"])
    def retry(self, request: HttpRequest, rows: QuerySet[Task]) -> None:
        """Create new tasks from those that have ended."""
        done = []
        for task in rows:
            try:
                services.retry(task, api_key=task.api_key)
                done.append(True)
            except IllegalMove:
                done.append(False)
        tell(self, request, done, "retried", "have not ended yet")

    @admin.display(description="files")
    def published(self, task: Task) -> str:
        """Return the names and sizes of its files."""
        return ", ".join(f"{file.name} ({file.size} bytes)" for file in task.files.all()) or "-"

    @admin.display(description="quarantine")
    def quarantine(self, task: Task) -> str:
        """Return a link to what is held against its input, if anything is."""
        return link(task)

    @admin.display(description="waited")
    def waited(self, task: Task) -> timedelta:
        """Return how long it was not yet started."""
        return (task.started_at or task.ended_at or now()) - task.created_at

    @admin.display(description="ran")
    def ran(self, task: Task) -> timedelta | None:
        """Return how long it has been running, or ran."""
        return (task.ended_at or now()) - task.started_at if task.started_at else None

    @admin.display(description="payload")
    def shown_payload(self, task: Task) -> SafeString:
        """Return the payload without secrets."""
        return words(json.dumps(secrets.masked(task.payload), indent=2, ensure_ascii=False))

    @admin.display(description="command lines")
    def shown_arguments(self, task: Task) -> SafeString:
        """Return the command lines; they were stored without secrets."""
        return words(task.arguments)

    @admin.display(description="output")
    def shown_output(self, task: Task) -> SafeString:
        """Return the end of what the tools said; it was stored without secrets."""
        return words(task.output)


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """Asks what a new key is for."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in keys.SCOPES],
        initial=keys.SCOPES,
        widget=forms.CheckboxSelectMultiple,
    )
    existing = forms.CharField(
        required=False,
        max_length=keys.MAX_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="A key that clients use already, to go on using it; empty makes a new one.",
    )

    class Meta:
        model = ApiKey
        fields = ("owner", "name", "scopes", "existing")

    def clean_existing(self) -> str | None:
        """Return the key to import, if it can be used."""
        text = self.cleaned_data["existing"].strip()
        if not text:
            return None
        try:
            keys.check(text)
        except ValueError as error:
            raise ValidationError(f"{error}") from error
        return str(text)


@admin.register(ApiKey)
class ApiKeyAdmin(Looking):
    """API keys: made, shown once, revoked."""

    list_display = ("name", "owner", "prefix", "scopes", "created_at", "last_used_at", "revoked_at")
    list_select_related = ("owner",)
    search_fields = ("name", "prefix", "owner__username")
    ordering = ("-created_at",)
    fieldsets = ((None, {"fields": list_display}),)
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may make keys."""
        return request.user.has_perm("jobs.add_apikey")

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Return what to ask for a new key, or what to show of one."""
        return super().get_fieldsets(request, obj) if obj else ((None, {"fields": KeyForm.Meta.fields}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Return every field of an existing key."""
        return super().get_readonly_fields(request, obj) if obj else []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form for a new key."""
        return super().get_form(request, obj, change, **kwargs) if obj else KeyForm

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Make the key, and show it this once."""
        if change:
            return
        wanted = form.cleaned_data
        made, text = keys.make_key(
            wanted["owner"], name=wanted["name"], scopes=wanted["scopes"], key=wanted["existing"]
        )
        obj.pk, obj.prefix = made.pk, made.prefix
        if not wanted["existing"]:
            messages.warning(request, f"The key, shown only this once: {text}")

    @admin.action(description="Revoke at once", permissions=["change"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> None:
        """Revoke the keys."""
        tell(self, request, [keys.revoke(key) for key in rows], "revoked", "were revoked before")


@admin.register(Worker)
class WorkerAdmin(Looking):
    """Workers that are, or lately were, alive."""

    list_display = ("id", "is_alive", "running", "queues", "tools", "started_at", "seen_at")
    ordering = ("-seen_at",)
    fieldsets = (
        (None, {"fields": ("id", "host_name", "is_alive", "running")}),
        ("Serves", {"fields": ("queues", "tools", "started_at", "seen_at")}),
    )

    @admin.display(description="alive", boolean=True)
    def is_alive(self, worker: Worker) -> bool:
        """Return whether it was heard of lately."""
        return worker.seen_at >= now() - fleet.SILENT_AFTER


@admin.register(Notice)
class NoticeAdmin(Looking):
    """E-mails to those who used a deprecated version of an engine."""

    list_display = ("owner", "engine", "version", "created_at", "sent_at", "tries", "ready_at")
    list_select_related = ("owner",)
    search_fields = ("owner__username",)
    ordering = ("-created_at",)
    fieldsets = ((None, {"fields": list_display}),)


@admin.register(Account)
class AccountAdmin(UserAdmin):  # type: ignore[type-arg]
    """Accounts: customers and operators."""

    list_display = ("username", "email", "is_active", "is_staff", "date_joined", "last_login")

    def has_delete_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        """Return False: its jobs' files would stay. An account can be made inactive."""
        return False


def _cancel(rows: QuerySet[Task]) -> list[bool]:
    done = []
    for task in rows:
        try:
            services.cancel(task)
            done.append(True)
        except IllegalMove:
            done.append(False)
    return done
