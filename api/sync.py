"""What a view tells the layer that holds a synchronous answer back (``waiting.py``)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.encoding import iri_to_uri
from rest_framework.response import Response

ASKED = "Athanor-Sync"
"""Request header: it came in on the synchronous host. Nobody outside can send it."""
WAIT = "Athanor-Wait"
"""Response header: the kind and id of what must end before this answer may leave."""
THEN = "Athanor-Then"
"""Response header: what to get then, and to answer instead."""

WITHIN = "Athanor-Within"
"""Response header: after how many seconds to get it all the same."""


def asked(request: HttpRequest | Any) -> bool:
    """Tell whether the client wants the answer only when all has ended."""
    return request.headers.get(ASKED) == "1"


def hold(
    response: Response, *, kind: str, pk: UUID, query: str = "", then: str = "", within: int = 0
) -> Response:
    """Let the answer wait until this job or task has ended.

    :param query: of the request that shows it then.
    :param then: the path of another request that answers instead.
    :param within: the seconds after which that answers in any case; 0 for as long as it takes.
    """
    response[WAIT] = f"{kind} {pk}"
    response[THEN] = iri_to_uri((then or f"/v2/{kind}s/{pk}") + (f"?{query}" if query else ""))
    if within:
        response[WITHIN] = f"{within}"
    return response
