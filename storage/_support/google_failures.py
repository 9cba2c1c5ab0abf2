"""What Google said no to, or did not answer, in our own words."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError

from jobs.contract import outbound
from jobs.contract.errors import AthanorError, StorageRefused

from . import google, refusals
from .place import Location
from .strangers import is_baffled

_LATER = {408, 429}
_RATES = {"rateLimitExceeded", "userRateLimitExceeded"}
_KEPT = {"retentionPolicyNotMet", "objectUnderActiveHold"}
_PERMISSION = re.compile(r"\bstorage\.[a-z]+\.[a-zA-Z]+\b")
_WHO = ("client_email", "private_key")


@contextmanager
def failures(location: Location, doing: str, key: str = "") -> Iterator[None]:
    """Turn the SDK's failures into ours; what is none of the storage's passes.

    :param doing: what is being done with the bucket, such as ``read`` or ``write to``.
    :param key: the object it is done with.
    """
    try:
        yield
    except AthanorError:
        raise
    except Exception as error:
        ours = (
            outbound.refusal_of(error)
            or _of_the_token(error, location)
            or _of_the_answer(error, location, doing, key)
            or _of_the_line(error, google.endpoint(location))
        )
        if not ours:
            raise
        raise ours from error


def is_broken(error: Exception) -> bool:
    """Tell whether a line broke, so that what was under way may go on over another."""
    if isinstance(error, GoogleAPICallError):
        return error.code in _LATER or (error.code or 0) >= 500
    if isinstance(error, requests.exceptions.InvalidJSONError | requests.TooManyRedirects):
        return False
    return isinstance(error, requests.RequestException | urllib3.exceptions.HTTPError)


def broken(location: Location) -> AthanorError:
    """Return that a line broke again and again."""
    return refusals.unreachable(_host(google.endpoint(location)), broke_off=True)


def stranger(field: str = "endpoint") -> AthanorError:
    """Return that somebody else answers."""
    return refusals.refused("what answers there is no Google Cloud Storage", field)


def _of_the_token(error: Exception, location: Location) -> AthanorError | None:
    where = location["token_uri"] or google.TOKENS
    if isinstance(error, TransportError):
        return _of_the_line(error.args[0] if error.args else error, where, "token_uri")
    if isinstance(error, RefreshError):
        if error.retryable:
            return refusals.unreachable(_host(where))
        told = error.args[1] if len(error.args) > 1 else None
        if isinstance(told, dict) and "error" in told:
            return refusals.credentials(*_WHO)
        return stranger("token_uri")
    if isinstance(error, GoogleAuthError):
        return StorageRefused(
            "This service has no identity of its own at Google. Give client_email and private_key."
        )
    return None


def _of_the_answer(error: Exception, location: Location, doing: str, key: str) -> AthanorError | None:
    if not isinstance(error, GoogleAPICallError):
        return None
    code, (reason, words) = int(error.code or 0), _told(error)
    if code in _LATER or code >= 500 or reason in _RATES:
        return refusals.unreachable(_host(google.endpoint(location)))
    if code == 401:
        return refusals.credentials(*_WHO)
    if "CRC32C" in words:
        return refusals.altered(key)
    return _refusal(code, reason, words, doing, location["bucket"])


def _refusal(code: int, reason: str, words: str, doing: str, bucket: str) -> AthanorError:
    if code == 404:
        return refusals.missing("bucket", bucket)
    if reason in _KEPT:
        return refusals.refused("the object is kept by a hold or a retention policy", "file")
    if code == 403:
        permission = _PERMISSION.search(words)
        return refusals.forbidden("bucket", bucket, f"do {permission[0]} in" if permission else doing)
    return refusals.refused(f"{code} {reason} {words}")


def _of_the_line(error: object, where: str, field: str = "endpoint") -> AthanorError | None:
    if isinstance(error, requests.exceptions.InvalidJSONError | requests.TooManyRedirects):
        return stranger(field)
    if isinstance(error, Exception) and is_baffled(error):
        return stranger(field)
    if not isinstance(error, requests.RequestException | urllib3.exceptions.HTTPError):
        return None
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return refusals.refused(f"the certificate of {_host(where)} is not valid", field)
    if isinstance(error, ValueError):
        # A URL or a header that cannot be sent.
        return refusals.refused("it cannot be asked like that", field)
    broke_off = any(isinstance(cause, urllib3.exceptions.ProtocolError) for cause in causes)
    return refusals.unreachable(_host(where), broke_off=broke_off)


def _told(error: GoogleAPICallError) -> tuple[str, str]:
    """Return the reason Google gives and its words."""
    found: Any = list(error.errors)
    if not found and error.response is not None:
        try:
            found = error.response.json()["error"]["errors"]
        except (ValueError, LookupError, TypeError):
            found = []
    first = found[0] if found and isinstance(found[0], dict) else {}
    return f"{first.get('reason', '')}", f"{first.get('message', '')}"


def _causes(error: object) -> Iterator[object]:
    left, seen = [error], set()
    while left:
        each = left.pop()
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            left += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]


def _host(url: str) -> str:
    return urlsplit(url).hostname or url
