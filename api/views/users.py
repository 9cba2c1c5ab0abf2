"""The account behind the key."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from api import representations

from .endpoint import Endpoint


class Me(Endpoint):
    """``/v2/users/me``"""

    resource = "user"

    def get(self, _request: Request) -> Response:
        """Show the key's owner."""
        return Response({"data": representations.user(self.owner)})
