"""Who is asking: a bearer key, and whether it has the scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from jobs import keys
from jobs.contract.errors import Forbidden, Unauthenticated
from jobs.models import Account, ApiKey

if TYPE_CHECKING:
    from .views.endpoint import Endpoint


class BearerAuthentication(BaseAuthentication):
    """Read the API key of ``Authorization: Bearer <key>``. A missing and a wrong one get the same answer."""

    def authenticate(self, request: Request) -> tuple[Account, ApiKey] | None:
        """Return the key's owner and the key; None when there is none."""
        scheme, _, text = request.headers.get("Authorization", "").strip().partition(" ")
        if not scheme:
            return None
        key = keys.find(text.strip()) if scheme.lower() == "bearer" else None
        if not key:
            raise Unauthenticated
        keys.seen(key)
        return key.owner, key

    def authenticate_header(self, _request: Request) -> str:
        """Return what a 401 asks for."""
        return "Bearer"


class HasScope(BasePermission):
    """Ask the key for ``<resource>.read`` or ``<resource>.write``, by the method unless the endpoint says."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True, or say which of the two is wrong.

        :raises Unauthenticated: without a key.
        :raises Forbidden: when the key lacks the scope.
        """
        if request.method == "OPTIONS":
            return True
        if request.auth is None:
            raise Unauthenticated
        endpoint: Endpoint = view
        verb = endpoint.verb or ("read" if request.method in SAFE_METHODS else "write")
        if f"{endpoint.resource}.{verb}" not in endpoint.api_key.scopes:
            raise Forbidden
        return True
