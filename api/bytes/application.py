"""The ASGI application of the storage paths."""

from __future__ import annotations

import logging
import re
from uuid import UUID

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api import bodies, errors, links
from api.answers import refusal
from jobs.contract.errors import ApiError, MethodNotAllowed, NotFound

from . import tus
from .downloads import send_file
from .uploads import receive_form

log = logging.getLogger(__name__)

_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_UPLOAD = re.compile(rf"{links.UPLOADS}(?:/({_UUID}))?/?")
_DOWNLOAD = re.compile(rf"{links.DOWNLOADS}/({_UUID})/.+", re.DOTALL)
# Splunk's connector posts the form to this path, whatever the form's own URL is.
_FIXED_UPLOAD = "/tasks"
# The links carry their own permission and no cookie is looked at: any page may use them.
_ANY_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Content-Disposition, Content-Range, ETag, Location, Tus-Checksum-Algorithm, Tus-Extension, "
        "Tus-Max-Size, Tus-Resumable, Tus-Version, Upload-Defer-Length, Upload-Expires, Upload-Length, "
        "Upload-Metadata, Upload-Offset"
    ),
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}


def takes(scope: Scope) -> bool:
    """Tell whether a request is for the storage paths."""
    path: str = scope["path"]
    return path.startswith("/storage/") or path == _FIXED_UPLOAD


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request."""
    try:
        response = await _answer(scope, receive)
    except bodies.ClientGone:
        return
    except Exception as error:
        refused = errors.refusal_of(error)
        if refused.status >= 500 and not isinstance(error, ApiError):
            log.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
        response = refusal(refused)
    MutableHeaders(raw=response.raw_headers).update(_ANY_ORIGIN)
    await response(scope, receive, send)


async def _answer(scope: Scope, receive: Receive) -> Response:
    method, path = scope["method"], scope["path"]
    upload, download = _UPLOAD.fullmatch(path), _DOWNLOAD.fullmatch(path)
    if not (upload or download or path == _FIXED_UPLOAD):
        raise NotFound
    if method == "OPTIONS":
        return Response(status_code=204, headers=_PREFLIGHT if download else _PREFLIGHT | tus.abilities())
    if download:
        if method not in {"GET", "HEAD"}:
            raise MethodNotAllowed(headers={"Allow": "GET, HEAD, OPTIONS"})
        return await send_file(scope, task=UUID(download[1]))
    task = UUID(upload[1]) if upload and upload[1] else None
    if tus.is_meant(scope):
        return await tus.answer(scope, receive, task=task)
    if method != "POST":
        raise MethodNotAllowed(headers={"Allow": tus.METHODS})
    return await receive_form(scope, receive, task=task)
