"""GET over HTTP: redirects we decide on ourselves, and answers told apart by what helps the customer."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from jobs.contract.errors import DownloadFailed, DownloadUnreachable
from jobs.contract.urls import InvalidURL, Url

from .door import TIMEOUTS, Transport
from .inflate import inflated
from .limits import Watch

MAX_REDIRECTS = 5
MAX_HEADER_LINES = 100
MAX_HEADER_BYTES = 64 * 1024
_REDIRECTS = {301, 302, 303, 307, 308}
_LATER = {408, 425, 429}


@dataclass(frozen=True)
class Answer:
    """A server's positive answer, its body still to be read."""

    url: Url
    """Where it came from in the end."""
    response: httpx.Response

    def header(self, name: str) -> str:
        """Return a header's text, or an empty string. Servers send UTF-8 where only ASCII is allowed."""
        wanted = name.lower().encode()
        for key, value in self.response.headers.raw:
            if key.lower() == wanted:
                try:
                    return value.decode()
                except UnicodeDecodeError:
                    return value.decode("latin-1")
        return ""

    @property
    def length(self) -> int | None:
        """How many bytes it says are coming."""
        text = self.header("Content-Length")
        return int(text) if text.isascii() and text.isdigit() else None

    @property
    def received(self) -> int:
        """How many bytes have come."""
        return self.response.num_bytes_downloaded

    def chunks(self, *, keep_packed: bool) -> Iterator[bytes]:
        """Yield the body in small pieces.

        :param keep_packed: leave it packed, for the file itself is one that is packed that way.
        :raises DownloadFailed: when it is packed in a way we did not ask for and cannot read.
        """
        packed = self.header("Content-Encoding").strip().lower()
        if packed in {"", "identity"} or (keep_packed and packed in {"gzip", "x-gzip"}):
            return self.response.iter_raw()
        return inflated(self.response.iter_raw(), packed)


@contextmanager
def get(url: Url, headers: Mapping[str, str], watch: Watch) -> Iterator[Answer]:
    """Ask for a URL and yield the answer, while its connection is open.

    The customer's headers go to the origin of this URL only, never where it redirects to elsewhere.

    :raises AddressRefused: when it is, or redirects to, an address we do not connect to.
    :raises DownloadFailed: when the server refuses or sends what cannot be right.
    :raises DownloadUnreachable: when it does not answer or breaks off.
    """
    first = url
    with _sentences(first), Transport(watch) as transport:
        for _ in range(MAX_REDIRECTS + 1):
            with closing(transport.handle_request(_request(url, headers))) as response:
                _refuse_long(response.headers.raw)
                if response.status_code not in _REDIRECTS or "Location" not in response.headers:
                    _refuse(response.status_code)
                    yield Answer(url, response)
                    return
                target = _follow(url, response)
            if target.origin != url.origin:
                headers = {}
            url = target
    raise DownloadFailed(f"The server redirected more than {MAX_REDIRECTS} times.")


def _request(url: Url, headers: Mapping[str, str]) -> httpx.Request:
    sent = {"user-agent": "Athanor", "accept": "*/*"}
    sent |= {name.lower(): value for name, value in headers.items()}
    sent |= {"accept-encoding": "identity", "connection": "close"}
    encoded = [(name.encode(), value.encode()) for name, value in sent.items()]
    return httpx.Request("GET", f"{url}", headers=encoded, extensions={"timeout": TIMEOUTS})


def _follow(url: Url, response: httpx.Response) -> Url:
    try:
        return url.join(Answer(url, response).header("Location"))
    except (InvalidURL, ValueError) as error:
        raise DownloadFailed("The server redirected to something that is no http or https URL.") from error


def _refuse_long(headers: Sequence[tuple[bytes, bytes]]) -> None:
    # The library stops reading soon after; this is the same number everywhere.
    size = sum(len(name) + len(value) for name, value in headers)
    if len(headers) > MAX_HEADER_LINES or size > MAX_HEADER_BYTES:
        raise DownloadFailed("The server sent more headers than a file needs.")


def _refuse(status: int) -> None:
    if 200 <= status < 300:
        return
    phrase = next((f" {known.phrase}" for known in HTTPStatus if known == status), "")
    text = f"The server answered {status}{phrase}."
    raise DownloadUnreachable(text) if status >= 500 or status in _LATER else DownloadFailed(text)


@contextmanager
def _sentences(url: Url) -> Iterator[None]:
    """Turn the library's failures into ours. Only the host the customer named is named."""
    host = url.host
    try:
        yield
    except httpx.TimeoutException as error:
        raise DownloadUnreachable(f"The server {host} did not answer in time.") from error
    except httpx.ConnectError as error:
        causes = tuple(type(cause) for cause in _causes(error))
        if any(issubclass(cause, ssl.SSLCertVerificationError) for cause in causes):
            raise DownloadFailed(f"The certificate of {host} is not valid.") from error
        if any(issubclass(cause, socket.gaierror | UnicodeError) for cause in causes):
            raise DownloadUnreachable(f"The host {host} could not be found.") from error
        raise DownloadUnreachable(f"The server {host} could not be reached.") from error
    except httpx.LocalProtocolError as error:
        raise DownloadFailed("The request could not be sent; check the headers.") from error
    except httpx.RemoteProtocolError as error:
        raise DownloadUnreachable(f"The server {host} broke off or does not speak HTTP.") from error
    except httpx.TransportError as error:
        raise DownloadUnreachable(f"The connection to {host} broke off.") from error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__
