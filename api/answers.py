"""JSON answers of what stands in front of Django."""

from __future__ import annotations

import json

from starlette.responses import Response

from jobs.contract.errors import ApiError

from .errors import body


def refusal(error: ApiError) -> Response:
    """Return the answer to a request that is refused; a bare ``ApiError`` is a bug of ours."""
    text = json.dumps(body(error), separators=(",", ":"))
    return Response(text, error.status, error.headers, "application/json")
