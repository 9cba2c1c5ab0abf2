"""HTTP to an OpenStack: no proxy, redirect or setting of this machine's, and answers of a bounded size.

It is imported where it is used, since it brings the SDK along.
"""

from __future__ import annotations

import io
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from swiftclient.client import HTTPConnection

from jobs.contract import outbound
from jobs.contract.errors import StorageUnreachable
from jobs.contract.urls import Url

from . import refusals
from .door import CONNECT_SECONDS, IDLE_SECONDS

PIECE = 256 * 1024
MOST_ANSWER = 8 * 1024**2
"""Bytes of an answer that is no file; whatever follows is not read."""
BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError)
"""What the libraries raise when a connection fails."""


class Line(HTTPConnection):  # type: ignore[misc]
    """A connection of the SDK's, for one request at a time."""

    def __init__(self, url: str) -> None:
        super().__init__(url, default_user_agent="Athanor")
        steady(self.request_session)
        self.requests_args["allow_redirects"] = False

    def request(
        self, method: str, full_path: str, data: Any = None, headers: Any = None, files: Any = None
    ) -> Any:
        """Send a request; names such as ``..`` in its path are sent as they are."""
        path, mark, query = full_path.partition("?")
        dots = {".": "%2E", "..": "%2E%2E"}
        path = "/".join(dots.get(each, each) for each in path.split("/"))
        return super().request(method, f"{path}{mark}{query}", data, headers, files)

    def getresponse(self) -> Any:
        """Return the response. It is not unpacked, and reading it without a size ends somewhere."""
        response = super().getresponse()
        response.headers.pop("Content-Encoding", None)
        read = response.read
        response.read = lambda size=MOST_ANSWER: read(size)
        return response


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, blocksize=PIECE, **more)

    def send(self, request: Any, stream: bool = False, *_args: Any, **_more: Any) -> requests.Response:
        response = super().send(
            request, stream=True, timeout=(CONNECT_SECONDS, IDLE_SECONDS), verify=_authorities()
        )
        if not stream:
            start = response.raw.read(MOST_ANSWER, decode_content=True)
            response.close()
            response.raw = io.BytesIO(start)
        return response


def steady(session: requests.Session) -> requests.Session:
    """Return a session that knows nothing of this machine's proxies, passwords and settings any more."""
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


def resolve(url: Url) -> None:
    """Return if we may connect to where a URL leads.

    :raises AddressRefused: when we may not.
    :raises StorageUnreachable: when nobody knows where that is.
    """
    try:
        outbound.resolve(url.host, url.port)
    except OSError as error:
        raise refusals.unreachable(url.host) from error


@contextmanager
def unbroken(host: str) -> Iterator[None]:
    """Turn what breaks connections into ours."""
    try:
        yield
    except BROKEN as error:
        raise broken(error, host) from error


def broken(error: BaseException, host: str) -> Exception:
    """Return the failure of ours that a failed connection is."""
    if refusal := outbound.refusal_of(error):
        return refusal
    if "CERTIFICATE_VERIFY_FAILED" in f"{error}":
        return refusals.refused(f"the certificate of {host} is not valid", "auth_url")
    never = requests.ConnectTimeout, urllib3.exceptions.NewConnectionError
    return refusals.unreachable(host, broke_off=not isinstance(error, never))


def is_temporary(status: int) -> bool:
    """Tell whether a status means that the same request may succeed later."""
    return status >= 500 or status in {408, 425, 429, 498, 499}


def busy(host: str, status: int) -> StorageUnreachable:
    """Return that a storage answered that it cannot answer now."""
    return StorageUnreachable(f"The storage at {host} answered {status}.")


def _authorities() -> str | bool:
    # The system's certificates, so that an operator can add a private authority.
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or True
