"""The operators' page of saved connections. What is secret in one can be set anew, and never be read."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString

from . import connections, sealing, secrets, services
from .contract import Option
from .contract.errors import InvalidData
from .looking import Looking, words
from .models import Connection

WARNING = (
    "Switched on, jobs of this owner reach the storage as this service itself: by its machine's role or its"
    " environment, with every right that has. Say the bucket or container above, else a job may name any"
    " that is within reach. The owner can then delete the connection, but no longer change it."
)
PREFIX = "option_"


class HiddenText(forms.Textarea):
    """Takes a secret, which may have lines, and never shows one."""

    def __init__(self) -> None:
        super().__init__({"rows": 2, "autocomplete": "off", "spellcheck": "false"})

    def format_value(self, _value: Any) -> str:
        """Return nothing, also when the form is shown again because of a problem."""
        return ""


class Drafting(forms.ModelForm):  # type: ignore[type-arg]
    """Reads a connection as the API does."""

    draft: connections.Draft

    def read(self, payload: dict[str, Any], **about: Any) -> None:
        """Make the draft, or tell each field's problems."""
        try:
            self.draft = connections.parse(payload, by_operator=True, **about)
        except InvalidData as refusal:
            for field, problems in refusal.problems.items():
                name = field.replace("options.", PREFIX)
                self.add_error(name if name in self.fields else None, problems)


class NewConnection(Drafting):
    """Asks for the kind of storage first: the page of the connection has its options."""

    provider = forms.ChoiceField(choices=lambda: [(name, name) for name in sorted(connections.testers())])

    class Meta:
        model = Connection
        fields = ("owner", "name", "provider")

    def clean(self) -> None:
        """Read what was given, if Django could make something of it."""
        given = self.cleaned_data
        if owner := given.get("owner"):
            self.read({"name": given.get("name"), "provider": given.get("provider")}, owner=owner)


class KnownConnection(Drafting):
    """Changes a connection; the fields of its options are added for its provider."""

    class Meta:
        model = Connection
        fields = ("name", "workload_identity")

    def clean(self) -> None:
        """Put together what was given with what is kept."""
        row: Connection = self.instance
        given = {
            name.removeprefix(PREFIX): value
            for name, value in self.cleaned_data.items()
            if name.startswith(PREFIX) and value not in (None, "")
        }
        kept = row.options.keys() & _secrets(row) - given.keys() - set(self.cleaned_data.get("forget", ()))
        try:
            given |= secrets.opened({name: row.options[name] for name in kept}, row=row.pk)
        except sealing.CannotOpen:
            self.add_error(None, "A secret can no longer be read. Set all secrets anew, or forget them.")
        self.read({"name": self.cleaned_data.get("name"), "options": given}, owner=row.owner, known=row)


def form_for(row: Connection) -> type[KnownConnection]:
    """Return the form of a connection, with a field for each option that one of its kind may hold."""
    fields: dict[str, Any] = {f"{PREFIX}{name}": _field(option, row) for name, option in _place(row).items()}
    held = sorted(row.options.keys() & _secrets(row))
    fields["forget"] = forms.MultipleChoiceField(
        label="Forget these secrets",
        choices=[(name, name) for name in held],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    return type("ConnectionForm", (KnownConnection,), fields)


def _place(row: Connection) -> dict[str, Option]:
    tester = connections.testers().get(row.provider)
    return connections.place(tester) if tester else {}


def _secrets(row: Connection) -> set[str]:
    return {name for name, option in _place(row).items() if option.name in secrets.names()}


def _field(option: Option, row: Connection) -> forms.Field:
    kind = forms.JSONField if option.type == "dictionary" else forms.CharField
    initial, help_text, widget = row.options.get(option.name), option.help, None
    if option.name in secrets.names():
        state = "It is set: leave this empty to keep it." if initial else "Not set."
        initial, help_text, widget = None, f"{option.help} {state}", HiddenText()
    return kind(required=False, label=option.name, initial=initial, help_text=help_text, widget=widget)


class ConnectionAdmin(Looking):
    """Saved connections."""

    list_display = ("name", "owner", "provider", "workload_identity", "created_at", "changed_at", "used_at")
    list_filter = ("provider", "workload_identity")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")
    ordering = ("owner", "name")
    actions = ("remove",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the operator may save connections for owners."""
        return request.user.has_perm("jobs.add_connection")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **_: Any) -> Any:
        """Return the form for a new connection, or for this one."""
        del request, change
        return form_for(obj) if obj else NewConnection

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what to ask for a new connection, or to show and ask of one."""
        if not obj:
            return ((None, {"fields": NewConnection.Meta.fields}),)
        about = (None, {"fields": ("owner", "provider", "name")})
        timings = ("Timings", {"fields": ("created_at", "changed_at", "used_at")})
        if not self.has_change_permission(request, obj):
            return (about, ("Options", {"fields": ("shown_options", "workload_identity")}), timings)
        options = [f"{PREFIX}{name}" for name in _place(obj)]
        forget = ["forget"] if obj.options.keys() & _secrets(obj) else []
        identity = (
            "The service's own identity",
            {"fields": ("workload_identity",), "description": WARNING},
        )
        return (
            about,
            ("Where the storage is and who asks", {"fields": [*options, *forget]}),
            *((identity,) if connections.testers()[obj.provider].has_identity else ()),
            timings,
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Return what cannot be changed."""
        del request
        return ["owner", "provider", "shown_options", "created_at", "changed_at", "used_at"] if obj else []

    def save_model(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:
        """Save it as the form has read it."""
        del request
        row = services.save_connection(
            form.draft,
            owner=obj.owner,
            known=obj if change else None,
            workload_identity=form.cleaned_data.get("workload_identity", False),
        )
        obj.pk = row.pk

    def response_add(
        self, request: HttpRequest, obj: Connection, post_url_continue: Any = None
    ) -> HttpResponse:
        """Go on to the options."""
        super().response_add(request, obj, post_url_continue)
        return HttpResponseRedirect(reverse("admin:jobs_connection_change", args=[obj.pk]))

    @admin.display(description="options")
    def shown_options(self, row: Connection) -> SafeString:
        """Return what it holds, without secrets."""
        return words(json.dumps(secrets.masked(row.options), indent=2, ensure_ascii=False))

    @admin.action(description="Delete; jobs that name them will fail", permissions=["change"])
    def remove(self, request: HttpRequest, rows: QuerySet[Connection]) -> None:
        """Delete the connections."""
        count = 0
        for row in rows:
            services.delete_connection(row)
            count += 1
        messages.success(request, f"{count} deleted.")
