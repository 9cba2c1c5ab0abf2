"""What the browser says when it cannot, in sentences for the customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines._support.child import Refused

UNREACHABLE = {
    "ERR_CONNECTION_REFUSED": "The server at this address refused the connection.",
    "ERR_CONNECTION_RESET": "The server at this address broke off the connection.",
    "ERR_CONNECTION_CLOSED": "The server at this address broke off the connection.",
    "ERR_EMPTY_RESPONSE": "The server at this address closed the connection without an answer.",
    "ERR_CONNECTION_TIMED_OUT": "The server at this address did not answer in time.",
    "ERR_TIMED_OUT": "The server at this address did not answer in time.",
    "ERR_ADDRESS_UNREACHABLE": "The server at this address cannot be reached.",
    "ERR_INTERNET_DISCONNECTED": "This service has no connection to the internet.",
}
"""What may be over in a while."""
FORBIDDEN = "ERR_NETWORK_ACCESS_DENIED"
"""The worker's name for an address that the outbound rule refuses."""
REFUSALS = {
    "ERR_NAME_NOT_RESOLVED": "The host of this address was not found.",
    "ERR_NAME_RESOLUTION_FAILED": "The host of this address was not found.",
    "ERR_TOO_MANY_REDIRECTS": "The address redirects too often.",
    "ERR_UNSAFE_REDIRECT": "The address redirects to one that may not be opened.",
    "ERR_BLOCKED_BY_CLIENT": "The address, or one it redirects to, may not be opened.",
    "ERR_UNSAFE_PORT": "The port of this address may not be opened.",
    "ERR_HTTP_RESPONSE_CODE_FAILURE": "The server answered with an error and no page.",
    "ERR_INVALID_RESPONSE": "The server's answer could not be read.",
    "ERR_INVALID_HTTP_RESPONSE": "The server's answer could not be read.",
    "ERR_ABORTED": "The address has no page: it answers with nothing, or with a file to download.",
}


def unopened(problem: str, url: str) -> Refused:
    """Return the refusal for an address that gave no page, by the browser's name of the problem."""
    name = problem.removeprefix("net::")
    if url.startswith("file:"):
        return Refused("OpenFailed")
    if name == FORBIDDEN:
        return Refused("AddressRefused")
    if name in UNREACHABLE:
        return Refused("DownloadUnreachable", UNREACHABLE[name])
    if "CERT" in name or "SSL" in name:
        return Refused("DownloadFailed", "The server's TLS certificate is not valid for this address.")
    return Refused("DownloadFailed", REFUSALS.get(name, "The address could not be opened."))


def unprinted(words: str) -> Refused:
    """Return the refusal for a page that the browser would not print."""
    if "page range" in words.lower():
        return Refused("ConversionFailed", "The pages option asks for pages that the document does not have.")
    if "invalid print parameters" in words:
        return Refused("ConversionFailed", "The margins leave no room for the page's content.")
    return Refused("ConversionFailed")


def unsuitable(frame: Mapping[str, Any]) -> Refused | None:
    """Return the refusal for what a page has become, by the browser's record of its frame, or None."""
    if frame.get("unreachableUrl"):
        return Refused("ConversionFailed", "The page went on to an address that could not be opened.")
    if frame.get("mimeType") == "application/pdf":
        return Refused("DownloadFailed", "The address holds a PDF, not a page. Import it with import/url.")
    return None
