"""What every endpoint has: its owner, its payload, its filters, JSON in and out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import parsing, sync
from jobs import secrets
from jobs.models import Account, ApiKey


class AlwaysJson(BaseContentNegotiation):
    """Answer JSON whatever the client accepts: several send a header that they do not mean."""

    def select_parser(self, _request: Request, _parsers: Iterable[BaseParser]) -> None:
        """Return none: ``parsing.payload`` reads bodies."""

    def select_renderer(
        self, _request: Request, renderers: Iterable[BaseRenderer], _format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the one renderer."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type or ""


class Endpoint(APIView):
    """An endpoint whose rows belong to the key's owner."""

    content_negotiation_class = AlwaysJson
    resource = "task"
    """The first half of the scopes that its methods need."""
    verb: str | None = None
    """The second half, where that does not follow from the method."""

    @property
    def owner(self) -> Account:
        """Whose rows these are."""
        return cast(Account, self.request.user)

    @property
    def api_key(self) -> ApiKey:
        """The key the request came with."""
        return cast(ApiKey, self.request.auth)

    @property
    def payload(self) -> dict[str, Any]:
        """The object in the body."""
        given = parsing.payload(self.request._request)  # noqa: SLF001 - the one way to Django's own
        # Should the request end in a bug of ours, its traceback goes to the log.
        secrets.hide(secrets.redactor(given))
        return given

    @property
    def filters(self) -> dict[str, str]:
        """What the query filters by. Blank means not given: .NET always sends every filter."""
        given = cast("Iterable[tuple[str, str]]", self.request.query_params.items())
        return {
            name[len("filter[") : -1]: value
            for name, value in given
            if value and name.startswith("filter[") and name.endswith("]")
        }

    @property
    def include(self) -> frozenset[str]:
        """What the client wants included; .NET also sends names of its own types."""
        return frozenset(self.request.query_params.get("include", "").replace(" ", "").split(","))

    @property
    def is_sync(self) -> bool:
        """Whether the answer is to wait for the end of what it shows; only for who may read that."""
        return sync.asked(self.request) and "task.read" in self.api_key.scopes

    def flag(self, name: str) -> bool:
        """Tell whether the query says yes to this."""
        return self.request.query_params.get(name, "").lower() in {"1", "true", "yes", "on"}

    def options(self, *_: Any, **__: Any) -> Response:
        """Say which methods there are."""
        return Response(status=204)


class OpenEndpoint(Endpoint):
    """An endpoint that asks for no key, and does not look at one."""

    authentication_classes = ()
    permission_classes = ()
