"""From an exception to the JSON that says what was wrong."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from django.http.request import UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response

from jobs.contract import errors

log = logging.getLogger(__name__)

# The first that fits counts.
TRANSLATIONS: tuple[tuple[type[Exception], type[errors.ApiError]], ...] = (
    (Http404, errors.NotFound),
    (PermissionDenied, errors.Forbidden),
    (RequestDataTooBig, errors.TooLarge),
    (SuspiciousOperation, errors.BadRequest),
    (UnreadablePostError, errors.BadRequest),
    (exceptions.MethodNotAllowed, errors.MethodNotAllowed),
    (OperationalError, errors.Unavailable),
    (InterfaceError, errors.Unavailable),
    (errors.DiskFull, errors.InsufficientStorage),
    (errors.FileStoreUnreachable, errors.Unavailable),
    (errors.FileGone, errors.NotFound),
)


def respond(error: Exception, context: Mapping[str, Any]) -> Response:
    """Return the response to a request that ended in an exception."""
    refusal = refusal_of(error)
    if refusal.status >= 500 and not isinstance(error, errors.ApiError):
        request = context.get("request")
        where = f"{request.method} {request.path}" if request else "a request"
        log.error("%s ended in an error", where, exc_info=error)
    headers = dict(refusal.headers)
    if isinstance(refusal, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    return Response(body(refusal), status=refusal.status, headers=headers)


def body(refusal: errors.ApiError) -> dict[str, Any]:
    """Return the JSON of a refusal."""
    said: dict[str, Any] = {"message": refusal.message, "code": refusal.code}
    if isinstance(refusal, errors.InvalidData):
        said["errors"] = refusal.problems
    return said


def refusal_of(error: Exception) -> errors.ApiError:
    """Return the refusal that an exception means; a bare ``ApiError`` is a bug of ours."""
    if isinstance(error, errors.ApiError):
        return error
    return next((ours() for theirs, ours in TRANSLATIONS if isinstance(error, theirs)), errors.ApiError())


# --- Outside the views: Django's own handlers, named in deploy/urls.py


def bad_request(_request: HttpRequest, exception: Exception) -> JsonResponse:  # noqa: ARG001
    """Answer what Django would not even route."""
    return _answer(errors.BadRequest())


def forbidden(_request: HttpRequest, exception: Exception) -> JsonResponse:  # noqa: ARG001
    """Answer what Django does not permit."""
    return _answer(errors.Forbidden())


def not_found(_request: HttpRequest, exception: Exception) -> JsonResponse:  # noqa: ARG001
    """Answer a path that leads nowhere."""
    return _answer(errors.NotFound())


def server_error(_request: HttpRequest) -> JsonResponse:
    """Answer a bug outside the views; Django has logged it."""
    return _answer(errors.ApiError())


def _answer(refusal: errors.ApiError) -> JsonResponse:
    return JsonResponse(body(refusal), status=refusal.status, json_dumps_params={"separators": (",", ":")})
