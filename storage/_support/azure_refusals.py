"""What Azure's error codes mean to a customer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.contract.errors import AthanorError

from . import refusals

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError

_CREDENTIALS = {
    *("AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation"),
    "KeyBasedAuthenticationNotPermitted",
}
_CONTAINER = {"ContainerNotFound", "ResourceNotFound"}
_BLOB = {
    "BlobArchived": "the blob is archived and has to be brought back (rehydrated) before it can be read",
    "BlobBeingRehydrated": "the blob is still being brought back from the archive",
    "InvalidBlobType": "there is a page or append blob of this name, which cannot be replaced by blocks",
    "LeaseIdMissing": "somebody holds a lease on the blob",
}
_ALTERED = {"ConditionNotMet", "TargetConditionNotMet", "InvalidBlockList", "Md5Mismatch", "InvalidRange"}
_LATER = {408, 429}


@dataclass(frozen=True)
class Answer:
    """What a failure tells."""

    status: int = 0
    """The HTTP status; 0 when there was no answer."""
    code: str = ""
    broke_off: bool = False
    """Whether what went wrong came after the request was under way."""
    is_untrusted: bool = False
    """Whether its certificate was not valid."""


def answer(error: AzureError) -> Answer:
    """Read a failure of the library's."""
    from azure.core.exceptions import ServiceRequestError

    response = getattr(error, "response", None)
    if response is None:
        is_untrusted = "CERTIFICATE_VERIFY_FAILED" in f"{error}"
        return Answer(broke_off=not isinstance(error, ServiceRequestError), is_untrusted=is_untrusted)
    told = getattr(error, "error_code", None) or response.headers.get("x-ms-error-code") or ""
    code = f"{getattr(told, 'value', told)}"
    # Somebody else's words may be anything.
    return Answer(status=response.status_code, code=code if re.fullmatch(r"\w{1,100}", code) else "")


def refusal(
    answer: Answer, *, doing: str, key: str, host: str, container: str, fields: tuple[str, ...]
) -> AthanorError:
    """Return our failure for an answer of the service.

    :param doing: what was asked for, such as ``read``.
    :param key: the blob, if it was about one.
    :param fields: the options that the credentials stand in.
    """
    status, code = answer.status, answer.code
    if passing := _passing(answer, key, host):
        return passing
    if code in _CREDENTIALS or status == 401:
        return refusals.credentials(*fields)
    if code == "AuthorizationFailure":
        # Azure says this to those whom its firewall keeps out, emulators to those with a wrong key.
        words = f"these credentials may not {doing} anything there, or its firewall keeps this service out"
        return refusals.refused(words, *fields, "container")
    if status == 403:
        return refusals.forbidden("container", container, doing)
    if code in _BLOB:
        return refusals.refused(_BLOB[code], "blob")
    return _about_names(answer, key, container, doing)


def _passing(answer: Answer, key: str, host: str) -> AthanorError | None:
    """Return the failure if it is worth another try."""
    if answer.code in _ALTERED or answer.status == 416 or (answer.status == 412 and answer.code not in _BLOB):
        return refusals.altered(key)
    if answer.status >= 500 or answer.status in _LATER:
        return refusals.unreachable(host)
    return None


def _about_names(answer: Answer, key: str, container: str, doing: str) -> AthanorError:
    if answer.status == 404:
        is_container = answer.code in _CONTAINER or not key or doing != "read"
        return refusals.missing("container", container) if is_container else refusals.missing("blob", key)
    field = "blob" if key and answer.code != "ContainerBeingDeleted" else "container"
    return refusals.refused(answer.code or f"it answered {answer.status}", field)
